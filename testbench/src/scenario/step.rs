//! The steps of a scenario: each section `[[step]]` does one thing.

use super::{
    ether::{frame_step, inject_step, loss_step},
    places::{Places, Table},
    read::{Known, Ports},
};
use crate::{
    board::Level,
    ether::FramePattern,
    machine::USB,
    part::{Expected, fault_text},
    pattern::Pattern,
    units::show_time,
};
use drydock_emulator::{DebugLine, PartFault, PartTable, ether::Content};
use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

/// How far a frequency may be off, if a step does not say it.
const TOLERANCE: f64 = 0.01;

/// A step of a scenario.
#[derive(Debug, Clone)]
pub struct Step {
    /// Line of its section in the file, from 1.
    pub line: usize,
    /// What it does, for people.
    pub text: String,
    /// What it does.
    pub action: Action,
    /// Place of its main key in the file, in bytes.
    pub(super) place: Range<usize>,
}

/// What a step does. Boards and wires are numbers in the order of the file.
#[derive(Debug, Clone)]
#[allow(
    missing_docs,
    reason = "each field is the key of the same name in docs/testing-firmware.md"
)]
pub enum Action {
    /// Waits for a text or an expression. Without a port, on the whole console.
    Expect {
        board: usize,
        port: Option<u8>,
        pattern: Pattern,
        within: Duration,
    },
    /// Lets time pass, in which something must not be said.
    Absent {
        board: usize,
        port: Option<u8>,
        pattern: Pattern,
        during: Duration,
    },
    /// Sends bytes.
    Send {
        board: usize,
        port: Option<u8>,
        bytes: String,
    },
    /// Lets time pass.
    Wait(Duration),
    /// Waits for a pin's level.
    Level {
        board: usize,
        pin: String,
        level: Level,
        within: Duration,
    },
    /// Measures a pin's frequency, in hertz.
    Frequency {
        board: usize,
        pin: String,
        hz: f64,
        tolerance: f64,
        over: Duration,
    },
    /// Drives a pin from outside.
    Drive { board: usize, pin: String, level: Level },
    /// Holds a button down; for a time, if there is one.
    Press {
        board: usize,
        button: String,
        during: Option<Duration>,
    },
    /// Lets a button go.
    Release { board: usize, button: String },
    /// Takes the power away for a time.
    PowerCut { board: usize, during: Duration },
    /// Resets by the reset pin.
    Reset { board: usize },
    /// Damages a share of a wire's bytes from now on.
    Noise { wire: usize, rate: f64 },
    /// Sets a property of a part, in its unit.
    SetPart {
        board: usize,
        part: String,
        property: String,
        value: f64,
    },
    /// Waits for a value of a part.
    PartValue {
        board: usize,
        part: String,
        property: String,
        wanted: Expected,
        within: Duration,
    },
    /// Lets values of parts follow a CSV file.
    Play {
        board: usize,
        file: PathBuf,
        /// What the file says; it is read when the scenario is loaded.
        table: Option<Arc<PartTable>>,
    },
    /// Fills a memory from a file.
    LoadPart {
        board: usize,
        part: String,
        file: PathBuf,
        /// What the file has; it is read when the scenario is loaded.
        content: Option<Arc<[u8]>>,
    },
    /// Saves what a memory keeps to a file.
    SavePart { board: usize, part: String, file: PathBuf },
    /// Breaks a part, or mends it with `None`.
    PartFault {
        board: usize,
        part: String,
        fault: Option<PartFault>,
    },
    /// Waits for a frame on an ether.
    Frame {
        ether: usize,
        pattern: FramePattern,
        from: Option<usize>,
        within: Duration,
    },
    /// Sends a frame that comes from no board.
    Inject { ether: usize, content: Content, dbm: i8 },
    /// Loses a share of the frames from now on.
    Loss { ether: usize, share: f64 },
    /// Waits for the end of the program.
    Exit { board: usize, code: u32, within: Duration },
}

/// The keys that say what a step does.
const ACTIONS: [&str; 22] = [
    "expect",
    "matches",
    "absent",
    "send",
    "wait",
    "pin",
    "drive",
    "press",
    "release",
    "power_cut",
    "reset",
    "noise",
    "set",
    "part",
    "play",
    "load",
    "save",
    "fault",
    "frame",
    "inject",
    "loss",
    "exit",
];

pub(super) fn step(places: &mut Places<'_>, mut section: Table<'_>, known: &Known) -> Option<Step> {
    let (line, _) = places.place(section.span.start);
    let does: Vec<&str> = ACTIONS.into_iter().filter(|action| section.has(action)).collect();
    let mut place = section.span.clone();
    let read = match does.as_slice() {
        [action] => {
            place = section.place_of(action);
            let read = read(places, &mut section, known, action);
            section.finish(places, &format!("in a step with `{action}`"));
            read
        }
        [] => {
            let what = format!("a [[step]] needs one of {}", ACTIONS.join(", "));
            places.problem(section.span.clone(), &what);
            None
        }
        [first, second, ..] => {
            let what = format!("a [[step]] does one thing: this one has `{first}` and `{second}`");
            places.problem(section.place_of(second), &what);
            None
        }
    };
    let (action, text) = read?;
    known.check_part(places, &action, place.clone());
    Some(Step {
        line,
        text,
        action,
        place,
    })
}

fn read(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known, key: &str) -> Option<(Action, String)> {
    match key {
        "expect" | "matches" | "absent" => pattern_step(places, section, known, key),
        "send" => {
            let text = section.text(places, "send");
            let to = port(places, section, known, "to", Ports::Input);
            let (text, (board, port)) = (text?, to?);
            let shown = format!("send {:?} to {}", text.value, port_text(known, board, port));
            let bytes = text.value;
            Some((Action::Send { board, port, bytes }, shown))
        }
        "wait" => {
            let time = section.time(places, "wait")?;
            Some((Action::Wait(time), format!("wait {}", show_time(time))))
        }
        "pin" => pin_step(places, section, known),
        "frame" => frame_step(places, section, known),
        "inject" => inject_step(places, section, known),
        "loss" => loss_step(places, section, known),
        "set" => {
            let at = property(places, section, known, "set");
            let value = section.required(places, "to", Table::decimal);
            let ((board, part, property), value) = (at?, value?.value);
            let text = format!("set {}:{part}.{property} to {value}", known.name(board));
            let action = Action::SetPart {
                board,
                part,
                property,
                value,
            };
            Some((action, text))
        }
        "part" => part_step(places, section, known),
        "play" => {
            let file = section.text(places, "play");
            let (board, _) = port(places, section, known, "on", Ports::Output)?;
            let file = file?.value;
            let text = format!("play {file} on {}", known.name(board));
            let (file, table) = (PathBuf::from(file), None);
            Some((Action::Play { board, file, table }, text))
        }
        "load" | "save" => {
            let name = section.text(places, key);
            let at = name.and_then(|name| known.part_name(places, &name.value, name.span));
            let file_key = if key == "load" { "from" } else { "to" };
            let file = section.required(places, file_key, Table::text);
            let ((board, part), file) = (at?, file?.value);
            let text = format!("{key} {}:{part} {file_key} {file}", known.name(board));
            let file = PathBuf::from(file);
            let action = match key {
                "load" => Action::LoadPart {
                    board,
                    part,
                    file,
                    content: None,
                },
                _ => Action::SavePart { board, part, file },
            };
            Some((action, text))
        }
        "fault" => {
            let name = section.text(places, "fault");
            let at = name.and_then(|name| known.part_name(places, &name.value, name.span));
            let how = section.required(places, "how", Table::text)?;
            let fault = match how.value.as_str() {
                "stuck" => Some(PartFault::Stuck),
                "silent" => Some(PartFault::Silent),
                "mended" => None,
                _ => {
                    places.problem(how.span, "`how` must be stuck, silent or mended");
                    return None;
                }
            };
            let (board, part) = at?;
            let text = format!("{}:{part} is {}", known.name(board), fault_text(fault));
            Some((Action::PartFault { board, part, fault }, text))
        }
        "drive" => {
            let pin = pin(places, section, known, "drive");
            let level = level(places, section);
            let ((board, pin), level) = (pin?, level?);
            let text = format!("drive {}:{pin} {}", known.name(board), level.name());
            Some((Action::Drive { board, pin, level }, text))
        }
        "press" => {
            let button = button(places, section, known, "press");
            let timed = section.has("during");
            let during = section.time(places, "during");
            let (board, button) = button.filter(|_| during.is_some() == timed)?;
            let text = format!("press {}:{button}", known.name(board));
            Some((Action::Press { board, button, during }, text))
        }
        "release" => {
            let (board, button) = button(places, section, known, "release")?;
            let text = format!("release {}:{button}", known.name(board));
            Some((Action::Release { board, button }, text))
        }
        "power_cut" => {
            let board = board(places, section, known, "power_cut");
            let timed = section.has("during");
            let during = section.time(places, "during");
            let board = board.filter(|_| during.is_some() == timed)?;
            let during = during.unwrap_or_default();
            let text = format!("cut the power of {} for {}", known.name(board), show_time(during));
            Some((Action::PowerCut { board, during }, text))
        }
        "reset" => {
            let board = board(places, section, known, "reset")?;
            Some((Action::Reset { board }, format!("reset {}", known.name(board))))
        }
        "noise" => {
            let wire = section.text(places, "noise");
            let wire = wire.and_then(|wire| Some((known.wire(places, &wire.value, wire.span)?, wire.value)));
            let rate = section.required(places, "rate", Table::percent);
            let ((wire, name), rate) = (wire?, rate?);
            let text = format!("damage {} % of the bytes on {name}", rate * 100.0);
            Some((Action::Noise { wire, rate }, text))
        }
        _ => {
            let board = board(places, section, known, "exit");
            let coded = section.has("code");
            let code = section.number(places, "code").map(|code| code.value);
            let within = section.required(places, "within", Table::time);
            let (board, within) = (board.filter(|_| code.is_some() == coded)?, within?);
            let code = code.unwrap_or(0);
            let text = format!(
                "expect {} to end with {code} within {}",
                known.name(board),
                show_time(within)
            );
            Some((Action::Exit { board, code, within }, text))
        }
    }
}

fn pattern_step(
    places: &mut Places<'_>,
    section: &mut Table<'_>,
    known: &Known,
    key: &str,
) -> Option<(Action, String)> {
    let time_key = if key == "absent" { "during" } else { "within" };
    let text = section.text(places, key);
    let on = port(places, section, known, "on", Ports::Output);
    let time = section.required(places, time_key, Table::time);
    let text = text?;
    let pattern = match key {
        _ if text.value.is_empty() => Err("an empty text is everywhere".to_owned()),
        "matches" => Pattern::expression(&text.value),
        _ => Ok(Pattern::text(text.value)),
    };
    let pattern = pattern.map_err(|what| places.problem(text.span, &format!("`{key}`: {what}")));
    let (pattern, (board, port), time) = (pattern.ok()?, on?, time?);
    let on = port_text(known, board, port);
    Some(match key {
        "absent" => (
            Action::Absent {
                board,
                port,
                pattern: pattern.clone(),
                during: time,
            },
            format!("expect no {pattern} on {on} during {}", show_time(time)),
        ),
        _ => (
            Action::Expect {
                board,
                port,
                pattern: pattern.clone(),
                within: time,
            },
            format!("expect {pattern} on {on} within {}", show_time(time)),
        ),
    })
}

fn pin_step(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known) -> Option<(Action, String)> {
    let at = pin(places, section, known, "pin");
    let name = |board: usize, pin: &str| format!("{}:{pin}", known.name(board));
    if !section.has("frequency") {
        let level = level(places, section);
        let timed = section.has("within");
        let within = section.time(places, "within");
        let ((board, pin), level) = (at.filter(|_| within.is_some() == timed)?, level?);
        let within = within.unwrap_or_default();
        let text = format!(
            "expect {} {} within {}",
            name(board, &pin),
            level.name(),
            show_time(within)
        );
        return Some((
            Action::Level {
                board,
                pin,
                level,
                within,
            },
            text,
        ));
    }
    let hz = section.frequency(places, "frequency");
    let given = section.has("tolerance");
    let tolerance = section.percent(places, "tolerance");
    let over = section.required(places, "over", Table::time);
    let ((board, pin), hz, over) = (at.filter(|_| tolerance.is_some() == given)?, hz?, over?);
    let tolerance = tolerance.unwrap_or(TOLERANCE);
    let text = format!(
        "expect {hz} Hz ± {} % on {} over {}",
        tolerance * 100.0,
        name(board, &pin),
        show_time(over)
    );
    let action = Action::Frequency {
        board,
        pin,
        hz,
        tolerance,
        over,
    };
    Some((action, text))
}

fn part_step(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known) -> Option<(Action, String)> {
    let at = property(places, section, known, "part");
    let mut number = |key: &str| {
        (
            section.has(key),
            section.decimal(places, key).map(|number| number.value),
        )
    };
    let [equals, above, below] = ["equals", "above", "below"].map(&mut number);
    let timed = section.has("within");
    let within = section.time(places, "within");
    // A number that did not fit is a problem already.
    let is_read = [equals, above, below]
        .iter()
        .all(|(given, read)| *given == read.is_some());
    let wanted = match (equals.1, above.1, below.1) {
        _ if !is_read => None,
        (Some(value), None, None) => Some(Expected::Equal(value)),
        (None, Some(low), None) => Some(Expected::Above(low)),
        (None, None, Some(high)) => Some(Expected::Below(high)),
        (None, Some(low), Some(high)) if low < high => Some(Expected::Between(low, high)),
        (None, Some(_), Some(_)) => {
            places.problem(section.span.clone(), "no value is above `above` and below `below`");
            None
        }
        _ => {
            let what = "a step with `part` needs `equals`, or `above` and `below`, or one of these";
            places.problem(section.span.clone(), what);
            None
        }
    };
    let ((board, part, property), wanted) = (at.filter(|_| within.is_some() == timed)?, wanted?);
    let within = within.unwrap_or_default();
    let text = format!(
        "expect {}:{part}.{property} {wanted} within {}",
        known.name(board),
        show_time(within)
    );
    let action = Action::PartValue {
        board,
        part,
        property,
        wanted,
        within,
    };
    Some((action, text))
}

/// A property of a part: `BOARD:PART.PROPERTY`; with one board, `PART.PROPERTY`.
fn property(
    places: &mut Places<'_>,
    section: &mut Table<'_>,
    known: &Known,
    key: &str,
) -> Option<(usize, String, String)> {
    let text = section.text(places, key)?;
    let (board, part) = known.part_name(places, &text.value, text.span.clone())?;
    let Some((part, property)) = part.split_once('.') else {
        let what = format!("`{key}` must be a part and its value, such as \"board:bme280.temperature\"");
        places.problem(text.span, &what);
        return None;
    };
    Some((board, part.to_owned(), property.to_owned()))
}

/// A whole number within bounds.
pub(super) fn number_within(
    places: &mut Places<'_>,
    section: &mut Table<'_>,
    key: &str,
    least: u32,
    most: u32,
) -> Option<u32> {
    let number = section.number(places, key)?;
    if (least..=most).contains(&number.value) {
        return Some(number.value);
    }
    places.problem(number.span, &format!("`{key}` must be from {least} to {most}"));
    None
}

fn level(places: &mut Places<'_>, section: &mut Table<'_>) -> Option<Level> {
    let text = section.required(places, "level", Table::text)?;
    let levels = [Level::High, Level::Low, Level::Floating, Level::On, Level::Off];
    let found = levels.into_iter().find(|level| level.name() == text.value);
    if found.is_none() {
        places.problem(text.span, "`level` must be high, low, floating, on or off");
    }
    found
}

fn port(
    places: &mut Places<'_>,
    section: &mut Table<'_>,
    known: &Known,
    key: &str,
    ports: Ports,
) -> Option<(usize, Option<u8>)> {
    if !section.has(key) {
        return Some((known.only(places, section.span.clone(), key)?, None));
    }
    let text = section.text(places, key)?;
    known.port(places, &text.value, text.span, ports)
}

fn board(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known, key: &str) -> Option<usize> {
    let text = section.text(places, key)?;
    known.board(places, &text.value, text.span)
}

fn pin(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known, key: &str) -> Option<(usize, String)> {
    let text = section.text(places, key)?;
    known.pin(places, &text.value, text.span)
}

fn button(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known, key: &str) -> Option<(usize, String)> {
    let text = section.text(places, key)?;
    known.button(places, &text.value, text.span)
}

fn port_text(known: &Known, board: usize, port: Option<u8>) -> String {
    let name = known.name(board);
    match port {
        None => name.to_owned(),
        Some(USB) => format!("{name}:usb"),
        Some(port) => match DebugLine::of(port) {
            Some(line) => format!("{name}:{line}"),
            None => format!("{name}:{port}"),
        },
    }
}
