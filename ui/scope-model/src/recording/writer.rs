//! Appends to a recording. Entries are gathered by lane; a block is written when it is full, and on [`Writer::flush`].

use super::format::{
    BlockKind, CONTINUES, FILE_HEADER_BYTES, HEADER_BYTES, Header, INDEX_ENTRY_BYTES, LAST_HIGH, MAGIC, MAX_BLOB_BYTES,
    MAX_ENTRIES, MAX_INDEXED, MAX_PERIOD_PS, SLOTS_AT, VERSION, run_time,
};
use crate::{
    lane::{Lane, LaneId, LaneKind, MAX_LANES, MAX_NAME_BYTES, MAX_TEXT_BYTES, MAX_TIME_NS, TimeRange},
    pyramid::{self, Summary, append_nodes, append_summary},
};
use std::io::{self, Seek, SeekFrom, Write};

/// Why something was not recorded. Except after [`WriteError::Io`], the recording goes on as if it had not been asked.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk.
    #[error("the recording could not be written; free some space or choose another place")]
    Io(#[from] io::Error),
    /// No such lane was declared, or its entries are of another kind.
    #[error("lane {} takes no such entries; declare it with their kind", .0.0)]
    WrongLane(LaneId),
    /// An entry is before one that is recorded already.
    #[error("lane {} is recorded up to {recorded_ns} ns already; {at_ns} ns is before that", lane.0)]
    OutOfOrder {
        /// The lane.
        lane: LaneId,
        /// The newest instant of the lane, in ns.
        recorded_ns: u64,
        /// The instant of the entry, in ns.
        at_ns: u64,
    },
    /// The entry is after [`MAX_TIME_NS`], or the period of a run is zero or above an hour.
    #[error("{0} cannot be recorded as a time; times end after 146 years, periods after an hour")]
    WrongTime(u64),
    /// The number is infinite, or none.
    #[error("lane {} was given a number that is not finite; leave it out, or record a gap", .0.0)]
    NotFinite(LaneId),
    /// Too many lanes, a name that is too long, a text that is too long.
    #[error("a recording has at most {MAX_LANES} lanes, names of {MAX_NAME_BYTES} and texts of {MAX_TEXT_BYTES} bytes")]
    TooLarge,
}

/// Writes a recording.
///
/// What was appended since the last [`flush`](Self::flush) is lost if the process is killed, and nothing else: call it at
/// least once a second, and [`finish`](Self::finish) at the end. Flushing more often makes more blocks, each with 64 bytes
/// of header.
#[derive(Debug)]
pub struct Writer<S: Write + Seek> {
    sink: S,
    at: u64,
    sequence: u64,
    lanes: Vec<LaneWriter>,
    /// Entries of the next index.
    indexed: Vec<u8>,
    index_before: u64,
    indexes: u64,
    recorded_until_ns: u64,
}

#[derive(Debug)]
struct LaneWriter {
    kind: LaneKind,
    last_ns: u64,
    /// The level after the newest edge; unknown at the beginning and after a gap.
    level: Option<bool>,
    continues: bool,
    pending: Pending,
    /// The newest run, which the next samples may continue.
    run: Option<Run>,
}

#[derive(Debug)]
enum Pending {
    Empty,
    Edges(Vec<u64>),
    Numbers(Vec<(u64, f64)>),
    /// Instant of the first sample.
    Run(u64, Vec<f32>),
    Texts(Vec<(u64, u32)>, Vec<u8>),
}

#[derive(Debug, Clone, Copy)]
struct Run {
    start_ns: u64,
    period_ps: u64,
    samples: u64,
}

impl<S: Write + Seek> Writer<S> {
    /// Begins a recording in an empty file.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn new(mut sink: S) -> Result<Self, WriteError> {
        let mut header = [0; FILE_HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        sink.seek(SeekFrom::Start(0))?;
        sink.write_all(&header)?;
        Ok(Self {
            sink,
            at: FILE_HEADER_BYTES as u64,
            sequence: 0,
            lanes: Vec::new(),
            indexed: Vec::new(),
            index_before: 0,
            indexes: 0,
            recorded_until_ns: 0,
        })
    }

    /// Declares a lane, also while others are recorded already.
    ///
    /// # Errors
    /// [`WriteError::TooLarge`], [`WriteError::Io`].
    pub fn declare(&mut self, lane: &Lane) -> Result<LaneId, WriteError> {
        if self.lanes.len() >= MAX_LANES || lane.name.len() > MAX_NAME_BYTES || lane.unit.len() > MAX_NAME_BYTES {
            return Err(WriteError::TooLarge);
        }
        let id = LaneId(self.lanes.len() as u32);
        let mut payload = vec![match lane.kind {
            LaneKind::Digital => 0,
            LaneKind::Number => 1,
            LaneKind::Text => 2,
        }];
        for text in [&lane.name, &lane.unit] {
            payload.extend_from_slice(&(text.len() as u16).to_le_bytes());
            payload.extend_from_slice(text.as_bytes());
        }
        let header = header(
            BlockKind::Declaration,
            id,
            self.recorded_until_ns,
            self.recorded_until_ns,
        );
        self.append(header, &payload, &Summary::EMPTY)?;
        self.lanes.push(LaneWriter {
            kind: lane.kind,
            last_ns: 0,
            level: None,
            continues: false,
            pending: Pending::Empty,
            run: None,
        });
        Ok(id)
    }

    /// Appends the level that a digital lane has from an instant on. The same level again is no edge and costs nothing.
    ///
    /// # Errors
    /// [`WriteError::WrongLane`], [`WriteError::OutOfOrder`], [`WriteError::WrongTime`], [`WriteError::Io`].
    pub fn level(&mut self, id: LaneId, at_ns: u64, is_high: bool) -> Result<(), WriteError> {
        let lane = self.lane(id, LaneKind::Digital, at_ns)?;
        if lane.level == Some(is_high) {
            return Ok(());
        }
        lane.level = Some(is_high);
        lane.last_ns = at_ns;
        let entry = at_ns << 1 | u64::from(is_high);
        match &mut lane.pending {
            Pending::Edges(entries) => entries.push(entry),
            pending => *pending = Pending::Edges(vec![entry]),
        }
        self.write_if_full(id)
    }

    /// Appends a number.
    ///
    /// # Errors
    /// As [`level`](Self::level), and [`WriteError::NotFinite`].
    pub fn number(&mut self, id: LaneId, at_ns: u64, value: f64) -> Result<(), WriteError> {
        let lane = self.lane(id, LaneKind::Number, at_ns)?;
        if !value.is_finite() {
            return Err(WriteError::NotFinite(id));
        }
        if matches!(lane.pending, Pending::Run(..)) {
            self.write_pending(id)?;
        }
        let lane = &mut self.lanes[id.0 as usize];
        lane.last_ns = at_ns;
        lane.run = None;
        match &mut lane.pending {
            Pending::Numbers(entries) => entries.push((at_ns, value)),
            pending => *pending = Pending::Numbers(vec![(at_ns, value)]),
        }
        self.write_if_full(id)
    }

    /// Appends samples at a fixed rate, such as an ADC's. They are kept as `f32`, 4 bytes each. If `start_ns` is where the
    /// run before ends, within a period, and the period is the same, they continue it without rounding `start_ns`.
    ///
    /// # Errors
    /// As [`number`](Self::number). Then none of them is recorded.
    pub fn samples(&mut self, id: LaneId, start_ns: u64, period_ps: u64, values: &[f32]) -> Result<(), WriteError> {
        if period_ps == 0 || period_ps > MAX_PERIOD_PS {
            return Err(WriteError::WrongTime(period_ps));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(WriteError::NotFinite(id));
        }
        let lane = self.lane(id, LaneKind::Number, start_ns)?;
        let continued = lane.run.filter(|run| {
            let next_ns = run_time(run.start_ns, period_ps, run.samples);
            run.period_ps == period_ps && next_ns.abs_diff(start_ns) <= period_ps.div_ceil(1_000)
        });
        let mut run = continued.unwrap_or(Run {
            start_ns,
            period_ps,
            samples: 0,
        });
        let last_ns = run_time(run.start_ns, period_ps, run.samples + values.len() as u64);
        if last_ns > MAX_TIME_NS {
            return Err(WriteError::WrongTime(last_ns));
        }
        let is_another = !matches!(lane.pending, Pending::Empty) && continued.is_none();
        if is_another || matches!(lane.pending, Pending::Numbers(_)) {
            self.write_pending(id)?;
        }
        let mut rest = values;
        while !rest.is_empty() {
            let lane = &mut self.lanes[id.0 as usize];
            if !matches!(lane.pending, Pending::Run(..)) {
                lane.pending = Pending::Run(run_time(run.start_ns, period_ps, run.samples), Vec::new());
            }
            if let Pending::Run(first_ns, samples) = &mut lane.pending {
                let (now, later) = rest.split_at(rest.len().min(MAX_ENTRIES - samples.len()));
                samples.extend_from_slice(now);
                run.samples += now.len() as u64;
                lane.last_ns = run_time(*first_ns, period_ps, samples.len() as u64 - 1);
                lane.run = Some(run);
                rest = later;
            }
            self.write_if_full(id)?;
        }
        Ok(())
    }

    /// Appends bytes with a time.
    ///
    /// # Errors
    /// As [`level`](Self::level), and [`WriteError::TooLarge`].
    pub fn text(&mut self, id: LaneId, at_ns: u64, bytes: &[u8]) -> Result<(), WriteError> {
        if bytes.len() > MAX_TEXT_BYTES {
            return Err(WriteError::TooLarge);
        }
        let lane = self.lane(id, LaneKind::Text, at_ns)?;
        if matches!(&lane.pending, Pending::Texts(_, blob) if blob.len() + bytes.len() > MAX_BLOB_BYTES) {
            self.write_pending(id)?;
        }
        let lane = &mut self.lanes[id.0 as usize];
        lane.last_ns = at_ns;
        if !matches!(lane.pending, Pending::Texts(..)) {
            lane.pending = Pending::Texts(Vec::new(), Vec::new());
        }
        if let Pending::Texts(entries, blob) = &mut lane.pending {
            blob.extend_from_slice(bytes);
            entries.push((at_ns, blob.len() as u32));
        }
        self.write_if_full(id)
    }

    /// Says that nothing is known about a lane between two instants, and how many entries were lost there (0 if nobody
    /// knows). An empty gap is none. After it the level of a digital lane is unknown until the next entry.
    ///
    /// # Errors
    /// [`WriteError::WrongLane`], [`WriteError::OutOfOrder`], [`WriteError::WrongTime`], [`WriteError::Io`].
    pub fn gap(&mut self, id: LaneId, gap: TimeRange, lost: u32) -> Result<(), WriteError> {
        let kind = self.lanes.get(id.0 as usize).ok_or(WriteError::WrongLane(id))?.kind;
        if gap.until_ns > MAX_TIME_NS {
            return Err(WriteError::WrongTime(gap.until_ns));
        }
        self.lane(id, kind, gap.from_ns)?;
        if gap.len_ns() == 0 {
            return Ok(());
        }
        self.write_pending(id)?;
        let mut header = header(BlockKind::Gap, id, gap.from_ns, gap.until_ns);
        header.entries = lost;
        self.append(header, &[], &Summary::EMPTY)?;
        let lane = &mut self.lanes[id.0 as usize];
        lane.last_ns = gap.until_ns;
        lane.level = None;
        lane.continues = false;
        lane.run = None;
        Ok(())
    }

    /// Writes what is gathered, and that all lanes are complete up to `now_ns`. It reaches the system, which keeps it if
    /// this process is killed; it does not wait for the disk.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn flush(&mut self, now_ns: u64) -> Result<(), WriteError> {
        for lane in 0..self.lanes.len() {
            self.write_pending(LaneId(lane as u32))?;
        }
        let newest = self.lanes.iter().map(|lane| lane.last_ns).max().unwrap_or(0);
        let until_ns = now_ns.min(MAX_TIME_NS).max(newest).max(self.recorded_until_ns);
        if until_ns > self.recorded_until_ns {
            self.recorded_until_ns = until_ns;
            let header = header(BlockKind::Progress, LaneId(0), until_ns, until_ns);
            self.append(header, &[], &Summary::EMPTY)?;
        }
        Ok(self.sink.flush()?)
    }

    /// Writes what is gathered and the last index, and returns the file.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn finish(mut self, now_ns: u64) -> Result<S, WriteError> {
        self.flush(now_ns)?;
        self.write_index()?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    /// Bytes of the recording so far, without what is gathered.
    pub fn bytes(&self) -> u64 {
        self.at
    }

    fn lane(&mut self, id: LaneId, kind: LaneKind, at_ns: u64) -> Result<&mut LaneWriter, WriteError> {
        let lane = self
            .lanes
            .get_mut(id.0 as usize)
            .filter(|lane| lane.kind == kind)
            .ok_or(WriteError::WrongLane(id))?;
        if at_ns > MAX_TIME_NS {
            return Err(WriteError::WrongTime(at_ns));
        }
        if at_ns < lane.last_ns {
            return Err(WriteError::OutOfOrder {
                lane: id,
                recorded_ns: lane.last_ns,
                at_ns,
            });
        }
        Ok(lane)
    }

    fn write_if_full(&mut self, id: LaneId) -> Result<(), WriteError> {
        match self.lanes[id.0 as usize].pending.len() {
            MAX_ENTRIES => self.write_pending(id),
            _ => Ok(()),
        }
    }

    fn write_pending(&mut self, id: LaneId) -> Result<(), WriteError> {
        let lane = &mut self.lanes[id.0 as usize];
        let pending = std::mem::replace(&mut lane.pending, Pending::Empty);
        let continues = lane.continues;
        let period_ps = lane.run.map_or(0, |run| run.period_ps);
        let entries = pending.len();
        if entries == 0 {
            return Ok(());
        }
        lane.continues = true;
        let (kind, from_ns, until_ns) = pending.extent(period_ps);
        let mut header = header(kind, id, from_ns, until_ns);
        header.entries = entries as u32;
        header.flags = if continues { CONTINUES } else { 0 };
        if kind == BlockKind::Run {
            header.period_ps = period_ps;
        }
        if matches!(&pending, Pending::Edges(edges) if edges[entries - 1] & 1 != 0) {
            header.flags |= LAST_HIGH;
        }
        let mut payload = Vec::with_capacity(entries * kind.entry_bytes() + pyramid::bytes_behind(entries));
        let summary = pending.encode(&mut payload);
        self.append(header, &payload, &summary)
    }

    fn append(&mut self, mut header: Header, payload: &[u8], summary: &Summary) -> Result<(), WriteError> {
        header.payload_bytes = payload.len() as u32;
        header.payload_crc = crc32fast::hash(payload);
        header.sequence = self.sequence;
        let encoded = header.encode();
        self.sink.write_all(&encoded)?;
        self.sink.write_all(payload)?;
        self.indexed.extend_from_slice(&self.at.to_le_bytes());
        self.indexed.extend_from_slice(&encoded);
        append_summary(&mut self.indexed, summary);
        self.sequence += 1;
        self.at += (HEADER_BYTES + payload.len()) as u64;
        // An index for each 256 blocks: a file that was not finished opens after reading at most as many headers.
        if header.kind != BlockKind::Index && self.indexed.len() >= 256 * INDEX_ENTRY_BYTES {
            self.write_index()?;
        }
        Ok(())
    }

    fn write_index(&mut self) -> Result<(), WriteError> {
        debug_assert!(self.indexed.len() <= MAX_INDEXED * INDEX_ENTRY_BYTES);
        let index_at = self.at;
        let mut payload = self.index_before.to_le_bytes().to_vec();
        payload.append(&mut self.indexed);
        let header = header(BlockKind::Index, LaneId(0), 0, 0);
        let sequence = self.sequence;
        self.append(header, &payload, &Summary::EMPTY)?;
        // An index does not list itself.
        self.indexed.clear();
        self.index_before = index_at;
        let mut slot = index_at.to_le_bytes().to_vec();
        slot.extend_from_slice(&sequence.to_le_bytes());
        let crc = crc32fast::hash(&slot);
        slot.extend_from_slice(&crc.to_le_bytes());
        self.sink
            .seek(SeekFrom::Start(SLOTS_AT[(self.indexes % 2) as usize] as u64))?;
        self.sink.write_all(&slot)?;
        self.sink.seek(SeekFrom::Start(self.at))?;
        self.indexes += 1;
        Ok(())
    }
}

fn header(kind: BlockKind, lane: LaneId, from_ns: u64, until_ns: u64) -> Header {
    Header {
        kind,
        flags: 0,
        lane: lane.0,
        entries: 0,
        payload_bytes: 0,
        payload_crc: 0,
        from_ns,
        until_ns,
        sequence: 0,
        period_ps: 0,
    }
}

impl Pending {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Edges(entries) => entries.len(),
            Self::Numbers(entries) => entries.len(),
            Self::Run(_, samples) => samples.len(),
            Self::Texts(entries, _) => entries.len(),
        }
    }

    /// Kind of the block, first and last instant of at least one entry.
    fn extent(&self, period_ps: u64) -> (BlockKind, u64, u64) {
        fn ends<T>(entries: &[T], instant: impl Fn(&T) -> u64) -> (u64, u64) {
            (entries.first().map_or(0, &instant), entries.last().map_or(0, &instant))
        }
        let (kind, (from_ns, until_ns)) = match self {
            Self::Empty => (BlockKind::Progress, (0, 0)),
            Self::Edges(entries) => (BlockKind::Edges, ends(entries, |entry| entry >> 1)),
            Self::Numbers(entries) => (BlockKind::Numbers, ends(entries, |entry| entry.0)),
            Self::Run(first_ns, samples) => {
                let last_ns = run_time(*first_ns, period_ps, samples.len() as u64 - 1);
                (BlockKind::Run, (*first_ns, last_ns))
            }
            Self::Texts(entries, _) => (BlockKind::Texts, ends(entries, |entry| entry.0)),
        };
        (kind, from_ns, until_ns)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Summary {
        match self {
            Self::Empty => Summary::EMPTY,
            Self::Edges(entries) => {
                entries
                    .iter()
                    .for_each(|entry| out.extend_from_slice(&entry.to_le_bytes()));
                append_nodes(out, entries.len(), |index| {
                    let instant = entries[index] >> 1;
                    let held_ns = entries.get(index + 1).map_or(0, |next| (next >> 1) - instant);
                    (instant, Summary::of_level(entries[index] & 1 != 0, held_ns))
                })
            }
            Self::Numbers(entries) => {
                for (instant, value) in entries {
                    out.extend_from_slice(&instant.to_le_bytes());
                    out.extend_from_slice(&value.to_le_bytes());
                }
                append_nodes(out, entries.len(), |index| {
                    (entries[index].0, Summary::of_number(entries[index].1))
                })
            }
            Self::Run(_, samples) => {
                samples
                    .iter()
                    .for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
                append_nodes(out, samples.len(), |index| {
                    (0, Summary::of_number(f64::from(samples[index])))
                })
            }
            Self::Texts(entries, blob) => {
                for (instant, end) in entries {
                    out.extend_from_slice(&instant.to_le_bytes());
                    out.extend_from_slice(&end.to_le_bytes());
                }
                out.extend_from_slice(blob);
                Summary::EMPTY
            }
        }
    }
}
