//! Programs of the user's own that speak Drydock's link: the board enrolls with them, and keeps its identity and apps.

use super::cable_tests::{board_until, call};
use super::test_fleet::{blink, open};
use super::*;
use crate::api::{AppState, Badge, BoardAdd, BoardFirmware, BoardView, FirmwareFile, Pace, Unmodelled};
use std::path::Path;

/// Drydock's firmware as the user's own build of it.
fn build(place: &Path, kind: &str) -> Option<FirmwareFile> {
    let image = drydock_embedded::firmware(kind).map_err(|missing| println!("drydock-skip: {missing}"));
    let path = place.join(format!("{kind}.elf"));
    std::fs::write(&path, image.ok()?.elf).unwrap();
    Some(FirmwareFile {
        path: path.display().to_string(),
        address: None,
        defmt: None,
        unmodelled: Unmodelled::Fault,
        arguments: String::new(),
    })
}

fn board(kind: &str, firmware: Option<FirmwareFile>) -> BoardAdd {
    BoardAdd {
        kind: kind.into(),
        pace: Pace::Max,
        seed: Some("2a".into()),
        firmware,
        ..BoardAdd::default()
    }
}

fn is_enrolled(view: &BoardView) -> bool {
    let has_session = view.device.as_ref().is_some_and(|device| device.session.is_some());
    has_session && matches!(view.badge, Badge::Running | Badge::Idle)
}

fn runs_blink(view: &BoardView) -> bool {
    let blink = view.apps.iter().find(|app| app.name == "blink");
    is_enrolled(view) && blink.is_some_and(|app| app.state == AppState::Running)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_speaks_the_link_enrolls_and_takes_apps() {
    let place = tempfile::tempdir().unwrap();
    let Some(firmware) = build(place.path(), "nano33ble") else {
        return;
    };
    let workbench = open(&place.path().join("data")).await;
    let view = call!(workbench, BoardAdd(board("nano33ble", Some(firmware.clone())))).unwrap();
    assert!(!view.firmware.unwrap().links, "it has said nothing yet");
    let enrolled = board_until(&workbench, &view.name, is_enrolled).await;
    assert!(enrolled.firmware.unwrap().links);
    let device = enrolled.device.unwrap().id;
    call!(workbench, AppDeploy(blink(&view.name))).unwrap();
    board_until(&workbench, &view.name, runs_blink).await;
    workbench.shutdown().await;

    // It is linked from its first instruction now: an identity that was lost would need another enrollment.
    let workbench = open(&place.path().join("data")).await;
    let again = board_until(&workbench, &view.name, runs_blink).await;
    assert!(again.firmware.unwrap().links);
    assert_eq!(again.device.unwrap().id, device);

    // Drydock's own build finds the same identity and apps in the flash.
    let ours = BoardFirmware {
        board: view.name.clone(),
        firmware: None,
    };
    call!(workbench, BoardFirmware(ours)).unwrap();
    let ours = board_until(&workbench, &view.name, |view| {
        view.firmware.is_none() && runs_blink(view)
    })
    .await;
    assert_eq!(ours.device.unwrap().id, device);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_is_enrolled_keeps_its_apps_with_the_users_own_build() {
    let place = tempfile::tempdir().unwrap();
    for kind in ["stm32f4-discovery", "esp32-c6"] {
        let Some(firmware) = build(place.path(), kind) else {
            return;
        };
        let workbench = open(&place.path().join(kind).join("data")).await;
        let noisy = BoardAdd {
            link_noise: Some("0.03:5".into()),
            ..board(kind, None)
        };
        let view = call!(workbench, BoardAdd(noisy)).unwrap();
        let device = board_until(&workbench, &view.name, is_enrolled).await.device.unwrap();
        call!(workbench, AppDeploy(blink(&view.name))).unwrap();
        board_until(&workbench, &view.name, runs_blink).await;
        let own = BoardFirmware {
            board: view.name.clone(),
            firmware: Some(firmware),
        };
        call!(workbench, BoardFirmware(own)).unwrap();
        let links = |view: &BoardView| view.firmware.as_ref().is_some_and(|firmware| firmware.links);
        let again = board_until(&workbench, &view.name, |view| links(view) && runs_blink(view)).await;
        assert_eq!(again.device.unwrap().id, device.id);
        workbench.shutdown().await;
    }
}
