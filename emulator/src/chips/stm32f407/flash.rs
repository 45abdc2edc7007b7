//! The embedded flash interface (RM0090 chapter 3): keys, programming, erasure of sectors of different sizes,
//! durations (datasheet table 40, typical), and error flags.

use crate::core::events::Token;
use crate::core::fabric::{AccessFault, AccessSize, Fabric};
use crate::core::memory::{GuestMemory, NoMemory};
use crate::machine::VirtualTime;

pub(super) const BASE: u32 = 0x0800_0000;
pub(super) const BYTES: u32 = 0x10_0000;

/// Sectors: first address behind [`BASE`], and size (table 5).
const SECTORS: [(u32, u32); 12] = {
    let mut list = [(0, 0); 12];
    let (mut index, mut base) = (0, 0);
    while index < 12 {
        let bytes = match index {
            0..4 => 0x4000,
            4 => 0x1_0000,
            _ => 0x2_0000,
        };
        list[index] = (base, bytes);
        base += bytes;
        index += 1;
    }
    list
};

const PROGRAM: VirtualTime = VirtualTime::from_us(16);
/// Milliseconds for sectors of 16, 64 and 128 KiB and for all of them, by parallelism: 8, 16, 32 bits.
const ERASE_MS: [[u64; 4]; 3] = [
    [400, 1_200, 2_000, 16_000],
    [300, 700, 1_300, 11_000],
    [250, 550, 1_000, 8_000],
];

const KEYS: [u32; 2] = [0x4567_0123, 0xcdef_89ab];
const OPTION_KEYS: [u32; 2] = [0x0819_2a3b, 0x4c5d_6e7f];

/// The option bytes (3.6.1): RDP and USER in a first word, nWRP in a second. Images may hold them; each reset loads them.
/// Read and write protection are not enforced.
pub(super) const OPTIONS: u32 = 0x1fff_c000;
pub(super) const OPTIONS_BYTES: u32 = 0x1000;
const NWRP: u32 = OPTIONS + 8;
/// As ST delivers them: no protection, watchdog by software, brown-out reset off.
const DELIVERED: [(u32, u32); 2] = [(OPTIONS, 0xffff_aaef), (NWRP, u32::MAX)];
/// OPTCR: RDP, USER and BOR_LEV, from the first word; OPTLOCK; nWRP, from the second.
const OPTCR_USER: u32 = 0xffec;
const OPTLOCK: u32 = 1;
const OPTCR_NWRP: u32 = 0x0fff_0000;
/// USER.WDG_SW: the independent watchdog waits for software.
const WDG_SW: u32 = 1 << 5;

/// SR.
const EOP: u32 = 1 << 0;
const OPERR: u32 = 1 << 1;
const PGPERR: u32 = 1 << 6;
const PGSERR: u32 = 1 << 7;
const ERRORS: u32 = 0xf0 | OPERR;
const BSY: u32 = 1 << 16;

/// CR.
const PG: u32 = 1 << 0;
const SER: u32 = 1 << 1;
const MER: u32 = 1 << 2;
const STRT: u32 = 1 << 16;
const EOPIE: u32 = 1 << 24;
const ERRIE: u32 = 1 << 25;
const LOCK: u32 = 1 << 31;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct FlashInterface {
    token: Token,
    acr: u32,
    cr: u32,
    sr: u32,
    lock: Lock,
    options: Lock,
    /// OPTCR without OPTLOCK, as loaded from the option bytes.
    optcr: u32,
    busy_until: VirtualTime,
}

/// A register that two keys open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
enum Lock {
    Closed,
    /// The first key was written.
    Half,
    Open,
    /// A wrong key was written: locked until the next reset.
    Stuck,
}

impl Lock {
    /// Accepts a key; false if it was wrong, which is a bus error (3.6.1).
    fn take(&mut self, key: u32, keys: [u32; 2]) -> bool {
        *self = match *self {
            Self::Closed if key == keys[0] => Self::Half,
            Self::Half if key == keys[1] => Self::Open,
            _ => Self::Stuck,
        };
        *self != Self::Stuck
    }
}

/// Writes the option bytes as ST delivers them.
pub(super) fn deliver_options(memory: &mut GuestMemory) -> Result<(), NoMemory> {
    DELIVERED
        .iter()
        .try_for_each(|(addr, word)| memory.write(*addr, &word.to_le_bytes()))
}

impl FlashInterface {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            acr: 0,
            cr: 0,
            sr: 0,
            lock: Lock::Closed,
            options: Lock::Closed,
            optcr: OPTCR_USER | OPTCR_NWRP,
            busy_until: VirtualTime::ZERO,
        }
    }

    /// Reset; loads the option bytes.
    pub(super) fn reset(&mut self, memory: &GuestMemory) {
        let [user, nwrp] = [OPTIONS, NWRP].map(|addr| memory.read_u32(addr).unwrap_or(u32::MAX));
        *self = Self {
            optcr: user & OPTCR_USER | nwrp << 16 & OPTCR_NWRP,
            ..Self::new(self.token)
        };
    }

    /// Whether the option bytes start the independent watchdog at each reset.
    pub(super) fn watchdog_by_hardware(&self) -> bool {
        self.optcr & WDG_SW == 0
    }

    pub(super) fn interrupt(&self) -> bool {
        self.cr & EOPIE != 0 && self.sr & EOP != 0 || self.cr & ERRIE != 0 && self.sr & OPERR != 0
    }

    pub(super) fn read(&self, now: VirtualTime, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.acr,
            // KEYR and OPTKEYR are write-only.
            0x04 | 0x08 => 0,
            0x0c => self.sr | if now < self.busy_until { BSY } else { 0 },
            0x10 => self.cr | if self.lock == Lock::Open { 0 } else { LOCK },
            0x14 => self.optcr | if self.options == Lock::Open { 0 } else { OPTLOCK },
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            // Latency, prefetch, caches: stored only; code runs at one speed here.
            0x00 => self.acr = value & 0x0707,
            0x04 if self.lock.take(value, KEYS) => {}
            0x08 if self.options.take(value, OPTION_KEYS) => {}
            0x04 | 0x08 => return Err(AccessFault::Denied),
            0x0c => self.sr &= !(value & (ERRORS | EOP)),
            // While locked or busy, other writes are ignored (3.9.5).
            0x10 if value & LOCK != 0 => self.lock = Lock::Closed,
            0x10 if self.lock != Lock::Open || fabric.now() < self.busy_until => return Err(AccessFault::Denied),
            0x10 => {
                self.cr = value & 0x0300_037f;
                if value & STRT != 0 {
                    return self.erase(fabric);
                }
            }
            // Programming the option bytes is not modelled.
            0x14 if value & 1 != 0 => self.options = Lock::Closed,
            0x14 => return Err(AccessFault::UnmodelledUse),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// The core stores to flash. Programming only clears bits. A forbidden store is reported in SR and logged, and
    /// raises no fault in the core.
    pub(super) fn program(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) {
        let parallel = match self.cr >> 8 & 3 {
            0 => AccessSize::Byte,
            1 => AccessSize::Half,
            // 64 bits need a supply at VPP, which no board here has.
            _ => AccessSize::Word,
        };
        let error = match () {
            () if self.lock != Lock::Open || self.cr & PG == 0 || self.cr & (SER | MER) != 0 => PGSERR,
            () if size != parallel || self.cr >> 8 & 3 == 3 => PGPERR,
            () => 0,
        };
        if error != 0 {
            self.sr |= error | if self.cr & ERRIE != 0 { OPERR } else { 0 };
            let fault = if error == PGPERR {
                AccessFault::Width
            } else {
                AccessFault::Denied
            };
            fabric.log_fault(addr, size, Some(value), fault);
            return;
        }
        let count = size.bytes() as usize;
        let mut bytes = [0; 4];
        let read = fabric.memory().read(addr, &mut bytes[..count]);
        for (old, new) in bytes.iter_mut().zip(value.to_le_bytes()) {
            *old &= new;
        }
        let written = fabric.memory_mut().write(addr, &bytes[..count]);
        debug_assert!(read.is_ok() && written.is_ok(), "flash is a region of the chip");
        // A store during the previous one waits for it.
        let from = fabric.now().max(self.busy_until);
        self.busy(fabric, from + PROGRAM);
    }

    fn erase(&mut self, fabric: &mut Fabric) -> Result<(), AccessFault> {
        let number = (self.cr >> 3 & 15) as usize;
        let parallel = (self.cr >> 8 & 3) as usize;
        let (start, bytes, column) = match self.cr & (PG | SER | MER) {
            SER if number < SECTORS.len() => {
                let (start, bytes) = SECTORS[number];
                let column = match bytes {
                    0x4000 => 0,
                    0x1_0000 => 1,
                    _ => 2,
                };
                (start, bytes, column)
            }
            MER => (0, BYTES, 3),
            _ => {
                self.sr |= PGSERR;
                return Err(AccessFault::UnmodelledUse);
            }
        };
        let times = ERASE_MS.get(parallel).ok_or(AccessFault::UnmodelledUse)?;
        let filled = fabric.memory_mut().fill(BASE + start, bytes as usize, 0xff);
        debug_assert!(filled.is_ok(), "flash is a region of the chip");
        let until = fabric.now() + VirtualTime::from_ms(times[column]);
        self.busy(fabric, until);
        Ok(())
    }

    /// Any access to flash waits while it is busy (3.6): the core waits when it executes from there.
    fn busy(&mut self, fabric: &mut Fabric, until: VirtualTime) {
        self.busy_until = until;
        fabric.flash_is_busy(until, (BASE..BASE + BYTES).contains(&fabric.pc()));
        if self.cr & EOPIE != 0 {
            fabric.cancel_token(self.token);
            fabric.schedule(until, self.token);
        }
    }

    /// The operation in progress is done.
    pub(super) fn wake(&mut self) {
        self.sr |= EOP;
    }
}
