//! A directory for one run, gone when the run is over.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

/// A fresh directory that only we can read; it is removed with all that is in it when this is dropped.
#[derive(Debug)]
pub(super) struct FreshDirectory {
    path: PathBuf,
}

impl FreshDirectory {
    /// Makes one among the system's temporary files.
    pub(super) fn make() -> io::Result<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let moment = since.map_or(0, |since| since.as_nanos());
        let name = format!("gomera-demo-{}-{moment:x}", process::id());
        let path = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for FreshDirectory {
    fn drop(&mut self) {
        // What cannot be removed is left to the system, as all temporary files are.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_and_then_gone_with_what_is_in_it() {
        let directory = FreshDirectory::make().unwrap();
        let path = directory.path().to_path_buf();
        fs::write(path.join("file"), "text").unwrap();
        drop(directory);
        assert!(!path.exists());
    }
}
