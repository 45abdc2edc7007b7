//! What a terminal makes of the bytes that arrive: they are shown as they are, or as the lines of a program that logs with
//! defmt. The same goes into the log file.

use crate::{
    api::{ApiError, ConsoleLine, ConsoleOpen},
    errors::usage,
};
use drydock_defmt::{Decoded, Decoder, Line, Program};
use std::{fs::File, io::Write, path::Path, sync::Arc};

const UNDECODABLE: &str =
    "Frames cannot be decoded: the ELF file is of another build than the program on the board, or bytes were lost.";

/// What is to be shown.
pub(crate) struct Shown {
    pub(crate) bytes: Vec<u8>,
    /// The lines in `bytes`, of a program that logs with defmt.
    pub(crate) lines: Option<Vec<ConsoleLine>>,
}

#[derive(Default)]
pub(crate) struct Incoming {
    decoder: Option<Decoder>,
    log: Option<File>,
    /// Why the log file does not get any more.
    log_failure: Option<String>,
}

impl Incoming {
    /// # Errors
    /// A path is not absolute, a file cannot be opened, or an ELF file is of no use for defmt.
    pub(super) async fn of(request: &ConsoleOpen) -> Result<Self, ApiError> {
        let is_relative = |path: &Option<String>| path.as_deref().is_some_and(|path| !Path::new(path).is_absolute());
        if is_relative(&request.log) {
            return Err(usage("Give the log file's absolute path."));
        }
        if is_relative(&request.defmt) {
            return Err(usage("Give the ELF file's absolute path."));
        }
        let decoder = match request.defmt.clone() {
            None => None,
            Some(path) => {
                let reading = tokio::task::spawn_blocking(move || program(&path));
                let read = reading
                    .await
                    .map_err(|error| ApiError::internal(format!("The ELF file cannot be read: {error}.")))?;
                Some(Decoder::new(Arc::new(read?)))
            }
        };
        Ok(Self {
            decoder,
            log: None,
            log_failure: None,
        })
    }

    /// Decodes what a program logs.
    pub(crate) fn decoded(program: Arc<Program>) -> Self {
        Self {
            decoder: Some(Decoder::new(program)),
            ..Self::default()
        }
    }

    /// Begins to append to the log file that is asked for.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn open_log(&mut self, request: &ConsoleOpen) -> Result<(), ApiError> {
        if let Some(path) = &request.log {
            let opened = File::options().create(true).append(true).open(path);
            self.log = Some(opened.map_err(|error| usage(format!("{path} cannot be written: {error}.")))?);
        }
        Ok(())
    }

    /// What is to be shown of the bytes, which goes into the log file too.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Shown {
        let shown = match &mut self.decoder {
            None => Shown {
                bytes: bytes.to_vec(),
                lines: None,
            },
            Some(decoder) => shown(&decoder.take(bytes)),
        };
        if let Some(file) = &mut self.log
            && let Err(error) = file.write_all(&shown.bytes)
        {
            self.log_failure = Some(format!("The log file cannot be written: {error}."));
            self.log = None;
        }
        shown
    }

    /// The program or the connection began anew: what was left of a frame goes.
    pub(super) fn restart(&mut self) {
        if let Some(decoder) = &mut self.decoder {
            decoder.restart();
        }
    }

    /// What went wrong with the bytes, in one sentence.
    pub(crate) fn text(&self) -> Option<String> {
        let is_undecodable = self.decoder.as_ref().is_some_and(|decoder| decoder.lost() > 0);
        let undecodable = || is_undecodable.then(|| UNDECODABLE.to_owned());
        self.log_failure.clone().or_else(undecodable)
    }
}

fn program(path: &str) -> Result<Program, ApiError> {
    let elf = std::fs::read(path).map_err(|error| usage(format!("{path} cannot be read: {error}.")))?;
    Program::read(&elf).map_err(|error| usage(format!("{path} cannot be used to decode defmt: {error}.")))
}

fn shown(decoded: &[Decoded]) -> Shown {
    let bytes: String = decoded.iter().map(|decoded| format!("{decoded}\n")).collect();
    let lines = decoded.iter().filter_map(|decoded| match decoded {
        Decoded::Line(line) => Some(view(line)),
        Decoded::Lost(_) => None,
    });
    Shown {
        bytes: bytes.into_bytes(),
        lines: Some(lines.collect()),
    }
}

fn view(line: &Line) -> ConsoleLine {
    let location = line.location.as_ref();
    ConsoleLine {
        timestamp: line.timestamp.clone(),
        level: line.level.map(|level| level.as_str().to_owned()),
        message: line.message.clone(),
        file: location.map(|location| location.file.clone()),
        line: location.map(|location| location.line),
    }
}
