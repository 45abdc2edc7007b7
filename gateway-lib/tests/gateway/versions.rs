//! Versions: a name is never locked.

use crate::{
    device::Running,
    scene::{Scene, blink, until},
};
use drydock_gateway::{
    AppState, DeployTarget, DeviceId, ModuleDeployment, ModuleOutcome, UploadError, UploadOptions, VersionPlan,
};
use drydock_protocol::types::Version;

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

async fn drop_on(scene: &Scene, id: &DeviceId, module: &[u8]) -> Result<ModuleOutcome, UploadError> {
    let request = ModuleDeployment {
        targets: vec![DeployTarget {
            device: id.clone(),
            board: "nano33ble".into(),
        }],
        start: true,
        ..ModuleDeployment::default()
    };
    scene.gateway.deploy_module(module, request).await
}

async fn until_runs(scene: &Scene, id: &DeviceId, version: &str, sequence: u64) {
    let runs = || {
        let apps = scene.view(id).apps;
        apps.iter()
            .any(|app| (app.state, app.version.as_str(), app.sequence) == (AppState::Running, version, sequence))
    };
    until(&scene.gateway, runs).await;
}

async fn with_two_versions(scene: &Scene) -> (Running, DeviceId) {
    let (board, id) = scene.connected("bench-1", 1).await;
    drop_on(scene, &id, &blink("1.0.0", 1_000)).await.unwrap();
    until_runs(scene, &id, "1.0.0", 1).await;
    drop_on(scene, &id, &blink("2.0.0", 2_000)).await.unwrap();
    until_runs(scene, &id, "2.0.0", 2).await;
    (board, id)
}

#[tokio::test]
async fn the_old_module_is_a_rollback_under_its_old_version() {
    let scene = Scene::new().await;
    let (board, id) = with_two_versions(&scene).await;
    let first = scene.gateway.versions("blink").remove(1);
    let plan = scene
        .gateway
        .plan_version("blink", first.digest, Some(version("1.0.0")));
    assert_eq!(
        plan,
        VersionPlan::Rollback {
            version: version("1.0.0"),
            of: first.id.clone()
        }
    );
    assert_eq!(scene.gateway.plan_version("blink", first.digest, None), plan);
    let outcome = drop_on(&scene, &id, &blink("1.0.0", 1_000)).await.unwrap();
    assert_eq!((outcome.version.as_str(), outcome.digest), ("1.0.0", first.digest));
    until_runs(&scene, &id, "1.0.0", 3).await;
    let signed = scene.gateway.versions("blink").remove(0);
    assert_eq!((signed.sequence, signed.rollback_of), (3, Some(first.id.clone())));

    // Deployed again, it is the package that the board already has.
    drop_on(&scene, &id, &blink("1.0.0", 1_000)).await.unwrap();
    assert_eq!(scene.gateway.versions("blink").len(), 3);
    // It can be deployed after a removal: the board remembers the sequence.
    scene.gateway.remove_app(&id, "blink").await.unwrap();
    until(&scene.gateway, || scene.view(&id).apps.is_empty()).await;
    drop_on(&scene, &id, &blink("2.0.0", 2_000)).await.unwrap();
    until_runs(&scene, &id, "2.0.0", 4).await;
    drop(board);
}

#[tokio::test]
async fn another_module_under_an_old_version_is_told_the_next_free_one() {
    let scene = Scene::new().await;
    let (board, id) = with_two_versions(&scene).await;
    match drop_on(&scene, &id, &blink("1.0.0", 1_500)).await {
        Err(UploadError::OlderVersion {
            app,
            version: old,
            highest,
            next,
        }) => {
            assert_eq!(app, "blink");
            assert_eq!(
                [old, highest, next].map(|version| version.to_string()),
                ["1.0.0", "2.0.0", "2.0.1"]
            );
        }
        other => panic!("{other:?}"),
    }
    let versions = scene.gateway.app_versions("blink");
    assert_eq!(versions.next, "2.0.1");
    let signed: Vec<_> = versions
        .versions
        .iter()
        .map(|signed| (signed.version.as_str(), signed.packages.len()))
        .collect();
    assert_eq!(signed, [("2.0.0", 1), ("1.0.0", 1)]);
    assert_eq!(scene.gateway.app_versions("new").next, "0.1.0");

    // The old module under the next free version is a new version like any other.
    let options = UploadOptions {
        version: Some(version("2.0.1")),
        ..UploadOptions::default()
    };
    let package = scene.gateway.upload(&blink("1.0.0", 1_000), options).await.unwrap();
    assert_eq!((package.version.as_str(), package.rollback_of), ("2.0.1", None));
    drop(board);
}
