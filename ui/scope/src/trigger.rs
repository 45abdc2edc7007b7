//! What a user says of a trigger, and what the scope does when it fires.

use crate::{search::Search, session::Session, time};
use drydock_scope_model::{Condition, LaneId, LaneKind, Trigger, decode::Uart};
use serde::{Deserialize, Serialize};

/// The kinds of triggers, with the words of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TriggerKind {
    /// A pin changes.
    #[default]
    Edge,
    /// A pin has a level.
    Level,
    /// A pulse has a width.
    Pulse,
    /// Several pins have levels at once.
    Pattern,
    /// A UART carries a text.
    UartText,
    /// A number passes another.
    Threshold,
}

impl TriggerKind {
    /// All of them, with their names.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Edge, "Edge"),
        (Self::Level, "Level"),
        (Self::Pulse, "Pulse width"),
        (Self::Pattern, "Pattern"),
        (Self::UartText, "UART text"),
        (Self::Threshold, "Threshold"),
    ];
}

/// What a user filled in. Lanes are named, so that a setting fits another recording of the same board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TriggerSetting {
    /// What is waited for.
    pub kind: TriggerKind,
    /// The lane.
    pub lane: String,
    /// An edge to high, a level that is high, a pulse that is high, or above a threshold.
    pub is_high: bool,
    /// Edges to either level.
    pub is_either: bool,
    /// Shortest width of a pulse, such as `600 ns`; empty for none.
    pub at_least: String,
    /// Longest width of a pulse; empty for none.
    pub at_most: String,
    /// `D2=1 D3=0`, on the board of the lane.
    pub pattern: String,
    /// What a UART carries.
    pub text: String,
    /// In bits a second.
    pub baud: String,
    /// In the lane's unit.
    pub threshold: String,
    /// Where a shot is shown, as a share of the window.
    pub before: f64,
}

impl Default for TriggerSetting {
    fn default() -> Self {
        Self {
            kind: TriggerKind::Edge,
            lane: String::new(),
            is_high: true,
            is_either: false,
            at_least: String::new(),
            at_most: String::new(),
            pattern: String::new(),
            text: String::new(),
            baud: "115200".into(),
            threshold: String::new(),
            before: 0.2,
        }
    }
}

/// What the scope does with the newest shot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Armed {
    /// It only marks shots.
    #[default]
    No,
    /// It shows the first shot that comes, and stops.
    Single,
    /// It shows each shot that comes.
    Each,
}

impl TriggerSetting {
    /// The condition, in the recording that has the lane.
    ///
    /// # Errors
    /// A sentence that says which field is wrong.
    pub fn condition(&self, session: &Session) -> Result<(usize, Condition), String> {
        let row = session
            .rows
            .iter()
            .find(|row| row.name == self.lane)
            .ok_or("Choose a lane for the trigger.")?;
        let lane = row.lane;
        let wanted = match self.kind {
            TriggerKind::Threshold => LaneKind::Number,
            _ => LaneKind::Digital,
        };
        if row.kind != wanted {
            let what = if wanted == LaneKind::Number { "numbers" } else { "a pin" };
            return Err(format!("{} is no lane of {what}; choose another lane.", row.name));
        }
        let width = |text: &str, none: u64| match text.trim() {
            "" => Ok(none),
            text => time::parse_duration(text)
                .map(|ns| ns as u64)
                .ok_or_else(|| format!("\"{text}\" is no time; write it as 600 ns or 1.5 ms.")),
        };
        let condition = match self.kind {
            TriggerKind::Edge => Condition::Edge {
                lane,
                to_high: (!self.is_either).then_some(self.is_high),
            },
            TriggerKind::Level => Condition::Level {
                lane,
                is_high: self.is_high,
            },
            TriggerKind::Pulse => Condition::Pulse {
                lane,
                is_high: self.is_high,
                at_least_ns: width(&self.at_least, 0)?,
                at_most_ns: width(&self.at_most, u64::MAX)?,
            },
            TriggerKind::Pattern => Condition::Pattern(self.pattern(session, row.source, &row.board)?),
            TriggerKind::UartText if self.text.is_empty() => return Err("Write the text to wait for.".into()),
            TriggerKind::UartText => Condition::UartText {
                uart: Uart::new(lane, parse_baud(&self.baud)?),
                text: unescaped(&self.text),
            },
            TriggerKind::Threshold => Condition::Threshold {
                lane,
                number: self
                    .threshold
                    .trim()
                    .parse()
                    .ok()
                    .filter(|number: &f64| number.is_finite())
                    .ok_or_else(|| format!("\"{}\" is no number; write the threshold as 3.3.", self.threshold))?,
                is_above: self.is_high,
            },
        };
        Ok((row.source, condition))
    }

    fn pattern(&self, session: &Session, source: usize, board: &str) -> Result<Vec<(LaneId, bool)>, String> {
        let mut levels = Vec::new();
        for word in self.pattern.split_whitespace() {
            let wrong = || format!("\"{word}\" is no level of a pin; write a pattern as D2=1 D3=0.");
            let (pin, level) = word.split_once('=').ok_or_else(wrong)?;
            let is_high = match level {
                "1" => true,
                "0" => false,
                _ => return Err(wrong()),
            };
            let mut rows = session.rows.iter().filter(|row| row.source == source);
            let row = rows
                .find(|row| row.kind == LaneKind::Digital && row.board == board && row.title == pin)
                .ok_or_else(|| format!("{board} has no pin {pin} in this recording."))?;
            levels.push((row.lane, is_high));
        }
        if levels.is_empty() {
            return Err("Write the levels of the pattern as D2=1 D3=0.".into());
        }
        Ok(levels)
    }
}

/// A speed of a UART.
///
/// # Errors
/// A sentence.
pub fn parse_baud(text: &str) -> Result<u32, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|baud| *baud > 0)
        .ok_or_else(|| format!("\"{text}\" is no speed; write bits a second, such as 115200."))
}

/// Bytes with `\n`, `\r`, `\t`, `\\` and `\xNN` as what they mean.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (taken, byte) = match rest.as_bytes() {
            [b'\\', b'n', ..] => (2, Some(b'\n')),
            [b'\\', b'r', ..] => (2, Some(b'\r')),
            [b'\\', b't', ..] => (2, Some(b'\t')),
            [b'\\', b'\\', ..] => (2, Some(b'\\')),
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (4, u8::from_str_radix(&rest[2..4], 16).ok())
            }
            _ => (letter.len_utf8(), None),
        };
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(&rest.as_bytes()[..taken]),
        }
        rest = &rest[taken..];
    }
    bytes
}

impl Session {
    /// Marks every shot of the trigger. With `armed` it shows those that come from now on; a recording that does not grow is
    /// searched from the beginning.
    pub fn arm(&mut self, armed: Armed) {
        self.message.clear();
        match self.trigger.condition(self) {
            Err(problem) => {
                self.search = None;
                self.armed = Armed::No;
                self.say(problem);
            }
            Ok((source, condition)) => {
                let trigger = Trigger::new(condition, 0, 0);
                let is_live = self.sources[source].is_live(self.now_s);
                let from_ns = match armed != Armed::No && is_live {
                    true => self.sources[source].recording.recorded_until_ns(),
                    false => 0,
                };
                self.is_following = armed != Armed::No && is_live;
                self.search = Some(Search::new(source, self.sources[source].path.clone(), trigger, from_ns));
                self.armed = armed;
            }
        }
    }

    /// Ends the search and takes its marks away.
    pub fn disarm(&mut self) {
        self.search = None;
        self.armed = Armed::No;
    }

    /// Takes in shots that were found, and shows the one that the scope waits for.
    pub(crate) fn take_in_shots(&mut self) {
        let Some(search) = &mut self.search else { return };
        let Some(first_ns) = search.refresh() else { return };
        let newest_ns = search.shots.last().copied().unwrap_or(first_ns);
        match self.armed {
            Armed::No => {}
            Armed::Single => {
                self.armed = Armed::No;
                self.show_shot(first_ns);
            }
            Armed::Each => self.show_shot(newest_ns),
        }
    }

    /// Shows the next shot behind the place of shots in the window, or the one before it.
    pub fn next_shot(&mut self, is_later: bool) {
        let here_ns = self.axis.from_ns + self.axis.span_ns * self.trigger.before;
        let Some(search) = &self.search else {
            self.say("Set a trigger first: press T.");
            return;
        };
        let inside_ns = (here_ns - self.sources[search.source].offset_ns).max(0.0).round() as u64;
        // The window's place of a shot is exact to a part of its length only.
        let near_ns = (self.axis.span_ns * 1e-6) as u64;
        let found = match is_later {
            true => search.after(inside_ns + near_ns),
            false => search.before(inside_ns.saturating_sub(near_ns)),
        };
        match found {
            Some(at_ns) => self.show_shot(at_ns),
            None => self.say("There is no shot in that direction."),
        }
    }

    fn show_shot(&mut self, at_ns: u64) {
        let Some(search) = &self.search else { return };
        let at_ns = at_ns as f64 + self.sources[search.source].offset_ns;
        self.is_following = false;
        self.cursors.a = Some(at_ns);
        self.axis = self.axis.with_at(at_ns, self.trigger.before);
    }

    /// How far the search is, as a line of text.
    pub fn search_state(&self) -> Option<String> {
        let search = self.search.as_ref()?;
        let recorded_ns = self.sources[search.source].recording.recorded_until_ns();
        let count = match search.shots.len() {
            0 => "no shot".into(),
            1 => "1 shot".into(),
            count if count >= crate::search::MAX_SHOTS => format!("{count} shots, no more are kept"),
            count => format!("{count} shots"),
        };
        let state = match self.armed {
            Armed::No => "",
            Armed::Single => "waiting for one; ",
            Armed::Each => "showing each; ",
        };
        let share = search.searched_until_ns as f64 / recorded_ns.max(1) as f64;
        let searched = match share < 0.999 && search.shots.len() < crate::search::MAX_SHOTS {
            true => format!(", {:.0} % searched", share * 100.0),
            false => String::new(),
        };
        Some(format!("{state}{count}{searched}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_bytes() {
        assert_eq!(unescaped(r"OK\r\n"), b"OK\r\n");
        assert_eq!(unescaped(r"\x00\xff\\x"), [0, 0xff, b'\\', b'x']);
        assert_eq!(unescaped(r"ü\q\x1"), "ü\\q\\x1".as_bytes());
    }
}
