//! The desk: virtual boards, each an emulated chip that is reached over a pseudo-terminal and a virtual debug probe, as a
//! physical board is over its cable. Instead of the pseudo-terminal, a board's USB device may be exported by USB/IP. They
//! live as long as Drydock runs.

use super::dfu_socket::DfuSocket;
use crate::{
    api::{
        ApiError, CableAction, CandidateView, Confidence, Empty, ErrorCode, UsbIpView, VirtualAdd, VirtualBoardView,
        VirtualCable, VirtualRef, VirtualRuns,
    },
    errors::usage,
    fleet::parse_seed,
    state::WorkbenchState,
};
use drydock_assets::{Board as Description, ConnectorKind, FlashMethod};
use drydock_emulator::debug::port::{DebugPort, PortFault};
use drydock_emulator::{
    Engine, Machine, ResetKind, Seed,
    builtin::engine::Builtin,
    cable::usbip::{self, UsbIpExport},
    cable::{CableOptions, CableState, ModemSwitch, ResetNotice, Runs, SerialCable, UsbSockets},
    runner::{MachineHandle, Pace, RunOptions},
};
use drydock_hardware::{
    dfu::{DfuPlug, VirtualDfu},
    port::{ModemLines, PluggedPort, Port, Ports, Topology, UsbIdentity, VirtualPort},
    probe::{DebugWire, VirtualPlug, VirtualProbe, WireFault},
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::AbortHandle;

/// Most virtual boards on the desk.
const MOST: usize = 256;

/// How long a board may take from its start until the host sees its port.
const SEEN: Duration = Duration::from_secs(10);

/// The virtual boards, by name.
#[derive(Default)]
pub(crate) struct Desk {
    boards: Mutex<BTreeMap<String, Arc<VirtualBoard>>>,
    /// Their probes and serial adapters are as slow as a wire and a chip.
    slow_wires: AtomicBool,
}

struct VirtualBoard {
    name: String,
    description: Description,
    handle: MachineHandle,
    /// Shown as the serial number of its USB device.
    serial: String,
    /// Its USB device is exported instead of its serial port.
    exports_usb: bool,
    cable: Mutex<Option<PluggedCable>>,
}

/// A cable that is plugged in.
struct PluggedCable {
    cable: Cable,
    /// The port of the board now; another one after the board has enumerated again.
    port: Arc<Mutex<Option<PluggedPort>>>,
    /// Its bootloader as a DFU device, with the number of that device, while it waits.
    dfu: Arc<Mutex<Option<(u64, DfuPlug)>>>,
    /// The debug probe on the board, for chips with a debug port.
    probe: Option<VirtualPlug>,
    /// Follows the cable.
    task: AbortHandle,
}

/// How the host reaches a board.
enum Cable {
    Serial(Box<SerialCable>),
    UsbIp(UsbIpExport),
}

impl Cable {
    /// Path of the serial port, while it is there.
    fn path(&self) -> Option<String> {
        match self {
            Self::Serial(cable) => cable.path().map(|path| path.display().to_string()),
            Self::UsbIp(_) => None,
        }
    }

    fn usbip(&self) -> Option<UsbIpView> {
        let Self::UsbIp(export) = self else { return None };
        let state = export.watch().borrow().clone();
        Some(UsbIpView {
            host: export.address().ip().to_string(),
            port: export.address().port(),
            bus_id: usbip::BUS_ID.to_owned(),
            usb: state.usb,
            is_attached: state.is_attached,
        })
    }

    fn runs(&self) -> Runs {
        match self {
            Self::Serial(cable) => cable.runs(),
            Self::UsbIp(export) => export.watch().borrow().runs,
        }
    }
}

impl Drop for PluggedCable {
    fn drop(&mut self) {
        self.task.abort();
        self.port.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.dfu.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl PluggedCable {
    fn dfu_id(&self) -> Option<String> {
        let dfu = self.dfu.lock().unwrap_or_else(PoisonError::into_inner);
        Some(dfu.as_ref()?.1.id().to_owned())
    }
}

/// The debug port of a machine, as a probe reaches it.
struct Wire {
    port: DebugPort,
    /// The cable beside it, which cannot see what a debugger does.
    cable: ResetNotice,
    resets: u64,
}

impl DebugWire for Wire {
    fn read(&mut self, access_port: bool, address: u8) -> Result<u32, WireFault> {
        self.port.read(access_port, address).map_err(wire_fault)
    }

    fn write(&mut self, access_port: bool, address: u8, value: u32) -> Result<(), WireFault> {
        let written = self.port.write(access_port, address, value);
        self.tell_resets();
        written.map_err(wire_fault)
    }

    fn reset_pin(&mut self, held: bool) {
        self.port.reset_pin(held);
        self.tell_resets();
    }
}

impl Wire {
    fn tell_resets(&mut self) {
        let resets = self.port.resets();
        if resets != self.resets {
            self.resets = resets;
            self.cable.give();
        }
    }
}

fn wire_fault(fault: PortFault) -> WireFault {
    match fault {
        PortFault::Fault => WireFault::Fault,
        PortFault::NoAck => WireFault::NoAnswer,
    }
}

struct Lines(ModemSwitch);

impl ModemLines for Lines {
    fn set(&self, dtr: bool, rts: bool) -> io::Result<()> {
        self.0.set(dtr, rts)
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<VirtualBoard>>> {
        // The map is consistent between any two statements that touch it.
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> Result<Arc<VirtualBoard>, ApiError> {
        let boards = self.lock();
        boards.get(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = boards.keys().map(String::as_str).collect();
            let text = match names.as_slice() {
                [] => format!("There is no virtual board {name}; there are none."),
                names => format!("There is no virtual board {name}; there are: {}.", names.join(", ")),
            };
            ApiError::new(ErrorCode::NotFound, text)
        })
    }

    /// The machine of a virtual board.
    #[cfg(test)]
    pub(crate) fn machine(&self, name: &str) -> MachineHandle {
        self.find(name).expect("the board is on the desk").handle.clone()
    }

    /// Makes the cable of a virtual board noisy: so many of a million bytes are damaged.
    #[cfg(test)]
    pub(crate) fn make_noisy(&self, name: &str, per_million: u32) {
        let board = self.find(name).expect("the board is on the desk");
        if let Some(Cable::Serial(cable)) = board.plugged().as_ref().map(|plugged| &plugged.cable) {
            cable.make_noisy(per_million);
        }
    }

    pub(super) fn views(&self) -> Vec<VirtualBoardView> {
        self.lock().values().map(|board| board.view()).collect()
    }

    /// The board behind a virtual probe.
    pub(super) fn candidates_of_probe(&self, id: &str) -> Vec<CandidateView> {
        let boards = self.lock();
        let board = boards.values().find(|board| board.probe_id().as_deref() == Some(id));
        let view = |board: &Arc<VirtualBoard>| CandidateView {
            kind: board.description.name.clone(),
            title: board.description.title.clone(),
            confidence: Confidence::Certain,
            reason: format!("The virtual board {} is behind it.", board.name),
        };
        board.map(view).into_iter().collect()
    }

    /// Whether the probes and serial adapters of boards that are put on the desk from now on are as slow as a wire and a
    /// chip.
    pub(crate) fn slow_wires(&self, slow: bool) {
        self.slow_wires.store(slow, Ordering::Relaxed);
    }

    /// Takes all virtual boards from the desk.
    pub(super) fn clear(&self) {
        let boards = std::mem::take(&mut *self.lock());
        for board in boards.values() {
            board.unplug();
            board.handle.stop();
        }
    }
}

impl VirtualBoard {
    fn plugged(&self) -> MutexGuard<'_, Option<PluggedCable>> {
        self.cable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> VirtualBoardView {
        let plugged = self.plugged();
        let cable = plugged.as_ref().map(|plugged| &plugged.cable);
        VirtualBoardView {
            name: self.name.clone(),
            kind: self.description.name.clone(),
            plugged: cable.is_some(),
            port: cable.and_then(Cable::path),
            probe: plugged
                .as_ref()
                .and_then(|plugged| plugged.probe.as_ref())
                .map(|probe| probe.id().to_owned()),
            dfu: plugged.as_ref().and_then(PluggedCable::dfu_id),
            usbip: cable.and_then(Cable::usbip),
            runs: match cable.map_or(Runs::Nothing, Cable::runs) {
                Runs::Firmware => VirtualRuns::Firmware,
                Runs::Bootloader => VirtualRuns::Bootloader,
                Runs::Nothing => VirtualRuns::Nothing,
            },
        }
    }

    fn probe_id(&self) -> Option<String> {
        let plugged = self.plugged();
        Some(plugged.as_ref()?.probe.as_ref()?.id().to_owned())
    }

    /// Puts a debug probe on the board, if its chip has a debug port that Drydock uses.
    fn plug_probe(&self, workbench: &WorkbenchState, cable: ResetNotice) -> Option<VirtualPlug> {
        let has_probe = self
            .description
            .flashing
            .iter()
            .any(|way| way.method == FlashMethod::Probe);
        if !has_probe {
            return None;
        }
        let mut port = DebugPort::new(self.handle.clone(), &self.description).ok()?;
        if workbench.hardware.desk.slow_wires.load(Ordering::Relaxed) {
            port.keep_wire_time();
        }
        let probe = VirtualProbe {
            name: format!("virtual probe on {}", self.name),
            serial: self.serial.clone(),
            topology: Some(self.topology()),
        };
        let wire = Wire { port, cable, resets: 0 };
        let wire = Arc::new(Mutex::new(wire));
        Some(workbench.hardware.probes.plug_virtual(probe, wire))
    }

    fn topology(&self) -> Topology {
        Topology::of_virtual(&self.name)
    }

    /// Waits until the host sees the board's port or its bootloader: a USB device is enumerated first.
    async fn seen(&self) {
        let (mut path, mut usb) = match self.plugged().as_ref().map(|plugged| &plugged.cable) {
            Some(Cable::Serial(cable)) => (Some(cable.watch()), None),
            Some(Cable::UsbIp(export)) => (None, Some(export.watch())),
            None => (None, None),
        };
        if let Some(state) = &mut path {
            let is_seen = |state: &CableState| state.path.is_some() || state.dfu.is_some();
            let _ = tokio::time::timeout(SEEN, state.wait_for(is_seen)).await;
        }
        if let Some(state) = &mut usb {
            let _ = tokio::time::timeout(SEEN, state.wait_for(|state| state.usb.is_some())).await;
        }
    }

    fn unplug(&self) {
        self.plugged().take();
    }

    /// The port as the host sees it, for a state of the cable.
    fn port(&self, state: &CableState) -> Option<Port> {
        Some(Port {
            path: state.path.as_ref()?.display().to_string(),
            topology: Some(self.topology()),
            usb: state.usb.map(|(vendor, product)| UsbIdentity {
                vendor,
                product,
                serial: Some(self.serial.clone()),
                manufacturer: Some("Drydock".into()),
                product_name: Some(format!("virtual {}", self.description.title)),
            }),
            is_virtual: true,
        })
    }

    /// Plugs the DFU device in that the host sees, and the one out that is gone.
    fn show_dfu(&self, state: &CableState, slot: &Mutex<Option<(u64, DfuPlug)>>, ports: &Ports, sockets: &UsbSockets) {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.dfu.as_ref().map(|(number, _)| *number);
        if slot.as_ref().map(|(number, _)| *number) == number {
            return;
        }
        // The old device goes before the new one comes, as on a bus.
        slot.take();
        let Some((number, identity)) = &state.dfu else { return };
        let device = VirtualDfu {
            usb: UsbIdentity {
                vendor: identity.ids.0,
                product: identity.ids.1,
                serial: Some(identity.serial.clone()),
                manufacturer: Some("Drydock".into()),
                product_name: Some(format!("virtual {}", identity.product_name)),
            },
            topology: Some(self.topology()),
        };
        let wire = Arc::new(Mutex::new(DfuSocket(sockets.device(*number))));
        *slot = Some((*number, ports.dfu().plug_virtual(device, wire)));
    }

    fn plug(self: &Arc<Self>, workbench: &Arc<WorkbenchState>) -> Result<(), ApiError> {
        let mut plugged = self.plugged();
        if plugged.is_none() {
            let cable = match self.exports_usb {
                true => self.export_usb(workbench),
                false => self.plug_serial(workbench),
            };
            *plugged = Some(cable.map_err(|error| {
                let text = format!("The cable of {} cannot be plugged in: {error}.", self.name);
                ApiError::new(ErrorCode::Board, text)
            })?);
        }
        Ok(())
    }

    fn export_usb(&self, workbench: &Arc<WorkbenchState>) -> io::Result<PluggedCable> {
        let export = UsbIpExport::start(self.handle.clone(), &self.description, usbip::PORT)?;
        let mut changes = export.watch();
        changes.mark_unchanged();
        let task = {
            let workbench = Arc::downgrade(workbench);
            tokio::spawn(async move {
                while changes.changed().await.is_ok() {
                    let Some(workbench) = workbench.upgrade() else { return };
                    workbench.hardware.changed.send_replace(());
                }
            })
        };
        Ok(PluggedCable {
            probe: self.plug_probe(workbench, export.reset_notice()),
            cable: Cable::UsbIp(export),
            port: Arc::default(),
            dfu: Arc::default(),
            task: task.abort_handle(),
        })
    }

    fn plug_serial(self: &Arc<Self>, workbench: &Arc<WorkbenchState>) -> io::Result<PluggedCable> {
        let options = CableOptions {
            keeps_wire_time: workbench.hardware.desk.slow_wires.load(Ordering::Relaxed),
            ..CableOptions::default()
        };
        let cable = SerialCable::plug_with(self.handle.clone(), &self.description, options)?;
        let mut changes = cable.watch();
        let lines: Arc<dyn ModemLines> = Arc::new(Lines(cable.lines()));
        let slot: Arc<Mutex<Option<PluggedPort>>> = Arc::default();
        let dfu: Arc<Mutex<Option<(u64, DfuPlug)>>> = Arc::default();
        // The cable belongs to the board that is being plugged in here.
        let socket = cable.sockets();
        let show = {
            let (board, slot, ports) = (
                Arc::clone(self),
                Arc::clone(&slot),
                Arc::clone(&workbench.hardware.ports),
            );
            let dfu = Arc::clone(&dfu);
            let mut shown = None;
            move |state: &CableState| {
                board.show_dfu(state, &dfu, &ports, &socket);
                let port = board.port(state);
                if port == shown {
                    return;
                }
                let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
                // The old path goes before the new one comes, as on a bus.
                slot.take();
                shown.clone_from(&port);
                *slot = port.map(|port| {
                    ports.plug_virtual(VirtualPort {
                        port,
                        lines: Arc::clone(&lines),
                    })
                });
            }
        };
        let mut show = show;
        show(&changes.borrow_and_update());
        let task = {
            let workbench = Arc::downgrade(workbench);
            tokio::spawn(async move {
                while changes.changed().await.is_ok() {
                    let state = changes.borrow_and_update().clone();
                    show(&state);
                    let Some(workbench) = workbench.upgrade() else { return };
                    workbench.hardware.changed.send_replace(());
                }
            })
        };
        Ok(PluggedCable {
            probe: self.plug_probe(workbench, cable.reset_notice()),
            cable: Cable::Serial(Box::new(cable)),
            port: slot,
            dfu,
            task: task.abort_handle(),
        })
    }
}

/// Puts a virtual board on the desk and plugs it in.
pub(crate) async fn add(workbench: &Arc<WorkbenchState>, request: VirtualAdd) -> Result<VirtualBoardView, ApiError> {
    let description = crate::jobs::description(&request.kind)?;
    if request.usbip && description.connector.kind != ConnectorKind::UsbDevice {
        return Err(usage(format!(
            "The USB socket of {} is not the chip's own, so that there is no device to export; a nano33ble has one.",
            description.title
        )));
    }
    let seed = match &request.seed {
        Some(text) => {
            parse_seed(text).ok_or_else(|| usage(format!("{text} is no seed; write up to 64 hexadecimal digits.")))?
        }
        None => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed)
                .map_err(|error| ApiError::internal(format!("This system gives no random numbers: {error}.")))?;
            Seed(seed)
        }
    };
    let name = free_name(&workbench.hardware.desk, request.name)?;
    let machine = machine(workbench, &description, seed, request.blank)?;
    let options = RunOptions {
        name: name.clone(),
        pace: Pace::Max,
        paused: true,
    };
    let handle = workbench.runner.add(machine, options);
    handle.stop_input_log();
    let board = Arc::new(VirtualBoard {
        serial: serial(&seed),
        name: name.clone(),
        description,
        handle,
        exports_usb: request.usbip,
        cable: Mutex::default(),
    });
    {
        let mut boards = workbench.hardware.desk.lock();
        if boards.contains_key(&name) {
            board.handle.stop();
            return Err(usage(format!("There is a virtual board {name} already.")));
        }
        boards.insert(name, Arc::clone(&board));
    }
    if !request.blank {
        board.handle.resume();
    }
    let (task_board, task_workbench) = (Arc::clone(&board), Arc::clone(workbench));
    let plugged = tokio::task::spawn_blocking(move || {
        // The cable's task is spawned on the runtime.
        task_board.plug(&task_workbench)
    })
    .await;
    let plugged = plugged
        .map_err(|error| ApiError::internal(format!("The cable was not plugged in: {error}.")))
        .flatten();
    if let Err(error) = plugged {
        // A board that nobody can reach is of no use on the desk.
        workbench.hardware.desk.lock().remove(&board.name);
        board.handle.stop();
        return Err(error);
    }
    board.seen().await;
    workbench.hardware.changed.send_replace(());
    Ok(board.view())
}

/// A serial number that differs for seeds that differ anywhere: probes with the same one could not be told apart.
fn serial(seed: &Seed) -> String {
    let digest = Sha256::digest(seed.0);
    digest[..8].iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A machine with firmware, or one whose flash is as it comes from the factory.
fn machine(
    workbench: &WorkbenchState,
    board: &Description,
    seed: Seed,
    blank: bool,
) -> Result<Box<dyn Machine>, ApiError> {
    let failed = |error: String| ApiError::new(ErrorCode::Board, format!("{error}."));
    let mut machine = Builtin.open(board, seed).map_err(|error| failed(error.to_string()))?;
    if blank {
        if board.connector.kind == ConnectorKind::UsbDevice
            && board.flashing.iter().any(|way| way.method == FlashMethod::Dfu)
        {
            let written = machine.write_memory(board.boot, &factory_program(board.boot));
            written.map_err(|error| failed(error.to_string()))?;
        }
        if let Some(area) = board.flash_area("bootloader").filter(|_| !is_kept(board)) {
            let erased = machine.write_memory(area.base, &vec![0xff; area.bytes as usize]);
            erased.map_err(|error| failed(error.to_string()))?;
        }
    } else {
        let image = workbench.images.of(board).map_err(failed)?;
        machine.load(&image).map_err(|error| failed(error.to_string()))?;
    }
    machine
        .reset(ResetKind::PowerOn)
        .map_err(|error| failed(error.to_string()))?;
    Ok(machine)
}

/// Whether a bootloader in flash is the factory's. ST's is in ROM, and the start of the flash is free.
fn is_kept(board: &Description) -> bool {
    let in_flash = |method| match method {
        FlashMethod::SamBa => true,
        FlashMethod::Dfu => board.connector.kind == ConnectorKind::UsbDevice,
        FlashMethod::Probe | FlashMethod::EspRom => false,
    };
    board.flashing.iter().any(|way| in_flash(way.method))
}

/// What stands for the factory's example program on a board that is reached through it: it sleeps. Its serial port, with the
/// touch that leads into the bootloader, is that of the cable.
fn factory_program(boot: u32) -> Vec<u8> {
    // Vector table: stack pointer, reset. Then `wfi` and a branch back to it.
    let words = [0x2000_1000, boot + 9, 0xe7fd_bf30];
    words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect()
}

fn free_name(desk: &Desk, name: Option<String>) -> Result<String, ApiError> {
    let boards = desk.lock();
    if boards.len() >= MOST {
        return Err(usage(format!("There are {MOST} virtual boards already.")));
    }
    match name {
        None => {
            let names = (1..).map(|number: u32| format!("desk-{number}"));
            let mut free = names.filter(|name| !boards.contains_key(name));
            Ok(free.next().unwrap_or_default())
        }
        Some(name) => {
            let name = name.trim().to_owned();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            match (1..=32).contains(&name.len()) && name.chars().all(fits) {
                false => Err(usage(
                    "The name of a virtual board has 1 to 32 letters, digits and hyphens.",
                )),
                true if boards.contains_key(&name) => Err(usage(format!("There is a virtual board {name} already."))),
                true => Ok(name),
            }
        }
    }
}

/// Takes a virtual board from the desk.
pub(crate) async fn remove(workbench: &Arc<WorkbenchState>, request: VirtualRef) -> Result<Empty, ApiError> {
    let board = workbench.hardware.desk.find(&request.name)?;
    workbench.hardware.desk.lock().remove(&request.name);
    let handle = board.handle.clone();
    unplug(board).await;
    handle.stop();
    workbench.hardware.changed.send_replace(());
    Ok(Empty {})
}

/// Pulls or plugs the cable of a virtual board.
pub(crate) async fn cable(
    workbench: &Arc<WorkbenchState>,
    request: VirtualCable,
) -> Result<VirtualBoardView, ApiError> {
    let board = workbench.hardware.desk.find(&request.name)?;
    match request.action {
        CableAction::Pull => unplug(Arc::clone(&board)).await,
        CableAction::Plug => {
            let (plugging, workbench) = (Arc::clone(&board), Arc::clone(workbench));
            let plugged = tokio::task::spawn_blocking(move || plugging.plug(&workbench)).await;
            plugged.map_err(|error| ApiError::internal(format!("The cable was not plugged in: {error}.")))??;
            board.seen().await;
        }
    }
    workbench.hardware.changed.send_replace(());
    Ok(board.view())
}

/// Pulls a cable, which waits for its thread.
async fn unplug(board: Arc<VirtualBoard>) {
    if let Err(error) = tokio::task::spawn_blocking(move || board.unplug()).await {
        tracing::warn!(%error, "a cable was not pulled");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_with_short_seeds_show_serial_numbers_of_their_own() {
        let [one, two] = ["1", "2"].map(|text| serial(&parse_seed(text).unwrap()));
        assert_ne!(one, two);
        assert_eq!(one.len(), 16);
    }
}
