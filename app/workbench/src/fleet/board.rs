//! One board of the fleet while the workbench runs: its state, and the pending updates for subscribers.

use super::{
    console::{Console, NewLine},
    kept_snapshot::KeptSnapshot,
    record::{BoardRecord, EmulatedRecord},
};
use crate::{
    api::{ApiError, CableState, ErrorCode, LogLine, MetricSample, PowerAction},
    clock::now_ms,
    part_contents::ContentsKeeper,
};
use drydock_assets::Board as Description;
use drydock_emulator::{MachineSnapshot, Seed, runner::MachineHandle};
use drydock_gateway::AppSamples;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot, watch};

/// How long a request that needs a board's machine waits for a board that is being switched on. A single board has its
/// machine after milliseconds; among many others it waits for its turn.
const STARTING_PATIENCE: Duration = Duration::from_secs(5);

/// A board of the fleet.
#[derive(Debug)]
pub(crate) struct FleetBoard {
    pub(crate) id: String,
    kind: Mutex<BoardKind>,
    state: Mutex<BoardState>,
    /// Whether it is being switched on, and has no machine yet.
    starting: watch::Sender<bool>,
    commands: mpsc::Sender<Command>,
}

/// What a board is, as the file of its kind says.
#[derive(Debug, Clone)]
pub(crate) struct BoardKind {
    description: Arc<Description>,
    /// It was read for this board alone: the data directory does not have it.
    once: bool,
    /// Why the kind cannot be used: its file has gone or is broken.
    problem: Option<String>,
}

impl BoardKind {
    /// A kind that the data directory or the program has.
    pub(crate) fn kept(description: Description) -> Self {
        Self {
            description: Arc::new(description),
            once: false,
            problem: None,
        }
    }

    /// A kind from a file that is for this board alone.
    pub(crate) fn once(description: Description) -> Self {
        Self {
            once: true,
            ..Self::kept(description)
        }
    }

    /// A kind that cannot be used, and why.
    pub(crate) fn missing(name: &str, problem: String) -> Self {
        Self {
            problem: Some(problem),
            ..Self::kept(Description::missing(name))
        }
    }
}

/// The changing state of a board. The lock is held only briefly, never over an await.
#[derive(Debug)]
pub(crate) struct BoardState {
    pub(crate) record: BoardRecord,
    /// The machine, while it is switched on.
    pub(crate) machine: Option<MachineHandle>,
    /// Saves what its parts keep, while it is switched on and in its own state.
    pub(crate) contents: Option<Arc<ContentsKeeper>>,
    /// Why the machine crashed or could not be started.
    pub(crate) fault: Option<String>,
    /// The board's step on the way to a session, for example `booting`.
    pub(crate) phase: String,
    /// Why the board cannot get a session.
    pub(crate) refused: Option<String>,
    /// LEDs in the order of the description. `None` if not known.
    pub(crate) leds: Vec<Option<bool>>,
    /// Buttons in the order of the description.
    pub(crate) buttons: Vec<bool>,
    pub(crate) console: Console,
    /// Next position in the gateway's log stream of the device.
    pub(crate) logs_read: u64,
    /// Next position in the gateway's metrics stream of the device.
    pub(crate) metrics_read: u64,
    /// Next position in the gateway's stream of the numbers that the device's apps publish.
    pub(crate) app_samples_read: u64,
    /// The latest metrics since the device connected.
    pub(crate) metrics: Option<MetricSample>,
    pub(crate) pending: PendingUpdates,
    /// Whether an event since the last save of flash may have changed it.
    pub(crate) flash_changed: bool,
    /// States of the machine that are kept, the oldest first.
    pub(crate) snapshots: Vec<KeptSnapshot>,
    /// State of a physical board's cable.
    pub(crate) cable: CableState,
    /// Whether a physical board that says that it is blank may enroll: only while it is being provisioned.
    pub(crate) may_enroll: bool,
}

/// Updates that subscribers have not received yet.
#[derive(Debug, Default)]
pub(crate) struct PendingUpdates {
    pub(crate) view: bool,
    pub(crate) lines: Vec<LogLine>,
    pub(crate) samples: Vec<MetricSample>,
    pub(crate) app_samples: Vec<Arc<AppSamples>>,
    pub(crate) leds: BTreeMap<u32, bool>,
}

/// A command to a board's task. The task answers when it is done.
#[derive(Debug)]
pub(crate) enum Command {
    Power(PowerAction, oneshot::Sender<Result<(), ApiError>>),
    /// Index of the button, and whether it is held.
    Button(usize, bool, oneshot::Sender<Result<(), ApiError>>),
    /// Go to a state of the machine.
    Restore(Arc<MachineSnapshot>, oneshot::Sender<Result<(), ApiError>>),
    /// Close the serial port, because somebody else needs it.
    ReleasePort(PortUser, oneshot::Sender<Result<(), ApiError>>),
    /// Open the serial port again.
    TakePort(oneshot::Sender<Result<(), ApiError>>),
    /// Save what must survive and end.
    End(oneshot::Sender<Result<(), ApiError>>),
}

/// Who uses a serial port or a debug probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PortUser {
    /// A board of the fleet, by its id.
    Board(String),
    /// A terminal.
    Console,
    /// A job, by its number.
    Job(u64),
    /// Another program, which Drydock lent it to.
    Lent,
    /// A profile that is being sampled.
    Profile,
    /// A GDB server.
    Debugger,
    /// Memory or registers that are being read.
    Read,
}

impl FleetBoard {
    /// A board that will be switched on, or stays off.
    pub(crate) fn new(record: BoardRecord, kind: BoardKind, on: bool) -> (Arc<Self>, mpsc::Receiver<Command>) {
        let (commands, queue) = mpsc::channel(16);
        let description = &kind.description;
        let state = BoardState {
            machine: None,
            contents: None,
            fault: kind.problem.clone(),
            phase: "switched off".into(),
            refused: None,
            leds: vec![None; description.leds.len()],
            buttons: vec![false; description.buttons.len()],
            console: Console::default(),
            logs_read: 0,
            metrics_read: 0,
            app_samples_read: 0,
            metrics: None,
            pending: PendingUpdates::default(),
            flash_changed: true,
            snapshots: Vec::new(),
            cable: CableState::Released,
            may_enroll: false,
            record,
        };
        let board = Self {
            id: state.record.id.clone(),
            kind: Mutex::new(kind),
            state: Mutex::new(state),
            starting: watch::Sender::new(on),
            commands,
        };
        (Arc::new(board), queue)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, BoardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn name(&self) -> String {
        self.state().record.name.clone()
    }

    /// What it is. It changes only while the board is off.
    pub(crate) fn description(&self) -> Arc<Description> {
        Arc::clone(&self.kind().description)
    }

    /// The kind, for another board that is to be the same.
    pub(crate) fn kind(&self) -> MutexGuard<'_, BoardKind> {
        self.kind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its description was read for it alone.
    pub(crate) fn has_description_of_its_own(&self) -> bool {
        self.kind().once
    }

    /// Checks that its kind can be used; the error says why not.
    pub(crate) fn check_kind(&self) -> Result<(), ApiError> {
        let problem = self.kind().problem.clone();
        problem.map_or(Ok(()), |problem| {
            let text = format!("{}: {}.", self.name(), problem.trim_end_matches('.'));
            Err(ApiError::new(ErrorCode::Refused, text))
        })
    }

    /// Sets what it is, or why that is not known, while it is off.
    pub(crate) fn describe(&self, found: Result<Description, String>) {
        let before = self.kind().problem.take();
        let mut state = self.state();
        match found {
            Ok(description) => {
                if state.fault.is_some() && state.fault == before {
                    state.fault = None;
                }
                let mut kind = self.kind();
                if *kind.description != description {
                    state.leds = vec![None; description.leds.len()];
                    state.buttons = vec![false; description.buttons.len()];
                    kind.description = Arc::new(description);
                }
            }
            Err(problem) => {
                state.fault = Some(problem.clone());
                self.kind().problem = Some(problem);
            }
        }
    }

    /// Sets whether it is being switched on. Its machine is set first.
    pub(crate) fn set_starting(&self, starting: bool) {
        self.starting.send_replace(starting);
    }

    /// Whether it is being switched on, or waits for its turn.
    pub(crate) fn is_starting(&self) -> bool {
        *self.starting.borrow()
    }

    /// The machine. If the board is being switched on, waits for it.
    pub(crate) async fn machine(&self) -> Result<MachineHandle, ApiError> {
        self.machine_within(STARTING_PATIENCE).await
    }

    async fn machine_within(&self, patience: Duration) -> Result<MachineHandle, ApiError> {
        self.emulated()?;
        let mut starting = self.starting.subscribe();
        let settled = starting.wait_for(|starting| !starting);
        let is_settled = tokio::time::timeout(patience, settled).await.is_ok();
        let machine = self.state().machine.clone();
        machine.ok_or_else(|| match is_settled {
            true => self.is_off(),
            false => {
                let text = format!(
                    "{} is still being switched on, after others; try again when it is there.",
                    self.name()
                );
                ApiError::new(ErrorCode::Refused, text)
            }
        })
    }

    /// The record of its machine, if it is an emulated board; the error says that it is not.
    pub(crate) fn emulated(&self) -> Result<EmulatedRecord, ApiError> {
        let state = self.state();
        state.record.emulated().cloned().ok_or_else(|| {
            let text = format!(
                "{} is a physical board: it has no machine whose time, state or registers Drydock controls.",
                state.record.name
            );
            ApiError::new(ErrorCode::Refused, text)
        })
    }

    /// That it has no machine, for people.
    pub(crate) fn is_off(&self) -> ApiError {
        let text = format!("{} is switched off; switch it on first.", self.name());
        ApiError::new(ErrorCode::Refused, text)
    }

    /// Sends a command to the board's task and waits until it is done.
    pub(crate) async fn command(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<(), ApiError>>) -> Command,
    ) -> Result<(), ApiError> {
        let gone = || ApiError::new(ErrorCode::NotFound, format!("{} is being removed.", self.name()));
        let (sender, reply) = oneshot::channel();
        self.commands.send(make(sender)).await.map_err(|_| gone())?;
        reply.await.map_err(|_| gone())?
    }
}

impl BoardState {
    /// Adds a line to the console, after `lost` lines that never arrived.
    pub(crate) fn log(&mut self, lost: u32, line: NewLine) {
        let line = self.console.push(lost, line);
        self.pending.lines.push(line);
    }

    /// Adds a line of Drydock itself.
    pub(crate) fn note(&mut self, level: &'static str, text: impl Into<String>) {
        self.log(
            0,
            NewLine {
                time_ms: now_ms(),
                uptime_ms: None,
                source: "drydock".into(),
                level,
                text: text.into(),
            },
        );
    }

    pub(crate) fn light(&mut self, led: usize, lit: bool) {
        if self.leds.get(led).is_some_and(|known| *known != Some(lit)) {
            self.leds[led] = Some(lit);
            self.pending.leds.insert(led as u32, lit);
        }
    }
}

/// The seed of one of many boards: SHA-256 over the user's seed and the board's number, hexadecimal. `None` if the text
/// is not a seed.
pub fn derived_seed(text: &str, number: u32) -> Option<String> {
    let digest = Sha256::new()
        .chain_update(b"drydock-seed/1")
        .chain_update(parse_seed(text)?.0)
        .chain_update(number.to_be_bytes())
        .finalize();
    Some(format!("{:?}", Seed(digest.into())))
}

/// A seed from its hexadecimal text: 64 digits; a shorter text is padded with leading zeros.
pub(crate) fn parse_seed(text: &str) -> Option<Seed> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let whole = format!("{digits:0>64}");
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(whole.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Seed(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn each_of_many_boards_has_its_own_seed_and_always_the_same() {
        let first = derived_seed("2a", 1).unwrap();
        assert_eq!(first, derived_seed("0x2A", 1).unwrap());
        assert_eq!(first.len(), 64);
        assert!(first != derived_seed("2a", 2).unwrap() && first != derived_seed("2b", 1).unwrap());
        assert_eq!(derived_seed("no", 1), None);
    }

    #[tokio::test]
    async fn what_a_board_without_a_machine_is_at_is_said() {
        let record = |on| BoardRecord { on, ..record(1) };
        for (starting, text) in [
            (false, "bench-1 is switched off; switch it on first."),
            (
                true,
                "bench-1 is still being switched on, after others; try again when it is there.",
            ),
        ] {
            let description = BoardKind::kept(drydock_assets::board("nano33ble").unwrap());
            let (board, _commands) = FleetBoard::new(record(starting), description, starting);
            let refused = board.machine_within(Duration::ZERO).await.unwrap_err();
            assert_eq!((refused.code, refused.message.as_str()), (ErrorCode::Refused, text));
        }
    }

    #[test]
    fn seeds_are_hexadecimal() {
        assert_eq!(parse_seed("2a").unwrap().0[31], 42);
        assert_eq!(parse_seed("0x2A").unwrap().0[30..], [0, 42]);
        assert_eq!(parse_seed(&"f".repeat(64)).unwrap().0, [255; 32]);
        for bad in ["", "0x", "g", "+1", "é", &"0".repeat(65)] {
            assert_eq!(parse_seed(bad), None, "{bad}");
        }
    }
}
