//! How fast session data travels over the link, against what the wire could carry.
//!
//! The host's side is what Drydock runs: its port, its link driver. The board's side is the firmware's link endpoint behind
//! a pseudo-terminal whose bytes pass at the baud rate, ten bit times each. The share is payload bytes of the session
//! channel, first to last, divided by the bytes that the wire carries in that time; frames' headers, checksums and
//! acknowledgements are the rest.

use crate::{Outcome, tell};
use drydock_connector::{LinkDriver, LinkEvent, Noise, NoisyStream};
use drydock_hardware::port::{LinePolicy, OpenOptions, Ports};
use drydock_protocol::link::{Channel, Endpoint, MAX_FRAME_BYTES, Role};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Bits of a byte on the wire: start, eight, stop.
const BITS: f64 = 10.0;
/// How long data travels.
const SECONDS: f64 = 5.0;
const QUICK_SECONDS: f64 = 1.0;
/// How often the board's side looks at its wire.
const LOOK: Duration = Duration::from_micros(200);
/// Noise is measured with these seeds; the mean is reported.
const SEEDS: [u64; 3] = [1, 2, 3];

pub(crate) async fn measure(quick: bool) -> Outcome<()> {
    let seconds = if quick { QUICK_SECONDS } else { SECONDS };
    for baud in [115_200, 1_000_000, 2_000_000] {
        for to_board in [true, false] {
            let share = share(baud, to_board, None, seconds).await?;
            row(baud, to_board, "", share, ">= 90");
        }
    }
    for baud in [115_200, 1_000_000, 2_000_000] {
        for to_board in [true, false] {
            let mut shares = 0.0;
            for seed in SEEDS {
                shares += share(baud, to_board, Some(damaged_frames(seed)), seconds).await?;
            }
            row(
                baud,
                to_board,
                ", 1 % of frames damaged",
                shares / SEEDS.len() as f64,
                ">= 70",
            );
        }
    }
    Ok(())
}

/// One frame of a hundred damaged, and nothing else.
fn damaged_frames(seed: u64) -> Noise {
    Noise {
        frames_per_million: 10_000,
        dropped_per_million: 0,
        flipped_per_million: 0,
        doubled_per_million: 0,
        seed,
    }
}

fn row(baud: u32, to_board: bool, how: &str, share: f64, goal: &str) {
    let way = if to_board { "to the board" } else { "from the board" };
    let rate = share * f64::from(baud) / BITS / 1e3;
    tell(
        &format!("link over a PTY, {baud} baud, {way}{how}: payload's share of the wire"),
        share * 100.0,
        "%",
        Some(goal),
        &format!("{rate:.1} kB/s"),
    );
}

/// Moves data for some seconds of wire time.
async fn share(baud: u32, to_board: bool, noise: Option<Noise>, seconds: f64) -> Outcome<f64> {
    let bytes = (f64::from(baud) / BITS * seconds) as u64;
    let board = Board::start(baud, (!to_board).then_some(bytes))?;
    let options = OpenOptions {
        baud,
        policy: LinePolicy::Leave,
    };
    let line = Ports::new().open(&board.path, options)?;
    match noise {
        None => transfer(line, &board, bytes, to_board, baud).await,
        Some(noise) => transfer(NoisyStream::new(line, noise), &board, bytes, to_board, baud).await,
    }
}

async fn transfer<S>(stream: S, board: &Board, bytes: u64, to_board: bool, baud: u32) -> Outcome<f64>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let mut driver = LinkDriver::spawn(stream, 7);
    let mut session = loop {
        match driver.next().await.ok_or("the link ended")? {
            LinkEvent::Up { session, .. } => break session,
            LinkEvent::Closed(reason) => return Err(reason.to_string().into()),
            _ => {}
        }
    };
    // Events must be taken, or the link waits.
    let events = tokio::spawn(async move { while driver.next().await.is_some() {} });
    let mut piece = [0x5a; 1024];
    let begin = Instant::now();
    if to_board {
        let mut left = bytes;
        while left > 0 {
            let count = left.min(piece.len() as u64) as usize;
            session.write_all(&piece[..count]).await?;
            left -= count as u64;
        }
        while board.received.load(Ordering::Acquire) < bytes {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    } else {
        // What the board may send begins with a byte from here.
        session.write_all(&[1]).await?;
        let mut left = bytes;
        while left > 0 {
            match session.read(&mut piece).await? {
                0 => return Err("the session ended".into()),
                count => left = left.saturating_sub(count as u64),
            }
        }
    }
    let took = begin.elapsed().as_secs_f64();
    events.abort();
    Ok(bytes as f64 / took / (f64::from(baud) / BITS))
}

/// The board's side.
struct Board {
    path: String,
    received: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    // Keeps the terminal while no program has it open.
    _client: OwnedFd,
}

impl Board {
    fn start(baud: u32, sends: Option<u64>) -> Outcome<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = ptsname(&master, Vec::new())?.into_string()?;
        let client = rustix::fs::open(path.as_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
        rustix::fs::fcntl_setfl(&master, OFlags::NONBLOCK)?;
        let (received, ended) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (received, ended) = (Arc::clone(&received), Arc::clone(&ended));
            std::thread::spawn(move || run(File::from(master), baud, sends, &received, &ended))
        };
        Ok(Self {
            path,
            received,
            ended,
            thread: Some(thread),
            _client: client,
        })
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One direction of the wire: how many bytes fit through it until now.
struct Wire {
    per_second: f64,
    /// The time from which on it is free.
    free: Instant,
}

impl Wire {
    fn room(&self, now: Instant) -> usize {
        (now.saturating_duration_since(self.free).as_secs_f64() * self.per_second) as usize
    }

    fn carried(&mut self, bytes: usize) {
        self.free += Duration::from_secs_f64(bytes as f64 / self.per_second);
    }

    /// Nothing waits: time passes unused.
    fn is_idle(&mut self, now: Instant) {
        self.free = self.free.max(now);
    }
}

fn run(mut master: File, baud: u32, sends: Option<u64>, received: &AtomicU64, ended: &AtomicBool) {
    // The room that boards with apps have.
    let mut link = Endpoint::new(Role::Device, 3).with_session_room(2048);
    let begin = Instant::now();
    let per_second = f64::from(baud) / BITS;
    let (mut inward, mut outward) = (
        Wire {
            per_second,
            free: begin,
        },
        Wire {
            per_second,
            free: begin,
        },
    );
    let (mut frame, mut out): ([u8; MAX_FRAME_BYTES], Vec<u8>) = ([0; MAX_FRAME_BYTES], Vec::new());
    let mut bytes = [0; 4096];
    let mut left = 0;
    while !ended.load(Ordering::Acquire) {
        let now = Instant::now();
        let now_ms = now.duration_since(begin).as_millis() as u64;
        let room = inward.room(now).min(bytes.len());
        if room > 0 {
            let count = master.read(&mut bytes[..room]).unwrap_or(0);
            inward.carried(count);
            link.receive(&bytes[..count], now_ms);
            if count < room {
                inward.is_idle(now);
            }
        }
        // A new peer: its session begins at zero.
        let _ = link.take_reset();
        let mut control = [0; 256];
        while link.read(Channel::Control, &mut control) > 0 {}
        loop {
            let count = link.read(Channel::Session, &mut bytes);
            if count == 0 {
                break;
            }
            received.fetch_add(count as u64, Ordering::AcqRel);
            // The first byte asks for data.
            left = sends.unwrap_or(0);
        }
        while left > 0 {
            let count = link.write(Channel::Session, &[0xa5; 256][..left.min(256) as usize]);
            left -= count as u64;
            if count == 0 {
                break;
            }
        }
        loop {
            if out.is_empty() {
                let count = link.transmit(now_ms, &mut frame);
                out.extend_from_slice(&frame[..count]);
            }
            if out.is_empty() {
                outward.is_idle(now);
                break;
            }
            let count = outward.room(now).min(out.len());
            let written = if count == 0 {
                0
            } else {
                master.write(&out[..count]).unwrap_or(0)
            };
            if written == 0 {
                break;
            }
            outward.carried(written);
            out.drain(..written);
        }
        std::thread::sleep(LOOK);
    }
}
