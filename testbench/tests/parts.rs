//! Virtual parts on boards of a bench: in scenario files, and from Rust.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../emulator/tests/guests/building.rs"]
mod building;

use drydock_test::{
    Bench, Cancel, Cause, Expected, Kinds, PartChoice, PartFault, TestError,
    scenario::{Outcome, Run, Scenario},
};
use std::{fs, path::Path, time::Duration};
use tempfile::TempDir;

const ARM: &str = "thumbv7em-none-eabi";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn guest(hex: &str) -> Vec<u8> {
    let bytes = hex.split_ascii_whitespace();
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// Shows the level of P1.11, which it pulls up, on P0.13.
fn mirror() -> Vec<u8> {
    guest(include_str!("../../emulator/tests/guests/mirror.hex"))
}

fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("mirror.bin"), mirror()).unwrap();
    place
}

const MIRROR: &str = r#"
[[board]]
name = "nano"
kind = "nano33ble"
firmware = "mirror.bin"
[[board.part]]
kind = "button"
pin = "P1.11"
[[board.part]]
kind = "led"
name = "lamp"
pin = "P0.13"
"#;

fn run(place: &Path, text: &str, keep: Option<&Path>) -> Outcome {
    let path = place.join("scenario.toml");
    fs::write(&path, text).unwrap();
    let loaded = Scenario::load(&path).unwrap_or_else(|invalid| panic!("{invalid}"));
    loaded.run(Run {
        seed: 0,
        cancel: Cancel::default(),
        keep,
        progress: &mut |_| {},
    })
}

/// The problems of a text, as in `4:8 what`.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let invalid = Scenario::parse("s.toml", text).unwrap_err();
    let problems = invalid.problems.iter();
    let problems = problems.map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.what));
    assert_eq!(problems.collect::<Vec<_>>(), expected);
}

#[test]
fn a_memory_is_filled_and_saved_by_steps() {
    let place = place();
    fs::write(place.path().join("in.bin"), [1, 2, 3]).unwrap();
    fs::write(place.path().join("card.img"), vec![7; 1024]).unwrap();
    let parts = format!(
        "{MIRROR}\n[[board.part]]\nkind = \"24c02\"\n[[board.part]]\nkind = \"sd-card\"\nfile = \"card.img\"\n\
         [[board.part]]\nkind = \"gps\"\nuart = 1\n"
    );
    let steps = "[[step]]\nload = \"nano:24c02\"\nfrom = \"in.bin\"\n[[step]]\nwait = \"1 ms\"\n\
                 [[step]]\nsave = \"nano:24c02\"\nto = \"out.bin\"\n[[step]]\nsave = \"sd-card\"\nto = \"card.out\"\n";
    let outcome = run(place.path(), &format!("{parts}{steps}"), None);
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    let saved = fs::read(place.path().join("out.bin")).unwrap();
    assert_eq!((saved.len(), &saved[..4]), (256, &[1, 2, 3, 0xff][..]));
    assert_eq!(
        fs::read(place.path().join("card.out")).unwrap()[..1_025],
        [vec![7; 1024], vec![0xff]].concat()
    );

    // Everything that does not fit is said before it runs.
    fs::write(place.path().join("in.bin"), [0; 300]).unwrap();
    fs::write(place.path().join("card.img"), [0; 5]).unwrap();
    let steps = "[[step]]\nload = \"24c02\"\nfrom = \"in.bin\"\n[[step]]\nload = \"24c02\"\nfrom = \"none.bin\"\n\
                 [[step]]\nsave = \"lamp\"\nto = \"out.bin\"\n";
    let path = place.path().join("wrong.toml");
    fs::write(&path, format!("{parts}{steps}")).unwrap();
    let invalid = Scenario::load(&path).unwrap_err().to_string();
    for what in [
        "`card.img`: the file has 5 bytes, and a sd-card has whole blocks of 512",
        "the file has 300 bytes, and a 24c02 holds 256",
        "none.bin cannot be read",
        "lamp keeps no content",
    ] {
        assert!(invalid.contains(what), "{what}: {invalid}");
    }
}

#[test]
fn a_step_sets_a_value_and_another_one_waits_for_one() {
    let place = place();
    let text = format!(
        r#"{MIRROR}
[[step]]
part = "nano:lamp.brightness"
equals = 100
within = "50 ms"
[[step]]
set = "nano:button.pressed"
to = 1
[[step]]
part = "nano:lamp.brightness"
below = 60.5
above = 1
within = "20 ms"
[[step]]
part = "lamp.brightness"
equals = 0
within = "20 ms"
[[step]]
fault = "button"
how = "silent"
[[step]]
pin = "LED"
level = "on"
within = "1 ms"
[[step]]
fault = "button"
how = "mended"
[[step]]
pin = "LED"
level = "off"
within = "1 ms"
[[step]]
wait = "30 ms"
[[step]]
fault = "button"
how = "stuck"
[[step]]
set = "button.pressed"
to = 0
[[step]]
part = "button.pressed"
equals = 0
[[step]]
part = "lamp.brightness"
above = 0
within = "30 ms"
"#
    );
    let keep = place.path().join("left");
    let outcome = run(place.path(), &text, Some(&keep));
    let failure = outcome.failure.unwrap();
    assert_eq!(outcome.steps, 12, "{failure:?}");
    assert_eq!(
        failure.error.sentence(),
        format!(
            "nano at {:.6} s: lamp.brightness was not above 0 within 30 ms: it is 0.",
            outcome.virtual_time.as_secs_f64()
        )
    );
    let report = fs::read_to_string(keep.join("report.txt")).unwrap();
    for line in [
        "nano:button silent",
        "nano:button pressed set to 0",
        "part button (P1.11): pressed 0, active_low 1, stuck",
        "--part button,pin=P1.11 --part led,name=lamp,pin=P0.13 --seed",
    ] {
        assert!(report.contains(line), "{line:?} in {report}");
    }
}

#[test]
fn what_a_file_says_of_parts_is_checked_with_its_place() {
    let steps = r#"
[[step]]
set = "nano:lamp.brightness"
to = 5
[[step]]
set = "lamps.active_low"
to = 5
[[step]]
set = "lamp.active_low"
to = 5
[[step]]
set = "lamp"
to = 1
[[step]]
part = "lamp.colour"
equals = 1
[[step]]
part = "lamp.brightness"
within = "1 s"
[[step]]
part = "lamp.brightness"
above = 5
below = 5
[[step]]
part = "lamp.brightness"
above = "5"
[[step]]
fault = "lamp"
how = "sad"
[[step]]
fault = "radio"
how = "stuck"
"#;
    refused(
        &format!("{}{steps}", MIRROR.trim_start()),
        &[
            "14:1 nano: `brightness` is read from a led and cannot be set",
            "17:1 nano: there is no part lamps; there are: lsm9ds1, button, lamp",
            "20:1 nano: `active_low` is 5, outside 0 to 1",
            "23:7 `set` must be a part and its value, such as \"board:bme280.temperature\"",
            "26:1 nano: a led has no `colour`; it has: active_low, brightness",
            "28:1 a step with `part` needs `equals`, or `above` and `below`, or one of these",
            "31:1 no value is above `above` and below `below`",
            "37:9 `above` must be a number",
            "40:7 `how` must be stuck, silent or mended",
            "42:1 nano: there is no part radio; there are: lsm9ds1, button, lamp",
        ],
    );
    refused(
        "[[board]]\nkind = \"nano33ble\"\nfirmware = \"x\"\n[[board.part]]\nkind = \"led\"\n[[board.part]]\nkind = \
         \"bme280\"\naddress = 300\n[[board.part]]\nvalues = { heat = \"warm\" }\n[[step]]\nwait = \"1 s\"\n",
        &[
            "4:1 a led needs its pins; add pin=PIN",
            "8:11 `address` must be a number up to 0x7f",
            "9:1 `kind` is missing",
            "10:10 `values` must be numbers by name, such as { temperature = 20.5 }",
        ],
    );
}

/// A thermometer: its register is the temperature in °C.
const MODULE: &str = r#"(module
    (import "drydock" "i2c_address" (func $address (param i32)))
    (import "drydock" "property" (func $property (param i32 i32 i32 i32 i64 i64 i64 i32) (result i32)))
    (memory 1)
    (data (i32.const 0) "heat")
    (func (export "init")
        (call $address (i32.const 0x40))
        (drop (call $property (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0)
            (i64.const 0) (i64.const 9000000) (i64.const 1000000) (i32.const 0))))
    (func (export "power_on"))
    (func (export "i2c_start") (param i32 i32) (result i32) (i32.const 1))
    (func (export "i2c_write") (param i32) (result i32) (i32.const 1))
    (func (export "i2c_read") (result i32) (i32.const 0))
)"#;

#[test]
fn a_module_beside_the_scenario_is_a_part_and_its_steps_are_checked_too() {
    let place = place();
    fs::write(place.path().join("oven.wasm"), wat::parse_str(MODULE).unwrap()).unwrap();
    let text = |property: &str, module: &str| {
        format!(
            r#"
[[board]]
kind = "nano33ble"
firmware = "mirror.bin"
[[board.part]]
kind = "{module}"
[[step]]
set = "oven.{property}"
to = 7.5
[[step]]
part = "oven.{property}"
equals = 7.5
"#
        )
    };
    let outcome = run(place.path(), &text("heat", "oven.wasm"), None);
    assert_eq!((outcome.failure, outcome.steps), (None, 2));
    let path = place.path().join("wrong.toml");
    let wrong = |text: String| {
        fs::write(&path, text).unwrap();
        Scenario::load(&path).unwrap_err().to_string()
    };
    let said = wrong(text("cold", "oven.wasm"));
    assert!(
        said.contains("wrong.toml:8:1: a oven has no `cold`; it has: heat"),
        "{said}"
    );
    let said = wrong(text("heat", "none.wasm"));
    assert!(said.contains("wrong.toml:5:1: none.wasm cannot be read"), "{said}");
    // Modules that the program carries are kinds by name.
    let carried = wat::parse_str(MODULE).unwrap();
    let kinds = Kinds::default().with_modules([("oven", &carried[..])]);
    assert!(Scenario::parse_with("s.toml", &text("heat", "oven"), &kinds).is_ok());
}

#[test]
fn rust_tests_have_parts_too() -> Result<(), TestError> {
    let bench = Bench::new();
    let part = |text: &str| text.parse::<PartChoice>().unwrap();
    let board = bench
        .board("nano33ble")
        .part(part("button,pin=P1.11"))
        .part(part("led,pin=P0.13"))
        .firmware_bytes(mirror())?;
    let (button, led) = (board.part("button")?, board.part("led")?);
    led.expect("brightness", Expected::Equal(100.0), ms(50))?;
    button.set("pressed", 1.0)?;
    let dark = led.expect("brightness", Expected::Below(1.0), ms(50))?;
    assert!(dark > ms(20) && dark < ms(60), "{dark:?}");
    button.fail(PartFault::Silent)?;
    led.expect("brightness", Expected::Between(99.0, 101.0), ms(50))?;
    // Without power nothing is lit.
    board.power_cut(ms(10));
    assert_eq!(led.value("brightness")?, 0.0);
    button.mend()?;
    assert_eq!(button.value("pressed")?, 1.0, "the world is as it was");
    // The lamp's history ends 20 ms after the board has power again.
    bench.run(ms(40))?;
    let missing = led.expect("brightness", Expected::Above(1.0), ms(100)).unwrap_err();
    assert!(
        matches!(missing.cause(), Cause::PartValue { found, .. } if *found == 0.0),
        "{missing}"
    );
    for refused in [
        button.set("pressed", 2.0).unwrap_err(),
        button.value("colour").unwrap_err(),
        board.part("lamp").err().unwrap(),
    ] {
        assert!(matches!(refused.cause(), Cause::Part(_)), "{refused}");
    }
    Ok(())
}

#[test]
fn values_follow_a_file_over_the_boards_time() {
    let place = place();
    fs::write(
        place.path().join("presses.csv"),
        "time,button.pressed\n0,1\n0.5,0\n1,1\n",
    )
    .unwrap();
    let text = format!(
        r#"{MIRROR}
[[step]]
play = "presses.csv"
on = "nano"
[[step]]
pin = "LED"
level = "off"
within = "1 ms"
[[step]]
wait = "498 ms"
[[step]]
pin = "LED"
level = "off"
[[step]]
pin = "LED"
level = "on"
within = "3 ms"
[[step]]
pin = "LED"
level = "off"
within = "501 ms"
[[step]]
wait = "1 s"
[[step]]
part = "button.pressed"
equals = 1
"#
    );
    let outcome = run(place.path(), &text, None);
    assert_eq!((outcome.failure, outcome.steps), (None, 8));
    // A file that is wrong is told with its own places.
    fs::write(place.path().join("presses.csv"), "time,button.pressed\n0,2\n0,x\n").unwrap();
    let said = Scenario::load(&place.path().join("scenario.toml"))
        .unwrap_err()
        .to_string();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    let problem = "presses.csv:2:3: `pressed` is 2, outside 0 to 1";
    assert!(
        lines
            .iter()
            .any(|line| line.contains("scenario.toml:15:1: ") && line.ends_with(problem)),
        "{said}"
    );
}

/// Public drivers meet a sensor that does not answer, and one that sticks, in a scenario.
#[test]
fn a_program_with_public_drivers_meets_faulty_sensors() {
    if !building::is_installed(ARM) {
        return println!("drydock-skip: the compiler has no target {ARM}");
    }
    let program = building::build("emulator/tests/guests/stm32sensors", ARM, "guest-stm32sensors")
        .unwrap_or_else(|why| panic!("{why}"));
    let place = tempfile::tempdir().unwrap();
    let scenario = |fault: &str, expected: &str| {
        format!(
            r#"
[[board]]
kind = "stm32f4-discovery"
firmware = "{}"
[[board.part]]
kind = "bme280"
values = {{ temperature = -5, humidity = 61.8 }}
{fault}
[[step]]
set = "bme280.temperature"
to = 31.5
[[step]]
expect = "{expected}"
on = "stm32f4-discovery:1"
within = "300 ms"
"#,
            program.display()
        )
    };
    let broken = |how: &str| format!("[[step]]\nfault = \"bme280\"\nhow = \"{how}\"");
    for (fault, expected) in [
        (String::new(), "bme280 31.50 C"),
        (broken("stuck"), "bme280 -5.00 C"),
        (broken("silent"), "bme280: "),
    ] {
        let outcome = run(place.path(), &scenario(&fault, expected), None);
        assert_eq!(outcome.failure, None, "{fault}");
    }
}
