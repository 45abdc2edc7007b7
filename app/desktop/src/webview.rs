//! What the webview needs from the system: a display, and a renderer that draws.
//!
//! WebKitGTK stays blank with some graphics drivers unless its DMA-BUF renderer is off. The front end reports when it
//! has painted. If it does not report in time, another window tries without that renderer, and a trial that helps is
//! remembered.
//!
//! The page is drawn by a process of WebKit's own. If that crashes, the page is loaded again; the workbench and its
//! boards live in this process and go on.

use crate::window_state::WindowState;
use serde::Serialize;
use std::{
    cell::RefCell,
    collections::VecDeque,
    fs, io,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use tauri::{Listener as _, Manager as _, State, WebviewWindow};
use tokio::sync::Notify;

/// Makes WebKitGTK pass its pictures through shared memory instead of DMA-BUF.
const SWITCH: &str = "WEBKIT_DMABUF_RENDERER_FORCE_SHM";
/// The older switch, which users may have set. WebKitGTK from 2.52 on crashes with it as soon as a page is composited.
const OLDER_SWITCH: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
/// Marks a start of this program as the trial of the other renderer, made for the first start.
const TRIAL: &str = "DRYDOCK_RENDERER_TRIAL";
/// How long the page may take to load on a busy machine.
const LOADING: Duration = Duration::from_secs(120);
/// How long the first picture may take after the page was loaded, before the window counts as blank.
const PAINTING: Duration = Duration::from_secs(20);

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

/// How the window is drawn, as Settings shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct RendererState {
    /// The DMA-BUF renderer is switched off.
    pub(crate) without_dmabuf: bool,
    /// Drydock remembers to switch it off at each start.
    pub(crate) remembered: bool,
}

/// The renderer that this process draws with, and what is remembered about it.
#[derive(Debug, Clone)]
pub(crate) struct Renderer {
    without_dmabuf: bool,
    /// This start tests whether the window is drawn without the DMA-BUF renderer.
    trial: bool,
    memory: RendererMemory,
}

/// The note that windows stay blank here with the DMA-BUF renderer.
#[derive(Debug, Clone)]
struct RendererMemory(Option<PathBuf>);

/// Chooses the renderer: restarts this program without the DMA-BUF renderer if windows are known to stay blank with it.
/// Nothing is open yet, so nothing is lost.
pub(crate) fn choose() -> Renderer {
    let renderer = Renderer {
        without_dmabuf: [SWITCH, OLDER_SWITCH]
            .iter()
            .any(|name| std::env::var_os(name).is_some()),
        trial: std::env::var_os(TRIAL).is_some(),
        memory: RendererMemory::of_user(),
    };
    if renderer.memory.exists() && !renderer.without_dmabuf {
        replace_process();
    }
    renderer
}

impl Renderer {
    /// The notice for the user when the window opens.
    pub(crate) fn notice(&self) -> Option<&'static str> {
        (self.without_dmabuf && (self.trial || self.memory.exists())).then_some(
            "Drawing without the DMA-BUF renderer, because the window stayed blank with it; Settings can undo that",
        )
    }

    /// As Settings shows it.
    pub(crate) fn state(&self) -> RendererState {
        RendererState {
            without_dmabuf: self.without_dmabuf,
            remembered: self.memory.exists(),
        }
    }

    /// Watches whether the window is drawn. If it stays blank, starts a second process beside this one that tries
    /// without the DMA-BUF renderer. The workbench stays open here, and no board loses its session.
    ///
    /// `loaded` fires when the page was loaded. `release` ends this window's claim on its data directory.
    pub(crate) fn watch(&self, window: &WebviewWindow, loaded: Arc<Notify>, release: impl Fn() + Send + 'static) {
        if !cfg!(target_os = "linux") {
            return;
        }
        let painted = Arc::new(Notify::new());
        let page = Arc::clone(&painted);
        window.once("painted", move |_| page.notify_one());
        let (renderer, window) = (self.clone(), window.clone());
        tauri::async_runtime::spawn(async move {
            // A page that does not load says something about the machine only, not about the renderer.
            let _ = tokio::time::timeout(LOADING, loaded.notified()).await;
            let is_painted = tokio::time::timeout(PAINTING, painted.notified()).await.is_ok();
            if renderer.judge(is_painted) {
                eprintln!("drydock-desktop: the window stayed blank; trying once more with {SWITCH}=1");
                release();
                try_beside(&window).await;
            }
        });
    }

    /// Remembers or forgets the result. Returns true if the other renderer must be tried.
    fn judge(&self, is_painted: bool) -> bool {
        match (self.without_dmabuf, is_painted) {
            // The other renderer helps here.
            (true, true) if self.trial => self.memory.remember(),
            // It does not help: a slow start was taken for a blank window.
            (true, false) => self.memory.forget(),
            (false, false) => return true,
            _ => {}
        }
        false
    }
}

/// How the window is drawn.
#[tauri::command]
pub(crate) fn renderer(renderer: State<'_, Renderer>) -> RendererState {
    renderer.state()
}

/// Forgets that windows stayed blank here: the next start uses the DMA-BUF renderer again.
#[tauri::command]
pub(crate) fn reset_renderer(renderer: State<'_, Renderer>) -> RendererState {
    renderer.memory.forget();
    renderer.state()
}

impl RendererMemory {
    fn of_user() -> Self {
        let dirs = directories::ProjectDirs::from("", "", "drydock");
        Self(dirs.map(|dirs| dirs.config_dir().join("webview-without-dmabuf")))
    }

    fn exists(&self) -> bool {
        self.0.as_ref().is_some_and(|file| file.exists())
    }

    fn remember(&self) {
        let Some(file) = &self.0 else { return };
        let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
        if let Err(error) = folder.and_then(|()| fs::write(file, b"")) {
            eprintln!("drydock-desktop: {} cannot be written: {error}", file.display());
        }
    }

    fn forget(&self) {
        let Some(file) = &self.0 else { return };
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                eprintln!("drydock-desktop: {} cannot be removed: {error}", file.display());
            }
            _ => {}
        }
    }
}

/// Loads the page of a window again whenever WebKit's process of the page ends by itself, so that a fault in a graphics
/// driver costs one moment and not the window. A page that crashes at once each time is left as it is.
#[cfg(target_os = "linux")]
pub(crate) fn reload_after_crash(window: &WebviewWindow, window_state: &Arc<WindowState>) {
    use webkit2gtk::{
        UserContentInjectedFrames, UserContentManagerExt as _, UserScript, UserScriptInjectionTime, WebViewExt as _,
    };
    let (label, window_state) = (window.label().to_owned(), Arc::clone(window_state));
    let connected = window.with_webview(move |view| {
        let crashes = CrashLimit::default();
        view.inner().connect_web_process_terminated(move |view, reason| {
            if crashes.allows(Instant::now()) {
                eprintln!("drydock-desktop: the page of window {label} ended ({reason:?}); it is loaded again");
                // The script of its first load has the settings of that time; the user may be in another room by now.
                let frames = UserContentInjectedFrames::TopFrame;
                let script = UserScript::new(&window_state.script(), frames, UserScriptInjectionTime::Start, &[], &[]);
                if let Some(scripts) = view.user_content_manager() {
                    scripts.add_script(&script);
                }
                view.reload();
            } else {
                eprintln!("drydock-desktop: the page of window {label} ended too often ({reason:?}); it stays blank");
            }
        });
    });
    if let Err(error) = connected {
        eprintln!("drydock-desktop: crashes of the page cannot be watched: {error}");
    }
}

/// Other systems' webviews load a page again by themselves, or end with it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn reload_after_crash(_: &WebviewWindow, _: &Arc<WindowState>) {}

/// Limits how often a page is loaded again: [`Self::MOST`] times in [`Self::WINDOW`].
#[derive(Debug, Default)]
struct CrashLimit(RefCell<VecDeque<Instant>>);

impl CrashLimit {
    const MOST: usize = 3;
    const WINDOW: Duration = Duration::from_secs(60);

    /// Counts a crash at a time. Returns whether the page may be loaded again.
    fn allows(&self, now: Instant) -> bool {
        let mut recent = self.0.borrow_mut();
        recent.retain(|at| now.duration_since(*at) < Self::WINDOW);
        recent.push_back(now);
        recent.len() <= Self::MOST
    }
}

/// Opens a window of another process that attaches to this one, and ends with it.
async fn try_beside(window: &WebviewWindow) {
    let Ok(program) = std::env::current_exe() else { return };
    let mut other = Command::new(program);
    other.args(std::env::args_os().skip(1)).env(SWITCH, "1").env(TRIAL, "1");
    let mut other = match other.spawn() {
        Ok(other) => other,
        Err(error) => {
            eprintln!("drydock-desktop: it cannot be started again: {error}");
            return;
        }
    };
    // A window manager may refuse.
    let _ = window.hide();
    let ended = tauri::async_runtime::spawn_blocking(move || other.wait()).await;
    match ended {
        Ok(Ok(status)) if status.success() => window.app_handle().exit(0),
        // The other window failed: this one may be drawn by now.
        _ => drop(window.show()),
    }
}

/// Replaces this process by the same one with the renderer switched off. Returns only if that fails.
fn replace_process() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_renderer_that_helped_is_remembered() {
        let place = tempfile::tempdir().unwrap();
        let memory = RendererMemory(Some(place.path().join("deep/webview-without-dmabuf")));
        let start = |without_dmabuf, trial| Renderer {
            without_dmabuf,
            trial,
            memory: memory.clone(),
        };
        // After a blank window the other renderer is tried; nothing is remembered yet.
        assert!(start(false, false).judge(false));
        assert!(!memory.exists());
        // The trial is blank too: the renderer is not the cause.
        assert!(!start(true, true).judge(false));
        assert!(!memory.exists());
        // A trial that is drawn.
        assert!(!start(true, true).judge(true));
        assert!(memory.exists());
        // The next start is blank nevertheless.
        assert!(!start(true, false).judge(false));
        assert!(!memory.exists());
        // Switched off by the user: nothing to remember.
        assert!(!start(true, false).judge(true));
        assert!(!memory.exists());
    }
    #[test]
    fn a_page_that_crashes_at_once_each_time_is_left_as_it_is() {
        let crashes = CrashLimit::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!([0, 1, 2, 3].map(|s| crashes.allows(at(s))), [true, true, true, false]);
        // An hour later it is another matter.
        assert!(crashes.allows(at(3_600)));
    }
}
