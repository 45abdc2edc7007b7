//! A GPS receiver that plays a file of NMEA 0183 sentences over its UART. Sentences with one time of day form an epoch; the
//! times in the file say how far epochs are apart. Bytes have the length that the receiver's own rate gives them.
//!
//! Not modelled: what is sent to the receiver, and a line whose two ends have different rates.

use drydock_assets::{Millionths, nmea};
use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::model::PartModel;
use crate::machine::VirtualTime;

/// From power-on to the first epoch, and from the last one of the file to the first one again.
const PAUSE_MS: u64 = 1_000;
/// Start bit, eight data bits, stop bit.
const BITS: u64 = 10;
/// What a receiver without a file plays.
const SAMPLE: &str = include_str!("gps/sample.nmea");

/// The receiver.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Gps {
    /// The file.
    file: Memory,
    epochs: Vec<Epoch>,
    on: Millionths,
    baud: Millionths,
    latitude: Millionths,
    longitude: Millionths,
    /// When the file began, in the pass that is played.
    begin: VirtualTime,
    epoch: usize,
    /// The next byte of that epoch, and when it has been sent.
    byte: usize,
    due: VirtualTime,
    said: Vec<u8>,
}

#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
struct Epoch {
    at_ms: u64,
    /// Its sentences with their line ends.
    text: Vec<u8>,
    position: Option<(i64, i64)>,
}

impl Default for Gps {
    fn default() -> Self {
        let mut gps = Self {
            file: Memory::new(0),
            epochs: Vec::new(),
            on: Millionths(1_000_000),
            baud: Millionths(9_600_000_000),
            latitude: Millionths::default(),
            longitude: Millionths::default(),
            begin: VirtualTime::ZERO,
            epoch: 0,
            byte: 0,
            due: VirtualTime::MAX,
            said: Vec::new(),
        };
        let loaded = gps.load(VirtualTime::ZERO, SAMPLE.as_bytes());
        debug_assert_eq!(loaded, Ok(()), "the sample is tested");
        gps
    }
}

impl Gps {
    fn byte_time(&self) -> VirtualTime {
        VirtualTime::from_ticks(BITS, (self.baud.0 / 1_000_000) as u64)
    }

    /// The file begins, after the pause.
    fn begin(&mut self, now: VirtualTime) {
        self.begin = now + VirtualTime::from_ms(PAUSE_MS);
        self.epoch = 0;
        self.byte = 0;
        self.plan(now);
    }

    /// When the next byte will have been sent: after its epoch's time and after what was sent until now.
    fn plan(&mut self, now: VirtualTime) {
        self.due = match self.epochs.get(self.epoch) {
            Some(epoch) if self.on.0 >= 500_000 => {
                let at = self.begin + VirtualTime::from_ms(epoch.at_ms);
                let start = if self.byte == 0 { at.max(now) } else { now };
                start + self.byte_time()
            }
            _ => VirtualTime::MAX,
        };
    }
}

impl PartModel for Gps {
    fn power_on(&mut self, now: VirtualTime) {
        self.said.clear();
        self.begin(now);
    }

    fn get(&self, _now: VirtualTime, property: &str) -> Millionths {
        match property {
            "on" => self.on,
            "baud" => self.baud,
            "latitude" => self.latitude,
            "longitude" => self.longitude,
            _ => Millionths::default(),
        }
    }

    fn set(&mut self, now: VirtualTime, property: &str, value: Millionths) {
        match property {
            "on" if (self.on.0 >= 500_000) != (value.0 >= 500_000) => {
                self.on = value;
                // A receiver that is switched on begins as after power-on.
                self.begin(now);
            }
            "on" => self.on = value,
            "baud" => self.baud = value,
            _ => {}
        }
    }

    fn memory(&self) -> Option<&Memory> {
        Some(&self.file)
    }

    fn load(&mut self, now: VirtualTime, content: &[u8]) -> Result<(), String> {
        let epochs = nmea::epochs(content)?;
        let epoch = |epoch: &nmea::Epoch| Epoch {
            at_ms: epoch.at_ms,
            text: epoch
                .sentences
                .iter()
                .flat_map(|sentence| [sentence, "\r\n"].concat().into_bytes())
                .collect(),
            position: epoch.sentences.iter().find_map(|sentence| nmea::position(sentence)),
        };
        self.epochs = epochs.iter().map(epoch).collect();
        self.file.load(content, content.len() as u32);
        self.begin(now);
        Ok(())
    }

    fn says(&self) -> &[u8] {
        &self.said
    }

    fn take_said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.said)
    }

    fn due(&self) -> VirtualTime {
        self.due
    }

    fn timer(&mut self, now: VirtualTime) {
        let Some(epoch) = self.epochs.get(self.epoch) else {
            return;
        };
        self.said.extend(epoch.text.get(self.byte));
        self.byte += 1;
        if self.byte >= epoch.text.len() {
            if let Some((latitude, longitude)) = epoch.position {
                (self.latitude, self.longitude) = (Millionths(latitude), Millionths(longitude));
            }
            self.byte = 0;
            self.epoch += 1;
        }
        match self.epoch < self.epochs.len() {
            true => self.plan(now),
            false => {
                let last = self.epochs.last().map_or(0, |epoch| epoch.at_ms);
                let end = self.begin + VirtualTime::from_ms(last);
                self.begin(end.max(now.saturating_sub(VirtualTime::from_ms(PAUSE_MS))));
                self.plan(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Parts;
    use super::super::tests::parts;
    use super::*;

    /// Everything that is sent until `until`, with the time of each line's last byte in microseconds.
    fn lines(parts: &mut Parts, until: VirtualTime) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        let mut line = String::new();
        while parts.due() <= until {
            let now = parts.due();
            parts.serve(now);
            for (uart, bytes) in parts.take_uart() {
                assert_eq!(uart, 1);
                for byte in bytes {
                    match byte {
                        b'\n' => lines.push((now.as_us(), std::mem::take(&mut line))),
                        b'\r' => {}
                        byte => line.push(char::from(byte)),
                    }
                }
            }
        }
        lines
    }

    fn sentence(body: &str) -> String {
        let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
        format!("${body}*{sum:02X}")
    }

    #[test]
    fn epochs_come_at_the_times_of_their_sentences() {
        let file = [
            sentence("GPGGA,235959.00,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"),
            sentence("GPRMC,235959.00,A,4807.038,N,01131.000,E,0.0,0.0,230394,,"),
            sentence("GPGGA,000000.50,3351.500,S,07025.250,W,1,08,0.9,545.4,M,46.9,M,,"),
        ];
        let mut parts = parts(&["gps"]);
        parts.power_cycle(VirtualTime::ZERO);
        parts
            .load(VirtualTime::ZERO, "gps", file.join("\n").as_bytes())
            .unwrap();
        let position = |parts: &Parts| {
            ["latitude", "longitude"].map(|name| parts.value(VirtualTime::ZERO, "gps", name).unwrap().to_f64())
        };
        let first = lines(&mut parts, VirtualTime::from_ms(2_400));
        let sent: Vec<&str> = first.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(sent, [file[0].as_str(), file[1].as_str()]);
        // 9,600 bits a second are 1,041.67 µs a byte.
        let bytes = file[0].len() as u64 + 2;
        assert_eq!(first[0].0, 1_000_000 + bytes * 10_000_000 / 9_600);
        assert_eq!(position(&parts), [48.1173, 11.516_667]);
        // 1.5 s behind the first epoch, over midnight; then the file begins again.
        let second = lines(&mut parts, VirtualTime::from_ms(3_400));
        assert_eq!(second[0].0, 2_500_000 + (file[2].len() as u64 + 2) * 10_000_000 / 9_600);
        assert_eq!(position(&parts), [-33.858_333, -70.420_833]);
        let again = lines(&mut parts, VirtualTime::from_ms(3_600));
        assert_eq!(again[0].0, first[0].0 + 2_500_000);
    }

    #[test]
    fn what_is_no_log_is_refused_and_changes_nothing() {
        let mut parts = parts(&["gps"]);
        let refused = parts.load(VirtualTime::ZERO, "gps", b"$GPGGA,1*00\n").unwrap_err();
        assert!(refused.to_string().contains("line 1: "), "{refused}");
        assert_eq!(parts.read_content("gps").unwrap(), SAMPLE.as_bytes());
        parts.power_cycle(VirtualTime::ZERO);
        parts.set(VirtualTime::ZERO, "gps", "on", Millionths(0)).unwrap();
        assert_eq!(lines(&mut parts, VirtualTime::from_ms(9_000)), []);
        parts
            .set(VirtualTime::ZERO, "gps", "on", Millionths(1_000_000))
            .unwrap();
        assert!(!lines(&mut parts, VirtualTime::from_ms(9_000)).is_empty());
    }
}
