//! What recording costs: the speed of a board whose pin changes a million times a second of its time, recorded against not
//! recorded, in turns; and how many edges reach the file in a second of the host.
//!
//! Prints one JSON object a line for `./x bench`; `--quick` takes fewer turns.

use drydock_api::{
    BoardAdd, BoardRef, BoardView, FirmwareFile, Pace, RecordingRef, RecordingStart, RecordingView, Request, Response,
    Unmodelled,
};
use drydock_client::DataDir;
use drydock_scope_model::Recording;
use drydock_workbench::{Workbench, WorkbenchConfig};
use serde_json::json;
use std::{
    error::Error,
    path::Path,
    time::{Duration, Instant},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const TURNS: usize = 9;
const QUICK_TURNS: usize = 3;
/// Length of a turn of each kind.
const TURN: Duration = Duration::from_secs(2);
/// Where a program on the Nano starts.
const START: u32 = 0x1_0000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let turns = match std::env::args().nth(1).as_deref() {
        None => TURNS,
        Some("--quick") => QUICK_TURNS,
        Some(other) => return Err(format!("unknown argument {other}").into()),
    };
    let place = tempfile::tempdir()?;
    let program = place.path().join("toggle.bin");
    std::fs::write(&program, toggler())?;
    let workbench = Workbench::open(WorkbenchConfig {
        data: DataDir::Temporary,
        ..WorkbenchConfig::default()
    })
    .await?;
    let board = add(&workbench, &program).await?;
    tokio::time::sleep(TURN).await;
    let (mut ratios, mut alone, mut rates, mut lost, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0, Vec::new());
    for turn in 0..turns {
        let free = speed(&workbench, &board).await?;
        let file = place.path().join(format!("{turn}.drydock-rec"));
        let recording = start(&workbench, &board, &file).await?;
        let begin = Instant::now();
        let recorded = speed(&workbench, &board).await?;
        let ended = stop(&workbench, recording).await?;
        let seconds = begin.elapsed().as_secs_f64();
        rates.push(edges(&file)? as f64 / seconds);
        bytes.push(ended.bytes as f64 / seconds / 1e6);
        lost += ended.lost;
        alone.push(free);
        ratios.push(free / recorded);
        std::fs::remove_file(&file)?;
    }
    workbench.shutdown().await;
    let note = format!("{:.2} times real time without, {lost} entries lost", median(&mut alone));
    row(
        "recording: a board with 1 M edges a second of its time, time against the same not recorded",
        (median(&mut ratios), "x", Some("<= 1.10"), Some(note)),
    );
    row(
        "recording: edges into the file in a second of the host",
        (median(&mut rates), "/s", None, None),
    );
    row(
        "recording: bytes into the file in a second of the host",
        (median(&mut bytes), "MB/s", None, None),
    );
    Ok(())
}

/// A program that changes P0.13 about once in 64 cycles: `movw`, `movt`, `str` to DIRSET; then OUTSET, a loop of `subs`
/// and `bne`, OUTCLR, the same loop, and a branch back.
fn toggler() -> Vec<u8> {
    let set = [0xf8c0_u16, 0x1508];
    let clear = [0xf8c0, 0x150c];
    // movs r2, #15; subs r2, #1; bne to the subs.
    let wait = [0x220f, 0x3a01, 0xd1fd];
    let mut code = vec![0xf240, 0x0000, 0xf2c5, 0x0000, 0xf242, 0x0100, 0xf8c0, 0x1518];
    let begin = code.len();
    code.extend(set);
    code.extend(wait);
    code.extend(clear);
    code.extend(wait);
    // Relative to two halfwords behind the branch.
    let back = begin as i32 - (code.len() as i32 + 2);
    code.push(0xe000 | (back as u16 & 0x7ff));
    let mut image = 0x2000_1000_u32.to_le_bytes().to_vec();
    image.extend((START + 0x41).to_le_bytes());
    image.resize(0x40, 0);
    image.extend(code.iter().flat_map(|half| half.to_le_bytes()));
    image
}

/// Virtual time that passes in a second of the host.
async fn speed(workbench: &Workbench, board: &str) -> Outcome<f64> {
    let (from, begin) = (virtual_time(workbench, board).await?, Instant::now());
    tokio::time::sleep(TURN).await;
    let (to, seconds) = (virtual_time(workbench, board).await?, begin.elapsed().as_secs_f64());
    Ok((to - from) / seconds)
}

async fn virtual_time(workbench: &Workbench, board: &str) -> Outcome<f64> {
    let get = BoardRef { board: board.into() };
    match workbench.call(Request::BoardGet(get)).await? {
        Response::BoardGet(view) => Ok(view.machine.ok_or("it has no machine")?.virtual_time_s),
        other => Err(format!("{other:?}").into()),
    }
}

async fn add(workbench: &Workbench, program: &Path) -> Outcome<String> {
    let add = BoardAdd {
        kind: "nano33ble".into(),
        pace: Pace::Max,
        firmware: Some(FirmwareFile {
            path: program.display().to_string(),
            address: Some(START),
            defmt: None,
            unmodelled: Unmodelled::Fault,
            arguments: String::new(),
        }),
        ..BoardAdd::default()
    };
    match workbench.call(Request::BoardAdd(add)).await? {
        Response::BoardAdd(BoardView { id, .. }) => Ok(id),
        other => Err(format!("{other:?}").into()),
    }
}

async fn start(workbench: &Workbench, board: &str, file: &Path) -> Outcome<String> {
    let start = RecordingStart {
        boards: vec![board.to_owned()],
        file: Some(file.display().to_string()),
        ..RecordingStart::default()
    };
    match workbench.call(Request::RecordingStart(start)).await? {
        Response::RecordingStart(view) => Ok(view.id),
        other => Err(format!("{other:?}").into()),
    }
}

async fn stop(workbench: &Workbench, recording: String) -> Outcome<RecordingView> {
    match workbench
        .call(Request::RecordingStop(RecordingRef { recording }))
        .await?
    {
        Response::RecordingStop(view) => Ok(view),
        other => Err(format!("{other:?}").into()),
    }
}

fn edges(file: &Path) -> Outcome<u64> {
    let recording = Recording::open(file)?;
    let lane = recording
        .lanes()
        .find(|(_, lane)| lane.name.contains("LED"))
        .map(|(id, _)| id);
    Ok(lane.map_or(0, |id| recording.count(id)))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn row(what: &str, (value, unit, goal, note): (f64, &str, Option<&str>, Option<String>)) {
    println!(
        "{}",
        json!({ "what": what, "value": value, "unit": unit, "goal": goal, "note": note })
    );
}
