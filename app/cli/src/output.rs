//! The output of a subcommand: one JSON object a line, or tidy text for people, coloured only on a terminal.

use crate::{
    board_text::{self, BoardText},
    exit::Failure,
    plain_text,
};
use drydock_api::{Badge, Event, EventName, LogLine, MetricSample, Series};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::{
    io::{IsTerminal, Write, stderr, stdout},
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use time::{OffsetDateTime, macros::format_description};

/// Where a subcommand's words go.
pub(crate) struct Output {
    json: bool,
    colour: bool,
    start: Instant,
}

/// Weight or colour of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
    Blue,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            json,
            colour: !json && wanted && stdout().is_terminal(),
            start: Instant::now(),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Text for people; prints nothing in JSON mode. Control characters in it are shown, not executed.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        if !self.json {
            print(&plain_text::lines(text.as_ref()));
        }
    }

    /// A line for people in several colours; prints nothing in JSON mode. Control characters in it are shown, not
    /// executed.
    pub(crate) fn say_in_ink(&self, parts: &[(Ink, &str)]) {
        if !self.json {
            let line: String = parts.iter().map(|(ink, text)| self.paint(*ink, text)).collect();
            print(line.trim_end());
        }
    }

    /// A JSON object with the name of its event; nothing for people.
    pub(crate) fn object(&self, event: &str, value: &impl Serialize) {
        if !self.json {
            return;
        }
        let mut object = Map::new();
        object.insert("event".into(), event.into());
        match serde_json::to_value(value) {
            Ok(Value::Object(fields)) => object.extend(fields.into_iter().filter(|(key, _)| key != "event")),
            Ok(value) => {
                object.insert("value".into(), value);
            }
            Err(error) => {
                object.insert("unprintable".into(), error.to_string().into());
            }
        }
        print(&plain_text::json(Value::Object(object).to_string()));
    }

    /// Something happened.
    pub(crate) fn event(&self, event: &Event) {
        if self.json {
            let mut object = json!({
                "time_ms": event.time_ms,
                "revision": event.revision,
                "board": event.board,
                "app": event.app,
                "text": event.text,
            });
            if let Some(fields) = object.as_object_mut() {
                fields.extend(event.data.clone());
            }
            return self.object(event.event.as_str(), &object);
        }
        let ink = match &event.event {
            EventName::AppRunning | EventName::DeviceConnected => Ink::Green,
            EventName::AppTrapped
            | EventName::AppRefused
            | EventName::DeviceRefused
            | EventName::MachineCrashed
            | EventName::Error => Ink::Red,
            EventName::DeviceUnreachable | EventName::DeviceDisconnected | EventName::WorkbenchRecovered => Ink::Yellow,
            _ => Ink::Plain,
        };
        self.step(ink, &event.text);
    }

    /// A step of longer work, with the time since the beginning.
    pub(crate) fn step(&self, ink: Ink, text: &str) {
        let elapsed = format!("{:7.2} s", self.start.elapsed().as_secs_f64());
        self.say_in_ink(&[(Ink::Dim, &elapsed), (Ink::Plain, "  "), (ink, text)]);
    }

    /// A line of a board's console.
    pub(crate) fn log(&self, board: &str, line: &LogLine) {
        if self.json {
            let event = match line.source.as_str() {
                "fw" | "drydock" => "board.log",
                _ => "app.log",
            };
            let app = (event == "app.log").then_some(&line.source);
            return self.object(
                event,
                &json!({
                    "time_ms": line.time_ms,
                    "board": board,
                    "app": app,
                    "source": line.source,
                    "level": line.level,
                    "text": line.text,
                    "uptime_ms": line.uptime_ms,
                    "sequence": line.sequence,
                }),
            );
        }
        let ink = match line.level.as_str() {
            "error" => Ink::Red,
            "warn" => Ink::Yellow,
            "debug" | "trace" => Ink::Dim,
            _ => Ink::Plain,
        };
        let head = [
            self.paint(Ink::Dim, &clock(line.time_ms)),
            self.paint(Ink::Blue, &format!("  {:<8}  ", line.source)),
        ];
        // A level has its own colour.
        let text = match ink {
            Ink::Plain => board_text::line(&line.text, self.colour),
            ink => self.paint(ink, &board_text::line(&line.text, false)),
        };
        print(format!("{}{text}", head.concat()).trim_end());
    }

    /// What the terminal gets of a stream of bytes that a board writes.
    pub(crate) fn board_text(&self) -> BoardText {
        BoardText::new(self.colour)
    }

    /// Metrics of a board.
    pub(crate) fn metrics(&self, board: &str, sample: &MetricSample) {
        if self.json {
            let mut object = json!({ "time_ms": sample.time_ms, "board": board });
            if let (Some(fields), Ok(Value::Object(sample))) = (object.as_object_mut(), serde_json::to_value(sample)) {
                fields.extend(sample);
            }
            return self.object("device.metrics", &object);
        }
        self.say_in_ink(&[
            (Ink::Dim, &clock(sample.time_ms)),
            (Ink::Plain, &format!("  {}", summary(sample))),
        ]);
    }

    /// Numbers that apps published. People read the latest of each with the metrics.
    pub(crate) fn app_samples(&self, board: &str, series: &[Series]) {
        for series in series {
            self.object(
                "app.samples",
                &json!({ "board": board, "id": series.id, "times_ms": series.times_ms, "values": series.values }),
            );
        }
    }

    /// A table; the widest cell of a column decides its width.
    pub(crate) fn table(&self, head: &[&str], rows: &[Vec<(Ink, String)>]) {
        let show = |(ink, text): &(Ink, String)| (*ink, plain_text::line(text));
        let rows: Vec<Vec<(Ink, String)>> = rows.iter().map(|row| row.iter().map(show).collect()).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].1.chars().count());
            cells.chain([head[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let line = |cells: Vec<(Ink, String)>| {
            let mut parts = Vec::new();
            for ((ink, text), width) in cells.into_iter().zip(&widths) {
                let space = " ".repeat(width - text.chars().count() + 2);
                parts.extend([(ink, text), (Ink::Plain, space)]);
            }
            let parts: Vec<(Ink, &str)> = parts.iter().map(|(ink, text)| (*ink, text.as_str())).collect();
            self.say_in_ink(&parts);
        };
        line(head.iter().map(|name| (Ink::Dim, name.to_uppercase())).collect());
        for row in rows {
            line(row);
        }
    }

    /// Reports why a subcommand failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            self.object(
                "error",
                &json!({
                    "time_ms": now_ms(),
                    "board": failure.board,
                    "code": failure.code(),
                    "text": failure.message,
                    "detail": failure.detail,
                }),
            );
            return;
        }
        let colour = stderr().is_terminal() && self.colour;
        let label = if colour { "\x1b[31;1merror:\x1b[0m" } else { "error:" };
        let mut err = stderr().lock();
        // If stderr is closed, there is no other place to report to.
        let _ = writeln!(err, "{label} {}", plain_text::line(&failure.message));
        if let Some(detail) = &failure.detail {
            let detail = plain_text::lines(detail).replace('\n', "\n       ");
            let _ = writeln!(err, "       {detail}");
        }
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        let text = plain_text::line(text);
        let code = match ink {
            _ if !self.colour => return text,
            Ink::Plain => return text,
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Green => "32",
            Ink::Yellow => "33",
            Ink::Red => "31",
            Ink::Blue => "34",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Colour, sign and word of a badge.
pub(crate) fn badge(badge: Badge) -> (Ink, &'static str) {
    match badge {
        Badge::Unknown => (Ink::Yellow, "? unknown"),
        Badge::Failed => (Ink::Red, "✗ failed"),
        Badge::Degraded => (Ink::Yellow, "▲ degraded"),
        Badge::Deploying => (Ink::Blue, "⇣ deploying"),
        Badge::Connecting => (Ink::Blue, "◌ connecting"),
        Badge::Running => (Ink::Green, "● running"),
        Badge::Idle => (Ink::Plain, "○ idle"),
        Badge::Paused => (Ink::Yellow, "‖ paused"),
        Badge::Unauthenticated => (Ink::Plain, "◍ unauthenticated"),
        Badge::Unlinked => (Ink::Plain, "◯ unlinked"),
        Badge::OwnFirmware => (Ink::Plain, "◆ own firmware"),
        Badge::Off => (Ink::Plain, "– off"),
        Badge::Retired => (Ink::Plain, "× retired"),
    }
}

/// Metrics in one line.
pub(crate) fn summary(sample: &MetricSample) -> String {
    let mut text = format!(
        "CPU {:5.1} %  heap {:>4} of {} KiB  stack {} of {} KiB",
        sample.cpu_percent,
        sample.heap_used_bytes / 1024,
        sample.heap_total_bytes / 1024,
        sample.stack_peak_bytes.div_ceil(1024),
        sample.stack_total_bytes / 1024,
    );
    for app in &sample.apps {
        text.push_str(&format!("  {}: {}/s fuel", app.app, short(app.fuel_per_s)));
        for value in &app.values {
            text.push_str(&format!(", {} {:.2}", value.name, value.value));
        }
    }
    text
}

/// A number in three or four digits.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.2} M", v / 1e6),
        v if v >= 1e3 => format!("{:.1} k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

pub(crate) fn clock(time_ms: u64) -> String {
    let format = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

/// Date and time of day in UTC.
pub(crate) fn date_and_time(time_ms: u64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// If the reader has closed the pipe (`drydock logs | head`), the process ends quietly, as other tools do.
fn print(line: &str) {
    let mut out = stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}
