//! Opens the source of an app in the desktop's default program for it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The desktop's own program for opening files.
#[cfg(target_os = "linux")]
const OPENER: &str = "xdg-open";
#[cfg(target_os = "macos")]
const OPENER: &str = "open";
#[cfg(windows)]
const OPENER: &str = "explorer";

/// Opens the source of a module: see [`source_of`].
///
/// # Errors
/// A sentence for people.
#[tauri::command(async)]
pub(crate) fn open_source(path: PathBuf) -> Result<(), String> {
    let source = source_of(&path)?;
    let shown = source.display();
    let failed = |why: String| format!("{shown} cannot be opened: {why}.");
    let status = Command::new(OPENER).arg(&source).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        // `explorer` on Windows exits with 1 on success.
        Ok(_) if cfg!(windows) => Ok(()),
        Ok(status) => Err(failed(format!("{OPENER} ended with {status}"))),
        Err(error) => Err(failed(format!("{OPENER} cannot be started: {error}"))),
    }
}

/// A module in text format is its own source. A binary module may have its source beside it; otherwise its folder
/// opens.
///
/// # Errors
/// A sentence for people: the file is missing, or is no module.
fn source_of(module: &Path) -> Result<PathBuf, String> {
    let shown = module.display();
    if !module.is_absolute() || !module.is_file() {
        return Err(format!("{shown} is not there any more; choose the module again."));
    }
    let text = module.with_extension("wat");
    let folder = module.parent().unwrap_or(module);
    match module.extension().and_then(|extension| extension.to_str()) {
        Some("wat") => Ok(module.to_owned()),
        Some("wasm") if text.is_file() => Ok(text),
        Some("wasm") => Ok(folder.to_owned()),
        _ => Err(format!(
            "{shown} is no module: its name ends neither with .wasm nor with .wat."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_the_text_or_the_folder_of_a_module_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = place.path().join(name);
            std::fs::write(&path, "").unwrap();
            path
        };
        let (text, beside, alone, script) = (file("a.wat"), file("a.wasm"), file("b.wasm"), file("run.sh"));
        assert_eq!(source_of(&text), Ok(text.clone()));
        assert_eq!(source_of(&beside), Ok(text));
        assert_eq!(source_of(&alone), Ok(place.path().to_owned()));
        assert!(source_of(&script).unwrap_err().contains("no module"));
        assert!(
            source_of(&place.path().join("gone.wat"))
                .unwrap_err()
                .contains("not there")
        );
        assert!(source_of(Path::new("a.wat")).is_err());
    }
}
