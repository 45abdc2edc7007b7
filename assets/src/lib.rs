//! Boards and chips as validated data: the contents of `boards/*.toml` and `chips/*.toml`.
//!
//! Boards of users are read by the same rules, from their files and folders (`own_board`).
//!
//! Firmware images and sample apps are in `drydock-embedded`. This crate holds no behaviour, and nothing that depends on an
//! engine, a probe or a window.

use std::sync::LazyLock;

mod app_pins;
mod board;
mod chip;
pub mod nmea;
mod own_board;
mod part_choice;
mod part_kind;
mod part_source;
mod part_text;
mod qemu;
mod renode;
mod section;
mod start_code;
mod wiring;

pub use board::{
    Active, Board, Button, Connector, ConnectorKind, FlashArea, FlashMethod, Flashing, Led, Limit, Link, Pin, Uart,
};
pub use chip::{Chip, Core, EraseUnits, Flash, Modelled, Peripheral, Ram};
pub use own_board::{BoardFile, MAX_BOARD_FILE_BYTES, MAX_BOARD_FILES, modules_named, read_board_folder};
pub use part_choice::{CONTENT_BYTES_MAX, PartChoice, read_content};
pub use part_kind::{ContentRule, Interface, Line, Millionths, PartContent, PartKind, PartProgram, Property};
pub use part_source::PartSource;
pub use qemu::qemu_board;
pub use renode::{DrawnWords, FactoryWord, RenodeChip, renode_chip};
pub use section::{Invalid, Problem};
pub use start_code::cortex_m as cortex_m_start_code;
pub use wiring::{Connection, I2cBus, PARTS_MAX, Part, SpiBus};

/// The boards that ship with Drydock, in the order to show them.
const BOARDS: &[(&str, &str)] = &[
    ("boards/nano33ble.toml", include_str!("../boards/nano33ble.toml")),
    ("boards/hifive1-revb.toml", include_str!("../boards/hifive1-revb.toml")),
    (
        "boards/stm32f4-discovery.toml",
        include_str!("../boards/stm32f4-discovery.toml"),
    ),
    ("boards/esp32-c6.toml", include_str!("../boards/esp32-c6.toml")),
    (
        "boards/uno-r4-minima.toml",
        include_str!("../boards/uno-r4-minima.toml"),
    ),
];
/// The chips that the boards name.
const CHIPS: &[(&str, &str)] = &[
    ("chips/nrf52840.toml", include_str!("../chips/nrf52840.toml")),
    ("chips/fe310-g002.toml", include_str!("../chips/fe310-g002.toml")),
    ("chips/stm32f407.toml", include_str!("../chips/stm32f407.toml")),
    ("chips/esp32-c6.toml", include_str!("../chips/esp32-c6.toml")),
    ("chips/ra4m1.toml", include_str!("../chips/ra4m1.toml")),
];

/// The kinds of parts, in the order to show them.
const PARTS: &[(&str, &str)] = &[
    ("parts/bme280.toml", include_str!("../parts/bme280.toml")),
    ("parts/lsm9ds1.toml", include_str!("../parts/lsm9ds1.toml")),
    ("parts/24c02.toml", include_str!("../parts/24c02.toml")),
    ("parts/24c32.toml", include_str!("../parts/24c32.toml")),
    ("parts/24c256.toml", include_str!("../parts/24c256.toml")),
    ("parts/w25q32.toml", include_str!("../parts/w25q32.toml")),
    ("parts/ssd1306.toml", include_str!("../parts/ssd1306.toml")),
    ("parts/potentiometer.toml", include_str!("../parts/potentiometer.toml")),
    ("parts/led.toml", include_str!("../parts/led.toml")),
    ("parts/rgb-led.toml", include_str!("../parts/rgb-led.toml")),
    ("parts/button.toml", include_str!("../parts/button.toml")),
    ("parts/buzzer.toml", include_str!("../parts/buzzer.toml")),
    ("parts/7-segment.toml", include_str!("../parts/7-segment.toml")),
    ("parts/uart-loopback.toml", include_str!("../parts/uart-loopback.toml")),
    ("parts/gps.toml", include_str!("../parts/gps.toml")),
    ("parts/ds18b20.toml", include_str!("../parts/ds18b20.toml")),
    ("parts/hd44780.toml", include_str!("../parts/hd44780.toml")),
    ("parts/hd44780-20x4.toml", include_str!("../parts/hd44780-20x4.toml")),
    ("parts/hd44780-i2c.toml", include_str!("../parts/hd44780-i2c.toml")),
    ("parts/ws2812.toml", include_str!("../parts/ws2812.toml")),
    ("parts/sd-card.toml", include_str!("../parts/sd-card.toml")),
];

/// All kinds of parts. They are parsed once: every board's description needs them.
pub fn part_kinds() -> &'static [PartKind] {
    static KINDS: LazyLock<Vec<PartKind>> = LazyLock::new(|| {
        let parse = |(file, text): &(&str, &str)| PartKind::parse(file, text).expect("shipped parts are tested");
        PARTS.iter().map(parse).collect()
    });
    &KINDS
}

/// All boards that ship with Drydock. They are parsed once: each board that is switched on looks for its kind.
pub fn boards() -> Vec<Board> {
    shipped().to_vec()
}

fn shipped() -> &'static [Board] {
    static SHIPPED: LazyLock<Vec<Board>> = LazyLock::new(|| {
        let parse = |(file, text): &(&str, &str)| {
            Board::parse(file, text, shipped_chips()).expect("shipped board descriptions are tested")
        };
        BOARDS.iter().map(parse).collect()
    });
    &SHIPPED
}

/// The board called `name`, QEMU's included.
pub fn board(name: &str) -> Option<Board> {
    let board = shipped().iter().find(|board| board.name == name).cloned();
    board.or_else(|| Some(qemu_board()).filter(|board| board.name == name))
}

/// All chips that ship with Drydock.
pub fn chips() -> Vec<Chip> {
    shipped_chips().to_vec()
}

fn shipped_chips() -> &'static [Chip] {
    static SHIPPED: LazyLock<Vec<Chip>> = LazyLock::new(|| {
        let parse =
            |(file, text): &(&str, &str)| Chip::parse(file, text).expect("shipped chip descriptions are tested");
        CHIPS.iter().map(parse).collect()
    });
    &SHIPPED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_descriptions_are_valid() {
        let chips: Vec<Chip> = CHIPS
            .iter()
            .map(|(file, text)| Chip::parse(file, text).unwrap_or_else(|invalid| panic!("{invalid}")))
            .collect();
        for (file, text) in BOARDS {
            let board = Board::parse(file, text, &chips).unwrap_or_else(|invalid| panic!("{invalid}"));
            assert_eq!(*file, format!("boards/{}.toml", board.name));
        }
    }

    #[test]
    fn shipped_parts_are_valid() {
        for (file, text) in PARTS {
            let kind = PartKind::parse(file, text).unwrap_or_else(|invalid| panic!("{invalid}"));
            assert_eq!(*file, format!("parts/{}.toml", kind.name));
        }
    }

    #[test]
    fn every_description_in_the_tree_ships() {
        for (folder, list) in [("boards", BOARDS), ("chips", CHIPS), ("parts", PARTS)] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let mut files: Vec<String> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy()))
                .collect();
            files.sort();
            let mut listed: Vec<&str> = list.iter().map(|(file, _)| *file).collect();
            listed.sort_unstable();
            assert_eq!(files, listed);
        }
    }
}
