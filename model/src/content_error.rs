//! Why content is refused, whatever it came in.

use alloc::string::String;

use crate::limits::{CONTENT_BYTES_MAX, NAME_BYTES_MAX, NESTING_MAX};

/// Why content was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// More bytes than [`CONTENT_BYTES_MAX`]. Send less, or a link.
    #[error("content of {bytes} bytes is larger than the limit of {CONTENT_BYTES_MAX}")]
    TooLarge {
        /// How many there were.
        bytes: usize,
    },
    /// More attributes than the limit. Put rarely used ones into the body.
    #[error("{count} attributes are more than the limit of {limit}")]
    TooManyAttributes {
        /// How many there were.
        count: u64,
        /// How many may be.
        limit: usize,
    },
    /// An attribute's name is empty or longer than [`NAME_BYTES_MAX`].
    #[error("an attribute's name has {bytes} bytes; it must have 1 to {NAME_BYTES_MAX}")]
    NameLength {
        /// Its length.
        bytes: usize,
    },
    /// The same name twice in one object or notification. Rename one.
    #[error("the attribute {name:?} occurs twice")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// NaN or an infinity. Leave the attribute out instead.
    #[error("the attribute {name:?} is not a finite number")]
    NotFinite {
        /// The attribute.
        name: String,
    },
    /// A position outside -180 to 180 degrees east or -90 to 90 degrees north.
    #[error("the attribute {name:?} is no position on earth")]
    NoPosition {
        /// The attribute.
        name: String,
    },
    /// Text that is not UTF-8.
    #[error("text that is not valid UTF-8")]
    InvalidUtf8,
    /// Arrays and objects nested deeper than [`NESTING_MAX`].
    #[error("values nested deeper than {NESTING_MAX}")]
    TooDeep,
    /// The bytes end too early, go on too long, or bear an unknown tag: the encoder is at fault.
    #[error("malformed content")]
    Malformed,
    /// The body says that it is JSON and is not.
    #[error("the body is not valid JSON at byte {offset}")]
    InvalidJson {
        /// Where.
        offset: usize,
    },
}
