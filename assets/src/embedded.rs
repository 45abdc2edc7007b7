//! The firmware images and sample apps that are embedded in this program, with their digests. The build script collects
//! them; what was not built before is missing and reported as [`NotBuilt`].

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

/// It was not built when this program was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBuilt {
    /// It can be built.
    #[error("{what} was not built into this program; run `./x run` in Drydock's source tree")]
    Missing {
        /// What is missing.
        what: String,
    },
    /// This board has no firmware.
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
    let image = FIRMWARE.iter().find(|image| image.board == board);
    image.copied().ok_or_else(|| match PORTS.contains(&board) {
        true => NotBuilt::Missing {
            what: format!("the firmware of {board}"),
        },
        false => NotBuilt::NoPort {
            board: board.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_named_with_the_way_out() {
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
