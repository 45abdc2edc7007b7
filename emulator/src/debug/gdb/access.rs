//! How a debugger's session reaches its machine: alone with it, or one that a runner runs at its pace.

use crate::machine::{Caught, Traps};
use crate::machine::{Machine, StopReason};
use crate::runner::{Gone, MachineHandle, RunState};

/// Access to a machine, wherever it runs: a debugger's session asks for it again and again, each time for a moment.
pub trait Access {
    /// Does something with the machine.
    ///
    /// # Errors
    /// The machine is gone.
    fn visit<T: Send + 'static>(
        &mut self,
        visit: impl FnOnce(&mut dyn Machine) -> T + Send + 'static,
    ) -> Result<T, Gone>;

    /// Whether the machine was stopped for good.
    fn is_gone(&self) -> bool {
        false
    }

    /// A debugger came: the machine stands still from now on.
    ///
    /// # Errors
    /// The machine is gone.
    fn attach(&mut self) -> Result<(), Gone> {
        Ok(())
    }

    /// The debugger went: the machine does what it did before.
    fn detach(&mut self) {}

    /// Lets the machine run by itself until one of `traps` is met. False: nobody runs it but its visitors.
    ///
    /// # Errors
    /// The machine is gone.
    fn release(&mut self, _traps: &Traps) -> Result<bool, Gone> {
        Ok(false)
    }

    /// What ended the run; `None`: it runs.
    ///
    /// # Errors
    /// The machine is gone, or crashed.
    fn stopped(&mut self) -> Result<Option<Caught>, String> {
        Ok(None)
    }

    /// Lets it stand still.
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

/// A machine that a runner runs. While a debugger holds it, it is paused, and so is its time; when the debugger lets it
/// go on, the runner runs it at its pace, with its link alive.
#[derive(Debug)]
pub struct Held {
    handle: MachineHandle,
    /// Whether it ran when the debugger came.
    ran: bool,
}

impl Held {
    /// Access to the machine of `handle`.
    pub fn new(handle: MachineHandle) -> Self {
        Self { handle, ran: false }
    }

    /// Waits until all that was asked of the machine is done.
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
        // The status lags behind what was asked: a machine that was just told to go on is still shown as paused.
        self.wait_until_done()?;
        self.ran = self.handle.status().state == RunState::Running;
        self.halt()
    }

    fn detach(&mut self) {
        // A machine that is gone has nothing to be let go of.
        let _ = self.visit(|machine| {
            if let Some(trapping) = machine.trapping() {
                trapping.set_traps(Traps::default());
            }
        });
        if self.ran {
            self.handle.resume();
            // Whoever looks at it next finds it running.
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
