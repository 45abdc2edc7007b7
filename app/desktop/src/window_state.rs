//! The window's state on this machine: position, size, and the front end's settings (theme, widths, the open panel). It
//! belongs to the user, not to a data directory, and contains nothing of the fleet.

use directories::ProjectDirs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tauri::{AppHandle, Emitter as _, Monitor, PhysicalPosition, PhysicalSize, State, WebviewWindow, WindowEvent};
use tokio::sync::Notify;

/// Size of a window that was never opened before, in logical pixels.
const FIRST_SIZE: (f64, f64) = (1440.0, 900.0);
/// Least size, in logical pixels.
pub(crate) const MIN_SIZE: (f64, f64) = (960.0, 600.0);
/// Changes are collected for this long before they are written: dragging a window changes its position often.
const GATHER: Duration = Duration::from_millis(400);
/// Most that the front end may keep, in bytes of JSON.
const MAX_FRONT: usize = 256 * 1024;
/// How many pixels of the title bar must be on a screen for a saved position to be used again.
const IN_SIGHT: i32 = 48;

/// The saved state, in the form of its file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct SavedWindow {
    /// Inner size in logical pixels.
    size: Option<(f64, f64)>,
    /// Outer position in physical pixels.
    position: Option<(i32, i32)>,
    maximized: bool,
    /// The front end's settings.
    front: Map<String, Value>,
}

/// The remembered state of the window, and its file.
#[derive(Debug)]
pub(crate) struct WindowState {
    file: Option<PathBuf>,
    saved: Mutex<SavedWindow>,
    changed: Notify,
}

impl WindowState {
    /// Reads the saved state; a missing or unreadable file counts as empty.
    pub(crate) fn read() -> Self {
        let dirs = ProjectDirs::from("", "", "drydock");
        Self::read_from(dirs.map(|dirs| dirs.config_dir().join("window.json")))
    }

    fn read_from(file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|file| fs::read(file).ok());
        let kept = text.and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            file,
            saved: Mutex::new(kept.unwrap_or_default()),
            changed: Notify::new(),
        }
    }

    /// Inner size to open the window with, in logical pixels.
    pub(crate) fn size(&self) -> (f64, f64) {
        let (width, height) = self.saved().size.unwrap_or(FIRST_SIZE);
        (width.max(MIN_SIZE.0), height.max(MIN_SIZE.1))
    }

    /// A script that gives the front end its saved settings before any of its code runs: the first frame has the right
    /// theme.
    pub(crate) fn script(&self) -> String {
        let front = Value::Object(self.saved().front.clone());
        // A page that is loaded again gets later settings after these.
        format!("Object.defineProperty(window, '__DRYDOCK_KEPT__', {{ value: {front}, configurable: true }})")
    }

    /// Puts the window at its saved position, if that is still on a screen.
    pub(crate) fn place(&self, window: &WebviewWindow) {
        let SavedWindow {
            position, maximized, ..
        } = self.saved().clone();
        let screens = window.available_monitors().unwrap_or_default();
        if let Some((x, y)) = position
            && screens.iter().any(|screen| shows(screen, x, y))
        {
            // A window manager may choose another place.
            let _ = window.set_position(PhysicalPosition::new(x, y));
        }
        if maximized {
            let _ = window.maximize();
        }
    }

    /// Watches position and size of the window, and saves them when they change.
    pub(crate) fn follow(self: &Arc<Self>, window: &WebviewWindow) {
        let window_state = Arc::clone(self);
        let of = window.clone();
        window.on_window_event(move |event| {
            if matches!(event, WindowEvent::Resized(_) | WindowEvent::Moved(_)) {
                window_state.look(&of);
            }
        });
        let window_state = Arc::clone(self);
        tauri::async_runtime::spawn(async move {
            loop {
                window_state.changed.notified().await;
                tokio::time::sleep(GATHER).await;
                window_state.write();
            }
        });
    }

    fn look(&self, window: &WebviewWindow) {
        if window.is_minimized().unwrap_or(false) {
            return;
        }
        let mut kept = self.saved();
        kept.maximized = window.is_maximized().unwrap_or(false);
        if !kept.maximized {
            let scale = window.scale_factor().unwrap_or(1.0);
            if let Ok(PhysicalSize { width, height }) = window.inner_size() {
                kept.size = Some((f64::from(width) / scale, f64::from(height) / scale));
            }
            if let Ok(PhysicalPosition { x, y }) = window.outer_position() {
                kept.position = Some((x, y));
            }
        }
        drop(kept);
        self.changed.notify_one();
    }

    /// Writes what is kept.
    pub(crate) fn write(&self) {
        let Some(file) = &self.file else { return };
        let kept = self.saved().clone();
        let written = serde_json::to_vec_pretty(&kept)
            .map_err(io::Error::other)
            .and_then(|text| {
                file.parent().map_or(Ok(()), fs::create_dir_all)?;
                // Written to a new file and renamed: a reader never sees half of it.
                let new = file.with_extension("new");
                fs::write(&new, text)?;
                fs::rename(&new, file)
            });
        if let Err(error) = written {
            eprintln!("drydock-desktop: {} cannot be written: {error}", file.display());
        }
    }

    fn saved(&self) -> MutexGuard<'_, SavedWindow> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Saves a setting of the front end for the next start.
#[tauri::command]
pub(crate) fn remember(app: AppHandle, window_state: State<'_, Arc<WindowState>>, front: Map<String, Value>) {
    let length = serde_json::to_vec(&front).map_or(usize::MAX, |text| text.len());
    if length <= MAX_FRONT {
        // Detached panels follow the appearance of this window.
        let _ = app.emit("remembered", &front);
        window_state.saved().front = front;
        window_state.changed.notify_one();
    }
}

fn shows(screen: &Monitor, x: i32, y: i32) -> bool {
    let PhysicalPosition { x: left, y: top } = *screen.position();
    let size = screen.size();
    let right = left.saturating_add_unsigned(size.width);
    let bottom = top.saturating_add_unsigned(size.height);
    (left - IN_SIGHT..right - IN_SIGHT).contains(&x) && (top..bottom - IN_SIGHT).contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_kept_is_there_at_the_next_start() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("deep/window.json");
        let first = WindowState::read_from(Some(file.clone()));
        assert_eq!(first.size(), FIRST_SIZE);
        first.saved().size = Some((1200.0, 800.0));
        first.saved().front.insert("theme".into(), json!("light"));
        first.write();
        let second = WindowState::read_from(Some(file));
        assert_eq!(second.size(), (1200.0, 800.0));
        assert!(second.script().contains(r#"{"theme":"light"}"#), "{}", second.script());
    }

    #[test]
    fn what_cannot_be_read_counts_as_nothing() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("window.json");
        fs::write(&file, b"{\"size\":[1,").unwrap();
        assert_eq!(WindowState::read_from(Some(file.clone())).size(), FIRST_SIZE);
        fs::write(&file, b"{\"size\":[10,10]}").unwrap();
        assert_eq!(WindowState::read_from(Some(file)).size(), MIN_SIZE);
    }
}
