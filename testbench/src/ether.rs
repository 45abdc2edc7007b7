//! The ether of a bench: radios of its boards hear each other. What passes is kept, for expectations and captures.

use crate::{
    bench::{Bench, State, duration, virtual_time},
    board::Board,
    error::{Cause, TestError},
};
use drydock_emulator::{
    AirEvent, Heard, Modulation, VirtualTime,
    ether::{Capture, Content, Ether as Air, Sent, Station},
};
use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io::{self, BufWriter},
    path::Path,
    time::Duration,
};

/// Frames that are kept; the oldest go first.
const FRAMES: usize = 10_000;
/// Longest pattern of a frame, in bytes.
const PATTERN_BYTES: usize = 257;

/// An ether of a bench.
#[derive(Clone)]
pub struct Ether {
    bench: Bench,
    index: usize,
}

/// A frame that passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Virtual time of its first bit.
    pub at: Duration,
    /// Name of the board that sent it; `None` for one from outside.
    pub from: Option<String>,
    /// What it says.
    pub content: Content,
}

/// What a frame must be like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FramePattern {
    /// Its first bytes: the MAC frame of IEEE 802.15.4, the PDU of Bluetooth LE. `None` is any byte.
    pub bytes: Vec<Option<u8>>,
    /// Its channel, if that matters.
    pub channel: Option<u8>,
}

impl FramePattern {
    /// Reads bytes in hexadecimal with spaces between them; `??` is any byte. The error is a clause.
    ///
    /// # Errors
    /// Another text, or more bytes than a frame has.
    pub fn parse(text: &str) -> Result<Self, String> {
        let byte = |word: &str| match word {
            "??" => Ok(None),
            _ => hex_byte(word).map(Some),
        };
        let bytes: Vec<Option<u8>> = text.split_ascii_whitespace().map(byte).collect::<Result<_, _>>()?;
        check_count(bytes.len())?;
        Ok(Self { bytes, channel: None })
    }

    /// Whether a frame is like this. One whose CRC is known to be wrong is not.
    pub fn fits(&self, content: &Content) -> bool {
        let bytes = content.bytes();
        content.crc_is_right() != Some(false)
            && self.channel.is_none_or(|channel| content.channel() == Some(channel))
            && self.bytes.len() <= bytes.len()
            && self
                .bytes
                .iter()
                .zip(bytes)
                .all(|(wanted, byte)| wanted.is_none_or(|wanted| wanted == *byte))
    }
}

impl fmt::Display for FramePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a frame")?;
        for (index, byte) in self.bytes.iter().enumerate() {
            f.write_str(if index == 0 { " that begins with " } else { " " })?;
            match byte {
                Some(byte) => write!(f, "{byte:02x}")?,
                None => f.write_str("??")?,
            }
        }
        match self.channel {
            Some(channel) => write!(f, " on channel {channel}"),
            None => Ok(()),
        }
    }
}

/// Bytes in hexadecimal with spaces between them. The error is a clause.
pub(crate) fn hex_bytes(text: &str) -> Result<Vec<u8>, String> {
    let bytes: Vec<u8> = text.split_ascii_whitespace().map(hex_byte).collect::<Result<_, _>>()?;
    check_count(bytes.len())?;
    Ok(bytes)
}

fn hex_byte(word: &str) -> Result<u8, String> {
    let is_hex = word.len() == 2 && word.bytes().all(|letter| letter.is_ascii_hexdigit());
    let byte = u8::from_str_radix(word, 16).ok().filter(|_| is_hex);
    byte.ok_or_else(|| {
        let word: String = word.chars().take(20).collect();
        format!("`{word}` is no byte; write two hexadecimal digits each, such as \"41 88 0f\"")
    })
}

fn check_count(count: usize) -> Result<(), String> {
    match count <= PATTERN_BYTES {
        true => Ok(()),
        false => Err(format!("a frame has at most {PATTERN_BYTES} bytes, not {count}")),
    }
}

impl Bench {
    /// A new ether. Its losses come from the bench's seed. With boards on an ether, all boards of the bench take turns of
    /// 16 µs, so that frames arrive at their exact instants.
    pub fn ether(&self) -> Ether {
        let mut state = self.state();
        let index = state.ethers.len();
        let seed = state.derived("ether", &index.to_string(), None);
        state.ethers.push(EtherState {
            air: Air::new(seed),
            stations: Vec::new(),
            frames: VecDeque::new(),
            forgotten: 0,
            passed: 0,
        });
        drop(state);
        let bench = self.clone();
        Ether { bench, index }
    }
}

impl Ether {
    /// Puts a board on it.
    ///
    /// # Errors
    /// [`Cause::NoRadio`], [`Cause::OnEther`].
    pub fn join(&self, board: &Board) -> Result<(), TestError> {
        let mut state = self.bench.state();
        let stations = state.ethers.iter().flat_map(|ether| &ether.stations);
        if stations.clone().any(|(joined, _)| *joined == board.index) {
            return Err(state.error(Some(board.index), Cause::OnEther));
        }
        let Some(radio) = state.boards[board.index].machine.radio() else {
            return Err(state.error(Some(board.index), Cause::NoRadio));
        };
        radio.set_on_air(true);
        let ether = &mut state.ethers[self.index];
        let station = ether.air.join();
        ether.stations.push((board.index, station));
        Ok(())
    }

    /// The share of frames that each receiver misses from now on, from 0 to 1.
    pub fn set_loss(&self, share: f64) {
        let mut state = self.bench.state();
        state.ethers[self.index].air.set_loss(share);
        state.note(format!("{} % of the frames on an ether are lost", share * 100.0));
    }

    /// What is lost of a frame's power between two boards from now on, in dB; 50 at first.
    pub fn set_attenuation(&self, db: u8) {
        self.bench.state().ethers[self.index].air.set_attenuation(db);
    }

    /// Sends a frame that comes from no board, with this power in dBm. A Bluetooth packet is sent at 1 Mbit/s. It begins
    /// now.
    ///
    /// # Errors
    /// [`Cause::Frame`]: no radio sends such a frame.
    pub fn inject(&self, content: &Content, dbm: i8) -> Result<(), TestError> {
        let mut state = self.bench.state();
        match content.frame(state.now, Modulation::Ble1M, dbm) {
            Ok(frame) => {
                state.ethers[self.index].air.inject(frame);
                let now = state.now;
                state.carry_air(self.index, now);
                Ok(())
            }
            Err(error) => Err(state.error(None, Cause::Frame(error.to_string()))),
        }
    }

    /// Waits for the end of a frame that is like this, sent by a board if one is named. The next call looks at what passes
    /// after it.
    ///
    /// # Errors
    /// [`Cause::NoFrame`], [`Cause::Cancelled`].
    pub fn expect(&self, pattern: &FramePattern, from: Option<&Board>, within: Duration) -> Result<Frame, TestError> {
        let from = from.map(|board| board.index);
        let found = self.bench.until(within, |state| {
            let ether = &mut state.ethers[self.index];
            let begin = ether.passed.saturating_sub(ether.forgotten) as usize;
            let mut unseen = ether.frames.iter().enumerate().skip(begin);
            let (index, sent) = unseen.find(|(_, sent)| {
                sent.cut.is_none()
                    && from.is_none_or(|board| ether.board_of(sent) == Some(board))
                    && pattern.fits(&Content::of(&sent.frame))
            })?;
            let (at, sender, content) = (sent.frame.begin, ether.board_of(sent), Content::of(&sent.frame));
            ether.passed = ether.forgotten + index as u64 + 1;
            let from = sender.map(|board| state.boards[board].name.clone());
            Some(Frame {
                at: duration(at),
                from,
                content,
            })
        })?;
        found.ok_or_else(|| {
            let state = self.bench.state();
            let ether = &state.ethers[self.index];
            let begin = ether.passed.saturating_sub(ether.forgotten) as usize;
            let others = ether.frames.iter().skip(begin).count();
            let last = ether.frames.back().filter(|_| others > 0);
            let cause = Cause::NoFrame {
                pattern: pattern.to_string(),
                within,
                others,
                last: last.map(|sent| hex(Content::of(&sent.frame).bytes())),
            };
            state.error(from, cause)
        })
    }

    /// How many frames have passed since the beginning.
    pub fn count(&self) -> u64 {
        let state = self.bench.state();
        let ether = &state.ethers[self.index];
        ether.forgotten + ether.frames.len() as u64
    }

    /// Writes the frames that passed to a file that Wireshark reads (pcapng): the last 10,000.
    ///
    /// # Errors
    /// [`Cause::Keep`].
    pub fn capture(&self, file: &Path) -> Result<(), TestError> {
        let state = self.bench.state();
        let written = state.ethers[self.index].capture(file);
        written.map_err(|error| {
            let cause = Cause::Keep {
                path: file.display().to_string(),
                why: error.to_string(),
            };
            state.error(None, cause)
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    let words: Vec<String> = bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
    words.join(" ")
}

/// An ether, with what passed on it.
pub(crate) struct EtherState {
    air: Air,
    /// Boards and their places.
    pub(crate) stations: Vec<(usize, Station)>,
    pub(crate) frames: VecDeque<Sent>,
    /// How many frames are no longer kept.
    forgotten: u64,
    /// How many frames expectations have seen.
    passed: u64,
}

impl EtherState {
    fn board_of(&self, sent: &Sent) -> Option<usize> {
        let sender = sent.sender()?;
        let found = self.stations.iter().find(|(_, station)| *station == sender);
        found.map(|(board, _)| *board)
    }

    pub(crate) fn capture(&self, file: &Path) -> io::Result<()> {
        let mut capture = Capture::new(BufWriter::new(File::create(file)?))?;
        for sent in &self.frames {
            capture.write(sent)?;
        }
        capture.flush()
    }

    /// A board has lost its power.
    pub(crate) fn cut(&mut self, board: usize, at: VirtualTime) {
        if let Some((_, station)) = self.stations.iter().find(|(joined, _)| *joined == board) {
            self.air.cut(*station, at);
        }
    }
}

impl State {
    /// Whether a board is on an ether.
    pub(crate) fn has_radios(&self) -> bool {
        self.ethers.iter().any(|ether| !ether.stations.is_empty())
    }

    /// Passes on what the radios of an ether sent in the last quantum, which ended now.
    pub(crate) fn carry_air(&mut self, index: usize, now: VirtualTime) {
        let Some(ether) = self.ethers.get_mut(index) else {
            return;
        };
        for (board, station) in &ether.stations {
            let board = &mut self.boards[*board];
            let base = board.base();
            let Some(radio) = board.machine.radio() else { continue };
            for event in radio.take_air_events() {
                ether.air.carry(*station, later(event, base));
            }
        }
        for (board, station) in &ether.stations {
            let heard = ether.air.take(*station);
            let board = &mut self.boards[*board];
            // A board that does not run hears nothing.
            if !board.runs() {
                continue;
            }
            let base = board.base();
            if let Some(radio) = board.machine.radio() {
                heard.into_iter().for_each(|heard| radio.hear(earlier(heard, base)));
            }
        }
        let (ended, forgotten) = ether.air.take_ended(now);
        ether.forgotten += forgotten;
        for sent in ended {
            if ether.frames.len() == FRAMES {
                ether.frames.pop_front();
                ether.forgotten += 1;
            }
            ether.frames.push_back(sent);
        }
    }
}

fn later(event: AirEvent, base: VirtualTime) -> AirEvent {
    match event {
        AirEvent::Frame(mut frame) => {
            frame.begin = frame.begin.saturating_add(base);
            AirEvent::Frame(frame)
        }
        AirEvent::Cut(at) => AirEvent::Cut(at.saturating_add(base)),
    }
}

fn earlier(heard: Heard, base: VirtualTime) -> Heard {
    match heard {
        Heard::Frame(id, mut frame) => {
            frame.begin = frame.begin.saturating_sub(base);
            Heard::Frame(id, frame)
        }
        Heard::Cut(id, at) => Heard::Cut(id, at.saturating_sub(base)),
    }
}

/// Longest turn of the boards of a bench.
pub(crate) fn turn(state: &State, quantum: Duration) -> VirtualTime {
    let quantum = virtual_time(quantum);
    match state.has_radios() {
        true => quantum.min(drydock_emulator::NOTICE),
        false => quantum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_is_bytes_with_holes() {
        let pattern = FramePattern::parse("41 ?? 0F").unwrap();
        let fits = |mac: &[u8]| pattern.fits(&Content::ieee802154(11, mac));
        assert!(fits(&[0x41, 0x88, 0x0f]) && fits(&[0x41, 0, 0x0f, 9]));
        assert!(!fits(&[0x41, 0x88]) && !fits(&[0x41, 0x88, 0x10]) && !fits(&[]));
        assert_eq!(pattern.to_string(), "a frame that begins with 41 ?? 0f");
        let elsewhere = FramePattern {
            channel: Some(12),
            ..pattern
        };
        assert!(!elsewhere.fits(&Content::ieee802154(11, &[0x41, 0x88, 0x0f])));
        assert_eq!(
            FramePattern::parse("4 1").unwrap_err(),
            "`4` is no byte; write two hexadecimal digits each, such as \"41 88 0f\""
        );
        assert!(FramePattern::parse("+1").is_err() && FramePattern::parse("€").is_err());
        assert!(FramePattern::parse(&"00 ".repeat(258)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_refused(text in ".{0,64}") {
            let _ = FramePattern::parse(&text);
            let _ = hex_bytes(&text);
        }
    }
}
