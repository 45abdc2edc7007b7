//! Twenty tests that compute for a while: what a suite costs beside its own execution time.

#![no_std]
#![no_main]

use cortex_m as _;
use cortex_m_rt as _;
use defmt_rtt as _;

/// Rounds of a generator, and a value that depends on each of them.
#[cfg(test)]
fn computed(seed: u32) -> u32 {
    let mut value = seed;
    for _ in 0..1_000_000 {
        value ^= value << 13;
        value ^= value >> 17;
        value ^= value << 5;
    }
    core::hint::black_box(value)
}

#[cfg(test)]
#[embedded_test::tests(default_timeout = 60)]
mod busy {
    use super::computed;

    #[test]
    fn computes_01() {
        assert_ne!(computed(1), 0);
    }

    #[test]
    fn computes_02() {
        assert_ne!(computed(2), 0);
    }

    #[test]
    fn computes_03() {
        assert_ne!(computed(3), 0);
    }

    #[test]
    fn computes_04() {
        assert_ne!(computed(4), 0);
    }

    #[test]
    fn computes_05() {
        assert_ne!(computed(5), 0);
    }

    #[test]
    fn computes_06() {
        assert_ne!(computed(6), 0);
    }

    #[test]
    fn computes_07() {
        assert_ne!(computed(7), 0);
    }

    #[test]
    fn computes_08() {
        assert_ne!(computed(8), 0);
    }

    #[test]
    fn computes_09() {
        assert_ne!(computed(9), 0);
    }

    #[test]
    fn computes_10() {
        assert_ne!(computed(10), 0);
    }

    #[test]
    fn computes_11() {
        assert_ne!(computed(11), 0);
    }

    #[test]
    fn computes_12() {
        assert_ne!(computed(12), 0);
    }

    #[test]
    fn computes_13() {
        assert_ne!(computed(13), 0);
    }

    #[test]
    fn computes_14() {
        assert_ne!(computed(14), 0);
    }

    #[test]
    fn computes_15() {
        assert_ne!(computed(15), 0);
    }

    #[test]
    fn computes_16() {
        assert_ne!(computed(16), 0);
    }

    #[test]
    fn computes_17() {
        assert_ne!(computed(17), 0);
    }

    #[test]
    fn computes_18() {
        assert_ne!(computed(18), 0);
    }

    #[test]
    fn computes_19() {
        assert_ne!(computed(19), 0);
    }

    #[test]
    fn computes_20() {
        assert_ne!(computed(20), 0);
    }
}
