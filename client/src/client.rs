//! A client: where the servers are, what is believed of them, and the socket that all connections share.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, fs};

use quinn::{Connection, Endpoint};
use tokio::net::lookup_host;
use tokio::time::timeout;

use gomera_model::Generation;

use crate::address::ServerUrl;
use crate::error::{BuildError, ConnectError};
use crate::limits::{CLOSE_WITHIN, HANDSHAKE_WITHIN, IDLE_MAX};
use crate::tls::{self, Identity};

/// Makes publishers and subscribers. Cloned cheaply; all of one client share a socket, each has its own connection.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    servers: Vec<ServerUrl>,
    endpoint: Endpoint,
}

impl Client {
    /// Begins to make one.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The servers, in the order in which they are tried.
    #[must_use]
    pub fn servers(&self) -> &[ServerUrl] {
        &self.0.servers
    }

    /// Waits, for a second at most, until every server knows of every connection that was closed. Whoever leaves out
    /// this call before the process ends leaves it to the servers to find out.
    pub async fn close(&self) {
        let _ = timeout(CLOSE_WITHIN, self.0.endpoint.wait_idle()).await;
    }

    /// The server of a connection: each in turn.
    pub(crate) fn server(&self, connection: Generation) -> &ServerUrl {
        let turn = usize::try_from(connection.0.saturating_sub(1)).unwrap_or(0);
        &self.0.servers[turn % self.0.servers.len()]
    }

    /// Connects to a server at the first of its addresses that answers.
    pub(crate) async fn connect(&self, server: &ServerUrl) -> Result<Connection, ConnectError> {
        let found = lookup_host((server.host(), server.port())).await;
        let found = found.map_err(|error| ConnectError::Name {
            reason: error.to_string(),
        })?;
        let mut addresses: Vec<_> = found.collect();
        addresses.sort_by_key(|address| address.is_ipv6());
        let mut failure = ConnectError::Name {
            reason: "it has no address".into(),
        };
        for address in addresses {
            let connecting = match self.0.endpoint.connect(address, server.host()) {
                Ok(connecting) => connecting,
                Err(error) => {
                    failure = error.into();
                    continue;
                }
            };
            match timeout(HANDSHAKE_WITHIN, connecting).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => failure = error.into(),
                Err(_) => failure = ConnectError::TimedOut,
            }
        }
        Err(failure)
    }
}

/// What a client is made of.
#[derive(Clone, Default)]
#[must_use]
pub struct ClientBuilder {
    servers: Vec<ServerUrl>,
    authorities: Vec<u8>,
    identity: Option<Identity>,
    silence_max: Option<Duration>,
}

impl ClientBuilder {
    /// Adds a server, written `silbo://host:port`, or several with commas between them. They are tried in turn.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn server(mut self, urls: &str) -> Result<Self, BuildError> {
        for url in urls.split(',') {
            self.servers.push(url.trim().parse()?);
        }
        Ok(self)
    }

    /// Adds authorities whose signatures under servers' certificates are believed, in PEM form.
    pub fn ca_pem(mut self, pem: &[u8]) -> Self {
        self.authorities.extend_from_slice(pem);
        self.authorities.push(b'\n');
        self
    }

    /// Adds authorities from a file. A broker's data directory has them in `ca.pem`.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn ca_file(self, path: impl AsRef<Path>) -> Result<Self, BuildError> {
        let pem = read(path.as_ref())?;
        Ok(self.ca_pem(&pem))
    }

    /// Shows a certificate to servers; it and its key in PEM form.
    pub fn identity_pem(mut self, certificates: &[u8], key: &[u8]) -> Self {
        self.identity = Some(Identity {
            certificates: certificates.into(),
            key: key.into(),
        });
        self
    }

    /// Shows a certificate to servers; it and its key from files.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub fn identity_files(
        self,
        certificates: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, BuildError> {
        let (certificates, key) = (read(certificates.as_ref())?, read(key.as_ref())?);
        Ok(self.identity_pem(&certificates, &key))
    }

    /// Takes a connection for lost after so much silence: the shorter, the sooner it connects elsewhere when a server
    /// dies without a word, and the more often an idle connection has to say that it lives. 15 s if this is not called.
    pub fn silence_max(mut self, silence_max: Duration) -> Self {
        self.silence_max = Some(silence_max);
        self
    }

    /// Makes the client. Opens a socket, so it is called within a runtime of tokio; connects nowhere yet.
    ///
    /// # Errors
    ///
    /// If something is missing or cannot be used.
    pub fn build(self) -> Result<Client, BuildError> {
        if self.servers.is_empty() {
            return Err(BuildError::NoServer);
        }
        let config = tls::configure(
            &self.authorities,
            self.identity.as_ref(),
            self.silence_max.unwrap_or(IDLE_MAX),
        )?;
        let both = (Ipv6Addr::UNSPECIFIED, 0).into();
        let mut endpoint = Endpoint::client(both)
            .or_else(|_| Endpoint::client((Ipv4Addr::UNSPECIFIED, 0).into()))
            .map_err(BuildError::Socket)?;
        endpoint.set_default_client_config(config);
        Ok(Client(Arc::new(Inner {
            servers: self.servers,
            endpoint,
        })))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|error| BuildError::File {
        path: path.into(),
        error,
    })
}
