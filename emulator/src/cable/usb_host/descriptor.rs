//! Descriptors as types: device, configuration with its CDC-ACM function, strings (USB 2.0 9.6, CDC 1.2 5.2).

/// Types of descriptors.
pub(in crate::cable) const DEVICE: u8 = 1;
pub(in crate::cable) const CONFIGURATION: u8 = 2;
pub(in crate::cable) const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;

const CLASS_CDC: u8 = 2;
const SUBCLASS_ACM: u8 = 2;
const CLASS_CDC_DATA: u8 = 10;
const BULK: u8 = 2;

/// Longest packet of a full-speed bulk endpoint.
const BULK_BYTES: u16 = 64;

/// Bytes from a device that are no descriptor of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDescriptor {
    /// Too short, or of another type.
    #[error("the {0} descriptor is malformed")]
    Malformed(&'static str),
    /// The packet size of endpoint 0 is none that full speed has.
    #[error("endpoint 0 has packets of {0} bytes")]
    PacketSize(u8),
    /// No CDC-ACM function.
    #[error("the device is no serial port (CDC-ACM)")]
    NotSerial,
}

/// Device descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cable) struct DeviceDescriptor {
    /// bDeviceClass, bDeviceSubClass, bDeviceProtocol.
    pub(in crate::cable) class: [u8; 3],
    pub(in crate::cable) vendor: u16,
    pub(in crate::cable) product: u16,
    pub(in crate::cable) release: u16,
    /// Indices of manufacturer, product and serial number; 0 is none.
    pub(super) strings: [u8; 3],
    /// bNumConfigurations.
    pub(in crate::cable) configurations: u8,
}

/// Packet size of endpoint 0, from the first 8 bytes of a device descriptor.
pub(super) fn max_packet_size_0(bytes: &[u8]) -> Result<usize, BadDescriptor> {
    match *bytes {
        [18, DEVICE, _, _, _, _, _, size @ (8 | 16 | 32 | 64), ..] => Ok(usize::from(size)),
        [18, DEVICE, _, _, _, _, _, size, ..] => Err(BadDescriptor::PacketSize(size)),
        _ => Err(BadDescriptor::Malformed("device")),
    }
}

impl DeviceDescriptor {
    pub(in crate::cable) fn parse(bytes: &[u8]) -> Result<Self, BadDescriptor> {
        max_packet_size_0(bytes)?;
        let bytes = bytes.get(4..18).ok_or(BadDescriptor::Malformed("device"))?;
        #[rustfmt::skip]
        let &[
            class, subclass, protocol, _, v0, v1, p0, p1, r0, r1, manufacturer, product, serial, configurations,
        ] = bytes else {
            return Err(BadDescriptor::Malformed("device"));
        };
        Ok(Self {
            class: [class, subclass, protocol],
            vendor: u16::from_le_bytes([v0, v1]),
            product: u16::from_le_bytes([p0, p1]),
            release: u16::from_le_bytes([r0, r1]),
            strings: [manufacturer, product, serial],
            configurations,
        })
    }
}

/// wTotalLength, from the first 9 bytes of a configuration descriptor.
pub(super) fn total_length(bytes: &[u8]) -> Result<u16, BadDescriptor> {
    match *bytes {
        [9, CONFIGURATION, l0, l1, ..] if bytes.len() >= 9 => Ok(u16::from_le_bytes([l0, l1]).max(9)),
        _ => Err(BadDescriptor::Malformed("configuration")),
    }
}

/// The CDC-ACM function of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialInterface {
    /// bConfigurationValue.
    pub configuration: u8,
    /// The interface that takes class requests.
    pub control_interface: u8,
    /// The bulk endpoint from device to host.
    pub bulk_in: u8,
    /// The bulk endpoint from host to device.
    pub bulk_out: u8,
    /// Its packet size in bytes.
    pub out_bytes: u16,
}

impl SerialInterface {
    /// The first CDC-ACM function in a whole configuration descriptor.
    pub(in crate::cable) fn parse(bytes: &[u8]) -> Result<Self, BadDescriptor> {
        total_length(bytes)?;
        let (mut control, mut data) = (None, false);
        let (mut bulk_in, mut bulk_out) = (None, None);
        for descriptor in Descriptors(bytes) {
            match *descriptor? {
                [_, INTERFACE, number, _, _, class, subclass, ..] => {
                    if class == CLASS_CDC && subclass == SUBCLASS_ACM && control.is_none() {
                        control = Some(number);
                    }
                    data = class == CLASS_CDC_DATA && control.is_some();
                }
                [_, ENDPOINT, address, attributes, s0, s1, ..] if data && attributes & 3 == BULK => {
                    let size = u16::from_le_bytes([s0, s1]).clamp(1, BULK_BYTES);
                    match address & 0x80 != 0 {
                        true => bulk_in = bulk_in.or(Some(address & 15)),
                        false => bulk_out = bulk_out.or(Some((address & 15, size))),
                    }
                }
                _ => {}
            }
        }
        let (Some(control_interface), Some(bulk_in), Some((bulk_out, out_bytes))) = (control, bulk_in, bulk_out) else {
            return Err(BadDescriptor::NotSerial);
        };
        Ok(Self {
            configuration: bytes[5],
            control_interface,
            bulk_in,
            bulk_out,
            out_bytes,
        })
    }
}

/// What a host needs to know of any device before it passes requests on to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cable) struct Description {
    pub(in crate::cable) device: DeviceDescriptor,
    /// bConfigurationValue of the first configuration.
    pub(in crate::cable) configuration: u8,
    /// Class, subclass and protocol of each interface.
    pub(in crate::cable) interfaces: Vec<[u8; 3]>,
    /// bEndpointAddress and packet size in bytes of each endpoint.
    pub(in crate::cable) endpoints: Vec<(u8, usize)>,
}

impl Description {
    /// From a whole configuration descriptor.
    pub(in crate::cable) fn parse(device: DeviceDescriptor, bytes: &[u8]) -> Result<Self, BadDescriptor> {
        total_length(bytes)?;
        let mut description = Self {
            device,
            configuration: bytes[5],
            interfaces: Vec::new(),
            endpoints: Vec::new(),
        };
        for descriptor in Descriptors(bytes) {
            match *descriptor? {
                // Alternate settings are the same interface.
                [_, INTERFACE, _, 0, _, class, subclass, protocol, ..] => {
                    description.interfaces.push([class, subclass, protocol]);
                }
                [_, ENDPOINT, address, _, s0, s1, ..] => {
                    let size = u16::from_le_bytes([s0, s1]).clamp(1, BULK_BYTES);
                    description.endpoints.push((address & 0x8f, usize::from(size)));
                }
                _ => {}
            }
        }
        Ok(description)
    }
}

/// The descriptors in a row.
struct Descriptors<'a>(&'a [u8]);

impl<'a> Iterator for Descriptors<'a> {
    type Item = Result<&'a [u8], BadDescriptor>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(*self.0.first()?);
        if length < 2 || length > self.0.len() {
            self.0 = &[];
            return Some(Err(BadDescriptor::Malformed("configuration")));
        }
        let (descriptor, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(Ok(descriptor))
    }
}

/// The text of a string descriptor; what is no UTF-16 is replaced.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let &[length, STRING, ..] = bytes else { return None };
    let units = bytes.get(2..usize::from(length).min(bytes.len()))?;
    let units: Vec<u16> = units
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    Some(String::from_utf16_lossy(&units))
}

/// The first language of string descriptor 0.
pub(super) fn language(bytes: &[u8]) -> Option<u16> {
    match *bytes {
        [length, STRING, l0, l1, ..] if length >= 4 => Some(u16::from_le_bytes([l0, l1])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CDC: &[u8] = &[
        9, 2, 67, 0, 2, 1, 0, 0x80, 50, // configuration 1
        9, 4, 0, 0, 1, 2, 2, 0, 0, // control interface
        5, 0x24, 0, 0x10, 1, 5, 0x24, 1, 0, 1, 4, 0x24, 2, 2, 5, 0x24, 6, 0, 1, // functional descriptors
        7, 5, 0x81, 3, 8, 0, 255, // notifications
        9, 4, 1, 0, 2, 10, 0, 0, 0, // data interface
        7, 5, 0x82, 2, 64, 0, 0, 7, 5, 0x03, 2, 32, 0, 0,
    ];

    #[test]
    fn the_serial_function_is_found() {
        let expected = SerialInterface {
            configuration: 1,
            control_interface: 0,
            bulk_in: 2,
            bulk_out: 3,
            out_bytes: 32,
        };
        assert_eq!(SerialInterface::parse(CDC), Ok(expected));
        assert_eq!(SerialInterface::parse(&CDC[..18]), Err(BadDescriptor::NotSerial));
        let cut = SerialInterface::parse(&CDC[..CDC.len() - 1]);
        assert_eq!(cut, Err(BadDescriptor::Malformed("configuration")));
    }

    #[test]
    fn any_device_is_described() {
        let device = DeviceDescriptor::parse(&[18, 1, 0, 2, 2, 0, 0, 64, 0x41, 0x23, 0x5a, 0x80, 0, 1, 1, 2, 3, 1]);
        let described = Description::parse(device.unwrap(), CDC).unwrap();
        let device = &described.device;
        assert_eq!(
            (device.class, device.vendor, device.product),
            ([2, 0, 0], 0x2341, 0x805a)
        );
        assert_eq!((device.release, device.configurations), (0x100, 1));
        assert_eq!(described.interfaces, [[2, 2, 0], [10, 0, 0]]);
        assert_eq!(described.endpoints, [(0x81, 8), (0x82, 64), (0x03, 32)]);
    }

    #[test]
    fn strings_are_utf_16() {
        assert_eq!(text(&[6, 3, b'N', 0, 0xe9, 0]), Some("Né".to_owned()));
        assert_eq!(text(&[2, 3]), Some(String::new()));
        assert_eq!(text(&[4, 2, 0, 0]), None);
        assert_eq!(language(&[4, 3, 9, 4]), Some(0x409));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_descriptor_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
            let _ = (DeviceDescriptor::parse(&bytes), SerialInterface::parse(&bytes), text(&bytes), language(&bytes));
        }

        #[test]
        fn a_damaged_configuration_is_one_or_an_error(at in 0..CDC.len(), byte in any::<u8>()) {
            let mut bytes = CDC.to_vec();
            bytes[at] = byte;
            if let Ok(serial) = SerialInterface::parse(&bytes) {
                prop_assert!((1..=64).contains(&serial.out_bytes) && serial.bulk_in < 16 && serial.bulk_out < 16);
            }
        }
    }
}
