//! Firmware files as bytes at addresses: not there yet.

use crate::flash::Segment;
use drydock_assets::Board;

/// Reads a firmware file.
///
/// # Errors
/// Always, for now.
pub fn segments(_bytes: &[u8], _board: &Board, _address: Option<u32>) -> Result<Vec<Segment>, String> {
    Err("Drydock cannot read firmware files yet".into())
}
