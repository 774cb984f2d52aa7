//! The store of a cluster: ZooKeeper, as the coordinator's effects and the hosts of a broker need it.
//!
//! ```text
//! <chroot>/topology    the topology in force                                    written by the leader
//! <chroot>/operation   the operation under way or the last one                  written by the leader
//! <chroot>/leader      who leads; its creation is the term, by which orders are told apart        ephemeral
//! <chroot>/hosts       the last id given to a host
//! <chroot>/hosts/<id>  a host: addresses, zone, capacity, what it runs                            ephemeral
//! <chroot>/gone/<id>   a host that was given up, or has left; it never comes back under this id
//! ```
//!
//! A watch is a hint and no more: after every reconnect it is placed anew and everything is read again, and everything
//! is read from time to time without any hint. A write whose outcome is not known is said to be that, never repeated:
//! all writes name the version that they replace, and whoever wrote reads again.

mod address;
mod error;
mod host;
mod keeper;
mod session;

pub use address::Ensemble;
pub use error::{AddressError, ZooKeeperError};
pub use host::{Capacity, HostDocument, Leader, Term};
pub use keeper::{Keeper, News};
pub use session::Joined;
