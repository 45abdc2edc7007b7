//! Enumeration (USB 2.0 9.1.2): from the pull-up of a device to its configuration, one request at a time.

use super::UsbIdentity;
use super::control::ControlTransfer;
use super::descriptor::{
    self, BadDescriptor, CONFIGURATION, DEVICE, Description, DeviceDescriptor, STRING, SerialInterface,
};

const SET_ADDRESS: u8 = 5;
const GET_DESCRIPTOR: u8 = 6;
const SET_CONFIGURATION: u8 = 9;
const TO_HOST: u8 = 0x80;

/// The address that the device gets: it is alone on its bus.
pub(super) const ADDRESS: u8 = 1;
/// Longest string descriptor.
const STRING_BYTES: u16 = 255;
/// Longest configuration that is read.
const CONFIGURATION_BYTES: u16 = 1024;

/// A device that cannot be used as a serial port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnumerationError {
    /// It does not answer a request, or answers with an error.
    #[error("the USB device did not answer: {0}")]
    NoAnswer(&'static str),
    /// Its descriptors are wrong.
    #[error(transparent)]
    Descriptor(#[from] BadDescriptor),
}

/// Where an enumeration ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cable) enum Goal {
    /// The device is configured as a serial port.
    SerialPort,
    /// The device has its address and has described itself; somebody else configures it.
    Description,
}

/// The enumeration of one device.
#[derive(Debug)]
pub(super) struct Enumeration {
    goal: Goal,
    step: Step,
    max_packet: usize,
    device: Option<DeviceDescriptor>,
    serial: Option<SerialInterface>,
    language: u16,
    strings: [Option<String>; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The first 8 bytes of the device descriptor, at address 0.
    PacketSize,
    Address,
    Device,
    ConfigurationLength,
    Configuration {
        length: u16,
    },
    Languages,
    /// Manufacturer, product, serial number.
    Text(usize),
    Configure,
}

/// What follows an answer.
#[derive(Debug)]
pub(super) enum Next {
    /// The next request.
    Request(ControlTransfer),
    /// The next request, after the device had time to take its new address: [`Enumeration::request`].
    AfterAddress,
    /// The device is configured.
    Configured(UsbIdentity, SerialInterface),
    /// The device is described.
    Described(Description),
}

impl Enumeration {
    /// A new one, for a device that was just reset.
    pub(super) fn new(goal: Goal) -> Self {
        Self {
            goal,
            step: Step::PacketSize,
            max_packet: 8,
            device: None,
            serial: None,
            language: 0,
            strings: [None, None, None],
        }
    }

    /// Packet size of endpoint 0.
    pub(super) fn max_packet(&self) -> usize {
        self.max_packet
    }

    /// The device's address in the present step.
    pub(super) fn address(&self) -> u8 {
        match self.step {
            Step::PacketSize | Step::Address => 0,
            _ => ADDRESS,
        }
    }

    /// The request of the present step.
    pub(super) fn request(&self) -> ControlTransfer {
        let read = |kind: u8, index: u8, language: u16, length: u16| {
            let value = u16::from_le_bytes([index, kind]);
            ControlTransfer::read(TO_HOST, GET_DESCRIPTOR, value, language, length, self.max_packet)
        };
        let set = |request, value| ControlTransfer::write(0, request, value, 0, Vec::new(), self.max_packet);
        match self.step {
            Step::PacketSize => read(DEVICE, 0, 0, 8),
            Step::Address => set(SET_ADDRESS, u16::from(ADDRESS)),
            Step::Device => read(DEVICE, 0, 0, 18),
            Step::ConfigurationLength => read(CONFIGURATION, 0, 0, 9),
            Step::Configuration { length } => read(CONFIGURATION, 0, 0, length),
            Step::Languages => read(STRING, 0, 0, STRING_BYTES),
            Step::Text(which) => read(STRING, self.string_index(which), self.language, STRING_BYTES),
            Step::Configure => {
                let configuration = self.serial.map_or(1, |serial| serial.configuration);
                set(SET_CONFIGURATION, u16::from(configuration))
            }
        }
    }

    /// Goes on with the answer: the data of a read, `None` if the device refused the request.
    ///
    /// # Errors
    /// [`EnumerationError`]; strings may be missing.
    pub(super) fn answer(&mut self, answer: Option<Vec<u8>>) -> Result<Next, EnumerationError> {
        let optional = matches!(self.step, Step::Languages | Step::Text(_));
        let bytes = match answer {
            Some(bytes) => bytes,
            None if optional => Vec::new(),
            None => return Err(EnumerationError::NoAnswer(self.name())),
        };
        self.step = match self.step {
            Step::PacketSize => {
                self.max_packet = descriptor::max_packet_size_0(&bytes)?;
                Step::Address
            }
            Step::Address => {
                self.step = Step::Device;
                return Ok(Next::AfterAddress);
            }
            Step::Device => {
                self.device = Some(DeviceDescriptor::parse(&bytes)?);
                Step::ConfigurationLength
            }
            Step::ConfigurationLength => Step::Configuration {
                length: descriptor::total_length(&bytes)?.min(CONFIGURATION_BYTES),
            },
            Step::Configuration { .. } if self.goal == Goal::Description => {
                let device = self.device.take().ok_or(EnumerationError::NoAnswer(self.name()))?;
                return Ok(Next::Described(Description::parse(device, &bytes)?));
            }
            Step::Configuration { .. } => {
                self.serial = Some(SerialInterface::parse(&bytes)?);
                Step::Languages
            }
            Step::Languages => match descriptor::language(&bytes) {
                Some(language) => {
                    self.language = language;
                    self.text_from(0)
                }
                None => Step::Configure,
            },
            Step::Text(which) => {
                self.strings[which] = descriptor::text(&bytes);
                self.text_from(which + 1)
            }
            Step::Configure => return self.configured(),
        };
        Ok(Next::Request(self.request()))
    }

    fn configured(&mut self) -> Result<Next, EnumerationError> {
        let (Some(device), Some(serial)) = (self.device.take(), self.serial) else {
            return Err(EnumerationError::NoAnswer(self.name()));
        };
        let [manufacturer, product_name, serial_number] = std::mem::take(&mut self.strings);
        let identity = UsbIdentity {
            vendor: device.vendor,
            product: device.product,
            release: device.release,
            manufacturer,
            product_name,
            serial: serial_number,
        };
        Ok(Next::Configured(identity, serial))
    }

    /// The step of the first string from `which` on that the device has.
    fn text_from(&self, which: usize) -> Step {
        let next = (which..3).find(|which| self.string_index(*which) != 0);
        next.map_or(Step::Configure, Step::Text)
    }

    fn string_index(&self, which: usize) -> u8 {
        self.device.as_ref().map_or(0, |device| device.strings[which])
    }

    fn name(&self) -> &'static str {
        match self.step {
            Step::PacketSize | Step::Device => "device descriptor",
            Step::Address => "SET_ADDRESS",
            Step::ConfigurationLength | Step::Configuration { .. } => "configuration descriptor",
            Step::Languages | Step::Text(_) => "string descriptor",
            Step::Configure => "SET_CONFIGURATION",
        }
    }
}
