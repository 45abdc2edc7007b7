//! Deployments: refused, cancelled, interrupted, rolled back, and the device's state afterwards.

use crate::{
    device::{Running, TestDevice},
    scene::{Scene, blink, copy_store, events, minute, until},
};
use drydock_gateway::{
    AppState, DeployError, Deployment, DeploymentTarget, DeviceId, DeviceState, EventKind, Gateway, GatewayConfig,
    PackageView, PeerLabel, TargetStatus, UploadOptions,
};
use drydock_protocol::{
    device_to_gateway::{AppReport, Refusal, RefusalCode},
    types::{Failure, FailureKind, Version},
};

async fn upload(scene: &Scene, version: &str) -> PackageView {
    scene
        .gateway
        .upload(&blink(version, 8_000), UploadOptions::default())
        .await
        .unwrap()
}

fn target(gateway: &Gateway, deployment: &Deployment) -> DeploymentTarget {
    gateway.deployment(deployment.id).unwrap().targets[0].clone()
}

async fn until_status(gateway: &Gateway, deployment: &Deployment, status: TargetStatus) {
    until(gateway, || target(gateway, deployment).status == status).await;
}

async fn until_runs(scene: &Scene, id: &DeviceId, version: &str) {
    let runs = || {
        scene
            .view(id)
            .apps
            .iter()
            .any(|app| app.state == AppState::Running && app.version == version)
    };
    until(&scene.gateway, runs).await;
}

async fn connected_with(scene: &Scene, change: impl FnOnce(&mut TestDevice)) -> (Running, DeviceId) {
    let (mut device, id) = scene.enrolled("bench-1", 1).await;
    change(&mut device);
    (device.run(&scene.gateway, PeerLabel::new("cable")).await, id)
}

#[tokio::test]
async fn a_refused_version_leaves_the_one_before() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let first = upload(&scene, "1.0.0").await;
    let deployment = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &first.id, true)
        .await
        .unwrap();
    until_status(&scene.gateway, &deployment, TargetStatus::Done).await;
    let mut board = board.unplug().await;
    board.store.refuse = Some(Refusal::new(
        RefusalCode::NoMemory,
        "9000 bytes are free, 12000 are needed",
    ));
    let board = board.run(&scene.gateway, PeerLabel::new("cable")).await;
    let second = upload(&scene, "1.1.0").await;
    let deployment = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &second.id, true)
        .await
        .unwrap();
    until_status(&scene.gateway, &deployment, TargetStatus::Refused).await;
    let detail = target(&scene.gateway, &deployment).detail;
    assert_eq!(
        detail,
        "bench-1 refused blink: 9000 bytes are free, 12000 are needed; stop another app or link this one with less memory."
    );
    assert_eq!(scene.view(&id).desired[0].package.as_ref(), Some(&first.id));
    until_runs(&scene, &id, "1.0.0").await;
    drop(board);
}

#[tokio::test]
async fn a_refused_first_version_leaves_nothing() {
    let scene = Scene::new().await;
    let refusal = Refusal::new(RefusalCode::Capability, "this board does not offer gpio:13");
    let (board, id) = connected_with(&scene, |board| board.store.refuse = Some(refusal)).await;
    let package = upload(&scene, "1.0.0").await;
    let deployment = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    until_status(&scene.gateway, &deployment, TargetStatus::Refused).await;
    until(&scene.gateway, || scene.view(&id).desired.is_empty()).await;
    assert_eq!(board.unplug().await.store.installed.len(), 0);
}

#[tokio::test]
async fn a_module_changed_on_the_disk_is_not_sent() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let package = upload(&scene, "1.0.0").await;
    let path = scene.directory.path().join("modules").join(package.digest.to_string());
    let mut module = std::fs::read(&path).unwrap();
    *module.last_mut().unwrap() ^= 1;
    std::fs::write(&path, module).unwrap();
    let deployment = scene.gateway.deploy(&[id], &package.id, true).await.unwrap();
    until_status(&scene.gateway, &deployment, TargetStatus::Refused).await;
    assert!(
        target(&scene.gateway, &deployment)
            .detail
            .contains("was changed on the disk")
    );
    assert_eq!(board.unplug().await.store.installed.len(), 0);
}

#[tokio::test]
async fn a_package_of_another_publisher_is_refused_by_the_device() {
    let scene = Scene::new().await;
    let other = Scene::new().await.gateway.info().publisher_key;
    let (_board, id) = connected_with(&scene, |board| board.store.publisher_key = other).await;
    let package = upload(&scene, "1.0.0").await;
    let deployment = scene.gateway.deploy(&[id], &package.id, true).await.unwrap();
    until_status(&scene.gateway, &deployment, TargetStatus::Refused).await;
    assert!(target(&scene.gateway, &deployment).detail.contains("signature"));
}

#[tokio::test]
async fn a_failed_app_is_told_with_its_reason() {
    let scene = Scene::new().await;
    let end = AppReport {
        app: "blink".into(),
        version: Version::default(),
        sequence: 1,
        digest: [0; 32],
        state: drydock_protocol::types::AppState::Failed,
        failure: Some(Failure {
            kind: FailureKind::Trap,
            export: "tick".into(),
            detail: "unreachable".into(),
            exit_code: None,
        }),
        autostart: true,
        uptime_ms: 9,
    };
    let (_board, id) = connected_with(&scene, |board| board.store.start_ends_in = Some(end)).await;
    let package = upload(&scene, "1.0.0").await;
    let deployment = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    until_status(&scene.gateway, &deployment, TargetStatus::Done).await;
    assert_eq!(
        target(&scene.gateway, &deployment).detail,
        "blink 1.0.0 failed: unreachable"
    );
    let app = scene.view(&id).apps[0].clone();
    let failure = app.failure.unwrap();
    assert_eq!((failure.reason.as_str(), failure.export.as_str()), ("trap", "tick"));
    assert_eq!(scene.view(&id).state, DeviceState::Connected);
}

#[tokio::test]
async fn an_app_desired_offline_waits_for_the_board() {
    let scene = Scene::new().await;
    let (device, id) = scene.enrolled("bench-1", 1).await;
    let package = upload(&scene, "1.0.0").await;
    let deployment = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    let waiting = target(&scene.gateway, &deployment);
    assert_eq!(
        (waiting.status, waiting.detail.as_str()),
        (TargetStatus::Waiting, "waits for the board to connect")
    );
    let board = device.run(&scene.gateway, PeerLabel::new("cable")).await;
    until_runs(&scene, &id, "1.0.0").await;
    drop(board);
}

#[tokio::test]
async fn a_board_that_is_still_on_its_way_in_gets_it_when_it_comes() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let package = upload(&scene, "1.0.0").await;
    let pairing = gateway
        .create_pairing(minute(), None, Some("new".into()))
        .await
        .unwrap();
    let id = pairing.device.clone();
    let deployment = gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    let mut device = TestDevice::new(1);
    device.enroll(gateway, &pairing).await.unwrap();
    let board = device.run(gateway, PeerLabel::new("cable")).await;
    until_runs(&scene, &id, "1.0.0").await;
    until_status(gateway, &deployment, TargetStatus::Done).await;
    drop(board);

    // A device that never connects loses its desired state with its record.
    let never = gateway
        .create_pairing(minute(), None, Some("never".into()))
        .await
        .unwrap();
    let deployment = gateway
        .deploy(std::slice::from_ref(&never.device), &package.id, true)
        .await
        .unwrap();
    scene.clock.advance(60_001);
    until(gateway, || gateway.device(&never.device).is_none()).await;
    assert_eq!(target(gateway, &deployment).status, TargetStatus::Cancelled);
}

#[tokio::test]
async fn a_broken_transfer_begins_again_with_the_next_session() {
    let scene = Scene::new().await;
    let (board, id) = connected_with(&scene, |board| board.store.stall_after_chunks = Some(3)).await;
    let package = upload(&scene, "1.0.0").await;
    let deployment = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    until(&scene.gateway, || {
        scene
            .gateway
            .transfers()
            .iter()
            .any(|transfer| transfer.done_bytes >= 3 * 896)
    })
    .await;
    let mut board = board.unplug().await;
    until_status(&scene.gateway, &deployment, TargetStatus::Waiting).await;
    assert!(
        target(&scene.gateway, &deployment)
            .detail
            .contains("the connection ended on the way")
    );
    assert_eq!(scene.gateway.transfers(), []);
    board.store.stall_after_chunks = None;
    let board = board.run(&scene.gateway, PeerLabel::new("cable")).await;
    until_status(&scene.gateway, &deployment, TargetStatus::Done).await;
    drop(board);
}

#[tokio::test]
async fn a_gateway_that_dies_mid_deploy_resumes_and_says_so() {
    let scene = Scene::new().await;
    let (board, id) = connected_with(&scene, |board| board.store.stall_after_chunks = Some(3)).await;
    let package = upload(&scene, "1.0.0").await;
    let deployment = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    until_status(&scene.gateway, &deployment, TargetStatus::Transferring).await;
    // The disk now holds the state that a killed process would leave.
    let left = copy_store(scene.directory.path());
    let mut board = board.unplug().await;
    drop(scene.gateway);

    let config = GatewayConfig {
        clock: scene.clock.clone(),
        ..GatewayConfig::new(left.path())
    };
    let gateway = Gateway::open(config).await.unwrap();
    let said = gateway.info().recovered;
    assert!(
        said.iter()
            .any(|said| said == "bench-1 was connected when Drydock ended without closing"),
        "{said:?}"
    );
    let resumes = "blink was on its way to bench-1 when Drydock ended; it is sent again when the board returns";
    assert!(said.iter().any(|said| said == resumes), "{said:?}");
    assert_eq!(gateway.device(&id).unwrap().state, DeviceState::Disconnected);
    let told = events(&gateway, 0).await;
    assert!(
        told.iter()
            .any(|kind| matches!(kind, EventKind::GatewayOpened { recovered } if *recovered == said))
    );

    board.store.stall_after_chunks = None;
    let board = board.run(&gateway, PeerLabel::new("cable")).await;
    until_status(&gateway, &deployment, TargetStatus::Done).await;
    gateway.close().await;
    drop(board);
}

#[tokio::test]
async fn a_clean_end_has_nothing_to_say() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let package = upload(&scene, "1.0.0").await;
    let deployment = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    until_status(&scene.gateway, &deployment, TargetStatus::Done).await;
    let (config, before) = (scene.config(), scene.gateway.snapshot());
    scene.gateway.close().await;
    board.ended().await;
    let Scene { directory, gateway, .. } = scene;
    drop(gateway);
    let gateway = Gateway::open(config).await.unwrap();
    assert_eq!(gateway.info().recovered, Vec::<String>::new());
    let after = gateway.snapshot();
    assert_eq!(
        (after.packages, after.deployments),
        (before.packages, before.deployments)
    );
    let device = gateway.device(&id).unwrap();
    assert_eq!((device.state, device.apps.len()), (DeviceState::Disconnected, 1));
    assert!(after.revision > before.revision);
    drop(directory);
}

#[tokio::test]
async fn cancelling_stops_a_transfer_on_its_way() {
    let scene = Scene::new().await;
    let (board, id) = connected_with(&scene, |board| board.store.stall_after_chunks = Some(2)).await;
    let package = upload(&scene, "1.0.0").await;
    let deployment = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    until_status(&scene.gateway, &deployment, TargetStatus::Transferring).await;
    let cancelled = scene.gateway.cancel(deployment.id).await.unwrap();
    assert_eq!(cancelled.targets[0].status, TargetStatus::Cancelled);
    assert_eq!(scene.view(&id).desired, []);
    let board = board.unplug().await;
    assert_eq!(board.store.installed.len(), 0);
    let board = board.run(&scene.gateway, PeerLabel::new("cable")).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(board.unplug().await.store.installed.len(), 0);
}

#[tokio::test]
async fn a_later_deployment_supersedes_one_that_waits() {
    let scene = Scene::new().await;
    let (device, id) = scene.enrolled("bench-1", 1).await;
    let (first, second) = (upload(&scene, "1.0.0").await, upload(&scene, "1.1.0").await);
    let waiting = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &first.id, true)
        .await
        .unwrap();
    let later = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &second.id, true)
        .await
        .unwrap();
    assert_eq!(target(&scene.gateway, &waiting).status, TargetStatus::Superseded);
    let board = device.run(&scene.gateway, PeerLabel::new("cable")).await;
    until_status(&scene.gateway, &later, TargetStatus::Done).await;
    assert_eq!(board.unplug().await.store.high_water["blink"], 2);
}

#[tokio::test]
async fn a_rollback_signs_the_old_module_with_a_new_sequence() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let first = upload(&scene, "1.0.0").await;
    let second = scene
        .gateway
        .upload(&blink("1.1.0", 9_000), UploadOptions::default())
        .await
        .unwrap();
    for package in [&first, &second] {
        scene
            .gateway
            .deploy(std::slice::from_ref(&id), &package.id, true)
            .await
            .unwrap();
        until_runs(&scene, &id, &package.version).await;
    }
    let unknown = scene.gateway.rollback(&id, "blink", "0.9.0").await;
    assert!(matches!(unknown, Err(DeployError::UnknownVersion { .. })));
    let rollback = scene.gateway.rollback(&id, "blink", "1.0.0").await.unwrap();
    until_status(&scene.gateway, &rollback, TargetStatus::Done).await;
    let app = scene.view(&id).apps[0].clone();
    assert_eq!(
        (app.version.as_str(), app.sequence, app.digest),
        ("1.0.0", 3, first.digest)
    );
    let signed = scene.gateway.versions("blink")[0].clone();
    assert_eq!((signed.sequence, signed.rollback_of), (3, Some(first.id)));
    drop(board);
}

#[tokio::test]
async fn what_cannot_be_deployed_is_said_at_once() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let (_, id) = scene.enrolled("bench-1", 1).await;
    let package = upload(&scene, "1.0.0").await;
    let check = |result: Result<Deployment, DeployError>, words: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(words), "{error:?} does not say {words:?}");
    };
    check(
        gateway.deploy(&["dev-0".into()], &package.id, true).await,
        "there is no device dev-0",
    );
    let unknown = drydock_gateway::PackageId::new("blink", 9);
    check(
        gateway.deploy(std::slice::from_ref(&id), &unknown, true).await,
        "there is no package blink#9; upload it first",
    );
    let missing = gateway.start_app(&id, "blink").await.unwrap_err();
    assert_eq!(missing.to_string(), "bench-1 has no app blink");
    gateway.retire_device(&id).await.unwrap();
    check(gateway.deploy(&[id], &package.id, true).await, "bench-1 is retired");
    assert_eq!(gateway.deployments(), []);
}

#[tokio::test]
async fn a_stop_that_comes_while_the_board_is_away_is_carried_out() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let package = upload(&scene, "1.0.0").await;
    scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    until_runs(&scene, &id, "1.0.0").await;
    let board = board.unplug().await;
    scene.until_state(&id, DeviceState::Disconnected).await;
    scene.gateway.stop_app(&id, "blink").await.unwrap();
    let board = board.run(&scene.gateway, PeerLabel::new("cable")).await;
    until(&scene.gateway, || scene.view(&id).apps[0].state == AppState::Stopped).await;
    assert!(!scene.view(&id).apps[0].autostart);
    drop(board);
}
