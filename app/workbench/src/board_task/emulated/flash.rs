//! The flash of an emulated board on disk. It is saved before the gateway records what rests on it, and about once a second
//! for what nobody waits for.

use super::flash_file::{self, AreaContent};
use drydock_assets::{Board as Description, FlashArea};
use drydock_emulator::{MachineError, runner::MachineHandle};
use drydock_gateway::DeviceStorage;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Mutex;

/// Areas of flash that belong to the board and not to its firmware.
const KEPT_AREAS: [&str; 2] = ["identity", "store"];

/// The areas of a board that survive on disk.
pub(super) fn kept_areas(board: &Description) -> Vec<FlashArea> {
    let areas = KEPT_AREAS.iter().filter_map(|name| board.flash_area(name));
    areas.cloned().collect()
}

/// All of a board's flash, as one area.
pub(super) fn all_flash(board: &Description) -> FlashArea {
    FlashArea {
        name: "all".into(),
        base: board.chip.flash.base,
        bytes: board.chip.flash.bytes,
    }
}

/// Saves the flash of one machine.
pub(super) struct FlashKeeper {
    machine: MachineHandle,
    areas: Vec<FlashArea>,
    folder: PathBuf,
    /// Hash of the file's content. `None` before the first save. Locked while flash is read and written, so that an
    /// older reading cannot overwrite a newer one.
    saved: Mutex<Option<u64>>,
    /// Why the last save failed, in a sentence. `None` if it succeeded.
    failure: std::sync::Mutex<Option<String>>,
    /// Number of restored states: after a restore, flash no longer matches what an earlier link reported.
    jumps: AtomicU64,
}

impl FlashKeeper {
    /// `saved` is what the file holds.
    pub(super) fn new(
        machine: MachineHandle,
        areas: Vec<FlashArea>,
        folder: PathBuf,
        saved: &[AreaContent],
    ) -> Arc<Self> {
        Arc::new(Self {
            machine,
            areas,
            folder,
            saved: Mutex::new((!saved.is_empty()).then(|| hash(saved))),
            failure: std::sync::Mutex::default(),
            jumps: AtomicU64::new(0),
        })
    }

    /// Writes the current flash to disk, if it changed since the last save.
    pub(super) async fn save(&self) -> io::Result<()> {
        let saved = self.save_changes().await;
        let failure = saved.as_ref().err().map(|error| self.sentence(error));
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        saved
    }

    /// Why the last save failed, in a sentence. Until a save succeeds, no report of the device that depends on flash is
    /// recorded.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn sentence(&self, error: &io::Error) -> String {
        let file = flash_file::path(&self.folder);
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if full {
            let file = file.display();
            format!(
                "The board's flash cannot be saved: the disk that holds {file} is full. Free some space; the board goes on then."
            )
        } else {
            format!("The board's flash cannot be saved to {}: {error}.", file.display())
        }
    }

    async fn save_changes(&self) -> io::Result<()> {
        let mut saved = self.saved.lock().await;
        let content = self.content().await?;
        let digest = hash(&content);
        if *saved == Some(digest) {
            return Ok(());
        }
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || flash_file::write(&folder, &content))
            .await
            .map_err(io::Error::other)??;
        *saved = Some(digest);
        Ok(())
    }

    /// Counts that the machine's state is being replaced now.
    pub(super) fn jumps(&self) {
        self.jumps.fetch_add(1, Ordering::AcqRel);
    }

    /// The storage of the link that begins now.
    pub(super) fn of_link(self: &Arc<Self>) -> Arc<dyn DeviceStorage> {
        Arc::new(LinkStorage {
            keeper: Arc::clone(self),
            jumps: self.jumps.load(Ordering::Acquire),
        })
    }

    /// All areas at one instant of the machine.
    async fn content(&self) -> io::Result<Vec<AreaContent>> {
        let areas = self.areas.clone();
        let read = self.machine.inspect(move |machine| {
            let read_area = |area: FlashArea| {
                let mut bytes = vec![0; area.bytes as usize];
                machine.read_memory(area.base, &mut bytes)?;
                Ok(AreaContent { area, bytes })
            };
            areas
                .into_iter()
                .map(read_area)
                .collect::<Result<Vec<_>, MachineError>>()
        });
        read.await.map_err(io::Error::other)?.map_err(io::Error::other)
    }
}

/// Flash as seen by one link, until the machine's state is replaced.
struct LinkStorage {
    keeper: Arc<FlashKeeper>,
    jumps: u64,
}

impl DeviceStorage for LinkStorage {
    fn persist(&self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>> {
        Box::pin(async {
            self.keeper.save().await?;
            if self.keeper.jumps.load(Ordering::Acquire) == self.jumps {
                Ok(())
            } else {
                Err(io::Error::other("the machine went to another state meanwhile"))
            }
        })
    }
}

fn hash(content: &[AreaContent]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for area in content {
        area.bytes.hash(&mut hasher);
    }
    hasher.finish()
}
