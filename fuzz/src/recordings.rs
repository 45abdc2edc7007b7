//! Recordings of signals, which users pass to each other.

use std::io::Cursor;
use std::sync::OnceLock;

use drydock_scope_model::{Entry, Lane, LaneKind, Recording, TimeRange, Writer};

/// Bytes of the file's header and of a block's.
const FILE_HEADER: usize = 128;
const HEADER: usize = 64;

/// Uses the input as a file, and as damage to a good file whose checksums are made right again. Whatever is accepted
/// answers every question: entries are in order, and columns are as many as were asked for.
pub fn recording(data: &[u8]) {
    take(data.to_vec());
    let mut file = good().clone();
    // Two bytes say where, one what; then it is a block with right checksums again.
    for damage in data.chunks_exact(3) {
        let at = FILE_HEADER + usize::from(u16::from_le_bytes([damage[0], damage[1]])) % (file.len() - FILE_HEADER);
        file[at] ^= damage[2];
    }
    take(file.clone());
    for &(at, payload) in blocks() {
        let crc = crc32fast::hash(&file[at + HEADER..at + HEADER + payload]);
        file[at + 20..at + 24].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32fast::hash(&file[at..at + 60]);
        file[at + 60..at + 64].copy_from_slice(&crc.to_le_bytes());
    }
    take(file);
}

fn take(file: Vec<u8>) {
    let bytes = file.len() as u64;
    let Ok(recording) = Recording::from_bytes(file) else {
        return;
    };
    if let Some(damage) = recording.damage() {
        assert!(damage.at_byte < bytes && damage.of_bytes == bytes);
    }
    let _ = recording.verify();
    let end_ns = recording.recorded_until_ns();
    let ranges = [
        TimeRange::new(0, u64::MAX),
        TimeRange::new(0, end_ns),
        TimeRange::new(end_ns / 3, end_ns / 2),
    ];
    for (lane, _) in recording.lanes() {
        for range in ranges {
            let columns = recording.columns(lane, range, 17);
            assert_eq!(columns.len(), 17);
            for column in columns {
                assert!(column.edges <= column.entries);
                assert!(column.min_max.is_none_or(|(min, max)| min <= max));
            }
            let mut last_ns = 0;
            for entry in recording.entries(lane, range) {
                let Ok(entry) = entry else { continue };
                assert!(entry.at_ns() >= last_ns, "out of order");
                last_ns = entry.at_ns();
                if let Entry::Gap { range, .. } = entry {
                    last_ns = range.until_ns;
                }
            }
        }
    }
}

/// A recording with every kind of block, finished and then written to once more.
fn good() -> &'static Vec<u8> {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
        let mut lane = |name, kind| writer.declare(&Lane::new(name, kind)).expect("a lane");
        let pin = lane("pin", LaneKind::Digital);
        let number = lane("number", LaneKind::Number);
        let text = lane("text", LaneKind::Text);
        let mut now_ns = 0;
        for round in 0..120_u64 {
            for step in 0..round % 90 {
                now_ns += step * 7 % 11;
                writer.level(pin, now_ns, step % 2 == 0).expect("in order");
                writer.number(number, now_ns, step as f64).expect("in order");
            }
            let samples = [1.5; 20];
            writer.samples(number, now_ns, 1_700, &samples).expect("in order");
            writer.text(text, now_ns, b"a line").expect("in order");
            now_ns += 100;
            if round % 9 == 4 {
                let gap = TimeRange::new(now_ns, now_ns + 50);
                writer.gap(pin, gap, 3).expect("in order");
                now_ns += 60;
            }
            writer.flush(now_ns).expect("memory");
        }
        writer.finish(now_ns).expect("memory").into_inner()
    })
}

/// Offset and payload of each block of the good file.
fn blocks() -> &'static Vec<(usize, usize)> {
    static BLOCKS: OnceLock<Vec<(usize, usize)>> = OnceLock::new();
    BLOCKS.get_or_init(|| {
        let file = good();
        let mut blocks = Vec::new();
        let mut at = FILE_HEADER;
        while at < file.len() {
            let length = file[at + 16..at + 20].try_into().expect("four bytes");
            let payload = u32::from_le_bytes(length) as usize;
            blocks.push((at, payload));
            at += HEADER + payload;
        }
        blocks
    })
}
