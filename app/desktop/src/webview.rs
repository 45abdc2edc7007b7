//! What the webview needs of the system: a display, and a renderer that draws.
//!
//! WebKitGTK stays blank with some graphics drivers unless its DMA-BUF renderer is off. The front end says when it has
//! painted; if it does not in time, the window starts once more without that renderer and remembers it.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tauri::{Listener as _, Manager as _, WebviewWindow};

/// Switches WebKitGTK's DMA-BUF renderer off.
const SWITCH: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
/// How long the first picture may take before the window counts as blank.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether there is a display to open a window on.
///
/// # Errors
/// A sentence that says what to do.
pub(crate) fn display() -> Result<(), &'static str> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !set("DISPLAY") && !set("WAYLAND_DISPLAY") {
        return Err(
            "there is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not set). Use `drydock run APP` \
             for the same in a terminal, or start it under a display or Xvfb.",
        );
    }
    Ok(())
}

/// What is known about blank windows here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blank {
    /// The renderer is off already: by the user, or because the window stayed blank before.
    off: bool,
    remembered: bool,
}

/// Starts this program again without the DMA-BUF renderer if it is known to stay blank with it.
pub(crate) fn prepare() -> Blank {
    let off = std::env::var_os(SWITCH).is_some();
    let remembered = memory().is_some_and(|file| file.exists());
    if remembered && !off {
        start_again();
    }
    Blank { off, remembered }
}

impl Blank {
    /// What the user is told.
    pub(crate) fn notice(self) -> Option<&'static str> {
        (self.off && self.remembered)
            .then_some("Drawing without the DMA-BUF renderer, because the window once stayed blank with it")
    }

    /// Starts again if the window stays blank.
    pub(crate) fn watch(self, window: &WebviewWindow) {
        if self.off || !cfg!(target_os = "linux") {
            return;
        }
        let painted = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&painted);
        window.once("painted", move |_| seen.store(true, Ordering::Relaxed));
        let app = window.app_handle().clone();
        tauri::async_runtime::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            if painted.load(Ordering::Relaxed) {
                return;
            }
            eprintln!("drydock-desktop: the window stayed blank; trying once more with {SWITCH}=1");
            if let Some(file) = memory() {
                let kept = file.parent().map_or(Ok(()), fs::create_dir_all);
                if let Err(error) = kept.and_then(|()| fs::write(&file, b"")) {
                    eprintln!("drydock-desktop: {} cannot be written: {error}", file.display());
                }
            }
            let bridge = Arc::clone(app.state::<Arc<crate::bridge::Bridge>>().inner());
            bridge.close().await;
            start_again();
        });
    }
}

/// Remembers that the window stayed blank on this machine.
fn memory() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "drydock")?;
    Some(dirs.config_dir().join("webview-without-dmabuf"))
}

/// Replaces this process by the same one with the renderer switched off. Returns only if that fails.
fn start_again() {
    let Ok(program) = std::env::current_exe() else { return };
    let mut again = Command::new(program);
    again.args(std::env::args_os().skip(1)).env(SWITCH, "1");
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        let error = again.exec();
        eprintln!("drydock-desktop: it cannot be started again: {error}");
    }
}
