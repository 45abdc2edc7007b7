//! Servers that complete a TLS handshake without authenticating: the device sends them nothing and accepts nothing.

use crate::support::{
    bare_tls::{BareServer, Step},
    gateway::NOW_MS,
    pki,
    world::World,
};
use drydock_protocol::{
    envelope::{self, Kind},
    framing,
    gateway_to_device::Welcome,
};
use p256::{ecdsa::SigningKey, pkcs8::DecodePrivateKey as _};

/// Data that an unauthenticated server sends after its handshake.
fn greeting() -> Vec<u8> {
    let welcome = Welcome {
        session_id: 1,
        time_ms: NOW_MS,
        metrics_interval_ms: 1000,
    };
    framing::framed(&envelope::encode(Kind::Welcome, 0, &welcome).unwrap()).unwrap()
}

/// The steps use the contents of the world's real gateway. Tried on a blank device, and on one with an identity, which
/// has more to lose.
fn check(expected: &str, steps: fn(&World) -> Vec<Step>) {
    let blank = World::new();
    let enrolled = World::in_session().restart();
    for (mut world, sessions) in [(blank, 0), (enrolled, 1)] {
        let true_sessions = (world.gateway.sessions, world.gateway.application_bytes);
        world.gateway.bare = Some(BareServer::new(steps(&world), greeting()));
        if sessions == 0 {
            world.pair();
        }
        world.run_until(expected, |world| world.log.contains(expected));
        world.run_for_ms(500);
        let bare = world.gateway.bare.take().unwrap();
        assert_eq!(bare.handshakes, 1, "it is not tried again at once");
        assert_eq!(bare.application_bytes, 0, "not a byte of application data is sent");
        assert_eq!(bare.client_proof_bytes, 0, "the device keeps its certificate to itself");
        assert!(
            !world.log.contains("session stands"),
            "nothing of the server is believed"
        );
        assert_eq!((world.gateway.sessions, world.gateway.application_bytes), true_sessions);
        // The real gateway is accepted as before.
        if sessions == 1 {
            world.run_until("the true gateway's session", |world| world.gateway.sessions == 2);
        }
    }
}

/// The gateway's true chain.
fn chain(world: &World) -> Vec<Vec<u8>> {
    world.gateway.pki.chain().iter().map(|der| der.to_vec()).collect()
}

fn key(pair: &rcgen::KeyPair) -> SigningKey {
    SigningKey::from_pkcs8_der(&pair.serialize_der()).unwrap()
}

const NOT_AUTHENTICATED: &str = "the server did not authenticate itself";
const BAD_SIGNATURE: &str = "the server's signature over the handshake does not hold";

#[test]
fn a_server_that_proves_itself_is_believed() {
    // Checks that the device would accept the hand-made server, so that the refusals below are caused by the messages
    // that it omits.
    let mut world = World::in_session().restart();
    let steps = vec![
        Step::AskForCertificate,
        Step::Certificate(chain(&world)),
        Step::Proof(key(&world.gateway.pki.gateway.key)),
    ];
    world.gateway.bare = Some(BareServer::new(steps, greeting()));
    world.run_until("a session", |world| world.log.contains("session stands"));
    let bare = world.gateway.bare.take().unwrap();
    assert!(bare.client_finished && bare.client_proof_bytes > 0 && bare.application_bytes > 0);
}

#[test]
fn a_server_without_certificate_is_refused() {
    check(NOT_AUTHENTICATED, |_| vec![]);
    check(NOT_AUTHENTICATED, |_| vec![Step::AskForCertificate]);
}

#[test]
fn a_server_that_shows_a_certificate_and_no_proof_is_refused() {
    check(NOT_AUTHENTICATED, |world| vec![Step::Certificate(chain(world))]);
    check("has not the expected length", |_| vec![Step::Certificate(vec![])]);
}

#[test]
fn a_server_that_proves_nothing_but_a_key_is_refused() {
    check("came twice or in the wrong order", |world| {
        vec![Step::Proof(key(&world.gateway.pki.gateway.key))]
    });
}

#[test]
fn a_server_with_a_forged_proof_is_refused() {
    // Another key than the certificate's.
    check(BAD_SIGNATURE, |world| {
        vec![Step::Certificate(chain(world)), Step::Proof(key(&pki::key()))]
    });
    // The true key, over another handshake: a proof that was overheard.
    check(BAD_SIGNATURE, |world| {
        let key = key(&world.gateway.pki.gateway.key);
        vec![Step::Certificate(chain(world)), Step::ForeignProof(key)]
    });
}

#[test]
fn a_server_that_swaps_its_certificate_is_refused() {
    check("came twice or in the wrong order", |world| {
        let stranger = pki::Pki::new();
        vec![
            Step::Certificate(chain(world)),
            Step::Certificate(stranger.chain().iter().map(|der| der.to_vec()).collect()),
            Step::Proof(key(&stranger.gateway.key)),
        ]
    });
}
