//! Mishaps at every step of provisioning: the cable pulled, another board in its place, noise, power lost. After each the
//! job says which board is where and what to do, the same job provisions the board, and other boards go on.
//!
//! The ordinary run has one mishap of each kind. `DRYDOCK_TORTURE_MISHAPS` and `DRYDOCK_TORTURE_SEED` make it longer and
//! another one (`./x torture`).

use super::cable_tests::{
    board_until, cable, ended, job, job_until, over_port, over_probe, provision, put, runs_blink, start, virtual_board,
    workbench,
};
use super::*;
use crate::api::{CableAction, JobRef, JobState, JobView, StepState, VirtualAdd, VirtualBoardView, VirtualRef};
use drydock_emulator::ResetKind;
use std::collections::BTreeMap;
use std::time::Duration;

/// Kind of board, and whether its flash is written over a probe.
const WAYS: [(&str, bool); 4] = [
    ("esp32-c6", false),
    ("nano33ble", false),
    ("nano33ble", true),
    ("stm32f4-discovery", true),
];
/// Steps of a provisioning job; the last one has nothing on the cable.
const STEPS: u64 = 6;
const WRITE: usize = 2;
/// Bytes that noise damages, of a million.
const NOISE: u32 = 3_000;
/// How long a board without its cable is watched before the cable comes back.
const OUT: Duration = Duration::from_millis(300);
/// Most resumes until a job is done.
const RESUMES: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mishap {
    /// The cable is pulled, and plugged in again later.
    Pulled,
    /// Another board of the same kind takes its place; then it comes back, blank.
    Exchanged,
    /// The cable damages bytes for a while.
    Noise,
    /// The board loses its power for a moment.
    PowerLost,
}

const MISHAPS: [Mishap; 4] = [Mishap::Pulled, Mishap::Exchanged, Mishap::Noise, Mishap::PowerLost];

/// A seeded stream of numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

fn environment(name: &str, radix: u32) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(u64::from_str_radix(&text, radix).unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn boards_survive_mishaps_at_every_step() {
    let kinds: Vec<&str> = WAYS.iter().map(|(kind, _)| *kind).collect();
    let Some(probe) = workbench(&kinds).await else { return };
    probe.shutdown().await;
    let mishaps = environment("DRYDOCK_TORTURE_MISHAPS", 10).unwrap_or(MISHAPS.len() as u64);
    let seed = environment("DRYDOCK_TORTURE_SEED", 16).unwrap_or(0x5eed);
    let mut random = Random(seed | 1 << 40);
    let mut counts: BTreeMap<(Mishap, &'static str), u64> = BTreeMap::new();
    for number in 0..mishaps {
        let mishap = MISHAPS[(number % MISHAPS.len() as u64) as usize];
        let (kind, by_probe) = WAYS[random.below(WAYS.len() as u64) as usize];
        let (step, share) = (random.below(STEPS) as usize, random.below(100) as u32);
        let what = format!("seed {seed:#x}, {number}: {mishap:?}, {kind}, probe {by_probe}, step {step}, {share} %");
        let end = one(&what, mishap, (kind, by_probe), (step, share)).await;
        *counts.entry((mishap, end)).or_default() += 1;
    }
    println!(
        "drydock-torture: cables: {mishaps} mishaps, all boards provisioned by the same job; ends: {counts:?}; seed {seed:#x}"
    );
}

/// One mishap on one board, beside another board without any. Returns how the job ended at first.
async fn one(what: &str, mishap: Mishap, way: (&str, bool), (step, share): (usize, u32)) -> &'static str {
    let Some(workbench) = workbench(&[way.0]).await else {
        return "skipped";
    };
    let on = |board: &VirtualBoardView| if way.1 { over_probe(board) } else { over_port(board) };
    let victim = put(&workbench, way.0, true, "a1").await;
    let other = put(&workbench, way.0, true, "b2").await;
    let id = start(&workbench, provision(on(&victim), way.0)).await;
    let other_id = start(&workbench, provision(on(&other), way.0)).await;
    job_until(&workbench, id, |job| is_at(job, step, share)).await;

    let before = job(&workbench, id).await;
    befall(&workbench, mishap, &victim).await;
    let first = settled(&workbench, id).await;
    let end = match first.state {
        JobState::Done => "went on",
        JobState::Running => "waited",
        _ => {
            says_what_to_do(what, &first, &victim);
            "failed with the way out"
        }
    };
    if mishap == Mishap::Exchanged && before.chip.is_some() && first.state == JobState::Failed {
        another_board_is_refused(what, &workbench, id, &victim).await;
    }
    mend(&workbench, mishap, &victim).await;
    let mut last = ended(&workbench, id).await;
    // probe-rs' time limits are host time: on a busy host a healthy board may take a further resume.
    for _ in 0..RESUMES {
        if last.state == JobState::Done {
            break;
        }
        says_what_to_do(what, &last, &victim);
        resume(&workbench, id).await;
        last = ended(&workbench, id).await;
    }
    assert_eq!(last.state, JobState::Done, "{what}: {last:#?}");
    board_until(&workbench, last.board.as_deref().unwrap(), runs_blink).await;

    let mut other = ended(&workbench, other_id).await;
    for _ in 0..RESUMES {
        if other.state == JobState::Done || !other.text.contains("timeout") {
            break;
        }
        resume(&workbench, other_id).await;
        other = ended(&workbench, other_id).await;
    }
    assert_eq!(other.state, JobState::Done, "{what}: the other board: {other:#?}");
    board_until(&workbench, other.board.as_deref().unwrap(), runs_blink).await;
    workbench.shutdown().await;
    end
}

/// Whether a job has come to a step, and so far in it; or further.
fn is_at(job: &JobView, step: usize, share: u32) -> bool {
    let at = &job.steps[step];
    let far = at.total_bytes == 0 || u64::from(at.done_bytes) * 100 >= u64::from(at.total_bytes) * u64::from(share);
    // Firmware is compared before it is written.
    let begun = at.state != StepState::Pending && (step != WRITE || at.total_bytes > 0);
    (begun && far) || at.state == StepState::Done || job.state != JobState::Running
}

async fn befall(workbench: &Workbench, mishap: Mishap, victim: &VirtualBoardView) {
    let desk = &workbench.workbench.hardware.desk;
    match mishap {
        Mishap::Pulled => cable(workbench, &victim.name, CableAction::Pull).await,
        Mishap::Noise => desk.make_noisy(&victim.name, NOISE),
        Mishap::PowerLost => desk.machine(&victim.name).reset(ResetKind::PowerOn),
        Mishap::Exchanged => {
            take_away(workbench, &victim.name).await;
            put_there(workbench, victim, "c3").await;
        }
    }
}

/// Brings the right board back on a good cable.
async fn mend(workbench: &Workbench, mishap: Mishap, victim: &VirtualBoardView) {
    match mishap {
        Mishap::Pulled => cable(workbench, &victim.name, CableAction::Plug).await,
        Mishap::Noise => workbench.workbench.hardware.desk.make_noisy(&victim.name, 0),
        Mishap::PowerLost => {}
        Mishap::Exchanged => {
            take_away(workbench, &victim.name).await;
            put_there(workbench, victim, "a1").await;
        }
    }
}

async fn take_away(workbench: &Workbench, name: &str) {
    let gone = Request::VirtualRemove(VirtualRef { name: name.into() });
    workbench.call(gone).await.unwrap();
}

/// Puts a blank board with another seed at a board's place.
async fn put_there(workbench: &Workbench, board: &VirtualBoardView, seed: &str) {
    let add = VirtualAdd {
        kind: board.kind.clone(),
        blank: true,
        usbip: false,
        seed: Some(seed.into()),
        name: Some(board.name.clone()),
    };
    workbench.call(Request::VirtualAdd(add)).await.unwrap();
}

async fn resume(workbench: &Workbench, id: u64) {
    workbench.call(Request::JobResume(JobRef { id })).await.unwrap();
}

/// The job after the mishap: ended, or still waiting for its board after a while.
async fn settled(workbench: &Workbench, id: u64) -> JobView {
    let mut view = job(workbench, id).await;
    let end = std::time::Instant::now() + OUT;
    while view.state == JobState::Running && std::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(10)).await;
        view = job(workbench, id).await;
    }
    view
}

/// The sentence of a failed job names the board or its place, and what to do.
fn says_what_to_do(what: &str, job: &JobView, victim: &VirtualBoardView) {
    assert_eq!(job.state, JobState::Failed, "{what}: {job:#?}");
    let names: Vec<&str> = [
        Some(victim.name.as_str()),
        victim.port.as_deref(),
        victim.probe.as_deref(),
        job.board.as_deref(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(
        names.iter().any(|name| job.text.contains(name)),
        "{what}: no board is named: {}",
        job.text
    );
    let ways_out = ["resume", "Resume", "Plug", "plug", "Erase", "begin again"];
    assert!(
        ways_out.iter().any(|way| job.text.contains(way)),
        "{what}: nothing says what to do: {}",
        job.text
    );
}

/// The job does not take another board at its place, and that board stays blank.
async fn another_board_is_refused(what: &str, workbench: &Workbench, id: u64, victim: &VirtualBoardView) {
    let desk = &workbench.workbench.hardware.desk;
    let before = flash(desk.machine(&victim.name), &victim.kind).await;
    resume(workbench, id).await;
    let refused = ended(workbench, id).await;
    assert_eq!(refused.state, JobState::Failed, "{what}: {refused:#?}");
    says_what_to_do(what, &refused, &virtual_board(workbench, &victim.name).await);
    assert!(
        before == flash(desk.machine(&victim.name), &victim.kind).await,
        "{what}: another board was written: {}",
        refused.text
    );
}

async fn flash(machine: drydock_emulator::runner::MachineHandle, kind: &str) -> Vec<u8> {
    let flash = drydock_assets::board(kind).unwrap().chip.flash;
    let read = machine.inspect(move |machine| {
        let mut bytes = vec![0; flash.bytes as usize];
        machine.read_memory(flash.base, &mut bytes).map(|()| bytes)
    });
    read.await.unwrap().unwrap()
}
