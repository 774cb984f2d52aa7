//! The compact form of whatever travels between two hosts, for which nobody outside ever writes another
//! implementation: both ends are of one build. Clients' frames have their own, documented bit by bit.

use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes of another host are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackedError {
    /// They are no such value: the other host is of another version.
    #[error("not what was expected: {0}")]
    Malformed(postcard::Error),
    /// Something follows.
    #[error("{bytes} bytes too many")]
    Overlong {
        /// How many.
        bytes: usize,
    },
}

/// Appends a value.
///
/// # Panics
///
/// If a type cannot be written, such as a sequence of unknown length; no type of this crate is of that kind.
pub fn put(value: &impl Serialize, out: &mut Vec<u8>) {
    let taken = core::mem::take(out);
    *out = postcard::to_extend(value, taken).expect("memory takes whatever is appended to it");
}

/// Reads a value that takes up all of the bytes.
///
/// ```
/// use gomera_model::{Epoch, packed};
///
/// let mut bytes = Vec::new();
/// packed::put(&Epoch(300), &mut bytes);
/// assert_eq!(bytes, [0xac, 2]);
/// assert_eq!(packed::take(&bytes), Ok(Epoch(300)));
/// ```
///
/// # Errors
///
/// If the bytes are not exactly one value of this type.
pub fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PackedError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(PackedError::Malformed)?;
    match rest.len() {
        0 => Ok(value),
        bytes => Err(PackedError::Overlong { bytes }),
    }
}

/// For what also stands in a store: it leaves out what is not there, which the compact form cannot. It travels as the
/// same JSON, and is rare.
pub mod as_document {
    use alloc::vec::Vec;

    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the document as bytes.
    ///
    /// # Errors
    ///
    /// Those of the format.
    pub fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let json = serde_json::to_vec(value).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// If the bytes are no such document.
    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let json = Vec::<u8>::deserialize(deserializer)?;
        serde_json::from_slice(&json).map_err(D::Error::custom)
    }
}
