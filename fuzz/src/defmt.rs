//! The bytes of programs that log with defmt.

#[path = "../../defmt/tests/decoder/elf.rs"]
mod elf;

use std::sync::{Arc, LazyLock};

#[cfg(feature = "compare")]
use defmt_decoder::Table;
use drydock_defmt::{Decoded, Decoder, Program};
use elf::Elf;

struct Programs {
    raw: Arc<Program>,
    rzcobs: Arc<Program>,
    /// The same tables as defmt's own decoder reads them.
    #[cfg(feature = "compare")]
    table: Table,
}

static PROGRAMS: LazyLock<Programs> = LazyLock::new(|| {
    let program = |encoding| Arc::new(Program::read(&Elf::of_all_sorts(encoding).bytes()).expect("the tables"));
    #[cfg(feature = "compare")]
    let table = Table::parse(&Elf::of_all_sorts("rzcobs").bytes());
    Programs {
        raw: program("raw"),
        rzcobs: program("rzcobs"),
        #[cfg(feature = "compare")]
        table: table.ok().flatten().expect("the tables"),
    }
});

/// Statements that the other decoder shows in another notation, or panics at: CBOR, dates that no calendar has, and numbers
/// with a decimal point.
#[cfg(feature = "compare")]
const NOT_COMPARED: [u16; 3] = [20, 21, 22];
const NUMBERS: u8 = 28;

/// Any bytes are survived, in any pieces with the same result; and a frame that is decoded has the text that defmt's own
/// decoder gives it (with the feature `compare`). That one is asked only then: it reserves as much memory as a damaged
/// length says.
pub fn defmt(data: &[u8]) {
    let Programs { raw, rzcobs, .. } = &*PROGRAMS;
    for program in [raw, rzcobs] {
        let whole = decode(program, [data]);
        let piece = data.first().map_or(1, |byte| usize::from(*byte) + 1);
        assert_eq!(decode(program, data.chunks(piece)), whole);
    }
    let Some((statement, arguments)) = data.split_first() else {
        return;
    };
    let statement = u16::from(statement % NUMBERS);
    // Numbers of values that exist reach further.
    let numbers: Vec<u8> = arguments.iter().map(|byte| byte % NUMBERS).collect();
    for arguments in [arguments, &numbers] {
        let mut frame = statement.to_le_bytes().to_vec();
        frame.extend([0, 0, 0, 0]);
        frame.extend(arguments);
        let mut packed = rzcobs::encode(&frame);
        packed.push(0);
        let (decoded, lost) = decode(rzcobs, [packed.as_slice()]);
        let [Decoded::Line(line)] = decoded.as_slice() else {
            assert_eq!((decoded.len(), lost), (0, 1));
            continue;
        };
        #[cfg(feature = "compare")]
        {
            // rzCOBS may have left zeros behind it, which both take for values.
            frame.extend([0; 8]);
            compare(statement, line, &frame);
        }
        #[cfg(not(feature = "compare"))]
        let _ = line;
    }
}

/// Compares a line with what the other decoder makes of the same frame.
#[cfg(feature = "compare")]
fn compare(statement: u16, line: &drydock_defmt::Line, frame: &[u8]) {
    if NOT_COMPARED.contains(&statement) {
        return;
    }
    let (other, _) = PROGRAMS.table.decode(frame).expect("a frame");
    assert_eq!(line.message, other.display_message().to_string());
    assert_eq!(
        line.timestamp,
        other.display_timestamp().map(|timestamp| timestamp.to_string())
    );
    assert_eq!(
        line.level.map(|level| level.as_str()),
        other.level().map(|level| level.as_str())
    );
}

fn decode<'a>(program: &Arc<Program>, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Decoded>, u64) {
    let mut decoder = Decoder::new(Arc::clone(program));
    let decoded = pieces.into_iter().flat_map(|piece| decoder.take(piece)).collect();
    (decoded, decoder.lost())
}
