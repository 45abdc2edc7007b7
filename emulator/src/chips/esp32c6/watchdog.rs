//! A watchdog of four stages, as in timer groups and the low-power block (ESP32-C6 Technical Reference Manual 1.1,
//! chapter 15). A stage that is not fed within its time takes its action, then the next stage begins.

use crate::core::events::Token;
use crate::core::fabric::Fabric;
use crate::machine::VirtualTime;

/// The key that must be written before any other register (15.2.2.3).
pub(super) const KEY: u32 = 0x50d8_3aa1;

/// The action of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(super) enum Action {
    Nothing,
    Interrupt,
    ResetCpu,
    /// Resets the core's power domain; for the low-power watchdog, the whole chip (`Everything`).
    ResetSystem,
    ResetEverything,
}

impl Action {
    /// Of a register field.
    pub(super) fn of(bits: u32) -> Self {
        match bits {
            1 => Self::Interrupt,
            2 => Self::ResetCpu,
            3 => Self::ResetSystem,
            4 => Self::ResetEverything,
            _ => Self::Nothing,
        }
    }
}

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Watchdog {
    token: Token,
    /// Whether writes are refused.
    locked: bool,
    running: bool,
    actions: [Action; 4],
    /// Of the stages, in ticks of `hz`.
    timeouts: [u64; 4],
    hz: u64,
    stage: usize,
    began: VirtualTime,
}

impl Watchdog {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            locked: false,
            running: false,
            actions: [Action::Nothing; 4],
            timeouts: [0; 4],
            hz: 1,
            stage: 0,
            began: VirtualTime::ZERO,
        }
    }

    /// WDTWPROTECT was written.
    pub(super) fn unlock(&mut self, key: u32) {
        self.locked = key != KEY;
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    /// Registers were written. A watchdog that is switched on begins with its first stage.
    pub(super) fn configure(
        &mut self,
        fabric: &mut Fabric,
        running: bool,
        actions: [Action; 4],
        timeouts: [u64; 4],
        hz: u64,
    ) {
        let begins = running && !self.running;
        (self.running, self.actions, self.timeouts, self.hz) = (running, actions, timeouts, hz.max(1));
        match begins {
            true => self.feed(fabric),
            false => self.arm(fabric),
        }
    }

    pub(super) fn feed(&mut self, fabric: &mut Fabric) {
        (self.stage, self.began) = (0, fabric.now());
        self.arm(fabric);
    }

    /// The stage's time is over: returns its action.
    pub(super) fn due(&mut self, fabric: &mut Fabric) -> Action {
        if !self.running {
            return Action::Nothing;
        }
        let action = self.actions[self.stage];
        (self.stage, self.began) = ((self.stage + 1) % 4, fabric.now());
        self.arm(fabric);
        action
    }

    fn arm(&self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        let idle = self.actions.iter().all(|action| *action == Action::Nothing);
        if self.running && !idle {
            let span = VirtualTime::from_ticks(self.timeouts[self.stage].max(1), self.hz);
            fabric.schedule(self.began.saturating_add(span), self.token);
        }
    }
}
