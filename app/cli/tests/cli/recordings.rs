//! `drydock record` with `--last`, `recordings`, `replay` and `export`, and `run --record`.

use crate::driver::{Running, command, drydock, drydock_in, finish};
use drydock_scope_model::{Lane, LaneKind, Recording, Writer};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

/// Far longer than a board takes to blink.
const PATIENCE: Duration = Duration::from_secs(120);

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A recording of a board that blinks for two seconds of its time, from its first instruction.
fn blinked(place: &Path, pace: &str) -> PathBuf {
    let file = place.join("blinked.drydock-rec");
    let outcome = drydock(&[
        "run",
        "blink",
        "--for",
        "2s",
        "--pace",
        pace,
        "--record",
        text(&file),
        "--json",
    ]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    file
}

fn entries(file: &Path, lane: &str) -> Vec<Value> {
    let outcome = drydock(&["replay", text(file), "--lane", lane, "--json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    outcome.events()
}

#[test]
fn a_run_is_recorded_shown_again_and_written_for_other_tools() {
    let place = tempfile::tempdir().unwrap();
    let file = blinked(place.path(), "max");
    let info = drydock(&["replay", text(&file), "--info", "--json"]).events().remove(0);
    assert_eq!(info["damage"], Value::Null);
    assert!(info["seconds"].as_f64().unwrap() > 2.0, "{info}");
    let names: Vec<&str> = info["lanes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lane| lane["lane"].as_str().unwrap())
        .collect();
    for name in [
        "about",
        "run-1/LED P0.13",
        "run-1/console",
        "run-1/events",
        "run-1/cpu",
        "run-1/uart0.tx",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }

    // The board's first word is there, and its events are as they were printed.
    let said = drydock(&["replay", text(&file)]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stdout.contains("blink 1.0.0 is running.") && said.stdout.contains("reset 1 by power-on"),
        "{said:?}"
    );
    let events = entries(&file, "events");
    assert!(
        events.iter().any(|event| event["entry"]["event"] == "app.running"),
        "{events:?}"
    );
    let led = entries(&file, "LED*");
    let edges: Vec<f64> = led
        .iter()
        .filter(|entry| entry["entry"]["level"].is_boolean())
        .map(|entry| entry["time_s"].as_f64().unwrap())
        .collect();
    // How much of the two seconds is left for the app is not known at this pace.
    assert!(edges.len() >= 4, "{edges:?}");
    let (from, until) = (edges[1], edges[3]);
    let bounds = [from, until].map(|at| format!("{at}s"));
    let later = drydock(&[
        "replay",
        text(&file),
        "--lane",
        "LED*",
        "--from",
        &bounds[0],
        "--until",
        &bounds[1],
        "--json",
    ]);
    let later: Vec<f64> = later
        .events()
        .iter()
        .map(|entry| entry["time_s"].as_f64().unwrap())
        .collect();
    assert_eq!(later, edges[1..3], "of {edges:?}");

    for (name, begin) in [
        ("out.vcd", b"$version".as_slice()),
        ("out.csv", b"time_ns,lane"),
        ("out.sr", b"PK"),
        ("out.parquet", b"PAR1"),
        ("out.html", b"<!doctype html>"),
    ] {
        let out = place.path().join(name);
        let written = drydock(&["export", text(&file), "--out", text(&out), "--json"]);
        assert_eq!(written.code, 0, "{written:?}");
        let bytes = std::fs::read(&out).unwrap();
        assert!(bytes.starts_with(begin), "{name}");
        assert_eq!(written.events()[0]["bytes"], bytes.len());
    }
    // Each edge of the LED is a change in the VCD.
    let vcd = place.path().join("led.vcd");
    let written = drydock(&["export", text(&file), "--out", text(&vcd), "--lane", "LED*"]);
    assert_eq!(written.code, 0, "{written:?}");
    let vcd_text = std::fs::read_to_string(&vcd).unwrap();
    let changes = vcd_text.lines().filter(|line| line.starts_with(['0', '1'])).count();
    assert_eq!(changes, edges.len(), "{vcd_text}");
    let again = drydock(&["export", text(&file), "--out", text(&vcd), "--json"]);
    assert_eq!(again.code, 3);
    assert!(again.error().contains("--overwrite"), "{again:?}");
    let again = drydock(&["export", text(&file), "--out", text(&vcd), "--overwrite", "--json"]);
    assert_eq!(again.code, 0, "{again:?}");

    // The recording itself is not replaced by what is written of it.
    let itself = place.path().join("out/../blinked.drydock-rec");
    std::fs::create_dir(place.path().join("out")).unwrap();
    let format = ["--format", "csv", "--overwrite", "--json"];
    let itself = drydock(&[&["export", text(&file), "--out", text(&itself)], format.as_slice()].concat());
    assert_eq!(itself.code, 3, "{itself:?}");
    assert!(itself.error().contains("is the recording itself"), "{itself:?}");
    assert_eq!(drydock(&["replay", text(&file), "--info"]).code, 0);
}

/// A board whose UART is cut into pieces, with a console, events and a bus beside it.
fn texts(place: &Path) -> PathBuf {
    let path = place.join("texts.drydock-rec");
    let mut writer = Writer::new(std::fs::File::create(&path).unwrap()).unwrap();
    let mut lane = |name: &str| writer.declare(&Lane::new(name, LaneKind::Text)).unwrap();
    let (about, uart, console) = (lane("desk/about"), lane("desk/uart0.tx"), lane("desk/console"));
    let (events, bus) = (lane("desk/events"), lane("desk/i2c P0.26 P0.27"));
    for (lane, at_ms, text) in [
        (about, 0, "{\"program\":\"panic\"}"),
        (uart, 10, "boot\r\nkernel PA"),
        (uart, 11, "NIC: out of memory\r\n"),
        (console, 12, "kernel Panic: out of memory"),
        (console, 13, "all is well"),
        (events, 14, "{\"event\":\"board.fault\",\"text\":\"desk: panic\"}"),
        (bus, 15, "76w d0 | 76r 60"),
    ] {
        writer.text(lane, at_ms * 1_000_000, text.as_bytes()).unwrap();
    }
    writer.finish(20_000_000).unwrap();
    path
}

#[test]
fn a_text_is_found_in_consoles_events_uarts_and_buses() {
    let place = tempfile::tempdir().unwrap();
    let file = texts(place.path());
    let grep = |arguments: &[&str]| {
        let mut all = vec!["replay", text(&file), "--json", "--grep"];
        all.extend(arguments);
        drydock(&all)
    };
    let found = |arguments: &[&str]| -> Vec<(f64, String)> {
        let outcome = grep(arguments);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let events = outcome.events();
        let found = events.iter().map(|event| {
            assert_eq!(event["event"], "recorded", "{event}");
            let shown = event["entry"]["text"].as_str().unwrap();
            (
                event["time_s"].as_f64().unwrap(),
                format!("{} {shown}", event["lane"].as_str().unwrap()),
            )
        });
        found.collect()
    };
    let expected = [
        (
            0.010,
            "desk/uart0.tx boot\r\nkernel PANIC: out of memory\r\n".to_owned(),
        ),
        (0.012, "desk/console kernel Panic: out of memory".to_owned()),
        (0.014, "desk/events desk: panic".to_owned()),
    ];
    assert_eq!(found(&["panic"]), expected);
    assert_eq!(found(&["panic", "--lane", "console"]), expected[1..2]);
    assert_eq!(found(&["PANIC", "--from", "13ms"]), expected[2..]);
    // An event is found by its name, and a transfer by its bytes.
    assert_eq!(found(&["BOARD.FAULT"]), expected[2..]);
    assert_eq!(found(&["76R"])[0].1, "desk/i2c P0.26 P0.27 76w d0 | 76r 60");
    let nothing = grep(&["watchdog"]);
    assert_eq!(nothing.code, 3, "{nothing:?}");
    assert!(nothing.error().contains("has no \"watchdog\""), "{nothing:?}");
    let said = drydock(&["replay", text(&file), "--grep", "panic"]);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[1].ends_with("kernel PANIC: out of memory"), "{said:?}");
    assert!(lines[3].ends_with("desk: panic"), "{said:?}");
    assert_eq!(lines.len(), 4, "{said:?}");
    assert_eq!(grep(&[""]).code, 2);
}

#[test]
fn boards_that_run_are_recorded_and_recordings_are_listed() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let with_data = |arguments: &[&str]| {
        let mut all = vec!["--data", text(&data), "--json"];
        all.extend(arguments);
        drydock(&all)
    };
    let part = ["--part", "bme280,address=0x77"];
    assert_eq!(
        with_data(&[&["boards", "add", "nano33ble", "--name", "desk"], &part[..]].concat()).code,
        0
    );
    let outcome = with_data(&["record", "desk", "--for", "1s"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let ended = outcome.events().pop().unwrap();
    assert_eq!(
        (ended["event"].as_str(), ended["state"].as_str()),
        (Some("recording"), Some("stopped"))
    );
    let file = ended["file"].as_str().unwrap().to_owned();
    assert!(Path::new(&file).starts_with(data.join("recordings")), "{file}");
    // Who answers on its buses, for decoders.
    let about = entries(Path::new(&file), "desk/about").remove(0);
    let about: Value = serde_json::from_str(about["entry"]["text"].as_str().unwrap()).unwrap();
    let parts = about["i2c"].as_array().unwrap();
    let part = parts.iter().find(|part| part["part"] == "bme280").unwrap();
    assert_eq!(part["addresses"], serde_json::json!([0x77]));
    assert!(part["lane"].as_str().unwrap().starts_with("i2c P"), "{about}");
    let listed = with_data(&["recordings"]);
    let listed = listed.events();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        (listed[0]["file"].as_str(), &listed[0]["boards"][0]),
        (Some(file.as_str()), &Value::from("desk"))
    );
    assert!(listed[0]["seconds"].as_f64().unwrap() > 0.1, "{listed:?}");

    let nobody = with_data(&["record", "nobody", "--for", "1s"]);
    assert_eq!(nobody.code, 3);
    assert!(nobody.error().contains("nobody"), "{nobody:?}");
    let there = with_data(&["record", "desk", "--out", &file, "--for", "1s"]);
    assert_eq!(there.code, 3);
    assert!(there.error().contains("exists"), "{there:?}");
    let small = with_data(&["record", "desk", "--max-size", "1kB", "--for", "1s"]);
    assert_eq!(small.code, 2);
    assert!(small.error().contains("1 MB at least"), "{small:?}");
}

#[test]
fn what_is_no_recording_is_refused_and_a_damaged_one_is_shown_up_to_there() {
    let place = tempfile::tempdir().unwrap();
    let file = blinked(place.path(), "realtime");
    let bytes = std::fs::read(&file).unwrap();
    let out = place.path().join("out.csv");

    for (name, content) in [
        ("empty", b"".as_slice()),
        ("foreign", b"MZ is no recording of Drydock, but long enough"),
        ("head", &bytes[..12]),
    ] {
        let path = place.path().join(name);
        std::fs::write(&path, content).unwrap();
        for arguments in [
            vec!["replay", text(&path)],
            vec!["export", text(&path), "--out", text(&out)],
        ] {
            let arguments = [arguments, vec!["--json"]].concat();
            let outcome = drydock(&arguments);
            assert_eq!(outcome.code, 3, "{outcome:?}");
            assert!(outcome.error().contains(name), "{outcome:?}");
        }
    }
    let missing = drydock(&["replay", "missing.drydock-rec", "--json"]);
    assert_eq!(missing.code, 3);
    assert!(missing.error().contains("No such file"), "{missing:?}");

    let cut = place.path().join("cut.drydock-rec");
    std::fs::write(&cut, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let shown = drydock(&["replay", text(&cut), "--lane", "uart0.*", "--json"]);
    assert_eq!(shown.code, 3, "{shown:?}");
    assert!(
        shown.events().iter().any(|entry| entry["event"] == "recorded"),
        "what comes before the damage is shown: {shown:?}"
    );
    let lane = drydock(&["replay", text(&file), "--lane", "nothing", "--json"]);
    assert_eq!(lane.code, 3);
    assert!(lane.error().contains("no lane nothing"), "{lane:?}");
    let format = drydock(&["export", text(&file), "--out", "out.xyz", "--json"]);
    assert_eq!(format.code, 2);
    assert!(!Path::new("out.xyz").exists());
    let many = drydock(&["emulate", "--count", "2", "--record", text(&out), "--json"]);
    assert_eq!(many.code, 2, "{many:?}");
}

/// A program for the Nano that toggles P0.13 as fast as it can: vectors, then `movw`, `movt`, `str` to DIRSET, OUTSET and
/// OUTCLR, and a branch back.
fn toggler(place: &Path) -> PathBuf {
    let code: [u16; 13] = [
        0xf240, 0x0000, 0xf2c5, 0x0000, 0xf242, 0x0100, 0xf8c0, 0x1518, 0xf8c0, 0x1508, 0xf8c0, 0x150c, 0xe7fa,
    ];
    let start = 0x1_0000_u32;
    let mut image = 0x2000_1000_u32.to_le_bytes().to_vec();
    image.extend((start + 0x41).to_le_bytes());
    image.resize(0x40, 0);
    image.extend(code.iter().flat_map(|half| half.to_le_bytes()));
    let path = place.join("toggle.bin");
    std::fs::write(&path, image).unwrap();
    path
}

/// The system refuses to let the file grow, as a full disk does.
#[cfg(unix)]
#[test]
fn a_disk_that_takes_no_more_ends_the_recording_and_not_the_board() {
    let place = tempfile::tempdir().unwrap();
    let (file, program) = (place.path().join("full.drydock-rec"), toggler(place.path()));
    let mut limited = std::process::Command::new("bash");
    let drydock = command(&[
        "emulate",
        "--firmware",
        text(&program),
        "--for",
        "2s",
        "--json",
        "--record",
        text(&file),
    ]);
    // Files may have 4 MiB; a write beyond fails, instead of a signal.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""]);
    limited.arg(drydock.get_program()).args(drydock.get_args());
    for (name, value) in drydock.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let outcome = finish(limited);
    assert_eq!(outcome.code, 0, "the board goes on: {outcome:?}");
    let all = Recording::open(&file).unwrap();
    assert!(all.recorded_until_ns() > 0, "what was written before is there");
    let listed = outcome.events();
    let ended = listed.iter().find(|event| event["event"] == "recording.ended");
    let ended = ended.unwrap_or_else(|| panic!("the end is told: {outcome:?}"));
    assert_eq!(ended["state"], "failed");
    assert!(
        ended["reason"].as_str().unwrap().contains("cannot be written"),
        "{ended}"
    );
}

/// A machine that is faster than the disk, or a limit that is reached, never stops the board.
#[test]
fn a_recording_ends_at_its_size_and_is_whole() {
    let place = tempfile::tempdir().unwrap();
    let (data, program) = (place.path().join("data"), toggler(place.path()));
    let with_data = |arguments: &[&str]| drydock(&[&["--data", text(&data), "--json"], arguments].concat());
    let added = with_data(&[
        "boards",
        "add",
        "nano33ble",
        "--name",
        "fast",
        "--firmware",
        text(&program),
    ]);
    assert_eq!(added.code, 0, "{added:?}");
    let outcome = with_data(&["record", "fast", "--max-size", "5MB", "--for", "170s"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let ended = outcome.events().pop().unwrap();
    assert_eq!(ended["state"], "stopped");
    assert!(ended["reason"].as_str().unwrap().contains("5000000 bytes"), "{ended}");
    assert!(
        (5_000_000..40_000_000).contains(&ended["bytes"].as_u64().unwrap()),
        "{ended}"
    );
    let recording = Recording::open(Path::new(ended["file"].as_str().unwrap())).unwrap();
    assert_eq!(recording.damage(), None);
    recording.verify().unwrap();
}

/// What a reader has seen once is there after a kill, and the file opens.
#[cfg(unix)]
#[test]
fn a_recording_of_a_drydock_that_is_killed_has_what_was_there_before() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("killed.drydock-rec");
    let arguments = ["run", "blink", "--pace", "realtime", "--record", text(&file)];
    let mut child = command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    let seen = loop {
        assert!(begin.elapsed() < PATIENCE, "nothing is recorded");
        std::thread::sleep(Duration::from_millis(50));
        let Ok(recording) = Recording::open(&file) else {
            continue;
        };
        let edges = recording
            .lane_named("run-1/LED P0.13")
            .map_or(0, |lane| recording.count(lane));
        if edges >= 4 {
            break (edges, recording.recorded_until_ns());
        }
    };
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    let recording = Recording::open(&file).unwrap();
    let led = recording.lane_named("run-1/LED P0.13").unwrap();
    assert!(recording.count(led) >= seen.0 && recording.recorded_until_ns() >= seen.1);
    let said = drydock(&["replay", text(&file), "--lane", "LED*", "--json"]);
    let shown = said
        .events()
        .iter()
        .filter(|event| event["event"] == "recorded")
        .count();
    assert!(shown as u64 >= seen.0, "{said:?}");
}

/// Edges of the LED of `desk` in the segments that a gateway writes.
fn edges_in_segments(data: &Path) -> u64 {
    let files = std::fs::read_dir(data.join("recordings/recent")).into_iter().flatten();
    let recordings = files.flatten().filter_map(|file| Recording::open(&file.path()).ok());
    let edges = recordings.filter_map(|all| Some(all.count(all.lane_named("desk/LED P0.13")?)));
    edges.sum()
}

fn until_segments_have(data: &Path, edges: u64) {
    let begin = Instant::now();
    while edges_in_segments(data) < edges {
        assert!(begin.elapsed() < PATIENCE, "nothing is kept");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What just happened is there without having been asked for, also after a kill.
#[cfg(unix)]
#[test]
fn what_just_happened_is_kept_and_survives_a_kill() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let on = |arguments: &[&str]| drydock_in(&data, &[arguments, &["--json"]].concat());
    assert_eq!(on(&["boards", "add", "nano33ble", "--name", "desk"]).code, 0);
    assert!(
        !data.join("recordings").exists(),
        "a command that ends at once keeps nothing"
    );
    let gateway = Running::gateway(&data);
    assert_eq!(on(&["deploy", "blink", "--on", "desk"]).code, 0);
    until_segments_have(&data, 6);
    let out = place.path().join("kept.drydock-rec");
    let kept = on(&["record", "desk", "--last", "10m", "--out", text(&out)]);
    assert_eq!(kept.code, 0, "{kept:?}");
    let view = kept.events().remove(0);
    assert_eq!(
        (view["file"].as_str(), &view["boards"][0]),
        (Some(text(&out)), &Value::from("desk"))
    );
    let levels = |file: &Path| {
        let all = entries(file, "LED*");
        all.iter().filter(|entry| entry["entry"]["level"].is_boolean()).count()
    };
    assert!(levels(&out) >= 6);
    let said = drydock(&["replay", text(&out)]);
    assert!(said.stdout.contains("blink 1.0.0 is running."), "{said:?}");
    let listed = on(&["recordings"]).events();
    let row = listed.iter().find(|view| view["id"] == "recent").expect("a row");
    assert_eq!(
        (&row["state"], &row["boards"][0]),
        (&Value::from("recording"), &Value::from("desk"))
    );

    until_segments_have(&data, 12);
    let seen = edges_in_segments(&data);
    gateway.kill();
    let after = place.path().join("after.drydock-rec");
    let kept = on(&["record", "desk", "--last", "1h", "--out", text(&after)]);
    assert_eq!(kept.code, 0, "{kept:?}");
    // Where segments meet, the level that the second begins with is no edge.
    let segments = std::fs::read_dir(data.join("recordings/recent")).unwrap().count() as u64;
    assert!(levels(&after) as u64 + segments >= seen, "{} of {seen}", levels(&after));

    // The next owner goes on with it.
    let gateway = Running::gateway(&data);
    until_segments_have(&data, seen + 4);
    let later = place.path().join("later.drydock-rec");
    let kept = on(&["record", "desk", "--last", "1h", "--out", text(&later)]);
    assert_eq!(kept.code, 0, "{kept:?}");
    assert!(levels(&later) > levels(&after));
    let led = entries(&later, "LED*");
    let has_gap = led.iter().any(|entry| entry["entry"]["gap_until_s"].is_number());
    assert!(has_gap, "between the owners: {led:?}");

    for (arguments, code, word) in [
        (&["record", "nobody", "--last", "1m"][..], 3, "nobody"),
        (&["record", "desk", "other", "--last", "1m"], 2, "one board"),
        (&["record", "desk", "--last", "1m", "--out", text(&out)], 3, "exists"),
        (&["recordings", "--recent-size", "1MB"], 2, "4 MB at least"),
    ] {
        let refused = on(arguments);
        assert_eq!(refused.code, code, "{refused:?}");
        assert!(refused.error().contains(word), "{refused:?}");
    }
    let off = on(&["recordings", "--recent-size", "0"]);
    assert_eq!(off.code, 0, "{off:?}");
    assert_eq!(edges_in_segments(&data), 0);
    assert_eq!(gateway.end().0, 0);
}
