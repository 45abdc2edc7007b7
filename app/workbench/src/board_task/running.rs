//! A board that is switched on: what its machine, its link and its sessions tell, and what it is asked to do.

use super::{machine::Machine, parse_noise};
use crate::{
    api::{ApiError, ErrorCode, EventName, PowerAction},
    state::WorkbenchState,
    boards::PAIRING_TTL,
    fleet::{self, FleetBoard, Command, NewLine, BoardRecord},
    update_throttle::now_ms,
};
use drydock_connector::{LinkDriver, LinkEvent, LinkSession, NoisyStream};
use drydock_emulator::{
    MachineSnapshot, PinChange, ResetKind, VirtualTime,
    runner::{MachineEvent as Event, RunState as State, UartPort},
};
use drydock_gateway::{
    Gateway, PeerLabel,
    stream::{LogStream, MetricsStream},
};
use drydock_protocol::control::{Identity, IdentityState, Pair, PairResult};
use serde_json::{Map, json};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncReadExt,
    sync::{
        broadcast::{self, error::RecvError},
        mpsc,
    },
    time::MissedTickBehavior,
};

/// How often the machine's time and speed are shown.
const LOOK: Duration = Duration::from_millis(500);
/// In a larger fleet they are shown the more rarely.
const BOARDS_PER_LOOK: usize = 100;
/// How often flash that changed is saved at most.
const SAVE: Duration = Duration::from_secs(1);

/// Of so many times that flash could be saved, it is once although nothing told of a change: reading it takes a while.
const SAVE_QUIET: u32 = 20;

/// A device that does not answer a pairing is offered it again after this time, both its own and the host's: what it said
/// before the offer arrived is read late on a busy host, and early at pace `max`.
const PAIR_AGAIN: Duration = Duration::from_secs(3);

/// Why a board is no longer on.
pub(super) enum Left {
    /// It was switched off.
    Off,
    /// It was ended.
    Ended,
}

type Ended = Pin<Box<dyn Future<Output = String> + Send>>;

pub(super) struct Running {
    workbench: Arc<WorkbenchState>,
    board: Arc<FleetBoard>,
    machine: Machine,
    machine_events: Option<broadcast::Receiver<Event>>,
    link: Option<LinkDriver>,
    /// It goes on in the state of another board, whose identity must neither connect nor be kept.
    unlinked: bool,
    /// The end of the session's connection.
    connection: Option<Ended>,
    /// When the device was offered its first trust in this life of the link: the host's time, and the device's.
    paired: Option<(Instant, VirtualTime)>,
    logs: Option<LogStream>,
    metrics: Option<MetricsStream>,
}

impl Running {
    /// Switches the machine on and puts the link on its UART.
    ///
    /// With an `origin` the machine goes on from that state, and no link is put on it: it is the state of another board.
    pub(super) async fn start(
        workbench: &Arc<WorkbenchState>,
        board: &Arc<FleetBoard>,
        origin: Option<Arc<MachineSnapshot>>,
    ) -> Result<Self, String> {
        let record = board.state().record.clone();
        let files = workbench.dir.board(&board.id);
        let (machine, uart, machine_events) =
            Machine::power_on((&workbench.runner, &workbench.images), &record, &board.description, files)
                .await
                .map_err(|error| error.to_string())?;
        let unlinked = origin.is_some();
        let link = match origin {
            Some(origin) => {
                drop(uart);
                machine.go_to(origin).await?;
                None
            }
            None => Some(link(&record, uart)?),
        };
        machine.handle.resume();
        {
            let mut state = board.state();
            state.machine = Some(machine.handle.clone());
            state.fault = None;
            state.phase = if unlinked { "unlinked" } else { "booting" }.into();
            state.refused = None;
            state.metrics = None;
            state.leds.fill(None);
            state.buttons.fill(false);
        }
        workbench.throttle.touch(board);
        let mut data = Map::new();
        data.insert("engine".into(), json!(record.emulated().engine));
        data.insert("kind".into(), json!(record.kind));
        data.insert("seed".into(), json!(record.emulated().seed));
        let text = format!("{} was switched on.", board.description.title);
        workbench.publish(EventName::MachineStarted, Some(board), text, data);
        Ok(Self {
            logs: Some(workbench.gateway.follow_logs(&record.device, None)),
            metrics: Some(workbench.gateway.follow_metrics(&record.device)),
            workbench: Arc::clone(workbench),
            board: Arc::clone(board),
            machine,
            machine_events: Some(machine_events),
            link,
            unlinked,
            connection: None,
            paired: None,
        })
    }

    /// Serves the board until it is switched off or ended.
    pub(super) async fn serve(mut self, commands: &mut mpsc::Receiver<Command>) -> Left {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut save = tokio::time::interval(SAVE);
        let mut quiet = 0;
        save.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    None => {
                        self.switch_off(Left::Ended).await;
                        return Left::Ended;
                    }
                    Some(Command::End(reply)) => {
                        self.switch_off(Left::Ended).await;
                        let _ = reply.send(Ok(()));
                        return Left::Ended;
                    }
                    Some(Command::Power(PowerAction::Off, reply)) => {
                        self.switch_off(Left::Off).await;
                        let _ = reply.send(Ok(()));
                        return Left::Off;
                    }
                    Some(Command::Power(action, reply)) => {
                        self.switch(action);
                        let _ = reply.send(Ok(()));
                    }
                    Some(Command::Restore(state, reply)) => {
                        let _ = reply.send(self.restore(state).await);
                    }
                    Some(Command::Button(button, pressed, reply)) => {
                        self.press(button, pressed);
                        let _ = reply.send(Ok(()));
                    }
                },
                event = machine_event(&mut self.machine_events) => match event {
                    Ok(event) => self.machine_event(event),
                    Err(RecvError::Lagged(_)) => self.light_all(),
                    Err(RecvError::Closed) => self.machine_events = None,
                },
                event = next_of(&mut self.link) => match event {
                    Some(event) => self.link_event(event).await,
                    None => self.link = None,
                },
                reason = end_of(&mut self.connection) => {
                    self.connection = None;
                    self.session_ended(&reason);
                }
                () = wait_logs(&mut self.logs) => {
                    if fleet::read_logs(&self.board, &self.workbench.gateway) {
                        self.workbench.throttle.post(&self.board);
                    }
                }
                () = wait_metrics(&mut self.metrics) => {
                    if fleet::read_metrics(&self.board, &self.workbench.gateway) {
                        self.workbench.throttle.post(&self.board);
                    }
                }
                // Time and speed of the machine.
                _ = look.tick() => {
                    self.workbench.startup.release_if_slow(&self.board.id);
                    self.workbench.throttle.touch(&self.board);
                    let hundreds = self.workbench.fleet.len().div_ceil(BOARDS_PER_LOOK).max(1);
                    look.reset_after(LOOK * u32::try_from(hundreds).unwrap_or(u32::MAX));
                }
                _ = save.tick(), if self.keeps_flash() => {
                    quiet += 1;
                    let changed = std::mem::take(&mut self.board.state().flash_changed);
                    if !changed && quiet < SAVE_QUIET {
                        continue;
                    }
                    quiet = 0;
                    if let Err(error) = self.machine.flash.save().await {
                        tracing::warn!(%error, board = self.board.name(), "the board's flash cannot be saved");
                    }
                }
            }
        }
    }

    /// Whether the board's flash is kept on disk: not in a directory that goes with the process, and not while the machine
    /// is in the state of another board.
    fn keeps_flash(&self) -> bool {
        !self.unlinked && !self.workbench.dir.is_temporary()
    }

    fn switch(&self, action: PowerAction) {
        match action {
            PowerAction::Reset => {
                self.board.state().fault = None;
                self.machine.handle.reset(ResetKind::Pin);
            }
            PowerAction::Cut => {
                self.board.state().fault = None;
                self.machine.handle.reset(ResetKind::PowerOn);
            }
            PowerAction::Pause => self.machine.handle.pause(),
            PowerAction::Resume => self.machine.handle.resume(),
            PowerAction::On | PowerAction::Off => {}
        }
        self.workbench.throttle.touch(&self.board);
    }

    /// Goes to a state of the machine. The link is dropped, and with it the session: what the state's firmware holds of
    /// them is of the past. It connects again as the device that it is, and the gateway brings it what it knows newer.
    async fn restore(&mut self, state: Arc<MachineSnapshot>) -> Result<(), ApiError> {
        let refused = |text: String| ApiError::new(ErrorCode::Board, text);
        if self.unlinked {
            let text = format!(
                "{} is an unlinked fork; switch it off and on, so that it becomes a board of its own.",
                self.board.name()
            );
            return Err(ApiError::new(ErrorCode::Refused, text));
        }
        self.link = None;
        self.connection = None;
        self.machine.flash.jumps();
        let record = self.board.state().record.clone();
        let mut uart = self.machine.uart(&self.board).await.map_err(refused)?;
        let at = state.at;
        let restored = self.machine.go_to(state).await;
        // What it sent before is not of this state.
        uart.fetch();
        self.link = Some(link(&record, uart).map_err(refused)?);
        restored.map_err(refused)?;
        {
            let mut state = self.board.state();
            state.fault = None;
            state.refused = None;
            state.metrics = None;
            state.flash_changed = true;
            state.phase = "reconnecting".into();
        }
        self.light_all();
        if self.keeps_flash() {
            self.machine.flash.save().await.map_err(|error| {
                let text = format!(
                    "{} is back at {at} s of its time, but its flash could not be saved: {error}.",
                    self.board.name()
                );
                ApiError::internal(text)
            })?;
        }
        let mut data = Map::new();
        data.insert("virtual_time_s".into(), json!(at.as_us() as f64 / 1e6));
        let text = format!("{} is back at {at} s of its time.", self.board.name());
        self.workbench
            .publish(EventName::MachineRestored, Some(&self.board), text, data);
        self.workbench.throttle.touch(&self.board);
        Ok(())
    }

    fn press(&self, button: usize, pressed: bool) {
        self.machine.press(&self.board.description.buttons[button], pressed);
        self.board.state().buttons[button] = pressed;
        self.workbench.throttle.touch(&self.board);
    }

    async fn switch_off(&mut self, how: Left) {
        // The link first, so that nothing of a session is kept half.
        self.link = None;
        let goes_with_it = matches!(how, Left::Ended) && self.workbench.dir.is_temporary();
        if !goes_with_it
            && !self.unlinked
            && let Err(error) = self.machine.flash.save().await
        {
            let text =
                format!("The board's flash could not be saved: {error}. What changed since the last time is lost.");
            self.board.state().note("error", text);
        }
        self.machine.handle.stop();
        {
            let mut state = self.board.state();
            state.machine = None;
            state.fault = None;
            state.phase = "switched off".into();
            state.metrics = None;
            state.leds.fill(None);
        }
        self.workbench.throttle.touch(&self.board);
        let text = format!("{} was switched off.", self.board.description.title);
        self.workbench
            .publish(EventName::MachineStopped, Some(&self.board), text, Map::new());
    }

    fn machine_event(&mut self, event: Event) {
        match event {
            Event::Pin(PinChange { pin, level, .. }) => self.light(pin, level),
            Event::Reset { .. } => self.set_phase("booting"),
            Event::Fault(fault) => {
                self.board.state().note("warn", fault.to_string());
                self.workbench.throttle.post(&self.board);
            }
            Event::State(State::Crashed { cause }) => self.crashed(cause),
            Event::State(State::Halted(reason)) => self.crashed(format!("the core stopped: {reason:?}")),
            Event::State(State::Running | State::Paused | State::Stopped) => self.workbench.throttle.touch(&self.board),
        }
    }

    /// Shows a pin on the LEDs that it drives; a pin that floats lights none.
    fn light(&self, pin: u16, level: Option<bool>) {
        let leds = self.board.description.leds.iter().enumerate();
        let mut state = self.board.state();
        for (index, led) in leds.filter(|(_, led)| led.pin.0 == pin) {
            state.light(index, level.is_some_and(|level| led.active.is(level)));
        }
        let any = !state.pending.leds.is_empty();
        drop(state);
        if any {
            self.workbench.throttle.post(&self.board);
        }
    }

    /// Some pin changes were missed: all LEDs as they are now.
    fn light_all(&self) {
        for led in &self.board.description.leds {
            self.light(led.pin.0, self.machine.handle.pin(led.pin.0));
        }
    }

    fn crashed(&mut self, fault: String) {
        {
            let mut state = self.board.state();
            if state.fault.as_ref() == Some(&fault) {
                return;
            }
            state.fault = Some(fault.clone());
            state.note("error", format!("the machine crashed: {fault}"));
        }
        self.workbench.throttle.touch(&self.board);
        let text = format!("The machine crashed: {fault}. A reset starts it again.");
        let mut data = Map::new();
        data.insert("fault".into(), json!(fault));
        self.workbench
            .publish(EventName::MachineCrashed, Some(&self.board), text, data);
    }

    async fn link_event(&mut self, event: LinkEvent) {
        self.board.state().flash_changed = true;
        match event {
            LinkEvent::Up { session, .. } => {
                let label = format!("emulated {}", self.board.name());
                let mut peer = PeerLabel::new(label).with_clock(self.machine.clock());
                if self.keeps_flash() {
                    peer = peer.with_storage(self.machine.flash.of_link());
                }
                self.paired = None;
                self.connection = Some(Box::pin(serve(session, self.workbench.gateway.clone(), peer)));
            }
            LinkEvent::Identity(identity) => self.identity(identity).await,
            LinkEvent::PairResult(PairResult::Accepted) => self.set_phase("enrolling"),
            LinkEvent::PairResult(PairResult::AlreadyEnrolled) => {}
            LinkEvent::PairResult(PairResult::Malformed) => {
                self.refuse("The board cannot use the gateway's certificate; its firmware may be too old.");
            }
            LinkEvent::Log(text) => {
                let line = NewLine {
                    time_ms: now_ms(),
                    uptime_ms: None,
                    source: "fw".into(),
                    level: "info",
                    text,
                };
                self.board.state().log(0, line);
                self.workbench.throttle.post(&self.board);
            }
            LinkEvent::VersionMismatch { device, host } => {
                self.refuse(format!(
                    "The firmware speaks version {device} of the link, this Drydock {host}; use firmware of this Drydock."
                ));
            }
            LinkEvent::Closed(reason) => {
                tracing::debug!(board = self.board.name(), %reason, "link");
                self.link = None;
            }
        }
    }

    /// A blank board gets its first trust: it is ours, because we made its machine.
    async fn identity(&mut self, identity: Identity) {
        if identity.board != self.board.description.name {
            let text = format!(
                "The firmware is for the board {}; this is a {}.",
                identity.board, self.board.description.title
            );
            return self.refuse(text);
        }
        match identity.state {
            IdentityState::Enrolling => return self.set_phase("enrolling"),
            IdentityState::Enrolled => return self.set_phase("handshake"),
            IdentityState::Unauthenticated => return self.unauthenticated(&identity),
            IdentityState::Blank => self.set_phase("pairing"),
        }
        // A device says several times that it is blank; another offer would make it begin again.
        let now = self.machine.handle.status().virtual_time;
        if let Some((host, device)) = self.paired
            && is_fresh(host.elapsed(), now.saturating_sub(device))
        {
            return;
        }
        self.paired = Some((Instant::now(), now));
        let Some(link) = self.link.as_ref().map(LinkDriver::handle) else {
            return;
        };
        let device = self.board.state().record.device.clone();
        match self.workbench.gateway.create_own_pairing_for(&device, PAIRING_TTL).await {
            Ok(pairing) => {
                let pair = Pair {
                    anchor: pairing.anchor_der,
                    token: pairing.token,
                    gateway_name: pairing.gateway_name,
                };
                if let Err(error) = link.pair(pair).await {
                    tracing::debug!(%error, board = self.board.name(), "pairing");
                }
            }
            Err(error) => self.refuse(format!("The board cannot be paired: {error}.")),
        }
    }

    /// The board can never prove who it is: what it says of itself is told once in each of its lives, as just that.
    fn unauthenticated(&self, identity: &Identity) {
        const PHASE: &str = "unauthenticated";
        if self.board.state().phase == PHASE {
            return;
        }
        self.set_phase(PHASE);
        let mut data = Map::new();
        data.insert("firmware".into(), json!(identity.firmware));
        let limit = self.board.description.limit.as_ref();
        let text = format!(
            "{} says that it is a {}, and cannot prove it{}.",
            self.board.name(),
            self.board.description.title,
            limit.map_or(String::new(), |limit| format!(": {}", limit.text))
        );
        self.workbench
            .publish(EventName::DeviceUnauthenticated, Some(&self.board), text, data);
    }

    /// Bring-up cannot go on by itself.
    fn refuse(&self, text: impl Into<String>) {
        let text = text.into();
        {
            let mut state = self.board.state();
            if state.refused.as_ref() == Some(&text) {
                return;
            }
            state.refused = Some(text.clone());
            state.note("error", text.clone());
        }
        self.workbench.throttle.touch(&self.board);
        self.workbench
            .publish(EventName::DeviceRefused, Some(&self.board), text, Map::new());
    }

    fn session_ended(&self, reason: &str) {
        tracing::debug!(board = self.board.name(), reason, "session ended");
        self.set_phase("reconnecting");
    }

    fn set_phase(&self, phase: &str) {
        let mut state = self.board.state();
        if state.phase != phase {
            state.phase = phase.into();
            drop(state);
            self.workbench.throttle.touch(&self.board);
        }
    }
}

/// Whether an offer so long ago, in the host's time and the device's, may not have been answered yet.
fn is_fresh(host: Duration, device: VirtualTime) -> bool {
    host < PAIR_AGAIN || Duration::from_micros(device.as_us()) < PAIR_AGAIN
}

/// Puts the link on a UART.
fn link(record: &BoardRecord, uart: UartPort) -> Result<LinkDriver, String> {
    let epoch = epoch()?;
    Ok(match record.emulated().link_noise.as_deref().and_then(parse_noise) {
        Some(noise) => LinkDriver::spawn(NoisyStream::new(uart, noise), epoch),
        None => LinkDriver::spawn(uart, epoch),
    })
}

/// Hands a session to the gateway once the device says something on it: a blank device waits for its pairing and then
/// starts the link anew, without having used the session.
async fn serve(session: LinkSession, gateway: Gateway, peer: PeerLabel) -> String {
    let (mut reader, writer) = tokio::io::split(session);
    let mut first = [0];
    match reader.read(&mut first).await {
        Ok(1) => {}
        _ => return "the session was not used".into(),
    }
    let whole = tokio::io::join(io::Cursor::new(first).chain(reader), writer);
    gateway.accept(whole, peer).ended().await
}

async fn next_of(link: &mut Option<LinkDriver>) -> Option<LinkEvent> {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

async fn machine_event(events: &mut Option<broadcast::Receiver<Event>>) -> Result<Event, RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

async fn end_of(connection: &mut Option<Ended>) -> String {
    match connection {
        Some(ended) => ended.await,
        None => std::future::pending().await,
    }
}

/// Completes when the gateway took a line; what it was is read from its page.
async fn wait_logs(stream: &mut Option<LogStream>) {
    match stream {
        Some(logs) => {
            if logs.next().await.is_none() {
                *stream = None;
            }
        }
        None => std::future::pending().await,
    }
}

async fn wait_metrics(stream: &mut Option<MetricsStream>) {
    match stream {
        Some(metrics) => {
            if metrics.next().await.is_none() {
                *stream = None;
            }
        }
        None => std::future::pending().await,
    }
}

fn epoch() -> Result<u32, String> {
    getrandom::u32().map_err(|error| format!("This system gives no random numbers: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pairing_is_offered_again_when_neither_clock_excuses_the_silence() {
        let (short, long) = (PAIR_AGAIN / 2, PAIR_AGAIN * 2);
        let device = |time: Duration| VirtualTime::from_us(time.as_micros() as u64);
        assert!(is_fresh(short, device(short)));
        assert!(
            is_fresh(long, device(short)),
            "the host was busy, the board had no time to answer"
        );
        assert!(is_fresh(short, device(long)), "the board ran ahead of the host");
        assert!(!is_fresh(long, device(long)));
    }
}
