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
fn enabled() -> Bench {
    let mut bench = Bench::new();
    for (offset, value) in [(0x50c, 35), (0x514, 42), (0x524, 0x1000_0000), (0x500, 8)] {
        bench.write(UARTE0 + offset, value);
    }
    bench
}

fn send(bench: &mut Bench, bytes: &[u8]) {
    bench.fabric.memory_mut().write(RAM, bytes).unwrap();
    bench.write(UARTE0 + 0x544, RAM);
    bench.write(UARTE0 + 0x548, bytes.len() as u32);
    bench.write(UARTE0 + 0x008, 1);
}

fn buffer(bench: &mut Bench, addr: u32, bytes: u32) {
    bench.write(UARTE0 + 0x534, addr);
    bench.write(UARTE0 + 0x538, bytes);
}

fn input(bench: &mut Bench, bytes: &[u8]) {
    bench.chip.uart_input(&mut bench.fabric, 0, bytes);
}

fn ram(bench: &Bench, addr: u32, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    bench.fabric.memory().read(addr, &mut bytes).unwrap();
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
        let mut bench = enabled();
        bench.write(UARTE0 + 0x524, baudrate);
        bench.write(UARTE0 + 0x56c, config);
        send(&mut bench, b"abcd");
        let took = bench.pass_until(ENDTX);
        let expected_ns = 4 * bits * 1_000_000_000 / hz;
        assert!(
            took.as_ns().abs_diff(expected_ns) * 10_000 < expected_ns,
            "{baudrate:#x}: {took}"
        );
        assert_eq!(bench.sent(), b"abcd");
        assert_eq!(bench.read(UARTE0 + 0x54c), 4, "AMOUNT");
    }
}

#[test]
fn a_transmission_can_be_stopped() {
    let mut bench = enabled();
    send(&mut bench, b"abcdef");
    bench.pass(us(25));
    bench.write(UARTE0 + 0x00c, 1);
    assert_eq!(bench.read(TXSTOPPED), 0);
    assert_eq!(bench.pass_until(TXSTOPPED), us(5));
    assert_eq!((bench.sent(), bench.read(UARTE0 + 0x54c)), (b"abc".to_vec(), 3));
    assert_eq!(bench.read(ENDTX), 1);
    bench.write(TXSTOPPED, 0);
    bench.write(UARTE0 + 0x00c, 1);
    assert_eq!(bench.read(TXSTOPPED), 1, "at once when nothing is sent");
}

#[test]
fn nothing_leaves_through_a_pin_that_is_not_connected() {
    let mut bench = enabled();
    bench.write(UARTE0 + 0x50c, 0xffff_ffff);
    send(&mut bench, b"abc");
    bench.pass_until(ENDTX);
    assert_eq!(bench.sent(), b"");
}

#[test]
fn dma_from_flash_is_told() {
    let mut bench = enabled();
    bench.write(UARTE0 + 0x544, 0x1_0000);
    bench.write(UARTE0 + 0x548, 1);
    bench.write(UARTE0 + 0x008, 1);
    bench.pass_until(ENDTX);
    assert_eq!(bench.read(UARTE0 + 0x54c), 0);
    let faults = bench.fabric.take_faults();
    assert_eq!((faults.len(), faults[0].addr), (1, 0x1_0000));
}

#[test]
fn a_full_buffer_ends_and_the_short_starts_the_next() {
    let mut bench = enabled();
    bench.write(UARTE0 + 0x200, 1 << 5);
    buffer(&mut bench, RAM, 3);
    bench.write(UARTE0, 1);
    buffer(&mut bench, RAM + 0x100, 2);
    input(&mut bench, b"12345");
    assert_eq!(bench.pass_until(RXDRDY), us(10));
    assert_eq!(bench.pass_until(ENDRX), us(20));
    bench.write(ENDRX, 0);
    assert_eq!(bench.pass_until(ENDRX), us(20));
    assert_eq!(ram(&bench, RAM, 4), b"123\0");
    assert_eq!(ram(&bench, RAM + 0x100, 3), b"45\0");
}

#[test]
fn the_fifo_bridges_buffers_and_overruns() {
    // How many bytes come between two buffers, how many of them arrive in the second.
    for (count, arrive) in [(1, 1), (6, 6), (7, 6), (9, 6)] {
        let mut bench = enabled();
        buffer(&mut bench, RAM, 1);
        bench.write(UARTE0, 1);
        input(&mut bench, &vec![b'x'; 1 + count]);
        bench.pass(us(200));
        assert_eq!(bench.read(ERROR), u32::from(arrive < count), "{count}");
        assert_eq!(bench.read(UARTE0 + 0x480), u32::from(arrive < count));
        buffer(&mut bench, RAM + 0x100, 20);
        bench.write(UARTE0, 1);
        assert_eq!(
            ram(&bench, RAM + 0x100, 20)
                .iter()
                .filter(|byte| **byte == b'x')
                .count(),
            arrive
        );
    }
}

#[test]
fn stoprx_ends_the_buffer_then_times_out_and_flushrx_fetches_the_rest() {
    let mut bench = enabled();
    buffer(&mut bench, RAM, 4);
    bench.write(UARTE0, 1);
    input(&mut bench, b"abc");
    bench.pass(us(30));
    bench.write(UARTE0 + 0x004, 1);
    assert_eq!(bench.pass_until(RXTO), us(40));
    assert_eq!((bench.read(ENDRX), bench.read(UARTE0 + 0x53c)), (1, 3));

    // A full buffer, three more in the FIFO, then the stop.
    let mut bench = enabled();
    buffer(&mut bench, RAM, 2);
    bench.write(UARTE0, 1);
    input(&mut bench, b"abcde");
    bench.pass(us(50));
    bench.write(UARTE0 + 0x004, 1);
    bench.pass_until(RXTO);
    bench.write(ENDRX, 0);
    buffer(&mut bench, RAM + 0x100, 6);
    bench.write(UARTE0 + 0x02c, 1);
    assert_eq!((bench.read(ENDRX), bench.read(UARTE0 + 0x53c)), (1, 3));
    assert_eq!(ram(&bench, RAM + 0x100, 3), b"cde");
}

#[test]
fn a_receiver_that_is_off_hears_nothing() {
    let mut bench = enabled();
    input(&mut bench, b"lost");
    bench.pass(us(100));
    assert_eq!(bench.read(RXDRDY), 0);
    assert_eq!(bench.chip.uart_input_room(0), 4_096);
    buffer(&mut bench, RAM, 4);
    bench.write(UARTE0, 1);
    input(&mut bench, b"good");
    bench.pass_until(ENDRX);
    assert_eq!(ram(&bench, RAM, 4), b"good");
}

#[test]
fn flow_control_holds_the_other_end() {
    let mut bench = enabled();
    bench.write(UARTE0 + 0x508, 1); // RTS P0.01
    bench.write(UARTE0 + 0x56c, 1);
    input(&mut bench, b"held until there is a buffer");
    bench.pass(us(1_000));
    assert_eq!(bench.chip.uart_input_room(0), 4_096 - 28);
    buffer(&mut bench, RAM, 4);
    bench.write(UARTE0, 1);
    bench.pass_until(ENDRX);
    bench.pass(us(1_000));
    assert_eq!(bench.read(ERROR), 0, "no overrun");
    buffer(&mut bench, RAM, 24);
    bench.write(UARTE0, 1);
    bench.pass(us(1_000));
    assert_eq!(ram(&bench, RAM, 24), b" until there is a buffer");
}

#[test]
fn an_enabled_transmitter_holds_its_pin_high() {
    let mut bench = enabled();
    assert_eq!(bench.chip.pin_level(35), Some(true));
    bench.write(UARTE0 + 0x500, 0);
    assert_eq!(bench.chip.pin_level(35), None);
}
