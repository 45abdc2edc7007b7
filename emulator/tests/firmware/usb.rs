//! The Nano's link over the chip's own USB socket: a host in process plugs in, enumerates, opens the serial port.

use drydock_emulator::cable::usb_host::{CdcPort, CdcState};
use drydock_emulator::{Image, Machine, ResetKind, RunLimit};
use libtest_mimic::Failed;

use super::support::world::World;

/// The link comes up over USB once DTR is raised, and a session stands on it.
pub(crate) fn link(image: &Image) -> Result<(), Failed> {
    let mut world = World::new(image).on_usb();
    let identity = world.usb_identity();
    assert_eq!((identity.vendor, identity.product), (0x2341, 0x805a));
    assert_eq!(identity.manufacturer.as_deref(), Some("Drydock"));
    assert_eq!(identity.product_name.as_deref(), Some("Arduino Nano 33 BLE"));
    let mut world = world.enrolled();
    let hello = world.hello();
    assert_eq!(hello.board, "nano33ble");
    let serial = identity.serial.ok_or("no serial number")?;
    let chip: String = hello.chip_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(serial, chip, "the serial number is the chip's id");
    assert!(world.log.contains("reset 1 by power-on"), "{}", world.log);
    assert!(world.faults.is_empty(), "{:?}", world.faults);
    Ok(())
}
