//! The compensation formulas of the BME280 (datasheet 4.2.3, integer form) with the trimming words of one sensor, and the
//! raw value that each of them needs for a given result.

use drydock_assets::Millionths;

/// `dig_T1` to `dig_T3`: those of the example in the datasheet of the BMP280, whose formulas are the same.
const T: [i64; 3] = [27_504, 26_435, -1_000];
/// `dig_P1` to `dig_P9`, of the same example.
const P: [i64; 9] = [36_477, -10_685, 3_024, 2_855, 140, -7, 15_500, -14_600, 6_000];
/// `dig_H1` to `dig_H6` of a typical sensor.
const H: [i64; 6] = [75, 362, 0, 313, 50, 30];

/// Registers 0x88 to 0xa1 (table 16).
pub(super) const CALIBRATION_0: [u8; 26] = {
    let mut bytes = [0; 26];
    let mut word = 0;
    while word < 12 {
        let value = if word < 3 { T[word] } else { P[word - 3] };
        bytes[2 * word] = value as u8;
        bytes[2 * word + 1] = (value >> 8) as u8;
        word += 1;
    }
    bytes[25] = H[0] as u8;
    bytes
};

/// Registers 0xe1 to 0xe7: `dig_H4` and `dig_H5` share 0xe5.
pub(super) const CALIBRATION_1: [u8; 7] = [
    H[1] as u8,
    (H[1] >> 8) as u8,
    H[2] as u8,
    (H[3] >> 4) as u8,
    (H[3] & 0xf) as u8 | ((H[4] & 0xf) << 4) as u8,
    (H[4] >> 4) as u8,
    H[5] as u8,
];

/// Steps of the temperature and pressure converters, and of the humidity converter.
const STEPS: u32 = 1 << 20;
const HUMIDITY_STEPS: u32 = 1 << 16;

/// The temperature that the other formulas need.
pub(super) fn t_fine(raw: u32) -> i64 {
    let raw = i64::from(raw);
    let linear = (((raw >> 3) - (T[0] << 1)) * T[1]) >> 11;
    let offset = (raw >> 4) - T[0];
    let square = (((offset * offset) >> 12) * T[2]) >> 14;
    linear + square
}

/// In hundredths of a degree Celsius.
fn temperature(raw: u32) -> i64 {
    (t_fine(raw) * 5 + 128) >> 8
}

/// In 256ths of a pascal.
fn pressure(raw: u32, t_fine: i64) -> i64 {
    let t = t_fine - 128_000;
    let offset = t * t * P[5] + ((t * P[4]) << 17) + (P[3] << 35);
    let scale = ((t * t * P[2]) >> 8) + ((t * P[1]) << 12);
    let scale = (((1 << 47) + scale) * P[0]) >> 33;
    if scale == 0 {
        return 0;
    }
    let inverted = 1_048_576 - i64::from(raw);
    let linear = (((inverted << 31) - offset) * 3_125) / scale;
    let square = (P[8] * (linear >> 13) * (linear >> 13)) >> 25;
    let skew = (P[7] * linear) >> 19;
    ((linear + square + skew) >> 8) + (P[6] << 4)
}

/// In 1024ths of a percent.
fn humidity(raw: u32, t_fine: i64) -> i64 {
    let t = t_fine - 76_800;
    let level = ((i64::from(raw) << 14) - (H[3] << 20) - H[4] * t + 16_384) >> 15;
    let slope = (((((t * H[5]) >> 10) * (((t * H[2]) >> 11) + 32_768)) >> 10) + 2_097_152) * H[1];
    let value = level * ((slope + 8_192) >> 14);
    let value = value - (((((value >> 15) * (value >> 15)) >> 7) * H[0]) >> 4);
    value.clamp(0, 419_430_400) >> 12
}

/// The raw value whose compensated one is nearest to `wanted` millionths of a degree.
pub(super) fn raw_temperature(wanted: Millionths) -> u32 {
    nearest(STEPS, |raw| temperature(raw) * 10_000, wanted.0)
}

/// The raw value whose compensated one is nearest to `wanted` millionths of a hectopascal.
pub(super) fn raw_pressure(wanted: Millionths, t_fine: i64) -> u32 {
    // It falls while the raw value rises. A 256th of a pascal is 39.0625 millionths of a hectopascal.
    let falling = |raw: u32| pressure(STEPS - 1 - raw, t_fine) * 390_625 / 10_000;
    STEPS - 1 - nearest(STEPS, falling, wanted.0)
}

/// The raw value whose compensated one is nearest to `wanted` millionths of a percent.
pub(super) fn raw_humidity(wanted: Millionths, t_fine: i64) -> u32 {
    nearest(
        HUMIDITY_STEPS,
        |raw| humidity(raw, t_fine) * 1_000_000 / 1_024,
        wanted.0,
    )
}

/// Where a rising function of `0..steps` is nearest to `wanted`, in the middle of the steps that are equally near.
fn nearest(steps: u32, of: impl Fn(u32) -> i64, wanted: i64) -> u32 {
    let first_not_below = |limit: i64| {
        let (mut low, mut high) = (0, steps);
        while low < high {
            let middle = low.midpoint(high);
            if of(middle) < limit {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low
    };
    let above = first_not_below(wanted).min(steps - 1);
    let below = above.saturating_sub(1);
    let best = if wanted - of(below) < of(above) - wanted {
        below
    } else {
        above
    };
    let value = of(best);
    let last = first_not_below(value + 1).max(1) - 1;
    first_not_below(value).midpoint(last.min(steps - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_datasheets_example_is_computed_as_there() {
        // BMP280 datasheet 3.12: 25.08 °C and, in floating point, 100,653.27 Pa.
        assert_eq!((t_fine(519_888), temperature(519_888)), (128_422, 2_508));
        let pascal = pressure(415_148, 128_422) as f64 / 256.0;
        assert!((pascal - 100_653.27).abs() < 0.02, "{pascal}");
    }

    #[test]
    fn every_value_that_can_be_set_is_read_back_within_the_resolution() {
        let mut worst = [0; 3];
        for tenths in (-400..=850).step_by(7) {
            let wanted = Millionths(tenths * 100_000);
            let raw = raw_temperature(wanted);
            worst[0] = worst[0].max((temperature(raw) * 10_000 - wanted.0).abs());
            let fine = t_fine(raw);
            for hpa in (300..=1_100).step_by(53) {
                let raw = raw_pressure(Millionths(hpa * 1_000_000), fine);
                worst[1] = worst[1].max((pressure(raw, fine) * 390_625 / 10_000 - hpa * 1_000_000).abs());
            }
            for percent in 0..=100 {
                let raw = raw_humidity(Millionths(percent * 1_000_000), fine);
                worst[2] = worst[2].max((humidity(raw, fine) * 1_000_000 / 1_024 - percent * 1_000_000).abs());
            }
        }
        // 0.01 °C, 0.003 hPa, 0.015 %: the steps of the formulas and of the converters.
        assert!(
            worst[0] <= 5_000 && worst[1] <= 3_000 && worst[2] <= 15_000,
            "{worst:?}"
        );
    }
}
