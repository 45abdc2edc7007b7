//! `drydock/1`: the life of one session, from the device's hello to its end.

use super::{DeviceSession, EndReason, SessionService, report_rate::ReportRate};
use crate::{
    clock::{Clock, elapsed},
    gateway::PeerLabel,
    pki::DeviceCertificate,
};
use drydock_protocol::{
    device_to_gateway::{AppReport, AppSamples, Hello, Log, Metrics, Reply},
    envelope::{Envelope, Kind, encode},
    framing,
    gateway_to_device::{Configure, Welcome},
    limits::{MAX_MESSAGE_BYTES, PROTOCOL_VERSION},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{OwnedSemaphorePermit, mpsc},
    time::Instant,
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// Of the interval of metrics, for each device that has a session.
const METRICS_MS_EACH: u32 = 10;
/// Longest interval that the gateway chooses itself: a device must count as unreachable before its connection is closed.
const METRICS_INTERVAL_MS_MAX: u32 = 10_000;

/// Longest wait for a peer that does not read our close message.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) async fn serve<S>(
    service: Arc<SessionService>,
    mut tls: TlsStream<S>,
    peer: PeerLabel,
    clock: Arc<dyn Clock>,
    ending: CancellationToken,
    handshake: OwnedSemaphorePermit,
) -> String
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let certificate = tls.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let Some(certificate) = certificate.and_then(|certificate| service.verifier.device(certificate)) else {
        return service
            .audit
            .connection_refused(&peer.label, "the peer showed no device certificate".to_owned())
            .await;
    };
    let mut incoming = Incoming::default();
    let hello = tokio::select! {
        message = read_message(&mut tls, &mut incoming) => message.and_then(|message| parse_hello(&message)),
        () = elapsed(&*clock, service.limits.hello_timeout_ms) => Err("the device did not introduce itself in time".to_owned()),
        () = ending.cancelled() => Err("the gateway closed the connection".to_owned()),
    };
    drop(handshake);
    let hello = match hello {
        Ok(hello) => saved(&peer).await.map(|()| hello),
        Err(reason) => Err(reason),
    };
    match hello {
        Ok(hello) => session(service, tls, incoming, certificate, hello, peer, clock, ending).await,
        Err(reason) => service.audit.connection_refused(&peer.label, reason).await,
    }
}

/// A device's report about its apps depends on its flash, which is therefore saved first.
async fn saved(peer: &PeerLabel) -> Result<(), String> {
    match &peer.storage {
        Some(storage) => storage.persist().await.map_err(not_saved),
        None => Ok(()),
    }
}

fn not_saved(error: std::io::Error) -> String {
    format!("the device's flash cannot be saved: {error}")
}

#[allow(clippy::too_many_arguments)]
async fn session<S>(
    service: Arc<SessionService>,
    tls: TlsStream<S>,
    incoming: Incoming,
    certificate: DeviceCertificate,
    hello: Hello,
    peer: PeerLabel,
    clock: Arc<dyn Clock>,
    ending: CancellationToken,
) -> String
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let metrics_interval_ms = metrics_interval_ms(service.limits.metrics_interval_ms, service.table.len());
    let make = |id| {
        DeviceSession::new(
            id,
            certificate.device.clone(),
            peer.clone(),
            clock,
            service.limits.reply_timeout_ms,
            metrics_interval_ms,
            ending,
        )
    };
    let (session, outgoing) = match service.registry.connect(&certificate, hello, make).await {
        Ok(connected) => connected,
        Err(reason) => return service.audit.connection_refused(&peer.label, reason).await,
    };
    let (reader, writer) = tokio::io::split(tls);
    let writing = service
        .lifetime
        .tasks
        .spawn(write_messages(session.clone(), writer, outgoing));
    let welcome = Welcome {
        session_id: session.id,
        time_ms: session.clock.unix_ms(),
        metrics_interval_ms,
    };
    let reconciling = match encode(Kind::Welcome, 0, &welcome) {
        Ok(message) if session.put(&message).await.is_ok() => Some(
            service
                .lifetime
                .tasks
                .spawn(crate::deploy::reconcile(service.deployments.clone(), session.clone())),
        ),
        _ => None,
    };
    let end = read_messages(&service, &session, reader, incoming).await;
    session.ending.cancel();
    session.forget_pending();
    if let Some(reconciling) = reconciling {
        let _ = reconciling.await;
    }
    let _ = writing.await;
    let sentence = match session.end_reason() {
        Some(reason) => reason.sentence().to_owned(),
        None if service.lifetime.shutdown.is_cancelled() => EndReason::Closing.sentence().to_owned(),
        None => end,
    };
    if let Err(error) = service.registry.disconnected(&session, &sentence).await {
        tracing::warn!(%error, device = %session.device, "the end of a session could not be recorded");
    }
    sentence
}

/// The metrics interval for a number of sessions. Beyond a hundred sessions the interval grows with their number, so that
/// the total rate stays that of a hundred devices.
fn metrics_interval_ms(least_ms: u32, sessions: usize) -> u32 {
    let by_number = u32::try_from(sessions)
        .unwrap_or(u32::MAX)
        .saturating_mul(METRICS_MS_EACH);
    least_ms.max(by_number.min(METRICS_INTERVAL_MS_MAX))
}

/// Reads until the end; returns one sentence about it.
async fn read_messages<S>(
    service: &SessionService,
    session: &Arc<DeviceSession>,
    mut reader: ReadHalf<TlsStream<S>>,
    mut incoming: Incoming,
) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut reports = ReportRate::new(Instant::now());
    loop {
        let message = tokio::select! {
            message = read_message(&mut reader, &mut incoming) => message,
            () = session.ending.cancelled() => return "the gateway closed the connection".to_owned(),
        };
        let result = match message {
            Ok(message) => take_message(service, session, &message, &mut reports).await,
            Err(reason) => Err(reason),
        };
        if let Err(reason) = result {
            return reason;
        }
    }
}

async fn take_message(
    service: &SessionService,
    session: &Arc<DeviceSession>,
    message: &[u8],
    reports: &mut ReportRate,
) -> Result<(), String> {
    let malformed = |_| "the device sent a message without a valid form".to_owned();
    let envelope = Envelope::decode(message).map_err(malformed)?;
    session.heard();
    if session.silent.swap(false, Ordering::SeqCst) {
        service
            .registry
            .returned(session)
            .await
            .map_err(|error| error.to_string())?;
    }
    let time_ms = session.heard_unix_ms();
    match Kind::from_number(envelope.kind) {
        Some(Kind::Metrics) => {
            let metrics: Metrics = envelope.body().map_err(malformed)?;
            session.uptime_ms.store(metrics.uptime_ms, Ordering::Relaxed);
            service.telemetry.of(&session.device).take_metrics(time_ms, metrics);
            // The device has just been heard, so that a shorter interval does not make it look silent.
            adapt_interval(service, session).await;
        }
        Some(Kind::Log) => {
            let log: Log = envelope.body().map_err(malformed)?;
            service.telemetry.of(&session.device).take_log(time_ms, log);
        }
        Some(Kind::AppSamples) => {
            let samples: AppSamples<'_> = envelope.body().map_err(malformed)?;
            let telemetry = service.telemetry.of(&session.device);
            telemetry
                .take_app_samples(time_ms, &samples)
                .map_err(|error| format!("the device sent a message without a valid form: {error}"))?;
        }
        Some(Kind::Reply) => {
            let reply: Reply = envelope.body().map_err(malformed)?;
            session.replied(envelope.id, reply);
        }
        Some(Kind::AppReport) => {
            let report: AppReport = envelope.body().map_err(malformed)?;
            session.persist().await.map_err(not_saved)?;
            service
                .registry
                .report(session, report)
                .await
                .map_err(|error| error.to_string())?;
            session.wake.notify_one();
            let wait = reports.count(Instant::now());
            if !wait.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = session.ending.cancelled() => {}
                }
            }
        }
        Some(kind) => {
            return Err(format!(
                "the device sent a message that has no place in a session ({kind:?})"
            ));
        }
        // A newer firmware may say more than we know.
        None => tracing::debug!(kind = envelope.kind, device = %session.device, "unknown message"),
    }
    Ok(())
}

/// Sends a device a new metrics interval when the number of sessions has changed much.
async fn adapt_interval(service: &SessionService, session: &Arc<DeviceSession>) {
    let metrics_interval_ms = metrics_interval_ms(service.limits.metrics_interval_ms, service.table.len());
    if session.takes_interval(metrics_interval_ms) {
        // No reply is awaited: the next metrics show the new interval.
        let _ = session.send(Kind::Configure, &Configure { metrics_interval_ms }).await;
    }
}

async fn write_messages<S>(
    session: Arc<DeviceSession>,
    mut writer: WriteHalf<TlsStream<S>>,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let message = tokio::select! {
            message = outgoing.recv() => message,
            () = session.ending.cancelled() => None,
        };
        let Some(message) = message else { break };
        // One write, one record of at most 1 KiB: the limit of devices.
        let written = async {
            writer.write_all(&message).await?;
            writer.flush().await
        };
        let written = tokio::select! {
            written = written => written,
            () = session.ending.cancelled() => break,
        };
        if written.is_err() {
            session.ending.cancel();
            break;
        }
    }
    let _ = tokio::time::timeout(FAREWELL, writer.shutdown()).await;
}

/// Bytes of a stream that are read but not taken yet.
#[derive(Default)]
pub(super) struct Incoming {
    reader: framing::Reader,
    buffer: Vec<u8>,
    taken: usize,
}

/// The next message of a stream, or one sentence about its end. Cancel safe: nothing is lost if this is dropped while
/// it waits.
pub(super) async fn read_message<R: AsyncRead + Unpin>(
    stream: &mut R,
    incoming: &mut Incoming,
) -> Result<Vec<u8>, String> {
    loop {
        let mut rest = &incoming.buffer[incoming.taken..];
        let message = incoming.reader.next(&mut rest);
        let left = rest.len();
        let message = message.map_err(|error| error.to_string())?.map(<[u8]>::to_vec);
        incoming.taken = incoming.buffer.len() - left;
        if let Some(message) = message {
            return Ok(message);
        }
        let mut bytes = [0; MAX_MESSAGE_BYTES + framing::LENGTH_BYTES];
        let count = stream
            .read(&mut bytes)
            .await
            .map_err(|error| format!("the connection broke: {error}"))?;
        if count == 0 {
            return Err("the device closed the connection".to_owned());
        }
        incoming.buffer.clear();
        incoming.buffer.extend_from_slice(&bytes[..count]);
        incoming.taken = 0;
    }
}

fn parse_hello(message: &[u8]) -> Result<Hello, String> {
    let envelope = Envelope::decode(message).map_err(|error| error.to_string())?;
    if envelope.version != PROTOCOL_VERSION {
        return Err(format!(
            "the device speaks protocol version {}, this gateway {PROTOCOL_VERSION}; update the firmware or Drydock",
            envelope.version
        ));
    }
    if Kind::from_number(envelope.kind) != Some(Kind::Hello) {
        return Err("the device did not begin with its hello".to_owned());
    }
    envelope.body().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::metrics_interval_ms;

    #[test]
    fn many_devices_tell_more_rarely() {
        for (sessions, interval_ms) in [
            (0, 1_000),
            (100, 1_000),
            (300, 3_000),
            (1_000, 10_000),
            (9_999_999, 10_000),
        ] {
            assert_eq!(metrics_interval_ms(1_000, sessions), interval_ms, "{sessions}");
        }
        assert_eq!(
            metrics_interval_ms(30_000, 1_000),
            30_000,
            "what was configured is the least"
        );
    }
}
