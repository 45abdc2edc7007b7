//! What is asked of a board while it is being switched on.

use super::*;
use crate::api::{
    Badge, BoardAdd, BoardPower, BoardRef, GdbOpen, GdbState, Pace, PowerAction, ProfileStart, SnapshotTake,
};
use std::pin::{Pin, pin};

/// What comes at once, if anything does.
async fn at_once<T>(mut what: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    tokio::select! {
        biased;
        done = &mut what => Some(done),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_is_being_switched_on_is_waited_for() {
    if let Err(missing) = drydock_assets::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let config = WorkbenchConfig {
        data: DataDir::Temporary,
        ..WorkbenchConfig::default()
    };
    let workbench = Workbench::open(config).await.unwrap();
    // Others take all places, so that the board has to wait for its turn.
    let gate = &workbench.bench.gate;
    let mut others = Vec::new();
    loop {
        let other = format!("b-{}", others.len());
        if at_once(pin!(gate.enter(&other))).await.is_none() {
            break;
        }
        others.push(other);
    }
    let add = BoardAdd {
        kind: "nano33ble".into(),
        name: None,
        engine: None,
        pace: Pace::Max,
        seed: Some("2a".into()),
        link_noise: None,
    };
    workbench.call(Request::BoardAdd(add)).await.unwrap();
    let board = || "bench-1".to_owned();
    let shown = async || match workbench.call(Request::BoardGet(BoardRef { board: board() })).await {
        Ok(Response::BoardGet(view)) => (view.badge, view.badge_detail),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown().await, (Badge::Connecting, "being switched on".into()));
    let mut requests = [
        Request::ProfileStart(ProfileStart {
            board: board(),
            for_s: None,
            restart: false,
        }),
        Request::GdbOpen(GdbOpen {
            board: board(),
            port: None,
        }),
        Request::SnapshotTake(SnapshotTake {
            board: board(),
            name: None,
        }),
        Request::MonitorView(BoardRef { board: board() }),
        Request::BoardPower(BoardPower {
            board: board(),
            action: PowerAction::Reset,
        }),
    ]
    .map(|request| Box::pin(workbench.call(request)));
    for request in &mut requests {
        let refused = at_once(request.as_mut()).await;
        assert!(refused.is_none(), "{refused:?}");
    }
    for other in &others {
        gate.leave(other);
    }
    for request in requests {
        let answer = request.await.unwrap();
        if let Response::GdbOpen(view) = answer {
            assert_eq!(view.state, GdbState::Waiting);
        }
    }

    // One that is off on purpose is not waited for.
    let off = BoardPower {
        board: board(),
        action: PowerAction::Off,
    };
    workbench.call(Request::BoardPower(off)).await.unwrap();
    assert_eq!(shown().await, (Badge::Off, "switched off".into()));
    let take = SnapshotTake {
        board: board(),
        name: None,
    };
    let refused = at_once(pin!(workbench.call(Request::SnapshotTake(take)))).await;
    let refused = refused.expect("at once").unwrap_err();
    assert_eq!(refused.message, "bench-1 is switched off; switch it on first.");
    workbench.shutdown().await;
}
