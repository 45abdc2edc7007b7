//! Boards on cables, from the API down to the flash of virtual boards: flashing, provisioning, pulled and swapped cables,
//! lent ports, terminals.

use super::*;
use crate::api::{
    AppSource, AppState, BoardRename, BoardView, CableAction, CableRef, CableState, ConsoleOpen, ConsoleRead,
    ConsoleView, Empty, EraseStart, EvidenceOutcome, FirmwareSource, FlashStart, Hardware, JobRef, JobState, JobView,
    LogsQuery, PortRef, ProvisionStart, StepState, VirtualAdd, VirtualBoardView, VirtualCable, VirtualRuns,
};
use crate::fleet::PortUser;
use std::time::{Duration, Instant};

/// How long anything here may take: generous, because tests share the machine.
const PATIENCE: Duration = Duration::from_secs(240);

macro_rules! call {
    ($workbench:expr, $method:ident($params:expr)) => {
        match $workbench.call(Request::$method($params)).await {
            Ok(Response::$method(result)) => Ok(result),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        }
    };
}
pub(super) use call;

/// A workbench, unless the firmware of a kind is missing.
pub(super) async fn workbench(kinds: &[&str]) -> Option<Workbench> {
    workbench_in(kinds, DataDir::Temporary).await
}

async fn workbench_in(kinds: &[&str], data: DataDir) -> Option<Workbench> {
    if let Some(missing) = kinds.iter().find_map(|kind| drydock_embedded::firmware(kind).err()) {
        println!("drydock-skip: {missing}");
        return None;
    }
    let config = WorkbenchConfig {
        data,
        ..WorkbenchConfig::default()
    };
    Some(Workbench::open(config).await.unwrap())
}

pub(super) async fn put(workbench: &Workbench, kind: &str, blank: bool, seed: &str) -> VirtualBoardView {
    let add = VirtualAdd {
        kind: kind.into(),
        blank,
        usbip: false,
        seed: Some(seed.into()),
        name: None,
    };
    let board = call!(workbench, VirtualAdd(add)).unwrap();
    assert!(board.plugged && board.port.is_some(), "{board:?}");
    board
}

pub(super) async fn hardware(workbench: &Workbench) -> Hardware {
    call!(workbench, HardwareList(Empty {})).unwrap()
}

pub(super) async fn virtual_board(workbench: &Workbench, name: &str) -> VirtualBoardView {
    let boards = hardware(workbench).await.virtual_boards;
    boards.into_iter().find(|board| board.name == name).unwrap()
}

pub(super) async fn cable(workbench: &Workbench, name: &str, action: CableAction) {
    let request = VirtualCable {
        name: name.into(),
        action,
    };
    call!(workbench, VirtualCable(request)).unwrap();
}

pub(super) fn over_port(board: &VirtualBoardView) -> CableRef {
    CableRef {
        port: board.port.clone(),
        probe: None,
        dfu: None,
    }
}

pub(super) fn over_probe(board: &VirtualBoardView) -> CableRef {
    CableRef {
        port: board.port.clone(),
        probe: board.probe.clone(),
        dfu: None,
    }
}

pub(super) fn provision(on: CableRef, kind: &str) -> ProvisionStart {
    ProvisionStart {
        on: vec![on],
        kind: kind.into(),
        name: None,
        app: Some(AppSource::Sample("blink".into())),
        grant: Vec::new(),
        erase_all: false,
    }
}

pub(super) async fn start(workbench: &Workbench, request: ProvisionStart) -> u64 {
    call!(workbench, ProvisionStart(request)).unwrap()[0].id
}

pub(super) async fn job(workbench: &Workbench, id: u64) -> JobView {
    call!(workbench, JobGet(JobRef { id })).unwrap()
}

/// Waits until a job fits.
pub(super) async fn job_until(workbench: &Workbench, id: u64, fits: impl Fn(&JobView) -> bool) -> JobView {
    let begin = Instant::now();
    loop {
        let view = job(workbench, id).await;
        if fits(&view) {
            return view;
        }
        assert!(begin.elapsed() < PATIENCE, "{view:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(super) async fn ended(workbench: &Workbench, id: u64) -> JobView {
    job_until(workbench, id, |job| job.state != JobState::Running).await
}

pub(super) async fn board_until(workbench: &Workbench, name: &str, fits: impl Fn(&BoardView) -> bool) -> BoardView {
    let begin = Instant::now();
    loop {
        let board = crate::api::BoardRef { board: name.into() };
        let view = call!(workbench, BoardGet(board)).unwrap();
        if fits(&view) {
            return view;
        }
        assert!(begin.elapsed() < PATIENCE, "{view:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(super) async fn console_until(
    workbench: &Workbench,
    path: &str,
    fits: impl Fn(&ConsoleView) -> bool,
) -> ConsoleView {
    let begin = Instant::now();
    loop {
        let read = ConsoleRead {
            path: path.into(),
            after: None,
        };
        let console = call!(workbench, ConsoleRead(read)).unwrap();
        if fits(&console) {
            return console;
        }
        assert!(begin.elapsed() < PATIENCE, "{console:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for a line of Drydock in a board's console, the `count`th one that says this.
async fn console_says(workbench: &Workbench, board: &str, text: &str, count: usize) {
    let begin = Instant::now();
    loop {
        let query = LogsQuery {
            board: board.into(),
            after: None,
            source: Some("drydock".into()),
            limit: None,
        };
        let logs = call!(workbench, LogsQuery(query)).unwrap();
        if logs.lines.iter().filter(|line| line.text == text).count() >= count {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{logs:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(super) fn runs_blink(board: &BoardView) -> bool {
    board
        .apps
        .iter()
        .any(|app| app.name == "blink" && app.state == AppState::Running)
}

/// A blank board becomes a board of the fleet that runs an app, and its evidence says so.
async fn becomes_a_board_of_the_fleet(kind: &str, on: impl Fn(&VirtualBoardView) -> CableRef) {
    let Some(workbench) = workbench(&[kind]).await else {
        return;
    };
    let virtual_board = put(&workbench, kind, true, "c0de").await;
    let id = start(&workbench, provision(on(&virtual_board), kind)).await;
    let done = ended(&workbench, id).await;
    assert_eq!(done.state, JobState::Done, "{done:#?}");
    let board = board_until(&workbench, done.board.as_deref().unwrap(), runs_blink).await;
    let device = board.device.unwrap();
    assert_eq!(
        Some(&device.chip_id),
        done.chip.as_ref(),
        "the chip that was written is the one that enrolled"
    );
    assert!(board.machine.is_none());
    assert_eq!(board.cable.unwrap().state, CableState::Connected);
    let link = drydock_assets::board(kind).unwrap().link;
    if link.fastest > link.baud {
        let text = format!("The link runs at {} baud.", link.fastest);
        console_says(&workbench, &board.name, &text, 1).await;
    }

    let evidence = std::fs::read(done.evidence.unwrap()).unwrap();
    let evidence: serde_json::Value = serde_json::from_slice(&evidence).unwrap();
    assert_eq!(evidence["chip_id"], device.chip_id.as_str());
    assert_eq!(evidence["device"], device.id.as_str());
    assert_eq!(evidence["app"]["name"], "blink");
    assert!(evidence["certificate_serial"].is_string(), "{evidence}");

    let listed = call!(workbench, EvidenceList(Empty {})).unwrap();
    assert_eq!(listed.unreadable, []);
    assert_eq!(listed.rows.len(), 1);
    let row = &listed.rows[0];
    assert_eq!((row.outcome, row.text.as_str()), (EvidenceOutcome::Passed, ""));
    assert_eq!(row.device.as_deref(), Some(device.id.as_str()));
    assert_eq!(
        row.certificate_serial.as_deref(),
        evidence["certificate_serial"].as_str()
    );

    // The same board again: its firmware and its identity are there.
    let again = start(
        &workbench,
        provision(over_port_now(&workbench, &virtual_board, &on).await, kind),
    )
    .await;
    let again = ended(&workbench, again).await;
    assert_eq!(again.state, JobState::Done, "{again:#?}");
    assert_eq!(again.board, done.board);
    workbench.shutdown().await;
}

/// The board's cable now: its port may have another path than before.
async fn over_port_now(
    workbench: &Workbench,
    board: &VirtualBoardView,
    on: &impl Fn(&VirtualBoardView) -> CableRef,
) -> CableRef {
    let begin = Instant::now();
    loop {
        let now = virtual_board(workbench, &board.name).await;
        if now.port.is_some() {
            return on(&now);
        }
        assert!(begin.elapsed() < PATIENCE, "{now:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_esp32_is_provisioned_by_its_roms_serial_bootloader() {
    becomes_a_board_of_the_fleet("esp32-c6", over_port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nano_is_provisioned_by_its_factory_bootloader() {
    becomes_a_board_of_the_fleet("nano33ble", over_port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nano_is_provisioned_over_a_debug_probe() {
    becomes_a_board_of_the_fleet("nano33ble", over_probe).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discovery_is_provisioned_over_a_debug_probe() {
    becomes_a_board_of_the_fleet("stm32f4-discovery", over_probe).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_was_reset_is_found_at_its_first_baud_rate() {
    let Some(workbench) = workbench(&["esp32-c6"]).await else {
        return;
    };
    let virtual_board = put(&workbench, "esp32-c6", true, "c0de").await;
    let id = start(&workbench, provision(over_port(&virtual_board), "esp32-c6")).await;
    let name = ended(&workbench, id).await.board.unwrap();
    console_says(&workbench, &name, "The link runs at 2000000 baud.", 1).await;
    let power = crate::api::BoardPower {
        board: name.clone(),
        action: crate::api::PowerAction::Reset,
    };
    call!(workbench, BoardPower(power)).unwrap();
    let text = "The link runs at 921600 baud again: 2000000 baud did not carry it.";
    console_says(&workbench, &name, text, 1).await;
    console_says(&workbench, &name, "The link runs at 2000000 baud.", 2).await;
    board_until(&workbench, &name, runs_blink).await;
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_goes_on_after_its_cable_was_out() {
    let Some(workbench) = workbench(&["esp32-c6"]).await else {
        return;
    };
    let desk = put(&workbench, "esp32-c6", true, "2").await;
    let id = start(&workbench, provision(over_port(&desk), "esp32-c6")).await;
    let name = ended(&workbench, id).await.board.unwrap();
    board_until(&workbench, &name, runs_blink).await;

    cable(&workbench, &desk.name, CableAction::Pull).await;
    let out = board_until(&workbench, &name, |board| {
        board
            .cable
            .as_ref()
            .is_some_and(|cable| cable.state == CableState::Unplugged)
    })
    .await;
    assert_eq!(out.badge_detail, "the cable is out");
    cable(&workbench, &desk.name, CableAction::Plug).await;
    board_until(&workbench, &name, |board| {
        let connected = board.device.as_ref().is_some_and(|device| device.session.is_some());
        connected && runs_blink(board)
    })
    .await;
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_cable_was_pulled_is_resumed() {
    is_resumed_after_its_cable_was_out("esp32-c6", over_port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_over_a_probe_whose_cable_was_pulled_is_resumed() {
    is_resumed_after_its_cable_was_out("nano33ble", over_probe).await;
}

async fn is_resumed_after_its_cable_was_out(kind: &str, on: impl Fn(&VirtualBoardView) -> CableRef) {
    let Some(workbench) = workbench(&[kind]).await else {
        return;
    };
    let desk = put(&workbench, kind, true, "3").await;
    let id = start(&workbench, provision(on(&desk), kind)).await;
    job_until(&workbench, id, |job| {
        job.steps[2].done_bytes > 0 || job.state != JobState::Running
    })
    .await;
    cable(&workbench, &desk.name, CableAction::Pull).await;
    let failed = ended(&workbench, id).await;
    assert_eq!(failed.state, JobState::Failed, "{failed:#?}");
    assert!(
        failed.text.contains("virtual-desk-1") && failed.text.to_lowercase().contains("resume"),
        "{}",
        failed.text
    );

    // Without its cable it says where the board has to be.
    call!(workbench, JobResume(JobRef { id })).unwrap();
    let away = ended(&workbench, id).await;
    assert!(away.text.contains("no board at virtual-desk-1"), "{}", away.text);

    cable(&workbench, &desk.name, CableAction::Plug).await;
    call!(workbench, JobResume(JobRef { id })).unwrap();
    let done = ended(&workbench, id).await;
    assert_eq!(done.state, JobState::Done, "{done:#?}");
    board_until(&workbench, &done.board.unwrap(), runs_blink).await;
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_board_goes_while_it_enrolls_is_resumed() {
    let Some(workbench) = workbench(&["esp32-c6"]).await else {
        return;
    };
    let desk = put(&workbench, "esp32-c6", true, "9").await;
    let id = start(&workbench, provision(over_port(&desk), "esp32-c6")).await;
    job_until(&workbench, id, |job| {
        job.steps[4].state == StepState::Running || job.state != JobState::Running
    })
    .await;
    cable(&workbench, &desk.name, CableAction::Pull).await;
    let failed = ended(&workbench, id).await;
    assert_eq!(failed.state, JobState::Failed, "{failed:#?}");
    assert!(
        failed.text.contains("no board is at virtual-desk-1 any more"),
        "{}",
        failed.text
    );
    cable(&workbench, &desk.name, CableAction::Plug).await;
    call!(workbench, JobResume(JobRef { id })).unwrap();
    let done = ended(&workbench, id).await;
    assert_eq!(done.state, JobState::Done, "{done:#?}");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_leaves_a_board_that_can_be_provisioned() {
    let Some(workbench) = workbench(&["esp32-c6"]).await else {
        return;
    };
    let desk = put(&workbench, "esp32-c6", true, "4").await;
    let id = start(&workbench, provision(over_port(&desk), "esp32-c6")).await;
    job_until(&workbench, id, |job| {
        job.steps[2].done_bytes > 0 || job.state != JobState::Running
    })
    .await;
    call!(workbench, JobCancel(JobRef { id })).unwrap();
    assert_eq!(ended(&workbench, id).await.state, JobState::Cancelled);
    let port = desk.port.clone().unwrap();
    let ports = hardware(&workbench).await.ports;
    let used_by = &ports.iter().find(|it| it.path == port).unwrap().used_by;
    assert_eq!(*used_by, None, "the port is free again");
    let again = start(&workbench, provision(over_port(&desk), "esp32-c6")).await;
    assert_eq!(ended(&workbench, again).await.state, JobState::Done);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_has_erased_and_written_is_not_erased_again_when_it_is_resumed() {
    let Some(workbench) = workbench(&["esp32-c6"]).await else {
        return;
    };
    let desk = put(&workbench, "esp32-c6", true, "14").await;
    let mut request = provision(over_port(&desk), "esp32-c6");
    request.erase_all = true;
    request.app = Some(AppSource::Sample("there-is-no-such-app".into()));
    let id = start(&workbench, request).await;
    let first = ended(&workbench, id).await;
    assert_eq!(first.steps[5].state, StepState::Failed, "{first:#?}");
    assert!(first.steps[2].total_bytes > 0);
    call!(workbench, JobResume(JobRef { id })).unwrap();
    let again = ended(&workbench, id).await;
    assert_eq!(again.steps[5].state, StepState::Failed, "{again:#?}");
    assert_eq!(again.steps[2].total_bytes, 0, "its identity is kept");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_board_lends_its_port() {
    let Some(workbench) = workbench(&["esp32-c6"]).await else {
        return;
    };
    let desk = put(&workbench, "esp32-c6", true, "15").await;
    let id = start(&workbench, provision(over_port(&desk), "esp32-c6")).await;
    let board = ended(&workbench, id).await.board.unwrap();
    let name = "console".to_owned();
    call!(
        workbench,
        BoardRename(BoardRename {
            board,
            name: name.clone()
        })
    )
    .unwrap();
    let port = PortRef {
        path: desk.port.unwrap(),
    };
    let used_by = |hardware: Hardware| {
        hardware
            .ports
            .into_iter()
            .find(|it| it.path == port.path)
            .unwrap()
            .used_by
    };
    assert_eq!(used_by(hardware(&workbench).await), Some(name.clone()));
    call!(workbench, PortLend(port.clone())).unwrap();
    // Whoever asks for it now is refused, and the board goes on waiting.
    let on = CableRef {
        port: Some(port.path.clone()),
        probe: None,
        dfu: None,
    };
    let refused = start(&workbench, provision(on, "esp32-c6")).await;
    let refused = ended(&workbench, refused).await;
    assert!(refused.text.contains("is lent to another program"), "{}", refused.text);
    call!(workbench, PortTakeBack(port)).unwrap();
    board_until(&workbench, &name, runs_blink).await;
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_with_anothers_identity_is_not_taken_without_a_word() {
    let Some(first) = workbench(&["esp32-c6"]).await else {
        return;
    };
    let desk = put(&first, "esp32-c6", true, "5").await;
    let id = start(&first, provision(over_port(&desk), "esp32-c6")).await;
    let name = ended(&first, id).await.board.unwrap();
    // Another gateway would see the same: a board whose chip is not in its fleet.
    call!(first, BoardRemove(crate::api::BoardRef { board: name })).unwrap();
    let refused = start(&first, provision(over_port(&desk), "esp32-c6")).await;
    let refused = ended(&first, refused).await;
    assert_eq!(refused.state, JobState::Failed);
    assert!(refused.text.contains("erased first"), "{}", refused.text);
    let mut request = provision(over_port(&desk), "esp32-c6");
    request.erase_all = true;
    let erased = start(&first, request).await;
    let erased = ended(&first, erased).await;
    assert_eq!(erased.state, JobState::Done, "{erased:#?}");
    first.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_of_another_kind_is_refused_untouched() {
    let Some(workbench) = workbench(&["nano33ble"]).await else {
        return;
    };
    let desk = put(&workbench, "nano33ble", true, "6").await;
    let start = FlashStart {
        on: over_port(&desk),
        kind: "esp32-c6".into(),
        firmware: FirmwareSource::Ours,
        address: None,
        erase_all: true,
    };
    let id = call!(workbench, FlashStart(start)).unwrap().id;
    let refused = ended(&workbench, id).await;
    assert_eq!(refused.state, JobState::Failed);
    assert!(refused.text.contains("Arduino Nano 33 BLE"), "{}", refused.text);
    assert_eq!(
        virtual_board(&workbench, &desk.name).await.runs,
        VirtualRuns::Bootloader,
        "it is as it was"
    );
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lent_port_is_free_for_others_and_is_taken_back() {
    let Some(workbench) = workbench(&["esp32-c6"]).await else {
        return;
    };
    let desk = put(&workbench, "esp32-c6", true, "7").await;
    let id = start(&workbench, provision(over_port(&desk), "esp32-c6")).await;
    let name = ended(&workbench, id).await.board.unwrap();
    board_until(&workbench, &name, runs_blink).await;
    let path = desk.port.clone().unwrap();
    let port = PortRef { path: path.clone() };
    let lent = call!(workbench, PortLend(port.clone())).unwrap();
    assert_eq!(lent.used_by.as_deref(), Some("lent"));
    board_until(&workbench, &name, |board| {
        board
            .cable
            .as_ref()
            .is_some_and(|cable| cable.state == CableState::Lent)
    })
    .await;
    // Another program can open it exclusively, and Drydock's own parts cannot.
    let ports = drydock_hardware::port::Ports::new();
    let begin = Instant::now();
    let other = loop {
        match ports.open_blocking(&path, 115_200) {
            Ok(other) => break other,
            // The link's tasks close a virtual port a moment later.
            Err(error) => assert!(begin.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let open = ConsoleOpen {
        path: path.clone(),
        baud: 115_200,
        kind: None,
        log: None,
        defmt: None,
    };
    let refused = call!(workbench, ConsoleOpen(open)).unwrap_err();
    assert!(refused.message.contains("lent"), "{refused}");
    drop(other);
    call!(workbench, PortTakeBack(port)).unwrap();
    board_until(&workbench, &name, |board| {
        board.device.as_ref().is_some_and(|device| device.session.is_some())
    })
    .await;
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_what_a_board_says_and_waits_for_it() {
    let Some(workbench) = workbench(&["esp32-c6"]).await else {
        return;
    };
    let desk = put(&workbench, "esp32-c6", false, "8").await;
    let path = desk.port.clone().unwrap();
    let log = tempfile::tempdir().unwrap();
    let file = log.path().join("log.bin");
    let open = ConsoleOpen {
        path: path.clone(),
        baud: 921_600,
        kind: None,
        log: Some(file.display().to_string()),
        defmt: None,
    };
    call!(workbench, ConsoleOpen(open)).unwrap();
    console_until(&workbench, &path, |console| !console.chunks.is_empty()).await;
    assert!(std::fs::metadata(&file).unwrap().len() > 0);
    cable(&workbench, &desk.name, CableAction::Pull).await;
    let away = console_until(&workbench, &path, |console| !console.open).await;
    assert!(away.text.unwrap().starts_with("Waits for the board"));
    // Another board may get the port's path meanwhile, and is free for others.
    assert_eq!(workbench.workbench.hardware.uses.user(&path), None);
    cable(&workbench, &desk.name, CableAction::Plug).await;
    let back = virtual_board(&workbench, &desk.name).await.port.unwrap();
    if back == path {
        console_until(&workbench, &path, |console| console.open).await;
        assert_eq!(workbench.workbench.hardware.uses.user(&path), Some(PortUser::Console));
    }
    call!(workbench, ConsoleClose(PortRef { path })).unwrap();
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_drydock_that_ended_are_interrupted_and_kept() {
    let place = tempfile::tempdir().unwrap();
    let data = DataDir::At(place.path().to_owned());
    let Some(workbench) = workbench_in(&["esp32-c6"], data.clone()).await else {
        return;
    };
    let desk = put(&workbench, "esp32-c6", true, "9").await;
    let id = start(&workbench, provision(over_port(&desk), "esp32-c6")).await;
    job_until(&workbench, id, |job| {
        job.steps[2].done_bytes > 0 || job.state != JobState::Running
    })
    .await;
    workbench.shutdown().await;
    let workbench = workbench_in(&[], data).await.unwrap();
    let jobs = call!(workbench, JobList(Empty {})).unwrap();
    assert_eq!((jobs[0].id, jobs[0].state), (id, JobState::Interrupted), "{jobs:#?}");
    assert!(jobs[0].chip.is_some());
    // The virtual board went with the process; the job says where it has to be.
    call!(workbench, JobResume(JobRef { id })).unwrap();
    let away = ended(&workbench, id).await;
    assert!(away.text.contains("no board at virtual-desk-1"), "{}", away.text);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_sense_are_refused_with_the_way_out() {
    let Some(workbench) = workbench(&[]).await else { return };
    let nowhere = CableRef::default();
    let on = |port: &str| CableRef {
        port: Some(port.into()),
        probe: None,
        dfu: None,
    };
    let refused = |request: ProvisionStart| async { call!(workbench, ProvisionStart(request)).unwrap_err().message };
    assert!(refused(provision(nowhere, "nano33ble")).await.contains("serial port"));
    assert!(refused(provision(on("/dev/ttyX"), "nono")).await.contains("nano33ble"));
    assert!(
        refused(provision(on("/dev/ttyX"), "hifive1-revb"))
            .await
            .contains("identity")
    );
    assert!(
        refused(provision(on("/dev/ttyX"), "uno-r4-minima"))
            .await
            .contains("no apps")
    );
    let mut twice = provision(on("/dev/ttyX"), "nano33ble");
    twice.on.push(on("/dev/ttyX"));
    assert!(refused(twice).await.contains("twice"));
    let mut unnumbered = provision(on("/dev/ttyX"), "nano33ble");
    unnumbered.on.push(on("/dev/ttyY"));
    unnumbered.name = Some("lab".into());
    assert!(refused(unnumbered).await.contains("{n}"));
    let mut nameless = provision(on("/dev/ttyX"), "nano33ble");
    nameless.name = Some(" ".into());
    assert!(refused(nameless).await.contains("1 to 64 printable characters"));

    let id = start(&workbench, provision(on("/dev/ttyX"), "nano33ble")).await;
    let failed = ended(&workbench, id).await;
    assert!(
        failed.text.contains("There is no serial port /dev/ttyX"),
        "{}",
        failed.text
    );
    let probe = CableRef {
        port: None,
        probe: Some("1209:0001:none".into()),
        dfu: None,
    };
    let start = EraseStart {
        on: probe,
        kind: "nano33ble".into(),
    };
    let id = call!(workbench, FlashErase(start)).unwrap().id;
    let failed = ended(&workbench, id).await;
    assert!(failed.text.contains("Plug it in and resume"), "{}", failed.text);
    let error = call!(workbench, JobCancel(JobRef { id })).unwrap_err();
    assert!(error.message.contains("ended already"), "{error}");
    let error = call!(workbench, JobGet(JobRef { id: 99 })).unwrap_err();
    assert!(error.message.contains("no job 99"), "{error}");
    workbench.shutdown().await;
}
