//! The format of the owner's socket: one JSON object a line in each direction. The owner speaks first ([`FromOwner::Hello`]).

use drydock_api::{ApiError, Request, Update};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{io, path::PathBuf, time::Duration};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Version of the socket's format. An owner and a client of different versions do not talk.
pub const VERSION: u32 = 2;

/// While a call runs, the owner sends [`FromOwner::Alive`] this often.
pub const ALIVE_EVERY: Duration = Duration::from_secs(2);

/// Longest line, in bytes: a module of the largest size in base64 fits.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// `DIR/owner.json`: where the owner can be reached.
#[derive(Debug, Serialize, Deserialize)]
pub struct OwnerAddress {
    /// Process id of the owner.
    pub pid: u32,
    /// Version of Drydock.
    pub version: String,
    /// Absolute path of its socket.
    pub socket: PathBuf,
}

/// From a client to the owner.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromClient {
    /// Calls a method; answered by [`FromOwner::Reply`] of the same id.
    Call {
        /// Chosen by the client.
        id: u64,
        /// Method and parameters.
        request: Box<Request>,
    },
    /// From now on send updates.
    Subscribe,
}

/// From the owner to a client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromOwner {
    /// First line.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// Version of Drydock.
        drydock: String,
    },
    /// The result of a call that succeeded.
    Reply {
        /// Id of the call.
        id: u64,
        /// The result.
        result: serde_json::Value,
    },
    /// Answer to a call that failed.
    Failed {
        /// Id of the call.
        id: u64,
        /// Why.
        error: ApiError,
    },
    /// Sent instead of the first line: the owner has reached its limit of connections and closes this one.
    Full {
        /// Connections that it holds.
        connections: usize,
    },
    /// A call of this connection still runs.
    Alive,
    /// Updates are sent from now on.
    Subscribed,
    /// An update.
    Update(Update),
}

/// Reads one line; `None` at the end of the stream.
///
/// # Errors
/// The line is too long, or does not parse as such an object.
pub async fn read<T: DeserializeOwned>(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    let length = from.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
    if length == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the line is cut or too long",
        ));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// Writes one line.
///
/// # Errors
/// The stream has ended.
pub async fn write<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line).await
}
