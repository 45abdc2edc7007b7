//! The module's SPI flash with its two controllers. SPI0's MMU maps flash pages into the address space (ESP32-C6
//! Technical Reference Manual 1.1, 5.3.4). SPI1 sends the flash commands, as `hal/spimem_flash_ll.h` of ESP-IDF
//! drives it. The flash is a Winbond W25Q32JV (datasheet: commands 8.1, typical times 9.6).
//!
//! The core cannot address the flash array directly. A mapped page shows its content at once: no cache is modelled. A
//! fetch while the flash is busy is served.

use std::collections::BTreeMap;

use crate::core::fabric::{AccessFault, Fabric};
use crate::core::memory::{GuestMemory, PAGE_BYTES};
use crate::machine::VirtualTime;

/// Address at which tools find the array; it is not mapped for the core.
pub(super) const ARRAY: u32 = 0x1000_0000;
pub(super) const BYTES: u32 = 0x40_0000;
/// Where the MMU's pages are seen.
pub(super) const WINDOW: u32 = 0x4200_0000;
pub(super) const WINDOW_BYTES: u32 = 0x100_0000;
/// Bytes of an MMU page out of reset.
pub(super) const MMU_PAGE: u32 = 0x1_0000;
const ENTRIES: usize = (WINDOW_BYTES / MMU_PAGE) as usize;
/// MMU_ITEM_CONTENT: page number and valid bit.
const MMU_NUMBER: u32 = 0x1ff;
pub(super) const MMU_VALID: u32 = 1 << 9;
const MMU_ITEM_CONTENT: u32 = 0x37c;
const MMU_ITEM_INDEX: u32 = 0x380;
/// MMU_POWER_CTRL: the page size, 0 for 64 KiB, 3 for 8 KiB. With smaller pages the entries cover less of the window.
const MMU_POWER_CTRL: u32 = 0x384;
const MMU_PAGE_SIZE: u32 = 3 << 3;

/// Manufacturer, type, 2^22 bytes.
pub(super) const JEDEC_ID: u32 = 0x16_40ef;
pub(super) const SECTOR: u32 = 0x1000;
const HALF_BLOCK: u32 = 0x8000;
pub(super) const BLOCK: u32 = 0x1_0000;
pub(super) const PROGRAM_PAGE: u32 = 256;
const PROGRAM_US: u64 = 400;
const SECTOR_MS: u64 = 45;
const HALF_BLOCK_MS: u64 = 120;
const BLOCK_MS: u64 = 150;
const CHIP_MS: u64 = 10_000;
/// Status register 1.
const WIP: u32 = 1 << 0;
const WEL: u32 = 1 << 1;

/// SPI1.
const CMD: u32 = 0x00;
const ADDR: u32 = 0x04;
const USER: u32 = 0x18;
const USER1: u32 = 0x1c;
const USER2: u32 = 0x20;
const MOSI_DLEN: u32 = 0x24;
const MISO_DLEN: u32 = 0x28;
const RD_STATUS: u32 = 0x2c;
const W0: u32 = 0x58;
const BEHIND_W: u32 = 0x98;
/// USER: the phases of the command.
const USR_ADDR: u32 = 1 << 30;
const USR_MISO: u32 = 1 << 28;
const USR_MOSI: u32 = 1 << 27;
/// Status register 2: quad enable.
const STATUS2_KEPT: u8 = 1 << 1;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Flash {
    mmu: Vec<u32>,
    index: u32,
    /// The flash takes a write or an erasure.
    write_enabled: bool,
    /// Of the factory.
    unique_id: u64,
    /// Status register 2, which outlives resets.
    status2: u8,
    busy_until: VirtualTime,
    spi0: BTreeMap<u32, u32>,
    spi1: BTreeMap<u32, u32>,
    w: [u32; 16],
}

impl Default for Flash {
    fn default() -> Self {
        Self {
            mmu: vec![0; ENTRIES],
            index: 0,
            write_enabled: false,
            unique_id: 0,
            status2: STATUS2_KEPT,
            busy_until: VirtualTime::ZERO,
            spi0: BTreeMap::new(),
            spi1: BTreeMap::new(),
            w: [0; 16],
        }
    }
}

impl Flash {
    /// A flash with this unique id.
    pub(super) fn new(unique_id: u64) -> Self {
        Self {
            unique_id,
            ..Self::default()
        }
    }

    /// A reset of the controllers. The flash completes its current operation.
    pub(super) fn reset(&mut self, memory: &mut GuestMemory) {
        *self = Self {
            unique_id: self.unique_id,
            status2: self.status2,
            busy_until: self.busy_until,
            ..Self::default()
        };
        self.show_all(memory);
    }

    /// Bytes of an MMU page.
    fn page(&self) -> u32 {
        MMU_PAGE >> ((self.read_spi0(MMU_POWER_CTRL) & MMU_PAGE_SIZE) >> 3)
    }

    /// The bootloader's choice of the page size: 8 to 64 KiB.
    pub(super) fn set_page(&mut self, memory: &mut GuestMemory, bytes: u32) {
        let size = (MMU_PAGE / bytes.max(1)).max(1).ilog2() << 3;
        let others = self.read_spi0(MMU_POWER_CTRL) & !MMU_PAGE_SIZE;
        self.spi0.insert(MMU_POWER_CTRL, others | size & MMU_PAGE_SIZE);
        self.show_all(memory);
    }

    fn show_all(&self, memory: &mut GuestMemory) {
        memory.show(WINDOW, None, WINDOW_BYTES as usize / PAGE_BYTES);
        for (entry, content) in self.mmu.iter().enumerate() {
            if content & MMU_VALID != 0 {
                self.show(memory, entry);
            }
        }
    }

    pub(super) fn read_spi0(&self, offset: u32) -> u32 {
        match offset {
            MMU_ITEM_CONTENT => self.mmu[self.index as usize % ENTRIES],
            MMU_ITEM_INDEX => self.index,
            _ => self.spi0.get(&offset).copied().unwrap_or(0),
        }
    }

    pub(super) fn write_spi0(&mut self, memory: &mut GuestMemory, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            MMU_ITEM_CONTENT => self.map(memory, self.index as usize % ENTRIES, value),
            MMU_ITEM_INDEX => self.index = value,
            MMU_POWER_CTRL => {
                self.spi0.insert(offset, value);
                self.show_all(memory);
            }
            _ => {
                self.spi0.insert(offset, value);
            }
        }
        Ok(())
    }

    /// Sets an entry of the MMU.
    pub(super) fn map(&mut self, memory: &mut GuestMemory, entry: usize, content: u32) {
        let Some(item) = self.mmu.get_mut(entry) else {
            return;
        };
        *item = content;
        self.show(memory, entry);
    }

    /// Reads from the array.
    pub(super) fn read(memory: &GuestMemory, at: u32, bytes: &mut [u8]) -> Option<()> {
        in_array(at, bytes.len())?;
        memory.read(ARRAY + at, bytes).ok()
    }

    /// Programs: bits only change from one to zero. Like the loop of a driver: page after page.
    pub(super) fn program(&mut self, fabric: &mut Fabric, at: u32, bytes: &[u8]) -> Option<()> {
        in_array(at, bytes.len())?;
        let mut cells = vec![0; bytes.len()];
        fabric.memory().read(ARRAY + at, &mut cells).ok()?;
        for (cell, byte) in cells.iter_mut().zip(bytes) {
            *cell &= byte;
        }
        fabric.memory_mut().write(ARRAY + at, &cells).ok()?;
        self.show_range(fabric.memory_mut(), at, bytes.len());
        let pages = (at % PROGRAM_PAGE + bytes.len() as u32).div_ceil(PROGRAM_PAGE);
        self.begin(fabric, VirtualTime::from_us(u64::from(pages) * PROGRAM_US));
        Some(())
    }

    /// Erases the sector, half block, block or chip (`bytes`) that `at` lies in.
    pub(super) fn erase(&mut self, fabric: &mut Fabric, at: u32, bytes: u32) -> Option<()> {
        let at = at & !(bytes - 1);
        in_array(at, bytes as usize)?;
        fabric.memory_mut().fill(ARRAY + at, bytes as usize, 0xff).ok()?;
        self.show_range(fabric.memory_mut(), at, bytes as usize);
        let ms = match bytes {
            SECTOR => SECTOR_MS,
            HALF_BLOCK => HALF_BLOCK_MS,
            BLOCK => BLOCK_MS,
            _ => CHIP_MS,
        };
        self.begin(fabric, VirtualTime::from_ms(ms));
        Some(())
    }

    pub(super) fn busy_until(&self) -> VirtualTime {
        self.busy_until
    }

    pub(super) fn status(&self, fabric: &Fabric) -> u32 {
        let busy = fabric.now() < self.busy_until;
        (u32::from(busy) * WIP) | (u32::from(self.write_enabled) * WEL)
    }

    pub(super) fn read_spi1(&self, offset: u32) -> u32 {
        match offset {
            // Commands are sent as soon as they are requested.
            CMD => 0,
            W0..BEHIND_W => self.w[((offset - W0) / 4) as usize],
            _ => self.spi1.get(&offset).copied().unwrap_or(0),
        }
    }

    pub(super) fn write_spi1(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            CMD => return self.command(fabric, value),
            W0..BEHIND_W => self.w[((offset - W0) / 4) as usize] = value,
            _ => {
                self.spi1.insert(offset, value);
            }
        }
        Ok(())
    }

    /// SPI_MEM_CMD: one bit for each command.
    fn command(&mut self, fabric: &mut Fabric, value: u32) -> Result<(), AccessFault> {
        let address = self.read_spi1(ADDR) & 0xff_ffff;
        let command = match value & 0xfffc_0000 {
            0 => return Ok(()),
            command if command.is_power_of_two() => 31 - command.leading_zeros(),
            _ => return Err(AccessFault::UnmodelledUse),
        };
        let busy = fabric.now() < self.busy_until;
        // Busy flash ignores every command except a status request.
        match command {
            27 => self.answer_status(fabric),
            18 => return self.user_command(fabric),
            _ if busy => {}
            31 => self.answer_data(fabric, address)?,
            30 => self.write_enabled = true,
            29 => self.write_enabled = false,
            28 => self.w[0] = JEDEC_ID,
            22..=25 if !self.write_enabled => {}
            25 => {
                let length = (self.read_spi1(ADDR) >> 24) as usize;
                self.program_words(fabric, address, length)?;
            }
            24 => self.erase_command(fabric, address, SECTOR)?,
            23 => self.erase_command(fabric, address, BLOCK)?,
            22 => self.erase_command(fabric, 0, BYTES)?,
            // Power down and back.
            19..=21 => {}
            _ => return Err(AccessFault::UnmodelledUse),
        }
        Ok(())
    }

    /// USR: the command is in USER2, with the phases that USER names. The line widths and the dummy cycles make no difference.
    fn user_command(&mut self, fabric: &mut Fabric) -> Result<(), AccessFault> {
        let busy = fabric.now() < self.busy_until;
        let user = self.read_spi1(USER);
        let command = self.read_spi1(USER2) & 0xff;
        let bits = (self.read_spi1(USER1) >> 26) + 1;
        // The address is sent from the top.
        let address = match user & USR_ADDR {
            0 => 0,
            _ => self.read_spi1(ADDR) >> (32 - bits),
        };
        // Some reads send a mode behind the address.
        let address = if bits == 32 { address >> 8 } else { address } & 0xff_ffff;
        let sent = match user & USR_MOSI {
            0 => 0,
            _ => ((self.read_spi1(MOSI_DLEN) & 0x3ff) as usize + 1) / 8,
        };
        let wanted = match user & USR_MISO {
            0 => 0,
            _ => ((self.read_spi1(MISO_DLEN) & 0x3ff) as usize + 1).div_ceil(8),
        };
        match command {
            0x05 => {
                let status = self.status(fabric);
                self.answer(&status.to_le_bytes(), wanted);
            }
            // Busy flash ignores every command except a status request.
            _ if busy => {}
            0x35 => self.answer(&[self.status2], wanted),
            0x15 => self.answer(&[0], wanted),
            0x06 | 0x50 => self.write_enabled = true,
            0x04 => self.write_enabled = false,
            0x01 | 0x31 if self.write_enabled => {
                // Status 1 protects parts of the array, which is not modelled; the second byte is status 2.
                let bytes = self.w[0].to_le_bytes();
                let second = if command == 0x31 {
                    bytes.first()
                } else {
                    bytes.get(1).filter(|_| sent > 1)
                };
                self.status2 = second.copied().unwrap_or(self.status2) & STATUS2_KEPT;
                self.write_enabled = false;
            }
            0x01 | 0x31 => {}
            0x9f => self.answer(&JEDEC_ID.to_le_bytes()[..3], wanted),
            0x4b => self.answer(&self.unique_id.to_le_bytes(), wanted),
            // No table of parameters.
            0x5a => self.answer(&[], wanted),
            0x03 | 0x0b | 0x3b | 0x6b | 0xbb | 0xeb => {
                let mut bytes = [0; 64];
                let read = bytes.get_mut(..wanted).ok_or(AccessFault::UnmodelledUse)?;
                Self::read(fabric.memory(), address, read).ok_or(AccessFault::UnmodelledUse)?;
                let read = read.to_vec();
                self.answer(&read, wanted);
            }
            0x02 | 0x32 | 0x20 | 0x52 | 0xd8 | 0x60 | 0xc7 if !self.write_enabled => {}
            0x02 | 0x32 => self.program_words(fabric, address, sent)?,
            0x20 => self.erase_command(fabric, address, SECTOR)?,
            0x52 => self.erase_command(fabric, address, HALF_BLOCK)?,
            0xd8 => self.erase_command(fabric, address, BLOCK)?,
            0x60 | 0xc7 => self.erase_command(fabric, 0, BYTES)?,
            // Reset, power down and back, continuous reading off: nothing is left of any of them.
            0x66 | 0x99 | 0xab | 0xb9 | 0xff => {}
            _ => return Err(AccessFault::UnmodelledUse),
        }
        Ok(())
    }

    /// Programs so many bytes of W0 and on. Data past the end of a page would wrap to its start.
    fn program_words(&mut self, fabric: &mut Fabric, address: u32, length: usize) -> Result<(), AccessFault> {
        let bytes: Vec<u8> = self.w.iter().flat_map(|word| word.to_le_bytes()).collect();
        let room = (PROGRAM_PAGE - address % PROGRAM_PAGE) as usize;
        if length > bytes.len() || length > room {
            return Err(AccessFault::UnmodelledUse);
        }
        if length == 0 {
            return Ok(());
        }
        self.program(fabric, address, &bytes[..length])
            .ok_or(AccessFault::UnmodelledUse)
    }

    /// An answer in W0 and on; what the flash does not drive is read as ones.
    fn answer(&mut self, bytes: &[u8], wanted: usize) {
        let mut answer = bytes.to_vec();
        answer.resize(wanted.min(64), 0xff);
        for (word, bytes) in self.w.iter_mut().zip(answer.chunks(4)) {
            let mut content = [0; 4];
            content[..bytes.len()].copy_from_slice(bytes);
            *word = u32::from_le_bytes(content);
        }
    }

    fn answer_status(&mut self, fabric: &Fabric) {
        let status = self.status(fabric);
        self.spi1.insert(RD_STATUS, status);
    }

    /// FLASH_READ: MISO_DLEN + 1 bits to W0 and on.
    fn answer_data(&mut self, fabric: &Fabric, address: u32) -> Result<(), AccessFault> {
        let length = ((self.read_spi1(MISO_DLEN) & 0x3ff) as usize + 1) / 8;
        let mut bytes = [0; 64];
        let answer = bytes.get_mut(..length).ok_or(AccessFault::UnmodelledUse)?;
        Self::read(fabric.memory(), address, answer).ok_or(AccessFault::UnmodelledUse)?;
        for (word, bytes) in self.w.iter_mut().zip(bytes.chunks_exact(4)).take(length.div_ceil(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        Ok(())
    }

    fn erase_command(&mut self, fabric: &mut Fabric, address: u32, bytes: u32) -> Result<(), AccessFault> {
        self.erase(fabric, address, bytes).ok_or(AccessFault::UnmodelledUse)
    }

    fn begin(&mut self, fabric: &Fabric, span: VirtualTime) {
        self.write_enabled = false;
        self.busy_until = fabric.now().max(self.busy_until).saturating_add(span);
    }

    /// Updates the mapped view of a range of the array to its content.
    fn show_range(&self, memory: &mut GuestMemory, at: u32, bytes: usize) {
        let page = self.page();
        let (first, last) = (at / page, (at + bytes as u32 - 1) / page);
        for (entry, content) in self.mmu.iter().enumerate() {
            if content & MMU_VALID != 0 && (first..=last).contains(&(content & MMU_NUMBER)) {
                self.show(memory, entry);
            }
        }
    }

    fn show(&self, memory: &mut GuestMemory, entry: usize) {
        let content = self.mmu[entry];
        let page = self.page();
        let at = (content & MMU_NUMBER) * page;
        let from = (content & MMU_VALID != 0 && at < BYTES).then_some(ARRAY + at);
        memory.show(WINDOW + entry as u32 * page, from, page as usize / PAGE_BYTES);
    }
}

fn in_array(at: u32, bytes: usize) -> Option<()> {
    (bytes > 0 && u64::from(at) + bytes as u64 <= u64::from(BYTES)).then_some(())
}
