//! `./x run`: builds the parts that the first result needs, then opens the window; without a display it runs the demo
//! in the terminal.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::progress::{self, Steps};
use crate::step::Out;
use crate::{apps, cross, firmware, step, ui, workspace};

/// The board that the product starts with.
const DEMO_BOARD: &str = "nano33ble";
/// The command that `./x run` executes without a display.
const DEMO: &[&str] = &["run", "assets/apps/blink.wasm", "--board", DEMO_BOARD, "--for", "10s"];

/// `setup`, or only its part that needs no root.
pub(crate) fn setup(args: &[&str]) -> Result<()> {
    match args {
        [] => step::run(&mut step::command("sh", &["xtask/setup/setup.sh", "test", "setup"])),
        ["--part", "toolchain"] => cross::install(),
        _ => bail!("setup takes nothing or `--part toolchain`"),
    }
}

/// Builds and starts Drydock; returns only if it could not be started or, in the terminal, if it failed.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let has_display = has_display();
    let program = if has_display { "drydock-desktop" } else { "drydock" };
    build_and_show(has_display)?;
    if !has_display {
        eprintln!(
            "There is no display (DISPLAY and WAYLAND_DISPLAY are unset): running the demo in the terminal instead of the window."
        );
    }
    let args = if args.is_empty() && !has_display { DEMO } else { args };
    replace_with(step::command(&workspace::built(program).to_string_lossy(), args))
}

/// Builds the scope beside the other programs. With arguments it opens it, and returns only if that fails.
pub(crate) fn scope(args: &[&str]) -> Result<()> {
    build(Out::Terminal, &["drydock", "drydock-scope"])?;
    if args.is_empty() {
        println!("The scope is built: `drydock scope FILE|BOARD...` and the window open it.");
        return Ok(());
    }
    replace_with(step::command(
        &workspace::built("drydock-scope").to_string_lossy(),
        args,
    ))
}

/// Builds the parts that the first result needs, and shows the progress. If the boards' images are not built from the
/// current sources, it builds only the demo board's image beside the programs; the others are built while the product
/// runs.
fn build_and_show(has_display: bool) -> Result<()> {
    let all_images = firmware::are_fresh()?;
    // If nothing can be built in the background, everything is built first.
    let behind = cfg!(unix) && !all_images;
    let mut titles = vec!["sample apps".to_owned()];
    if has_display {
        titles.push("front end of the window".into());
    }
    titles.push(
        if has_display {
            "window and command line"
        } else {
            "command line"
        }
        .into(),
    );
    let programs = titles.len() - 1;
    if behind {
        titles.push(format!("firmware of {DEMO_BOARD}"));
    } else if !all_images {
        titles.push("firmware of all boards".into());
    }
    let log = workspace::target_dir().join("run.log");
    let steps = Steps::new(&titles, &log)?;
    let packages = packages(has_display);
    let host = || {
        steps.run(0, apps::build)?;
        if has_display {
            steps.run(1, ui::build)?;
        }
        steps.run(programs, |out| build(out, packages))
    };
    steps.shown(|| {
        if all_images {
            return host();
        }
        firmware::begin()?;
        if !behind {
            steps.run(programs + 1, firmware::build)?;
            return host();
        }
        std::thread::scope(|scope| {
            let image = scope.spawn(|| steps.run(programs + 1, |out| firmware::build_first(out, DEMO_BOARD)));
            // The first failure ends the other's programs; that failure is reported.
            let host = host();
            match image.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                Err(error) if !error.is::<progress::WasEnded>() => Err(error),
                _ => host,
            }
        })
    })?;
    #[cfg(unix)]
    if behind {
        let log = firmware::start_behind(packages)?;
        eprintln!(
            "The firmware of the other boards is built meanwhile, and a board's kind says so until it can be added; log: {}",
            log.display()
        );
    }
    Ok(())
}

fn packages(with_window: bool) -> &'static [&'static str] {
    if with_window {
        &["drydock", "drydock-desktop"]
    } else {
        &["drydock"]
    }
}

/// The window with its front end inside, and the CLI beside it.
pub(crate) fn window() -> Result<()> {
    build(Out::Terminal, packages(true))
}

/// Builds packages with the features that all builds of the workspace share, so that nothing is compiled twice.
pub(crate) fn build(out: Out<'_>, packages: &[&str]) -> Result<()> {
    let mut cargo = step::cargo(&["build", "--package", "drydock-unify"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    out.run(&mut cargo)
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(unix)]
fn replace_with(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let shown = step::shown(&command);
    eprintln!("$ {shown}");
    Err(command.exec()).with_context(|| format!("starting `{shown}`"))
}

#[cfg(not(unix))]
fn replace_with(mut command: Command) -> Result<()> {
    step::run(&mut command)
}
