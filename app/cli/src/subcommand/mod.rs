//! The subcommands, one file each.

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod boards;
pub(crate) mod console;
pub(crate) mod deploy;
pub(crate) mod desk;
pub(crate) mod devices;
pub(crate) mod emulate;
pub(crate) mod evidence;
pub(crate) mod export;
pub(crate) mod fork;
pub(crate) mod gateway;
pub(crate) mod gdb;
pub(crate) mod hardware;
pub(crate) mod job;
mod kinds;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod monitor;
pub(crate) mod own_firmware;
pub(crate) mod parts;
pub(crate) mod probes;
pub(crate) mod profile;
pub(crate) mod record;
mod recorded;
pub(crate) mod replay;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod scope;
pub(crate) mod sheet;
pub(crate) mod snapshot;
mod suite;
mod target_board;
pub(crate) mod test;

use crate::exit::{Exit, Failure};
use drydock_api::AppSource;
use std::path::Path;

/// The app that the user means: a file if it exists or the name looks like a path, otherwise a sample.
fn source(app: &str) -> Result<AppSource, Failure> {
    let path = Path::new(app);
    let looks_like_a_file = path.extension().is_some() || app.contains(std::path::MAIN_SEPARATOR);
    if !path.is_file() {
        if looks_like_a_file {
            let text = format!("There is no file {app}; give a .wasm or .wat file, or the name of a sample.");
            return Err(Failure::new(Exit::Refused, text));
        }
        return Ok(AppSource::Sample(app.into()));
    }
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::new(Exit::Refused, format!("{app} cannot be read: {error}.")))?;
    Ok(AppSource::Path(absolute.to_string_lossy().into_owned()))
}

/// An absolute path, because the owner may run in another directory.
fn absolute(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path);
    let absolute = absolute
        .map_err(|error| Failure::new(Exit::Refused, format!("{} cannot be used: {error}.", path.display())))?;
    Ok(absolute.to_string_lossy().into_owned())
}

/// Completes when the user presses Ctrl-C or the system asks the process to end.
async fn cancelled() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn cancelled_by_user() -> Failure {
    Failure::new(Exit::Cancelled, "Cancelled.")
}
