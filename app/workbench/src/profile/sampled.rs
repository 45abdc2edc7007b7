//! Samples of the program counter of a board behind a debug probe, counted by function. Who called a function is not known.

use super::{export, firefox, flame, named, symbols};
use crate::{
    api::{
        ApiError, Empty, ErrorCode, ProfileFormat, ProfileSample, ProfileSampleStop, ProfileSampled, ProfileWeight,
        SampledFunction,
    },
    errors::{usage, with_sources},
    fleet::PortUser,
    hardware::{board_behind, lease, look},
    state::WorkbenchState,
};
use drydock_emulator::{
    Image, VirtualTime,
    profile::{FunctionCost, Node, NodeKind, Profile, Symbols},
};
use drydock_hardware::probe::ProbeError;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Longest profile, in seconds.
const LONGEST_S: f64 = 300.0;
/// Samples between two looks at the clock.
const BATCH: usize = 16;
const NO_SYMBOL: &str = "(no symbol)";

/// Number of samples at each address.
type Samples = BTreeMap<u32, u64>;

/// Ends a profile before its time.
pub(crate) fn stop_sampling(workbench: &WorkbenchState, request: &ProfileSampleStop) -> Result<Empty, ApiError> {
    if !workbench.samplings.stop(&request.probe) {
        let text = format!("No profile is being sampled over {}.", request.probe);
        return Err(ApiError::new(ErrorCode::NotFound, text));
    }
    Ok(Empty {})
}

/// Samples a board for a while, and makes a file of it if one is asked for.
pub(crate) async fn sample(
    workbench: &Arc<WorkbenchState>,
    request: ProfileSample,
) -> Result<ProfileSampled, ApiError> {
    let ProfileSample { for_s, format, .. } = request;
    if !(for_s > 0.0 && for_s <= LONGEST_S) {
        let text = format!("{for_s} s is no length of a profile; give more than 0 and at most {LONGEST_S}.");
        return Err(usage(text));
    }
    if format == Some(ProfileFormat::Coverage) {
        return Err(usage(
            "Samples do not show what was not executed; choose another format than coverage.",
        ));
    }
    let is_absolute = |path: &Option<String>| path.as_deref().is_none_or(|path| Path::new(path).is_absolute());
    if !is_absolute(&request.elf) || !is_absolute(&request.path) || (format.is_some() && request.path.is_none()) {
        return Err(usage(
            "Give the absolute paths of the ELF file and of the file to write.",
        ));
    }
    let board = board_behind(workbench, &request.probe, request.kind.as_deref()).await?;
    let lease = lease(workbench, &request.probe, PortUser::Profile)?;
    // When nobody waits for the answer any more, or it is stopped, sampling ends.
    let (asked, still_asked) = workbench.samplings.begin(&request.probe);
    let sampling = {
        let workbench = Arc::clone(workbench);
        tokio::task::spawn_blocking(move || {
            let _lease = lease;
            let symbols = match &request.elf {
                None => symbols(&board.name)?,
                Some(path) => symbols_of(path, &board.name)?,
            };
            let failed = |error: ProbeError| with_sources(ErrorCode::Board, &error);
            let mut chip = look(&workbench, &request.probe, &board).map_err(failed)?;
            let (begin, span) = (Instant::now(), Duration::from_secs_f64(for_s));
            // As many entries as there are instructions, however long it takes.
            let mut samples = Samples::new();
            while begin.elapsed() < span && still_asked.goes_on() {
                for pc in chip.sample_pc(BATCH).map_err(failed)? {
                    *samples.entry(pc).or_default() += 1;
                }
            }
            finished(&request, &board.name, &symbols, &samples, begin.elapsed())
        })
    };
    let sampled = sampling.await;
    drop(asked);
    sampled.map_err(|error| ApiError::internal(format!("The profile could not be made: {error}.")))?
}

/// The symbols of the user's ELF file.
fn symbols_of(path: &str, kind: &str) -> Result<Arc<Symbols>, ApiError> {
    let bytes = std::fs::read(path).map_err(|error| usage(format!("{path} cannot be read: {error}.")))?;
    let image = Image::from_elf(&bytes).map_err(|error| with_sources(ErrorCode::Usage, &error))?;
    named(&image, kind)
}

/// The view of samples, and the file that was asked for.
fn finished(
    request: &ProfileSample,
    kind: &str,
    symbols: &Symbols,
    samples: &Samples,
    took: Duration,
) -> Result<ProfileSampled, ApiError> {
    let count: u64 = samples.values().sum();
    let rate_hz = count as f64 / took.as_secs_f64().max(1e-6);
    let text = format!(
        "{count} samples at {rate_hz:.0} Hz; while the core sleeps, chips give none or the place where it sleeps; callers are not known."
    );
    let profile = counted(symbols, samples, rate_hz, took);
    if let (Some(format), Some(path)) = (request.format, &request.path) {
        let title = format!("{kind} at {}", request.probe);
        let bytes = file(&title, &profile, format, request.dark, &text)?;
        std::fs::write(path, bytes).map_err(|error| usage(format!("{path} cannot be written: {error}.")))?;
    }
    let functions = profile.functions.into_iter().take(request.top as usize);
    Ok(ProfileSampled {
        kind: kind.to_owned(),
        seconds: took.as_secs_f64(),
        samples: count,
        functions: functions
            .map(|function| SampledFunction {
                name: function.name,
                address: function.addr,
                samples: function.self_cycles,
            })
            .collect(),
        text,
        path: request.format.and(request.path.clone()),
    })
}

/// Samples by function, in the form of a profile: its cycles are samples, and its clock is their rate.
fn counted(symbols: &Symbols, samples: &Samples, rate_hz: f64, took: Duration) -> Profile {
    let mut counts: BTreeMap<u32, FunctionCost> = BTreeMap::new();
    for (pc, samples) in samples {
        let function = symbols.function(*pc);
        let addr = function.map_or(0, |function| function.addr);
        let count = counts.entry(addr).or_insert_with(|| FunctionCost {
            name: function.map_or_else(|| NO_SYMBOL.to_owned(), |function| function.name.clone()),
            addr,
            ..FunctionCost::default()
        });
        count.self_cycles += samples;
    }
    let mut functions: Vec<FunctionCost> = counts.into_values().collect();
    functions.sort_by_key(|function| std::cmp::Reverse(function.self_cycles));
    let node = |parent, kind, name: &str, cycles| Node {
        parent,
        kind,
        name: name.to_owned(),
        cycles,
        instructions: 0,
        calls: 0,
    };
    let leaves = functions.iter().enumerate().map(|(index, function)| {
        let kind = match function.addr {
            0 => NodeKind::Unnamed,
            _ => NodeKind::Function(index as u32),
        };
        node(Some(0), kind, &function.name, function.self_cycles)
    });
    let root = node(None, NodeKind::Thread(0), "samples", 0);
    Profile {
        to: VirtualTime::from_us(took.as_micros() as u64),
        cpu_hz: rate_hz.round() as u32,
        cycles: samples.values().sum(),
        nodes: std::iter::once(root).chain(leaves).collect(),
        functions,
        ..Profile::default()
    }
}

fn file(title: &str, profile: &Profile, format: ProfileFormat, dark: bool, text: &str) -> Result<Vec<u8>, ApiError> {
    let weight = ProfileWeight::Cycles;
    Ok(match format {
        ProfileFormat::Svg | ProfileFormat::Png => flame::draw(title, profile, weight, format, dark, Some(text))
            .map_err(|error| with_sources(ErrorCode::Internal, &error))?,
        ProfileFormat::Speedscope => export::speedscope(title, profile, &[("samples", weight)]),
        ProfileFormat::Firefox => firefox::firefox(title, profile, weight),
        ProfileFormat::Folded => export::folded(profile, weight).into_bytes(),
        ProfileFormat::Coverage => export::coverage(profile).into_bytes(),
    })
}
