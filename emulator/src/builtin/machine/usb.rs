//! The USB socket of a chip as a capability of its machine.

use super::BuiltinMachine;
use crate::machine::{UsbAction, UsbDevice, UsbEvent, UsbStatus};

impl UsbDevice for BuiltinMachine {
    fn status(&self) -> UsbStatus {
        self.core.chip().usb_status().unwrap_or_default()
    }

    fn act(&mut self, action: UsbAction) {
        let (chip, fabric) = self.core.chip_mut();
        chip.usb_action(fabric, action);
    }

    fn take_events(&mut self) -> Vec<UsbEvent> {
        self.core.fabric_mut().take_usb_events()
    }
}
