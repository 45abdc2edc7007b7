//! An emulated board's host: its machine, pins and flash.

mod flash;
mod flash_file;
mod machine;
mod post_mortem;
mod terminals;

use super::{
    context::BoardContext,
    host::{BoardHost, HostEvent},
};
use crate::{
    api::{ApiError, ErrorCode, EventName, PowerAction},
    fleet::EmulatedRecord,
    link_noise::parse_noise,
};
use drydock_connector::{LinkDriver, NoisyStream};
use drydock_emulator::{
    MachineSnapshot, PartMessage, PinChange, ResetKind, StopReason,
    runner::{MachineEvent, RunState, UartPort},
};
use drydock_gateway::PeerLabel;
use drydock_protocol::control::Identity;
use machine::Machine;
use post_mortem::{Mishap, PostMortem};
use serde_json::{Map, json};
use std::{sync::Arc, time::Duration};
use terminals::Terminals;
use tokio::sync::broadcast::{self, error::RecvError};

/// Without a hint of a change, flash is saved once in this many rounds, because reading it takes a while.
const SAVE_QUIET: u32 = 20;
/// The step of a board that runs a program of the user's own.
const OWN_FIRMWARE: &str = "own firmware";

/// The machine of one board while it is on.
pub(super) struct EmulatedHost {
    context: BoardContext,
    machine: Machine,
    /// `None` when the machine has ended.
    events: Option<broadcast::Receiver<MachineEvent>>,
    /// It continues from the state of another board, whose identity must neither connect nor be saved.
    unlinked: bool,
    /// Times in a row that flash was not saved.
    quiet: u32,
    /// The failure of saving that is shown as the board's fault.
    shown_failure: Option<String>,
    /// The lines of a program of the user's own, if one runs: the board has no link then.
    terminals: Option<Terminals>,
    /// What becomes of that program.
    post_mortem: Option<PostMortem>,
}

impl EmulatedHost {
    /// Switches the machine on and puts the link on its UART.
    ///
    /// With an `origin` the machine continues from that state, without a link: it is the state of another board.
    pub(super) async fn start(
        context: BoardContext,
        record: &EmulatedRecord,
        origin: Option<Arc<MachineSnapshot>>,
    ) -> Result<(Self, Option<LinkDriver>), String> {
        let BoardContext { workbench, board } = &context;
        let folder = workbench.dir.board(&board.id);
        let (machine, events) = Machine::power_on(
            (&workbench.runner, &workbench.images),
            (&board.name(), record),
            &board.description(),
            (folder, workbench.dir.parts()),
        )
        .await
        .map_err(|error| error.to_string())?;
        let unlinked = origin.is_some();
        if let Some(origin) = origin {
            machine.go_to(origin).await?;
        }
        // A program that speaks the link is to the board what Drydock's firmware is.
        let own = record.firmware.as_ref().is_some_and(|firmware| !firmware.links);
        let terminals = own.then(|| Terminals::open(&context, &machine));
        let post_mortem = terminals
            .as_ref()
            .map(|terminals| PostMortem::open(&context, &machine, terminals.asker()));
        let link = match unlinked || own {
            true => None,
            false => {
                let uart = machine.first_uart(board).map_err(|error| error.to_string())?;
                Some(link(record, uart)?)
            }
        };
        let phase = match (own, unlinked) {
            (true, _) => OWN_FIRMWARE,
            (false, true) => "unlinked",
            (false, false) => "booting",
        };
        workbench.recordings.watch(&board.id, &machine.handle);
        machine.handle.resume();
        {
            let mut state = board.state();
            state.machine = Some(machine.handle.clone());
            state.contents = (!unlinked).then(|| Arc::clone(&machine.contents));
            state.fault = None;
            state.phase = phase.into();
            state.refused = None;
            state.metrics = None;
            state.leds.fill(None);
            state.buttons.fill(false);
        }
        context.touch();
        let mut data = Map::new();
        data.insert("engine".into(), json!(record.engine));
        data.insert("kind".into(), json!(board.description().name));
        data.insert("seed".into(), json!(record.seed));
        let text = format!("{} was switched on.", board.description().title);
        context.publish(EventName::MachineStarted, text, data);
        let host = Self {
            context,
            machine,
            events: Some(events),
            unlinked,
            quiet: 0,
            shown_failure: None,
            terminals,
            post_mortem,
        };
        Ok((host, link))
    }

    /// Shows the machine's next event. Cancel safe: nothing is lost if this is dropped while it waits.
    pub(super) async fn attend(&mut self) -> HostEvent {
        let events = async {
            match &mut self.events {
                Some(events) => events.recv().await,
                None => std::future::pending().await,
            }
        };
        let hello = async {
            match &mut self.terminals {
                Some(terminals) => terminals.hello().await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            event = events => event,
            // A fork has the state of another board, whose identity must not connect.
            () = hello, if !self.unlinked => return HostEvent::SpeaksLink,
        };
        match event {
            Ok(event) => self.show(event),
            Err(RecvError::Lagged(_)) => self.show_all_leds(),
            Err(RecvError::Closed) => self.events = None,
        }
        HostEvent::Shown
    }

    pub(super) fn power(&self, action: PowerAction) {
        match action {
            PowerAction::Reset => {
                self.context.board.state().fault = None;
                self.machine.handle.reset(ResetKind::Pin);
            }
            PowerAction::Cut => {
                self.context.board.state().fault = None;
                self.machine.handle.reset(ResetKind::PowerOn);
            }
            PowerAction::Pause => self.machine.handle.pause(),
            PowerAction::Resume => self.machine.handle.resume(),
            PowerAction::On | PowerAction::Off => {}
        }
        self.context.touch();
    }

    /// Holds or releases a button, by its index in the description.
    pub(super) fn press(&self, button: usize, pressed: bool) {
        let board = &self.context.board;
        self.machine.press(&board.description().buttons[button], pressed);
        board.state().buttons[button] = pressed;
        self.context.touch();
    }

    /// Checks that its state can be replaced; the error says why not.
    pub(super) fn check_restorable(&self) -> Result<(), ApiError> {
        if !self.unlinked {
            return Ok(());
        }
        let text = format!(
            "{} is an unlinked fork; switch it off and on, so that it becomes a board of its own.",
            self.context.board.name()
        );
        Err(ApiError::new(ErrorCode::Refused, text))
    }

    /// Restores a state of the machine. The link must have been dropped, because the session in the state's firmware is
    /// over. The new link is opened even if the state cannot be restored; a program of the user's own has none.
    pub(super) async fn restore(
        &mut self,
        snapshot: Arc<MachineSnapshot>,
    ) -> Result<(Option<LinkDriver>, Result<(), ApiError>), ApiError> {
        let refused = |text: String| ApiError::new(ErrorCode::Board, text);
        let board = &self.context.board;
        let record = board.emulated()?;
        self.machine.flash.jumps();
        let at = snapshot.at;
        let (link, restored) = if self.terminals.is_some() {
            (None, self.machine.go_to(snapshot).await.map_err(refused))
        } else {
            let mut uart = self.machine.uart(board).await.map_err(refused)?;
            let restored = self.machine.go_to(snapshot).await.map_err(refused);
            // Its earlier output does not belong to this state.
            uart.fetch();
            (Some(link(&record, uart).map_err(refused)?), restored)
        };
        if let Err(error) = restored {
            return Ok((link, Err(error)));
        }
        {
            let mut state = board.state();
            state.fault = None;
            state.refused = None;
            state.metrics = None;
            state.flash_changed = true;
            if link.is_some() {
                state.phase = "reconnecting".into();
            }
        }
        self.show_all_leds();
        self.machine.contents.forget().await;
        if self.keeps_flash() {
            self.save_contents().await;
        }
        if self.keeps_flash()
            && let Err(error) = self.machine.flash.save().await
        {
            let text = format!(
                "{} is back at {at} s of its time, but its flash could not be saved: {error}.",
                board.name()
            );
            return Ok((link, Err(ApiError::internal(text))));
        }
        let mut data = Map::new();
        data.insert("virtual_time_s".into(), json!(at.as_us() as f64 / 1e6));
        let text = format!("{} is back at {at} s of its time.", board.name());
        self.context.publish(EventName::MachineRestored, text, data);
        self.context.touch();
        Ok((link, Ok(())))
    }

    /// Saves flash if it may have changed, when no caller waits for it.
    pub(super) async fn save_now_and_then(&mut self) {
        if !self.keeps_flash() {
            return;
        }
        self.show_failure();
        self.quiet += 1;
        let changed = std::mem::take(&mut self.context.board.state().flash_changed);
        if !changed && self.quiet < SAVE_QUIET {
            return;
        }
        self.quiet = 0;
        if let Err(error) = self.machine.flash.save().await {
            tracing::warn!(%error, board = self.context.board.name(), "the board's flash cannot be saved");
        }
        self.save_contents().await;
    }

    /// Saves what parts keep, when no caller waits for it.
    async fn save_contents(&self) {
        if let Err(error) = self.machine.contents.save().await {
            let board = &self.context.board;
            tracing::warn!(%error, board = board.name(), "what the board's parts keep cannot be saved");
        }
    }

    /// Shows that flash cannot be saved, whichever caller's save failed, until a save succeeds.
    fn show_failure(&mut self) {
        let failure = self.machine.flash.failure();
        if failure == self.shown_failure {
            return;
        }
        let board = &self.context.board;
        {
            let mut state = board.state();
            // A crash of the machine is worse news.
            if state.fault == self.shown_failure {
                state.fault.clone_from(&failure);
            }
            if let Some(text) = &failure {
                state.note("error", text.clone());
            }
        }
        self.context.touch();
        if let Some(text) = &failure {
            self.context.publish(EventName::Error, text.clone(), Map::new());
        }
        self.shown_failure = failure;
    }

    /// Saves flash and ends the machine. The link must have been dropped. A board that is `removed` or whose process ends
    /// needs no flash in a temporary directory.
    pub(super) async fn switch_off(&mut self, ends: bool) {
        let board = &self.context.board;
        let goes_with_it = ends && self.context.workbench.dir.is_temporary();
        if !goes_with_it
            && !self.unlinked
            && let Err(error) = self.machine.flash.save().await
        {
            let text =
                format!("The board's flash could not be saved: {error}. What changed since the last time is lost.");
            board.state().note("error", text);
        }
        if !goes_with_it
            && !self.unlinked
            && let Err(error) = self.machine.contents.save().await
        {
            let text = format!("What the board's parts keep could not be saved: {error}. The last changes are lost.");
            board.state().note("error", text);
        }
        self.machine.handle.stop();
        self.context.workbench.recordings.machine_ended(&board.id);
        {
            let mut state = board.state();
            state.machine = None;
            state.contents = None;
            state.fault = None;
            state.phase = "switched off".into();
            state.metrics = None;
            state.leds.fill(None);
        }
        self.context.touch();
        let text = format!("{} was switched off.", board.description().title);
        self.context.publish(EventName::MachineStopped, text, Map::new());
    }

    /// Whether the board's flash is kept on disk: not in a directory that goes with the process, and not while the machine
    /// is in the state of another board.
    fn keeps_flash(&self) -> bool {
        !self.unlinked && !self.context.workbench.dir.is_temporary()
    }

    fn show(&mut self, event: MachineEvent) {
        match event {
            MachineEvent::Pin(PinChange { pin, level, .. }) => self.show_leds(pin, level),
            MachineEvent::Reset { .. } => match &mut self.post_mortem {
                Some(post_mortem) => post_mortem.restart(),
                None => self.context.set_phase("booting"),
            },
            MachineEvent::Fault(fault) => {
                self.context.board.state().note("warn", fault.to_string());
                self.context.post();
                if let Some(post_mortem) = &mut self.post_mortem {
                    post_mortem.tell(Mishap::Fault(fault));
                }
            }
            MachineEvent::Part(PartMessage {
                part, text, stopped, ..
            }) => {
                let level = if stopped { "error" } else { "info" };
                self.context.board.state().note(level, format!("part {part}: {text}"));
                self.context.post();
            }
            MachineEvent::State(RunState::Crashed { cause }) => self.crashed(cause),
            MachineEvent::State(RunState::Halted(reason)) => match (reason, &mut self.post_mortem) {
                (StopReason::Breakpoint { exit: Some(code), .. }, Some(post_mortem)) => {
                    post_mortem.tell(Mishap::Ended(code));
                }
                (reason, _) => self.crashed(format!("the core stopped: {reason:?}")),
            },
            MachineEvent::State(RunState::Running | RunState::Paused | RunState::Stopped) => self.context.touch(),
        }
    }

    /// Shows a pin on the LEDs that it drives; a pin that floats lights none.
    fn show_leds(&self, pin: u16, level: Option<bool>) {
        let board = &self.context.board;
        let description = board.description();
        let leds = description.leds.iter().enumerate();
        let mut state = board.state();
        for (index, led) in leds.filter(|(_, led)| led.pin.0 == pin) {
            state.light(index, level.is_some_and(|level| led.active.is(level)));
        }
        let any = !state.pending.leds.is_empty();
        drop(state);
        if any {
            self.context.post();
        }
    }

    /// Some pin changes were missed: all LEDs as they are now.
    fn show_all_leds(&self) {
        for led in &self.context.board.description().leds {
            self.show_leds(led.pin.0, self.machine.handle.pin(led.pin.0));
        }
    }

    fn crashed(&self, fault: String) {
        {
            let mut state = self.context.board.state();
            if state.fault.as_ref() == Some(&fault) {
                return;
            }
            state.fault = Some(fault.clone());
            state.note("error", format!("the machine crashed: {fault}"));
        }
        self.context.touch();
        let text = format!("The machine crashed: {fault}. A reset starts it again.");
        let mut data = Map::new();
        data.insert("fault".into(), json!(fault));
        self.context.publish(EventName::MachineCrashed, text, data);
    }
}

impl BoardHost for EmulatedHost {
    fn peer(&self) -> PeerLabel {
        let label = format!("emulated {}", self.context.board.name());
        let peer = PeerLabel::new(label).with_clock(self.machine.clock());
        match self.keeps_flash() {
            true => peer.with_storage(self.machine.flash.of_link()),
            false => peer,
        }
    }

    fn admit(&self, _identity: &Identity) -> Result<(), String> {
        Ok(())
    }

    fn may_enroll(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn board_time(&self) -> Duration {
        Duration::from_micros(self.machine.handle.status().virtual_time.as_us())
    }
}

/// Puts the link on a UART.
fn link(record: &EmulatedRecord, uart: UartPort) -> Result<LinkDriver, String> {
    let epoch = getrandom::u32().map_err(|error| format!("This system gives no random numbers: {error}."))?;
    Ok(match record.link_noise.as_deref().and_then(parse_noise) {
        Some(noise) => LinkDriver::spawn(NoisyStream::new(uart, noise), epoch),
        None => LinkDriver::spawn(uart, epoch),
    })
}
