//! Modules as files, named by their digest.

use crate::{
    domain::Digest,
    error::StoreError,
    store::{Store, file_error},
};
use ring::digest::{SHA256, digest};
use std::{fs::File, io::Write, path::Path};

/// Stores a module, and beside it the original with names and debug information, unless the files exist.
pub(crate) async fn write_module(
    store: &Store,
    name: Digest,
    module: Vec<u8>,
    original: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    let directory = store.modules_dir();
    let failed = directory.clone();
    let written = tokio::task::spawn_blocking(move || {
        write(&directory, &name.to_string(), &module)?;
        match original {
            Some(original) => write(&directory, &format!("{name}.debug"), &original),
            None => Ok(()),
        }
    });
    match written.await {
        Ok(result) => result.map_err(|source| file_error(&failed, source)),
        Err(error) => Err(file_error(&failed, std::io::Error::other(error))),
    }
}

/// Reads the module with this digest and checks the file against it.
pub(crate) async fn read_module(store: &Store, name: Digest) -> Result<Vec<u8>, StoreError> {
    let path = store.modules_dir().join(name.to_string());
    let reading = path.clone();
    let read = tokio::task::spawn_blocking(move || std::fs::read(reading));
    let module = match read.await {
        Ok(result) => result.map_err(|source| file_error(&path, source))?,
        Err(error) => return Err(file_error(&path, std::io::Error::other(error))),
    };
    if digest(&SHA256, &module).as_ref() == name.0 {
        Ok(module)
    } else {
        Err(StoreError::Unreadable {
            what: format!("the module {name} was changed on the disk"),
        })
    }
}

/// The file appears complete or not at all.
fn write(directory: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let path = directory.join(name);
    if path.metadata().is_ok_and(|known| known.len() == bytes.len() as u64) {
        return Ok(());
    }
    let unfinished = directory.join(format!(
        "{name}.{}.unfinished",
        hex::encode(crate::random::bytes::<4>())
    ));
    let result = write_new(&unfinished, bytes).and_then(|()| std::fs::rename(&unfinished, &path));
    if result.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    result
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
