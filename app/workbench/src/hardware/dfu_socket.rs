//! The DFU device of a virtual board's bootloader, as a USB device is reached.

use drydock_emulator::cable::{self, TransferFault, UsbSocket};
use drydock_hardware::dfu::{DfuWire, Setup, UsbFault};

/// SET_INTERFACE (USB 2.0, 9.4.10).
const SET_INTERFACE: u8 = 11;

pub(super) struct DfuSocket(pub(super) UsbSocket);

impl DfuSocket {
    fn transfer(&self, setup: Setup, length: usize, data: &[u8]) -> Result<Vec<u8>, UsbFault> {
        let setup = cable::Setup {
            request_type: setup.request_type,
            request: setup.request,
            value: setup.value,
            index: setup.index,
            length: u16::try_from(length).unwrap_or(u16::MAX),
        };
        self.0.transfer(setup, data).map_err(|fault| match fault {
            TransferFault::Stall => UsbFault::Stall,
            TransferFault::Gone => UsbFault::Gone,
            TransferFault::NoAnswer => UsbFault::NoAnswer,
        })
    }
}

impl DfuWire for DfuSocket {
    fn read(&mut self, setup: Setup, bytes: &mut [u8]) -> Result<usize, UsbFault> {
        let came = self.transfer(setup, bytes.len(), &[])?;
        let count = came.len().min(bytes.len());
        bytes[..count].copy_from_slice(&came[..count]);
        Ok(count)
    }

    fn write(&mut self, setup: Setup, bytes: &[u8]) -> Result<(), UsbFault> {
        self.transfer(setup, bytes.len(), bytes).map(drop)
    }

    fn choose(&mut self, interface: u8, alternate: u8) -> Result<(), UsbFault> {
        let setup = Setup {
            request_type: 0x01,
            request: SET_INTERFACE,
            value: alternate.into(),
            index: interface.into(),
        };
        self.write(setup, &[])
    }
}
