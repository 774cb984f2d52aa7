//! `silbo-operator/1`: what goes over one direction of a link between two hosts.
//!
//! ```text
//! sender ── Hello ──► receiver        once a connection
//!        ◄─ Welcome or Refused ──
//!        ── Parcel* ──►               numbered from 1, in order, from the one behind what Welcome says was taken
//!        ◄─ Taken* ──                 cumulative
//!
//! frame := length:u32 (little-endian, of what follows)  type:u8  payload
//! ```
//!
//! A parcel's content is in the form of [`crate::packed`]; every other payload is numbers.

pub mod fuzz;

use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::HostId;
use crate::limits::LINK_FRAME_BYTES_MAX;
use crate::notification::Content;
use crate::packed;
use crate::silbo::codec::{Frame, FrameError};
use crate::varint;

/// The ALPN of hosts.
pub const ALPN: &[u8] = b"silbo-operator/1";
/// The UDP port of hosts.
pub const PORT: u16 = 7456;

/// How contents are packed by this build. Raise it with every change of what travels between hosts.
pub const FORMAT: u32 = 3;

/// Position of a parcel in one life of a link, from 1.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ParcelNumber(pub u64);

impl ParcelNumber {
    /// The number that follows this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Which life of a link this is: a sender that has forgotten what it sent begins a higher one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LinkLife(pub u64);

/// The first frame of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Who sends.
    pub from: HostId,
    /// Who is meant: at this address another host may have come up since.
    pub to: HostId,
    /// Which life of the link.
    pub life: LinkLife,
    /// How contents are packed: [`FORMAT`].
    pub format: u32,
}

/// From the sending host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderFrame {
    /// First.
    Hello(Hello),
    /// What shall arrive once and in order.
    Parcel {
        /// Its place.
        number: ParcelNumber,
        /// What is in it.
        content: Bytes,
    },
}

/// From the receiving host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverFrame {
    /// To the hello: it has taken everything up to here.
    Welcome(ParcelNumber),
    /// To the hello: it will not have this link. The connection ends.
    Refused(LinkRefusal),
    /// It has taken everything up to here.
    Taken(ParcelNumber),
}

/// Why a receiver will not have a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum LinkRefusal {
    /// It is not the host that was meant: that one is gone.
    #[error("it is not the host that was meant, which is gone")]
    Stranger,
    /// A higher life of the link has begun.
    #[error("this host was given up, and has begun anew")]
    Outlived,
    /// It packs contents in another way: it is of another version.
    #[error("it is of another version")]
    OtherFormat,
}

impl Frame for SenderFrame {
    const BYTES_MAX: usize = LINK_FRAME_BYTES_MAX;

    fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => HELLO,
            Self::Parcel { .. } => PARCEL,
        }
    }

    fn put_head(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(hello) => packed::put(hello, out),
            Self::Parcel { number, content } => {
                varint::put(out, number.0);
                out.extend_from_slice(content);
            }
        }
    }

    fn content(&self) -> Option<&Content> {
        None
    }

    fn decode(kind: u8, payload: &Bytes) -> Result<Self, FrameError> {
        match kind {
            HELLO => read(kind, payload).map(Self::Hello),
            PARCEL => {
                let mut rest = &payload[..];
                let fault = "no number";
                let number = varint::take(&mut rest);
                let number = number.ok_or(FrameError::Malformed { kind, fault })?;
                let content = payload.slice(payload.len() - rest.len()..);
                let number = ParcelNumber(number);
                Ok(Self::Parcel { number, content })
            }
            kind => Err(FrameError::UnknownFrame { kind }),
        }
    }
}

impl Frame for ReceiverFrame {
    const BYTES_MAX: usize = 64;

    fn kind(&self) -> u8 {
        match self {
            Self::Welcome(_) => WELCOME,
            Self::Refused(_) => REFUSED,
            Self::Taken(_) => TAKEN,
        }
    }

    fn put_head(&self, out: &mut Vec<u8>) {
        match self {
            Self::Welcome(number) | Self::Taken(number) => packed::put(number, out),
            Self::Refused(why) => packed::put(why, out),
        }
    }

    fn content(&self) -> Option<&Content> {
        None
    }

    fn decode(kind: u8, payload: &Bytes) -> Result<Self, FrameError> {
        match kind {
            WELCOME => read(kind, payload).map(Self::Welcome),
            REFUSED => read(kind, payload).map(Self::Refused),
            TAKEN => read(kind, payload).map(Self::Taken),
            kind => Err(FrameError::UnknownFrame { kind }),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(kind: u8, payload: &Bytes) -> Result<T, FrameError> {
    let fault = "its payload is not what belongs there";
    packed::take(payload).map_err(|_| FrameError::Malformed { kind, fault })
}

const HELLO: u8 = 0x01;
const PARCEL: u8 = 0x02;
const WELCOME: u8 = 0x81;
const TAKEN: u8 = 0x82;
const REFUSED: u8 = 0x83;
