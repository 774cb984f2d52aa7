//! The modules of one crate as a tree, and what a path in one of them leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;

use crate::repository::Text;

/// The modules of a crate, by their path from its root; the root's path is empty.
#[derive(Debug)]
pub struct Crate {
    /// The modules.
    pub modules: BTreeMap<ModulePath, Module>,
}

/// The names that lead to a module from the crate's root.
pub type ModulePath = Vec<String>;

/// One module, in a file of its own or inside another's.
#[derive(Debug)]
pub struct Module {
    /// The file it stands in, from the root of the repository.
    pub file: String,
    /// Its items, those for tests only left out.
    pub items: Vec<syn::Item>,
    /// What its items are called.
    pub names: BTreeSet<String>,
    /// What `use` brings in under a name; a glob has the name `*`.
    pub imports: Vec<Import>,
}

/// One name that a `use` binds.
#[derive(Clone, Debug)]
pub struct Import {
    /// The name in this module; `*` for all there is.
    pub name: String,
    /// What it leads to, as written.
    pub path: Vec<String>,
    /// Whether it is visible outside of this module.
    pub public: bool,
    /// Where.
    pub line: usize,
}

impl Crate {
    /// Reads a crate from its root file on.
    pub fn read(root: &Text) -> Self {
        let mut read = Self {
            modules: BTreeMap::new(),
        };
        let items = parse(root).items;
        read.add(Vec::new(), root, items);
        read
    }

    /// A crate from texts, for tests: path of the module, text. Declarations of files are not followed.
    #[cfg(test)]
    pub fn of(modules: &[(&str, &str)]) -> Self {
        let mut of = Self {
            modules: BTreeMap::new(),
        };
        for (path, text) in modules {
            let path: ModulePath = path.split_terminator("::").map(Into::into).collect();
            let items = syn::parse_file(text).expect("a test's text parses").items;
            let name = format!("{}.rs", path.join("/"));
            of.insert(path, name, items);
        }
        of
    }

    /// The module that a path, as written in `from`, leads to. `None` if it leads out of the crate.
    pub fn resolve(&self, from: &[String], path: &[String]) -> Option<ModulePath> {
        self.resolve_within(from, path, RESOLVE_STEPS_MAX)
    }

    fn resolve_within(&self, from: &[String], path: &[String], steps: usize) -> Option<ModulePath> {
        let steps = steps.checked_sub(1)?;
        let (mut at, mut rest) = self.start(from, path)?;
        while let Some((name, after)) = rest.split_first() {
            let child = joined(&at, name);
            if self.modules.contains_key(&child) {
                at = child;
                rest = after;
                continue;
            }
            return Some(self.follow_import(&at, name, after, steps).unwrap_or(at));
        }
        Some(at)
    }

    /// Where a path begins: the module, and the names after it.
    fn start<'a>(&self, from: &[String], path: &'a [String]) -> Option<(ModulePath, &'a [String])> {
        let (first, mut rest) = path.split_first()?;
        let mut at = from.to_vec();
        match first.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => {
                at.pop()?;
                while let Some((next, after)) = rest.split_first()
                    && next == "super"
                {
                    at.pop()?;
                    rest = after;
                }
            }
            _ => {
                let known = self.modules.contains_key(&joined(from, first));
                return known.then_some((at, path));
            }
        }
        Some((at, rest))
    }

    /// If a module has a name only by `use`, the module where the thing itself stands.
    fn follow_import(
        &self,
        at: &[String],
        name: &str,
        after: &[String],
        steps: usize,
    ) -> Option<ModulePath> {
        let module = &self.modules[at];
        if module.names.contains(name) {
            return None;
        }
        let named = module.imports.iter().find(|import| import.name == name);
        if let Some(import) = named {
            let path: Vec<String> = import.path.iter().chain(after).cloned().collect();
            return self.resolve_within(at, &path, steps);
        }
        let globs = module.imports.iter().filter(|import| import.name == "*");
        globs
            .filter_map(|import| self.resolve_within(at, &import.path, steps))
            .find(|target| self.modules[target].names.contains(name))
    }

    fn add(&mut self, path: ModulePath, file: &Text, items: Vec<syn::Item>) {
        for item in &items {
            let syn::Item::Mod(child) = item else {
                continue;
            };
            if is_for_tests(&child.attrs) {
                continue;
            }
            let child_path = joined(&path, &child.ident.to_string());
            match &child.content {
                Some((_, inner)) => self.add(child_path, file, inner.clone()),
                None => {
                    let text = child_file(file, &path, &child.ident.to_string());
                    let inner = parse(&text).items;
                    self.add(child_path, &text, inner);
                }
            }
        }
        self.insert(path, file.path.clone(), items);
    }

    fn insert(&mut self, path: ModulePath, file: String, items: Vec<syn::Item>) {
        let items: Vec<syn::Item> = items
            .into_iter()
            .filter(|item| !is_for_tests(attributes(item)))
            .collect();
        let names = items.iter().filter_map(item_name).collect();
        let mut imports = Vec::new();
        for item in &items {
            if let syn::Item::Use(item) = item {
                let public = !matches!(item.vis, syn::Visibility::Inherited);
                gather_imports(&item.tree, &mut Vec::new(), public, &mut imports);
            }
        }
        self.modules.insert(
            path,
            Module {
                file,
                items,
                names,
                imports,
            },
        );
    }
}

/// Whether an item is compiled for tests only.
pub fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return attribute.path().is_ident("test");
        };
        let condition = list.tokens.to_string();
        list.path.is_ident("cfg")
            && (condition == "test" || condition.replace(' ', "").starts_with("all(test,"))
    })
}

/// Re-exports of re-exports that are followed: more than any sane crate has.
const RESOLVE_STEPS_MAX: usize = 16;

fn joined(path: &[String], name: &str) -> ModulePath {
    let mut joined = path.to_vec();
    joined.push(name.to_owned());
    joined
}

fn parse(text: &Text) -> syn::File {
    syn::parse_file(&text.text).unwrap_or_else(|error| {
        let line = error.span().start().line;
        panic!("{}:{line}: not parsed: {error}", text.path)
    })
}

/// The file of a child module: `name.rs` or `name/mod.rs`, in the folder of its parent.
fn child_file(parent: &Text, parent_path: &[String], name: &str) -> Text {
    let own_folder = ["lib.rs", "main.rs", "mod.rs"]
        .iter()
        .any(|root| parent.full.ends_with(root));
    let folder = parent.full.parent().expect("a file has a folder");
    let folder = match (own_folder, parent_path.last()) {
        (false, Some(parent_name)) => folder.join(parent_name),
        _ => folder.to_path_buf(),
    };
    let candidates: [PathBuf; 2] = [
        folder.join(format!("{name}.rs")),
        folder.join(name).join("mod.rs"),
    ];
    let full = candidates.iter().find(|path| path.is_file());
    let full = full.unwrap_or_else(|| panic!("{}: no file for `mod {name}`", parent.path));
    read(full, parent)
}

fn read(full: &Path, beside: &Text) -> Text {
    let depth = Path::new(&beside.path).components().count();
    let root = beside.full.ancestors().nth(depth).expect("below the root");
    let path = full.strip_prefix(root).expect("below the root");
    Text {
        path: path.to_str().expect("paths here are plain").to_owned(),
        full: full.to_path_buf(),
        text: std::fs::read_to_string(full).expect("it was there a moment ago"),
    }
}

/// The names that one `use` binds, with `path` before them.
pub fn gather_imports(
    tree: &syn::UseTree,
    path: &mut Vec<String>,
    public: bool,
    imports: &mut Vec<Import>,
) {
    let line = tree.span().start().line;
    let mut bind = |name: String, path: Vec<String>| {
        imports.push(Import {
            name,
            path,
            public,
            line,
        });
    };
    match tree {
        syn::UseTree::Path(step) => {
            path.push(step.ident.to_string());
            gather_imports(&step.tree, path, public, imports);
            path.pop();
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                gather_imports(tree, path, public, imports);
            }
        }
        syn::UseTree::Name(name) if name.ident == "self" => {
            bind(path.last().cloned().unwrap_or_default(), path.clone());
        }
        syn::UseTree::Name(name) => {
            bind(
                name.ident.to_string(),
                joined(path, &name.ident.to_string()),
            );
        }
        syn::UseTree::Rename(rename) => {
            bind(
                rename.rename.to_string(),
                joined(path, &rename.ident.to_string()),
            );
        }
        syn::UseTree::Glob(_) => bind("*".into(), path.clone()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum that grows; the rest has no name"
)]
fn item_name(item: &syn::Item) -> Option<String> {
    Some(match item {
        syn::Item::Const(item) => item.ident.to_string(),
        syn::Item::Enum(item) => item.ident.to_string(),
        syn::Item::Fn(item) => item.sig.ident.to_string(),
        syn::Item::Macro(item) => item.ident.as_ref()?.to_string(),
        syn::Item::Static(item) => item.ident.to_string(),
        syn::Item::Struct(item) => item.ident.to_string(),
        syn::Item::Trait(item) => item.ident.to_string(),
        syn::Item::Type(item) => item.ident.to_string(),
        syn::Item::Union(item) => item.ident.to_string(),
        _ => return None,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum that grows; the rest is rare"
)]
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads_to(modules: &[(&str, &str)], from: &str, path: &str) -> Option<String> {
        let names =
            |path: &str| -> Vec<String> { path.split_terminator("::").map(Into::into).collect() };
        Crate::of(modules)
            .resolve(&names(from), &names(path))
            .map(|path| path.join("::"))
    }

    #[test]
    fn paths_lead_to_the_module_where_the_thing_stands() {
        let modules = [
            ("", "pub use a::Thing; pub use b::*;"),
            ("a", "pub struct Thing;"),
            ("b", "pub struct Other;"),
            ("b::c", "pub fn f() {}"),
        ];
        let check = |from: &str, path: &str, expected: Option<&str>| {
            assert_eq!(
                leads_to(&modules, from, path).as_deref(),
                expected,
                "{path}"
            );
        };
        check("b", "crate::a::Thing", Some("a"));
        check("b", "crate::Thing", Some("a"));
        check("a", "crate::Other::new", Some("b"));
        check("a", "crate::b::c::f", Some("b::c"));
        check("b::c", "super::Other", Some("b"));
        check("b::c", "super::super::Thing", Some("a"));
        check("b", "c::f", Some("b::c"));
        check("b", "self::c::f", Some("b::c"));
        check("b", "std::fmt::Debug", None);
        check("b", "Thing", None);
        check("", "super::Thing", None);
    }

    #[test]
    fn tests_are_no_part_of_the_house() {
        let attribute = |text: &str| {
            let item: syn::ItemMod = syn::parse_str(&format!("{text} mod a {{}}")).unwrap();
            is_for_tests(&item.attrs)
        };
        assert!(attribute("#[cfg(test)]"));
        assert!(attribute("#[cfg(all(test, unix))]"));
        assert!(!attribute("#[cfg(not(test))]"));
        assert!(!attribute("#[cfg(unix)]"));
    }
}
