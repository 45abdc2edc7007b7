//! One HTTP request on a separate connection (RFC 1945, HTTP/1.0), bounded in time and size.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Answers are a few hundred bytes; a list of peripherals or a block of memory some more.
const ANSWER_BYTES: usize = 16 << 20;
/// Status line and headers.
const HEAD_BYTES: usize = 16 << 10;

/// A request did not get an HTTP answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// No connection, or it broke.
    #[error("the connection failed: {0}")]
    Connection(#[from] io::Error),
    /// It takes too long.
    #[error("no answer within {limit_s} s")]
    Hang {
        /// Seconds waited.
        limit_s: f32,
    },
    /// The other side closed before its answer was complete.
    #[error("the answer ended after {bytes} bytes")]
    Half {
        /// Received bytes.
        bytes: usize,
    },
    /// It is not HTTP.
    #[error("the answer is no HTTP: {0:?}")]
    Nonsense(String),
    /// Some other status than 200.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// More than is taken.
    #[error("the answer is larger than {ANSWER_BYTES} bytes")]
    TooLarge,
}

/// Posts `body` and returns the answer's body, all within `limit`.
pub(super) fn post(server: SocketAddr, body: &str, limit: Duration) -> Result<String, HttpError> {
    let mut call = Call {
        stream: TcpStream::connect_timeout(&server, limit)?,
        deadline: Instant::now() + limit,
        limit,
    };
    call.send(&format!(
        "POST / HTTP/1.0\r\nHost: {server}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))?;
    call.answer()
}

struct Call {
    stream: TcpStream,
    deadline: Instant,
    limit: Duration,
}

impl Call {
    fn send(&mut self, request: &str) -> Result<(), HttpError> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        match self.stream.write_all(request.as_bytes()) {
            Err(error) if is_time_out(&error) => Err(self.hang()),
            sent => Ok(sent?),
        }
    }

    fn answer(&mut self) -> Result<String, HttpError> {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(head) = Head::parse(&bytes)? {
                break head;
            }
            if bytes.len() > HEAD_BYTES {
                return Err(HttpError::Nonsense(excerpt(&bytes)));
            }
            if self.receive(&mut bytes)? == 0 {
                return Err(HttpError::Half { bytes: bytes.len() });
            }
        };
        if head.status != 200 {
            return Err(HttpError::Status(head.status));
        }
        let wanted = head.length.map(|length| head.bytes.saturating_add(length));
        while wanted.is_none_or(|wanted| bytes.len() < wanted) {
            if bytes.len() > ANSWER_BYTES {
                return Err(HttpError::TooLarge);
            }
            if self.receive(&mut bytes)? == 0 {
                break;
            }
        }
        if wanted.is_some_and(|wanted| bytes.len() < wanted) {
            return Err(HttpError::Half { bytes: bytes.len() });
        }
        bytes.truncate(wanted.unwrap_or(bytes.len()));
        let body = bytes.split_off(head.bytes);
        String::from_utf8(body).map_err(|error| HttpError::Nonsense(excerpt(error.as_bytes())))
    }

    fn receive(&mut self, bytes: &mut Vec<u8>) -> Result<usize, HttpError> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        let mut piece = [0; 8_192];
        match self.stream.read(&mut piece) {
            Ok(count) => {
                bytes.extend_from_slice(&piece[..count]);
                Ok(count)
            }
            Err(error) if is_time_out(&error) => Err(self.hang()),
            // The kernel's answer for a killed server.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn left(&self) -> Result<Duration, HttpError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.hang()) } else { Ok(left) }
    }

    fn hang(&self) -> HttpError {
        HttpError::Hang {
            limit_s: self.limit.as_secs_f32(),
        }
    }
}

struct Head {
    status: u16,
    length: Option<usize>,
    /// Its own length, with the empty line.
    bytes: usize,
}

impl Head {
    /// The head, once it is complete.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, HttpError> {
        let nonsense = || HttpError::Nonsense(excerpt(bytes));
        let start = &bytes[..bytes.len().min(5)];
        if !b"HTTP/".starts_with(start) {
            return Err(nonsense());
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_| nonsense())?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let mut length = None;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse().map_err(|_| nonsense())?);
            }
        }
        Ok(Some(Self {
            status: status.ok_or_else(nonsense)?,
            length,
            bytes: end + 4,
        }))
    }
}

fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned()
}
