//! I2C0 and GP-SPI2 with parts on the DevKit's header, register by register, without a core.

use super::*;
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;
use crate::parts::Parts;
use drydock_assets::{PartChoice, part_kinds};

const INT_RAW: u32 = I2C0 + 0x20;
const END_DETECT: u32 = 1 << 3;
const TRANS_COMPLETE: u32 = 1 << 7;
const NACK: u32 = 1 << 10;
/// COMD: opcode, ACK_CHECK_EN, bytes.
const RSTART: u32 = 6 << 11;
const WRITE: u32 = 1 << 11 | 1 << 8;
const READ: u32 = 3 << 11;
const STOP: u32 = 2 << 11;
const END: u32 = 4 << 11;
const DONE: u32 = 1 << 31;

struct Rig {
    chip: Esp32C6,
    fabric: Fabric,
}

impl Rig {
    /// A board with a part.
    fn with(kind: &str) -> Self {
        let mut board = drydock_assets::board("esp32-c6").unwrap();
        let choice = PartChoice {
            kind: kind.to_owned(),
            ..PartChoice::default()
        };
        board.add_part(&choice, part_kinds()).unwrap();
        let mut chip = Esp32C6::new([7; 32]);
        let description = chip.description();
        let memory = GuestMemory::new(description.regions);
        let mut fabric = Fabric::new(memory, EntropyStream::new([7; 32]), description.cpu_hz);
        chip.reset(&mut fabric, ResetKind::PowerOn);
        // The watchdog of the second-stage bootloader would bite.
        fabric.cancel_token(RWDT_TOKEN);
        fabric.wire_parts(Parts::of(&board));
        Self { chip, fabric }
    }

    #[track_caller]
    fn read(&mut self, addr: u32) -> u32 {
        self.chip.read(&mut self.fabric, addr, AccessSize::Word).unwrap()
    }

    #[track_caller]
    fn write(&mut self, addr: u32, value: u32) {
        self.try_write(addr, value).unwrap();
    }

    fn try_write(&mut self, addr: u32, value: u32) -> Result<(), AccessFault> {
        self.chip.write(&mut self.fabric, addr, value, AccessSize::Word)
    }

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

    /// Puts bytes into I2C0's FIFO and commands into its list, and starts it.
    fn run(&mut self, bytes: &[u8], commands: &[u32]) {
        for byte in bytes {
            self.write(I2C0 + 0x1c, u32::from(*byte));
        }
        for (index, command) in commands.iter().enumerate() {
            self.write(I2C0 + 0x58 + 4 * index as u32, *command);
        }
        self.write(I2C0 + 0x24, u32::MAX);
        self.write(I2C0 + 0x04, 0x230);
    }
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

/// I2C0 at 400 kHz (2.5 µs a bit) on GPIO22 and GPIO23.
fn i2c(kind: &str) -> Rig {
    let mut rig = Rig::with(kind);
    rig.write(GPIO + 0x554 + 4 * 22, 45);
    rig.write(GPIO + 0x554 + 4 * 23, 46);
    rig.write(I2C0, 49);
    rig.write(I2C0 + 0x38, 26 | 24 << 9);
    rig.write(I2C0 + 0x28, TRANS_COMPLETE | NACK | END_DETECT);
    rig
}

#[test]
fn a_command_list_reads_a_register_in_exact_time() {
    let mut rig = i2c("bme280");
    let commands = [RSTART, WRITE | 2, RSTART, WRITE | 1, READ | 1, STOP];
    rig.run(&[0xec, 0xd0, 0xed], &commands);
    assert_eq!(rig.read(I2C0 + 0x08) >> 4 & 1, 1, "BUS_BUSY");
    // 1 + 18 + 1 + 9 + 9 + 1 bits.
    let all = VirtualTime::from_ns(39 * 2_500);
    rig.pass(all - VirtualTime::from_ns(1));
    assert_eq!(rig.read(INT_RAW) & (TRANS_COMPLETE | NACK), 0);
    assert!(!rig.chip.i2c.interrupt());
    rig.pass(VirtualTime::from_ns(1));
    assert_eq!(rig.read(INT_RAW) & (TRANS_COMPLETE | NACK), TRANS_COMPLETE);
    assert_eq!(rig.chip.sources() >> I2C_SOURCE & 1, 1);
    assert_eq!(
        rig.read(I2C0 + 0x08) & (0x3f << 8 | 1 << 4),
        1 << 8,
        "a byte, and an idle bus"
    );
    assert_eq!(rig.read(I2C0 + 0x1c), 0x60, "the chip's id");
    for (index, command) in commands.iter().enumerate() {
        assert_eq!(rig.read(I2C0 + 0x58 + 4 * index as u32), command | DONE, "{index}");
    }
    // Three bytes went out, one came in and was fetched.
    assert_eq!(rig.read(I2C0 + 0x14), 1 | 1 << 5 | 3 << 10 | 3 << 15);
}

#[test]
fn end_holds_the_bus_and_a_list_goes_on() {
    let mut rig = i2c("bme280");
    rig.run(&[0xec], &[RSTART, WRITE | 1, END]);
    rig.pass(us(25));
    assert_eq!(rig.read(INT_RAW) & (TRANS_COMPLETE | END_DETECT), END_DETECT);
    assert_eq!(rig.read(I2C0 + 0x08) >> 4 & 1, 1);
    // An empty FIFO holds the line until there is a byte.
    rig.run(&[], &[WRITE | 1, RSTART, WRITE | 1, READ | 2, STOP]);
    rig.pass(us(500));
    assert_eq!(rig.read(INT_RAW) & TRANS_COMPLETE, 0);
    rig.write(I2C0 + 0x1c, 0x88);
    rig.write(I2C0 + 0x1c, 0xed);
    rig.pass(VirtualTime::from_ns(38 * 2_500));
    assert_eq!(rig.read(INT_RAW) & TRANS_COMPLETE, TRANS_COMPLETE);
    // dig_T1 is 27504.
    assert_eq!(
        [rig.read(I2C0 + 0x1c), rig.read(I2C0 + 0x1c)],
        [27_504 & 0xff, 27_504 >> 8]
    );
}

#[test]
fn a_nack_ends_the_list() {
    let mut rig = i2c("bme280");
    rig.run(&[0x40, 1], &[RSTART, WRITE | 2, STOP]);
    rig.pass(us(25));
    assert_eq!(rig.read(INT_RAW) & (NACK | TRANS_COMPLETE), NACK);
    rig.pass(us(500));
    assert_eq!(rig.read(INT_RAW) & TRANS_COMPLETE, 0);
    assert_eq!(rig.read(I2C0 + 0x58 + 4) & DONE, 0);
    assert_eq!(rig.read(I2C0 + 0x08) >> 4 & 1, 0, "the bus is free");
    // Without the check the list goes on.
    rig.write(I2C0 + 0x18, 0x708b);
    rig.write(I2C0 + 0x18, 0x408b);
    rig.run(&[0x40, 1], &[RSTART, 1 << 11 | 2, STOP]);
    rig.pass(us(50));
    assert_eq!(rig.read(INT_RAW) & (NACK | TRANS_COMPLETE), TRANS_COMPLETE);
    // So it is when the matrix gives SDA no pin.
    rig.write(GPIO + 0x554 + 4 * 23, 128);
    rig.run(&[0xec], &[RSTART, WRITE | 1, STOP]);
    rig.pass(us(25));
    assert_eq!(rig.read(INT_RAW) & NACK, NACK);
    // FSM_RST drops what runs.
    rig.run(&[0xec], &[RSTART, WRITE | 1, STOP]);
    rig.write(I2C0 + 0x04, 1 << 10);
    rig.write(I2C0 + 0x24, u32::MAX);
    rig.pass(us(500));
    assert_eq!(rig.read(INT_RAW) & (NACK | TRANS_COMPLETE), 0);
    for (offset, value) in [(0x04, 0x20), (0x04, 0x70), (0x18, 1 << 10)] {
        assert_eq!(
            rig.try_write(I2C0 + offset, value),
            Err(AccessFault::UnmodelledUse),
            "{value:#x}"
        );
    }
}

/// GP-SPI2 at 8 MHz (1 µs a byte) on the pins of IO MUX, with flash that GPIO18 selects.
fn spi() -> Rig {
    let mut rig = Rig::with("w25q32");
    for pin in [2, 6, 7] {
        rig.write(IO_MUX + 4 + 4 * pin, 2 << 12);
    }
    rig.write(GPIO + 0x24, 1 << 18);
    rig.write(SPI2 + 0x0c, 4 << 12);
    rig.write(SPI2 + 0x34, 1 << 12);
    rig
}

#[test]
fn full_duplex_exchanges_in_exact_time() {
    let mut rig = spi();
    rig.write(SPI2 + 0x10, 1 | 3 << 27);
    rig.write(SPI2 + 0x1c, 31);
    rig.write(SPI2 + 0x98, 0x9f);
    rig.write(SPI2, 1 << 23);
    assert_eq!(rig.read(SPI2), 0, "UPDATE is done");
    rig.write(SPI2, 1 << 24);
    rig.pass(VirtualTime::from_ns(3_999));
    assert_eq!((rig.read(SPI2), rig.read(SPI2 + 0x40)), (1 << 24, 0));
    rig.pass(VirtualTime::from_ns(1));
    assert_eq!((rig.read(SPI2), rig.read(SPI2 + 0x40)), (0, 1 << 12));
    assert_eq!(rig.chip.sources() >> SPI2_SOURCE & 1, 1);
    rig.write(SPI2 + 0x38, 1 << 12);
    assert_eq!(rig.chip.sources() >> SPI2_SOURCE & 1, 0);
    assert_eq!(rig.read(SPI2 + 0x98), 0x1640_ef00);
    // PCR chooses 80 MHz.
    rig.write(PCR + 0xc4, 1 << 22 | 1 << 20);
    rig.write(SPI2, 1 << 24);
    rig.pass(us(2));
    assert_eq!(rig.read(SPI2), 0);
}

#[test]
fn the_lowest_bit_goes_first_if_ctrl_says_so() {
    let mut rig = spi();
    // WR_BIT_ORDER: the flash hears 0x9f. RD_BIT_ORDER: its answer is turned round.
    for (order, answer) in [(3 << 25, 0x1640_ef00), (3 << 25 | 3 << 23, 0x6802_f700)] {
        rig.write(GPIO + 0x08, 1 << 18);
        rig.write(GPIO + 0x0c, 1 << 18);
        rig.write(SPI2 + 0x08, order);
        rig.write(SPI2 + 0x10, 1 | 3 << 27);
        rig.write(SPI2 + 0x1c, 31);
        rig.write(SPI2 + 0x98, 0xf9);
        rig.write(SPI2, 1 << 24);
        rig.pass(us(4));
        assert_eq!(rig.read(SPI2 + 0x98), answer, "{order:#x}");
    }
}

#[test]
fn half_duplex_has_phases() {
    let mut rig = spi();
    // 0x90, an address of 24 bits, then the manufacturer and the device.
    rig.write(SPI2 + 0x10, 1 << 31 | 1 << 30 | 1 << 28);
    rig.write(SPI2 + 0x18, 7 << 28 | 0x90);
    rig.write(SPI2 + 0x14, 23 << 27);
    rig.write(SPI2 + 0x04, 0);
    rig.write(SPI2 + 0x1c, 15);
    rig.write(SPI2, 1 << 24);
    rig.pass(us(5));
    assert_eq!(rig.read(SPI2 + 0x3c), 0);
    rig.pass(us(1));
    assert_eq!(rig.read(SPI2 + 0x98), 0x15ef);
    // MISO by the matrix, from a pin that nobody drives.
    rig.write(GPIO + 0x154 + 4 * 64, 1 << 7 | 3);
    rig.write(GPIO + 0x08, 1 << 18);
    rig.write(GPIO + 0x0c, 1 << 18);
    rig.write(SPI2, 1 << 24);
    rig.pass(us(6));
    assert_eq!(rig.read(SPI2 + 0x98), 0);
}

#[test]
fn its_own_select_follows_the_transfer() {
    let mut rig = spi();
    rig.write(GPIO + 0x554 + 4 * 19, 68);
    rig.write(SPI2 + 0x20, 0x3e);
    assert_eq!(rig.chip.pin_level(19), Some(true));
    rig.write(SPI2 + 0x10, 1 << 27);
    rig.write(SPI2 + 0x1c, 7);
    rig.write(SPI2, 1 << 24);
    assert_eq!(rig.chip.pin_level(19), Some(false));
    rig.pass(us(1));
    assert_eq!(rig.chip.pin_level(19), Some(true));
    rig.write(SPI2 + 0x20, 0x3e | 1 << 30);
    rig.write(SPI2, 1 << 24);
    rig.pass(us(1));
    assert_eq!(rig.chip.pin_level(19), Some(false), "CS_KEEP_ACTIVE");
    rig.write(SPI2 + 0x20, 0x3f);
    assert_eq!(rig.chip.pin_level(19), None);
    for (offset, value) in [
        (0x08, 1 << 14), // two lines
        (0x10, 1 << 27 | 1 << 12),
        (0x10, 3 << 27),           // both directions, one after the other
        (0x10, 1 << 28 | 1 << 17), // one line for both
        (0x1c, 6),                 // seven bits
        (0x30, 1 << 28),           // GDMA
        (0xe0, 1 << 26),           // a target
    ] {
        let mut rig = spi();
        rig.write(SPI2 + 0x10, 1 << 27);
        rig.write(SPI2 + 0x1c, 7);
        rig.write(SPI2 + offset, value);
        assert_eq!(
            rig.try_write(SPI2, 1 << 24),
            Err(AccessFault::UnmodelledUse),
            "{offset:#x} {value:#x}"
        );
    }
}
