//! The sending side of a link: connects, and again, and writes what waits.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use gomera_model::link::{LinkRefusal, ReceiverFrame};
use gomera_model::silbo::codec::{FrameError, FrameReader, FrameWriter};
use gomera_operators::link::LinkFault;
use quinn::{ConnectionError, ReadError, RecvStream, SendStream, WriteError};
use tokio::time::{Instant, sleep, timeout};

use super::super::inbox::Inbox;
use super::super::input::{CoordinatorInput, LinkNews};
use super::endpoint::OperatorEndpoint;
use super::peer::Peer;
use crate::limits::{LINK_CONNECT_WITHIN, LINK_RETRY_MAX, LINK_RETRY_MIN};

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
enum Parted {
    #[error("{0}")]
    Connect(#[from] quinn::ConnectError),
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("{0}")]
    Write(#[from] WriteError),
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("no answer in time")]
    Silent,
    #[error("the other host has ended the stream")]
    Ended,
    #[error("{0}")]
    Broken(#[from] LinkFault),
}

impl Parted {
    /// Whether one of the two hosts does not trust the other's certificate.
    fn is_mistrust(&self) -> bool {
        // Whose certificate is refused learns it when the handshake seems to be over.
        let parted = match self {
            Self::Connection(parted)
            | Self::Read(ReadError::ConnectionLost(parted))
            | Self::Write(WriteError::ConnectionLost(parted)) => parted,
            Self::Read(_)
            | Self::Write(_)
            | Self::Connect(_)
            | Self::Frame(_)
            | Self::Silent
            | Self::Ended
            | Self::Broken(_) => return false,
        };
        let code = match parted {
            ConnectionError::TransportError(error) => error.code,
            ConnectionError::ConnectionClosed(close) => close.error_code,
            ConnectionError::VersionMismatch
            | ConnectionError::ApplicationClosed(_)
            | ConnectionError::Reset
            | ConnectionError::TimedOut
            | ConnectionError::LocallyClosed
            | ConnectionError::CidsExhausted => return false,
        };
        TLS_ALERTS.contains(&u64::from(code))
    }
}

/// Keeps a link going until it is broken.
pub(super) async fn dial(
    peer: Arc<Peer>,
    endpoint: OperatorEndpoint,
    coordination: Arc<Inbox<CoordinatorInput>>,
) {
    let tell = |news| coordination.push(CoordinatorInput::Link(peer.host(), news));
    let mut addresses = peer.addresses();
    let mut pause = LINK_RETRY_MIN;
    let mut is_warned = false;
    loop {
        let address = match addresses.wait_for(Option::is_some).await {
            Ok(known) => *known,
            Err(_) => return,
        };
        if peer.is_given_up() {
            return;
        }
        let Some(address) = address else { continue };
        let began = Instant::now();
        let up = || tell(LinkNews::Up);
        let Err(parted) = converse(&peer, &endpoint, address, up).await;
        peer.disconnected();
        if peer.is_given_up() {
            tracing::debug!(host = %peer.host(), "the link to a host that is gone has ended");
            return;
        }
        if let Some(fault) = peer.fault() {
            tracing::error!(host = %peer.host(), %fault, "the link is given up");
            let is_unwanted = fault == LinkFault::Refused(LinkRefusal::Outlived);
            tell(if is_unwanted {
                LinkNews::Unwanted
            } else {
                LinkNews::Broken
            });
            return;
        }
        if parted.is_mistrust() && !is_warned {
            tracing::warn!(host = %peer.host(), %address, %parted, "{MISTRUST}");
            is_warned = true;
        } else {
            tracing::debug!(host = %peer.host(), %address, %parted, "not connected");
        }
        if !tell(LinkNews::Down) {
            return;
        }
        if began.elapsed() > LINK_RETRY_MAX {
            pause = LINK_RETRY_MIN;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LINK_RETRY_MAX);
    }
}

/// Uses one connection as long as it lasts.
async fn converse(
    peer: &Peer,
    endpoint: &OperatorEndpoint,
    address: SocketAddr,
    up: impl Fn() -> bool,
) -> Result<std::convert::Infallible, Parted> {
    let connecting = endpoint.connect(address)?;
    let connection = timeout(LINK_CONNECT_WITHIN, connecting).await;
    let connection = connection.map_err(|_| Parted::Silent)??;
    let (mut send, receive) = connection.open_bi().await?;
    let mut writer = FrameWriter::new();
    writer.push(&peer.connected()?);
    send.write_all_chunks(&mut writer.take_chunks()).await?;
    let mut answers = Answers {
        receive,
        frames: FrameReader::new(),
    };
    let welcome = timeout(LINK_CONNECT_WITHIN, answers.next()).await;
    peer.receive(welcome.map_err(|_| Parted::Silent)??)?;
    up();
    tokio::select! {
        parted = write(peer, send) => parted,
        parted = read(peer, answers) => parted,
    }
}

async fn write(peer: &Peer, mut send: SendStream) -> Result<std::convert::Infallible, Parted> {
    let mut writer = FrameWriter::new();
    loop {
        peer.next(&mut writer).await?;
        send.write_all_chunks(&mut writer.take_chunks()).await?;
    }
}

async fn read(peer: &Peer, mut answers: Answers) -> Result<std::convert::Infallible, Parted> {
    loop {
        peer.receive(answers.next().await?)?;
    }
}

/// What the receiver says.
struct Answers {
    receive: RecvStream,
    frames: FrameReader<ReceiverFrame>,
}

impl Answers {
    async fn next(&mut self) -> Result<ReceiverFrame, Parted> {
        loop {
            if let Some(frame) = self.frames.next()? {
                return Ok(frame);
            }
            let mut chunks = [const { Bytes::new() }; 4];
            let count = self.receive.read_chunks(&mut chunks).await?;
            for chunk in chunks.into_iter().take(count.ok_or(Parted::Ended)?) {
                self.frames.push(chunk);
            }
        }
    }
}

/// The codes with which QUIC ends a connection for an alert of TLS (RFC 9001, section 4.8).
const TLS_ALERTS: RangeInclusive<u64> = 0x100..=0x1ff;
const MISTRUST: &str = "two hosts do not trust each other's certificates: every host needs the `cluster-ca.pem` and \
    `cluster-ca.key` of the first one in its data directory before its first start, and certificates in time";
