//! Drydock's command line.
fn main() {}
