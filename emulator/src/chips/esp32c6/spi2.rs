//! GP-SPI2 (ESP32-C6 Technical Reference Manual 1.1, chapter 30 "SPI Controller") as a controller whose data the CPU puts in
//! W0 to W15: full duplex, and half duplex with its phases, on one line for each direction.
//!
//! A transfer takes its bits' time; its bytes are exchanged at its end. A part cannot tell, because its select pin does not
//! move in between. CS0 is driven low from the beginning of a transfer to its end, or longer with CS_KEEP_ACTIVE; setup and
//! hold take no time. Polarity and phase do not matter to a part. Not modelled: GDMA, the target mode, two and four lines,
//! one line for both directions, phases that are no whole bytes, CS1 to CS5, segmented transfers.

use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;
use crate::parts::SpiPins;

/// CMD.
const UPDATE: u32 = 1 << 23;
const USR: u32 = 1 << 24;
/// CTRL: address, command and data on several lines.
const LINES: u32 = 7 << 5 | 7 << 8 | 7 << 14;
const RD_BIT_ORDER: u32 = 3 << 23;
const WR_BIT_ORDER: u32 = 3 << 25;
/// USER.
const DOUTDIN: u32 = 1 << 0;
const USER_LINES: u32 = 3 << 3 | 7 << 12;
const USR_CONF_NXT: u32 = 1 << 15;
const SIO: u32 = 1 << 17;
const MISO_HIGHPART: u32 = 1 << 24;
const MOSI_HIGHPART: u32 = 1 << 25;
const USR_MOSI: u32 = 1 << 27;
const USR_MISO: u32 = 1 << 28;
const USR_DUMMY: u32 = 1 << 29;
const USR_ADDR: u32 = 1 << 30;
const USR_COMMAND: u32 = 1 << 31;
/// MISC.
const CS0_DIS: u32 = 1 << 0;
const CS0_POL: u32 = 1 << 7;
const CS_KEEP_ACTIVE: u32 = 1 << 30;
/// DMA_CONF.
const DMA_ENA: u32 = 3 << 27;
/// The interrupt.
const TRANS_DONE: u32 = 1 << 12;
/// SLAVE.
const SLAVE_MODE: u32 = 1 << 26;

/// Registers in the order of their offsets from 0x04 to 0x30; then SLAVE, SLAVE1, CLK_GATE.
const FIRST: u32 = 0x04;
const TAIL: [u32; 3] = [0xe0, 0xe4, 0xe8];
const RESETS: [u32; 15] = [
    0,
    0x003c_0000,
    0x8000_3043,
    0x8000_00c0,
    0xb841_0007,
    0x7800_0000,
    0,
    0x3e,
    0,
    0,
    0,
    3,
    0x0280_0000,
    0,
    0,
];
const ADDR: usize = 0;
const CTRL: usize = 1;
const CLOCK: usize = 2;
const USER: usize = 3;
const USER1: usize = 4;
const USER2: usize = 5;
const MS_DLEN: usize = 6;
const MISC: usize = 7;
const DMA_CONF: usize = 11;
const SLAVE: usize = 12;

/// The controller.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Spi2 {
    token: Token,
    registers: [u32; RESETS.len()],
    int_raw: u32,
    int_ena: u32,
    data: [u32; 16],
    event: Option<EventId>,
    /// CS0 is active.
    selects: bool,
}

impl Spi2 {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            registers: RESETS,
            int_raw: 0,
            int_ena: 0,
            data: [0; 16],
            event: None,
            selects: false,
        }
    }

    /// Reset, of the chip or by PCR.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        *self = Self::new(self.token);
    }

    pub(super) fn interrupt(&self) -> bool {
        self.int_raw & self.int_ena != 0
    }

    /// The level of CS0; `None` while it is switched off.
    pub(super) fn cs0(&self) -> Option<bool> {
        let misc = self.registers[MISC];
        (misc & CS0_DIS == 0).then_some(self.selects == (misc & CS0_POL != 0))
    }

    fn has(&self, bit: u32) -> bool {
        self.registers[USER] & bit != 0
    }

    /// Bits of the data phase.
    fn data_bits(&self) -> u32 {
        match self.has(USR_MOSI | USR_MISO) {
            true => (self.registers[MS_DLEN] & 0x3_ffff) + 1,
            false => 0,
        }
    }

    /// Bits of the command, the address and the dummy phase.
    fn leading_bits(&self) -> [u32; 3] {
        let bits = |phase: u32, bits: u32| if self.has(phase) { bits + 1 } else { 0 };
        [
            bits(USR_COMMAND, self.registers[USER2] >> 28),
            bits(USR_ADDR, self.registers[USER1] >> 27),
            bits(USR_DUMMY, self.registers[USER1] & 0xff),
        ]
    }

    /// CMD.USR: begins a transfer. `hz` is the function clock.
    fn start(&mut self, fabric: &mut Fabric, hz: u32) -> Result<(), AccessFault> {
        let (ctrl, user) = (self.registers[CTRL], self.registers[USER]);
        let leading = self.leading_bits();
        let data = self.data_bits();
        let is_odd = leading.iter().chain([&data]).any(|bits| bits % 8 != 0);
        let is_both = user & (USR_MOSI | USR_MISO) == USR_MOSI | USR_MISO && user & DOUTDIN == 0;
        if ctrl & LINES != 0
            || user & (USER_LINES | USR_CONF_NXT) != 0
            || user & SIO != 0 && user & USR_MISO != 0
            || self.registers[DMA_CONF] & DMA_ENA != 0
            || self.registers[SLAVE] & SLAVE_MODE != 0
            || is_odd
            || is_both
            || data > 512
        {
            return Err(AccessFault::UnmodelledUse);
        }
        if self.event.is_some() {
            return Ok(());
        }
        let clock = self.registers[CLOCK];
        let divider = match clock >> 31 {
            0 => ((clock >> 18 & 0xf) + 1) * ((clock >> 12 & 0x3f) + 1),
            _ => 1,
        };
        let cycles = u64::from(leading.iter().sum::<u32>() + data) * u64::from(divider);
        self.event = Some(fabric.schedule_in(VirtualTime::from_ticks(cycles, u64::from(hz.max(1))), self.token));
        self.selects = true;
        Ok(())
    }

    /// The transfer is over.
    pub(super) fn due(&mut self, fabric: &mut Fabric, pins: Option<SpiPins>) {
        self.event = None;
        let lsb_first = self.registers[CTRL] & WR_BIT_ORDER != 0;
        let turn = |byte: u8, turns: bool| if turns { byte.reverse_bits() } else { byte };
        let exchange = |fabric: &mut Fabric, byte: u8| pins.map_or(0, |pins| fabric.spi_transfer(pins, byte));
        let [command, address, dummy] = self.leading_bits().map(|bits| bits as usize / 8);
        // The command's low byte goes first, the address's high one (30.5.8).
        let command = &self.registers[USER2].to_le_bytes()[..command];
        let address = &self.registers[ADDR].to_be_bytes()[..address];
        for byte in command.iter().chain(address) {
            exchange(fabric, turn(*byte, lsb_first));
        }
        for _ in 0..dummy {
            exchange(fabric, 0);
        }
        let (sends, receives) = (self.has(USR_MOSI), self.has(USR_MISO));
        let (from, to) = (u32::from(self.has(MOSI_HIGHPART)), u32::from(self.has(MISO_HIGHPART)));
        let turns_back = self.registers[CTRL] & RD_BIT_ORDER != 0;
        for index in 0..self.data_bits() / 8 {
            let (word, shift) = (|high: u32| ((8 * high + index / 4) & 15) as usize, 8 * (index % 4));
            let byte = if sends {
                (self.data[word(from)] >> shift) as u8
            } else {
                0
            };
            let answer = turn(exchange(fabric, turn(byte, lsb_first)), turns_back);
            if receives {
                let place = &mut self.data[word(to)];
                *place = *place & !(0xff << shift) | u32::from(answer) << shift;
            }
        }
        self.selects = self.registers[MISC] & CS_KEEP_ACTIVE != 0;
        self.int_raw |= TRANS_DONE;
    }

    fn register(&mut self, offset: u32) -> Option<&mut u32> {
        let index = match offset {
            FIRST..0x34 => (offset - FIRST) as usize / 4,
            _ => 12 + TAIL.iter().position(|it| *it == offset)?,
        };
        self.registers.get_mut(index)
    }

    pub(super) fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => {
                if self.event.is_some() {
                    USR
                } else {
                    0
                }
            }
            0x34 => self.int_ena,
            0x38 | 0x44 => 0,
            0x3c => self.int_raw,
            0x40 => self.int_raw & self.int_ena,
            0x98..0xd8 => self.data[(offset as usize - 0x98) / 4],
            // DATE.
            0xf0 => return Err(AccessFault::Unmodelled),
            _ => *self.register(offset).ok_or(AccessFault::Unmapped)?,
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, hz: u32, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            // UPDATE is done at once.
            0x00 if value & USR != 0 => return self.start(fabric, hz),
            0x00 if value & !(UPDATE | 0x3_ffff) != 0 => return Err(AccessFault::UnmodelledUse),
            0x00 => {}
            0x34 => self.int_ena = value & 0x1f_ffff,
            0x38 => self.int_raw &= !value,
            0x3c | 0x40 => return Err(AccessFault::Denied),
            0x44 => self.int_raw |= value & 0x1f_ffff,
            0x98..0xd8 => self.data[(offset as usize - 0x98) / 4] = value,
            0xf0 => return Err(AccessFault::Unmodelled),
            _ => {
                *self.register(offset).ok_or(AccessFault::Unmapped)? = value;
                if offset == 0x20 && value & CS_KEEP_ACTIVE == 0 && self.event.is_none() {
                    self.selects = false;
                }
            }
        }
        Ok(())
    }
}
