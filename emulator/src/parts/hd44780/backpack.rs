//! A display behind a PCF8574 (NXP, rev. 5): eight quasi-bidirectional pins on I²C, wired as on the usual small boards.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::super::model::{I2cPart, PartModel};
use super::Controller;
use crate::machine::{Picture, VirtualTime};

const RS: u8 = 1;
const RW: u8 = 2;
const E: u8 = 4;
const BACKLIGHT: u8 = 8;

/// The expander and the display.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(in crate::parts) struct Backpack {
    controller: Controller,
    /// The port's latch: all high after power-on.
    port: u8,
    driven: Option<u8>,
}

impl Backpack {
    pub(in crate::parts) fn new(columns: u8, rows: u8) -> Self {
        Self {
            controller: Controller::new(columns, rows),
            port: 0xff,
            driven: None,
        }
    }
}

impl PartModel for Backpack {
    fn power_on(&mut self, now: VirtualTime) {
        self.controller.power_on(now);
        self.port = 0xff;
        self.driven = None;
    }

    fn get(&self, _now: VirtualTime, _property: &str) -> Millionths {
        Millionths(i64::from(self.port & BACKLIGHT != 0) * 1_000_000)
    }

    fn set(&mut self, _now: VirtualTime, _property: &str, _value: Millionths) {}

    fn i2c(&mut self) -> Option<&mut dyn I2cPart> {
        Some(self)
    }

    fn picture(&self, now: VirtualTime) -> Option<Picture> {
        Some(self.controller.picture(now))
    }
}

impl I2cPart for Backpack {
    fn start(&mut self, _now: VirtualTime, _address: u8, _read: bool) -> bool {
        true
    }

    fn write(&mut self, now: VirtualTime, byte: u8) -> bool {
        let before = std::mem::replace(&mut self.port, byte);
        let (is_data, reads) = (byte & RS != 0, byte & RW != 0);
        match (before & E != 0, byte & E != 0) {
            (false, true) if reads => self.driven = Some(self.controller.read(now, is_data)),
            (true, false) => {
                if self.driven.take().is_some() {
                    self.controller.end_of_read(now, before & RS != 0);
                } else if before & RW == 0 {
                    // The display takes the levels from before the edge: some drivers change all pins with it.
                    self.controller.write(now, before & RS != 0, before & 0xf0);
                }
            }
            _ => {}
        }
        true
    }

    /// The pins: a high one is pulled up weakly, and the display may pull it low.
    fn read(&mut self, _now: VirtualTime) -> u8 {
        let display = self.driven.map_or(0xf0, |byte| byte & 0xf0);
        self.port & (display | 0x0f)
    }
}
