//! Virtual parts of emulated boards: listed, set, kept while the board is off, and refused with a reason.

use super::test_fleet::open;
use super::*;
use crate::api::{ApiError, BoardAdd, BoardPower, BoardRef, ErrorCode, Pace, PartAdd, PartView, PartsSet, PowerAction};

async fn add(workbench: &Workbench, parts: Vec<PartAdd>) -> Result<(), ApiError> {
    let add = BoardAdd {
        kind: "nano33ble".into(),
        name: Some("bench-1".into()),
        pace: Pace::Max,
        parts,
        ..BoardAdd::default()
    };
    workbench.call(Request::BoardAdd(add)).await.map(drop)
}

async fn list(workbench: &Workbench) -> Vec<PartView> {
    let board = BoardRef {
        board: "bench-1".into(),
    };
    match workbench.call(Request::PartsList(board)).await.unwrap() {
        Response::PartsList(parts) => parts,
        other => panic!("{other:?}"),
    }
}

async fn set(workbench: &Workbench, part: &str, property: &str, value: f64) -> Result<PartView, ApiError> {
    let set = PartsSet {
        board: "bench-1".into(),
        part: part.into(),
        property: property.into(),
        value,
    };
    match workbench.call(Request::PartsSet(set)).await? {
        Response::PartsSet(part) => Ok(part),
        other => panic!("{other:?}"),
    }
}

async fn power(workbench: &Workbench, action: PowerAction) {
    let power = BoardPower {
        board: "bench-1".into(),
        action,
    };
    workbench.call(Request::BoardPower(power)).await.unwrap();
}

fn value(parts: &[PartView], part: &str, property: &str) -> f64 {
    let part = parts.iter().find(|known| known.name == part).unwrap();
    let property = part.properties.iter().find(|known| known.name == property).unwrap();
    property.value
}

fn bme280() -> PartAdd {
    PartAdd {
        kind: "bme280".into(),
        ..PartAdd::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_keeps_the_value_that_was_set() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path()).await;
    add(&workbench, vec![bme280()]).await.unwrap();
    let parts = list(&workbench).await;
    let part = parts.iter().find(|part| part.kind == "bme280").unwrap();
    assert_eq!(part.place, "i2c, address 0x76");
    assert_eq!(value(&parts, "bme280", "temperature"), 21.5);

    let view = set(&workbench, "bme280", "temperature", 31.5).await.unwrap();
    assert_eq!(value(&[view], "bme280", "temperature"), 31.5);
    for action in [PowerAction::Cut, PowerAction::Off, PowerAction::On] {
        power(&workbench, action).await;
        assert_eq!(
            value(&list(&workbench).await, "bme280", "temperature"),
            31.5,
            "{action:?}"
        );
    }
    // While it is off, the value waits for the next machine.
    power(&workbench, PowerAction::Off).await;
    set(&workbench, "bme280", "humidity", 80.25).await.unwrap();
    assert_eq!(value(&list(&workbench).await, "bme280", "humidity"), 80.25);
    workbench.shutdown().await;

    let workbench = open(place.path()).await;
    power(&workbench, PowerAction::On).await;
    let parts = list(&workbench).await;
    assert_eq!(value(&parts, "bme280", "temperature"), 31.5);
    assert_eq!(value(&parts, "bme280", "humidity"), 80.25);
    workbench.shutdown().await;
}

/// What a program writes is another path than what a user loads: it is saved when the board is switched off.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_memory_keeps_outlasts_its_machine() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path()).await;
    let eeprom = PartAdd {
        kind: "24c32".into(),
        ..PartAdd::default()
    };
    add(&workbench, vec![eeprom]).await.unwrap();
    let machine = async |workbench: &Workbench| {
        let board = workbench.workbench.board("bench-1").unwrap();
        board.machine().await.unwrap()
    };
    let content = async |workbench: &Workbench| {
        let machine = machine(workbench).await;
        let read = machine.inspect(|machine| machine.parts().unwrap().content("24c32").unwrap());
        read.await.unwrap()[..4].to_vec()
    };
    machine(&workbench)
        .await
        .load_part("24c32", vec![1, 2])
        .await
        .unwrap()
        .unwrap();
    for action in [PowerAction::Off, PowerAction::On] {
        power(&workbench, action).await;
    }
    assert_eq!(content(&workbench).await, [1, 2, 0xff, 0xff]);
    machine(&workbench)
        .await
        .load_part("24c32", vec![3])
        .await
        .unwrap()
        .unwrap();
    workbench.shutdown().await;
    let workbench = open(place.path()).await;
    power(&workbench, PowerAction::On).await;
    assert_eq!(content(&workbench).await, [3, 0xff, 0xff, 0xff]);
    // A file that is damaged is said, and is no empty memory.
    power(&workbench, PowerAction::Off).await;
    let board = workbench.workbench.board("bench-1").unwrap();
    let file = workbench.workbench.dir.board(&board.id).join("parts.bin");
    std::fs::write(&file, "damaged").unwrap();
    let power = BoardPower {
        board: "bench-1".into(),
        action: PowerAction::On,
    };
    let _ = workbench.call(Request::BoardPower(power)).await;
    board.machine().await.map(drop).unwrap_err();
    let fault = board.state().fault.clone().unwrap_or_default();
    assert!(fault.contains("parts.bin is damaged"), "{fault}");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_follow_a_file_from_the_start() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let config = WorkbenchConfig {
        data: DataDir::Temporary,
        ..WorkbenchConfig::default()
    };
    let workbench = Workbench::open(config).await.unwrap();
    let file = place.path().join("day.csv");
    let with = async |text: &str| {
        std::fs::write(&file, text).unwrap();
        let add = BoardAdd {
            kind: "nano33ble".into(),
            name: Some("bench-1".into()),
            pace: Pace::Max,
            parts: vec![bme280()],
            part_values: Some(file.display().to_string()),
            ..BoardAdd::default()
        };
        workbench.call(Request::BoardAdd(add)).await.map(drop)
    };
    let refused = with("time,bme280.temperature\n0,200\n").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Usage);
    assert!(
        refused.message.contains("day.csv:2:3: `temperature` is 200"),
        "{}",
        refused.message
    );
    with("time,bme280.temperature\n0,33\n1000000,44\n").await.unwrap();
    workbench.workbench.board("bench-1").unwrap().machine().await.unwrap();
    assert_eq!(value(&list(&workbench).await, "bme280", "temperature"), 33.0);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_part_is_said() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let config = WorkbenchConfig {
        data: DataDir::Temporary,
        ..WorkbenchConfig::default()
    };
    let workbench = Workbench::open(config).await.unwrap();
    let wrong = |change: fn(&mut PartAdd)| {
        let mut part = bme280();
        change(&mut part);
        vec![part]
    };
    for (parts, reason) in [
        (
            wrong(|part| part.kind = "bme".into()),
            "there is no part `bme`; there are: ",
        ),
        (
            wrong(|part| part.address = Some(0x10)),
            "a bme280 has no address 0x10; it has: 0x76, 0x77",
        ),
        (
            wrong(|part| part.bus = Some("can".into())),
            "there is no I²C bus `can`; there are: i2c, internal",
        ),
        (
            wrong(|part| part.select = Some("P0.01".into())),
            "a bme280 has no `select`",
        ),
        (
            vec![bme280(), bme280(), bme280()],
            "all addresses of a bme280 on `i2c` are taken",
        ),
    ] {
        let error = add(&workbench, parts).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Usage);
        assert!(error.message.contains(reason), "{}", error.message);
    }
    add(&workbench, vec![bme280()]).await.unwrap();
    for (part, property, value, code, reason) in [
        (
            "bme",
            "temperature",
            1.0,
            ErrorCode::NotFound,
            "bench-1 has no part bme; it has: ",
        ),
        ("bme280", "heat", 1.0, ErrorCode::Usage, "a bme280 has no `heat`"),
        ("bme280", "temperature", 100.0, ErrorCode::Usage, "outside -40 to 85 °C"),
        (
            "bme280",
            "temperature",
            f64::NAN,
            ErrorCode::Usage,
            "no number for a part",
        ),
    ] {
        let error = set(&workbench, part, property, value).await.unwrap_err();
        assert_eq!(error.code, code, "{}", error.message);
        assert!(error.message.contains(reason), "{}", error.message);
    }
    assert_eq!(value(&list(&workbench).await, "bme280", "temperature"), 21.5);
    workbench.shutdown().await;
}
