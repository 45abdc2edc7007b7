//! InvenSense MPU-6050 as a virtual part: acceleration, rotation and temperature on I²C. Registers are those of the register
//! map RM-MPU-6000A-00 rev. 4.2, scales those of the product specification PS-MPU-6000A-00 rev. 3.4.
//!
//! A measurement is taken when a read begins. Sample rates, filters, FIFO, interrupts and the second bus are not modelled:
//! their registers keep what is written.

#![no_std]

use core::cell::UnsafeCell;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[link(wasm_import_module = "drydock")]
unsafe extern "C" {
    fn title(text: *const u8, bytes: usize);
    fn i2c_address(address: u32);
    #[allow(clippy::too_many_arguments)]
    fn property(
        name: *const u8,
        name_bytes: usize,
        unit: *const u8,
        unit_bytes: usize,
        min: i64,
        max: i64,
        start: i64,
        reading: u32,
    ) -> u32;
    fn value(property: u32) -> i64;
}

const GYRO_CONFIG: u8 = 0x1b;
const ACCEL_CONFIG: u8 = 0x1c;
const INT_STATUS: u8 = 0x3a;
const ACCEL_XOUT_H: u8 = 0x3b;
const TEMP_OUT_H: u8 = 0x41;
const GYRO_XOUT_H: u8 = 0x43;
const GYRO_ZOUT_L: u8 = 0x48;
const PWR_MGMT_1: u8 = 0x6b;
const WHO_AM_I: u8 = 0x75;

const DEVICE_RESET: u8 = 0x80;
const SLEEP: u8 = 0x40;
const DATA_RDY: u8 = 0x01;

/// Millionths of a unit.
const ONE: i64 = 1_000_000;

struct Mpu6050 {
    registers: [u8; 128],
    /// The register of the next byte.
    pointer: u8,
    /// The next byte that is written is the pointer.
    addressed: bool,
}

/// A module has one thread.
struct Part(UnsafeCell<Mpu6050>);
unsafe impl Sync for Part {}

static PART: Part = Part(UnsafeCell::new(Mpu6050 {
    registers: [0; 128],
    pointer: 0,
    addressed: false,
}));

fn part() -> &'static mut Mpu6050 {
    // SAFETY: calls come one after the other, and none calls another.
    unsafe { &mut *PART.0.get() }
}

fn declare(name: &str, unit: &str, most: i64, start: i64) {
    let (name, unit) = (name.as_bytes(), unit.as_bytes());
    // SAFETY: the texts live as long as the program.
    unsafe {
        property(name.as_ptr(), name.len(), unit.as_ptr(), unit.len(), -most * ONE, most * ONE, start * ONE, 0);
    }
}

#[unsafe(no_mangle)]
extern "C" fn init() {
    let text = "InvenSense MPU-6050, acceleration and rotation";
    // SAFETY: as above.
    unsafe {
        title(text.as_ptr(), text.len());
        i2c_address(0x68);
        i2c_address(0x69);
    }
    declare("acceleration_x", "g", 16, 0);
    declare("acceleration_y", "g", 16, 0);
    declare("acceleration_z", "g", 16, 1);
    declare("rotation_x", "°/s", 2_000, 0);
    declare("rotation_y", "°/s", 2_000, 0);
    declare("rotation_z", "°/s", 2_000, 0);
    declare("temperature", "°C", 85, 25);
    power_on();
}

#[unsafe(no_mangle)]
extern "C" fn power_on() {
    let part = part();
    part.registers = [0; 128];
    part.registers[usize::from(PWR_MGMT_1)] = SLEEP;
    part.registers[usize::from(WHO_AM_I)] = 0x68;
    part.addressed = false;
    part.pointer = 0;
}

#[unsafe(no_mangle)]
extern "C" fn i2c_start(_address: u32, read: u32) -> u32 {
    let part = part();
    part.addressed = read == 0;
    if read != 0 && part.registers[usize::from(PWR_MGMT_1)] & SLEEP == 0 {
        part.measure();
    }
    1
}

#[unsafe(no_mangle)]
extern "C" fn i2c_write(byte: u32) -> u32 {
    let (part, byte) = (part(), byte as u8);
    if core::mem::take(&mut part.addressed) {
        part.pointer = byte & 0x7f;
        return 1;
    }
    match part.pointer {
        PWR_MGMT_1 if byte & DEVICE_RESET != 0 => {
            let pointer = part.pointer;
            power_on();
            part.pointer = pointer;
        }
        // Read only.
        INT_STATUS..=GYRO_ZOUT_L | WHO_AM_I => {}
        pointer => part.registers[usize::from(pointer)] = byte,
    }
    part.pointer = (part.pointer + 1) & 0x7f;
    1
}

#[unsafe(no_mangle)]
extern "C" fn i2c_read() -> u32 {
    let part = part();
    let pointer = part.pointer;
    part.pointer = (pointer + 1) & 0x7f;
    let byte = part.registers[usize::from(pointer)];
    if pointer == INT_STATUS {
        // Reading clears it.
        part.registers[usize::from(INT_STATUS)] = 0;
    }
    u32::from(byte)
}

impl Mpu6050 {
    fn measure(&mut self) {
        let accel_range = self.registers[usize::from(ACCEL_CONFIG)] >> 3 & 3;
        let gyro_range = self.registers[usize::from(GYRO_CONFIG)] >> 3 & 3;
        for axis in 0..3 {
            // 16,384 counts for a g in the range of ±2 g; each further range has twice the width.
            let counts = set(axis) * (16_384 >> accel_range);
            self.put(ACCEL_XOUT_H + 2 * axis as u8, rounded(counts, ONE));
            // 131 counts for a degree each second in the range of ±250 °/s.
            let counts = set(3 + axis) * 131;
            self.put(GYRO_XOUT_H + 2 * axis as u8, rounded(counts, ONE << gyro_range));
        }
        // Degrees are counts / 340 + 36.53.
        self.put(TEMP_OUT_H, rounded((set(6) - 36_530_000) * 340, ONE));
        self.registers[usize::from(INT_STATUS)] |= DATA_RDY;
    }

    /// A pair of registers, the high byte first. A value beyond the range stays at its end.
    fn put(&mut self, high: u8, counts: i64) {
        let bytes = (counts.clamp(-32_768, 32_767) as i16).to_be_bytes();
        self.registers[usize::from(high)..][..2].copy_from_slice(&bytes);
    }
}

fn set(property: u32) -> i64 {
    // SAFETY: no memory is involved.
    unsafe { value(property) }
}

/// The nearest whole of `number / by`.
fn rounded(number: i64, by: i64) -> i64 {
    (number + by / 2).div_euclid(by)
}
