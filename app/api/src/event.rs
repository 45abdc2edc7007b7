//! Events: named facts in the past tense. One table makes [`EventName`]; docs/cli.md documents the fields of each.

use serde::{Deserialize, Serialize};
use std::fmt;
use ts_rs::TS;

/// A named fact. Log lines and metrics are not events: subscribers get them as [`crate::Update::Logs`] and
/// [`crate::Update::Metrics`], and `drydock … --json` prints them as `app.log`, `board.log` and `device.metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Event {
    /// What happened.
    pub event: EventName,
    /// Revision of the store; `None` for facts that are not stored.
    #[ts(type = "number | null")]
    pub revision: Option<u64>,
    /// In milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub time_ms: u64,
    /// Name of the board.
    pub board: Option<String>,
    /// Name of the app.
    pub app: Option<String>,
    /// One sentence for people.
    pub text: String,
    /// Further fields of this event, documented in docs/cli.md.
    #[ts(type = "Record<string, unknown>")]
    pub data: serde_json::Map<String, serde_json::Value>,
}

macro_rules! event_names {
    ($($(#[$doc:meta])* $name:literal $variant:ident;)*) => {
        /// What happened. The names on the wire are stable.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
        pub enum EventName {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
            /// A name that this version does not know, from a newer owner.
            #[serde(untagged)]
            #[ts(skip)]
            Other(String),
        }

        impl EventName {
            /// The names that this version knows.
            pub const KNOWN: &[Self] = &[$(Self::$variant),*];

            /// The name on the wire, for example `device.enrolled`.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }
        }
    };
}

event_names! {
    /// A board was added to the fleet; `kind`, `seed`.
    "board.added" BoardAdded;
    /// An emulated board was given a program of the user's own, or Drydock's firmware again; or its program was found to speak
    /// Drydock's link: `links`.
    "board.firmware" BoardFirmware;
    /// A board was removed from the fleet.
    "board.removed" BoardRemoved;
    /// A board was forked from another one; `parent`, `kind`, `seed`, `unlinked`.
    "board.forked" BoardForked;
    /// A machine was switched on; `engine`, `kind`, `seed`.
    "machine.started" MachineStarted;
    /// A machine was switched off.
    "machine.stopped" MachineStopped;
    /// A machine's earlier state was restored; `virtual_time_s`.
    "machine.restored" MachineRestored;
    /// A program of the user's own ended by itself; `exit_code`.
    "machine.ended" MachineEnded;
    /// A program of the user's own did something wrong; `fault`, `backtrace`.
    "machine.faulted" MachineFaulted;
    /// A property of a virtual part was set; `part`, `property`, `value`.
    "part.set" PartSet;
    /// Values of virtual parts follow a table, or no longer do; `values`, `rows`, `lasts_s`.
    "part.table" PartTable;
    /// What a virtual part keeps was replaced; `part`, `bytes`.
    "part.loaded" PartLoaded;
    /// A machine stopped because of a fault; `fault`.
    "machine.crashed" MachineCrashed;
    /// A machine did not start.
    "machine.failed" MachineFailed;
    /// A board got its certificate; `device`.
    "device.enrolled" DeviceEnrolled;
    /// A board opened a session; `device`, `firmware`, `reset_reason`, `last_fault`.
    "device.connected" DeviceConnected;
    /// A newer session of a board replaced the previous one; `device`.
    "device.superseded" DeviceSuperseded;
    /// A board missed a heartbeat; `device`.
    "device.unreachable" DeviceUnreachable;
    /// A board that missed a heartbeat was heard again; `device`.
    "device.returned" DeviceReturned;
    /// A board's session ended; `device`.
    "device.disconnected" DeviceDisconnected;
    /// A board's certificate was revoked; `device`.
    "device.revoked" DeviceRevoked;
    /// A board was taken out of service; `device`.
    "device.retired" DeviceRetired;
    /// The gateway ordered a board to erase its identity; `device`.
    "device.wiped" DeviceWiped;
    /// The chip id of a board may be bound to another key; `device`.
    "device.chip_released" DeviceChipReleased;
    /// Enrollment or pairing of a board was refused.
    "device.refused" DeviceRefused;
    /// A board whose firmware is too small for an identity announced itself; `firmware`.
    "device.unauthenticated" DeviceUnauthenticated;
    /// A handshake was refused.
    "connection.refused" ConnectionRefused;
    /// A package was signed; `version`, `digest`.
    "package.signed" PackageSigned;
    /// A package is on its way to a board; `version`, `size_bytes`.
    "app.deploying" AppDeploying;
    /// A board reported an app as stored; `version`, `uptime_ms`.
    "app.installed" AppInstalled;
    /// A board reported an app as starting; `version`, `uptime_ms`.
    "app.starting" AppStarting;
    /// A board reported an app as running; `version`, `uptime_ms`.
    "app.running" AppRunning;
    /// A board reported an app as stopped on request; `version`, `uptime_ms`.
    "app.stopped" AppStopped;
    /// An app ended itself; `version`, `uptime_ms`, `exit_code`.
    "app.exited" AppExited;
    /// A board ended an app; `version`, `uptime_ms`, `reason`, `export`, `detail`.
    "app.trapped" AppTrapped;
    /// A board refused a package; `version`, `code`.
    "app.refused" AppRefused;
    /// A deployment was cancelled; `version`.
    "app.cancelled" AppCancelled;
    /// An app is no longer on its board.
    "app.removed" AppRemoved;
    /// A profile began.
    "profile.started" ProfileStarted;
    /// A profile is complete; `cycles`, `instructions`.
    "profile.finished" ProfileFinished;
    /// Boards are recorded; `recording`, `file`, `boards`.
    "recording.started" RecordingStarted;
    /// What just happened on a board was written to a file; `file`, `seconds`.
    "recording.kept" RecordingKept;
    /// A recording ended; `recording`, `file`, `bytes`, `lost`, `state`, `reason`.
    "recording.ended" RecordingEnded;
    /// Debuggers can connect to a board; `address`, and `probe` if it is behind one.
    "gdb.opened" GdbOpened;
    /// Debuggers can no longer connect to a board; `probe`.
    "gdb.closed" GdbClosed;
    /// A debugger disconnected from a board, or its session failed; `probe`.
    "gdb.detached" GdbDetached;
    /// A serial port or a debug probe appeared; `path` or `probe`.
    "hardware.plugged" HardwarePlugged;
    /// A serial port or a debug probe went away; `path` or `probe`.
    "hardware.unplugged" HardwareUnplugged;
    /// The port of a physical board was opened; `path`.
    "board.plugged" BoardPlugged;
    /// The port of a physical board went away or was closed; `path`, `reason`.
    "board.unplugged" BoardUnplugged;
    /// A job began; `job`, `what`, `kind`.
    "job.started" JobStarted;
    /// A step of a job began; `job`, `step`.
    "job.step" JobStep;
    /// A job ended; `job`, `what`, `state`, `evidence`.
    "job.ended" JobEnded;
    /// The gateway found work that the run before left undone.
    "gateway.recovered" GatewayRecovered;
    /// Pairing was switched; `pairing`.
    "gateway.pairing" GatewayPairing;
    /// The owner before did not close the data directory.
    "workbench.recovered" WorkbenchRecovered;
    /// A second start of Drydock asks the window to come to the front.
    "window.show" WindowShow;
    /// A board refused a request; `code`.
    "error" Error;
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_name_is_the_same_on_the_wire_and_in_text() {
        for name in EventName::KNOWN {
            let wire = serde_json::to_value(name).unwrap();
            assert_eq!(wire, json!(name.as_str()));
            assert_eq!(serde_json::from_value::<EventName>(wire).unwrap(), *name);
        }
    }

    #[test]
    fn a_name_from_a_newer_owner_is_kept() {
        let name: EventName = serde_json::from_value(json!("board.painted")).unwrap();
        assert_eq!(name, EventName::Other("board.painted".into()));
        assert_eq!(serde_json::to_value(&name).unwrap(), json!("board.painted"));
    }

    #[test]
    fn typescript_gets_a_union_of_the_known_names() {
        let declaration = EventName::decl(&ts_rs::Config::default());
        assert!(
            declaration.starts_with(r#"type EventName = "board.added" | "#),
            "{declaration}"
        );
        assert!(!declaration.contains("string"), "{declaration}");
    }
}
