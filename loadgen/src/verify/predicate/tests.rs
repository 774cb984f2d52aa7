//! This evaluator against the reference evaluator of the language, on what verify publishes and asks for.

use gomera_filter::{Dialect, Filter, reference};

use super::super::content::{Author, attributes};
use super::super::value::write_attributes;
use super::*;

fn check(text: &str, notification: &str, expected: bool) {
    let mut columns = Columns::default();
    let predicate = Predicate::parse(text, &mut columns).unwrap();
    let mut row = vec![Cell::Missing; columns.len()];
    columns.fill(notification, &mut row);
    assert_eq!(
        predicate.satisfied(&row),
        expected,
        "{text} of {notification}"
    );
}

#[test]
fn the_page_of_the_language_holds() {
    let bird = "kind=sgull level=i7 ratio=f0.5 flag=b1 note=n";
    check("kind = 'gull' AND level < 8", bird, true);
    check("kind = 'gull' AND NOT level < 8", bird, false);
    check("level = 7 OR missing = 1", bird, true);
    check("NOT (missing = 1)", bird, false);
    check("missing <> 1", bird, false);
    check("kind <> 3", bird, false);
    check("level NOT IN (1, 2)", bird, true);
    check("missing NOT IN (1, 2)", bird, false);
    check("kind NOT IN (1, 2)", bird, true);
    check(
        "note IS NULL AND missing IS NULL AND EXISTS note AND NOT EXISTS missing",
        bird,
        true,
    );
    check("flag AND flag = TRUE AND NOT flag = FALSE", bird, true);
    check(
        "level = 7.0 AND ratio > 0 AND ratio BETWEEN 0.5 AND 1",
        bird,
        true,
    );
    check(
        "kind LIKE 'g%' AND kind LIKE '%l' AND kind LIKE 'g_l_' AND kind LIKE '%u%'",
        bird,
        true,
    );
    check(
        "kind LIKE 'g' OR kind LIKE '_' OR kind LIKE '%g_'",
        bird,
        false,
    );
    check("kind > 'guk' AND kind < 'gum'", bird, true);
    check("BBOX(POINT(ratio level), -1, -1, 1, 7)", bird, true);
    check("BBOX(POINT(ratio missing), -1, -1, 1, 7)", bird, false);
}

#[test]
fn what_it_does_not_know_it_refuses() {
    for text in [
        "",
        "a",
        "a = ",
        "a = 1 AND",
        "NEAR(a, POINT(1 2), 3)",
        "a + 1 = 2",
        "a NOT = 1",
        "a = 'b",
    ] {
        let is_flag = text == "a";
        let parsed = Predicate::parse(text, &mut Columns::default());
        assert_eq!(parsed.is_ok(), is_flag, "{text}: {parsed:?}");
    }
}

#[test]
fn it_agrees_with_the_reference_evaluator() {
    let mut author = Author::new("r1", 5);
    let texts: Vec<String> = (0..400).map(|_| author.filter()).collect();
    let mut columns = Columns::default();
    let mut parse = |text: &String| Predicate::parse(text, &mut columns).unwrap();
    let predicates: Vec<Predicate> = texts.iter().map(&mut parse).collect();
    let filters: Vec<Filter> = texts
        .iter()
        .map(|text| Filter::parse(Dialect::Sql, text).expect(text))
        .collect();
    let (mut satisfied, mut used) = (0, vec![false; texts.len()]);
    for _ in 0..1_000 {
        let draft = author.notification();
        let mut line = String::new();
        write_attributes(&mut line, &draft);
        let mut row = vec![Cell::Missing; columns.len()];
        columns.fill(&line, &mut row);
        let published = attributes(&draft);
        for (index, (predicate, filter)) in predicates.iter().zip(&filters).enumerate() {
            let expected = reference::matches(filter, &published);
            assert_eq!(
                predicate.satisfied(&row),
                expected,
                "{} of{line}",
                texts[index]
            );
            satisfied += usize::from(expected);
            used[index] |= expected;
        }
    }
    let used = used.iter().filter(|used| **used).count();
    // Neither nearly nothing nor nearly everything, or a checker would not see much.
    assert!(
        (20_000..120_000).contains(&satisfied),
        "{satisfied} of 400,000"
    );
    assert!(used > 350, "{used} of 400 filters are ever true");
}
