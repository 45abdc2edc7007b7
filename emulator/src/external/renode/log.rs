//! Reads guest faults from Renode's log: accesses to unmapped addresses, and the end of a core.

use crate::machine::GuestFault;
use crate::machine::VirtualTime;
use crate::machine::{AccessFault, AccessSize, FaultRecord};

/// The fault that a log line reports, at about `at`.
pub(super) fn fault(line: &str, at: VirtualTime) -> Option<GuestFault> {
    if let Some((_, abort)) = line.split_once("CPU abort [PC=") {
        let (pc, what) = abort.split_once(']')?;
        return Some(GuestFault::Unmodelled {
            at,
            pc: hex(pc)?,
            what: what.trim_start_matches(':').trim().to_owned(),
        });
    }
    let (before, after) = line.split_once(" non existing peripheral at ")?;
    let addr = hex(after)?;
    let mut words = before.split_whitespace().rev();
    let direction = words.next()?;
    let (store, size) = access(words.next()?)?;
    let value = after.split_once("value ").and_then(|(_, value)| hex(value));
    let pc = before.split_once(": 0x").and_then(|(_, rest)| hex(rest)).unwrap_or(0);
    Some(GuestFault::Access(FaultRecord {
        at,
        addr,
        pc,
        size,
        write: if store && direction == "to" { Some(value?) } else { None },
        // In the chip's range of peripherals (ARMv7-M B3.1), the chip may have one that Renode lacks.
        fault: if (0x4000_0000..0x6000_0000).contains(&addr) {
            AccessFault::Unmodelled
        } else {
            AccessFault::Unmapped
        },
    }))
}

/// `ReadDoubleWord`, `WriteByte` …
fn access(text: &str) -> Option<(bool, AccessSize)> {
    let (store, width) = match text.strip_prefix("Write") {
        Some(width) => (true, width),
        None => (false, text.strip_prefix("Read")?),
    };
    let size = match width {
        "Byte" => AccessSize::Byte,
        "Word" => AccessSize::Half,
        "DoubleWord" => AccessSize::Word,
        _ => return None,
    };
    Some((store, size))
}

/// The hexadecimal number that `text` begins with.
fn hex(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let end = digits.find(|character: char| !character.is_ascii_hexdigit());
    u32::from_str_radix(&digits[..end.unwrap_or(digits.len())], 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_to_nothing_are_faults() {
        let at = VirtualTime::from_ms(3);
        let line =
            "02:34:01.0 [WARNING] sysbus: [cpu: 0x8000092] ReadDoubleWord from non existing peripheral at 0x60000000.";
        let record = FaultRecord {
            at,
            addr: 0x6000_0000,
            pc: 0x800_0092,
            size: AccessSize::Word,
            write: None,
            fault: AccessFault::Unmapped,
        };
        assert_eq!(fault(line, at), Some(GuestFault::Access(record)));
        let line = "[WARNING] sysbus: [cpu: 0x92] WriteByte to non existing peripheral at 0x4001F500, value 0xA.";
        let record = FaultRecord {
            at,
            addr: 0x4001_f500,
            pc: 0x92,
            size: AccessSize::Byte,
            write: Some(10),
            fault: AccessFault::Unmodelled,
        };
        assert_eq!(fault(line, at), Some(GuestFault::Access(record)));
        let line = "[ERROR] cpu: CPU abort [PC=0x2000]: Trying to execute code outside RAM or ROM at 0x00002000.";
        assert!(matches!(
            fault(line, at),
            Some(GuestFault::Unmodelled { pc: 0x2000, .. })
        ));
        assert_eq!(fault("[INFO] bench-1: Machine started.", at), None);
        assert_eq!(fault("Write to non existing peripheral at zz", at), None);
    }
}
