//! Labels of boards, from the command line.

use crate::driver::{Outcome, Running, drydock_in};
use serde_json::Value;

/// Name and labels of each board that was printed.
fn labels(outcome: &Outcome) -> Vec<(String, Vec<String>)> {
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let board = |event: &Value| {
        assert_eq!(event["event"], "board", "{event}");
        let labels = event["labels"].as_array().unwrap();
        (text(&event["name"]), labels.iter().map(text).collect())
    };
    outcome.events().iter().map(board).collect()
}

fn has(name: &str, labels: &[&str]) -> (String, Vec<String>) {
    (
        name.to_owned(),
        labels.iter().map(|label| (*label).to_owned()).collect(),
    )
}

#[test]
fn boards_are_labelled_listed_by_label_and_keep_their_labels() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    for name in ["bench-1", "bench-2"] {
        let added = drydock_in(data, &["boards", "add", "nano33ble", "--name", name, "--pace", "max"]);
        assert_eq!(added.code, 0, "{added:?}");
    }
    let label = |arguments: &[&str]| drydock_in(data, &[&["boards", "label"], arguments, &["--json"]].concat());
    let both = label(&["bench-1", "bench-2", "--add", "spare", "--add", "lab"]);
    assert_eq!(
        labels(&both),
        [has("bench-1", &["lab", "spare"]), has("bench-2", &["lab", "spare"])]
    );
    let one = label(&["bench-2", "--add", "rack-1", "--remove", "spare"]);
    assert_eq!(labels(&one), [has("bench-2", &["lab", "rack-1"])]);

    // What makes no sense changes nothing, on no board.
    let many: Vec<String> = (0..15).map(|number| format!("n{number}")).collect();
    let many: Vec<&str> = many.iter().flat_map(|label| ["--add", label.as_str()]).collect();
    let wrong: [(&[&str], i32, &str); 5] = [
        (&["bench-1", "--add", "Lab A"], 2, "\"Lab A\" is no label"),
        (&["bench-1"], 2, "No label was named"),
        (&["bench-1", "--add", "a", "--remove", "a"], 2, "at once"),
        (&["bench-1", "nobody", "--add", "a"], 3, "nobody"),
        (
            &[&["bench-1", "bench-2"], &many[..]].concat(),
            3,
            "would have 17 labels",
        ),
    ];
    for (arguments, code, text) in wrong {
        let outcome = label(arguments);
        assert_eq!(outcome.code, code, "{arguments:?}: {outcome:?}");
        assert!(outcome.error().contains(text), "{arguments:?}: {outcome:?}");
    }

    let list = |labels: &[&str]| drydock_in(data, &[&["boards", "list", "--json"], labels].concat());
    let all = [has("bench-1", &["lab", "spare"]), has("bench-2", &["lab", "rack-1"])];
    assert_eq!(labels(&list(&[])), all);
    assert_eq!(labels(&list(&["--label", "lab", "--label", "rack-1"])), all[1..]);
    assert_eq!(labels(&list(&["--label", "nobody-has-it"])), []);
    let text = drydock_in(
        data,
        &["boards", "label", "bench-1", "--remove", "lab", "--remove", "spare"],
    );
    assert_eq!(text.stdout.trim(), "bench-1  no labels");

    // A fork has the labels of its board; all of them outlive their owner.
    assert_eq!(drydock_in(data, &["fork", "bench-2", "--name", "bench-3"]).code, 0);
    assert_eq!(gateway.end().0, 0);
    let kept = [
        has("bench-1", &[]),
        has("bench-2", &["lab", "rack-1"]),
        has("bench-3", &["lab", "rack-1"]),
    ];
    assert_eq!(labels(&list(&[])), kept);
}
