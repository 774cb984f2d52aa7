//! The store of a single process: versioned documents in memory, with the transactions of a real one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::document::{Document, Path, Put, Stored, Version, WriteError};

/// Versioned documents in memory.
///
/// ```
/// use gomera_coordinator::{EmbeddedStore, Path, Put, Version, WriteError};
///
/// let mut store = EmbeddedStore::new();
/// let put = |expected| Put { path: Path::Operation, expected, bytes: b"{}".to_vec() };
/// assert_eq!(store.write(&[put(None)]), Ok(vec![Version(0)]));
/// assert_eq!(store.write(&[put(None)]), Err(WriteError::Conflict));
/// assert_eq!(store.write(&[put(Some(Version(0)))]), Ok(vec![Version(1)]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct EmbeddedStore {
    documents: BTreeMap<Path, Stored>,
}

impl EmbeddedStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes all of it, or nothing.
    ///
    /// # Errors
    ///
    /// [`WriteError::Conflict`] if a document does not have the version that is expected. Never
    /// [`WriteError::Unknown`].
    pub fn write(&mut self, puts: &[Put]) -> Result<Vec<Version>, WriteError> {
        if puts
            .iter()
            .any(|put| self.version(put.path) != put.expected)
        {
            return Err(WriteError::Conflict);
        }
        Ok(puts.iter().map(|put| self.put(put)).collect())
    }

    /// A document as it is now.
    #[must_use]
    pub fn read(&self, path: Path) -> Document {
        let stored = self.documents.get(&path).cloned();
        Document { path, stored }
    }

    fn put(&mut self, put: &Put) -> Version {
        let version = put.expected.map_or(Version(0), |old| Version(old.0 + 1));
        let bytes = put.bytes.clone();
        self.documents.insert(put.path, Stored { version, bytes });
        version
    }

    fn version(&self, path: Path) -> Option<Version> {
        self.documents.get(&path).map(|stored| stored.version)
    }
}
