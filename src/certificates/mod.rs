//! The certificates of a data directory: made on first start, used again afterwards.
//!
//! ```text
//! ca.pem, ca.key                  a development authority
//! server.pem, server.key          shown to clients, for localhost, 127.0.0.1 and ::1
//! client.pem, client.key          for clients that want to show one
//!
//! cluster-ca.pem, cluster-ca.key  the authority of the hosts of a cluster, and of nobody else
//! operator.pem, operator.key      shown by this host to the others
//! ```
//!
//! Who has an authority puts its `ca.pem`, `server.pem` and `server.key` there instead: beside what was
//! brought nothing is made. A second host is given the authority's two files and signs its own. The lower part is made
//! for hosts of a cluster only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::ExtendedKeyUsagePurpose;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

mod cluster;
mod error;
mod files;
mod making;
mod replaced;

pub use cluster::ClusterCertificates;
pub use error::CertificateError;
pub use replaced::Replaced;

use files::{Files, make_directory, read_certificates, read_key, refuse_incomplete};
use making::{Authority, Leaf};

/// What a host shows and whom it believes.
#[derive(Debug)]
pub struct Certificates {
    /// Whose signatures are believed.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Shown to clients, the host's own first.
    pub server: Vec<CertificateDer<'static>>,
    /// The key of the first of them.
    pub server_key: PrivateKeyDer<'static>,
    /// Files that this call has made, for telling.
    pub made: Vec<PathBuf>,
}

impl Certificates {
    /// Reads what is in the directory; makes what can be made.
    ///
    /// # Errors
    ///
    /// With the path of the file that is to blame.
    pub fn open(directory: &Path) -> Result<Self, CertificateError> {
        Self::open_for(directory, &[])
    }

    /// The same for a host that clients know by these names and addresses too.
    ///
    /// # Errors
    ///
    /// With the path of the file that is to blame.
    pub fn open_for(directory: &Path, names: &[String]) -> Result<Self, CertificateError> {
        make_directory(directory)?;
        let authority = directory.join("ca.pem");
        let server = Files::new(directory, "server");
        let made = make_missing(directory, names)?;
        if let Some(present) = present(directory) {
            refuse_incomplete(&present, [&authority, &server.certificate, &server.key])?;
        }
        Ok(Self {
            authorities: read_certificates(&authority)?,
            server: read_certificates(&server.certificate)?,
            server_key: read_key(&server.key)?,
            made,
        })
    }

    /// The files that are read.
    #[must_use]
    pub fn files(directory: &Path) -> Vec<PathBuf> {
        let server = Files::new(directory, "server");
        vec![directory.join("ca.pem"), server.certificate, server.key]
    }

    /// How connections of clients are encrypted: TLS 1.3, a client's certificate is welcome but not asked for.
    ///
    /// # Errors
    ///
    /// When the files do not fit together.
    pub fn server_config(&self, alpn: &[u8]) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = roots(&self.authorities)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.server.clone(), self.server_key.clone_key())?;
        config.alpn_protocols = vec![alpn.to_vec()];
        Ok(config)
    }
}

const AUTHORITY: &str = "Gomera development authority";
const SELF: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const NAMES: [&str; 3] = ["ca", "server", "client"];

/// The first certificate's file that is there.
fn present(directory: &Path) -> Option<PathBuf> {
    let mut files = NAMES.iter().map(|name| Files::new(directory, name));
    files.find_map(|files| {
        [files.certificate, files.key]
            .into_iter()
            .find(|path| path.exists())
    })
}

/// Everything where nothing is; this host's own where there is nothing but an authority made by another one.
fn make_missing(directory: &Path, names: &[String]) -> Result<Vec<PathBuf>, CertificateError> {
    let [authority, server, client] = NAMES.map(|name| Files::new(directory, name));
    let mut made = Vec::new();
    let is_there = |files: &Files| files.certificate.exists() || files.key.exists();
    if is_there(&server) || is_there(&client) {
        return Ok(made);
    }
    let issuer = match (authority.certificate.exists(), authority.key.exists()) {
        (false, false) => Some(Authority::make(AUTHORITY, &authority, &mut made)?),
        (true, true) => Authority::known(AUTHORITY, &authority)?,
        (true, false) | (false, true) => None,
    };
    if let Some(issuer) = issuer {
        let names: Vec<&str> = SELF
            .into_iter()
            .chain(names.iter().map(String::as_str))
            .collect();
        let [server, client] = leaves(&names);
        issuer.sign(&server, directory, &mut made)?;
        issuer.sign(&client, directory, &mut made)?;
    }
    Ok(made)
}

fn leaves<'a>(names: &'a [&'a str]) -> [Leaf<'a>; 2] {
    [
        Leaf {
            name: "server",
            alternative_names: names,
            usages: &[ExtendedKeyUsagePurpose::ServerAuth],
        },
        Leaf {
            name: "client",
            alternative_names: &[],
            usages: &[ExtendedKeyUsagePurpose::ClientAuth],
        },
    ]
}

fn roots(authorities: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    Ok(Arc::new(roots))
}
