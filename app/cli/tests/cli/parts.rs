//! `drydock parts`: the parts of a board, their values, and what is refused.

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
