//! Logs a few statements of each sort, then counts.

#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use cortex_m_rt::entry;
use defmt::Format;
use defmt_rtt as _;

/// The time stamp: how many statements there were before.
static STATEMENTS: AtomicU32 = AtomicU32::new(0);

defmt::timestamp!("{=u32:us}", STATEMENTS.fetch_add(1, Relaxed));

#[derive(Format)]
enum Shape {
    Empty,
    Point { x: i32, y: Option<u8> },
}

/// Writes itself in parts.
struct Parts;

impl Format for Parts {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "one|");
        defmt::write!(f, "two {=u8}", 2);
    }
}

defmt::bitflags! {
    struct Pins: u8 {
        const A = 1;
        const B = 1 << 1;
    }
}

#[entry]
fn main() -> ! {
    defmt::info!("hello from {=str}", "defmt");
    defmt::debug!("shapes {} {}", Shape::Empty, Shape::Point { x: -5, y: Some(7) });
    defmt::warn!("bytes {0=[u8]:02x} bits {1=0..4:#b}", [1, 0xab], 0b1_0110_u8);
    defmt::error!("{} and {}", Parts, Pins::A | Pins::B);
    defmt::trace!("list {} {=istr}", &[1_u16, 2][..], defmt::intern!("kept"));
    defmt::println!("shown by the program: {}", defmt::Debug2Format(&Some("text")));
    let mut count = 0_u32;
    loop {
        cortex_m::asm::delay(16_000_000);
        count += 1;
        defmt::info!("count {}", count);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::udf();
    }
}
