//! The house itself: who may use whom, how large things may grow, what must not occur.
//!
//! Each test gathers all findings of its kind and prints them with file, line and what to do.
//! The analyser is in `tests/house/`, with tests of its own on small inputs.

#![allow(unreachable_pub, reason = "modules of a test have nobody above them")]

#[path = "house/circles.rs"]
mod circles;
#[path = "house/finding.rs"]
mod finding;
#[path = "house/floors.rs"]
mod floors;
#[path = "house/modules.rs"]
mod modules;
#[path = "house/prose.rs"]
mod prose;
#[path = "house/repository.rs"]
mod repository;
#[path = "house/source.rs"]
mod source;
#[path = "house/uses.rs"]
mod uses;

use finding::{Finding, expect_none};
use modules::Crate;
use repository::Repository;
use source::Source;

#[test]
fn every_crate_uses_only_what_lies_below_it() {
    let repository = Repository::open();
    expect_none(floors::check(&repository));
}

#[test]
fn no_modules_of_a_crate_import_each_other_in_a_circle() {
    let repository = Repository::open();
    let mut findings = Vec::new();
    for root in repository.crate_roots() {
        let tree = Crate::read(&root);
        findings.extend(circles::check(&uses::edges(&tree)));
    }
    expect_none(findings);
}

#[test]
fn functions_and_files_stay_small() {
    check_sources(|source| {
        let mut findings = source.long_functions();
        findings.extend(source.long_file());
        findings
    });
}

#[test]
fn names_say_what_things_are() {
    check_sources(Source::poor_names);
}

#[test]
fn unsafe_code_stays_in_its_own_small_modules() {
    check_sources(Source::unsafe_outside_its_place);
}

#[test]
fn only_the_rules_know_the_mutants() {
    check_sources(Source::mutants_outside_the_rules);
}

#[test]
fn every_source_file_says_what_it_is_for() {
    check_sources(Source::missing_purpose);
}

#[test]
fn every_document_has_one_title() {
    let repository = Repository::open();
    let documents = repository.files_ending("md");
    expect_none(documents.iter().flat_map(prose::check_title).collect());
}

#[test]
fn nothing_is_left_over_and_no_machine_is_named() {
    let repository = Repository::open();
    let texts = repository.texts();
    assert!(
        !texts.is_empty(),
        "the repository must have been found where cargo runs"
    );
    expect_none(texts.iter().flat_map(prose::check_words).collect());
}

fn check_sources(check: impl Fn(&Source) -> Vec<Finding>) {
    let repository = Repository::open();
    let files = repository.files_ending("rs");
    assert!(!files.is_empty(), "a house has sources");
    let sources = files.into_iter().map(Source::parse);
    expect_none(sources.flat_map(|source| check(&source)).collect());
}
