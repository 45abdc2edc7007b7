//! The identity of one board on a cable. An operation is bound to it, and it is checked before each write.

use crate::port::{Port, Topology};
use std::fmt;

/// The unique id of a chip, as hexadecimal digits in the order in which the chip's own firmware reports it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChipId(String);

impl ChipId {
    /// An id from its bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The hexadecimal digits, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What identifies a board on a cable. Parts that are `None` were not known when the operation began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Where the cable hangs. It stays the same when the board re-enumerates.
    pub topology: Option<Topology>,
    /// Serial number of the board's USB device or of its debug probe. Several boards may show the same.
    pub serial: Option<String>,
    /// Unique id of the chip.
    pub chip: Option<ChipId>,
}

/// A board that is not the one an operation is bound to. Nothing was written to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongBoard {
    /// Another place of the cable.
    #[error("the board is at {found} now, not at {expected}")]
    Topology {
        /// Where the operation began.
        expected: Topology,
        /// Where the board is.
        found: Topology,
    },
    /// Another serial number.
    #[error("another device is at its place: serial number {found}, not {expected}")]
    Serial {
        /// The serial number at the beginning.
        expected: String,
        /// The one that was found; `none` for a device without one.
        found: String,
    },
    /// Another chip.
    #[error("another chip is at its place: chip {found}, not {expected}")]
    Chip {
        /// The chip at the beginning.
        expected: ChipId,
        /// The one that was found.
        found: ChipId,
    },
}

impl Binding {
    /// The binding to a port, before the chip is known.
    pub fn to_port(port: &Port) -> Self {
        Self {
            topology: port.topology.clone(),
            serial: port.usb.as_ref().and_then(|usb| usb.serial.clone()),
            chip: None,
        }
    }

    /// Checks the place and the serial number of a port.
    ///
    /// A bootloader may show another serial number than the firmware. Callers that follow a board into its bootloader check
    /// the topology and the chip.
    ///
    /// # Errors
    /// [`WrongBoard`].
    pub fn check_port(&self, port: &Port) -> Result<(), WrongBoard> {
        if let (Some(expected), Some(found)) = (&self.topology, &port.topology)
            && expected != found
        {
            let (expected, found) = (expected.clone(), found.clone());
            return Err(WrongBoard::Topology { expected, found });
        }
        let found = port.usb.as_ref().and_then(|usb| usb.serial.clone());
        match &self.serial {
            Some(expected) if Some(expected) != found.as_ref() => Err(WrongBoard::Serial {
                expected: expected.clone(),
                found: found.unwrap_or_else(|| "none".into()),
            }),
            _ => Ok(()),
        }
    }

    /// Checks the chip. The first chip that is seen becomes part of the binding.
    ///
    /// # Errors
    /// [`WrongBoard::Chip`].
    pub fn check_chip(&mut self, found: &ChipId) -> Result<(), WrongBoard> {
        match &self.chip {
            Some(expected) if expected != found => Err(WrongBoard::Chip {
                expected: expected.clone(),
                found: found.clone(),
            }),
            Some(_) => Ok(()),
            None => {
                self.chip = Some(found.clone());
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::UsbIdentity;

    fn port(topology: &str, serial: Option<&str>) -> Port {
        Port {
            path: "/dev/ttyACM0".into(),
            topology: Some(Topology::new(topology)),
            usb: Some(UsbIdentity {
                vendor: 0x2341,
                product: 0x805a,
                serial: serial.map(str::to_owned),
                manufacturer: None,
                product_name: None,
            }),
            is_virtual: false,
        }
    }

    #[test]
    fn another_place_or_serial_number_is_another_board() {
        let binding = Binding::to_port(&port("usb-1-3", Some("A1")));
        assert_eq!(binding.check_port(&port("usb-1-3", Some("A1"))), Ok(()));
        let moved = binding.check_port(&port("usb-1-4", Some("A1")));
        assert!(matches!(moved, Err(WrongBoard::Topology { .. })), "{moved:?}");
        for other in [Some("B2"), None] {
            let swapped = binding.check_port(&port("usb-1-3", other));
            assert!(matches!(swapped, Err(WrongBoard::Serial { .. })), "{swapped:?}");
        }
    }

    #[test]
    fn the_first_chip_binds_and_another_one_is_refused() {
        let mut binding = Binding::to_port(&port("usb-1-3", None));
        let (first, second) = (ChipId::from_bytes(&[1, 0xab]), ChipId::from_bytes(&[2]));
        assert_eq!(binding.check_chip(&first), Ok(()));
        assert_eq!(first.as_str(), "01ab");
        assert_eq!(binding.check_chip(&first), Ok(()));
        let error = binding.check_chip(&second).unwrap_err();
        assert_eq!(error.to_string(), "another chip is at its place: chip 02, not 01ab");
    }
}
