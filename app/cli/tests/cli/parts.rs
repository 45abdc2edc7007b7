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
    let (code, events) = gateway.end();
    assert_eq!(code, 0);
    let event = events.iter().find(|event| event["event"] == "part.set").unwrap();
    assert_eq!((&event["part"], &event["value"]), (&"bme280".into(), &(-3.5).into()));
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
    gateway.end();
}
