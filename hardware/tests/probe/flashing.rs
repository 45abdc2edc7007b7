//! Flash that is written over a probe, by the chips' own flash algorithms.

use crate::bench::{Desk, pattern, write};
use drydock_emulator::VirtualTime;
use drydock_hardware::flash::{Erase, FlashError};

fn check_firmware(board: &str) {
    let desk = Desk::new();
    let mut board = desk.blank(board, 7);
    let plan = board.firmware();
    let mut flasher = board.flasher(&desk);
    let id = flasher.chip().unwrap();
    let report = write(&mut *flasher, &plan).unwrap();
    assert!(report.written_bytes >= report.image_bytes);
    assert!(board.holds(&plan));
    assert_eq!(flasher.chip().unwrap(), id);
    flasher.start().unwrap();
    board.wait_for_link();
    // What is there already is not written again.
    let report = write(&mut *flasher, &plan).unwrap();
    assert_eq!(report.written_bytes, 0);
    // The board starts again after having been looked at.
    drop(flasher);
    board.uart.fetch();
    board.wait_for_link();
}

#[test]
fn a_blank_nano_boots_what_was_flashed() {
    check_firmware("nano33ble");
}

#[test]
fn a_blank_discovery_boots_what_was_flashed() {
    check_firmware("stm32f4-discovery");
}

#[test]
fn a_blank_uno_boots_what_was_flashed() {
    check_firmware("uno-r4-minima");
}

#[test]
fn the_flash_around_an_image_stays() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 8);
    let before = board.memory(0, 0x10_0000);
    let mut flasher = board.flasher(&desk);
    let plan = board.plan(vec![pattern(0x2_0010, 0x2345)]);
    write(&mut *flasher, &plan).unwrap();
    let mut expected = before;
    expected[0x2_0010..0x2_0010 + 0x2345].copy_from_slice(&plan.segments[0].bytes);
    assert!(board.memory(0, 0x10_0000) == expected);
}

/// A page takes 85 ms to erase, in which the algorithm would ask for its end some million times.
#[test]
fn a_flash_algorithm_that_waits_is_not_executed() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 12);
    let mut flasher = board.flasher(&desk);
    // The machine's own: its status is some time old.
    let counters = || {
        let looked = board
            .handle
            .with_machine_blocking(|machine| (machine.instructions(), machine.now()));
        looked.unwrap()
    };
    let (instructions, begun) = counters();
    write(&mut *flasher, &board.plan(vec![pattern(0x2_0000, 0x4000)])).unwrap();
    let (after, ended) = counters();
    let instructions = after - instructions;
    // Before it is asked for the first time, it runs as any program does.
    assert!(instructions < 2_000_000, "{instructions}");
    let took = ended.saturating_sub(begun);
    assert!(took >= VirtualTime::from_ms(4 * 85 + 4 * 1024 * 41 / 1000), "{took:?}");
}

#[test]
fn a_locked_chip_is_refused_and_erasing_everything_unlocks_it() {
    let desk = Desk::new();
    let board = desk.running("nano33ble", 9);
    assert!(board.port().0.set_locked(true));
    let found = desk.probes.identify(board.plug.id()).unwrap();
    assert!(found.is_locked && found.id.is_none());
    // Behind its image the firmware keeps its own records, and it runs.
    let image = || board.memory(0, 0x8_8000);
    let before = image();
    let mut flasher = board.flasher(&desk);
    assert!(flasher.is_locked().unwrap());
    let mut plan = board.plan(vec![pattern(0x1_0000, 0x5000)]);
    let error = write(&mut *flasher, &plan).unwrap_err();
    assert!(matches!(error, FlashError::Locked), "{error}");
    let error = flasher.read(0, &mut [0; 16]).unwrap_err();
    assert!(matches!(error, FlashError::Locked), "{error}");
    assert!(image() == before, "nothing was erased");

    plan.erase = Erase::All;
    write(&mut *flasher, &plan).unwrap();
    assert!(!flasher.is_locked().unwrap());
    assert!(board.holds(&plan));
    let erased = |address, bytes| board.memory(address, bytes).iter().all(|byte| *byte == 0xff);
    assert!(erased(0, 0x1_0000) && erased(0x1_5000, 0xe_b000));
    assert!(erased(0x1000_1000, 0x1000), "UICR");
    assert!(!desk.probes.identify(board.plug.id()).unwrap().is_locked);
}

#[test]
fn erasing_everything_of_a_chip_that_is_not_locked() {
    let desk = Desk::new();
    for name in ["nano33ble", "stm32f4-discovery"] {
        let board = desk.running(name, 10);
        let flash = board.board.chip.flash.clone();
        let mut flasher = board.flasher(&desk);
        flasher.erase_all().unwrap();
        let memory = board.memory(flash.base, flash.bytes as usize);
        assert!(memory.iter().all(|byte| *byte == 0xff), "{name}");
    }
}

#[test]
fn addresses_without_flash_are_refused() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 11);
    let mut flasher = board.flasher(&desk);
    for (address, bytes) in [(0x10_0000, 16), (0x2000_0000, 16), (0xf_fff8, 16), (0xffff_fff8, 16)] {
        let mut buffer = vec![0; bytes];
        let errors = [
            flasher.write(address, &buffer).unwrap_err(),
            flasher.read(address, &mut buffer).unwrap_err(),
            flasher
                .erase(address..address.saturating_add(4))
                .err()
                .unwrap_or(FlashError::Cancelled),
        ];
        for error in &errors[..2] {
            assert!(matches!(error, FlashError::Image(_)), "{address:#x}: {error}");
        }
    }
    assert_eq!(flasher.erase_unit(0x1_0123), 0x1_0000..0x1_1000);
    let discovery = desk.blank("stm32f4-discovery", 12);
    let flasher = discovery.flasher(&desk);
    assert_eq!(flasher.erase_unit(0x0801_0004), 0x0801_0000..0x0802_0000);
    assert_eq!(flasher.erase_unit(0x0802_0004), 0x0802_0000..0x0804_0000);
}
