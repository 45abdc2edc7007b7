//! Messages of a session in both directions, and messages on the `control` channel.

use drydock_protocol::app_samples::Records;
use drydock_protocol::control::{FromDevice, FromHost};
use drydock_protocol::device_handler::{DeviceHandler, handle_message};
use drydock_protocol::device_to_gateway::{AppReport, AppSamples, EnrollRequest, Hello, Log, Metrics, Refusal, Reply};
use drydock_protocol::envelope::{Envelope, Kind, encode};
use drydock_protocol::gateway_to_device::{EnrollRefused, Enrolled, Welcome};
use drydock_protocol::package::SignedManifest;

/// Any message gets a well-formed reply with its own id, or none.
pub fn device_message(data: &[u8]) {
    let Some(answer) = handle_message(&mut Willing, data) else {
        return;
    };
    let answer = Envelope::decode(&answer).expect("our own reply");
    assert_eq!(answer.kind, Kind::Reply as u16);
    answer.body::<Reply>().expect("our own reply");
    if let Ok(message) = Envelope::decode(data) {
        assert_eq!(answer.id, message.id);
    }
}

/// Every body that decodes must encode, decode and encode again to the same bytes.
pub fn gateway_message(data: &[u8]) {
    let Ok(envelope) = Envelope::decode(data) else { return };
    if let (Some(Kind::AppSamples), Ok(samples)) = (Kind::from_number(envelope.kind), envelope.body::<AppSamples>()) {
        app_samples(&samples);
    }
    macro_rules! again {
        ($($kind:ident),*) => {
            match Kind::from_number(envelope.kind) {
                $(Some(Kind::$kind) => {
                    let Ok(body) = envelope.body::<$kind>() else { return };
                    let Ok(bytes) = encode(Kind::$kind, envelope.id, &body) else { return };
                    let again = Envelope::decode(&bytes).expect("our own message");
                    let again = again.body::<$kind>().expect("our own body");
                    // bytes and not values are compared: a NaN is not equal to itself
                    assert_eq!(encode(Kind::$kind, envelope.id, &again).expect("it fitted before"), bytes);
                })*
                _ => {}
            }
        };
    }
    again!(
        EnrollRequest,
        Hello,
        AppReport,
        Log,
        Metrics,
        AppSamples,
        Reply,
        Enrolled,
        EnrollRefused,
        Welcome
    );
}

/// The records of an app's samples: their times ascend within a record, and no value takes less than four bytes.
fn app_samples(samples: &AppSamples) {
    let mut count = 0;
    for record in Records::new(samples.begin_us, samples.records).map_while(Result::ok) {
        let times: Vec<u64> = record.samples().map(|(at_us, _)| at_us).collect();
        assert!(times.is_sorted() && times.last() == Some(&record.at_us));
        count += times.len();
    }
    assert!(count * 4 <= samples.records.len());
}

/// The same for both directions of `control`.
pub fn control(data: &[u8]) {
    if let Ok(value) = minicbor::decode::<FromDevice>(data) {
        let bytes = minicbor::to_vec(&value).expect("a vector takes any length");
        assert_eq!(minicbor::decode::<FromDevice>(&bytes).expect("our own bytes"), value);
    }
    if let Ok(value) = minicbor::decode::<FromHost>(data) {
        let bytes = minicbor::to_vec(&value).expect("a vector takes any length");
        assert_eq!(minicbor::decode::<FromHost>(&bytes).expect("our own bytes"), value);
    }
}

/// A device that accepts every request, so that every path of the dispatch is reached.
struct Willing;

impl DeviceHandler for Willing {
    fn welcome(&mut self, _: &Welcome) {}
    fn package_begin(&mut self, signed: &SignedManifest<'_>) -> Result<(), Refusal> {
        let _ = signed.manifest();
        Ok(())
    }
    fn package_chunk(&mut self, offset: u32, data: &[u8]) -> Result<u32, Refusal> {
        Ok(offset.saturating_add(data.len() as u32))
    }
    fn package_commit(&mut self, _: bool) -> Result<(), Refusal> {
        Ok(())
    }
    fn package_abort(&mut self) {}
    fn app_start(&mut self, _: &str) -> Result<(), Refusal> {
        Ok(())
    }
    fn app_stop(&mut self, _: &str) -> Result<(), Refusal> {
        Ok(())
    }
    fn app_remove(&mut self, _: &str) -> Result<(), Refusal> {
        Ok(())
    }
    fn configure(&mut self, _: u32) {}
    fn time(&mut self, _: u64) {}
    fn wipe(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
}
