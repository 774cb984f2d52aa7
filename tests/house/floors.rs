//! Who may use whom, read from the manifests.

use crate::finding::Finding;
use crate::repository::{Repository, Text};

/// A crate of the house: its folder, and the folders it may use. A new edge is a change of architecture:
/// change this table and `docs/architecture.md` in one commit, with the reason.
struct Floor {
    folder: &'static str,
    may_use: &'static [&'static str],
    /// `no_std`: no clock, no thread, no socket can even be named.
    pure: bool,
}

const fn pure(folder: &'static str, may_use: &'static [&'static str]) -> Floor {
    Floor {
        folder,
        may_use,
        pure: true,
    }
}

const fn driver(folder: &'static str, may_use: &'static [&'static str]) -> Floor {
    Floor {
        folder,
        may_use,
        pure: false,
    }
}

/// The root crate, whose folder is the repository.
const TOP: &str = "";

const FLOORS: [Floor; 10] = [
    pure("model", &[]),
    pure("filter", &["model"]),
    pure("coordinator", &["model"]),
    pure("client-core", &["model"]),
    driver("client", &["model", "client-core"]),
    pure("matching", &["model", "filter"]),
    pure("operators", &["model", "filter", "matching"]),
    driver(
        "sim",
        &[
            "model",
            "filter",
            "matching",
            "operators",
            "coordinator",
            "client-core",
        ],
    ),
    driver("loadgen", &["model", "filter", "client"]),
    driver(
        TOP,
        &[
            "model",
            "filter",
            "matching",
            "operators",
            "coordinator",
            "client-core",
            "client",
            "loadgen",
        ],
    ),
];

/// Checks every member of the workspace against the table.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let folders = repository.crate_folders();
    let sources = repository.files_ending("rs");
    let mut findings = Vec::new();
    for folder in &folders {
        let Some(floor) = FLOORS.iter().find(|floor| floor.folder == folder) else {
            findings.push(Finding {
                file: "Cargo.toml".into(),
                line: 1,
                what: format!("the crate in {folder}/ has no floor"),
                mend: "Give it a line in the table of tests/house/floors.rs.".into(),
            });
            continue;
        };
        findings.extend(check_floor(repository, &sources, floor));
    }
    for floor in &FLOORS {
        assert!(
            folders.iter().any(|folder| folder == floor.folder),
            "{}/ stands in the table and not in the workspace",
            floor.folder
        );
    }
    findings
}

fn check_floor(repository: &Repository, sources: &[Text], floor: &Floor) -> Vec<Finding> {
    let path = in_folder(floor.folder, "Cargo.toml");
    let text = repository.read(&path).text;
    let manifest = repository.manifest(&path);
    let mut findings = Vec::new();
    for dependency in dependencies(&manifest) {
        let line = text
            .lines()
            .position(|line| line.starts_with(&dependency.name))
            .map_or(1, |index| index + 1);
        let what_and_mend = refuse(floor, &dependency)
            .or_else(|| refuse_unused(sources, floor.folder, &dependency));
        if let Some((what, mend)) = what_and_mend {
            findings.push(Finding {
                file: path.clone(),
                line,
                what,
                mend: mend.into(),
            });
        }
    }
    findings.extend(check_manifest(&path, &manifest));
    if floor.pure {
        findings.extend(check_no_std(repository, floor.folder));
    }
    findings
}

/// A dependency as a manifest names it.
struct Dependency {
    name: String,
    of_the_workspace: bool,
}

impl Dependency {
    /// The folder, if it is a crate of ours.
    fn folder(&self) -> Option<&str> {
        self.name.strip_prefix("gomera-")
    }
}

fn dependencies(manifest: &toml::Table) -> Vec<Dependency> {
    let mut found = Vec::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else {
            continue;
        };
        if key.ends_with("dependencies") {
            found.extend(table.iter().map(|(name, how)| Dependency {
                name: name.clone(),
                of_the_workspace: how.get("workspace").is_some(),
            }));
        } else if key == "target" {
            let targets = table.values().filter_map(toml::Value::as_table);
            found.extend(targets.flat_map(dependencies));
        }
    }
    found
}

fn refuse(floor: &Floor, dependency: &Dependency) -> Option<(String, &'static str)> {
    let name = &dependency.name;
    if !dependency.of_the_workspace {
        return Some((
            format!("{name} brings its own version"),
            "Name the version in [workspace.dependencies] and say `workspace = true` here.",
        ));
    }
    let folder = dependency.folder()?;
    (!floor.may_use.contains(&folder)).then(|| {
        (
            format!("{} may not use {folder}", shown(floor.folder)),
            "A floor knows only what lies below it: move the thing down, or change the table with its reason.",
        )
    })
}

/// An own crate that is named in the manifest and nowhere else.
fn refuse_unused(
    sources: &[Text],
    folder: &str,
    dependency: &Dependency,
) -> Option<(String, &'static str)> {
    let _ = dependency.folder()?;
    let word = dependency.name.replace('-', "_");
    let used = sources
        .iter()
        .filter(|file| belongs_to(&file.path, folder))
        .any(|file| file.text.contains(&word));
    (!used).then(|| {
        (
            format!("{} is named here and used nowhere", dependency.name),
            "Take it out of the manifest.",
        )
    })
}

fn belongs_to(path: &str, folder: &str) -> bool {
    let top = path.split('/').next().expect("never empty");
    if folder == TOP {
        !FLOORS.iter().any(|floor| floor.folder == top)
    } else {
        top == folder
    }
}

fn check_manifest(path: &str, manifest: &toml::Table) -> Vec<Finding> {
    let of_the_workspace = |table: &str, key: &str| {
        let value = manifest.get(table).and_then(|table| table.get(key));
        let value = value.and_then(|value| value.get("workspace").or(Some(value)));
        value.and_then(toml::Value::as_bool) == Some(true)
    };
    let rules = [
        ("lints", "workspace"),
        ("package", "version"),
        ("package", "edition"),
        ("package", "rust-version"),
        ("package", "license"),
    ];
    rules
        .into_iter()
        .filter(|(table, key)| !of_the_workspace(table, key))
        .map(|(table, key)| Finding {
            file: path.into(),
            line: 1,
            what: format!("[{table}] {key} is not that of the workspace"),
            mend: "Say `workspace = true`, so that all crates keep the same rules.".into(),
        })
        .collect()
}

fn check_no_std(repository: &Repository, folder: &str) -> Option<Finding> {
    let path = in_folder(folder, "src/lib.rs");
    let text = repository.read(&path).text;
    let pure = text.lines().any(|line| line.trim() == "#![no_std]");
    (!pure).then(|| Finding {
        file: path,
        line: 1,
        what: format!("{folder} is a pure floor and not `#![no_std]`"),
        mend: "Add `#![no_std]`; what then no longer compiles belongs into a driver.".into(),
    })
}

fn in_folder(folder: &str, name: &str) -> String {
    if folder == TOP {
        name.into()
    } else {
        format!("{folder}/{name}")
    }
}

fn shown(folder: &str) -> &str {
    if folder == TOP { "the root" } else { folder }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(manifest: &str) -> Vec<(String, bool)> {
        dependencies(&manifest.parse().unwrap())
            .into_iter()
            .map(|dependency| (dependency.name, dependency.of_the_workspace))
            .collect()
    }

    #[test]
    fn dependencies_of_every_kind_are_seen() {
        let manifest = "[dependencies]\na.workspace = true\n[dev-dependencies]\nb = \"1\"\n\
                        [target.'cfg(unix)'.dependencies]\nc = { workspace = true }\n";
        let expected = [("a", true), ("b", false), ("c", true)];
        assert_eq!(
            named(manifest),
            expected.map(|(name, workspace)| (name.to_owned(), workspace))
        );
    }

    fn verdict(folder: &str, name: &str) -> bool {
        let floor = FLOORS.iter().find(|floor| floor.folder == folder).unwrap();
        let dependency = Dependency {
            name: name.into(),
            of_the_workspace: true,
        };
        refuse(floor, &dependency).is_none()
    }

    #[test]
    fn the_table_is_what_counts() {
        assert!(verdict("operators", "gomera-matching"));
        assert!(verdict("operators", "bytes"));
        assert!(!verdict("operators", "gomera-coordinator"));
        assert!(!verdict("model", "gomera-filter"));
        assert!(!verdict(TOP, "gomera-sim"));
    }

    #[test]
    fn the_table_itself_has_no_circle() {
        let mut built: Vec<&str> = Vec::new();
        for _ in &FLOORS {
            let next = FLOORS.iter().find(|floor| {
                !built.contains(&floor.folder)
                    && floor.may_use.iter().all(|used| built.contains(used))
            });
            built.push(next.expect("some floor must come next").folder);
        }
        assert_eq!(built.len(), FLOORS.len());
    }
}
