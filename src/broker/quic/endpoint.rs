//! The socket on which clients arrive, and which connection point takes them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use gomera_model::Incarnation;
use gomera_model::silbo::{self, RefusalCode};
use gomera_operators::ConnectionId;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig};
use quinn::{Incoming, ServerConfig, TransportConfig, VarInt};
use tokio::time::timeout;

use super::super::inbox::Inbox;
use super::super::input::Input;
use super::connection;
use super::served::Served;
use crate::certificates::{CertificateError, Certificates, Replaced};
use crate::limits::{
    CONNECTION_WINDOW_BYTES, CONNECTIONS_MAX, IDLE_MAX, KEEP_ALIVE_EVERY, STREAMS_MAX,
};

/// The connection points of this host that take new connections; each in turn.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    open: RwLock<Vec<(Incarnation, Arc<Inbox<Input>>)>>,
    next: AtomicUsize,
    /// Nobody is let in for a while, whoever is open.
    is_shut: AtomicBool,
}

impl Doors {
    /// A connection point takes clients, if it does not yet.
    pub(crate) fn open(&self, incarnation: Incarnation, inbox: Arc<Inbox<Input>>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.iter().all(|(other, _)| *other != incarnation) {
            open.push((incarnation, inbox));
        }
    }

    pub(crate) fn close(&self, incarnation: Incarnation) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(other, _)| *other != incarnation);
    }

    /// No connection point takes another client.
    pub(crate) fn close_all(&self) {
        self.open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Lets nobody in, or again whoever comes.
    pub(crate) fn shut(&self, is_shut: bool) {
        self.is_shut.store(is_shut, Ordering::Relaxed);
    }

    fn next(&self) -> Option<Arc<Inbox<Input>>> {
        if self.is_shut.load(Ordering::Relaxed) {
            return None;
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let turn = self
            .next
            .fetch_add(1, Ordering::Relaxed)
            .checked_rem(open.len())?;
        open.get(turn).map(|(_, inbox)| Arc::clone(inbox))
    }
}

/// Why clients cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address cannot be listened at: choose another, or stop who holds it.
    #[error("cannot listen at {address} (UDP): {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificates do not fit together.
    #[error("the server's certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The TLS library has no cipher for the first packets.
    #[error("no cipher for QUIC's first packets: {0}")]
    Cipher(#[from] NoInitialCipherSuite),
}

/// Why new certificates are of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    /// They cannot be read.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// They do not fit together.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// A listening socket and its connections.
#[derive(Debug)]
pub(crate) struct Endpoint {
    endpoint: quinn::Endpoint,
    address: SocketAddr,
}

impl Endpoint {
    /// Listens; within the context of a runtime, which carries all tasks.
    pub(crate) fn listen(
        (address, frame_within): (SocketAddr, Duration),
        certificates: &Certificates,
        doors: Arc<Doors>,
    ) -> Result<Self, EndpointError> {
        let config = config(certificates)?;
        let failed = |source| EndpointError::Listen { address, source };
        let endpoint = quinn::Endpoint::server(config, address).map_err(failed)?;
        let address = endpoint.local_addr().map_err(failed)?;
        tokio::spawn(accept(endpoint.clone(), doors, frame_within));
        Ok(Self { endpoint, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows new certificates to new connections whenever the files have been replaced.
    pub(crate) fn keep_certificates(&self, directory: PathBuf) -> impl Future<Output = ()> + use<> {
        let endpoint = self.endpoint.clone();
        async move {
            let mut replaced = Replaced::new(Certificates::files(&directory));
            loop {
                replaced.wait().await;
                let certificates = Certificates::open(&directory);
                let config = certificates
                    .map_err(ReloadError::from)
                    .and_then(|certificates| Ok(config(&certificates)?));
                match config {
                    Ok(config) => {
                        endpoint.set_server_config(Some(config));
                        tracing::info!("the server's certificate is taken up anew");
                    }
                    Err(error) => {
                        tracing::error!(%error, "the certificate of before is shown further");
                    }
                }
            }
        }
    }

    /// Connections that are open.
    pub(crate) fn connections(&self) -> usize {
        self.endpoint.open_connections()
    }

    /// Closes what is still open, and waits a little until the clients know.
    pub(crate) async fn close(&self, wait: Duration) {
        let code = VarInt::from_u32(RefusalCode::GoingAway.number().into());
        self.endpoint.close(code, b"the host has stopped");
        let _ = timeout(wait, self.endpoint.wait_idle()).await;
    }
}

fn config(certificates: &Certificates) -> Result<ServerConfig, EndpointError> {
    let tls = QuicServerConfig::try_from(certificates.server_config(silbo::ALPN)?)?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(Arc::new(transport()));
    Ok(config)
}

async fn accept(endpoint: quinn::Endpoint, doors: Arc<Doors>, frame_within: Duration) {
    let ids = AtomicU64::new(1);
    while let Some(incoming) = endpoint.accept().await {
        match doors.next() {
            Some(inbox) if endpoint.open_connections() < CONNECTIONS_MAX => {
                let id = ConnectionId(ids.fetch_add(1, Ordering::Relaxed));
                let served = Served {
                    id,
                    inbox,
                    frame_within,
                };
                tokio::spawn(shake_hands(incoming, served));
            }
            Some(_) | None => incoming.refuse(),
        }
    }
}

async fn shake_hands(incoming: Incoming, served: Served) {
    let from = incoming.remote_address();
    match timeout(served.frame_within, incoming).await {
        Ok(Ok(connection)) => {
            tracing::debug!(%from, connection = served.id.0, "connected");
            connection::serve(connection, served).await;
        }
        Ok(Err(error)) => tracing::debug!(%from, %error, "handshake failed"),
        Err(_) => tracing::debug!(%from, "handshake took too long"),
    }
}

fn transport() -> TransportConfig {
    let idle = u32::try_from(IDLE_MAX.as_millis()).unwrap_or(u32::MAX);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .stream_receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(CONNECTION_WINDOW_BYTES.into())
        .max_idle_timeout(Some(VarInt::from_u32(idle).into()))
        .keep_alive_interval(Some(KEEP_ALIVE_EVERY))
        .datagram_receive_buffer_size(None);
    transport
}
