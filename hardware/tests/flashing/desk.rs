//! A desk of virtual boards: each is on a cable, and the cables' ports are plugged into one [`Ports`], as the workbench
//! does it.

use super::usb_wire::{Script, Wire};
use drydock_assets::Board;
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::cable::{CableFaults, CableOptions, ModemSwitch, Power, Runs, SerialCable};
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, Runner};
use drydock_emulator::{Engine, Seed};
use drydock_hardware::dfu::{DfuPlug, DfuWire, VirtualDfu};
use drydock_hardware::port::{ModemLines, PluggedPort, Port, Ports, Topology, UsbIdentity, VirtualPort};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
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
    cable: Arc<Mutex<Option<SerialCable>>>,
    pub(crate) topology: Topology,
    plugged: Option<PluggedPort>,
    /// Its bootloader as a DFU device.
    pub(crate) dfu: Option<DfuPlug>,
    /// What happens to that device's transfers.
    pub(crate) script: Arc<Mutex<Script>>,
    _runner: Runner,
}

struct Lines(ModemSwitch);

impl ModemLines for Lines {
    fn set(&self, dtr: bool, rts: bool) -> std::io::Result<()> {
        self.0.set(dtr, rts)
    }
}

/// Far longer than a board takes from its start until it is enumerated.
const ENUMERATES: std::time::Duration = std::time::Duration::from_secs(3);

impl Desk {
    pub(crate) fn blank(name: &str) -> Self {
        Self::with_seed(name, 9)
    }

    /// A blank board with another chip id for each seed.
    pub(crate) fn with_seed(name: &str, seed: u8) -> Self {
        let board = board(name);
        let runner = Runner::with_workers(NonZeroUsize::MIN).unwrap();
        let machine = Builtin.open(&board, Seed([seed; 32])).unwrap();
        let options = RunOptions {
            name: name.to_owned(),
            pace: Pace::Max,
            paused: false,
        };
        let handle = runner.add(machine, options);
        let mut desk = Self {
            ports: Ports::new(),
            board,
            handle,
            cable: Arc::default(),
            topology: Topology::new("virtual-desk-1"),
            plugged: None,
            dfu: None,
            script: Arc::default(),
            _runner: runner,
        };
        desk.plug();
        desk
    }

    /// Pulls the cable, and plugs it in again. The board has its power from it.
    pub(crate) fn plug(&mut self) {
        *self.cable.lock().unwrap() = None;
        let options = CableOptions {
            power: Power::Cable,
            ..CableOptions::default()
        };
        let cable = SerialCable::plug_with(self.handle.clone(), &self.board, options).unwrap();
        *self.cable.lock().unwrap() = Some(cable);
        self.follow();
    }

    /// Pulls the cable when it is called.
    pub(crate) fn puller(&self) -> impl Fn() + Send + 'static {
        let cable = self.cable.clone();
        move || *cable.lock().unwrap() = None
    }

    fn with_cable<T>(&self, look: impl FnOnce(&SerialCable) -> T) -> T {
        look(self.cable.lock().unwrap().as_ref().unwrap())
    }

    pub(crate) fn runs(&self) -> Runs {
        self.with_cable(SerialCable::runs)
    }

    /// Has things go wrong from now on.
    pub(crate) fn breaks(&self, faults: CableFaults) {
        self.with_cable(|cable| cable.set_faults(faults)).unwrap();
    }

    /// Brings the board into its bootloader by hand.
    pub(crate) fn call_bootloader(&mut self) {
        if self.runs() == Runs::Bootloader {
            return;
        }
        self.with_cable(SerialCable::enter_bootloader).unwrap();
        wait(|| self.runs() == Runs::Bootloader);
        self.follow();
    }

    pub(crate) fn wait_for_firmware(&mut self) {
        wait(|| self.runs() == Runs::Firmware);
        self.follow();
    }

    /// Plugs the port in that the cable has now.
    pub(crate) fn follow(&mut self) {
        self.plugged = None;
        self.dfu = None;
        // A USB device of the chip's own is enumerated first. Half a firmware has none.
        let started = std::time::Instant::now();
        while self.with_cable(|cable| cable.path().is_none() && cable.watch().borrow().dfu.is_none()) {
            if started.elapsed() > ENUMERATES {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let state = self.with_cable(SerialCable::watch).borrow().clone();
        if let Some((_, identity)) = &state.dfu {
            let device = VirtualDfu {
                usb: UsbIdentity {
                    vendor: identity.ids.0,
                    product: identity.ids.1,
                    serial: Some(identity.serial.clone()),
                    manufacturer: None,
                    product_name: None,
                },
                topology: Some(self.topology.clone()),
            };
            self.dfu = Some(self.ports.dfu().plug_virtual(device, self.wire()));
        }
        let Some(path) = &state.path else { return };
        let usb = state.usb.map(|(vendor, product)| UsbIdentity {
            vendor,
            product,
            serial: None,
            manufacturer: None,
            product_name: None,
        });
        let port = Port {
            path: path.to_str().unwrap().to_owned(),
            topology: Some(self.topology.clone()),
            usb,
            is_virtual: true,
        };
        let lines = Arc::new(Lines(self.with_cable(SerialCable::lines)));
        self.plugged = None;
        self.plugged = Some(self.ports.plug_virtual(VirtualPort { port, lines }));
    }

    /// The wire to its bootloader, with what the script does to it.
    pub(crate) fn wire(&self) -> Arc<Mutex<dyn DfuWire>> {
        Arc::new(Mutex::new(Wire {
            cable: self.cable.clone(),
            script: self.script.clone(),
        }))
    }

    /// The path of its port now.
    pub(crate) fn path(&self) -> String {
        self.ports.find_topology(&self.topology)[0].path.clone()
    }

    /// Writes the machine's memory, without flash's rules.
    pub(crate) fn write(&self, address: u32, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        let written = self
            .handle
            .with_machine_blocking(move |machine| machine.write_memory(address, &bytes));
        written.unwrap().unwrap();
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
