//! Virtual boards are programmed over their cables, by the code that physical ones are programmed with.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod broken;
mod desk;
mod dfu;
mod shuffle;
mod usb_wire;

use std::sync::Arc;
use std::time::Duration;

use drydock_connector::{LinkDriver, LinkEvent};
use drydock_emulator::cable::Runs;
use drydock_hardware::binding::{Binding, ChipId};
use drydock_hardware::flash::{Control, Erase, FlashError, Flasher, Plan, esp, program, sam_ba};
use drydock_hardware::image;
use drydock_hardware::port::{LinePolicy, OpenOptions};

use self::desk::Desk;

const BOARDS: [&str; 2] = ["esp32-c6", "nano33ble"];

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

fn open(desk: &Desk) -> Result<Box<dyn Flasher>, FlashError> {
    let line = desk.ports.open_blocking(&desk.path(), 115_200).unwrap();
    match desk.board.name.as_str() {
        "nano33ble" => sam_ba::open(line, &desk.board),
        _ => esp::open(line, &desk.board),
    }
}

/// Our firmware for the board, and the areas where it may be.
fn plan(desk: &Desk) -> Plan {
    let board = &desk.board;
    let firmware = drydock_embedded::firmware(&board.name).unwrap();
    let areas: &[&str] = match board.name.as_str() {
        "nano33ble" | "uno-r4-minima" => &["firmware"],
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

#[track_caller]
fn holds(desk: &Desk, plan: &Plan) {
    for segment in &plan.segments {
        let found = desk.memory(segment.address, segment.bytes.len());
        assert!(found == segment.bytes, "{} at {:#x}", desk.board.name, segment.address);
    }
}

/// The chip id that the firmware reports over its link.
fn reported(desk: &Desk) -> ChipId {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = OpenOptions {
            baud: desk.board.link.baud,
            policy: LinePolicy::Leave,
        };
        let line = desk.ports.open(&desk.path(), options).unwrap();
        let mut link = LinkDriver::spawn(line, 1);
        loop {
            let event = tokio::time::timeout(desk::PATIENCE, link.next())
                .await
                .unwrap()
                .unwrap();
            if let LinkEvent::Identity(identity) = event {
                assert_eq!(identity.board, desk.board.name);
                return ChipId::from_bytes(&identity.chip_id);
            }
        }
    })
}

#[test]
fn a_blank_board_is_programmed_and_starts() {
    for name in BOARDS {
        let mut desk = Desk::blank(name);
        let plan = plan(&desk);
        let mut binding = anyone();
        let mut flasher = open(&desk).unwrap();
        let report = program(&mut *flasher, &mut binding, &plan, &mut quiet()).unwrap();
        assert!(report.written_bytes >= report.image_bytes, "{name}: {report:?}");
        holds(&desk, &plan);
        let again = program(&mut *flasher, &mut binding, &plan, &mut quiet()).unwrap();
        assert_eq!(again.written_bytes, 0, "{name}: it was there already");
        flasher.start().unwrap();
        drop(flasher);
        desk.wait_for_firmware();
        assert_eq!(Some(reported(&desk)), binding.chip, "{name}");
    }
}

#[test]
fn an_update_keeps_what_is_behind_the_firmware() {
    for name in BOARDS {
        let mut desk = Desk::blank(name);
        let store = desk.board.flash_area("store").unwrap().base;
        desk.write(store, b"an app");
        let mut plan = plan(&desk);
        let mut flasher = open(&desk).unwrap();
        program(&mut *flasher, &mut anyone(), &plan, &mut quiet()).unwrap();
        // One page changes, and the board is another one by then.
        plan.segments.last_mut().unwrap().bytes[0x5001] ^= 1;
        drop(flasher);
        desk.call_bootloader();
        let mut flasher = open(&desk).unwrap();
        let report = program(&mut *flasher, &mut anyone(), &plan, &mut quiet()).unwrap();
        assert_eq!(report.written_bytes, 0x1000, "{name}");
        holds(&desk, &plan);
        assert_eq!(desk.memory(store, 6), b"an app", "{name}");
        plan.erase = Erase::All;
        program(&mut *flasher, &mut anyone(), &plan, &mut quiet()).unwrap();
        holds(&desk, &plan);
        assert_eq!(desk.memory(store, 6), [0xff; 6], "{name}");
    }
}

#[test]
fn parts_of_pages_are_written_and_read() {
    for name in BOARDS {
        let desk = Desk::blank(name);
        let boot = desk.board.boot;
        let mut flasher = open(&desk).unwrap();
        flasher.write(boot + 0xffe, &[1, 2, 3, 4]).unwrap();
        flasher.write(boot + 0x10, &[5; 3]).unwrap();
        let mut bytes = [0; 6];
        flasher.read(boot + 0xffd, &mut bytes).unwrap();
        assert_eq!(bytes, [0xff, 1, 2, 3, 4, 0xff], "{name}");
        assert_eq!(desk.memory(boot + 0x10, 3), [5; 3]);
        assert!(flasher.holds(boot + 0x10, &[5; 3]).unwrap() && !flasher.holds(boot + 0x10, &[5, 5, 4]).unwrap());
        flasher.erase(boot..boot + 0x1000).unwrap();
        flasher.read(boot + 0xffd, &mut bytes).unwrap();
        assert_eq!(bytes, [0xff, 0xff, 0xff, 3, 4, 0xff], "{name}");
        let end = desk.board.chip.flash.base + desk.board.chip.flash.bytes;
        assert!(
            matches!(flasher.write(end - 2, &[0; 3]), Err(FlashError::Image(_))),
            "{name}"
        );
    }
}

#[test]
fn the_touch_leads_from_the_firmware_into_the_bootloader() {
    let mut desk = Desk::blank("nano33ble");
    let mut flasher = open(&desk).unwrap();
    program(&mut *flasher, &mut anyone(), &plan(&desk), &mut quiet()).unwrap();
    flasher.start().unwrap();
    drop(flasher);
    desk.wait_for_firmware();
    let before = desk.path();
    desk.ports.touch_1200(&before).unwrap();
    desk::wait(|| desk.runs() == Runs::Bootloader);
    desk.follow();
    let is_bootloader =
        |port: &drydock_hardware::port::Port| port.usb.as_ref().is_some_and(|usb| usb.product == 0x005a);
    let port = desk
        .ports
        .wait_for_blocking(&desk.topology, is_bootloader, Duration::from_secs(10))
        .unwrap();
    assert_ne!(port.path, before);
    open(&desk).unwrap().chip().unwrap();
}
