//! A board that is switched on: its host and its session side by side, and the commands to it.

use super::{
    context::BoardContext,
    host::{Host, HostEvent},
    session::BoardSession,
};
use crate::{
    api::{ApiError, PowerAction},
    fleet::Command,
    own_firmware,
};
use drydock_emulator::MachineSnapshot;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior},
};

/// How often the machine's time and speed are shown.
const LOOK: Duration = Duration::from_millis(500);
/// In a larger fleet the interval is one `LOOK` for each such number of boards.
const BOARDS_PER_LOOK: usize = 100;
/// Shortest interval between two saves of changed flash when no caller waits for them.
const SAVE: Duration = Duration::from_secs(1);

/// Why a board is no longer on.
pub(super) enum Left {
    /// It was switched off.
    Off,
    /// It is to be switched on again.
    Again,
    /// It was ended.
    Ended,
}

pub(super) struct Running {
    context: BoardContext,
    host: Host,
    session: BoardSession,
}

impl Running {
    /// Starts the board's host. With an `origin` its machine continues from that state, without a link.
    pub(super) async fn start(context: &BoardContext, origin: Option<Arc<MachineSnapshot>>) -> Result<Self, String> {
        let (host, link) = Host::start(context, origin).await?;
        let mut session = BoardSession::new(context.clone());
        if let Some(link) = link {
            session.open(link);
        }
        Ok(Self {
            context: context.clone(),
            host,
            session,
        })
    }

    /// Serves the board until it is switched off or ended.
    pub(super) async fn serve(mut self, commands: &mut mpsc::Receiver<Command>) -> Left {
        let mut look = interval(LOOK);
        let mut save = interval(SAVE);
        loop {
            tokio::select! {
                command = commands.recv() => if let Some(left) = self.command(command).await {
                    return left;
                },
                event = self.host.attend() => if let Some(left) = self.host_event(event).await {
                    return left;
                },
                event = self.session.next() => {
                    self.session.handle(event, &self.host).await;
                    if let Some(end) = self.session.take_link_end() {
                        self.host.link_ended(&end);
                    }
                }
                _ = look.tick() => self.look(&mut look),
                _ = save.tick() => self.host.save_now_and_then().await,
            }
        }
    }

    /// Returns why the board is no longer on, if it is not.
    async fn host_event(&mut self, event: HostEvent) -> Option<Left> {
        match event {
            HostEvent::Shown => {}
            HostEvent::Link(link) => self.session.open(link),
            HostEvent::Unlink => self.session.close(),
            HostEvent::SpeaksLink => {
                self.switch_off(false).await;
                own_firmware::links(&self.context.workbench, &self.context.board).await;
                return Some(Left::Again);
            }
        }
        None
    }

    /// Carries out a command. Returns why the board is no longer on, if it is not.
    async fn command(&mut self, command: Option<Command>) -> Option<Left> {
        let (reply, outcome, left) = match command {
            None => {
                self.switch_off(true).await;
                return Some(Left::Ended);
            }
            Some(Command::End(reply)) => {
                self.switch_off(true).await;
                (reply, Ok(()), Some(Left::Ended))
            }
            Some(Command::Power(PowerAction::Off, reply)) => {
                self.switch_off(false).await;
                (reply, Ok(()), Some(Left::Off))
            }
            Some(Command::Power(action, reply)) => (reply, self.host.power(action), None),
            Some(Command::Restore(snapshot, reply)) => (reply, self.restore(snapshot).await, None),
            Some(Command::ReleasePort(user, reply)) => {
                self.session.close();
                (reply, self.host.hand_over(Some(user)), None)
            }
            Some(Command::TakePort(reply)) => (reply, self.host.hand_over(None), None),
            Some(Command::Button(button, pressed, reply)) => (reply, self.host.press(button, pressed), None),
        };
        // The caller may have given up waiting.
        let _ = reply.send(outcome);
        left
    }

    /// Goes to a state of the machine. The board reconnects with the same identity, and the gateway re-sends any deployment
    /// that changed since.
    async fn restore(&mut self, snapshot: Arc<MachineSnapshot>) -> Result<(), ApiError> {
        let Host::Emulated(host) = &mut self.host else {
            self.context.board.emulated()?;
            return Ok(());
        };
        host.check_restorable()?;
        self.session.close();
        let (link, outcome) = host.restore(snapshot).await?;
        if let Some(link) = link {
            self.session.open(link);
        }
        outcome
    }

    /// Drops the link first, so that no session is saved halfway.
    async fn switch_off(&mut self, ends: bool) {
        self.session.close();
        self.host.switch_off(ends).await;
    }

    /// Shows time and speed of the machine.
    fn look(&self, look: &mut Interval) {
        let BoardContext { workbench, board } = &self.context;
        workbench.startup.release_if_slow(&board.id);
        self.context.touch();
        let hundreds = workbench.fleet.len().div_ceil(BOARDS_PER_LOOK).max(1);
        look.reset_after(LOOK * u32::try_from(hundreds).unwrap_or(u32::MAX));
    }
}

fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
