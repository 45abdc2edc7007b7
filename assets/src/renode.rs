//! How Renode runs our chips, as data: the Renode description that is used, the peripherals that it must have, and the
//! additions.

use serde::Deserialize;

use crate::section::{Invalid, Reader};

/// How Renode runs a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenodeChip {
    /// Our name of the chip.
    pub chip: String,
    /// Renode's description of the chip, relative to Renode's own folder.
    pub base: String,
    /// Name of the core there.
    pub cpu: String,
    /// Names of the UARTs there, by our index.
    pub uarts: Vec<String>,
    /// Names of the GPIO ports in the description, 32 pins each.
    pub ports: Vec<String>,
    /// Peripherals without which the chip is not complete.
    pub expects: Vec<String>,
    /// Bus commands at the end of loading, in place of those in the base description.
    pub init: Vec<String>,
    /// Where the number of the reset pin is written.
    pub reset_pin_words: Vec<u32>,
    /// Which of the seed's streams the factory draws from.
    pub stream: u8,
    /// Words that the factory wrote.
    pub words: Vec<FactoryWord>,
    /// Words that differ from chip to chip, to be drawn in this order.
    pub drawn: Vec<DrawnWords>,
    /// Entries that are added to the description.
    pub additions: &'static str,
    /// Scripts that the additions name.
    pub scripts: &'static [(&'static str, &'static str)],
}

/// A word that is the same in all chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactoryWord {
    /// Where.
    pub addr: u32,
    /// What.
    pub value: u32,
}

/// Words that are random except for some bits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnWords {
    /// The first one's address.
    pub addr: u32,
    /// How many.
    pub words: u32,
    /// Bits that are one, by word.
    #[serde(default)]
    pub ones: Vec<u32>,
    /// From this byte on, they are capital letters.
    pub letters_from: Option<u32>,
}

/// A chip's file, with its additions and the scripts that the additions name.
type Source = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const CHIPS: &[Source] = &[
    (
        "renode/nrf52840.toml",
        include_str!("../renode/nrf52840.toml"),
        include_str!("../renode/nrf52840.repl"),
        &[
            ("nrf52840-nvmc.py", include_str!("../renode/nrf52840-nvmc.py")),
            ("nrf52840-temp.py", include_str!("../renode/nrf52840-temp.py")),
            ("nrf52840-uarte.py", include_str!("../renode/nrf52840-uarte.py")),
        ],
    ),
    (
        "renode/stm32f407.toml",
        include_str!("../renode/stm32f407.toml"),
        include_str!("../renode/stm32f407.repl"),
        &[("stm32f407-usart2.py", include_str!("../renode/stm32f407-usart2.py"))],
    ),
];

/// How Renode runs the chip called `chip`. `None` if it cannot.
pub fn renode_chip(chip: &str) -> Option<RenodeChip> {
    CHIPS
        .iter()
        .map(|source| parse(source).expect("shipped descriptions are tested"))
        .find(|described| described.chip == chip)
}

fn parse(&(file, text, additions, scripts): &Source) -> Result<RenodeChip, Invalid> {
    let mut reader = Reader::new(file, text);
    let chip = reader.required("chip");
    let base = reader.required("base");
    let cpu = reader.required("cpu");
    let uarts = reader.required("uarts");
    let ports = reader.required("ports");
    let expects = reader.required("expects");
    let init = reader.required("init");
    let reset_pin_words = reader.required("reset_pin_words");
    let stream = reader.required("stream");
    let words = reader.all("word");
    let drawn = reader.all("drawn");
    let described = (|| {
        Some(RenodeChip {
            chip: chip?,
            base: base?,
            cpu: cpu?,
            uarts: uarts?,
            ports: ports?,
            expects: expects?,
            init: init?,
            reset_pin_words: reset_pin_words?,
            stream: stream?,
            words,
            drawn,
            additions,
            scripts,
        })
    })();
    reader.finish(described)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_descriptions_are_valid() {
        for source in CHIPS {
            let described = parse(source).unwrap_or_else(|invalid| panic!("{invalid}"));
            let chips = crate::chips();
            let chip = chips.iter().find(|chip| chip.name == described.chip).expect("our chip");
            assert_eq!(described.uarts.len(), usize::from(chip.uarts));
            assert!(described.ports.len() * 32 >= usize::from(chip.pins));
            for (name, script) in described.scripts {
                assert!(described.additions.contains(name), "{name} is used");
                // They become strings between these quotes, where a backslash may only stand before a quote.
                assert!(!script.contains("'''") && !script.contains('\\'), "{name}");
            }
        }
    }
}
