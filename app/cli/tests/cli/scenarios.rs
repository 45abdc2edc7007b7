//! Scenario files by the shipped program.

use crate::{
    driver::{Running, command, drydock, drydock_in, finish},
    own_firmware::{echo, file, hello},
};
use serde_json::Value;
use std::{fs, path::Path};
use tempfile::TempDir;

/// A Nano that answers each byte with its successor.
const ECHO: &str = r#"
[[board]]
name = "nano"
kind = "nano33ble"
firmware = "echo.bin"
[[step]]
wait = "1 ms"
[[step]]
send = "HAL"
"#;

fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    file(place.path(), "echo.bin", &echo());
    file(place.path(), "hello.bin", &hello(0x1_0000, 0));
    place
}

fn passing(place: &Path) -> String {
    let text = format!("{ECHO}[[step]]\nexpect = \"IBM\"\nwithin = \"1 ms\"\n");
    file(place, "passing.toml", text.as_bytes())
}

fn failing(place: &Path) -> String {
    let text = format!(
        "name = \"two seeds\"\n{ECHO}[[step]]\nexpect = \"ICM\"\nwithin = \"1 ms\"\n[matrix]\nseeds = [1, 2]\n"
    );
    file(place, "failing.toml", text.as_bytes())
}

#[test]
fn a_passing_scenario_ends_with_0_and_leaves_nothing() {
    let place = place();
    let scenario = passing(place.path());
    let keep = place.path().join("kept");
    let keep_text = keep.display().to_string();
    let run = drydock(&["test", &scenario, "--keep", &keep_text, "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let events = run.events();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["test.step", "test.step", "test.step", "test.passed", "test.finished"]
    );
    assert_eq!(events[2]["text"], "expect \"IBM\" on nano within 1 ms");
    assert_eq!(events[2]["line"], 10);
    assert_eq!(
        (&events[3]["name"], &events[3]["steps"]),
        (&"passing".into(), &3.into())
    );
    assert_eq!((&events[4]["passed"], &events[4]["failed"]), (&1.into(), &0.into()));
    assert!(!keep.exists());
    let shown = drydock(&["test", &scenario, "--steps"]);
    assert!(
        shown.stdout.contains("send \"HAL\" to nano\n") && shown.stdout.contains("passing: passed, 3 steps, 0.00"),
        "{shown:?}"
    );
    assert!(shown.stdout.ends_with("The test passed.\n"), "{shown:?}");
}

#[test]
fn two_runs_are_equal() {
    let place = place();
    let scenario = passing(place.path());
    let times =
        |events: Vec<Value>| -> Vec<Value> { events.iter().map(|event| event["virtual_time_s"].clone()).collect() };
    let first = times(drydock(&["test", &scenario, "--json"]).events());
    assert_eq!(first, times(drydock(&["test", &scenario, "--json"]).events()));
    assert!(first[3].as_f64().unwrap() > 0.001, "{first:?}");
}

#[test]
fn a_failing_scenario_says_what_happened_and_leaves_it() {
    let place = place();
    let (passing, failing) = (passing(place.path()), failing(place.path()));
    let keep = place.path().join("kept").display().to_string();
    let junit = place.path().join("results.xml").display().to_string();
    let run = drydock(&["test", &passing, &failing, "--keep", &keep, "--junit", &junit, "--json"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(run.error(), "2 of 3 tests failed.");
    let events = run.events();
    let failed: Vec<&Value> = events.iter().filter(|event| event["event"] == "test.failed").collect();
    assert_eq!(failed.len(), 2, "{run:?}");
    assert_eq!(failed[1]["name"], "two seeds [seed 2]");
    assert_eq!((&failed[0]["line"], &failed[0]["board"]), (&11.into(), &"nano".into()));
    assert_eq!(failed[0]["console"], serde_json::json!(["IBM"]));
    let text = failed[0]["text"].as_str().unwrap();
    assert_eq!(
        text,
        "nano at 0.002000 s: \"ICM\" did not come on its console within 1 ms."
    );

    let folder = Path::new(&keep).join("two-seeds-seed-2");
    assert_eq!(failed[1]["folder"], folder.display().to_string());
    let report = fs::read_to_string(folder.join("report.txt")).unwrap();
    assert!(
        report.contains("Line 11: expect \"ICM\"") && report.contains("    | IBM\n"),
        "{report}"
    );

    let xml = fs::read_to_string(&junit).unwrap();
    let xml = roxmltree::Document::parse(&xml).unwrap();
    let cases: Vec<_> = xml.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    let names: Vec<&str> = cases.iter().map(|case| case.attribute("name").unwrap()).collect();
    assert_eq!(names, ["passing", "two seeds [seed 1]", "two seeds [seed 2]"]);
    assert_eq!(cases[0].attribute("classname"), Some(passing.as_str()));
    assert!(cases[0].children().all(|node| !node.has_tag_name("failure")));
    let failure = cases[1].children().find(|node| node.has_tag_name("failure")).unwrap();
    assert_eq!(failure.attribute("message"), Some(text));
    assert!(
        failure.text().unwrap().contains("failing.toml:11: expect"),
        "{failure:?}"
    );
    assert_eq!(xml.root_element().attribute("failures"), Some("2"));
}

#[test]
fn for_people_a_failure_shows_the_console_and_a_folder_that_stays() {
    let place = place();
    let failing = failing(place.path());
    let mut command = command(&["test", &failing, "--seed", "9"]);
    command.env("TMPDIR", place.path());
    let run = finish(command);
    assert_eq!(run.code, 1, "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].ends_with("two seeds: failed"), "{run:?}");
    assert!(
        lines[1].ends_with("failing.toml:11: expect \"ICM\" on nano within 1 ms"),
        "{run:?}"
    );
    assert_eq!(lines[3], "  | IBM");
    let folder = lines[4]
        .strip_prefix("  The state of its boards and a report are in ")
        .unwrap();
    let folder = Path::new(folder.strip_suffix('.').unwrap());
    assert!(
        folder.starts_with(place.path()) && folder.join("nano.snap").is_file(),
        "{run:?}"
    );
    assert!(run.stderr.contains("1 of 1 tests failed."), "{run:?}");
}

#[test]
fn the_snapshot_of_a_failure_is_looked_into_as_its_report_says() {
    let place = place();
    let failing = failing(place.path());
    let keep = place.path().join("kept").display().to_string();
    assert_eq!(drydock(&["test", &failing, "--seed", "5", "--keep", &keep]).code, 1);
    let folder = Path::new(&keep).join("two-seeds");
    let report = fs::read_to_string(folder.join("report.txt")).unwrap();
    let commands: Vec<Vec<&str>> = report
        .lines()
        .filter_map(|line| line.trim().strip_prefix("drydock "))
        .map(|line| line.split(' ').collect())
        .collect();
    let [add, restore] = &commands[..] else {
        panic!("{report}");
    };
    let data = place.path().join("data");
    let owner = Running::gateway(&data);
    let added = drydock_in(&data, add);
    assert_eq!(added.code, 0, "{added:?}");
    let snapshot = folder.join(restore[2]).display().to_string();
    let restored = drydock_in(&data, &[restore[0], restore[1], &snapshot, "--json"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    let time = restored.events()[0]["machine"]["virtual_time_s"].as_f64().unwrap();
    assert!((0.002..1.0).contains(&time), "{restored:?}");
    drop(owner);
}

#[test]
fn wrong_files_are_refused_with_all_their_problems() {
    let place = place();
    let passing = passing(place.path());
    let wrong = file(
        place.path(),
        "wrong.toml",
        b"[[board]]\nkind = \"nano\"\nfirmware = \"echo.bin\"\n[[step]]\nexpect = \"x\"\nwithin = \"1 h\"\nextra = 1\n",
    );
    let no_firmware = file(
        place.path(),
        "no_firmware.toml",
        b"[[board]]\nkind = \"nano33ble\"\nfirmware = \"none.elf\"\n[[step]]\nwait = \"1 s\"\n",
    );
    let missing = place.path().join("missing.toml").display().to_string();
    let run = drydock(&["test", &passing, &wrong, &no_firmware, &missing, "--json"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(run.error(), "5 problems in 3 files; no test was run.");
    let problems: Vec<Value> = run
        .events()
        .into_iter()
        .filter(|event| event["event"] == "test.problem")
        .collect();
    let places: Vec<(&Value, &Value, &Value)> = problems
        .iter()
        .map(|problem| (&problem["file"], &problem["line"], &problem["column"]))
        .collect();
    let (wrong, no_firmware, missing) = (&Value::from(wrong), &Value::from(no_firmware), &Value::from(missing));
    assert_eq!(
        places,
        [
            (wrong, &2.into(), &8.into()),
            (wrong, &6.into(), &10.into()),
            (wrong, &7.into(), &1.into()),
            (no_firmware, &3.into(), &12.into()),
            (missing, &0.into(), &0.into()),
        ]
    );
    assert!(
        run.events().iter().all(|event| event["event"] != "test.passed"),
        "{run:?}"
    );
    let shown = drydock(&["test", wrong.as_str().unwrap()]);
    assert!(
        shown.stdout.contains("wrong.toml:6:10: `within`: `1 h` is no time"),
        "{shown:?}"
    );
    // What is no scenario at all, and what is no file.
    for bytes in [&b"\xff\xfe"[..], b"{\"json\": true}", b"*** Settings ***\n", &[0; 4096]] {
        let path = file(place.path(), "foreign.toml", bytes);
        let run = drydock(&["test", &path, "--json"]);
        assert_eq!(run.code, 3, "{run:?}");
    }
    let folder = place.path().display().to_string();
    assert_eq!(drydock(&["test", &folder]).code, 3);
    assert_eq!(drydock(&["test"]).code, 2);
}

#[test]
fn results_that_cannot_be_written_are_an_error() {
    let place = place();
    let scenario = passing(place.path());
    let junit = place.path().join("none/results.xml").display().to_string();
    let run = drydock(&["test", &scenario, "--junit", &junit, "--json"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.error().contains("results.xml cannot be written"), "{run:?}");
}

#[test]
fn ctrl_c_ends_a_test_and_is_no_failure() {
    let place = place();
    let long = format!("{ECHO}[[step]]\nexpect = \"never\"\nwithin = \"1400 min\"\n");
    let path = file(place.path(), "long.toml", long.as_bytes());
    let data = place.path().join("data");
    let run = Running::start(&data, &["test", &path]);
    run.wait_until(|event| event["event"] == "test.step" && event["line"] == 10);
    let (code, events) = run.end();
    assert_eq!(code, 130, "{events:?}");
    assert!(!data.exists(), "a test makes no data directory");
}
