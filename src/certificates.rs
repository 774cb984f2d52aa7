//! The certificates of a data directory: made on first start, used again afterwards.
//!
//! ```text
//! ca.pem, ca.key              a development authority
//! server.pem, server.key      shown to clients, for localhost, 127.0.0.1 and ::1
//! operator.pem, operator.key  shown to other hosts of the broker
//! client.pem, client.key      for clients that want to show one
//! ```
//!
//! Who has an authority puts its `ca.pem`, `server.pem` and `server.key` there instead: where anything is, nothing is
//! made.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

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

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The directory cannot be made.
    #[error("cannot make the data directory {}: {source}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be read: make it readable, or remove it with its companion to have both made anew.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says, or what is wrong in it.
        source: pem::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Some files of certificates are there, but not all that a host needs: restore the missing one, or remove all to
    /// have all made anew.
    #[error("{} is missing, but {} is there; restore it, or remove all certificates to have new ones made", missing.display(), present.display())]
    Incomplete {
        /// What is there.
        present: PathBuf,
        /// What is not.
        missing: PathBuf,
    },
    /// A certificate cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    NotMade {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: rcgen::Error,
    },
}

impl Certificates {
    /// Reads what is in the directory; makes all if there is none.
    ///
    /// # Errors
    ///
    /// With the path of the file that is to blame.
    pub fn open(directory: &Path) -> Result<Self, CertificateError> {
        let path = || directory.to_path_buf();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|source| CertificateError::Directory {
                path: path(),
                source,
            })?;
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

    /// How connections of clients are encrypted: TLS 1.3, a client's certificate is welcome but not asked for.
    ///
    /// # Errors
    ///
    /// When the files do not fit together.
    pub fn server_config(&self, alpn: &[u8]) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        for authority in &self.authorities {
            roots.add(authority.clone())?;
        }
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
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

/// The two files of one certificate.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(directory: &Path, name: &str) -> Self {
        Self {
            certificate: directory.join(format!("{name}.pem")),
            key: directory.join(format!("{name}.key")),
        }
    }
}

/// A certificate that the authority signs.
struct Leaf {
    name: &'static str,
    alternative_names: &'static [&'static str],
    usages: &'static [ExtendedKeyUsagePurpose],
}

const SELF: &[&str] = &["localhost", "127.0.0.1", "::1"];

const LEAVES: [Leaf; 3] = [
    Leaf {
        name: "server",
        alternative_names: SELF,
        usages: &[ExtendedKeyUsagePurpose::ServerAuth],
    },
    Leaf {
        name: "operator",
        alternative_names: SELF,
        usages: &[
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ],
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

fn refuse_incomplete(present: &Path, needed: [&PathBuf; 3]) -> Result<(), CertificateError> {
    match needed.into_iter().find(|path| !path.exists()) {
        None => Ok(()),
        Some(missing) => Err(CertificateError::Incomplete {
            present: present.to_path_buf(),
            missing: missing.clone(),
        }),
    }
}

fn make_all(directory: &Path) -> Result<Vec<PathBuf>, CertificateError> {
    let mut made = Vec::new();
    let files = Files::new(directory, "ca");
    let blame = |source| CertificateError::NotMade {
        path: files.certificate.clone(),
        source,
    };
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "Gomera development authority");
    let key = KeyPair::generate().map_err(blame)?;
    let certificate = params.self_signed(&key).map_err(blame)?;
    write_both(&files, &certificate.pem(), &key, &mut made)?;
    let issuer = Issuer::new(params, key);
    for leaf in LEAVES {
        make_leaf(&leaf, directory, &issuer, &mut made)?;
    }
    Ok(made)
}

fn make_leaf(
    leaf: &Leaf,
    directory: &Path,
    issuer: &Issuer<'_, KeyPair>,
    made: &mut Vec<PathBuf>,
) -> Result<(), CertificateError> {
    let files = Files::new(directory, leaf.name);
    let blame = |source| CertificateError::NotMade {
        path: files.certificate.clone(),
        source,
    };
    let names: Vec<String> = leaf
        .alternative_names
        .iter()
        .map(|&n| n.to_owned())
        .collect();
    let mut params = CertificateParams::new(names).map_err(blame)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = leaf.usages.to_vec();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("gomera {}", leaf.name));
    let key = KeyPair::generate().map_err(blame)?;
    let certificate = params.signed_by(&key, issuer).map_err(blame)?;
    write_both(&files, &certificate.pem(), &key, made)
}

/// The key comes first: a certificate without its key would look finished.
fn write_both(
    files: &Files,
    certificate: &str,
    key: &KeyPair,
    made: &mut Vec<PathBuf>,
) -> Result<(), CertificateError> {
    write_new(&files.key, &key.serialize_pem(), 0o600)?;
    write_new(&files.certificate, certificate, 0o644)?;
    made.extend([files.certificate.clone(), files.key.clone()]);
    Ok(())
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), CertificateError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| CertificateError::Unwritable {
        path: path.to_path_buf(),
        source,
    })
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.and_then(|certificates| match certificates.is_empty() {
        true => Err(pem::Error::NoItemsFound),
        false => Ok(certificates),
    });
    read.map_err(|source| CertificateError::Unreadable {
        path: path.to_path_buf(),
        source,
    })
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| CertificateError::Unreadable {
        path: path.to_path_buf(),
        source,
    })
}
