//! Profiles: of emulated boards, exact ones; of boards behind a debug probe, samples.

mod export;
mod firefox;
mod flame;
mod sampled;

pub(crate) use sampled::{sample, stop_sampling};

use crate::{
    api::{
        ApiError, ErrorCode, EventName, Exported, ProfileCoverage, ProfileExport, ProfileFormat, ProfileFunction,
        ProfileHeap, ProfileInterrupt, ProfilePeripheral, ProfileQuery, ProfileStack, ProfileStart, ProfileState,
        ProfileStop, ProfileSummary, ProfileView,
    },
    errors::with_sources,
    exported::exported,
    fleet::FleetBoard,
    own_firmware,
    state::WorkbenchState,
};
use drydock_emulator::{
    Image, ResetKind, VirtualTime,
    profile::{Profile, Progress, Symbols, Truncated},
};
use serde_json::{Map, json};
use std::sync::Arc;

/// Longest profile of a given length, in seconds of the board's time.
const LONGEST_S: f64 = 86_400.0;

/// Begins a profile.
pub(crate) async fn start(workbench: &WorkbenchState, request: ProfileStart) -> Result<ProfileView, ApiError> {
    let board = workbench.board(&request.board)?;
    let span = match request.for_s {
        None => None,
        Some(seconds) if seconds > 0.0 && seconds <= LONGEST_S => Some(VirtualTime::from_us((seconds * 1e6) as u64)),
        Some(seconds) => {
            let text = format!("{seconds} s is no length of a profile; give more than 0 and at most {LONGEST_S}.");
            return Err(ApiError::new(ErrorCode::Usage, text));
        }
    };
    let machine = board.machine().await?;
    let kind = board.description().firmware_name().to_owned();
    let own = own_firmware::of(workbench, &board)
        .await
        .map_err(|error| ApiError::internal(format!("{error}.")))?;
    let symbols = tokio::task::spawn_blocking(move || match own {
        Some(own) => named(&own.image, &own.record.name()),
        None => symbols(&kind),
    });
    let symbols = symbols.await;
    let symbols = symbols.map_err(|error| ApiError::internal(format!("The symbols cannot be read: {error}.")))??;
    if request.restart {
        machine.reset(ResetKind::PowerOn);
    }
    let started = machine.inspect(move |machine| {
        let profiler = machine.profiler()?;
        profiler.start(symbols, span);
        Some(())
    });
    started.await.map_err(|_| board.is_off())?.ok_or_else(|| {
        let engine = board
            .emulated()
            .map_or_else(|_| String::new(), |emulated| emulated.engine);
        let text = format!(
            "The engine {engine} of {} has no profiler; use a board of the engine builtin.",
            board.name()
        );
        ApiError::new(ErrorCode::Refused, text)
    })?;
    workbench.profiles.set(&board.id, None);
    let text = format!("A profile of {} was begun.", board.name());
    workbench.publish(EventName::ProfileStarted, Some(&board), text, Map::new());
    view(workbench, &board, 0).await
}

/// A profile in its current state.
pub(crate) async fn look(workbench: &WorkbenchState, request: ProfileQuery) -> Result<ProfileView, ApiError> {
    let board = workbench.board(&request.board)?;
    view(workbench, &board, request.top).await
}

/// Ends a profile, and keeps it for views.
pub(crate) async fn stop(workbench: &WorkbenchState, request: ProfileStop) -> Result<ProfileView, ApiError> {
    let board = workbench.board(&request.board)?;
    let machine = board.state().machine.clone();
    let stopped = match machine {
        Some(machine) => machine
            .inspect(|machine| machine.profiler().and_then(|profiler| profiler.stop()))
            .await
            .ok()
            .flatten(),
        None => None,
    };
    if stopped.is_none() && workbench.profiles.get(&board.id).is_none() {
        return Err(none(&board));
    }
    if request.discard {
        workbench.profiles.set(&board.id, None);
    } else if let Some(profile) = stopped {
        let profile = Arc::new(profile);
        let mut data = Map::new();
        data.insert("cycles".into(), json!(profile.cycles));
        data.insert("instructions".into(), json!(profile.instructions));
        workbench.profiles.set(&board.id, Some(profile));
        let text = format!("The profile of {} is finished.", board.name());
        workbench.publish(EventName::ProfileFinished, Some(&board), text, data);
    }
    view(workbench, &board, request.top).await
}

/// Makes a file of a profile, finished or not.
pub(crate) async fn export(workbench: &WorkbenchState, request: ProfileExport) -> Result<Exported, ApiError> {
    let board = workbench.board(&request.board)?;
    let (_, profile) = found(workbench, &board).await;
    let profile = profile.ok_or_else(|| none(&board))?;
    let title = format!("{}, {}", board.name(), board.description().title);
    let ProfileExport {
        format, weight, dark, ..
    } = request;
    let made = tokio::task::spawn_blocking(move || match format {
        ProfileFormat::Svg | ProfileFormat::Png => flame::draw(&title, &profile, weight, format, dark, None),
        ProfileFormat::Speedscope => Ok(export::speedscope(&title, &profile, export::EXACT)),
        ProfileFormat::Firefox => Ok(firefox::firefox(&title, &profile, weight)),
        ProfileFormat::Folded => Ok(export::folded(&profile, weight).into_bytes()),
        ProfileFormat::Coverage => Ok(export::coverage(&profile).into_bytes()),
    });
    let bytes = made
        .await
        .map_err(|error| ApiError::internal(format!("The profile could not be drawn: {error}.")))?
        .map_err(|error| with_sources(ErrorCode::Internal, &error))?;
    exported(bytes, request.path).await
}

/// The symbols of the firmware of a kind of board.
fn symbols(kind: &str) -> Result<Arc<Symbols>, ApiError> {
    let firmware = drydock_embedded::firmware(kind).map_err(|error| with_sources(ErrorCode::Refused, &error))?;
    let image = Image::from_elf(firmware.elf).map_err(|error| with_sources(ErrorCode::Refused, &error))?;
    named(&image, &format!("The firmware of {kind}"))
}

fn named(image: &Image, of: &str) -> Result<Arc<Symbols>, ApiError> {
    Symbols::of(image).map(Arc::new).map_err(|error| {
        let text = format!("{of} cannot be profiled: {error}; build it with its symbols.");
        ApiError::new(ErrorCode::Refused, text)
    })
}

/// The progress of a board's profile, and its results so far.
async fn found(workbench: &WorkbenchState, board: &FleetBoard) -> (Option<Progress>, Option<Arc<Profile>>) {
    let machine = board.state().machine.clone();
    if let Some(machine) = machine {
        let running = machine.inspect(|machine| {
            let profiler = machine.profiler()?;
            Some((profiler.progress()?, profiler.look()?))
        });
        if let Ok(Some((progress, profile))) = running.await {
            return (Some(progress), Some(Arc::new(profile)));
        }
    }
    (None, workbench.profiles.get(&board.id))
}

async fn view(workbench: &WorkbenchState, board: &FleetBoard, top: u32) -> Result<ProfileView, ApiError> {
    let (progress, profile) = found(workbench, board).await;
    let seconds = |time: VirtualTime| time.as_us() as f64 / 1e6;
    let state = match (&progress, &profile) {
        (Some(progress), _) if progress.recording => ProfileState::Recording,
        (_, Some(_)) => ProfileState::Finished,
        (_, None) => ProfileState::None,
    };
    Ok(ProfileView {
        board: board.name(),
        state,
        from_s: profile.as_ref().map_or(0.0, |profile| seconds(profile.from)),
        to_s: profile.as_ref().map_or(0.0, |profile| seconds(profile.to)),
        until_s: progress.and_then(|progress| progress.until).map(seconds),
        summary: profile.map(|profile| summary(&profile, board, top as usize)),
    })
}

fn summary(profile: &Profile, board: &FleetBoard, top: usize) -> ProfileSummary {
    let functions = profile.functions.iter().take(top).map(|function| ProfileFunction {
        name: function.name.clone(),
        address: function.addr,
        calls: function.calls,
        self_cycles: function.self_cycles,
        total_cycles: function.total_cycles,
        self_instructions: function.self_instructions,
        total_instructions: function.total_instructions,
    });
    let stacks = profile.stacks.iter().map(|stack| ProfileStack {
        name: stack.name.to_owned(),
        top: stack.top,
        lowest: stack.lowest,
        bytes: stack.bytes,
    });
    let interrupts = profile.interrupts.iter().map(|interrupt| ProfileInterrupt {
        name: interrupt.name.clone(),
        entries: interrupt.entries,
        cycles: interrupt.cycles,
        stack_bytes: interrupt.stack_bytes,
    });
    let peripherals = profile.peripherals.iter().map(|peripheral| ProfilePeripheral {
        name: peripheral.name.clone(),
        address: peripheral.addr,
        loads: peripheral.loads,
        stores: peripheral.stores,
    });
    let metrics = board.state().metrics.clone();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    ProfileSummary {
        cpu_hz: profile.cpu_hz,
        cycles: profile.cycles,
        asleep_cycles: profile.asleep,
        waiting_cycles: profile.stalled,
        instructions: profile.instructions,
        functions: functions.collect(),
        stacks: stacks.collect(),
        interrupts: interrupts.collect(),
        peripherals: peripherals.collect(),
        coverage: ProfileCoverage {
            functions: count(profile.coverage.functions),
            functions_executed: count(profile.coverage.functions_executed),
            bytes: profile.coverage.bytes,
            bytes_executed: profile.coverage.bytes_executed,
        },
        heap: metrics.map(|sample| ProfileHeap {
            used_bytes: sample.heap_used_bytes,
            peak_bytes: sample.heap_peak_bytes,
            total_bytes: sample.heap_total_bytes,
        }),
        truncated: truncated(profile.truncated),
    }
}

/// A notice about records missing in the profile.
fn truncated(what: Truncated) -> Option<String> {
    let parts = [
        (what.nodes, "calls have no node of their own"),
        (what.frames, "calls were deeper than stacks are followed"),
        (what.accesses, "accesses of peripherals were not counted"),
        (what.pages, "pages of code were not noted"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    (!parts.is_empty()).then(|| format!("The profile is not whole: {}.", parts.join(", ")))
}

fn none(board: &FleetBoard) -> ApiError {
    let text = format!("There is no profile of {}; begin one first.", board.name());
    ApiError::new(ErrorCode::NotFound, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_without_symbols_is_refused_with_the_way_out() {
        let stripped = Image::from_bin(0x1_0000, vec![0; 16]);
        let error = named(&stripped, "nano33ble").unwrap_err();
        assert_eq!(error.code, ErrorCode::Refused);
        assert!(
            error.message.contains("nano33ble") && error.message.contains("symbols"),
            "{error}"
        );
    }

    #[test]
    fn what_was_left_out_is_said() {
        assert_eq!(truncated(Truncated::default()), None);
        let some = Truncated {
            frames: 3,
            ..Truncated::default()
        };
        assert_eq!(
            truncated(some).unwrap(),
            "The profile is not whole: 3 calls were deeper than stacks are followed."
        );
    }
}
