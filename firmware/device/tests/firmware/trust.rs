//! Servers that are not our gateway: the device refuses each with the reason, and sends it nothing.

use crate::support::{
    gateway::Gateway,
    pki::{self, Authority, Identity, Pki},
    world::World,
};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;

/// Lets a device enroll with a gateway that the closure has altered; it must be refused with this reason.
fn check(expected: &str, alter: impl FnOnce(&mut Gateway)) {
    let mut world = World::new();
    alter(&mut world.gateway);
    world.pair();
    world.run_until(&format!("refusal: {expected}"), |world| world.log.contains(expected));
    assert_eq!(world.gateway.application_bytes, 0, "not a byte of application data");
    assert_eq!((world.gateway.enrollments, world.gateway.sessions), (0, 0));
}

fn show(gateway: &mut Gateway, server: &Identity, above: &[&CertificateDer<'static>]) {
    gateway.chain = vec![server.der.clone()];
    gateway.chain.extend(above.iter().map(|der| (*der).clone()));
    gateway.server_key = server.private_key();
}

#[test]
fn a_server_of_another_authority_is_refused() {
    check("does not lead to the trust anchor", |gateway| {
        let other = Pki::new();
        // The same names, other keys.
        show(gateway, &other.gateway, &[&other.intermediate.der]);
    });
    check("does not lead to the trust anchor", |gateway| {
        let root = pki::root("Some Other Root");
        let intermediate = pki::intermediate(&root, |_| {});
        let server = pki::server(&intermediate, |_| {});
        show(gateway, &server, &[&intermediate.der]);
    });
}

#[test]
fn a_server_with_another_name_or_purpose_is_refused() {
    check("carries another name", |gateway| {
        let server = pki::server(&gateway.pki.intermediate, |params| {
            params.subject_alt_names = vec![rcgen::SanType::DnsName("other.drydock".try_into().unwrap())];
        });
        show(gateway, &server, &[&gateway.pki.intermediate.der.clone()]);
    });
    check("is not for a server", |gateway| {
        let server = pki::server(&gateway.pki.intermediate, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        show(gateway, &server, &[&gateway.pki.intermediate.der.clone()]);
    });
    check("is not for a server", |gateway| {
        let server = pki::server(&gateway.pki.intermediate, |params| {
            params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
        });
        show(gateway, &server, &[&gateway.pki.intermediate.der.clone()]);
    });
}

#[test]
fn an_expired_certificate_is_refused() {
    check("has expired", |gateway| {
        let server = pki::server(&gateway.pki.intermediate, |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2024, 12, 31);
        });
        show(gateway, &server, &[&gateway.pki.intermediate.der.clone()]);
    });
}

#[test]
fn a_device_certificate_is_no_authority_for_a_gateway() {
    check("is no certificate authority", |gateway| {
        // A device with a genuine certificate issues one for a server of its own.
        let device = pki::server(&gateway.pki.intermediate, |params| {
            params.subject_alt_names.clear();
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        let forged = forge(&device);
        show(gateway, &forged, &[&device.der]);
    });
    check("has not the expected length", |gateway| {
        let device = pki::server(&gateway.pki.intermediate, |_| {});
        let forged = forge(&device);
        let intermediate = gateway.pki.intermediate.der.clone();
        show(gateway, &forged, &[&device.der, &intermediate]);
    });
}

/// A gateway's certificate, issued by someone who is no authority.
fn forge(issuer: &Identity) -> Identity {
    let key = rcgen::KeyPair::from_der_and_sign_algo(&issuer.private_key(), &rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let authority = Authority {
        der: issuer.der.clone(),
        issuer: rcgen::Issuer::from_ca_cert_der(&issuer.der, key).unwrap(),
    };
    pki::server(&authority, |_| {})
}

#[test]
fn an_authority_that_may_not_issue_is_refused() {
    let with = |alter: fn(&mut CertificateParams)| {
        check("is no certificate authority", |gateway| {
            let intermediate = pki::intermediate(&gateway.pki.root, alter);
            let server = pki::server(&intermediate, |_| {});
            show(gateway, &server, &[&intermediate.der]);
        });
    };
    with(|params| params.is_ca = IsCa::ExplicitNoCa);
    with(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    check("has not the expected length", |gateway| {
        let first = pki::intermediate(&gateway.pki.root, |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        });
        let second = pki::intermediate(&first, |_| {});
        let server = pki::server(&second, |_| {});
        show(gateway, &server, &[&second.der, &first.der]);
    });
}

#[test]
fn a_certificate_that_uses_what_is_not_understood_is_refused() {
    check("malformed or of an unknown kind", |gateway| {
        let intermediate = pki::intermediate(&gateway.pki.root, |params| {
            let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            extension.set_criticality(true);
            params.custom_extensions = vec![extension];
        });
        let server = pki::server(&intermediate, |_| {});
        show(gateway, &server, &[&intermediate.der]);
    });
}

#[test]
fn a_gateway_whose_key_is_not_the_pinned_one_is_refused() {
    let mut world = World::in_session();
    // A valid certificate, by the right authority, for another key.
    let other = pki::server(&world.gateway.pki.intermediate, |_| {});
    let intermediate = world.gateway.pki.intermediate.der.clone();
    show(&mut world.gateway, &other, &[&intermediate]);
    let before = world.gateway.application_bytes;
    let mut world = world.restart();
    let reason = "is not the gateway of the enrollment";
    world.run_until(reason, |world| world.log.contains(reason));
    assert_eq!((world.gateway.sessions, world.gateway.application_bytes), (1, before));
}

#[test]
fn a_pin_that_is_not_the_gateways_own_is_not_taken() {
    let mut world = World::new();
    world.gateway.alter_pin = true;
    world.pair();
    world.run_until("a refusal", |world| world.log.contains("a pin that is not its own"));
    assert_eq!(world.gateway.sessions, 0);
}

#[test]
fn tls_1_2_is_refused() {
    let mut world = World::new();
    world.gateway.version = &rustls::version::TLS12;
    world.pair();
    world.run_until("a failure", |world| !world.gateway.failures.is_empty());
    world.run_until("a line about it", |world| world.log.contains("refused the handshake"));
    assert_eq!(world.gateway.application_bytes, 0);
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let mut world = World::in_session();
    world.gateway.mute = true;
    let mut world = world.restart();
    world.run_until("a line about it", |world| {
        world.log.contains("the gateway does not answer")
    });
    world.gateway.mute = false;
    world.run_until("a session", |world| world.gateway.sessions == 2);
}

#[test]
fn injected_plaintext_ends_the_session_and_harms_nothing_else() {
    for record in [
        // A handshake message in plaintext, an empty encrypted record, an oversized one.
        &[22, 3, 3, 0, 4, 11, 0, 0, 0][..],
        &[23, 3, 3, 0, 0],
        &[23, 3, 3, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[23, 3, 3, 0x40, 0],
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut world = World::in_session();
        world.run_for_ms(100);
        world.inject(record);
        world.run_until("another session", |world| world.gateway.sessions == 2);
        assert_eq!(world.board.resets.get(), 0);
    }
}
