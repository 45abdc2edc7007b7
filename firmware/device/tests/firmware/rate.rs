//! The baud rate of the link's wire: agreed with the host, and given up when it does not carry.

use crate::support::world::World;
use drydock_protocol::control::FromHost;

/// Asks for a rate, and follows when the device agrees.
fn change(world: &mut World, baud: u32) {
    world.send_control(&FromHost::LinkRate(baud));
    let count = world.agreed.len() + 1;
    world.run_until("an answer", |world| world.agreed.len() == count);
    assert_eq!(world.agreed.last(), Some(&baud));
    world.host_rate = Some(baud);
    // A host shows that it followed.
    world.send_control(&FromHost::Identify);
    world.run_until("the new rate", |world| world.board.link_rate.get() == Some(baud));
}

#[test]
fn a_session_goes_on_at_the_rate_that_was_agreed() {
    let mut world = World::in_session();
    let before = world.metrics().sequence;
    world.board.rate_busy.set(3);
    change(&mut world, 1_000_000);
    let after = world.metrics().sequence;
    assert_eq!(after, before + 1, "no sample is lost");
    world.run_for_ms(40_000);
    assert_eq!(world.board.link_rate.get(), Some(1_000_000));
    assert_eq!(world.gateway.sessions, 1, "one session all the time");
}

#[test]
fn a_rate_that_the_board_does_not_have_is_not_answered() {
    let mut world = World::in_session();
    for baud in [0, 9_600, 999_999, u32::MAX] {
        world.send_control(&FromHost::LinkRate(baud));
    }
    world.run_for_ms(3_000);
    assert_eq!((world.agreed.len(), world.board.link_rate.get()), (0, None));
    // The others are still there.
    change(&mut world, 500_000);
}

#[test]
fn a_host_that_does_not_follow_is_heard_again_at_the_first_rate() {
    let mut world = World::in_session();
    world.send_control(&FromHost::LinkRate(1_000_000));
    world.run_until("the new rate", |world| world.board.link_rate.get().is_some());
    // The host stays, and repeats itself.
    let changed_us = world.board.now_us.get();
    world.run_until("the first rate", |world| world.board.link_rate.get().is_none());
    let took_ms = (world.board.now_us.get() - changed_us) / 1000;
    assert!((500..=1_100).contains(&took_ms), "{took_ms} ms");
    let before = world.metrics().sequence;
    assert_eq!(world.metrics().sequence, before + 1);
    assert_eq!(world.gateway.sessions, 1, "the session outlived it");
}

#[test]
fn a_host_program_that_starts_anew_finds_the_board() {
    let mut world = World::in_session();
    change(&mut world, 1_000_000);
    world.run_for_ms(3_000);
    // Another program opens the port.
    world.host_rate = None;
    world.restart_host();
    let opened_us = world.board.now_us.get();
    world.run_until("the first rate", |world| world.board.link_rate.get().is_none());
    let took_ms = (world.board.now_us.get() - opened_us) / 1000;
    assert!((500..=2_000).contains(&took_ms), "{took_ms} ms");
    world.run_until("a new session", |world| world.gateway.sessions == 2);
}

#[test]
fn a_board_whose_host_went_away_returns_to_the_first_rate() {
    let mut world = World::in_session();
    change(&mut world, 1_000_000);
    world.run_for_ms(1_000);
    // Nothing arrives any more.
    world.noise = Some(|_, _| None);
    let gone_us = world.board.now_us.get();
    let mut turns = 0;
    world.run_until("the first rate", |world| {
        turns += 1;
        world.board.link_rate.get().is_none()
    });
    // This board in memory sleeps for a millisecond at most.
    assert!(turns < 40_000, "{turns} turns: it hardly slept");
    let took_ms = (world.board.now_us.get() - gone_us) / 1000;
    assert!((29_000..=32_000).contains(&took_ms), "{took_ms} ms");
}
