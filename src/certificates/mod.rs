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
//! Who has an authority puts its `ca.pem`, `server.pem` and `server.key` there instead: where anything is, nothing is
//! made. The lower part is made for hosts of a cluster only.

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
    /// Reads what is in the directory; makes all if there is none.
    ///
    /// # Errors
    ///
    /// With the path of the file that is to blame.
    pub fn open(directory: &Path) -> Result<Self, CertificateError> {
        make_directory(directory)?;
        let authority = directory.join("ca.pem");
        let server = Files::new(directory, "server");
        let made = match present(directory) {
            Some(present) => {
                refuse_incomplete(&present, [&authority, &server.certificate, &server.key])?;
                Vec::new()
            }
            None => make_all(directory)?,
        };
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

const SELF: &[&str] = &["localhost", "127.0.0.1", "::1"];

const LEAVES: [Leaf; 2] = [
    Leaf {
        name: "server",
        alternative_names: SELF,
        usages: &[ExtendedKeyUsagePurpose::ServerAuth],
    },
    Leaf {
        name: "client",
        alternative_names: &[],
        usages: &[ExtendedKeyUsagePurpose::ClientAuth],
    },
];

/// The first certificate's file that is there.
fn present(directory: &Path) -> Option<PathBuf> {
    let names = std::iter::once("ca").chain(LEAVES.iter().map(|leaf| leaf.name));
    let mut files = names.map(|name| Files::new(directory, name));
    files.find_map(|files| {
        [files.certificate, files.key]
            .into_iter()
            .find(|path| path.exists())
    })
}

fn make_all(directory: &Path) -> Result<Vec<PathBuf>, CertificateError> {
    let mut made = Vec::new();
    let files = Files::new(directory, "ca");
    let authority = Authority::make("Gomera development authority", &files, &mut made)?;
    for leaf in LEAVES {
        authority.sign(&leaf, directory, &mut made)?;
    }
    Ok(made)
}

fn roots(authorities: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    Ok(Arc::new(roots))
}
