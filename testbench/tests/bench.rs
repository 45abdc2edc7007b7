//! Boards of every kind on a bench, from Rust.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../emulator/tests/guests/hello.rs"]
mod hello;

use drydock_test::{Bench, Cause, Level, Pattern, Stop};
use hello::hello;
use std::time::Duration;

/// A program of the emulator's tests, which has no addresses.
fn guest(hex: &str) -> Vec<u8> {
    let bytes = hex.split_ascii_whitespace();
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// Answers each byte of the Nano's UART with its successor.
fn echo() -> Vec<u8> {
    guest(include_str!("../../emulator/tests/guests/echo.hex"))
}

/// Toggles the Nano's LED every 100 ms.
fn blink() -> Vec<u8> {
    guest(include_str!("../../emulator/tests/guests/blink.hex"))
}

/// Says hello by semihosting and ends with a code, for a RISC-V board; it needs no address.
fn riscv_hello(code: u32) -> Vec<u8> {
    let semihosting = [0x01f0_1013, 0x0010_0073, 0x4070_5013]; // slli x0, x0, 31; ebreak; srai x0, x0, 7
    let load = |from: u32, to: u32| [0x597, ((to - from) << 20) | 0x5_8593]; // auipc a1, 0; addi a1, a1, to - from
    let a0 = |value: u32| (value << 20) | 0x513; // li a0, value
    let (block, text) = (52, 60);
    let mut words: Vec<u32> = load(0, text).into();
    words.push(a0(4));
    words.extend(semihosting);
    words.extend(load(24, block));
    words.push(a0(0x20));
    words.extend(semihosting);
    words.push(0x6f); // j .
    words.extend([0x20026, code]);
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend(b"hello by semihosting\n\0");
    bytes
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_uart_answers_at_the_line_rate() {
    let bench = Bench::new();
    let nano = bench.board("nano33ble").firmware_bytes(echo()).unwrap();
    bench.run(ms(1)).unwrap();
    nano.console().send("HAL").unwrap();
    let answer = nano.uart(0).expect("IBM", ms(5)).unwrap();
    // Six bytes of ten bits at 1 Mbaud, at least.
    assert!(
        answer.at > ms(1) + Duration::from_micros(40) && answer.at < ms(2),
        "{answer:?}"
    );
    let late = nano.console().expect("IBM", ms(5)).unwrap_err();
    assert_eq!(
        late.cause(),
        &Cause::NotSeen {
            pattern: "\"IBM\"".into(),
            port: "its console".into(),
            within: ms(5),
            stop: None
        }
    );
    assert_eq!(late.console(), ["IBM"]);
    assert!(
        late.to_string().starts_with("nano33ble at 0.00") && late.to_string().ends_with("| IBM"),
        "{late}"
    );
}

#[test]
fn an_led_has_its_frequency_and_its_levels() {
    let bench = Bench::new();
    let nano = bench.board("nano33ble").firmware_bytes(blink()).unwrap();
    let led = nano.pin("LED").unwrap();
    let on = led.expect(Level::On, ms(150)).unwrap();
    let off = led.expect(Level::Off, ms(150)).unwrap();
    // 3,277 ticks of 32,768 Hz.
    let period = (off - on).as_secs_f64();
    assert!((period - 3_277.0 / 32_768.0).abs() < 1e-6, "{period}");
    led.expect_frequency(5.0, 0.02, Duration::from_secs(2)).unwrap();
    let wrong = led.expect_frequency(5.2, 0.02, Duration::from_secs(2)).unwrap_err();
    assert!(
        matches!(wrong.cause(), Cause::Frequency { found_hz: Some(hz), .. } if (hz - 4.9997).abs() < 1e-3),
        "{wrong}"
    );
    let none = nano.pin("R").unwrap().expect_frequency(1.0, 0.5, ms(500)).unwrap_err();
    assert!(none.to_string().contains("no two rising edges"), "{none}");
}

#[test]
fn time_ends_where_it_is_said_to_end() {
    let bench = Bench::new();
    let nano = bench.board("nano33ble").firmware_bytes(blink()).unwrap();
    bench.run(Duration::from_micros(1_234)).unwrap();
    assert_eq!(bench.now(), Duration::from_micros(1_234));
    // The LED is lit after 100 ms and 6 us, or a little later.
    let led = nano.pin("LED").unwrap();
    led.expect(Level::On, Duration::from_micros(98_766)).unwrap_err();
    assert_eq!(bench.now(), ms(100));
    led.expect(Level::On, ms(1)).unwrap();
}

#[test]
fn a_program_ends_with_its_code() {
    for (kind, program) in [
        ("nano33ble", hello(0x1_0000, 7)),
        ("stm32f4-discovery", hello(0x801_0000, 7)),
        ("uno-r4-minima", hello(0x4000, 7)),
        ("hifive1-revb", riscv_hello(7)),
    ] {
        let bench = Bench::new();
        let board = bench.board(kind).firmware_bytes(program).unwrap();
        board.expect_exit(7, ms(10)).unwrap();
        board.semihosting().expect("hello by semihosting", ms(0)).unwrap();
        assert_eq!(board.stop(), Some(Stop::Exit(7)));
        let other = board.expect_exit(0, ms(10)).unwrap_err();
        assert!(other.to_string().contains("the program ended with 7"), "{other}");
        // It does not wait for what cannot come.
        let before = bench.now();
        board.console().expect("more", Duration::from_secs(3600)).unwrap_err();
        assert_eq!(bench.now(), before);
        board.reset();
        board.expect_exit(7, ms(10)).unwrap();
    }
}

#[test]
fn two_runs_with_one_seed_are_equal_and_with_another_are_not() {
    let random = guest(include_str!("../../emulator/tests/guests/random.hex"));
    let said = |seed| {
        let bench = Bench::with_seed(seed);
        let nano = bench.board("nano33ble").firmware_bytes(random.clone()).unwrap();
        bench.run(ms(100)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        bench.keep(folder.path(), "why").unwrap();
        assert_eq!(nano.stop(), None);
        std::fs::read(folder.path().join("nano33ble.snap")).unwrap()
    };
    assert!(said(1) == said(1), "two equal runs differ");
    assert!(said(1) != said(2), "the seed has no effect");
}

#[test]
fn every_kind_of_board_boots_drydocks_firmware_as_a_file() {
    for kind in drydock_assets::boards().iter().map(|board| &board.name) {
        let firmware = match drydock_embedded::firmware(kind) {
            Ok(firmware) => firmware,
            Err(missing) => {
                println!("drydock-skip: {missing}");
                return;
            }
        };
        let bench = Bench::new();
        let board = bench.board(kind).firmware_bytes(firmware.elf.to_vec()).unwrap();
        // Its link speaks first.
        let anything = Pattern::expression("(?s-u).").unwrap();
        let first = board.console().expect(anything, Duration::from_secs(5));
        first.unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[test]
fn what_is_not_there_is_an_error_that_says_what_is() {
    let bench = Bench::new();
    let cause = |error: drydock_test::TestError| error.cause().to_string();
    let none = bench.board("nano").firmware_bytes(echo()).err().unwrap();
    assert!(cause(none).starts_with("there is no kind of board nano; there are: nano33ble, "));
    let none = bench.board("nano33ble").firmware("missing.elf").err().unwrap();
    assert!(
        none.to_string()
            .starts_with("nano33ble at 0.000000 s: missing.elf cannot be read: "),
        "{none}"
    );
    let none = bench.board("stm32f4-discovery").firmware_bytes(echo()).err().unwrap();
    assert!(cause(none).starts_with("the program is no firmware for this board: "));
    let nano = bench.board("nano33ble").firmware_bytes(echo()).unwrap();
    let none = bench.board("nano33ble").firmware_bytes(echo()).err().unwrap();
    assert_eq!(cause(none), "there are two boards nano33ble");
    let none = nano.uart(9).expect("x", ms(1)).unwrap_err();
    assert_eq!(none.cause(), &Cause::NoUart { index: 9, uarts: 2 });
    let none = nano.pin("LAMP").err().unwrap();
    assert!(cause(none).starts_with("it has no pin LAMP; it has LED, "));
    let none = nano.press("B1").unwrap_err();
    assert_eq!(cause(none), "it has no button B1; it has RESET, D2");
    let none = nano.semihosting().send("x").unwrap_err();
    assert_eq!(cause(none), "semihosting takes no input");
    let full = nano.uart(1).send(vec![0; 65_537]).unwrap_err();
    assert!(cause(full).starts_with("nano33ble:1 does not take its bytes"));
    let uno = bench.board("uno-r4-minima").firmware_bytes(hello(0x4000, 0)).unwrap();
    assert_eq!(
        cause(uno.usb().send("x").unwrap_err()),
        "it has no USB device of its own"
    );
}

#[test]
fn a_board_that_locks_up_ends_the_waits_for_it() {
    let bench = Bench::new();
    let lockup = guest(include_str!("../../emulator/tests/guests/lockup.hex"));
    let nano = bench.board("nano33ble").firmware_bytes(lockup).unwrap();
    let error = nano.console().expect("x", Duration::from_secs(3600)).unwrap_err();
    assert!(
        matches!(
            error.cause(),
            Cause::NotSeen {
                stop: Some(Stop::LockupLoop),
                ..
            }
        ),
        "{error}"
    );
    assert!(bench.now() < Duration::from_secs(1), "{error}");
}

#[test]
fn the_usb_serial_port_of_the_nano_is_a_port_of_its_console() {
    let firmware = match drydock_embedded::firmware("nano33ble") {
        Ok(firmware) => firmware,
        Err(missing) => return println!("drydock-skip: {missing}"),
    };
    let bench = Bench::new();
    let nano = bench.board("nano33ble").firmware_bytes(firmware.elf.to_vec()).unwrap();
    // Drydock's firmware moves its link to USB when a host opens the port.
    let anything = Pattern::expression("(?s-u).").unwrap();
    nano.usb().expect(anything, Duration::from_secs(5)).unwrap();
}
