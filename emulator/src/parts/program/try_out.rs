//! A module with transfers that nobody chose: for fuzzing.

use std::hash::{Hash, Hasher};

use drydock_assets::{Millionths, PartProgram};

use super::{Program, ProgramError};
use crate::machine::VirtualTime;
use crate::machine::hash::StateHasher;
use crate::parts::model::PartModel;

/// Most calls: each may use all its fuel.
const CALLS_MAX: usize = 64;

/// Makes a part of `module` and calls it as `script` says, two bytes a call. Returns the hash of its state.
///
/// # Errors
/// [`ProgramError`]: the module is no part.
///
/// # Panics
/// If a copy of the part, or the part with its saved state, has another state or goes on differently.
pub fn try_out(module: &[u8], script: &[u8]) -> Result<u64, ProgramError> {
    let mut part = Program::new("tried", &PartProgram(module.into()))?;
    let (first, second) = script.split_at(script.len() / 2);
    run(&mut part, first, 0);
    let mut copy = part.clone();
    let bytes = postcard::to_allocvec(&part).expect("a part has a serialised form");
    let mut restored: Program = postcard::from_bytes(&bytes).expect("its own state fits");
    for twin in [&mut copy, &mut restored] {
        assert_eq!(hash(twin), hash(&part));
    }
    for part in [&mut part, &mut copy, &mut restored] {
        run(part, second, first.len() as u64);
    }
    assert_eq!([hash(&copy), hash(&restored)], [hash(&part); 2]);
    Ok(hash(&part))
}

fn run(part: &mut Program, script: &[u8], begin_us: u64) {
    for (index, call) in script.chunks(2).take(CALLS_MAX).enumerate() {
        let now = VirtualTime::from_us(begin_us + index as u64);
        let [what, byte] = [call[0], call.last().copied().unwrap_or(0)];
        match what % 8 {
            0 => part.power_on(now),
            1 => part.line_changed(
                now,
                usize::from(byte >> 2),
                [None, Some(false), Some(true)][usize::from(byte % 3)],
            ),
            2 => {
                let name = part.kind().properties.first().map(|property| property.name.clone());
                part.set(now, &name.unwrap_or_default(), Millionths(i64::from(byte)));
            }
            3 if part.due() < VirtualTime::MAX => part.timer(now),
            other => bus(part, now, other, byte),
        }
        part.take_messages();
    }
}

fn bus(part: &mut Program, now: VirtualTime, what: u8, byte: u8) {
    if let Some(i2c) = part.i2c() {
        match what {
            4 => _ = i2c.start(now, byte & 0x7f, byte & 0x80 != 0),
            5 => _ = i2c.read(now),
            6 => i2c.stop(now),
            _ => _ = i2c.write(now, byte),
        }
    } else if let Some(spi) = part.spi() {
        match what {
            4 => spi.select(now, byte & 1 != 0),
            _ => _ = spi.transfer(now, byte),
        }
    }
}

fn hash(part: &Program) -> u64 {
    let mut hasher = StateHasher::default();
    part.hash(&mut hasher);
    hasher.finish()
}
