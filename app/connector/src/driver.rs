//! A task that carries the link over a byte stream, and the two handles to it.

use crate::{
    rates::{RateSearch, RateStep, Rates},
    session::LinkSession,
    state::LinkState,
};
use drydock_protocol::{
    control::{FromHost, Identity, Pair, PairResult},
    framing,
    link::{MAX_FRAME_BYTES, Stats},
};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

/// Events that wait for the caller. When this queue is full, the device's log and control channels wait too.
const EVENTS: usize = 256;

/// Requests of the caller that wait for the task.
const REQUESTS: usize = 16;

/// Bytes read from the wire at once.
const WIRE_READ_BYTES: usize = 4096;

/// Time for the last bytes to arrive after the host ended a session, before the link restarts.
const FAREWELL: Duration = Duration::from_millis(500);

/// An event of the link.
#[derive(Debug)]
pub enum LinkEvent {
    /// The link came up, for the first time or after a restart of either side. An earlier session is over.
    Up {
        /// The stream for TLS.
        session: LinkSession,
        /// Whether this is the first peer on the stream.
        first: bool,
    },
    /// The identity that the device claims: a hint, not a proof.
    Identity(Identity),
    /// The result of [`LinkHandle::pair`].
    PairResult(PairResult),
    /// A line of the firmware's text log, without its end; lines longer than 1,024 bytes come in pieces.
    Log(String),
    /// The device speaks another version of the link; the link stays down.
    VersionMismatch {
        /// The device's version.
        device: u8,
        /// Ours.
        host: u8,
    },
    /// The wire has another baud rate from now on. See [`LinkDriver::spawn_with_rates`].
    Rate {
        /// Bits per second.
        baud: u32,
        /// The rate before, if it did not carry the link.
        given_up: Option<u32>,
    },
    /// The byte stream ended; the last event.
    Closed(LinkClosed),
}

/// Why the link ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkClosed {
    /// The other end closed the stream.
    #[error("the byte stream to the device ended")]
    End,
    /// The stream failed.
    #[error("the byte stream to the device failed")]
    Stream(#[source] io::Error),
    /// [`LinkHandle::close`] was called.
    #[error("the link was closed")]
    Closed,
}

/// Counters of a link since its driver started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkStats {
    /// Whether the link is up now.
    pub is_up: bool,
    /// Frames, over all lives of the host's side.
    pub frames: Stats,
    /// Bytes received from the wire.
    pub received_bytes: u64,
    /// Bytes sent to the wire.
    pub sent_bytes: u64,
    /// Number of handshakes of the two sides: one, and one more for each restart of either side.
    pub meetings: u32,
    /// Control messages that could not be read.
    pub malformed: u32,
    /// Bits per second of the wire; `None` if it has no rate that could change.
    pub baud: Option<u32>,
}

/// The link over one byte stream; dropping it ends the link and drops the stream.
#[derive(Debug)]
pub struct LinkDriver {
    events: mpsc::Receiver<LinkEvent>,
    handle: LinkHandle,
    task: JoinHandle<()>,
}

/// A handle for requests to a [`LinkDriver`]; all clones control the same driver.
#[derive(Debug, Clone)]
pub struct LinkHandle {
    requests: mpsc::Sender<Request>,
    stats: Arc<Mutex<LinkStats>>,
}

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The driver of this handle is gone.
    #[error("the link is closed")]
    Gone,
    /// The message does not fit a control message.
    #[error("a control message of {bytes} bytes is too long")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

enum Request {
    /// A control message behind its length.
    Say(Vec<u8>),
    Close,
}

impl LinkDriver {
    /// Starts the link's task over a byte stream. The epoch is a number that earlier drivers of the same device did not
    /// use, best a random one.
    pub fn spawn<S>(stream: S, epoch: u32) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        Self::spawn_over(stream, epoch, None)
    }

    /// As [`Self::spawn`], over a wire whose baud rate can change. Once the link is up, the driver agrees with the device on
    /// the highest rate that carries.
    pub fn spawn_with_rates<S>(stream: S, epoch: u32, rates: Rates) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        Self::spawn_over(stream, epoch, Some(rates))
    }

    fn spawn_over<S>(stream: S, epoch: u32, rates: Option<Rates>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (event_sender, events) = mpsc::channel(EVENTS);
        let (requests, request_receiver) = mpsc::channel(REQUESTS);
        let stats = Arc::new(Mutex::new(LinkStats::default()));
        let carrier = Carrier::new(split(stream), epoch, rates, stats.clone());
        Self {
            events,
            handle: LinkHandle { requests, stats },
            task: tokio::spawn(carrier.run(event_sender, request_receiver)),
        }
    }

    /// The next event of the link. `None` after [`LinkEvent::Closed`].
    pub async fn next(&mut self) -> Option<LinkEvent> {
        self.events.recv().await
    }

    /// A handle for others.
    pub fn handle(&self) -> LinkHandle {
        self.handle.clone()
    }
}

impl Drop for LinkDriver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LinkHandle {
    /// Offers a blank device its first trust; [`LinkEvent::PairResult`] answers. The offer is lost if the device
    /// restarts at that moment: its next identity is then still blank.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn pair(&self, pair: Pair) -> Result<(), LinkError> {
        self.request(Request::Say(framed(&FromHost::Pair(pair))?)).await
    }

    /// Asks for [`LinkEvent::Identity`]. The driver also does so by itself whenever the link comes up.
    ///
    /// # Errors
    /// [`LinkError::Gone`].
    pub async fn identify(&self) -> Result<(), LinkError> {
        self.request(Request::Say(framed(&FromHost::Identify)?)).await
    }

    /// Ends the link and drops the stream.
    ///
    /// # Errors
    /// [`LinkError::Gone`] if the link has already ended.
    pub async fn close(&self) -> Result<(), LinkError> {
        self.request(Request::Close).await
    }

    /// Counters of the link.
    pub fn stats(&self) -> LinkStats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn request(&self, request: Request) -> Result<(), LinkError> {
        self.requests.send(request).await.map_err(|_| LinkError::Gone)
    }
}

/// The message with its length in front, as the control channel carries it.
pub(crate) fn framed(message: &FromHost) -> Result<Vec<u8>, LinkError> {
    let bytes = minicbor::to_vec(message).expect("a Vec takes everything");
    framing::framed(&bytes).map_err(|error| LinkError::TooLong { bytes: error.length })
}

/// The task's state: the link, the wire, the session.
struct Carrier<S> {
    link: LinkState,
    wire_in: ReadHalf<S>,
    wire_out: WriteHalf<S>,
    /// The frame that is being sent; its first `frame_sent` bytes are already written.
    frame: [u8; MAX_FRAME_BYTES],
    frame_len: usize,
    frame_sent: usize,
    unflushed: bool,
    /// The driver's end of the session, in halves.
    from_host: Option<ReadHalf<DuplexStream>>,
    to_host: Option<WriteHalf<DuplexStream>>,
    /// Deadline of the link's restart after the host ended the session.
    farewell: Option<Instant>,
    rates: Option<(Rates, RateSearch)>,
    /// Bytes received since the search for a rate was last told.
    received: usize,
    begin: Instant,
    stats: Arc<Mutex<LinkStats>>,
}

impl<S: AsyncRead + AsyncWrite> Carrier<S> {
    fn new(
        (wire_in, wire_out): (ReadHalf<S>, WriteHalf<S>),
        epoch: u32,
        rates: Option<Rates>,
        stats: Arc<Mutex<LinkStats>>,
    ) -> Self {
        let rates = rates.map(|rates| {
            let search = RateSearch::new(rates.first, rates.fastest);
            (rates, search)
        });
        Self {
            link: LinkState::new(epoch),
            wire_in,
            wire_out,
            frame: [0; MAX_FRAME_BYTES],
            frame_len: 0,
            frame_sent: 0,
            unflushed: false,
            from_host: None,
            to_host: None,
            farewell: None,
            rates,
            received: 0,
            begin: Instant::now(),
            stats,
        }
    }

    async fn run(mut self, events: mpsc::Sender<LinkEvent>, mut requests: mpsc::Receiver<Request>) {
        let closed = self.carry(&events, &mut requests).await;
        self.drop_session();
        self.update_stats(|stats| stats.is_up = false);
        // A caller that does not read events must not keep the stream open.
        let _ = timeout(FAREWELL, events.send(LinkEvent::Closed(closed))).await;
    }

    async fn carry(&mut self, events: &mpsc::Sender<LinkEvent>, requests: &mut mpsc::Receiver<Request>) -> LinkClosed {
        let mut wire = vec![0; WIRE_READ_BYTES].into_boxed_slice();
        let mut said = vec![0; 1024].into_boxed_slice();
        loop {
            self.advance();
            if let Err(error) = self.follow_rate().await {
                return LinkClosed::Stream(error);
            }
            let wake = self.wake_at();
            // Only transfers of bytes are awaited here. Each branch keeps its bytes when another one completes first.
            tokio::select! {
                read = self.wire_in.read(&mut wire) => match read {
                    Ok(0) => return LinkClosed::End,
                    Ok(count) => {
                        let now_ms = self.now_ms();
                        self.link.receive(&wire[..count], now_ms);
                        self.received += count;
                        self.update_stats(|stats| stats.received_bytes += count as u64);
                    }
                    Err(error) => return LinkClosed::Stream(error),
                },
                sent = send(&mut self.wire_out, &self.frame[self.frame_sent..self.frame_len], self.unflushed) => match sent {
                    Ok(count) => {
                        self.frame_sent += count;
                        self.unflushed = count > 0;
                        self.update_stats(|stats| stats.sent_bytes += count as u64);
                    }
                    Err(error) => return LinkClosed::Stream(error),
                },
                given = give(&mut self.to_host, self.link.for_session()) => match given {
                    Some(count) => self.link.session_taken(count),
                    // The host's end is gone.
                    None => self.end_session(),
                },
                taken = take(&mut self.from_host, &mut said, self.link.session_room()) => match taken {
                    Some(count) => self.link.write_session(&said[..count]),
                    None => self.end_session(),
                },
                permit = events.reserve(), if self.link.has_events() => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.link.next_event() {
                            permit.send(event);
                        }
                    }
                    Err(_) => return LinkClosed::Closed,
                },
                request = requests.recv(), if self.link.takes_requests() => match request {
                    Some(Request::Say(message)) => self.link.say(&message),
                    Some(Request::Close) | None => return LinkClosed::Closed,
                },
                () = sleep_until(wake.unwrap_or(self.begin)), if wake.is_some() => {}
            }
        }
    }

    /// Everything that needs no waiting.
    fn advance(&mut self) {
        if let Some(farewell) = self.farewell
            && (self.link.session_is_flushed() || Instant::now() >= farewell)
        {
            self.link.restart();
        }
        let begun = self.link.advance();
        if begun.is_some() || !self.link.has_session() {
            self.drop_session();
        }
        if let Some(session) = begun {
            let (from_host, to_host) = split(session);
            self.from_host = Some(from_host);
            self.to_host = Some(to_host);
        }
        self.next_frame();
        let (is_up, frames, meetings, malformed) = self.link.counters();
        self.update_stats(|stats| {
            stats.is_up = is_up;
            stats.frames = frames;
            stats.meetings = meetings;
            stats.malformed = malformed;
        });
    }

    fn next_frame(&mut self) {
        let waits = self.rates.as_ref().is_some_and(|(_, search)| search.holds_frames());
        if self.frame_sent == self.frame_len {
            self.frame_sent = 0;
            let now_ms = self.now_ms();
            self.frame_len = if waits {
                0
            } else {
                self.link.transmit(now_ms, &mut self.frame)
            };
        }
    }

    /// Carries out what the search for a rate wants next. Nothing is read meanwhile; the system keeps what arrives.
    async fn follow_rate(&mut self) -> io::Result<()> {
        let now_ms = self.now_ms();
        let received = std::mem::take(&mut self.received);
        let Some((rates, search)) = &mut self.rates else {
            return Ok(());
        };
        if let Some(answer) = self.link.take_agreed_rate() {
            search.agreed(answer);
        }
        let (is_up, stats, ..) = self.link.counters();
        let step = search.step(is_up, received, stats, now_ms);
        match step {
            None => {}
            Some(RateStep::Ask(baud)) => {
                if let Ok(message) = framed(&FromHost::LinkRate(baud)) {
                    self.link.say(&message);
                }
            }
            // The rest of a frame would be noise at the new rate.
            Some(RateStep::Change(_)) if self.frame_sent < self.frame_len || self.unflushed => return Ok(()),
            Some(RateStep::Change(baud)) => match rates.control.set_baud(baud).await {
                Ok(()) => {
                    search.changed(stats, self.begin.elapsed().as_millis() as u64);
                    // Any answer shows that the rate carries.
                    if let Ok(message) = framed(&FromHost::Identify) {
                        self.link.say(&message);
                    }
                }
                // The adapter cannot have the rate.
                Err(_) => {
                    rates.control.set_baud(rates.first).await?;
                    search.not_changed(stats);
                }
            },
            Some(RateStep::Carries(baud)) => self.link.tell(LinkEvent::Rate { baud, given_up: None }),
            Some(RateStep::GivenUp(baud)) => {
                rates.control.set_baud(rates.first).await?;
                self.link.tell(LinkEvent::Rate {
                    baud: rates.first,
                    given_up: Some(baud),
                });
            }
        }
        let baud = search.baud();
        self.update_stats(|stats| stats.baud = Some(baud));
        if step.is_some() {
            self.link.advance_control();
            self.next_frame();
        }
        Ok(())
    }

    /// The host ended the session. Its last bytes may still arrive; then a restart of the link ends it for the device.
    fn end_session(&mut self) {
        self.drop_session();
        if self.link.leave_session() {
            self.farewell = Some(Instant::now() + FAREWELL);
        }
    }

    fn drop_session(&mut self) {
        self.from_host = None;
        self.to_host = None;
        self.farewell = None;
    }

    fn wake_at(&self) -> Option<Instant> {
        let at = |ms| self.begin + Duration::from_millis(ms);
        let (waits, rate) = match &self.rates {
            Some((_, search)) => (search.holds_frames(), search.deadline_ms().map(at)),
            None => (false, None),
        };
        // While a frame is not fully written, no other frame can be sent, and no rate changed.
        let is_sent = self.frame_sent == self.frame_len && !self.unflushed;
        let link = (self.frame_sent == self.frame_len && !waits)
            .then(|| self.link.next_timeout_ms())
            .flatten()
            .map(at);
        let rate = rate.filter(|_| is_sent || !waits);
        self.farewell.into_iter().chain(link).chain(rate).min()
    }

    fn now_ms(&self) -> u64 {
        self.begin.elapsed().as_millis() as u64
    }

    fn update_stats(&self, update: impl FnOnce(&mut LinkStats)) {
        update(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Sends bytes if there are any, otherwise flushes, otherwise never completes.
async fn send<S: AsyncWrite>(wire: &mut WriteHalf<S>, bytes: &[u8], unflushed: bool) -> io::Result<usize> {
    if !bytes.is_empty() {
        return match wire.write(bytes).await? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            count => Ok(count),
        };
    }
    if unflushed {
        wire.flush().await?;
        return Ok(0);
    }
    std::future::pending().await
}

/// Passes bytes to the host. `None` if its end is closed.
async fn give(to_host: &mut Option<WriteHalf<DuplexStream>>, bytes: &[u8]) -> Option<usize> {
    match to_host {
        Some(to_host) if !bytes.is_empty() => to_host.write(bytes).await.ok(),
        _ => std::future::pending().await,
    }
}

/// Reads at most `room` bytes from the host. `None` if the host's end is closed or shut down.
async fn take(from_host: &mut Option<ReadHalf<DuplexStream>>, out: &mut [u8], room: usize) -> Option<usize> {
    match from_host {
        Some(from_host) if room > 0 => {
            let room = room.min(out.len());
            from_host.read(&mut out[..room]).await.ok().filter(|count| *count > 0)
        }
        _ => std::future::pending().await,
    }
}
