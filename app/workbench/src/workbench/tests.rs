//! The workbench in one process: boards that are being switched on, and pairing.

use super::*;
use crate::api::{
    Badge, BoardAdd, BoardPower, BoardRef, EventName, GdbOpen, GdbState, Pace, PairingSet, PowerAction, ProfileStart,
    SnapshotTake, Update,
};
use crate::{pairing, system_info::system_info};
use std::{
    pin::{Pin, pin},
    time::Duration,
};

/// The result that is ready at once, if any.
async fn at_once<T>(mut what: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    tokio::select! {
        biased;
        done = &mut what => Some(done),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_is_being_switched_on_is_waited_for() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let config = WorkbenchConfig {
        data: DataDir::Temporary,
        ..WorkbenchConfig::default()
    };
    let workbench = Workbench::open(config).await.unwrap();
    // Other boards hold all permits, so that this board has to wait for its turn.
    let limiter = &workbench.workbench.startup;
    let mut others = Vec::new();
    loop {
        let other = format!("b-{}", others.len());
        if at_once(pin!(limiter.acquire(&other))).await.is_none() {
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
        kind_file: None,
        firmware: None,
        parts: Vec::new(),
        part_values: None,
        record: None,
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
            kind: None,
            elf: None,
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
        limiter.release(other);
    }
    for request in requests {
        let answer = request.await.unwrap();
        if let Response::GdbOpen(view) = answer {
            assert_eq!(view.state, GdbState::Waiting);
        }
    }

    // A board that is off on purpose is not waited for.
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

#[tokio::test(flavor = "multi_thread")]
async fn pairing_is_on_only_while_one_is_under_way() {
    let place = tempfile::tempdir().unwrap();
    let open = async || {
        let config = WorkbenchConfig {
            data: DataDir::At(place.path().to_owned()),
            ..WorkbenchConfig::default()
        };
        Workbench::open(config).await.unwrap()
    };
    let is_on = |workbench: &Workbench| system_info(&workbench.workbench).pairing;
    let minute = Duration::from_secs(60);
    let stranger = async |workbench: &Workbench| {
        let made = workbench.workbench.gateway.create_pairing(minute, None, None).await;
        made.is_ok()
    };
    let switch = async |workbench: &Workbench, enabled| {
        let switched = workbench.call(Request::PairingSet(PairingSet { enabled })).await;
        assert!(switched.is_ok(), "{switched:?}");
    };

    let workbench = open().await;
    assert!(!is_on(&workbench), "off in a fresh data directory");
    assert!(!stranger(&workbench).await);
    switch(&workbench, true).await;
    assert!(is_on(&workbench) && stranger(&workbench).await);
    switch(&workbench, false).await;
    assert!(!is_on(&workbench) && !stranger(&workbench).await);

    // A pairing that is not ended by hand ends by itself.
    let mut updates = workbench.subscribe();
    pairing::set_for(&workbench.workbench, Some(Duration::from_millis(1)))
        .await
        .unwrap();
    loop {
        let update = updates.next().await.expect("the workbench lives");
        if matches!(update, Update::Event(event) if event.event == EventName::GatewayPairing && event.data["pairing"] == "off")
        {
            break;
        }
    }
    assert!(!is_on(&workbench));

    // A start ends it too.
    switch(&workbench, true).await;
    workbench.shutdown().await;
    let workbench = open().await;
    assert!(!is_on(&workbench) && !stranger(&workbench).await);
    workbench.shutdown().await;
}
