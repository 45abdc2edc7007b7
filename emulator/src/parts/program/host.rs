//! What a module sees of its part: the functions that it imports, and the state behind them.

use drydock_assets::{Interface, Line, Millionths, PartKind, Property};
use serde::{Deserialize, Serialize};
use wasmi::{Caller, Engine, Error, Linker, Memory, ResourceLimiter};
use wasmi_core::LimiterError;

use crate::machine::VirtualTime;

/// Most memory of a part, in bytes: a Rust program's stack is 1 MiB if its author does not say otherwise.
pub(super) const MEMORY_BYTES_MAX: usize = 2 << 20;
/// Least time from a call to the timer that it sets: a part cannot keep its machine from going on.
const TIMER_MIN: VirtualTime = VirtualTime::from_us(1);
const TABLE_ELEMENTS_MAX: usize = 4_096;
const PROPERTIES_MAX: usize = 32;
const LINES_MAX: usize = 16;
const ADDRESSES_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 32;
const UNIT_BYTES_MAX: usize = 16;
const TITLE_BYTES_MAX: usize = 80;
const CANVAS_WIDTH_MAX: u32 = 320;
const CANVAS_HEIGHT_MAX: u32 = 240;
const LOG_BYTES_MAX: usize = 200;
/// Lines of a log that wait to be taken; later ones are dropped.
const MESSAGES_MAX: usize = 64;

/// What a module declares in `init`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) title: Option<String>,
    pub(super) addresses: Vec<u8>,
    pub(super) lines: Vec<Line>,
    pub(super) properties: Vec<Property>,
    pub(super) canvas: Option<(u16, u16)>,
}

impl Declared {
    /// The kind of part, without its program.
    pub(super) fn kind(&self, name: &str, interface: Interface) -> PartKind {
        PartKind {
            name: name.to_owned(),
            title: self.title.clone().unwrap_or_else(|| name.to_owned()),
            interface,
            lines: self.lines.clone(),
            properties: self.properties.clone(),
            content: None,
            program: None,
        }
    }
}

/// The part's state on our side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Outside {
    /// By property.
    pub(super) values: Vec<Millionths>,
    /// What the chip drives, by line.
    pub(super) levels: Vec<Option<bool>>,
    /// What the part drives, by line.
    pub(super) drives: Vec<Option<bool>>,
    pub(super) timer: Option<VirtualTime>,
    /// A byte a dot.
    pub(super) canvas: Vec<u8>,
    /// Why it no longer runs.
    pub(super) stopped: Option<String>,
}

/// A line of a part's log.
pub(in crate::parts) struct Message {
    pub(in crate::parts) at: VirtualTime,
    pub(in crate::parts) text: String,
    /// The part is stopped.
    pub(in crate::parts) stopped: bool,
}

/// The data of a module's store.
pub(super) struct Host {
    pub(super) now: VirtualTime,
    pub(super) declared: Declared,
    pub(super) declares: bool,
    pub(super) outside: Outside,
    pub(super) memory: Option<Memory>,
    /// What it logged since they were taken; no part of its state.
    pub(super) messages: Vec<Message>,
}

impl Host {
    /// Before `init`.
    pub(super) fn new() -> Self {
        Self {
            now: VirtualTime::ZERO,
            declared: Declared::default(),
            declares: true,
            outside: Outside::default(),
            memory: None,
            messages: Vec::new(),
        }
    }

    /// Keeps a line of its log.
    fn say(&mut self, text: String) {
        if self.messages.len() < MESSAGES_MAX {
            self.messages.push(Message {
                at: self.now,
                text,
                stopped: false,
            });
        }
    }

    /// It no longer runs, and lets go of everything.
    pub(super) fn stop(&mut self, why: String) {
        self.messages.push(Message {
            at: self.now,
            text: format!("it is stopped: {why}"),
            stopped: true,
        });
        self.outside.drives.fill(None);
        self.outside.timer = None;
        self.outside.stopped = Some(why);
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, LimiterError> {
        Ok(desired <= MEMORY_BYTES_MAX)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, LimiterError> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        4
    }

    fn memories(&self) -> usize {
        1
    }
}

/// The name of the imports' module.
pub(super) const MODULE: &str = "drydock";

/// Each import with its type, for people.
pub(super) const IMPORTS: &[(&str, &str)] = &[
    ("title", "(i32, i32)"),
    ("i2c_address", "(i32)"),
    ("line", "(i32, i32, i32) -> i32"),
    ("property", "(i32, i32, i32, i32, i64, i64, i64, i32) -> i32"),
    ("canvas", "(i32, i32)"),
    ("now_ns", "() -> i64"),
    ("set_timer", "(i64)"),
    ("line_level", "(i32) -> i32"),
    ("drive", "(i32, i32)"),
    ("value", "(i32) -> i64"),
    ("set_value", "(i32, i64)"),
    ("pixel", "(i32, i32, i32)"),
    ("log", "(i32, i32)"),
];

type Call<'a> = Caller<'a, Host>;

/// The imports.
pub(super) fn linker(engine: &Engine) -> Result<Linker<Host>, Error> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap(MODULE, "title", title)?
        .func_wrap(MODULE, "i2c_address", i2c_address)?
        .func_wrap(MODULE, "line", line)?
        .func_wrap(MODULE, "property", property)?
        .func_wrap(MODULE, "canvas", canvas)?
        .func_wrap(MODULE, "now_ns", |caller: Call<'_>| caller.data().now.as_ns() as i64)?
        .func_wrap(MODULE, "set_timer", set_timer)?
        .func_wrap(MODULE, "line_level", line_level)?
        .func_wrap(MODULE, "drive", drive)?
        .func_wrap(MODULE, "value", value)?
        .func_wrap(MODULE, "set_value", set_value)?
        .func_wrap(MODULE, "pixel", pixel)?
        .func_wrap(MODULE, "log", log)?;
    Ok(linker)
}

fn text(caller: &Call<'_>, at: i32, bytes: i32, bytes_max: usize) -> Result<String, Error> {
    let memory = caller.data().memory.ok_or_else(|| Error::new("it has no memory"))?;
    let (at, bytes) = (at as u32 as usize, bytes as u32 as usize);
    if bytes > bytes_max {
        return Err(Error::new(format!(
            "a text of {bytes} bytes is longer than {bytes_max}"
        )));
    }
    let memory = memory.data(caller);
    let found = at.checked_add(bytes).and_then(|end| memory.get(at..end));
    let found = found.ok_or_else(|| Error::new("a text is outside its memory"))?;
    Ok(String::from_utf8_lossy(found)
        .chars()
        .filter(|it| !it.is_control())
        .collect())
}

fn name(caller: &Call<'_>, at: i32, bytes: i32) -> Result<String, Error> {
    let name = text(caller, at, bytes, NAME_BYTES_MAX)?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let reserved = ["name", "bus", "address", "select", "pin", "values", "content"];
    match !name.is_empty() && name.bytes().all(fits) && !reserved.contains(&name.as_str()) {
        true => Ok(name),
        false => Err(Error::new(format!(
            "`{name}` is no name of a line or property; it has small letters, digits and `_`, and is no key of `--part`"
        ))),
    }
}

fn declaring<'a>(caller: &'a mut Call<'_>) -> Result<&'a mut Declared, Error> {
    let host = caller.data_mut();
    match host.declares {
        true => Ok(&mut host.declared),
        false => Err(Error::new("it declares something after `init`")),
    }
}

fn room(taken: usize, most: usize, what: &str) -> Result<(), Error> {
    match taken < most {
        true => Ok(()),
        false => Err(Error::new(format!("it declares more than {most} {what}"))),
    }
}

fn title(mut caller: Call<'_>, at: i32, bytes: i32) -> Result<(), Error> {
    let title = text(&caller, at, bytes, TITLE_BYTES_MAX)?;
    declaring(&mut caller)?.title = Some(title);
    Ok(())
}

fn i2c_address(mut caller: Call<'_>, address: i32) -> Result<(), Error> {
    let declared = declaring(&mut caller)?;
    room(declared.addresses.len(), ADDRESSES_MAX, "addresses")?;
    match u8::try_from(address) {
        Ok(address @ 0x08..=0x77) if !declared.addresses.contains(&address) => {
            declared.addresses.push(address);
            Ok(())
        }
        _ => Err(Error::new(format!(
            "{address:#04x} is no 7-bit address of a part, or is there twice"
        ))),
    }
}

fn line(mut caller: Call<'_>, at: i32, bytes: i32, optional: i32) -> Result<i32, Error> {
    let name = name(&caller, at, bytes)?;
    let declared = declaring(&mut caller)?;
    room(declared.lines.len(), LINES_MAX, "lines")?;
    if declared.lines.iter().any(|line| line.name == name) || declared.properties.iter().any(|it| it.name == name) {
        return Err(Error::new(format!("`{name}` is there twice")));
    }
    declared.lines.push(Line {
        name,
        optional: optional != 0,
    });
    let index = declared.lines.len() - 1;
    let outside = &mut caller.data_mut().outside;
    outside.levels.push(None);
    outside.drives.push(None);
    Ok(index as i32)
}

#[expect(clippy::too_many_arguments, reason = "the interface of modules has numbers only")]
fn property(
    mut caller: Call<'_>,
    at: i32,
    bytes: i32,
    unit_at: i32,
    unit_bytes: i32,
    min: i64,
    max: i64,
    start: i64,
    reading: i32,
) -> Result<i32, Error> {
    /// A billion, in millionths.
    const MOST: i64 = 1_000_000_000_000_000;
    let name = name(&caller, at, bytes)?;
    let unit = text(&caller, unit_at, unit_bytes, UNIT_BYTES_MAX)?;
    let declared = declaring(&mut caller)?;
    room(declared.properties.len(), PROPERTIES_MAX, "properties")?;
    if declared.lines.iter().any(|line| line.name == name) || declared.properties.iter().any(|it| it.name == name) {
        return Err(Error::new(format!("`{name}` is there twice")));
    }
    if !(-MOST <= min && min <= start && start <= max && max <= MOST) {
        return Err(Error::new(format!(
            "`{name}` has a lowest, first or highest value that is out of order or beyond a billion"
        )));
    }
    declared.properties.push(Property {
        name,
        unit,
        min: Millionths(min),
        max: Millionths(max),
        start: Millionths(start),
        reading: reading != 0,
    });
    let index = declared.properties.len() - 1;
    caller.data_mut().outside.values.push(Millionths(start));
    Ok(index as i32)
}

fn canvas(mut caller: Call<'_>, width: i32, height: i32) -> Result<(), Error> {
    let (width, height) = (width as u32, height as u32);
    let declared = declaring(&mut caller)?;
    if !(1..=CANVAS_WIDTH_MAX).contains(&width) || !(1..=CANVAS_HEIGHT_MAX).contains(&height) {
        return Err(Error::new(format!(
            "a canvas has 1 × 1 to {CANVAS_WIDTH_MAX} × {CANVAS_HEIGHT_MAX} dots, not {width} × {height}"
        )));
    }
    declared.canvas = Some((width as u16, height as u16));
    caller.data_mut().outside.canvas = vec![0; (width * height) as usize];
    Ok(())
}

fn set_timer(mut caller: Call<'_>, at_ns: i64) {
    let host = caller.data_mut();
    let earliest = host.now.saturating_add(TIMER_MIN);
    // Later than the clock can count is never.
    let at = u64::try_from(at_ns).ok().filter(|ns| ns.checked_mul(1_000).is_some());
    host.outside.timer = at.map(|ns| VirtualTime::from_ns(ns).max(earliest));
}

fn no_line(line: i32) -> Error {
    Error::new(format!("it has no line {line}"))
}

fn line_level(caller: Call<'_>, line: i32) -> Result<i32, Error> {
    let level = caller.data().outside.levels.get(line as u32 as usize);
    Ok(number(*level.ok_or_else(|| no_line(line))?))
}

/// A level as modules see it: −1 is one that nobody drives.
pub(super) fn number(level: Option<bool>) -> i32 {
    level.map_or(-1, i32::from)
}

fn drive(mut caller: Call<'_>, line: i32, level: i32) -> Result<(), Error> {
    let known = caller.data_mut().outside.drives.get_mut(line as u32 as usize);
    *known.ok_or_else(|| no_line(line))? = match level {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    };
    Ok(())
}

fn no_property(property: i32) -> Error {
    Error::new(format!("it has no property {property}"))
}

fn value(caller: Call<'_>, property: i32) -> Result<i64, Error> {
    let value = caller.data().outside.values.get(property as u32 as usize);
    Ok(value.ok_or_else(|| no_property(property))?.0)
}

fn set_value(mut caller: Call<'_>, property: i32, value: i64) -> Result<(), Error> {
    let index = property as u32 as usize;
    let host = caller.data_mut();
    let described = host
        .declared
        .properties
        .get(index)
        .ok_or_else(|| no_property(property))?;
    if !described.reading {
        return Err(Error::new(format!("it sets `{}`, which the user sets", described.name)));
    }
    host.outside.values[index] = Millionths(value.clamp(described.min.0, described.max.0));
    Ok(())
}

fn pixel(mut caller: Call<'_>, x: i32, y: i32, brightness: i32) {
    let host = caller.data_mut();
    let Some((width, height)) = host.declared.canvas else {
        return;
    };
    let (x, y) = (x as u32, y as u32);
    if x < u32::from(width) && y < u32::from(height) {
        host.outside.canvas[(y * u32::from(width) + x) as usize] = brightness.clamp(0, 255) as u8;
    }
}

fn log(mut caller: Call<'_>, at: i32, bytes: i32) -> Result<(), Error> {
    let text = text(&caller, at, bytes, LOG_BYTES_MAX)?;
    caller.data_mut().say(text);
    Ok(())
}
