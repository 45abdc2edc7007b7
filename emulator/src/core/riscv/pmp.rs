//! Physical memory protection (priv 3.7), with 4-byte granularity.

/// `pmpcfg` bits.
const R: u8 = 1;
const W: u8 = 2;
const X: u8 = 4;
const A: u8 = 3 << 3;
const L: u8 = 1 << 7;
const TOR: u8 = 1 << 3;
const NA4: u8 = 2 << 3;

/// The kind of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Want {
    Read = R,
    Write = W,
    Execute = X,
}

/// The entries.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Pmp {
    entries: usize,
    cfg: [u8; 16],
    addr: [u32; 16],
}

impl Pmp {
    pub(super) fn new(entries: u8) -> Self {
        Self {
            entries: usize::from(entries.min(16)),
            cfg: [0; 16],
            addr: [0; 16],
        }
    }

    pub(super) fn has_entries(&self) -> bool {
        self.entries > 0
    }

    /// Whether an entry holds for machine mode too.
    pub(super) fn binds_machine_mode(&self) -> bool {
        self.cfg.iter().any(|cfg| cfg & L != 0 && cfg & A != 0)
    }

    /// `pmpcfg0` and on.
    pub(super) fn config(&self, index: u16) -> u32 {
        let first = 4 * usize::from(index);
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.cfg[first..first + 4]);
        u32::from_le_bytes(bytes)
    }

    pub(super) fn set_config(&mut self, index: u16, value: u32) {
        for (offset, cfg) in value.to_le_bytes().into_iter().enumerate() {
            let entry = 4 * usize::from(index) + offset;
            if entry < self.entries && self.cfg[entry] & L == 0 {
                // R = 0 with W = 1 is reserved: such a write leaves W clear.
                let cfg = if cfg & R == 0 { cfg & !W } else { cfg };
                self.cfg[entry] = cfg & (R | W | X | A | L);
            }
        }
    }

    /// `pmpaddr0` and on: bits 33:2 of an address.
    pub(super) fn address(&self, index: u16) -> u32 {
        self.addr[usize::from(index)]
    }

    /// A locked entry keeps its address, and a locked top-of-range entry its bottom (3.7.1 "Locking and Privilege
    /// Mode").
    pub(super) fn set_address(&mut self, index: u16, value: u32) {
        let entry = usize::from(index);
        let next = self.cfg.get(entry + 1).copied().unwrap_or(0);
        let locked = self.cfg[entry] & L != 0 || next & L != 0 && next & A == TOR;
        if entry < self.entries && !locked {
            self.addr[entry] = value;
        }
    }

    /// Whether an access to all of `bytes` bytes at `addr` is allowed. The first entry that matches any byte decides,
    /// and must match all (3.7.1 "Priority and Matching Logic").
    pub(super) fn allows(&self, addr: u32, bytes: u32, want: Want, user: bool) -> bool {
        let (start, end) = (u64::from(addr), u64::from(addr) + u64::from(bytes));
        for entry in 0..self.entries {
            let cfg = self.cfg[entry];
            let (low, high) = self.range(entry);
            if start >= high || end <= low {
                continue;
            }
            let whole = low <= start && end <= high;
            let bound = user || cfg & L != 0;
            return whole && (!bound || cfg & want as u8 != 0);
        }
        !user || self.entries == 0
    }

    /// The addresses that an entry matches; none when it is off.
    fn range(&self, entry: usize) -> (u64, u64) {
        let top = u64::from(self.addr[entry]);
        match self.cfg[entry] & A {
            0 => (0, 0),
            TOR => {
                let below = entry.checked_sub(1).map_or(0, |below| self.addr[below]);
                (u64::from(below) << 2, top << 2)
            }
            NA4 => (top << 2, (top << 2) + 4),
            _ => {
                let size = 8_u64 << self.addr[entry].trailing_ones();
                let base = (top << 2) & !(size - 1);
                (base, base + size)
            }
        }
    }
}
