//! Which modules of a crate name which others: every `use`, every path, and the paths inside of macros.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::modules::{Crate, ModulePath, gather_imports, is_for_tests};

/// One module names another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The one that names.
    pub from: ModulePath,
    /// The one that is named.
    pub to: ModulePath,
    /// The file where it does.
    pub file: String,
    /// The line.
    pub line: usize,
}

/// All edges of a crate. A parent that merely shows what its children have (`pub use child::Thing`) does not use them.
pub fn edges(tree: &Crate) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (path, module) in &tree.modules {
        let mut namer = Namer {
            tree,
            module: path,
            file: &module.file,
            edges: Vec::new(),
        };
        for import in &module.imports {
            if !(import.public && namer.leads_below(&import.path)) {
                namer.names(&import.path, import.line);
            }
        }
        let is_use = |item: &&syn::Item| matches!(item, syn::Item::Use(_));
        for item in module.items.iter().filter(|item| !is_use(item)) {
            namer.visit_item(item);
        }
        edges.append(&mut namer.edges);
    }
    edges
}

struct Namer<'a> {
    tree: &'a Crate,
    module: &'a ModulePath,
    file: &'a str,
    edges: Vec<Edge>,
}

impl Namer<'_> {
    fn names(&mut self, path: &[String], line: usize) {
        let Some(to) = self.tree.resolve(self.module, path) else {
            return;
        };
        if to != *self.module {
            self.edges.push(Edge {
                from: self.module.clone(),
                to,
                file: self.file.to_owned(),
                line,
            });
        }
    }

    fn leads_below(&self, path: &[String]) -> bool {
        let target = self.tree.resolve(self.module, path);
        target.is_some_and(|target| target.starts_with(self.module))
    }

    /// Paths in what a macro is given: names with `::` between.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.names_path(&mut path, line);
                        line = name.span().start().line;
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.names_path(&mut path, line);
                    self.scan(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.names_path(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.names_path(&mut path, line);
    }

    /// A name alone may be anything; with `::` in it, it is a path.
    fn names_path(&mut self, path: &mut Vec<String>, line: usize) {
        if path.len() > 1 {
            self.names(path, line);
        }
        path.clear();
    }
}

impl<'a> Visit<'a> for Namer<'_> {
    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if names.len() > 1 {
            self.names(&names, path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.scan(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    /// A `use` inside of a function.
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        let mut imports = Vec::new();
        gather_imports(&item.tree, &mut Vec::new(), false, &mut imports);
        for import in imports {
            self.names(&import.path, import.line);
        }
    }

    /// Inner modules are modules of their own.
    fn visit_item_mod(&mut self, _: &'a syn::ItemMod) {}

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges_of(modules: &[(&str, &str)]) -> Vec<String> {
        let mut found: Vec<String> = edges(&Crate::of(modules))
            .iter()
            .map(|edge| {
                format!(
                    "{}>{}:{}",
                    edge.from.join("::"),
                    edge.to.join("::"),
                    edge.line
                )
            })
            .collect();
        found.dedup();
        found
    }

    /// What module `a` with this text names among the siblings `b` and `c`.
    fn check(text: &str, expected: &[&str]) {
        let modules = [
            ("", "pub use b::Thing;"),
            ("a", text),
            ("b", "pub struct Thing; pub const N: usize = 1;"),
            ("c", "pub fn f() {}"),
        ];
        assert_eq!(edges_of(&modules), expected, "{text}");
    }

    #[test]
    fn every_way_to_name_a_module_is_seen() {
        check("use crate::b::Thing;", &["a>b:1"]);
        check("\nuse crate::{b, c::f};", &["a>b:2", "a>c:2"]);
        check("use crate::Thing;", &["a>b:1"]);
        check("use super::c;", &["a>c:1"]);
        check("use crate::b::*;", &["a>b:1"]);
        check("fn g(x: crate::b::Thing) {}", &["a>b:1"]);
        check("fn g() {\n    crate::c::f()\n}", &["a>c:2"]);
        check("fn g() { use crate::{b, c::f}; f() }", &["a>b:1", "a>c:1"]);
        check("impl crate::b::Thing {}", &["a>b:1"]);
        check("const M: [u8; super::b::N] = [0];", &["a>b:1"]);
        check("fn g() {\n    assert_eq!(1, crate::b::N);\n}", &["a>b:2"]);
        check("macro_rules! m { () => { $crate::c::f() } }", &["a>c:1"]);
    }

    #[test]
    fn what_stays_inside_or_leads_outside_is_no_edge() {
        check("use std::fmt; use other::b::Thing;", &[]);
        check("struct Own; fn g(x: self::Own) {}", &[]);
        check("#[cfg(test)] mod tests { use crate::b::Thing; }", &[]);
        check("#[cfg(test)] use crate::b::Thing;", &[]);
        check("pub(crate) fn g() {}", &[]);
        check("//! See [`crate::b`].\n", &[]);
    }

    #[test]
    fn a_parent_may_show_what_its_children_have() {
        let shown = [("", "pub use a::Thing;"), ("a", "pub struct Thing;")];
        assert_eq!(edges_of(&shown), [""; 0]);
        let used = [
            ("", "use a::Thing; pub fn f(x: Thing) {}"),
            ("a", "pub struct Thing;"),
        ];
        assert_eq!(edges_of(&used), [">a:1"]);
    }
}
