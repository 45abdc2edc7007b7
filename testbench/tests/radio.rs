//! Boards that speak by radio: two programs on embassy's IEEE 802.15.4 driver, unmodified, on an ether; and scenarios with one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../emulator/tests/guests/building.rs"]
mod building;

use drydock_test::{
    Bench, Board, Cancel, Cause, Content, Ether, FramePattern,
    scenario::{Outcome, Run, Scenario},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

const TARGET: &str = "thumbv7em-none-eabi";

/// The program, or `None` if it cannot be built here.
fn guest() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let folder = "emulator/tests/guests/radio";
        building::is_installed(TARGET).then(|| building::build(folder, TARGET, "guest-radio").unwrap())
    });
    if built.is_none() {
        println!("drydock-skip: no target {TARGET}");
    }
    built.as_deref()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

struct Pair {
    bench: Bench,
    ether: Ether,
    boards: [Board; 2],
}

fn pair(elf: &Path, seed: u64) -> Pair {
    let bench = Bench::with_seed(seed);
    // Their ids follow from their seeds, and when they begin from their ids.
    let boards = [("one", 1), ("two", 4)].map(|(name, seed)| {
        let board = bench.board("nano33ble").named(name).seed(seed);
        board.firmware(elf).unwrap()
    });
    let ether = bench.ether();
    boards.iter().for_each(|board| ether.join(board).unwrap());
    Pair { bench, ether, boards }
}

fn lines(board: &Board, beginning: &str) -> Vec<String> {
    let text = board.console().unread();
    let lines = text.lines().filter(|line| line.starts_with(beginning));
    lines.map(str::to_owned).collect()
}

#[test]
fn two_programs_hear_each_other() {
    let Some(elf) = guest() else { return };
    let pair = pair(elf, 0);
    let data = FramePattern::parse("41 88 ?? cd ab ff ff ?? ?? 68 69").unwrap();
    let mut sent = Vec::new();
    for _ in 0..8 {
        sent.push(pair.ether.expect(&data, Some(&pair.boards[0]), ms(40)).unwrap());
    }
    let bytes = |content: &Content| content.bytes().to_vec();
    let numbers: Vec<u8> = sent.iter().map(|frame| bytes(&frame.content)[2]).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
    let apart = sent[7].at - sent[6].at;
    assert!((ms(9)..ms(11)).contains(&apart), "{apart:?}");
    pair.bench.run(ms(2)).unwrap();
    // What the other one heard is what was sent. Power 0 dBm, attenuation 50 dB, floor -92 dBm.
    let heard = lines(&pair.boards[1], "heard");
    assert!(heard.len() >= 7, "{heard:?}");
    for (line, frame) in heard.iter().rev().zip(sent.iter().rev()) {
        let bytes = bytes(&frame.content);
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(*line, format!("heard {} lqi 42: {}", bytes[2], hex.join(" ")));
    }
    assert!(lines(&pair.boards[0], "heard").len() >= 7);
    let error = pair
        .ether
        .expect(&FramePattern::parse("42").unwrap(), None, ms(15))
        .unwrap_err();
    assert!(matches!(error.cause(), Cause::NoFrame { others: 1.., .. }), "{error}");
}

#[test]
fn what_is_lost_follows_from_the_seed() {
    let Some(elf) = guest() else { return };
    let heard = |seed: u64, loss: f64| {
        let pair = pair(elf, seed);
        pair.ether.set_loss(loss);
        pair.bench.run(ms(250)).unwrap();
        let heard = pair.boards.each_ref().map(|board| lines(board, "heard"));
        (heard, pair.ether.count())
    };
    let (none, sent) = heard(1, 1.0);
    assert_eq!((none[0].len(), none[1].len()), (0, 0));
    assert!((44..=50).contains(&sent), "{sent}");
    let some = heard(1, 0.4);
    assert!((5..20).contains(&some.0[0].len()), "{some:?}");
    assert_eq!(some, heard(1, 0.4));
    assert_ne!(some, heard(2, 0.4));
}

#[test]
fn a_wrong_check_sequence_is_refused_and_a_busy_channel_is_seen() {
    let Some(elf) = guest() else { return };
    let pair = pair(elf, 0);
    pair.bench.run(ms(30)).unwrap();
    for board in &pair.boards {
        let said = board.console().unread();
        assert!(!said.contains("wrong") && !said.contains("busy"), "{said}");
    }
    let Content::Ieee802154 { channel, mac, fcs, .. } = Content::ieee802154(15, b"Drydock") else {
        unreachable!()
    };
    let wrong = Content::Ieee802154 {
        channel,
        mac,
        fcs: fcs ^ 1,
        fcs_is_right: false,
    };
    pair.ether.inject(&wrong, 0).unwrap();
    pair.bench.run(ms(2)).unwrap();
    assert!(lines(&pair.boards[0], "wrong crc").len() + lines(&pair.boards[1], "wrong crc").len() >= 1);
    // 125 bytes take 4.1 ms; for 16 ms the channel is full.
    for _ in 0..4 {
        pair.ether.inject(&Content::ieee802154(15, &[0x55; 125]), 0).unwrap();
        pair.bench.run(Duration::from_micros(4_280)).unwrap();
    }
    for board in &pair.boards {
        assert!(!lines(board, "busy").is_empty(), "{}", board.console().unread());
    }
    // On another channel nobody minds.
    let before = lines(&pair.boards[0], "busy").len();
    for _ in 0..4 {
        pair.ether.inject(&Content::ieee802154(16, &[0x55; 125]), 0).unwrap();
        pair.bench.run(Duration::from_micros(4_280)).unwrap();
    }
    assert_eq!(lines(&pair.boards[0], "busy").len(), before);
}

#[test]
fn a_board_without_power_is_not_heard_and_hears_nothing() {
    let Some(elf) = guest() else { return };
    let pair = pair(elf, 0);
    pair.bench.run(ms(50)).unwrap();
    pair.boards[1].power_cut(ms(100));
    pair.bench.run(ms(1)).unwrap();
    let before = (
        lines(&pair.boards[0], "heard").len(),
        lines(&pair.boards[1], "heard").len(),
    );
    pair.bench.run(ms(90)).unwrap();
    let during = (
        lines(&pair.boards[0], "heard").len(),
        lines(&pair.boards[1], "heard").len(),
    );
    assert_eq!(before, during);
    pair.bench.run(ms(60)).unwrap();
    let after = (
        lines(&pair.boards[0], "heard").len(),
        lines(&pair.boards[1], "heard").len(),
    );
    assert!(after.0 > during.0 + 2 && after.1 > during.1 + 2, "{during:?} {after:?}");
}

const SCENARIO: &str = r#"
[[board]]
name = "beacon"
kind = "nano33ble"
firmware = "radio.elf"

[[board]]
name = "node"
kind = "nano33ble"
firmware = "radio.elf"
seed = 4

[[board]]
name = "disco"
kind = "stm32f4-discovery"
firmware = "disco.elf"

[[ether]]
name = "air"
boards = ["beacon", "node"]
loss = "0 %"
attenuation = 60

[[step]]
drive = "beacon:D2"
level = "low"

[[step]]
frame = "42 11 01 02 03 04 05 c6"
from = "beacon"
channel = 37
within = "50 ms"

[[step]]
wait = "20 ms"

[[step]]
inject = "41 88 63 cd ab ff ff 34 12 48 69"
as = "802.15.4"
channel = 15
power = -10

[[step]]
expect = "heard 99 lqi 22: 41 88 63"
on = "node"
within = "5 ms"

[[step]]
loss = "100 %"

[[step]]
frame = "41 88"
from = "node"
on = "air"
within = "20 ms"
"#;

/// The scenario without its third board, which has no program here.
fn scenario() -> String {
    let (before, rest) = SCENARIO.split_once("[[board]]\nname = \"disco\"").unwrap();
    let (_, after) = rest.split_once("[[ether]]").unwrap();
    format!("{before}[[ether]]{after}")
}

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

#[test]
fn a_scenario_expects_frames_and_sends_some() {
    let Some(elf) = guest() else { return };
    let place = tempfile::tempdir().unwrap();
    fs::copy(elf, place.path().join("radio.elf")).unwrap();
    let outcome = run(place.path(), &scenario(), None);
    assert_eq!(outcome.failure, None, "{outcome:?}");
    assert_eq!(outcome.steps, 7);
    // A failure leaves what passed.
    let kept = place.path().join("kept");
    let text = scenario().replace("42 11 01 02 03 04 05 c6", "42 11 01 02 ?? 04 05 c7");
    let failure = run(place.path(), &text, Some(&kept)).failure.unwrap();
    let sentence = failure.error.sentence();
    assert!(
        sentence.contains("a frame that begins with 42 11 01 02 ?? 04 05 c7 on channel 37 did not pass within 50 ms")
            && sentence.contains("the last one 4"),
        "{sentence}"
    );
    let capture = kept.join("ether.pcapng");
    assert!(failure.kept.contains(&capture), "{:?}", failure.kept);
    dissects(&capture);
}

/// tshark, where it is installed, finds both kinds of frames, whole.
fn dissects(capture: &Path) {
    let fields = [
        "frame.protocols",
        "btle.advertising_address",
        "wpan.fcs_ok",
        "wpan-tap.ch_num",
        "_ws.malformed",
    ];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-T", "fields"]);
    command.args(fields.into_iter().flat_map(|field| ["-e", field]));
    let Ok(output) = command.output() else {
        println!("drydock-skip: no tshark");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let advertisements = text.lines().filter(|line| line.contains("btle"));
    assert!(advertisements.clone().count() >= 2, "{text}");
    assert!(
        advertisements.clone().all(|line| line.contains("c6:05:04:03:02:01")),
        "{text}"
    );
    let data = text.lines().filter(|line| line.contains("wpan"));
    assert!(data.clone().count() >= 2, "{text}");
    // The check sequence is right, and the channel is 15. Newer versions write truth as a word.
    let is_whole = |line: &str| line.contains("\t1\t15\t") || line.contains("\tTrue\t15\t");
    assert!(data.clone().all(is_whole), "{text}");
    // What the programs say behind the MAC header is no 6LoWPAN.
    assert!(!advertisements.clone().any(|line| line.contains("alformed")), "{text}");
}

#[test]
fn what_is_wrong_with_an_ether_is_said_with_its_place() {
    let problems = |text: &str| match Scenario::parse("scenario.toml", text) {
        Ok(_) => String::new(),
        Err(invalid) => invalid.to_string(),
    };
    assert_eq!(problems(SCENARIO), "");
    for (good, bad, what) in [
        (
            "[\"beacon\", \"node\"]",
            "[\"beacon\", \"disco\"]",
            "disco has no radio that is modelled",
        ),
        (
            "[\"beacon\", \"node\"]",
            "[\"beacon\", \"beacon\"]",
            "beacon is on another ether, or named twice",
        ),
        (
            "[\"beacon\", \"node\"]",
            "[\"beacon\", \"nodi\"]",
            "there is no board nodi",
        ),
        (
            "attenuation = 60",
            "attenuation = 201",
            "`attenuation` must be from 0 to 200",
        ),
        ("loss = \"0 %\"", "loss = 5", "`loss` must be a share in quotes"),
        ("loss = \"0 %\"", "los = 5", "`los` is not known in an [[ether]]"),
        ("frame = \"41 88\"", "frame = \"4188\"", "`frame`: `4188` is no byte"),
        ("on = \"air\"", "on = \"sky\"", "there is no ether sky"),
        ("channel = 37", "channel = 40", "`channel` must be from 0 to 39"),
        ("as = \"802.15.4\"", "as = \"zigbee\"", "`as` must be 802.15.4 or ble"),
        (
            "as = \"802.15.4\"",
            "as = \"ble\"",
            "its header says 136 bytes of payload, and 9 follow",
        ),
        (
            "channel = 15",
            "channel = 10",
            "there is no channel 10; there are 11 to 26",
        ),
        ("power = -10", "power = 21", "`power` must be from -100 to 20 dBm"),
        (
            "[[ether]]\nname = \"air\"",
            "[[ether]]\nname = \"air\"\nboards = []\n[[ether]]",
            "`on` is missing",
        ),
    ] {
        assert!(SCENARIO.contains(good), "{good}");
        let said = problems(&SCENARIO.replace(good, bad));
        assert!(said.contains(what), "{bad}: {said}");
    }
    let alone = SCENARIO.replace("[[ether]]", "[[eter]]");
    assert!(
        problems(&alone).contains("this step needs an [[ether]]"),
        "{}",
        problems(&alone)
    );
}
