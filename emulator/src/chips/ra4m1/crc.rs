//! CRC calculator (manual chapter 33): the five polynomials, in both orders of bits, a byte or (with CRC-32 and CRC-32C) a word at
//! a time, without time. Not modelled: snooping on SCI's registers.

use crate::core::fabric::{AccessFault, AccessSize};

/// CRCCR0.
const GPS: u8 = 7;
const LMS: u8 = 1 << 6;
const DORCLR: u8 = 1 << 7;
/// CRCCR1.
const CRCSEN: u8 = 1 << 7;

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Crc {
    crccr0: u8,
    crccr1: u8,
    crcdir: u32,
    crcdor: u32,
    crcsar: u16,
}

impl Crc {
    /// Bits of the value and its polynomial.
    fn polynomial(&self) -> Option<(u32, u32)> {
        match self.crccr0 & GPS {
            1 => Some((8, 0x07)),
            2 => Some((16, 0x8005)),
            3 => Some((16, 0x1021)),
            4 => Some((32, 0x04c1_1db7)),
            5 => Some((32, 0x1edc_6f41)),
            // None.
            _ => None,
        }
    }

    fn calculate(&mut self, data: u32, data_bits: u32) {
        let Some((bits, polynomial)) = self.polynomial() else {
            return;
        };
        let msb_first = self.crccr0 & LMS != 0;
        for bit in 0..data_bits {
            if msb_first {
                let feedback = self.crcdor >> (bits - 1) & 1 ^ data >> (data_bits - 1 - bit) & 1;
                self.crcdor = (self.crcdor << 1) ^ (feedback * polynomial);
            } else {
                let feedback = self.crcdor & 1 ^ data >> bit & 1;
                self.crcdor = (self.crcdor >> 1) ^ (feedback * (polynomial.reverse_bits() >> (32 - bits)));
            }
        }
        self.crcdor &= u32::MAX >> (32 - bits);
    }

    /// The width of CRCDOR; CRCDIR takes bytes unless it takes words.
    fn width(&self) -> AccessSize {
        match self.polynomial() {
            Some((8, _)) => AccessSize::Byte,
            Some((16, _)) => AccessSize::Half,
            _ => AccessSize::Word,
        }
    }

    pub(super) fn read(&self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match (offset, size) {
            (0x00, AccessSize::Byte) => Ok(self.crccr0.into()),
            (0x01, AccessSize::Byte) => Ok(self.crccr1.into()),
            (0x04, _) => Ok(self.crcdir & size.mask()),
            (0x08, _) => Ok(self.crcdor & size.mask()),
            (0x0c, AccessSize::Half) => Ok(self.crcsar.into()),
            (0x00 | 0x01 | 0x0c, _) => Err(AccessFault::Width),
            _ => Err(AccessFault::Unmapped),
        }
    }

    pub(super) fn write(&mut self, offset: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        match (offset, size) {
            (0x00, AccessSize::Byte) => {
                self.crccr0 = value as u8 & (GPS | LMS);
                if value as u8 & DORCLR != 0 {
                    self.crcdor = 0;
                }
            }
            (0x01, AccessSize::Byte) if value as u8 & CRCSEN != 0 => return Err(AccessFault::UnmodelledUse),
            (0x01, AccessSize::Byte) => self.crccr1 = value as u8 & 0x40,
            (0x04, AccessSize::Word) if self.width() == AccessSize::Word => {
                self.crcdir = value;
                self.calculate(value, 32);
            }
            (0x04, AccessSize::Byte) if self.width() != AccessSize::Word => {
                self.crcdir = value;
                self.calculate(value, 8);
            }
            (0x08, size) if size == self.width() => self.crcdor = value,
            // A width that the polynomial does not have: the manual leaves open what follows.
            (0x04 | 0x08, _) => return Err(AccessFault::UnmodelledUse),
            (0x0c, AccessSize::Half) => self.crcsar = value as u16 & 0x3fff,
            (0x00 | 0x01 | 0x0c, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
