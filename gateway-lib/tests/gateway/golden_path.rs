//! The main job: pair, enroll, connect, deploy, run, watch.

use crate::{
    device::metrics,
    scene::{Scene, blink, events, until},
};
use drydock_gateway::{
    AppState, DeviceChange, DeviceState, EventKind, LogLevel, StreamItem, TargetStatus, UploadOptions,
};

#[tokio::test]
async fn from_pairing_to_live_metrics() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let (board, id) = scene.connected("bench-1", 1).await;
    let view = scene.view(&id);
    assert_eq!((view.state, view.name.as_str()), (DeviceState::Connected, "bench-1"));
    assert_eq!(view.session_id, Some(board.welcome.session_id));
    assert_eq!(view.chip_id, "0101010101010101");

    let mut transfers = gateway.follow_transfers();
    let options = UploadOptions {
        targets: vec!["nano33ble".into()],
        ..UploadOptions::default()
    };
    let package = gateway.upload(&blink("1.2.3", 16 * 1024), options).await.unwrap();
    assert_eq!(
        (package.app.as_str(), package.version.as_str(), package.sequence),
        ("blink", "1.2.3", 1)
    );
    assert_eq!(package.capabilities, ["log", "metrics", "timer", "gpio:13,24"]);
    let deployment = gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    until(gateway, || {
        scene.view(&id).apps.iter().any(|app| app.state == AppState::Running)
    })
    .await;
    until(gateway, || {
        gateway.deployment(deployment.id).unwrap().targets[0].status == TargetStatus::Done
    })
    .await;
    let Some(StreamItem::Item(first)) = transfers.next().await else {
        panic!("the transfer moved");
    };
    assert_eq!((first.done_bytes, first.total_bytes), (0, package.size_bytes));
    assert_eq!(gateway.transfers(), []);

    let mut live = gateway.follow_metrics(&id);
    let mut lines = gateway.follow_logs(&id, Some("blink"));
    board.metrics(1).await;
    board.metrics(4).await;
    board.log(1, "hello").await;
    assert!(matches!(live.next().await, Some(StreamItem::Item(sample)) if sample.sequence == 0));
    let Some(StreamItem::Item(second)) = live.next().await else {
        panic!("the second sample comes");
    };
    assert_eq!((second.sequence, second.lost_before), (1, 2));
    assert_eq!(*second.metrics, metrics(4));
    let Some(StreamItem::Item(line)) = lines.next().await else {
        panic!("the line comes");
    };
    assert_eq!((line.text.as_str(), line.level), ("hello", LogLevel::Info));
    assert_eq!(gateway.logs(&id, None, 0).items, [line]);
    assert_eq!(gateway.metrics(&id, 1).items, [second]);

    gateway.stop_app(&id, "blink").await.unwrap();
    until(gateway, || scene.view(&id).apps[0].state == AppState::Stopped).await;
    gateway.start_app(&id, "blink").await.unwrap();
    until(gateway, || scene.view(&id).apps[0].state == AppState::Running).await;
    gateway.remove_app(&id, "blink").await.unwrap();
    until(gateway, || {
        scene.view(&id).apps.is_empty() && scene.view(&id).desired.is_empty()
    })
    .await;

    let board = board.unplug().await;
    assert_eq!(board.store.installed.len(), 0);
    scene.until_state(&id, DeviceState::Disconnected).await;
    let changes = events(gateway, 0).await.into_iter().filter_map(|kind| match kind {
        EventKind::DeviceChanged { change, .. } => Some(change),
        _ => None,
    });
    assert_eq!(
        changes.collect::<Vec<_>>(),
        [
            DeviceChange::Paired,
            DeviceChange::Enrolling,
            DeviceChange::Enrolled,
            DeviceChange::Connected,
            DeviceChange::Disconnected
        ]
    );
    assert!(gateway.verify_audit().await.unwrap() >= 6);
}
