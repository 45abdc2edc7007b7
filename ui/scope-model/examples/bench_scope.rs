//! Recording and drawing of 100 million edges in 8 lanes, and opening of large recordings. Prints JSON lines for
//! `./x bench`. The file is in the system's folder for temporary files, and needs 1 GB there (10 GB with `--large`).

use drydock_scope_model::{Lane, LaneId, LaneKind, Recording, TimeRange, Writer};
use std::{error::Error, fs::File, io::BufWriter, path::Path, time::Instant};

const LANES: u64 = 8;
const EDGES: u64 = 100_000_000;
/// As wide as a window.
const COLUMNS: usize = 2_000;
/// Nanoseconds between two edges of a lane.
const PERIOD_NS: u64 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let is = |name: &str| std::env::args().any(|argument| argument == name);
    let edges = if is("--quick") { EDGES / 20 } else { EDGES };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.drec");
    let lanes = record(&path, edges)?;
    draw(&path, &lanes, edges)?;
    sample(&folder.path().join("samples.drec"), edges / 2)?;
    if is("--large") {
        std::fs::remove_file(folder.path().join("samples.drec"))?;
        let path = folder.path().join("large.drec");
        record_quietly(&path, 1_250_000_000)?;
        open("open a recording of 10 GB that was finished", &path)?;
        // As after a kill: the slots name an index, and the file ends in the middle of a block behind it.
        let file = File::options().write(true).open(&path)?;
        file.set_len(file.metadata()?.len() - 100_000_000)?;
        open("open a recording of 10 GB that was cut off", &path)?;
    }
    Ok(())
}

fn record_quietly(path: &Path, edges: u64) -> Result<(Vec<LaneId>, u64), Box<dyn Error>> {
    let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, File::create(path)?))?;
    let lanes = (0..LANES)
        .map(|lane| writer.declare(&Lane::new(format!("D{lane}"), LaneKind::Digital)))
        .collect::<Result<Vec<_>, _>>()?;
    let rounds = edges / LANES;
    for round in 0..rounds {
        for (&lane, jitter) in lanes.iter().zip([0, 3, 50, 7, 110, 13, 170, 19]) {
            let at_ns = round * PERIOD_NS + jitter * (round % 3);
            writer.level(lane, at_ns, round % 2 == 0)?;
        }
        // As a recorder does, twice in a second of virtual time.
        if round % 1_000_000 == 0 {
            writer.flush(round * PERIOD_NS)?;
        }
    }
    writer.finish(rounds * PERIOD_NS)?;
    Ok((lanes, rounds * PERIOD_NS))
}

fn record(path: &Path, edges: u64) -> Result<Vec<LaneId>, Box<dyn Error>> {
    let begin = Instant::now();
    let (lanes, _) = record_quietly(path, edges)?;
    let seconds = begin.elapsed().as_secs_f64();
    let megabytes = path.metadata()?.len() as f64 / 1e6;
    row(
        "scope: edges recorded",
        edges as f64 / seconds / 1e6,
        "M/s",
        Some(">= 1"),
    );
    row("scope: recording", megabytes / seconds, "MB/s", Some(">= 50"));
    row("scope: a recorded edge", megabytes * 1e6 / edges as f64, "B", None);
    Ok(lanes)
}

/// Samples of an ADC, in pieces of a millisecond at 1 M samples a second.
fn sample(path: &Path, samples: u64) -> Result<(), Box<dyn Error>> {
    let values: Vec<f32> = (0..1_000).map(|index| (index as f32 / 159.0).sin()).collect();
    let begin = Instant::now();
    let mut writer = Writer::new(File::create(path)?)?;
    let lane = writer.declare(&Lane::new("A0", LaneKind::Number))?;
    for piece in 0..samples / 1_000 {
        writer.samples(lane, piece * 1_000_000, 1_000_000, &values)?;
        if piece % 500 == 0 {
            writer.flush(piece * 1_000_000)?;
        }
    }
    writer.finish(samples * 1_000)?;
    let seconds = begin.elapsed().as_secs_f64();
    row(
        "scope: samples of an ADC recorded",
        samples as f64 / seconds / 1e6,
        "M/s",
        Some(">= 1"),
    );
    let recording = Recording::open(path)?;
    let mut times = Vec::new();
    for frame in 0..100 {
        let begin = Instant::now();
        let range = TimeRange::new(frame * 1_000, samples * (1_000 - frame));
        std::hint::black_box(recording.columns(lane, range, COLUMNS));
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    row(
        "scope: 2,000 columns of one lane of samples, p99",
        times[98],
        "ms",
        None,
    );
    Ok(())
}

fn draw(path: &Path, lanes: &[LaneId], edges: u64) -> Result<(), Box<dyn Error>> {
    open("scope: open the recording", path)?;
    let recording = Recording::open(path)?;
    let end_ns = edges / LANES * PERIOD_NS;
    // A zoom from all to 100 µs around a place, and back, as a wheel does; then a walk along the whole recording.
    let zoom = (0..200_u64).map(|step| {
        let depth = step.min(199 - step) as f64 / 99.0;
        let length = (end_ns as f64 * (1e5 / end_ns as f64).powf(depth)) as u64;
        let from_ns = (end_ns - length) / 3;
        TimeRange::new(from_ns, from_ns + length)
    });
    let walk = (0..100_u64).map(|step| TimeRange::new(end_ns / 200 * step, end_ns / 200 * (step + 100)));
    let mut times = Vec::new();
    for (frame, range) in zoom.chain(walk).enumerate() {
        let begin = Instant::now();
        for &lane in lanes {
            std::hint::black_box(recording.columns(lane, range, COLUMNS));
        }
        let ms = begin.elapsed().as_secs_f64() * 1e3;
        if frame == 0 {
            row("scope: first frame, all of 8 lanes", ms, "ms", None);
        }
        times.push(ms);
    }
    times.sort_by(f64::total_cmp);
    let of = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let what = |part: &str| {
        format!(
            "scope: data of a frame, 8 lanes of 2,000 columns over {} M edges, {part}",
            edges / 1_000_000
        )
    };
    row(&what("median"), of(0.5), "ms", None);
    row(&what("p99"), of(0.99), "ms", Some("<= 16.7"));
    Ok(())
}

fn open(what: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let recording = Recording::open(path)?;
    row(what, begin.elapsed().as_secs_f64() * 1e3, "ms", Some("<= 1000"));
    std::hint::black_box(recording.lanes().len());
    Ok(())
}

fn row(what: &str, value: f64, unit: &str, goal: Option<&str>) {
    let goal = goal.map_or_else(|| "null".into(), |goal| format!("{goal:?}"));
    println!("{{\"what\": {what:?}, \"value\": {value:.3}, \"unit\": {unit:?}, \"goal\": {goal}}}");
}
