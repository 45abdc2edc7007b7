//! Setup, firmware, code generation, checks and benches.
fn main() {}
