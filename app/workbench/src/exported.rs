//! Where an export goes: into the file that the user named, or into the answer.

use crate::api::{ApiError, ErrorCode, Exported};
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Writes the bytes to `path`, replacing what is there; without a path they become the answer.
pub(crate) async fn exported(bytes: Vec<u8>, path: Option<String>) -> Result<Exported, ApiError> {
    match path {
        None => Ok(Exported {
            path: None,
            base64: Some(BASE64_STANDARD.encode(bytes)),
        }),
        Some(path) => {
            let written = tokio::fs::write(&path, bytes).await;
            written.map_err(|error| ApiError::new(ErrorCode::Usage, format!("{path} cannot be written: {error}.")))?;
            Ok(Exported {
                path: Some(path),
                base64: None,
            })
        }
    }
}
