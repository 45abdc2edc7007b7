//! Opens boards in the scope, a program of its own.

use drydock_client::{DataDir, ScopeOf, start_scope};
use std::{
    io::Read as _,
    thread,
    time::{Duration, Instant},
};
use tauri::State;

/// A scope that ends with an error within this time did not open.
const OPENS: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

/// The data directory of this window.
pub(crate) struct WindowData(pub(crate) DataDir);

/// Opens boards in the scope.
///
/// # Errors
/// A sentence for people.
#[tauri::command(async)]
pub(crate) fn open_scope(data: State<'_, WindowData>, boards: Vec<String>) -> Result<(), String> {
    let data = data.0.clone();
    let mut child = start_scope(&ScopeOf::Boards { data, boards }, true)?;
    let began = Instant::now();
    while began.elapsed() < OPENS {
        if let Ok(Some(status)) = child.try_wait() {
            let mut said = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                // What it said is only worth a sentence.
                let _ = stderr.read_to_string(&mut said);
            }
            return match status.success() {
                true => Ok(()),
                false => Err(reason(&said).unwrap_or_else(|| format!("The scope ended with {status}."))),
            };
        }
        thread::sleep(LOOK);
    }
    // Its end is taken notice of, so that the system forgets it; what it says is read, so that it never waits.
    thread::spawn(move || {
        if let Some(mut stderr) = child.stderr.take() {
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        }
        let _ = child.wait();
    });
    Ok(())
}

/// The last line that the scope said, without its name.
fn reason(said: &str) -> Option<String> {
    let line = said.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.trim_start_matches("drydock-scope: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn the_reason_is_the_last_line() {
        let said = "a warning\ndrydock-scope: There is no board x.\n\n";
        assert_eq!(reason(said).as_deref(), Some("There is no board x."));
        assert_eq!(reason("\n"), None);
    }
}
