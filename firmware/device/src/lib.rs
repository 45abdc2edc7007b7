//! The firmware's logic: session, app store, wasm host, metrics. Board-free.
