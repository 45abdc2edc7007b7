//! A program on embassy's IEEE 802.15.4 driver. Every 10 ms it sends a frame if the channel is clear, and listens in
//! between; it says what it sends and hears. Two of the same kind hear each other: when each begins follows from its
//! device id. At P1.11 low it sends Bluetooth advertisements instead, by the registers.

#![no_std]
#![no_main]

use core::fmt::Write as _;

use embassy_executor::Spawner;
use embassy_futures::select::{Either, select};
use embassy_nrf::config::{Config, HfclkSource};
use embassy_nrf::gpio::{Input, Pull};
use embassy_nrf::pac;
use embassy_nrf::peripherals::{RADIO, UARTE0};
use embassy_nrf::radio::ieee802154::{Packet, Radio};
use embassy_nrf::radio::{self, Error};
use embassy_nrf::{bind_interrupts, uarte};
use embassy_time::{Duration, Ticker, Timer};

bind_interrupts!(struct Irqs {
    UARTE0 => uarte::InterruptHandler<UARTE0>;
    RADIO => radio::InterruptHandler<RADIO>;
});

const INTERVAL: Duration = Duration::from_millis(10);
const CHANNEL: u8 = 15;

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let mut config = Config::default();
    config.hfclk_source = HfclkSource::ExternalXtal;
    let p = embassy_nrf::init(config);
    let mut config = uarte::Config::default();
    config.baudrate = uarte::Baudrate::Baud1m;
    let mut uart = uarte::Uarte::new(p.UARTE0, p.P1_10, p.P1_03, Irqs, config);
    let role = Input::new(p.P1_11, Pull::Up);
    Timer::after_millis(1).await;
    if role.is_low() {
        advertise().await;
    }

    let mut radio = Radio::new(p.RADIO, Irqs);
    radio.set_channel(CHANNEL);
    let id = pac::FICR.deviceid(0).read();
    Timer::after_micros(u64::from(id % 8) * 1_000 + 500).await;
    let mut ticker = Ticker::every(INTERVAL);
    let mut number = 0u8;
    let mut text = heapless::String::<96>::new();
    loop {
        let mut packet = Packet::new();
        text.clear();
        match select(ticker.next(), radio.receive(&mut packet)).await {
            Either::First(()) => {
                // A data frame with short addresses, to all.
                let mut frame = [0x41, 0x88, number, 0xcd, 0xab, 0xff, 0xff, 0, 0, b'h', b'i'];
                frame[7..9].copy_from_slice(&(id as u16).to_le_bytes());
                packet.copy_from_slice(&frame);
                let _ = match radio.try_send(&mut packet).await {
                    Ok(()) => writeln!(text, "sent {number}"),
                    Err(Error::ChannelInUse) => writeln!(text, "busy {number}"),
                    Err(_) => writeln!(text, "error"),
                };
                number = number.wrapping_add(1);
            }
            Either::Second(Ok(())) => {
                let (bytes, lqi) = (&packet[..], packet.lqi());
                let _ = write!(text, "heard {} lqi {lqi}:", bytes.get(2).copied().unwrap_or(0));
                for byte in bytes.iter().take(16) {
                    let _ = write!(text, " {byte:02x}");
                }
                let _ = writeln!(text);
            }
            Either::Second(Err(_)) => {
                let _ = writeln!(text, "wrong crc");
            }
        }
        let _ = uart.write(text.as_bytes()).await;
    }
}

/// Advertisements on channel 37, every 20 ms.
async fn advertise() -> ! {
    static mut PDU: [u8; 19] = *b"\x42\x11\x01\x02\x03\x04\x05\xc6\x0a\x09Drydock!!";
    let radio = pac::RADIO;
    radio.mode().write(|w| w.set_mode(pac::radio::vals::Mode::Ble1mbit));
    radio.frequency().write(|w| w.set_frequency(2));
    radio.datawhiteiv().write(|w| w.set_datawhiteiv(37));
    radio.pcnf0().write(|w| {
        w.set_lflen(8);
        w.set_s0len(true);
    });
    radio.pcnf1().write(|w| {
        w.set_maxlen(37);
        w.set_balen(3);
        w.set_whiteen(true);
    });
    radio.base0().write_value(0x89be_d600);
    radio.prefix0().write(|w| w.set_ap0(0x8e));
    radio.crccnf().write(|w| {
        w.set_len(pac::radio::vals::Len::Three);
        w.set_skipaddr(pac::radio::vals::Skipaddr::Skip);
    });
    radio.crcpoly().write(|w| w.set_crcpoly(0x00_065b));
    radio.crcinit().write(|w| w.set_crcinit(0x55_5555));
    radio.packetptr().write_value(&raw const PDU as u32);
    radio.shorts().write(|w| {
        w.set_ready_start(true);
        w.set_end_disable(true);
    });
    loop {
        radio.tasks_txen().write_value(1);
        Timer::after_millis(20).await;
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
