//! The heap of all boards' firmware, with an account for each app: an app's allocations are counted, limited, and freed as a
//! whole. Code for one architecture is in `drydock-cortex-m` and `drydock-riscv`.
#![no_std]

mod heap;
mod work;

#[cfg(target_arch = "arm")]
use drydock_cortex_m::way_out as arch;
#[cfg(target_arch = "riscv32")]
use drydock_riscv::way_out as arch;

pub use heap::{arena_bytes, free_arena, init, usage};
pub use work::{allow_growth, run};
