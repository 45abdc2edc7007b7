//! The dispatch of the gateway's messages on a device. The firmware and the simulated devices implement [`DeviceHandler`];
//! [`handle_message`] decodes a message, calls the handler and encodes the reply.

use crate::{
    device_to_gateway::{Refusal, RefusalCode, Reply},
    envelope::{self, DecodeError, Envelope, Kind},
    gateway_to_device::{AppRequest, Configure, PackageBegin, PackageChunk, PackageCommit, Ping, Welcome},
    limits::{MAX_METRICS_INTERVAL_MS, MIN_METRICS_INTERVAL_MS, PROTOCOL_VERSION},
    manifest::is_app_name,
    package::{self, SignedManifest},
};
use alloc::{format, vec::Vec};

/// The requests that a device serves. A refused request changes nothing.
pub trait DeviceHandler {
    /// The session is established.
    fn welcome(&mut self, welcome: &Welcome);

    /// Begins a transfer and gives up the current one, if any. The signature is not verified yet.
    ///
    /// # Errors
    /// The manifest's signature, sequence, target, capabilities, size or memory cannot be accepted.
    fn package_begin(&mut self, signed: &SignedManifest<'_>) -> Result<(), Refusal>;

    /// Takes a piece of the module and returns the next offset.
    ///
    /// # Errors
    /// No current transfer, an offset that is not the next, more data than announced, flash that cannot be written.
    fn package_chunk(&mut self, offset: u32, data: &[u8]) -> Result<u32, Refusal>;

    /// Checks the transferred package, commits it and, if `start`, runs it in place of an older version.
    ///
    /// # Errors
    /// Size or digest, a module that does not validate, flash.
    fn package_commit(&mut self, start: bool) -> Result<(), Refusal>;

    /// Gives up the current transfer, if any.
    fn package_abort(&mut self);

    /// Starts an app, now and after each reset.
    ///
    /// # Errors
    /// No such app, no memory.
    fn app_start(&mut self, app: &str) -> Result<(), Refusal>;

    /// Stops an app, now and after each reset.
    ///
    /// # Errors
    /// No such app.
    fn app_stop(&mut self, app: &str) -> Result<(), Refusal>;

    /// Stops and removes an app; its high-water mark stays.
    ///
    /// # Errors
    /// No such app, flash.
    fn app_remove(&mut self, app: &str) -> Result<(), Refusal>;

    /// Changes the interval of metrics, which is within the allowed range.
    fn configure(&mut self, metrics_interval_ms: u32);

    /// The gateway's time in milliseconds since the Unix epoch.
    fn time(&mut self, unix_ms: u64);

    /// Erases identity and apps and restarts blank, once the reply has been sent.
    ///
    /// # Errors
    /// Flash.
    fn wipe(&mut self) -> Result<(), Refusal>;
}

/// Handles one message of an established session, without its length prefix. Returns the reply to send, if any.
pub fn handle_message(handler: &mut impl DeviceHandler, message: &[u8]) -> Option<Vec<u8>> {
    let envelope = match Envelope::decode(message) {
        Ok(envelope) => envelope,
        // The id is unknown; 0 stands for that.
        Err(error) => return reply(0, &Reply::Refused(malformed(error))),
    };
    let answer = match dispatch(handler, &envelope) {
        Ok(answer) => answer?,
        Err(refusal) => Reply::Refused(refusal),
    };
    reply(envelope.id, &answer)
}

fn dispatch(handler: &mut impl DeviceHandler, envelope: &Envelope<'_>) -> Result<Option<Reply>, Refusal> {
    if envelope.version != PROTOCOL_VERSION {
        let detail = format!("version {} is not known here, {PROTOCOL_VERSION} is", envelope.version);
        return Err(Refusal::new(RefusalCode::Unsupported, &detail));
    }
    match Kind::from_number(envelope.kind) {
        Some(Kind::Welcome) => {
            handler.welcome(&body::<Welcome>(envelope)?);
            return Ok(None);
        }
        Some(Kind::PackageBegin) => {
            let begin: PackageBegin = body(envelope)?;
            let signed = package::parse(&begin.envelope)
                .map_err(|error| Refusal::new(RefusalCode::Malformed, &format!("{error}")))?;
            handler.package_begin(&signed)?;
        }
        Some(Kind::PackageChunk) => {
            let chunk: PackageChunk<'_> = body(envelope)?;
            return handler
                .package_chunk(chunk.offset, chunk.data)
                .map(|next| Some(Reply::ChunkTaken(next)));
        }
        Some(Kind::PackageCommit) => handler.package_commit(body::<PackageCommit>(envelope)?.start)?,
        Some(Kind::PackageAbort) => handler.package_abort(),
        Some(Kind::AppStart) => handler.app_start(&app(envelope)?)?,
        Some(Kind::AppStop) => handler.app_stop(&app(envelope)?)?,
        Some(Kind::AppRemove) => handler.app_remove(&app(envelope)?)?,
        Some(Kind::Configure) => {
            let interval_ms = body::<Configure>(envelope)?.metrics_interval_ms;
            if !(MIN_METRICS_INTERVAL_MS..=MAX_METRICS_INTERVAL_MS).contains(&interval_ms) {
                let detail = format!(
                    "an interval of {interval_ms} ms; allowed are {MIN_METRICS_INTERVAL_MS} to {MAX_METRICS_INTERVAL_MS}"
                );
                return Err(Refusal::new(RefusalCode::Malformed, &detail));
            }
            handler.configure(interval_ms);
        }
        Some(Kind::Ping) => handler.time(body::<Ping>(envelope)?.time_ms),
        Some(Kind::Wipe) => handler.wipe()?,
        _ => {
            let detail = format!("kind {} is not known here", envelope.kind);
            return Err(Refusal::new(RefusalCode::Unsupported, &detail));
        }
    }
    Ok(Some(Reply::Done))
}

fn app(envelope: &Envelope<'_>) -> Result<alloc::string::String, Refusal> {
    let request: AppRequest = body(envelope)?;
    if is_app_name(&request.app) {
        Ok(request.app)
    } else {
        Err(Refusal::new(RefusalCode::Malformed, "that is no name of an app"))
    }
}

fn body<'a, T: minicbor::Decode<'a, ()>>(envelope: &Envelope<'a>) -> Result<T, Refusal> {
    envelope.body().map_err(malformed)
}

fn malformed(error: DecodeError) -> Refusal {
    Refusal::new(RefusalCode::Malformed, &format!("{error}"))
}

fn reply(id: u32, reply: &Reply) -> Option<Vec<u8>> {
    envelope::encode(Kind::Reply, id, reply).ok()
}
