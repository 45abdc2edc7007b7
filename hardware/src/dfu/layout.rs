//! The name of an alternate setting that describes a memory (ST's UM0424, "DfuSe", 10.3.2; dfu-util's documentation of it):
//! `@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg`. It comes from outside.

use std::ops::Range;

/// Most runs of sectors that are taken.
const MOST_RUNS: usize = 64;

/// A memory of a chip, as its bootloader describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryLayout {
    /// Its name.
    pub name: String,
    /// Its sectors, in the order of their addresses; never empty.
    pub runs: Vec<Sectors>,
}

/// A run of equal sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sectors {
    /// First address.
    pub start: u32,
    /// How many; never 0.
    pub count: u32,
    /// Length of each, in bytes; never 0.
    pub bytes: u32,
    /// They can be read.
    pub readable: bool,
    /// They can be erased.
    pub erasable: bool,
    /// They can be written.
    pub writable: bool,
}

/// A name that describes no memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bootloader's description of its memory makes no sense: {0}")]
pub struct BadLayout(pub &'static str);

impl Sectors {
    /// First address behind them; 2^32 at most.
    pub fn end(&self) -> u64 {
        u64::from(self.start) + u64::from(self.count) * u64::from(self.bytes)
    }
}

impl MemoryLayout {
    /// Reads a name.
    ///
    /// # Errors
    /// [`BadLayout`].
    pub fn parse(name: &str) -> Result<Self, BadLayout> {
        let text = name.strip_prefix('@').ok_or(BadLayout("it does not begin with @"))?;
        let mut parts = text.split('/');
        let title = parts.next().unwrap_or_default().trim().to_owned();
        let mut runs: Vec<Sectors> = Vec::new();
        while let Some(address) = parts.next() {
            let digits = address
                .trim()
                .strip_prefix("0x")
                .ok_or(BadLayout("an address is no number"))?;
            let start = u32::from_str_radix(digits, 16).map_err(|_| BadLayout("an address is no number"))?;
            let sectors = parts.next().ok_or(BadLayout("an address has no sectors"))?;
            let mut next = u64::from(start);
            for run in sectors.split(',') {
                let start = u32::try_from(next).map_err(|_| BadLayout("it is larger than the address space"))?;
                let run = sectors_at(start, run)?;
                if runs.len() == MOST_RUNS {
                    return Err(BadLayout("it has too many sectors"));
                }
                if runs.last().is_some_and(|last| last.end() > u64::from(run.start)) {
                    return Err(BadLayout("sectors overlap"));
                }
                next = run.end();
                if next > 1 << 32 {
                    return Err(BadLayout("it is larger than the address space"));
                }
                runs.push(run);
            }
        }
        match runs.is_empty() {
            true => Err(BadLayout("it has no sectors")),
            false => Ok(Self { name: title, runs }),
        }
    }

    /// The run with an address.
    pub fn sectors(&self, address: u32) -> Option<&Sectors> {
        let place = u64::from(address);
        self.runs.iter().find(|run| run.start <= address && place < run.end())
    }

    /// The sector with an address. A sector that ends with the address space ends one byte early.
    pub fn unit(&self, address: u32) -> Option<Range<u32>> {
        let run = self.sectors(address)?;
        let start = run.start + (address - run.start) / run.bytes * run.bytes;
        Some(start..start.saturating_add(run.bytes))
    }
}

/// `04*016Kg`: count, length, unit, and what can be done: three bits of a letter (readable, erasable, writable).
fn sectors_at(start: u32, text: &str) -> Result<Sectors, BadLayout> {
    let number = |digits: &str| -> Result<u32, BadLayout> {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| digits.parse().ok()).flatten();
        number
            .filter(|number| *number > 0)
            .ok_or(BadLayout("a number of sectors is no number"))
    };
    let (count, rest) = text
        .trim()
        .split_once('*')
        .ok_or(BadLayout("a run of sectors has no *"))?;
    let at = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (bytes, rest) = rest.split_at(at);
    let (unit, kind) = match rest.as_bytes() {
        [kind] => (1, *kind),
        [b' ' | b'B', kind] => (1, *kind),
        [b'K', kind] => (1 << 10, *kind),
        [b'M', kind] => (1 << 20, *kind),
        _ => return Err(BadLayout("a sector has no known unit and kind")),
    };
    if !(b'a'..=b'g').contains(&kind) {
        return Err(BadLayout("a sector has no known unit and kind"));
    }
    let bytes = number(bytes)?.checked_mul(unit);
    Ok(Sectors {
        start,
        count: number(count)?,
        bytes: bytes.ok_or(BadLayout("it is larger than the address space"))?,
        readable: kind & 1 != 0,
        erasable: kind & 2 != 0,
        writable: kind & 4 != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(start: u32, count: u32, bytes: u32, kind: &str) -> Sectors {
        Sectors {
            start,
            count,
            bytes,
            readable: kind.contains('r'),
            erasable: kind.contains('e'),
            writable: kind.contains('w'),
        }
    }

    #[test]
    fn the_names_of_real_bootloaders_are_read() {
        let st = MemoryLayout::parse("@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg").unwrap();
        let expected = [
            run(0x0800_0000, 4, 0x4000, "rew"),
            run(0x0801_0000, 1, 0x1_0000, "rew"),
            run(0x0802_0000, 7, 0x2_0000, "rew"),
        ];
        assert_eq!((st.name.as_str(), &st.runs[..]), ("Internal Flash", &expected[..]));
        assert_eq!(st.unit(0x0801_0001), Some(0x0801_0000..0x0802_0000));
        assert_eq!((st.unit(0x0810_0000), st.unit(0x07ff_ffff)), (None, None));
        let uno = MemoryLayout::parse("@CodeFlash /0x00000000/8*2Ka,120*2Kg").unwrap();
        assert_eq!(uno.runs, [run(0, 8, 0x800, "r"), run(0x4000, 120, 0x800, "rew")]);
        let otp = MemoryLayout::parse("@OTP Memory /0x1FFF7800/01*512 e,01*016 e").unwrap();
        assert_eq!(
            otp.runs,
            [run(0x1fff_7800, 1, 512, "rw"), run(0x1fff_7a00, 1, 16, "rw")]
        );
        let two = MemoryLayout::parse("@Flash /0x08000000/01*001Mg/0x90000000/16*064Kg").unwrap();
        assert_eq!(two.runs[1], run(0x9000_0000, 16, 0x1_0000, "rew"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "@",
            "@Flash",
            "Flash /0x0/1*1Kg",
            "@F /0x0",
            "@F /0/1*1Kg",
            "@F /0x0/",
            "@F /0x0/1*1Kh",
            "@F /0x0/0*1Kg",
            "@F /0x0/1*0Kg",
            "@F /0x0/-1*1Kg",
            "@F /0x0/1*1K",
            "@F /0x0/1*1Gg",
            "@F /0x0/1*1Kg,",
            "@F /0xffff0000/2*64Kg",
            "@F /0x0/4294967295*4095Mg",
            "@F /0x0/99999999999*1 g",
            "@F /0x1000/1*1Kg/0x0/1*8Kg",
            "@F /0x0/1*1é",
            "@F /0x0/1*é",
        ] {
            assert!(MemoryLayout::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(@[A-Za-z ]{0,4})?[/0x*,KMBg a-f1-9é]{0,60}") {
            if let Ok(layout) = MemoryLayout::parse(&text) {
                prop_assert!(layout.runs.len() <= MOST_RUNS && layout.runs.iter().all(|run| run.end() <= 1 << 32));
            }
        }

        #[test]
        fn what_is_written_down_is_read(start in 0_u32..0x1000, runs in proptest::collection::vec((1_u32..200, 1_u32..1000, 0_u8..7), 1..8)) {
            let start = start << 12;
            let written: Vec<String> = runs
                .iter()
                .map(|(count, size, kind)| format!("{count:02}*{size:03}K{}", char::from(b'a' + kind)))
                .collect();
            let layout = MemoryLayout::parse(&format!("@Some Flash  /0x{start:08X}/{}", written.join(","))).unwrap();
            let mut place = start;
            for (run, (count, size, kind)) in layout.runs.iter().zip(&runs) {
                prop_assert_eq!((run.start, run.count, run.bytes), (place, *count, size << 10));
                let bits = u8::from(run.readable) | u8::from(run.erasable) << 1 | u8::from(run.writable) << 2;
                prop_assert_eq!(bits, (kind + 1) & 7);
                // Each sector begins where the one before it ends.
                for number in [0, count - 1] {
                    let sector = place + number * (size << 10);
                    prop_assert_eq!(layout.unit(sector), Some(sector..sector + (size << 10)));
                    prop_assert_eq!(layout.unit(sector + (size << 10) - 1), Some(sector..sector + (size << 10)));
                }
                place += count * (size << 10);
            }
            prop_assert_eq!(layout.runs.len(), runs.len());
        }
    }
}
