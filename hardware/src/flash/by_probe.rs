//! Writing flash over a debug probe: probe-rs runs the chip's own flash algorithm on the chip.

use super::{CHUNK_BYTES, FlashError, Flasher};
use crate::{
    binding::{ChipId, WrongBoard},
    probe::{
        FoundChip, ProbeError, ProbedChip, Probes, arm_interface, find, memory, nordic_erase_all, nordic_lock, reset,
    },
};
use drydock_assets::{Board, Flash, FlashMethod};
use probe_rs::{
    MemoryInterface, Permissions, Session,
    architecture::arm::{ArmError, DapError},
    flashing::{DownloadOptions, FlashProgress, erase, erase_all},
};
use std::{error::Error, ops::Range};

const METHOD: &str = "debug probe";

/// Opens the way to the flash of a board over a debug probe. The board is not touched before it is asked for something.
///
/// # Errors
/// [`FlashError`]: the board's data names no target for probes, or the chip behind the probe is another one or does not
/// answer.
pub fn open(probes: &Probes, id: &str, board: &Board) -> Result<Box<dyn Flasher>, FlashError> {
    let target = board
        .flashing
        .iter()
        .filter(|way| way.method == FlashMethod::Probe)
        .find_map(|way| way.target.clone());
    let chip = ProbedChip::by_asset_name(&board.chip.name);
    let (Some(target), Some(chip)) = (target, chip) else {
        return Err(FlashError::Unsupported {
            method: METHOD,
            what: "write this kind of board",
        });
    };
    let mut flasher = ByProbe {
        probes: probes.clone(),
        probe: id.to_owned(),
        target,
        chip,
        flashes: [Some(board.chip.flash.clone()), board.chip.data_flash.clone()]
            .into_iter()
            .flatten()
            .collect(),
        session: None,
        last: None,
    };
    flasher.find()?;
    Ok(Box::new(flasher))
}

struct ByProbe {
    probes: Probes,
    /// The probe's id.
    probe: String,
    /// The chip's name in probe-rs' list of targets.
    target: String,
    chip: ProbedChip,
    flashes: Vec<Flash>,
    /// Open from the first access to flash until an error.
    session: Option<Session>,
    /// The chip that answered last.
    last: Option<ChipId>,
}

impl ByProbe {
    /// Asks which chip is there, over a connection of its own.
    fn find(&mut self) -> Result<FoundChip, FlashError> {
        // A probe has one user.
        self.session = None;
        let found = self.probes.identify(&self.probe).map_err(probe_failed)?;
        if found.chip != self.chip {
            let (found, expected) = (found.chip.asset_name(), self.chip.asset_name());
            return Err(FlashError::Refused(format!(
                "the chip behind the debug probe is a {found}, but this kind of board has a {expected}; nothing was written"
            )));
        }
        Ok(found)
    }

    /// The session with the chip, opened if there is none.
    fn session(&mut self) -> Result<&mut Session, FlashError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                let mut session = self.attach()?;
                // Between two connections the probe may have come to another board.
                self.check_last(&mut session)?;
                session
            }
        };
        Ok(self.session.insert(session))
    }

    /// Checks that the chip of a new session is the one that answered last.
    fn check_last(&self, session: &mut Session) -> Result<(), FlashError> {
        let Some(expected) = &self.last else { return Ok(()) };
        let found = read_id(self.chip, session).map_err(|error| failed(&error, true))?;
        is_same(expected, found)
    }

    fn attach(&mut self) -> Result<Session, FlashError> {
        let probe = self.probes.open(&self.probe).map_err(probe_failed)?;
        probe
            .attach(self.target.as_str(), Permissions::new())
            .map_err(|error| failed(&error, false))
    }

    /// Erases everything on a locked chip, and reads the id that it then says. All over one connection: a locked chip has no
    /// id by which another board could be noticed between two.
    fn unlock(&mut self) -> Result<ChipId, FlashError> {
        let probe = self.probes.open(&self.probe).map_err(probe_failed)?;
        let mut interface = arm_interface(probe).map_err(probe_failed)?;
        if nordic_lock(&mut *interface).map_err(|error| failed(&error, true))? != Some(true) {
            let text = "another board is at the probe now, one that is not locked; nothing was erased";
            return Err(FlashError::Lost(text.into()));
        }
        nordic_erase_all(&mut *interface).map_err(|error| failed(&error, true))?;
        find(&mut *interface)
            .map_err(probe_failed)?
            .id
            .ok_or_else(|| FlashError::Refused("the chip is still locked after everything on it was erased".into()))
    }

    /// Calls `work` with the session. A session that failed is closed: the next call opens a new one.
    fn with_session<T, E: Error + 'static>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, FlashError> {
        let error = match work(self.session()?) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        self.session = None;
        let failure = failed(&error, true);
        if !matches!(failure, FlashError::Lost(_)) {
            return Err(failure);
        }
        // A board that is there but was never asked for anything answers like a broken connection.
        match (self.find(), self.last.clone()) {
            (Ok(FoundChip { id: Some(found), .. }), Some(expected)) if found != expected => {
                Err(WrongBoard::Chip { expected, found }.into())
            }
            (Err(error @ FlashError::Refused(_)), _) => Err(error),
            _ => Err(failure),
        }
    }

    fn check(&self, address: u32, bytes: usize) -> Result<(), FlashError> {
        let end = u64::from(address) + bytes as u64;
        let fits = |flash: &Flash| address >= flash.base && end <= u64::from(flash.base) + u64::from(flash.bytes);
        match self.flashes.iter().any(fits) {
            true => Ok(()),
            false => Err(FlashError::Image(format!(
                "The chip has no flash at {address:#010x} to {end:#010x}."
            ))),
        }
    }
}

impl Flasher for ByProbe {
    fn method(&self) -> &'static str {
        METHOD
    }

    fn chip(&mut self) -> Result<ChipId, FlashError> {
        if let Some(session) = &mut self.session {
            match read_id(self.chip, session) {
                Ok(id) => {
                    self.last = Some(id.clone());
                    return Ok(id);
                }
                // Another board, or the same after its cable was out: a new connection tells.
                Err(error) => tracing::debug!(%error, "the session with the chip is gone"),
            }
        }
        let id = self.find()?.id.ok_or(FlashError::Locked)?;
        self.last = Some(id.clone());
        Ok(id)
    }

    fn is_locked(&mut self) -> Result<bool, FlashError> {
        Ok(self.find()?.is_locked)
    }

    fn writes_boot_area(&self) -> bool {
        true
    }

    fn erase_unit(&self, address: u32) -> Range<u32> {
        self.flashes
            .iter()
            .find_map(|flash| flash.erase_unit(address))
            .unwrap_or(address..address.saturating_add(1))
    }

    fn erase(&mut self, range: Range<u32>) -> Result<(), FlashError> {
        self.check(range.start, range.len())?;
        let (start, end) = (u64::from(range.start), u64::from(range.end));
        self.with_session(|session| erase(session, &mut FlashProgress::empty(), start, end, false))
    }

    fn erase_all(&mut self) -> Result<(), FlashError> {
        if self.find()?.is_locked {
            if self.chip != ProbedChip::Nrf52840 {
                return Err(FlashError::Unsupported {
                    method: METHOD,
                    what: "unlock this chip; use its maker's tool to reset its option bytes",
                });
            }
            if self.last.is_some() {
                // The chip that answered before was not locked.
                let text = "another board is at the probe now, a locked one; nothing was erased";
                return Err(FlashError::Lost(text.into()));
            }
            self.last = Some(self.unlock()?);
            return Ok(());
        }
        self.with_session(|session| erase_all(session, &mut FlashProgress::empty(), false))
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError> {
        debug_assert!(bytes.len() <= CHUNK_BYTES as usize);
        self.check(address, bytes.len())?;
        self.with_session(|session| {
            let mut loader = session.target().flash_loader();
            loader.add_data(u64::from(address), bytes)?;
            let mut options = DownloadOptions::new();
            options.skip_erase = true;
            loader.commit(session, options)
        })
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.check(address, bytes.len())?;
        self.with_session(|session| session.core(0)?.read(u64::from(address), bytes))
    }

    fn start(&mut self) -> Result<(), FlashError> {
        // Closing the session turns the core's debug unit off. A reset after that starts the firmware as without a probe.
        self.session = None;
        let probe = self.probes.open(&self.probe).map_err(probe_failed)?;
        let mut interface = arm_interface(probe).map_err(probe_failed)?;
        if let Some(expected) = &self.last {
            let found = find(&mut *interface).map_err(probe_failed)?;
            is_same(expected, found.id.ok_or(FlashError::Locked)?)?;
        }
        reset(&mut *interface).map_err(|error| failed(&error, true))
    }
}

fn read_id(chip: ProbedChip, session: &mut Session) -> Result<ChipId, ArmError> {
    let mut memory = memory(session.get_arm_interface()?)?;
    chip.read_id(&mut *memory)
}

fn is_same(expected: &ChipId, found: ChipId) -> Result<(), FlashError> {
    if *expected == found {
        return Ok(());
    }
    let expected = expected.clone();
    Err(WrongBoard::Chip { expected, found }.into())
}

fn probe_failed(error: ProbeError) -> FlashError {
    match error {
        ProbeError::Locked => FlashError::Locked,
        ProbeError::UnknownChip(_)
        | ProbeError::Garbled(_)
        | ProbeError::BusFault(_)
        | ProbeError::Disobeys(_)
        | ProbeError::OtherChip { .. } => FlashError::Refused(error.to_string()),
        // It was there when the operation was asked for.
        ProbeError::NotFound(_) => FlashError::Lost(error.to_string()),
        ProbeError::NoAnswer(_)
        | ProbeError::DebugOff
        | ProbeError::Ambiguous(_)
        | ProbeError::Denied { .. }
        | ProbeError::Open { .. } => FlashError::NoAnswer(error.to_string()),
    }
}

/// An error of probe-rs. `was_connected`: the chip answered before.
fn failed(error: &(dyn Error + 'static), was_connected: bool) -> FlashError {
    let text = crate::probe::causes(error);
    let mut next = Some(error);
    while let Some(cause) = next {
        match cause.downcast_ref::<ArmError>() {
            Some(ArmError::MissingPermissions(_)) => return FlashError::Locked,
            Some(ArmError::Dap(_) | ArmError::NoTargetResponse { .. } | ArmError::Probe(_)) => {
                return lost(text, was_connected);
            }
            _ => {}
        }
        if cause.is::<DapError>() {
            return lost(text, was_connected);
        }
        match cause.downcast_ref::<probe_rs::flashing::FlashError>() {
            Some(probe_rs::flashing::FlashError::NoSuitableNvm { .. }) => return FlashError::Image(text),
            Some(probe_rs::flashing::FlashError::RoutineCallFailed { .. }) => return FlashError::Refused(text),
            _ => {}
        }
        if let Some(probe_rs::Error::Probe(_) | probe_rs::Error::Timeout) = cause.downcast_ref::<probe_rs::Error>() {
            return lost(text, was_connected);
        }
        next = cause.source();
    }
    FlashError::Refused(text)
}

fn lost(text: String, was_connected: bool) -> FlashError {
    match was_connected {
        true => FlashError::Lost(text),
        false => FlashError::NoAnswer(text),
    }
}
