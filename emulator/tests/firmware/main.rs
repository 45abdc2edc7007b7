//! The boards' own firmware on the builtin engine: it boots, brings the link up, and logs the expected lines beside
//! this file. Everything runs in virtual time; the host's end of the link is the real one.
//!
//! `DRYDOCK_RENEW=1 cargo test -p drydock-emulator --test firmware` renews the expected logs. Without built firmware in
//! the assets these tests are reported as ignored, by name.

mod adversary;
mod esp32c6;
mod host;
mod in_session;
mod memory_calls;
mod memory_grow;
mod numbers;
mod other_boards;
mod power_cut;
mod starts;
mod support;
mod uno_r4;
mod usb;

use std::path::PathBuf;

use drydock_emulator::{Image, Machine, ResetKind, Seed, VirtualTime};
use libtest_mimic::{Arguments, Failed, Trial};

use host::Host;

const BOARD: &str = "nano33ble";

/// One check of a board's firmware.
type Check = fn(&Image) -> Result<(), Failed>;

const CHECKS: &[(&str, Check)] = &[
    ("boots_and_logs_as_expected", boots_and_logs),
    ("the_same_seed_boots_to_the_same_state", the_same_seed),
    ("a_reset_brings_the_link_up_anew", a_reset),
    ("sleeps_while_nothing_happens", sleeps),
    ("what_an_app_wrote_comes_before_its_end", in_session::last_words),
    (
        "an_app_that_takes_more_than_there_is_ends_alone",
        in_session::out_of_memory,
    ),
    ("apps_that_try_to_hold_the_board_fail_alone", adversary::beside_blink),
    (
        "a_board_obeys_within_a_second_whatever_an_app_does",
        adversary::stay_manageable,
    ),
    (
        "apps_that_overrun_again_and_again_do_not_start_by_themselves",
        adversary::end_their_autostart,
    ),
    ("ten_thousand_numbers_a_second_arrive_whole", numbers::at_ten_kilohertz),
    ("numbers_beyond_the_link_are_counted", numbers::beyond_the_link),
    ("memory_grows_or_says_that_it_cannot", memory_grow::check),
    ("a_panic_a_fault_and_a_hang_are_told_and_survived", in_session::crashes),
    (
        "a_hang_with_interrupts_off_is_told_by_what_the_firmware_was_at",
        in_session::unseen_hang,
    ),
    (
        "a_power_cut_in_a_deployment_leaves_the_old_or_the_new_app",
        power_cut::in_a_deployment,
    ),
    (
        "a_power_cut_while_flash_is_erased_ahead_costs_nothing",
        power_cut::in_idle_time,
    ),
    (
        "the_image_copies_and_fills_memory_right_at_any_place",
        memory_calls::check,
    ),
    ("every_start_on_a_busy_host_brings_the_link_up", starts_on_a_busy_host),
    ("the_link_comes_up_over_usb", usb::link),
    ("a_pulled_usb_cable_leaves_the_link_to_the_uart", usb::unplug),
    ("a_power_cut_is_survived_on_usb", usb::power_cycle),
    (
        "a_closed_port_and_a_suspended_bus_leave_the_link_to_the_uart",
        usb::close_and_suspend,
    ),
    ("a_touch_at_1200_baud_leads_into_the_bootloader", usb::touch),
    ("usb_requests_are_answered_or_stalled", usb::requests),
    ("any_usb_requests_are_survived", usb::any_requests),
    ("a_usb_port_over_the_runner", usb::port_over_the_runner),
    ("usbip_carries_the_link", usb::exported::enumerates_and_links),
    (
        "usbip_clients_without_manners_lose_their_connection",
        usb::exported::misbehaving_clients,
    ),
    (
        "usbip_transfers_are_unlinked_and_abandoned",
        usb::exported::unlinked_and_abandoned,
    ),
    ("usbip_shows_the_bootloader_after_a_touch", usb::exported::touched),
    ("usbip_devices_come_and_go", usb::exported::comes_and_goes),
];

fn main() {
    let arguments = Arguments::from_args();
    let trials = CHECKS
        .iter()
        .map(|(name, check)| match drydock_embedded::firmware(BOARD) {
            Ok(firmware) => Trial::test(format!("{BOARD}::{name}"), move || {
                check(&Image::from_elf(firmware.elf)?)
            }),
            Err(missing) => {
                Trial::test(format!("{BOARD}::{name} (skipped: {missing})"), || Ok(())).with_ignored_flag(true)
            }
        })
        .chain([memory_grow::trial()])
        .chain(esp32c6::trials())
        .chain(other_boards::trials())
        .chain(uno_r4::trials())
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn power_on(image: &Image, seed: u8) -> Result<Box<dyn Machine>, Failed> {
    let board = drydock_assets::board(BOARD).ok_or("the board is described")?;
    let engine = drydock_emulator::engines()
        .into_iter()
        .next()
        .ok_or("there is an engine")?;
    let mut machine = engine.open(&board, Seed([seed; 32]))?;
    machine.load(image)?;
    machine.reset(ResetKind::PowerOn)?;
    Ok(machine)
}

fn no_faults(machine: &mut dyn Machine) -> Result<(), Failed> {
    match machine.take_faults().first() {
        Some(fault) => Err(format!("the guest faulted: {fault}").into()),
        None => Ok(()),
    }
}

fn boots_and_logs(image: &Image) -> Result<(), Failed> {
    let mut machine = power_on(image, 1)?;
    let mut host = Host::new(1);
    host.run(&mut *machine, VirtualTime::from_seconds(2))?;
    no_faults(&mut *machine)?;
    assert!(host.is_up(), "the link is up");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/firmware/boot.log");
    if std::env::var_os("DRYDOCK_RENEW").is_some() {
        std::fs::write(&path, host.log())?;
    }
    let expected = std::fs::read_to_string(&path)?;
    assert_eq!(host.log(), expected, "DRYDOCK_RENEW=1 renews {}", path.display());
    Ok(())
}

fn the_same_seed(image: &Image) -> Result<(), Failed> {
    let boot = |seed| -> Result<(u64, Vec<u8>), Failed> {
        let mut machine = power_on(image, seed)?;
        let mut host = Host::new(1);
        host.run(&mut *machine, VirtualTime::from_seconds(1))?;
        let hash = machine
            .snapshots()
            .ok_or("the builtin engine has snapshots")?
            .state_hash()?;
        Ok((hash, host.control().to_vec()))
    };
    let (one, again, other) = (boot(1)?, boot(1)?, boot(2)?);
    assert_eq!(one, again);
    assert_ne!(one.1, other.1, "another seed is another device");
    Ok(())
}

fn a_reset(image: &Image) -> Result<(), Failed> {
    for kind in [ResetKind::Pin, ResetKind::Software, ResetKind::Watchdog] {
        let mut machine = power_on(image, 1)?;
        let mut host = Host::new(1);
        host.run(&mut *machine, VirtualTime::from_seconds(1))?;
        assert!(host.is_up(), "before {kind:?}");
        let resets = host.resets();
        machine.reset(kind)?;
        let until = machine.now() + VirtualTime::from_seconds(2);
        host.run(&mut *machine, until)?;
        assert!(host.is_up(), "after {kind:?}");
        assert_eq!(
            host.resets(),
            resets + 1,
            "the host saw the device start anew after {kind:?}"
        );
        no_faults(&mut *machine)?;
    }
    Ok(())
}

fn sleeps(image: &Image) -> Result<(), Failed> {
    let mut machine = power_on(image, 1)?;
    let mut host = Host::new(1);
    host.run(&mut *machine, VirtualTime::from_seconds(1))?;
    let before = machine.instructions();
    host.run(&mut *machine, VirtualTime::from_seconds(3))?;
    let executed = machine.instructions() - before;
    // 64 million cycles a second; a device that only keeps its link alive uses a hundredth of them.
    assert!(executed < 1_280_000, "{executed} instructions in two idle seconds");
    Ok(())
}

/// `DRYDOCK_STARTS=N` makes it N rounds of four.
fn starts_on_a_busy_host(image: &Image) -> Result<(), Failed> {
    let rounds = std::env::var("DRYDOCK_STARTS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    starts::start_many(image, rounds.unwrap_or(10), power_on)
}
