//! The arguments of the command line.

use clap::Parser;
use drydock_client::DataDir;
use std::path::PathBuf;

/// The Drydock window.
#[derive(Debug, Parser)]
#[command(name = "drydock-desktop", version = drydock_workbench::VERSION)]
pub(crate) struct Arguments {
    /// Data directory; without it the user's own, or the one that DRYDOCK_DATA names
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Arguments {
    /// Which data directory is meant.
    pub(crate) fn data(self) -> DataDir {
        let named = std::env::var_os("DRYDOCK_DATA").filter(|name| !name.is_empty());
        self.data
            .or(named.map(PathBuf::from))
            .map_or(DataDir::Default, DataDir::At)
    }
}
