//! The requests of DFU 1.1 (chapters 3, 5 and 6), and the state of an open device.

use super::{BadDescriptor, DfuFunction, DfuWire, Setup, UsbFault, descriptor};
use crate::flash::FlashError;
use std::{
    fmt,
    thread::sleep,
    time::{Duration, Instant},
};

const DETACH: u8 = 0;
const DNLOAD: u8 = 1;
const UPLOAD: u8 = 2;
const GETSTATUS: u8 = 3;
const CLRSTATUS: u8 = 4;
const ABORT: u8 = 6;

/// A class request to an interface; the first bit is set for a transfer from the device.
const TO_DEVICE: u8 = 0x21;
const FROM_DEVICE: u8 = 0xa1;

// GET_DESCRIPTOR and its types (USB 2.0, 9.4.3 and table 9-5).
const GET_DESCRIPTOR: u8 = 6;
const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const STRING: u8 = 3;
const ENGLISH: u16 = 0x0409;

/// Longest configuration that is asked for, in bytes.
const CONFIGURATION_BYTES: usize = 1024;
/// How many requests may pass until a device is idle.
const TRIES: u32 = 8;

// bState.
const IDLE: u8 = 2;
const DNLOAD_SYNC: u8 = 3;
const DNBUSY: u8 = 4;
const DNLOAD_IDLE: u8 = 5;
const ERROR: u8 = 10;

/// bStatus: why a device is in its error state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u8);

impl Status {
    /// errVENDOR: ST's ROM shows it for a chip that is protected against reading.
    pub(crate) const VENDOR: Self = Self(11);
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0 => "it gives no reason",
            1 => "the address is not one that it takes",
            2 => "the data does not fit it",
            3 => "its memory cannot be written",
            4 => "its memory cannot be erased",
            5 => "its memory is not erased",
            6 => "its memory was not programmed",
            7 => "its memory does not hold what was programmed",
            8 => "the address is out of its range",
            9 => "it expects more data",
            10 => "what is in its memory cannot be started",
            12 => "USB was reset in between",
            13 => "it was without power in between",
            15 => "it did not expect this request",
            _ => "a reason of its maker's",
        };
        write!(f, "{text} (DFU status {})", self.0)
    }
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DfuError {
    Fault(UsbFault),
    /// The device went into its error state, which was cleared.
    Refused(Status),
    Garbled(String),
}

impl From<UsbFault> for DfuError {
    fn from(fault: UsbFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<BadDescriptor> for DfuError {
    fn from(bad: BadDescriptor) -> Self {
        Self::Garbled(bad.to_string())
    }
}

impl From<DfuError> for FlashError {
    fn from(error: DfuError) -> Self {
        match error {
            DfuError::Fault(fault @ UsbFault::Gone) => Self::Lost(fault.to_string()),
            DfuError::Fault(fault @ UsbFault::NoAnswer) => Self::NoAnswer(fault.to_string()),
            DfuError::Fault(fault) => Self::Refused(fault.to_string()),
            DfuError::Refused(status) => Self::Refused(status.to_string()),
            DfuError::Garbled(text) => Self::Garbled(text),
        }
    }
}

/// What GETSTATUS answers.
struct Answer {
    status: Status,
    wait: Duration,
    state: u8,
}

/// An open device in DFU mode.
pub(crate) struct Dfu {
    wire: Box<dyn DfuWire>,
    /// What it says about itself.
    pub(crate) function: DfuFunction,
    /// idVendor and idProduct.
    pub(crate) ids: (u16, u16),
    serial_index: u8,
}

impl Dfu {
    /// Asks an open device what it is.
    pub(crate) fn open(mut wire: Box<dyn DfuWire>) -> Result<Self, DfuError> {
        let device = descriptor_of(&mut *wire, DEVICE, 0, 0, 18)?;
        let [
            18,
            DEVICE,
            _,
            _,
            _,
            _,
            _,
            _,
            v0,
            v1,
            p0,
            p1,
            _,
            _,
            _,
            _,
            serial_index,
            _,
        ] = device[..]
        else {
            return Err(BadDescriptor("the device's own is damaged").into());
        };
        let configuration = descriptor_of(&mut *wire, CONFIGURATION, 0, 0, CONFIGURATION_BYTES)?;
        let total = configuration
            .get(2..4)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        if total.map(usize::from) != Some(configuration.len()) {
            return Err(BadDescriptor("the configuration has another length than it says").into());
        }
        let function = DfuFunction::parse(&configuration)?;
        wire.choose(function.interface, 0)?;
        Ok(Self {
            wire,
            function,
            ids: (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([p0, p1])),
            serial_index,
        })
    }

    /// Asks for the serial number. It is asked each time: it tells which board is there.
    pub(crate) fn serial(&mut self) -> Result<String, DfuError> {
        match self.serial_index {
            0 => Err(BadDescriptor("it has no serial number").into()),
            index => self.text(index),
        }
    }

    /// Asks for the name of an alternate setting.
    pub(crate) fn name(&mut self, alternate: usize) -> Result<String, DfuError> {
        match self.function.names.get(alternate) {
            None | Some(0) => Err(BadDescriptor("its memory has no name").into()),
            Some(index) => self.text(*index),
        }
    }

    fn text(&mut self, index: u8) -> Result<String, DfuError> {
        let bytes = descriptor_of(&mut *self.wire, STRING, index, ENGLISH, 255)?;
        Ok(descriptor::string(&bytes)?)
    }

    fn setup(&self, request_type: u8, request: u8, value: u16) -> Setup {
        Setup {
            request_type,
            request,
            value,
            index: self.function.interface.into(),
        }
    }

    fn send(&mut self, request: u8, value: u16, bytes: &[u8]) -> Result<(), UsbFault> {
        let setup = self.setup(TO_DEVICE, request, value);
        self.wire.write(setup, bytes)
    }

    fn status(&mut self) -> Result<Answer, DfuError> {
        let setup = self.setup(FROM_DEVICE, GETSTATUS, 0);
        let mut bytes = [0; 6];
        if self.wire.read(setup, &mut bytes)? != bytes.len() {
            return Err(DfuError::Garbled("its status is cut short".into()));
        }
        let [status, w0, w1, w2, state, _] = bytes;
        Ok(Answer {
            status: Status(status),
            wait: Duration::from_millis(u32::from_le_bytes([w0, w1, w2, 0]).into()),
            state,
        })
    }

    /// Brings the device into its idle state, whatever an earlier program left.
    pub(crate) fn become_idle(&mut self) -> Result<(), DfuError> {
        for _ in 0..TRIES {
            let answer = self.status()?;
            match answer.state {
                IDLE => return Ok(()),
                ERROR => self.send(CLRSTATUS, 0, &[])?,
                DNBUSY => sleep(answer.wait.min(Duration::from_secs(1))),
                _ => self.send(ABORT, 0, &[])?,
            }
        }
        Err(DfuError::Garbled("it does not become idle".into()))
    }

    /// Sends a block and waits until the device has carried it out.
    pub(crate) fn download(&mut self, block: u16, bytes: &[u8], patience: Duration) -> Result<(), DfuError> {
        if let Err(fault) = self.send(DNLOAD, block, bytes) {
            return Err(self.why(fault));
        }
        let deadline = Instant::now() + patience;
        loop {
            let answer = self.status()?;
            match answer.state {
                DNLOAD_IDLE => return Ok(()),
                DNLOAD_SYNC | DNBUSY if Instant::now() + answer.wait <= deadline => sleep(answer.wait),
                DNLOAD_SYNC | DNBUSY => return Err(UsbFault::NoAnswer.into()),
                ERROR => {
                    self.send(CLRSTATUS, 0, &[])?;
                    return Err(DfuError::Refused(answer.status));
                }
                state => return Err(DfuError::Garbled(format!("it is in state {state} after a block"))),
            }
        }
    }

    /// Asks for a whole block.
    pub(crate) fn upload(&mut self, block: u16, bytes: &mut [u8]) -> Result<(), DfuError> {
        let setup = self.setup(FROM_DEVICE, UPLOAD, block);
        match self.wire.read(setup, bytes) {
            Ok(count) if count == bytes.len() => Ok(()),
            Ok(count) => Err(DfuError::Garbled(format!(
                "it sent {count} bytes of its memory and not {}",
                bytes.len()
            ))),
            Err(fault) => Err(self.why(fault)),
        }
    }

    /// Ends a download without data, and has the device do what follows. It may be gone then.
    pub(crate) fn leave(&mut self) -> Result<(), DfuError> {
        self.send(DNLOAD, 0, &[])?;
        match self.status() {
            Ok(answer) if answer.state == ERROR => Err(DfuError::Refused(answer.status)),
            Ok(_) | Err(DfuError::Fault(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks the device to leave its DFU mode. It may be gone before it has answered.
    pub(crate) fn detach(&mut self) -> Result<(), DfuError> {
        match self.send(DETACH, 1000, &[]) {
            Err(fault @ UsbFault::Stall) => Err(self.why(fault)),
            _ => Ok(()),
        }
    }

    /// What is behind a fault: a device that stalls a request says why when it is asked.
    fn why(&mut self, fault: UsbFault) -> DfuError {
        if fault != UsbFault::Stall {
            return fault.into();
        }
        match self.status() {
            Ok(answer) if answer.state == ERROR => match self.send(CLRSTATUS, 0, &[]) {
                Ok(()) => DfuError::Refused(answer.status),
                Err(fault) => fault.into(),
            },
            Ok(_) => fault.into(),
            Err(error) => error,
        }
    }
}

fn descriptor_of(wire: &mut dyn DfuWire, kind: u8, index: u8, language: u16, most: usize) -> Result<Vec<u8>, DfuError> {
    let setup = Setup {
        request_type: 0x80,
        request: GET_DESCRIPTOR,
        value: u16::from_be_bytes([kind, index]),
        index: language,
    };
    let mut bytes = vec![0; most];
    let count = wire.read(setup, &mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}
