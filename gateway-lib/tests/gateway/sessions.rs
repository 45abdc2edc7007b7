//! Sessions over time: superseded, silent, returned, ended.

use crate::{
    device::{TestDevice, metrics},
    scene::{Scene, until},
};
use drydock_gateway::{DeviceState, PeerLabel, clock::ManualClock};
use drydock_protocol::{
    envelope::Kind,
    limits::HEARTBEAT_TIMEOUT_MS,
    types::{FaultRecord, ResetReason},
};
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn a_newer_session_supersedes_and_the_old_ones_end_touches_nothing() {
    let scene = Scene::new().await;
    let (board, id) = scene.enrolled("bench-1", 1).await;
    let twin = TestDevice {
        key: rcgen::KeyPair::try_from(board.key.serialize_der()).unwrap(),
        identity: board.identity.clone(),
        store: board.store.clone(),
        ..TestDevice::new(1)
    };
    let old = board.run(&scene.gateway, PeerLabel::new("first cable")).await;
    let new = twin.run(&scene.gateway, PeerLabel::new("second cable")).await;
    assert!(new.welcome.session_id > old.welcome.session_id);
    old.ended().await;
    // The old session's end may already be recorded or not: in both cases the new one stays.
    for sequence in 1..4 {
        new.metrics(sequence).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        let view = scene.view(&id);
        assert_eq!(view.state, DeviceState::Connected);
        assert_eq!(view.session_id, Some(new.welcome.session_id));
        assert_eq!(view.peer.as_deref(), Some("second cable"));
    }
    new.unplug().await;
    scene.until_state(&id, DeviceState::Disconnected).await;
}

#[tokio::test]
async fn a_missed_heartbeat_is_seen_and_so_is_the_return() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    scene.clock.advance(u64::from(HEARTBEAT_TIMEOUT_MS));
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(scene.view(&id).state, DeviceState::Connected);
    scene.clock.advance(1);
    scene.until_state(&id, DeviceState::Unreachable).await;
    assert_eq!(scene.view(&id).heard_ms_ago, Some(u64::from(HEARTBEAT_TIMEOUT_MS) + 1));
    board.metrics(1).await;
    scene.until_state(&id, DeviceState::Connected).await;
    assert_eq!(scene.view(&id).heard_ms_ago, Some(0));

    // Still silent: the connection is closed, and the device stays unreachable.
    scene.clock.advance(30_001);
    board.ended().await;
    until(&scene.gateway, || scene.view(&id).session_id.is_none()).await;
    scene.until_state(&id, DeviceState::Unreachable).await;
}

#[tokio::test]
async fn a_paused_machine_is_measured_on_its_own_clock() {
    let scene = Scene::new().await;
    let (board, id) = scene.enrolled("bench-1", 1).await;
    let machine = Arc::new(ManualClock::new(0));
    let peer = PeerLabel::new("emulated bench-1").with_clock(machine.clone());
    let board = board.run(&scene.gateway, peer).await;
    scene.clock.advance(1_000_000);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(scene.view(&id).state, DeviceState::Connected);
    machine.advance(u64::from(HEARTBEAT_TIMEOUT_MS) + 1);
    scene.until_state(&id, DeviceState::Unreachable).await;
    board.unplug().await;
    scene.until_state(&id, DeviceState::Disconnected).await;
}

#[tokio::test]
async fn a_fault_record_is_kept() {
    let scene = Scene::new().await;
    let (board, id) = scene.enrolled("bench-1", 1).await;
    let mut hello = board.hello();
    hello.reset_reason = ResetReason::HardFault;
    hello.fault = Some(FaultRecord {
        reason: ResetReason::HardFault,
        pc: 0x1_2345,
        lr: 0,
        status: 0x8200,
        address: 0x4000_0000,
        message: String::new(),
    });
    let mut tls = board.open(&scene.gateway, PeerLabel::new("cable")).await.unwrap();
    let hello = drydock_protocol::envelope::encode(Kind::Hello, 0, &hello).unwrap();
    crate::device::write(&mut tls, &hello).await;
    scene.until_state(&id, DeviceState::Connected).await;
    let fault = scene.view(&id).last_fault.unwrap();
    assert_eq!((fault.pc, fault.status, fault.address), (0x1_2345, 0x8200, 0x4000_0000));
    drop(tls);
    scene.until_state(&id, DeviceState::Disconnected).await;
    // Reported once, kept.
    let board = board.run(&scene.gateway, PeerLabel::new("cable")).await;
    assert_eq!(scene.view(&id).last_fault.unwrap().pc, 0x1_2345);
    drop(board);
}

#[tokio::test]
async fn sessions_run_over_tcp_too() {
    let scene = Scene::new().await;
    let (board, id) = scene.enrolled("bench-1", 1).await;
    let address = scene.gateway.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    assert_eq!(scene.gateway.info().listening, [address]);
    let taken = scene.gateway.listen(address).await;
    assert!(taken.unwrap_err().to_string().contains("in use by another program"));
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(board.client_config()));
    let name = board.identity.as_ref().unwrap().gateway_name.clone();
    let mut tls = connector.connect(name.try_into().unwrap(), stream).await.unwrap();
    let hello = drydock_protocol::envelope::encode(Kind::Hello, 0, &board.hello()).unwrap();
    let framed = drydock_protocol::framing::framed(&hello).unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut tls, &framed).await.unwrap();
    scene.until_state(&id, DeviceState::Connected).await;
}

#[tokio::test]
async fn a_slow_reader_of_a_stream_is_told_what_it_missed() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let mut live = scene.gateway.follow_metrics(&id);
    for sequence in 0..1_100 {
        board.say(Kind::Metrics, &metrics(sequence)).await;
    }
    until(&scene.gateway, || {
        scene
            .gateway
            .latest_metrics(&id)
            .is_some_and(|sample| sample.sequence == 1_099)
    })
    .await;
    let mut items = 0;
    let mut dropped = 0;
    while items + dropped < 1_100 {
        match live.next().await.unwrap() {
            drydock_gateway::StreamItem::Item(_) => items += 1,
            drydock_gateway::StreamItem::Dropped(count) => dropped += count,
        }
    }
    assert_eq!(dropped, 1_100 - 128);
    let page = scene.gateway.metrics(&id, 0);
    assert_eq!(
        (page.dropped, page.items.len() as u64 + page.dropped, page.next),
        (200, 1_100, 1_100)
    );
}
