//! GPIO (RM0090 chapter 8): ports A to I, their pads, and levels driven from outside. A pin's number is port × 32 +
//! pin.

use std::collections::BTreeMap;

use crate::core::fabric::{AccessFault, Fabric};

pub(super) const PORTS: usize = 9;
const PINS: usize = PORTS * 16;

#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Port {
    moder: u32,
    otyper: u32,
    ospeedr: u32,
    pupdr: u32,
    odr: u32,
    afr: [u32; 2],
}

impl Port {
    /// Port A has the debug port's pins, port B SWO and NJTRST (8.4).
    fn new(index: usize) -> Self {
        let (moder, ospeedr, pupdr) = match index {
            0 => (0xa800_0000, 0, 0x6400_0000),
            1 => (0x0000_0280, 0x0000_00c0, 0x0000_0100),
            _ => (0, 0, 0),
        };
        Self {
            moder,
            otyper: 0,
            ospeedr,
            pupdr,
            odr: 0,
            afr: [0; 2],
        }
    }
}

/// All ports.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Gpio {
    ports: [Port; PORTS],
    #[serde(with = "crate::core::array")]
    outside: [Option<bool>; PINS],
    /// Reported levels, so that only changes are reported.
    #[serde(with = "crate::core::array")]
    reported_drive: [Option<bool>; PINS],
    reported_level: [u16; PORTS],
    /// Levels that timers and SPI's NSS put on pins of their alternate functions: pin and function.
    outputs: BTreeMap<(u16, u32), bool>,
    /// Changed levels that were not delivered to EXTI yet: port, pin, level.
    pub(super) edges: Vec<(u8, u8, bool)>,
}

impl Gpio {
    pub(super) fn new() -> Self {
        Self {
            ports: std::array::from_fn(Port::new),
            outside: [None; PINS],
            reported_drive: [None; PINS],
            reported_level: [0; PORTS],
            outputs: BTreeMap::new(),
            edges: Vec::new(),
        }
    }

    /// Reset of the chip: the pads are no longer driven; outside levels stay.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        for index in 0..PORTS {
            self.reset_port(fabric, index);
        }
        self.edges.clear();
    }

    pub(super) fn reset_port(&mut self, fabric: &mut Fabric, index: usize) {
        self.ports[index] = Port::new(index);
        self.update(fabric, index);
    }

    /// The level at a pin as a probe sees it; `pin` is the chip's number.
    pub(super) fn level(&self, pin: u16) -> Option<bool> {
        let (port, pin) = place(pin)?;
        self.pad(port, pin)
    }

    pub(super) fn drive_outside(&mut self, fabric: &mut Fabric, pin: u16, level: Option<bool>) {
        if let Some((port, pin)) = place(pin) {
            self.outside[port * 16 + pin] = level;
            self.update(fabric, port);
        }
    }

    /// Whether the pin is given to alternate function `af`.
    pub(super) fn has_function(&self, pin: u16, af: u32) -> bool {
        place(pin).is_some_and(|(port, pin)| {
            let port = &self.ports[port];
            port.moder >> (2 * pin) & 3 == 2 && function(port, pin) == af
        })
    }

    /// The first of `pins` that is given to alternate function `af`.
    pub(super) fn given(&self, pins: &[u16], af: u32) -> Option<u16> {
        pins.iter().copied().find(|pin| self.has_function(*pin, af))
    }

    /// The level that a peripheral puts on a pin of its alternate function `af`; `None` if it drives nothing.
    pub(super) fn set_output(&mut self, fabric: &mut Fabric, pin: u16, af: u32, level: Option<bool>) {
        match level {
            Some(level) => self.outputs.insert((pin, af), level),
            None => self.outputs.remove(&(pin, af)),
        };
        if let Some((port, _)) = place(pin) {
            self.update(fabric, port);
        }
    }

    pub(super) fn read(&self, index: usize, offset: u32) -> Result<u32, AccessFault> {
        let port = &self.ports[index];
        Ok(match offset {
            0x00 => port.moder,
            0x04 => port.otyper,
            0x08 => port.ospeedr,
            0x0c => port.pupdr,
            0x10 => u32::from(self.inputs(index)),
            0x14 => port.odr,
            // BSRR is write-only; nothing was ever locked.
            0x18 | 0x1c => 0,
            0x20 | 0x24 => port.afr[(offset as usize - 0x20) / 4],
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        index: usize,
        offset: u32,
        value: u32,
    ) -> Result<(), AccessFault> {
        let port = &mut self.ports[index];
        match offset {
            0x00 => port.moder = value,
            0x04 => port.otyper = value & 0xffff,
            0x08 => port.ospeedr = value,
            0x0c => port.pupdr = value,
            0x10 => return Err(AccessFault::Denied),
            0x14 => port.odr = value & 0xffff,
            // Setting has priority over resetting.
            0x18 => port.odr = port.odr & !(value >> 16) | value & 0xffff,
            0x1c => return Err(AccessFault::UnmodelledUse),
            0x20 | 0x24 => port.afr[(offset as usize - 0x20) / 4] = value,
            _ => return Err(AccessFault::Unmapped),
        }
        self.update(fabric, index);
        Ok(())
    }

    /// The level that the chip itself drives on the pin.
    fn driven(&self, index: usize, pin: usize) -> Option<bool> {
        let port = &self.ports[index];
        let open_drain = port.otyper >> pin & 1 != 0;
        let level = match port.moder >> (2 * pin) & 3 {
            1 => port.odr >> pin & 1 != 0,
            // The level of a UART's line between frames, or that of a timer or of NSS; other functions are not known here.
            2 if super::usart::sends_on(index * 32 + pin, function(port, pin)) => true,
            2 => *self.outputs.get(&((index * 32 + pin) as u16, function(port, pin)))?,
            _ => return None,
        };
        (!open_drain || !level).then_some(level)
    }

    fn pad(&self, index: usize, pin: usize) -> Option<bool> {
        let pulled = match self.ports[index].pupdr >> (2 * pin) & 3 {
            1 => Some(true),
            2 => Some(false),
            _ => None,
        };
        self.driven(index, pin).or(self.outside[index * 16 + pin]).or(pulled)
    }

    /// IDR: analog pins and floating ones read 0.
    fn inputs(&self, index: usize) -> u16 {
        let analog = |pin: usize| self.ports[index].moder >> (2 * pin) & 3 == 3;
        (0..16)
            .filter(|pin| !analog(*pin) && self.pad(index, *pin) == Some(true))
            .fold(0, |bits, pin| bits | 1 << pin)
    }

    fn update(&mut self, fabric: &mut Fabric, index: usize) {
        for pin in 0..16 {
            let drive = self.driven(index, pin);
            let reported = &mut self.reported_drive[index * 16 + pin];
            if *reported != drive {
                *reported = drive;
                fabric.pin_changed((index * 32 + pin) as u16, drive);
            }
        }
        let levels = self.inputs(index);
        let mut changed = levels ^ self.reported_level[index];
        self.reported_level[index] = levels;
        while changed != 0 {
            let pin = changed.trailing_zeros();
            changed &= changed - 1;
            self.edges.push((index as u8, pin as u8, levels >> pin & 1 != 0));
        }
    }
}

fn function(port: &Port, pin: usize) -> u32 {
    port.afr[pin / 8] >> (4 * (pin % 8)) & 15
}

fn place(pin: u16) -> Option<(usize, usize)> {
    let (port, pin) = (usize::from(pin / 32), usize::from(pin % 32));
    (port < PORTS && pin < 16).then_some((port, pin))
}
