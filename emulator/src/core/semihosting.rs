//! Semihosting: calls of a program to the host that debugs it (Arm IHI 0084 "Semihosting for AArch32 and AArch64";
//! RISC-V Semihosting 1.0 uses the same operations). Drydock is that host: console, time and exit are served; there are no
//! files, and no input. The same program gives the same run: time is the machine's.

use super::fabric::Fabric;
use crate::machine::SEMIHOSTING_PORT;

const SYS_OPEN: u32 = 0x01;
const SYS_CLOSE: u32 = 0x02;
const SYS_WRITEC: u32 = 0x03;
const SYS_WRITE0: u32 = 0x04;
const SYS_WRITE: u32 = 0x05;
const SYS_READ: u32 = 0x06;
const SYS_READC: u32 = 0x07;
const SYS_ISERROR: u32 = 0x08;
const SYS_ISTTY: u32 = 0x09;
const SYS_SEEK: u32 = 0x0a;
const SYS_FLEN: u32 = 0x0c;
const SYS_TMPNAM: u32 = 0x0d;
const SYS_REMOVE: u32 = 0x0e;
const SYS_RENAME: u32 = 0x0f;
const SYS_CLOCK: u32 = 0x10;
const SYS_TIME: u32 = 0x11;
const SYS_SYSTEM: u32 = 0x12;
const SYS_ERRNO: u32 = 0x13;
const SYS_GET_CMDLINE: u32 = 0x15;
const SYS_HEAPINFO: u32 = 0x16;
const SYS_EXIT: u32 = 0x18;
const SYS_EXIT_EXTENDED: u32 = 0x20;
const SYS_ELAPSED: u32 = 0x30;
const SYS_TICKFREQ: u32 = 0x31;

/// The reason of a program that ends as it should.
const ADP_STOPPED_APPLICATION_EXIT: u32 = 0x20026;
/// What an operation that failed returns.
const FAILED: u32 = u32::MAX;
/// `errno` of operations on files: there are none (ENOSYS).
const NO_FILES: u32 = 88;
/// The name of the console.
const CONSOLE: &[u8] = b":tt";
/// Handles of the console: input, output, and errors.
const INPUT: u32 = 1;
const OUTPUT: u32 = 2;
const ERRORS: u32 = 3;
/// Longest text in one call; a program whose text has no end gives no more.
const LONGEST: u32 = 64 << 10;
/// Ticks of [`SYS_ELAPSED`]: microseconds.
const TICKS_PER_SECOND: u32 = 1_000_000;

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The program goes on with this value in its first register.
    Return(u32),
    /// The program ended.
    Exit(u32),
    /// There is no such operation.
    Unknown,
}

/// Carries out a call.
pub(super) fn call(fabric: &mut Fabric, operation: u32, parameter: u32) -> Outcome {
    if !fabric.serves_semihosting() && !matches!(operation, SYS_EXIT | SYS_EXIT_EXTENDED) {
        return Outcome::Unknown;
    }
    let field = |fabric: &Fabric, index: u32| word(fabric, parameter.wrapping_add(4 * index));
    Outcome::Return(match operation {
        SYS_EXIT => return Outcome::Exit(u32::from(parameter != ADP_STOPPED_APPLICATION_EXIT)),
        SYS_EXIT_EXTENDED => {
            return Outcome::Exit(match field(fabric, 0) {
                Some(ADP_STOPPED_APPLICATION_EXIT) => field(fabric, 1).unwrap_or(1),
                _ => 1,
            });
        }
        SYS_OPEN => open(fabric, parameter),
        SYS_CLOSE => 0,
        SYS_WRITEC => {
            write(fabric, parameter, 1);
            0
        }
        SYS_WRITE0 => {
            let length = (0..LONGEST).find(|at| byte(fabric, parameter.wrapping_add(*at)).is_none_or(|byte| byte == 0));
            write(fabric, parameter, length.unwrap_or(LONGEST));
            0
        }
        // The result is how many bytes were not written.
        SYS_WRITE => match (field(fabric, 0), field(fabric, 1), field(fabric, 2)) {
            (Some(OUTPUT | ERRORS), Some(at), Some(length)) => length - write(fabric, at, length.min(LONGEST)),
            (_, _, length) => length.unwrap_or(FAILED),
        },
        // The result is how many bytes were not read: the input is at its end.
        SYS_READ => field(fabric, 2).unwrap_or(FAILED),
        SYS_READC => FAILED,
        SYS_ISERROR => u32::from(field(fabric, 0).is_none_or(|status| status.cast_signed() < 0)),
        SYS_ISTTY => u32::from(matches!(field(fabric, 0), Some(INPUT..=ERRORS))),
        SYS_SEEK | SYS_FLEN | SYS_TMPNAM | SYS_REMOVE | SYS_RENAME | SYS_SYSTEM => FAILED,
        SYS_CLOCK => (fabric.now().as_us() / 10_000) as u32,
        SYS_TIME => (fabric.now().as_us() / 1_000_000) as u32,
        SYS_ERRNO => NO_FILES,
        SYS_GET_CMDLINE => command_line(fabric, parameter),
        // All zero: the program's own limits hold.
        SYS_HEAPINFO => match word(fabric, parameter) {
            Some(block) => put(fabric, block, &[0; 16]),
            None => FAILED,
        },
        SYS_ELAPSED => {
            let ticks = fabric.now().as_us();
            put(fabric, parameter, &ticks.to_le_bytes())
        }
        SYS_TICKFREQ => TICKS_PER_SECOND,
        _ => return Outcome::Unknown,
    })
}

/// Opens the console, in the direction that the mode says; there is nothing else to open.
fn open(fabric: &Fabric, parameter: u32) -> u32 {
    let [Some(name), Some(mode), Some(length)] = [0, 4, 8].map(|offset| word(fabric, parameter.wrapping_add(offset)))
    else {
        return FAILED;
    };
    let is_console = length as usize == CONSOLE.len()
        && (0..length).all(|at| byte(fabric, name.wrapping_add(at)) == Some(CONSOLE[at as usize]));
    match mode {
        _ if !is_console => FAILED,
        0..4 => INPUT,
        4..8 => OUTPUT,
        8..12 => ERRORS,
        _ => FAILED,
    }
}

/// Writes text to the console. Returns how many bytes were written.
fn write(fabric: &mut Fabric, at: u32, length: u32) -> u32 {
    for offset in 0..length {
        let Some(byte) = byte(fabric, at.wrapping_add(offset)) else {
            return offset;
        };
        fabric.uart_output(SEMIHOSTING_PORT, byte);
    }
    length
}

/// Writes the program's command line into its buffer, and the length of the line into its block.
fn command_line(fabric: &mut Fabric, parameter: u32) -> u32 {
    let (Some(buffer), Some(room)) = (word(fabric, parameter), word(fabric, parameter.wrapping_add(4))) else {
        return FAILED;
    };
    let line = fabric.command_line().to_owned();
    let length = line.len() as u32;
    // A zero follows the line.
    if length >= room
        || put(fabric, buffer, line.as_bytes()) != 0
        || put(fabric, buffer.wrapping_add(length), &[0]) != 0
    {
        return FAILED;
    }
    put(fabric, parameter.wrapping_add(4), &length.to_le_bytes())
}

fn put(fabric: &mut Fabric, at: u32, bytes: &[u8]) -> u32 {
    match fabric.dma_write(at, bytes) {
        Ok(()) => 0,
        Err(_) => FAILED,
    }
}

fn word(fabric: &Fabric, at: u32) -> Option<u32> {
    fabric.memory().read_u32(at).ok()
}

fn byte(fabric: &Fabric, at: u32) -> Option<u8> {
    let mut byte = [0];
    fabric.memory().read(at, &mut byte).ok().map(|()| byte[0])
}
