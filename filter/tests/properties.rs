//! Random filters and random bytes: every form of a filter says the same, and nothing panics.

mod agreement;

use gomera_filter::evaluate::Prepared;
use gomera_filter::explain::explain;
use gomera_filter::lint::{FindingKind, lint};
use gomera_filter::reference::evaluate;
use gomera_filter::{Dialect, Filter};
use gomera_model::json::attributes_from_json;
use proptest::prelude::*;

use agreement::{assert_forms_agree, fuzz};

/// A small generator of our own, so that a case is one number.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    fn one_of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.below(choices.len())]
    }
}

/// What a dialect's random filters are made of.
struct Words {
    names: &'static [&'static str],
    literals: &'static [&'static str],
    functions: &'static [&'static str],
    comparisons: &'static [&'static str],
    /// Tests of one operand, written `@`.
    tests: &'static [&'static str],
    /// Conditions by themselves.
    atoms: &'static [&'static str],
    logic: &'static [&'static str],
}

const COMPARISONS: &[&str] = &["=", "<>", "<", "<=", ">", ">="];

#[rustfmt::skip]
const SQL: Words = Words {
    names: &["a", "b", "c", "d", "n", "x.y", "\"x.z\"", "none", "l[1]", "x.z[1].q", "\"odd name\"", "\"in\"", "l[3]['a']", "ünï"],
    literals: &["5", "-5", "2.5", "-1e300", "'text'", "''", "'it''s'", "TRUE", "FALSE", "NULL", "9223372036854775807",
        "-9223372036854775808", "9007199254740993", "TIMESTAMP '2026-11-21T18:00:00Z'", "'🥕'", "POINT(1 2)"],
    functions: &["ABS(@)", "LOWER(@)", "LENGTH(@)", "ROUND(@)", "CONCAT(@, 'x')", "COALESCE(@, 1)", "LEFT(@, 1)", "-@", "+@",
        "DISTANCE(p, POINT(0 0))", "SUBSTRING(@, 2, 1)"],
    comparisons: COMPARISONS,
    tests: &["@ IN (1, 'text', 2.5, NULL)", "@ NOT IN (5, 'b')", "@ LIKE 't%'", "@ NOT LIKE '%x_'", "@ BETWEEN 1 AND 5",
        "@ NOT BETWEEN 'a' AND 'z'", "@ IS NULL", "@ IS NOT NULL", "@ LIKE '10\\%%' ESCAPE '\\'", "STARTS_WITH(@, 'te')",
        "ENDS_WITH(@, 'xt')", "CONTAINS(@, '')", "MATCHES(@, '^t.*t$')", "@ BETWEEN a AND c + 1"],
    atoms: &["d", "none", "EXISTS x", "EXISTS none", "x IS NUMBER", "p IS NOT GEOMETRY", "TRUE", "FALSE", "NULL",
        "ANY(l, m -> m = 'b' OR m.a > 1)", "ALL(l, m -> NOT m = 9)", "ANY(l, a -> a IS NULL AND \"a\" = 5)",
        "NEAR(p, POINT(-3.7 40.4), 100)", "BBOX(p, -4, 40, -3, 41)", "BBOX(b, 170, 0, -170, 1)",
        "S_WITHIN(p, POLYGON((-4 40, -3 40, -3 41, -4 40)))", "NEAR(POINT(c, a + 1), POINT(2.5 6), 1)"],
    logic: &["AND", "OR", "and"],
};

#[rustfmt::skip]
const JMS: Words = Words {
    names: &["a", "b", "c", "d", "n", "\"x.y\"", "none", "$x", "_"],
    literals: &["5", "-5", "2.5", "7.", ".5e1", "0x1F", "017", "5L", "'text'", "'it''s'", "TRUE", "false"],
    functions: &["-@", "+@", "(@)"],
    comparisons: COMPARISONS,
    tests: &["b IN ('a', 'text')", "n NOT IN ('x')", "b LIKE 't%'", "a NOT LIKE '_'", "@ BETWEEN 1 AND 5", "@ NOT BETWEEN c AND 9",
        "none IS NULL", "b IS NOT NULL", "b LIKE '%!_' ESCAPE '!'"],
    atoms: &["d", "none", "a", "TRUE", "FALSE"],
    logic: &["AND", "OR", "Or"],
};

#[rustfmt::skip]
const AMQP: Words = Words {
    names: &["a", "b", "c", "d", "n", "[x.y]", "none", "h.priority", "p.subject", "[two words]", "[a]]b]", "a.b", "h.ttl", "[h:priority]", "[]"],
    literals: &["5", "-5", "2.5", "1.5E-3", "'text'", "\"it's\"", "TRUE", "FALSE", "0x0AFF", "NULL"],
    functions: &["UPPER(@)", "LEFT(@, 1)", "SUBSTRING(@, 1, 2)", "DATE(@)", "UTC()", "-@", "+@"],
    comparisons: &["=", "<>", "!=", "<", "<=", ">", ">="],
    tests: &["@ IN (5, b, c + 1)", "@ NOT IN ('b', TRUE)", "@ LIKE 't%'", "@ NOT LIKE 'z_' ESCAPE 'z'", "@ IS NULL", "@ IS NOT NULL"],
    atoms: &["d", "none", "a + 1", "EXISTS(b)", "TRUE", "FALSE", "(a = 5) = TRUE", "'x'"],
    logic: &["AND", "OR"],
};

#[rustfmt::skip]
const CESQL: Words = Words {
    names: &["a", "b", "c", "d", "n", "none", "id", "1st"],
    literals: &["5", "-5", "'text'", "\"it's\"", "'a\\'b'", "TRUE", "FALSE", "-2147483648", "'7'", "\"a\\'b\""],
    functions: &["UPPER(@)", "LEFT(@, 1)", "CONCAT_WS('-', @, a)", "INT(@)", "STRING(@)", "-@", "LENGTH(@)", "IS_INT(@)", "ABS(@)"],
    comparisons: &["=", "<>", "!=", "<", "<=", ">", ">="],
    tests: &["(@) IN (5, b, 'x')", "id NOT IN ('b', TRUE)", "b LIKE 't%'", "(@) NOT LIKE '\\%_'", "(@) LIKE 'te_t'"],
    atoms: &["d", "none", "EXISTS b", "NOT EXISTS none", "TRUE", "FALSE", "(a = 5) = TRUE", "a = b = d"],
    logic: &["AND", "OR", "XOR"],
};

fn words(dialect: Dialect) -> Option<&'static Words> {
    match dialect {
        Dialect::Sql => Some(&SQL),
        Dialect::Jms => Some(&JMS),
        Dialect::AmqpSql => Some(&AMQP),
        Dialect::Cesql => Some(&CESQL),
        Dialect::Mqtt => None,
    }
}

fn operand(random: &mut Random, words: &Words, depth: usize) -> String {
    match random.below(if depth > 2 { 4 } else { 7 }) {
        0..=2 => random.one_of(words.names).into(),
        3 => random.one_of(words.literals).into(),
        4 => {
            let operator = random.one_of(&["+", "-", "*", "/", "%"]);
            let left = operand(random, words, depth + 1);
            format!("({left} {operator} {})", operand(random, words, depth + 1))
        }
        _ => {
            let inner = operand(random, words, depth + 1);
            random.one_of(words.functions).replace('@', &inner)
        }
    }
}

fn condition(random: &mut Random, words: &Words, depth: usize) -> String {
    match random.below(if depth > 3 { 6 } else { 9 }) {
        0..=2 => {
            let comparison = random.one_of(words.comparisons);
            let left = operand(random, words, 0);
            format!("{left} {comparison} {}", operand(random, words, 0))
        }
        3 | 4 => {
            let inner = operand(random, words, 2);
            random.one_of(words.tests).replace('@', &inner)
        }
        5 => random.one_of(words.atoms).into(),
        6 => format!("NOT ({})", condition(random, words, depth + 1)),
        _ => {
            let logic = random.one_of(words.logic);
            let left = condition(random, words, depth + 1);
            let right = condition(random, words, depth + 1);
            match random.below(3) {
                0 => format!("({left}) {logic} ({right})"),
                1 => format!("({left} {logic} {right})"),
                _ => format!("{left} {logic} {right}"),
            }
        }
    }
}

fn comparisons(random: &mut Random) -> String {
    let count = 1 + random.below(4);
    let one = |random: &mut Random| {
        let key = random.one_of(&["a", "b", "c", "d", "two words", "'a&b'", "e", "5", "none"]);
        let sign = random.one_of(&["=", "!=", "<", "<=", ">", ">=", "<>"]);
        let value = random.one_of(&[
            "5", "-2.5", "text", "'5'", "true", "false", "", "'it''s'", "a b", "1e3",
        ]);
        format!("{key}{sign}{value}")
    };
    (0..count)
        .map(|_| one(random))
        .collect::<Vec<_>>()
        .join("&")
}

fn filter_text(dialect: Dialect, random: &mut Random) -> String {
    match words(dialect) {
        Some(words) => condition(random, words, 0),
        None => comparisons(random),
    }
}

/// A notification of random values for the names that filters ask for.
fn event(random: &mut Random) -> String {
    let values = [
        "5",
        "-5",
        "2.5",
        "5.0",
        "0",
        "-0.0",
        "\"text\"",
        "\"\"",
        "\"5\"",
        "true",
        "false",
        "null",
        "9007199254740992.0",
        "[1,\"b\",null]",
        "{\"y\":1}",
        "\"true\"",
        "1e300",
        "9223372036854775807",
        "{\"lat\":1,\"lon\":2}",
        "\"🥕\"",
    ];
    let fields: Vec<String> = [
        "a",
        "b",
        "c",
        "d",
        "n",
        "x",
        "l",
        "p",
        "e",
        "id",
        "p:subject",
        "h:priority",
    ]
    .iter()
    .filter_map(|name| match random.below(4) {
        0 => None,
        _ => Some(format!("\"{name}\":{}", random.one_of(&values))),
    })
    .collect();
    format!("{{{}}}", fields.join(","))
}

/// Pieces that parsers stumble over, in any order.
#[rustfmt::skip]
const PIECES: &[&str] = &["(", ")", "((", "a", "b", " ", " ", "\n", "'x'", "'", "\"", "\"q\"", "[", "]", "[b]", "=", "<>", "<", ">=", "!=", "!", "+", "-", "--",
    "*", "/", "%", ",", ".", ":", "->", "&", "AND ", " OR ", "NOT ", " IN ", " LIKE ", " BETWEEN ", " IS ", "NULL", "EXISTS ", "ESCAPE '\\'",
    "TRUE", "FALSE", "XOR", "5", "0x", "0x1F", "1e", "1e5", "1.", ".5", "99999999999999999999", "-9223372036854775808", "ANY(", "ALL(a, x -> ", "POINT(",
    "BBOX(a, 1, 2, 3, 4)", "NEAR(", "MATCHES(b, '", "TIMESTAMP ", "UTC()", "h.priority", "p.to", "🥕", "\u{0}", "\\", "ABS(", "CONCAT(", "x.y", "$", "_", "%_"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_form_of_a_random_filter_agrees(seed: u64) {
        let mut random = Random(seed);
        let dialect = Dialect::ALL[random.below(5)];
        let text = filter_text(dialect, &mut random);
        let accepted = Filter::parse(dialect, &text);
        if let Ok(filter) = accepted {
            let findings = lint(&filter);
            let is_found = |kind| {
                findings.iter().any(|finding| finding.kind == kind && finding.clause == filter.text())
            };
            for _ in 0..4 {
                let event = event(&mut random);
                prop_assert!(attributes_from_json(event.as_bytes()).is_ok(), "{}", event);
                let flat = agreement::flat(&event);
                assert_forms_agree(&filter, &flat);
                let explanation = explain(&filter, &Prepared::new(&flat));
                prop_assert_eq!(explanation.verdict, evaluate(&filter, &flat));
                prop_assert!(!explanation.deciding().is_empty());
                if is_found(FindingKind::NeverTrue) {
                    prop_assert!(!explanation.verdict.is_true(), "{} on {}", filter, event);
                }
                if is_found(FindingKind::AlwaysTrue) {
                    prop_assert!(explanation.verdict.is_true(), "{} on {}", filter, event);
                }
            }
        }
    }

    #[test]
    fn pieces_in_any_order_never_panic(seed: u64) {
        let mut random = Random(seed);
        let dialect = Dialect::ALL[random.below(5)];
        let count = 1 + random.below(24);
        let text: String = (0..count).map(|_| random.one_of(PIECES)).collect();
        fuzz::text(dialect, text.as_bytes());
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for dialect in Dialect::ALL {
            fuzz::text(dialect, &bytes);
        }
        fuzz::canonical(&bytes);
    }

    #[test]
    fn damaged_canonical_bytes_never_panic(seed: u64) {
        let mut random = Random(seed);
        let dialect = Dialect::ALL[random.below(5)];
        if let Ok(filter) = Filter::parse(dialect, &filter_text(dialect, &mut random)) {
            let mut bytes = filter.canonical().0.to_vec();
            for _ in 0..1 + random.below(3) {
                let place = random.below(bytes.len());
                bytes[place] = random.next().to_le_bytes()[0];
            }
            bytes.truncate(1 + random.below(bytes.len()));
            fuzz::canonical(&bytes);
        }
    }
}

#[test]
fn most_random_filters_are_accepted() {
    let mut random = Random(1);
    for dialect in Dialect::ALL {
        let accepted = (0..500)
            .filter(|_| Filter::parse(dialect, &filter_text(dialect, &mut random)).is_ok())
            .count();
        assert!(accepted > 350, "{dialect}: {accepted} of 500");
    }
}

#[test]
fn long_input_never_panics() {
    let mut random = Random(7);
    for length in [0, 1, 8 * 1024, 64 * 1024] {
        let bytes: Vec<u8> = (0..length)
            .map(|_| random.next().to_le_bytes()[0])
            .collect();
        let letters: Vec<u8> = bytes.iter().map(|byte| b' ' + byte % 95).collect();
        for dialect in Dialect::ALL {
            fuzz::text(dialect, &bytes);
            fuzz::text(dialect, &letters);
            for piece in PIECES {
                fuzz::text(dialect, piece.repeat(8 * 1024 / piece.len()).as_bytes());
            }
        }
        fuzz::canonical(&bytes);
    }
    for tag in 0..=255_u8 {
        let deep: Vec<u8> = [1, 0]
            .into_iter()
            .chain(std::iter::repeat_n(tag, 64 * 1024))
            .collect();
        fuzz::canonical(&deep);
    }
}
