//! Noticing that files were replaced.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::limits::CERTIFICATES_LOOK_EVERY;

/// Some files that belong together, and when each was changed.
#[derive(Debug)]
pub struct Replaced {
    files: Vec<PathBuf>,
    known: Vec<Option<SystemTime>>,
}

impl Replaced {
    /// As they are now.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        let known = changes(&files);
        Self { files, known }
    }

    /// Waits until some are others than before, and then for a moment in which none changes: they are replaced one
    /// after the other.
    pub async fn wait(&mut self) {
        let mut before = self.known.clone();
        loop {
            tokio::time::sleep(CERTIFICATES_LOOK_EVERY).await;
            let now = changes(&self.files);
            if now != self.known && now == before {
                self.known = now;
                return;
            }
            before = now;
        }
    }
}

fn changes(files: &[PathBuf]) -> Vec<Option<SystemTime>> {
    let changed = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
    files.iter().map(changed).collect()
}
