//! DTR and RTS of boards with Espressif's automatic reset circuit: two transistors between the lines and the chip's EN
//! and boot strap (ESP32-C6-DevKitC-1 schematic; esptool documentation, "Boot Mode Selection").
//!
//! RTS alone pulls EN down: the chip is in reset. DTR alone pulls the boot strap down. Both together do neither, so that
//! a program which opens the port and sets both does not disturb the board.

/// What the lines do to the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing changes.
    None,
    /// EN went down: the chip stands still.
    Held,
    /// EN went up: the chip starts.
    Released {
        /// The boot strap is low: the ROM waits for a download.
        download: bool,
    },
}

/// The state of the circuit. Both lines are inactive at first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResetLines {
    held: bool,
}

impl ResetLines {
    /// Sets both lines; `true` is active.
    pub(super) fn set(&mut self, dtr: bool, rts: bool) -> Effect {
        let (pulls_en, pulls_strap) = (rts && !dtr, dtr && !rts);
        match (self.held, pulls_en) {
            (false, true) => {
                self.held = true;
                Effect::Held
            }
            // Programs that set one line after the other pass through here; the capacitor at EN keeps it down meanwhile.
            (true, false) if dtr && rts => Effect::None,
            (true, false) => {
                self.held = false;
                Effect::Released { download: pulls_strap }
            }
            _ => Effect::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(steps: &[(bool, bool)]) -> Vec<Effect> {
        let mut lines = ResetLines::default();
        steps.iter().map(|(dtr, rts)| lines.set(*dtr, *rts)).collect()
    }

    #[test]
    fn the_published_sequences_reset_and_choose() {
        let released = |download| Effect::Released { download };
        // Reset into the download mode, both lines at once and one after the other.
        let tight = [(false, true), (true, false), (false, false)];
        assert_eq!(effects(&tight), [Effect::Held, released(true), Effect::None]);
        let classic = [(false, true), (true, true), (true, false), (false, false)];
        assert_eq!(effects(&classic)[1..3], [Effect::None, released(true)]);
        // A plain reset.
        assert_eq!(
            effects(&[(false, true), (false, false)]),
            [Effect::Held, released(false)]
        );
        // Opening and closing a port.
        assert_eq!(effects(&[(true, true), (false, false)]), [Effect::None, Effect::None]);
    }
}
