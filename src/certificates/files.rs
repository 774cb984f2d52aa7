//! Certificates and keys as files.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::CertificateError;

/// The two files of one certificate.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    pub(super) fn new(directory: &Path, name: &str) -> Self {
        Self {
            certificate: directory.join(format!("{name}.pem")),
            key: directory.join(format!("{name}.key")),
        }
    }
}

/// Makes the directory, for its owner alone, if it is not there.
pub(super) fn make_directory(directory: &Path) -> Result<(), CertificateError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| CertificateError::Directory {
            path: directory.to_path_buf(),
            source,
        })
}

pub(super) fn refuse_incomplete(
    present: &Path,
    needed: [&PathBuf; 3],
) -> Result<(), CertificateError> {
    match needed.into_iter().find(|path| !path.exists()) {
        None => Ok(()),
        Some(missing) => Err(CertificateError::Incomplete {
            present: present.to_path_buf(),
            missing: missing.clone(),
        }),
    }
}

/// The key comes first: a certificate without its key would look finished.
pub(super) fn write_both(
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

pub(super) fn read_certificates(
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
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

pub(super) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| CertificateError::Unreadable {
        path: path.to_path_buf(),
        source,
    })
}
