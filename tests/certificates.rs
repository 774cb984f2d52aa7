//! The certificates of a data directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gomera::certificates::{CertificateError, Certificates};

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
    assert_eq!(first.made.len(), 8, "{:?}", first.made);
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
    assert_eq!(keys.len(), 4);
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
