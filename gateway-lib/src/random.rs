//! Random bytes of the operating system.

use ring::rand::{SecureRandom, SystemRandom};

/// `N` bytes fit for keys and tokens.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes
}
