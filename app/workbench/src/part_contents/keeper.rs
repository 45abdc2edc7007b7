//! The contents of a running machine's parts on disk. They are saved about once a second while they change, before a command
//! that changes them is answered, and when the board is switched off.

use super::file::{self, Contents};
use drydock_emulator::{Machine, runner::MachineHandle};
use std::{collections::BTreeMap, fmt, io, path::PathBuf, sync::Arc};
use tokio::sync::Mutex;

/// How often the content of each part has changed.
type Changes = BTreeMap<String, u64>;

/// Saves the contents of one machine's parts.
pub(crate) struct ContentsKeeper {
    machine: MachineHandle,
    folder: PathBuf,
    /// Locked while contents are read and written, so that an older reading cannot overwrite a newer one.
    state: Mutex<State>,
}

struct State {
    /// What is on disk.
    on_disk: Contents,
    /// The changes when it was saved, or since the machine was opened.
    saved: Changes,
}

impl fmt::Debug for ContentsKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentsKeeper").finish_non_exhaustive()
    }
}

/// The changes of a machine's parts until now.
pub(crate) fn changes(machine: &mut dyn Machine) -> Changes {
    let parts = machine.parts();
    parts.map_or_else(Changes::new, |parts| parts.contents().into_iter().collect())
}

impl ContentsKeeper {
    /// For a machine that was given `on_disk`, and has these `changes` since.
    pub(crate) fn new(machine: MachineHandle, folder: PathBuf, on_disk: Contents, changes: Changes) -> Arc<Self> {
        let saved = changes;
        Arc::new(Self {
            machine,
            folder,
            state: Mutex::new(State { on_disk, saved }),
        })
    }

    /// The machine is in another state: everything may have changed.
    pub(crate) async fn forget(&self) {
        self.state
            .lock()
            .await
            .saved
            .values_mut()
            .for_each(|changes| *changes = u64::MAX);
    }

    /// Writes what has changed since the last save. Parts that never changed are not written: a new file for them counts when
    /// the board is switched on again.
    pub(crate) async fn save(&self) -> io::Result<()> {
        let mut state = self.state.lock().await;
        if state.saved.is_empty() {
            return Ok(());
        }
        let saved = state.saved.clone();
        let read = self.machine.inspect(move |machine| {
            let now = changes(machine);
            let parts = machine.parts()?;
            let changed = now.iter().filter(|(name, changes)| saved.get(*name) != Some(changes));
            let contents: Contents = changed
                .filter_map(|(name, _)| Some((name.clone(), parts.content(name).ok()?)))
                .collect();
            Some((now, contents))
        });
        let Some((now, changed)) = read.await.map_err(io::Error::other)? else {
            return Ok(());
        };
        if changed.is_empty() {
            return Ok(());
        }
        let mut contents = state.on_disk.clone();
        contents.extend(changed);
        let folder = self.folder.clone();
        let written = tokio::task::spawn_blocking(move || file::write(&folder, &contents).map(|()| contents));
        state.on_disk = written.await.map_err(io::Error::other)??;
        state.saved = now;
        Ok(())
    }
}
