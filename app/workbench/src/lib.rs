//! The one API behind window, CLI and HTTP: composes gateway, emulator and connector.
//!
//! [`api`] holds what crosses the seam: methods, views and events. All of them are plain data that serialise to JSON and
//! are exported to TypeScript, so that the window, the CLI's local socket and later HTTP speak the same words.

pub mod api;
