//! Allowed and false reports of a device. False reports harm no other device.

use crate::scene::{Scene, blink, events, until};
use drydock_gateway::{AppState, EventKind, UploadOptions};

/// Reasons of doubtful reports, in order.
async fn doubts(scene: &Scene) -> Vec<String> {
    let events = events(&scene.gateway, 0).await.into_iter();
    let reasons = events.filter_map(|event| match event {
        EventKind::ReportDoubted { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

#[tokio::test]
async fn an_absurd_sequence_is_recorded_and_never_followed() {
    let scene = Scene::new().await;
    let (liar, liar_id) = scene.connected("liar", 1).await;
    let (board, id) = scene.connected("bench-1", 2).await;
    for sequence in [u64::MAX, u64::MAX - 1, 1_001] {
        liar.report("blink", sequence).await;
    }
    until(&scene.gateway, || {
        scene.view(&liar_id).apps.iter().any(|app| app.sequence == 1_001)
    })
    .await;
    let reasons = doubts(&scene).await;
    assert_eq!(
        reasons.first().map(String::as_str),
        Some("it reported sequence 18446744073709551615 of blink, which was never signed here")
    );
    assert_eq!(reasons.len(), 3);
    let audit = scene.gateway.audit(1, 100).await.unwrap();
    let doubted = audit.iter().filter(|entry| entry.action == "report.doubted");
    assert_eq!(doubted.filter(|entry| entry.subject == liar_id.0).count(), 3);

    let package = scene
        .gateway
        .upload(&blink("1.0.0", 1_000), UploadOptions::default())
        .await
        .unwrap();
    assert_eq!(package.sequence, 1);
    scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    until(&scene.gateway, || {
        scene.view(&id).apps.iter().any(|app| app.state == AppState::Running)
    })
    .await;
    assert_eq!(board.unplug().await.store.high_water["blink"], 1);
}

#[tokio::test]
async fn a_store_that_lags_behind_its_boards_signs_above_them_until_they_retire() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    board.report("blink", 7).await;
    until(&scene.gateway, || !scene.view(&id).apps.is_empty()).await;
    assert_eq!(doubts(&scene).await, Vec::<String>::new());
    let package = scene
        .gateway
        .upload(&blink("1.0.0", 1_000), UploadOptions::default())
        .await
        .unwrap();
    assert_eq!(package.sequence, 8);

    board.report("counter", 50).await;
    until(&scene.gateway, || scene.view(&id).apps.len() == 2).await;
    scene.gateway.retire_device(&id).await.unwrap();
    let options = UploadOptions {
        name: Some("counter".into()),
        ..UploadOptions::default()
    };
    let package = scene
        .gateway
        .upload(br#"(module (func (export "init")))"#, options)
        .await
        .unwrap();
    assert_eq!(package.sequence, 1);
}

#[tokio::test]
async fn a_device_reports_so_many_apps_and_no_more() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let names = ["", "../x", "Blink", "a b", "\u{1b}[2J"].map(str::to_owned);
    let long = "x".repeat(40);
    let many = (0..60).map(|number| format!("app-{number}"));
    for name in names.into_iter().chain([long]).chain(many) {
        board.report(&name, 1).await;
    }
    // The metrics arrive last: all reports before them were handled.
    board.metrics(1).await;
    until(&scene.gateway, || scene.gateway.latest_metrics(&id).is_some()).await;
    let apps = scene.view(&id).apps;
    assert_eq!(apps.len(), 32);
    assert!(apps.iter().all(|app| app.app.starts_with("app-")));
    let reasons = doubts(&scene).await;
    assert_eq!(
        reasons.len(),
        8,
        "the first of a session are recorded, no more: {reasons:?}"
    );
    assert_eq!(reasons[1], "it reported an app called \"../x\", which is no name");
    assert_eq!(reasons[7], "it reported more than 32 apps");
}
