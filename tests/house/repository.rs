//! The files of the repository, as they lie on the disk.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
#[derive(Debug)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The repository that this test belongs to.
    pub fn open() -> Self {
        Self {
            root: std::env::var_os("CARGO_MANIFEST_DIR")
                .expect("cargo says where the crate lies")
                .into(),
        }
    }

    /// A text file by its path from the root.
    pub fn read(&self, path: &str) -> Text {
        let full = self.root.join(path);
        let text = fs::read_to_string(&full)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", full.display()));
        Text {
            path: path.to_owned(),
            full,
            text,
        }
    }

    /// All files with this ending, in order of their paths.
    pub fn files_ending(&self, ending: &str) -> Vec<Text> {
        let mut paths = Vec::new();
        self.walk(&self.root, &mut paths);
        paths
            .iter()
            .filter(|path| path.rsplit_once('.').is_some_and(|(_, end)| end == ending))
            .map(|path| self.read(path))
            .collect()
    }

    /// All files that people write by hand: sources, documents, manifests, scripts.
    pub fn texts(&self) -> Vec<Text> {
        let mut paths = Vec::new();
        self.walk(&self.root, &mut paths);
        paths
            .iter()
            .filter(|path| is_written_by_hand(path))
            .map(|path| self.read(path))
            .collect()
    }

    /// The root file of every crate: its `lib.rs`, its `main.rs`, or both.
    pub fn crate_roots(&self) -> Vec<Text> {
        let mut roots = Vec::new();
        for folder in self.crate_folders() {
            for name in ["src/lib.rs", "src/main.rs"] {
                let path = if folder.is_empty() {
                    name.to_owned()
                } else {
                    format!("{folder}/{name}")
                };
                if self.root.join(&path).is_file() {
                    roots.push(self.read(&path));
                }
            }
        }
        assert!(roots.len() > 1, "a workspace has several crates");
        roots
    }

    /// The folders of the workspace's members; the root's own is the empty text.
    pub fn crate_folders(&self) -> Vec<String> {
        let manifest = self.manifest("Cargo.toml");
        let members = manifest["workspace"]["members"]
            .as_array()
            .expect("the workspace lists its members");
        let members = members
            .iter()
            .map(|member| member.as_str().expect("a path").to_owned());
        std::iter::once(String::new()).chain(members).collect()
    }

    /// A manifest by its path from the root.
    pub fn manifest(&self, path: &str) -> toml::Table {
        let text = self.read(path).text;
        text.parse()
            .unwrap_or_else(|error| panic!("{path} is no TOML: {error}"))
    }

    fn walk(&self, folder: &Path, paths: &mut Vec<String>) {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder)
            .expect("a folder of the repository can be listed")
            .map(|entry| entry.expect("an entry can be read").path())
            .collect();
        entries.sort();
        for entry in entries {
            let path = entry.strip_prefix(&self.root).expect("below the root");
            let path = path.to_str().expect("paths here are plain").to_owned();
            if entry.is_dir() && !is_foreign(&path) {
                self.walk(&entry, paths);
            } else if entry.is_file() {
                paths.push(path);
            }
        }
    }
}

/// A text file of the repository.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its path from the root, with `/` between.
    pub path: String,
    /// Where it lies.
    pub full: PathBuf,
    /// What it says.
    pub text: String,
}

/// Folders that hold what tools made.
fn is_foreign(path: &str) -> bool {
    let name = path.rsplit('/').next().expect("never empty");
    name == ".git" || name == "target" || name.starts_with("target-")
}

fn is_written_by_hand(path: &str) -> bool {
    let in_scripts = path.starts_with("scripts/") || path.starts_with(".ci/");
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    in_scripts || ["rs", "md", "toml", "yml", "yaml", "html"].contains(&ending)
}
