//! `drydock-enroll/1`: one request, one answer, then the connection is closed.

use super::{
    SessionService,
    serve::{Incoming, read_message},
};
use crate::{
    clock::{Clock, elapsed},
    enrollment::EnrollmentRefusal,
};
use drydock_protocol::{
    device_to_gateway::EnrollRequest,
    envelope::{Envelope, Kind, encode},
    framing,
    gateway_to_device::{EnrollRefusalCode, EnrollRefused},
    limits::PROTOCOL_VERSION,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

pub(super) async fn serve<S>(
    service: &SessionService,
    mut tls: TlsStream<S>,
    peer: &str,
    clock: &dyn Clock,
    ending: &CancellationToken,
) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut incoming = Incoming::default();
    let message = tokio::select! {
        message = read_message(&mut tls, &mut incoming) => message,
        () = elapsed(clock, service.limits.hello_timeout_ms) => Err("no enrollment request came in time".to_owned()),
        () = ending.cancelled() => Err("the gateway closed the connection".to_owned()),
    };
    let message = match message {
        Ok(message) => message,
        Err(reason) => return service.audit.connection_refused(peer, reason).await,
    };
    let (id, result) = match request(&message) {
        Ok((id, request)) => (id, service.enrollment.enroll(request, peer).await),
        Err(detail) => {
            let refused = EnrollmentRefusal::new(EnrollRefusalCode::BadRequest, detail);
            service.audit.enrollment_refused(None, peer, &refused.detail).await;
            (0, Err(refused))
        }
    };
    let (answer, sentence) = match result {
        Ok(enrolled) => (
            encode(Kind::Enrolled, id, &enrolled),
            format!("{} was enrolled", enrolled.device_id),
        ),
        Err(EnrollmentRefusal { code, detail }) => {
            let sentence = format!("enrollment was refused: {detail}");
            (
                encode(Kind::EnrollRefused, id, &EnrollRefused { code, detail }),
                sentence,
            )
        }
    };
    let Ok(answer) = answer else {
        return service
            .audit
            .connection_refused(peer, "the answer to the enrollment does not fit a message".to_owned())
            .await;
    };
    let farewell = async {
        let framed = framing::framed(&answer).map_err(std::io::Error::other)?;
        tls.write_all(&framed).await?;
        tls.shutdown().await?;
        // The peer closes after it has read the answer. Anything else that it sends is discarded.
        let mut rest = [0; 64];
        while tls.read(&mut rest).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    tokio::select! {
        _ = farewell => {}
        () = elapsed(clock, service.limits.hello_timeout_ms) => {}
        () = ending.cancelled() => {}
    }
    sentence
}

fn request(message: &[u8]) -> Result<(u32, EnrollRequest), &'static str> {
    let envelope = Envelope::decode(message).map_err(|_| "the request has no valid form")?;
    if envelope.version != PROTOCOL_VERSION {
        return Err("the request is of another protocol version; update the firmware or Drydock");
    }
    if Kind::from_number(envelope.kind) != Some(Kind::EnrollRequest) {
        return Err("only enrollment is spoken here");
    }
    let body = envelope.body().map_err(|_| "the request has no valid form")?;
    Ok((envelope.id, body))
}
