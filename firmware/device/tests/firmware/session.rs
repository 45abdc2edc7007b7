//! Enrollment and session with a gateway that behaves.

use crate::support::{gateway::NOW_MS, package::InSession as _, world::World};
use drydock_protocol::{
    control::{FromHost, IdentityState, PairResult},
    device_to_gateway::{RefusalCode, Reply},
    envelope::{self, Kind},
    gateway_to_device::{Configure, Ping},
};

#[test]
fn a_blank_device_enrolls_and_holds_a_session() {
    let mut world = World::new();
    world.run_until("an identity", |world| !world.identities.is_empty());
    assert_eq!(world.identities, [IdentityState::Blank]);
    assert_eq!(world.gateway.application_bytes, 0, "a blank device says nothing");
    world.pair();
    let hello = world.hello();
    assert_eq!(world.pair_results, [PairResult::Accepted]);
    assert_eq!((world.gateway.enrollments, world.gateway.sessions), (1, 1));
    assert_eq!((hello.board.as_str(), hello.boot_count), ("testboard", 1));
    let metrics = world.metrics();
    assert_eq!(metrics.temperature_mc, Some(23_250));
    let next = world.metrics();
    assert_eq!(next.sequence, metrics.sequence + 1);
    let interval_ms = next.uptime_ms - metrics.uptime_ms;
    assert!((990..=1010).contains(&interval_ms), "{interval_ms} ms between metrics");
    assert!(world.log.contains("session stands"), "{}", world.log);
}

#[test]
fn the_identity_survives_a_reset() {
    let mut world = World::in_session().restart();
    let hello = world.hello();
    assert_eq!(hello.boot_count, 2);
    assert_eq!((world.gateway.enrollments, world.gateway.sessions), (1, 2));
}

#[test]
fn an_enrolled_device_ignores_a_pairing() {
    let mut world = World::in_session();
    world.pair();
    world.run_until("an answer", |world| world.pair_results.len() == 2);
    assert_eq!(world.pair_results[1], PairResult::AlreadyEnrolled);
    world.send_control(&FromHost::Identify);
    world.run_for_ms(1500);
    assert_eq!(world.gateway.enrollments, 1);
}

#[test]
fn a_pairing_without_usable_anchor_is_refused() {
    let mut world = World::new();
    let mut pair = world.gateway.pair();
    pair.anchor.truncate(100);
    world.send_control(&FromHost::Pair(pair));
    world.run_until("an answer", |world| !world.pair_results.is_empty());
    let mut pair = world.gateway.pair();
    // A gateway's own certificate is no authority.
    pair.anchor = world.gateway.pki.gateway.der.to_vec();
    world.send_control(&FromHost::Pair(pair));
    world.run_until("an answer", |world| world.pair_results.len() == 2);
    assert_eq!(world.pair_results, [PairResult::Malformed, PairResult::Malformed]);
}

#[test]
fn the_device_reconnects_within_a_second() {
    let mut world = World::in_session();
    world.run_for_ms(3000);
    world.gateway.close();
    let closed_us = world.board.now_us.get();
    world.run_until("a second session", |world| world.gateway.sessions == 2);
    assert!(world.board.now_us.get() - closed_us < 1_000_000);
    // The same when the host program ends and restarts.
    world.restart_host();
    let gone_us = world.board.now_us.get();
    world.run_until("a third session", |world| world.gateway.sessions == 3);
    assert!(world.board.now_us.get() - gone_us < 1_000_000);
    assert_eq!(world.gateway.enrollments, 1);
}

#[test]
fn a_noisy_wire_loses_nothing() {
    let mut world = World::new();
    world.noise = Some(|count, byte| match count % 997 {
        0 => None,
        500 => Some(byte ^ 0x10),
        _ => Some(byte),
    });
    world.pair();
    world.run_until("ten seconds of metrics", |world| {
        world.gateway.sessions == 1 && world.board.now_us.get() > 10_000_000
    });
    for expected in 1..=9 {
        assert_eq!(world.metrics().sequence, expected);
    }
    assert!(world.gateway.failures.is_empty(), "{:?}", world.gateway.failures);
}

#[test]
fn unknown_requests_get_a_typed_answer() {
    let mut world = World::in_session();
    assert_eq!(world.ask(Kind::Ping, &Ping { time_ms: NOW_MS }), Reply::Done);
    let Reply::Refused(refusal) = world.ask(Kind::Metrics, &0) else {
        panic!("refused");
    };
    assert_eq!(refusal.code, RefusalCode::Unsupported);
    let interval = Configure {
        metrics_interval_ms: 200,
    };
    assert_eq!(world.ask(Kind::Configure, &interval), Reply::Done);
    world.gateway.inbox.clear();
    let first = world.metrics();
    assert!(world.metrics().uptime_ms - first.uptime_ms <= 210);
}

#[test]
fn a_wipe_makes_the_device_blank_after_it_has_answered() {
    let mut world = World::in_session();
    let wipe = envelope::encode_empty(Kind::Wipe, 77);
    world.gateway.send(&wipe);
    world.message(Kind::Reply);
    world.run_until("a reset", |world| world.board.resets.get() == 1);
    let mut world = world.restart();
    world.run_until("an identity", |world| !world.identities.is_empty());
    assert_eq!(world.identities[0], IdentityState::Blank);
    world.pair();
    world.run_until("a new enrollment", |world| world.gateway.enrollments == 2);
}
