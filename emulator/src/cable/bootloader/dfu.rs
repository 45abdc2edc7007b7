//! The device's side of USB device firmware upgrade: descriptors, and the states of DFU 1.1 ("Universal Serial Bus Device
//! Class Specification for Device Firmware Upgrade", revision 1.1, chapters 3 to 6 and appendix A). What a block means is
//! the matter of each bootloader: [`arduino`], [`st`].

mod arduino;
mod descriptors;
mod st;

use drydock_assets::Board;

use super::{Bootloader, Chip, Next};
use crate::cable::usb_control::{Setup, TransferFault, Transferred};
use descriptors::Descriptors;

/// The identity that a bootloader shows to the host when it is enumerated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DfuIdentity {
    /// USB vendor and product id.
    pub ids: (u16, u16),
    /// iSerialNumber.
    pub serial: String,
    /// iProduct.
    pub product_name: String,
}

// Class requests (table 3.2).
const DETACH: u8 = 0;
const DNLOAD: u8 = 1;
const UPLOAD: u8 = 2;
const GETSTATUS: u8 = 3;
const CLRSTATUS: u8 = 4;
const GETSTATE: u8 = 5;
const ABORT: u8 = 6;
// Standard requests (USB 2.0, table 9-4).
const GET_DESCRIPTOR: u8 = 6;
const SET_INTERFACE: u8 = 11;

/// bState (6.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle = 2,
    DnloadSync = 3,
    Dnbusy = 4,
    DnloadIdle = 5,
    ManifestSync = 6,
    Manifest = 7,
    UploadIdle = 9,
    Error = 10,
}

/// bStatus (6.1.2), as far as these bootloaders use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok = 0,
    Target = 1,
    Vendor = 11,
    StalledPacket = 15,
}

/// What one maker's bootloader does with blocks.
trait Personality: Send {
    fn descriptors(&self) -> &Descriptors;

    /// Whether DNLOAD without data is taken in dfuIDLE too.
    fn ends_from_idle(&self) -> bool {
        false
    }

    /// Carries a block out, which it does while the host waits.
    fn download(&mut self, block: u16, data: &[u8], chip: &mut Chip<'_>) -> Result<Next, Status>;

    fn upload(&mut self, block: u16, length: u16, chip: &mut Chip<'_>) -> Result<Vec<u8>, Status>;

    /// The host has sent everything.
    fn manifest(&mut self, chip: &mut Chip<'_>) -> Next;

    /// DETACH.
    fn detach(&mut self) -> Option<Next> {
        None
    }
}

/// A DFU bootloader that waits for a host.
pub(super) struct Dfu {
    personality: Box<dyn Personality>,
    state: State,
    status: Status,
    /// A block that is carried out at the next GETSTATUS.
    pending: Option<(u16, Vec<u8>)>,
    alt: u8,
}

impl Dfu {
    /// Arduino's bootloader on Renesas chips.
    pub(super) fn arduino(board: &Board, chip: &mut Chip<'_>) -> Self {
        Self::of(Box::new(arduino::Arduino::new(board, chip)))
    }

    /// ST's ROM.
    pub(super) fn st(board: &Board, chip: &mut Chip<'_>) -> Self {
        Self::of(Box::new(st::Rom::new(board, chip)))
    }

    fn of(personality: Box<dyn Personality>) -> Self {
        Self {
            personality,
            state: State::Idle,
            status: Status::Ok,
            pending: None,
            alt: 0,
        }
    }

    fn class_request(&mut self, setup: Setup, data: &[u8], chip: &mut Chip<'_>) -> (Transferred, Next) {
        let wait = |answer: Transferred| (answer, Next::Wait);
        match (setup.request, self.state) {
            (GETSTATE, _) => wait(Ok(vec![self.state as u8])),
            (GETSTATUS, _) => self.get_status(chip),
            (DETACH, _) => match self.personality.detach() {
                Some(next) => (Ok(Vec::new()), next),
                None => wait(self.fail(Status::StalledPacket)),
            },
            (CLRSTATUS, State::Error) => {
                (self.state, self.status) = (State::Idle, Status::Ok);
                wait(Ok(Vec::new()))
            }
            (ABORT, State::Idle | State::DnloadSync | State::DnloadIdle | State::ManifestSync | State::UploadIdle) => {
                self.pending = None;
                self.state = State::Idle;
                wait(Ok(Vec::new()))
            }
            (DNLOAD, State::Idle | State::DnloadIdle) if setup.length > 0 => {
                if data.len() > usize::from(self.personality.descriptors().transfer_bytes) {
                    return wait(self.fail(Status::StalledPacket));
                }
                self.pending = Some((setup.value, data.to_vec()));
                self.state = State::DnloadSync;
                wait(Ok(Vec::new()))
            }
            (DNLOAD, state)
                if state == State::DnloadIdle || state == State::Idle && self.personality.ends_from_idle() =>
            {
                self.state = State::ManifestSync;
                wait(Ok(Vec::new()))
            }
            (UPLOAD, State::Idle | State::UploadIdle) => {
                let length = setup.length.min(self.personality.descriptors().transfer_bytes);
                let bytes = match (self.alt, self.personality.descriptors().can_upload()) {
                    (0, true) => self.personality.upload(setup.value, length, chip),
                    _ => Err(Status::StalledPacket),
                };
                match bytes {
                    Ok(bytes) => {
                        let is_short = bytes.len() < usize::from(setup.length);
                        self.state = if is_short { State::Idle } else { State::UploadIdle };
                        wait(Ok(bytes))
                    }
                    Err(status) => wait(self.fail(status)),
                }
            }
            _ => wait(self.fail(Status::StalledPacket)),
        }
    }

    fn fail(&mut self, status: Status) -> Transferred {
        self.pending = None;
        (self.state, self.status) = (State::Error, status);
        Err(TransferFault::Stall)
    }

    /// GETSTATUS tells the state that the device enters with it, and lets it do what it has to do.
    fn get_status(&mut self, chip: &mut Chip<'_>) -> (Transferred, Next) {
        let mut next = Next::Wait;
        let shown = match self.state {
            State::DnloadSync => match self.pending.take() {
                Some((block, data)) => {
                    match self.personality.download(block, &data, chip) {
                        Ok(then) => next = then,
                        Err(status) => (self.state, self.status) = (State::Error, status),
                    }
                    let answer = self.status_bytes(State::Dnbusy, Status::Ok);
                    return (Ok(answer), next);
                }
                None => {
                    self.state = State::DnloadIdle;
                    self.state
                }
            },
            State::ManifestSync => {
                next = self.personality.manifest(chip);
                self.state = State::Idle;
                State::Manifest
            }
            state => state,
        };
        let status = if shown == State::Error { self.status } else { Status::Ok };
        (Ok(self.status_bytes(shown, status)), next)
    }

    fn status_bytes(&self, state: State, status: Status) -> Vec<u8> {
        let busy_ms = if state == State::Dnbusy { 1 } else { 0 };
        vec![status as u8, busy_ms, 0, 0, state as u8, 0]
    }
}

impl Bootloader for Dfu {
    fn baud(&self) -> Option<u32> {
        None
    }

    fn receive(&mut self, _bytes: &[u8], _chip: &mut Chip<'_>, _answer: &mut Vec<u8>) -> Next {
        // It has no serial port.
        Next::Wait
    }

    fn identity(&self) -> Option<DfuIdentity> {
        Some(self.personality.descriptors().identity())
    }

    fn transfer(&mut self, setup: Setup, data: &[u8], chip: &mut Chip<'_>) -> (Transferred, Next) {
        match (setup.request_type & 0x7f, setup.request) {
            (0x00, GET_DESCRIPTOR) if setup.is_in() => {
                let [kind, index] = setup.value.to_be_bytes();
                let found = self.personality.descriptors().of_kind(kind, index);
                let answer = found.map(|mut bytes| {
                    bytes.truncate(setup.length.into());
                    bytes
                });
                (answer.ok_or(TransferFault::Stall), Next::Wait)
            }
            (0x01, SET_INTERFACE) if usize::from(setup.value) < self.personality.descriptors().partitions.len() => {
                self.alt = setup.value as u8;
                (Ok(Vec::new()), Next::Wait)
            }
            // A class request to the interface.
            (0x21, _) => {
                let (mut answer, next) = self.class_request(setup, data, chip);
                if let Ok(bytes) = &mut answer {
                    bytes.truncate(setup.length.into());
                }
                (answer, next)
            }
            _ => (Err(TransferFault::Stall), Next::Wait),
        }
    }
}

#[cfg(test)]
mod tests;
