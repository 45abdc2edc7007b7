//! All subcommands of a board's life, against any owner of the data directory: a headless `drydock gateway`, or a
//! window.

use crate::driver::{Running, drydock_in, position};
use serde_json::Value;
use std::{cell::Cell, path::Path};

#[test]
fn against_a_headless_gateway() {
    let place = tempfile::tempdir().unwrap();
    let gateway = Running::gateway(place.path());
    let added = drydock_in(place.path(), &["boards", "add", "nano33ble", "--pace", "max"]);
    assert_eq!(added.code, 0, "{added:?}");
    use_a_board(place.path(), "bench-1");
    let (code, events) = gateway.end();
    assert_eq!(code, 0);
    assert_eq!(events.last().unwrap()["event"], "gateway.ended");
}

/// A report from before the request does not answer it.
#[test]
fn what_a_board_has_not_reported_is_not_called_done() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    let done = |arguments: &[&str]| {
        let outcome = drydock_in(data, arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
    };
    done(&["boards", "add", "nano33ble", "--pace", "max"]);
    done(&["deploy", "sensor", "--on", "bench-1"]);
    done(&["boards", "off", "bench-1"]);
    // The board's last report of the first app is that it runs.
    let requests: [&[&str]; 4] = [
        &["deploy", "sensor", "--on", "bench-1"],
        &["start", "sensor", "--on", "bench-1"],
        &["stop", "sensor", "--on", "bench-1"],
        &["deploy", "counter", "--on", "bench-1"],
    ];
    for request in requests {
        let outcome = drydock_in(data, &[request, &["--json"]].concat());
        assert_eq!(outcome.code, 5, "{request:?}: {outcome:?}");
        let pending = outcome.events().pop().unwrap();
        assert_eq!(
            (&pending["event"], &pending["board"], &pending["done"]),
            (&"app.pending".into(), &"bench-1".into(), &false.into())
        );
        assert!(
            pending["text"].as_str().unwrap().contains("when bench-1 connects"),
            "{pending}"
        );
    }
    // The request is then carried out, without another one.
    done(&["boards", "on", "bench-1"]);
    let (stopped, runs) = (Cell::new(false), Cell::new(false));
    gateway.wait_until(|event| {
        stopped.set(stopped.get() || (event["event"] == "app.stopped" && event["app"] == "sensor"));
        runs.set(runs.get() || (event["event"] == "app.running" && event["app"] == "counter"));
        stopped.get() && runs.get()
    });
    done(&["stop", "counter", "--on", "bench-1"]);
    assert_eq!(gateway.end().0, 0);
}

/// The window's tests name a data directory that an open window owns, and a board in it.
#[test]
fn against_the_owner_that_the_environment_names() {
    match (std::env::var("DRYDOCK_TEST_DATA"), std::env::var("DRYDOCK_TEST_BOARD")) {
        (Ok(data), Ok(board)) => use_a_board(Path::new(&data), &board),
        _ => println!("drydock-skip: DRYDOCK_TEST_DATA and DRYDOCK_TEST_BOARD name no window's board"),
    }
}

/// Uses every subcommand on a board, from outside the owner.
fn use_a_board(data: &Path, board: &str) {
    let verb = |arguments: &[&str]| {
        let outcome = drydock_in(data, &[arguments, &["--json"]].concat());
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome.events()
    };
    let state = |app: &str| {
        let listed = verb(&["boards"]);
        let view = listed.iter().find(|event| event["name"] == board).unwrap().clone();
        let apps = view["apps"].as_array().unwrap();
        apps.iter()
            .find(|view| view["name"] == app)
            .map(|view| view["state"].clone())
    };

    let events = verb(&["deploy", "sensor", "--on", board]);
    let accepted = &events[position(&events, "app.accepted")];
    assert_eq!(
        (&accepted["app"], &accepted["version"]),
        (&"sensor".into(), &"1.0.0".into())
    );
    assert_eq!(state("sensor"), Some("running".into()));
    let connected = verb(&["devices"]);
    assert!(
        connected
            .iter()
            .any(|event| event["board"] == board && event["device"]["state"] == "connected")
    );

    // Stored log lines, and new ones as they arrive.
    let follower = Running::start(data, &["logs", board, "--app", "sensor", "--follow"]);
    let line = follower.wait_for("app.log");
    assert!(line["text"].as_str().unwrap().contains("°C"), "{line}");
    assert_eq!(follower.end().0, 0);
    let kept = verb(&["logs", board, "--app", "sensor", "--lines", "1"]);
    assert_eq!((kept.len(), &kept[0]["source"]), (1, &"sensor".into()));

    // Metrics, and a chart of them. The first sample may come before the app has published anything.
    let follower = Running::start(data, &["metrics", board, "--follow"]);
    follower.wait_until(|sample| {
        let apps = sample["apps"].as_array().into_iter().flatten();
        apps.filter(|app| app["app"] == "sensor")
            .filter_map(|app| app["values"].as_array())
            .flatten()
            .any(|value| value["name"] == "temperature")
    });
    assert_eq!(follower.end().0, 0);
    let series = verb(&["metrics", board, "--window", "1m"]);
    let ids: Vec<&str> = series.iter().map(|series| series["id"].as_str().unwrap()).collect();
    for id in ["cpu", "heap", "stack", "fuel:sensor", "value:sensor:temperature"] {
        assert!(ids.contains(&id), "{id} in {ids:?}");
    }
    let drawings = tempfile::tempdir().unwrap();
    for (name, begin) in [("load.svg", b"<svg".as_slice()), ("load.png", b"\x89PNG")] {
        let path = drawings.path().join(name);
        let events = verb(&["metrics", board, "--plot", path.to_str().unwrap()]);
        assert_eq!(
            events[position(&events, "metrics.plotted")]["path"],
            path.to_str().unwrap()
        );
        let drawn = std::fs::read(&path).unwrap();
        assert!(
            drawn.starts_with(begin) && drawn.len() > 2_000,
            "{name}: {} bytes",
            drawn.len()
        );
    }

    verb(&["stop", "sensor", "--on", board]);
    assert_eq!(state("sensor"), Some("stopped".into()));
    verb(&["start", "sensor", "--on", board]);
    assert_eq!(state("sensor"), Some("running".into()));
    verb(&["remove", "sensor", "--on", board]);
    assert_eq!(state("sensor"), None);
    // The same version again: the board remembers its sequence, and accepts it nevertheless.
    verb(&["deploy", "sensor", "--on", board]);
    assert_eq!(state("sensor"), Some("running".into()));
    verb(&["remove", "sensor", "--on", board]);

    // Names that do not exist.
    let gone = drydock_in(data, &["stop", "sensor", "--on", board, "--json"]);
    assert_eq!(gone.code, 3, "{gone:?}");
    let said = gone.error();
    assert!(said.contains("sensor") && said.contains(board), "{said}");
    let error: Value = gone.events().pop().unwrap();
    assert_eq!((&error["code"], &error["board"]), (&"refused".into(), &board.into()));
}
