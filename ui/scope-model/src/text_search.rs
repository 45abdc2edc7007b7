//! Looks for a text in what lanes of texts hold, entry by entry, in a stream or in a recording.
//!
//! A line is searched by itself. What a UART carried is cut into entries anywhere, so that a text may begin in one entry and
//! end in a later one; nothing is found across a gap.

use crate::{
    entries::Entry,
    lane::{Lane, LaneId},
};

/// An entry in which a text was found, or begins. It counts once, however often the text is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMatch {
    /// The lane.
    pub lane: LaneId,
    /// When the entry is, in ns.
    pub at_ns: u64,
    /// The entry's bytes, and those of the entries behind it up to the end of the text.
    pub bytes: Vec<u8>,
}

/// Looks for a text, whatever its letters' case.
#[derive(Debug, Clone)]
pub struct TextSearch {
    letters: Vec<Letter>,
    streams: Vec<(LaneId, Stream)>,
}

/// A letter in both cases, as UTF-8.
#[derive(Debug, Clone)]
struct Letter {
    lower: Vec<u8>,
    upper: Vec<u8>,
}

/// The newest entries of a stream, as far as a text may begin in them.
#[derive(Debug, Clone, Default)]
struct Stream {
    bytes: Vec<u8>,
    /// Instant, and place of the first byte, of each entry.
    entries: Vec<(u64, usize)>,
    /// No text begins before, or its entry counts already.
    searched: usize,
}

impl TextSearch {
    /// A search for a text. An empty one is found nowhere.
    pub fn new(text: &str) -> Self {
        let bytes = |letter: char| letter.to_string().into_bytes();
        // Where the other case has more letters, as that of ß, it counts as another text.
        let only = |mut letters: Box<dyn Iterator<Item = char>>, letter| match (letters.next(), letters.next()) {
            (Some(other), None) => bytes(other),
            _ => bytes(letter),
        };
        let letters = text.chars().map(|letter| Letter {
            lower: only(Box::new(letter.to_lowercase()), letter),
            upper: only(Box::new(letter.to_uppercase()), letter),
        });
        Self {
            letters: letters.collect(),
            streams: Vec::new(),
        }
    }

    /// Takes an entry of a lane, and appends what is found with it. Each lane's entries come in their order.
    pub fn feed(&mut self, id: LaneId, lane: &Lane, entry: &Entry<'_>, out: &mut Vec<TextMatch>) {
        match *entry {
            Entry::Text { at_ns, bytes } if lane.is_stream() => {
                let at = self.streams.iter().position(|(known, _)| *known == id);
                let at = at.unwrap_or_else(|| {
                    self.streams.push((id, Stream::default()));
                    self.streams.len() - 1
                });
                let stream = &mut self.streams[at].1;
                stream.entries.push((at_ns, stream.bytes.len()));
                stream.bytes.extend_from_slice(bytes);
                stream.search(id, &self.letters, out);
            }
            Entry::Text { at_ns, bytes } => {
                if find(&self.letters, bytes).is_some() {
                    let bytes = bytes.to_vec();
                    out.push(TextMatch { lane: id, at_ns, bytes });
                }
            }
            Entry::Gap { .. } => self.streams.retain(|(known, _)| *known != id),
            Entry::Level { .. } | Entry::Number { .. } => {}
        }
    }
}

impl Stream {
    fn search(&mut self, lane: LaneId, letters: &[Letter], out: &mut Vec<TextMatch>) {
        while let Some((from, until)) = find(letters, &self.bytes[self.searched..]) {
            let (from, until) = (self.searched + from, self.searched + until);
            let entry = self.entries.partition_point(|(_, first)| *first <= from) - 1;
            let behind = self.entries.partition_point(|(_, first)| *first < until);
            let end = |entry: usize| self.entries.get(entry).map_or(self.bytes.len(), |(_, first)| *first);
            out.push(TextMatch {
                lane,
                at_ns: self.entries[entry].0,
                bytes: self.bytes[self.entries[entry].1..end(behind)].to_vec(),
            });
            self.searched = end(entry + 1);
        }
        // A text that begins further back would have ended by now.
        let longest: usize = letters.iter().map(|it| it.lower.len().max(it.upper.len())).sum();
        let kept = self.bytes.len().saturating_sub(longest.saturating_sub(1));
        self.searched = self.searched.max(kept);
        let first = self
            .entries
            .partition_point(|(_, first)| *first <= self.searched)
            .saturating_sub(1);
        let cut = self.entries.get(first).map_or(0, |(_, first)| *first);
        self.entries.drain(..first);
        self.entries.iter_mut().for_each(|(_, first)| *first -= cut);
        self.bytes.drain(..cut);
        self.searched -= cut;
    }
}

/// Where the letters are first found: from the first byte to behind the last.
fn find(letters: &[Letter], bytes: &[u8]) -> Option<(usize, usize)> {
    let first = letters.first()?;
    let (lower, upper) = (first.lower[0], first.upper[0]);
    let mut from = 0;
    while let Some(skipped) = bytes[from..].iter().position(|byte| *byte == lower || *byte == upper) {
        from += skipped;
        if let Some(length) = begins_with(letters, &bytes[from..]) {
            return Some((from, from + length));
        }
        from += 1;
    }
    None
}

/// How many bytes the letters take at the begin of `bytes`, if they stand there.
fn begins_with(letters: &[Letter], bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    for letter in letters {
        rest = rest
            .strip_prefix(letter.lower.as_slice())
            .or_else(|| rest.strip_prefix(letter.upper.as_slice()))?;
    }
    Some(bytes.len() - rest.len())
}
