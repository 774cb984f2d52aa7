//! The certificates of a data directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gomera::certificates::{CertificateError, Certificates, ClusterCertificates};
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;

/// A directory of this test's own.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("certificates-{name}"));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_first_start_makes_them_and_the_second_uses_them() {
    let directory = Directory::new("twice");
    let first = Certificates::open(&directory.0).unwrap();
    assert_eq!(first.made.len(), 6, "{:?}", first.made);
    first.server_config(b"silbo/1").unwrap();
    let second = Certificates::open(&directory.0).unwrap();
    assert_eq!(second.made, Vec::<PathBuf>::new());
    assert_eq!(second.server, first.server);
    assert_eq!(second.authorities, first.authorities);
    second.server_config(b"silbo/1").unwrap();
}

#[test]
fn nobody_else_reads_the_keys() {
    let directory = Directory::new("keys");
    let made = Certificates::open(&directory.0).unwrap().made;
    let keys: Vec<_> = made
        .iter()
        .filter(|path| path.extension().unwrap() == "key")
        .collect();
    assert_eq!(keys.len(), 3);
    for key in keys {
        let mode = fs::metadata(key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", key.display());
    }
}

#[test]
fn a_broken_file_is_named() {
    let directory = Directory::new("broken");
    Certificates::open(&directory.0).unwrap();
    let path = directory.0.join("server.pem");
    fs::write(&path, "not a certificate").unwrap();
    let error = Certificates::open(&directory.0).unwrap_err();
    assert!(
        matches!(error, CertificateError::Unreadable { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn a_missing_file_is_named_and_nothing_is_made_beside_the_others() {
    let directory = Directory::new("missing");
    Certificates::open(&directory.0).unwrap();
    let path = directory.0.join("server.key");
    fs::remove_file(&path).unwrap();
    let error = Certificates::open(&directory.0).unwrap_err();
    assert!(
        matches!(error, CertificateError::Incomplete { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
    assert!(!path.exists());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = Directory::new("file");
    fs::create_dir_all(&directory.0).unwrap();
    let file = directory.0.join("file");
    fs::write(&file, "").unwrap();
    let error = Certificates::open(&file.join("data")).unwrap_err();
    assert!(
        matches!(error, CertificateError::Directory { .. }),
        "{error:?}"
    );
}

#[test]
fn a_second_host_signs_its_own_with_the_authority_of_the_first() {
    let (first, second) = (Directory::new("host-1"), Directory::new("host-2"));
    let made = ClusterCertificates::open(&first.0).unwrap();
    assert_eq!(made.made.len(), 4, "{:?}", made.made);
    fs::create_dir_all(&second.0).unwrap();
    for file in ["cluster-ca.pem", "cluster-ca.key"] {
        fs::copy(first.0.join(file), second.0.join(file)).unwrap();
    }
    let joined = ClusterCertificates::open(&second.0).unwrap();
    assert_eq!(joined.made.len(), 2, "{:?}", joined.made);
    assert_eq!(joined.authorities, made.authorities);
    assert_ne!(joined.operator, made.operator);
    let again = ClusterCertificates::open(&second.0).unwrap();
    assert_eq!(again.operator, joined.operator);
    for host in [made, joined] {
        host.server_config(b"x").unwrap();
        host.client_config(b"x").unwrap();
    }
}

#[test]
fn a_host_without_the_key_of_the_authority_needs_its_own_certificate() {
    let (first, second) = (Directory::new("signer"), Directory::new("unsigned"));
    ClusterCertificates::open(&first.0).unwrap();
    fs::create_dir_all(&second.0).unwrap();
    let file = "cluster-ca.pem";
    fs::copy(first.0.join(file), second.0.join(file)).unwrap();
    let error = ClusterCertificates::open(&second.0).unwrap_err();
    assert!(
        matches!(error, CertificateError::Incomplete { .. }),
        "{error:?}"
    );
    let foreign = Directory::new("foreign");
    Certificates::open(&foreign.0).unwrap();
    for (from, to) in [("ca.pem", "cluster-ca.pem"), ("ca.key", "cluster-ca.key")] {
        fs::rename(foreign.0.join(from), foreign.0.join(to)).unwrap();
    }
    let error = ClusterCertificates::open(&foreign.0).unwrap_err();
    assert!(
        matches!(error, CertificateError::Foreign { .. }),
        "{error:?}"
    );
}

#[test]
fn a_second_host_signs_its_own_for_clients_too() {
    let (first, second) = (Directory::new("clients-1"), Directory::new("clients-2"));
    let made = Certificates::open(&first.0).unwrap();
    fs::create_dir_all(&second.0).unwrap();
    for file in ["ca.pem", "ca.key"] {
        fs::copy(first.0.join(file), second.0.join(file)).unwrap();
    }
    let names = ["10.1.2.3".to_owned()];
    let joined = Certificates::open_for(&second.0, &names).unwrap();
    assert_eq!(joined.made.len(), 4, "{:?}", joined.made);
    assert_eq!(joined.authorities, made.authorities);
    let is_for = |certificates: &Certificates, name: &str| {
        let certificate = ParsedCertificate::try_from(&certificates.server[0]).unwrap();
        verify_server_name(&certificate, &name.try_into().unwrap()).is_ok()
    };
    for name in ["localhost", "127.0.0.1", "10.1.2.3"] {
        assert!(is_for(&joined, name), "{name}");
    }
    assert!(!is_for(&made, "10.1.2.3"));
    fs::remove_file(second.0.join("ca.key")).unwrap();
    Certificates::open(&second.0).unwrap();
}
