//! What can go wrong, by what was tried.

use std::io;
use std::path::PathBuf;

use gomera_model::ContentError;
use gomera_model::silbo::Refusal;
use quinn::crypto::rustls::NoInitialCipherSuite;
use rustls::pki_types::pem;

use crate::address::{ServerUrl, ServerUrlError};

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A server cannot be read.
    #[error(transparent)]
    Server(#[from] ServerUrlError),
    /// No server was named. Name one at least.
    #[error("no server was named")]
    NoServer,
    /// No authority was named. A broker with a data directory has it there as `ca.pem`.
    #[error("no certificate authority was named")]
    NoAuthority,
    /// A file cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What should be a certificate or a key in PEM form is not.
    #[error("no certificate or key in PEM form: {0}")]
    Pem(#[from] pem::Error),
    /// The certificates or the key do not fit together.
    #[error("certificates cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The cryptography lacks what QUIC needs.
    #[error("{0}")]
    Cipher(#[from] NoInitialCipherSuite),
    /// No socket could be opened, or there is no runtime of tokio.
    #[error("no socket could be opened: {0}")]
    Socket(io::Error),
}

/// Why a publisher or a subscriber could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Each server was tried once. This is what went wrong with the last one.
    #[error("no server could be reached; the last one, {server}: {error}")]
    Unreachable {
        /// Which.
        server: ServerUrl,
        /// What went wrong.
        error: ConnectError,
    },
    /// The broker does not want it.
    #[error("{}", .0.reason)]
    Refused(Refusal),
}

/// Why one server could not be connected.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Its name cannot be resolved.
    #[error("its name cannot be resolved: {reason}")]
    Name {
        /// Why.
        reason: String,
    },
    /// Nothing can be sent there.
    #[error("{0}")]
    Address(#[from] quinn::ConnectError),
    /// The handshake failed, or the connection was lost before the broker's welcome.
    #[error("{0}")]
    Connection(#[from] quinn::ConnectionError),
    /// Nothing answered in time.
    #[error("nothing answered in time")]
    TimedOut,
    /// The broker refused for now.
    #[error("{}", .0.reason)]
    Refused(Refusal),
    /// The broker closed the connection without a word.
    #[error("the broker closed the connection")]
    Closed,
}

/// It is over: the application ended it, or the broker refused it for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has ended: {}", refusal.reason)]
pub struct EndedError {
    /// Why.
    pub refusal: Refusal,
}

/// Why something could not be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The broker would refuse the content.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The publisher is over.
    #[error(transparent)]
    Ended(#[from] EndedError),
}

/// Why something could not be published at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryPublishError {
    /// The window is full. The content is given back.
    #[error("the window is full")]
    WindowFull(gomera_model::Content),
    /// It could not be published at all.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Why a subscription was not made, replaced or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The broker refused it; the subscription is as it was before.
    #[error("{}", .0.reason)]
    Refused(Refusal),
    /// The library did not take it.
    #[error(transparent)]
    Request(gomera_client_core::RequestError),
    /// Too many events wait to be taken, and the answer comes behind further ones. The request is under way
    /// nevertheless. Take events while requests are under way.
    #[error("too many events wait to be taken")]
    EventsNotTaken,
    /// The subscriber is over.
    #[error(transparent)]
    Ended(#[from] EndedError),
}
