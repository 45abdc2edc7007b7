//! Scenario files: what they do, and what is refused of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use drydock_test::{
    Cancel, Cause,
    scenario::{Loaded, Outcome, Run, Scenario},
};
use std::{fs, path::Path, time::Duration};
use tempfile::TempDir;

fn guest(hex: &str) -> Vec<u8> {
    let bytes = hex.split_ascii_whitespace();
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// A folder with small programs for the Nano.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for (name, hex) in [
        ("echo.bin", include_str!("../../emulator/tests/guests/echo.hex")),
        ("blink.bin", include_str!("../../emulator/tests/guests/blink.hex")),
        ("mirror.bin", include_str!("../../emulator/tests/guests/mirror.hex")),
        ("random.bin", include_str!("../../emulator/tests/guests/random.hex")),
    ] {
        fs::write(place.path().join(name), guest(hex)).unwrap();
    }
    place
}

fn load(place: &Path, text: &str) -> Loaded {
    let path = place.join("scenario.toml");
    fs::write(&path, text).unwrap();
    Scenario::load(&path).unwrap_or_else(|invalid| panic!("{invalid}"))
}

fn run_with(loaded: &Loaded, seed: u64, keep: Option<&Path>) -> Outcome {
    loaded.run(Run {
        seed,
        cancel: Cancel::default(),
        keep,
        progress: &mut |_| {},
    })
}

fn run(place: &Path, text: &str) -> Outcome {
    run_with(&load(place, text), 0, None)
}

#[track_caller]
fn passes(outcome: &Outcome) {
    assert_eq!(outcome.failure, None, "{outcome:?}");
}

const TWO: &str = r#"
[[board]]
name = "one"
kind = "nano33ble"
firmware = "echo.bin"

[[board]]
name = "two"
kind = "nano33ble"
firmware = "echo.bin"

[[wire]]
name = "link"
uart = ["one:0", "two:0"]
"#;

#[test]
fn a_board_is_talked_to() {
    let place = place();
    let outcome = run(
        place.path(),
        r#"
[[board]]
kind = "nano33ble"
firmware = "echo.bin"

[[step]]
wait = "1 ms"
[[step]]
send = "HAL"
[[step]]
expect = "IBM"
within = "1 ms"
[[step]]
send = "0"
to = "nano33ble:0"
[[step]]
matches = '\d'
on = "nano33ble:0"
within = "1 ms"
[[step]]
absent = "x"
during = "10 ms"
"#,
    );
    passes(&outcome);
    assert_eq!(outcome.steps, 6);
    assert!(outcome.virtual_time >= Duration::from_millis(11) && outcome.virtual_time < Duration::from_millis(14));
}

#[test]
fn a_wire_carries_bytes_both_ways() {
    let place = place();
    // One answers B, which Two answers with C, which One answers with D.
    let text = format!(
        "{TWO}
[[step]]
wait = \"1 ms\"
[[step]]
send = \"A\"
to = \"one\"
[[step]]
expect = \"C\"
on = \"two\"
within = \"2 ms\"
[[step]]
expect = \"D\"
on = \"one\"
within = \"2 ms\"
"
    );
    passes(&run(place.path(), &text));
    let cut = text.replace("[[wire]]\nname = \"link\"\nuart = [\"one:0\", \"two:0\"]\n", "");
    assert_eq!(
        run(place.path(), &cut).failure.unwrap().step.unwrap(),
        "expect \"C\" on two within 2 ms"
    );
}

#[test]
fn noise_on_a_wire_damages_what_it_carries() {
    let place = place();
    let text = format!(
        "{TWO}
[[step]]
wait = \"1 ms\"
[[step]]
noise = \"link\"
rate = \"100 %\"
[[step]]
send = \"A\"
to = \"one\"
[[step]]
expect = \"B\"
on = \"one\"
within = \"2 ms\"
[[step]]
absent = \"C\"
on = \"two\"
during = \"300 us\"
"
    );
    let loaded = load(place.path(), &text);
    for seed in 0..8 {
        passes(&run_with(&loaded, seed, None));
    }
}

#[test]
fn a_pin_drives_a_pin_and_buttons_are_pressed() {
    let place = place();
    let text = r#"
[[board]]
name = "light"
kind = "nano33ble"
firmware = "mirror.bin"

[[board]]
name = "clock"
kind = "nano33ble"
firmware = "blink.bin"

[[step]]
wait = "1 ms"
[[step]]
pin = "light:LED"
level = "on"
[[step]]
press = "light:D2"
[[step]]
pin = "light:LED"
level = "off"
within = "1 ms"
[[step]]
release = "light:D2"
[[step]]
pin = "light:LED"
level = "on"
within = "1 ms"
[[step]]
drive = "light:P1.11"
level = "low"
[[step]]
pin = "light:LED"
level = "low"
within = "1 ms"
"#;
    passes(&run(place.path(), text));
    let wired = text.split("[[step]]").next().unwrap().to_owned()
        + r#"
[[wire]]
pin = ["clock:LED", "light:D2"]
# The light is on until the wire drives its pin.
[[step]]
wait = "1 ms"
[[step]]
pin = "light:LED"
frequency = "5 Hz"
tolerance = "1 %"
over = "2 s"
"#;
    passes(&run(place.path(), &wired));
}

#[test]
fn a_power_cut_and_a_reset_start_the_program_again() {
    let place = place();
    // The LED is lit 100 ms after the start.
    let text = r#"
[[board]]
kind = "nano33ble"
firmware = "blink.bin"
[[step]]
wait = "150 ms"
[[step]]
pin = "LED"
level = "on"
[[step]]
power_cut = "nano33ble"
during = "900 ms"
[[step]]
wait = "950 ms"
[[step]]
pin = "LED"
level = "low"
[[step]]
wait = "100 ms"
[[step]]
pin = "LED"
level = "on"
[[step]]
reset = "nano33ble"
[[step]]
wait = "50 ms"
[[step]]
pin = "LED"
level = "off"
[[step]]
wait = "80 ms"
[[step]]
press = "RESET"
during = "1 ms"
[[step]]
wait = "50 ms"
[[step]]
pin = "LED"
level = "off"
"#;
    let outcome = run(place.path(), text);
    passes(&outcome);
    assert_eq!(
        outcome.virtual_time,
        Duration::from_millis(150 + 950 + 100 + 50 + 80 + 51)
    );
}

#[test]
fn a_failure_leaves_the_state_of_each_board_and_what_led_to_it() {
    let place = place();
    let loaded = load(
        place.path(),
        &format!(
            "{TWO}
[[step]]
wait = \"1 ms\"
[[step]]
send = \"A\"
to = \"one\"
[[step]]
expect = \"no such word\"
on = \"two\"
within = \"2 ms\"
"
        ),
    );
    let folder = place.path().join("kept");
    let failure = run_with(&loaded, 7, Some(&folder)).failure.unwrap();
    assert_eq!(failure.line, Some(21));
    assert!(matches!(failure.error.cause(), Cause::NotSeen { .. }));
    assert_eq!(failure.not_kept, None);
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["one.snap", "report.txt", "two.snap"]);
    let report = fs::read_to_string(folder.join("report.txt")).unwrap();
    for part in [
        "Line 21: expect \"no such word\" on two within 2 ms",
        "Seed of the run: 7",
        "line 18: send \"A\" to one",
        "two: Arduino Nano 33 BLE",
        "UART 0 ended with:\n    | CEGIK",
        "LED LED (P0.13): dark",
    ] {
        assert!(report.contains(part), "{part:?} is not in:\n{report}");
    }
    // A run that passes leaves nothing.
    let good = load(place.path(), &format!("{TWO}[[step]]\nwait = \"1 ms\"\n"));
    let folder = place.path().join("good");
    passes(&run_with(&good, 7, Some(&folder)));
    assert!(!folder.exists());
}

#[test]
fn a_cancelled_run_ends_at_once() {
    let place = place();
    let loaded = load(place.path(), &format!("{TWO}[[step]]\nwait = \"24 min\"\n"));
    let cancel = Cancel::default();
    cancel.cancel();
    let outcome = loaded.run(Run {
        seed: 0,
        cancel,
        keep: Some(place.path()),
        progress: &mut |_| {},
    });
    assert_eq!(outcome.failure.unwrap().error.cause(), &Cause::Cancelled);
    assert_eq!(outcome.virtual_time, Duration::ZERO);
}

/// The problems of a text as `line:column what`.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let invalid = Scenario::parse("s.toml", text).unwrap_err();
    let problems: Vec<String> = invalid
        .problems
        .iter()
        .map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.what))
        .collect();
    assert_eq!(problems, expected);
}

#[test]
fn all_problems_are_said_at_once_with_their_places() {
    refused(
        "",
        &["1:1 a scenario needs a [[board]]", "1:1 a scenario needs a [[step]]"],
    );
    refused(
        r#"nmae = "x"
[[board]]
name = "a b"
kind = "nano"
firmware = 3
speed = 9
[[board]]
kind = "nano33ble"
firmware = "x.elf"
address = -1
[[wire]]
uart = ["nano33ble:0", "nano33ble:9"]
[[wire]]
pin = ["nano33ble:LED"]
[[step]]
expect = "ready"
on = "nano33ble"
[[step]]
send = "x"
wait = "1 s"
[[step]]
[[step]]
matches = "("
on = "nano33ble:semihosting"
within = "5 parsecs"
[[step]]
pin = "nano33ble:LAMP"
level = "bright"
[[step]]
press = "nano33ble:B1"
[[step]]
noise = "air"
rate = "200 %"
[[step]]
exit = "elsewhere"
within = 5
[matrix]
seeds = [1, 1]
"#,
        &[
            "1:1 `nmae` is not known here: a scenario has `name`, [[board]], [[wire]], [[ether]], [[step]] and [matrix]",
            "3:8 a name has 1 to 32 letters, digits, - and _",
            "4:8 there is no kind of board nano; there are: nano33ble, hifive1-revb, stm32f4-discovery, esp32-c6, \
             uno-r4-minima",
            "5:12 `firmware` must be a text",
            "6:1 `speed` is not known in a [[board]]",
            "10:11 `address` must be a whole number from 0 to 4294967295",
            "12:24 nano33ble has no UART 9; it has 2",
            "14:7 `pin` must have two ends, such as [\"one:0\", \"other:1\"]",
            "15:1 `within` is missing",
            "20:1 a [[step]] does one thing: this one has `send` and `wait`",
            "21:1 a [[step]] needs one of expect, matches, absent, send, wait, pin, drive, press, release, power_cut, \
             reset, noise, set, part, play, load, save, fault, frame, inject, loss, exit",
            "23:11 `matches`: the expression cannot be read: unclosed group",
            "25:10 `within`: `5 parsecs` is no time; write for example \"200 ms\", \"1.5 s\" or \"2 min\"",
            "27:7 nano33ble: it has no pin LAMP; it has LED, PWR, R, G, B, RESET, D2, and the chip's, P0.00 to P1.15",
            "28:9 `level` must be high, low, floating, on or off",
            "30:9 nano33ble has no button of this name; it has RESET, D2",
            "32:9 there is no wire of this name; give the [[wire]] a `name`",
            "33:8 `rate`: `200 %` is no share from 0 to 100 %; write for example \"2 %\"",
            "35:8 there is no board elsewhere; there are: a b, nano33ble",
            "36:10 `within` must be a time in quotes, such as \"200 ms\"",
            "38:13 seed 1 is there twice",
        ],
    );
}

/// The blocks of the documentation that are scenarios.
#[test]
fn the_documentation_has_scenarios_that_are_right() {
    let page = include_str!("../../docs/testing-firmware.md");
    let blocks = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let scenarios: Vec<&str> = blocks.filter(|block| block.contains("[[board]]")).collect();
    assert_eq!(scenarios.len(), 5);
    for text in scenarios {
        if let Err(invalid) = Scenario::parse("docs/testing-firmware.md", text) {
            panic!("{invalid}\n{text}");
        }
    }
}

#[test]
fn broken_toml_and_hostile_sizes_are_refused() {
    refused("[[board]\nkind = \n", &["1:9 unclosed array table, expected `]`"]);
    let deep = "a = ".to_owned() + &"[".repeat(100_000);
    assert!(!Scenario::parse("s.toml", &deep).unwrap_err().problems.is_empty());
    let board = "[[board]]\nkind = \"nano33ble\"\nfirmware = \"x\"\n";
    let steps = board.to_owned() + &"[[step]]\nwait = \"1 ms\"\n".repeat(1_001);
    refused(&steps, &["2004:1 a scenario has at most 1000 [[step]]"]);
    let long = board.to_owned() + "[[step]]\nwait = \"1 ms\"\n#" + &"x".repeat(1 << 20);
    refused(&long, &["1:1 a scenario has at most 1048576 bytes"]);
    let many = (0..500).map(|number| format!("k{number} = 1\n")).collect::<String>();
    assert_eq!(Scenario::parse("s.toml", &many).unwrap_err().problems.len(), 100);
}

#[test]
fn a_firmware_file_that_does_not_fit_is_named_with_its_place() {
    let place = place();
    let path = place.path().join("s.toml");
    fs::write(
        &path,
        r#"
[[board]]
name = "one"
kind = "nano33ble"
firmware = "missing.elf"
[[board]]
name = "two"
kind = "stm32f4-discovery"
firmware = "echo.bin"
[[step]]
wait = "1 s"
"#,
    )
    .unwrap();
    let invalid = Scenario::load(&path).unwrap_err().to_string();
    let lines: Vec<&str> = invalid.lines().collect();
    assert_eq!(lines.len(), 2, "{invalid}");
    assert!(
        lines[0].contains("s.toml:5:12: ") && lines[0].contains("missing.elf cannot be read"),
        "{invalid}"
    );
    assert!(
        lines[1].contains("s.toml:9:12: ") && lines[1].contains("echo.bin is no firmware for this board"),
        "{invalid}"
    );
    let invalid = Scenario::load(&place.path().join("none.toml")).unwrap_err().to_string();
    assert!(invalid.contains("none.toml: cannot be read"), "{invalid}");
}
