//! The pins that a board's firmware offers to apps.
//!
//! Apps know pins by numbers from 0 to 63. A pin's number is the chip's, unless an LED's `app_pin` says otherwise: some boards
//! have their LEDs on pins above 63. The constants in `firmware/boards` say the same; a test compares the two.

use serde::Deserialize;
use toml::Spanned;

use crate::board::{Led, Link, Pin};
use crate::chip::Chip;
use crate::section::Reader;

/// One more than the highest pin that an app can name: a grant is a bit for each pin.
const NUMBERS: u16 = 64;

/// The section `[apps]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppsSection {
    pins: Vec<Spanned<u16>>,
}

/// What the numbers are checked against.
pub(crate) struct AppPins<'r, 'a> {
    pub(crate) reader: &'r mut Reader<'a>,
    pub(crate) chip: &'r Chip,
    pub(crate) link: Option<Link>,
    /// Whether the board takes apps.
    pub(crate) takes_apps: bool,
}

impl AppPins<'_, '_> {
    /// The pins that are offered, ascending; gives each LED that apps may use its number. `numbers` are the `app_pin` of the
    /// LEDs. Without a section, nothing is offered.
    pub(crate) fn resolve(
        mut self,
        section: Option<AppsSection>,
        leds: &mut [Led],
        numbers: &[Option<Spanned<u16>>],
    ) -> Vec<u8> {
        let section = section.map_or_else(Vec::new, |apps| apps.pins);
        if let Some(first) = section.first().filter(|_| !self.takes_apps) {
            self.reader
                .problem(first.span(), "a board that takes no apps offers them no pins");
            return Vec::new();
        }
        let named: Vec<u16> = numbers.iter().flatten().map(|number| *number.get_ref()).collect();
        let mut pins = Vec::new();
        for number in &section {
            match self.problem(*number.get_ref(), &named, &pins) {
                Some(what) => self.reader.problem(number.span(), &what),
                None => pins.extend(u8::try_from(*number.get_ref())),
            }
        }
        self.number_leds(leds, numbers, &named, &pins);
        pins.sort_unstable();
        pins
    }

    /// Why a number cannot be offered, given the LEDs' own numbers and those before it.
    fn problem(&self, number: u16, named: &[u16], before: &[u8]) -> Option<String> {
        let on_link = |link: Link| [link.tx, link.rx].contains(&Some(Pin(number)));
        let of_led = named.contains(&number);
        if number >= NUMBERS {
            Some(format!("apps have no pin {number}: theirs are 0 to {}", NUMBERS - 1))
        } else if before.iter().any(|pin| u16::from(*pin) == number) {
            Some(format!("pin {number} is there twice"))
        } else if !of_led && number >= self.chip.pins {
            Some(format!("{} has no pin {number}", self.chip.title))
        } else if !of_led && self.link.is_some_and(on_link) {
            Some(format!("pin {number} carries the link"))
        } else {
            None
        }
    }

    fn number_leds(&mut self, leds: &mut [Led], numbers: &[Option<Spanned<u16>>], named: &[u16], pins: &[u8]) {
        let offered = |number: u16| pins.iter().copied().find(|pin| u16::from(*pin) == number);
        for (led, number) in leds.iter_mut().zip(numbers) {
            let Some(number) = number else {
                // Where another LED has the number, this one is out of reach.
                led.app_pin = offered(led.pin.0).filter(|_| !named.contains(&led.pin.0));
                continue;
            };
            led.app_pin = offered(*number.get_ref());
            if led.app_pin.is_none() {
                let what = format!(
                    "apps are not offered pin {}, which `{}` has for them",
                    number.get_ref(),
                    led.name
                );
                self.reader.problem(number.span(), &what);
            }
            if named.iter().filter(|other| *other == number.get_ref()).count() > 1 {
                let what = format!("pin {} stands for more than one LED", number.get_ref());
                self.reader.problem(number.span(), &what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use crate::{Board, boards, chips, qemu_board};

    const DISCOVERY: &str = include_str!("../boards/stm32f4-discovery.toml");

    #[track_caller]
    fn check(from: &str, to: &str, expected: &[&str]) {
        assert!(DISCOVERY.contains(from), "the test replaces text that is not there");
        let text = DISCOVERY.replacen(from, to, 1);
        let problems = match Board::parse("b.toml", &text, &chips()) {
            Ok(_) => Vec::new(),
            Err(invalid) => invalid.problems.into_iter().map(|problem| problem.what).collect(),
        };
        assert_eq!(problems, expected);
    }

    #[test]
    fn what_is_wrong_with_a_pin_is_named() {
        check(
            "    1, 8,",
            "    1, 8, 64,",
            &["apps have no pin 64: theirs are 0 to 63"],
        );
        check("    1, 8,", "    1, 8, 1,", &["pin 1 is there twice"]);
        check("    1, 8,", "    1, 8, 3,", &["pin 3 carries the link"]);
        check(
            "app_pin = 12",
            "app_pin = 11",
            &["apps are not offered pin 11, which `LD4` has for them"],
        );
        let twice = "pin 13 stands for more than one LED";
        check("app_pin = 12", "app_pin = 13", &[twice, twice]);
        check(
            "[link]",
            "[limit]\nenrolls = true\napps = false\ntext = \"small\"\n[link]",
            &["a board that takes no apps offers them no pins"],
        );
    }

    #[test]
    fn an_led_has_the_number_of_its_pin_or_its_own() {
        let leds = |board: &Board| {
            let leds = board.leds.iter().map(|led| (led.name.clone(), led.app_pin));
            leds.collect::<Vec<_>>()
        };
        let [nano, hifive, discovery, ..] = &boards()[..] else {
            panic!("the boards are gone");
        };
        assert_eq!(leds(nano)[0], ("LED".into(), Some(13)));
        assert_eq!(leds(nano)[1], ("PWR".into(), Some(41)));
        assert_eq!(leds(discovery)[0], ("LD4".into(), Some(12)));
        assert_eq!(discovery.app_leds(), [12, 13, 14, 15]);
        assert_eq!(
            (hifive.app_pins.as_slice(), hifive.app_leds()),
            ([].as_slice(), Vec::new())
        );

        // The number 12 is LD4's, so that an LED on the chip's pin 12 has none.
        let text = DISCOVERY.replacen("pin = \"P3.13\"\napp_pin = 13", "pin = \"P0.12\"", 1);
        let board = Board::parse("b.toml", &text, &chips()).unwrap();
        assert_eq!(board.app_leds(), [12, 14, 15]);
    }

    /// What a board's firmware offers: its constant `APP_PINS`, or an empty set in its `BoardInfo`.
    fn offered_by_firmware(sources: &Path) -> BTreeSet<u8> {
        let entries = fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.is_file());
        let sources: Vec<String> = files.map(|file| fs::read_to_string(file).unwrap()).collect();
        let constant = sources
            .iter()
            .find_map(|text| text.split_once("const APP_PINS: &[u8] = &["));
        let Some((_, rest)) = constant else {
            let none = ["app_pins: PinSet::of(&[]),", "app_pins: PinSet::default(),"];
            let says_so = |text: &String| none.iter().any(|none| text.contains(none));
            assert!(
                sources.iter().any(says_so),
                "the firmware does not say what it offers to apps"
            );
            return BTreeSet::new();
        };
        let (list, _) = rest.split_once("];").unwrap();
        let code = list.lines().map(|line| line.split("//").next().unwrap_or_default());
        let numbers = code.flat_map(|line| line.split(',')).map(str::trim);
        let numbers = numbers.filter(|number| !number.is_empty());
        numbers.map(|number| number.parse().expect("a pin's number")).collect()
    }

    #[test]
    fn boards_offer_what_their_firmware_offers() {
        let firmware = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/boards");
        for board in boards().into_iter().chain([qemu_board()]) {
            let sources: PathBuf = firmware.join(&board.name).join("src");
            // A board that has no firmware yet has nothing to compare.
            if !sources.is_dir() {
                continue;
            }
            let offered: Vec<u8> = offered_by_firmware(&sources).into_iter().collect();
            assert_eq!(board.app_pins, offered, "{}", board.name);
        }
    }
}
