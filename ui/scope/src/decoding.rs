//! Decoders that a user put on lanes, and the thread that reads for them what the window shows.

use crate::{axis::Axis, session::Session, trigger::parse_baud};
use drydock_scope_model::{
    Lane, LaneId, LaneKind, Recording, TimeRange,
    decode::{Annotation, Bytes, Decoder, I2c, I2cTransfers, Link, OneWire, Spi, SpiMode, Uart, Ws2812},
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, Sender},
};

/// With more entries than this in the window nothing is decoded: its text could not be read anyway.
const MOST_ENTRIES: u64 = 400_000;
/// Decoders of a session.
pub const MAX_DECODERS: usize = 32;

/// The protocols, with the words of the panel and the lines that each needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Protocol {
    /// Asynchronous serial, 8N1.
    #[default]
    Uart,
    /// I2C.
    I2c,
    /// SPI, 8 bits.
    Spi,
    /// Lights with a WS2812.
    Ws2812,
    /// 1-Wire.
    OneWire,
    /// Frames of Drydock's link on a UART's line, or in what a UART carried.
    Link,
    /// Transfers that a machine told of its I2C bus, with the names of its parts.
    I2cTransfers,
    /// What a UART carried, as numbers.
    Bytes,
}

impl Protocol {
    /// All of them, with their names.
    pub const ALL: [(Self, &str); 8] = [
        (Self::Uart, "UART"),
        (Self::I2c, "I2C"),
        (Self::Spi, "SPI"),
        (Self::Ws2812, "WS2812"),
        (Self::OneWire, "1-Wire"),
        (Self::Link, "Drydock link"),
        (Self::I2cTransfers, "I2C transfers"),
        (Self::Bytes, "Bytes"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(it, _)| *it == self);
        found.map_or("", |(_, name)| name)
    }

    /// Its lines; a name that ends with `?` may stay empty.
    pub fn lines(self) -> &'static [&'static str] {
        match self {
            Self::Uart | Self::Link => &["Line"],
            Self::I2c => &["SCL", "SDA"],
            Self::Spi => &["SCK", "MOSI?", "MISO?", "Select?"],
            Self::Ws2812 => &["Data"],
            Self::OneWire => &["Bus"],
            Self::I2cTransfers => &["Transfers"],
            Self::Bytes => &["Text"],
        }
    }

    /// Whether it reads such a lane.
    pub fn reads(self, lane: &Lane) -> bool {
        let is_pin = lane.kind == LaneKind::Digital;
        match self {
            Self::Link => is_pin || lane.is_stream(),
            Self::I2cTransfers => lane.kind == LaneKind::Text && short(&lane.name).starts_with("i2c "),
            Self::Bytes => lane.is_stream(),
            _ => is_pin,
        }
    }

    /// What it reads, as a sentence says it.
    fn wanted(self) -> &'static str {
        match self {
            Self::Link => "a pin or a UART such as uart0.tx",
            Self::I2cTransfers => "a bus such as i2c P0.26 P0.27",
            Self::Bytes => "a UART such as uart0.tx",
            _ => "a pin",
        }
    }

    /// Whether it has a speed.
    pub fn has_baud(self) -> bool {
        matches!(self, Self::Uart | Self::Link)
    }
}

/// A lane's name without its board.
fn short(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, short)| short)
}

/// What a user filled in. Lanes are named, so that a setting fits another recording of the same board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecoderSetting {
    /// The protocol.
    pub protocol: Protocol,
    /// The lanes of [`Protocol::lines`].
    pub lanes: Vec<String>,
    /// In bits a second.
    pub baud: String,
    /// Polarity and phase of SPI, 0 to 3.
    pub mode: u8,
}

impl Default for DecoderSetting {
    fn default() -> Self {
        Self {
            protocol: Protocol::Uart,
            lanes: vec![String::new(); 4],
            baud: "115200".into(),
            mode: 0,
        }
    }
}

impl DecoderSetting {
    /// Its name in the window.
    pub fn title(&self) -> String {
        let first = self.lanes.first().map_or("", String::as_str);
        format!("{} on {first}", self.protocol.name())
    }

    fn lane(&self, index: usize) -> Option<&str> {
        self.lanes
            .get(index)
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }

    /// The recording and the lanes that it reads.
    ///
    /// # Errors
    /// A sentence that says which field is wrong.
    pub fn check(&self, session: &Session) -> Result<(usize, Work), String> {
        let first = self.lane(0).ok_or("Choose the lanes of the decoder.")?;
        let row = session.rows.iter().find(|row| row.name == first);
        let source = row.ok_or_else(|| format!("{first} is not in this recording."))?.source;
        let mut ids = Vec::new();
        for (index, line) in self.protocol.lines().iter().enumerate() {
            let id = match self.lane(index) {
                None if line.ends_with('?') => None,
                None => return Err(format!("Choose the lane of {line}.")),
                Some(name) => {
                    let recording = &session.sources[source].recording;
                    let id = session.sources[source].find(name);
                    let id = id.ok_or_else(|| format!("{name} is not in the recording of {first}."))?;
                    if !recording.lane(id).is_some_and(|lane| self.protocol.reads(lane)) {
                        let (protocol, wanted) = (self.protocol.name(), self.protocol.wanted());
                        return Err(format!("{protocol} does not read {name}; choose {wanted}."));
                    }
                    Some(id)
                }
            };
            ids.push(id);
        }
        if self.protocol == Protocol::Spi && ids[1].is_none() && ids[2].is_none() {
            return Err("Choose the lane of MOSI or of MISO.".into());
        }
        let is_text = row.is_some_and(|row| row.kind == LaneKind::Text);
        let names = match (self.protocol, row) {
            (Protocol::I2cTransfers, Some(row)) => session.sources[source].i2c_names(&row.board, &row.title),
            _ => Vec::new(),
        };
        let baud = if self.protocol.has_baud() && !is_text {
            parse_baud(&self.baud)?
        } else {
            0
        };
        let work = Work {
            protocol: self.protocol,
            ids,
            baud,
            mode: self.mode,
            names,
        };
        Ok((source, work))
    }
}

/// A decoder on lanes of one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    protocol: Protocol,
    ids: Vec<Option<LaneId>>,
    baud: u32,
    mode: u8,
    /// Devices of an I2C bus, by address.
    names: Vec<(u8, String)>,
}

impl Work {
    fn decoder(&self) -> Option<Box<dyn Decoder>> {
        let id = |index: usize| self.ids.get(index).copied().flatten();
        let first = id(0)?;
        Some(match self.protocol {
            Protocol::Uart => Box::new(Uart::new(first, self.baud)),
            Protocol::Link => Box::new(Link::new(Uart::new(first, self.baud))),
            Protocol::I2c => Box::new(I2c::new(first, id(1)?)),
            Protocol::Spi => {
                let mode = match self.mode {
                    0 => SpiMode::Mode0,
                    1 => SpiMode::Mode1,
                    2 => SpiMode::Mode2,
                    _ => SpiMode::Mode3,
                };
                Box::new(Spi::new(mode, first, id(1), id(2), id(3)))
            }
            Protocol::Ws2812 => Box::new(Ws2812::new(first)),
            Protocol::OneWire => Box::new(OneWire::new(first)),
            Protocol::I2cTransfers => Box::new(I2cTransfers::new(first, self.names.clone())),
            Protocol::Bytes => Box::new(Bytes::new(first)),
        })
    }
}

/// A decoder of the session: what was asked, and what is known.
#[derive(Debug)]
pub struct Decoding {
    /// What the user filled in.
    pub setting: DecoderSetting,
    /// The recording that its lanes are in.
    pub source: usize,
    /// What it made of the window; kept while the next part is read.
    pub decoded: Decoded,
    work: Work,
    asked: Option<Wanted>,
}

/// What a decoder made of a range.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Its annotations, in the order in which they end.
    pub annotations: Vec<Annotation>,
    /// Why there are none.
    pub problem: Option<String>,
    /// They were read from texts, which have no length on the axis.
    pub is_told: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    work: Work,
    range: TimeRange,
    recorded_until_ns: u64,
}

#[derive(Debug)]
struct Job {
    path: PathBuf,
    decoder: usize,
    asked: Wanted,
}

/// The thread that decodes. It ends with the session.
#[derive(Debug)]
pub struct Decoders {
    /// The decoders, in the order of the window.
    pub all: Vec<Decoding>,
    jobs: Sender<Job>,
    done: Receiver<(usize, Wanted, Decoded)>,
}

impl Decoders {
    /// No decoders yet.
    pub fn new() -> Self {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (answer, done) = mpsc::channel();
        std::thread::spawn(move || {
            let mut open: Vec<(PathBuf, Recording)> = Vec::new();
            while let Ok(first) = todo.recv() {
                // Of each decoder only the newest wish counts.
                let mut newest = vec![first];
                while let Ok(job) = todo.try_recv() {
                    newest.retain(|it| it.decoder != job.decoder);
                    newest.push(job);
                }
                for job in newest {
                    let decoded = decode(&mut open, &job.path, &job.asked);
                    if answer.send((job.decoder, job.asked, decoded)).is_err() {
                        return;
                    }
                }
            }
        });
        Self {
            all: Vec::new(),
            jobs,
            done,
        }
    }

    /// Whether the thread reads what the window shows now.
    pub fn are_busy(&self) -> bool {
        self.all.iter().any(|it| it.asked.is_some())
    }
}

impl Default for Decoders {
    fn default() -> Self {
        Self::new()
    }
}

fn decode(open: &mut Vec<(PathBuf, Recording)>, path: &Path, asked: &Wanted) -> Decoded {
    let problem = |problem: String| Decoded {
        problem: Some(problem),
        ..Decoded::default()
    };
    if !open.iter().any(|(known, _)| known == path) {
        match Recording::open(path) {
            Ok(recording) => open.push((path.to_owned(), recording)),
            Err(error) => return problem(error.to_string()),
        }
    }
    let Some((_, recording)) = open.iter_mut().find(|(known, _)| known == path) else {
        return Decoded::default();
    };
    if recording.recorded_until_ns() < asked.recorded_until_ns
        && let Err(error) = recording.refresh()
    {
        return problem(error.to_string());
    }
    let Some(mut decoder) = asked.work.decoder() else {
        return Decoded::default();
    };
    let lanes = decoder.lanes();
    let entries = |range: TimeRange| -> u64 { lanes.iter().map(|lane| recording.count_in(*lane, range)).sum() };
    if entries(asked.range) > MOST_ENTRIES {
        return problem("zoom in to decode".into());
    }
    // A decoder that begins in the middle of a transfer misreads it: it begins earlier, where the lines may be idle.
    let mut from_ns = asked.range.from_ns;
    for length_ns in [1_u64, 2, 4, 8].map(|times| asked.range.len_ns().max(1_000_000).saturating_mul(times)) {
        let earlier_ns = asked.range.from_ns.saturating_sub(length_ns);
        let range = TimeRange::new(earlier_ns, asked.range.until_ns);
        if entries(range) > MOST_ENTRIES {
            break;
        }
        from_ns = earlier_ns;
    }
    match recording.decode(&mut *decoder, TimeRange::new(from_ns, asked.range.until_ns)) {
        Ok(mut annotations) => {
            annotations.retain(|it| it.range.until_ns >= asked.range.from_ns);
            let is_text = |lane: &LaneId| recording.lane(*lane).is_some_and(|lane| lane.kind == LaneKind::Text);
            Decoded {
                annotations,
                problem: None,
                is_told: lanes.iter().any(is_text),
            }
        }
        Err(error) => problem(error.to_string()),
    }
}

impl Session {
    /// Puts a decoder on lanes.
    pub fn add_decoder(&mut self, setting: DecoderSetting) {
        self.message.clear();
        if self.decoders.all.len() >= MAX_DECODERS {
            self.say(format!(
                "A window has at most {MAX_DECODERS} decoders; remove one first."
            ));
            return;
        }
        match setting.check(self) {
            Err(problem) => self.say(problem),
            Ok((source, work)) => self.decoders.all.push(Decoding {
                setting,
                source,
                decoded: Decoded::default(),
                work,
                asked: None,
            }),
        }
    }

    /// Takes a decoder away.
    pub fn remove_decoder(&mut self, index: usize) {
        if index < self.decoders.all.len() {
            self.decoders.all.remove(index);
            // Answers carry the number of their decoder.
            for it in &mut self.decoders.all {
                it.asked = None;
                it.decoded = Decoded::default();
            }
            self.decoded_for = None;
        }
    }

    /// Asks for what the window shows now, and takes in what was decoded.
    pub(crate) fn decode_window(&mut self) {
        while let Ok((index, asked, decoded)) = self.decoders.done.try_recv() {
            if let Some(decoding) = self.decoders.all.get_mut(index).filter(|it| it.work == asked.work) {
                decoding.decoded = decoded;
                if decoding.asked.as_ref() == Some(&asked) {
                    decoding.asked = None;
                }
            }
        }
        let wanted: (Axis, Vec<u64>, usize) = (
            self.axis,
            self.sources.iter().map(|it| it.recording.recorded_until_ns()).collect(),
            self.decoders.all.len(),
        );
        if self.decoded_for.as_ref() == Some(&wanted) {
            return;
        }
        for (index, decoding) in self.decoders.all.iter_mut().enumerate() {
            let source = &self.sources[decoding.source];
            let asked = Wanted {
                work: decoding.work.clone(),
                range: self.axis.range(source.offset_ns),
                recorded_until_ns: source.recording.recorded_until_ns(),
            };
            decoding.asked = Some(asked.clone());
            // The thread lives as long as the session.
            let _ = self.decoders.jobs.send(Job {
                path: source.path.clone(),
                decoder: index,
                asked,
            });
        }
        self.decoded_for = Some(wanted);
    }
}
