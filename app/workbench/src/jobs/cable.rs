//! The board of a job on its cable: found by where the cable hangs, and held, so that nobody else uses its port or probe.

use super::job::{Job, JobEnd};
use crate::{
    api::CableRef,
    fleet::PortUser,
    hardware::{Borrowed, no_probe},
    state::WorkbenchState,
};
use drydock_assets::Board as Description;
use drydock_hardware::{
    binding::Binding,
    candidate,
    dfu::{DfuInfo, DfuOpenError},
    flash::{self, FlashError, Flasher, Place},
    port::{Access, Port, Topology, wait_until_accessible},
    probe::ProbeInfo,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long permission for a port is waited for: after plugging, the system gives it later than the port appears.
const PERMISSION: Duration = Duration::from_secs(3);

/// A board on its cable, held for one job.
pub(super) struct Cable {
    pub(super) place: Place,
    /// What the job is bound to; the chip joins it when it is read.
    pub(super) binding: Arc<Mutex<Binding>>,
    borrowed: Vec<Borrowed>,
}

impl Cable {
    /// Finds the board and takes its port and probe.
    pub(super) async fn take(
        workbench: &Arc<WorkbenchState>,
        job: &Job,
        on: &CableRef,
        board: &Description,
    ) -> Result<Self, JobEnd> {
        let before = job.view().topology;
        let probe = on.probe.as_ref().map(|id| find_probe(workbench, id)).transpose();
        let mut dfu = on.dfu.as_ref().map(|id| find_dfu(workbench, id)).transpose()?;
        let port = on
            .port
            .as_ref()
            .map(|path| find_port(workbench, path, before.as_deref()))
            .transpose();
        if port.is_err() && dfu.is_none() && on.probe.is_none() {
            // A board with half a firmware waits in its bootloader, which has no port.
            dfu = before
                .as_deref()
                .and_then(|before| bootloader_at(workbench, before, board));
        }
        let (port, probe) = match (port, probe) {
            // A board with half a firmware may have no USB port; its probe mends that.
            (Err(_), Ok(Some(probe))) if before.is_some() => (None, Some(probe)),
            (Err(_), Ok(None)) if dfu.is_some() && before.is_some() => (None, None),
            (port, probe) => (port?, probe?),
        };
        if let Some(Access::Denied { text, .. } | Access::Held { text, .. }) = dfu.as_ref().map(|dfu| &dfu.access) {
            return Err(JobEnd::Failed(text.clone()));
        }
        let binding = match (&port, &probe, &dfu) {
            (Some(port), ..) => {
                check_port(port, board).await?;
                Binding {
                    // A bootloader may show another serial number; the chip's id decides.
                    serial: None,
                    ..Binding::to_port(port)
                }
            }
            (None, Some(probe), _) => Binding {
                topology: before.map(Topology::new).or_else(|| probe.topology.clone()),
                serial: probe.serial.clone(),
                chip: None,
            },
            (None, None, Some(dfu)) => Binding {
                topology: before.map(Topology::new).or_else(|| dfu.topology.clone()),
                serial: dfu.usb.serial.clone(),
                chip: None,
            },
            (None, None, None) => {
                let text = "Name a serial port, a debug probe or a DFU device.";
                return Err(JobEnd::Failed(text.into()));
            }
        };
        let topology = binding.topology.as_ref().map(ToString::to_string);
        job.change(|view| view.topology = topology);
        let mut cable = Self {
            place: Place {
                port,
                probe: probe.map(|probe| probe.id),
                dfu: dfu.map(|dfu| dfu.id),
            },
            binding: Arc::new(Mutex::new(binding)),
            borrowed: Vec::new(),
        };
        match cable.borrow(workbench, PortUser::Job(job.view().id)).await {
            Ok(()) => Ok(cable),
            Err(refusal) => {
                cable.give_back().await;
                Err(JobEnd::Failed(refusal))
            }
        }
    }

    /// Takes port, probe and DFU device for a job.
    async fn borrow(&mut self, workbench: &WorkbenchState, user: PortUser) -> Result<(), String> {
        let paths = [
            self.place.port.as_ref().map(|port| port.path.clone()),
            self.place.probe.clone(),
            self.place.dfu.clone(),
        ];
        for path in paths.into_iter().flatten() {
            self.borrowed
                .push(Borrowed::take(workbench, &path, user.clone()).await?);
        }
        Ok(())
    }

    /// Opens the way to the board's flash. The board is in its bootloader afterwards, or halted by its probe.
    pub(super) async fn open(
        &self,
        workbench: &Arc<WorkbenchState>,
        board: &Description,
    ) -> Result<Box<dyn Flasher>, JobEnd> {
        let hardware = (
            Arc::clone(&workbench.hardware.ports),
            Arc::clone(&workbench.hardware.probes),
        );
        let (place, board) = (self.place.clone(), board.clone());
        let opened = blocking(move || flash::open(&hardware.0, &hardware.1, &place, &board)).await?;
        opened.map_err(|error| self.sentence(&error))
    }

    /// What identifies the board now.
    pub(super) fn binding(&self) -> Binding {
        self.binding.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An error of flashing as sentences for people, with the place and what to do.
    pub(super) fn sentence(&self, error: &FlashError) -> JobEnd {
        let at = self.place.to_string();
        let text = match error {
            FlashError::Cancelled => return JobEnd::Cancelled,
            FlashError::WrongBoard(wrong) => {
                format!(
                    "Stopped before anything was written to another board: {wrong}. Plug the board in again at {at} and resume."
                )
            }
            FlashError::Locked => format!(
                "The chip at {at} is locked against reading. It can be unlocked only by erasing everything on it: begin \
                 again and have everything erased first (--erase-all)."
            ),
            FlashError::NoAnswer(reason) => {
                format!("The board at {at} does not answer: {reason}. Check its cable and its power, then resume.")
            }
            FlashError::Lost(reason) => format!(
                "The connection to the board at {at} broke off: {reason}. Plug it in again and resume; what was written is \
                 checked first."
            ),
            FlashError::Image(text) => text.clone(),
            error => format!("The board at {at}: {error}. Resume to try again."),
        };
        JobEnd::Failed(text)
    }

    /// Gives port and probe back, and lets the board's task open its port again.
    pub(super) async fn give_back(self) {
        for borrowed in self.borrowed {
            borrowed.give_back().await;
        }
    }
}

/// The port with this path; if the board was elsewhere when the job began, the port where it was.
fn find_port(workbench: &WorkbenchState, path: &str, before: Option<&str>) -> Result<Port, JobEnd> {
    let ports = &workbench.hardware.ports;
    let there = match before {
        Some(before) => ports.find_topology(&Topology::new(before)).into_iter().next(),
        None => ports.port(path),
    };
    if let Some(port) = there {
        return Ok(port);
    }
    let text = match before {
        Some(before) => {
            format!(
                "There is no board at {before} now, where this job began. Plug it in there, reset it into its bootloader by \
                 hand if it shows no port, and resume."
            )
        }
        None => {
            let ports = ports.list();
            let paths: Vec<&str> = ports.iter().map(|port| port.path.as_str()).collect();
            match paths.as_slice() {
                [] => format!(
                    "There is no serial port {path}; there are none. Plug the board in with a cable that carries data."
                ),
                paths => format!(
                    "There is no serial port {path}; there are: {}. Plug the board in and resume.",
                    paths.join(", ")
                ),
            }
        }
    };
    Err(JobEnd::Failed(text))
}

/// The probe with this id.
fn find_probe(workbench: &WorkbenchState, id: &str) -> Result<ProbeInfo, JobEnd> {
    let probes = workbench.hardware.probes.list();
    let found = probes.iter().find(|probe| probe.id == id).cloned();
    found.ok_or_else(|| JobEnd::Failed(format!("{} Plug it in and resume.", no_probe(id, &probes))))
}

/// The DFU device with this id.
fn find_dfu(workbench: &WorkbenchState, id: &str) -> Result<DfuInfo, JobEnd> {
    let devices = workbench.hardware.ports.dfu();
    devices.find(id).map_err(|error| {
        let there: Vec<String> = devices.list().into_iter().map(|device| device.id).collect();
        let text = match (&error, there.is_empty()) {
            (DfuOpenError::NotFound(_), true) => {
                "There are none. Bring the board into its bootloader and resume.".into()
            }
            (DfuOpenError::NotFound(_), false) => format!(
                "There are: {}. Bring the board into its bootloader and resume.",
                there.join(", ")
            ),
            _ => "Then resume.".into(),
        };
        JobEnd::Failed(format!("{}. {text}", capitalized(&error.to_string())))
    })
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// The bootloader of this kind of board as a DFU device at a place.
fn bootloader_at(workbench: &WorkbenchState, place: &str, board: &Description) -> Option<DfuInfo> {
    let place = Topology::new(place);
    let is_boards = |device: &DfuInfo| {
        let candidates = candidate::candidates_of_dfu(&device.usb);
        candidates.iter().any(|candidate| candidate.board == board.name)
    };
    let mut devices = workbench.hardware.ports.dfu().list().into_iter();
    devices.find(|device| device.topology.as_ref() == Some(&place) && is_boards(device))
}

/// Refuses a port that cannot be used, and one that belongs to another kind of board for certain.
async fn check_port(port: &Port, board: &Description) -> Result<(), JobEnd> {
    match wait_until_accessible(port, PERMISSION).await {
        Access::Usable => {}
        Access::Denied { text, .. } | Access::Held { text, .. } => return Err(JobEnd::Failed(text)),
    }
    let candidates = candidate::candidates(port);
    let fits = candidates.iter().any(|candidate| candidate.board == board.name);
    match candidates
        .iter()
        .find(|candidate| candidate.confidence == candidate::Confidence::Certain)
    {
        Some(other) if !fits => {
            let text = format!(
                "Another kind of board is at {}: {}, not {}. {} Nothing was written.",
                port.path, other.title, board.title, other.reason
            );
            Err(JobEnd::Failed(text))
        }
        _ => Ok(()),
    }
}

/// Runs blocking work on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JobEnd> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| JobEnd::Failed(format!("Drydock failed: {error}.")))
}
