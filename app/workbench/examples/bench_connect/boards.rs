//! Virtual boards through the workbench's API: blank until the first app runs, many at once, and idle.

use crate::{Outcome, median, tell};
use drydock_api::{
    AppSource, AppState, BoardRef, CableRef, Empty, JobRef, JobState, ProvisionStart, Request, Response, VirtualAdd,
    VirtualBoardView,
};
use drydock_client::DataDir;
use drydock_workbench::{Workbench, WorkbenchConfig};
use std::time::{Duration, Instant};

const ROUNDS: usize = 3;
/// Boards at once.
const MANY: usize = 32;
const QUICK_MANY: usize = 4;
/// How long an idle board is watched.
const IDLE: Duration = Duration::from_secs(10);
/// Longest time of one job.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(10);

pub(crate) async fn measure(quick: bool) -> Outcome<()> {
    let rounds = if quick { 1 } else { ROUNDS };
    for (kind, over_probe, how) in [
        ("nano33ble", true, "probe"),
        ("nano33ble", false, "SAM-BA"),
        ("esp32-c6", false, "serial ROM"),
        ("stm32f4-discovery", true, "probe"),
    ] {
        let mut took = Vec::new();
        for _ in 0..rounds {
            took.push(provision(kind, over_probe, false, 1).await?.seconds);
        }
        tell(
            &format!("blank to first app, {kind} by {how}"),
            median(took),
            "s",
            Some("<= 5"),
            "virtual board; identity made on the chip included",
        );
    }
    let many = if quick { QUICK_MANY } else { MANY };
    for (kind, over_probe, slow, how) in [
        ("nano33ble", true, true, "probe, at the speed of wire and chip"),
        ("nano33ble", true, false, "probe, as fast as this host"),
        ("esp32-c6", false, true, "serial ROM, at the speed of the wire"),
        ("esp32-c6", false, false, "serial ROM, as fast as this host"),
    ] {
        let one = provision(kind, over_probe, slow, 1).await?;
        let all = provision(kind, over_probe, slow, many).await?;
        tell(
            &format!("{many} boards at once against one, {kind} by {how}"),
            all.seconds / one.seconds,
            "times",
            // Where nothing waits, the processors decide, which no program can change.
            slow.then_some("<= 3"),
            &format!(
                "{:.1} s against {:.1} s; processor time {:.1} s against {:.1} s; {:.0} MiB in memory",
                all.seconds, one.seconds, all.processor_s, one.processor_s, all.memory_mib
            ),
        );
    }
    idle("nano33ble").await?;
    idle("esp32-c6").await
}

/// What a batch took.
struct Batch {
    seconds: f64,
    processor_s: f64,
    memory_mib: f64,
}

async fn open(slow_virtual_wires: bool) -> Outcome<Workbench> {
    Ok(Workbench::open(WorkbenchConfig {
        data: DataDir::Temporary,
        slow_virtual_wires,
        ..WorkbenchConfig::default()
    })
    .await?)
}

async fn put(workbench: &Workbench, kind: &str, seed: usize) -> Outcome<VirtualBoardView> {
    let add = VirtualAdd {
        kind: kind.into(),
        blank: true,
        usbip: false,
        seed: Some(format!("{:x}", 0xbe00 + seed)),
        name: None,
    };
    match workbench.call(Request::VirtualAdd(add)).await? {
        Response::VirtualAdd(board) => Ok(board),
        _ => Err("another answer".into()),
    }
}

/// Provisions blank boards at once, until the first app runs on each.
async fn provision(kind: &str, over_probe: bool, slow: bool, count: usize) -> Outcome<Batch> {
    let workbench = open(slow).await?;
    let batch = provision_in(&workbench, kind, over_probe, count).await;
    workbench.shutdown().await;
    batch
}

async fn provision_in(workbench: &Workbench, kind: &str, over_probe: bool, count: usize) -> Outcome<Batch> {
    let mut on = Vec::new();
    for seed in 0..count {
        let board = put(workbench, kind, seed).await?;
        on.push(CableRef {
            port: board.port,
            probe: board.probe.filter(|_| over_probe),
            dfu: None,
        });
    }
    let request = ProvisionStart {
        on,
        kind: kind.into(),
        name: None,
        app: Some(AppSource::Sample("blink".into())),
        grant: Vec::new(),
        erase_all: false,
    };
    let (begin, processor) = (Instant::now(), processor_s()?);
    let Response::ProvisionStart(jobs) = workbench.call(Request::ProvisionStart(request)).await? else {
        return Err("another answer".into());
    };
    let mut names = Vec::new();
    for job in jobs {
        let done = loop {
            let Response::JobGet(job) = workbench.call(Request::JobGet(JobRef { id: job.id })).await? else {
                return Err("another answer".into());
            };
            match job.state {
                JobState::Done => break job,
                JobState::Running if begin.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
                _ => return Err(format!("job {}: {:?}: {}", job.id, job.state, job.text).into()),
            }
        };
        names.extend(done.board);
    }
    for name in &names {
        wait_for_app(workbench, name).await?;
    }
    if names.len() != count {
        return Err(format!("{} of {count} boards have a name", names.len()).into());
    }
    Ok(Batch {
        seconds: begin.elapsed().as_secs_f64(),
        processor_s: processor_s()? - processor,
        memory_mib: memory_mib()?,
    })
}

async fn wait_for_app(workbench: &Workbench, name: &str) -> Outcome<()> {
    let begin = Instant::now();
    loop {
        let board = BoardRef { board: name.into() };
        let Response::BoardGet(view) = workbench.call(Request::BoardGet(board)).await? else {
            return Err("another answer".into());
        };
        if view.apps.iter().any(|app| app.state == AppState::Running) {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            return Err(format!("no app runs on {name}").into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Processor time of a connected board without an app, against the workbench without boards.
async fn idle(kind: &str) -> Outcome<()> {
    let workbench = open(false).await?;
    let empty = busy(&workbench).await?;
    let board = put(&workbench, kind, 0).await?;
    let request = ProvisionStart {
        on: vec![CableRef {
            port: board.port,
            probe: None,
            dfu: None,
        }],
        kind: kind.into(),
        name: None,
        app: None,
        grant: Vec::new(),
        erase_all: false,
    };
    let Response::ProvisionStart(jobs) = workbench.call(Request::ProvisionStart(request)).await? else {
        return Err("another answer".into());
    };
    loop {
        let Response::JobGet(job) = workbench.call(Request::JobGet(JobRef { id: jobs[0].id })).await? else {
            return Err("another answer".into());
        };
        match job.state {
            JobState::Done => break,
            JobState::Running => tokio::time::sleep(LOOK).await,
            _ => return Err(job.text.into()),
        }
    }
    let busy_with_board = busy(&workbench).await?;
    tell(
        &format!("processor time of an idle connected board, {kind}"),
        (busy_with_board - empty) * 100.0,
        "% of a core",
        None,
        &format!(
            "its emulated chip included; the workbench alone: {:.2} %",
            empty * 100.0
        ),
    );
    workbench.shutdown().await;
    Ok(())
}

/// Share of a core over [`IDLE`].
async fn busy(workbench: &Workbench) -> Outcome<f64> {
    workbench.call(Request::HardwareList(Empty {})).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (begin, before) = (Instant::now(), processor_s()?);
    tokio::time::sleep(IDLE).await;
    Ok((processor_s()? - before) / begin.elapsed().as_secs_f64())
}

/// Processor time of this process, in seconds.
fn processor_s() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').ok_or("another form of /proc/self/stat")?;
    // utime and stime are fields 14 and 15, in ticks of 10 ms.
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = 0.0;
    for _ in 0..2 {
        ticks += fields.next().ok_or("too few fields")?.parse::<f64>()?;
    }
    Ok(ticks / 100.0)
}

/// Memory of this process, in MiB.
fn memory_mib() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .ok_or("no VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kib / 1024.0)
}
