//! The host's arithmetic against `soft`, on random and special operands. `DRYDOCK_ORACLE_TIMES=N` runs N times as many,
//! `DRYDOCK_ORACLE_SEED=HEX` others.

use super::super::soft::Float;
use super::*;

/// Operands of each operation in an ordinary run.
const CASES: u64 = 60_000;
const SPECIAL: [u32; 22] = [
    0,
    1,
    0x007f_ffff,
    MIN_NORMAL,
    MIN_NORMAL + 1,
    SAFE - 1,
    SAFE,
    SAFE + 1,
    0x3380_0000,
    0x3f00_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0x3f80_0001,
    0x4700_0000,
    0x4b80_0000,
    0x4f00_0000,
    0x4f7f_ffff,
    0x4f80_0000,
    0x7f7f_ffff,
    INFINITY,
    0x7f80_0001,
    0x7fc0_0000,
];

/// xorshift64*: a stream of operands.
struct Operands(u64);

impl Operands {
    fn new() -> Self {
        let seed = std::env::var("DRYDOCK_ORACLE_SEED").ok();
        let seed = seed.and_then(|text| u64::from_str_radix(&text, 16).ok());
        Self(seed.unwrap_or(0x0123_4567_89ab_cdef) | 1)
    }

    fn word(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(end)) >> 32) as u32
    }

    fn value(&mut self) -> u32 {
        let word = self.word();
        let (sign, fraction) = (word & SIGN, word & 0x007f_ffff);
        let exponent = match self.below(10) {
            0 => return sign | SPECIAL[self.below(22) as usize],
            1 => return word,
            2 => return sign | fraction >> self.below(23),
            // Integers and other short fractions: many results are exact.
            3 => return (self.below(1 << 12) as f32 - 2048.0).to_bits(),
            4 => return sign | (100 + self.below(60)) << 23 | fraction & u32::MAX << (8 + self.below(15)),
            5 => 1 + self.below(40),
            6 => 215 + self.below(40),
            // Products around the least normal number.
            7 => 58 + self.below(12),
            _ => 116 + self.below(24),
        };
        sign | exponent << 23 | fraction
    }

    /// An addend that nearly cancels the product, or decides how it is rounded.
    fn addend(&mut self, a: u32, b: u32) -> u32 {
        let product = (single(a) * single(b)).to_bits();
        match self.below(6) {
            0 => product ^ SIGN,
            1 => (product ^ SIGN).wrapping_add(self.below(5)).wrapping_sub(2),
            2 => product.wrapping_sub(24 << 23) ^ self.word() & SIGN,
            3 => product.wrapping_add(24 << 23) ^ self.word() & SIGN,
            _ => self.value(),
        }
    }

    /// FPSCR with usual modes, and flags from before.
    fn fpscr(&mut self) -> u32 {
        let flags = if self.below(2) == 0 { 0 } else { self.word() & 0x8f };
        self.word() & 0xf400_0000 | flags | if self.below(3) == 0 { IXC } else { 0 }
    }
}

/// Compares one operation on all special operands, and on as many random ones as wanted; at least `share` of 100 must be the host's.
fn check<const N: usize>(
    share: u64,
    mut operands: impl FnMut(&mut Operands) -> [u32; N],
    fast: impl Fn(&mut u32, [u32; N]) -> Option<u32>,
    exact: impl Fn(&mut Float, [u32; N]) -> u32,
) {
    let times = std::env::var("DRYDOCK_ORACLE_TIMES").ok();
    let cases = CASES * times.and_then(|text| text.parse::<u64>().ok()).unwrap_or(1);
    let mut random = Operands::new();
    let compare = |given: [u32; N], before: u32| {
        let mut float = Float::new(before);
        let expected = exact(&mut float, given);
        let mut fpscr = before;
        let result = fast(&mut fpscr, given);
        let expected = match result {
            Some(_) => (Some(expected), float.fpscr),
            None => (None, before),
        };
        assert_eq!((result, fpscr), expected, "{given:08x?} under {before:08x}");
        result.is_some()
    };
    // Every combination of special values, both signs, with IXC and without.
    for index in 0..2 * (2 * SPECIAL.len()).pow(N as u32) {
        let mut rest = index / 2;
        let given = [(); N].map(|()| {
            let (place, sign) = (rest / 2 % SPECIAL.len(), rest % 2);
            rest /= 2 * SPECIAL.len();
            SPECIAL[place] | (sign as u32) << 31
        });
        compare(given, if index % 2 == 0 { 0 } else { IXC });
    }
    let mut done = 0;
    for _ in 0..cases {
        let (given, before) = (operands(&mut random), random.fpscr());
        done += u64::from(compare(given, before));
    }
    assert!(done * 100 >= cases * share, "only {done} of {cases} on the host");
}

fn two(random: &mut Operands) -> [u32; 2] {
    let (a, b) = (random.value(), random.value());
    [
        a,
        if random.below(8) == 0 {
            random.addend(a, 0x3f80_0000)
        } else {
            b
        },
    ]
}

fn three(random: &mut Operands) -> [u32; 3] {
    let (a, b) = (random.value(), random.value());
    [random.addend(a, b), a, b]
}

#[test]
fn sums_and_differences_are_as_in_soft() {
    check(
        50,
        two,
        |fpscr, [a, b]| add(fpscr, a, b),
        |float, [a, b]| float.add(a, b),
    );
    check(
        50,
        two,
        |fpscr, [a, b]| subtract(fpscr, a, b),
        |float, [a, b]| float.subtract(a, b),
    );
}

#[test]
fn products_are_as_in_soft() {
    check(
        50,
        two,
        |fpscr, [a, b]| multiply(fpscr, a, b),
        |float, [a, b]| float.multiply(a, b),
    );
}

#[test]
fn fused_sums_are_as_in_soft() {
    check(
        40,
        three,
        |fpscr, [c, a, b]| multiply_add(fpscr, c, a, b),
        |float, [c, a, b]| float.multiply_add(c, a, b),
    );
}

#[test]
fn quotients_and_roots_are_as_in_soft() {
    check(
        50,
        two,
        |fpscr, [a, b]| divide(fpscr, a, b),
        |float, [a, b]| float.divide(a, b),
    );
    let one = |random: &mut Operands| {
        let a = random.value();
        // Squares, too, for exact roots.
        [if random.below(3) == 0 {
            (single(a) * single(a)).to_bits()
        } else {
            a
        }]
    };
    check(
        40,
        one,
        |fpscr, [a]| square_root(fpscr, a),
        |float, [a]| float.square_root(a),
    );
}

#[test]
fn comparisons_are_as_in_soft() {
    let ordinal = |comparison| comparison as u32;
    for signalling in [false, true] {
        check(
            80,
            two,
            |_, [a, b]| compare(a, b).map(ordinal),
            |float, [a, b]| ordinal(float.compare(a, b, signalling)),
        );
    }
}

#[test]
fn conversions_are_as_in_soft() {
    let one = |random: &mut Operands| [random.value()];
    let word = |random: &mut Operands| [random.word() >> random.below(32)];
    for signed in [false, true] {
        for bits in [16, 32] {
            for fraction_bits in [0, 1, 7, 15, 16, 31, 32].into_iter().filter(|count| *count <= bits) {
                check(
                    15,
                    one,
                    |fpscr, [a]| fixed_of(fpscr, a, bits, fraction_bits, signed),
                    |float, [a]| float.fixed_of(a, bits, fraction_bits, signed, true),
                );
                let value = |a: u32| match signed {
                    true => i64::from(a as i32),
                    false => i64::from(a),
                };
                check(
                    100,
                    word,
                    |fpscr, [a]| Some(single_of(fpscr, value(a), fraction_bits)),
                    |float, [a]| float.single_of(value(a), fraction_bits, true),
                );
            }
        }
    }
}
