//! Keys and certificates as files that the user alone can read.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// The PEM texts of a key directory.
#[derive(Default)]
pub(super) struct KeyFiles {
    /// `None` if it was removed after an export.
    pub(super) root_key: Option<String>,
    pub(super) root: String,
    pub(super) intermediate_key: String,
    pub(super) intermediate: String,
    pub(super) gateway_key: String,
    pub(super) gateway: String,
    pub(super) publisher_key: String,
}

impl KeyFiles {
    pub(super) fn read(directory: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            let path = directory.join(name);
            restrict(&path).map_err(|error| format!("{name}: {error}"))?;
            fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))
        };
        Ok(Self {
            root_key: None,
            root: read("root.crt.pem")?,
            intermediate_key: read("intermediate.key.pem")?,
            intermediate: read("intermediate.crt.pem")?,
            gateway_key: read("gateway.key.pem")?,
            gateway: read("gateway.crt.pem")?,
            publisher_key: read("publisher.key.pem")?,
        })
    }

    /// Writes everything into a directory that appears complete or not at all.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        let unfinished = directory.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        crate::store::create_private_dir(&unfinished)?;
        if let Some(root_key) = &self.root_key {
            write_private(&unfinished.join("root.key.pem"), root_key)?;
        }
        for (name, text) in [
            ("root.crt.pem", &self.root),
            ("intermediate.key.pem", &self.intermediate_key),
            ("intermediate.crt.pem", &self.intermediate),
            ("gateway.key.pem", &self.gateway_key),
            ("gateway.crt.pem", &self.gateway),
            ("publisher.key.pem", &self.publisher_key),
        ] {
            write_private(&unfinished.join(name), text)?;
        }
        fs::rename(&unfinished, directory)
    }
}

/// Replaces one file at once.
pub(super) fn replace(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    let unfinished = directory.join(format!("{name}.unfinished"));
    if unfinished.exists() {
        fs::remove_file(&unfinished)?;
    }
    write_private(&unfinished, text)?;
    fs::rename(&unfinished, directory.join(name))
}

pub(super) fn certificate(name: &str, pem: &str) -> Result<CertificateDer<'static>, String> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| format!("{name}: {error}"))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict(_path: &Path) -> io::Result<()> {
    Ok(())
}
