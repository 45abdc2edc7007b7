//! A card on SPI, displays on four lines and on I²C, thermometers on 1-Wire, a strip of LEDs by PWM, and a UART whose ends are
//! connected or that has a GPS receiver.

#![no_std]
#![no_main]

use core::fmt::Write as _;

use cortex_m::delay::Delay as Cycles;
use ds18b20::Ds18b20;
use embassy_executor::Spawner;
use embassy_nrf::gpio::{AnyPin, Flex, Level, Output, OutputDrive, Pull};
use embassy_nrf::peripherals::{SPI2, TWISPI0, UARTE0, UARTE1};
use embassy_nrf::pwm::{Config, Prescaler, SequenceConfig, SequencePwm, SingleSequenceMode, SingleSequencer};
use embassy_nrf::{Peri, bind_interrupts, spim, twim, uarte};
use embassy_time::{Delay, Timer};
use embedded_hal_bus::spi::ExclusiveDevice;
use embedded_sdmmc::{Mode, SdCard, TimeSource, Timestamp, VolumeIdx, VolumeManager};
use hd44780_driver::HD44780;
use one_wire_bus::OneWire;

bind_interrupts!(struct Irqs {
    UARTE0 => uarte::InterruptHandler<UARTE0>;
    UARTE1 => uarte::InterruptHandler<UARTE1>;
    TWISPI0 => twim::InterruptHandler<TWISPI0>;
    SPI2 => spim::InterruptHandler<SPI2>;
});

struct NewYear;

impl TimeSource for NewYear {
    fn get_timestamp(&self) -> Timestamp {
        Timestamp {
            year_since_1970: 56,
            zero_indexed_month: 0,
            zero_indexed_day: 0,
            hours: 0,
            minutes: 0,
            seconds: 0,
        }
    }
}

type Text = heapless::String<320>;

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let p = embassy_nrf::init(Default::default());
    let mut config = uarte::Config::default();
    config.baudrate = uarte::Baudrate::Baud1m;
    let mut uart = uarte::Uarte::new(p.UARTE0, p.P1_10, p.P1_03, Irqs, config);
    // The clock of the time driver is too slow for 1-Wire.
    let Some(core) = cortex_m::Peripherals::take() else {
        return;
    };
    let mut cycles = Cycles::new(core.SYST, 64_000_000);

    let spi = spim::Spim::new(p.SPI2, Irqs, p.P0_13, p.P1_08, p.P1_01, spim::Config::default());
    let select = Output::new(p.P1_02, Level::High, OutputDrive::Standard);
    let mut text = Text::new();
    let Ok(device) = ExclusiveDevice::new(spi, select, Delay);
    if let Err(error) = card(SdCard::new(device, Delay), &mut text) {
        let _ = writeln!(text, "card: {error:?}");
    }
    let _ = uart.write(text.as_bytes()).await;

    let line = |pin: Peri<'static, AnyPin>| Output::new(pin, Level::Low, OutputDrive::Standard);
    let (rs, e) = (line(p.P0_21.into()), line(p.P0_23.into()));
    let [d4, d5, d6, d7] = [p.P0_27.into(), p.P1_11.into(), p.P1_12.into(), p.P1_13.into()].map(line);
    let lcd = HD44780::new_4bit(rs, e, d4, d5, d6, d7, &mut cycles).and_then(|mut lcd| {
        // The driver waits for 100 µs, the display clears for 1.5 ms.
        cycles.delay_ms(2);
        lcd.set_cursor_visibility(hd44780_driver::Cursor::Invisible, &mut cycles)?;
        lcd.set_cursor_blink(hd44780_driver::CursorBlink::Off, &mut cycles)?;
        lcd.write_str("by four lines", &mut cycles)?;
        lcd.set_cursor_pos(0x40, &mut cycles)?;
        lcd.write_str("and below", &mut cycles)
    });
    let _ = uart.write(if lcd.is_ok() { b"lcd\n" } else { b"no!\n" }).await;

    let mut buffer = [0; 32];
    let mut bus = twim::Twim::new(p.TWISPI0, Irqs, p.P0_31, p.P0_02, Default::default(), &mut buffer);
    let mut delay = Delay;
    let lcd = lcd_lcm1602_i2c::sync_lcd::Lcd::new(&mut bus, &mut delay)
        .with_address(0x27)
        .with_cursor_on(false)
        .with_rows(2)
        .init()
        .and_then(|mut lcd| {
            lcd.write_str("by I2C")?;
            lcd.set_cursor(1, 3)?;
            lcd.write_str("indented")
        });
    let _ = uart.write(if lcd.is_ok() { b"i2c\n" } else { b"no!\n" }).await;

    let mut pin = Flex::new(p.P1_14);
    pin.set_as_input_output(Pull::None, OutputDrive::Standard0Disconnect1);
    let mut text = Text::new();
    if thermometers(pin, &mut cycles, &mut text).is_err() {
        let _ = writeln!(text, "1-Wire failed");
    }
    let _ = uart.write(text.as_bytes()).await;

    let mut config = Config::default();
    config.prescaler = Prescaler::Div1;
    // 1.25 µs at 16 MHz.
    config.max_duty = 20;
    if let Ok(mut pwm) = SequencePwm::new_1ch(p.PWM0, p.P1_15, config) {
        let mut words = [0x8000_u16; 3 * 24 + 60];
        for (led, [red, green, blue]) in [[255, 0, 0], [0, 128, 1], [16, 32, 64]].into_iter().enumerate() {
            for (byte, value) in [green, red, blue].into_iter().enumerate() {
                for bit in 0..8 {
                    let one = (value as u8) >> (7 - bit) & 1 == 1;
                    words[led * 24 + byte * 8 + bit] = 0x8000 | if one { 13 } else { 6 };
                }
            }
        }
        let sequencer = SingleSequencer::new(&mut pwm, &words, SequenceConfig::default());
        let _ = sequencer.start(SingleSequenceMode::Times(1));
        Timer::after_millis(2).await;
        sequencer.stop();
    }
    let _ = uart.write(b"strip\n").await;

    let mut config = uarte::Config::default();
    config.baudrate = uarte::Baudrate::Baud9600;
    let other = uarte::Uarte::new(p.UARTE1, p.P0_28, p.P0_29, Irqs, config);
    let mut heard = [0; 6];
    {
        let (mut sender, mut receiver) = other.split();
        let send = async {
            Timer::after_millis(2).await;
            let _ = sender.write(b"$ping.").await;
        };
        let _ = first_of(receiver.read(&mut heard), send).await;
    }
    let mut text = Text::new();
    let _ = writeln!(text, "heard {}", core::str::from_utf8(&heard).unwrap_or("?"));
    let _ = uart.write(text.as_bytes()).await;
    loop {
        Timer::after_secs(1).await;
    }
}

/// Lets two futures run until the first is done.
async fn first_of<T>(first: impl Future<Output = T>, second: impl Future<Output = ()>) -> T {
    let mut first = core::pin::pin!(first);
    let mut second = core::pin::pin!(second);
    let mut sent = false;
    core::future::poll_fn(|context| {
        if !sent {
            sent = second.as_mut().poll(context).is_ready();
        }
        first.as_mut().poll(context)
    })
    .await
}

/// Reads a file, and writes another one.
fn card<S, D>(card: SdCard<S, D>, text: &mut Text) -> Result<(), embedded_sdmmc::Error<embedded_sdmmc::SdCardError>>
where
    S: embedded_hal::spi::SpiDevice<u8>,
    D: embedded_hal::delay::DelayNs,
{
    let bytes = card.num_bytes().map_err(embedded_sdmmc::Error::DeviceError)?;
    let _ = writeln!(text, "card {bytes} {:?}", card.get_card_type());
    let volumes: VolumeManager<_, _> = VolumeManager::new(card, NewYear);
    let volume = volumes.open_volume(VolumeIdx(0))?;
    let root = volume.open_root_dir()?;
    let mut buffer = [0; 64];
    let file = root.open_file_in_dir("HELLO.TXT", Mode::ReadOnly)?;
    let count = file.read(&mut buffer)?;
    let _ = writeln!(text, "read {:?}", core::str::from_utf8(&buffer[..count]));
    file.close()?;
    let file = root.open_file_in_dir("NEW.TXT", Mode::ReadWriteCreateOrTruncate)?;
    for _ in 0..100 {
        file.write(b"written by the program\n")?;
    }
    file.close()?;
    let _ = writeln!(text, "written");
    Ok(())
}

/// All devices on the pin, and what they measure.
fn thermometers(
    pin: Flex<'_>,
    delay: &mut Cycles,
    text: &mut Text,
) -> Result<(), one_wire_bus::OneWireError<core::convert::Infallible>> {
    let mut bus = OneWire::new(pin)?;
    ds18b20::start_simultaneous_temp_measurement(&mut bus, delay)?;
    delay.delay_ms(750);
    let mut search = None;
    while let Some((address, state)) = bus.device_search(search.as_ref(), false, delay)? {
        search = Some(state);
        let data = Ds18b20::new::<core::convert::Infallible>(address)?.read_data(&mut bus, delay)?;
        let _ = writeln!(text, "{address:?} {} C", data.temperature);
    }
    Ok(())
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    cortex_m::asm::udf()
}
