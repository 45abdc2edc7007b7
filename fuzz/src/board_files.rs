//! Files of users' boards, which users pass to each other.

use drydock_assets::{Board, Invalid};

/// Files with every section and key: a board that extends another, and one that names a chip.
const GOOD: [&str; 2] = [
    r##"name = "good-1"
title = "Good"
extends = "nano33ble"
remove = ["PWR", "internal", "lsm9ds1"]
analog = ["P0.04", "P0.05"]
[[led]]
name = "LED"
pin = "P0.27"
active = "low"
colour = "#00ff00"
group = "RGB"
[[button]]
name = "MODE"
pin = "P1.12"
active = "high"
resets = false
[[i2c]]
name = "outdoor"
scl = "P0.27"
sda = "P0.21"
needs = ["P0.22"]
[[spi]]
name = "spi"
sck = "P0.13"
mosi = "P1.01"
miso = "P1.08"
select = "P1.02"
[[uart]]
name = "gps"
uart = 1
tx = "P1.01"
rx = "P1.02"
[[part]]
kind = "bme280"
name = "roof"
bus = "outdoor"
address = 0x77
values = { temperature = -4.0 }
[[part]]
kind = "w25q32"
select = "P1.02"
[[part]]
kind = "potentiometer"
pin = "P0.05"
"##,
    "name = \"good-2\"\nchip = \"stm32f407\"\n[[led]]\nname = \"L\"\npin = \"P3.12\"\nactive = \"high\"\ncolour = \"red\"\n[[uart]]\nname = \"debug\"\nuart = 3\n",
];

/// Uses the input as a file, and as damage to good ones: two bytes say where it takes the place of how much. A file is refused
/// with at least one problem, each at a line of the file, or its board keeps what firmware relies on.
pub fn board_file(data: &[u8]) {
    read(&String::from_utf8_lossy(data));
    if let [at, length, damage @ ..] = data {
        for good in GOOD {
            let at = usize::from(*at) * good.len() / 256;
            let end = (at + usize::from(*length) % 32).min(good.len());
            let mut bytes = good.as_bytes().to_vec();
            bytes.splice(at..end, damage.iter().take(64).copied());
            read(&String::from_utf8_lossy(&bytes));
        }
    }
}

fn read(text: &str) {
    match Board::parse_own("b.toml", text) {
        Ok(board) => {
            let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!((1..=32).contains(&board.name.len()) && board.name.bytes().all(letters));
            assert!(drydock_assets::board(&board.name).is_none(), "it has a name of its own");
            match &board.extends {
                Some(base) => {
                    let base = drydock_assets::board(base).expect("a shipped board is extended");
                    assert_eq!((board.boot, board.link), (base.boot, base.link));
                    assert_eq!(
                        (&board.flash, &board.chip, &board.app_pins),
                        (&base.flash, &base.chip, &base.app_pins)
                    );
                }
                None => assert!(board.app_pins.is_empty() && board.limit.is_some()),
            }
            let pins = board
                .leds
                .iter()
                .map(|led| led.pin)
                .chain(board.buttons.iter().map(|button| button.pin));
            assert!(
                pins.chain(board.analog.iter().copied())
                    .all(|pin| pin.0 < board.chip.pins)
            );
            assert!(board.uarts.iter().all(|uart| uart.uart < board.chip.uarts));
        }
        Err(Invalid { problems, .. }) => {
            assert!(!problems.is_empty());
            assert!(problems.is_sorted_by_key(|problem| problem.line));
            let lines = 1 + text.matches('\n').count();
            for problem in &problems {
                assert!((1..=lines).contains(&problem.line), "{problem:?}");
                assert!(!problem.what.is_empty());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_good_ones_are_good() {
        for good in GOOD {
            Board::parse_own("b.toml", good).unwrap_or_else(|invalid| panic!("{invalid}"));
        }
    }
}
