//! `embedded-hal` on the registers of IIC1 and SPI1, as the flow charts of the manual's chapters 29 and 32 have it.

use embedded_hal::i2c::{self, NoAcknowledgeSource, Operation};
use embedded_hal::spi;
use ra4m1 as pac;

const SP: u8 = 1 << 3;
const START: u8 = 1 << 2;
const STOP: u8 = 1 << 3;
const NACKF: u8 = 1 << 4;
const RDRF: u8 = 1 << 5;
const TEND: u8 = 1 << 6;
const TDRE: u8 = 1 << 7;

/// IIC1 at 400 kHz.
pub(crate) struct Iic(pac::IIC1);

#[derive(Debug)]
pub(crate) struct Nack;

impl i2c::Error for Nack {
    fn kind(&self) -> i2c::ErrorKind {
        i2c::ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown)
    }
}

impl i2c::ErrorType for Iic {
    type Error = Nack;
}

impl Iic {
    pub(crate) fn new() -> Self {
        let iic = unsafe { pac::Peripherals::steal() }.IIC1;
        unsafe {
            iic.iccr1.write(|w| w.bits(0x5f));
            iic.iccr1.write(|w| w.bits(0xdf));
            // 24 MHz; the halves are three periods longer than written.
            iic.icmr1.write(|w| w.bits(1 << 4 | 8));
            iic.icbrl.write(|w| w.bits(0xe0 | 27));
            iic.icbrh.write(|w| w.bits(0xe0 | 27));
            iic.iccr1.write(|w| w.bits(0x9f));
        }
        Self(iic)
    }

    /// Waits for a flag; an error where the address or a byte was refused.
    fn wait(&self, flag: u8) -> Result<(), Nack> {
        loop {
            let flags = self.0.icsr2.read().bits();
            if flags & NACKF != 0 {
                return Err(Nack);
            }
            if flags & flag != 0 {
                return Ok(());
            }
        }
    }

    fn clear(&self, flags: u8) {
        self.0.icsr2.modify(|r, w| unsafe { w.bits(r.bits() & !flags) });
    }

    fn condition(&self, request: u8) {
        self.0.iccr2.modify(|r, w| unsafe { w.bits(r.bits() | request) });
    }

    fn send(&self, byte: u8) -> Result<(), Nack> {
        self.wait(TDRE)?;
        self.0.icdrt.write(|w| unsafe { w.bits(byte) });
        Ok(())
    }

    /// ACKBT needs ACKWP first.
    fn refuse_next(&self, refuse: bool) {
        self.0.icmr3.modify(|r, w| unsafe { w.bits(r.bits() | 1 << 4) });
        self.0
            .icmr3
            .modify(|r, w| unsafe { w.bits(r.bits() & !(1 << 3) | u8::from(refuse) << 3) });
    }

    /// Receives; with `stop` it asks for a STOP before the last byte is fetched.
    fn receive(&self, into: &mut [u8], stop: bool) -> Result<(), Nack> {
        self.wait(RDRF)?;
        self.0.icmr3.modify(|r, w| unsafe { w.bits(r.bits() | 1 << 6) });
        self.refuse_next(into.len() == 1);
        self.0.icdrr.read().bits();
        let count = into.len();
        for (index, byte) in into.iter_mut().enumerate() {
            self.wait(RDRF)?;
            if index + 2 == count {
                self.refuse_next(true);
            }
            if index + 1 == count {
                self.condition(if stop { SP } else { 1 << 2 });
            }
            *byte = self.0.icdrr.read().bits();
        }
        self.0.icmr3.modify(|r, w| unsafe { w.bits(r.bits() & !(1 << 6)) });
        self.refuse_next(false);
        Ok(())
    }

    fn run(&self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), Nack> {
        let count = operations.len();
        // What comes next begins with a START of its own.
        let mut started = false;
        for index in 0..count {
            let is_last = index + 1 == count;
            let is_read = matches!(operations[index], Operation::Read(_));
            if !started {
                self.condition(if index == 0 { 1 << 1 } else { 1 << 2 });
            }
            self.wait(START)?;
            self.clear(START);
            self.send(address << 1 | u8::from(is_read))?;
            started = false;
            match &mut operations[index] {
                Operation::Read(into) => {
                    self.receive(into, is_last)?;
                    started = true;
                }
                Operation::Write(bytes) => {
                    for byte in bytes.iter() {
                        self.send(*byte)?;
                    }
                    self.wait(TEND)?;
                    if is_last {
                        self.condition(SP);
                    }
                }
            }
        }
        Ok(())
    }
}

impl i2c::I2c for Iic {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), Nack> {
        while self.0.iccr2.read().bits() & 1 << 7 != 0 {}
        self.clear(STOP | NACKF | START);
        let done = self.run(address, operations);
        if done.is_err() {
            self.condition(SP);
        }
        while self.0.icsr2.read().bits() & STOP == 0 {}
        self.clear(STOP | NACKF);
        done
    }
}

/// SPI1 at 6 MHz, eight bits, in words of SPDR.
pub(crate) struct Spi(pac::SPI1);

impl spi::ErrorType for Spi {
    type Error = core::convert::Infallible;
}

impl Spi {
    pub(crate) fn new() -> Self {
        let spi = unsafe { pac::Peripherals::steal() }.SPI1;
        unsafe {
            spi.spbr.write(|w| w.bits(3));
            spi.spdcr.write(|w| w.bits(1 << 5));
            spi.spcmd0.write(|w| w.bits(0x0700));
            spi.spcr.write(|w| w.bits(1 << 6 | 1 << 3 | 1));
        }
        Self(spi)
    }

    fn exchange(&self, byte: u8) -> u8 {
        while self.0.spsr.read().bits() & 1 << 5 == 0 {}
        self.0.spdr().write(|w| unsafe { w.bits(byte.into()) });
        while self.0.spsr.read().bits() & 1 << 7 == 0 {}
        self.0.spdr().read().bits() as u8
    }
}

impl spi::SpiBus for Spi {
    fn read(&mut self, words: &mut [u8]) -> Result<(), Self::Error> {
        words.iter_mut().for_each(|word| *word = self.exchange(0));
        Ok(())
    }

    fn write(&mut self, words: &[u8]) -> Result<(), Self::Error> {
        words.iter().for_each(|word| {
            self.exchange(*word);
        });
        Ok(())
    }

    fn transfer(&mut self, read: &mut [u8], write: &[u8]) -> Result<(), Self::Error> {
        for index in 0..read.len().max(write.len()) {
            let answer = self.exchange(write.get(index).copied().unwrap_or(0));
            if let Some(byte) = read.get_mut(index) {
                *byte = answer;
            }
        }
        Ok(())
    }

    fn transfer_in_place(&mut self, words: &mut [u8]) -> Result<(), Self::Error> {
        words.iter_mut().for_each(|word| *word = self.exchange(*word));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
