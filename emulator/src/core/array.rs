//! Arrays too long for `serde`'s own implementation: `#[serde(with = "crate::core::array")]`.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// # Errors
/// The serializer's.
pub(crate) fn serialize<S: Serializer, T: Serialize, const N: usize>(array: &[T; N], to: S) -> Result<S::Ok, S::Error> {
    array.as_slice().serialize(to)
}

/// # Errors
/// The deserializer's; another length.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: DeserializeOwned, const N: usize>(
    from: D,
) -> Result<[T; N], D::Error> {
    let items = Vec::<T>::deserialize(from)?;
    let count = items.len();
    items
        .try_into()
        .map_err(|_| D::Error::invalid_length(count, &"another length"))
}
