//! What a board's session needs from the board's host. A machine hosts an emulated board; a serial port will host a
//! physical one.

use drydock_gateway::PeerLabel;
use std::time::Duration;

/// The host of one board.
pub(super) trait BoardHost {
    /// The far end of the board's link, as the gateway sees it: name, clock, and the flash that the host keeps.
    fn peer(&self) -> PeerLabel;

    /// Time that has passed for the board itself. An emulated board may be ahead of the host, or behind it.
    fn board_time(&self) -> Duration;
}
