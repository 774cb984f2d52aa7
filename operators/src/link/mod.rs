//! One direction of a link between two hosts: whatever is pushed at the one end comes out at the other, once and in
//! order, however often the connection below breaks.
//!
//! ```text
//!            connected            welcome
//!   APART ─────────────► GREETING ───────► TOGETHER      parcels are numbered, kept until they are taken,
//!     ▲                     │                  │         and sent again from where the receiver says
//!     └──── disconnected ───┴──────────────────┘
//!
//!   any ── too much waits, refused, given up, the receiver contradicts itself ──► BROKEN
//! ```
//!
//! A broken link stays so: something was lost on it, and whoever runs at the far end has to be declared dead.

mod receiving;
mod sending;

pub use receiving::Receiving;
pub use sending::Sending;

use gomera_model::link::LinkRefusal;

/// Why a link cannot be used any longer, or a peer does not keep to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkFault {
    /// The receiver was away for so long that more waits than may be kept.
    #[error("more than {limit} bytes wait for the other host")]
    Overflow {
        /// The limit.
        limit: usize,
    },
    /// The receiver has forgotten what it had taken: it is another one by now.
    #[error("the other host has forgotten what it had taken")]
    Forgotten,
    /// The receiver says that it took what was never sent.
    #[error("the other host took what was never sent")]
    Unsent,
    /// The receiver will not have the link.
    #[error("the other host refuses the link: {0}")]
    Refused(LinkRefusal),
    /// The other host was declared dead: what waits for it is of no use any more.
    #[error("the other host is given up")]
    GivenUp,
    /// A frame that cannot come here and now.
    #[error("a frame of the link came where it cannot come")]
    Misplaced,
    /// The sender has left a parcel out.
    #[error("a parcel is missing")]
    Missing,
}

#[cfg(test)]
mod tests;
