//! Desired and reported state converge after every connect, and a report counts once the flash behind it is saved.

use crate::{
    device::TestDevice,
    scene::{Scene, blink, until},
};
use drydock_gateway::{
    AppState, Deployment, DeviceId, DeviceState, DeviceStorage, PackageView, PeerLabel, TargetStatus, UploadOptions,
};
use drydock_protocol::{device_to_gateway::AppReport, types::Version};
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

/// A board that has taken a request about blink in its flash, while its word about that waits for the flash to be saved.
struct OpenRequest {
    scene: Scene,
    id: DeviceId,
    save: watch::Sender<Save>,
    board: crate::device::Running,
}

impl OpenRequest {
    /// Blink is committed and waits for its word.
    async fn committing() -> Self {
        Self::committing_on(|_| {}).await
    }

    async fn committing_on(change: impl FnOnce(&mut TestDevice)) -> Self {
        let scene = Scene::new().await;
        let (mut device, id) = scene.enrolled("bench-1", 1).await;
        change(&mut device);
        let package = upload(&scene).await;
        let save = watch::Sender::new(Save::Works);
        let board = connect(&scene, device, &save).await;
        save.send_replace(Save::Waits);
        deploy(&scene, &id, &package).await;
        let open = Self { scene, id, save, board };
        open.until_committing().await;
        open
    }

    /// Blink runs.
    async fn running() -> Self {
        let open = Self::committing().await;
        open.save.send_replace(Save::Works);
        open.until_answered().await;
        assert_eq!(running(&open.scene, &open.id), Some(1));
        open
    }

    async fn until_committing(&self) {
        let gateway = &self.scene.gateway;
        until(gateway, || {
            gateway.deployments()[0].targets[0].status == TargetStatus::Committing
        })
        .await;
    }

    /// Waits until nothing is open.
    async fn until_answered(&self) {
        let scene = &self.scene;
        until(&scene.gateway, || {
            scene.view(&self.id).desired.iter().all(|desired| !desired.asked)
        })
        .await;
    }

    /// Asserts that the gateway holds nothing for answered before the flash is saved, then saves it and waits for the
    /// answer. Returns what the board has then.
    async fn answered(self) -> TestDevice {
        let desired = self.scene.view(&self.id).desired;
        assert!(desired.iter().any(|desired| desired.asked), "{desired:?}");
        self.save.send_replace(Save::Works);
        self.until_answered().await;
        self.board.unplug().await
    }
}

#[tokio::test]
async fn an_app_that_is_removed_amid_its_commit_is_gone_once_the_board_says_so() {
    let open = OpenRequest::committing().await;
    open.scene.gateway.remove_app(&open.id, "blink").await.unwrap();
    // OpenRequest for again it is not unknown.
    open.scene.gateway.remove_app(&open.id, "blink").await.unwrap();
    let board = open.answered().await;
    assert_eq!(board.store.high_water["blink"], 1, "it had been committed");
    assert!(board.store.installed.is_empty());
}

#[tokio::test]
async fn a_deployment_that_is_cancelled_amid_its_commit_leaves_no_app() {
    let open = OpenRequest::committing().await;
    let deployment = open.scene.gateway.deployments()[0].id;
    open.scene.gateway.cancel(deployment).await.unwrap();
    let board = open.answered().await;
    assert_eq!(board.store.high_water["blink"], 1, "it had been committed");
    assert!(board.store.installed.is_empty());
}

#[tokio::test]
async fn an_update_that_is_cancelled_amid_its_commit_gives_way_to_the_version_before() {
    let open = OpenRequest::running().await;
    let (gateway, id) = (open.scene.gateway.clone(), open.id.clone());
    let module = blink("2.0.0", 9_000);
    let package = gateway.upload(&module, UploadOptions::default()).await.unwrap();
    open.save.send_replace(Save::Waits);
    let deployment = deploy(&open.scene, &id, &package).await;
    open.until_committing().await;
    gateway.cancel(deployment.id).await.unwrap();
    let board = open.answered().await;
    let blink = &board.store.installed["blink"].manifest;
    assert_eq!((blink.version.to_string(), blink.sequence), ("1.0.0".into(), 3));
}

#[tokio::test]
async fn an_app_that_is_stopped_amid_its_commit_is_stopped_once_the_board_says_so() {
    let open = OpenRequest::committing().await;
    open.scene.gateway.stop_app(&open.id, "blink").await.unwrap();
    let (gateway, id) = (open.scene.gateway.clone(), open.id.clone());
    let board = open.answered().await;
    let blink = &board.store.installed["blink"];
    assert_eq!(
        (blink.manifest.sequence, blink.autostart),
        (1, false),
        "it is not sent twice"
    );
    assert!(!gateway.device(&id).unwrap().apps[0].state.is_active());
}

#[tokio::test]
async fn of_a_stop_and_a_start_the_later_counts_whatever_was_reported_before() {
    for starts in [true, false] {
        let open = OpenRequest::running().await;
        let gateway = open.scene.gateway.clone();
        if !starts {
            gateway.stop_app(&open.id, "blink").await.unwrap();
            open.until_answered().await;
        }
        open.save.send_replace(Save::Waits);
        let answers = open.board.answers();
        let is_taken = || open.board.answers() > answers;
        // The first of the two is on its way when the second is asked for, which the last report agrees with.
        if starts {
            gateway.stop_app(&open.id, "blink").await.unwrap();
            until(&gateway, is_taken).await;
            gateway.start_app(&open.id, "blink").await.unwrap();
        } else {
            gateway.start_app(&open.id, "blink").await.unwrap();
            until(&gateway, is_taken).await;
            gateway.stop_app(&open.id, "blink").await.unwrap();
        }
        let board = open.answered().await;
        assert_eq!(board.store.installed["blink"].autostart, starts);
    }
}

#[tokio::test]
async fn an_app_that_failed_is_stopped_once_the_board_says_so() {
    let failed = AppReport {
        app: "blink".into(),
        version: Version::default(),
        sequence: 1,
        digest: [0; 32],
        state: drydock_protocol::types::AppState::Failed,
        failure: None,
        autostart: true,
        uptime_ms: 0,
    };
    let open = OpenRequest::committing_on(|device| device.store.start_ends_in = Some(failed)).await;
    open.save.send_replace(Save::Works);
    open.until_answered().await;
    open.scene.gateway.stop_app(&open.id, "blink").await.unwrap();
    open.until_answered().await;
    let app = open.scene.view(&open.id).apps[0].clone();
    assert_eq!((app.state, app.autostart), (AppState::Failed, false));
}
