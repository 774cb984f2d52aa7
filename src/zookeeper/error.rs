//! What can be wrong with the store.

use std::time::Duration;

/// Why an address of the ensemble is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// A server without a port.
    #[error(
        "`{0}` is no server of an ensemble: it must be host:port, several with commas between them"
    )]
    Server(String),
    /// A path that cannot be.
    #[error("`{0}` is no path below which the documents could lie")]
    Chroot(String),
}

/// Why a host cannot join a cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZooKeeperError {
    /// Nobody has answered: start ZooKeeper, or correct the address.
    #[error("ZooKeeper at {ensemble} has not answered within {} s: {last}", within.as_secs())]
    Silent {
        /// Who was asked.
        ensemble: String,
        /// For how long.
        within: Duration,
        /// What happened last.
        last: String,
    },
    /// A document holds what cannot be read: correct it, or remove it with everything beside it.
    #[error("the document {path} cannot be read: {reason}")]
    Unreadable {
        /// Its path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}
