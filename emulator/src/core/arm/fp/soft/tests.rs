//! The arithmetic by hand-worked cases: rounding, NaN, flags.

use super::*;

fn bits(value: f32) -> u32 {
    value.to_bits()
}

#[test]
fn ordinary_numbers_are_as_on_the_host() {
    let values = [1.0_f32, -1.5, 0.1, 3.0e38, 1.0e-40, -7.25e-39, 123_456.79, 0.333_333_34];
    for a in values {
        for b in values {
            let mut float = Float::new(0);
            assert_eq!(float.add(bits(a), bits(b)), bits(a + b), "{a} + {b}");
            assert_eq!(float.subtract(bits(a), bits(b)), bits(a - b), "{a} - {b}");
            assert_eq!(float.multiply(bits(a), bits(b)), bits(a * b), "{a} * {b}");
            assert_eq!(float.divide(bits(a), bits(b)), bits(a / b), "{a} / {b}");
            for c in values {
                let expected = bits(a.mul_add(b, c));
                assert_eq!(
                    float.multiply_add(bits(c), bits(a), bits(b)),
                    expected,
                    "{a} * {b} + {c}"
                );
            }
        }
        if a > 0.0 {
            assert_eq!(Float::new(0).square_root(bits(a)), bits(a.sqrt()), "sqrt {a}");
        }
    }
}

#[track_caller]
fn check(fpscr: u32, operation: impl Fn(&mut Float) -> u32, result: u32, flags: u32) {
    let mut float = Float::new(fpscr);
    assert_eq!(operation(&mut float), result, "result");
    assert_eq!(float.fpscr & 0x9f, flags, "flags");
}

#[test]
fn rounding_modes_and_flags() {
    let (one, tiny) = (bits(1.0), bits(1.0e-30));
    for (mode, up, down) in [(0, 0, 0), (1, 1, 0), (2, 0, 1), (3, 0, 0)] {
        let fpscr = mode << 22;
        check(fpscr, |float| float.add(one, tiny), one + up, IXC);
        check(
            fpscr,
            |float| float.add(one ^ SIGN, tiny ^ SIGN),
            (one + down) | SIGN,
            IXC,
        );
    }
    let most = 0x7f7f_ffff;
    check(0, |float| float.add(most, most), INFINITY, OFC | IXC);
    check(3 << 22, |float| float.add(most, most), most, OFC | IXC);
    check(0, |float| float.divide(one, 0), INFINITY, DZC);
    check(0, |float| float.divide(0, 0), DEFAULT_NAN, IOC);
    check(0, |float| float.square_root(bits(-1.0)), DEFAULT_NAN, IOC);
    check(0, |float| float.square_root(SIGN), SIGN, 0);
    check(0, |float| float.subtract(one, one), 0, 0);
    check(2 << 22, |float| float.subtract(one, one), SIGN, 0);
    check(0, |float| float.multiply(1, one), 1, 0);
    check(0, |float| float.multiply(3, bits(0.5)), 2, UFC | IXC);
    check(FZ, |float| float.multiply(1, one), 0, IDC);
    check(FZ, |float| float.multiply(0x0080_0000, bits(0.5)), 0, UFC);
}

#[test]
fn nans_keep_what_they_carry_unless_told_not_to() {
    let (quiet, signalling) = (0xffc1_2345, 0x7f81_2345);
    check(0, |float| float.add(quiet, signalling), signalling | QUIET, IOC);
    check(0, |float| float.add(bits(1.0), quiet), quiet, 0);
    check(DN, |float| float.add(bits(1.0), quiet), DEFAULT_NAN, 0);
    check(0, |float| float.multiply_add(quiet, 0, INFINITY), DEFAULT_NAN, IOC);
    check(0, |float| float.subtract(bits(1.0), quiet), quiet, 0);
}

#[test]
fn conversions_saturate_and_round() {
    check(0, |float| float.fixed_of(bits(2.5), 32, 0, true, false), 2, IXC);
    check(0, |float| float.fixed_of(bits(3.5), 32, 0, true, false), 4, IXC);
    check(
        0,
        |float| float.fixed_of(bits(-2.7), 32, 0, true, true),
        -2_i32 as u32,
        IXC,
    );
    check(0, |float| float.fixed_of(bits(-1.0), 32, 0, false, true), 0, IOC);
    check(
        0,
        |float| float.fixed_of(bits(3.0e9), 32, 0, true, true),
        i32::MAX as u32,
        IOC,
    );
    check(0, |float| float.fixed_of(quiet_nan(), 32, 0, true, true), 0, IOC);
    check(0, |float| float.fixed_of(bits(1.5), 16, 8, true, true), 0x180, 0);
    check(
        0,
        |float| float.fixed_of(bits(-200.0), 16, 8, true, true),
        -0x8000_i32 as u32,
        IOC,
    );
    check(0, |float| float.single_of(-3, 1, true), bits(-1.5), 0);
    check(
        0,
        |float| float.single_of(0x7fff_ffff, 0, false),
        bits(2_147_483_648.0),
        IXC,
    );
    check(
        3 << 22,
        |float| float.single_of(0x7fff_ffff, 0, false),
        0x4eff_ffff,
        IXC,
    );
}

#[test]
fn half_precision_goes_both_ways() {
    check(0, |float| float.single_to_half(bits(1.0)), 0x3c00, 0);
    check(0, |float| float.single_to_half(bits(65_520.0)), 0x7c00, OFC | IXC);
    check(AHP, |float| float.single_to_half(bits(65_536.0)), 0x7c00, 0);
    check(AHP, |float| float.single_to_half(bits(200_000.0)), 0x7fff, IOC);
    check(0, |float| float.single_to_half(bits(5.960_464_5e-8)), 1, 0);
    check(0, |float| float.half_to_single(0x3c00), bits(1.0), 0);
    check(0, |float| float.half_to_single(1), bits(5.960_464_5e-8), 0);
    check(0, |float| float.half_to_single(0x7c01), 0x7fc0_2000, IOC);
    check(AHP, |float| float.half_to_single(0x7c00), bits(65_536.0), 0);
}

fn quiet_nan() -> u32 {
    DEFAULT_NAN
}
