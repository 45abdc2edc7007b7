//! Files of users: what they give, and all that is wrong with one at once.

use super::*;
use crate::Pin;

const STATION: &str = r##"name = "weather-station"
title = "Weather station"
extends = "nano33ble"
remove = ["PWR", "lsm9ds1"]
analog = ["P0.04"]

[[led]]
name = "STATUS"
pin = "P0.23"
active = "high"
colour = "#00ff00"

[[led]]
name = "LED"
pin = "P0.27"
active = "low"
colour = "white"

[[button]]
name = "MODE"
pin = "P1.12"
active = "low"

[[i2c]]
name = "outdoor"
scl = "P0.27"
sda = "P0.21"

[[uart]]
name = "gps"
uart = 1
tx = "P1.01"

[[part]]
kind = "bme280"
name = "roof"
bus = "outdoor"
values = { temperature = -4.0 }

[[part]]
kind = "potentiometer"
"##;

fn parse(text: &str) -> Board {
    Board::parse_own("b.toml", text).unwrap_or_else(|invalid| panic!("{invalid}"))
}

#[track_caller]
fn check(text: &str, expected: &[(usize, &str)]) {
    let invalid = Board::parse_own("b.toml", text).expect_err("it is wrong");
    let problems: Vec<(usize, &str)> = invalid.problems.iter().map(|it| (it.line, it.what.as_str())).collect();
    assert_eq!(problems, expected);
}

#[track_caller]
fn check_changed(from: &str, to: &str, expected: &[(usize, &str)]) {
    assert!(STATION.contains(from), "the test replaces text that is not there");
    check(&STATION.replacen(from, to, 1), expected);
}

#[test]
fn a_board_has_what_it_extends_and_what_its_file_says() {
    let nano = crate::board("nano33ble").unwrap();
    let board = parse(STATION);
    assert_eq!(
        (board.name.as_str(), board.title.as_str()),
        ("weather-station", "Weather station")
    );
    assert_eq!(
        (board.extends.as_deref(), board.firmware_name()),
        (Some("nano33ble"), "nano33ble")
    );
    // What firmware relies on is untouched.
    assert_eq!(
        (&board.flash, board.link, board.boot, &board.chip, &board.app_pins),
        (&nano.flash, nano.link, nano.boot, &nano.chip, &nano.app_pins)
    );
    let leds: Vec<_> = board
        .leds
        .iter()
        .map(|led| (led.name.as_str(), led.pin, led.app_pin))
        .collect();
    assert_eq!(
        leds,
        [
            ("LED", Pin(27), Some(27)),
            ("R", Pin(24), Some(24)),
            ("G", Pin(16), Some(16)),
            ("B", Pin(6), Some(6)),
            ("STATUS", Pin(23), Some(23)),
        ]
    );
    let buttons: Vec<_> = board.buttons.iter().map(|button| button.name.as_str()).collect();
    assert_eq!(buttons, ["RESET", "D2", "MODE"]);
    let buses: Vec<_> = board.i2c.iter().map(|bus| bus.name.as_str()).collect();
    assert_eq!(buses, ["i2c", "internal", "outdoor"]);
    let parts: Vec<_> = board
        .parts
        .iter()
        .map(|part| (part.name.as_str(), part.connection.to_string()))
        .collect();
    assert_eq!(
        parts,
        [
            ("roof", "outdoor, address 0x76".to_owned()),
            ("potentiometer", "P0.04".to_owned())
        ]
    );
    assert_eq!(board.analog, [Pin(4)]);
    assert_eq!(
        (board.uarts[0].name.as_str(), board.uarts[0].tx, board.uarts[0].rx),
        ("gps", Some(Pin(33)), None)
    );
}

#[test]
fn a_replaced_bus_moves_its_parts() {
    let text =
        "name = \"moved\"\nextends = \"nano33ble\"\n[[i2c]]\nname = \"internal\"\nscl = \"P0.02\"\nsda = \"P0.31\"\n";
    let board = parse(text);
    assert_eq!(board.title, "moved (Arduino Nano 33 BLE)");
    let crate::Connection::I2c { bus, .. } = &board.parts[0].connection else {
        panic!("the sensor has left its bus");
    };
    assert_eq!((bus.scl, bus.needs.len()), (Pin(2), 0));
    assert_eq!(board.i2c[1], *bus, "it is at the place of the one that it replaces");
}

#[test]
fn a_number_that_the_firmware_has_for_another_pin_is_not_an_leds() {
    let led = |pin: &str| {
        let section = format!("[[led]]\nname = \"X\"\npin = \"{pin}\"\nactive = \"high\"\ncolour = \"red\"\n");
        let board = parse(&format!("name = \"x\"\nextends = \"stm32f4-discovery\"\n{section}"));
        board.leds.last().unwrap().app_pin
    };
    // Apps' 12 is LD4 on PD12, and PA8 is 8.
    assert_eq!((led("P0.12"), led("P3.12"), led("P0.08")), (None, Some(12), Some(8)));
}

#[test]
fn a_board_may_be_a_chip_alone() {
    for chip in crate::chips() {
        let board = parse(&format!("name = \"mine\"\nchip = \"{}\"\n", chip.name));
        assert_eq!(board.title, format!("mine ({})", chip.title));
        let boot = chip.boot.unwrap_or(chip.flash.base);
        assert_eq!((board.boot, board.start_code()), (boot, None));
        let program = board.flash_area("firmware").expect("it has room for a program");
        assert_eq!(
            (program.base, program.base + program.bytes),
            (boot, chip.flash.base + chip.flash.bytes)
        );
        assert_eq!(board.flash[0].base, chip.flash.base);
        let limit = board.limit.expect("it says what it cannot do");
        assert!(!limit.enrolls && !limit.apps);
        assert_eq!((board.extends, board.link.uart), (None, 0));
    }
    let board = parse("name = \"mine\"\nchip = \"stm32f407\"\n[[uart]]\nname = \"debug\"\nuart = 3\n");
    assert_eq!(board.link.uart, 3, "the first UART with a name is the terminal");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let shipped = "`hifive1-revb` is a board that ships with Drydock; choose another name";
    check_changed("name = \"weather-station\"", "name = \"hifive1-revb\"", &[(1, shipped)]);
    let characters =
        "`Wetter/Station` is no name of a board; it has 1 to 32 small letters, digits and hyphens, and no hyphen first";
    check_changed(
        "name = \"weather-station\"",
        "name = \"Wetter/Station\"",
        &[(1, characters)],
    );
    let boards = "nano33ble, hifive1-revb, stm32f4-discovery, esp32-c6, uno-r4-minima";
    check_changed(
        "extends = \"nano33ble\"",
        "extends = \"nano\"",
        &[(3, &format!("there is no board `nano` to extend; there are: {boards}"))],
    );
    check_changed(
        "\"PWR\"",
        "\"PWM\"",
        &[(4, "`nano33ble` has no LED, button, bus or part `PWM`")],
    );
    check_changed("\"P0.23\"", "\"P2.23\"", &[(9, "nRF52840 has no pin `P2.23`")]);
    check_changed(
        "\"#00ff00\"",
        "\"url(x)\"",
        &[(11, "`url(x)` is no colour; write a CSS name such as green, or #rrggbb")],
    );
    check_changed("uart = 1", "uart = 2", &[(31, "nRF52840 has no UART 2")]);
    check_changed(
        "\"roof\"\nbus = \"outdoor\"",
        "\"roof\"\nbus = \"indoor\"",
        &[(34, "there is no I²C bus `indoor`; there are: i2c, internal, outdoor")],
    );
    check_changed("[[button]]", "[[knob]]", &[(19, "`knob` is not known here")]);
    check_changed(
        "name = \"gps\"",
        "name = \"0\"",
        &[(
            30,
            "`0` is no name of a UART; it has small letters, digits and hyphens, is no number, and does not begin as usb, rtt, itm \
         and semihosting do",
        )],
    );
    check_changed(
        "[\"PWR\", \"lsm9ds1\"]",
        "[\"internal\"]",
        &[(
            4,
            "the part `lsm9ds1` has lost its bus or pin; remove it too, or replace it",
        )],
    );
}

#[test]
fn a_file_cannot_change_what_the_firmware_relies_on() {
    let text = "name = \"x\"\nextends = \"nano33ble\"\nboot = 0\n[link]\nuart = 1\n[[flash]]\nname = \"firmware\"\n[apps]\npins = [1]\n[connector]\n";
    let what = |key: &str| format!("`{key}` is that of `nano33ble`, whose firmware the board runs");
    check(
        text,
        &[
            (3, &what("boot")),
            (4, &what("link")),
            (6, &what("flash")),
            (8, &what("apps")),
            (
                10,
                "`connector` is for boards on a cable; a board of your own is emulated",
            ),
        ],
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = "name = \"-\"\nchip = \"nrf53\"\ntitle = \"\"\nsurplus = 1\n[[led]]\nname = \"A\"\n";
    check(
        text,
        &[
            (
                1,
                "`-` is no name of a board; it has 1 to 32 small letters, digits and hyphens, and no hyphen first",
            ),
            (
                2,
                "there is no chip `nrf53`; there are: nrf52840, fe310-g002, stm32f407, esp32-c6, ra4m1",
            ),
            (3, "`title` must have 1 to 64 printable characters"),
            (4, "`surplus` is not known here"),
            (5, "missing field `pin`"),
        ],
    );
    check(
        "extends = \"nano33ble\"\nchip = \"nrf52840\"\n",
        &[
            (1, "`name` is missing"),
            (2, "the chip is that of the board that is extended; leave `chip` out"),
        ],
    );
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| {
        Board::read_own(&folder.path().join(name), &PartSource::default())
            .unwrap_err()
            .problems
            .remove(0)
    };
    assert!(read("none.toml").what.starts_with("cannot be read"));
    std::fs::write(
        folder.path().join("long.toml"),
        vec![b'#'; MAX_BOARD_FILE_BYTES as usize + 1],
    )
    .unwrap();
    assert!(read("long.toml").what.starts_with("is longer than 65536 bytes"));
    std::fs::write(folder.path().join("bytes.toml"), [0xff]).unwrap();
    assert_eq!(read("bytes.toml").what, "is no text in UTF-8");
}

#[test]
fn a_folder_has_a_board_in_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    assert_eq!(
        read_board_folder(&folder.path().join("none"), &PartSource::default())
            .unwrap()
            .len(),
        0
    );
    file("b.toml", "name = \"one\"\nchip = \"nrf52840\"\n");
    file("a.toml", "name = \"two\"\nchip = \"nrf52840\"\nsurplus = 1\n");
    file("c.toml", "name = \"one\"\nchip = \"ra4m1\"\n");
    file(".b.toml", "name = \"three\"\nchip = \"ra4m1\"\n");
    file("notes.txt", "");
    std::fs::create_dir(folder.path().join("b-123456.toml")).unwrap();
    let files = read_board_folder(folder.path(), &PartSource::default()).unwrap();
    let names: Vec<String> = files.iter().map(BoardFile::name).collect();
    assert_eq!(names, ["a", "one", "c"]);
    let texts: Vec<String> = files
        .iter()
        .filter_map(|file| file.board.as_ref().err())
        .map(ToString::to_string)
        .collect();
    let place = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(
        texts,
        [
            format!("{}:3: `surplus` is not known here", place("a.toml")),
            format!("{}: describes `one`, as {} does", place("c.toml"), place("b.toml")),
        ]
    );
}

/// A module here is a text: the name of its property.
fn module(path: &Path) -> Result<crate::PartKind, String> {
    let text = std::fs::read_to_string(path).map_err(|_| "cannot be read".to_owned())?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let property = format!("[[property]]\nname = \"{text}\"\nmin = 0\nmax = 1\nstart = 0\n");
    let kind = format!("name = \"{name}\"\ntitle = \"A module\"\n[i2c]\naddresses = [0x40, 0x41]\n{property}");
    Ok(crate::PartKind::parse("part.toml", &kind).unwrap())
}

#[test]
fn modules_are_parts_by_paths_relative_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir_all(folder.path().join("parts/more")).unwrap();
    file("parts/smoke.wasm", "density");
    file("parts/more/smoke.wasm", "other");
    file("bme280.wasm", "density");
    let source = PartSource {
        module: &module,
        ..PartSource::default()
    };
    let part = |kind: &str, more: &str| format!("[[part]]\nkind = \"{kind}\"\n{more}\n");
    let head = "name = \"mine\"\nextends = \"nano33ble\"\n";
    let two = [
        part("parts/smoke.wasm", "values = { density = 0.5 }"),
        part("parts/smoke.wasm", "name = \"out\""),
    ];
    file("b.toml", &format!("{head}{}", two.concat()));
    let board = Board::read_own(&folder.path().join("b.toml"), &source).unwrap();
    let parts = board
        .parts
        .iter()
        .skip(1)
        .map(|part| (part.name.as_str(), part.place()));
    let parts: Vec<_> = parts.collect();
    let places = ["i2c, address 0x40", "i2c, address 0x41"].map(str::to_owned);
    assert_eq!(parts, [("smoke", places[0].clone()), ("out", places[1].clone())]);

    let wrong = [
        part("parts/smoke.wasm", "values = { smell = 1.0 }"),
        part("none.wasm", ""),
        part("parts/more/smoke.wasm", ""),
        part("bme280.wasm", ""),
    ];
    file("b.toml", &format!("{head}{}", wrong.concat()));
    let invalid = Board::read_own(&folder.path().join("b.toml"), &source).unwrap_err();
    let problems: Vec<(usize, &str)> = invalid.problems.iter().map(|it| (it.line, it.what.as_str())).collect();
    assert_eq!(
        problems,
        [
            (3, "a smoke has no `smell`; it has: density"),
            (6, "`none.wasm` cannot be read"),
            (
                9,
                "`parts/more/smoke.wasm` and `parts/smoke.wasm` are two kinds with one name; rename one of the files"
            ),
            (
                12,
                "`bme280.wasm` has the name of a kind that ships with Drydock; rename the file"
            ),
        ]
    );
    let files = read_board_folder(folder.path(), &source).unwrap();
    let named = ["bme280.wasm", "none.wasm", "parts/more/smoke.wasm", "parts/smoke.wasm"];
    assert_eq!(files[0].modules, named.map(std::path::PathBuf::from));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// An LED of a file: its name, pin, level and colour.
    fn leds() -> impl Strategy<Value = Vec<(String, u16, bool)>> {
        let led = ("[A-Z][A-Z0-9]{0,7}", 0_u16..48, any::<bool>());
        prop::collection::vec(led, 0..8).prop_filter("names are different", |leds| {
            let names: std::collections::BTreeSet<&String> = leds.iter().map(|(name, ..)| name).collect();
            names.len() == leds.len()
        })
    }

    proptest! {
        /// A board has the LEDs of its file, each once, and what it extends apart from those that have the same name.
        #[test]
        fn leds_of_the_file_replace_and_add(leds in leds()) {
            let nano = crate::board("nano33ble").unwrap();
            let mut text = "name = \"x\"\nextends = \"nano33ble\"\n".to_owned();
            for (name, pin, high) in &leds {
                let level = if *high { "high" } else { "low" };
                text += &format!("[[led]]\nname = \"{name}\"\npin = \"{}\"\nactive = \"{level}\"\ncolour = \"red\"\n", Pin(*pin));
            }
            let board = Board::parse_own("b.toml", &text).unwrap();
            for (name, pin, high) in &leds {
                let its: Vec<&Led> = board.leds.iter().filter(|led| led.name == *name).collect();
                prop_assert_eq!(its.len(), 1);
                prop_assert_eq!((its[0].pin, its[0].active.is(true)), (Pin(*pin), *high));
                prop_assert!(its[0].app_pin.is_none_or(|number| nano.app_pins.contains(&number)));
            }
            let named = |led: &&Led| leds.iter().any(|(name, ..)| *name == led.name);
            let kept = nano.leds.iter().filter(|led| !named(led));
            prop_assert!(kept.clone().all(|led| board.leds.contains(led)));
            prop_assert_eq!(board.leds.len(), leds.len() + kept.count());
            prop_assert_eq!((board.boot, board.link, &board.flash), (nano.boot, nano.link, &nano.flash));
        }

        /// Whatever text takes the place of a part of a good file: each problem is at a line of the file.
        #[test]
        fn problems_are_at_lines_of_the_file(at in 0_usize..1000, length in 0_usize..40, damage in "[ -~\n]{0,40}") {
            let mut text = STATION.to_owned();
            let (at, end) = (at.min(text.len()), (at + length).min(text.len()));
            text.replace_range(at..end.max(at), &damage);
            if let Err(invalid) = Board::parse_own("b.toml", &text) {
                let lines = 1 + text.matches('\n').count();
                prop_assert!(!invalid.problems.is_empty());
                for problem in &invalid.problems {
                    prop_assert!((1..=lines).contains(&problem.line), "{:?}", problem);
                    prop_assert!(!problem.what.is_empty());
                }
            }
        }
    }
}
