//! How a debugger's session accesses its machine: a machine of its own, or one that a runner runs at its pace.

use crate::machine::{Caught, Traps};
use crate::machine::{Machine, StopReason};
use crate::runner::{Gone, MachineHandle, RunState};

/// Access to a machine, wherever it runs. A debugger's session requests it repeatedly, each time briefly.
pub trait Access {
    /// Runs code on the machine.
    ///
    /// # Errors
    /// The machine is gone.
    fn visit<T: Send + 'static>(
        &mut self,
        visit: impl FnOnce(&mut dyn Machine) -> T + Send + 'static,
    ) -> Result<T, Gone>;

    /// Whether the machine was stopped permanently.
    fn is_gone(&self) -> bool {
        false
    }

    /// A debugger connected: the machine is halted from now on.
    ///
    /// # Errors
    /// The machine is gone.
    fn attach(&mut self) -> Result<(), Gone> {
        Ok(())
    }

    /// The debugger disconnected: the machine returns to its earlier state of running or pause.
    fn detach(&mut self) {}

    /// Lets the machine run by itself until it meets one of `traps`. False if only the session runs it.
    ///
    /// # Errors
    /// The machine is gone.
    fn release(&mut self, _traps: &Traps) -> Result<bool, Gone> {
        Ok(false)
    }

    /// Why the run ended; `None` while it runs.
    ///
    /// # Errors
    /// The machine is gone, or crashed.
    fn stopped(&mut self) -> Result<Option<Caught>, String> {
        Ok(None)
    }

    /// Halts it.
    ///
    /// # Errors
    /// The machine is gone.
    fn halt(&mut self) -> Result<(), Gone> {
        Ok(())
    }
}

impl<'r, 'm: 'r> Access for &'r mut (dyn Machine + 'm) {
    fn visit<T: Send + 'static>(
        &mut self,
        visit: impl FnOnce(&mut dyn Machine) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        Ok(visit(&mut **self))
    }
}

/// A machine that a runner runs. While a debugger halts it, the machine and its time are paused. When the debugger
/// continues it, the runner runs it at its pace, with its link alive.
#[derive(Debug)]
pub struct Held {
    handle: MachineHandle,
    /// Whether it ran when the debugger connected.
    ran: bool,
}

impl Held {
    /// Access to the machine of `handle`.
    pub fn new(handle: MachineHandle) -> Self {
        Self { handle, ran: false }
    }

    /// Waits until all commands to the machine are done.
    fn wait_until_done(&mut self) -> Result<(), Gone> {
        self.visit(|_| ())
    }
}

impl Access for Held {
    fn visit<T: Send + 'static>(
        &mut self,
        visit: impl FnOnce(&mut dyn Machine) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        self.handle.with_machine_blocking(visit)
    }

    fn is_gone(&self) -> bool {
        self.handle.status().state == RunState::Stopped
    }

    fn attach(&mut self) -> Result<(), Gone> {
        // The status lags behind the commands: a machine that was just resumed is still shown as paused.
        self.wait_until_done()?;
        self.ran = self.handle.status().state == RunState::Running;
        self.halt()
    }

    fn detach(&mut self) {
        // If the machine is gone, there is nothing to detach from.
        let _ = self.visit(|machine| {
            if let Some(trapping) = machine.trapping() {
                trapping.set_traps(Traps::default());
            }
        });
        if self.ran {
            self.handle.resume();
            // Wait, so that the next status shows it running.
            let _ = self.wait_until_done();
        }
    }

    fn release(&mut self, traps: &Traps) -> Result<bool, Gone> {
        let traps = traps.clone();
        let able = self.visit(move |machine| match machine.trapping() {
            Some(trapping) => {
                trapping.set_traps(traps);
                true
            }
            None => traps.is_empty(),
        })?;
        if able {
            self.handle.resume();
            self.wait_until_done()?;
        }
        Ok(able)
    }

    fn stopped(&mut self) -> Result<Option<Caught>, String> {
        Ok(match self.handle.status().state {
            RunState::Running => None,
            RunState::Paused => {
                let caught = self.visit(|machine| machine.trapping().and_then(|trapping| trapping.take_caught()));
                Some(caught.map_err(|gone| gone.to_string())?.unwrap_or(Caught::Paused))
            }
            RunState::Halted(StopReason::Lockup { .. }) => Some(Caught::Lockup),
            RunState::Halted(StopReason::PoweredOff) => Some(Caught::Off),
            RunState::Halted(_) => Some(Caught::Trap),
            RunState::Crashed { cause } => return Err(cause),
            RunState::Stopped => return Err(format!("{} was switched off", self.handle.name())),
        })
    }

    fn halt(&mut self) -> Result<(), Gone> {
        self.handle.pause();
        self.wait_until_done()
    }
}
