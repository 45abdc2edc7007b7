//! Labels to print for provisioned boards: which boards get one, and the sheet as a file. (Labels that group boards are
//! in `crate::labels`.)

mod font;
mod layout;
mod pdf;
mod qr;
mod select;
mod svg;

use super::evidence;
use crate::{
    api::{ApiError, ErrorCode, LabelFormat, LabelSheet, LabelsMake},
    errors::usage,
    exported::exported,
    state::WorkbenchState,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use layout::{Paper, Size};
use std::{collections::BTreeMap, io};
use tokio::io::AsyncWriteExt as _;

/// What stands on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Label {
    /// Name of the board.
    board: String,
    /// Title of its kind.
    title: String,
    /// Id of its device.
    device: String,
    /// Its chip's unique id.
    chip: String,
}

/// Makes a sheet of labels.
pub(crate) async fn make(workbench: &WorkbenchState, request: LabelsMake) -> Result<LabelSheet, ApiError> {
    let size = Size::new(request.width_mm, request.height_mm).map_err(|error| usage(error.to_string()))?;
    let evidence = evidence::list(workbench).await?;
    let in_fleet = workbench.fleet.all();
    let names: BTreeMap<String, String> = in_fleet
        .iter()
        .map(|board| {
            let record = &board.state().record;
            (record.device.0.clone(), record.name.clone())
        })
        .collect();
    let selected = select::select(&evidence, &names, &request.boards)?;
    let boards = selected.labels.iter().map(|label| label.board.clone()).collect();
    let format = request.format;
    let drawn = tokio::task::spawn_blocking(move || {
        let paper = match format {
            LabelFormat::Svg => Paper::Endless,
            LabelFormat::Pdf => Paper::A4,
        };
        let sheet = layout::sheet(&selected.labels, size, paper)?;
        let bytes = match format {
            LabelFormat::Svg => svg::svg(&sheet).into_bytes(),
            LabelFormat::Pdf => pdf::pdf(&sheet),
        };
        Ok::<_, qr::TooLong>((bytes, sheet.pages.len(), selected.left_out))
    });
    let (bytes, pages, left_out) = drawn
        .await
        .map_err(|error| ApiError::internal(format!("The labels could not be drawn: {error}.")))?
        .map_err(|error| ApiError::new(ErrorCode::Refused, format!("The labels could not be drawn: {error}.")))?;
    let (path, base64) = match request.path {
        None => (None, Some(BASE64_STANDARD.encode(bytes))),
        Some(path) if request.overwrite => (exported(bytes, Some(path)).await?.path, None),
        Some(path) => {
            write_new(&path, &bytes).await?;
            (Some(path), None)
        }
    };
    Ok(LabelSheet {
        path,
        base64,
        boards,
        pages: u32::try_from(pages).unwrap_or(u32::MAX),
        left_out,
    })
}

/// Writes a file that does not exist yet.
async fn write_new(path: &str, bytes: &[u8]) -> Result<(), ApiError> {
    let unwritable = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let text = format!("{path} exists already; name another file, or replace it with --force.");
            ApiError::new(ErrorCode::Refused, text)
        }
        _ => usage(format!("{path} cannot be written: {error}.")),
    };
    let file = tokio::fs::File::options().write(true).create_new(true).open(path).await;
    let mut file = file.map_err(unwritable)?;
    let written = match file.write_all(bytes).await {
        Ok(()) => file.flush().await,
        failed => failed,
    };
    if let Err(error) = written {
        // Half a sheet helps nobody.
        let _ = tokio::fs::remove_file(path).await;
        return Err(unwritable(error));
    }
    Ok(())
}
