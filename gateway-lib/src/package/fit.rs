//! Whether a package fits a board. A misfit is one sentence that names the board, the app, the reason and the remedy.

use crate::{config::BoardSpec, domain::ModuleReport};
use drydock_protocol::{
    capability::{Capability, PinSet},
    manifest::Manifest,
};

/// Heap that the firmware keeps for itself, in bytes: session, link, app store.
const SYSTEM_HEAP_BYTES: u32 = 16 * 1024;

/// Limits of a board: those of its description, replaced by what a connected device reported.
#[derive(Debug, Clone, Default)]
pub(crate) struct BoardLimits {
    /// The device's name, or the board's title.
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) heap_bytes: Option<u32>,
    pub(crate) store_bytes: Option<u32>,
    pub(crate) pins: Option<PinSet>,
}

/// A package's requirements for a board.
pub(crate) struct Requirements<'a> {
    pub(crate) app: &'a str,
    pub(crate) size_bytes: u32,
    pub(crate) memory_bytes: u32,
    pub(crate) heap_bytes: u32,
    pub(crate) capabilities: &'a [Capability],
    pub(crate) targets: &'a [String],
}

/// Why a package does not fit a board.
pub(crate) struct Misfit {
    pub(crate) kind: crate::error::UploadRefusal,
    pub(crate) sentence: String,
}

impl BoardLimits {
    pub(crate) fn of_spec(spec: &BoardSpec) -> Self {
        Self {
            name: spec.title.clone(),
            id: spec.id.clone(),
            heap_bytes: Some(spec.heap_bytes),
            store_bytes: Some(spec.store_bytes),
            pins: Some(PinSet::of(&spec.pins)),
        }
    }
}

impl<'a> Requirements<'a> {
    pub(crate) fn of_manifest(manifest: &'a Manifest, targets: &'a [String]) -> Self {
        Self {
            app: &manifest.app,
            size_bytes: manifest.size,
            memory_bytes: manifest.limits.memory_bytes,
            heap_bytes: manifest.limits.heap_bytes,
            capabilities: &manifest.capabilities,
            targets,
        }
    }

    pub(crate) fn of_report(report: &'a ModuleReport, app: &'a str) -> Self {
        Self {
            app,
            size_bytes: report.size_bytes,
            memory_bytes: report.memory_bytes,
            heap_bytes: report.heap_bytes,
            capabilities: &report.requested,
            targets: &[],
        }
    }
}

/// Checks a package against a board; the error is the first reason why it does not fit.
pub(crate) fn check_fit(board: &BoardLimits, requirements: &Requirements<'_>) -> Result<(), Misfit> {
    use crate::error::UploadRefusal as Kind;
    let (app, name) = (requirements.app, &board.name);
    let refuse = |kind, sentence| Err(Misfit { kind, sentence });
    if !requirements.targets.is_empty() && !requirements.targets.contains(&board.id) {
        let sentence = format!(
            "{app} is made for {}, and {name} is {}: upload it for this board too",
            requirements.targets.join(", "),
            board.id
        );
        return refuse(Kind::UnknownBoard, sentence);
    }
    if let Some(room) = board.store_bytes.filter(|room| requirements.size_bytes > *room) {
        let sentence = format!(
            "{app} has {} bytes and {name} stores at most {room}: build it smaller (optimise for size, strip symbols)",
            requirements.size_bytes
        );
        return refuse(Kind::TooLarge, sentence);
    }
    if let Some(heap) = board.heap_bytes {
        let room = heap.saturating_sub(SYSTEM_HEAP_BYTES);
        if requirements.heap_bytes > room {
            // The memory may grow to a limit above that; the app does not need it at the start.
            let linear = match requirements.memory_bytes < requirements.heap_bytes {
                true => format!(" ({} of them linear memory)", requirements.memory_bytes),
                false => String::new(),
            };
            let sentence = format!(
                "{app} needs {} bytes of memory{linear} and {name} has {room} for apps: link it with a smaller memory and stack",
                requirements.heap_bytes
            );
            return refuse(Kind::TooMuchMemory, sentence);
        }
    }
    for capability in requirements.capabilities {
        let reason = match (capability, board.pins) {
            (Capability::Gpio(wanted), Some(offered)) => wanted
                .iter()
                .find(|pin| !offered.contains((*pin).into()))
                .map(|pin| format!("pin {pin}, which {name} does not give to apps: {}", way_out(offered))),
            (Capability::Kv(_) | Capability::Publish(_), _) => Some(format!(
                "{capability}, which the firmware of {name} does not offer: leave it out"
            )),
            _ => None,
        };
        if let Some(reason) = reason {
            return refuse(Kind::Capability, format!("{app} asks for {reason}"));
        }
    }
    Ok(())
}

/// Which pins an app can use instead.
fn way_out(offered: PinSet) -> String {
    let pins: Vec<String> = offered.iter().map(|pin| pin.to_string()).collect();
    match pins.split_last() {
        None => "it gives them none".to_owned(),
        Some((only, [])) => format!("choose pin {only}"),
        Some((last, others)) => format!("choose one of {} and {last}", others.join(", ")),
    }
}
