//! Entropy for tests only: 32 bytes that the engine writes to the end of RAM when it starts the machine, stretched by
//! SHA-256. All keys of this board follow from the machine's seed.

use core::{
    cell::{Cell, UnsafeCell},
    mem::MaybeUninit,
};
use sha2::{Digest, Sha256};

/// Address at which the engine writes the seed (`emulator/src/external/qemu`): the last bytes of ZBT SRAM 2 and 3.
const SEED: *const [u8; 32] = 0x203F_FFE0 as *const [u8; 32];

/// Number of starts since power-on; RAM holds zeros then.
#[unsafe(link_section = ".uninit.lives")]
static LIVES: Lives = Lives(UnsafeCell::new(MaybeUninit::uninit()));

struct Lives(UnsafeCell<MaybeUninit<u32>>);

// SAFETY: one core; it is used at start only.
unsafe impl Sync for Lives {}

pub(crate) struct Entropy {
    seed: [u8; 32],
    life: u32,
    drawn: Cell<u32>,
}

impl Entropy {
    /// Called once in each life.
    pub(crate) fn start() -> Self {
        let lives = LIVES.0.get().cast::<u32>();
        // SAFETY: both are memory of the board that no other code uses; any bytes are a value.
        let (seed, life) = unsafe { (SEED.read_volatile(), lives.read_volatile().wrapping_add(1)) };
        // SAFETY: as above.
        unsafe { lives.write_volatile(life) };
        Self {
            seed,
            life,
            drawn: Cell::new(0),
        }
    }

    /// Whether power has just come on.
    pub(crate) fn is_first_life(&self) -> bool {
        self.life == 1
    }

    /// Stays the same from life to life.
    pub(crate) fn chip_id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        id.copy_from_slice(&self.block(b"chip id", 0, 0)[..8]);
        id
    }

    pub(crate) fn fill(&self, out: &mut [u8]) {
        for piece in out.chunks_mut(32) {
            let number = self.drawn.get();
            self.drawn.set(number + 1);
            piece.copy_from_slice(&self.block(b"random", self.life, number)[..piece.len()]);
        }
    }

    fn block(&self, purpose: &[u8], life: u32, number: u32) -> [u8; 32] {
        let hasher = Sha256::new().chain_update(self.seed).chain_update(purpose);
        let hasher = hasher.chain_update(life.to_le_bytes());
        hasher.chain_update(number.to_le_bytes()).finalize().into()
    }
}
