//! Checks that an engine cannot pass by its nature, with the reason: reported as skipped, by name. A fault that an
//! engine *should* not have does not belong here.

/// Engine, check, reason.
const LIMITS: &[(&str, &str, &str)] = &[
    (
        "renode",
        "a_program_that_ends_is_told",
        "Renode tells of no semihosting call",
    ),
    (
        "renode",
        "bytes_go_in_and_out_at_the_rate_of_the_line",
        "Renode's UARTs keep no line rate",
    ),
    (
        "renode",
        "a_sleeping_core_tells_what_is_due_next",
        "Renode does not tell that a core sleeps",
    ),
    (
        "renode",
        "a_pin_driven_from_outside_wakes_the_core",
        "of pins, Renode shows lights only",
    ),
    (
        "renode",
        "a_stray_load_is_a_logged_fault",
        "Renode logs a stray access and goes on with zero",
    ),
    (
        "renode",
        "a_lockup_resets_the_chip",
        "Renode's core stands still after a lockup",
    ),
    (
        "renode",
        "a_reset_by_software_keeps_ram_and_tells_its_reason",
        "Renode tells of no reset by the guest",
    ),
    (
        "renode",
        "system_off_ends_with_a_pin",
        "Renode's nRF52840 has no System OFF",
    ),
    (
        "renode",
        "flash_obeys_its_rules_and_times",
        "Renode's nRF52840 has no flash rules",
    ),
    (
        "renode",
        "a_replay_ends_in_the_same_state",
        "Renode shows no digest of its whole state",
    ),
];

/// Why `engine` cannot pass `check`.
pub(crate) fn reason(engine: &str, check: &str) -> Option<&'static str> {
    let limit = LIMITS.iter().find(|(of, what, _)| *of == engine && *what == check);
    limit.map(|(_, _, reason)| *reason)
}
