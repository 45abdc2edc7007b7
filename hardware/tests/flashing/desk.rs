//! A desk of virtual boards: each is on a cable, and the cables' ports are plugged into one [`Ports`], as the workbench
//! does it.

use drydock_assets::Board;
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::cable::{ModemSwitch, SerialCable};
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, Runner};
use drydock_emulator::{Engine, Seed};
use drydock_hardware::port::{ModemLines, PluggedPort, Port, Ports, Topology, UsbIdentity, VirtualPort};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Far longer than any condition of these tests takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn board(name: &str) -> Board {
    drydock_assets::board(name).unwrap()
}

/// A blank board on a cable.
pub(crate) struct Desk {
    pub(crate) ports: Ports,
    pub(crate) board: Board,
    pub(crate) handle: MachineHandle,
    pub(crate) cable: SerialCable,
    pub(crate) topology: Topology,
    plugged: Option<PluggedPort>,
    _runner: Runner,
}

struct Lines(ModemSwitch);

impl ModemLines for Lines {
    fn set(&self, dtr: bool, rts: bool) -> std::io::Result<()> {
        self.0.set(dtr, rts)
    }
}

impl Desk {
    pub(crate) fn blank(name: &str) -> Self {
        let board = board(name);
        let runner = Runner::with_workers(NonZeroUsize::MIN).unwrap();
        let machine = Builtin.open(&board, Seed([9; 32])).unwrap();
        let options = RunOptions {
            name: name.to_owned(),
            pace: Pace::Max,
            paused: false,
        };
        let handle = runner.add(machine, options);
        let cable = SerialCable::plug(handle.clone(), &board).unwrap();
        let mut desk = Self {
            ports: Ports::new(),
            board,
            handle,
            cable,
            topology: Topology::new("virtual-desk-1"),
            plugged: None,
            _runner: runner,
        };
        desk.follow();
        desk
    }

    /// Plugs the port in that the cable has now.
    pub(crate) fn follow(&mut self) {
        let state = self.cable.watch().borrow().clone();
        let usb = state.usb.map(|(vendor, product)| UsbIdentity {
            vendor,
            product,
            serial: None,
            manufacturer: None,
            product_name: None,
        });
        let port = Port {
            path: state.path.unwrap().to_str().unwrap().to_owned(),
            topology: Some(self.topology.clone()),
            usb,
            is_virtual: true,
        };
        let lines = Arc::new(Lines(self.cable.lines()));
        self.plugged = None;
        self.plugged = Some(self.ports.plug_virtual(VirtualPort { port, lines }));
    }

    /// The path of its port now.
    pub(crate) fn path(&self) -> String {
        self.ports.find_topology(&self.topology)[0].path.clone()
    }

    /// Bytes of the machine's memory.
    pub(crate) fn memory(&self, address: u32, bytes: usize) -> Vec<u8> {
        let read = self.handle.with_machine_blocking(move |machine| {
            let mut memory = vec![0; bytes];
            machine.read_memory(address, &mut memory).map(|()| memory)
        });
        read.unwrap().unwrap()
    }
}

#[track_caller]
pub(crate) fn wait(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "the condition never held");
        std::thread::sleep(Duration::from_millis(1));
    }
}
