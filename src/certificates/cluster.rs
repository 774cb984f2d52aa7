//! What the hosts of a cluster show each other. Their authority is another one than that of the clients: who may
//! connect as a client is not believed as a host, and a host not as a client.
//!
//! The first host makes it all. Another one is given `cluster-ca.pem` and `cluster-ca.key`, and signs its own; or it is
//! given a certificate signed elsewhere, for [`ClusterCertificates::NAME`], and no key of the authority.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::ExtendedKeyUsagePurpose;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};

use super::error::CertificateError;
use super::files::{Files, make_directory, read_certificates, read_key, refuse_incomplete};
use super::making::{Authority, Leaf};
use super::roots;

/// What a host shows to others and whom it believes to be one.
#[derive(Debug)]
pub struct ClusterCertificates {
    /// Whose signatures are believed.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Shown by this host, its own first.
    pub operator: Vec<CertificateDer<'static>>,
    /// The key of the first of them.
    pub operator_key: PrivateKeyDer<'static>,
    /// Files that this call has made, for telling.
    pub made: Vec<PathBuf>,
}

impl ClusterCertificates {
    /// The name for which every host's certificate is. Hosts are found by their addresses, which come from where only
    /// hosts write; that they belong to the cluster is what their certificates say.
    pub const NAME: &str = "operator.gomera.internal";

    /// Reads what is in the directory; makes what can be made.
    ///
    /// # Errors
    ///
    /// With the path of the file that is to blame.
    pub fn open(directory: &Path) -> Result<Self, CertificateError> {
        make_directory(directory)?;
        let authority = Files::new(directory, "cluster-ca");
        let operator = Files::new(directory, OPERATOR.name);
        let made = make_missing(directory, &authority, &operator)?;
        let present = [&operator.certificate, &operator.key, &authority.certificate];
        if let Some(there) = present.into_iter().find(|path| path.exists()) {
            refuse_incomplete(there, present)?;
        }
        Ok(Self {
            authorities: read_certificates(&authority.certificate)?,
            operator: read_certificates(&operator.certificate)?,
            operator_key: read_key(&operator.key)?,
            made,
        })
    }

    /// How other hosts' connections are taken: TLS 1.3, with a certificate of the cluster.
    ///
    /// # Errors
    ///
    /// When the files do not fit together.
    pub fn server_config(&self, alpn: &[u8]) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = roots(&self.authorities)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.operator.clone(), self.operator_key.clone_key())?;
        config.alpn_protocols = vec![alpn.to_vec()];
        Ok(config)
    }

    /// How this host connects to others.
    ///
    /// # Errors
    ///
    /// When the files do not fit together.
    pub fn client_config(&self, alpn: &[u8]) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots(&self.authorities)?)
            .with_client_auth_cert(self.operator.clone(), self.operator_key.clone_key())?;
        config.alpn_protocols = vec![alpn.to_vec()];
        Ok(config)
    }

    /// The files that are read.
    #[must_use]
    pub fn files(directory: &Path) -> Vec<PathBuf> {
        let authority = Files::new(directory, "cluster-ca");
        let operator = Files::new(directory, OPERATOR.name);
        vec![authority.certificate, operator.certificate, operator.key]
    }
}

const AUTHORITY: &str = "Gomera cluster authority";

const OPERATOR: Leaf<'_> = Leaf {
    name: "operator",
    alternative_names: &[ClusterCertificates::NAME],
    usages: &[
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ],
};

/// Everything where nothing is; this host's own where the authority can sign.
fn make_missing(
    directory: &Path,
    authority: &Files,
    operator: &Files,
) -> Result<Vec<PathBuf>, CertificateError> {
    let mut made = Vec::new();
    if operator.certificate.exists() || operator.key.exists() {
        return Ok(made);
    }
    let issuer = match (authority.certificate.exists(), authority.key.exists()) {
        (false, false) => Authority::make(AUTHORITY, authority, &mut made)?,
        (true, true) => {
            let foreign = || CertificateError::Foreign {
                authority: authority.certificate.clone(),
                name: ClusterCertificates::NAME,
            };
            Authority::known(AUTHORITY, authority)?.ok_or_else(foreign)?
        }
        (true, false) | (false, true) => return Ok(made),
    };
    issuer.sign(&OPERATOR, directory, &mut made)?;
    Ok(made)
}
