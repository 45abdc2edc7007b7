//! What every part implements, and the list of all parts.

use drydock_assets::{Millionths, PartKind};
use serde::{Deserialize, Serialize};

use super::bme280::Bme280;
use super::button::Button;
use super::buzzer::Buzzer;
use super::eeprom::Eeprom;
use super::lights::Lights;
use super::lsm9ds1::Lsm9ds1;
use super::potentiometer::Potentiometer;
use super::program::Program;
use super::seven_segment::SevenSegment;
use super::ssd1306::Ssd1306;
use super::w25q::W25q;
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
}
