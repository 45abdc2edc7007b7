//! Factory information of one chip (RM0090 chapter 39) and its identification to a debugger (38.6.1). The identity is
//! derived from the machine's seed.

use crate::core::fabric::{AccessFault, AccessSize};
use crate::machine::entropy::EntropyStream;

/// The page of system memory where it is.
pub(super) const PAGE: u32 = 0x1fff_7000;
pub(super) const DBGMCU: u32 = 0xe004_2000;

const UNIQUE_ID: u32 = 0x1fff_7a10;
const FLASH_SIZE: u32 = 0x1fff_7a22;
/// VREFIN_CAL, TS_CAL1, TS_CAL2 (DS8626, tables 71 and 74): results of ADC at 3.3 V for VREFINT, and for the temperature
/// sensor at 30 and 110 °C. This chip has the typical voltages: 1.21 V, and 0.76 V at 25 °C with 2.5 mV/°C.
const CALIBRATION: u32 = 0x1fff_7a2a;
const CALIBRATIONS: [u16; 3] = [1_501, 958, 1_207];
/// DBGMCU_IDCODE: STM32F405/407, revision Y or "1".
const IDCODE: u32 = 0x100f_6413;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Identity {
    unique: [u8; 12],
    /// DBGMCU CR, APB1_FZ, APB2_FZ: they affect only a core that a debugger halted.
    debug: [u32; 3],
}

impl Identity {
    /// The information of the chip in the machine with `seed`. These numbers are independent of those that RNG will
    /// draw.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let mut unique = [0; 12];
        EntropyStream::new(seed.map(|byte| byte ^ 0xf4)).fill(&mut unique);
        // Bytes 5 to 11 are the lot number in ASCII.
        for byte in &mut unique[5..] {
            *byte = b'A' + *byte % 26;
        }
        Self { unique, debug: [0; 3] }
    }

    pub(super) fn reset(&mut self) {
        self.debug = [0; 3];
    }

    pub(super) fn read(&self, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        let mut bytes = [0; 4];
        for (index, byte) in bytes.iter_mut().enumerate().take(size.bytes() as usize) {
            *byte = match addr + index as u32 {
                at @ UNIQUE_ID..0x1fff_7a1c => self.unique[(at - UNIQUE_ID) as usize],
                // 1,024 KiB
                // One-time programmable memory, not written.
                0x1fff_7800..0x1fff_7a10 => 0xff,
                at @ CALIBRATION..0x1fff_7a30 => {
                    let [low, high] = CALIBRATIONS[(at - CALIBRATION) as usize / 2].to_le_bytes();
                    if at & 1 == 0 { low } else { high }
                }
                FLASH_SIZE => 0,
                0x1fff_7a23 => 4,
                _ => return Err(AccessFault::Unmodelled),
            };
        }
        Ok(u32::from_le_bytes(bytes))
    }

    pub(super) fn read_debug(&self, offset: u32) -> Result<u32, AccessFault> {
        match offset {
            0x00 => Ok(IDCODE),
            0x04 | 0x08 | 0x0c => Ok(self.debug[(offset as usize - 4) / 4]),
            _ => Ok(0),
        }
    }

    pub(super) fn write_debug(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 => return Err(AccessFault::Denied),
            0x04 | 0x08 | 0x0c => self.debug[(offset as usize - 4) / 4] = value,
            _ => {}
        }
        Ok(())
    }
}
