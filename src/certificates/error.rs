//! Why there are no certificates.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::pem;

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
    /// The cluster's authority was brought from elsewhere, and this host has no certificate of it.
    #[error("{} was not made by gomera: have it sign a certificate for this host, for the name {name}, and put it there as operator.pem and operator.key", authority.display())]
    Foreign {
        /// Its file.
        authority: PathBuf,
        /// The name that the certificate has to be for.
        name: &'static str,
    },
}
