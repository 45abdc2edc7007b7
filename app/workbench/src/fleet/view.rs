//! A board as its users see it: composed from the data of the workbench, the machine and the gateway.

use super::board::{BoardState, FleetBoard};
use crate::{
    api::{
        AppState, AppView, BoardView, ButtonView, CableView, DeviceState, DeviceView, FailureView, LedView,
        MachineState, MachineView, Progress,
    },
    badge::{BadgeInput, badge},
    board_terminals,
    own_firmware::FirmwareRecord,
};
use drydock_emulator::{
    StopReason,
    runner::{self, MachineHandle},
};
use drydock_gateway as gateway;
use drydock_hardware::port::Topology;
use gateway::{Gateway, TargetStatus, TransferProgress};
use std::collections::BTreeSet;

/// The view of a board now.
pub(crate) fn board_view(board: &FleetBoard, gateway: &Gateway) -> BoardView {
    let device = gateway.device(&board.state().record.device);
    let apps = device
        .as_ref()
        .map_or_else(Vec::new, |device| app_views(device, gateway));
    compose(board, &board.state(), device, apps)
}

fn compose(
    board: &FleetBoard,
    state: &BoardState,
    device: Option<gateway::DeviceView>,
    apps: Vec<AppView>,
) -> BoardView {
    let machine = machine_view(state);
    let (badge, badge_detail) = badge(&BadgeInput {
        machine: machine.as_ref().map(|machine| machine.state),
        exit_code: machine.as_ref().and_then(|machine| machine.exit_code),
        cable: state.record.physical().map(|_| state.cable),
        fault: state.fault.as_deref(),
        starting: board.is_starting() || is_made_paused(state),
        phase: &state.phase,
        refused: state.refused.as_deref(),
        device: device.as_ref().map(|device| device_state(device.state)),
        silent_ms: device.as_ref().and_then(|device| device.heard_ms_ago),
        apps: &apps,
    });
    let description = &board.description();
    let connected = device.as_ref().is_some_and(|device| device.session_id.is_some());
    BoardView {
        id: board.id.clone(),
        name: state.record.name.clone(),
        labels: state.record.labels.iter().map(ToString::to_string).collect(),
        kind: description.name.clone(),
        title: description.title.clone(),
        chip: description.chip.title.clone(),
        badge,
        badge_detail,
        machine,
        cable: cable_view(state),
        device: device.filter(has_identity).map(device_view),
        apps,
        leds: leds(board, state),
        buttons: buttons(board, state),
        metrics: state.metrics.clone().filter(|_| connected),
        firmware: firmware(state).map(|firmware| {
            let terminal = board_terminals::path(&board.id, &description.link.uart.to_string());
            firmware.view(terminal)
        }),
    }
}

/// The program of the user's own.
fn firmware(state: &BoardState) -> Option<&FirmwareRecord> {
    state.record.emulated()?.firmware.as_ref()
}

/// Whether the machine still waits for its first resume: the runner creates machines paused.
fn is_made_paused(state: &BoardState) -> bool {
    let status = state.machine.as_ref().map(MachineHandle::status);
    state.phase == "booting"
        && status.is_some_and(|status| status.state == runner::RunState::Paused && status.virtual_time.as_us() == 0)
}

fn cable_view(state: &BoardState) -> Option<CableView> {
    let physical = state.record.physical()?;
    let topology = physical.topology.as_deref().map(Topology::new);
    Some(CableView {
        port: Some(physical.port.clone()),
        topology: physical.topology.clone(),
        state: state.cable,
        is_virtual: topology.is_some_and(|topology| topology.is_virtual()),
    })
}

fn machine_view(state: &BoardState) -> Option<MachineView> {
    let emulated = state.record.emulated()?;
    let status = state.machine.as_ref().map(MachineHandle::status);
    let status = status.as_ref();
    Some(MachineView {
        engine: emulated.engine.clone(),
        state: match status.map(|status| &status.state) {
            None | Some(runner::RunState::Stopped) => MachineState::Off,
            Some(runner::RunState::Running) => MachineState::Running,
            Some(runner::RunState::Paused) => MachineState::Paused,
            Some(runner::RunState::Halted(StopReason::Breakpoint { exit: Some(_), .. })) => MachineState::Ended,
            Some(runner::RunState::Halted(_) | runner::RunState::Crashed { .. }) => MachineState::Crashed,
        },
        exit_code: match status.map(|status| &status.state) {
            Some(runner::RunState::Halted(StopReason::Breakpoint { exit, .. })) => *exit,
            _ => None,
        },
        pace: emulated.pace,
        virtual_time_s: status.map_or(0.0, |status| status.virtual_time.as_us() as f64 / 1e6),
        instructions: status.map_or(0, |status| status.instructions),
        mips: status.map_or(0.0, |status| status.mips),
        speed: status.map_or(0.0, |status| status.speed),
        seed: emulated.seed.clone(),
        fault: state.fault.clone(),
    })
}

fn has_identity(device: &gateway::DeviceView) -> bool {
    !matches!(device.state, gateway::DeviceState::Pending) || device.enrolled_ms.is_some()
}

fn device_view(device: gateway::DeviceView) -> DeviceView {
    DeviceView {
        id: device.id.0,
        chip_id: device.chip_id,
        state: device_state(device.state),
        firmware: device.firmware,
        heard_ms: device.last_heard_ms,
        uptime_ms: device.uptime_ms,
        session: device.session_id,
        reset_reason: device.reset_reason.map(reset_reason),
        last_fault: device.last_fault.map(|fault| {
            let place = format!(
                "pc {:#010x}, lr {:#010x}, status {:#010x}, address {:#010x}",
                fault.pc, fault.lr, fault.status, fault.address
            );
            format!("{}: {} ({place})", reset_reason(fault.reason), fault.message)
        }),
    }
}

/// The words in which a reset reason is shown.
fn reset_reason(reason: gateway::ResetReason) -> String {
    match reason {
        gateway::ResetReason::PowerOn => "power-on",
        gateway::ResetReason::Pin => "reset pin",
        gateway::ResetReason::Watchdog => "watchdog",
        gateway::ResetReason::Software => "software",
        gateway::ResetReason::Lockup => "lockup",
        gateway::ResetReason::Panic => "panic",
        gateway::ResetReason::HardFault => "HardFault",
        gateway::ResetReason::Unknown => "unknown",
    }
    .into()
}

fn device_state(state: gateway::DeviceState) -> DeviceState {
    match state {
        gateway::DeviceState::Pending => DeviceState::Pending,
        gateway::DeviceState::Enrolling => DeviceState::Enrolling,
        gateway::DeviceState::Enrolled => DeviceState::Enrolled,
        gateway::DeviceState::Connected => DeviceState::Connected,
        gateway::DeviceState::Unreachable => DeviceState::Unreachable,
        gateway::DeviceState::Disconnected => DeviceState::Disconnected,
        gateway::DeviceState::Retired => DeviceState::Retired,
    }
}

fn leds(board: &FleetBoard, state: &BoardState) -> Vec<LedView> {
    let description = board.description();
    let described = description.leds.iter().zip(&state.leds);
    described
        .map(|(led, lit)| LedView {
            name: led.name.clone(),
            pin: led.pin.to_string(),
            color: led.colour.clone(),
            lit: *lit,
        })
        .collect()
}

fn buttons(board: &FleetBoard, state: &BoardState) -> Vec<ButtonView> {
    let description = board.description();
    let described = description.buttons.iter().zip(&state.buttons);
    described
        .map(|(button, pressed)| ButtonView {
            name: button.name.clone(),
            pin: button.pin.to_string(),
            pressed: *pressed,
        })
        .collect()
}

/// All apps, by name, that are desired on a device or that it reports.
fn app_views(device: &gateway::DeviceView, gateway: &Gateway) -> Vec<AppView> {
    let names: BTreeSet<&str> = device
        .desired
        .iter()
        .map(|desired| desired.app.as_str())
        .chain(device.apps.iter().map(|instance| instance.app.as_str()))
        .collect();
    let transfers = gateway.transfers();
    names
        .into_iter()
        .map(|name| app_view(name, device, gateway, &transfers))
        .collect()
}

fn app_view(name: &str, device: &gateway::DeviceView, gateway: &Gateway, transfers: &[TransferProgress]) -> AppView {
    let instance = device.apps.iter().find(|instance| instance.app == name);
    let desired = device.desired.iter().find(|desired| desired.app == name);
    let transfer = transfers
        .iter()
        .find(|transfer| transfer.device == device.id && transfer.app == name);
    let versions = gateway.versions(name);
    let desired_package = desired
        .and_then(|desired| desired.package.as_ref())
        .and_then(|id| versions.iter().find(|package| package.id == *id));
    let present = instance.and_then(|instance| versions.iter().find(|package| package.sequence == instance.sequence));
    let arrived = match (desired_package, instance) {
        (Some(desired_package), Some(instance)) => desired_package.sequence == instance.sequence,
        (None, _) => true,
        (Some(_), None) => false,
    };
    let refusal = if arrived { None } else { refusal(name, device, gateway) };
    // Also where no app is reported: its package was on the way, and the board has not said yet that it does not have it.
    let removing = desired.is_some_and(|desired| desired.package.is_none());

    let state = match (transfer, &refusal, instance) {
        _ if removing => AppState::Removing,
        (Some(_), _, _) => AppState::Deploying,
        (None, Some(_), None) => AppState::Failed,
        (None, _, Some(instance)) if arrived || refusal.is_some() => app_state(instance),
        _ => AppState::Pending,
    };
    let shown = present.or(desired_package);
    AppView {
        name: name.into(),
        version: instance
            .map(|instance| instance.version.clone())
            .or_else(|| desired_package.map(|package| package.version.clone()))
            .unwrap_or_default(),
        state,
        failure: instance
            .filter(|_| state != AppState::Deploying)
            .and_then(|instance| instance.failure.clone())
            .map(failure_view)
            .or(refusal.filter(|_| state == AppState::Failed)),
        progress: transfer.filter(|_| !removing).map(|transfer| Progress {
            done_bytes: transfer.done_bytes,
            total_bytes: transfer.total_bytes,
        }),
        digest: instance
            .map(|instance| instance.digest.to_string())
            .or_else(|| shown.map(|package| package.digest.to_string()))
            .unwrap_or_default(),
        size_bytes: shown.map_or(0, |package| package.size_bytes),
        capabilities: shown.map_or_else(Vec::new, |package| package.capabilities.clone()),
        ended_ms: instance
            .filter(|_| matches!(state, AppState::Failed | AppState::Exited))
            .map(|instance| instance.reported_ms),
        asked: desired.is_some_and(|desired| desired.asked),
    }
}

/// Why a device refused the latest deployment of an app, if it did.
fn refusal(app: &str, device: &gateway::DeviceView, gateway: &Gateway) -> Option<FailureView> {
    let latest = gateway.latest_target(&device.id, app)?;
    (latest.status == TargetStatus::Refused).then(|| FailureView {
        reason: "refused".into(),
        export: String::new(),
        detail: latest.detail,
        exit_code: None,
    })
}

fn app_state(instance: &gateway::InstanceView) -> AppState {
    match instance.state {
        gateway::AppState::Installed => AppState::Installed,
        gateway::AppState::Starting => AppState::Starting,
        gateway::AppState::Running => AppState::Running,
        gateway::AppState::Stopped => AppState::Stopped,
        gateway::AppState::Exited => AppState::Exited,
        gateway::AppState::Failed => AppState::Failed,
    }
}

fn failure_view(failure: gateway::FailureView) -> FailureView {
    FailureView {
        reason: failure.reason,
        export: failure.export,
        detail: failure.detail,
        exit_code: failure.exit_code,
    }
}
