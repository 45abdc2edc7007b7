//! Ordinary single-precision arithmetic by the host's floating point. The results and cumulative flags are those of
//! [`super::soft`], bit for bit; every function returns `None`, and leaves FPSCR alone, where it does not know that.
//!
//! The caller ensures FPSCR's usual modes: no flush to zero, no default NaN, rounding to nearest. Beyond NaNs and
//! infinities, also subnormal numbers go to `soft`: a library in this process may have told the processor to take them
//! for zeros. So results do not depend on the process that Drydock runs in.
//!
//! Of the flags only IXC can be new here. If it is set already, exactness does not matter, which is the usual case in a
//! loop; otherwise double precision tells whether a result is exact.

use super::soft::{Comparison, IXC};

const SIGN: u32 = 1 << 31;
const INFINITY: u32 = 0x7f80_0000;
const MIN_NORMAL: u32 = 0x0080_0000;
/// 2⁻⁶⁴: a subnormal operand is too small to change the rounding of a result above this.
const SAFE: u32 = 63 << 23;

fn single(bits: u32) -> f32 {
    f32::from_bits(bits)
}

fn double(bits: u32) -> f64 {
    f64::from(f32::from_bits(bits))
}

fn is_zero(bits: u32) -> bool {
    bits << 1 == 0
}

fn is_subnormal(bits: u32) -> bool {
    bits & INFINITY == 0 && !is_zero(bits)
}

/// Whether a result is finite and at least `least`.
#[inline(always)]
fn is_between(bits: u32, least: u32) -> bool {
    (bits & !SIGN).wrapping_sub(least) < INFINITY - least
}

/// `a + b - sum` exactly, where `sum` is `a + b` rounded (Knuth's two-sum).
fn rest_of_sum(a: f64, b: f64, sum: f64) -> f64 {
    let b_part = sum - a;
    (a - (sum - b_part)) + (b - b_part)
}

fn note_inexact(fpscr: &mut u32, is_inexact: bool) {
    if is_inexact {
        *fpscr |= IXC;
    }
}

/// FPAdd.
#[inline(always)]
pub(in crate::core::arm) fn add(fpscr: &mut u32, a: u32, b: u32) -> Option<u32> {
    let result = (single(a) + single(b)).to_bits();
    if *fpscr & IXC == 0 || !is_between(result, SAFE) {
        return rare_sum(fpscr, a, b, result);
    }
    Some(result)
}

#[inline(never)]
fn rare_sum(fpscr: &mut u32, a: u32, b: u32, result: u32) -> Option<u32> {
    if is_subnormal(a) || is_subnormal(b) {
        return None;
    }
    if is_zero(result) {
        let cancels = a ^ b == SIGN;
        return (cancels || is_zero(a) && is_zero(b)).then_some(result);
    }
    if !is_between(result, MIN_NORMAL) {
        return None;
    }
    let (a, b) = (double(a), double(b));
    let sum = a + b;
    note_inexact(fpscr, rest_of_sum(a, b, sum) != 0.0 || sum != double(result));
    Some(result)
}

/// FPSub.
#[inline(always)]
pub(in crate::core::arm) fn subtract(fpscr: &mut u32, a: u32, b: u32) -> Option<u32> {
    add(fpscr, a, b ^ SIGN)
}

/// FPMul.
#[inline(always)]
pub(in crate::core::arm) fn multiply(fpscr: &mut u32, a: u32, b: u32) -> Option<u32> {
    let result = (single(a) * single(b)).to_bits();
    // The least normal number itself may have been rounded from a smaller one, which is an underflow.
    if *fpscr & IXC == 0 || !is_between(result, MIN_NORMAL + 1) {
        return rare_product(fpscr, a, b, result);
    }
    Some(result)
}

#[inline(never)]
fn rare_product(fpscr: &mut u32, a: u32, b: u32, result: u32) -> Option<u32> {
    if is_subnormal(a) || is_subnormal(b) {
        return None;
    }
    if is_zero(result) {
        return (is_zero(a) || is_zero(b)).then_some(result);
    }
    if !is_between(result, MIN_NORMAL + 1) {
        return None;
    }
    // 48 bits fit a double.
    note_inexact(fpscr, double(a) * double(b) != double(result));
    Some(result)
}

/// FPMulAdd: `addend + a × b`, rounded once. The product of two singles is exact in double precision. So only the sum is
/// rounded twice, and that matters only if the first rounding leads half-way between two singles.
#[inline(always)]
pub(in crate::core::arm) fn multiply_add(fpscr: &mut u32, addend: u32, a: u32, b: u32) -> Option<u32> {
    let product = double(a) * double(b);
    let sum = product + double(addend);
    let result = (sum as f32).to_bits();
    if *fpscr & IXC == 0 || is_half_way(sum) || product == 0.0 || !is_between(result, SAFE) {
        return rare_multiply_add(fpscr, [addend, a, b], product, sum);
    }
    Some(result)
}

/// Whether the 29 bits that a single lacks are exactly a half.
#[inline(always)]
fn is_half_way(value: f64) -> bool {
    value.to_bits() << 35 == 1 << 63
}

#[inline(never)]
fn rare_multiply_add(fpscr: &mut u32, operands: [u32; 3], product: f64, sum: f64) -> Option<u32> {
    let result = (sum as f32).to_bits();
    if operands.into_iter().any(is_subnormal) || is_half_way(sum) {
        return None;
    }
    if sum == 0.0 {
        return Some(result);
    }
    if !is_between(result, MIN_NORMAL + 1) {
        return None;
    }
    let rest = rest_of_sum(product, double(operands[0]), sum);
    note_inexact(fpscr, rest != 0.0 || sum != double(result));
    Some(result)
}

/// FPDiv.
#[inline(always)]
pub(in crate::core::arm) fn divide(fpscr: &mut u32, a: u32, b: u32) -> Option<u32> {
    let result = (single(a) / single(b)).to_bits();
    if is_subnormal(a) || is_subnormal(b) {
        return None;
    }
    if is_zero(result) {
        return is_zero(a).then_some(result);
    }
    // Zero divided by zero is a NaN, anything else by zero infinite.
    if !is_between(result, MIN_NORMAL + 1) {
        return None;
    }
    note_inexact(fpscr, double(result) * double(b) != double(a));
    Some(result)
}

/// FPSqrt.
#[inline(always)]
pub(in crate::core::arm) fn square_root(fpscr: &mut u32, a: u32) -> Option<u32> {
    if is_zero(a) {
        return Some(a);
    }
    if !(MIN_NORMAL..INFINITY).contains(&a) {
        return None;
    }
    let result = single(a).sqrt();
    note_inexact(fpscr, f64::from(result) * f64::from(result) != double(a));
    Some(result.to_bits())
}

/// FPCompare: as sign and magnitude the bits are in order.
#[inline(always)]
pub(in crate::core::arm) fn compare(a: u32, b: u32) -> Option<Comparison> {
    if a & !SIGN > INFINITY || b & !SIGN > INFINITY {
        return None;
    }
    let ordered = |bits: u32| match bits & SIGN {
        0 => bits as i32,
        _ => -((bits & !SIGN) as i32),
    };
    Some(match ordered(a).cmp(&ordered(b)) {
        std::cmp::Ordering::Less => Comparison::Less,
        std::cmp::Ordering::Equal => Comparison::Equal,
        std::cmp::Ordering::Greater => Comparison::Greater,
    })
}

/// FPToFixed toward zero: an integer of `bits` bits, with `fraction_bits` of them after the binary point.
#[inline(always)]
pub(in crate::core::arm) fn fixed_of(
    fpscr: &mut u32,
    a: u32,
    bits: u32,
    fraction_bits: u32,
    signed: bool,
) -> Option<u32> {
    let (least, most) = match signed {
        true => (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1),
        false => (0, (1i64 << bits) - 1),
    };
    let scaled = double(a) * (1u64 << fraction_bits) as f64;
    // Also false for a NaN.
    let is_inside = scaled > (least - 1) as f64 && scaled < (most + 1) as f64;
    if !is_inside || is_subnormal(a) {
        return None;
    }
    let value = scaled as i64;
    note_inexact(fpscr, value as f64 != scaled);
    Some(value as u32)
}

/// FixedToFP to nearest, of an integer of up to 32 bits and its sign.
#[inline(always)]
pub(in crate::core::arm) fn single_of(fpscr: &mut u32, value: i64, fraction_bits: u32) -> u32 {
    // Both the integer and the quotient are exact in double precision.
    let exact = value as f64 / (1u64 << fraction_bits) as f64;
    let result = exact as f32;
    note_inexact(fpscr, f64::from(result) != exact);
    result.to_bits()
}

#[cfg(test)]
mod tests;
