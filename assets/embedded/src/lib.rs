//! The firmware images and sample apps that a program carries, each with its SHA-256 digest. The build script embeds
//! them, so that a program runs from any directory.
//!
//! A release carries all of them. A development build may exist before every image is built: `./x run` starts it with
//! the demo board's image and builds the others in the meantime.

mod handover;

use handover::Build;
pub use handover::Progress;

/// A firmware image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareImage {
    /// Board name.
    pub board: &'static str,
    /// The ELF file.
    pub elf: &'static [u8],
    /// Its SHA-256 digest.
    pub sha256: [u8; 32],
}

/// A sample app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct App {
    /// Name, as in `blink`.
    pub name: &'static str,
    /// The WebAssembly module.
    pub wasm: &'static [u8],
    /// Its SHA-256 digest.
    pub sha256: [u8; 32],
}

/// A virtual part that is written in WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartModule {
    /// Name of its kind, as in `mpu6050`.
    pub name: &'static str,
    /// The WebAssembly module.
    pub wasm: &'static [u8],
    /// Its SHA-256 digest.
    pub sha256: [u8; 32],
}

/// The program does not carry it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBuilt {
    /// It was not built when the program was.
    #[error("{what} was not built into this program; run `./x run` in Drydock's source tree")]
    Missing {
        /// The missing file.
        what: String,
    },
    /// `./x run`, which started the program, is building it.
    #[error("{board}'s firmware is being built ({progress}); try again when it is done")]
    Building {
        /// The kind of board.
        board: String,
        /// Images that are done.
        progress: Progress,
    },
    /// `./x run`, which started the program, could not build it.
    #[error("{board}'s firmware could not be built; see {log}")]
    Failed {
        /// The kind of board.
        board: String,
        /// The log's path.
        log: String,
    },
    /// The board has no firmware.
    #[error("Drydock's firmware does not run on {board} yet, so it takes no apps")]
    NoPort {
        /// Board name.
        board: String,
    },
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The firmware of `board`.
///
/// # Errors
/// [`NotBuilt`].
pub fn firmware(board: &str) -> Result<FirmwareImage, NotBuilt> {
    if let Some(image) = FIRMWARE.iter().find(|image| image.board == board) {
        return Ok(*image);
    }
    let Some(board) = PORTS.iter().find(|port| **port == board) else {
        return Err(NotBuilt::NoPort {
            board: board.to_owned(),
        });
    };
    if let Some(image) = handover::image(board) {
        return Ok(image);
    }
    let board = (*board).to_owned();
    Err(match handover::build() {
        Some(Build::Runs(progress)) => NotBuilt::Building { board, progress },
        Some(Build::Failed { log }) => NotBuilt::Failed { board, log },
        None => NotBuilt::Missing {
            what: format!("the firmware of {board}"),
        },
    })
}

/// The sample app `name`.
///
/// # Errors
/// [`NotBuilt`].
pub fn app(name: &str) -> Result<App, NotBuilt> {
    let app = APPS.iter().find(|app| app.name == name);
    app.copied().ok_or_else(|| NotBuilt::Missing {
        what: format!("the sample app {name}"),
    })
}

/// All sample apps, by name.
pub fn apps() -> &'static [App] {
    APPS
}

/// Virtual parts that are written in WebAssembly, by name.
pub fn part_modules() -> &'static [PartModule] {
    PARTS
}

/// The images that this program carries, by board.
pub fn embedded_firmware() -> &'static [FirmwareImage] {
    FIRMWARE
}

/// The boards that have a firmware, by name, whether this program carries it or not.
pub fn boards_with_firmware() -> &'static [&'static str] {
    PORTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_app_is_named_with_the_way_out() {
        let error = app("no-such-app").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the sample app no-such-app was not built into this program; run `./x run` in Drydock's source tree"
        );
    }

    #[test]
    fn a_board_without_a_port_is_told_from_one_that_was_not_built() {
        assert!(PORTS.contains(&"nano33ble"));
        let error = firmware("no-such-board").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Drydock's firmware does not run on no-such-board yet, so it takes no apps"
        );
    }

    #[test]
    fn embedded_files_are_what_they_claim() {
        for image in FIRMWARE {
            assert_eq!(&image.elf[..4], b"\x7fELF", "{}", image.board);
        }
        for app in APPS {
            assert_eq!(&app.wasm[..4], b"\0asm", "{}", app.name);
        }
    }
}
