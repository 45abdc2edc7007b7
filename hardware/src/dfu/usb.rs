//! A physical device: `nusb` makes the control transfers.

use super::{DfuInfo, DfuOpenError, DfuWire, Setup, UsbFault, list::id_of};
use crate::port::{Access, Topology, UsbIdentity, access_of_node};
use nusb::{
    MaybeFuture,
    transfer::{ControlIn, ControlOut, ControlType, Recipient, TransferError},
};
use std::time::Duration;

/// How long a transfer may take. Bootloaders answer at once, and say so when something takes longer.
const TRANSFER: Duration = Duration::from_secs(5);

/// What the system says about a device.
pub(super) fn info(device: &nusb::DeviceInfo) -> DfuInfo {
    let named = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let usb = UsbIdentity {
        vendor: device.vendor_id(),
        product: device.product_id(),
        serial: named(device.serial_number()),
        manufacturer: named(device.manufacturer_string()),
        product_name: named(device.product_string()),
    };
    let chain = device.port_chain();
    let bus = device.bus_id().trim_start_matches('0');
    DfuInfo {
        id: id_of(&usb),
        topology: (!chain.is_empty()).then(|| Topology::of_usb(bus, chain)),
        is_virtual: false,
        access: access(device, &usb),
        usb,
    }
}

fn access(device: &nusb::DeviceInfo, usb: &UsbIdentity) -> Access {
    #[cfg(target_os = "linux")]
    {
        let node = format!("/dev/bus/usb/{:03}/{:03}", device.busnum(), device.device_address());
        access_of_node(&node, Some(usb))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (device, usb, access_of_node);
        Access::Usable
    }
}

/// Opens a device and claims its first interface in DFU mode.
pub(super) fn open(device: &nusb::DeviceInfo, id: &str) -> Result<Box<dyn DfuWire>, DfuOpenError> {
    let failed = |error: nusb::Error| DfuOpenError::Open {
        id: id.to_owned(),
        reason: error.to_string(),
    };
    let interface = device
        .interfaces()
        .find(|interface| (interface.class(), interface.subclass()) == (0xfe, 1))
        .map_or(0, nusb::InterfaceInfo::interface_number);
    let opened = device.open().wait().map_err(failed)?;
    let claimed = opened.detach_and_claim_interface(interface).wait().map_err(failed)?;
    Ok(Box::new(Device(claimed)))
}

struct Device(nusb::Interface);

impl DfuWire for Device {
    fn read(&mut self, setup: Setup, bytes: &mut [u8]) -> Result<usize, UsbFault> {
        let (control_type, recipient) = kind(setup);
        let transfer = ControlIn {
            control_type,
            recipient,
            request: setup.request,
            value: setup.value,
            index: setup.index,
            length: u16::try_from(bytes.len()).unwrap_or(u16::MAX),
        };
        let came = self.0.control_in(transfer, TRANSFER).wait().map_err(fault)?;
        let count = came.len().min(bytes.len());
        bytes[..count].copy_from_slice(&came[..count]);
        Ok(count)
    }

    fn write(&mut self, setup: Setup, bytes: &[u8]) -> Result<(), UsbFault> {
        let (control_type, recipient) = kind(setup);
        let transfer = ControlOut {
            control_type,
            recipient,
            request: setup.request,
            value: setup.value,
            index: setup.index,
            data: bytes,
        };
        self.0.control_out(transfer, TRANSFER).wait().map_err(fault)
    }

    fn choose(&mut self, interface: u8, alternate: u8) -> Result<(), UsbFault> {
        if interface != self.0.interface_number() {
            let text = format!("interface {interface} was not claimed");
            return Err(UsbFault::System(text));
        }
        self.0
            .set_alt_setting(alternate)
            .wait()
            .map_err(|error| UsbFault::System(error.to_string()))
    }
}

fn kind(setup: Setup) -> (ControlType, Recipient) {
    let control_type = match setup.request_type >> 5 & 3 {
        1 => ControlType::Class,
        2 => ControlType::Vendor,
        _ => ControlType::Standard,
    };
    let recipient = match setup.request_type & 0x1f {
        1 => Recipient::Interface,
        _ => Recipient::Device,
    };
    (control_type, recipient)
}

fn fault(error: TransferError) -> UsbFault {
    match error {
        TransferError::Stall => UsbFault::Stall,
        TransferError::Disconnected => UsbFault::Gone,
        TransferError::Cancelled => UsbFault::NoAnswer,
        other => UsbFault::System(other.to_string()),
    }
}
