//! `drydock parts`: the parts of a board, their values, parts of one's own, and what is refused.

use crate::driver::{Running, drydock_in};

#[test]
fn parts_are_listed_and_set() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    let done = |arguments: &[&str]| {
        let outcome = drydock_in(data, arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome
    };
    done(&[
        "boards",
        "add",
        "nano33ble",
        "--pace",
        "max",
        "--part",
        "bme280,address=0x77,humidity=60",
    ]);
    let parts = done(&["parts", "bench-1", "--json"]).events();
    let part = parts.iter().find(|part| part["kind"] == "bme280").unwrap();
    assert_eq!(
        (&part["event"], &part["place"]),
        (&"part".into(), &"i2c, address 0x77".into())
    );
    assert_eq!(part["properties"][2]["value"], 60.0);

    let set = done(&["parts", "bench-1", "set", "bme280.temperature", "-3.5", "--json"]).events();
    assert_eq!(set[0]["properties"][0]["value"], -3.5);
    let text = done(&["parts", "bench-1"]).stdout;
    assert!(
        text.contains("bme280.temperature") && text.contains("-3.5 °C"),
        "{text}"
    );

    for (arguments, code, reason) in [
        (["set", "bme280.temperature", "200"], 2, "outside -40 to 85 °C"),
        (["set", "temperature", "20"], 2, "write PART.PROPERTY"),
        (["set", "bmp.temperature", "20"], 3, "bench-1 has no part bmp"),
    ] {
        let outcome = drydock_in(data, &[&["parts", "bench-1"], &arguments[..]].concat());
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(outcome.stderr.contains(reason), "{outcome:?}");
    }
    follows_a_table(data);
    let (code, events) = gateway.end();
    assert_eq!(code, 0);
    let event = events.iter().find(|event| event["event"] == "part.set").unwrap();
    assert_eq!((&event["part"], &event["value"]), (&"bme280".into(), &(-3.5).into()));
}

/// The board of [`parts_are_listed_and_set`], at full pace.
fn follows_a_table(data: &std::path::Path) {
    let file = data.join("day.csv");
    let play = |text: &str| {
        std::fs::write(&file, text).unwrap();
        drydock_in(data, &["parts", "bench-1", "play", &file.to_string_lossy(), "--json"])
    };
    let humidity = || {
        let parts = drydock_in(data, &["parts", "bench-1", "--json"]).events();
        let part = parts.iter().find(|part| part["kind"] == "bme280").unwrap();
        part["properties"][2]["value"].as_f64().unwrap()
    };
    let table = play("time,bme280.humidity\n0,33\n1,44.5\n100000,1\n");
    assert_eq!((table.code, &table.events()[0]["rows"]), (0, &3.into()), "{table:?}");
    // The second row comes as soon as the board has run for a second of its time.
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while humidity() != 44.5 {
        assert!(std::time::Instant::now() < limit, "{}", humidity());
    }
    let refused = play("time,bme280.humidity\n0,133\n");
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.error().contains("day.csv:2:3: `humidity` is 133"),
        "{refused:?}"
    );
    let stopped = drydock_in(data, &["parts", "bench-1", "play", "--stop", "--json"]);
    assert_eq!(
        (stopped.code, &stopped.events()[0]["rows"]),
        (0, &0.into()),
        "{stopped:?}"
    );
}

/// A part on a plain pin, which loops as soon as its value is set.
const LOOPS: &str = r#"(module
    (import "drydock" "line" (func $line (param i32 i32 i32) (result i32)))
    (import "drydock" "property" (func $property (param i32 i32 i32 i32 i64 i64 i64 i32) (result i32)))
    (import "drydock" "log" (func $log (param i32 i32)))
    (memory 1)
    (data (i32.const 0) "outlevel")
    (func (export "init")
        (drop (call $line (i32.const 0) (i32.const 3) (i32.const 0)))
        (drop (call $property (i32.const 3) (i32.const 5) (i32.const 0) (i32.const 0)
            (i64.const 0) (i64.const 9000000) (i64.const 0) (i32.const 0))))
    (func (export "value_changed") (param i32)
        (call $log (i32.const 3) (i32.const 5))
        (if (i64.gt_s (i64.const 1) (i64.const 0)) (then (loop $forever (br $forever)))))
)"#;

#[test]
fn parts_on_pins_and_parts_of_ones_own_are_added() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    let done = |arguments: &[&str]| {
        let outcome = drydock_in(data, arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome
    };
    let file = data.join("my-loop.wasm");
    std::fs::write(&file, wat::parse_str(LOOPS).unwrap()).unwrap();
    let own = format!("{},out=P0.27", file.display());
    let add = ["boards", "add", "nano33ble", "--pace", "max", "--part"];
    done(
        &[
            &add[..],
            &["rgb-led,red=P0.24,active_low=1", "--part", &own, "--part", "mpu6050"],
        ]
        .concat(),
    );
    std::fs::remove_file(&file).unwrap();
    let parts = done(&["parts", "bench-1", "--json"]).events();
    let named = |name: &str| parts.iter().find(|part| part["name"] == name).unwrap();
    assert_eq!(named("rgb-led")["place"], "red P0.24");
    assert_eq!(named("rgb-led")["properties"][1]["reading"], true);
    assert_eq!(named("mpu6050")["place"], "i2c, address 0x68");
    assert_eq!(
        (&named("my-loop")["place"], &named("my-loop")["stopped"]),
        (&"P0.27".into(), &().into())
    );

    let why = "`value_changed` did not end within 1000000 units of fuel";
    let set = done(&["parts", "bench-1", "set", "my-loop.level", "1", "--json"]).events();
    assert_eq!(set[0]["stopped"], why);
    let text = done(&["parts", "bench-1"]).stdout;
    assert!(text.contains(&format!("It is stopped: {why}.")), "{text}");
    let is_logged = |_| {
        let log = drydock_in(data, &["logs", "bench-1"]).stdout;
        log.contains(&format!("part my-loop: it is stopped: {why}")) && log.contains("part my-loop: level")
    };
    assert!((0..200).any(is_logged), "{:?}", drydock_in(data, &["logs", "bench-1"]));

    for (part, reason) in [
        ("rgb-led", "a rgb-led needs a pin; add red=PIN"),
        ("led", "a led needs its pins; add pin=PIN"),
        ("led,anode=P9.99", "has no pin P9.99"),
        (
            "7-segment,x=P0.27",
            "a 7-segment has no line `x`; it has: a, b, c, d, e, f, g, dp, common",
        ),
        ("nowhere.wasm", "nowhere.wasm cannot be read"),
    ] {
        let outcome = drydock_in(data, &[&add[..], &[part]].concat());
        assert!(outcome.code != 0 && outcome.stderr.contains(reason), "{outcome:?}");
    }
    std::fs::write(data.join("text.wasm"), "text").unwrap();
    let text = data.join("text.wasm").display().to_string();
    let outcome = drydock_in(data, &[&add[..], &[text.as_str()]].concat());
    assert!(
        outcome
            .stderr
            .contains("text.wasm is no part: the file is not a WebAssembly module"),
        "{outcome:?}"
    );
    let refused = drydock_in(data, &["parts", "bench-1", "set", "rgb-led.red", "5"]);
    assert!(
        refused
            .stderr
            .contains("`red` is read from a rgb-led and cannot be set"),
        "{refused:?}"
    );

    // The modules go with the board.
    let modules = || std::fs::read_dir(data.join("parts")).map_or(0, Iterator::count);
    assert_eq!(modules(), 2);
    done(&["boards", "remove", "bench-1"]);
    assert_eq!(modules(), 0);
    gateway.end();
}

#[test]
fn memories_are_filled_kept_and_saved() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let path = |name: &str| data.join(name).display().to_string();
    let log = "$GPGGA,,,,,,0,,,,,,,,*66\n";
    let content: Vec<u8> = (0..200).collect();
    for (name, bytes) in [
        ("log.nmea", log.as_bytes()),
        ("in.bin", &content),
        ("long.bin", &[0; 257]),
        ("odd.img", &[0; 700]),
    ] {
        std::fs::write(data.join(name), bytes).unwrap();
    }
    let gateway = Running::gateway(data);
    let done = |arguments: &[&str]| {
        let outcome = drydock_in(data, arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome.events()
    };
    let gps = format!("gps,file={}", path("log.nmea"));
    done(&[
        "boards",
        "add",
        "nano33ble",
        "--pace",
        "max",
        "--part",
        "24c02",
        "--part",
        "w25q32",
        "--part",
        &gps,
        "--part",
        "led,pin=P0.27",
        "--json",
    ]);
    let saved = |part: &str| {
        let saved = done(&["parts", "bench-1", "save", part, &path("out.bin"), "--json"]);
        let bytes = std::fs::read(data.join("out.bin")).unwrap();
        assert_eq!(saved[0]["bytes"], bytes.len());
        bytes
    };
    assert_eq!(saved("gps"), log.as_bytes());
    assert_eq!(saved("24c02"), [0xff; 256], "a new one is erased");
    let loaded = done(&["parts", "bench-1", "load", "24c02", &path("in.bin"), "--json"]);
    assert_eq!(
        (&loaded[0]["event"], &loaded[0]["content_bytes"]),
        (&"part.loaded".into(), &256.into())
    );
    let expected = [&content[..], &[0xff; 56]].concat();
    assert_eq!(saved("24c02"), expected);

    for (part, file, code, reason) in [
        (
            "24c02",
            "long.bin",
            2,
            "long.bin does not fit 24c02 of bench-1: the file has 257 bytes, and a 24c02 holds 256.",
        ),
        ("gps", "in.bin", 2, "does not fit gps of bench-1: the file is no text."),
        ("24c02", "none.bin", 3, "none.bin cannot be read: "),
        (
            "led",
            "in.bin",
            3,
            "led of bench-1 keeps no content; these do: 24c02, w25q32, gps.",
        ),
        ("24c04", "in.bin", 3, "bench-1 has no part 24c04; it has: "),
    ] {
        let refused = drydock_in(data, &["parts", "bench-1", "load", part, &path(file)]);
        assert_eq!(refused.code, code, "{refused:?}");
        assert!(refused.stderr.contains(reason), "{reason}: {refused:?}");
    }
    let refused = drydock_in(data, &["parts", "bench-1", "save", "24c02", &path("nowhere/out.bin")]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("nowhere/out.bin cannot be written: "),
        "{refused:?}"
    );
    assert!(
        !std::path::Path::new(&path("nowhere")).exists(),
        "no folder is made of a slip"
    );
    for (part, reason) in [
        (
            format!("sd-card,file={}", path("odd.img")),
            "odd.img`: the file has 700 bytes, and a sd-card has whole blocks of 512",
        ),
        (
            format!("led,pin=P0.27,file={}", path("in.bin")),
            "in.bin`: a led keeps no content",
        ),
        ("gps,file=nowhere.nmea".to_owned(), "nowhere.nmea` cannot be read"),
        ("gps,uart=7".to_owned(), "there is no UART `7`; there are: 0 to 1"),
    ] {
        let refused = drydock_in(data, &["boards", "add", "nano33ble", "--part", &part]);
        assert!(
            refused.code != 0 && refused.stderr.contains(reason),
            "{reason}: {refused:?}"
        );
    }

    // Off, filled while it is off, and after a restart of Drydock.
    done(&["boards", "off", "bench-1", "--json"]);
    assert_eq!(saved("24c02"), expected);
    done(&["parts", "bench-1", "load", "w25q32", &path("in.bin"), "--json"]);
    gateway.end();
    let gateway = Running::gateway(data);
    assert_eq!(saved("24c02"), expected);
    done(&["boards", "on", "bench-1", "--json"]);
    assert_eq!(saved("24c02"), expected);
    assert_eq!(saved("gps"), log.as_bytes());
    let flash = saved("w25q32");
    assert_eq!((flash.len(), &flash[..200]), (4 << 20, &content[..]));
    gateway.end();
}
