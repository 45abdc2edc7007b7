//! `drydock replay`: what a recording has, in its order.

use super::{cancelled, recorded};
use crate::{
    arguments::Replay,
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_scope_model::{Entry, Lane, LaneId, LaneKind, Merged, Recording, TextSearch, TimeRange};
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    path::Path,
    time::{Duration, Instant},
};

/// The lanes that are shown if none is named.
const SAID: [&str; 4] = ["console", "events", "faults", "state"];

pub(crate) async fn replay(arguments: &Replay, output: &Output) -> Result<Exit, Failure> {
    let recording = recorded::open(&arguments.file)?;
    if arguments.info {
        info(&recording, &arguments.file, output);
        return Ok(Exit::Success);
    }
    let mut lanes = recorded::lanes(&recording, &arguments.part, &arguments.file)?;
    if arguments.part.lanes.is_empty() {
        let is_wanted = if arguments.grep.is_some() { is_searched } else { is_said };
        lanes.retain(|id: &LaneId| recording.lane(*id).is_some_and(is_wanted));
    }
    let range = recorded::range(&recording, &arguments.part)?;
    let mut shown = Shown {
        output,
        search: arguments.grep.as_deref().map(TextSearch::new),
        found: 0,
    };
    let exit = tokio::select! {
        exit = show(&recording, (&lanes, range), arguments.speed, &mut shown) => exit?,
        () = cancelled() => return Ok(Exit::Cancelled),
    };
    match &arguments.grep {
        Some(text) if shown.found == 0 => Err(Failure::new(
            Exit::Refused,
            format!(
                "{} has no \"{text}\" in the lanes that were searched; name other lanes with `--lane`, or another text.",
                arguments.file.display()
            ),
        )),
        _ => Ok(exit),
    }
}

/// What is shown of the entries: all, or those that have a text in them.
struct Shown<'a> {
    output: &'a Output,
    search: Option<TextSearch>,
    found: u64,
}

impl Shown<'_> {
    /// Takes an entry. With a search, what is shown may have begun before it.
    fn take(&mut self, id: LaneId, lane: &Lane, entry: &Entry<'_>) {
        let Some(search) = &mut self.search else {
            return one(lane, entry, self.output);
        };
        let mut found = Vec::new();
        search.feed(id, lane, entry, &mut found);
        for it in found {
            let (at_ns, bytes) = (it.at_ns, it.bytes.as_slice());
            one(lane, &Entry::Text { at_ns, bytes }, self.output);
            self.found += 1;
        }
    }
}

/// Texts, but for what a recording says of itself.
fn is_searched(lane: &Lane) -> bool {
    let name = lane.name.split_once('/').map_or(lane.name.as_str(), |(_, name)| name);
    lane.kind == LaneKind::Text && name != "about"
}

fn is_said(lane: &Lane) -> bool {
    lane.kind == LaneKind::Text && lane.name.split_once('/').is_some_and(|(_, name)| SAID.contains(&name))
}

async fn show(
    recording: &Recording,
    (lanes, range): (&[LaneId], TimeRange),
    speed: Option<f64>,
    shown: &mut Shown<'_>,
) -> Result<Exit, Failure> {
    let begin = Instant::now();
    let mut damaged = None;
    for entry in Merged::new(recording, lanes, range) {
        let (id, entry) = match entry {
            Ok(entry) => entry,
            Err(error) => {
                shown.output.step(Ink::Red, &format!("{error}."));
                damaged = Some(error);
                continue;
            }
        };
        if let Some(speed) = speed {
            let at = Duration::from_nanos(entry.at_ns().saturating_sub(range.from_ns)).div_f64(speed);
            tokio::time::sleep_until((begin + at).into()).await;
        }
        if let Some(lane) = recording.lane(id) {
            shown.take(id, lane, &entry);
        }
    }
    match damaged
        .map(|error| error.to_string())
        .or(recording.damage().map(ToString::to_string))
    {
        Some(damage) => Err(Failure::new(
            Exit::Refused,
            format!("A part of the recording is damaged: {damage}."),
        )),
        None => Ok(Exit::Success),
    }
}

fn one(lane: &Lane, entry: &Entry<'_>, output: &Output) {
    let time_s = entry.at_ns() as f64 / 1e9;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.is_json() {
        let value = match entry {
            Entry::Level { is_high, .. } => json!({ "level": is_high }),
            Entry::Number { value, .. } => json!({ "value": value, "unit": lane.unit }),
            Entry::Text { bytes, .. } if lane.name.ends_with("/events") => {
                serde_json::from_slice(bytes).unwrap_or_else(|_| json!({ "text": text(bytes) }))
            }
            Entry::Text { bytes, .. } => json!({ "text": text(bytes) }),
            Entry::Gap { range, lost } => json!({ "gap_until_s": range.until_ns as f64 / 1e9, "lost": lost }),
        };
        output.object(
            "recorded",
            &json!({ "time_s": time_s, "lane": lane.name, "entry": value }),
        );
        return;
    }
    let (ink, shown): (Ink, Cow<'_, str>) = match entry {
        Entry::Level { is_high, .. } => (Ink::Plain, if *is_high { "high" } else { "low" }.into()),
        Entry::Number { value, .. } => (Ink::Plain, format!("{value} {}", lane.unit).into()),
        Entry::Text { bytes, .. } => (Ink::Plain, said(lane, bytes).into()),
        Entry::Gap { range, lost: 0 } => (Ink::Dim, format!("nothing is known for {:.6} s", length(*range)).into()),
        Entry::Gap { range, lost } => (
            Ink::Dim,
            format!("{lost} entries are lost in {:.6} s", length(*range)).into(),
        ),
    };
    let lines: Vec<&str> = shown.trim_end().lines().collect();
    for line in &lines {
        output.say_in_ink(&[
            (Ink::Dim, &format!("{time_s:>13.6} ")),
            (Ink::Bold, &format!("{:<16} ", lane.name)),
            (ink, line),
        ]);
    }
}

fn length(range: TimeRange) -> f64 {
    range.len_ns() as f64 / 1e9
}

/// A text for people: an event's sentence, otherwise the bytes.
fn said(lane: &Lane, bytes: &[u8]) -> String {
    let event: Option<Value> = Some(bytes)
        .filter(|_| lane.name.ends_with("/events"))
        .and_then(|bytes| serde_json::from_slice(bytes).ok());
    let sentence = event.as_ref().and_then(|event| event["text"].as_str());
    sentence.map_or_else(|| String::from_utf8_lossy(bytes).into_owned(), str::to_owned)
}

fn info(recording: &Recording, file: &Path, output: &Output) {
    let seconds = recording.recorded_until_ns() as f64 / 1e9;
    let damage = recording.damage().map(ToString::to_string);
    let about = recording
        .first_text("about")
        .and_then(|text| serde_json::from_slice(text).ok());
    let about: Value = about.unwrap_or_default();
    if output.is_json() {
        let lanes: Vec<Value> = recording
            .lanes()
            .map(|(id, lane)| {
                json!({ "lane": lane.name, "unit": lane.unit, "kind": kind(lane.kind), "entries": recording.count(id) })
            })
            .collect();
        let info = json!({ "file": file, "seconds": seconds, "damage": damage, "about": about, "lanes": lanes });
        return output.object("recording.info", &info);
    }
    output.say(format!("{}: {seconds:.3} s", file.display()));
    if let Some(damage) = damage {
        output.say_in_ink(&[(Ink::Red, &format!("It is damaged: {damage}."))]);
    }
    let rows = recording.lanes().map(|(id, lane)| {
        vec![
            (Ink::Bold, lane.name.clone()),
            (Ink::Plain, kind(lane.kind).to_owned()),
            (Ink::Plain, lane.unit.clone()),
            (Ink::Plain, recording.count(id).to_string()),
        ]
    });
    let rows: Vec<_> = rows.collect();
    output.table(&["LANE", "KIND", "UNIT", "ENTRIES"], &rows);
}

fn kind(kind: LaneKind) -> &'static str {
    match kind {
        LaneKind::Digital => "levels",
        LaneKind::Number => "numbers",
        LaneKind::Text => "texts",
    }
}
