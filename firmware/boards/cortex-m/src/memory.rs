//! The functions that compilers call to copy and fill memory, under the names of C and of the run-time ABI (RTABI32,
//! section 4.3.4).
//!
//! The versions of compiler_builtins take 3 KB and copy unaligned data by bytes or shifts. This firmware often copies
//! values of about 20 bytes at unaligned addresses. A Cortex-M4 loads and stores words at any address (Armv7-M ARM,
//! A3.2.1; the alignment trap is off after reset), so these functions copy words regardless of the alignment.

use core::arch::global_asm;

global_asm!(include_str!("memory.s"));
