//! DMA with USART2: stream 5 receives, stream 6 sends, both on channel 4.

use super::usart::{input, line};
use super::*;

const USART2: u32 = 0x4000_4400;
const DMA1: u32 = 0x4002_6000;
const RAM: u32 = 0x2000_1000;
const HISR: u32 = DMA1 + 0x04;
const HIFCR: u32 = DMA1 + 0x0c;
/// HTIF and TCIF of streams 5 and 6.
const HALF_5: u32 = 1 << 10;
const DONE_5: u32 = 1 << 11;
const DONE_6: u32 = 1 << 21;
const CHANNEL: u32 = 4 << 25;
const EN: u32 = 1;

fn stream(number: u32) -> u32 {
    DMA1 + 0x10 + 0x18 * number
}

/// The stream's memory, item count and control.
fn set_up(rig: &mut Rig, number: u32, memory: u32, items: u32, control: u32) {
    rig.write(stream(number) + 0x04, items);
    rig.write(stream(number) + 0x08, USART2 + 4);
    rig.write(stream(number) + 0x0c, memory);
    rig.write(stream(number), CHANNEL | 1 << 10 | control | EN);
}

fn ram(rig: &Rig, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rig.fabric.memory().read(RAM, &mut bytes).unwrap();
    bytes
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn a_buffer_is_sent() {
    let mut rig = line();
    rig.fabric.memory_mut().write(RAM, b"hello").unwrap();
    rig.write(USART2 + 0x14, 1 << 7);
    set_up(&mut rig, 6, RAM, 5, 1 << 6 | 1 << 4);
    assert_eq!(
        rig.read(stream(6) + 4),
        3,
        "one in the shift register, one in the data register"
    );
    assert!(!rig.fabric.irq_level(17));
    rig.pass(us(50));
    assert_eq!(rig.sent(), b"hello");
    assert_eq!(rig.read(HISR) & DONE_6, DONE_6);
    assert!(rig.fabric.irq_level(17));
    assert_eq!(rig.read(stream(6)) & EN, 0);
    rig.write(HIFCR, DONE_6);
    assert!(!rig.fabric.irq_level(17));
}

#[test]
fn constants_are_sent_from_flash_and_never_from_ccm() {
    let mut rig = line();
    rig.fabric.memory_mut().write(0x0801_0000, b"flash").unwrap();
    rig.write(USART2 + 0x14, 1 << 7);
    set_up(&mut rig, 6, 0x0801_0000, 5, 1 << 6);
    rig.pass(us(50));
    assert_eq!(rig.sent(), b"flash");
    rig.write(HIFCR, u32::MAX);
    set_up(&mut rig, 6, 0x1000_0000, 5, 1 << 6);
    assert_eq!(rig.read(HISR) >> 16 & 1 << 3, 1 << 3, "TEIF");
    assert_eq!(rig.faults(), [AccessFault::Unmapped]);
}

#[test]
fn a_ring_is_filled_again_and_again() {
    let mut rig = line();
    rig.write(USART2 + 0x14, 1 << 6);
    set_up(&mut rig, 5, RAM, 4, 1 << 8);
    input(&mut rig, b"abcdef");
    rig.pass(us(20));
    assert_eq!(rig.read(HISR), HALF_5);
    rig.pass(us(20));
    assert_eq!(rig.read(HISR), HALF_5 | DONE_5);
    rig.pass(us(20));
    assert_eq!((ram(&rig, 4), rig.read(stream(5) + 4)), (b"efcd".to_vec(), 2));
    rig.write(stream(5), CHANNEL | 1 << 10 | 1 << 8);
    rig.write(HIFCR, u32::MAX);
    assert_eq!(rig.read(stream(5)) & EN, 0);
    input(&mut rig, b"g");
    rig.pass(us(10));
    assert_eq!(ram(&rig, 4), b"efcd");
}

#[test]
fn two_buffers_take_turns() {
    let mut rig = line();
    rig.write(USART2 + 0x14, 1 << 6);
    rig.write(stream(5) + 0x10, RAM + 8);
    set_up(&mut rig, 5, RAM, 2, 1 << 18);
    input(&mut rig, b"abcd");
    rig.pass(us(20));
    assert_eq!(rig.read(stream(5)) >> 19 & 1, 1, "CT");
    rig.pass(us(20));
    assert_eq!(rig.read(stream(5)) >> 19 & 1, 0);
    assert_eq!(ram(&rig, 10), b"ab\0\0\0\0\0\0cd");
}

#[test]
fn a_stream_is_switched_off_with_a_flag_and_starts_without_any() {
    let mut rig = line();
    rig.write(USART2 + 0x14, 1 << 6);
    set_up(&mut rig, 5, RAM, 4, 0);
    rig.write(stream(5), CHANNEL | 1 << 10);
    assert_eq!(rig.read(HISR), DONE_5, "TCIF tells the end");
    set_up(&mut rig, 5, RAM, 4, 0);
    assert_eq!(rig.read(stream(5)) & EN, 0, "TCIF still stands");
    rig.write(HIFCR, u32::MAX);
    set_up(&mut rig, 5, RAM, 4, 0);
    assert_eq!(rig.read(stream(5)) & EN, EN);
}

#[test]
fn what_is_not_wired_is_refused() {
    let mut rig = line();
    rig.write(stream(5) + 0x04, 4);
    rig.write(stream(5) + 0x08, USART2 + 4);
    rig.write(stream(5) + 0x14, 1 << 2);
    for control in [
        3 << 25,           // another channel
        CHANNEL | 1 << 6,  // the wrong way
        CHANNEL | 1 << 11, // half words that the FIFO makes from bytes
        CHANNEL | 1 << 23, // bursts
        CHANNEL | 1 << 9,  // an incrementing peripheral
    ] {
        let refused = rig.try_write(stream(5), control | EN);
        assert_eq!(refused, Err(AccessFault::UnmodelledUse), "{control:#x}");
    }
    rig.write(stream(5) + 0x08, USART2);
    assert_eq!(
        rig.try_write(stream(5), CHANNEL | EN),
        Err(AccessFault::UnmodelledUse),
        "not DR"
    );
}
