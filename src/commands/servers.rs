//! Where clients connect, and whom they believe.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use gomera_client::limits::IDLE_MAX;
use gomera_client::{BuildError, Client};
use tokio::runtime::{self, Runtime};

use super::Common;

/// What every client takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Servers {
    /// Servers, tried in turn: silbo://host:port, separated by commas.
    #[arg(
        long,
        value_name = "URL,URL…",
        default_value = "silbo://localhost:7454"
    )]
    server: String,
    /// The authorities that servers' certificates are signed by [default: ca.pem in the data directory].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The client's own certificate [default: client.pem in the data directory, unless --ca is given].
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of the client's own certificate.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Seconds of silence after which a connection is taken for lost, and another server tried.
    #[arg(long, value_name = "SECONDS", default_value_t = IDLE_MAX.as_secs_f64())]
    silence_max: f64,
}

impl Servers {
    /// A client of these servers; within a runtime.
    pub(super) fn client(&self, common: &Common) -> Result<Client, BuildError> {
        self.client_of(&self.server, common)
    }

    /// A client for each server, which begins with that one: who has many spreads them.
    pub(super) fn clients(&self, common: &Common) -> Result<Vec<Client>, BuildError> {
        let mut servers: Vec<&str> = self.server.split(',').collect();
        let mut clients = Vec::with_capacity(servers.len());
        for _ in 0..servers.len() {
            clients.push(self.client_of(&servers.join(","), common)?);
            servers.rotate_left(1);
        }
        Ok(clients)
    }

    fn client_of(&self, servers: &str, common: &Common) -> Result<Client, BuildError> {
        let directory = common.data_directory();
        let silence_max = Duration::try_from_secs_f64(self.silence_max);
        let builder = Client::builder().silence_max(silence_max.unwrap_or(IDLE_MAX));
        let builder = builder.server(servers)?;
        let builder = match &self.ca {
            Some(ca) => builder.ca_file(ca)?,
            None => builder.ca_file(directory.join("ca.pem"))?,
        };
        let builder = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => builder.identity_files(cert, key)?,
            // One authority's servers do not know another one's clients.
            _ if self.ca.is_some() => builder,
            _ => {
                let (cert, key) = (directory.join("client.pem"), directory.join("client.key"));
                match cert.is_file() && key.is_file() {
                    true => builder.identity_files(cert, key)?,
                    false => builder,
                }
            }
        };
        builder.build()
    }
}

/// What a client runs on: one thread for sockets and encryption, beside that of the command.
pub(super) fn runtime() -> io::Result<Runtime> {
    runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Bytes of output that are gathered while more is at hand.
pub(super) const OUTPUT_BYTES: usize = 64 * 1024;
