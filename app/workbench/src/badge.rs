//! The one displayed state of a board, derived from all others.

use crate::api::{AppState, AppView, Badge, CableState, DeviceState, MachineState};

/// The inputs of a board's badge.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BadgeInput<'a> {
    /// State of the machine. `None` for a physical board.
    pub(crate) machine: Option<MachineState>,
    /// The exit code of a program that ended by itself.
    pub(crate) exit_code: Option<u32>,
    /// State of the cable. `None` for an emulated board.
    pub(crate) cable: Option<CableState>,
    /// Why the machine crashed or could not be started.
    pub(crate) fault: Option<&'a str>,
    /// Whether it is being switched on, or waits in the startup queue, and has no machine yet.
    pub(crate) starting: bool,
    /// The board's step on the way to a session, for example `booting`.
    pub(crate) phase: &'a str,
    /// Why enrollment or the session was refused.
    pub(crate) refused: Option<&'a str>,
    /// State of the device.
    pub(crate) device: Option<DeviceState>,
    /// Milliseconds since the device was last heard.
    pub(crate) silent_ms: Option<u64>,
    /// The apps.
    pub(crate) apps: &'a [AppView],
}

/// The badge and its meaning for this board; the first matching rule wins.
pub(crate) fn badge(input: &BadgeInput<'_>) -> (Badge, String) {
    switched_off(input)
        .or_else(|| ended(input))
        .or_else(|| cable_is_free(input))
        .or_else(|| unknown(input))
        .or_else(|| failed(input))
        .or_else(|| degraded(input))
        .or_else(|| deploying(input))
        .or_else(|| connecting(input))
        .or_else(|| running(input))
        .unwrap_or_else(|| (Badge::Idle, "no app runs".into()))
}

/// The user requested off and paused: silence is then not a fault.
fn switched_off(input: &BadgeInput<'_>) -> Option<(Badge, String)> {
    let (badge, detail) = match (input.machine?, input.fault) {
        (MachineState::Off, None) if !input.starting => (Badge::Off, "switched off"),
        (MachineState::Paused, _) if !input.starting => (Badge::Paused, "paused"),
        // This is its final state: this firmware has no identity.
        (MachineState::Running, None) if input.phase == "unauthenticated" => {
            (Badge::Unauthenticated, "unauthenticated: it has no identity")
        }
        (MachineState::Running, None) if input.phase == "unlinked" => (Badge::Unlinked, "a fork without a link"),
        (MachineState::Running, None) if input.phase == "own firmware" => {
            (Badge::OwnFirmware, "own firmware, no identity")
        }
        _ => return None,
    };
    Some((badge, detail.into()))
}

/// A program of the user's own ended by itself.
fn ended(input: &BadgeInput<'_>) -> Option<(Badge, String)> {
    let code = input.exit_code?;
    let badge = if code == 0 { Badge::OwnFirmware } else { Badge::Failed };
    Some((badge, format!("the program ended with {code}")))
}

/// Nothing can be heard over a cable that is out, lent or released; that is not a fault of the board.
fn cable_is_free(input: &BadgeInput<'_>) -> Option<(Badge, String)> {
    let detail = match input.cable? {
        CableState::Connected | CableState::Blocked => return None,
        CableState::Unplugged => "the cable is out",
        CableState::Lent => "the port is lent to another program",
        CableState::Released => "switched off: the port is free",
    };
    Some((Badge::Off, detail.into()))
}

fn unknown(input: &BadgeInput<'_>) -> Option<(Badge, String)> {
    if input.machine == Some(MachineState::Crashed) || input.device != Some(DeviceState::Unreachable) {
        return None;
    }
    let silent = input
        .silent_ms
        .map_or_else(|| "not heard".into(), |ms| format!("not heard for {} s", ms / 1000));
    Some((Badge::Unknown, silent))
}

fn failed(input: &BadgeInput<'_>) -> Option<(Badge, String)> {
    let detail = if input.machine == Some(MachineState::Crashed) {
        format!("machine crashed: {}", input.fault.unwrap_or("no reason known"))
    } else if let Some(fault) = input.fault {
        fault.to_owned()
    } else if let Some(refused) = input.refused {
        refused.to_owned()
    } else {
        let app = input.apps.iter().find(|app| app.state == AppState::Failed)?;
        match &app.failure {
            Some(failure) => format!("{} failed: {}", app.name, failure.reason),
            None => format!("{} failed", app.name),
        }
    };
    Some((Badge::Failed, detail))
}

fn degraded(input: &BadgeInput<'_>) -> Option<(Badge, String)> {
    if input.device != Some(DeviceState::Connected) {
        return None;
    }
    let missing = input.apps.iter().find(|app| app.state == AppState::Pending)?;
    Some((Badge::Degraded, format!("{} is not on the board yet", missing.name)))
}

fn deploying(input: &BadgeInput<'_>) -> Option<(Badge, String)> {
    let app = input
        .apps
        .iter()
        .find(|app| matches!(app.state, AppState::Deploying | AppState::Removing))?;
    if app.state == AppState::Removing {
        return Some((Badge::Deploying, format!("removing {}", app.name)));
    }
    let percent = app
        .progress
        .map(|progress| u64::from(progress.done_bytes) * 100 / u64::from(progress.total_bytes.max(1)));
    let detail = match percent {
        Some(percent) => format!("{} {percent} %", app.name),
        None => app.name.clone(),
    };
    Some((Badge::Deploying, detail))
}

fn connecting(input: &BadgeInput<'_>) -> Option<(Badge, String)> {
    if input.device == Some(DeviceState::Connected) {
        return None;
    }
    if input.device == Some(DeviceState::Retired) {
        return Some((Badge::Retired, "retired".into()));
    }
    let is_off = input.machine == Some(MachineState::Off);
    let phase = if is_off { "being switched on" } else { input.phase };
    Some((Badge::Connecting, phase.to_owned()))
}

fn running(input: &BadgeInput<'_>) -> Option<(Badge, String)> {
    let names: Vec<&str> = input
        .apps
        .iter()
        .filter(|app| matches!(app.state, AppState::Running | AppState::Starting))
        .map(|app| app.name.as_str())
        .collect();
    (!names.is_empty()).then(|| (Badge::Running, names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{FailureView, Progress};

    fn app(name: &str, state: AppState) -> AppView {
        AppView {
            name: name.into(),
            version: "0.1.0".into(),
            state,
            failure: (state == AppState::Failed).then(|| FailureView {
                reason: "trap".into(),
                export: "tick".into(),
                detail: "unreachable".into(),
                exit_code: None,
            }),
            progress: (state == AppState::Deploying).then_some(Progress {
                done_bytes: 300,
                total_bytes: 1000,
            }),
            digest: String::new(),
            size_bytes: 1000,
            capabilities: Vec::new(),
            ended_ms: None,
            asked: false,
        }
    }

    fn check(input: BadgeInput<'_>, expected: Badge, detail: &str) {
        assert_eq!(badge(&input), (expected, detail.to_owned()), "{input:?}");
    }

    fn with(apps: &[AppView]) -> BadgeInput<'_> {
        BadgeInput {
            machine: Some(MachineState::Running),
            phase: "booting",
            device: Some(DeviceState::Connected),
            apps,
            ..BadgeInput::default()
        }
    }

    #[test]
    fn the_table() {
        use AppState::{Deploying, Exited, Failed, Installed, Pending, Removing, Running, Starting, Stopped};
        let on = BadgeInput {
            machine: Some(MachineState::Running),
            phase: "booting",
            ..BadgeInput::default()
        };
        let connected = BadgeInput {
            device: Some(DeviceState::Connected),
            ..on
        };

        check(
            BadgeInput {
                machine: Some(MachineState::Off),
                ..on
            },
            Badge::Off,
            "switched off",
        );
        check(
            BadgeInput {
                machine: Some(MachineState::Off),
                starting: true,
                ..on
            },
            Badge::Connecting,
            "being switched on",
        );
        check(
            BadgeInput {
                machine: Some(MachineState::Paused),
                ..connected
            },
            Badge::Paused,
            "paused",
        );
        // A new machine is paused and resumes once its link is there: nobody paused it.
        check(
            BadgeInput {
                machine: Some(MachineState::Paused),
                starting: true,
                ..on
            },
            Badge::Connecting,
            "booting",
        );
        check(
            BadgeInput {
                phase: "unlinked",
                ..on
            },
            Badge::Unlinked,
            "a fork without a link",
        );
        check(
            BadgeInput {
                phase: "unauthenticated",
                ..on
            },
            Badge::Unauthenticated,
            "unauthenticated: it has no identity",
        );
        check(on, Badge::Connecting, "booting");
        check(
            BadgeInput {
                device: Some(DeviceState::Enrolled),
                phase: "handshake",
                ..on
            },
            Badge::Connecting,
            "handshake",
        );
        check(
            BadgeInput {
                device: Some(DeviceState::Retired),
                ..on
            },
            Badge::Retired,
            "retired",
        );
        check(connected, Badge::Idle, "no app runs");
        check(
            BadgeInput {
                device: Some(DeviceState::Unreachable),
                silent_ms: Some(4200),
                ..on
            },
            Badge::Unknown,
            "not heard for 4 s",
        );
        check(
            BadgeInput {
                machine: Some(MachineState::Crashed),
                fault: Some("undefined instruction"),
                device: Some(DeviceState::Unreachable),
                ..on
            },
            Badge::Failed,
            "machine crashed: undefined instruction",
        );
        check(
            BadgeInput {
                refused: Some("token expired"),
                ..on
            },
            Badge::Failed,
            "token expired",
        );
        check(
            BadgeInput {
                machine: Some(MachineState::Off),
                fault: Some("no firmware for this board"),
                ..on
            },
            Badge::Failed,
            "no firmware for this board",
        );

        check(with(&[app("a", Running)]), Badge::Running, "a");
        check(with(&[app("a", Running), app("b", Starting)]), Badge::Running, "a, b");
        check(
            with(&[app("a", Stopped), app("b", Exited), app("c", Installed)]),
            Badge::Idle,
            "no app runs",
        );
        check(
            with(&[app("a", Running), app("b", Deploying)]),
            Badge::Deploying,
            "b 30 %",
        );
        check(with(&[app("a", Removing)]), Badge::Deploying, "removing a");
        check(
            with(&[app("a", Pending), app("b", Deploying)]),
            Badge::Degraded,
            "a is not on the board yet",
        );
        check(
            with(&[app("a", Failed), app("b", Pending)]),
            Badge::Failed,
            "a failed: trap",
        );
        check(
            BadgeInput {
                apps: &[app("a", Failed)],
                device: Some(DeviceState::Unreachable),
                ..on
            },
            Badge::Unknown,
            "not heard",
        );
        check(
            BadgeInput {
                apps: &[app("a", Pending)],
                ..on
            },
            Badge::Connecting,
            "booting",
        );
    }
}
