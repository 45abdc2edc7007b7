//! A record of everything done to a world, from which it can be rebuilt: the content of `Save` and `Load`.

/// One thing done.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Deed {
    Seed(u8),
    Write { addr: u32, bytes: Vec<u8> },
    Reset,
    RunForUs(u64),
    Uart { index: u8, bytes: Vec<u8> },
    Pin { pin: u16, level: bool },
    Register { name: String, value: u64 },
    Step,
}
