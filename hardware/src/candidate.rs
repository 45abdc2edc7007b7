//! Which board a serial port or a debug probe most likely belongs to, and why. Boards are data; nothing is opened.

use crate::port::{Port, UsbIdentity, bridge_name, probe_name};
use drydock_assets::{Board, ConnectorKind, FlashMethod, boards};

/// A board that a port or a probe may belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Name of the board's description, for example `nano33ble`.
    pub board: String,
    /// Title of the board.
    pub title: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// The reason, in one sentence.
    pub reason: String,
}

/// How sure a candidate is; the surest is the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Only this board shows this.
    Certain,
    /// Other boards may show the same.
    Likely,
    /// Many boards show the same.
    Possible,
}

/// The boards that a port may belong to, the likeliest first.
pub fn candidates(port: &Port) -> Vec<Candidate> {
    let Some(usb) = &port.usb else { return Vec::new() };
    best_first((usb.vendor, usb.product), |board| of_port(board, usb))
}

/// The boards that a device in DFU mode may be, the likeliest first.
pub fn candidates_of_dfu(usb: &UsbIdentity) -> Vec<Candidate> {
    let id = (usb.vendor, usb.product);
    best_first(id, |board| of_dfu(board, id))
}

/// The boards that a debug probe may be on, the likeliest first. `name` is what the probe calls itself. `chip` is the chip
/// that it found, by its name in probe-rs' list of targets or by a shorter one; `None` before it was asked.
pub fn candidates_of_probe(vendor: u16, product: u16, name: &str, chip: Option<&str>) -> Vec<Candidate> {
    let probe = probe_name(vendor, product).unwrap_or(name);
    let id = (vendor, product);
    best_first(id, |board| of_probe(board, id, probe, chip))
}

/// The candidates among all boards. Of those with the same confidence, boards that show this id themselves come first, and
/// the others keep the order in which boards are shown everywhere.
fn best_first(id: (u16, u16), candidate: impl Fn(&Board) -> Option<Candidate>) -> Vec<Candidate> {
    let boards = boards();
    let mut found: Vec<(bool, Candidate)> = boards
        .iter()
        .filter_map(|board| Some((!board.connector.usb_ids.contains(&id), candidate(board)?)))
        .collect();
    found.sort_by_key(|(is_foreign, candidate)| (candidate.confidence, *is_foreign));
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

fn candidate(board: &Board, confidence: Confidence, reason: String) -> Candidate {
    Candidate {
        board: board.name.clone(),
        title: board.title.clone(),
        confidence,
        reason,
    }
}

fn of_port(board: &Board, usb: &UsbIdentity) -> Option<Candidate> {
    let id = (usb.vendor, usb.product);
    let shown = format!("{:04x}:{:04x}", id.0, id.1);
    let title = &board.title;
    if board.flashing.iter().any(|way| way.usb_ids.contains(&id)) {
        let reason = format!("USB id {shown} is that of the {title}, and its bootloader is running.");
        return Some(candidate(board, Confidence::Certain, reason));
    }
    let is_its_own = board.connector.usb_ids.contains(&id);
    if let Some(bridge) = bridge_name(id.0, id.1) {
        let reason = match board.connector.kind {
            ConnectorKind::UsbUart if is_its_own => {
                format!("The {title} has this USB-UART bridge ({bridge}, {shown}), and so have many other boards.")
            }
            ConnectorKind::UsbUart if has_bridge(board) => {
                format!(
                    "Makers put different USB-UART bridges on the {title}; this one ({bridge}, {shown}) is on many boards."
                )
            }
            ConnectorKind::Header => {
                format!(
                    "A USB-serial adapter ({bridge}, {shown}) may be connected to the pins of the {title}, or of another board."
                )
            }
            _ => return None,
        };
        return Some(candidate(board, Confidence::Possible, reason));
    }
    if !is_its_own {
        return None;
    }
    Some(match probe_name(id.0, id.1) {
        Some(probe) => {
            let reason = format!("The {title} has this debugger on it ({probe}, {shown}); other boards have the same.");
            candidate(board, Confidence::Likely, reason)
        }
        None => {
            let reason = format!("USB id {shown} is that of the {title}.");
            candidate(board, Confidence::Certain, reason)
        }
    })
}

fn of_dfu(board: &Board, id: (u16, u16)) -> Option<Candidate> {
    let mut ways = board.flashing.iter().filter(|way| way.method == FlashMethod::Dfu);
    if !ways.any(|way| way.usb_ids.contains(&id)) {
        return None;
    }
    let shown = format!("{:04x}:{:04x}", id.0, id.1);
    let title = &board.title;
    Some(match board.connector.usb_ids.contains(&id) {
        true => {
            let reason = format!("USB id {shown} is that of the {title}, and its bootloader is running.");
            candidate(board, Confidence::Certain, reason)
        }
        // The id is the chip's, not the board's.
        false => {
            let reason = format!(
                "USB id {shown} is that of the bootloader in the {title}'s chip; other chips and boards show the same."
            );
            candidate(board, Confidence::Likely, reason)
        }
    })
}

/// Whether the board's own bridge is a common one, which other makers replace by another.
fn has_bridge(board: &Board) -> bool {
    board
        .connector
        .usb_ids
        .iter()
        .any(|(vendor, product)| bridge_name(*vendor, *product).is_some())
}

fn of_probe(board: &Board, id: (u16, u16), probe: &str, chip: Option<&str>) -> Option<Candidate> {
    let title = &board.title;
    let is_on_board = board.connector.usb_ids.contains(&id);
    let target = board.flashing.iter().find(|way| way.method == FlashMethod::Probe);
    let target = target.and_then(|way| way.target.as_deref());
    if target.is_none() && !is_on_board {
        return None;
    }
    if let Some(chip) = chip {
        let fits = target.is_some_and(|target| is_same_chip(chip, target)) || is_same_chip(chip, &board.chip.title);
        let reason = format!("The probe found a {chip}, the chip of the {title}; other boards have the same chip.");
        return fits.then(|| candidate(board, Confidence::Likely, reason));
    }
    if is_on_board {
        let reason = format!("The {title} has this probe on it ({probe}); other boards have the same.");
        return Some(candidate(board, Confidence::Likely, reason));
    }
    let reason = format!("A probe ({probe}) may be connected to any of these boards; the chip says more.");
    Some(candidate(board, Confidence::Possible, reason))
}

/// Whether two names mean one chip: one may be longer by package and memory size, as `nRF52840_xxAA`.
fn is_same_chip(one: &str, other: &str) -> bool {
    let plain = |name: &str| -> String {
        name.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect()
    };
    let (one, other) = (plain(one), plain(other));
    // Shorter names, such as `nRF52`, are families.
    one.len().min(other.len()) >= 6 && (one.starts_with(&other) || other.starts_with(&one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(vendor: u16, product: u16) -> Vec<(String, Confidence, String)> {
        let port = Port {
            path: "/dev/ttyACM0".into(),
            topology: None,
            usb: Some(UsbIdentity {
                vendor,
                product,
                serial: None,
                manufacturer: None,
                product_name: None,
            }),
            is_virtual: false,
        };
        candidates(&port)
            .into_iter()
            .map(|it| (it.board, it.confidence, it.reason))
            .collect()
    }

    #[track_caller]
    fn check(id: (u16, u16), expected: &[(&str, Confidence)], word: &str) {
        let found = found(id.0, id.1);
        let short: Vec<(&str, Confidence)> = found
            .iter()
            .map(|(board, confidence, _)| (board.as_str(), *confidence))
            .collect();
        assert_eq!(short, expected, "{found:?}");
        assert!(
            found
                .iter()
                .all(|(.., reason)| reason.contains(word) && reason.ends_with('.')),
            "{found:?}"
        );
    }

    #[test]
    fn ids_lead_to_boards_with_their_reason() {
        use Confidence::{Certain, Likely, Possible};
        check((0x2341, 0x805a), &[("nano33ble", Certain)], "2341:805a is that of the");
        check((0x2341, 0x005a), &[("nano33ble", Certain)], "bootloader is running");
        check((0x2341, 0x0369), &[("uno-r4-minima", Certain)], "bootloader is running");
        check((0x1366, 0x1051), &[("hifive1-revb", Likely)], "J-Link");
        // An adapter may be anybody's: boards with such a bridge, and those with pins only.
        let (esp, stm) = (("esp32-c6", Possible), ("stm32f4-discovery", Possible));
        check((0x10c4, 0xea60), &[esp, stm], "CP210x");
        check((0x1a86, 0x7523), &[stm, esp], "CH340");
        check((0x046d, 0xc52b), &[], "");
        let own = found(0x10c4, 0xea60);
        assert!(own[0].2.contains("has this USB-UART bridge"), "{own:?}");
    }

    #[test]
    fn a_device_in_dfu_mode_leads_to_its_board() {
        let names = |vendor, product| -> Vec<(String, Confidence)> {
            let usb = UsbIdentity {
                vendor,
                product,
                serial: None,
                manufacturer: None,
                product_name: None,
            };
            let found = candidates_of_dfu(&usb).into_iter();
            found.map(|it| (it.board, it.confidence)).collect()
        };
        assert_eq!(names(0x2341, 0x0369), [("uno-r4-minima".into(), Confidence::Certain)]);
        assert_eq!(
            names(0x0483, 0xdf11),
            [("stm32f4-discovery".into(), Confidence::Likely)]
        );
        // A serial bootloader of a board, and nothing known.
        assert_eq!((names(0x2341, 0x005a), names(0x28e9, 0x0189)), (vec![], vec![]));
    }

    #[test]
    fn a_port_without_usb_has_no_candidates() {
        let port = Port {
            path: "/dev/ttyS0".into(),
            topology: None,
            usb: None,
            is_virtual: false,
        };
        assert_eq!(candidates(&port), []);
    }

    #[test]
    fn a_probe_is_narrowed_down_by_its_chip() {
        let names = |id: (u16, u16), chip| -> Vec<(String, Confidence)> {
            let found = candidates_of_probe(id.0, id.1, "CMSIS-DAP", chip);
            found.into_iter().map(|it| (it.board, it.confidence)).collect()
        };
        let likely = |board: &str| vec![(board.to_owned(), Confidence::Likely)];
        let dap = (0x0d28, 0x0204);
        let any = names(dap, None);
        assert!(
            any.len() >= 3 && any.iter().all(|(_, confidence)| *confidence == Confidence::Possible),
            "{any:?}"
        );
        assert_eq!(names(dap, Some("nRF52840_xxAA")), likely("nano33ble"));
        assert_eq!(names(dap, Some("nRF52840")), likely("nano33ble"));
        assert_eq!(names(dap, Some("STM32F407VG")), likely("stm32f4-discovery"));
        assert_eq!(names(dap, Some("nRF52832_xxAA")), []);
        assert_eq!(names(dap, Some("nRF52")), []);
        assert_eq!(names((0x1366, 0x1051), None)[0], likely("hifive1-revb")[0]);
    }
}
