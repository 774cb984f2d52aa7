//! The frames of `silbo/1` as bytes. `docs/protocol.md` describes them for those who write another client.
//!
//! ```text
//! frame   := length:u32 (little-endian, of what follows)  type:u8  payload
//! content := attributes:bytes  body:u8 (0 none, 1 JSON, 2 opaque)  [bytes]      always the last part of a payload
//! bytes   := length:varint  that many bytes
//! ```
//!
//! Every frame has exactly one encoding, and nothing may follow its last part.

mod client;
mod part;
mod reader;
mod server;
mod writer;

pub mod fuzz;

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::notification::Content;
use crate::silbo::{Refusal, RefusalCode};

pub use reader::FrameReader;
pub use writer::FrameWriter;

/// Bytes before the type: the length.
pub const LENGTH_BYTES: usize = 4;

/// A frame of one of the two directions: [`ClientFrame`](super::ClientFrame) or [`ServerFrame`](super::ServerFrame).
pub trait Frame: Sized {
    /// The longest frame of this direction, bytes after its length.
    const BYTES_MAX: usize;

    /// The number of its type.
    fn kind(&self) -> u8;

    /// Appends its payload without the content.
    fn put_head(&self, out: &mut Vec<u8>);

    /// The content, if it carries some.
    fn content(&self) -> Option<&Content>;

    /// Reads a whole payload.
    ///
    /// # Errors
    ///
    /// If the type is unknown or the payload is not exactly one of that type.
    fn decode(kind: u8, payload: &Bytes) -> Result<Self, FrameError>;

    /// Appends the whole frame, content copied.
    fn encode(&self, out: &mut Vec<u8>) {
        writer::put_frame(self, out);
    }
}

/// Why the bytes of a peer are no frame. The stream cannot be read on after it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The payload does not fit the type.
    #[error("malformed frame of type {kind:#04x}: {fault}")]
    Malformed {
        /// The type.
        kind: u8,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A frame without a type.
    #[error("malformed frame: its length is zero")]
    Empty,
    /// No frame of this direction has this type.
    #[error("unknown frame type {kind:#04x}")]
    UnknownFrame {
        /// The type.
        kind: u8,
    },
    /// Longer than frames of this direction may be.
    #[error("a frame of {bytes} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// What its length says.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl FrameError {
    /// What the peer is told.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let code = match self {
            Self::Malformed { .. } | Self::Empty => RefusalCode::Malformed,
            Self::UnknownFrame { .. } => RefusalCode::UnknownFrame,
            Self::TooLarge { .. } => RefusalCode::FrameTooLarge,
        };
        Refusal {
            code,
            reason: alloc::format!("{self}"),
        }
    }
}

impl RefusalCode {
    /// Every code, in the order of its number.
    pub const ALL: [Self; 16] = [
        Self::Malformed,
        Self::UnknownFrame,
        Self::FrameTooLarge,
        Self::Stalled,
        Self::ContentTooLarge,
        Self::InvalidContent,
        Self::InvalidFilter,
        Self::UnknownDialect,
        Self::SessionUnknown,
        Self::NotAuthorized,
        Self::TakenOver,
        Self::TooSlow,
        Self::LimitReached,
        Self::Unsupported,
        Self::GoingAway,
        Self::Ended,
    ];

    /// Its number on the wire, in frames and as the code with which a QUIC connection is closed. Never zero.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Malformed => 1,
            Self::UnknownFrame => 2,
            Self::FrameTooLarge => 3,
            Self::Stalled => 4,
            Self::ContentTooLarge => 5,
            Self::InvalidContent => 6,
            Self::InvalidFilter => 7,
            Self::UnknownDialect => 8,
            Self::SessionUnknown => 9,
            Self::NotAuthorized => 10,
            Self::TakenOver => 11,
            Self::TooSlow => 12,
            Self::LimitReached => 13,
            Self::Unsupported => 14,
            Self::GoingAway => 15,
            Self::Ended => 16,
        }
    }

    /// The code with this number.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        Self::ALL.get(index).copied()
    }
}

impl Refusal {
    /// A refusal with its reason.
    #[must_use]
    pub fn new(code: RefusalCode, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// What a closed connection said: the code and the reason of its CONNECTION_CLOSE, if it is one of ours.
    #[must_use]
    pub fn from_close(code: u64, reason: &[u8]) -> Option<Self> {
        let code = RefusalCode::from_number(code)?;
        Some(Self::new(code, String::from_utf8_lossy(reason)))
    }
}

#[cfg(test)]
mod tests;
