//! `drydock scope`: opens recordings, or boards of the running Drydock, in the scope.

use crate::{
    arguments::Scope,
    exit::{Exit, Failure},
};
use drydock_client::{DataDir, ScopeOf, start_scope};
use drydock_scope_model::FILE_ENDING;
use std::path::{Path, PathBuf};

pub(crate) async fn scope(data: Option<&Path>, arguments: &Scope) -> Result<Exit, Failure> {
    let of = what(data, &arguments.targets)?;
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = start_scope(&of, false)?;
        child
            .wait()
            .map_err(|error| format!("The scope cannot be waited for: {error}."))
    });
    let status = match ended.await {
        Ok(Ok(status)) => status,
        Ok(Err(text)) => return Err(Failure::new(Exit::Refused, text)),
        Err(error) => return Err(Failure::machine(format!("{error}."))),
    };
    match status.success() {
        true => Ok(Exit::Success),
        // It has said why.
        false => Err(Failure::machine(format!("The scope ended with {status}."))),
    }
}

/// Recordings are files; everything else is a board.
fn what(data: Option<&Path>, targets: &[String]) -> Result<ScopeOf, Failure> {
    let is_file = |target: &String| {
        let path = Path::new(target);
        path.is_file() || path.extension().is_some_and(|ending| ending == FILE_ENDING)
    };
    let (files, boards): (Vec<String>, Vec<String>) = targets.iter().cloned().partition(is_file);
    match (files.is_empty(), boards.is_empty()) {
        (false, true) => {
            if let Some(missing) = files.iter().find(|file| !Path::new(file).is_file()) {
                return Err(Failure::new(Exit::Refused, format!("There is no recording {missing}.")));
            }
            Ok(ScopeOf::Files(files.into_iter().map(PathBuf::from).collect()))
        }
        (true, false) => Ok(ScopeOf::Boards {
            data: data.map_or(DataDir::Default, |path| DataDir::At(path.to_owned())),
            boards,
        }),
        _ => Err(Failure::new(
            Exit::Usage,
            "The scope opens either recordings or boards; name one kind of them.",
        )),
    }
}
