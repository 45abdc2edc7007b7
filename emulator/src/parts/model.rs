//! What every part implements, and the list of all parts.

use drydock_assets::{Millionths, PartKind};
use serde::{Deserialize, Serialize};

use super::bme280::Bme280;
use super::button::Button;
use super::buzzer::Buzzer;
use super::ds18b20::Ds18b20;
use super::eeprom::Eeprom;
use super::gps::Gps;
use super::hd44780::{Backpack, Hd44780};
use super::lights::Lights;
use super::loopback::Loopback;
use super::lsm9ds1::Lsm9ds1;
use super::memory::Memory;
use super::potentiometer::Potentiometer;
use super::program::Program;
use super::sd_card::SdCard;
use super::seven_segment::SevenSegment;
use super::ssd1306::Ssd1306;
use super::w25q::W25q;
use super::ws2812::Ws2812;
use crate::machine::{Picture, VirtualTime};

/// A part. Its state is cloned, hashed and serialised with the machine's.
pub(super) trait PartModel {
    /// The supply comes up: registers have their reset values. Memories and properties keep theirs.
    fn power_on(&mut self, now: VirtualTime);

    /// The value of a property of its kind; zero for a name that the kind does not have.
    fn get(&self, now: VirtualTime, property: &str) -> Millionths;

    /// Sets a property of its kind that is no reading; the value is in range.
    fn set(&mut self, now: VirtualTime, property: &str, value: Millionths);

    /// Its end of an I²C bus.
    fn i2c(&mut self) -> Option<&mut dyn I2cPart> {
        None
    }

    /// Its end of an SPI bus.
    fn spi(&mut self) -> Option<&mut dyn SpiPart> {
        None
    }

    /// The voltage that it drives, in microvolts, if its supply is `supply_uv`.
    fn voltage_uv(&self, _supply_uv: u64) -> Option<u64> {
        None
    }

    /// What a display shows.
    fn picture(&self, _now: VirtualTime) -> Option<Picture> {
        None
    }

    /// Red, green and blue of each light of a strip.
    fn lights(&self, _now: VirtualTime) -> Vec<[u8; 3]> {
        Vec::new()
    }

    /// What it keeps without power.
    fn memory(&self) -> Option<&Memory> {
        None
    }

    /// Keeps `content` from now on. It fits the rule of its kind. The error is a clause; nothing is changed then.
    fn load(&mut self, _now: VirtualTime, _content: &[u8]) -> Result<(), String> {
        Err("it keeps no content".to_owned())
    }

    /// The chip has sent a byte over the part's UART.
    fn uart_byte(&mut self, _now: VirtualTime, _byte: u8) {}

    /// Bytes for the chip's end of the UART, which nobody has taken yet.
    fn says(&self) -> &[u8] {
        &[]
    }

    /// Takes them.
    fn take_said(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// The chip drives `level` on the pin of a line from now on. Lines are numbered as in the kind's data.
    fn line_changed(&mut self, _now: VirtualTime, _line: usize, _level: Option<bool>) {}

    /// The level that the part drives on a line.
    fn drives(&self, _line: usize) -> Option<bool> {
        None
    }

    /// When it wants a call of [`Self::timer`]; [`VirtualTime::MAX`] for never.
    fn due(&self) -> VirtualTime {
        VirtualTime::MAX
    }

    /// The instant of [`Self::due`] has come.
    fn timer(&mut self, _now: VirtualTime) {}
}

/// A part on an I²C bus. Calls come at the end of each byte on the line.
pub(super) trait I2cPart {
    /// One of its addresses; returns whether it acknowledges.
    fn start(&mut self, now: VirtualTime, address: u8, read: bool) -> bool;

    /// A byte to it; returns whether it acknowledges.
    fn write(&mut self, now: VirtualTime, byte: u8) -> bool;

    /// A byte from it.
    fn read(&mut self, now: VirtualTime) -> u8;

    /// The transfer is over.
    fn stop(&mut self, _now: VirtualTime) {}
}

/// A part on an SPI bus.
pub(super) trait SpiPart {
    /// It is selected or released.
    fn select(&mut self, now: VirtualTime, selected: bool);

    /// Exchanges a byte.
    fn transfer(&mut self, now: VirtualTime, byte: u8) -> u8;
}

macro_rules! models {
    ($($variant:ident($part:ty) = $($name:literal, $make:expr);+;)*) => {
        /// Any part.
        #[derive(Clone, Debug, Hash, Serialize, Deserialize)]
        pub(super) enum Model {
            $($variant(Box<$part>),)*
            /// One that is written in WebAssembly.
            Program(Box<Program>),
        }

        impl Model {
            /// A new part of a kind; `None` if it is not modelled.
            pub(super) fn new(kind: &PartKind) -> Option<Self> {
                if let Some(program) = &kind.program {
                    // It was tried when its kind was made of it.
                    return Some(Self::Program(Box::new(Program::new(&kind.name, program).ok()?)));
                }
                Some(match kind.name.as_str() {
                    $($($name => Self::$variant(Box::new($make)),)+)*
                    _ => return None,
                })
            }

            pub(super) fn part(&self) -> &dyn PartModel {
                match self {
                    $(Self::$variant(part) => part.as_ref(),)*
                    Self::Program(part) => part.as_ref(),
                }
            }

            pub(super) fn part_mut(&mut self) -> &mut dyn PartModel {
                match self {
                    $(Self::$variant(part) => part.as_mut(),)*
                    Self::Program(part) => part.as_mut(),
                }
            }
        }
    };
}

models! {
    Bme280(Bme280) = "bme280", Bme280::default();
    Eeprom(Eeprom) = "24c02", Eeprom::new(256, 8, 1); "24c32", Eeprom::new(4_096, 32, 2); "24c256", Eeprom::new(32_768, 64, 2);
    Lsm9ds1(Lsm9ds1) = "lsm9ds1", Lsm9ds1::default();
    Ssd1306(Ssd1306) = "ssd1306", Ssd1306::default();
    W25q(W25q) = "w25q32", W25q::default();
    Potentiometer(Potentiometer) = "potentiometer", Potentiometer::default();
    Lights(Lights) = "led", Lights::new(&["brightness"]); "rgb-led", Lights::new(&["red", "green", "blue"]);
    Button(Button) = "button", Button::default();
    Buzzer(Buzzer) = "buzzer", Buzzer::default();
    SevenSegment(SevenSegment) = "7-segment", SevenSegment::default();
    Loopback(Loopback) = "uart-loopback", Loopback::default();
    Gps(Gps) = "gps", Gps::default();
    Ds18b20(Ds18b20) = "ds18b20", Ds18b20::default();
    Hd44780(Hd44780) = "hd44780", Hd44780::new(16, 2); "hd44780-20x4", Hd44780::new(20, 4);
    Backpack(Backpack) = "hd44780-i2c", Backpack::new(16, 2);
    Ws2812(Ws2812) = "ws2812", Ws2812::default();
    SdCard(SdCard) = "sd-card", SdCard::default();
}
