//! The session of one device as other services see it, and the table of current sessions. The connection's task owns the
//! stream; requests reach it through a bounded queue.

use crate::{clock::Clock, device_storage::DeviceStorage, domain::DeviceId, gateway::PeerLabel, registry::MAX_DOUBTS};
use drydock_protocol::{
    device_to_gateway::Reply,
    envelope::{self, Kind},
    framing,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Messages that wait to be written to one device.
const OUTBOX: usize = 16;
/// Requests of one session that wait for their reply.
const MAX_PENDING: usize = 64;

/// The session of each device that has one.
#[derive(Default)]
pub(crate) struct SessionTable {
    current: RwLock<HashMap<DeviceId, Arc<DeviceSession>>>,
}

/// One device's session, as others see it. The connection's task owns the stream.
pub(crate) struct DeviceSession {
    pub(crate) id: u64,
    pub(crate) device: DeviceId,
    pub(crate) peer: String,
    pub(crate) clock: Arc<dyn Clock>,
    storage: Option<Arc<dyn DeviceStorage>>,
    /// Wakes the reconciler.
    pub(crate) wake: Notify,
    /// Cancelled when the session shall end.
    pub(crate) ending: CancellationToken,
    /// Set while the device counts as unreachable.
    pub(crate) silent: AtomicBool,
    pub(crate) uptime_ms: AtomicU64,
    heard_ms: AtomicU64,
    heard_unix_ms: AtomicU64,
    reason: Mutex<Option<EndReason>>,
    outbox: mpsc::Sender<Vec<u8>>,
    pending: Mutex<HashMap<u32, oneshot::Sender<Reply>>>,
    next_id: AtomicU32,
    reply_timeout_ms: u64,
    /// The interval that was sent last.
    metrics_interval_ms: AtomicU32,
    /// A user chose the interval: the gateway does not change it.
    interval_is_asked_for: AtomicBool,
    /// Doubtful reports so far.
    doubts: AtomicU32,
}

/// Why a session was ended from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The device opened another one.
    Superseded,
    /// The device's certificate was revoked.
    Revoked,
    /// Nothing was heard for too long.
    Idle,
    /// The gateway closes.
    Closing,
}

/// A request that waits for its reply.
pub(crate) struct PendingReply {
    id: u32,
    session: Arc<DeviceSession>,
    reply: oneshot::Receiver<Reply>,
}

/// The session ended, or the device did not answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoAnswer;

impl SessionTable {
    pub(crate) fn get(&self, device: &DeviceId) -> Option<Arc<DeviceSession>> {
        let current = self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        current.get(device).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<DeviceSession>> {
        let current = self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        current.values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.current
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .len()
    }

    /// Makes a session the device's current one; the previous one ends as superseded.
    pub(crate) fn enter(&self, session: Arc<DeviceSession>) {
        let mut current = self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let old = current.insert(session.device.clone(), session);
        drop(current);
        if let Some(old) = old {
            old.end(EndReason::Superseded);
        }
    }

    /// Removes a session, if it is still the device's current one.
    pub(crate) fn leave(&self, session: &DeviceSession) -> bool {
        let mut current = self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_current = current.get(&session.device).is_some_and(|known| known.id == session.id);
        if is_current {
            current.remove(&session.device);
        }
        is_current
    }
}

impl DeviceSession {
    pub(super) fn new(
        id: u64,
        device: DeviceId,
        peer: PeerLabel,
        clock: Arc<dyn Clock>,
        reply_timeout_ms: u64,
        metrics_interval_ms: u32,
        ending: CancellationToken,
    ) -> (Arc<Self>, mpsc::Receiver<Vec<u8>>) {
        let (outbox, outgoing) = mpsc::channel(OUTBOX);
        let session = Self {
            id,
            device,
            peer: peer.label,
            storage: peer.storage,
            wake: Notify::new(),
            ending,
            silent: AtomicBool::new(false),
            uptime_ms: AtomicU64::new(0),
            heard_ms: AtomicU64::new(clock.now_ms()),
            heard_unix_ms: AtomicU64::new(clock.unix_ms()),
            clock,
            reason: Mutex::new(None),
            outbox,
            pending: Mutex::default(),
            next_id: AtomicU32::new(1),
            reply_timeout_ms,
            metrics_interval_ms: AtomicU32::new(metrics_interval_ms),
            interval_is_asked_for: AtomicBool::new(false),
            doubts: AtomicU32::new(0),
        };
        (Arc::new(session), outgoing)
    }

    /// Ends the session; the first reason counts.
    pub(crate) fn end(&self, reason: EndReason) {
        lock(&self.reason).get_or_insert(reason);
        self.ending.cancel();
    }

    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        *lock(&self.reason)
    }

    /// Waits until the flash behind the device's reports is saved; see [`DeviceStorage`].
    pub(crate) async fn persist(&self) -> std::io::Result<()> {
        match &self.storage {
            Some(storage) => storage.persist().await,
            None => Ok(()),
        }
    }

    /// Sends a request that changes the device's flash, and waits for its reply and until the change is saved.
    pub(crate) async fn request_lasting<T: minicbor::Encode<()>>(
        self: &Arc<Self>,
        kind: Kind,
        body: &T,
    ) -> Result<Reply, NoAnswer> {
        let reply = self.request(kind, body).await?;
        self.persist().await.map_err(|error| {
            tracing::warn!(%error, device = %self.device, "the device's flash cannot be saved; it is asked again");
            NoAnswer
        })?;
        Ok(reply)
    }

    /// Notes that the device was heard just now.
    pub(super) fn heard(&self) {
        self.heard_ms.store(self.clock.now_ms(), Ordering::Relaxed);
        self.heard_unix_ms.store(self.clock.unix_ms(), Ordering::Relaxed);
    }

    /// How long the device may be silent before it counts as unreachable: two and a half of its intervals, but at least
    /// `least_ms`.
    pub(crate) fn patience_ms(&self, least_ms: u64) -> u64 {
        least_ms.max(u64::from(self.metrics_interval_ms.load(Ordering::Relaxed)) * 5 / 2)
    }

    /// Keeps an interval that a user chose.
    pub(crate) fn keeps_interval(&self, interval_ms: u32) {
        self.interval_is_asked_for.store(true, Ordering::Relaxed);
        self.metrics_interval_ms.store(interval_ms, Ordering::Relaxed);
    }

    /// Adopts a new interval if it differs from the present one by a factor of two or more; returns whether it did.
    pub(super) fn takes_interval(&self, interval_ms: u32) -> bool {
        let present_ms = self.metrics_interval_ms.load(Ordering::Relaxed);
        let (less, more) = (present_ms.min(interval_ms), present_ms.max(interval_ms));
        let differs = !self.interval_is_asked_for.load(Ordering::Relaxed) && more >= less.saturating_mul(2);
        if differs {
            self.metrics_interval_ms.store(interval_ms, Ordering::Relaxed);
        }
        differs
    }

    /// Counts a doubtful report; returns whether it is among the first ones, which are recorded.
    pub(crate) fn counts_doubt(&self) -> bool {
        self.doubts.fetch_add(1, Ordering::Relaxed) < MAX_DOUBTS
    }

    /// Milliseconds of the link's clock since the device was heard.
    pub(crate) fn silence_ms(&self) -> u64 {
        self.clock
            .now_ms()
            .saturating_sub(self.heard_ms.load(Ordering::Relaxed))
    }

    /// When the device was heard, in milliseconds since the Unix epoch.
    pub(crate) fn heard_unix_ms(&self) -> u64 {
        self.heard_unix_ms.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for its reply.
    pub(crate) async fn request<T: minicbor::Encode<()>>(
        self: &Arc<Self>,
        kind: Kind,
        body: &T,
    ) -> Result<Reply, NoAnswer> {
        self.send(kind, body).await?.reply().await
    }

    /// Sends a request without a body and waits for its reply.
    pub(crate) async fn request_empty(self: &Arc<Self>, kind: Kind) -> Result<Reply, NoAnswer> {
        let (id, pending) = self.expect_reply()?;
        self.put(&envelope::encode_empty(kind, id)).await?;
        pending.reply().await
    }

    /// Sends a request; the reply is waited for later.
    pub(crate) async fn send<T: minicbor::Encode<()>>(
        self: &Arc<Self>,
        kind: Kind,
        body: &T,
    ) -> Result<PendingReply, NoAnswer> {
        let (id, pending) = self.expect_reply()?;
        self.put(&envelope::encode(kind, id, body).map_err(|_| NoAnswer)?)
            .await?;
        Ok(pending)
    }

    fn expect_reply(self: &Arc<Self>) -> Result<(u32, PendingReply), NoAnswer> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed).max(1);
        let (sender, reply) = oneshot::channel();
        let mut pending = lock(&self.pending);
        if pending.len() >= MAX_PENDING {
            return Err(NoAnswer);
        }
        pending.insert(id, sender);
        drop(pending);
        let session = self.clone();
        Ok((id, PendingReply { id, session, reply }))
    }

    /// Passes a reply to its waiting caller.
    pub(super) fn replied(&self, id: u32, reply: Reply) {
        if let Some(waiting) = lock(&self.pending).remove(&id) {
            // The caller may have timed out.
            let _ = waiting.send(reply);
        }
    }

    /// The session ended: pending requests get no reply.
    pub(super) fn forget_pending(&self) {
        lock(&self.pending).clear();
    }

    pub(super) async fn put(&self, message: &[u8]) -> Result<(), NoAnswer> {
        let framed = framing::framed(message).map_err(|_| NoAnswer)?;
        tokio::select! {
            sent = self.outbox.send(framed) => sent.map_err(|_| NoAnswer),
            () = self.ending.cancelled() => Err(NoAnswer),
        }
    }
}

impl PendingReply {
    /// Waits for the reply, at most for the limit on the link's clock.
    pub(crate) async fn reply(mut self) -> Result<Reply, NoAnswer> {
        tokio::select! {
            // A reply that arrived before the end counts: a wiped device replies and then disconnects.
            biased;
            reply = &mut self.reply => reply.map_err(|_| NoAnswer),
            () = crate::clock::elapsed(&*self.session.clock, self.session.reply_timeout_ms) => Err(NoAnswer),
            () = self.session.ending.cancelled() => Err(NoAnswer),
        }
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        lock(&self.session.pending).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
