//! Detached panels: windows that show one card of one board. They use the main window's workbench and close with it.

use crate::{MAIN, bridge::Bridge, webview, window_state::WindowState};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tauri::{AppHandle, Manager as _, State, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};

/// Prefix of these windows' labels; Tauri's capabilities name it.
const LABEL: &str = "card-";
/// Size of a new one, in logical pixels.
const SIZE: (f64, f64) = (720.0, 480.0);
const MIN_SIZE: (f64, f64) = (280.0, 200.0);
/// Limit of open windows.
const MOST: usize = 32;

/// Opens a window for a card of a board; the front end in that window reads both from its address.
#[tauri::command(async)]
pub(crate) fn pop_out(
    app: AppHandle,
    bridge: State<'_, Arc<Bridge>>,
    window_state: State<'_, Arc<WindowState>>,
    card: String,
    board: String,
    title: String,
) -> Result<(), String> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if !plain(&card) || !plain(&board) {
        return Err("A card is named by letters, digits and hyphens.".into());
    }
    if app.webview_windows().len() > MOST {
        return Err(format!("{MOST} windows are open already; close one first."));
    }
    let label = format!("{LABEL}{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let address = WebviewUrl::App(format!("index.html?card={card}&board={board}").into());
    let window = WebviewWindowBuilder::new(&app, &label, address)
        .title(format!("{title} – Drydock"))
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(MIN_SIZE.0, MIN_SIZE.1)
        .initialization_script(window_state.script())
        .zoom_hotkeys_enabled(true)
        .build()
        .map_err(|error| format!("The window cannot be opened: {error}"))?;
    webview::reload_after_crash(&window, &window_state);
    let bridge = Arc::clone(&bridge);
    window.on_window_event(move |event| {
        if matches!(event, WindowEvent::Destroyed) {
            bridge.forget(&label);
        }
    });
    Ok(())
}

/// Closes them when the main window closes.
pub(crate) fn close_with(main: &WebviewWindow) {
    let app = main.app_handle().clone();
    main.on_window_event(move |event| {
        if matches!(event, WindowEvent::Destroyed) {
            for (label, window) in app.webview_windows() {
                if label != MAIN {
                    // A window that is already closing needs nothing more.
                    let _ = window.destroy();
                }
            }
        }
    });
}
