//! Boards by USB DFU, from the API down to the flash of virtual boards.

use super::cable_tests::{
    board_until, cable, call, ended, hardware, job_until, over_port, provision, put, runs_blink, start, virtual_board,
    workbench,
};
use super::*;
use crate::api::{
    BackupStart, CableAction, CableRef, CableState, Confidence, EraseStart, FirmwareSource, FlashStart, JobRef,
    JobState, ProvisionStart, VirtualBoardView, VirtualRuns,
};

const UNO: &str = "uno-r4-minima";
const DISCOVERY: &str = "stm32f4-discovery";

fn over_dfu(board: &VirtualBoardView) -> CableRef {
    CableRef {
        port: board.port.clone(),
        probe: None,
        dfu: board.dfu.clone(),
    }
}

/// The Uno takes no apps.
fn provision_uno(on: CableRef) -> ProvisionStart {
    ProvisionStart {
        app: None,
        ..provision(on, UNO)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uno_is_provisioned_through_the_touch_and_its_dfu_bootloader() {
    let Some(workbench) = workbench(&[UNO]).await else {
        return;
    };
    let desk = put(&workbench, UNO, true, "c0de").await;
    assert_eq!((desk.runs, &desk.dfu), (VirtualRuns::Firmware, &None), "{desk:?}");
    let id = start(&workbench, provision_uno(over_port(&desk))).await;
    let done = ended(&workbench, id).await;
    assert_eq!(done.state, JobState::Done, "{done:#?}");
    // What this bootloader does not reach is said.
    assert!(done.text.contains("reaches no flash area identity"), "{}", done.text);
    let name = done.board.clone().unwrap();
    let board = board_until(&workbench, &name, |board| {
        board.device.as_ref().is_some_and(|device| device.session.is_some())
    })
    .await;
    assert_eq!(
        Some(&board.device.unwrap().chip_id),
        done.chip.as_ref(),
        "the chip that was written is the one that enrolled"
    );
    assert_eq!(board.cable.unwrap().state, CableState::Connected);
    let evidence = std::fs::read_to_string(done.evidence.unwrap()).unwrap();
    assert!(evidence.contains("Arduino's USB DFU bootloader"), "{evidence}");

    // The same board again, now with its firmware: the touch works, and the identity stays.
    let now = virtual_board(&workbench, &desk.name).await;
    let again = start(&workbench, provision_uno(over_port(&now))).await;
    let again = ended(&workbench, again).await;
    assert_eq!(
        (again.state, again.board),
        (JobState::Done, Some(name)),
        "{}",
        again.text
    );
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discovery_is_provisioned_by_its_roms_dfu_bootloader() {
    let Some(workbench) = workbench(&[DISCOVERY]).await else {
        return;
    };
    let desk = put(&workbench, DISCOVERY, true, "c0de").await;
    let attached = hardware(&workbench).await;
    let device = attached
        .dfu
        .iter()
        .find(|it| Some(&it.id) == desk.dfu.as_ref())
        .unwrap();
    assert_eq!(device.candidates[0].kind, DISCOVERY);
    assert_eq!(device.candidates[0].confidence, Confidence::Likely);
    assert_eq!(device.topology.as_deref(), Some("virtual-desk-1"));

    // Over its port alone there is no way: the sentence says how its bootloader is reached.
    let id = start(&workbench, provision(over_port(&desk), DISCOVERY)).await;
    let failed = ended(&workbench, id).await;
    assert!(failed.text.contains("BOOT0"), "{}", failed.text);

    let id = start(&workbench, provision(over_dfu(&desk), DISCOVERY)).await;
    let done = ended(&workbench, id).await;
    assert_eq!(done.state, JobState::Done, "{done:#?}");
    let board = board_until(&workbench, done.board.as_deref().unwrap(), runs_blink).await;
    assert_eq!(Some(board.device.unwrap().chip_id), done.chip);
    assert_eq!(hardware(&workbench).await.dfu, [], "its firmware runs");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uno_whose_cable_was_out_waits_in_its_bootloader_and_is_resumed() {
    let Some(workbench) = workbench(&[UNO]).await else {
        return;
    };
    let desk = put(&workbench, UNO, true, "3").await;
    let id = start(&workbench, provision_uno(over_port(&desk))).await;
    job_until(&workbench, id, |job| {
        (job.text.starts_with("Writes the firmware") && job.steps[2].done_bytes > 0x4000)
            || job.state != JobState::Running
    })
    .await;
    cable(&workbench, &desk.name, CableAction::Pull).await;
    let failed = ended(&workbench, id).await;
    assert_eq!(failed.state, JobState::Failed, "{failed:#?}");
    assert!(failed.text.contains("resume"), "{}", failed.text);
    cable(&workbench, &desk.name, CableAction::Plug).await;
    let waits = virtual_board(&workbench, &desk.name).await;
    assert_eq!(
        (waits.runs, waits.port.as_ref()),
        (VirtualRuns::Bootloader, None),
        "{waits:?}"
    );
    assert!(waits.dfu.is_some());
    call!(workbench, JobResume(JobRef { id })).unwrap();
    let done = ended(&workbench, id).await;
    assert_eq!(done.state, JobState::Done, "{done:#?}");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flash_is_written_saved_and_erased_over_a_dfu_device_alone() {
    let Some(workbench) = workbench(&[DISCOVERY, UNO]).await else {
        return;
    };
    let desk = put(&workbench, DISCOVERY, true, "5").await;
    let on = CableRef {
        dfu: desk.dfu.clone(),
        ..CableRef::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin").to_str().unwrap().to_owned();
    let backup = BackupStart {
        on: on.clone(),
        kind: DISCOVERY.into(),
        path: path.clone(),
    };
    let job = call!(workbench, FlashBackup(backup)).unwrap();
    let saved = ended(&workbench, job.id).await;
    assert_eq!(saved.state, JobState::Done, "{}", saved.text);
    assert_eq!(std::fs::read(&path).unwrap().len(), 0x10_0000);

    // A board that was blank is in its bootloader again: another device to the host, with the same id.
    let flash = FlashStart {
        on: on.clone(),
        kind: DISCOVERY.into(),
        firmware: FirmwareSource::Ours,
        address: None,
        erase_all: false,
    };
    let job = call!(workbench, FlashStart(flash)).unwrap();
    let written = ended(&workbench, job.id).await;
    assert!(
        written.state == JobState::Done && written.text.contains("read back"),
        "{}",
        written.text
    );

    // Its bootloader is gone: the sentence says so.
    let erase = EraseStart {
        on,
        kind: DISCOVERY.into(),
    };
    let job = call!(workbench, FlashErase(erase)).unwrap();
    let gone = ended(&workbench, job.id).await;
    assert!(
        gone.state == JobState::Failed && gone.text.contains("in DFU mode") && gone.text.contains("bootloader"),
        "{}",
        gone.text
    );

    // The Uno's identity is out of its bootloader's reach.
    let uno = put(&workbench, UNO, true, "6").await;
    let erase = EraseStart {
        on: over_port(&uno),
        kind: UNO.into(),
    };
    let job = call!(workbench, FlashErase(erase)).unwrap();
    let erased = ended(&workbench, job.id).await;
    assert_eq!(erased.state, JobState::Done, "{}", erased.text);
    assert!(erased.text.contains("flash area identity is not"), "{}", erased.text);

    let both = CableRef {
        port: None,
        probe: Some("1209:0001:x".into()),
        dfu: Some("0483:df11:x".into()),
    };
    let erase = EraseStart {
        on: both,
        kind: DISCOVERY.into(),
    };
    assert!(call!(workbench, FlashErase(erase)).is_err());
    workbench.shutdown().await;
}
