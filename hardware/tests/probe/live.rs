//! Looks at boards that run.

use crate::bench::Desk;
use drydock_hardware::probe::ProbeError;

#[test]
fn samples_of_a_running_board_are_in_its_firmware() {
    let desk = Desk::new();
    let mut board = desk.running("nano33ble", 30);
    board.wait_for_link();
    let mut chip = desk.probes.look(board.plug.id(), &board.board).unwrap();
    let samples = chip.sample_pc(200).unwrap();
    assert_eq!(samples.len(), 200);
    let firmware = board.board.flash_area("firmware").unwrap();
    let range = firmware.base..firmware.base + firmware.bytes;
    assert!(samples.iter().all(|pc| range.contains(pc)), "{samples:x?}");
    board.uart.fetch();
    board.wait_for_link();
}

#[test]
fn the_console_in_memory_is_read_in_order() {
    let desk = Desk::new();
    let board = desk.blank("stm32f4-discovery", 31);
    let ram = board.board.chip.ram[0];
    let (block, buffer) = (ram.base + 0x4_ff4 % ram.bytes, ram.base + 0x800);
    let put = |address: u32, bytes: Vec<u8>| {
        let written = board
            .handle
            .with_machine_blocking(move |machine| machine.write_memory(address, &bytes).is_ok());
        assert!(written.unwrap());
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut chip = desk.probes.look(board.plug.id(), &board.board).unwrap();
    assert!(!chip.has_rtt().unwrap());
    assert!(chip.read_rtt(0).unwrap().is_empty());

    // What a program with one channel of 16 bytes has written so far.
    put(buffer, b"hello, board... ".to_vec());
    put(block, b"SEGGER RTT\0\0\0\0\0\0".to_vec());
    put(block + 16, words(&[1, 0, 0, buffer, 16, 5, 0, 0]));
    assert_eq!(chip.read_rtt(0).unwrap(), b"hello");
    assert!(chip.read_rtt(0).unwrap().is_empty(), "it was read");
    assert!(chip.read_rtt(1).unwrap().is_empty(), "there is no such channel");
    // The program goes on past the end of the ring.
    put(block + 24 + 12, words(&[2]));
    assert_eq!(chip.read_rtt(0).unwrap(), b", board... he");
    assert!(chip.read_rtt(0).unwrap().is_empty());
    assert!(!chip.take_rtt_restart());
    // It begins anew after a reset, at the ring's beginning.
    put(block + 24 + 12, words(&[3, 0]));
    assert_eq!(chip.read_rtt(0).unwrap(), b"hel");
    assert!(chip.take_rtt_restart());
    assert!(!chip.take_rtt_restart(), "it was told");
    put(block + 24 + 12, words(&[99]));
    let error = chip.read_rtt(0).unwrap_err();
    assert!(matches!(error, ProbeError::Garbled(_)), "{error}");
}

#[test]
fn what_is_sent_goes_into_the_ring_that_the_program_reads() {
    let desk = Desk::new();
    let board = desk.blank("stm32f4-discovery", 33);
    let ram = board.board.chip.ram[0].base;
    let (block, buffer) = (ram + 0x400, ram + 0x800);
    let put = |address: u32, words: &[u32]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let written = board
            .handle
            .with_machine_blocking(move |machine| machine.write_memory(address, &bytes).is_ok());
        assert!(written.unwrap());
    };
    let mut chip = desk.probes.look(board.plug.id(), &board.board).unwrap();
    assert_eq!(chip.write_rtt(0, b"x").unwrap(), None, "there is no console");
    // One channel up, one down with eight bytes, of which the program has read five.
    put(block, &[0x4747_4553, 0x5220_5245, 0x5454, 0, 1, 1]);
    put(block + 24, &[0, ram + 0x900, 8, 0, 0, 0]);
    put(block + 48, &[0, buffer, 8, 5, 5, 0]);
    assert_eq!(chip.write_rtt(1, b"x").unwrap(), None, "there is no such channel");
    assert_eq!(chip.write_rtt(0, b"hello, board").unwrap(), Some(7));
    assert_eq!(board.memory(buffer, 8), b"lo, \0hel");
    assert_eq!(board.memory(block + 48 + 12, 8), [4, 0, 0, 0, 5, 0, 0, 0]);
    assert_eq!(chip.write_rtt(0, b"board").unwrap(), Some(0), "it is full");
}

#[test]
fn a_locked_chip_shows_nothing() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 32);
    board.port().0.set_locked(true);
    let error = desk.probes.look(board.plug.id(), &board.board).unwrap_err();
    assert!(matches!(error, ProbeError::Locked), "{error}");
}
