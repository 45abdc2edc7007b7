//! Carries out the requests of `drydock-api`: composes gateway, emulator and connector, and owns a data directory.
//!
//! The types shared with clients are in `drydock-api`; access from another process is in `drydock-client`.

mod activity;
mod app_series;
mod apps;
mod badge;
mod board_task;
mod board_terminals;
mod boards;
mod charts;
mod clock;
mod data_dir;
mod debug_servers;
mod debugger;
mod diagnostics;
mod engines;
mod errors;
mod exported;
mod finished_profiles;
mod firmware_images;
mod fleet;
mod forks;
mod gateway_events;
mod gateway_follower;
mod hardware;
mod jobs;
mod kind_detail;
mod labels;
mod link_noise;
mod logging;
mod markup;
mod metrics;
mod monitor;
mod own_firmware;
mod own_kinds;
mod owner;
mod pairing;
mod pairing_window;
mod part_contents;
mod parts;
mod profile;
mod recordings;
mod report;
mod samplings;
mod series;
mod snapshots;
mod startup_limiter;
mod state;
mod system_info;
mod update_throttle;
mod workbench;

use drydock_api as api;

pub use data_dir::OpenError;
pub use drydock_gateway::{AuditEntry, AuditError, AuditHead, AuditTip};
pub use fleet::derived_seed;
pub use own_kinds::board_folder;
pub use parts::shipped_modules;
pub use report::write_report;
pub use workbench::{VERSION, Workbench, WorkbenchConfig, WorkbenchError, read_audit_trail};
