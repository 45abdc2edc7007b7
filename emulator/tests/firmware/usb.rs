//! The Nano's link over the chip's own USB socket: a host in process plugs in, enumerates, opens the serial port.

pub(crate) mod exported;
mod raw;
mod runner;

pub(crate) use raw::{any_requests, requests};
pub(crate) use runner::port_over_the_runner;

use drydock_emulator::cable::usb_host::CdcState;
use drydock_emulator::{Image, Machine, ResetKind, RunLimit, UsbAction, VirtualTime};
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
    // Open and idle, the board sleeps between the events of its own.
    let before = world.machine.instructions();
    world.run_for_ms(1_000);
    let executed = world.machine.instructions() - before;
    assert!(executed < 3_000_000, "{executed} instructions in an idle second");
    // Bytes at the UART's pins are dropped meanwhile, and do not keep the board awake.
    for _ in 0..20 {
        world.machine.uart_input(0, b"noise")?;
        world.run_for_ms(50);
    }
    let executed = world.machine.instructions() - before;
    assert!(executed < 6_000_000, "{executed} instructions in two idle seconds");
    assert!(world.gateway.has_session() && world.gateway.sessions == 1);
    Ok(())
}

/// A cable that is pulled in the middle of a transfer: the link goes on over the UART's pins, and comes back.
pub(crate) fn unplug(image: &Image) -> Result<(), Failed> {
    let mut world = World::new(image).on_usb().enrolled();
    for round in 0..3_u64 {
        // Bytes are on their way in both directions.
        world.port().give(&[0x55; 512]);
        world.port().set_plugged(false);
        let sessions = world.gateway.sessions;
        world.run_until("the device to go", |world| !world.usb_is_ready());
        world.run_until("a session over the UART", |world| {
            world.gateway.has_session() && world.gateway.sessions > sessions
        });
        world.run_for_ms(7 * round);
        world.port().set_plugged(true);
        let sessions = world.gateway.sessions;
        world.run_until("the device", |world| world.usb_is_ready());
        world.port().set_control_lines(true, false);
        world.run_until("a session over USB", |world| {
            world.gateway.has_session() && world.gateway.sessions > sessions
        });
    }
    assert_eq!((world.resets.len(), world.faults.len()), (0, 0));
    Ok(())
}

/// The power is cut while the link is on USB; the host finds the device again.
pub(crate) fn power_cycle(image: &Image) -> Result<(), Failed> {
    let mut world = World::new(image).on_usb().enrolled();
    let sessions = world.gateway.sessions;
    world.cut_at = Some(world.machine.now() + VirtualTime::from_us(1_234));
    world.run_until("the device to go", |world| !world.usb_is_ready());
    world.run_until("the device", |world| world.usb_is_ready());
    world.port().set_control_lines(true, true);
    world.run_until("a session", |world| {
        world.gateway.has_session() && world.gateway.sessions > sessions
    });
    assert!(world.faults.is_empty(), "{:?}", world.faults);
    Ok(())
}

/// A host that closes the port, or suspends the bus, leaves the link to the UART.
pub(crate) fn close_and_suspend(image: &Image) -> Result<(), Failed> {
    let mut world = World::new(image).on_usb().enrolled();
    assert_eq!(uart_bytes(&mut world), 0, "the link is on USB");
    let usb = |world: &mut World, action| world.machine.usb().expect("it has a socket").act(action);
    usb(&mut world, UsbAction::Suspend);
    assert_ne!(uart_bytes(&mut world), 0, "suspended");
    usb(&mut world, UsbAction::Resume);
    let sessions = world.gateway.sessions;
    world.run_until("a session", |world| {
        world.gateway.has_session() && world.gateway.sessions > sessions
    });
    assert_eq!(uart_bytes(&mut world), 0, "resumed");
    world.port().set_control_lines(false, false);
    world.run_for_ms(10);
    assert_ne!(uart_bytes(&mut world), 0, "closed");
    Ok(())
}

/// Bytes that the UART sends in a second, in which the link's host says nothing.
fn uart_bytes(world: &mut World) -> usize {
    world.machine.take_uart_output();
    let until = world.machine.now() + VirtualTime::from_seconds(1);
    world.machine.run(RunLimit::until(until)).expect("it runs");
    let output = world.machine.take_uart_output();
    output.iter().map(|output| output.bytes.len()).sum()
}

/// 1200 baud and no DTR lead into the bootloader; neither alone does.
pub(crate) fn touch(image: &Image) -> Result<(), Failed> {
    let mut world = World::new(image).on_usb();
    world.port().set_line_coding(1_200);
    world.run_for_ms(1_000);
    world.port().set_line_coding(115_200);
    world.port().set_control_lines(false, false);
    world.run_for_ms(1_000);
    assert_eq!(world.resets, [], "1200 baud with DTR, and no DTR with another rate");
    assert_eq!(peek(&mut world, GPREGRET), 0);

    world.port().set_line_coding(1_200);
    world.run_until("the reset", |world| !world.resets.is_empty());
    assert_eq!(world.resets, [ResetKind::Software]);
    assert_eq!(peek(&mut world, GPREGRET), 0xb0, "the bootloader stays");
    // No bootloader is modelled here, so that the firmware starts again, and stays.
    world.run_until("the device to go", |world| {
        world.port().device() == CdcState::Disconnected
    });
    world.run_until("the device", |world| world.usb_is_ready());
    world.run_for_ms(1_000);
    assert_eq!(world.resets.len(), 1);
    Ok(())
}

const GPREGRET: u32 = 0x4000_051c;

/// Reads a register as the core does, in a copy of the machine.
fn peek(world: &mut World, addr: u32) -> u64 {
    /// `ldr r0, [r1]` and `b .`, somewhere in RAM.
    const CODE: [u8; 4] = [0x08, 0x68, 0xfe, 0xe7];
    const AT: u32 = 0x2003_f000;
    let snapshots = world.machine.snapshots().expect("it has snapshots");
    let mut copy: Box<dyn Machine> = snapshots.fork().expect("it can be copied");
    copy.write_memory(AT, &CODE).expect("there is RAM");
    copy.write_register("primask", 1).expect("a register");
    copy.write_register("r1", u64::from(addr)).expect("a register");
    copy.write_register("pc", u64::from(AT)).expect("a register");
    copy.step().expect("it runs");
    copy.read_register("r0").expect("a register")
}
