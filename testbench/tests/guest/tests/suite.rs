//! Tests of each kind, those that fail among them: `cargo test` with names chooses.

#![no_std]
#![no_main]

use cortex_m_rt as _;
use defmt_rtt as _;

#[cfg(test)]
#[embedded_test::tests(default_timeout = 5)]
mod arithmetic {
    use core::sync::atomic::{AtomicU32, Ordering};
    use guest_suite::add;

    static RUNS: AtomicU32 = AtomicU32::new(0);

    struct Prepared(u8);

    #[init]
    fn init() -> Prepared {
        defmt::info!("init {}", RUNS.fetch_add(1, Ordering::Relaxed));
        Prepared(40)
    }

    #[test]
    fn adds(prepared: Prepared) {
        defmt::info!("adds to {}", prepared.0);
        assert_eq!(add(prepared.0, 2), 42);
    }

    #[test]
    #[should_panic]
    fn panics_where_the_sum_does_not_fit() {
        add(200, 100);
    }

    #[test]
    fn starts_from_power_on() {
        assert_eq!(RUNS.load(Ordering::Relaxed), 1, "another test has run on this board");
    }

    #[test]
    #[ignore]
    fn fails_with_an_error() -> Result<(), &'static str> {
        Err("the sum is wrong")
    }

    #[test]
    #[ignore]
    fn fails_by_a_panic() {
        assert_eq!(add(1, 1), 3);
    }

    #[test]
    #[ignore]
    #[timeout(1)]
    fn never_ends() {
        loop {
            cortex_m::asm::nop();
        }
    }

    #[test]
    #[ignore]
    fn takes_a_fault() {
        cortex_m::asm::udf();
    }

    #[test]
    #[ignore]
    #[should_panic]
    fn should_panic_and_does_not() {}
}
