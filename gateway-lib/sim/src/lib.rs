//! Simulated devices that speak the real protocol, for tests and benches.
