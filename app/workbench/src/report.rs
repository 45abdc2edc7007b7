//! A recording as a page for people: what was recorded, plots, versions, faults and gaps; one file without scripts.

use crate::{
    api::{ChartFormat, Series},
    charts::{Chart, ChartError, draw, iso},
    markup::escaped,
};
use drydock_scope_model::{
    Column, Entry, Lane, LaneId, LaneKind, Recording, TimeRange,
    export::{ExportError, ExportReport},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
};

/// Instants of a plot of numbers.
const POINTS: usize = 600;
/// A digital lane with more edges is not drawn.
const EDGES: usize = 2_000;
/// Plots of a page.
const PLOTS: usize = 64;
/// Lines of a list on the page.
const LINES: usize = 1_000;

/// Writes a page about lanes of a recording. Lanes of texts other than consoles, events, faults and states are left out.
///
/// # Errors
/// [`ExportError::Io`], [`ExportError::Damaged`].
pub fn write_report(
    recording: &Recording,
    lanes: &[LaneId],
    range: TimeRange,
    out: &mut dyn Write,
) -> Result<ExportReport, ExportError> {
    let lanes: Vec<(LaneId, &Lane)> = recording.lanes().filter(|(id, _)| lanes.contains(id)).collect();
    let mut boards: BTreeMap<&str, Vec<(LaneId, &Lane)>> = BTreeMap::new();
    for (id, lane) in &lanes {
        if let Some((board, _)) = lane.name.split_once('/') {
            boards.entry(board).or_default().push((*id, *lane));
        }
    }
    let about = first_text(recording, "about").unwrap_or_default();
    let began_ms = about["began_ms"].as_u64().unwrap_or(0);
    let names: Vec<&str> = boards.keys().copied().collect();
    let title = format!("Recording of {}", names.join(", "));
    let page = Page {
        recording,
        range,
        began_ms,
    };
    let mut left_out = 0;
    write!(
        out,
        "{HEAD}<title>{0}</title></head><body><h1>{0}</h1>",
        escaped(&title)
    )?;
    let drydock = about["drydock"].as_str().unwrap_or("?");
    write!(
        out,
        "<p>Began {}; shown from {:.3} s to {:.3} s. Written by Drydock {}.</p>",
        iso(began_ms),
        range.from_ns as f64 / 1e9,
        range.until_ns as f64 / 1e9,
        escaped(drydock)
    )?;
    if let Some(damage) = recording.damage() {
        write!(
            out,
            "<p class=bad>The recording is damaged: {}.</p>",
            escaped(&damage.to_string())
        )?;
    }
    for (board, lanes) in boards {
        left_out += page.board(board, &lanes, out)?;
    }
    write!(out, "</body></html>")?;
    Ok(ExportReport {
        gaps_hidden: 0,
        lanes_left_out: left_out,
    })
}

const HEAD: &str = "<!doctype html><html lang=en><head><meta charset=utf-8>\
<meta name=viewport content='width=device-width'><style>\
body{font:14px/1.5 Inter,system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem;color:#1d2433}\
h1{font-size:22px}h2{font-size:18px;margin-top:2.5rem;border-bottom:1px solid #d5dae3}h3{font-size:14px;margin:1.5rem 0 .5rem}\
table{border-collapse:collapse}td{padding:1px 12px 1px 0;vertical-align:top}\
td:first-child{font-variant-numeric:tabular-nums;text-align:right;color:#5a6475;white-space:nowrap}\
pre,code{font:12px/1.5 'JetBrains Mono',ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}\
.bad{color:#b3261e}svg{max-width:100%;height:auto}</style>";

struct Page<'a> {
    recording: &'a Recording,
    range: TimeRange,
    began_ms: u64,
}

impl Page<'_> {
    /// Returns how many lanes are not on the page.
    fn board(&self, board: &str, lanes: &[(LaneId, &Lane)], out: &mut dyn Write) -> Result<usize, ExportError> {
        write!(out, "<h2>{}</h2>", escaped(board))?;
        let about = first_text(self.recording, &format!("{board}/about")).unwrap_or_default();
        let word = |key: &str| about[key].as_str().unwrap_or_default().to_owned();
        let firmware = about["firmware"]["name"].as_str().unwrap_or("Drydock's firmware");
        let engine = match word("engine").as_str() {
            "" => "a physical board".to_owned(),
            engine => format!("emulated by {engine}"),
        };
        write!(
            out,
            "<p>{} ({}), {}, {}</p>",
            escaped(&word("kind_title")),
            escaped(&word("kind")),
            escaped(&engine),
            escaped(firmware)
        )?;
        let short = |lane: &Lane| lane.name[board.len() + 1..].to_owned();
        let mut left_out = 0;
        let mut series = Vec::new();
        let mut lists = Vec::new();
        for (id, lane) in lanes {
            let name = short(lane);
            let plot = match lane.kind {
                LaneKind::Number => Some(self.numbers(*id, &name, lane)),
                LaneKind::Digital => self.levels(*id, &name)?,
                LaneKind::Text => {
                    match name.as_str() {
                        "console" | "events" | "faults" | "state" => lists.push((*id, name)),
                        "about" => {}
                        _ => left_out += 1,
                    }
                    continue;
                }
            };
            match plot.filter(|_| series.len() < PLOTS) {
                Some(plot) => series.push(plot),
                None => left_out += 1,
            }
        }
        self.versions(lanes, board, out)?;
        for (id, name) in lists {
            self.list(id, &name, out)?;
        }
        let chart = Chart {
            title: board.to_owned(),
            series,
            from_ms: self.ms(self.range.from_ns),
            to_ms: self.ms(self.range.until_ns),
            colours: HashMap::new(),
            utc_offset_min: None,
            dark: false,
        };
        match draw(chart, ChartFormat::Svg) {
            Ok(svg) => out.write_all(&svg)?,
            Err(ChartError::Empty) => {}
            Err(error) => return Err(io::Error::other(error.to_string()).into()),
        }
        if left_out > 0 {
            write!(
                out,
                "<p>{left_out} lanes are not shown: bytes, and levels that change more than {EDGES} times.</p>"
            )?;
        }
        Ok(left_out)
    }

    fn ms(&self, at_ns: u64) -> f64 {
        self.began_ms as f64 + at_ns as f64 / 1e6
    }

    /// The versions of apps that ran.
    fn versions(&self, lanes: &[(LaneId, &Lane)], board: &str, out: &mut dyn Write) -> Result<(), ExportError> {
        let events = format!("{board}/events");
        let Some((id, _)) = lanes.iter().find(|(_, lane)| lane.name == events) else {
            return Ok(());
        };
        let mut apps: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for entry in self.recording.entries(*id, self.range) {
            let Entry::Text { at_ns, bytes } = entry? else { continue };
            let event: Value = serde_json::from_slice(bytes).unwrap_or_default();
            if let (Some("app.running"), Some(app), Some(version)) = (
                event["event"].as_str(),
                event["app"].as_str(),
                event["version"].as_str(),
            ) {
                apps.insert(format!("{app} {version}"), (at_ns, app.to_owned()));
            }
        }
        if apps.is_empty() {
            return Ok(());
        }
        write!(out, "<h3>Apps that started</h3><table>")?;
        for (name, (at_ns, _)) in apps {
            write!(out, "<tr><td>{:.3} s<td>{}", at_ns as f64 / 1e9, escaped(&name))?;
        }
        write!(out, "</table>")?;
        Ok(())
    }

    fn list(&self, id: LaneId, name: &str, out: &mut dyn Write) -> Result<(), ExportError> {
        let heading = match name {
            "console" => "Console",
            "events" => "Events",
            "faults" => "Faults of the program",
            _ => "Gaps and resets",
        };
        let mut lines = Vec::new();
        let mut more = 0;
        for entry in self.recording.entries(id, self.range) {
            let Entry::Text { at_ns, bytes } = entry? else { continue };
            if lines.len() == LINES {
                more += 1;
                continue;
            }
            let event: Option<Value> = Some(bytes)
                .filter(|_| name == "events")
                .and_then(|bytes| serde_json::from_slice(bytes).ok());
            let sentence = event.as_ref().and_then(|event| event["text"].as_str());
            let text = sentence.map_or_else(|| String::from_utf8_lossy(bytes).into_owned(), str::to_owned);
            lines.push((at_ns, text));
        }
        if lines.is_empty() {
            return Ok(());
        }
        write!(out, "<h3>{heading}</h3><table>")?;
        for (at_ns, text) in lines {
            let seconds = at_ns as f64 / 1e9;
            write!(
                out,
                "<tr><td>{seconds:.6} s<td><code>{}</code>",
                escaped(text.trim_end())
            )?;
        }
        write!(out, "</table>")?;
        if more > 0 {
            write!(out, "<p>{more} more lines are in the recording.</p>")?;
        }
        Ok(())
    }

    fn numbers(&self, id: LaneId, name: &str, lane: &Lane) -> Series {
        let columns = self.recording.columns(id, self.range, POINTS);
        let mut series = series(name, &lane.unit);
        for column in columns {
            let Column { range, min_max, .. } = column;
            let mut push = |at_ns: u64, value: Option<f64>| {
                series.times_ms.push(self.ms(at_ns));
                series.values.push(value);
            };
            match min_max {
                // A spike within a column is seen.
                Some((low, high)) if low < high => {
                    push(range.from_ns, Some(low));
                    push(range.from_ns + range.len_ns() / 2, Some(high));
                }
                value => push(range.from_ns, value.map(|(low, _)| low)),
            }
        }
        series
    }

    /// Steps; `None` if there are too many.
    fn levels(&self, id: LaneId, name: &str) -> Result<Option<Series>, ExportError> {
        let mut series = Series {
            max: Some(1.0),
            ..series(name, "")
        };
        let mut before = self.recording.number_at(id, self.range.from_ns);
        let mut push = |at_ns: u64, value: Option<f64>| {
            series.times_ms.push(self.ms(at_ns));
            series.values.push(value);
        };
        push(self.range.from_ns, before);
        for (edges, entry) in self.recording.entries(id, self.range).enumerate() {
            if edges > EDGES {
                return Ok(None);
            }
            let (at_ns, value) = match entry? {
                Entry::Level { at_ns, is_high } => (at_ns, Some(f64::from(u8::from(is_high)))),
                entry => (entry.at_ns(), None),
            };
            push(at_ns, before);
            push(at_ns, value);
            before = value;
        }
        push(self.range.until_ns, before);
        Ok(Some(series))
    }
}

fn series(name: &str, unit: &str) -> Series {
    Series {
        id: name.to_owned(),
        title: name.to_owned(),
        unit: unit.to_owned(),
        max: None,
        times_ms: Vec::new(),
        values: Vec::new(),
    }
}

/// The first text of a lane, as JSON.
fn first_text(recording: &Recording, name: &str) -> Option<Value> {
    serde_json::from_slice(recording.first_text(name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_scope_model::Writer;
    use std::io::Cursor;

    #[test]
    fn a_page_has_plots_versions_faults_and_no_markup_of_the_boards() {
        let mut writer = Writer::new(Cursor::new(Vec::new())).unwrap();
        let text = |name: &str| Lane::new(name, LaneKind::Text);
        let about = writer.declare(&text("about")).unwrap();
        writer
            .text(about, 0, br#"{"drydock":"9.9.9","began_ms":1700000000000}"#)
            .unwrap();
        let board = writer.declare(&text("desk/about")).unwrap();
        let json = br#"{"kind":"nano33ble","kind_title":"Nano","engine":"builtin","firmware":null}"#;
        writer.text(board, 0, json).unwrap();
        let console = writer.declare(&text("desk/console")).unwrap();
        writer.text(console, 5, b"info app: <script>alert(1)</script>").unwrap();
        let events = writer.declare(&text("desk/events")).unwrap();
        let running = br#"{"event":"app.running","app":"blink","version":"1.2.3","text":"blink runs."}"#;
        writer.text(events, 6, running).unwrap();
        let led = writer.declare(&Lane::new("desk/LED", LaneKind::Digital)).unwrap();
        let cpu = writer.declare(&Lane::new("desk/cpu", LaneKind::Number)).unwrap();
        for step in 0..20_u64 {
            writer.level(led, step * 1_000_000, step % 2 == 0).unwrap();
            writer.number(cpu, step * 1_000_000, step as f64).unwrap();
        }
        let bytes = writer.finish(20_000_000).unwrap().into_inner();
        let recording = Recording::from_bytes(bytes).unwrap();
        let lanes: Vec<LaneId> = recording.lanes().map(|(id, _)| id).collect();
        let mut page = Vec::new();
        let report = write_report(&recording, &lanes, TimeRange::new(0, 20_000_000), &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert_eq!(report.lanes_left_out, 0);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
        for wanted in [
            "Recording of desk",
            "2023-11-14T22:13:20.000Z",
            "blink 1.2.3",
            "Nano (nano33ble)",
            "<svg",
            "9.9.9",
        ] {
            assert!(page.contains(wanted), "{wanted} is missing in {page}");
        }
        assert!(page.contains("LED") && page.contains("cpu"));
    }
}
