//! `drydock run` when all is well.

use crate::driver::{Outcome, command, drydock, finish, position};
use serde_json::Value;

fn texts<'a>(events: &'a [Value], app: &str) -> Vec<&'a str> {
    let of_app = events
        .iter()
        .filter(|event| event["event"] == "app.log" && event["app"] == app);
    of_app.map(|event| event["text"].as_str().unwrap()).collect()
}

fn last(outcome: &Outcome) -> Value {
    outcome.events().last().unwrap().clone()
}

#[test]
fn sensor_runs_and_its_board_reports() {
    let outcome = drydock(&["run", "sensor", "--for", "5s", "--json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let events = outcome.events();
    let order = [
        "board.added",
        "machine.started",
        "device.enrolled",
        "device.connected",
        "app.deploying",
        "app.running",
        "app.log",
        "run.finished",
    ]
    .map(|name| position(&events, name));
    assert!(order.is_sorted(), "{order:?} in {events:#?}");
    assert_eq!((order[0], order[7]), (0, events.len() - 1));
    // Lines are collected for a moment: the board's first line carries its time, and may be printed after a later
    // event.
    let time = |name| events[position(&events, name)]["time_ms"].as_u64().unwrap();
    assert!(time("machine.started") <= time("board.log") && time("board.log") <= time("device.enrolled"));
    assert_eq!(last(&outcome)["exit_code"], 0);

    // Facts of the store carry its revisions, in their order.
    let revisions: Vec<u64> = events.iter().filter_map(|event| event["revision"].as_u64()).collect();
    assert!(
        revisions.len() >= 5 && revisions.is_sorted_by(|a, b| a < b),
        "{revisions:?}"
    );
    // No line of the console is missing.
    let lines = events.iter().filter_map(|event| match event["event"].as_str() {
        Some("app.log" | "board.log") => event["sequence"].as_u64(),
        _ => None,
    });
    let lines: Vec<u64> = lines.collect();
    assert!(
        lines.len() > 8 && lines.iter().enumerate().all(|(at, line)| at as u64 == *line),
        "{lines:?}"
    );

    // The metrics are the device's own: they contain the app, its values and the heap in use.
    let with_app: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "device.metrics" && event["apps"][0]["app"] == "sensor")
        .collect();
    assert!(with_app.len() >= 3, "{events:#?}");
    let latest = with_app.last().unwrap();
    assert!(latest["heap_used_bytes"].as_u64() > Some(10_000), "{latest}");
    assert!(latest["apps"][0]["fuel_per_s"].as_f64() > Some(0.0), "{latest}");
    let values = latest["apps"][0]["values"].as_array().unwrap();
    assert!(values.iter().any(|value| value["name"] == "temperature"), "{latest}");
    let uptime = |event: &Value| event["uptime_ms"].as_u64().unwrap();
    assert!(uptime(latest) - uptime(with_app[0]) >= 2_000);
}

#[test]
fn an_app_that_ends_itself_says_its_last_lines() {
    let outcome = drydock(&["run", "hello", "--json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let events = outcome.events();
    assert_eq!(texts(&events, "hello"), ["hello from C", "two lines", "in one write"]);
    assert_eq!(events[position(&events, "app.exited")]["exit_code"], 0);
    assert_eq!(last(&outcome)["text"], "hello ended itself with 0.");
}

/// The environment of a user who unpacked only the program: no sources, no assets, no home.
#[test]
fn the_program_alone_runs_blink_from_an_empty_directory() {
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("drydock");
    std::fs::copy(env!("CARGO_BIN_EXE_drydock"), &program).unwrap();
    let empty = place.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let mut run = std::process::Command::new(&program);
    run.args(["run", "blink", "--for", "2s"])
        .current_dir(&empty)
        .env_clear();
    let outcome = finish(run);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stdout.contains("blinking P0.13"), "{outcome:?}");
    assert!(outcome.stdout.contains("blink is running after 2 s."), "{outcome:?}");
    assert!(!outcome.stdout.contains('\x1b'), "no colours where no terminal is");
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0, "nothing is left behind");
}

/// 1 % of frames damaged, and of 10,000 bytes one dropped, one flipped, one doubled.
#[test]
fn a_noisy_link_loses_nothing() {
    let outcome = drydock(&["run", "counter", "--for", "8s", "--link-noise", "0.01:7", "--json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let events = outcome.events();
    let counted = texts(&events, "counter");
    assert!(counted.len() >= 30, "{counted:?}");
    for (number, text) in counted.iter().enumerate() {
        assert_eq!(*text, format!("count {}", number % 10));
    }
    let sequences = events
        .iter()
        .filter_map(|event| event["sequence"].as_u64().filter(|_| event["text"].is_string()));
    assert!(sequences.enumerate().all(|(at, sequence)| at as u64 == sequence));
    let metrics = events.iter().rfind(|event| event["event"] == "device.metrics").unwrap();
    let repairs = metrics["link_retries"].as_u64().unwrap() + metrics["link_errors"].as_u64().unwrap();
    assert!(repairs > 0, "the link was not noisy: {metrics}");
}

/// Boards of the same seed are the same boards again; each has its own identity.
#[test]
fn a_few_boards_are_emulated_at_once() {
    let emulate = || {
        let outcome = drydock(&[
            "emulate",
            "--count",
            "4",
            "--app",
            "counter",
            "--seed",
            "2a",
            "--until",
            "all-running",
            "--json",
        ]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.events()
    };
    let events = emulate();
    let finished = events.last().unwrap();
    assert_eq!(
        (
            &finished["event"],
            &finished["boards"],
            &finished["running"],
            &finished["failed"]
        ),
        (&"emulate.finished".into(), &4.into(), &4.into(), &0.into())
    );
    let of = |events: &[Value], name: &str, field: &str| {
        let values = events
            .iter()
            .filter(|event| event["event"] == name)
            .map(|event| event[field].to_string());
        values.collect::<std::collections::BTreeSet<String>>()
    };
    for name in ["machine.started", "device.enrolled", "device.connected", "app.running"] {
        assert_eq!(of(&events, name, "board").len(), 4, "{name}");
    }
    assert_eq!(of(&events, "device.enrolled", "device").len(), 4);
    let seeds = of(&events, "board.added", "seed");
    assert_eq!(seeds.len(), 4);
    assert_eq!(seeds, of(&emulate(), "board.added", "seed"));
}

#[test]
fn help_has_examples_and_every_verb_is_documented() {
    let outcome = drydock(&["--help"]);
    assert_eq!(outcome.code, 0);
    let verbs = [
        "run", "emulate", "boards", "devices", "deploy", "start", "stop", "remove", "logs", "metrics", "gateway",
        "audit", "record", "replay", "export", "scope",
    ];
    for verb in verbs {
        assert!(
            outcome.stdout.contains(&format!("\n  {verb} ")),
            "{verb} in {}",
            outcome.stdout
        );
        let help = finish(command(&[verb, "--help"]));
        assert_eq!(help.code, 0);
        assert!(help.stdout.contains("Usage: drydock"), "{}", help.stdout);
        assert!(
            verb == "devices" || help.stdout.contains("xample"),
            "{verb} has no example"
        );
        let page = include_str!("../../../../docs/cli.md");
        assert!(
            page.contains(&format!("| `{verb}")) || page.contains(&format!("`{verb}`")),
            "{verb}"
        );
    }
}
