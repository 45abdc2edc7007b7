//! The window. It holds no state of the fleet: [`session`] opens the workbench or attaches to a running one, [`bridge`]
//! carries requests and updates between it and the front end. The other modules do what only a window needs.

mod arguments;
mod bridge;
mod demo;
mod detached_panel;
mod scope;
mod session;
mod single_instance;
mod source_file;
mod update_batcher;
mod webview;
mod window_state;

use arguments::Arguments;
use bridge::Bridge;
use clap::Parser as _;
use single_instance::SingleInstance;
use std::{process::ExitCode, sync::Arc};
use tauri::{Manager as _, RunEvent, WebviewUrl, WebviewWindowBuilder, webview::PageLoadEvent};
use tokio::sync::Notify;
use window_state::WindowState;

/// Label of the main window; Tauri's capabilities name it.
const MAIN: &str = "main";

fn main() -> ExitCode {
    let data = Arguments::parse().data();
    if let Err(missing) = webview::display() {
        eprintln!("drydock-desktop: {missing}");
        return ExitCode::from(4);
    }
    let renderer = webview::choose();
    let only = match SingleInstance::claim(&data) {
        Ok(only) => only,
        Err(single_instance::AlreadyOpen) => {
            println!("Drydock is open already; its window has been brought to the front.");
            return ExitCode::SUCCESS;
        }
    };
    let end = only.end();
    let bridge = Arc::new(Bridge::new(renderer.notice()));
    let window_state = Arc::new(WindowState::read());
    let built = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .manage(Arc::clone(&bridge))
        .manage(Arc::clone(&window_state))
        .manage(renderer.clone())
        .manage(scope::WindowData(data.clone()))
        .invoke_handler(tauri::generate_handler![
            bridge::call,
            bridge::subscribe,
            bridge::watch,
            window_state::remember,
            detached_panel::pop_out,
            webview::renderer,
            webview::reset_renderer,
            source_file::open_source,
            scope::open_scope
        ])
        .setup({
            let bridge = Arc::clone(&bridge);
            let window_state = Arc::clone(&window_state);
            let end = end.clone();
            move |app| {
                // The two start at once: the fleet is painted from the first answer, not after the store is open.
                tauri::async_runtime::spawn(bridge.run(data));
                let loaded = Arc::new(Notify::new());
                let tell_loaded = Arc::clone(&loaded);
                let (width, height) = window_state.size();
                let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
                    .title("Drydock")
                    .inner_size(width, height)
                    .min_inner_size(window_state::MIN_SIZE.0, window_state::MIN_SIZE.1)
                    .initialization_script(window_state.script())
                    .on_page_load(move |_, page| {
                        if matches!(page.event(), PageLoadEvent::Finished) {
                            tell_loaded.notify_one();
                        }
                    })
                    .build()?;
                window_state.place(&window);
                window_state.follow(&window);
                detached_panel::close_with(&window);
                webview::reload_after_crash(&window, &window_state);
                renderer.watch(&window, loaded, move || end.now());
                only.focus_when_asked(window);
                Ok(())
            }
        })
        .build(tauri::generate_context!());
    let app = match built {
        Ok(app) => app,
        Err(error) => {
            eprintln!("drydock-desktop: the window cannot be opened: {error}");
            return ExitCode::from(4);
        }
    };
    app.run(move |app, event| {
        if matches!(event, RunEvent::Exit) {
            end.now();
            let bridge = Arc::clone(app.state::<Arc<Bridge>>().inner());
            tauri::async_runtime::block_on(bridge.close());
            window_state.write();
        }
    });
    ExitCode::SUCCESS
}
