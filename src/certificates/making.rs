//! Authorities and what they sign.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem;

use super::error::CertificateError;
use super::files::{Files, read_certificates, write_both};

/// An authority that can sign.
pub(super) struct Authority(Issuer<'static, KeyPair>);

/// A certificate that an authority signs.
pub(super) struct Leaf<'a> {
    pub(super) name: &'static str,
    pub(super) alternative_names: &'a [&'a str],
    pub(super) usages: &'static [ExtendedKeyUsagePurpose],
}

impl Authority {
    /// A new one.
    pub(super) fn make(
        common_name: &str,
        files: &Files,
        made: &mut Vec<PathBuf>,
    ) -> Result<Self, CertificateError> {
        let blame = |source| not_made(&files.certificate, source);
        let params = authority_params(common_name);
        let key = KeyPair::generate().map_err(blame)?;
        let certificate = params.self_signed(&key).map_err(blame)?;
        write_both(files, &certificate.pem(), &key, made)?;
        Ok(Self(Issuer::new(params, key)))
    }

    /// One that was made before under this name; `None` if it has another.
    pub(super) fn known(
        common_name: &str,
        files: &Files,
    ) -> Result<Option<Self>, CertificateError> {
        let name = common_name.as_bytes();
        let is_named = |certificate: &CertificateDer<'_>| {
            let mut parts = certificate.as_ref().windows(name.len());
            parts.any(|part| part == name)
        };
        if !read_certificates(&files.certificate)?.iter().all(is_named) {
            return Ok(None);
        }
        let key =
            fs::read_to_string(&files.key).map_err(|source| CertificateError::Unreadable {
                path: files.key.clone(),
                source: pem::Error::Io(source),
            })?;
        let key = KeyPair::from_pem(&key).map_err(|source| not_made(&files.key, source))?;
        Ok(Some(Self(Issuer::new(authority_params(common_name), key))))
    }

    /// Signs a new certificate.
    pub(super) fn sign(
        &self,
        leaf: &Leaf<'_>,
        directory: &Path,
        made: &mut Vec<PathBuf>,
    ) -> Result<(), CertificateError> {
        let files = Files::new(directory, leaf.name);
        let blame = |source| not_made(&files.certificate, source);
        let names = leaf.alternative_names.iter();
        let names: Vec<String> = names.map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(blame)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = leaf.usages.to_vec();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("gomera {}", leaf.name));
        let key = KeyPair::generate().map_err(blame)?;
        let certificate = params.signed_by(&key, &self.0).map_err(blame)?;
        write_both(&files, &certificate.pem(), &key, made)
    }
}

fn authority_params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

fn not_made(path: &Path, source: rcgen::Error) -> CertificateError {
    let path = path.to_path_buf();
    CertificateError::NotMade { path, source }
}
