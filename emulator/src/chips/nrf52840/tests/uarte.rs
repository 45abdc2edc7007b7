//! UARTE.

use super::*;

const UARTE0: u32 = 0x4000_2000;
const RAM: u32 = 0x2000_1000;
const RXDRDY: u32 = UARTE0 + 0x108;
const ENDRX: u32 = UARTE0 + 0x110;
const ENDTX: u32 = UARTE0 + 0x120;
const ERROR: u32 = UARTE0 + 0x124;
const RXTO: u32 = UARTE0 + 0x144;
const TXSTOPPED: u32 = UARTE0 + 0x158;

/// Enabled at 1 Mbaud (10 µs a byte), TXD P1.03, RXD P1.10.
fn enabled() -> Rig {
    let mut rig = Rig::new();
    for (offset, value) in [(0x50c, 35), (0x514, 42), (0x524, 0x1000_0000), (0x500, 8)] {
        rig.write(UARTE0 + offset, value);
    }
    rig
}

fn send(rig: &mut Rig, bytes: &[u8]) {
    rig.fabric.memory_mut().write(RAM, bytes).unwrap();
    rig.write(UARTE0 + 0x544, RAM);
    rig.write(UARTE0 + 0x548, bytes.len() as u32);
    rig.write(UARTE0 + 0x008, 1);
}

fn buffer(rig: &mut Rig, addr: u32, bytes: u32) {
    rig.write(UARTE0 + 0x534, addr);
    rig.write(UARTE0 + 0x538, bytes);
}

fn input(rig: &mut Rig, bytes: &[u8]) {
    rig.chip.uart_input(&mut rig.fabric, 0, bytes);
}

fn ram(rig: &Rig, addr: u32, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rig.fabric.memory().read(addr, &mut bytes).unwrap();
    bytes
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn bytes_take_their_time_at_the_actual_rate() {
    // BAUDRATE, CONFIG, the actual baud rate (PS 6.34.9.14), bits a frame
    for (baudrate, config, hz, bits) in [
        (0x0027_5000, 0x00, 9_598, 10),
        (0x01d6_0000, 0x00, 115_108, 10),
        (0x03b0_0000, 0x00, 231_884, 10),
        (0x0740_0000, 0x00, 457_143, 10),
        (0x0f00_0000, 0x00, 941_176, 10),
        (0x1000_0000, 0x00, 1_000_000, 10),
        (0x1000_0000, 0x0e, 1_000_000, 11),
        (0x1000_0000, 0x1e, 1_000_000, 12),
    ] {
        let mut rig = enabled();
        rig.write(UARTE0 + 0x524, baudrate);
        rig.write(UARTE0 + 0x56c, config);
        send(&mut rig, b"abcd");
        let took = rig.pass_until(ENDTX);
        let expected_ns = 4 * bits * 1_000_000_000 / hz;
        assert!(
            took.as_ns().abs_diff(expected_ns) * 10_000 < expected_ns,
            "{baudrate:#x}: {took}"
        );
        assert_eq!(rig.sent(), b"abcd");
        assert_eq!(rig.read(UARTE0 + 0x54c), 4, "AMOUNT");
    }
}

#[test]
fn a_transmission_can_be_stopped() {
    let mut rig = enabled();
    send(&mut rig, b"abcdef");
    rig.pass(us(25));
    rig.write(UARTE0 + 0x00c, 1);
    assert_eq!(rig.read(TXSTOPPED), 0);
    assert_eq!(rig.pass_until(TXSTOPPED), us(5));
    assert_eq!((rig.sent(), rig.read(UARTE0 + 0x54c)), (b"abc".to_vec(), 3));
    assert_eq!(rig.read(ENDTX), 1);
    rig.write(TXSTOPPED, 0);
    rig.write(UARTE0 + 0x00c, 1);
    assert_eq!(rig.read(TXSTOPPED), 1, "at once when nothing is sent");
}

#[test]
fn nothing_leaves_through_a_pin_that_is_not_connected() {
    let mut rig = enabled();
    rig.write(UARTE0 + 0x50c, 0xffff_ffff);
    send(&mut rig, b"abc");
    rig.pass_until(ENDTX);
    assert_eq!(rig.sent(), b"");
}

#[test]
fn dma_from_flash_is_told() {
    let mut rig = enabled();
    rig.write(UARTE0 + 0x544, 0x1_0000);
    rig.write(UARTE0 + 0x548, 1);
    rig.write(UARTE0 + 0x008, 1);
    rig.pass_until(ENDTX);
    assert_eq!(rig.read(UARTE0 + 0x54c), 0);
    let faults = rig.fabric.take_faults();
    assert_eq!((faults.len(), faults[0].addr), (1, 0x1_0000));
}

#[test]
fn a_full_buffer_ends_and_the_short_starts_the_next() {
    let mut rig = enabled();
    rig.write(UARTE0 + 0x200, 1 << 5);
    buffer(&mut rig, RAM, 3);
    rig.write(UARTE0, 1);
    buffer(&mut rig, RAM + 0x100, 2);
    input(&mut rig, b"12345");
    assert_eq!(rig.pass_until(RXDRDY), us(10));
    assert_eq!(rig.pass_until(ENDRX), us(20));
    rig.write(ENDRX, 0);
    assert_eq!(rig.pass_until(ENDRX), us(20));
    assert_eq!(ram(&rig, RAM, 4), b"123\0");
    assert_eq!(ram(&rig, RAM + 0x100, 3), b"45\0");
}

#[test]
fn the_fifo_bridges_buffers_and_overruns() {
    // Number of bytes between two buffers, number of them that arrive in the second.
    for (count, arrive) in [(1, 1), (6, 6), (7, 6), (9, 6)] {
        let mut rig = enabled();
        buffer(&mut rig, RAM, 1);
        rig.write(UARTE0, 1);
        input(&mut rig, &vec![b'x'; 1 + count]);
        rig.pass(us(200));
        assert_eq!(rig.read(ERROR), u32::from(arrive < count), "{count}");
        assert_eq!(rig.read(UARTE0 + 0x480), u32::from(arrive < count));
        buffer(&mut rig, RAM + 0x100, 20);
        rig.write(UARTE0, 1);
        assert_eq!(
            ram(&rig, RAM + 0x100, 20).iter().filter(|byte| **byte == b'x').count(),
            arrive
        );
    }
}

#[test]
fn stoprx_ends_the_buffer_then_times_out_and_flushrx_fetches_the_rest() {
    let mut rig = enabled();
    buffer(&mut rig, RAM, 4);
    rig.write(UARTE0, 1);
    input(&mut rig, b"abc");
    rig.pass(us(30));
    rig.write(UARTE0 + 0x004, 1);
    assert_eq!(rig.pass_until(RXTO), us(40));
    assert_eq!((rig.read(ENDRX), rig.read(UARTE0 + 0x53c)), (1, 3));

    // A full buffer, three more in the FIFO, then the stop.
    let mut rig = enabled();
    buffer(&mut rig, RAM, 2);
    rig.write(UARTE0, 1);
    input(&mut rig, b"abcde");
    rig.pass(us(50));
    rig.write(UARTE0 + 0x004, 1);
    rig.pass_until(RXTO);
    rig.write(ENDRX, 0);
    buffer(&mut rig, RAM + 0x100, 6);
    rig.write(UARTE0 + 0x02c, 1);
    assert_eq!((rig.read(ENDRX), rig.read(UARTE0 + 0x53c)), (1, 3));
    assert_eq!(ram(&rig, RAM + 0x100, 3), b"cde");
}

#[test]
fn a_receiver_that_is_off_hears_nothing() {
    let mut rig = enabled();
    input(&mut rig, b"lost");
    rig.pass(us(100));
    assert_eq!(rig.read(RXDRDY), 0);
    assert_eq!(rig.chip.uart_input_room(0), 4_096);
    buffer(&mut rig, RAM, 4);
    rig.write(UARTE0, 1);
    input(&mut rig, b"good");
    rig.pass_until(ENDRX);
    assert_eq!(ram(&rig, RAM, 4), b"good");
}

#[test]
fn flow_control_holds_the_other_end() {
    let mut rig = enabled();
    rig.write(UARTE0 + 0x508, 1); // RTS P0.01
    rig.write(UARTE0 + 0x56c, 1);
    input(&mut rig, b"held until there is a buffer");
    rig.pass(us(1_000));
    assert_eq!(rig.chip.uart_input_room(0), 4_096 - 28);
    buffer(&mut rig, RAM, 4);
    rig.write(UARTE0, 1);
    rig.pass_until(ENDRX);
    rig.pass(us(1_000));
    assert_eq!(rig.read(ERROR), 0, "no overrun");
    buffer(&mut rig, RAM, 24);
    rig.write(UARTE0, 1);
    rig.pass(us(1_000));
    assert_eq!(ram(&rig, RAM, 24), b" until there is a buffer");
}

#[test]
fn an_enabled_transmitter_holds_its_pin_high() {
    let mut rig = enabled();
    assert_eq!(rig.chip.pin_level(35), Some(true));
    rig.write(UARTE0 + 0x500, 0);
    assert_eq!(rig.chip.pin_level(35), None);
}
