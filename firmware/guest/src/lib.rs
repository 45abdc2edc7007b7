//! The SDK for apps in Rust on Drydock boards.
//!
//! An app is a `no_std` `cdylib` for `wasm32-unknown-unknown` that exports `init` and `tick` (or `_start`). It says its
//! name, version and capabilities with [`app!`]; the safe calls are in [`log`], [`metrics`], [`timer`] and [`gpio`].
//!
//! ```ignore
//! #![no_std]
//! drydock_guest::app! { name: "hello", version: "1.0.0", capabilities: ["log", "timer"] }
//!
//! #[unsafe(no_mangle)]
//! extern "C" fn tick() {
//!     drydock_guest::info!("up for {} ms", drydock_guest::timer::uptime_ms());
//! }
//! ```
#![no_std]

#[allow(dead_code, reason = "the WASI part is there for programs that want it raw")]
pub mod calls;
pub mod gpio;
pub mod heap;
pub mod log;
pub mod metrics;
pub mod section;
pub mod timer;

/// A panic is logged with its place, then traps: the board ends the app as `failed`.
#[cfg(all(target_arch = "wasm32", not(feature = "own-panic")))]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => error!("panicked at {}:{}", place.file(), place.line()),
        None => error!("panicked"),
    }
    core::arch::wasm32::unreachable()
}
