//! The chip's peripherals, register by register, without a core.

mod buses;
mod pwm;

use super::*;
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;

/// The chip after a power-on, and its fabric, whose time the test advances.
struct Rig {
    chip: Fe310,
    fabric: Fabric,
}

impl Rig {
    fn new() -> Self {
        let mut chip = Fe310::default();
        let description = chip.description();
        let memory = GuestMemory::new(description.regions);
        let mut fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
        chip.reset(&mut fabric, ResetKind::PowerOn);
        Self { chip, fabric }
    }

    #[track_caller]
    fn read(&mut self, addr: u32) -> u32 {
        self.chip.read(&mut self.fabric, addr, AccessSize::Word).unwrap()
    }

    #[track_caller]
    fn write(&mut self, addr: u32, value: u32) {
        self.chip
            .write(&mut self.fabric, addr, value, AccessSize::Word)
            .unwrap();
    }

    /// Advances time, serving events at their instants.
    fn pass(&mut self, span: VirtualTime) {
        let end = self.fabric.now() + span;
        loop {
            let next = self.fabric.next_event_at().min(end);
            self.fabric.set_position(next, 0);
            match self.fabric.pop_due_event() {
                Some(token) => self.chip.event(&mut self.fabric, token),
                None if next == end => return,
                None => {}
            }
        }
    }

    /// Interrupt line 11, from the PLIC to the core.
    fn external(&self) -> bool {
        self.fabric.irq_level(11)
    }
}

const UART0: u32 = UARTS[0];

#[test]
fn uart_sends_at_its_pace_and_only_through_its_pin() {
    let mut rig = Rig::new();
    rig.write(UART0 + 0x18, 124);
    rig.write(UART0 + 0x08, 1 << 16 | 1);
    for connected in [false, true] {
        rig.write(GPIO + 0x38, u32::from(connected) << 17);
        for byte in b"abcdefghij" {
            rig.write(UART0, u32::from(*byte));
        }
        assert_eq!(
            rig.read(UART0),
            1 << 31,
            "eight wait, one is on the line, the tenth was ignored"
        );
        // 10 bits of 125 clocks of 14.4 MHz: 86.8 µs a byte.
        rig.pass(VirtualTime::from_us(90));
        assert_eq!(rig.read(UART0), 0);
        assert_eq!(rig.read(UART0 + 0x14) & 1, 0, "seven wait: not below the watermark");
        rig.pass(VirtualTime::from_us(89 * 8));
        assert_eq!(rig.read(UART0 + 0x14) & 1, 1);
        let sent: Vec<u8> = rig
            .fabric
            .take_uart_output()
            .into_iter()
            .flat_map(|out| out.bytes)
            .collect();
        assert_eq!(sent, if connected { &b"abcdefghi"[..] } else { b"" });
    }
}

#[test]
fn uart_receives_into_its_fifo_and_interrupts_through_the_plic() {
    let mut rig = Rig::new();
    rig.write(GPIO + 0x38, 1 << 16);
    rig.write(UART0 + 0x0c, 2 << 16 | 1);
    rig.write(UART0 + 0x10, 2);
    rig.write(PLIC + 4 * 3, 1);
    rig.write(PLIC + 0x2000, 1 << 3);
    rig.chip.uart_input(&mut rig.fabric, 0, b"0123456789ab");
    rig.pass(VirtualTime::from_us(87 * 2 + 1));
    assert!(!rig.external(), "two bytes are not more than the watermark");
    rig.pass(VirtualTime::from_us(87));
    assert!(rig.external());
    rig.pass(VirtualTime::from_ms(2));
    assert_eq!(rig.read(PLIC + 0x20_0004), 3, "claim");
    assert!(!rig.external());
    let read: Vec<u8> = (0..8).map(|_| rig.read(UART0 + 4) as u8).collect();
    assert_eq!(read, b"01234567", "the rest found the FIFO full");
    assert_eq!(rig.read(UART0 + 4), 1 << 31);
    rig.write(PLIC + 0x20_0004, 3);
    assert!(!rig.external(), "nothing waits any more");
}

#[test]
fn plic_orders_by_priority_then_number_and_asks_again_while_the_wire_is_high() {
    let mut rig = Rig::new();
    // Two pins with high-level interrupts: sources 8 + 5 and 8 + 9.
    rig.write(GPIO + 0x04, u32::MAX);
    rig.write(GPIO + 0x28, 1 << 5 | 1 << 9);
    for (source, priority) in [(13, 2), (17, 3)] {
        rig.write(PLIC + 4 * source, priority);
    }
    rig.write(PLIC + 0x2000, 1 << 13 | 1 << 17);
    rig.chip.pin_input(&mut rig.fabric, 5, Some(true));
    rig.chip.pin_input(&mut rig.fabric, 9, Some(true));
    assert_eq!(rig.read(PLIC + 0x1000), 1 << 13 | 1 << 17);
    rig.write(PLIC + 0x20_0000, 3);
    assert!(!rig.external(), "the threshold holds back what is not above it");
    rig.write(PLIC + 0x20_0000, 2);
    assert!(rig.external());
    assert_eq!((rig.read(PLIC + 0x20_0004), rig.read(PLIC + 0x20_0004)), (17, 13));
    assert_eq!(rig.read(PLIC + 0x20_0004), 0);
    rig.write(PLIC + 0x20_0004, 17);
    assert_eq!(rig.read(PLIC + 0x1000), 1 << 17, "its wire is still high");
    // Equal priorities: the lower number.
    rig.write(PLIC + 0x20_0004, 13);
    rig.write(PLIC + 4 * 13, 3);
    assert_eq!(rig.read(PLIC + 0x20_0004), 13);
}

#[test]
fn gpio_edges_are_kept_until_they_are_cleared() {
    let mut rig = Rig::new();
    rig.write(GPIO + 0x04, 1 << 3);
    rig.write(GPIO + 0x18, 1 << 3);
    rig.write(PLIC + 4 * 11, 1);
    rig.write(PLIC + 0x2000, 1 << 11);
    rig.chip.pin_input(&mut rig.fabric, 3, Some(true));
    rig.chip.pin_input(&mut rig.fabric, 3, Some(false));
    assert_eq!((rig.read(GPIO) & 8, rig.read(GPIO + 0x1c) & 8), (0, 8));
    assert!(rig.external());
    rig.write(GPIO + 0x1c, 8);
    assert_eq!(rig.read(PLIC + 0x20_0004), 11);
    rig.write(PLIC + 0x20_0004, 11);
    assert!(!rig.external());
    // An output with its inversion is seen outside.
    rig.write(GPIO + 0x08, 1 << 22);
    assert_eq!(rig.chip.pin_level(22), Some(false));
    rig.write(GPIO + 0x40, 1 << 22);
    assert_eq!(rig.chip.pin_level(22), Some(true));
    let changes: Vec<_> = rig
        .fabric
        .take_pin_changes()
        .iter()
        .map(|it| (it.pin, it.level))
        .collect();
    assert_eq!(changes, [(22, Some(false)), (22, Some(true))]);
}

#[test]
fn clint_compares_its_time() {
    let mut rig = Rig::new();
    rig.write(CLINT, 1);
    assert!(rig.fabric.irq_level(3) && rig.read(CLINT) == 1);
    rig.write(CLINT, 0);
    assert!(!rig.fabric.irq_level(3));
    rig.write(CLINT + 0x4004, 0);
    rig.write(CLINT + 0x4000, 32_768);
    rig.pass(VirtualTime::from_us(999_999));
    assert!(!rig.fabric.irq_level(7));
    assert_eq!(rig.read(CLINT + 0xbff8), 32_767);
    rig.pass(VirtualTime::from_us(1));
    assert!(rig.fabric.irq_level(7));
    rig.write(CLINT + 0x4000, 40_000);
    assert!(!rig.fabric.irq_level(7));
    rig.write(CLINT + 0xbff8, 50_000);
    assert!(rig.fabric.irq_level(7), "time was set forward");
}

#[test]
fn pll_locks_in_time_and_sets_the_clock() {
    let mut rig = Rig::new();
    // As HALs do for 320 MHz: 16 MHz / 2 × 80 / 2.
    rig.write(PRCI + 0x08, 1 << 17 | 1 << 10 | 39 << 4 | 1);
    assert_eq!(rig.read(PRCI + 0x08) >> 31, 0);
    rig.pass(VirtualTime::from_us(100));
    assert_eq!(rig.read(PRCI + 0x08) >> 31, 1);
    assert_eq!(rig.fabric.cpu_hz(), 14_400_000);
    rig.write(PRCI + 0x08, 1 << 17 | 1 << 16 | 1 << 10 | 39 << 4 | 1);
    assert_eq!(rig.fabric.cpu_hz(), 320_000_000);
    rig.write(PRCI + 0x0c, 1);
    assert_eq!(rig.fabric.cpu_hz(), 80_000_000);
    // Without the oscillator that it runs on there is no clock at all.
    let off = rig.chip.write(&mut rig.fabric, PRCI + 4, 0, AccessSize::Word);
    assert_eq!(off, Err(AccessFault::UnmodelledUse));
}

#[test]
fn watchdog_needs_its_key_for_each_write_and_bites() {
    let mut rig = Rig::new();
    rig.write(AON, 1 << 12);
    assert_eq!(rig.read(AON), 0, "locked");
    let unlocked = |rig: &mut Rig, offset: u32, value: u32| {
        rig.write(AON + 0x1c, 0x51_f15e);
        rig.write(AON + offset, value);
    };
    unlocked(&mut rig, 0x20, 328);
    rig.write(AON + 0x20, 1);
    assert_eq!(rig.read(AON + 0x20), 328, "one write a key");
    unlocked(&mut rig, 0x00, 1 << 12 | 1 << 8);
    rig.pass(VirtualTime::from_ms(9));
    unlocked(&mut rig, 0x18, 0x0d09_f00d);
    rig.pass(VirtualTime::from_us(9_900));
    assert_eq!(rig.fabric.take_request(), None, "it was fed");
    rig.pass(VirtualTime::from_ms(1));
    let bite = Some(crate::core::fabric::Request::Reset(ResetKind::Watchdog));
    assert_eq!(rig.fabric.take_request(), bite);
}

#[test]
fn rtc_compares_and_interrupts() {
    let mut rig = Rig::new();
    rig.write(PLIC + 4 * 2, 1);
    rig.write(PLIC + 0x2000, 1 << 2);
    rig.write(AON + 0x60, 10);
    rig.write(AON + 0x40, 1 << 12 | 4);
    rig.pass(VirtualTime::from_us(4_880));
    assert_eq!((rig.read(AON + 0x50), rig.external()), (9, false));
    rig.pass(VirtualTime::from_us(10));
    assert_eq!((rig.read(AON + 0x50), rig.external()), (10, true));
    assert_eq!(rig.read(AON + 0x40) >> 28 & 1, 1);
}

#[test]
fn flash_is_programmed_over_the_controller_and_read_in_the_map() {
    let mut rig = Rig::new();
    rig.write(QSPI0 + 0x60, 0);
    rig.write(QSPI0 + 0x40, 8 << 16);
    let command = |rig: &mut Rig, bytes: &[u8]| -> Vec<u8> {
        rig.write(QSPI0 + 0x18, 2);
        let mut answer = Vec::new();
        for byte in bytes {
            rig.write(QSPI0 + 0x48, u32::from(*byte));
            rig.pass(VirtualTime::from_us(10));
            answer.push(rig.read(QSPI0 + 0x4c) as u8);
        }
        rig.write(QSPI0 + 0x18, 0);
        answer
    };
    assert_eq!(command(&mut rig, &[0x9f, 0, 0, 0])[1..], [0x9d, 0x60, 0x16]);
    command(&mut rig, &[0x02, 0x10, 0, 0xfe, 1, 2, 3]);
    assert_eq!(
        rig.fabric.memory().read_u32(0x2010_00fc),
        Ok(u32::MAX),
        "writing is not enabled"
    );
    command(&mut rig, &[0x06]);
    command(&mut rig, &[0x02, 0x10, 0, 0xfe, 1, 2, 3]);
    assert_eq!(
        command(&mut rig, &[0x05, 0])[1],
        1,
        "it works, and has taken the enable away"
    );
    rig.pass(VirtualTime::from_us(200));
    assert_eq!(command(&mut rig, &[0x05, 0])[1], 0);
    assert_eq!(rig.fabric.memory().read_u32(0x2010_00fc), Ok(0x0201_ffff));
    assert_eq!(
        rig.fabric.memory().read_u32(0x2010_0000),
        Ok(0xffff_ff03),
        "it wraps in its page"
    );
    assert_eq!(command(&mut rig, &[0x03, 0x10, 0, 0xfe, 0, 0])[4..], [1, 2]);
    command(&mut rig, &[0x06]);
    command(&mut rig, &[0x20, 0x10, 0, 0]);
    assert_eq!(rig.fabric.memory().read_u32(0x2010_00fc), Ok(u32::MAX));
    let stored = rig.chip.write(&mut rig.fabric, 0x2010_0000, 0, AccessSize::Word);
    assert_eq!(stored, Err(AccessFault::Denied));
}

#[test]
fn what_is_not_modelled_is_told_apart_from_what_is_not_there() {
    let mut rig = Rig::new();
    for (addr, size, fault) in [
        (0x1001_0000, AccessSize::Word, AccessFault::Unmodelled),
        (GPIO, AccessSize::Byte, AccessFault::Width),
        (0x5000_0000, AccessSize::Word, AccessFault::Unmapped),
    ] {
        assert_eq!(rig.chip.read(&mut rig.fabric, addr, size), Err(fault), "{addr:#x}");
    }
}

#[test]
fn reserved_words_read_zero_and_take_nothing() {
    // Source 0 of the PLIC, words behind its sources and its enables, behind MSIP, and in each peripheral.
    for addr in [
        0x0c00_0000,
        0x0c00_00d4,
        0x0c00_2008,
        0x0200_0004,
        GPIO + 0x80,
        AON + 0x04,
        0x1000_8010,
        0x1001_301c,
        0x1001_4008,
    ] {
        let mut rig = Rig::new();
        rig.write(addr, u32::MAX);
        assert_eq!(rig.read(addr), 0, "{addr:#x}");
        assert_eq!(rig.fabric.take_faults(), [], "{addr:#x}");
    }
}

#[test]
fn the_power_management_unit_takes_one_write_after_its_key_and_does_not_sleep() {
    let mut rig = Rig::new();
    assert_eq!((rig.read(AON + 0x100), rig.read(AON + 0x120)), (0x3f0, 0x2f0));
    rig.write(AON + 0x140, 7);
    assert_eq!(rig.read(AON + 0x140), 1, "without the key");
    rig.write(AON + 0x14c, 0x51_f15e);
    assert_eq!(rig.read(AON + 0x14c), 1);
    rig.write(AON + 0x140, 7);
    assert_eq!((rig.read(AON + 0x140), rig.read(AON + 0x14c)), (7, 0));
    rig.write(AON + 0x104, 0);
    assert_eq!(rig.read(AON + 0x104), 0x2f8, "the key was used up");
    rig.write(AON + 0x14c, 0x51_f15e);
    let slept = rig.chip.write(&mut rig.fabric, AON + 0x148, 0, AccessSize::Word);
    assert_eq!(slept, Err(AccessFault::UnmodelledUse));
}

#[test]
fn the_cause_of_a_reset_is_told() {
    let mut rig = Rig::new();
    for (kind, cause) in [
        (ResetKind::PowerOn, 0),
        (ResetKind::Pin, 0x100),
        (ResetKind::Watchdog, 0x200),
    ] {
        rig.chip.reset(&mut rig.fabric, kind);
        assert_eq!(rig.read(AON + 0x144), cause, "{kind:?}");
    }
}
