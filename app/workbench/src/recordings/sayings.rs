//! What boards say about themselves, for a recording: lines of the console, metrics, events.

use super::{Recorded, Recording, entry::What, feed::Output, lanes::i2c_lane, release};
use crate::{
    api::{Event, LogLine, MetricSample, Update},
    fleet::{FleetBoard, HostRecord},
    parts,
    state::WorkbenchState,
};
use drydock_assets::Connection;
use drydock_client::Updates;
use serde_json::json;
use std::sync::Arc;

/// Says what a board is, at the beginning of its part of a recording.
pub(super) fn begin(workbench: &WorkbenchState, board: &FleetBoard, output: &Output) {
    let description = board.description();
    let engine = match &board.state().record.host {
        HostRecord::Emulated(emulated) => Some(emulated.engine.clone()),
        HostRecord::Physical(_) => None,
    };
    let view = workbench.view(board);
    // What a decoder needs to name who is addressed on a bus.
    let wired = parts::described(workbench, board);
    let parts = wired.map_or_else(|_| Vec::new(), |wired| wired.parts);
    let i2c = parts.iter().filter_map(|part| {
        let Connection::I2c { bus, address } = &part.connection else {
            return None;
        };
        let addresses: Vec<u8> = part.kind.answers_to(*address);
        Some(json!({ "part": part.name, "lane": i2c_lane(bus.scl, bus.sda), "addresses": addresses }))
    });
    let i2c: Vec<_> = i2c.collect();
    let about = json!({
        "kind": description.name,
        "kind_title": description.title,
        "engine": engine,
        "firmware": view.firmware,
        "i2c": i2c,
    });
    let text = about.to_string();
    output.told(None, 0, What::Text { lane: "about", text });
}

/// Passes on what the boards of a recording say, until it ends.
pub(super) async fn follow(workbench: Arc<WorkbenchState>, recording: Arc<Recording>, mut updates: Updates) {
    loop {
        tokio::select! {
            update = updates.next() => match update {
                Some(update) => take(&recording.boards, &update),
                None => break,
            },
            () = recording.progress.ended() => break,
        }
    }
    release(&workbench, &recording);
}

/// Passes on what the boards of a recording say.
pub(super) fn take(recorded: &[Recorded], update: &Update) {
    let source = |id: &str| {
        let mut boards = recorded.iter();
        boards
            .find(|(board, ..)| board.id == id)
            .map(|(board, _, output)| Said { board, output })
    };
    match update {
        Update::Logs { board, lines } => {
            if let Some(said) = source(board) {
                lines.iter().for_each(|line| said.console(line));
            }
        }
        Update::Metrics { board, samples } => {
            if let Some(said) = source(board) {
                samples.iter().for_each(|sample| said.metrics(sample));
            }
        }
        Update::Event(event) => {
            let Some(name) = &event.board else { return };
            let mut boards = recorded.iter();
            let found = boards.find(|(board, name_then, _)| name == name_then || *name == board.name());
            if let Some((board, _, output)) = found {
                Said { board, output }.event(event);
            }
        }
        Update::Resync => {
            for (board, _, output) in recorded {
                let text = "lines, metrics or events were lost: the host was busy".to_owned();
                Said { board, output }.say(None, What::Text { lane: "state", text });
            }
        }
        _ => {}
    }
}

/// What one board says, on its way to one recording.
struct Said<'a> {
    board: &'a FleetBoard,
    output: &'a Output,
}

impl Said<'_> {
    /// Places it by the board's uptime, otherwise at the present.
    fn say(&self, uptime_ms: Option<u64>, what: What) {
        let uptime_us = uptime_ms.map(|uptime| uptime.saturating_mul(1_000));
        let machine = self.board.state().machine.clone();
        let now_ns = self.output.now_ns(machine.map(|machine| machine.status().virtual_time));
        self.output.told(uptime_us, now_ns, what);
    }

    fn console(&self, line: &LogLine) {
        let text = format!("{} {}: {}", line.level, line.source, line.text);
        let what = What::Text { lane: "console", text };
        self.say(line.uptime_ms, what);
    }

    fn event(&self, event: &Event) {
        if let Ok(text) = serde_json::to_string(event) {
            self.say(None, What::Text { lane: "events", text });
        }
    }

    fn metrics(&self, sample: &MetricSample) {
        let number = |lane: String, unit: &'static str, value: f64| {
            let lane = Arc::from(lane);
            self.say(Some(sample.uptime_ms), What::Number { lane, unit, value });
        };
        number("cpu".into(), "%", sample.cpu_percent);
        number("heap".into(), "B", f64::from(sample.heap_used_bytes));
        number("stack".into(), "B", f64::from(sample.stack_peak_bytes));
        number("link.retries".into(), "", f64::from(sample.link_retries));
        number("link.errors".into(), "", f64::from(sample.link_errors));
        if let Some(celsius) = sample.temperature_c {
            number("temperature".into(), "°C", celsius);
        }
        for app in &sample.apps {
            let name = |what: &str| format!("app.{}.{what}", app.app);
            number(name("fuel"), "/s", app.fuel_per_s);
            number(name("memory"), "B", f64::from(app.memory_bytes));
            number(name("heap"), "B", f64::from(app.heap_bytes));
            for value in app.values.iter().filter(|_| !self.output.publishes()) {
                number(format!("app.{}/{}", app.app, value.name), "", value.value);
            }
        }
    }
}
