//! The image's functions for copying and filling memory, called directly: every length up to some words at every
//! alignment, and every overlap.

use drydock_emulator::{Image, Machine};
use libtest_mimic::Failed;

/// RAM that is unused before the firmware starts.
const AREA: u32 = 0x2001_0000;
const AREA_BYTES: usize = 128;
const STACK: u32 = 0x2001_8000;
/// Return address of the call; nothing is executed there.
const RETURN: u32 = 0x2001_9000;

/// Registers that a call preserves (AAPCS32, 6.1.1).
const KEPT: [&str; 8] = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"];

/// Value of the first of them; each following one has one more.
const KEPT_VALUE: u64 = 0x5EED_0000;

const LENGTHS: std::ops::RangeInclusive<usize> = 0..=37;

pub(crate) fn check(image: &Image) -> Result<(), Failed> {
    let mut calls = Calls {
        machine: super::power_on(image, 1)?,
        image,
    };
    for len in LENGTHS {
        for to in 60..64 {
            for from in 0..4 {
                for name in ["memcpy", "__aeabi_memcpy", "memmove"] {
                    calls.copies(name, to, from, len)?;
                }
            }
            for name in ["memset", "__aeabi_memset", "__aeabi_memclr"] {
                calls.fills(name, to, len)?;
            }
        }
        // Down and up by all distances that overlap, and one more each.
        for to in 40 - len.min(40)..=40 + len + 1 {
            calls.copies("memmove", to, 40, len)?;
        }
    }
    Ok(())
}

struct Calls<'a> {
    machine: Box<dyn Machine>,
    image: &'a Image,
}

impl Calls<'_> {
    fn copies(&mut self, name: &str, to: usize, from: usize, len: usize) -> Result<(), Failed> {
        let mut expected = pattern();
        expected.copy_within(from..from + len, to);
        let arguments = [AREA + to as u32, AREA + from as u32, len as u32];
        self.call(
            name,
            arguments,
            &expected,
            &format!("{name} of {len} from {from} to {to}"),
        )
    }

    fn fills(&mut self, name: &str, at: usize, len: usize) -> Result<(), Failed> {
        let mut expected = pattern();
        // Only the low byte counts; the other bytes have bits that it does not have.
        let (address, value) = (AREA + at as u32, 0xFFFF_FF18);
        let (byte, arguments) = match name {
            "memset" => (value as u8, [address, value, len as u32]),
            "__aeabi_memset" => (value as u8, [address, len as u32, value]),
            _ => (0, [address, len as u32, value]),
        };
        expected[at..at + len].fill(byte);
        self.call(name, arguments, &expected, &format!("{name} of {len} at {at}"))
    }

    fn call(&mut self, name: &str, arguments: [u32; 3], expected: &[u8], what: &str) -> Result<(), Failed> {
        let entry = self
            .image
            .symbol(name)
            .ok_or_else(|| format!("{name} is not in the image"))?;
        self.machine.write_memory(AREA, &pattern())?;
        let [r0, r1, r2] = arguments;
        let registers = [
            ("r0", r0),
            ("r1", r1),
            ("r2", r2),
            ("sp", STACK),
            ("lr", RETURN | 1),
            ("pc", entry & !1),
        ];
        for (register, value) in registers {
            self.machine.write_register(register, value.into())?;
        }
        for (register, value) in KEPT.into_iter().zip(KEPT_VALUE..) {
            self.machine.write_register(register, value)?;
        }
        let mut steps = 0;
        while self.machine.read_register("pc")? != u64::from(RETURN) {
            self.machine.step()?;
            steps += 1;
            assert!(steps < 1000, "{what} does not return");
        }
        assert_eq!(self.machine.read_register("r0")?, u64::from(r0), "{what}");
        assert_eq!(self.machine.read_register("sp")?, u64::from(STACK), "{what}");
        for (register, value) in KEPT.into_iter().zip(KEPT_VALUE..) {
            assert_eq!(self.machine.read_register(register)?, value, "{register} after {what}");
        }
        let mut area = [0; AREA_BYTES];
        self.machine.read_memory(AREA, &mut area)?;
        assert_eq!(area, expected, "{what}");
        super::no_faults(&mut *self.machine)
    }
}

fn pattern() -> [u8; AREA_BYTES] {
    std::array::from_fn(|at| at as u8 ^ 0x55)
}
