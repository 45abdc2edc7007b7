//! Fixed bytes of the wire format: `goldens/v1/*.bin`, with their CBOR diagnostic notation or a hexadecimal dump beside
//! them in `*.txt`.
//!
//! `DRYDOCK_RENEW=1 cargo test -p drydock-protocol --test goldens` writes missing goldens. It never changes an existing
//! one: released bytes are not edited. A change of the bytes needs a new protocol version.

mod samples;

use samples::{Form, Sample};
use std::{collections::BTreeSet, fs, path::PathBuf};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("goldens/v1")
}

fn renews() -> bool {
    std::env::var_os("DRYDOCK_RENEW").is_some()
}

fn diagnostic(sample: &Sample) -> String {
    match sample.form {
        Form::Raw => {
            let lines: Vec<String> = sample
                .bytes
                .chunks(16)
                .map(|row| {
                    let bytes: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
                    bytes.join(" ") + "\n"
                })
                .collect();
            lines.concat()
        }
        Form::Message(_) | Form::Cbor(_) => format!("{}\n", minicbor::display(&sample.bytes)),
    }
}

#[test]
fn no_byte_on_the_wire_has_changed() {
    let directory = directory();
    let mut names = BTreeSet::new();
    for sample in samples::all() {
        for (ending, content) in [("bin", sample.bytes.clone()), ("txt", diagnostic(&sample).into_bytes())] {
            let name = format!("{}.{ending}", sample.name);
            let path = directory.join(&name);
            assert!(names.insert(name), "{} is there twice", sample.name);
            if renews() && !path.exists() {
                fs::create_dir_all(&directory).unwrap();
                fs::write(&path, &content).unwrap();
            }
            let golden = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(
                golden == content,
                "{} has drifted.\ngolden {golden:02x?}\n  code {content:02x?}\nNew bytes need a new protocol version.",
                path.display()
            );
        }
    }
    let there: BTreeSet<String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, names, "goldens without a sample, or samples without a golden");
}

/// The code decodes the bytes that it wrote, and encodes the same bytes again.
#[test]
fn goldens_are_read_and_written_back() {
    use drydock_protocol::{
        control, device_to_gateway as up, envelope::*, gateway_to_device as down, manifest, package, section,
    };

    fn again<'a, T: minicbor::Encode<()> + minicbor::Decode<'a, ()>>(bytes: &'a [u8]) -> Vec<u8> {
        minicbor::to_vec(minicbor::decode::<T>(bytes).unwrap()).unwrap()
    }
    fn body_again(message: &Envelope<'_>) -> Vec<u8> {
        let body = message.body;
        match Kind::from_number(message.kind).unwrap() {
            Kind::EnrollRequest => again::<up::EnrollRequest>(body),
            Kind::Hello => again::<up::Hello>(body),
            Kind::AppReport => again::<up::AppReport>(body),
            Kind::Log => again::<up::Log>(body),
            Kind::Metrics => again::<up::Metrics>(body),
            Kind::Reply => again::<up::Reply>(body),
            Kind::AppSamples => again::<up::AppSamples<'_>>(body),
            Kind::Enrolled => again::<down::Enrolled>(body),
            Kind::EnrollRefused => again::<down::EnrollRefused>(body),
            Kind::Welcome => again::<down::Welcome>(body),
            Kind::PackageBegin => again::<down::PackageBegin>(body),
            Kind::PackageChunk => again::<down::PackageChunk<'_>>(body),
            Kind::PackageCommit => again::<down::PackageCommit>(body),
            Kind::AppStart | Kind::AppStop | Kind::AppRemove => again::<down::AppRequest>(body),
            Kind::Configure => again::<down::Configure>(body),
            Kind::Ping => again::<down::Ping>(body),
            kind => panic!("{kind:?} has no body"),
        }
    }

    for Sample { name, form, bytes } in samples::all() {
        match form {
            Form::Message(rule) => {
                let message = Envelope::decode(&bytes).unwrap();
                match rule {
                    Some(_) => assert_eq!(body_again(&message), message.body, "{name}"),
                    None => assert!(message.body.is_empty(), "{name}"),
                }
            }
            Form::Cbor("from-device") => assert_eq!(again::<control::FromDevice>(&bytes), bytes, "{name}"),
            Form::Cbor("from-host") => assert_eq!(again::<control::FromHost>(&bytes), bytes, "{name}"),
            Form::Cbor("manifest") => {
                assert_eq!(
                    manifest::Manifest::from_bytes(&bytes).unwrap().to_bytes(),
                    bytes,
                    "{name}"
                );
            }
            Form::Cbor("section") => assert_eq!(section::Section::parse(&bytes).unwrap().encode(), bytes, "{name}"),
            Form::Cbor("signed-manifest") => {
                let signed = package::parse(&bytes).unwrap();
                assert_eq!(
                    package::seal(signed.payload, signed.signature).unwrap(),
                    bytes,
                    "{name}"
                );
                assert_eq!(signed.manifest().unwrap(), samples::manifest());
            }
            Form::Cbor(_) | Form::Raw => {}
        }
    }
}
