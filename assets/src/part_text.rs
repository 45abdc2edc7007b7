//! A part as one word of a command line or of a test: `KIND,KEY=VALUE,…`.

use std::fmt;
use std::str::FromStr;

use crate::part_choice::PartChoice;

impl FromStr for PartChoice {
    type Err = String;

    /// Reads `KIND` or `FILE.wasm`, and then `,KEY=VALUE,…`. The keys are `name`, `bus`, `address`, `select`, `pin`, `uart`, `file`, a line of the
    /// kind with a pin as its value (`red=P0.24`), or a property with a number. Whether they fit the kind is seen when the part is
    /// wired.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut fields = text.split(',');
        let mut part = Self {
            kind: fields.next().unwrap_or_default().to_owned(),
            ..Self::default()
        };
        for field in fields {
            let (key, value) = field
                .split_once('=')
                .ok_or_else(|| format!("`{field}` has no value; write KEY=VALUE"))?;
            let owned = Some(value.to_owned());
            match key {
                "name" => part.name = owned,
                "bus" => part.bus = owned,
                "select" => part.select = owned,
                "pin" => part.pin = owned,
                "uart" => part.uart = owned,
                "file" => part.file = owned,
                "address" => {
                    let digits = value.strip_prefix("0x");
                    let number = digits.map_or_else(|| value.parse(), |digits| u8::from_str_radix(digits, 16));
                    part.address = Some(number.map_err(|_| format!("`{value}` is no address; write one as in 0x76"))?);
                }
                line if value.starts_with('P') => {
                    part.pins.insert(line.to_owned(), value.to_owned());
                }
                property => {
                    let number = value.parse().map_err(|_| format!("`{value}` is no number"))?;
                    part.values.insert(property.to_owned(), number);
                }
            }
        }
        Ok(part)
    }
}

impl fmt::Display for PartChoice {
    /// The text that [`PartChoice::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        let texts = [
            ("name", &self.name),
            ("bus", &self.bus),
            ("select", &self.select),
            ("pin", &self.pin),
            ("uart", &self.uart),
            ("file", &self.file),
        ];
        for (key, value) in texts {
            if let Some(value) = value {
                write!(f, ",{key}={value}")?;
            }
        }
        if let Some(address) = self.address {
            write!(f, ",address={address:#04x}")?;
        }
        for (line, pin) in &self.pins {
            write!(f, ",{line}={pin}")?;
        }
        for (property, value) in &self.values {
            write!(f, ",{property}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Result<PartChoice, String> {
        text.parse()
    }

    #[test]
    fn a_part_is_a_kind_and_what_differs() {
        for text in [
            "bme280",
            "bme280,name=out,bus=i2c,address=0x77,temperature=-3.5",
            "rgb-led,blue=P0.06,red=P0.24,active_low=1",
            "w25q32,select=P1.02",
            "parts/my-sensor.wasm,address=0x40",
            "gps,uart=1,file=logs/day.nmea",
        ] {
            assert_eq!(part(text).unwrap().to_string(), text);
        }
        let full = part("bme280,name=out,address=119,temperature=-3.5").unwrap();
        assert_eq!((full.name.as_deref(), full.address), (Some("out"), Some(0x77)));
        assert_eq!(full.values["temperature"], -3.5);
        assert_eq!(part("rgb-led,red=P0.24").unwrap().pins["red"], "P0.24");
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for (wrong, text) in [
            ("bme280,cold", "`cold` has no value; write KEY=VALUE"),
            ("bme280,address=0x1ff", "`0x1ff` is no address; write one as in 0x76"),
            ("bme280,temperature=warm", "`warm` is no number"),
        ] {
            assert_eq!(part(wrong).unwrap_err(), text);
        }
    }
}
