//! The socket between hosts, and the certificates that are shown there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use gomera_model::link::ALPN;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connecting, Incoming, ServerConfig, TransportConfig, VarInt};
use tokio::time::timeout;

use super::super::quic::{EndpointError, ReloadError};
use crate::certificates::{ClusterCertificates, Replaced};
use crate::limits::{LINK_IDLE_MAX, LINK_KEEP_ALIVE_EVERY, LINK_WINDOW_BYTES};

/// A listening socket, from which this host also connects to others.
#[derive(Clone, Debug)]
pub(crate) struct OperatorEndpoint {
    endpoint: quinn::Endpoint,
    address: SocketAddr,
    client: Arc<RwLock<ClientConfig>>,
}

impl OperatorEndpoint {
    /// Listens; within the context of a runtime.
    pub(crate) fn listen(
        address: SocketAddr,
        certificates: &ClusterCertificates,
    ) -> Result<Self, EndpointError> {
        let (server, client) = configs(certificates)?;
        let failed = |source| EndpointError::Listen { address, source };
        let endpoint = quinn::Endpoint::server(server, address).map_err(failed)?;
        let address = endpoint.local_addr().map_err(failed)?;
        Ok(Self {
            endpoint,
            address,
            client: Arc::new(RwLock::new(client)),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows new certificates on new connections whenever the files have been replaced. Those that stand go on.
    pub(crate) async fn keep_certificates(self, directory: PathBuf) {
        let mut replaced = Replaced::new(ClusterCertificates::files(&directory));
        loop {
            replaced.wait().await;
            match self.reload(&directory) {
                Ok(()) => tracing::info!("the certificates of the cluster are taken up anew"),
                Err(error) => {
                    tracing::error!(%error, "the certificates of before are shown further");
                }
            }
        }
    }

    pub(super) fn connect(&self, address: SocketAddr) -> Result<Connecting, quinn::ConnectError> {
        let config = self.client.read().unwrap_or_else(PoisonError::into_inner);
        let config = config.clone();
        self.endpoint
            .connect_with(config, address, ClusterCertificates::NAME)
    }

    pub(super) async fn accept(&self) -> Option<Incoming> {
        self.endpoint.accept().await
    }

    /// Closes everything, and waits a little until the others know.
    pub(crate) async fn close(&self, wait: Duration) {
        self.endpoint
            .close(VarInt::from_u32(0), b"the host has stopped");
        let _ = timeout(wait, self.endpoint.wait_idle()).await;
    }

    fn reload(&self, directory: &Path) -> Result<(), ReloadError> {
        let certificates = ClusterCertificates::open(directory)?;
        let (server, client) = configs(&certificates)?;
        self.endpoint.set_server_config(Some(server));
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        Ok(())
    }
}

fn configs(
    certificates: &ClusterCertificates,
) -> Result<(ServerConfig, ClientConfig), EndpointError> {
    let transport = Arc::new(transport());
    let tls = QuicServerConfig::try_from(certificates.server_config(ALPN)?)?;
    let mut server = ServerConfig::with_crypto(Arc::new(tls));
    server.transport_config(Arc::clone(&transport));
    let tls = QuicClientConfig::try_from(certificates.client_config(ALPN)?)?;
    let mut client = ClientConfig::new(Arc::new(tls));
    client.transport_config(transport);
    Ok((server, client))
}

fn transport() -> TransportConfig {
    let idle = u32::try_from(LINK_IDLE_MAX.as_millis()).unwrap_or(u32::MAX);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .receive_window(VarInt::from_u32(LINK_WINDOW_BYTES))
        .stream_receive_window(VarInt::from_u32(LINK_WINDOW_BYTES))
        .send_window(LINK_WINDOW_BYTES.into())
        .max_idle_timeout(Some(VarInt::from_u32(idle).into()))
        .keep_alive_interval(Some(LINK_KEEP_ALIVE_EVERY))
        .datagram_receive_buffer_size(None);
    transport
}
