//! A program on nrf-hal with usbd-serial: a host in process enumerates it, and bytes go both ways.

use drydock_emulator::cable::usb_host::{CdcPort, CdcState, SerialHost};
use drydock_emulator::runner::serve_usb;
use drydock_emulator::{Image, Machine, RunLimit, VirtualTime};
use libtest_mimic::{Failed, Trial};

use crate::{ARM, boot, trial};

/// How often the host looks at the bus.
const STEP: VirtualTime = VirtualTime::from_us(100);

pub(crate) fn trial_of_usb() -> Trial {
    trial("nano33ble_is_a_serial_port_on_usbd_serial", "usbserial", ARM, check)
}

/// Runs until the condition holds, for `ms` of virtual time at most.
fn run_until(
    machine: &mut dyn Machine,
    host: &mut SerialHost,
    ms: u64,
    mut condition: impl FnMut() -> bool,
) -> Result<(), Failed> {
    let end = machine.now() + VirtualTime::from_ms(ms);
    while machine.now() < end {
        serve_usb(machine, host, |_| {});
        if condition() {
            return Ok(());
        }
        let until = machine.now() + STEP;
        machine.run(RunLimit::until(until))?;
        if let Some(fault) = machine.take_faults().first() {
            return Err(fault.to_string().into());
        }
    }
    Err("it did not come".into())
}

fn check(image: &Image) -> Result<(), Failed> {
    let mut machine = boot("nano33ble", image)?;
    let machine = machine.as_mut();
    let (mut port, mut host) = CdcPort::detached();
    run_until(machine, &mut host, 1_000, || {
        matches!(port.device(), CdcState::Ready(_))
    })?;
    let identity = port.identity().ok_or("no identity")?;
    assert_eq!((identity.vendor, identity.product), (0x16c0, 0x27dd));
    assert_eq!(identity.manufacturer.as_deref(), Some("Fake company"));
    assert_eq!(identity.product_name.as_deref(), Some("Serial port"));
    assert_eq!(identity.serial.as_deref(), Some("TEST"));

    port.set_line_coding(115_200);
    port.set_control_lines(true, true);
    // More than a packet, and a multiple of it.
    for text in ["hello", &"a".repeat(64), &"Longer than one packet. ".repeat(20)] {
        let mut expected = text.to_ascii_uppercase().into_bytes();
        assert_eq!(port.give(text.as_bytes()), text.len());
        run_until(machine, &mut host, 1_000, || {
            let arrived = port.fetch();
            assert!(expected.starts_with(&arrived), "{arrived:?}");
            expected.drain(..arrived.len());
            expected.is_empty()
        })?;
    }

    // Pulled and plugged in again, with bytes on their way. This program does not notice: its host resets the bus.
    port.give(b"lost");
    port.set_plugged(false);
    run_until(machine, &mut host, 1_000, || port.device() == CdcState::Disconnected)?;
    Ok(())
}
