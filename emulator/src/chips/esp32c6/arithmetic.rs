//! The arithmetic functions of the mask ROM, which are libgcc's (GCC Internals, "The GCC low-level runtime library"),
//! executed natively. Programs call them instead of linking their own, because Espressif's linker scripts name them.

/// Maps the values of a0 to a3 to the results in a0 and a1.
pub(super) type Function = fn([u32; 4]) -> u64;

/// Addresses, names, and what is done.
pub(super) const FUNCTIONS: &[(u32, &str, Function)] = &[
    (0x4000_08d4, "__divdi3", |args| {
        let (left, right) = (first(args) as i64, second(args) as i64);
        left.checked_div(right).unwrap_or(-1) as u64
    }),
    (0x4000_095c, "__moddi3", |args| {
        let (left, right) = (first(args) as i64, second(args) as i64);
        left.checked_rem(right).unwrap_or(0) as u64
    }),
    (0x4000_09dc, "__umoddi3", |args| {
        first(args).checked_rem(second(args)).unwrap_or(0)
    }),
    (0x4000_096c, "__muldi3", |args| first(args).wrapping_mul(second(args))),
    (0x4000_08b8, "__clzdi2", |args| u64::from(first(args).leading_zeros())),
    (0x4000_08bc, "__clzsi2", |args| u64::from(args[0].leading_zeros())),
    (0x4000_08c4, "__ctzdi2", |args| u64::from(first(args).trailing_zeros())),
    (0x4000_08c8, "__ctzsi2", |args| u64::from(args[0].trailing_zeros())),
    (0x4000_09a4, "__popcountdi2", |args| u64::from(first(args).count_ones())),
    (0x4000_09a8, "__popcountsi2", |args| u64::from(args[0].count_ones())),
    (0x4000_08d0, "__divdf3", |args| double(f64s(args).0 / f64s(args).1)),
    (0x4000_08dc, "__divsf3", |args| single(f32s(args).0 / f32s(args).1)),
    (0x4000_09f4, "__adddf3", |args| double(f64s(args).0 + f64s(args).1)),
    (0x4000_09f8, "__addsf3", |args| single(f32s(args).0 + f32s(args).1)),
    (0x4000_0a74, "__subdf3", |args| double(f64s(args).0 - f64s(args).1)),
    (0x4000_0a78, "__subsf3", |args| single(f32s(args).0 - f32s(args).1)),
    (0x4000_0a64, "__muldf3", |args| double(f64s(args).0 * f64s(args).1)),
    (0x4000_0a68, "__mulsf3", |args| single(f32s(args).0 * f32s(args).1)),
    (0x4000_09fc, "__eqdf2", |args| {
        compared(f64s(args).0.partial_cmp(&f64s(args).1), 1)
    }),
    (0x4000_0a00, "__eqsf2", |args| {
        compared(f32s(args).0.partial_cmp(&f32s(args).1), 1)
    }),
    (0x4000_0a6c, "__nedf2", |args| {
        compared(f64s(args).0.partial_cmp(&f64s(args).1), 1)
    }),
    (0x4000_0a70, "__nesf2", |args| {
        compared(f32s(args).0.partial_cmp(&f32s(args).1), 1)
    }),
    (0x4000_0a54, "__ledf2", |args| {
        compared(f64s(args).0.partial_cmp(&f64s(args).1), 1)
    }),
    (0x4000_0a58, "__lesf2", |args| {
        compared(f32s(args).0.partial_cmp(&f32s(args).1), 1)
    }),
    (0x4000_0a5c, "__ltdf2", |args| {
        compared(f64s(args).0.partial_cmp(&f64s(args).1), 1)
    }),
    (0x4000_0a60, "__ltsf2", |args| {
        compared(f32s(args).0.partial_cmp(&f32s(args).1), 1)
    }),
    (0x4000_0a44, "__gedf2", |args| {
        compared(f64s(args).0.partial_cmp(&f64s(args).1), -1)
    }),
    (0x4000_0a48, "__gesf2", |args| {
        compared(f32s(args).0.partial_cmp(&f32s(args).1), -1)
    }),
    (0x4000_0a4c, "__gtdf2", |args| {
        compared(f64s(args).0.partial_cmp(&f64s(args).1), -1)
    }),
    (0x4000_0a50, "__gtsf2", |args| {
        compared(f32s(args).0.partial_cmp(&f32s(args).1), -1)
    }),
    (0x4000_09e4, "__unorddf2", |args| {
        u64::from(f64s(args).0.is_nan() || f64s(args).1.is_nan())
    }),
    (0x4000_09e8, "__unordsf2", |args| {
        u64::from(f32s(args).0.is_nan() || f32s(args).1.is_nan())
    }),
    (0x4000_0a04, "__extendsfdf2", |args| double(f64::from(f32s(args).0))),
    (0x4000_0a7c, "__truncdfsf2", |args| single(f64s(args).0 as f32)),
    (0x4000_0a08, "__fixdfdi", |args| f64s(args).0 as i64 as u64),
    (0x4000_0a0c, "__fixdfsi", |args| u64::from(f64s(args).0 as i32 as u32)),
    (0x4000_0a10, "__fixsfdi", |args| f32s(args).0 as i64 as u64),
    (0x4000_0a14, "__fixsfsi", |args| u64::from(f32s(args).0 as i32 as u32)),
    (0x4000_0a18, "__fixunsdfsi", |args| u64::from(f64s(args).0 as u32)),
    (0x4000_0a1c, "__fixunssfdi", |args| f32s(args).0 as u64),
    (0x4000_0a20, "__fixunssfsi", |args| u64::from(f32s(args).0 as u32)),
    (0x4000_0a24, "__floatdidf", |args| double(first(args) as i64 as f64)),
    (0x4000_0a28, "__floatdisf", |args| single(first(args) as i64 as f32)),
    (0x4000_0a2c, "__floatsidf", |args| double(f64::from(args[0] as i32))),
    (0x4000_0a30, "__floatsisf", |args| single(args[0] as i32 as f32)),
    (0x4000_0a34, "__floatundidf", |args| double(first(args) as f64)),
    (0x4000_0a38, "__floatundisf", |args| single(first(args) as f32)),
    (0x4000_0a3c, "__floatunsidf", |args| double(f64::from(args[0]))),
    (0x4000_0a40, "__floatunsisf", |args| single(args[0] as f32)),
    (0x4000_057c, "div", divided),
    (0x4000_0584, "ldiv", divided),
    (0x4000_08a4, "__bswapdi2", |args| first(args).swap_bytes()),
    (0x4000_08a8, "__bswapsi2", |args| u64::from(args[0].swap_bytes())),
    (0x4000_08ac, "__clear_cache", |_| 0),
    (0x4000_08c0, "__cmpdi2", |args| {
        ordered((first(args) as i64).cmp(&(second(args) as i64)))
    }),
    (0x4000_09c8, "__ucmpdi2", |args| ordered(first(args).cmp(&second(args)))),
    (0x4000_08e0, "__divsi3", |args| {
        let divided = (args[0] as i32).checked_div(args[1] as i32);
        u64::from(divided.map_or(u32::MAX, |value| value as u32))
    }),
    (0x4000_0960, "__modsi3", |args| {
        let rest = (args[0] as i32).checked_rem(args[1] as i32);
        u64::from(rest.map_or(0, |value| value as u32))
    }),
    (0x4000_09d4, "__udivsi3", |args| {
        u64::from(args[0].checked_div(args[1]).unwrap_or(u32::MAX))
    }),
    (0x4000_09e0, "__umodsi3", |args| {
        u64::from(args[0].checked_rem(args[1]).unwrap_or(args[0]))
    }),
    (0x4000_0978, "__mulsi3", |args| u64::from(args[0].wrapping_mul(args[1]))),
    (0x4000_08f0, "__ffsdi2", |args| first_set(first(args))),
    (0x4000_08f4, "__ffssi2", |args| first_set(u64::from(args[0]))),
    (0x4000_0988, "__negdf2", |args| first(args) ^ 1 << 63),
    (0x4000_098c, "__negdi2", |args| first(args).wrapping_neg()),
    (0x4000_0990, "__negsf2", |args| u64::from(args[0] ^ 1 << 31)),
    (0x4000_09a0, "__paritysi2", |args| u64::from(args[0].count_ones() % 2)),
];

/// Quotient and rest (newlib).
fn divided(args: [u32; 4]) -> u64 {
    let (left, right) = (args[0] as i32, args[1] as i32);
    let quotient = left.checked_div(right).unwrap_or(-1) as u32;
    let rest = left.checked_rem(right).unwrap_or(0) as u32;
    u64::from(rest) << 32 | u64::from(quotient)
}

/// The number of the lowest bit that is set, from 1 on; 0 if none is.
fn first_set(value: u64) -> u64 {
    match value {
        0 => 0,
        value => u64::from(value.trailing_zeros()) + 1,
    }
}

/// 0, 1 or 2 for below, equal, above.
fn ordered(order: std::cmp::Ordering) -> u64 {
    (order as i32 + 1) as u64
}

fn first(args: [u32; 4]) -> u64 {
    u64::from(args[1]) << 32 | u64::from(args[0])
}

fn second(args: [u32; 4]) -> u64 {
    u64::from(args[3]) << 32 | u64::from(args[2])
}

fn f64s(args: [u32; 4]) -> (f64, f64) {
    (f64::from_bits(first(args)), f64::from_bits(second(args)))
}

fn f32s(args: [u32; 4]) -> (f32, f32) {
    (f32::from_bits(args[0]), f32::from_bits(args[1]))
}

/// The NaN that an operation returns must not depend on the host.
fn double(value: f64) -> u64 {
    match value.is_nan() {
        true => 0x7ff8_0000_0000_0000,
        false => value.to_bits(),
    }
}

fn single(value: f32) -> u64 {
    match value.is_nan() {
        true => 0x7fc0_0000,
        false => u64::from(value.to_bits()),
    }
}

/// −1, 0 or 1 in a0, as libgcc's comparisons return it; `unordered` if one is a NaN.
fn compared(order: Option<std::cmp::Ordering>, unordered: i32) -> u64 {
    u64::from(order.map_or(unordered, |order| order as i32) as u32)
}
