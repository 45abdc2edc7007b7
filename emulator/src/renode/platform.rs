//! What is written for Renode: a description of the board beside Renode's own of the chip, and the bytes a chip has when it
//! leaves the factory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use drydock_assets::{Board, RenodeChip};

use crate::builtin::entropy::EntropyStream;
use crate::engine::Seed;

/// The description's file.
pub(super) const DESCRIPTION: &str = "board.repl";

/// A file that is copied into memory when the machine is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) file: String,
    pub(super) addr: u32,
}

/// The name of the light on `pin`.
pub(super) fn led(pin: u16) -> String {
    format!("drydock_led{pin}")
}

/// Writes all files into `folder`.
pub(super) fn write(folder: &Path, board: &Board, chip: &RenodeChip, seed: Seed) -> io::Result<Vec<Content>> {
    fs::write(folder.join(DESCRIPTION), description(board, chip))?;
    for (name, text) in chip.files {
        fs::write(folder.join(name), text)?;
    }
    let flash = &board.chip.flash;
    let mut contents = vec![Content {
        file: "flash.bin".to_owned(),
        addr: flash.base,
    }];
    fs::write(folder.join("flash.bin"), vec![0xff; flash.bytes as usize])?;
    for (base, page) in information_pages(board, chip, seed) {
        let file = format!("information-{base:08x}.bin");
        fs::write(folder.join(&file), page)?;
        contents.push(Content { file, addr: base });
    }
    Ok(contents)
}

/// The board in Renode's language. Pins of lights lead to lights, so that they can be asked for.
fn description(board: &Board, chip: &RenodeChip) -> String {
    let mut text = format!("using \"{}\"\n\n{}\n", chip.base, chip.additions.trim());
    let mut lights: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
    for led in &board.leds {
        if let Some(port) = chip.ports.get(usize::from(led.pin.0 / 32)) {
            lights.entry(port).or_default().push(led.pin.0);
        }
    }
    // Writing to a String does not fail.
    for (port, pins) in &lights {
        let _ = writeln!(text, "\n{port}:");
        for pin in pins {
            let _ = writeln!(text, "    {} -> {}@0", pin % 32, led(*pin));
        }
        for pin in pins {
            let _ = writeln!(text, "\n{}: Miscellaneous.LED @ {port} {}", led(*pin), pin % 32);
        }
    }
    text.push_str("\nsysbus:\n    init:\n");
    // An empty section would leave the base's in place.
    let _ = writeln!(text, "        Tag <0xF0000000, 0xF0000003> \"{}\"", board.name);
    for line in &chip.init {
        let _ = writeln!(text, "        {line}");
    }
    text
}

/// Length of an information page.
const PAGE_BYTES: u32 = 4_096;

/// Pages that the chip's factory and the board's maker wrote into, erased but for that, by address.
fn information_pages(board: &Board, chip: &RenodeChip, seed: Seed) -> BTreeMap<u32, Vec<u8>> {
    let mut pages = BTreeMap::new();
    let mut put = |addr: u32, value: u32| {
        let page = pages
            .entry(addr & !(PAGE_BYTES - 1))
            .or_insert_with(|| vec![0xff; PAGE_BYTES as usize]);
        let offset = (addr % PAGE_BYTES) as usize;
        page[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    };
    for word in &chip.words {
        put(word.addr, word.value);
    }
    // The same stream as the builtin engine's factory: a board has one identity on all engines.
    let mut stream = EntropyStream::new(seed.0.map(|byte| byte ^ 0xf1));
    for drawn in &chip.drawn {
        for index in 0..drawn.words {
            let mut bytes = [0; 4];
            stream.fill(&mut bytes);
            let ones = drawn.ones.get(index as usize).copied().unwrap_or(0);
            put(drawn.addr + index * 4, u32::from_le_bytes(bytes) | ones);
        }
    }
    if let Some(button) = board.buttons.iter().find(|button| button.resets) {
        for addr in &chip.reset_pin_words {
            put(*addr, u32::from(button.pin.0));
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Machine};

    fn nano() -> (Board, RenodeChip) {
        let board = drydock_assets::board("nano33ble").unwrap();
        let chip = drydock_assets::renode_chip(&board.chip.name).unwrap();
        (board, chip)
    }

    #[test]
    fn the_description_adds_what_is_missing_and_the_lights() {
        let (board, chip) = nano();
        let text = description(&board, &chip);
        assert!(text.starts_with("using \"platforms/cpus/nrf52840.repl\"\n"));
        for part in [
            "nvmc: Python.PythonPeripheral @ sysbus 0x4001E000",
            "gpio0:\n    13 -> drydock_led13@0\n",
            "gpio1:\n    9 -> drydock_led41@0\n",
            "drydock_led41: Miscellaneous.LED @ gpio1 9\n",
            "sysbus:\n    init:\n        Tag",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("ApplySVD"));
    }

    #[test]
    fn a_board_has_the_same_identity_on_both_engines() {
        let (board, chip) = nano();
        let seed = Seed([7; 32]);
        let pages = information_pages(&board, &chip, seed);
        let ficr = &pages[&0x1000_0000];
        // The builtin engine shows FICR to the guest only: a guest copies DEVICEID and DEVICEADDR to RAM.
        let mut machine: Box<dyn Machine> = crate::builtin::engine::Builtin.open(&board, seed).unwrap();
        let code: [u16; 10] = [
            0x6e01, // ldr r1, [r0, #0x60]
            0x6e42, // ldr r2, [r0, #0x64]
            0x30a4, // adds r0, #0xa4
            0x6803, // ldr r3, [r0]
            0x6844, // ldr r4, [r0, #4]
            0xbf30, // wfi
            0xe7fd, // b .-2
            0xbf00, 0xbf00, 0xbf00,
        ];
        let code: Vec<u8> = code.iter().flat_map(|half| half.to_le_bytes()).collect();
        machine.write_memory(0x2000_0000, &code).unwrap();
        machine.write_register("pc", 0x2000_0000).unwrap();
        machine.write_register("r0", 0x1000_0000).unwrap();
        for _ in 0..5 {
            machine.step().unwrap();
        }
        let word = |at: usize| u64::from(u32::from_le_bytes(ficr[at..at + 4].try_into().unwrap()));
        for (register, at) in [("r1", 0x60), ("r2", 0x64), ("r3", 0xa4), ("r4", 0xa8)] {
            assert_eq!(machine.read_register(register).unwrap(), word(at), "{register}");
        }
    }
}
