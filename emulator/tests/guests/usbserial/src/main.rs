//! The first steps of a USB serial port on nrf-hal: it sends back what it receives, as capitals, while the host holds DTR.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use cortex_m_rt::entry;
use nrf52840_hal::clocks::Clocks;
use nrf52840_hal::pac;
use nrf52840_hal::usbd::{UsbPeripheral, Usbd};
use usb_device::class_prelude::UsbBusAllocator;
use usb_device::device::{StringDescriptors, UsbDeviceBuilder, UsbVidPid};
use usbd_serial::{SerialPort, USB_CLASS_CDC};

#[entry]
fn main() -> ! {
    let p = pac::Peripherals::take().unwrap();
    let clocks = Clocks::new(p.CLOCK);
    let clocks = clocks.enable_ext_hfosc();
    while !p.POWER.usbregstatus.read().outputrdy().bit_is_set() {}

    let bus = UsbBusAllocator::new(Usbd::new(UsbPeripheral::new(p.USBD, &clocks)));
    let mut serial = SerialPort::new(&bus);
    let strings = StringDescriptors::default()
        .manufacturer("Fake company")
        .product("Serial port")
        .serial_number("TEST");
    let mut device = UsbDeviceBuilder::new(&bus, UsbVidPid(0x16c0, 0x27dd))
        .strings(&[strings])
        .unwrap()
        .device_class(USB_CLASS_CDC)
        .max_packet_size_0(64)
        .unwrap()
        .build();

    let mut pending = [0; 64];
    let (mut at, mut len) = (0, 0);
    loop {
        device.poll(&mut [&mut serial]);
        if at == len {
            (at, len) = (0, 0);
            if let Ok(count) = serial.read(&mut pending) {
                len = count;
                pending[..len].make_ascii_uppercase();
            }
        }
        if at < len && serial.dtr() {
            if let Ok(count) = serial.write(&pending[at..len]) {
                at += count;
            }
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {
        cortex_m::asm::bkpt();
    }
}
