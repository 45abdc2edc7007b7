//! IEEE 754 single precision in integer arithmetic, after the pseudocode of ARMv7-M A2.5: rounding modes, flush to
//! zero, default NaN, and the cumulative exception flags. Host floating point is not used here: its NaNs and flags differ.
//! [`super::host`] uses it for ordinary numbers.
//!
//! A finite number is `significand × 2^exponent`. It is exact; only [`Float::round`] reduces it to 32 or 16 bits. The
//! lowest bit of a significand may be sticky: it then represents more bits below it. Every function here leaves at
//! least three bits between the significant bits and that one.

/// FPSCR: cumulative exception flags (A2.5.3).
pub(in crate::core::arm) const IOC: u32 = 1 << 0;
const DZC: u32 = 1 << 1;
const OFC: u32 = 1 << 2;
const UFC: u32 = 1 << 3;
pub(in crate::core::arm) const IXC: u32 = 1 << 4;
const IDC: u32 = 1 << 7;
/// FPSCR: flush to zero, default NaN, alternative half precision.
const FZ: u32 = 1 << 24;
const DN: u32 = 1 << 25;
const AHP: u32 = 1 << 26;

const SIGN: u32 = 1 << 31;
const INFINITY: u32 = 0x7f80_0000;
const DEFAULT_NAN: u32 = 0x7fc0_0000;
const QUIET: u32 = 1 << 22;
const FRACTION: u32 = 0x007f_ffff;

/// FPSCR.RMode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core::arm) enum Rounding {
    Nearest,
    Up,
    Down,
    Zero,
}

/// Arithmetic under one FPSCR, in which it leaves its flags.
#[derive(Debug)]
pub(in crate::core::arm) struct Float {
    pub(in crate::core::arm) fpscr: u32,
}

/// A number taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Nan { signalling: bool },
    Infinity,
    Zero,
    Finite(Finite),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Finite {
    significand: u128,
    exponent: i32,
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core::arm) enum Comparison {
    Less,
    Equal,
    Greater,
    Unordered,
}

/// A format's widths: bits of exponent and of fraction.
#[derive(Clone, Copy)]
struct Format {
    exponent: u32,
    fraction: u32,
}

const SINGLE: Format = Format {
    exponent: 8,
    fraction: 23,
};
const HALF: Format = Format {
    exponent: 5,
    fraction: 10,
};

impl Finite {
    /// With its highest bit at bit 120.
    fn normalised(self) -> Self {
        let up = self.significand.leading_zeros() as i32 - 7;
        if up >= 0 {
            Self {
                significand: self.significand << up,
                exponent: self.exponent - up,
            }
        } else {
            Self {
                significand: shift_right_sticky(self.significand, -up),
                exponent: self.exponent - up,
            }
        }
    }
}

/// `value >> count`; bits that are shifted out set the lowest bit.
fn shift_right_sticky(value: u128, count: i32) -> u128 {
    match u32::try_from(count) {
        Ok(count @ 0..128) => value >> count | u128::from(value & ((1 << count) - 1) != 0),
        Ok(_) => u128::from(value != 0),
        Err(_) => value,
    }
}

fn is_negative(bits: u32) -> bool {
    bits & SIGN != 0
}

fn sign_of(negative: bool) -> u32 {
    if negative { SIGN } else { 0 }
}

impl Float {
    pub(in crate::core::arm) fn new(fpscr: u32) -> Self {
        Self { fpscr }
    }

    fn rounding(&self) -> Rounding {
        match self.fpscr >> 22 & 3 {
            0 => Rounding::Nearest,
            1 => Rounding::Up,
            2 => Rounding::Down,
            _ => Rounding::Zero,
        }
    }

    fn raise(&mut self, flag: u32) {
        self.fpscr |= flag;
    }

    fn invalid(&mut self) -> u32 {
        self.raise(IOC);
        DEFAULT_NAN
    }

    /// FPUnpack.
    fn unpack(&mut self, bits: u32) -> Number {
        let fraction = bits & FRACTION;
        match bits >> 23 & 0xff {
            0 if fraction == 0 => Number::Zero,
            0 if self.fpscr & FZ != 0 => {
                self.raise(IDC);
                Number::Zero
            }
            0 => Number::Finite(Finite {
                significand: u128::from(fraction),
                exponent: -149,
            }),
            0xff if fraction == 0 => Number::Infinity,
            0xff => Number::Nan {
                signalling: fraction & QUIET == 0,
            },
            exponent => Number::Finite(Finite {
                significand: u128::from(fraction | 1 << 23),
                exponent: exponent as i32 - 150,
            }),
        }
    }

    /// FPProcessNaN.
    fn nan(&mut self, bits: u32, signalling: bool) -> u32 {
        if signalling {
            self.raise(IOC);
        }
        if self.fpscr & DN != 0 {
            DEFAULT_NAN
        } else {
            bits | QUIET
        }
    }

    /// FPProcessNaNs: signalling NaNs go first, in order.
    fn nans<const N: usize>(&mut self, operands: [(u32, Number); N]) -> Option<u32> {
        let first = |wanted| {
            operands
                .iter()
                .find(|(_, number)| matches!(number, Number::Nan { signalling } if *signalling == wanted))
                .map(|(bits, _)| *bits)
        };
        if let Some(bits) = first(true) {
            return Some(self.nan(bits, true));
        }
        first(false).map(|bits| self.nan(bits, false))
    }

    /// FPRound to single precision in FPSCR's rounding mode.
    fn round(&mut self, negative: bool, value: Finite) -> u32 {
        let rounding = self.rounding();
        self.round_to(SINGLE, rounding, negative, value)
    }

    /// FPRound.
    fn round_to(&mut self, format: Format, rounding: Rounding, negative: bool, value: Finite) -> u32 {
        let Finite { significand, exponent } = value.normalised();
        // The value is between 1 and 2 times this power of two.
        let power = exponent + 120;
        let bias = (1 << (format.exponent - 1)) - 1;
        let least = 1 - bias;
        let sign = u32::from(negative) << (format.exponent + format.fraction);
        let is_half = format.exponent == HALF.exponent;
        if self.fpscr & FZ != 0 && !is_half && power < least {
            self.raise(UFC);
            return sign;
        }
        let mut biased = (power - least + 1).max(0);
        let denormal_shift = (least - power).max(0);
        let scaled = shift_right_sticky(significand, denormal_shift);
        // The significant bits, and the rest below them.
        let cut = 120 - format.fraction;
        let mut mantissa = (scaled >> cut) as u32;
        let rest = scaled & ((1 << cut) - 1);
        let half_way = 1 << (cut - 1);
        if biased == 0 && rest != 0 {
            self.raise(UFC);
        }
        let (round_up, to_infinity) = match rounding {
            Rounding::Nearest => (rest > half_way || rest == half_way && mantissa & 1 != 0, true),
            Rounding::Up => (rest != 0 && !negative, !negative),
            Rounding::Down => (rest != 0 && negative, negative),
            Rounding::Zero => (false, false),
        };
        if round_up {
            mantissa += 1;
            if mantissa == 1 << format.fraction && biased == 0 {
                biased = 1;
            }
            if mantissa == 1 << (format.fraction + 1) {
                biased += 1;
                mantissa >>= 1;
            }
        }
        let all_ones = (1 << format.exponent) - 1;
        let fraction = mantissa & ((1 << format.fraction) - 1);
        if is_half && self.fpscr & AHP != 0 {
            // The alternative format has neither infinity nor NaN.
            if biased > all_ones {
                self.raise(IOC);
                return sign | 0x7fff;
            }
        } else if biased >= all_ones {
            self.raise(OFC | IXC);
            let infinity = sign | (all_ones as u32) << format.fraction;
            return if to_infinity { infinity } else { infinity - 1 };
        }
        if rest != 0 {
            self.raise(IXC);
        }
        sign | (biased as u32) << format.fraction | fraction
    }

    /// A sum of two finite numbers that is exactly zero is negative only when rounding down.
    fn exact_zero(&self) -> u32 {
        sign_of(self.rounding() == Rounding::Down)
    }

    /// The rounded sum of two finite numbers, both with their signs.
    fn sum(&mut self, (a_negative, a): (bool, Finite), (b_negative, b): (bool, Finite)) -> u32 {
        let (a, b) = (a.normalised(), b.normalised());
        let exponent = a.exponent.max(b.exponent);
        let (a, b) = (
            shift_right_sticky(a.significand, exponent - a.exponent),
            shift_right_sticky(b.significand, exponent - b.exponent),
        );
        let (negative, significand) = if a_negative == b_negative {
            (a_negative, a + b)
        } else if a >= b {
            (a_negative, a - b)
        } else {
            (b_negative, b - a)
        };
        if significand == 0 {
            return self.exact_zero();
        }
        self.round(negative, Finite { significand, exponent })
    }

    /// FPAdd.
    pub(in crate::core::arm) fn add(&mut self, a: u32, b: u32) -> u32 {
        let (number_a, number_b) = (self.unpack(a), self.unpack(b));
        if let Some(nan) = self.nans([(a, number_a), (b, number_b)]) {
            return nan;
        }
        let (a_negative, b_negative) = (is_negative(a), is_negative(b));
        match (number_a, number_b) {
            (Number::Infinity, Number::Infinity) if a_negative != b_negative => self.invalid(),
            (Number::Infinity, _) => sign_of(a_negative) | INFINITY,
            (_, Number::Infinity) => sign_of(b_negative) | INFINITY,
            (Number::Zero, Number::Zero) if a_negative == b_negative => sign_of(a_negative),
            (Number::Zero, Number::Zero) => self.exact_zero(),
            (Number::Finite(a), Number::Finite(b)) => self.sum((a_negative, a), (b_negative, b)),
            (Number::Finite(a), _) => self.round(a_negative, a),
            (_, Number::Finite(b)) => self.round(b_negative, b),
            // NaNs are done with.
            _ => DEFAULT_NAN,
        }
    }

    /// FPSub.
    pub(in crate::core::arm) fn subtract(&mut self, a: u32, b: u32) -> u32 {
        // A NaN keeps its sign.
        let is_nan = b & !SIGN > INFINITY;
        self.add(a, if is_nan { b } else { b ^ SIGN })
    }

    /// FPMul.
    pub(in crate::core::arm) fn multiply(&mut self, a: u32, b: u32) -> u32 {
        let (number_a, number_b) = (self.unpack(a), self.unpack(b));
        if let Some(nan) = self.nans([(a, number_a), (b, number_b)]) {
            return nan;
        }
        let negative = is_negative(a ^ b);
        match (number_a, number_b) {
            (Number::Infinity, Number::Zero) | (Number::Zero, Number::Infinity) => self.invalid(),
            (Number::Infinity, _) | (_, Number::Infinity) => sign_of(negative) | INFINITY,
            (Number::Finite(a), Number::Finite(b)) => self.round(negative, product(a, b)),
            _ => sign_of(negative),
        }
    }

    /// FPDiv.
    pub(in crate::core::arm) fn divide(&mut self, a: u32, b: u32) -> u32 {
        let (number_a, number_b) = (self.unpack(a), self.unpack(b));
        if let Some(nan) = self.nans([(a, number_a), (b, number_b)]) {
            return nan;
        }
        let negative = is_negative(a ^ b);
        match (number_a, number_b) {
            (Number::Infinity, Number::Infinity) | (Number::Zero, Number::Zero) => self.invalid(),
            (Number::Infinity, _) => sign_of(negative) | INFINITY,
            (_, Number::Zero) => {
                self.raise(DZC);
                sign_of(negative) | INFINITY
            }
            (Number::Finite(a), Number::Finite(b)) => {
                let dividend = a.significand << 64;
                let quotient = ((dividend / b.significand) << 1) | u128::from(dividend % b.significand != 0);
                let exponent = a.exponent - b.exponent - 65;
                self.round(
                    negative,
                    Finite {
                        significand: quotient,
                        exponent,
                    },
                )
            }
            _ => sign_of(negative),
        }
    }

    /// FPSqrt.
    pub(in crate::core::arm) fn square_root(&mut self, a: u32) -> u32 {
        let number = self.unpack(a);
        if let Some(nan) = self.nans([(a, number)]) {
            return nan;
        }
        match number {
            Number::Zero => sign_of(is_negative(a)),
            _ if is_negative(a) => self.invalid(),
            Number::Finite(value) => {
                let Finite { significand, exponent } = value.normalised();
                // An even exponent, so that it halves.
                let odd = exponent & 1;
                let (significand, exponent) = (significand << odd, exponent - odd);
                let root = significand.isqrt();
                let sticky = u128::from(root * root != significand);
                let significand = root << 1 | sticky;
                self.round(
                    false,
                    Finite {
                        significand,
                        exponent: exponent / 2 - 1,
                    },
                )
            }
            _ => INFINITY,
        }
    }

    /// FPMulAdd: `addend + a × b`, rounded once.
    pub(in crate::core::arm) fn multiply_add(&mut self, addend: u32, a: u32, b: u32) -> u32 {
        let numbers @ [c, number_a, number_b] = [self.unpack(addend), self.unpack(a), self.unpack(b)];
        let zero_times_infinity = matches!(
            (number_a, number_b),
            (Number::Infinity, Number::Zero) | (Number::Zero, Number::Infinity)
        );
        let nan = self.nans([(addend, numbers[0]), (a, numbers[1]), (b, numbers[2])]);
        if zero_times_infinity && matches!(c, Number::Nan { signalling: false }) {
            return self.invalid();
        }
        if let Some(nan) = nan {
            return nan;
        }
        let (c_negative, negative) = (is_negative(addend), is_negative(a ^ b));
        let product_infinite = number_a == Number::Infinity || number_b == Number::Infinity;
        if zero_times_infinity || c == Number::Infinity && product_infinite && c_negative != negative {
            return self.invalid();
        }
        if c == Number::Infinity {
            return sign_of(c_negative) | INFINITY;
        }
        if product_infinite {
            return sign_of(negative) | INFINITY;
        }
        match (c, number_a, number_b) {
            (Number::Finite(c), Number::Finite(a), Number::Finite(b)) => {
                self.sum((c_negative, c), (negative, product(a, b)))
            }
            (_, Number::Finite(a), Number::Finite(b)) => self.round(negative, product(a, b)),
            (Number::Finite(c), ..) => self.round(c_negative, c),
            _ if c_negative == negative => sign_of(negative),
            _ => self.exact_zero(),
        }
    }

    /// FPCompare; `signalling`: also quiet NaNs are invalid.
    pub(in crate::core::arm) fn compare(&mut self, a: u32, b: u32, signalling: bool) -> Comparison {
        let numbers = [self.unpack(a), self.unpack(b)];
        let mut unordered = false;
        for number in numbers {
            if let Number::Nan { signalling: snan } = number {
                unordered = true;
                if snan || signalling {
                    self.raise(IOC);
                }
            }
        }
        if unordered {
            return Comparison::Unordered;
        }
        // As sign and magnitude the bits are in order; flushed numbers are zeros.
        let ordered = |bits: u32, number| match number {
            Number::Zero => 0,
            _ if is_negative(bits) => -i64::from(bits & !SIGN),
            _ => i64::from(bits),
        };
        match ordered(a, numbers[0]).cmp(&ordered(b, numbers[1])) {
            std::cmp::Ordering::Less => Comparison::Less,
            std::cmp::Ordering::Equal => Comparison::Equal,
            std::cmp::Ordering::Greater => Comparison::Greater,
        }
    }

    /// FPToFixed: an integer of `bits` bits, with `fraction_bits` of them after the binary point, as 32 bits.
    pub(in crate::core::arm) fn fixed_of(
        &mut self,
        a: u32,
        bits: u32,
        fraction_bits: u32,
        signed: bool,
        toward_zero: bool,
    ) -> u32 {
        let number = self.unpack(a);
        let negative = is_negative(a);
        let (least, most) = if signed {
            (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
        } else {
            (0, (1_i128 << bits) - 1)
        };
        let (value, inexact) = match number {
            Number::Nan { .. } => {
                self.raise(IOC);
                return 0;
            }
            Number::Zero => return 0,
            Number::Infinity => (if negative { i128::MIN } else { i128::MAX }, false),
            Number::Finite(Finite { significand, exponent }) => {
                let exponent = exponent + fraction_bits as i32;
                if exponent >= 64 {
                    (if negative { i128::MIN } else { i128::MAX }, false)
                } else if exponent >= 0 {
                    let value = (significand << exponent) as i128;
                    (if negative { -value } else { value }, false)
                } else {
                    let rounding = if toward_zero { Rounding::Zero } else { self.rounding() };
                    round_to_integer(negative, significand, -exponent, rounding)
                }
            }
        };
        let saturated = value.clamp(least, most);
        if saturated != value {
            self.raise(IOC);
        } else if inexact {
            self.raise(IXC);
        }
        saturated as u32
    }

    /// FixedToFP. `nearest` overrides FPSCR's rounding mode.
    pub(in crate::core::arm) fn single_of(&mut self, value: i64, fraction_bits: u32, nearest: bool) -> u32 {
        if value == 0 {
            return 0;
        }
        let rounding = if nearest { Rounding::Nearest } else { self.rounding() };
        let number = Finite {
            significand: u128::from(value.unsigned_abs()),
            exponent: -(fraction_bits as i32),
        };
        self.round_to(SINGLE, rounding, value < 0, number)
    }

    /// FPHalfToSingle.
    pub(in crate::core::arm) fn half_to_single(&mut self, half: u32) -> u32 {
        let negative = half & 0x8000 != 0;
        let (exponent, fraction) = (half >> 10 & 0x1f, half & 0x3ff);
        let (significand, power) = match exponent {
            0 if fraction == 0 => return sign_of(negative),
            0 => (fraction, -24),
            0x1f if self.fpscr & AHP == 0 => {
                if fraction == 0 {
                    return sign_of(negative) | INFINITY;
                }
                if fraction & 0x200 == 0 {
                    self.raise(IOC);
                }
                if self.fpscr & DN != 0 {
                    return DEFAULT_NAN;
                }
                return sign_of(negative) | DEFAULT_NAN | fraction << 13;
            }
            _ => (fraction | 0x400, exponent as i32 - 25),
        };
        self.round(
            negative,
            Finite {
                significand: u128::from(significand),
                exponent: power,
            },
        )
    }

    /// FPSingleToHalf.
    pub(in crate::core::arm) fn single_to_half(&mut self, a: u32) -> u32 {
        let sign = a >> 16 & 0x8000;
        let alternative = self.fpscr & AHP != 0;
        match self.unpack(a) {
            Number::Nan { signalling } => {
                if signalling || alternative {
                    self.raise(IOC);
                }
                if alternative {
                    sign
                } else if self.fpscr & DN != 0 {
                    0x7e00
                } else {
                    sign | 0x7e00 | a >> 13 & 0x1ff
                }
            }
            Number::Infinity if alternative => {
                self.raise(IOC);
                sign | 0x7fff
            }
            Number::Infinity => sign | 0x7c00,
            Number::Zero => sign,
            Number::Finite(value) => {
                let rounding = self.rounding();
                self.round_to(HALF, rounding, is_negative(a), value)
            }
        }
    }
}

fn product(a: Finite, b: Finite) -> Finite {
    Finite {
        significand: a.significand * b.significand,
        exponent: a.exponent + b.exponent,
    }
}

/// `significand / 2^places` as an integer, and whether it was inexact.
fn round_to_integer(negative: bool, significand: u128, places: i32, rounding: Rounding) -> (i128, bool) {
    // Far below one: the remainder is less than a half, and not zero.
    let places = places.min(100);
    let (whole, rest) = (significand >> places, significand & ((1 << places) - 1));
    let half_way = 1_u128 << (places - 1);
    let up = match rounding {
        Rounding::Nearest => rest > half_way || rest == half_way && whole & 1 != 0,
        Rounding::Up => rest != 0 && !negative,
        Rounding::Down => rest != 0 && negative,
        Rounding::Zero => false,
    };
    let magnitude = (whole + u128::from(up)) as i128;
    (if negative { -magnitude } else { magnitude }, rest != 0)
}

#[cfg(test)]
mod tests;
