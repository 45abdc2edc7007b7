//! `wire.cddl` matches the code: every golden and many random values of every type are valid by it.

mod samples;

use arbitrary::{Arbitrary, Unstructured};
use cddl_cat::{cbor::validate_cbor, context::BasicContext, flatten::flatten_from_str};
use drydock_protocol::{control, device_to_gateway as up, envelope::Envelope, gateway_to_device as down};
use proptest::prelude::*;
use samples::{Form, Sample};

struct Specification {
    rules: BasicContext,
}

impl Specification {
    /// The CDDL library does not support tags: the one tag of the specification is checked here.
    fn read() -> Self {
        let text = include_str!("../wire.cddl");
        assert_eq!(text.matches("#6.").count(), 1);
        let untagged = text.replace("#6.18([", "[").replace("])\n\nmanifest", "]\n\nmanifest");
        let rules = flatten_from_str(&untagged).expect("wire.cddl is CDDL");
        Self {
            rules: BasicContext::new(rules),
        }
    }

    fn check(&self, rule: &str, bytes: &[u8]) -> Result<(), String> {
        let bytes = match rule {
            "any" => return Ok(()),
            "signed-manifest" => bytes.strip_prefix(&[0xD2]).ok_or("no tag 18")?,
            _ => bytes,
        };
        let node = self
            .rules
            .rules
            .get(rule)
            .ok_or_else(|| format!("wire.cddl has no rule {rule}"))?;
        let value: ciborium::Value = ciborium::from_reader(bytes).map_err(|error| error.to_string())?;
        validate_cbor(node, &value, &self.rules).map_err(|error| format!("{rule}: {error} in {value:?}"))
    }
}

#[test]
fn goldens_are_valid() {
    let specification = Specification::read();
    for Sample { name, form, bytes } in samples::all() {
        let result = match form {
            Form::Message(rule) => specification.check("message", &bytes).and_then(|()| match rule {
                Some(rule) => specification.check(rule, Envelope::decode(&bytes).unwrap().body),
                None => Ok(()),
            }),
            Form::Cbor(rule) => specification.check(rule, &bytes),
            Form::Raw => Ok(()),
        };
        assert_eq!(result, Ok(()), "{name}");
    }
}

/// The check can fail.
#[test]
fn what_differs_is_not_valid() {
    let specification = Specification::read();
    for (rule, bytes) in [
        ("package-commit", &b"\xA1\x00\x01"[..]),
        ("package-commit", b"\xA1\x01\xF5"),
        ("package-commit", b"\xA2\x00\xF5\x01\x00"),
        ("package-commit", b"\xA0"),
        ("app-state", b"\x06"),
        ("reply", b"\x82\x03\x80"),
        ("capability", b"\x82\x03\x81\x20"),
        ("signed-manifest", b"\xD1\x80"),
    ] {
        assert!(specification.check(rule, bytes).is_err(), "{rule} takes {bytes:02x?}");
    }
}

/// Encodes a value made of the bytes, checks it by the rule, and decodes it to a value with the same bytes.
macro_rules! conforms {
    ($($test:ident: $type:ty = $rule:literal;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
            $(#[test]
            fn $test(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
                thread_local! {
                    static SPECIFICATION: Specification = Specification::read();
                }
                let value = <$type>::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
                let encoded = minicbor::to_vec(&value).unwrap();
                SPECIFICATION.with(|it| it.check($rule, &encoded)).map_err(TestCaseError::fail)?;
                let decoded: $type = minicbor::decode(&encoded).unwrap();
                prop_assert_eq!(minicbor::to_vec(&decoded).unwrap(), encoded);
            })*
        }
    };
}

conforms! {
    enroll_requests: up::EnrollRequest = "enroll-request";
    hellos: up::Hello = "hello";
    app_reports: up::AppReport = "app-report";
    logs: up::Log = "log";
    metrics: up::Metrics = "metrics";
    app_samples: up::AppSamples<'_> = "app-samples";
    replies: up::Reply = "reply";
    enrolled: down::Enrolled = "enrolled";
    enroll_refusals: down::EnrollRefused = "enroll-refused";
    welcomes: down::Welcome = "welcome";
    package_begins: down::PackageBegin = "package-begin";
    package_chunks: down::PackageChunk<'_> = "package-chunk";
    package_commits: down::PackageCommit = "package-commit";
    app_requests: down::AppRequest = "app-request";
    configurations: down::Configure = "configure";
    pings: down::Ping = "ping";
    words_of_devices: control::FromDevice = "from-device";
    words_of_hosts: control::FromHost = "from-host";
    capabilities: drydock_protocol::capability::Capability = "capability";
    limits: drydock_protocol::manifest::EntryPoints = "entry-points";
}
