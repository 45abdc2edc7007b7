//! Input files for Renode: a description of the board in addition to Renode's own of the chip, and the factory contents
//! of the chip's memories.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use drydock_assets::{Board, RenodeChip};

use crate::machine::Seed;
use crate::machine::entropy::EntropyStream;

/// The description's file.
pub(super) const DESCRIPTION: &str = "board.repl";

/// A file that is copied into memory when the machine is created.
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

/// The board in Renode's language. Pins of LEDs are connected to LED models, so that their state can be queried.
fn description(board: &Board, chip: &RenodeChip) -> String {
    let mut additions = chip.additions.trim().to_owned();
    for (name, script) in chip.scripts {
        // Not as a file: Renode searches those in its own folder, and again when any process loads a state.
        additions = additions.replace(&format!("filename: \"{name}\""), &format!("script: '''\n{script}'''"));
    }
    let mut text = format!("using \"{}\"\n\n{additions}\n", chip.base);
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

/// Pages that the chip's factory and the board's manufacturer wrote, otherwise erased, by address.
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
    // The same stream as the builtin engine's factory data: a board has the same identity on all engines.
    let mut stream = EntropyStream::new(seed.0.map(|byte| byte ^ chip.stream));
    for drawn in &chip.drawn {
        for index in 0..drawn.words {
            let mut bytes = [0; 4];
            stream.fill(&mut bytes);
            for (at, byte) in (index * 4..).zip(&mut bytes) {
                if drawn.letters_from.is_some_and(|from| at >= from) {
                    *byte = b'A' + *byte % 26;
                }
            }
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
    use crate::machine::{Engine, Machine};

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
        // A file would be looked for in Renode's own folder.
        assert!(!text.contains("filename:"), "{text}");
        assert!(text.contains("elif request.Offset == 0x504: # CONFIG"), "{text}");
    }

    #[test]
    fn a_board_has_the_same_identity_on_both_engines() {
        let seed = Seed([7; 32]);
        for (name, places) in [
            // DEVICEID and DEVICEADDR
            (
                "nano33ble",
                [0x1000_0060, 0x1000_0064, 0x1000_00a4, 0x1000_00a8].as_slice(),
            ),
            ("stm32f4-discovery", &[0x1fff_7a10, 0x1fff_7a14, 0x1fff_7a18]),
        ] {
            let board = drydock_assets::board(name).unwrap();
            let chip = drydock_assets::renode_chip(&board.chip.name).unwrap();
            let pages = information_pages(&board, &chip, seed);
            // The builtin engine exposes it to the guest only.
            let mut machine: Box<dyn Machine> = crate::builtin::engine::Builtin.open(&board, seed).unwrap();
            let load = 0x6801_u16; // ldr r1, [r0]
            machine.write_memory(0x2000_0000, &load.to_le_bytes()).unwrap();
            for addr in places {
                machine.write_register("pc", 0x2000_0000).unwrap();
                machine.write_register("r0", u64::from(*addr)).unwrap();
                machine.step().unwrap();
                let at = (addr % PAGE_BYTES) as usize;
                let word = &pages[&(addr - addr % PAGE_BYTES)][at..at + 4];
                let word = u64::from(u32::from_le_bytes(word.try_into().unwrap()));
                assert_eq!(machine.read_register("r1").unwrap(), word, "{name}: {addr:#x}");
            }
        }
    }
}
