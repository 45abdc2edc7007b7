//! See ../lib.rs.

#![no_std]
#![no_main]

use guest_backtrace_riscv as _;
