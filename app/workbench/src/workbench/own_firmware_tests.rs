//! Programs of the user's own on emulated boards, from the API down to the machine.

#[path = "../../../../emulator/tests/guests/hello.rs"]
mod hello;

use super::cable_tests::{board_until, call, console_until};
use super::*;
use crate::api::{
    Badge, BoardAdd, BoardFirmware, BoardPower, BoardRef, BoardView, ConsoleOpen, ConsoleSend, ErrorCode, FirmwareFile,
    LogsQuery, MachineState, Pace, PowerAction, Unmodelled,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hello::hello;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Answers each byte of the Nano's UART with its successor.
const ECHO: &str = include_str!("../../../../emulator/tests/guests/echo.hex");

fn echo() -> Vec<u8> {
    let bytes = ECHO.split_ascii_whitespace();
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

async fn open(data: DataDir) -> Workbench {
    let config = WorkbenchConfig {
        data,
        ..WorkbenchConfig::default()
    };
    Workbench::open(config).await.unwrap()
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn firmware(path: &Path) -> FirmwareFile {
    FirmwareFile {
        path: path.display().to_string(),
        address: None,
        defmt: None,
        unmodelled: Unmodelled::Fault,
        arguments: String::new(),
    }
}

fn board(kind: &str, firmware: FirmwareFile) -> BoardAdd {
    BoardAdd {
        kind: kind.into(),
        name: None,
        engine: None,
        pace: Pace::Max,
        seed: Some("2a".into()),
        link_noise: None,
        kind_file: None,
        firmware: Some(firmware),
        parts: Vec::new(),
        part_values: None,
        record: None,
    }
}

async fn add(workbench: &Workbench, kind: &str, path: &Path) -> BoardView {
    call!(workbench, BoardAdd(board(kind, firmware(path)))).unwrap()
}

async fn says(workbench: &Workbench, path: &str, text: &str) {
    console_until(workbench, path, |console| {
        let bytes = console
            .chunks
            .iter()
            .flat_map(|chunk| BASE64_STANDARD.decode(&chunk.base64).unwrap());
        String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).contains(text)
    })
    .await;
}

async fn answers(workbench: &Workbench, name: &str) {
    let send = ConsoleSend {
        path: name.into(),
        base64: BASE64_STANDARD.encode("HAL\t"),
    };
    call!(workbench, ConsoleSend(send)).unwrap();
    says(workbench, name, "IBM\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_runs_and_its_uart_is_a_terminal_also_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let path = file(place.path(), "echo.bin", &echo());
    let data = place.path().join("data");
    let workbench = open(DataDir::At(data.clone())).await;
    let view = add(&workbench, "nano33ble", &path).await;
    let shown = view.firmware.clone().unwrap();
    assert_eq!(
        (shown.name.as_str(), shown.format.as_str()),
        ("echo.bin", "binary file")
    );
    assert!(shown.start.contains("0x10000"), "{}", shown.start);
    let running = board_until(&workbench, &view.name, |board| board.badge == Badge::OwnFirmware).await;
    assert_eq!(running.badge_detail, "own firmware, no identity");
    answers(&workbench, &view.name).await;
    // The same text is in the board's log.
    let logs = LogsQuery {
        board: view.name.clone(),
        after: None,
        source: None,
        limit: Some(100),
    };
    let lines = call!(workbench, LogsQuery(logs)).unwrap().lines;
    assert!(
        lines.iter().any(|line| line.source == "uart0" && line.text == "IBM"),
        "{lines:?}"
    );
    workbench.shutdown().await;

    std::fs::remove_file(&path).unwrap();
    let workbench = open(DataDir::At(data.clone())).await;
    let again = board_until(&workbench, &view.name, |board| board.badge == Badge::OwnFirmware).await;
    assert_eq!(again.firmware.unwrap(), shown);
    answers(&workbench, &view.name).await;
    workbench.shutdown().await;

    // What was loaded is not there any more: the board says so, and does not run something else.
    let own = data.join("boards").join(&view.id).join("own");
    let kept: Vec<_> = std::fs::read_dir(own)
        .unwrap()
        .map(|folder| folder.unwrap().path())
        .collect();
    assert_eq!(kept.len(), 1);
    std::fs::write(kept[0].join("firmware"), hello(0x1_0000, 0)).unwrap();
    let workbench = open(DataDir::At(data)).await;
    let failed = board_until(&workbench, &view.name, |board| board.badge == Badge::Failed).await;
    assert!(
        failed.badge_detail.contains("give the board its firmware again"),
        "{}",
        failed.badge_detail
    );
    workbench.shutdown().await;
}

/// Ends with the word that it finds in the Nano's flash; where there is none yet, writes 7 there and waits.
fn counts_starts() -> Vec<u8> {
    let halves = [
        0x4c08_u16, // ldr r4, =0x80000
        0x4d09,     // ldr r5, =NVMC CONFIG
        0x6820,     // ldr r0, [r4]
        0x1c41,     // adds r1, r0, #1
        0xd104,     // bne.n found
        0x2101,     // movs r1, #1
        0x6029,     // str r1, [r5]
        0x2007,     // movs r0, #7
        0x6020,     // str r0, [r4]
        0xe7fe,     // b.n .
        0x4905,     // found: ldr r1, =0x20000000
        0x4a06,     // ldr r2, =0x20026
        0x600a,     // str r2, [r1]
        0x6048,     // str r0, [r1, #4]
        0x2020,     // movs r0, #32
        0xbeab,     // bkpt 0x00ab
        0xe7fe,     // b.n .
        0xbf00,     // nop
    ];
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut bytes = words(&[0x2000_1000, 0x1_0009]);
    bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    bytes.extend(words(&[0x8_0000, 0x4001_e504, 0x2000_0000, 0x20026]));
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn flash_that_a_program_wrote_is_there_after_a_restart_and_not_for_another_program() {
    let place = tempfile::tempdir().unwrap();
    let path = file(place.path(), "starts.bin", &counts_starts());
    let data = place.path().join("data");
    let workbench = open(DataDir::At(data.clone())).await;
    let view = add(&workbench, "nano33ble", &path).await;
    let written = |board: &BoardView| {
        board
            .machine
            .as_ref()
            .is_some_and(|machine| machine.instructions > 1_000)
    };
    board_until(&workbench, &view.name, written).await;
    workbench.shutdown().await;
    let workbench = open(DataDir::At(data)).await;
    let exit = |board: &BoardView| board.machine.as_ref().and_then(|machine| machine.exit_code);
    board_until(&workbench, &view.name, |board| exit(board) == Some(7)).await;
    let again = BoardFirmware {
        board: view.name.clone(),
        firmware: Some(firmware(&path)),
    };
    call!(workbench, BoardFirmware(again)).unwrap();
    board_until(&workbench, &view.name, |board| exit(board).is_none() && written(board)).await;
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ends_says_its_code_and_what_it_said_by_semihosting() {
    let place = tempfile::tempdir().unwrap();
    let workbench = open(DataDir::Temporary).await;
    for (kind, boot, code, badge) in [
        ("nano33ble", 0x1_0000, 0, Badge::OwnFirmware),
        ("stm32f4-discovery", 0x0800_0000, 3, Badge::Failed),
        ("uno-r4-minima", 0x4000, 0, Badge::OwnFirmware),
    ] {
        let path = file(place.path(), "hello.bin", &hello(boot, code));
        let view = add(&workbench, kind, &path).await;
        let ended = board_until(&workbench, &view.name, |board| {
            board
                .machine
                .as_ref()
                .is_some_and(|machine| machine.state == MachineState::Ended)
        })
        .await;
        assert_eq!(ended.machine.unwrap().exit_code, Some(code));
        assert_eq!(
            (ended.badge, ended.badge_detail),
            (badge, format!("the program ended with {code}"))
        );
        says(
            &workbench,
            &format!("{}:semihosting", view.name),
            "hello by semihosting\n",
        )
        .await;
        let reset = BoardPower {
            board: view.name.clone(),
            action: PowerAction::Reset,
        };
        call!(workbench, BoardPower(reset)).unwrap();
        says(
            &workbench,
            &format!("{}:semihosting", view.name),
            "hello by semihosting\nhello by semihosting\n",
        )
        .await;
    }
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_exchanged_and_drydocks_comes_back() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(DataDir::Temporary).await;
    let path = file(place.path(), "hello.bin", &hello(0x1_0000, 0));
    let view = add(&workbench, "nano33ble", &path).await;
    let ended = |board: &BoardView| {
        board
            .machine
            .as_ref()
            .is_some_and(|machine| machine.exit_code == Some(0))
    };
    board_until(&workbench, &view.name, ended).await;
    let change = |firmware| BoardFirmware {
        board: view.name.clone(),
        firmware,
    };
    let path = file(place.path(), "echo.bin", &echo());
    call!(workbench, BoardFirmware(change(Some(firmware(&path))))).unwrap();
    board_until(&workbench, &view.name, |board| {
        board.badge == Badge::OwnFirmware && !ended(board)
    })
    .await;
    answers(&workbench, &view.name).await;

    // What is refused changes nothing.
    let nothing = file(place.path(), "nothing.bin", &[]);
    call!(workbench, BoardFirmware(change(Some(firmware(&nothing))))).unwrap_err();
    answers(&workbench, &view.name).await;

    let ours = call!(workbench, BoardFirmware(change(None))).unwrap();
    assert_eq!(ours.firmware, None);
    board_until(&workbench, &view.name, |board| {
        board.device.as_ref().is_some_and(|device| device.session.is_some())
    })
    .await;
    let console = ConsoleOpen {
        path: view.name.clone(),
        baud: 115_200,
        kind: None,
        log: None,
        defmt: None,
    };
    let refused = call!(workbench, ConsoleOpen(console)).unwrap_err();
    assert!(
        refused.message.contains("its UART is its link") || refused.message.contains("whose UART is its link"),
        "{refused}"
    );
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_firmware_for_the_board_is_refused_with_the_reason() {
    let place = tempfile::tempdir().unwrap();
    let workbench = open(DataDir::Temporary).await;
    let refused = async |name: &str, bytes: &[u8], address: Option<u32>, part: &str| {
        let path = file(place.path(), name, bytes);
        let firmware = FirmwareFile {
            path: path.display().to_string(),
            address,
            defmt: None,
            unmodelled: Unmodelled::Fault,
            arguments: String::new(),
        };
        let error = call!(workbench, BoardAdd(board("nano33ble", firmware))).unwrap_err();
        assert!(error.message.contains(part) && error.message.contains(name), "{error}");
    };
    refused("empty.bin", &[], None, "no bytes").await;
    refused("zeros.bin", &[0; 64], None, "stack pointer").await;
    refused("other.bin", &hello(0x0800_0000, 0), None, "reset vector").await;
    refused("ram.bin", &echo(), Some(0x2000_0000), "nothing for the flash").await;
    refused("far.bin", &echo(), Some(0x5000_0000), "nothing for the flash").await;
    let mut riscv = b"\x7fELF\x01\x01\x01".to_vec();
    riscv.resize(52, 0);
    riscv[18] = 243;
    refused("riscv.elf", &riscv, None, "RISC-V").await;
    refused("cut.elf", b"\x7fELF\x01\x01\x01", None, "cut short").await;
    let mut edge = hello(0x1_0000, 0);
    edge.resize(0x10_0000, 0xff);
    refused("long.bin", &edge, None, "0x").await;

    let missing = FirmwareFile {
        path: place.path().join("missing.elf").display().to_string(),
        address: None,
        defmt: None,
        unmodelled: Unmodelled::Fault,
        arguments: String::new(),
    };
    let error = call!(workbench, BoardAdd(board("nano33ble", missing))).unwrap_err();
    assert!(
        error.code == ErrorCode::Usage && error.message.contains("missing.elf cannot be read"),
        "{error}"
    );
    let relative = FirmwareFile {
        path: "build/app.elf".into(),
        address: None,
        defmt: None,
        unmodelled: Unmodelled::Fault,
        arguments: String::new(),
    };
    let error = call!(workbench, BoardAdd(board("nano33ble", relative))).unwrap_err();
    assert!(error.message.contains("absolute path"), "{error}");
    let folder = firmware(place.path());
    let error = call!(workbench, BoardAdd(board("nano33ble", folder))).unwrap_err();
    assert!(error.message.contains("it is no file"), "{error}");
    // No board is left of all this.
    assert_eq!(call!(workbench, BoardList(crate::api::Empty {})).unwrap().boards, []);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_elsewhere_in_flash_starts_there() {
    let place = tempfile::tempdir().unwrap();
    let workbench = open(DataDir::Temporary).await;
    for (address, part) in [(0, "the beginning of flash"), (0x2_7000, "SoftDevice")] {
        let path = file(place.path(), "hello.bin", &hello(address, 0));
        let request = FirmwareFile {
            path: path.display().to_string(),
            address: Some(address),
            defmt: None,
            unmodelled: Unmodelled::Fault,
            arguments: String::new(),
        };
        let view = call!(workbench, BoardAdd(board("nano33ble", request))).unwrap();
        let start = view.firmware.unwrap().start;
        assert!(
            start.contains(part) && start.contains(&format!("{address:#x}")),
            "{start}"
        );
        let reference = BoardRef {
            board: view.name.clone(),
        };
        board_until(&workbench, &view.name, |board| {
            board
                .machine
                .as_ref()
                .is_some_and(|machine| machine.exit_code == Some(0))
        })
        .await;
        call!(workbench, BoardRemove(reference)).unwrap();
    }
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_goes_on_after_its_board_was_off() {
    let place = tempfile::tempdir().unwrap();
    let workbench = open(DataDir::Temporary).await;
    let path = file(place.path(), "echo.bin", &echo());
    let view = add(&workbench, "nano33ble", &path).await;
    board_until(&workbench, &view.name, |board| board.badge == Badge::OwnFirmware).await;
    answers(&workbench, &view.name).await;
    let read = |after| crate::api::ConsoleRead {
        path: view.name.clone(),
        after,
    };
    let last = call!(workbench, ConsoleRead(read(None)))
        .unwrap()
        .chunks
        .last()
        .unwrap()
        .sequence;
    for action in [PowerAction::Off, PowerAction::On] {
        let power = BoardPower {
            board: view.name.clone(),
            action,
        };
        call!(workbench, BoardPower(power)).unwrap();
        if action == PowerAction::Off {
            assert!(!call!(workbench, ConsoleRead(read(None))).unwrap().open);
        }
    }
    board_until(&workbench, &view.name, |board| board.badge == Badge::OwnFirmware).await;
    let begin = Instant::now();
    // Who reads on from there misses nothing.
    while call!(workbench, ConsoleRead(read(Some(last))))
        .unwrap()
        .chunks
        .is_empty()
    {
        assert!(begin.elapsed() < Duration::from_secs(60));
        let send = ConsoleSend {
            path: view.name.clone(),
            base64: BASE64_STANDARD.encode("HAL\t"),
        };
        // It may be on its way.
        let _ = call!(workbench, ConsoleSend(send));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_a_program_is_restored_and_goes_with_its_program() {
    let place = tempfile::tempdir().unwrap();
    let workbench = open(DataDir::Temporary).await;
    let path = file(place.path(), "echo.bin", &echo());
    let view = add(&workbench, "nano33ble", &path).await;
    board_until(&workbench, &view.name, |board| board.badge == Badge::OwnFirmware).await;
    answers(&workbench, &view.name).await;
    let take = crate::api::SnapshotTake {
        board: view.name.clone(),
        name: Some("before".into()),
    };
    call!(workbench, SnapshotTake(take)).unwrap();
    let restore = || crate::api::SnapshotRestore {
        board: view.name.clone(),
        from: crate::api::SnapshotSource::Name("before".into()),
    };
    call!(workbench, SnapshotRestore(restore())).unwrap();
    board_until(&workbench, &view.name, |board| board.badge == Badge::OwnFirmware).await;
    answers(&workbench, &view.name).await;
    let other = file(place.path(), "hello.bin", &hello(0x1_0000, 0));
    let change = BoardFirmware {
        board: view.name.clone(),
        firmware: Some(firmware(&other)),
    };
    call!(workbench, BoardFirmware(change)).unwrap();
    let gone = call!(workbench, SnapshotRestore(restore())).unwrap_err();
    assert_eq!(gone.code, ErrorCode::NotFound, "{gone}");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drydocks_firmware_as_a_file_boots_on_every_kind_that_it_fits() {
    let kinds = [
        "nano33ble",
        "stm32f4-discovery",
        "uno-r4-minima",
        "esp32-c6",
        "hifive1-revb",
    ];
    if let Some(missing) = kinds.iter().find_map(|kind| drydock_embedded::firmware(kind).err()) {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(DataDir::Temporary).await;
    for kind in kinds {
        let path = file(
            place.path(),
            &format!("{kind}.elf"),
            drydock_embedded::firmware(kind).unwrap().elf,
        );
        let preview = crate::api::FirmwarePreviewRequest {
            firmware: firmware(&path),
            boards: Vec::new(),
        };
        let preview = call!(workbench, FirmwarePreview(preview)).unwrap();
        assert_eq!(preview.format.as_deref(), Some("ELF file"));
        assert!(
            preview
                .kinds
                .iter()
                .any(|verdict| verdict.board == kind && verdict.refused.is_none()),
            "{preview:?}"
        );
        let view = add(&workbench, kind, &path).await;
        // It speaks the link, so that the board gets as far with it as with the same firmware of Drydock's.
        let linked = |board: &BoardView| {
            let links = board.firmware.as_ref().is_some_and(|firmware| firmware.links);
            links && matches!(board.badge, Badge::Idle | Badge::Unauthenticated)
        };
        let now = board_until(&workbench, &view.name, linked).await;
        assert_eq!(now.machine.unwrap().fault, None, "{kind}");
    }
    workbench.shutdown().await;
}

/// Loads a register that is not modelled, and ends with 0.
fn reads_unmodelled(boot: u32) -> Vec<u8> {
    let halves = [
        0x4802_u16, // ldr r0, [pc, #8]
        0x6800,     // ldr r0, [r0]
        0x2018,     // movs r0, #24
        0x4902,     // ldr r1, [pc, #8]
        0xbeab,     // bkpt 0x00ab
        0xe7fe,     // b.n .
    ];
    let mut bytes: Vec<u8> = [0x2000_1000, boot + 9]
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
    bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    // NFCT's SENSRES.
    for word in [0x4000_55a0_u32, 0x20026] {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_modelled_is_a_fault_or_zero_as_the_user_says() {
    let place = tempfile::tempdir().unwrap();
    let workbench = open(DataDir::Temporary).await;
    let path = file(place.path(), "nfc.bin", &reads_unmodelled(0x1_0000));
    let view = add(&workbench, "nano33ble", &path).await;
    let faults = async |board: &str| {
        let logs = LogsQuery {
            board: board.into(),
            after: None,
            source: Some("drydock".into()),
            limit: Some(100),
        };
        let lines = call!(workbench, LogsQuery(logs)).unwrap().lines;
        let of_registers = lines
            .iter()
            .filter(|line| line.text.contains("the register is not modelled"));
        of_registers.count()
    };
    let until = Instant::now() + Duration::from_secs(60);
    while faults(&view.name).await == 0 {
        assert!(Instant::now() < until, "no fault");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let zero = FirmwareFile {
        unmodelled: Unmodelled::Zero,
        arguments: String::new(),
        ..firmware(&path)
    };
    let other = call!(workbench, BoardAdd(board("nano33ble", zero.clone()))).unwrap();
    // Loaded again, it is loaded in the same way.
    assert_eq!(other.firmware.unwrap().file, zero);
    let ended = board_until(&workbench, &other.name, |board| {
        board
            .machine
            .as_ref()
            .is_some_and(|machine| machine.state == MachineState::Ended)
    })
    .await;
    assert_eq!(ended.machine.unwrap().exit_code, Some(0));
    assert_eq!(faults(&other.name).await, 1, "it is told all the same");
    workbench.shutdown().await;
}
