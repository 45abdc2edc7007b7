//! Whether a package fits a board: one sentence that names board, app, reason and way out, or nothing.

use crate::config::BoardSpec;
use drydock_protocol::{capability::Capability, capability::PinSet};

/// Heap that the firmware keeps for itself, in bytes: session, link, app store.
const SYSTEM_HEAP_BYTES: u32 = 16 * 1024;

/// What is known of a board: its description, overruled by what a connected device told.
#[derive(Debug, Clone, Default)]
pub(crate) struct BoardLimits {
    /// How people call it: the device's name or the board's title.
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) heap_bytes: Option<u32>,
    pub(crate) store_bytes: Option<u32>,
    pub(crate) pins: Option<PinSet>,
}

/// What a package asks of a board.
pub(crate) struct Asked<'a> {
    pub(crate) app: &'a str,
    pub(crate) size_bytes: u32,
    pub(crate) memory_bytes: u32,
    pub(crate) heap_bytes: u32,
    pub(crate) capabilities: &'a [Capability],
    pub(crate) targets: &'a [String],
}

/// Why it does not fit.
pub(crate) struct Unfit {
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

/// The first reason why a package does not fit a board.
pub(crate) fn unfit(board: &BoardLimits, asked: &Asked<'_>) -> Option<Unfit> {
    use crate::error::UploadRefusal as Kind;
    let (app, name) = (asked.app, &board.name);
    let refuse = |kind, sentence| Some(Unfit { kind, sentence });
    if !asked.targets.is_empty() && !asked.targets.contains(&board.id) {
        let sentence = format!(
            "{app} is made for {}, and {name} is {}: upload it for this board too",
            asked.targets.join(", "),
            board.id
        );
        return refuse(Kind::UnknownBoard, sentence);
    }
    if let Some(room) = board.store_bytes.filter(|room| asked.size_bytes > *room) {
        let sentence = format!(
            "{app} has {} bytes and {name} stores at most {room}: build it smaller (optimise for size, strip symbols)",
            asked.size_bytes
        );
        return refuse(Kind::TooLarge, sentence);
    }
    if let Some(heap) = board.heap_bytes {
        let room = heap.saturating_sub(SYSTEM_HEAP_BYTES);
        if asked.heap_bytes > room {
            let sentence = format!(
                "{app} needs {} bytes of memory ({} of them linear memory) and {name} has {room} for apps: link it with a smaller memory and stack",
                asked.heap_bytes, asked.memory_bytes
            );
            return refuse(Kind::TooMuchMemory, sentence);
        }
    }
    for capability in asked.capabilities {
        let reason = match (capability, board.pins) {
            (Capability::Gpio(wanted), Some(offered)) => wanted
                .iter()
                .find(|pin| !offered.contains((*pin).into()))
                .map(|pin| format!("pin {pin}, which {name} does not give to apps: choose another pin")),
            (Capability::Kv(_) | Capability::Publish(_), _) => Some(format!(
                "{capability}, which the firmware of {name} does not offer: leave it out"
            )),
            _ => None,
        };
        if let Some(reason) = reason {
            return refuse(Kind::Capability, format!("{app} asks for {reason}"));
        }
    }
    None
}
