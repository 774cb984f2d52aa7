//! What one source file says about itself.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::repository::Text;

/// A source file, parsed.
pub struct Source {
    text: Text,
    file: syn::File,
}

impl Source {
    /// Parses a file.
    pub fn parse(text: Text) -> Self {
        let file = syn::parse_file(&text.text)
            .unwrap_or_else(|error| panic!("{}: not parsed: {error}", text.path));
        Self { text, file }
    }

    /// Functions and macros beyond the limit.
    pub fn long_functions(&self) -> Vec<Finding> {
        let mut functions = Functions::default();
        functions.visit_file(&self.file);
        functions
            .found
            .into_iter()
            .filter(|function| function.lines() > FUNCTION_LINES_MAX)
            .map(|function| {
                self.finding(
                    function.first,
                    format!(
                        "{} has {} lines; {FUNCTION_LINES_MAX} are the limit",
                        function.name,
                        function.lines()
                    ),
                    "Move the straight parts out; keep the branches together in the parent.",
                )
            })
            .collect()
    }

    /// The file, if it is beyond the limit.
    pub fn long_file(&self) -> Option<Finding> {
        let lines = self.text.text.lines().count();
        (lines > FILE_LINES_MAX).then(|| {
            self.finding(
                FILE_LINES_MAX + 1,
                format!("the file has {lines} lines; {FILE_LINES_MAX} are the limit"),
                "Split it by phase or by subject.",
            )
        })
    }

    /// Names that say nothing.
    pub fn poor_names(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let stem = self
            .text
            .path
            .trim_end_matches("/mod.rs")
            .rsplit('/')
            .next();
        let stem = stem.expect("never empty").trim_end_matches(".rs");
        if POOR_MODULES.contains(&stem) {
            findings.push(self.finding(
                1,
                format!("a module called {stem} is about nothing"),
                "Name it after what it is for, or move its parts to where they are used.",
            ));
        }
        let mut names = Names::default();
        names.visit_file(&self.file);
        findings.extend(names.poor.into_iter().map(|(name, line)| {
            self.finding(
                line,
                format!("the name {name} says less than it could"),
                "No `get_`, `Manager`, `Handler`, `Processor`, `Data`, `Info`; no module of odds and ends.",
            )
        }));
        findings
    }

    /// `unsafe` where the house does not allow it.
    pub fn unsafe_outside_its_place(&self) -> Vec<Finding> {
        let allowed = UNSAFE_PLACES
            .iter()
            .any(|place| self.text.path.starts_with(place));
        if !self.text.text.contains("unsafe") {
            return Vec::new();
        }
        let lines = words(&self.file, "unsafe");
        let code = self
            .text
            .text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]");
        let small = code.count() <= UNSAFE_FILE_LINES_MAX;
        if lines.is_empty() || (allowed && small) {
            return Vec::new();
        }
        let mend = format!(
            "Keep it in a module of its own, of at most {UNSAFE_FILE_LINES_MAX} lines, in one of: {}.",
            UNSAFE_PLACES.join(", ")
        );
        lines
            .into_iter()
            .map(|line| self.finding(line, "unsafe code out of its place".into(), &mend))
            .collect()
    }

    /// The feature `mutants` anywhere but in `rules.rs`.
    pub fn mutants_outside_the_rules(&self) -> Vec<Finding> {
        let condition = concat!("feature = \"", "mutants\"");
        if self.text.path.ends_with("/rules.rs") {
            return Vec::new();
        }
        let lines = self.text.text.lines().enumerate();
        lines
            .filter(|(_, line)| line.contains(condition))
            .map(|(index, _)| {
                self.finding(
                    index + 1,
                    "a mutant outside of rules.rs".into(),
                    "Ask `broken(rule)`, which is a constant false without the feature.",
                )
            })
            .collect()
    }

    /// A file that does not begin with what it is for. What a `tests.rs` is for, its place says.
    pub fn missing_purpose(&self) -> Vec<Finding> {
        let begins = self.text.text.starts_with("//! ") || self.text.path.ends_with("/tests.rs");
        let finding = || {
            self.finding(
                1,
                "the file does not say what it is for".into(),
                "Begin with a `//!` comment of one to five lines.",
            )
        };
        if begins { Vec::new() } else { vec![finding()] }
    }

    fn finding(&self, line: usize, what: String, mend: &str) -> Finding {
        Finding {
            file: self.text.path.clone(),
            line,
            what,
            mend: mend.into(),
        }
    }
}

/// A function or a macro, from its first to its last line.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    first: usize,
    last: usize,
}

impl Function {
    fn lines(&self) -> usize {
        self.last + 1 - self.first
    }
}

#[derive(Default)]
struct Functions {
    found: Vec<Function>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        self.found.push(Function {
            name: signature.ident.to_string(),
            first: signature.span().start().line,
            last: block.span().end().line,
        });
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_macro(&mut self, item: &'a syn::ItemMacro) {
        if let Some(name) = &item.ident {
            self.found.push(Function {
                name: format!("{name}!"),
                first: item.span().start().line,
                last: item.span().end().line,
            });
        }
    }
}

#[derive(Default)]
struct Names {
    poor: Vec<(String, usize)>,
}

impl Names {
    fn look_at_type(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        if POOR_ENDINGS.iter().any(|ending| text.ends_with(ending)) {
            self.poor.push((text, name.span().start().line));
        }
    }

    fn look_at_function(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        let known_from_std = text == "get_mut" || text.starts_with("get_or_");
        if text.starts_with("get_") && !known_from_std {
            self.poor.push((text, name.span().start().line));
        }
    }
}

impl<'a> Visit<'a> for Names {
    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.look_at_type(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.look_at_type(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'a syn::ItemTrait) {
        self.look_at_type(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        let text = item.ident.to_string();
        if POOR_MODULES.contains(&text.as_str()) {
            self.poor.push((text, item.span().start().line));
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.look_at_function(&item.sig.ident);
        visit::visit_item_fn(self, item);
    }

    /// Methods of a foreign trait are named by others.
    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if item.trait_.is_none() {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.look_at_function(&item.sig.ident);
    }
}

/// The lines where a word stands in the code, comments and texts left out.
fn words(file: &syn::File, word: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    gather_words(quote::ToTokens::to_token_stream(file), word, &mut lines);
    lines
}

fn gather_words(tokens: TokenStream, word: &str, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) if name == word => lines.push(name.span().start().line),
            TokenTree::Group(group) => gather_words(group.stream(), word, lines),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// From the line of the signature to that of the closing brace.
const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 800;
/// Without its tests.
const UNSAFE_FILE_LINES_MAX: usize = 300;
/// Where `unsafe` may stand: the index's inner loops, the wire format, and the stub allocator of the check that the
/// pure floors do without std.
const UNSAFE_PLACES: [&str; 3] = ["matching/", "model/", "tests/no_std/"];
const POOR_MODULES: [&str; 7] = [
    "common",
    "helper",
    "helpers",
    "misc",
    "util",
    "utilities",
    "utils",
];
const POOR_ENDINGS: [&str; 5] = ["Manager", "Handler", "Processor", "Data", "Info"];

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::parse(Text {
            path: path.into(),
            full: path.into(),
            text: text.into(),
        })
    }

    fn lines_of(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    fn function_of(lines: usize) -> String {
        format!(
            "\nfn long() {{\n{}}}\n",
            "    let a = 1;\n".repeat(lines - 2)
        )
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let check = |text: &str, expected: &[usize]| {
            assert_eq!(lines_of(&source("a.rs", text).long_functions()), expected);
        };
        check(&function_of(70), &[]);
        check(&function_of(71), &[2]);
        check(&format!("mod inner {{{}}}", function_of(71)), &[2]);
        check(&format!("impl A {{{}}}", function_of(71)), &[2]);
        check(&format!("trait A {{{}}}", function_of(71)), &[2]);
        check(&format!("fn outer() {{{}}}", function_of(70)), &[1]);
        check(
            &format!("macro_rules! m {{ () => {{{}}} }}", function_of(71)),
            &[1],
        );
    }

    #[test]
    fn files_are_measured() {
        assert!(source("a.rs", &"\n".repeat(800)).long_file().is_none());
        assert!(source("a.rs", &"\n".repeat(801)).long_file().is_some());
    }

    #[test]
    fn poor_names_are_found() {
        let check = |path: &str, text: &str, expected: &[usize]| {
            assert_eq!(
                lines_of(&source(path, text).poor_names()),
                expected,
                "{text}"
            );
        };
        check("src/utils.rs", "", &[1]);
        check("src/misc/mod.rs", "", &[1]);
        check("src/slots.rs", "struct Slots; fn slot() {}", &[]);
        check("a.rs", "\nstruct SlotManager;", &[2]);
        check("a.rs", "\nmod common {}", &[2]);
        check("a.rs", "\nfn get_slot() {}", &[2]);
        check("a.rs", "impl A {\n fn get_slot(&self) {} }", &[2]);
        check("a.rs", "fn get_mut() {} fn get_or_insert_with() {}", &[]);
        check("a.rs", "impl Foreign for A { fn get_slot(&self) {} }", &[]);
    }

    #[test]
    fn unsafe_code_is_found_out_of_its_place() {
        let check = |path: &str, text: &str, expected: &[usize]| {
            let found = source(path, text).unsafe_outside_its_place();
            assert_eq!(lines_of(&found), expected, "{path}");
        };
        check("src/a.rs", "fn f() {\n unsafe { g() } }", &[2]);
        check("src/a.rs", "// unsafe\nconst A: &str = \"unsafe\";", &[]);
        check("src/a.rs", "macro_rules! m { () => {\n unsafe {} } }", &[2]);
        check("matching/src/lanes.rs", "unsafe fn f() {}", &[]);
        let large = format!("unsafe fn f() {{}}{}", "\n".repeat(301));
        check("matching/src/lanes.rs", &large, &[1]);
    }

    #[test]
    fn a_file_begins_with_its_purpose() {
        assert!(source("a.rs", "//! What.\n").missing_purpose().is_empty());
        assert_eq!(source("a.rs", "fn f() {}\n").missing_purpose().len(), 1);
    }

    #[test]
    fn mutants_live_in_rules() {
        let text = concat!("#[cfg(feature = \"", "mutants\")]\nfn f() {}");
        let found = |path: &str| source(path, text).mutants_outside_the_rules().len();
        assert_eq!(found("sim/src/run.rs"), 1);
        assert_eq!(found("operators/src/rules.rs"), 0);
    }
}
