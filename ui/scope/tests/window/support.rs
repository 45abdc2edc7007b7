//! Recordings to look at, and a window on them.

use drydock_scope::{session::Session, theme, view};
use drydock_scope_model::{Lane, LaneId, LaneKind, TimeRange, Writer};
use egui_kittest::Harness;
use std::{fs::File, path::PathBuf};

const MS: u64 = 1_000_000;

/// A window on recordings, 1,200 × 700 points.
pub(crate) fn harness(paths: &[PathBuf]) -> Harness<'static, Session> {
    Harness::builder()
        .with_size(eframe::egui::vec2(1_200.0, 700.0))
        .with_context_setup(theme::set_up)
        .build_ui_state(|ui, session| view::show(session, ui), Session::open(paths))
}

/// A folder with recordings of a board.
pub(crate) struct Board {
    pub(crate) folder: tempfile::TempDir,
    name: String,
}

impl Board {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            name: name.into(),
        }
    }

    fn file(&self, name: &str) -> (PathBuf, Writer<File>) {
        let path = self.folder.path().join(name);
        let file = File::create(&path).expect("a file");
        (path, Writer::new(file).expect("a recording"))
    }

    /// A recording that is finished: two seconds, paused in the middle.
    pub(crate) fn recorded(&self) -> PathBuf {
        let (path, recorder) = self.recording();
        recorder.writer.finish(2_000 * MS).expect("a disk");
        path
    }

    /// A recording without lanes.
    pub(crate) fn empty(&self) -> PathBuf {
        let (path, writer) = self.file("empty.drydock-rec");
        writer.finish(0).expect("a disk");
        path
    }

    /// A recording with many pins.
    pub(crate) fn many_lanes(&self, lanes: u32) -> PathBuf {
        let (path, mut writer) = self.file("many.drydock-rec");
        for lane in 0..lanes {
            let id = writer
                .declare(&Lane::new(format!("{}/P{lane}", self.name), LaneKind::Digital))
                .expect("a lane");
            writer.level(id, u64::from(lane), true).expect("in order");
        }
        writer.finish(1_000 * MS).expect("a disk");
        path
    }

    /// A recording of a UART's line that carries bytes, one behind the other from 1 ms on.
    pub(crate) fn with_uart(&self, bytes: &[u8], baud: u64) -> PathBuf {
        let (path, mut writer) = self.file("uart.drydock-rec");
        let lane = Lane::new(format!("{}/TX", self.name), LaneKind::Digital);
        let lane = writer.declare(&lane).expect("a lane");
        writer.level(lane, 0, true).expect("in order");
        for (index, byte) in bytes.iter().enumerate() {
            let bits = u16::from(*byte) << 1 | 1 << 9;
            for bit in 0..10 {
                let at_ns = MS + (index as u64 * 10 + bit) * 1_000_000_000 / baud;
                writer.level(lane, at_ns, bits >> bit & 1 != 0).expect("in order");
            }
        }
        writer.finish(10 * MS).expect("a disk");
        path
    }

    /// A recording of two lanes of lines and of what a UART sent, cut into pieces; it is still written to.
    pub(crate) fn with_texts(&self) -> (PathBuf, Writer<File>, LaneId) {
        let (path, mut writer) = self.file("texts.drydock-rec");
        let mut lane = |name: &str| {
            let lane = Lane::new(format!("{}/{name}", self.name), LaneKind::Text);
            writer.declare(&lane).expect("a lane")
        };
        let (uart, console, bus) = (lane("uart0.tx"), lane("console"), lane("i2c P0.26 P0.27"));
        let about = lane("about");
        let parts = r#"{"i2c":[{"part":"climate","lane":"i2c P0.26 P0.27","addresses":[118]}]}"#;
        writer.text(about, 0, parts.as_bytes()).expect("in order");
        for (lane, at_ms, text) in [
            (console, 10, "ready"),
            (console, 20, "sensor Error 3"),
            (uart, 30, "boot ER"),
            (uart, 31, "ROR\r\n"),
            (console, 40, "error: error again"),
            (bus, 40, "76w d0 | 76r 60"),
            (bus, 60, "76w f7 no answer"),
        ] {
            writer.text(lane, at_ms * MS, text.as_bytes()).expect("in order");
        }
        writer.flush(100 * MS).expect("a disk");
        (path, writer, console)
    }

    /// A recording of a board that ran from 1 to 3 s, when its clock was at 100 s, stood still until 5 s, and was switched on
    /// again at 7 s, 8 s long in all.
    pub(crate) fn with_clock(&self) -> PathBuf {
        let (path, mut writer) = self.file("clock.drydock-rec");
        let mut lane = |name: &str, kind| {
            let lane = Lane::new(format!("{}/{name}", self.name), kind);
            writer.declare(&lane).expect("a lane")
        };
        let (clock, state) = (lane("clock", LaneKind::Number), lane("state", LaneKind::Text));
        let led = lane("LED", LaneKind::Digital);
        let gaps = [(0, 1_000, "off"), (3_000, 5_000, "paused"), (6_000, 7_000, "off")];
        for ((from_ms, until_ms, cause), machine_s) in gaps.into_iter().zip([100.0, 102.0, 0.0]) {
            let gap = TimeRange::new(from_ms * MS, until_ms * MS);
            writer.text(state, gap.from_ns, cause.as_bytes()).expect("in order");
            writer.gap(led, gap, 0).expect("in order");
            writer.number(clock, gap.until_ns, machine_s).expect("in order");
            writer.level(led, gap.until_ns, true).expect("in order");
        }
        writer.finish(8_000 * MS).expect("a disk");
        path
    }

    /// A recording that is still written to: LED at 1 Hz, D9 with 1 kHz and a duty of a quarter, numbers, a console, and a
    /// pause from 1.0 to 1.2 s.
    pub(crate) fn recording(&self) -> (PathBuf, Recorder) {
        self.recording_that_began(1_700_000_000_000)
    }

    /// The same, at this time in ms since 1970.
    pub(crate) fn recording_that_began(&self, began_ms: u64) -> (PathBuf, Recorder) {
        let (path, mut writer) = self.file(&format!("{}.drydock-rec", self.name));
        let mut lane = |name: &str, kind, unit: &str| {
            let mut lane = Lane::new(format!("{}/{name}", self.name), kind);
            lane.unit = unit.into();
            writer.declare(&lane).expect("a lane")
        };
        let state = lane("state", LaneKind::Text, "");
        let led = lane("LED", LaneKind::Digital, "");
        let pwm = lane("D9", LaneKind::Digital, "");
        let cpu = lane("cpu", LaneKind::Number, "%");
        let console = lane("console", LaneKind::Text, "");
        let about = writer.declare(&Lane::new("about", LaneKind::Text)).expect("a lane");
        let began = format!("{{\"drydock\":\"0.1.0\",\"began_ms\":{began_ms}}}");
        writer.text(about, 0, began.as_bytes()).expect("in order");
        for at_ms in 0..2_000_u64 {
            let at_ns = at_ms * MS;
            if at_ms == 1_000 {
                writer.text(state, at_ns, b"paused").expect("in order");
                for id in [led, pwm, cpu] {
                    writer
                        .gap(id, TimeRange::new(at_ns, at_ns + 200 * MS), 0)
                        .expect("in order");
                }
            }
            if (1_000..1_200).contains(&at_ms) {
                continue;
            }
            writer.level(led, at_ns, at_ms / 500 % 2 == 0).expect("in order");
            writer.level(pwm, at_ns, true).expect("in order");
            writer.level(pwm, at_ns + MS / 4, false).expect("in order");
            if at_ms % 100 == 0 {
                writer.number(cpu, at_ns, at_ms as f64 / 100.0).expect("in order");
                let line = format!("at {at_ms} ms");
                writer.text(console, at_ns, line.as_bytes()).expect("in order");
            }
        }
        writer.flush(2_000 * MS).expect("a disk");
        let recorder = Recorder {
            writer,
            now_ns: 2_000 * MS,
            led,
            name: self.name.clone(),
        };
        (path, recorder)
    }
}

/// Goes on with a recording.
pub(crate) struct Recorder {
    pub(crate) writer: Writer<File>,
    now_ns: u64,
    led: LaneId,
    name: String,
}

impl Recorder {
    /// Records some more time, and a lane that was not there before.
    pub(crate) fn go_on(&mut self, ns: u64) {
        let late = Lane::new(format!("{}/late", self.name), LaneKind::Digital);
        let late = self.writer.declare(&late).expect("a lane");
        self.writer.level(self.led, self.now_ns, true).expect("in order");
        self.writer.level(late, self.now_ns, true).expect("in order");
        self.now_ns += ns;
        self.writer.flush(self.now_ns).expect("a disk");
    }
}
