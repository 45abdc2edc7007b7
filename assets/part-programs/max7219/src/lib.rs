//! Maxim MAX7219 with a matrix of 8 × 8 LEDs as a virtual part on SPI. Registers are those of the data sheet 19-4452 rev. 4.
//! Digit 0 is the upper row, and segment DP its left dot.
//!
//! A word of 16 bits is taken when the part is released; earlier bits have gone on to DOUT, which nothing is wired to. The
//! decoder for digits (code B) and the frequency of the multiplexing are not modelled.

#![no_std]

use core::cell::UnsafeCell;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[link(wasm_import_module = "drydock")]
unsafe extern "C" {
    fn title(text: *const u8, bytes: usize);
    fn canvas(width: u32, height: u32);
    fn pixel(x: u32, y: u32, brightness: u32);
}

const INTENSITY: usize = 0x0a;
const SCAN_LIMIT: usize = 0x0b;
const SHUTDOWN: usize = 0x0c;
const DISPLAY_TEST: usize = 0x0f;

struct Max7219 {
    registers: [u8; 16],
    /// The last bits that came.
    shifted: u16,
}

/// A module has one thread.
struct Part(UnsafeCell<Max7219>);
unsafe impl Sync for Part {}

static PART: Part = Part(UnsafeCell::new(Max7219 {
    registers: [0; 16],
    shifted: 0,
}));

fn part() -> &'static mut Max7219 {
    // SAFETY: calls come one after the other, and none calls another.
    unsafe { &mut *PART.0.get() }
}

#[unsafe(no_mangle)]
extern "C" fn init() {
    let text = "MAX7219, 8 × 8 LEDs";
    // SAFETY: the text lives as long as the program.
    unsafe {
        title(text.as_ptr(), text.len());
        canvas(8, 8);
    }
}

/// In shutdown, all registers clear.
#[unsafe(no_mangle)]
extern "C" fn power_on() {
    part().registers = [0; 16];
    part().draw();
}

#[unsafe(no_mangle)]
extern "C" fn spi_transfer(byte: u32) -> u32 {
    let part = part();
    let out = part.shifted >> 8;
    part.shifted = part.shifted << 8 | byte as u16;
    u32::from(out)
}

#[unsafe(no_mangle)]
extern "C" fn spi_select(selected: u32) {
    if selected != 0 {
        return;
    }
    let part = part();
    let register = usize::from(part.shifted >> 8 & 0x0f);
    part.registers[register] = part.shifted as u8;
    part.draw();
}

impl Max7219 {
    fn draw(&self) {
        let is_on = self.registers[SHUTDOWN] & 1 != 0;
        let tests = self.registers[DISPLAY_TEST] & 1 != 0;
        // 1/32 to 31/32.
        let intensity = u32::from(self.registers[INTENSITY] & 0x0f) * 2 + 1;
        for row in 0..8 {
            let scanned = row <= usize::from(self.registers[SCAN_LIMIT] & 7);
            for column in 0..8 {
                let is_lit = is_on && scanned && self.registers[1 + row] >> (7 - column) & 1 != 0;
                let brightness = match (tests, is_lit) {
                    (true, _) => 247,
                    (false, true) => intensity * 8,
                    (false, false) => 0,
                };
                // SAFETY: no memory is involved.
                unsafe { pixel(column, row as u32, brightness) };
            }
        }
    }
}
