//! 64 KiB flashed and read back over a virtual probe, against the time that the same accesses would take on a wire.

use crate::{Outcome, median, tell};
use drydock_emulator::debug::port::{DebugPort, PortFault};
use drydock_emulator::runner::{Pace, RunOptions, Runner};
use drydock_emulator::{Engine as _, Seed, builtin::engine::Builtin};
use drydock_hardware::binding::Binding;
use drydock_hardware::flash::{Control, Erase, Plan, Segment, by_probe, program};
use drydock_hardware::probe::{DebugWire, Probes, VirtualProbe, WireFault};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

const BOARD: &str = "nano33ble";
const AT: u32 = 0x2_0000;
const BYTES: u32 = 64 * 1024;
const ROUNDS: u8 = 5;
/// A transaction of SWD: eight bits of request, three of acknowledgement, 33 of data and parity, two turnarounds.
const SWD_BITS: f64 = 46.0;
/// Clock of common probes.
const SWD_HZ: f64 = 4e6;

struct Wire(DebugPort);

fn fault(fault: PortFault) -> WireFault {
    match fault {
        PortFault::Fault => WireFault::Fault,
        PortFault::NoAck => WireFault::NoAnswer,
    }
}

impl DebugWire for Wire {
    fn read(&mut self, access_port: bool, address: u8) -> Result<u32, WireFault> {
        self.0.read(access_port, address).map_err(fault)
    }

    fn write(&mut self, access_port: bool, address: u8, value: u32) -> Result<(), WireFault> {
        self.0.write(access_port, address, value).map_err(fault)
    }

    fn reset_pin(&mut self, held: bool) {
        self.0.reset_pin(held);
    }
}

pub(crate) fn measure(quick: bool) -> Outcome<()> {
    let board = drydock_assets::board(BOARD).ok_or("no such board")?;
    let runner = Runner::new()?;
    let options = RunOptions {
        name: BOARD.into(),
        pace: Pace::Max,
        paused: true,
    };
    let handle = runner.add(Builtin.open(&board, Seed([7; 32]))?, options);
    let wire = Arc::new(Mutex::new(Wire(DebugPort::new(handle, &board)?)));
    let accesses = || wire.lock().unwrap_or_else(PoisonError::into_inner).0.accesses();
    let probes = Probes::new();
    let probe = VirtualProbe {
        name: "virtual probe".into(),
        serial: "bench".into(),
        topology: None,
    };
    let plug = probes.plug_virtual(probe, wire.clone());
    let (mut took, mut counts) = (Vec::new(), Vec::new());
    for round in 0..if quick { 2 } else { ROUNDS } {
        // Each round has something else to write.
        let bytes = (0..BYTES).map(|at| ((at * 7) >> 3) as u8 ^ (round + 1)).collect();
        let plan = Plan {
            segments: vec![Segment { address: AT, bytes }],
            allowed: std::iter::once(0..board.chip.flash.bytes).collect(),
            erase: Erase::Changed,
        };
        let mut binding = Binding {
            topology: None,
            serial: None,
            chip: None,
        };
        let (begin, before) = (Instant::now(), accesses());
        let mut flasher = by_probe::open(&probes, plug.id(), &board)?;
        let mut control = Control::new(Arc::default(), |_, _, _| {});
        let report = program(&mut *flasher, &mut binding, &plan, &mut control)?;
        took.push(begin.elapsed().as_secs_f64());
        counts.push((accesses() - before) as f64);
        if report.written_bytes != BYTES {
            return Err(format!("{} bytes were written", report.written_bytes).into());
        }
    }
    let (took, count) = (median(took), median(counts));
    let wire_s = count * SWD_BITS / SWD_HZ;
    tell(
        "64 KiB compared, erased, written and read back over a virtual probe, nano33ble",
        took,
        "s",
        Some("<= 3"),
        &format!("{count:.0} accesses; pace max"),
    );
    tell(
        "the same: host time against these accesses' time on a wire at 4 MHz",
        took / wire_s,
        "times",
        None,
        &format!("{wire_s:.2} s on a wire, without the chip's erase and write times"),
    );
    Ok(())
}
