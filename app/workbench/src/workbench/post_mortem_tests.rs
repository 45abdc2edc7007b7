//! What is said of programs of the user's own that fail, from the API down to a program on public crates.

use super::cable_tests::{board_until, call};
use super::guest_programs::guest;
use super::*;
use crate::api::{
    Badge, BoardAdd, BoardPower, EventName, FirmwareFile, LogsQuery, Pace, PowerAction, Unmodelled, Update,
};
use drydock_backtrace::{Core, DebugInfo, FRAMES_MAX, Registers};
use std::path::Path;
use std::time::Duration;

const SOURCE: &str = include_str!("../../../../backtrace/tests/guest/src/main.rs");

/// The place of the first line of the source that has a text.
fn place(text: &str) -> String {
    let line = SOURCE.lines().position(|line| line.contains(text)).unwrap() + 1;
    format!("(src/main.rs:{line})")
}

fn temporary() -> WorkbenchConfig {
    WorkbenchConfig {
        data: DataDir::Temporary,
        ..WorkbenchConfig::default()
    }
}

async fn add(workbench: &Workbench, elf: &Path) {
    let add = BoardAdd {
        kind: "nano33ble".into(),
        name: Some("failing".into()),
        engine: None,
        pace: Pace::Max,
        seed: Some("2a".into()),
        link_noise: None,
        kind_file: None,
        parts: Vec::new(),
        part_values: None,
        record: None,
        firmware: Some(FirmwareFile {
            path: elf.display().to_string(),
            address: None,
            defmt: None,
            unmodelled: Unmodelled::Fault,
            arguments: String::new(),
        }),
    };
    call!(workbench, BoardAdd(add)).unwrap();
}

fn backtrace(event: &Event) -> Vec<String> {
    let frames = event.data.get("backtrace").and_then(|frames| frames.as_array());
    let frames = frames.into_iter().flatten();
    frames.map(|frame| frame.as_str().unwrap().to_owned()).collect()
}

/// The events until the program has ended.
async fn told(updates: &mut Updates) -> Vec<Event> {
    let mut told = Vec::new();
    loop {
        let update = tokio::time::timeout(Duration::from_mins(2), updates.next())
            .await
            .unwrap();
        if let Some(Update::Event(event)) = update {
            let ends = event.event == EventName::MachineEnded;
            if matches!(event.event, EventName::MachineFaulted | EventName::MachineEnded) {
                told.push(event);
            }
            if ends {
                return told;
            }
        }
    }
}

/// Who called whom when it failed: below the handler the frame that was interrupted, with what was inlined there.
fn expected() -> Vec<String> {
    vec![
        format!("guest_backtrace::inner {}", place("let nothing = unsafe")),
        format!("guest_backtrace::middle {}", place("let sum = inner")),
        format!("guest_backtrace::outer {}", place("middle(black_box")),
        format!("guest_backtrace::__cortex_m_rt_main {}", place("outer(black_box")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_and_the_end_say_who_called_whom() {
    let Some(elf) = guest("backtrace/tests/guest", "guest-backtrace") else {
        return;
    };
    let workbench = Workbench::open(temporary()).await.unwrap();
    let mut updates = workbench.subscribe();
    add(&workbench, &elf).await;
    for start in 0..2 {
        let told = told(&mut updates).await;
        let names: Vec<&EventName> = told.iter().map(|event| &event.event).collect();
        assert_eq!(
            names,
            [
                &EventName::MachineFaulted,
                &EventName::MachineFaulted,
                &EventName::MachineEnded
            ],
            "{told:#?}"
        );
        // The access first, the exception that follows then.
        assert!(told[0].text.contains("32-bit load from 0x6000000c"), "{}", told[0].text);
        assert!(backtrace(&told[0]).contains(&expected()[0]), "{told:#?}");
        let end = &backtrace(&told[2]);
        assert!(end[0].starts_with("guest_backtrace::end "), "{end:#?}");
        // What was inlined has frames, too.
        let interrupted = end
            .iter()
            .position(|frame| frame.starts_with("interrupted: core::ptr::read_volatile"));
        assert!(interrupted.is_some(), "{end:#?}");
        let inner = end.iter().position(|frame| *frame == expected()[0]).unwrap();
        assert!(end[inner..].starts_with(&expected()), "{end:#?}");
        assert_eq!(end.last().unwrap(), "Reset");
        let logs = LogsQuery {
            board: "failing".into(),
            after: None,
            source: Some("drydock".into()),
            limit: Some(100),
        };
        let lines = call!(workbench, LogsQuery(logs)).unwrap().lines;
        assert!(
            lines.iter().any(|line| line.text.ends_with(&expected()[1])),
            "{lines:#?}"
        );
        board_until(&workbench, "failing", |board| board.badge == Badge::Failed).await;
        if start == 0 {
            let reset = BoardPower {
                board: "failing".into(),
                action: PowerAction::Reset,
            };
            call!(workbench, BoardPower(reset)).unwrap();
        }
    }
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_without_debug_information_has_the_names_of_its_functions() {
    let Some(elf) = guest("backtrace/tests/guest", "guest-backtrace") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let stripped = folder.path().join("stripped.elf");
    std::fs::write(&stripped, without_dwarf(std::fs::read(&elf).unwrap())).unwrap();
    let workbench = Workbench::open(temporary()).await.unwrap();
    let mut updates = workbench.subscribe();
    add(&workbench, &stripped).await;
    let told = told(&mut updates).await;
    assert_eq!(backtrace(&told[0]), ["guest_backtrace::inner"]);
    workbench.shutdown().await;
}

/// The ELF file with sections of debug information that are called otherwise.
fn without_dwarf(mut elf: Vec<u8>) -> Vec<u8> {
    let name = b".debug_";
    for at in 0..elf.len() - name.len() {
        if elf[at..].starts_with(name) {
            elf[at + 1] = b'x';
        }
    }
    elf
}

#[test]
fn damaged_debug_information_and_a_damaged_stack_end_the_list() {
    let Some(elf) = guest("backtrace/tests/guest", "guest-backtrace") else {
        return;
    };
    let whole = std::fs::read(elf).unwrap();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        // Xorshift: the same numbers each time.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut most = 0;
    for round in 0..400 {
        let mut elf = whole.clone();
        for _ in 0..round % 8 {
            let at = random() as usize % elf.len();
            elf[at] = random() as u8;
        }
        if round % 5 == 4 {
            elf.truncate(random() as usize % elf.len());
        }
        let Ok(debug_info) = DebugInfo::read(&elf) else {
            continue;
        };
        let mut general = [0; 32];
        general.fill_with(|| 0x2000_0000 + (random() as u32 & 0xfffc));
        general[14] = if random() % 2 == 0 {
            0xffff_fff9
        } else {
            random() as u32 & 0x7ff
        };
        let registers = Registers {
            core: if round % 3 == 0 { Core::RiscV } else { Core::CortexM },
            general,
            pc: random() as u32 & 0x7fe,
            process_stack: random() as u32,
        };
        // Words of the stack are addresses of the program, exceptions, or nothing.
        let frames = debug_info.backtrace(&registers, &mut |_| match random() % 16 {
            0 => None,
            1 => Some(0xffff_fff9),
            2 => Some(0x2000_0000 + (random() as u32 & 0xfffc)),
            _ => Some(random() as u32 & 0x7ff),
        });
        assert!(!frames.is_empty() && frames.len() <= FRAMES_MAX);
        most = most.max(frames.len());
    }
    assert!(most > 4, "the lists were short: {most}");
}
