//! //! Writes the API as TypeScript, or checks that the file is up to date.
//!
//! `codegen FILE` writes, `codegen FILE --check` exits with 1 if the file differs.

use std::{fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (check, paths): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| *argument == "--check");
    let [path] = paths[..] else {
        eprintln!("usage: codegen FILE [--check]");
        return ExitCode::from(2);
    };
    let generated = drydock_api::typescript();
    if fs::read_to_string(path).is_ok_and(|present| present == generated) {
        return ExitCode::SUCCESS;
    }
    if !check.is_empty() {
        eprintln!("{path} is not up to date: cargo run -p drydock-api --example codegen -- {path}");
        return ExitCode::FAILURE;
    }
    match write(Path::new(path), &generated) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
