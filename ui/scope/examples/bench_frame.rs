//! The processor's time for a frame of the scope: 8 lanes of 100 M edges, from zooms and walks to triangles, without showing
//! them. Prints JSON lines. The file is in the system's folder for temporary files, and needs 1 GB there; `--quick` takes a
//! twentieth.

use drydock_scope::{axis::Axis, session::Session, theme, view};
use drydock_scope_model::{Lane, LaneKind, Writer};
use eframe::egui::{Context, Pos2, RawInput, Rect, vec2};
use std::{error::Error, fs::File, io::BufWriter, path::Path, time::Duration};

const LANES: u64 = 8;
const EDGES: u64 = 100_000_000;
/// Nanoseconds between two edges of a lane.
const PERIOD_NS: u64 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let edges = if is_quick { EDGES / 20 } else { EDGES };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.drydock-rec");
    record(&path, edges)?;
    let end_ns = (edges / LANES * PERIOD_NS) as f64;
    let mut session = Session::open(&[path]);
    let ctx = Context::default();
    theme::set_up(&ctx);
    // A zoom from all to 10 µs and back, as a wheel does; then a walk along the recording.
    let zoom = (0..400_u32).map(|step| {
        let depth = f64::from(step.min(399 - step)) / 199.0;
        let span_ns = end_ns * (1e4 / end_ns).powf(depth);
        Axis::new((end_ns - span_ns) / 3.0, span_ns)
    });
    let walk = (0..200_u32).map(|step| Axis::new(end_ns / 400.0 * f64::from(step), end_ns / 2.0));
    let mut times = Vec::new();
    for (frame, axis) in zoom.chain(walk).enumerate() {
        session.axis = axis;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1_920.0, 1_080.0))),
            time: Some(frame as f64 / 60.0),
            ..RawInput::default()
        };
        let begin = processor_ns()?;
        let mut output = ctx.run_ui(input, |ui| view::show(&mut session, ui));
        let triangles = ctx.tessellate(output.shapes, output.pixels_per_point);
        let ms = (processor_ns()? - begin) as f64 / 1e6;
        std::hint::black_box(triangles.len());
        output.textures_delta.clear();
        // The first frame also draws the letters, once.
        if frame == 0 {
            row("scope: first frame", ms, None);
        } else {
            times.push(ms);
        }
    }
    times.sort_by(f64::total_cmp);
    let of = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let what = format!("scope: a frame of 8 lanes, {} M edges", edges / 1_000_000);
    row(&format!("{what}, median"), of(0.5), None);
    row(&format!("{what}, p99"), of(0.99), Some("<= 16.7"));
    row(&format!("{what}, longest"), of(1.0), None);
    Ok(())
}

/// Time of this thread on a processor, also in the kernel: other programs of the machine do not count. Linux only.
fn processor_ns() -> Result<u64, Box<dyn Error>> {
    // The kernel counts a thread's time when it leaves the processor.
    std::thread::sleep(Duration::from_micros(1));
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().ok_or("schedstat is empty")?;
    Ok(first.parse()?)
}

fn record(path: &Path, edges: u64) -> Result<(), Box<dyn Error>> {
    let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, File::create(path)?))?;
    let lanes = (0..LANES)
        .map(|lane| writer.declare(&Lane::new(format!("Desk/D{lane}"), LaneKind::Digital)))
        .collect::<Result<Vec<_>, _>>()?;
    let rounds = edges / LANES;
    for round in 0..rounds {
        for (&lane, jitter) in lanes.iter().zip([0, 3, 50, 7, 110, 13, 170, 19]) {
            writer.level(lane, round * PERIOD_NS + jitter * (round % 3), round % 2 == 0)?;
        }
        if round % 1_000_000 == 0 {
            writer.flush(round * PERIOD_NS)?;
        }
    }
    writer.finish(rounds * PERIOD_NS)?;
    Ok(())
}

fn row(what: &str, ms: f64, goal: Option<&str>) {
    let goal = goal.map_or_else(|| "null".into(), |goal| format!("{goal:?}"));
    println!("{{\"what\": {what:?}, \"value\": {ms:.3}, \"unit\": \"ms\", \"goal\": {goal}}}");
}
