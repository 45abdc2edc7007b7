//! Programs that log with defmt, from the API down to a program on public crates in a virtual board's flash.

use super::cable_tests::{board_until, cable, call, console_until, ended, hardware, over_probe, put, workbench};
use super::guest_programs::guest;
use super::*;
use crate::api::{
    Badge, BoardAdd, BoardFirmware, CableAction, ConsoleLine, ConsoleOpen, ConsoleView, FirmwareFile, FirmwareSource,
    FlashStart, JobState, LogsQuery, Pace, PortRef, Unmodelled, VirtualBoardView,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_emulator::ResetKind;
use std::path::{Path, PathBuf};

const SOURCE: &str = include_str!("../../../../defmt/tests/guest/src/main.rs");
const BOARD: &str = "stm32f4-discovery";

/// The program's ELF file.
fn program() -> Option<PathBuf> {
    guest("defmt/tests/guest", "guest-defmt")
}

fn open(board: &VirtualBoardView, elf: &str) -> ConsoleOpen {
    ConsoleOpen {
        path: board.probe.clone().unwrap(),
        baud: 0,
        kind: Some(BOARD.into()),
        log: None,
        defmt: Some(elf.into()),
    }
}

fn lines(console: &ConsoleView) -> Vec<ConsoleLine> {
    let lines = console.chunks.iter().filter_map(|chunk| chunk.lines.clone());
    lines.flatten().collect()
}

fn text(console: &ConsoleView) -> String {
    let bytes = console
        .chunks
        .iter()
        .map(|chunk| BASE64_STANDARD.decode(&chunk.base64).unwrap());
    String::from_utf8(bytes.flatten().collect()).unwrap()
}

/// The line of the source that has a text.
fn line_of(text: &str) -> u32 {
    SOURCE.lines().position(|line| line.contains(text)).unwrap() as u32 + 1
}

/// The ELF file without the statements of the level `info`: their symbols have the tag of another tool.
fn with_other_statements(mut elf: Vec<u8>) -> Vec<u8> {
    let tag = br#""defmt_info""#;
    let places: Vec<usize> = (0..elf.len() - tag.len())
        .filter(|at| elf[*at..].starts_with(tag))
        .collect();
    for at in places {
        elf[at..at + tag.len()].copy_from_slice(br#""other_info""#);
    }
    elf
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_lines_with_their_place_also_after_a_reset() {
    let Some(elf) = program() else { return };
    let Some(workbench) = workbench(&[BOARD]).await else {
        return;
    };
    // One that is blank waits in its ROM's bootloader.
    let board = put(&workbench, BOARD, false, "d1").await;
    let flash = FlashStart {
        on: over_probe(&board),
        kind: BOARD.into(),
        firmware: FirmwareSource::Path(elf.display().to_string()),
        address: None,
        erase_all: false,
    };
    let job = call!(workbench, FlashStart(flash)).unwrap();
    let flashed = ended(&workbench, job.id).await;
    assert_eq!(flashed.state, JobState::Done, "{flashed:#?}");

    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log.txt");
    let request = ConsoleOpen {
        log: Some(log.display().to_string()),
        ..open(&board, &elf.display().to_string())
    };
    let probe = request.path.clone();
    call!(workbench, ConsoleOpen(request)).unwrap();
    let console = console_until(&workbench, &probe, |console| text(console).contains("count 2")).await;
    assert_eq!(console.text, None);
    let found = lines(&console);
    let expected = [
        (Some("info"), "hello from defmt", "defmt::info!(\"hello"),
        (
            Some("debug"),
            "shapes Empty Point { x: -5, y: Some(7) }",
            "defmt::debug!",
        ),
        (Some("warn"), "bytes [01, ab] bits 0b110", "defmt::warn!"),
        (Some("error"), "one|two 2 and A | B", "defmt::error!"),
        (Some("trace"), "list [1, 2] kept", "defmt::trace!"),
        (None, "shown by the program: Some(\"text\")", "defmt::println!"),
        (Some("info"), "count 1", "defmt::info!(\"count"),
    ];
    for (number, (level, message, source)) in expected.into_iter().enumerate() {
        let line = ConsoleLine {
            timestamp: Some(format!("0.{number:06}")),
            level: level.map(Into::into),
            message: message.into(),
            file: Some("src/main.rs".into()),
            line: Some(line_of(source)),
        };
        assert_eq!(found[number], line);
    }
    let first = format!(
        "0.000000 INFO  hello from defmt (src/main.rs:{})\n",
        line_of("hello from")
    );
    assert!(text(&console).starts_with(&first), "{}", text(&console));
    assert!(std::fs::read_to_string(&log).unwrap().starts_with(&first));

    let machine = workbench.workbench.hardware.desk.machine(&board.name);
    machine.reset(ResetKind::Pin);
    let twice = |console: &ConsoleView| text(console).matches(&first).count() == 2;
    console_until(&workbench, &probe, twice).await;
    cable(&workbench, &board.name, CableAction::Pull).await;
    console_until(&workbench, &probe, |console| !console.open).await;
    cable(&workbench, &board.name, CableAction::Plug).await;
    let count = lines(&console_until(&workbench, &probe, |console| console.open).await).len();
    let more = |console: &ConsoleView| lines(console).len() > count;
    let again = console_until(&workbench, &probe, more).await;
    assert!(!text(&again).contains("could not be decoded"), "{}", text(&again));

    // The tables of another build do not have the statement that the program repeats.
    call!(workbench, ConsoleClose(PortRef { path: probe.clone() })).unwrap();
    let other = directory.path().join("other.elf");
    std::fs::write(&other, with_other_statements(std::fs::read(&elf).unwrap())).unwrap();
    call!(workbench, ConsoleOpen(open(&board, &other.display().to_string()))).unwrap();
    let says = console_until(&workbench, &probe, |console| console.text.is_some()).await;
    assert!(says.text.unwrap().starts_with("Frames cannot be decoded"));
    assert!(says.open && says.chunks.is_empty());
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_of_no_use_is_refused_before_the_probe_is_in_use() {
    let Some(workbench) = workbench(&[BOARD]).await else {
        return;
    };
    let board = put(&workbench, BOARD, true, "d2").await;
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let firmware = drydock_embedded::firmware(BOARD).unwrap();
    let missing = directory.path().join("missing.elf").display().to_string();
    for (path, says) in [
        (missing, "missing.elf cannot be read"),
        ("program.elf".into(), "absolute path"),
        (file("text", b"no program"), "it is no ELF file"),
        (file("plain.elf", firmware.elf), "it has no section .defmt"),
    ] {
        let refused = call!(workbench, ConsoleOpen(open(&board, &path))).unwrap_err();
        assert!(refused.message.contains(says), "{refused}");
        assert_eq!(hardware(&workbench).await.probes[0].used_by, None);
        // Whether the probe is there is not asked before.
        let nowhere = ConsoleOpen {
            path: "0483:374b:066".into(),
            ..open(&board, &path)
        };
        let refused = call!(workbench, ConsoleOpen(nowhere)).unwrap_err();
        assert!(refused.message.contains(says), "{refused}");
    }
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emulated_board_shows_what_its_program_logs_without_a_word() {
    let Some(elf) = program() else { return };
    let place = tempfile::tempdir().unwrap();
    let data = || WorkbenchConfig {
        data: DataDir::At(place.path().join("data")),
        ..WorkbenchConfig::default()
    };
    let workbench = Workbench::open(data()).await.unwrap();
    let firmware = FirmwareFile {
        path: elf.display().to_string(),
        address: None,
        defmt: None,
        unmodelled: Unmodelled::Fault,
        arguments: String::new(),
    };
    let add = BoardAdd {
        kind: BOARD.into(),
        name: Some("logger".into()),
        engine: None,
        pace: Pace::Max,
        seed: Some("2a".into()),
        link_noise: None,
        kind_file: None,
        firmware: Some(firmware.clone()),
        parts: Vec::new(),
        part_values: None,
        record: None,
    };
    call!(workbench, BoardAdd(add)).unwrap();
    let first = format!(
        "0.000000 INFO  hello from defmt (src/main.rs:{})",
        line_of("hello from")
    );
    board_until(&workbench, "logger", |board| board.badge == Badge::OwnFirmware).await;
    let console = console_until(&workbench, "logger:rtt0", |console| text(console).contains("count 2")).await;
    assert!(text(&console).starts_with(&first), "{}", text(&console));
    assert_eq!(lines(&console)[2].level.as_deref(), Some("warn"));
    // The board's log has the level, and the place.
    let logs = LogsQuery {
        board: "logger".into(),
        after: None,
        source: Some("rtt0".into()),
        limit: Some(100),
    };
    let logged = call!(workbench, LogsQuery(logs)).unwrap().lines;
    let place_of = |statement: &str| format!("(src/main.rs:{})", line_of(statement));
    let expected = format!("one|two 2 and A | B {}", place_of("defmt::error!"));
    assert!(
        logged.iter().any(|line| line.level == "error" && line.text == expected),
        "{logged:#?}"
    );
    // It is so after a restart.
    workbench.shutdown().await;
    let workbench = Workbench::open(data()).await.unwrap();
    board_until(&workbench, "logger", |board| board.badge == Badge::OwnFirmware).await;
    console_until(&workbench, "logger:rtt0", |console| text(console).contains(&first)).await;

    // A channel with another name shows its bytes as they are, unless the user names it.
    let renamed = place.path().join("renamed.elf");
    std::fs::write(&renamed, with_another_name(std::fs::read(&elf).unwrap())).unwrap();
    let on = |line: Option<&str>| BoardFirmware {
        board: "logger".into(),
        firmware: Some(FirmwareFile {
            path: renamed.display().to_string(),
            address: None,
            defmt: line.map(Into::into),
            unmodelled: Unmodelled::Fault,
            arguments: String::new(),
        }),
    };
    call!(workbench, BoardFirmware(on(None))).unwrap();
    board_until(&workbench, "logger", |board| board.badge == Badge::OwnFirmware).await;
    let bytes = |console: &ConsoleView| console.chunks.iter().any(|chunk| chunk.lines.is_none());
    console_until(&workbench, "logger:rtt0", bytes).await;
    let refused = call!(workbench, BoardFirmware(on(Some("uart7")))).unwrap_err();
    assert!(refused.message.contains("has no line uart7; it has UARTs"), "{refused}");
    call!(workbench, BoardFirmware(on(Some("rtt0")))).unwrap();
    board_until(&workbench, "logger", |board| board.badge == Badge::OwnFirmware).await;
    let decoded = |console: &ConsoleView| console.chunks.last().is_some_and(|chunk| chunk.lines.is_some());
    console_until(&workbench, "logger:rtt0", decoded).await;
    let plain = file_without_defmt(place.path());
    let refused = BoardFirmware {
        board: "logger".into(),
        firmware: Some(FirmwareFile {
            path: plain,
            address: None,
            defmt: Some("0".into()),
            unmodelled: Unmodelled::Fault,
            arguments: String::new(),
        }),
    };
    let refused = call!(workbench, BoardFirmware(refused)).unwrap_err();
    assert!(
        refused.message.contains("plain.elf cannot be used to decode defmt"),
        "{refused}"
    );
    workbench.shutdown().await;
}

/// The ELF file of a program whose channel is not called `defmt`.
fn with_another_name(mut elf: Vec<u8>) -> Vec<u8> {
    let name = b"\0defmt\0";
    for at in 0..elf.len() - name.len() {
        // Not the section's.
        if elf[at + 1..].starts_with(&name[1..]) && elf[at] != b'.' {
            elf[at + 1] = b'x';
        }
    }
    elf
}

fn file_without_defmt(folder: &Path) -> String {
    let path = folder.join("plain.elf");
    std::fs::write(&path, drydock_embedded::firmware(BOARD).unwrap().elf).unwrap();
    path.display().to_string()
}
