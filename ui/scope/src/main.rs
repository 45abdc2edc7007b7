//! `drydock-scope FILE…`: opens recordings in a window. `drydock-scope --attach BOARD…`: records boards and shows that.

use drydock_client::DataDir;
use drydock_scope::{attach::Attachment, session::Session, store::Store, theme, view::Window};
use eframe::egui::ViewportBuilder;
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

const USAGE: &str = "\
Usage: drydock-scope FILE...
       drydock-scope --attach [--data DIR] BOARD...

Opens recordings of signals in a window, also while they are written. Several are shown on one axis, by when they
began. Press ? in the window for its keys.

With --attach it asks the running Drydock to record these boards, by name or id, and shows the recording while it is
written. The recording ends with the window; its file stays.

Options:
      --attach   Record boards of a running Drydock
      --data DIR The data directory of that Drydock
  -h, --help     Print this
  -V, --version  Print the version";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Invocation {
    Print(String),
    Open(Vec<PathBuf>),
    Attach(DataDir, Vec<String>),
}

fn main() -> ExitCode {
    let asked = match parse(std::env::args_os().skip(1)) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("drydock-scope: {problem}; see drydock-scope --help");
            return ExitCode::from(2);
        }
    };
    let (paths, attachment) = match asked {
        Invocation::Print(text) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Invocation::Open(paths) => (paths, None),
        Invocation::Attach(which, boards) => match Attachment::record(which, boards) {
            Ok(attachment) => (vec![attachment.file.clone()], Some(attachment)),
            Err(problem) => {
                eprintln!("drydock-scope: {problem}");
                return ExitCode::FAILURE;
            }
        },
    };
    match run(&paths, attachment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("drydock-scope: the window could not be opened: {error}; is there a display with OpenGL?");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Invocation, String> {
    let (mut names, mut attaches, mut data) = (Vec::new(), false, None);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("-h" | "--help") => return Ok(Invocation::Print(USAGE.into())),
            Some("-V" | "--version") => {
                return Ok(Invocation::Print(
                    concat!("drydock-scope ", env!("CARGO_PKG_VERSION")).into(),
                ));
            }
            Some("--attach") => attaches = true,
            Some("--data") => data = Some(PathBuf::from(arguments.next().ok_or("--data needs a directory")?)),
            Some(option) if option.starts_with('-') => return Err(format!("there is no option {option}")),
            _ => names.push(argument),
        }
    }
    match (attaches, names.is_empty()) {
        (false, true) => Err("name a recording to open".into()),
        (true, true) => Err("name a board to record".into()),
        (false, false) if data.is_some() => Err("--data goes with --attach".into()),
        (false, false) => Ok(Invocation::Open(names.into_iter().map(PathBuf::from).collect())),
        (true, false) => {
            let boards = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
            Ok(Invocation::Attach(data.map_or(DataDir::Default, DataDir::At), boards))
        }
    }
}

fn run(paths: &[PathBuf], attachment: Option<Attachment>) -> eframe::Result {
    let mut session = Session::open(paths);
    if let Some(dirs) = directories::ProjectDirs::from("", "", "drydock") {
        session.keep_layout(Store::new(dirs.data_dir().join("scope.json")));
    }
    if let Some(attachment) = attachment {
        session.follow(attachment);
    }
    let title = match paths {
        [path] => format!(
            "{} – Drydock Scope",
            path.file_name().unwrap_or_default().to_string_lossy()
        ),
        _ => format!("{} recordings – Drydock Scope", paths.len()),
    };
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_app_id("drydock-scope")
            .with_inner_size([1_280.0, 800.0])
            .with_min_inner_size([640.0, 360.0]),
        ..eframe::NativeOptions::default()
    };
    eframe::run_native(
        &title,
        options,
        Box::new(|creation| {
            theme::set_up(&creation.egui_ctx);
            Ok(Box::new(Window { session }))
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expected: Result<Invocation, &str>) {
        let parsed = parse(arguments.iter().map(OsString::from));
        assert_eq!(parsed, expected.map_err(str::to_owned), "{arguments:?}");
    }

    #[test]
    fn arguments_are_files_or_boards() {
        check(&["a", "b"], Ok(Invocation::Open(vec!["a".into(), "b".into()])));
        check(
            &["--attach", "desk"],
            Ok(Invocation::Attach(DataDir::Default, vec!["desk".into()])),
        );
        let elsewhere = DataDir::At("d".into());
        check(
            &["desk", "--data", "d", "--attach"],
            Ok(Invocation::Attach(elsewhere, vec!["desk".into()])),
        );
        check(&[], Err("name a recording to open"));
        check(&["--attach"], Err("name a board to record"));
        check(&["a", "--data", "d"], Err("--data goes with --attach"));
        check(&["a", "--data"], Err("--data needs a directory"));
        check(&["--frobnicate"], Err("there is no option --frobnicate"));
    }
}
