//! Desired and reported state converge after every connect, and a report counts once the flash behind it is saved.

use crate::{
    device::TestDevice,
    scene::{Scene, blink, until},
};
use drydock_gateway::{
    AppState, Deployment, DeviceId, DeviceState, DeviceStorage, PackageView, PeerLabel, TargetStatus, UploadOptions,
};
use std::{io, pin::Pin, sync::Arc};
use tokio::sync::watch;

fn cable() -> PeerLabel {
    PeerLabel::new("cable")
}

async fn upload(scene: &Scene) -> PackageView {
    let module = blink("1.0.0", 8_000);
    let uploaded = scene.gateway.upload(&module, UploadOptions::default());
    uploaded.await.unwrap()
}

async fn deploy(scene: &Scene, id: &DeviceId, package: &PackageView) -> Deployment {
    let deployed = scene.gateway.deploy(std::slice::from_ref(id), &package.id, true);
    deployed.await.unwrap()
}

async fn until_done(scene: &Scene, deployment: &Deployment) {
    let status = || scene.gateway.deployment(deployment.id).unwrap().targets[0].status;
    until(&scene.gateway, || status() == TargetStatus::Done).await;
}

/// The sequence of blink that the device reports as running.
fn running(scene: &Scene, id: &DeviceId) -> Option<u64> {
    let apps = scene.view(id).apps;
    let blink = apps.iter().find(|app| app.app == "blink")?;
    (blink.state == AppState::Running).then_some(blink.sequence)
}

#[tokio::test]
async fn a_removed_app_that_comes_back_with_older_flash_is_removed_again() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let package = upload(&scene).await;
    until_done(&scene, &deploy(&scene, &id, &package).await).await;
    let board = board.unplug().await;
    let before = board.store.clone();
    let board = board.run(&scene.gateway, cable()).await;
    scene.gateway.remove_app(&id, "blink").await.unwrap();
    until(&scene.gateway, || scene.view(&id).apps.is_empty()).await;
    assert_eq!(scene.view(&id).desired, [], "what was carried out is no longer shown");

    // Twice: the removal is not forgotten after it was carried out again.
    let mut board = board.unplug().await;
    for _ in 0..2 {
        board.store = before.clone();
        board.boot_count += 1;
        let running = board.run(&scene.gateway, cable()).await;
        let removed = || scene.view(&id).state == DeviceState::Connected && scene.view(&id).apps.is_empty();
        until(&scene.gateway, removed).await;
        board = running.unplug().await;
        assert!(board.store.installed.is_empty());
        scene.until_state(&id, DeviceState::Disconnected).await;
    }

    // A deployment after a removal stays.
    let running = board.run(&scene.gateway, cable()).await;
    until_done(&scene, &deploy(&scene, &id, &package).await).await;
    drop(running);
}

#[tokio::test]
async fn an_app_that_the_board_lost_is_sent_again_under_a_sequence_that_it_takes() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let package = upload(&scene).await;
    until_done(&scene, &deploy(&scene, &id, &package).await).await;
    assert_eq!(running(&scene, &id), Some(1));
    let mut board = board.unplug().await;
    for sequence in 2..=3 {
        // The package is lost, but the board remembers its sequence.
        board.store.installed.clear();
        board.boot_count += 1;
        let connected = board.run(&scene.gateway, cable()).await;
        until(&scene.gateway, || running(&scene, &id) == Some(sequence)).await;
        board = connected.unplug().await;
        scene.until_state(&id, DeviceState::Disconnected).await;
    }
    assert_eq!(scene.gateway.versions("blink")[0].version, package.version);
}

#[tokio::test]
async fn a_board_that_has_seen_a_later_version_keeps_it() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let package = upload(&scene).await;
    until_done(&scene, &deploy(&scene, &id, &package).await).await;
    let mut board = board.unplug().await;
    // As if this store were restored from a backup, and the board had been updated since.
    board.store.installed.clear();
    board.store.high_water.insert("blink".into(), 7);
    let board = board.run(&scene.gateway, cable()).await;
    until(&scene.gateway, || scene.view(&id).desired.is_empty()).await;
    assert_eq!(board.unplug().await.store.installed.len(), 0);
    assert_eq!(scene.gateway.versions("blink").len(), 1, "nothing was signed for it");
}

/// Flash that is saved when the test allows it.
struct Held(watch::Receiver<Save>);

#[derive(Clone, Copy, PartialEq)]
enum Save {
    Waits,
    Fails,
    Works,
}

impl DeviceStorage for Held {
    fn persist(&self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>> {
        let mut save = self.0.clone();
        Box::pin(async move {
            let save = *save.wait_for(|save| *save != Save::Waits).await.unwrap();
            match save {
                Save::Fails => Err(io::Error::from(io::ErrorKind::StorageFull)),
                _ => Ok(()),
            }
        })
    }
}

/// Connects a board whose flash is saved as `save` says.
async fn connect(scene: &Scene, device: TestDevice, save: &watch::Sender<Save>) -> crate::device::Running {
    let peer = cable().with_storage(Arc::new(Held(save.subscribe())));
    device.run(&scene.gateway, peer).await
}

#[tokio::test]
async fn what_a_board_reports_counts_once_its_flash_is_saved() {
    let scene = Scene::new().await;
    let (device, id) = scene.enrolled("bench-1", 1).await;
    let package = upload(&scene).await;
    let save = watch::Sender::new(Save::Works);
    let board = connect(&scene, device, &save).await;

    save.send_replace(Save::Waits);
    let deployment = deploy(&scene, &id, &package).await;
    until(&scene.gateway, || {
        scene.gateway.deployment(deployment.id).unwrap().targets[0].status == TargetStatus::Committing
    })
    .await;
    // The board has answered, and sends more: all of it waits for the flash.
    let taken = board.log(1, "after the commit").await;
    assert_eq!((scene.view(&id).apps, taken), (vec![], ()));
    save.send_replace(Save::Works);
    until_done(&scene, &deployment).await;

    save.send_replace(Save::Fails);
    scene.gateway.remove_app(&id, "blink").await.unwrap();
    let desired = || scene.view(&id).desired;
    assert_eq!(desired().len(), 1);
    save.send_replace(Save::Works);
    until(&scene.gateway, || {
        scene.clock.advance(100);
        scene.view(&id).apps.is_empty()
    })
    .await;
    assert!(board.unplug().await.store.installed.is_empty());
}

#[tokio::test]
async fn a_hello_counts_once_its_flash_is_saved() {
    let scene = Scene::new().await;
    let (device, id) = scene.enrolled("bench-1", 1).await;
    let save = watch::Sender::new(Save::Fails);
    let peer = cable().with_storage(Arc::new(Held(save.subscribe())));
    let tls = device.open(&scene.gateway, peer).await.unwrap();
    let revision = scene.gateway.snapshot().revision;
    let refused = tokio::spawn(device.run_on(tls));
    until(&scene.gateway, || scene.gateway.snapshot().revision > revision).await;
    let events = crate::scene::events(&scene.gateway, revision).await;
    let told = format!("{events:?}");
    assert!(told.contains("flash cannot be saved"), "{told}");
    assert_ne!(scene.view(&id).state, DeviceState::Connected);
    assert!(refused.await.is_err(), "no welcome comes");
}
