//! `./x run` starts the product with the demo board's image and builds the others in the background. The product finds
//! images in the folder `handover` (`drydock_embedded::handover`). At the end, programs that embed all images are
//! built.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{board_name, boards, build_with, compile, freshness, images, manifest, target_dir};
use crate::step::Out;
use crate::{run, workspace};

/// How often the builder looks whether the product still runs.
const LOOK: Duration = Duration::from_millis(250);
/// Time limit for the builder to exit after its product has ended.
const BUILDER_ENDS: Duration = Duration::from_secs(2);

fn handover() -> PathBuf {
    target_dir().join("handover")
}

/// Writes an image so that a reader finds a complete file or none.
fn hand_over(board: &str, elf: &[u8]) -> Result<()> {
    let folder = handover();
    let whole = folder.join(format!("{board}.elf"));
    if std::fs::read(&whole).is_ok_and(|old| old == elf) {
        return Ok(());
    }
    let part = folder.join(format!("{board}.part"));
    std::fs::write(&part, elf).with_context(|| format!("writing {}", part.display()))?;
    std::fs::rename(&part, &whole).with_context(|| format!("writing {}", whole.display()))
}

/// Removes images that were not built from `sources`. A note in the folder says which sources its images were built
/// from.
fn take_away_stale(folder: &Path, noted: &Path, sources: &str) -> Result<()> {
    if std::fs::read_to_string(noted).is_ok_and(|built_from| built_from == sources) {
        return Ok(());
    }
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        if path
            .extension()
            .is_some_and(|it| it == "elf" || it == "bin" || it == "sha256")
        {
            std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}

/// Removes images of other sources, so that no program embeds or finds them.
pub(crate) fn begin() -> Result<()> {
    let sources = freshness::sources()?;
    take_away_stale(&images(), &freshness::stamp(), &sources)?;
    let noted = handover().join("built-from");
    take_away_stale(&handover(), &noted, &sources)?;
    workspace::write_if_changed(&noted, sources.as_bytes()).map(|_| ())
}

/// Builds one board's image, once and without function attributes: these need the names in the images of all boards,
/// and make an image five percent faster.
pub(crate) fn build_first(out: Out<'_>, board: &str) -> Result<()> {
    let manifest = manifest()?;
    for package in boards(&manifest)? {
        if board_name(&package)? == board {
            return hand_over(board, &compile(out, &manifest, &package, &[], &target_dir())?);
        }
    }
    anyhow::bail!("there is no firmware for {board}")
}

/// Starts [`build_behind`] in a process group of its own, at a lower priority than the product, which replaces this
/// process. Returns the log's path.
#[cfg(unix)]
pub(crate) fn start_behind(packages: &[&str]) -> Result<PathBuf> {
    use std::os::unix::process::CommandExt as _;
    let log = log();
    let Some(mut progress) = lock()? else {
        // Another `./x run` builds them.
        return Ok(log);
    };
    // Written before the product starts, so that it sees the running builder from the beginning.
    write_progress(&mut progress)?;
    let file = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    let mut nice = Command::new("nice");
    nice.args(["-n", "10"]);
    nice.arg(std::env::current_exe().context("finding this program")?);
    nice.args(["firmware", "--behind", &std::process::id().to_string()]);
    nice.args(packages).current_dir(workspace::root()).process_group(0);
    // The builder inherits the lock with the file.
    nice.stdin(progress).stdout(file.try_clone()?).stderr(file);
    nice.spawn().context("starting the build of the other images")?;
    Ok(log)
}

fn log() -> PathBuf {
    target_dir().join("behind.log")
}

/// The progress file, locked; `None` if another builder holds it.
fn lock() -> Result<Option<File>> {
    let path = handover().join("progress");
    let file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path);
    let file = file.with_context(|| format!("writing {}", path.display()))?;
    let deadline = Instant::now() + BUILDER_ENDS;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
    }
}

/// Writes how many of the images can be used.
fn write_progress(file: &mut File) -> Result<()> {
    let images = std::fs::read_dir(handover())?.flatten();
    let built = images.filter(|it| it.path().extension().is_some_and(|it| it == "elf"));
    let of = boards(&manifest()?)?.len();
    write_over(file, &format!("{} of {of}", built.count()))
}

/// Replaces the first line. It is padded, so that a reader never finds the end of an older one.
fn write_over(file: &mut File, line: &str) -> Result<()> {
    file.rewind()?;
    file.write_all(format!("{line:<60}\n").as_bytes())?;
    Ok(())
}

/// Builds all images, passes each to the product as soon as it is usable, then builds the programs with all of them.
/// Ends with the process `product`, whose child it is. Its standard input is the locked progress file.
#[cfg(unix)]
pub(crate) fn build_behind(product: &str, packages: &[&str]) -> Result<()> {
    use std::os::fd::AsFd as _;
    let product: u32 = product.parse().context("the product's process id")?;
    std::thread::spawn(move || end_with(product));
    let mut progress = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let built = build_with(Out::Terminal, |board, elf| {
        hand_over(board, elf)?;
        write_progress(&mut progress)
    });
    built
        .and_then(|_| run::build(Out::Terminal, packages))
        .inspect_err(|_| {
            // The error itself is in the log.
            let _ = write_over(&mut progress, &format!("failed: {}", log().display()));
        })
}

/// Ends this process and all its children when `product` has ended.
#[cfg(unix)]
fn end_with(product: u32) {
    while std::os::unix::process::parent_id() == product {
        std::thread::sleep(LOOK);
    }
    // The shell is in this process group, which it ends. Without a shell, at least this process ends.
    let _ = Command::new("sh")
        .args(["-c", "kill -TERM 0"])
        .stdin(Stdio::null())
        .status();
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_other_sources_are_taken_away() {
        let folder = std::env::temp_dir().join(format!("drydock-handover-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (image, noted) = (folder.join("nano33ble.elf"), folder.join("built-from"));
        std::fs::write(&image, "image").unwrap();
        std::fs::write(&noted, "these").unwrap();
        take_away_stale(&folder, &noted, "these").unwrap();
        assert!(image.exists());
        take_away_stale(&folder, &noted, "others").unwrap();
        assert!(!image.exists());
        assert!(noted.exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
