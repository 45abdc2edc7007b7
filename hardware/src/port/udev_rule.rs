//! The udev rule that gives the user at the machine permission for boards, their adapters and debug probes.

use drydock_assets::boards;
use std::collections::BTreeSet;

/// Where the rule is installed. udev gives permission in its rules file 73, so the number must be lower.
pub const RULE_PATH: &str = "/etc/udev/rules.d/70-drydock.rules";

/// USB-UART bridges on boards and adapters: vendor, product, name.
const BRIDGES: &[(u16, u16, &str)] = &[
    (0x0403, 0x6001, "FTDI FT232R"),
    (0x0403, 0x6010, "FTDI FT2232"),
    (0x0403, 0x6011, "FTDI FT4232"),
    (0x0403, 0x6014, "FTDI FT232H"),
    (0x0403, 0x6015, "FTDI FT-X"),
    (0x067b, 0x2303, "PL2303"),
    (0x067b, 0x23a3, "PL2303GS"),
    (0x10c4, 0xea60, "CP210x"),
    (0x10c4, 0xea70, "CP2105"),
    (0x1a86, 0x5523, "CH341"),
    (0x1a86, 0x55d3, "CH343"),
    (0x1a86, 0x55d4, "CH9102"),
    (0x1a86, 0x7522, "CH340K"),
    (0x1a86, 0x7523, "CH340"),
];

/// Debug probes: vendor, product or `None` for all of the vendor's, name.
const PROBES: &[(u16, Option<u16>, &str)] = &[
    (0x0483, Some(0x3744), "ST-LINK/V1"),
    (0x0483, Some(0x3748), "ST-LINK/V2"),
    (0x0483, Some(0x374b), "ST-LINK/V2-1"),
    (0x0483, Some(0x374d), "STLINK-V3 loader"),
    (0x0483, Some(0x374e), "STLINK-V3"),
    (0x0483, Some(0x374f), "STLINK-V3"),
    (0x0483, Some(0x3752), "ST-LINK/V2-1"),
    (0x0483, Some(0x3753), "STLINK-V3"),
    (0x0483, Some(0x3754), "STLINK-V3"),
    (0x0483, Some(0x3755), "STLINK-V3 loader"),
    (0x0483, Some(0x3757), "STLINK-V3PWR"),
    (0x0d28, Some(0x0204), "DAPLink"),
    (0x1366, None, "J-Link"),
    (0x2e8a, Some(0x000c), "Raspberry Pi Debug Probe"),
    (0x303a, Some(0x1001), "Espressif USB JTAG"),
    (0x303a, Some(0x1002), "ESP-PROG-2"),
];

/// The text of the rule: the USB ids of all boards and their bootloaders, common USB-UART bridges, and debug probes. It
/// also tells ModemManager to leave them alone.
pub fn udev_rule() -> String {
    let mut text = String::from(
        "# Drydock: boards, their USB-serial adapters and debug probes belong to the user at the machine.\n\
         # Generated from Drydock's board descriptions. Remove this file to undo it.\n\
         ACTION==\"remove\", GOTO=\"drydock_end\"\n\
         SUBSYSTEM!=\"usb|tty|hidraw\", GOTO=\"drydock_end\"\n",
    );
    for (vendor, product, name) in devices() {
        text += &format!("\n# {name}\n");
        let mut keys = format!("ATTRS{{idVendor}}==\"{vendor:04x}\"");
        if let Some(product) = product {
            keys += &format!(", ATTRS{{idProduct}}==\"{product:04x}\"");
        }
        text += &format!("{keys}, {GIVE}\n");
    }
    text += "\n# Any CMSIS-DAP probe: the standard asks for these words in its name.\n";
    text += &format!("ATTRS{{product}}==\"*CMSIS-DAP*\", {GIVE}\n");
    text += "\nLABEL=\"drydock_end\"\n";
    text
}

/// What a matching rule gives.
const GIVE: &str = "MODE=\"0660\", TAG+=\"uaccess\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"";

/// Whether the rule gives permission for a USB device, as far as its ids tell.
#[cfg(any(unix, test))]
pub(crate) fn covers(vendor: u16, product: u16) -> bool {
    devices()
        .iter()
        .any(|(of, only, _)| *of == vendor && only.is_none_or(|only| only == product))
}

/// The name of a USB-UART bridge that many boards and adapters have.
pub(crate) fn bridge_name(vendor: u16, product: u16) -> Option<&'static str> {
    let found = BRIDGES.iter().find(|(of, which, _)| (*of, *which) == (vendor, product));
    found.map(|(.., name)| *name)
}

/// The name of a debug probe, alone or on a board, whose ids say what it is.
pub(crate) fn probe_name(vendor: u16, product: u16) -> Option<&'static str> {
    let found = PROBES
        .iter()
        .find(|(of, only, _)| *of == vendor && only.is_none_or(|only| only == product));
    found.map(|(.., name)| *name)
}

/// Whether the rule is installed as it is now.
pub fn is_installed() -> bool {
    std::fs::read_to_string(RULE_PATH).is_ok_and(|text| text == udev_rule())
}

/// All devices of the rule: vendor, product or `None` for all, name. Each once, boards first.
fn devices() -> Vec<(u16, Option<u16>, String)> {
    let mut seen = BTreeSet::new();
    let mut devices = Vec::new();
    let boards = boards();
    let of_boards = boards.iter().flat_map(|board| {
        let bootloaders = board.flashing.iter().flat_map(|it| &it.usb_ids);
        let ids = board.connector.usb_ids.iter().chain(bootloaders);
        ids.map(|(vendor, product)| (*vendor, Some(*product), board.title.clone()))
    });
    let bridges = BRIDGES
        .iter()
        .map(|(vendor, product, name)| (*vendor, Some(*product), (*name).to_owned()));
    let probes = PROBES
        .iter()
        .map(|(vendor, product, name)| (*vendor, *product, (*name).to_owned()));
    for device in of_boards.chain(bridges).chain(probes) {
        if seen.insert((device.0, device.1)) {
            devices.push(device);
        }
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_covers_all_boards_bridges_and_probes_once() {
        let rule = udev_rule();
        let line = |vendor: &str, product: &str| {
            format!("ATTRS{{idVendor}}==\"{vendor}\", ATTRS{{idProduct}}==\"{product}\", {GIVE}\n")
        };
        for (vendor, product) in [
            ("2341", "805a"),
            ("2341", "005a"), // a bootloader
            ("2341", "0369"),
            ("0483", "df11"), // in DFU mode
            ("10c4", "ea60"),
            ("1a86", "7523"),
            ("0483", "374b"),
            ("303a", "1001"),
        ] {
            assert_eq!(
                rule.matches(&line(vendor, product)).count(),
                1,
                "{vendor}:{product} in {rule}"
            );
        }
        assert!(rule.contains("ATTRS{idVendor}==\"1366\", MODE"), "{rule}");
        assert!(rule.contains("*CMSIS-DAP*"), "{rule}");
        assert!(covers(0x1366, 0x1051) && covers(0x2341, 0x0069) && !covers(0x046d, 0xc52b));
    }

    /// udev reports each mistake in a rules file; `udevadm verify` does the same without installing it.
    #[test]
    fn each_line_is_made_of_udevs_words() {
        let jumps = ["drydock_end"];
        for line in udev_rule()
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            for part in line.split(", ") {
                let (key, value) = part.split_once('"').expect("a quoted value");
                let value = value.strip_suffix('"').expect("a quoted value");
                assert!(!value.contains('"'), "{line}");
                let known = match key {
                    "ACTION==" | "SUBSYSTEM!=" | "MODE=" | "TAG+=" => true,
                    "ATTRS{idVendor}==" | "ATTRS{idProduct}==" => {
                        u16::from_str_radix(value, 16).is_ok() && value.len() == 4
                    }
                    "ATTRS{product}==" | "ENV{ID_MM_DEVICE_IGNORE}=" => true,
                    "GOTO=" | "LABEL=" => jumps.contains(&value),
                    _ => false,
                };
                assert!(known, "{part} in {line}");
            }
        }
    }
}
