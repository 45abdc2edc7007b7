//! A desk with virtual boards.

use drydock_assets::Board;
use drydock_emulator::debug::port::{DebugPort, PortFault};
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, Runner, UartPort};
use drydock_emulator::{Engine, Image, Seed, builtin::engine::Builtin};
use drydock_hardware::binding::Binding;
use drydock_hardware::flash::{Control, Erase, FlashError, Flasher, Plan, Report, Segment, by_probe, program};
use drydock_hardware::port::Topology;
use drydock_hardware::probe::{DebugWire, Probes, VirtualPlug, VirtualProbe, WireFault};
use drydock_protocol::link::{Channel, Endpoint, MAX_FRAME_BYTES, Role};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a loaded host.
const PATIENCE: Duration = Duration::from_secs(60);

/// The adapter that the workbench has too.
pub(crate) struct Wire(pub(crate) DebugPort);

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

/// The probes of a desk, and what runs its boards.
pub(crate) struct Desk {
    runner: Runner,
    pub(crate) probes: Probes,
}

/// A virtual board with a probe on it.
pub(crate) struct VirtualBoard {
    pub(crate) board: Board,
    pub(crate) handle: MachineHandle,
    pub(crate) wire: Arc<Mutex<Wire>>,
    pub(crate) plug: VirtualPlug,
    pub(crate) uart: UartPort,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            runner: Runner::new().unwrap(),
            probes: Probes::new(),
        }
    }

    /// A board whose flash is erased behind its bootloader.
    pub(crate) fn blank(&self, board: &str, seed: u8) -> VirtualBoard {
        self.board(board, seed, None)
    }

    /// A board that runs Drydock's firmware.
    pub(crate) fn running(&self, board: &str, seed: u8) -> VirtualBoard {
        let image = Image::from_elf(drydock_embedded::firmware(board).unwrap().elf).unwrap();
        self.board(board, seed, Some(image))
    }

    fn board(&self, name: &str, seed: u8, image: Option<Image>) -> VirtualBoard {
        let board = drydock_assets::board(name).unwrap();
        let mut machine = Builtin.open(&board, Seed([seed; 32])).unwrap();
        if let Some(image) = image {
            machine.load(&image).unwrap();
            machine.reset(drydock_emulator::ResetKind::PowerOn).unwrap();
        }
        let options = RunOptions {
            name: format!("{name}-{seed}"),
            pace: Pace::Realtime,
            paused: false,
        };
        let handle = self.runner.add(machine, options);
        let uart = handle.uart(board.link.uart).unwrap();
        let wire = Arc::new(Mutex::new(Wire(DebugPort::new(handle.clone(), &board).unwrap())));
        let probe = VirtualProbe {
            name: "Virtual probe".into(),
            serial: format!("{name}-{seed}"),
            topology: Some(Topology::new(format!("virtual-{seed}"))),
        };
        let plug = self.probes.plug_virtual(probe, wire.clone());
        VirtualBoard {
            board,
            handle,
            wire,
            plug,
            uart,
        }
    }
}

impl VirtualBoard {
    pub(crate) fn port(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap()
    }

    pub(crate) fn flasher(&self, desk: &Desk) -> Box<dyn Flasher> {
        by_probe::open(&desk.probes, self.plug.id(), &self.board).unwrap()
    }

    /// The firmware's bytes, where they belong.
    pub(crate) fn firmware(&self) -> Plan {
        let image = Image::from_elf(drydock_embedded::firmware(&self.board.name).unwrap().elf).unwrap();
        let segments = image.segments.iter().map(|segment| Segment {
            address: segment.addr,
            bytes: segment.bytes.to_vec(),
        });
        self.plan(segments.filter(|segment| !segment.bytes.is_empty()).collect())
    }

    pub(crate) fn plan(&self, segments: Vec<Segment>) -> Plan {
        let flash = &self.board.chip.flash;
        Plan {
            segments,
            allowed: vec![flash.base..flash.base + flash.bytes],
            erase: Erase::Changed,
        }
    }

    /// Memory as the machine has it, without the probe.
    pub(crate) fn memory(&self, address: u32, bytes: usize) -> Vec<u8> {
        let read = self.handle.with_machine_blocking(move |machine| {
            let mut memory = vec![0; bytes];
            machine.read_memory(address, &mut memory).unwrap();
            memory
        });
        read.unwrap()
    }

    /// Whether flash holds a plan's image.
    pub(crate) fn holds(&self, plan: &Plan) -> bool {
        let holds = |segment: &Segment| self.memory(segment.address, segment.bytes.len()) == segment.bytes;
        plan.segments.iter().all(holds)
    }

    /// The first message of the board's control channel.
    pub(crate) fn control_bytes(&mut self) -> Vec<u8> {
        let started = Instant::now();
        let mut link = Endpoint::new(Role::Host, 1);
        let (mut frame, mut read) = ([0; MAX_FRAME_BYTES], [0; 1024]);
        let mut bytes = Vec::new();
        wait_for("the board's identity", || {
            let now_ms = started.elapsed().as_millis() as u64;
            link.receive(&self.uart.fetch(), now_ms);
            let count = link.transmit(now_ms, &mut frame);
            self.uart.give(&frame[..count]);
            let count = link.read(Channel::Control, &mut read);
            bytes.extend(&read[..count]);
            bytes.len() > 40
        });
        bytes
    }

    /// Waits until the board sends on its link.
    pub(crate) fn wait_for_link(&mut self) {
        let uart = &mut self.uart;
        wait_for("bytes on the link", || !uart.fetch().is_empty());
    }
}

pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A binding to whatever answers first.
pub(crate) fn unbound() -> Binding {
    Binding {
        topology: None,
        serial: None,
        chip: None,
    }
}

pub(crate) fn write(flasher: &mut dyn Flasher, plan: &Plan) -> Result<Report, FlashError> {
    program(
        flasher,
        &mut unbound(),
        plan,
        &mut Control::new(Arc::default(), |_, _, _| {}),
    )
}

/// An image that is not like erased flash anywhere.
pub(crate) fn pattern(address: u32, bytes: u32) -> Segment {
    Segment {
        address,
        bytes: (0..bytes).map(|at| ((at * 7) >> 3) as u8 ^ 0x5a).collect(),
    }
}
