//! Parts on the Uno R4's header by their drivers from crates.io: a BME280 and an EEPROM on IIC1, flash on SPI1, a potentiometer
//! at A1; DAC12 measured by ADC140, CRC-32, a wave of GPT6 whose duty
//! comes from a buffer, and RTC. A pin shows how long a transfer takes.

#![no_std]
#![no_main]

mod buses;

use core::cell::RefCell;
use core::convert::Infallible;
use core::fmt::Write as _;

use bme280::i2c::BME280;
use cortex_m_rt::entry;
use eeprom24x::{Eeprom24x, SlaveAddr};
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{ErrorType, OutputPin};
use embedded_hal_bus::i2c::RefCellDevice;
use embedded_hal_bus::spi::ExclusiveDevice;
use ra4m1 as pac;

use buses::{Iic, Spi};

/// HOLD and WP of the flash are wired to the supply.
struct Tied;

impl ErrorType for Tied {
    type Error = Infallible;
}

impl OutputPin for Tied {
    fn set_low(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// P112 or P113 by PORT1's set and reset register.
struct Pin(u32);

impl ErrorType for Pin {
    type Error = Infallible;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        port1().pcntr3().write(|w| unsafe { w.bits(1 << (16 + self.0)) });
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        port1().pcntr3().write(|w| unsafe { w.bits(1 << self.0) });
        Ok(())
    }
}

fn port1() -> &'static pac::port1::RegisterBlock {
    unsafe { &*pac::PORT1::ptr() }
}

/// The core has 48 MHz.
struct Delay;

impl DelayNs for Delay {
    fn delay_ns(&mut self, ns: u32) {
        cortex_m::asm::delay(ns / 20 + 1);
    }
}

/// SCI2.
struct Tx(pac::SCI2);

impl core::fmt::Write for Tx {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            while self.0.ssr().read().bits() & 1 << 7 == 0 {}
            self.0.tdr.write(|w| unsafe { w.bits(byte) });
        }
        Ok(())
    }
}

/// Clocks at 48 MHz of HOCO, the modules, and the pins' functions.
fn set_up(dp: &pac::Peripherals) -> Tx {
    unsafe {
        dp.SYSTEM.prcr.write(|w| w.bits(0xa503));
        dp.SYSTEM.sckscr.write(|w| w.bits(0));
        dp.SYSTEM.sckdivcr.write(|w| w.bits(0));
        dp.MSTP.mstpcrb.write(|w| w.bits(!(1 << 29 | 1 << 18 | 1 << 8)));
        dp.MSTP.mstpcrc.write(|w| w.bits(!(1 << 1)));
        dp.MSTP.mstpcrd.write(|w| w.bits(!(1 << 20 | 1 << 16 | 1 << 6)));
        dp.PMISC.pwpr.write(|w| w.bits(0));
        dp.PMISC.pwpr.write(|w| w.bits(0x40));
        // TXD2, SCL1 and SDA1, MOSI, MISO and RSPCK, GTIOC6A; D10 and P113 are outputs.
        let function = |pin: *mut u32, psel: u32| pin.write_volatile(psel << 24 | 1 << 16);
        let pfs = pac::PFS::ptr().cast::<u32>().cast_mut();
        function(pfs.add(3 * 16 + 2), 4);
        function(pfs.add(16), 7);
        function(pfs.add(16 + 1), 7);
        function(pfs.add(16 + 9), 6);
        function(pfs.add(16 + 10), 6);
        function(pfs.add(16 + 11), 6);
        function(pfs.add(4 * 16), 3);
        port1().pcntr3().write(|w| w.bits(1 << 12));
        port1().pcntr1().write(|w| w.bits(1 << 28 | 3 << 12));
        // A million baud: 48 MHz / 16 / 3, with BGDM and ABCS: 8 cycles a bit.
        dp.SCI2.semr.write(|w| w.bits(0x50));
        dp.SCI2.brr.write(|w| w.bits(5));
        dp.SCI2.scr().write(|w| w.bits(1 << 5));
    }
    Tx(unsafe { pac::Peripherals::steal() }.SCI2)
}

fn analog(dp: &pac::Peripherals, tx: &mut Tx) {
    unsafe {
        dp.DAC12.davrefcr.write(|w| w.bits(1));
        dp.DAC12.dacr.write(|w| w.bits(0x5f));
        dp.DAC12.dadr0.write(|w| w.bits(3_000));
        dp.ADC140.adansa0.write(|w| w.bits(1 << 9 | 1));
        dp.ADC140.adcsr.write(|w| w.bits(1 << 15));
        while dp.ADC140.adcsr.read().bits() & 1 << 15 != 0 {}
        let results = [0, 9].map(|channel| dp.ADC140.addr[channel].read().bits());
        dp.CRC.crccr0.write(|w| w.bits(0x84));
        dp.CRC.crcdor().write(|w| w.bits(u32::MAX));
        dp.CRC.crcdir().write(|w| w.bits(u32::from_le_bytes(*b"1234")));
        let crc = !dp.CRC.crcdor().read().bits();
        writeln!(tx, "adc {} {}, crc {crc:08x}", results[0], results[1]).unwrap();
    }
}

/// The last second of a year, by the clock of LOCO.
fn calendar(dp: &pac::Peripherals, tx: &mut Tx) {
    let rtc = &dp.RTC;
    unsafe {
        rtc.rcr4.write(|w| w.bits(1));
        rtc.rfrh.write(|w| w.bits(0));
        rtc.rfrl.write(|w| w.bits(0xff));
        rtc.rcr2.write(|w| w.bits(0x42));
        while rtc.rcr2.read().bits() & 2 != 0 {}
        rtc.rseccnt().write(|w| w.bits(0x59));
        rtc.rmincnt().write(|w| w.bits(0x59));
        rtc.rhrcnt().write(|w| w.bits(0x23));
        rtc.rwkcnt().write(|w| w.bits(4));
        rtc.rdaycnt.write(|w| w.bits(0x31));
        rtc.rmoncnt.write(|w| w.bits(0x12));
        rtc.ryrcnt.write(|w| w.bits(0x26));
        rtc.rcr2.write(|w| w.bits(0x41));
        while rtc.rseccnt().read().bits() != 0 {}
        let (year, month, day) = (
            rtc.ryrcnt.read().bits(),
            rtc.rmoncnt.read().bits(),
            rtc.rdaycnt.read().bits(),
        );
        writeln!(tx, "rtc {year:02x}-{month:02x}-{day:02x}").unwrap();
    }
}

/// GPT6 with GTIOC6A on P400: 1 ms, of which the first cycle is high for 250 µs and the following ones for 750 µs.
fn wave(dp: &pac::Peripherals) {
    unsafe {
        let gpt = &dp.GPT166;
        gpt.gtwp.write(|w| w.bits(0xa500));
        gpt.gtssr.write(|w| w.bits(1 << 31));
        gpt.gtpr.write(|w| w.bits(47_999));
        gpt.gtpbr.write(|w| w.bits(47_999));
        gpt.gtccra.write(|w| w.bits(11_999));
        gpt.gtccrc.write(|w| w.bits(35_999));
        gpt.gtber.write(|w| w.bits(1 << 20 | 1 << 16));
        gpt.gtior.write(|w| w.bits(1 << 8 | 0x19));
        gpt.gtstr.write(|w| w.bits(1 << 6));
    }
}

#[entry]
fn main() -> ! {
    let dp = unsafe { pac::Peripherals::steal() };
    let mut tx = set_up(&dp);
    let mut on_bus = Pin(13);

    let bus = RefCell::new(Iic::new());
    let mut sensor = BME280::new_primary(RefCellDevice::new(&bus));
    match sensor.init(&mut Delay).and_then(|()| sensor.measure(&mut Delay)) {
        Ok(measured) => writeln!(
            tx,
            "bme280 {:.2} C, {:.2} Pa, {:.2} %",
            measured.temperature, measured.pressure, measured.humidity
        ),
        Err(error) => writeln!(tx, "bme280: {error:?}"),
    }
    .unwrap();

    let mut eeprom = Eeprom24x::new_24x256(RefCellDevice::new(&bus), SlaveAddr::default());
    let mut data = [0; 4];
    on_bus.set_high().ok();
    let written = eeprom.write_page(0x1234, &[1, 2, 3]);
    on_bus.set_low().ok();
    let mut polls = 0;
    while eeprom.read_data(0x1233, &mut data).is_err() && polls < 1_000 {
        polls += 1;
    }
    writeln!(tx, "24c256 {written:?} {data:02x?} after {polls} polls").unwrap();
    let mut other = Eeprom24x::new_24x256(RefCellDevice::new(&bus), SlaveAddr::Alternative(true, false, true));
    writeln!(tx, "nobody {:?}", other.read_byte(0)).unwrap();

    let Ok(device) = ExclusiveDevice::new(Spi::new(), Pin(12), Delay);
    if let Ok(mut flash) = w25q32jv::W25q32jv::new(device, Tied, Tied) {
        let id = flash.device_id();
        let erased = flash.erase_range(0, 4_096);
        let written = flash.write_blocking(0x0ff0, &[0xd0, 0xc5, 0x11]);
        let mut data = [0; 4];
        on_bus.set_high().ok();
        let read = flash.read(0x0ff0, &mut data);
        on_bus.set_low().ok();
        writeln!(tx, "w25q32 {id:02x?} {erased:?} {written:?} {read:?} {data:02x?}").unwrap();
    }
    analog(&dp, &mut tx);
    wave(&dp);
    calendar(&dp, &mut tx);
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
