//! A thousand emulated boards in one process: the time until each is enrolled and runs an app, the memory and processor
//! time that they use afterwards, with the app running and stopped, and how many failed or were reported as
//! unreachable.
//!
//! Prints one JSON object a line for `./x bench`; `--quick` takes a hundred boards. It needs Linux: `/proc` reports
//! what a process uses.

use drydock_api::{
    AppDeploy, AppRef, AppSource, Badge, BoardAdd, BoardView, Empty, EventName, Pace, Request, Response, Update,
};
use drydock_client::{DataDir, Updates};
use drydock_workbench::{Workbench, WorkbenchConfig};
use serde_json::json;
use std::{
    error::Error,
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const BOARDS: usize = 1_000;
const QUICK_BOARDS: usize = 100;
const APP: &str = "blink";
/// The app must run on all boards after this time.
const PATIENCE: Duration = Duration::from_secs(900);
/// How often it is looked at the boards.
const LOOK: Duration = Duration::from_secs(1);
/// Time for unfinished work after the last board is ready, before idle time is measured.
const SETTLE: Duration = Duration::from_secs(5);
/// Duration of the measurement of idle time.
const IDLE: Duration = Duration::from_secs(30);
const QUICK_IDLE: Duration = Duration::from_secs(5);
/// Clock ticks of `/proc/self/stat` in a second, on every Linux that Rust knows.
const TICKS_PER_S: f64 = 100.0;

#[tokio::main]
async fn main() -> Outcome<()> {
    let count = match std::env::args().nth(1).as_deref() {
        None => BOARDS,
        Some("--quick") => QUICK_BOARDS,
        Some(other) => other.parse().map_err(|_| format!("unknown argument {other}"))?,
    };
    let idle = if count == BOARDS { IDLE } else { QUICK_IDLE };
    let begin = Instant::now();
    let workbench = Workbench::open(WorkbenchConfig {
        data: DataDir::Temporary,
        ..WorkbenchConfig::default()
    })
    .await?;
    let trouble = Arc::new(AtomicUsize::new(0));
    let watching = tokio::spawn(watch(workbench.subscribe(), trouble.clone()));
    let mut boards = Vec::new();
    for _ in 0..count {
        boards.push(add(&workbench).await?);
    }
    let deploy = AppDeploy {
        source: AppSource::Sample(APP.into()),
        boards: boards.clone(),
        name: None,
        version: None,
        grant: Vec::new(),
        no_start: false,
    };
    workbench.call(Request::AppDeploy(deploy)).await?;
    let (mut running, mut instructions): (usize, u64) = (0, 0);
    while running < count && begin.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        let fleet = fleet(&workbench).await?;
        running = fleet.iter().filter(|board| board.badge == Badge::Running).count();
        let machines = fleet.iter().filter_map(|board| board.machine.as_ref());
        instructions = machines.map(|machine| machine.instructions).sum();
    }
    let took_s = begin.elapsed().as_secs_f64();
    let goal = (count == BOARDS).then_some("<= 180");
    let cpu_s = cpu_s().unwrap_or_default();
    tell(
        &format!("{count} boards enrolled, {APP} running in each"),
        took_s,
        "s",
        goal,
        &format!(
            "{running} are running; {cpu_s:.0} s of all cores for {:.0} million instructions each",
            instructions as f64 / 1e6 / count as f64
        ),
    );
    tell_memory(count);
    tell_idle(&format!("processor of {count} boards that run {APP}"), count, idle).await;
    for board in &boards {
        let app = AppRef {
            board: board.clone(),
            app: APP.into(),
        };
        workbench.call(Request::AppStop(app)).await?;
    }
    tell_idle(
        &format!("processor of {count} connected boards without an app"),
        count,
        idle,
    )
    .await;
    let trouble = trouble.load(Ordering::Relaxed) + (count - running);
    tell(
        &format!("boards of {count} that failed, came late or were blamed for silence"),
        trouble as f64,
        "",
        Some("<= 0"),
        "",
    );
    // Sessions that end from here on are no trouble.
    watching.abort();
    workbench.shutdown().await;
    Ok(())
}

/// Counts events that must not happen to any board, and prints each on stderr.
async fn watch(mut updates: Updates, trouble: Arc<AtomicUsize>) {
    const TROUBLE: [EventName; 8] = [
        EventName::AppTrapped,
        EventName::AppRefused,
        EventName::DeviceDisconnected,
        EventName::DeviceRefused,
        EventName::DeviceUnreachable,
        EventName::ConnectionRefused,
        EventName::MachineCrashed,
        EventName::MachineFailed,
    ];
    while let Some(update) = updates.next().await {
        match update {
            Update::Event(event) if TROUBLE.contains(&event.event) => {
                trouble.fetch_add(1, Ordering::Relaxed);
                eprintln!("{} {}: {}", event.event, event.board.unwrap_or_default(), event.text);
            }
            Update::Resync => eprintln!("Some updates were missed; trouble among them is not counted."),
            _ => {}
        }
    }
}

async fn add(workbench: &Workbench) -> Outcome<String> {
    let add = BoardAdd {
        kind: "nano33ble".into(),
        name: None,
        engine: None,
        pace: Pace::Max,
        seed: None,
        link_noise: None,
        kind_file: None,
        firmware: None,
        parts: Vec::new(),
        part_values: None,
        record: None,
    };
    match workbench.call(Request::BoardAdd(add)).await? {
        Response::BoardAdd(board) => Ok(board.id),
        _ => Err("another answer".into()),
    }
}

async fn fleet(workbench: &Workbench) -> Outcome<Vec<BoardView>> {
    match workbench.call(Request::BoardList(Empty {})).await? {
        Response::BoardList(fleet) => Ok(fleet.boards),
        _ => Err("another answer".into()),
    }
}

async fn tell_idle(what: &str, count: usize, idle: Duration) {
    tokio::time::sleep(SETTLE).await;
    let before_s = cpu_s();
    tokio::time::sleep(idle).await;
    match (before_s, cpu_s()) {
        (Some(before_s), Some(after_s)) => {
            let share = (after_s - before_s) / idle.as_secs_f64();
            let each = share / count as f64 * 1e6;
            let note = format!("{each:.0} µs a second for each");
            tell(what, share * 100.0, "% of a core", None, &note);
        }
        _ => println!("{}", json!({ "what": what, "skipped": "this system has no /proc" })),
    }
}

fn tell_memory(count: usize) {
    let what = format!("memory of the process with {count} boards");
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<f64> = line
        .and_then(|line| line.split_whitespace().next())
        .and_then(|kib| kib.parse().ok());
    match kib {
        Some(kib) => tell(&what, kib / 1024.0, "MiB", Some("<= 1024"), ""),
        None => println!("{}", json!({ "what": what, "skipped": "this system has no /proc" })),
    }
}

/// Processor time of this process so far, in seconds (proc(5): fields 14 and 15, counted behind the name).
fn cpu_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_S)
}

fn tell(what: &str, value: f64, unit: &str, goal: Option<&str>, note: &str) {
    let mut line = json!({ "what": what, "value": value, "unit": unit });
    if let Some(goal) = goal {
        line["goal"] = goal.into();
    }
    if !note.is_empty() {
        line["note"] = note.into();
    }
    println!("{line}");
}
