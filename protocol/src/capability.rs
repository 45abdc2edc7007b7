//! Capabilities that an app may be granted.

use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};

/// One grant. A host call whose capability is not among an app's grants traps the app, never the board.
///
/// ```
/// use drydock_protocol::capability::{Capability, PinSet};
///
/// assert_eq!("gpio:13, 24".parse(), Ok(Capability::Gpio(PinSet::of(&[13, 24]))));
/// assert_eq!(Capability::Kv(1024).to_string(), "kv:1024");
/// assert!("gpio:64".parse::<Capability>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Capability {
    /// Write log lines.
    #[n(0)]
    Log,
    /// Report values of its own as metrics.
    #[n(1)]
    Metrics,
    /// Read the clock and be called back.
    #[n(2)]
    Timer,
    /// Use the named pins of the board.
    #[n(3)]
    Gpio(#[n(0)] PinSet),
    /// Keep this many bytes of key-value data (no device implements it yet).
    #[n(4)]
    Kv(#[n(0)] u32),
    /// Publish to the named topics (not carried out by any device yet).
    #[n(5)]
    Publish(#[n(0)] Vec<String>),
    /// Random numbers of the board's entropy source.
    #[n(6)]
    Random,
}

/// A set of pins, a bit for each: pin `n` of port `p` is number `32 * p + n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(transparent)]
pub struct PinSet(#[n(0)] pub u64);

impl PinSet {
    /// The set of exactly these pins; numbers above 63 are ignored.
    pub fn of(pins: &[u8]) -> Self {
        Self(pins.iter().filter(|pin| **pin < 64).fold(0, |set, pin| set | 1 << pin))
    }

    /// Whether the pin is in the set.
    pub fn contains(self, pin: u32) -> bool {
        pin < 64 && self.0 >> pin & 1 == 1
    }

    /// The pins, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |pin| self.contains(u32::from(*pin)))
    }
}

impl core::fmt::Display for Capability {
    /// The form that users write and read: `log`, `gpio:13,24`, `kv:1024`, `publish:a,b`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Log => f.write_str("log"),
            Self::Metrics => f.write_str("metrics"),
            Self::Timer => f.write_str("timer"),
            Self::Random => f.write_str("random"),
            Self::Gpio(pins) => {
                f.write_str("gpio:")?;
                for (i, pin) in pins.iter().enumerate() {
                    write!(f, "{}{pin}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::Kv(bytes) => write!(f, "kv:{bytes}"),
            Self::Publish(topics) => write!(f, "publish:{}", topics.join(",")),
        }
    }
}

/// The text names no capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapabilityError;

impl core::str::FromStr for Capability {
    type Err = CapabilityError;

    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        let (name, rest) = text
            .split_once(':')
            .map_or((text, None), |(name, rest)| (name, Some(rest)));
        match (name, rest) {
            ("log", None) => Ok(Self::Log),
            ("metrics", None) => Ok(Self::Metrics),
            ("timer", None) => Ok(Self::Timer),
            ("random", None) => Ok(Self::Random),
            ("gpio", Some(pins)) => {
                let mut set = PinSet::default();
                for pin in pins.split(',') {
                    let pin: u8 = pin.trim().parse().map_err(|_| CapabilityError)?;
                    set.0 |= 1u64.checked_shl(pin.into()).ok_or(CapabilityError)?;
                }
                Ok(Self::Gpio(set))
            }
            ("kv", Some(bytes)) => bytes.parse().map(Self::Kv).map_err(|_| CapabilityError),
            ("publish", Some(topics)) => Ok(Self::Publish(
                topics.split(',').map(|topic| topic.trim().into()).collect(),
            )),
            _ => Err(CapabilityError),
        }
    }
}
