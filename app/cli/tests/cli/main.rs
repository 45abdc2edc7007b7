//! The built `drydock` as its users drive it: what it prints, how it ends, what it leaves in a data directory.

mod board;
mod driver;
mod failing;
mod good;
mod owner;
mod recovery;
mod refused;
