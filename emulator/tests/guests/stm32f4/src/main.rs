//! The first steps of a program on `stm32f4xx-hal`: 168 MHz from the crystal, a line over USART2, delays by TIM3, random words,
//! the chip's own id, DAC and ADC, CRC, RTC, a sector of flash erased and written, then bytes that DMA collects and the idle line ends, sent back as
//! capitals. The button stops it from feeding the watchdog.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::fmt::Write as _;

use cortex_m::interrupt::Mutex;
use cortex_m_rt::entry;
use embedded_hal_02::adc::Channel;
use embedded_storage::nor_flash::NorFlash;
use rand_core::RngCore;
use stm32f4xx_hal::adc::{Adc, config::AdcConfig, config::SampleTime};
use stm32f4xx_hal::crc32::Crc32;
use stm32f4xx_hal::dac::{DacExt, DacOut, DacPin};
use stm32f4xx_hal::dma::{PeripheralToMemory, Stream5, StreamsTuple, Transfer, config::DmaConfig};
use stm32f4xx_hal::flash::{FlashExt, LockedFlash};
use stm32f4xx_hal::gpio::{Edge, Input, PA0};
use stm32f4xx_hal::pac::{self, NVIC, interrupt};
use stm32f4xx_hal::rcc::Config;
use stm32f4xx_hal::rtc::{self, Rtc};
use stm32f4xx_hal::serial::{self, Rx, Tx};
use stm32f4xx_hal::watchdog::IndependentWatchdog;
use stm32f4xx_hal::{prelude::*, signature};

const BUFFER: usize = 64;
/// The last sector: 128 KiB.
const PLACE: u32 = 0xe_0000;

type Receiver = Transfer<Stream5<pac::DMA1>, 4, Rx<pac::USART2>, PeripheralToMemory, &'static mut [u8; BUFFER]>;

struct Line {
    receiver: Receiver,
    spare: Option<&'static mut [u8; BUFFER]>,
    sender: Tx<pac::USART2>,
}

/// Channel 4 of ADC1, whose pin the DAC has.
struct Pa4;

impl Channel<pac::ADC1> for Pa4 {
    type ID = u8;

    fn channel() -> u8 {
        4
    }
}

static LINE: Mutex<RefCell<Option<Line>>> = Mutex::new(RefCell::new(None));
static BUTTON: Mutex<RefCell<Option<(PA0<Input>, bool)>>> = Mutex::new(RefCell::new(None));

#[entry]
fn main() -> ! {
    let mut dp = pac::Peripherals::take().unwrap();
    let woken = {
        let flags = dp.RCC.csr().read();
        if flags.wdgrstf().bit_is_set() {
            "watchdog"
        } else {
            "power"
        }
    };
    dp.RCC.csr().modify(|_, w| w.rmvf().set_bit());
    let clocks = Config::hse(8.MHz()).sysclk(168.MHz()).require_pll48clk();
    let mut rcc = dp.RCC.freeze(clocks);

    let gpioa = dp.GPIOA.split(&mut rcc);
    let gpiod = dp.GPIOD.split(&mut rcc);
    let config = serial::Config::default()
        .baudrate(1_000_000.bps())
        .dma(serial::config::DmaConfig::Rx);
    let line: serial::Serial<pac::USART2> = dp.USART2.serial((gpioa.pa2, gpioa.pa3), config, &mut rcc).unwrap();
    let (mut tx, mut rx) = line.split();
    let mhz = rcc.clocks.sysclk().to_MHz();
    writeln!(tx, "hello from stm32f4xx-hal at {mhz} MHz after {woken}").unwrap();

    let mut led = gpiod.pd12.into_push_pull_output();
    let mut delay = dp.TIM3.delay_us(&mut rcc);
    for _ in 0..4 {
        led.toggle();
        delay.delay(5.millis());
    }

    let mut random = dp.RNG.constrain(&mut rcc);
    let (one, other) = (random.next_u32(), random.next_u32());
    writeln!(tx, "random {one:08x} {other:08x}").unwrap();
    let uid = signature::Uid::get();
    writeln!(
        tx,
        "chip {} {} of {}, {} KiB",
        uid.x(),
        uid.y(),
        uid.lot_num(),
        signature::FlashSize::get().kilo_bytes()
    )
    .unwrap();

    // The DAC's voltage at PA4, by ADC1.
    let mut dac = dp.DAC.constrain(gpioa.pa4.into_analog(), &mut rcc);
    dac.enable();
    dac.set_value(1_234);
    let mut adc = Adc::new(dp.ADC1, true, AdcConfig::default(), &mut rcc);
    let measured = adc.convert(&Pa4, SampleTime::Cycles_480);
    let crc = Crc32::new(dp.CRC, &mut rcc).update_bytes(b"12345678");
    writeln!(tx, "dac {measured}, crc {crc:08x}").unwrap();

    // The last second of a year begins before two seconds of work.
    let mut rtc = Rtc::new_lsi(dp.RTC, &mut rcc, &mut dp.PWR);
    rtc.enable_wakeup(1.secs::<1, 1_000_000>().into());
    let set = rtc.set_year(2026).and(rtc.set_month(12)).and(rtc.set_day(31));
    let set = set
        .and(rtc.set_hours(23))
        .and(rtc.set_minutes(59))
        .and(rtc.set_seconds(59));
    let is_pending = rtc.is_pending(rtc::Event::Wakeup);

    let mut flash = LockedFlash::new(dp.FLASH);
    let before = FlashExt::read(&flash)[PLACE as usize];
    let mut unlocked = flash.unlocked();
    NorFlash::erase(&mut unlocked, PLACE, PLACE + 0x2_0000).unwrap();
    NorFlash::write(&mut unlocked, PLACE, &[before.wrapping_add(1), 2, 3, 4]).unwrap();
    drop(unlocked);
    writeln!(tx, "flash {:02x?}", &FlashExt::read(&flash)[PLACE as usize..][..5]).unwrap();

    let now = rtc.get_datetime();
    let woken = (is_pending, rtc.is_pending(rtc::Event::Wakeup));
    writeln!(tx, "rtc {set:?} {} {}, {woken:?}", now.date(), now.hour()).unwrap();

    let mut syscfg = dp.SYSCFG.constrain(&mut rcc);
    let mut button = gpioa.pa0.into_pull_down_input();
    button.make_interrupt_source(&mut syscfg);
    button.trigger_on_edge(&mut dp.EXTI, Edge::Rising);
    button.enable_interrupt(&mut dp.EXTI);

    rx.listen_idle();
    let dma = StreamsTuple::new(dp.DMA1, &mut rcc);
    let buffer = cortex_m::singleton!(: [u8; BUFFER] = [0; BUFFER]).unwrap();
    let spare = cortex_m::singleton!(: [u8; BUFFER] = [0; BUFFER]).unwrap();
    let dma_config = DmaConfig::default().memory_increment(true);
    let mut receiver: Receiver = Transfer::init_peripheral_to_memory(dma.5, rx, buffer, None, dma_config);
    receiver.start(|_| {});
    cortex_m::interrupt::free(|cs| {
        BUTTON.borrow(cs).replace(Some((button, false)));
        LINE.borrow(cs).replace(Some(Line {
            receiver,
            spare: Some(spare),
            sender: tx,
        }));
    });
    // SAFETY: data shared between the handlers and this function is protected by critical sections.
    unsafe {
        NVIC::unmask(interrupt::USART2);
        NVIC::unmask(interrupt::EXTI0);
    }
    let mut watchdog = IndependentWatchdog::new(dp.IWDG);
    watchdog.start(100.millis());
    loop {
        delay.delay(20.millis());
        let pressed = cortex_m::interrupt::free(|cs| matches!(&*BUTTON.borrow(cs).borrow(), Some((_, true))));
        if !pressed {
            watchdog.feed();
        }
    }
}

/// The line is idle: sends back the bytes that DMA collected.
#[interrupt]
fn USART2() {
    cortex_m::interrupt::free(|cs| {
        let mut place = LINE.borrow(cs).borrow_mut();
        let Some(line) = place.as_mut() else { return };
        if !line.receiver.is_idle() {
            return;
        }
        // Until a byte arrives it would interrupt repeatedly, and the main program could not feed the watchdog.
        line.receiver.clear_idle_interrupt();
        let count = BUFFER - line.receiver.number_of_transfers() as usize;
        let Some(next) = line.spare.take() else { return };
        let Ok((full, _)) = line.receiver.next_transfer(next) else {
            return;
        };
        for byte in &mut full[..count] {
            byte.make_ascii_uppercase();
            let _ = line.sender.write_char(char::from(*byte));
        }
        line.spare = Some(full);
    });
}

#[interrupt]
fn EXTI0() {
    cortex_m::interrupt::free(|cs| {
        if let Some((button, pressed)) = BUTTON.borrow(cs).borrow_mut().as_mut() {
            button.clear_interrupt_pending_bit();
            *pressed = true;
        }
    });
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
