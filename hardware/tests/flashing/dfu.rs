//! Boards whose bootloader is a USB device in DFU mode: programmed, disturbed, swapped, locked.

use super::desk::{Desk, wait};
use super::{anyone, holds, plan, quiet, reported};
use drydock_emulator::cable::{CableFaults, Runs};
use drydock_hardware::binding::{Binding, WrongBoard};
use drydock_hardware::dfu::UsbFault;
use drydock_hardware::flash::{self, Control, Erase, FlashError, Flasher, Place, Plan, Segment, Step, dfu, program};
use drydock_hardware::probe::Probes;
use std::sync::{Arc, Mutex};

const BOARDS: [&str; 2] = ["uno-r4-minima", "stm32f4-discovery"];

const DNLOAD: u8 = 1;
const UPLOAD: u8 = 2;
const GETSTATUS: u8 = 3;
const CLRSTATUS: u8 = 4;
const GET_DESCRIPTOR: u8 = 6;

fn open(desk: &Desk) -> Result<Box<dyn Flasher>, FlashError> {
    dfu::open(desk.ports.dfu(), desk.dfu.as_ref().unwrap().id(), &desk.board)
}

/// A program of two erase units and a half on the Uno, of one and a bit on the STM32.
fn small_plan(desk: &Desk) -> Plan {
    let boot = desk.board.boot;
    let bytes = if desk.board.name == "uno-r4-minima" {
        0x1423
    } else {
        0x1_0123
    };
    let mut content: Vec<u8> = (0..bytes).map(|at: u32| (at >> 3) as u8 ^ at as u8 | 1).collect();
    // A stack pointer, so that the bootloader takes it for a program.
    content[3] = 0x20;
    Plan {
        segments: vec![Segment {
            address: boot,
            bytes: content,
        }],
        allowed: std::iter::once(boot..boot + 0x3_0000).collect(),
        erase: Erase::Changed,
    }
}

fn try_with(desk: &Desk, plan: &Plan) -> Result<flash::Report, FlashError> {
    let mut flasher = open(desk)?;
    program(&mut *flasher, &mut anyone(), plan, &mut quiet())
}

#[test]
fn a_blank_board_is_programmed_and_starts() {
    for name in BOARDS {
        let mut desk = Desk::blank(name);
        assert_eq!(desk.runs(), Runs::Bootloader, "{name}");
        let image = plan(&desk).segments;
        let mut binding = anyone();
        let mut flasher = open(&desk).unwrap();
        let plan = flash::plan(&mut *flasher, &desk.board, image, Erase::Changed).unwrap();
        let report = program(&mut *flasher, &mut binding, &plan, &mut quiet()).unwrap();
        assert!(
            report.written_bytes >= report.image_bytes && !report.is_unread,
            "{name}: {report:?}"
        );
        holds(&desk, &plan);
        let again = program(&mut *flasher, &mut binding, &plan, &mut quiet()).unwrap();
        assert_eq!(again.written_bytes, 0, "{name}: it was there already");
        flasher.start().unwrap();
        drop(flasher);
        desk.wait_for_firmware();
        assert!(desk.dfu.is_none(), "{name}: the bootloader's device is gone");
        assert_eq!(Some(reported(&desk)), binding.chip, "{name}");
    }
}

#[test]
fn a_touch_of_its_port_leads_to_the_unos_bootloader() {
    let mut desk = Desk::blank("uno-r4-minima");
    // A program that the bootloader starts.
    desk.write(
        desk.board.boot,
        &[0, 0x10, 0, 0x20, 9, 0x40, 0, 0, 0x30, 0xbf, 0xfd, 0xe7],
    );
    desk.plug();
    desk.wait_for_firmware();
    let at = Place {
        port: desk.ports.port(&desk.path()),
        ..Place::default()
    };
    let desk = Arc::new(Mutex::new(desk));
    // Whoever plugs the device in when the cable shows it.
    let follower = {
        let desk = desk.clone();
        std::thread::spawn(move || {
            wait(|| desk.lock().unwrap().runs() == Runs::Bootloader);
            desk.lock().unwrap().follow();
        })
    };
    let (ports, board) = {
        let desk = desk.lock().unwrap();
        (desk.ports.clone(), desk.board.clone())
    };
    let mut flasher = flash::open(&ports, &Probes::new(), &at, &board).unwrap();
    follower.join().unwrap();
    flasher.chip().unwrap();
    let topology = at.port.unwrap().topology.unwrap();
    assert_eq!(ports.find_topology(&topology), [], "its serial port is gone");
    // Another time the bootloader waits already: no touch is needed, and the port may be one that is gone.
    drop(flasher);
    let desk = desk.lock().unwrap();
    let mut flasher = open(&desk).unwrap();
    flasher.chip().unwrap();
}

#[test]
fn a_board_of_another_kind_is_refused() {
    let uno = Desk::blank("uno-r4-minima");
    let st = super::desk::board("stm32f4-discovery");
    let refused = dfu::open(uno.ports.dfu(), uno.dfu.as_ref().unwrap().id(), &st)
        .err()
        .unwrap();
    assert!(
        refused.to_string().contains("not the bootloader of this kind of board"),
        "{refused}"
    );
    let nano = super::desk::board("nano33ble");
    assert!(dfu::open(uno.ports.dfu(), uno.dfu.as_ref().unwrap().id(), &nano).is_err());
}

#[test]
fn a_cable_that_is_pulled_in_each_step_leaves_that_step() {
    // The second report of writing comes when everything is written and nothing is read back.
    let steps = [
        (Step::Comparing, 1),
        (Step::Erasing, 1),
        (Step::Writing, 1),
        (Step::Writing, 2),
        (Step::Verifying, 1),
    ];
    for (name, (step, time)) in BOARDS.into_iter().flat_map(|name| steps.map(|step| (name, step))) {
        let mut desk = Desk::blank(name);
        let mut plan = small_plan(&desk);
        plan.segments[0].bytes.truncate(0x1423);
        let mut flasher = open(&desk).unwrap();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let (seen, pulled) = (reports.clone(), desk.puller());
        let mut control = Control::new(Arc::default(), move |at, _, _| {
            let mut seen = seen.lock().unwrap();
            seen.push(at);
            if seen.iter().filter(|seen| **seen == step).count() == time {
                pulled();
            }
        });
        let error = program(&mut *flasher, &mut anyone(), &plan, &mut control).unwrap_err();
        assert!(matches!(error, FlashError::Lost(_)), "{name}: {step:?}: {error:?}");
        let last = reports.lock().unwrap().last().copied();
        // Arduino's bootloader erases a page when it is written.
        let erases_late = name == "uno-r4-minima" && step == Step::Erasing && last == Some(Step::Writing);
        assert!(
            last == Some(step) || erases_late || time == 2,
            "{name}: {step:?}: {last:?}"
        );
        drop(flasher);
        desk.plug();
        if name == "uno-r4-minima" {
            // Its first page is written last, so that it waits in its bootloader without a hand at the button.
            assert_eq!(desk.runs(), Runs::Bootloader, "{step:?} {time}");
        }
        desk.call_bootloader();
        try_with(&desk, &plan).unwrap();
        holds(&desk, &plan);
    }
}

#[test]
fn a_board_without_power_during_the_erasure_can_be_programmed_again() {
    for name in BOARDS {
        let mut desk = Desk::blank(name);
        let mut plan = small_plan(&desk);
        try_with(&desk, &plan).unwrap();
        plan.erase = Erase::All;
        plan.segments[0].bytes[0x105] ^= 1;
        desk.breaks(CableFaults {
            pull_after_erased: Some(0x900),
            ..CableFaults::default()
        });
        let error = try_with(&desk, &plan).unwrap_err();
        assert!(matches!(error, FlashError::Lost(_)), "{name}: {error:?}");
        desk.plug();
        desk.call_bootloader();
        try_with(&desk, &plan).unwrap();
        holds(&desk, &plan);
    }
}

#[test]
fn a_transfer_that_fails_anywhere_is_an_error_and_never_a_success() {
    for name in BOARDS {
        let desk = Desk::blank(name);
        let plan = small_plan(&desk);
        try_with(&desk, &plan).unwrap();
        let in_all = desk.script.lock().unwrap().count;
        for fault in [UsbFault::Gone, UsbFault::Stall, UsbFault::NoAnswer] {
            for part in 0..12 {
                desk.write(desk.board.boot, &vec![0xff; 0x1_0800]);
                let (at, fault) = (1 + part * (in_all - 1) / 12, fault.clone());
                {
                    let mut script = desk.script.lock().unwrap();
                    script.count = 0;
                    let fault = fault.clone();
                    script.before = Some(Box::new(move |count, _| (count == at).then(|| Err(fault.clone()))));
                }
                let failed = try_with(&desk, &plan);
                desk.script.lock().unwrap().before = None;
                let error = failed.expect_err(&format!("{name}: {fault:?} at transfer {at} of {in_all}"));
                let expected = match fault {
                    UsbFault::Gone => matches!(error, FlashError::Lost(_)),
                    UsbFault::NoAnswer => matches!(error, FlashError::NoAnswer(_)),
                    _ => matches!(error, FlashError::Refused(_)),
                };
                assert!(expected, "{name}: {fault:?} at transfer {at}: {error:?}");
            }
        }
        // What an interrupted download leaves in a bootloader's buffer goes with its power.
        drop(desk);
        let desk = Desk::blank(name);
        try_with(&desk, &plan).unwrap();
        holds(&desk, &plan);
    }
}

#[test]
fn an_error_of_the_device_is_told_in_words() {
    for name in BOARDS {
        let desk = Desk::blank(name);
        let mut blocks = 0;
        let mut told = false;
        desk.script.lock().unwrap().before = Some(Box::new(move |_, setup| {
            let class = setup.request_type & 0x7f == 0x21;
            blocks += u32::from(class && setup.request == DNLOAD);
            match (blocks, setup.request) {
                // errWRITE in dfuERROR, until that is cleared.
                (5, GETSTATUS) if class && !told => Some(Ok(vec![3, 0, 0, 0, 10, 0])),
                (5, CLRSTATUS) if class => {
                    told = true;
                    Some(Ok(Vec::new()))
                }
                _ => None,
            }
        }));
        let error = try_with(&desk, &small_plan(&desk)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("its memory cannot be written (DFU status 3)"),
            "{name}: {error}"
        );
    }
}

#[test]
fn descriptors_that_make_no_sense_are_refused_before_anything_is_written() {
    for name in BOARDS {
        let desk = Desk::blank(name);
        let before = desk.memory(desk.board.boot, 0x2000);
        // Each descriptor that is asked for, cut short, and damaged in its parts.
        for (kind, at) in [
            (1, 0),
            (1, 1),
            (1, 9),
            (2, 2),
            (2, 14),
            (2, 15),
            (3, 0),
            (3, 1),
            (3, 2),
            (3, 4),
            (3, 20),
        ] {
            for cut in [false, true] {
                desk.script.lock().unwrap().after = Some(Box::new(move |setup, bytes| {
                    if setup.request_type == 0x80 && setup.request == GET_DESCRIPTOR && setup.value >> 8 == kind {
                        match cut {
                            true => bytes.truncate(bytes.len() / 2),
                            false => bytes[at] ^= 0x81,
                        }
                    }
                }));
                let opened = open(&desk).and_then(|mut flasher| flasher.chip());
                let error = opened.expect_err(&format!("{name}: descriptor {kind}, byte {at}, cut {cut}"));
                assert!(
                    matches!(error, FlashError::Garbled(_) | FlashError::Refused(_)),
                    "{name}: descriptor {kind}, byte {at}, cut {cut}: {error:?}"
                );
            }
        }
        assert_eq!(desk.memory(desk.board.boot, 0x2000), before);
    }
}

#[test]
fn memory_that_comes_in_part_is_an_error() {
    for name in BOARDS {
        let desk = Desk::blank(name);
        desk.script.lock().unwrap().after = Some(Box::new(|setup, bytes| {
            if setup.request == UPLOAD && setup.request_type == 0xa1 {
                bytes.pop();
            }
        }));
        let error = try_with(&desk, &small_plan(&desk)).unwrap_err();
        assert!(matches!(error, FlashError::Garbled(_)), "{name}: {error:?}");
    }
}

#[test]
fn another_board_in_its_place_between_two_chunks_is_not_written() {
    for name in BOARDS {
        let (first, other) = (Desk::blank(name), Desk::with_seed(name, 7));
        let image = plan(&first).segments;
        let mut flasher = open(&first).unwrap();
        let plan = flash::plan(&mut *flasher, &first.board, image, Erase::Changed).unwrap();
        let flash = &first.board.chip.flash;
        let before = other.memory(flash.base, flash.bytes as usize);
        let plug = first.dfu.as_ref().unwrap();
        // From the second chunk on the other board answers.
        let chunks = Arc::new(Mutex::new(0));
        let swapped = Arc::new(Mutex::new(false));
        let (counted, done) = (chunks.clone(), swapped.clone());
        let mut control = Control::new(Arc::default(), move |step, _, _| {
            *counted.lock().unwrap() += u32::from(step == Step::Writing);
            *done.lock().unwrap() |= *counted.lock().unwrap() == 2;
        });
        let mut watched = Swapping {
            flasher: &mut *flasher,
            is_due: swapped,
            swap: &|| plug.move_to(other.wire()),
        };
        let mut binding = anyone();
        let error = program(&mut watched, &mut binding, &plan, &mut control).unwrap_err();
        assert!(
            matches!(
                error,
                FlashError::WrongBoard(WrongBoard::Serial { .. } | WrongBoard::Chip { .. })
            ),
            "{name}: {error:?}"
        );
        assert_eq!(other.memory(flash.base, flash.bytes as usize), before, "{name}");
    }
}

/// A flasher at whose place the boards are swapped before the next question for the chip's id.
struct Swapping<'a> {
    flasher: &'a mut dyn Flasher,
    is_due: Arc<Mutex<bool>>,
    swap: &'a (dyn Fn() + Sync),
}

impl Flasher for Swapping<'_> {
    fn method(&self) -> &'static str {
        self.flasher.method()
    }

    fn chip(&mut self) -> Result<drydock_hardware::binding::ChipId, FlashError> {
        if *self.is_due.lock().unwrap() {
            (self.swap)();
        }
        self.flasher.chip()
    }

    fn is_locked(&mut self) -> Result<bool, FlashError> {
        self.flasher.is_locked()
    }

    fn erase_unit(&self, address: u32) -> std::ops::Range<u32> {
        self.flasher.erase_unit(address)
    }

    fn erase(&mut self, range: std::ops::Range<u32>) -> Result<(), FlashError> {
        self.flasher.erase(range)
    }

    fn erase_all(&mut self) -> Result<(), FlashError> {
        self.flasher.erase_all()
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.flasher.write(address, bytes)
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.flasher.read(address, bytes)
    }

    fn start(&mut self) -> Result<(), FlashError> {
        self.flasher.start()
    }
}

#[test]
fn a_locked_stm32_is_explained_and_unlocked_only_by_erasing_everything() {
    let desk = Desk::blank("stm32f4-discovery");
    let mut plan = small_plan(&desk);
    try_with(&desk, &plan).unwrap();
    let flash = desk.board.chip.flash.clone();
    let store = desk.board.flash_area("store").unwrap().base;
    desk.write(store, b"an app");
    desk.breaks(CableFaults {
        read_protected: true,
        ..CableFaults::default()
    });
    let mut flasher = open(&desk).unwrap();
    assert!(matches!(flasher.chip(), Err(FlashError::Locked)) && flasher.is_locked().unwrap());
    assert!(matches!(flasher.read(flash.base, &mut [0; 4]), Err(FlashError::Locked)));
    let refused = program(&mut *flasher, &mut anyone(), &plan, &mut quiet());
    assert!(matches!(refused, Err(FlashError::Locked)), "{refused:?}");
    holds(&desk, &plan);
    plan.erase = Erase::All;
    let mut binding: Binding = anyone();
    program(&mut *flasher, &mut binding, &plan, &mut quiet()).unwrap();
    holds(&desk, &plan);
    assert!(binding.chip.is_some() && !flasher.is_locked().unwrap());
    assert_eq!(desk.memory(store, 6), [0xff; 6]);
}

/// The number of a block is its place and has 16 bits: of a flash in blocks of a byte, most places have none.
#[test]
fn blocks_that_are_too_small_to_be_counted_are_refused() {
    for name in BOARDS {
        for size in [1, 2, 4, 7] {
            let desk = Desk::blank(name);
            desk.script.lock().unwrap().after = Some(Box::new(move |setup, bytes| {
                if setup.request == GET_DESCRIPTOR && setup.request_type == 0x80 && setup.value == 0x0200 {
                    let functional = bytes.len() - 9;
                    bytes[functional + 5..functional + 7].copy_from_slice(&[size, 0]);
                }
            }));
            let error = try_with(&desk, &small_plan(&desk)).unwrap_err();
            assert!(matches!(error, FlashError::Garbled(_)), "{name}, {size}: {error}");
        }
    }
}

#[test]
fn a_bootloader_that_cannot_be_read_says_so() {
    let desk = Desk::blank("uno-r4-minima");
    desk.script.lock().unwrap().after = Some(Box::new(|setup, bytes| {
        if setup.request == GET_DESCRIPTOR && setup.request_type == 0x80 && setup.value == 0x0200 {
            let functional = bytes.len() - 9;
            bytes[functional + 2] &= !2;
        }
    }));
    let plan = small_plan(&desk);
    let report = try_with(&desk, &plan).unwrap();
    assert!(report.is_unread, "{report:?}");
    let mut flasher = open(&desk).unwrap();
    assert!(matches!(
        flasher.read(desk.board.boot, &mut [0]),
        Err(FlashError::Unsupported { .. })
    ));
    flasher.start().unwrap();
    holds(&desk, &plan);
}

#[test]
fn an_stm32_that_hides_its_id_is_bound_to_its_serial_number() {
    let mut desk = Desk::blank("stm32f4-discovery");
    // The first upload is that of the id: the device goes into its error state, errTARGET, until that is cleared.
    let mut state = Hiding::Nothing;
    desk.script.lock().unwrap().before = Some(Box::new(move |_, setup| {
        let class = setup.request_type & 0x7f == 0x21;
        let (next, answer) = match (state, setup.request) {
            (Hiding::Nothing, UPLOAD) if class => (Hiding::Error, Err(UsbFault::Stall)),
            (Hiding::Error, GETSTATUS) if class => (Hiding::Error, Ok(vec![1, 0, 0, 0, 10, 0])),
            (Hiding::Error, CLRSTATUS) if class => (Hiding::Done, Ok(Vec::new())),
            _ => return None,
        };
        state = next;
        Some(answer)
    }));
    let mut flasher = open(&desk).unwrap();
    let plan = small_plan(&desk);
    let mut binding = anyone();
    program(&mut *flasher, &mut binding, &plan, &mut quiet()).unwrap();
    assert!(!flasher.tells_chip_id());
    assert_eq!(Some(flasher.chip().unwrap()), binding.chip);
    holds(&desk, &plan);
    drop(flasher);
    desk.script.lock().unwrap().before = None;
    desk.follow();
    assert_ne!(Some(open(&desk).unwrap().chip().unwrap()), binding.chip);
}

#[derive(Clone, Copy)]
enum Hiding {
    Nothing,
    Error,
    Done,
}

#[test]
fn parts_of_pages_are_written_and_read() {
    let desk = Desk::blank("uno-r4-minima");
    let boot = desk.board.boot;
    let mut flasher = open(&desk).unwrap();
    flasher.write(boot + 0x7fe, &[1, 2, 3, 4]).unwrap();
    flasher.write(boot + 0x10, &[5; 3]).unwrap();
    let mut bytes = [0; 6];
    flasher.read(boot + 0x7fd, &mut bytes).unwrap();
    assert_eq!(bytes, [0xff, 1, 2, 3, 4, 0xff]);
    assert_eq!(desk.memory(boot + 0x10, 3), [5; 3]);
    flasher.erase(boot..boot + 0x800).unwrap();
    flasher.read(boot + 0x7fd, &mut bytes).unwrap();
    assert_eq!(bytes, [0xff, 0xff, 0xff, 3, 4, 0xff]);
    let end = desk.board.chip.flash.base + desk.board.chip.flash.bytes;
    assert!(matches!(flasher.write(end - 2, &[0; 3]), Err(FlashError::Image(_))));
    assert!(
        matches!(flasher.write(0, &[0; 3]), Err(FlashError::Image(_))),
        "its own place"
    );
    let identity = desk.board.flash_area("identity").unwrap().base;
    assert!(matches!(
        flasher.read(identity, &mut [0; 4]),
        Err(FlashError::Unsupported { .. })
    ));
    assert!(!flasher.reaches(identity) && flasher.reaches(boot));
}
