//! Damage of a link, as users write it.

use drydock_connector::Noise;

/// Parses link noise, `RATE` or `RATE:SEED`: the share of frames damaged, 0 to 0.5.
pub(crate) fn parse_noise(text: &str) -> Option<Noise> {
    let (rate, seed) = text.split_once(':').unwrap_or((text, "1"));
    let rate: f64 = rate.parse().ok()?;
    let seed = seed.parse().ok()?;
    (0.0..=0.5).contains(&rate).then(|| Noise::of_frames(rate, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_written_as_rate_and_seed() {
        assert_eq!(parse_noise("0.01:7"), Some(Noise::of_frames(0.01, 7)));
        assert_eq!(parse_noise("0"), Some(Noise::of_frames(0.0, 1)));
        for bad in ["", "x", "-0.1", "0.6", "0.01:", "0.01:x", "NaN"] {
            assert_eq!(parse_noise(bad), None, "{bad}");
        }
    }
}
