//! The certificate request of enrollment: PKCS#10 (RFC 2986), signed with deterministic ECDSA (RFC 6979).

use crate::{
    curve::DerSignature,
    der::{tag, write, write_bytes},
    identity::DeviceKey,
    x509::{OID_EC_PUBLIC_KEY, OID_ECDSA_WITH_SHA256, OID_PRIME256V1},
};
use alloc::vec::Vec;
use signature::Signer as _;

const OID_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// The request for a certificate for the device's key under this common name.
pub(crate) fn certificate_request(key: &DeviceKey, common_name: &str) -> Vec<u8> {
    let mut info = Vec::with_capacity(160);
    write(&mut info, tag::SEQUENCE, |out| {
        write_bytes(out, tag::INTEGER, &[0]); // version 1
        write(out, tag::SEQUENCE, |out| {
            write(out, tag::SET, |out| {
                write(out, tag::SEQUENCE, |out| {
                    write_bytes(out, tag::OBJECT_IDENTIFIER, OID_COMMON_NAME);
                    write_bytes(out, tag::UTF8_STRING, common_name.as_bytes());
                });
            });
        });
        write(out, tag::SEQUENCE, |out| {
            write(out, tag::SEQUENCE, |out| {
                write_bytes(out, tag::OBJECT_IDENTIFIER, OID_EC_PUBLIC_KEY);
                write_bytes(out, tag::OBJECT_IDENTIFIER, OID_PRIME256V1);
            });
            write_bits(out, key.public());
        });
        write_bytes(out, tag::context(0), &[]); // no attributes
    });
    let signature: DerSignature = key.sign(&info);
    let mut request = Vec::with_capacity(info.len() + 96);
    write(&mut request, tag::SEQUENCE, |out| {
        out.extend_from_slice(&info);
        write(out, tag::SEQUENCE, |out| {
            write_bytes(out, tag::OBJECT_IDENTIFIER, OID_ECDSA_WITH_SHA256)
        });
        write_bits(out, signature.as_ref());
    });
    request
}

fn write_bits(out: &mut Vec<u8>, bits: &[u8]) {
    write(out, tag::BIT_STRING, |out| {
        out.push(0); // unused bits
        out.extend_from_slice(bits);
    });
}
