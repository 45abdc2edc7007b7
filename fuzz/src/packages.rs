//! The parts of a package: the signed manifest, and the module's `drydock` section.

use drydock_protocol::manifest::Manifest;
use drydock_protocol::package::{parse, seal};
use drydock_protocol::section::Section;

/// An accepted envelope has the only accepted form: sealing its parts gives the same bytes. An accepted manifest
/// encodes to one that is accepted and equal.
pub fn signed_manifest(data: &[u8]) {
    let Ok(signed) = parse(data) else { return };
    if let Ok(sealed) = seal(signed.payload, signed.signature) {
        let again = parse(&sealed).expect("our own envelope");
        assert_eq!((again.payload, again.signature), (signed.payload, signed.signature));
    }
    if let Ok(manifest) = signed.manifest() {
        assert_eq!(
            Manifest::from_bytes(&manifest.to_bytes()).expect("our own manifest"),
            manifest
        );
    }
}

/// The `drydock` section, alone and inside a module.
pub fn section(data: &[u8]) {
    let _ = Section::of_module(data);
    let Ok(section) = Section::parse(data) else { return };
    assert_eq!(Section::parse(&section.encode()).expect("our own section"), section);
}
