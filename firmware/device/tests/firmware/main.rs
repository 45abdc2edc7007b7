//! The firmware's logic on a board in memory, against a real rustls gateway: enrollment, session, store, apps.

mod apps;
mod session;
mod store;
mod support;
mod trust;
