//! Suites of embedded-test under `cargo test`, with the shipped program as cargo's runner.

#[path = "../../../../emulator/tests/guests/building.rs"]
#[allow(dead_code, reason = "this suite is built by `cargo test`")]
mod building;

use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const TARGET: &str = "thumbv7em-none-eabi";

struct Suite {
    output: PathBuf,
}

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Suite {
    fn new() -> Option<Self> {
        if !building::is_installed(TARGET) {
            eprintln!("drydock-skip: Rust's target {TARGET} is not installed");
            return None;
        }
        let test = std::env::current_exe().unwrap();
        let output = test.ancestors().nth(3).unwrap().join("tmp/guests");
        Some(Self { output })
    }

    /// `cargo test -- ARGUMENTS` in the folder of the suite.
    fn test(&self, options: &str, arguments: &[&str]) -> Ran {
        self.test_on("nano33ble", options, arguments)
    }

    fn test_on(&self, board: &str, options: &str, arguments: &[&str]) -> Ran {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbench/tests/guest");
        let program = env!("CARGO_BIN_EXE_drydock");
        let runner = format!("{program} emulate --board {board} --until exit {options} --firmware");
        let done = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(folder)
            .args([
                "test",
                "--release",
                "--locked",
                "--quiet",
                "--test",
                "suite",
                "--target-dir",
            ])
            .arg(&self.output)
            .arg("--")
            .args(arguments)
            .env("CARGO_TARGET_THUMBV7EM_NONE_EABI_RUNNER", runner)
            // Flags for the host program do not concern the guest.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .unwrap();
        Ran {
            code: done.status.code(),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }
}

impl Ran {
    fn must_say(&self, text: &str) -> &Self {
        assert!(
            self.stdout.contains(text),
            "no {text:?} in\n{}\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

#[test]
fn a_suite_passes_each_test_on_a_board_of_its_own() {
    let Some(suite) = Suite::new() else { return };
    let ran = suite.test("", &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    ran.must_say("3 passed; 0 failed; 5 ignored");
    // Two tests of the name that is asked for, and their defmt lines.
    let ran = suite.test("", &["adds", "--nocapture"]);
    ran.must_say("INFO  init 0\nINFO  adds to 40\n")
        .must_say("1 passed; 0 failed");
}

#[test]
fn a_test_that_fails_says_how_and_where() {
    let Some(suite) = Suite::new() else { return };
    let ran = suite.test("", &["--include-ignored"]);
    assert_eq!(ran.code, Some(101), "{}{}", ran.stdout, ran.stderr);
    ran.must_say("3 passed; 5 failed; 0 ignored")
        .must_say("ERROR panicked at tests/suite.rs:")
        .must_say("it panicked or returned an error (code 134).")
        .must_say("suite::arithmetic::fails_by_a_panic (tests/suite.rs:")
        .must_say("arithmetic::never_ends after 1.000000 s of its time: it did not end within 1 s of the board's time.")
        .must_say("the program failed: HardFault: ")
        .must_say("takes_a_fault (tests/suite.rs:")
        .must_say("it did not panic, though it should.");
    // The reset handler is in assembly: its name is the symbol's, not that of a function that the linker dropped.
    assert!(!ran.stdout.contains("compiler_builtins"), "{}", ran.stdout);
}

#[test]
fn scripts_read_a_suite_as_json() {
    let Some(suite) = Suite::new() else { return };
    let ran = suite.test("--json", &["--exact", "arithmetic::starts_from_power_on"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.last().unwrap()["passed"], 1, "{lines:?}");
    // A suite takes no options of other programs.
    let ran = suite.test("--watch", &[]);
    assert!(ran.stderr.contains("takes no --watch"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_suite_for_another_chip_or_board_is_refused_in_one_sentence() {
    let Some(suite) = Suite::new() else { return };
    let ran = suite.test("", &["--list"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for (board, sentence) in [
        (
            "hifive1-revb",
            "is no firmware for this board: The ELF file is for an Arm processor",
        ),
        ("nano34", "There is no kind of board nano34; there are: nano33ble"),
    ] {
        let ran = suite.test_on(board, "", &[]);
        let errors: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors[0].contains(sentence), "{}", ran.stderr);
        assert!(errors[0].matches("deps/suite").count() <= 1, "{}", ran.stderr);
    }
}
