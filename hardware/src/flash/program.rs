//! Programming: erase, write and read back an image, in chunks, on one board only.

use super::{CHUNK_BYTES, FlashError, Flasher, Segment};
use crate::binding::Binding;
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What is erased before writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Erase {
    /// Only the erase units whose content differs; what is already there is not written again.
    #[default]
    Changed,
    /// The whole chip first, a locked one included.
    All,
}

/// What is to be written where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The image. Segments do not overlap.
    pub segments: Vec<Segment>,
    /// Addresses that may be written, for example without a factory bootloader.
    pub allowed: Vec<Range<u32>>,
    /// What is erased.
    pub erase: Erase,
}

/// One step of programming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What differs is being looked for.
    Comparing,
    /// Erasing.
    Erasing,
    /// Writing.
    Writing,
    /// Reading back.
    Verifying,
}

/// The result of programming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Bytes of the image.
    pub image_bytes: u32,
    /// Bytes that were written, whole erase units; the rest was there already.
    pub written_bytes: u32,
    /// They were not read back, because the method cannot.
    pub is_unread: bool,
}

/// Where the user cancels, and where progress goes.
pub struct Control {
    cancelled: Arc<AtomicBool>,
    progress: Box<dyn FnMut(Step, u32, u32) + Send>,
}

impl Control {
    /// A control whose progress is `(step, bytes done, bytes in all)`.
    pub fn new(cancelled: Arc<AtomicBool>, progress: impl FnMut(Step, u32, u32) + Send + 'static) -> Self {
        Self {
            cancelled,
            progress: Box::new(progress),
        }
    }

    fn at(&mut self, step: Step, done: u32, total: u32) -> Result<(), FlashError> {
        (self.progress)(step, done, total);
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(FlashError::Cancelled),
            false => Ok(()),
        }
    }
}

/// Writes an image to the board of a binding, and reads it back. Before each chunk of at most [`CHUNK_BYTES`] the chip is
/// asked for its id. Erase units that the image covers in part keep their other bytes.
///
/// # Errors
/// [`FlashError`]. The chip may be left with a part of the image; it can be programmed again.
pub fn program(
    flasher: &mut dyn Flasher,
    binding: &mut Binding,
    plan: &Plan,
    control: &mut Control,
) -> Result<Report, FlashError> {
    check_plan(plan)?;
    let mut report = Report {
        image_bytes: plan.segments.iter().map(|segment| segment.bytes.len() as u32).sum(),
        written_bytes: 0,
        is_unread: false,
    };
    match flasher.chip() {
        // A locked chip says no id before it is erased as a whole.
        Err(FlashError::Locked) if plan.erase == Erase::All => {}
        chip => binding.check_chip(&chip?)?,
    }
    if plan.erase == Erase::All {
        control.at(Step::Erasing, 0, 1)?;
        flasher.erase_all()?;
        control.at(Step::Erasing, 1, 1)?;
    } else if flasher.is_locked()? {
        return Err(FlashError::Locked);
    }
    let units = units(flasher, plan);
    let total = units.iter().map(|(range, _)| range.end - range.start).sum();
    let changed = changed_units(flasher, binding, plan, &units, total, control)?;

    let total = changed.iter().map(|segment| segment.bytes.len() as u32).sum();
    let mut done = 0;
    for segment in &changed {
        for (offset, chunk) in segment.bytes.chunks(CHUNK_BYTES as usize).enumerate() {
            let address = segment.address + offset as u32 * CHUNK_BYTES;
            let end = address + chunk.len() as u32;
            binding.check_chip(&flasher.chip()?)?;
            // A unit that is larger than a chunk is erased with its first chunk.
            if plan.erase != Erase::All && flasher.erase_unit(address).start == address {
                control.at(Step::Erasing, done, total)?;
                flasher.erase(address..flasher.erase_unit(end - 1).end)?;
            }
            control.at(Step::Writing, done, total)?;
            // Erased flash is all ones: a chunk of ones needs no write.
            if chunk.iter().any(|byte| *byte != 0xff) {
                flasher.write(address, chunk)?;
            }
            done += chunk.len() as u32;
            control.at(Step::Writing, done, total)?;
        }
    }
    report.written_bytes = done;

    let mut done = 0;
    for segment in &changed {
        for (offset, chunk) in segment.bytes.chunks(CHUNK_BYTES as usize).enumerate() {
            let address = segment.address + offset as u32 * CHUNK_BYTES;
            control.at(Step::Verifying, done, total)?;
            binding.check_chip(&flasher.chip()?)?;
            match flasher.holds(address, chunk) {
                Ok(true) => {}
                Ok(false) => return Err(FlashError::Verify { address }),
                Err(FlashError::Unsupported { .. }) => report.is_unread = true,
                Err(error) => return Err(error),
            }
            done += chunk.len() as u32;
        }
    }
    control.at(Step::Verifying, total, total)?;
    Ok(report)
}

/// Erase units that the image touches, joined to runs, each with whether the image covers it wholly.
fn units(flasher: &dyn Flasher, plan: &Plan) -> Vec<(Range<u32>, bool)> {
    let mut units: Vec<Range<u32>> = Vec::new();
    for segment in &plan.segments {
        let end = segment.address + segment.bytes.len() as u32;
        let mut address = segment.address;
        while address < end {
            let unit = flasher.erase_unit(address);
            address = unit.end;
            units.push(unit);
        }
    }
    units.sort_by_key(|unit| unit.start);
    units.dedup();
    let covered = |unit: &Range<u32>| {
        let bytes: u32 = plan
            .segments
            .iter()
            .map(|segment| {
                let end = segment.address + segment.bytes.len() as u32;
                end.min(unit.end).saturating_sub(segment.address.max(unit.start))
            })
            .sum();
        bytes == unit.end - unit.start
    };
    units.into_iter().map(|unit| (unit.clone(), covered(&unit))).collect()
}

/// The units whose content is to change, with their whole new content, neighbours joined.
fn changed_units(
    flasher: &mut dyn Flasher,
    binding: &mut Binding,
    plan: &Plan,
    units: &[(Range<u32>, bool)],
    total: u32,
    control: &mut Control,
) -> Result<Vec<Segment>, FlashError> {
    let mut changed: Vec<Segment> = Vec::new();
    let mut done = 0;
    for (unit, covered) in units {
        control.at(Step::Comparing, done, total)?;
        done += unit.end - unit.start;
        let mut bytes = vec![0xff; (unit.end - unit.start) as usize];
        if plan.erase != Erase::All && !covered {
            binding.check_chip(&flasher.chip()?)?;
            match flasher.read(unit.start, &mut bytes) {
                // What cannot be read cannot be kept.
                Err(FlashError::Unsupported { .. }) => bytes.fill(0xff),
                read => read?,
            }
        }
        let before = bytes.clone();
        for segment in &plan.segments {
            let end = segment.address + segment.bytes.len() as u32;
            let (from, to) = (segment.address.max(unit.start), end.min(unit.end));
            if from < to {
                let part = &segment.bytes[(from - segment.address) as usize..(to - segment.address) as usize];
                bytes[(from - unit.start) as usize..(to - unit.start) as usize].copy_from_slice(part);
            }
        }
        let is_there = match plan.erase {
            Erase::All => bytes.iter().all(|byte| *byte == 0xff),
            Erase::Changed if !covered && before == bytes => true,
            Erase::Changed => match flasher.holds(unit.start, &bytes) {
                // What cannot be compared is written.
                Err(FlashError::Unsupported { .. }) => false,
                holds => holds?,
            },
        };
        if is_there {
            continue;
        }
        match changed.last_mut() {
            Some(last) if last.address + last.bytes.len() as u32 == unit.start => last.bytes.extend(bytes),
            _ => changed.push(Segment {
                address: unit.start,
                bytes,
            }),
        }
    }
    Ok(changed)
}

fn check_plan(plan: &Plan) -> Result<(), FlashError> {
    if plan.segments.iter().all(|segment| segment.bytes.is_empty()) {
        return Err(FlashError::Image("The image is empty.".into()));
    }
    for segment in &plan.segments {
        let end = u64::from(segment.address) + segment.bytes.len() as u64;
        let fits = |range: &Range<u32>| range.start <= segment.address && end <= u64::from(range.end);
        if !plan.allowed.iter().any(fits) {
            let places: Vec<String> = plan
                .allowed
                .iter()
                .map(|range| format!("{:#x} to {:#x}", range.start, range.end))
                .collect();
            let text = format!(
                "The image has {} bytes at {:#x}, where this board's firmware must not be; it may be at {}.",
                segment.bytes.len(),
                segment.address,
                places.join(" and ")
            );
            return Err(FlashError::Image(text));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "the lists of ranges have one")]
mod tests {
    use super::*;
    use crate::binding::{ChipId, WrongBoard};
    use std::sync::Mutex;

    const BASE: u32 = 0x1000;

    /// A chip in memory whose erase units have one size.
    struct Memory {
        flash: Vec<u8>,
        unit: u32,
        chip: u8,
        /// The chip is exchanged before this call for its id.
        swap_at: Option<u32>,
        asked: u32,
        erased: Vec<Range<u32>>,
        written: Vec<Range<u32>>,
    }

    impl Memory {
        fn new(unit: u32) -> Self {
            Self {
                flash: (0..0x4_0000_u32).map(|at| (at >> 4) as u8).collect(),
                unit,
                chip: 1,
                swap_at: None,
                asked: 0,
                erased: Vec::new(),
                written: Vec::new(),
            }
        }

        fn slice(&mut self, range: Range<u32>) -> &mut [u8] {
            &mut self.flash[(range.start - BASE) as usize..(range.end - BASE) as usize]
        }
    }

    impl Flasher for Memory {
        fn method(&self) -> &'static str {
            "memory"
        }

        fn chip(&mut self) -> Result<ChipId, FlashError> {
            self.asked += 1;
            if self.swap_at == Some(self.asked) {
                self.chip = 2;
            }
            Ok(ChipId::from_bytes(&[self.chip]))
        }

        fn erase_unit(&self, address: u32) -> Range<u32> {
            let start = BASE + (address - BASE) / self.unit * self.unit;
            start..start + self.unit
        }

        fn erase(&mut self, range: Range<u32>) -> Result<(), FlashError> {
            assert_eq!((range.start - BASE) % self.unit, 0);
            assert_eq!((range.end - BASE) % self.unit, 0);
            self.erased.push(range.clone());
            self.slice(range).fill(0xff);
            Ok(())
        }

        fn erase_all(&mut self) -> Result<(), FlashError> {
            self.flash.fill(0xff);
            Ok(())
        }

        fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError> {
            assert!(bytes.len() <= CHUNK_BYTES as usize);
            let range = address..address + bytes.len() as u32;
            self.written.push(range.clone());
            for (cell, byte) in self.slice(range).iter_mut().zip(bytes) {
                assert_eq!(*cell, 0xff, "written without being erased");
                *cell = *byte;
            }
            Ok(())
        }

        fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
            let range = address..address + bytes.len() as u32;
            bytes.copy_from_slice(self.slice(range));
            Ok(())
        }

        fn start(&mut self) -> Result<(), FlashError> {
            Ok(())
        }
    }

    fn plan(segments: &[(u32, usize)]) -> Plan {
        let segment = |(address, length): &(u32, usize)| Segment {
            address: *address,
            bytes: (0..*length).map(|at| (at * 7 + 3) as u8).collect(),
        };
        Plan {
            segments: segments.iter().map(segment).collect(),
            allowed: vec![BASE..BASE + 0x4_0000],
            erase: Erase::Changed,
        }
    }

    fn anyone() -> Binding {
        Binding {
            topology: None,
            serial: None,
            chip: None,
        }
    }

    fn quiet() -> Control {
        Control::new(Arc::default(), |_, _, _| {})
    }

    #[test]
    fn an_image_is_written_and_its_neighbours_stay() {
        for unit in [0x1000, 0x4000, 0x2_0000] {
            let mut memory = Memory::new(unit);
            let before = memory.flash.clone();
            let plan = plan(&[(BASE + 0x10, 0x9000), (BASE + 0x3_0004, 5)]);
            let report = program(&mut memory, &mut anyone(), &plan, &mut quiet()).unwrap();
            let mut expected = before;
            for segment in &plan.segments {
                let from = (segment.address - BASE) as usize;
                expected[from..from + segment.bytes.len()].copy_from_slice(&segment.bytes);
            }
            assert!(memory.flash == expected, "unit {unit:#x}");
            assert_eq!(report.image_bytes, 0x9005);
            assert_eq!(report.written_bytes % unit, 0);
        }
    }

    #[test]
    fn what_is_there_already_is_not_written_again() {
        let mut memory = Memory::new(0x1000);
        let mut image = plan(&[(BASE, 0x8000)]);
        program(&mut memory, &mut anyone(), &image, &mut quiet()).unwrap();
        image.segments[0].bytes[0x5001] ^= 1;
        (memory.erased, memory.written) = (Vec::new(), Vec::new());
        let report = program(&mut memory, &mut anyone(), &image, &mut quiet()).unwrap();
        assert_eq!(report.written_bytes, 0x1000);
        assert_eq!(memory.erased, [BASE + 0x5000..BASE + 0x6000]);
        assert_eq!(memory.written, memory.erased);
    }

    #[test]
    fn a_chip_that_is_exchanged_is_not_touched() {
        let image = plan(&[(BASE, 0x1_0000)]);
        let mut memory = Memory::new(0x1000);
        program(&mut memory, &mut anyone(), &image, &mut quiet()).unwrap();
        let checks = memory.asked;
        for swap_at in 2..=checks {
            let mut memory = Memory::new(0x1000);
            memory.swap_at = Some(swap_at);
            let mut binding = anyone();
            let error = program(&mut memory, &mut binding, &image, &mut quiet()).unwrap_err();
            assert!(
                matches!(error, FlashError::WrongBoard(WrongBoard::Chip { .. })),
                "{error}"
            );
            let bytes: u32 = memory.written.iter().map(|range| range.end - range.start).sum();
            let before_swap = (swap_at - 2).min(4) * CHUNK_BYTES;
            assert_eq!(bytes, before_swap, "swapped at check {swap_at}");
        }
    }

    #[test]
    fn an_image_outside_the_firmwares_place_is_refused_untouched() {
        for (segments, allowed) in [
            (vec![(BASE - 4, 8)], BASE..BASE + 0x100),
            (vec![(BASE + 0xfc, 8)], BASE..BASE + 0x100),
            (vec![(0xffff_fffc, 8)], BASE..u32::MAX),
            (vec![], BASE..u32::MAX),
        ] {
            let mut memory = Memory::new(0x1000);
            let image = Plan {
                allowed: vec![allowed],
                ..plan(&segments)
            };
            let error = program(&mut memory, &mut anyone(), &image, &mut quiet()).unwrap_err();
            assert!(matches!(error, FlashError::Image(_)), "{error}");
            assert!(memory.erased.is_empty() && memory.asked == 0);
        }
    }

    #[test]
    fn cancelling_stops_between_two_chunks() {
        let mut memory = Memory::new(0x1000);
        let cancelled = Arc::new(AtomicBool::new(false));
        let steps = Arc::new(Mutex::new(Vec::new()));
        let (switch, seen) = (Arc::clone(&cancelled), Arc::clone(&steps));
        let mut control = Control::new(cancelled, move |step, done, _| {
            seen.lock().unwrap().push(step);
            if step == Step::Writing && done >= CHUNK_BYTES {
                switch.store(true, Ordering::Relaxed);
            }
        });
        let error = program(&mut memory, &mut anyone(), &plan(&[(BASE, 0x1_0000)]), &mut control).unwrap_err();
        assert!(matches!(error, FlashError::Cancelled), "{error}");
        assert_eq!(memory.written, [BASE..BASE + CHUNK_BYTES]);
    }
}
