//! One module for a mixed fleet: every kind of board gets its own grants, and none stops the others.

use crate::scene::{Scene, blink, minute, until};
use drydock_gateway::{
    AppState, DeployTarget, DeviceId, ModuleDeployment, PackageView, PeerLabel, TargetStatus, UploadError,
    UploadOptions,
};

fn target(device: &DeviceId, board: &str) -> DeployTarget {
    DeployTarget {
        device: device.clone(),
        board: board.into(),
    }
}

fn package(scene: &Scene, id: &drydock_gateway::PackageId) -> PackageView {
    let packages = scene.gateway.packages().into_iter();
    packages.into_iter().find(|package| package.id == *id).unwrap()
}

#[tokio::test]
async fn every_kind_of_board_gets_its_own_leds() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let (nano, nano_id) = scene.connected("nano-1", 1).await;
    let (_, other_nano_id) = scene.enrolled("nano-2", 2).await;
    let (discovery, discovery_id) = scene.enrolled_as("stm32f4discovery", "disco-1", 3).await;
    let discovery = discovery.run(gateway, PeerLabel::new("cable")).await;
    let coming = gateway
        .create_pairing(minute(), None, Some("coming".into()))
        .await
        .unwrap();
    let request = ModuleDeployment {
        targets: vec![
            target(&nano_id, "nano33ble"),
            target(&discovery_id, "stm32f4discovery"),
            target(&other_nano_id, "nano33ble"),
            target(&coming.device, "stm32f4discovery"),
            target(&"dev-0".into(), "nano33ble"),
            target(&nano_id, "nano33ble"),
        ],
        start: true,
        ..ModuleDeployment::default()
    };
    let outcome = gateway
        .deploy_module(&blink("1.0.0", 1_000), request.clone())
        .await
        .unwrap();
    assert_eq!((outcome.app.as_str(), outcome.version.as_str()), ("blink", "1.0.0"));
    let refused: Vec<&str> = outcome.targets.iter().map(|target| target.refused.as_str()).collect();
    let unknown = "there is no device dev-0; it may have been removed";
    assert_eq!(refused, ["", "", "", "", unknown, ""]);
    let accepted = |index: usize| outcome.targets[index].accepted.clone().unwrap();
    assert_eq!(accepted(0), accepted(2));
    assert_eq!(accepted(1), accepted(3));
    let (on_nano, on_discovery) = (
        package(&scene, &accepted(0).package),
        package(&scene, &accepted(1).package),
    );
    assert_eq!(on_nano.capabilities, ["log", "metrics", "timer", "gpio:13,24"]);
    assert_eq!(on_discovery.capabilities, ["log", "metrics", "timer", "gpio:60,61"]);
    assert_eq!(
        (&on_nano.version, on_nano.digest),
        (&on_discovery.version, on_discovery.digest)
    );
    assert_eq!((on_nano.sequence, on_discovery.sequence), (1, 2));
    for id in [&nano_id, &discovery_id] {
        until(gateway, || {
            scene.view(id).apps.iter().any(|app| app.state == AppState::Running)
        })
        .await;
    }
    let status = |id: &DeviceId| gateway.latest_target(id, "blink").unwrap().status;
    assert_eq!(status(&other_nano_id), TargetStatus::Waiting);

    // The second time the signed packages are used again.
    let again = gateway.deploy_module(&blink("1.0.0", 1_000), request).await.unwrap();
    assert_eq!(again.targets[0].accepted.as_ref().unwrap().package, on_nano.id);
    assert_eq!(again.targets[1].accepted.as_ref().unwrap().package, on_discovery.id);
    assert_eq!(gateway.packages().len(), 2);
    drop((nano, discovery));
}

#[tokio::test]
async fn a_board_that_cannot_take_it_does_not_stop_the_others() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let (_, nano_id) = scene.enrolled("nano-1", 1).await;
    let (_, discovery_id) = scene.enrolled_as("stm32f4discovery", "disco-1", 2).await;
    // More memory than the Discovery has, and less than the Nano has.
    let module = br#"(module (memory 110000 (pagesize 1)) (func (export "init")))"#;
    let request = |boards: &[(&DeviceId, &str)]| ModuleDeployment {
        options: UploadOptions {
            name: Some("large".into()),
            ..UploadOptions::default()
        },
        targets: boards.iter().map(|(device, board)| target(device, board)).collect(),
        start: true,
    };
    let mixed = request(&[(&discovery_id, "stm32f4discovery"), (&nano_id, "nano33ble")]);
    let outcome = gateway.deploy_module(module, mixed).await.unwrap();
    let refused = &outcome.targets[0].refused;
    assert!(refused.contains("STM32F4 Discovery has 86016 for apps"), "{refused}");
    assert_eq!(outcome.targets[0].accepted, None);
    assert!(outcome.targets[1].accepted.is_some());
    assert_eq!(gateway.packages().len(), 1);
    assert_eq!(gateway.packages()[0].targets, ["nano33ble"]);
    assert_eq!(scene.view(&discovery_id).desired, []);

    // No board can take it: nothing is signed.
    let outcome = gateway.deploy_module(
        br#"(module (memory 9) (func (export "init")))"#,
        request(&[(&nano_id, "nano33ble")]),
    );
    let outcome = outcome.await.unwrap();
    assert_eq!(
        (outcome.targets[0].accepted.clone(), gateway.packages().len()),
        (None, 1)
    );
    let nothing = gateway.deploy_module(b"?", request(&[(&nano_id, "nano33ble")])).await;
    assert!(matches!(nothing, Err(UploadError::Refused { .. })));
}
