//! What programs log over RTT and with defmt, on a bench.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../emulator/tests/guests/building.rs"]
mod building;

use drydock_test::{
    Bench, Cancel, Cause,
    scenario::{Run, Scenario},
};
use std::{path::Path, time::Duration};

const TEXT: &[u8; 16] = b"hello over RTT!\n";

/// Puts a control block of RTT with a text in its ring into RAM, and spins; for a Cortex-M board that starts at `boot`. The
/// ring down is behind the text.
fn rtt_program(boot: u32) -> Vec<u8> {
    // ldr r0, [pc, #24]; ldr r1, [pc, #28]; movs r2, #26; then word by word from r0 to r1; b .
    let halves = [
        0x4806_u16, 0x4907, 0x221a, 0x6803, 0x600b, 0x3004, 0x3104, 0x3a01, 0xd1f9, 0xe7fe, 0, 0, 0, 0,
    ];
    let block = 0x2000_0100;
    let mut bytes: Vec<u8> = [0x2000_1000, boot + 9]
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
    bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    bytes.extend([boot + 44, block].iter().flat_map(|word: &u32| word.to_le_bytes()));
    bytes.extend(b"SEGGER RTT\0\0\0\0\0\0");
    let up = [boot + 44, block + 72, 17, 16, 0, 0];
    let down = [boot + 44, block + 92, 8, 0, 0, 0];
    for word in [1, 1].into_iter().chain(up).chain(down) {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(TEXT);
    bytes.extend([0; 16]);
    bytes
}

#[test]
fn a_channel_of_rtt_is_a_port_of_the_board() {
    let bench = Bench::new();
    let board = bench.board("nano33ble").firmware_bytes(rtt_program(0x1_0000)).unwrap();
    board
        .rtt(0)
        .expect("hello over RTT!\n", Duration::from_millis(30))
        .unwrap();
    board.rtt(0).send("typed").unwrap();
    bench.run(Duration::from_millis(5)).unwrap();
    // The ring has room for seven bytes; nobody reads them.
    board.rtt(0).send("more").unwrap();
    bench.run(Duration::from_millis(5)).unwrap();
    let late = board.rtt(1).expect("hello", Duration::from_millis(5)).unwrap_err();
    assert!(late.to_string().contains("RTT 1"), "{late}");
    let no_input = board.itm(0).send("x").unwrap_err();
    assert!(matches!(no_input.cause(), Cause::NoInput(_)), "{no_input}");
}

fn passes(file: &Path) -> bool {
    let loaded = Scenario::load(file).unwrap_or_else(|invalid| panic!("{invalid}"));
    let run = Run {
        seed: 0,
        cancel: Cancel::default(),
        keep: None,
        progress: &mut |_| {},
    };
    loaded.run(run).failure.is_none()
}

#[test]
fn a_scenario_names_lines_to_the_debugger() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("rtt.bin"), rtt_program(0x1_0000)).unwrap();
    let file = place.path().join("rtt.toml");
    let text = |on: &str| {
        format!(
            "name = \"logs\"\n[[board]]\nname = \"nano\"\nkind = \"nano33ble\"\nfirmware = \"rtt.bin\"\n[[step]]\n\
             expect = \"hello over RTT\"\non = \"nano:{on}\"\nwithin = \"30 ms\"\n"
        )
    };
    std::fs::write(&file, text("rtt0")).unwrap();
    assert!(passes(&file));
    std::fs::write(&file, text("itm0")).unwrap();
    assert!(!passes(&file), "it says nothing there");
    for wrong in ["rtt9", "rtt", "itm-1"] {
        std::fs::write(&file, text(wrong)).unwrap();
        let problems = Scenario::load(&file).unwrap_err().to_string();
        assert!(problems.contains("is no port that fits here"), "{problems}");
    }
}

#[test]
fn what_a_program_logs_with_defmt_is_text_also_after_a_reset() {
    let target = "thumbv7em-none-eabi";
    if !building::is_installed(target) {
        println!("drydock-skip: the target {target} is not installed");
        return;
    }
    let elf = building::build("defmt/tests/guest", target, "guest-defmt").unwrap();
    let bench = Bench::new();
    let board = bench.board("stm32f4-discovery").firmware(elf).unwrap();
    for _ in 0..2 {
        board
            .console()
            .expect("INFO  hello from defmt (src/main.rs:", Duration::from_millis(30))
            .unwrap();
        board
            .rtt(0)
            .expect("ERROR one|two 2 and A | B", Duration::from_millis(30))
            .unwrap();
        board.reset();
    }
}
