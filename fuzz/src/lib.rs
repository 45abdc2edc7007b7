//! The fuzz targets: each takes any bytes and must neither panic nor break the property its comment states.
//!
//! libFuzzer calls them through `fuzz_targets/`; if it is not installed, `src/main.rs` calls them in a seeded loop.

mod air;
mod board_files;
mod defmt;
mod dfu;
mod firmware;
mod link;
mod messages;
mod packages;
mod parts;
mod recordings;
mod scenarios;
mod signals;
mod snapshots;
mod usbip;

pub use air::air_frame;
pub use board_files::board_file;
pub use defmt::defmt;
pub use dfu::dfu_device;
pub use firmware::firmware_file;
pub use link::{framing, link_frame, link_noise};
pub use messages::{control, device_message, gateway_message};
pub use packages::{section, signed_manifest};
pub use parts::{nmea_log, part_module, part_table};
pub use recordings::recording;
pub use scenarios::scenario_file;
pub use signals::signals;
pub use snapshots::snapshot_file;
pub use usbip::usbip;

/// A fuzz target: takes any bytes and panics when it finds a fault.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("link_frame", link_frame),
    ("link_noise", link_noise),
    ("framing", framing),
    ("device_message", device_message),
    ("gateway_message", gateway_message),
    ("control", control),
    ("signed_manifest", signed_manifest),
    ("section", section),
    ("snapshot_file", snapshot_file),
    ("scenario_file", scenario_file),
    ("board_file", board_file),
    ("recording", recording),
    ("signals", signals),
    ("usbip", usbip),
    ("air_frame", air_frame),
    ("dfu_device", dfu_device),
    ("defmt", defmt),
    ("firmware_file", firmware_file),
    ("part_module", part_module),
    ("part_table", part_table),
    ("nmea_log", nmea_log),
];
