//! The wire to the DFU device of a virtual board, and a script of what goes wrong on it.

use drydock_emulator::cable::{self, SerialCable, TransferFault};
use drydock_hardware::dfu::{DfuWire, Setup, UsbFault};
use std::sync::{Arc, Mutex};

type Before = Box<dyn FnMut(u64, Setup) -> Option<Result<Vec<u8>, UsbFault>> + Send>;
type After = Box<dyn FnMut(Setup, &mut Vec<u8>) + Send>;

/// What happens to transfers.
#[derive(Default)]
pub(crate) struct Script {
    /// Transfers so far.
    pub(crate) count: u64,
    /// Called with the number of a transfer; what it returns stands for the device's answer.
    pub(crate) before: Option<Before>,
    /// Called with what the device sent.
    pub(crate) after: Option<After>,
}

/// The wire. It follows a device that enumerates again.
pub(crate) struct Wire {
    pub(crate) cable: Arc<Mutex<Option<SerialCable>>>,
    pub(crate) script: Arc<Mutex<Script>>,
}

impl Wire {
    fn transfer(&self, setup: Setup, length: usize, data: &[u8]) -> Result<Vec<u8>, UsbFault> {
        let mut script = self.script.lock().unwrap();
        script.count += 1;
        let count = script.count;
        if let Some(answer) = script.before.as_mut().and_then(|before| before(count, setup)) {
            return answer;
        }
        let socket = {
            let cable = self.cable.lock().unwrap();
            let cable = cable.as_ref().ok_or(UsbFault::Gone)?;
            let number = cable.watch().borrow().dfu.as_ref().map(|(number, _)| *number);
            cable.sockets().device(number.ok_or(UsbFault::Gone)?)
        };
        let raw = cable::Setup {
            request_type: setup.request_type,
            request: setup.request,
            value: setup.value,
            index: setup.index,
            length: length as u16,
        };
        let mut bytes = socket.transfer(raw, data).map_err(|fault| match fault {
            TransferFault::Stall => UsbFault::Stall,
            TransferFault::Gone => UsbFault::Gone,
            TransferFault::NoAnswer => UsbFault::NoAnswer,
        })?;
        if let Some(after) = &mut script.after {
            after(setup, &mut bytes);
        }
        Ok(bytes)
    }
}

impl DfuWire for Wire {
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
            request: 11,
            value: alternate.into(),
            index: interface.into(),
        };
        self.write(setup, &[])
    }
}
