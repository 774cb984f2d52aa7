//! The examples of `docs/language.md` are filters.

use gomera_filter::{Dialect, Filter};

const PAGE: &str = include_str!("../../docs/language.md");

#[test]
fn every_example_is_read() {
    let block = PAGE
        .split("```sql\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let lines = block.expect("a block of examples").lines();
    let filters: Vec<&str> = lines
        .map(|line| line.split("--").next().unwrap_or("").trim())
        .filter(|line| !line.is_empty())
        .collect();
    assert!(filters.len() > 15);
    for filter in filters {
        let read = Filter::parse(Dialect::Sql, filter);
        assert!(read.is_ok(), "{filter}: {read:?}");
    }
}

#[test]
fn every_limit_is_named() {
    for name in [
        "text-too-long",
        "too-deep",
        "too-many-predicates",
        "too-many-members",
        "pattern-too-long",
        "too-many-expressions",
        "regex-too-large",
        "too-many-characters",
        "too-many-tokens",
    ] {
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
}
