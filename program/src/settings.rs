//! What a program's file says about the chip besides its code, in words: option bytes and the like, which decide what the chip
//! does at its next reset. Only what differs from an erased chip is told.

use drydock_hardware::flash::Segment;

/// A clause for each setting that the parts of a file hold, for a chip by its name in the assets.
pub(crate) fn in_words(parts: &[Segment], chip: &str, boot: u32) -> Vec<String> {
    let word = |address: u32| {
        parts.iter().find_map(|part| {
            let at = address.checked_sub(part.address)? as usize;
            Some(u32::from_le_bytes(*part.bytes.get(at..)?.first_chunk()?))
        })
    };
    match chip {
        "nrf52840" => uicr(word),
        "stm32f407" => option_bytes(word),
        // Its words lie in the code flash, among those of the program that starts at its beginning.
        "ra4m1" if boot == 0 => option_setting_memory(word),
        _ => Vec::new(),
    }
}

/// UICR (nRF52840 Product Specification, 4.5).
fn uicr(word: impl Fn(u32) -> Option<u32>) -> Vec<String> {
    let set = |offset: u32| word(0x1000_1000 + offset).filter(|value| *value != u32::MAX);
    let mut said = Vec::new();
    if let Some(at) = set(0x014) {
        said.push(format!("the bootloader is at {at:#x}"));
    }
    if let Some(at) = set(0x018) {
        said.push(format!("the MBR's parameters are at {at:#x}"));
    }
    // Both registers must name the pin.
    if let (Some(one), Some(two)) = (set(0x200), set(0x204))
        && one == two
        && one >> 31 == 0
    {
        said.push(format!("the reset pin is P{}.{:02}", one >> 5 & 1, one & 31));
    }
    if set(0x208).is_some_and(|value| value & 0xff == 0) {
        said.push("debuggers are locked out".into());
    }
    if set(0x20c).is_some_and(|value| value & 1 == 0) {
        said.push("the pins of NFC are GPIOs".into());
    }
    let volts = set(0x304).and_then(|value| {
        ["1.8", "2.1", "2.4", "2.7", "3.0", "3.3"]
            .get((value & 7) as usize)
            .copied()
    });
    if let Some(volts) = volts {
        said.push(format!("REG0 supplies {volts} V"));
    }
    said
}

/// Option bytes (RM0090, 3.6.1).
fn option_bytes(word: impl Fn(u32) -> Option<u32>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(user) = word(0x1fff_c000) {
        match user >> 8 & 0xff {
            0xaa => {}
            0xcc => said.push("debuggers are locked out for good (RDP level 2)".into()),
            _ => said.push("flash cannot be read by debuggers (RDP level 1)".into()),
        }
        if user & 1 << 5 == 0 {
            said.push("the independent watchdog starts by itself".into());
        }
    }
    let protected = word(0x1fff_c008)
        .map(|nwrp| !nwrp & 0xfff)
        .filter(|sectors| *sectors != 0);
    if let Some(sectors) = protected {
        let sectors: Vec<String> = (0..12)
            .filter(|sector| sectors >> sector & 1 != 0)
            .map(|sector| sector.to_string())
            .collect();
        said.push(format!("sectors {} cannot be written", sectors.join(", ")));
    }
    said
}

/// OFS0 and OFS1 (RA4M1 manual, 7.2).
fn option_setting_memory(word: impl Fn(u32) -> Option<u32>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(ofs0) = word(0x400) {
        for (bit, watchdog) in [(1, "IWDT"), (17, "WDT")] {
            if ofs0 >> bit & 1 == 0 {
                said.push(format!("{watchdog} starts by itself"));
            }
        }
    }
    let ofs1 = word(0x404).filter(|ofs1| *ofs1 != u32::MAX);
    if let Some(ofs1) = ofs1 {
        let mhz = match ofs1 >> 12 & 7 {
            0 => Some(24),
            2 => Some(32),
            4 => Some(48),
            5 => Some(64),
            _ => None,
        };
        if let Some(mhz) = mhz {
            let runs = if ofs1 >> 8 & 1 == 0 {
                "runs after a reset"
            } else {
                "is off after a reset"
            };
            said.push(format!("HOCO has {mhz} MHz and {runs}"));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(chip: &str, words: &[(u32, u32)], expected: &[&str]) {
        let parts: Vec<Segment> = words
            .iter()
            .map(|(address, word)| Segment {
                address: *address,
                bytes: word.to_le_bytes().to_vec(),
            })
            .collect();
        assert_eq!(in_words(&parts, chip, 0), expected);
    }

    #[test]
    fn uicr_is_said_in_words() {
        let uicr = |offset: u32, word: u32| (0x1000_1000 + offset, word);
        check(
            "nrf52840",
            &[
                uicr(0x14, 0xf_4000),
                uicr(0x18, 0xf_e000),
                uicr(0x200, 0x12),
                uicr(0x204, 0x12),
                uicr(0x20c, !1),
                uicr(0x304, !2),
            ],
            &[
                "the bootloader is at 0xf4000",
                "the MBR's parameters are at 0xfe000",
                "the reset pin is P0.18",
                "the pins of NFC are GPIOs",
                "REG0 supplies 3.3 V",
            ],
        );
        check(
            "nrf52840",
            &[uicr(0x208, !0xff), uicr(0x200, 0x2a), uicr(0x204, 0x2a)],
            &["the reset pin is P1.10", "debuggers are locked out"],
        );
        // Erased words, and a pin that only one register names, or each another one.
        check(
            "nrf52840",
            &[uicr(0x14, u32::MAX), uicr(0x200, 0x12), uicr(0x304, u32::MAX)],
            &[],
        );
        check("nrf52840", &[uicr(0x200, 0x12), uicr(0x204, 0x13)], &[]);
        check("fe310-g002", &[uicr(0x14, 0xf_4000)], &[]);
    }

    #[test]
    fn option_bytes_are_said_in_words() {
        check("stm32f407", &[(0x1fff_c000, 0xffff_aaef), (0x1fff_c008, u32::MAX)], &[]);
        check(
            "stm32f407",
            &[(0x1fff_c000, 0xffff_00cf), (0x1fff_c008, 0xffff_fffc)],
            &[
                "flash cannot be read by debuggers (RDP level 1)",
                "the independent watchdog starts by itself",
                "sectors 0, 1 cannot be written",
            ],
        );
        check(
            "stm32f407",
            &[(0x1fff_c000, 0xffff_ccef)],
            &["debuggers are locked out for good (RDP level 2)"],
        );
    }

    #[test]
    fn option_setting_memory_is_said_in_words() {
        check(
            "ra4m1",
            &[(0x400, !2), (0x404, !0x7100 | 0x4000)],
            &["IWDT starts by itself", "HOCO has 48 MHz and runs after a reset"],
        );
        check("ra4m1", &[(0x400, u32::MAX), (0x404, u32::MAX)], &[]);
        let behind = [Segment {
            address: 0x400,
            bytes: vec![0; 8],
        }];
        assert!(in_words(&behind, "ra4m1", 0x4000).is_empty());
    }

    proptest! {
        #[test]
        fn any_parts_are_survived(
            chip in prop::sample::select(vec!["nrf52840", "stm32f407", "ra4m1", "esp32-c6"]),
            address in prop::sample::select(vec![0_u32, 0x3fd, 0x1000_0ffe, 0x1fff_c001, u32::MAX - 3]),
            bytes in prop::collection::vec(any::<u8>(), 0..0x310),
        ) {
            in_words(&[Segment { address, bytes }], chip, 0);
        }
    }
}
