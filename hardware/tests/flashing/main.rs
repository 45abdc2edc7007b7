//! Blank virtual boards are programmed over their cables, by the code that physical ones are programmed with.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod desk;
mod shuffle;

use std::io::Read as _;
use std::sync::Arc;

use drydock_emulator::cable::Runs;
use drydock_hardware::binding::Binding;
use drydock_hardware::flash::{Control, Erase, Flasher, Plan, esp, program, sam_ba};
use drydock_hardware::image;

use self::desk::{Desk, wait};

fn anyone() -> Binding {
    Binding {
        topology: None,
        serial: None,
        chip: None,
    }
}

fn quiet() -> Control {
    Control::new(Arc::default(), |_, _, _| {})
}

fn open(desk: &Desk) -> Box<dyn Flasher> {
    let line = desk.ports.open_blocking(&desk.path(), 115_200).unwrap();
    match desk.board.name.as_str() {
        "nano33ble" => sam_ba::open(line, &desk.board),
        _ => esp::open(line, &desk.board),
    }
    .unwrap()
}

/// Our firmware for the board, and the areas where it may be.
fn plan(desk: &Desk) -> Plan {
    let board = &desk.board;
    let firmware = drydock_embedded::firmware(&board.name).unwrap();
    let areas: &[&str] = match board.name.as_str() {
        "nano33ble" => &["firmware"],
        _ => &["bootloader", "firmware"],
    };
    let allowed = areas.iter().map(|area| {
        let area = board.flash_area(area).unwrap();
        area.base..area.base + area.bytes
    });
    Plan {
        segments: image::segments(firmware.elf, board, None).unwrap(),
        allowed: allowed.collect(),
        erase: Erase::Changed,
    }
}

#[test]
fn a_blank_board_is_programmed_and_starts() {
    for name in ["esp32-c6", "nano33ble"] {
        let mut desk = Desk::blank(name);
        let plan = plan(&desk);
        let mut binding = anyone();
        let mut flasher = open(&desk);
        let report = program(&mut *flasher, &mut binding, &plan, &mut quiet()).unwrap();
        assert!(report.written_bytes >= report.image_bytes, "{name}: {report:?}");
        for segment in &plan.segments {
            assert!(
                desk.memory(segment.address, segment.bytes.len()) == segment.bytes,
                "{name}"
            );
        }
        // It is there now.
        let again = program(&mut *flasher, &mut binding, &plan, &mut quiet()).unwrap();
        assert_eq!(again.written_bytes, 0, "{name}");
        flasher.start().unwrap();
        drop(flasher);
        wait(|| desk.cable.runs() == Runs::Firmware);
        desk.follow();
        // The firmware says something on its link.
        let mut line = desk.ports.open_blocking(&desk.path(), desk.board.link.baud).unwrap();
        line.set_timeout(desk::PATIENCE).unwrap();
        let mut first = [0; 64];
        line.read_exact(&mut first).unwrap();
        assert_eq!(
            first.iter().filter(|byte| **byte == 0xff).count(),
            0,
            "{name}: {first:02x?}"
        );
        println!("{name}: {}", binding.chip.unwrap());
    }
}
