//! A machine's life with a well-behaved Renode: start, work, end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use drydock_emulator::renode::Renode;
use drydock_emulator::snapshot_file;
use drydock_emulator::{
    Availability, Engine, GuestFault, Machine, MachineError, MonitorAnswer, OpenError, ResetKind, RunLimit, Seed,
    StopReason, VirtualTime,
};
use libtest_mimic::Failed;

use crate::Standin;
use crate::guest::{boot, image, run_ms, word};
use crate::standin::wire::{Reply, parse_call, render};

type Trial = fn() -> Result<(), Failed>;

pub(crate) const TRIALS: &[(&str, Trial)] = &[
    ("the_stand_in_answers_as_recorded", the_stand_in_answers_as_recorded),
    ("it_is_available_with_its_version", it_is_available),
    ("a_board_it_has_no_model_of_is_refused", an_unknown_board),
    ("offline_the_download_fails_and_the_machine_is_complete", offline),
    ("a_slow_start_is_waited_for", a_slow_start),
    ("a_restored_machine_has_its_uart_again", a_restored_uart),
    ("a_saved_machine_goes_on_in_another_renode", a_saved_machine),
    ("a_state_of_another_renode_is_refused", another_renode),
    ("the_monitor_answers_refuses_and_remembers", the_monitor),
    (
        "a_machine_that_someone_started_is_paused_and_goes_on",
        someone_started_it,
    ),
    ("accesses_to_nothing_come_out_of_the_log", faults_from_the_log),
    ("a_pause_ends_a_long_run", a_pause),
    ("nothing_is_left_of_a_dropped_machine", a_dropped_machine),
    ("nothing_is_left_when_its_owner_is_killed", a_killed_owner),
];

fn the_stand_in_answers_as_recorded() -> Result<(), Failed> {
    #[derive(serde::Deserialize)]
    struct Recorded {
        request: String,
        response: String,
    }
    let text = include_str!("recorded/xmlrpc.jsonl");
    let mut seen = (0, 0, 0);
    for line in text.lines() {
        let recorded: Recorded = serde_json::from_str(line)?;
        let strings = strings(&recorded.response)?;
        let reply = if recorded.response.contains("<fault>") {
            seen.2 += 1;
            let code = if recorded.response.contains("<i4>1</i4>") { 1 } else { 0 };
            Reply::Fault(code, strings[0].clone())
        } else if strings.first().is_some_and(|first| first == "FAIL") {
            seen.1 += 1;
            Reply::Fail(strings[1].clone(), strings[2].clone())
        } else if strings.len() == 2 && strings[1] == "PASS" {
            seen.0 += 1;
            Reply::Pass(strings[0].clone())
        } else {
            // The list of keywords, and a keyword that returns nothing: the driver uses neither.
            continue;
        };
        assert!(parse_call(&recorded.request).is_some() || seen.2 > 0);
        // The recording keeps carriage returns unchanged; the parser turns them into newlines.
        let plain = recorded.response.replace("\r\n", "\n").replace('\r', "\n");
        assert_eq!(render(&reply), plain, "{}", recorded.request);
    }
    assert_eq!(seen, (32, 7, 2));
    Ok(())
}

fn strings(body: &str) -> Result<Vec<String>, Failed> {
    let document = roxmltree::Document::parse(body)?;
    let nodes = document.descendants().filter(|node| node.has_tag_name("string"));
    Ok(nodes.map(|node| node.text().unwrap_or_default().to_owned()).collect())
}

fn it_is_available() -> Result<(), Failed> {
    let version = "1.16.1".to_owned();
    let standin = Standin::new("well");
    assert_eq!(standin.engine.availability(), Availability::Available { version });
    Ok(())
}

fn an_unknown_board() -> Result<(), Failed> {
    let mut board = drydock_assets::board("nano33ble").ok_or("the board is described")?;
    board.chip.name = "z80".to_owned();
    let standin = Standin::new("well");
    assert!(!standin.engine.supports(&board));
    let opened = standin.engine.open(&board, Seed([1; 32])).map(drop);
    assert!(matches!(opened, Err(OpenError::UnknownBoard { .. })), "{opened:?}");
    Ok(())
}

fn offline() -> Result<(), Failed> {
    let standin = Standin::new("offline");
    let mut machine = boot(&standin.engine, "count")?;
    run_ms(&mut *machine, 1)
}

fn a_slow_start() -> Result<(), Failed> {
    let standin = Standin::new("slow-start");
    let mut machine = boot(&standin.engine, "count")?;
    run_ms(&mut *machine, 1)
}

fn sent(machine: &mut dyn Machine) -> Vec<u8> {
    let output = machine.take_uart_output();
    output.into_iter().flat_map(|output| output.bytes).collect()
}

fn a_restored_uart() -> Result<(), Failed> {
    let standin = Standin::new("well");
    let mut machine = boot(&standin.engine, "echo")?;
    run_ms(&mut *machine, 1)?;
    machine.uart_input(0, b"HAL")?;
    run_ms(&mut *machine, 1)?;
    assert_eq!(sent(&mut *machine), b"IBM");
    let saved = machine.snapshots().ok_or("it has snapshots")?.snapshot()?;
    machine.uart_input(0, b"lost")?;
    run_ms(&mut *machine, 2)?;
    assert_eq!(sent(&mut *machine), b"mptu");
    machine.snapshots().ok_or("it has snapshots")?.restore(&saved)?;
    assert_eq!(machine.now(), saved.at);
    machine.uart_input(0, b"123")?;
    run_ms(&mut *machine, 1)?;
    assert_eq!(sent(&mut *machine), b"234");
    Ok(())
}

fn a_saved_machine() -> Result<(), Failed> {
    let standin = Standin::new("well");
    let board = drydock_assets::board("nano33ble").ok_or("the board is described")?;
    let mut machine = boot(&standin.engine, "echo")?;
    run_ms(&mut *machine, 1)?;
    machine.uart_input(0, b"HAL")?;
    run_ms(&mut *machine, 1)?;
    assert_eq!(sent(&mut *machine), b"IBM");
    let started = pid(&standin)?;
    let file = snapshot_file::save(&standin.engine, &board, &image("echo"), &mut *machine)?;
    assert_eq!(pid(&standin)?, started, "no second Renode was started for it");
    let at = machine.now();
    drop(machine);

    let other = Standin::new("well");
    let mut machine = snapshot_file::load(&other.engine, &board, &image("echo"), &file)?;
    assert_eq!(machine.now(), at);
    machine.uart_input(0, b"123")?;
    run_ms(&mut *machine, 1)?;
    assert_eq!(sent(&mut *machine), b"234");
    // A reset leads into the image here too.
    machine.reset(ResetKind::PowerOn)?;
    run_ms(&mut *machine, 1)?;
    machine.uart_input(0, b"a")?;
    run_ms(&mut *machine, 1)?;
    assert_eq!(sent(&mut *machine), b"b");
    Ok(())
}

fn another_renode() -> Result<(), Failed> {
    let standin = Standin::new("well");
    let board = drydock_assets::board("nano33ble").ok_or("the board is described")?;
    let mut machine = boot(&standin.engine, "echo")?;
    let file = snapshot_file::save(&standin.engine, &board, &image("echo"), &mut *machine)?;
    let refusal = |engine: &dyn Engine, file: &[u8]| {
        let loaded = snapshot_file::load(engine, &board, &image("echo"), file).map(drop);
        loaded.expect_err("it is refused").to_string()
    };
    let newer = refusal(&Standin::new("newer").engine, &file);
    assert!(
        newer.contains("Renode 1.16.1 wrote it, which the Renode 1.17.0 here may not read"),
        "{newer}"
    );
    let builtin = refusal(&drydock_emulator::builtin::engine::Builtin, &file);
    assert_eq!(builtin, "this snapshot is of the renode engine, not of builtin");
    let header = snapshot_file::inspect(&file)?;
    let nonsense = refusal(&standin.engine, &snapshot_file::assemble(&header, b"nonsense"));
    assert!(
        nonsense.contains("the state is not one of this engine's nano33ble"),
        "{nonsense}"
    );
    Ok(())
}

fn the_monitor() -> Result<(), Failed> {
    let standin = Standin::new("well");
    let mut machine = boot(&standin.engine, "count")?;
    run_ms(&mut *machine, 1)?;
    let monitor = machine.monitor().ok_or("it has a monitor")?;
    assert_eq!(monitor.prompt(), "(nano33ble) ");
    let answer = monitor.execute("version")?;
    assert_eq!(answer, MonitorAnswer::Done("Renode, version 1.16.1\r\n\r".to_owned()));
    let MonitorAnswer::Refused(reason) = monitor.execute("bogus <x> & \"y\"")? else {
        return Err("it knows bogus".into());
    };
    assert!(reason.ends_with("No such command or device: bogus"), "{reason}");
    assert_eq!(monitor.history(), ["version", "bogus <x> & \"y\""]);
    monitor.execute("emulation RunFor \"0.002\"")?;
    assert_eq!(
        machine.now().as_us(),
        3_000,
        "its time is known after it ran by the monitor"
    );
    Ok(())
}

fn someone_started_it() -> Result<(), Failed> {
    let standin = Standin::new("well");
    let mut machine = boot(&standin.engine, "count")?;
    machine.monitor().ok_or("it has a monitor")?.execute("start")?;
    run_ms(&mut *machine, 1)
}

fn faults_from_the_log() -> Result<(), Failed> {
    let standin = Standin::new("well");
    let mut machine = boot(&standin.engine, "trespass")?;
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut faults = Vec::new();
    // The log arrives by another path than the answers.
    while faults.is_empty() && Instant::now() < deadline {
        run_ms(&mut *machine, 1)?;
        faults = machine.take_faults();
    }
    assert!(
        matches!(faults[..], [GuestFault::Access(record)] if record.addr == 0x6000_0000),
        "{:?}",
        faults.first()
    );
    Ok(())
}

fn a_pause() -> Result<(), Failed> {
    let standin = Standin::new("well");
    let mut machine = boot(&standin.engine, "blink")?;
    let switch = machine.pause_switch();
    let thrower = std::thread::spawn(move || switch.pause());
    let reason = machine.run(RunLimit::until(VirtualTime::from_seconds(100_000)))?;
    thrower.join().map_err(|_| "the thrower panicked")?;
    assert_eq!(reason, StopReason::Paused);
    Ok(())
}

/// The process id of the stand-in itself, behind its script.
fn pid(standin: &Standin) -> Result<i32, Failed> {
    Ok(std::fs::read_to_string(standin.folder.path().join("pid"))?
        .trim()
        .parse()?)
}

fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

fn goes(pid: i32) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while runs(pid) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

fn a_dropped_machine() -> Result<(), Failed> {
    let standin = Standin::new("well");
    let machine = boot(&standin.engine, "count")?;
    let pid = pid(&standin)?;
    assert!(runs(pid));
    drop(machine);
    assert!(goes(pid));
    Ok(())
}

/// Set for the owner's process: which Renode to start.
pub(crate) const OWNER: &str = "DRYDOCK_RENODE_OWNER";

/// Opens a machine, says so, and waits to be killed.
pub(crate) fn own(program: &Path) -> ExitCode {
    let machine = boot(&Renode::at(program), "count");
    println!("{}", if machine.is_ok() { "open" } else { "failed" });
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

fn a_killed_owner() -> Result<(), Failed> {
    let standin = Standin::new("well");
    let mut owner = Command::new(std::env::current_exe()?)
        .env(OWNER, standin.folder.path().join("renode"))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(owner.stdout.take().ok_or("its output")?).read_line(&mut line)?;
    let pid = pid(&standin);
    // SIGKILL: nothing of it runs any more.
    owner.kill()?;
    owner.wait()?;
    assert_eq!(line, "open\n");
    assert!(goes(pid?));
    Ok(())
}

/// The behaviour of a machine whose Renode has exited: each query is an error, and a power-on starts a new one.
pub(crate) fn is_gone_but_can_be_replaced(machine: &mut dyn Machine) -> Result<(), Failed> {
    let gone = |result: Result<(), MachineError>| matches!(result, Err(MachineError::Crashed { .. }));
    assert!(gone(machine.run(RunLimit::until(VirtualTime::MAX)).map(drop)));
    assert!(gone(machine.read_memory(0x2000_0000, &mut [0; 4])));
    assert!(gone(machine.read_register("pc").map(drop)));
    assert!(gone(machine.reset(ResetKind::Pin)));
    Ok(())
}

/// Loads and restarts a guest.
pub(crate) fn start_anew(machine: &mut dyn Machine) -> Result<(), Failed> {
    machine.reset(ResetKind::PowerOn)?;
    machine.load(&image("count"))?;
    machine.reset(ResetKind::PowerOn)?;
    run_ms(machine, 1)?;
    assert_eq!(word(machine, 0x1_0000)?, 0x2004_0000);
    Ok(())
}
