//! Copying and filling memory: what compilers call for it, under the names of C and of the run-time ABI (RTABI32, section
//! 4.3.4).
//!
//! compiler_builtins brings them in 3 KB, which copy by bytes or by shifting what is not aligned; much of what this firmware
//! copies are values of some 20 bytes at odd places. A Cortex-M4 loads and stores words at any address (Armv7-M ARM, A3.2.1;
//! the trap for that is off after reset), and so words are copied wherever they begin.

use core::arch::global_asm;

global_asm!(include_str!("memory.s"));
