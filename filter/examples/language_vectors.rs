//! Prints `docs/language-vectors.jsonl`: cases of the filter language with the verdict that its rules give.
//!
//! The verdicts come from the rules as they are written down here, not from the evaluator; a test holds the evaluator
//! to them. `cargo run -p gomera-filter --example language_vectors > docs/language-vectors.jsonl`

#![allow(
    clippy::print_stdout,
    reason = "the cases are the purpose of this program"
)]

fn main() {
    for line in lines() {
        println!("{line}");
    }
}

/// A value that an attribute may have. Numbers are given as quarters, so that they compare exactly here.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Missing,
    Null,
    Bool(bool),
    Number(i128),
    Text(&'static str),
    Bytes,
    Array,
}

/// A value: as JSON, and what it is. An empty JSON stands for no attribute.
type Sample = (&'static str, Kind);

const SAMPLES: &[Sample] = &[
    ("", Kind::Missing),
    ("null", Kind::Null),
    ("true", Kind::Bool(true)),
    ("false", Kind::Bool(false)),
    ("5", Kind::Number(20)),
    ("2.5", Kind::Number(10)),
    ("\"abc\"", Kind::Text("abc")),
    ("\"5\"", Kind::Text("5")),
    ("{\"bytes\":\"0aff\"}", Kind::Bytes),
];

const COMPARISONS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

/// All cases, one JSON object each.
pub fn lines() -> Vec<String> {
    let mut cases = Cases::default();
    compare_attributes(&mut cases);
    compare_literals(&mut cases);
    test_every_type(&mut cases);
    numbers(&mut cases);
    logic(&mut cases);
    compute(&mut cases);
    texts(&mut cases);
    refusals(&mut cases);
    dialects(&mut cases);
    cases.lines
}

#[derive(Default)]
struct Cases {
    lines: Vec<String>,
    suite: &'static str,
    number: usize,
}

impl Cases {
    fn suite(&mut self, name: &'static str) {
        self.suite = name;
        self.number = 0;
    }

    fn add(&mut self, dialect: &str, expr: &str, attrs: &str, expect: &str) {
        self.number += 1;
        let (suite, id) = (self.suite, self.number);
        let expr = quoted(expr);
        self.lines.push(format!(
            "{{\"suite\":\"{suite}\",\"id\":\"{suite}-{id}\",\"dialect\":\"{dialect}\",\"expr\":{expr},\"attrs\":{attrs},\"expect\":\"{expect}\"}}"
        ));
    }

    fn sql(&mut self, expr: &str, attrs: &str, expect: &str) {
        self.add("sql", expr, attrs, expect);
    }
}

/// Every comparison of every pair of types, between two attributes.
fn compare_attributes(cases: &mut Cases) {
    cases.suite("compare-attributes");
    for (left, left_kind) in SAMPLES {
        for (right, right_kind) in SAMPLES {
            for comparison in COMPARISONS {
                let expect = compared(*left_kind, comparison, *right_kind);
                let attrs = attributes(&[("a", left), ("b", right)]);
                cases.sql(&format!("a {comparison} b"), &attrs, expect);
            }
        }
    }
}

/// The rule: like types compare, truth values for equality only, all else is unknown.
fn compared(left: Kind, comparison: &str, right: Kind) -> &'static str {
    let order = match (left, right) {
        (Kind::Number(left), Kind::Number(right)) => left.cmp(&right),
        (Kind::Text(left), Kind::Text(right)) => left.cmp(right),
        (Kind::Bytes, Kind::Bytes) => std::cmp::Ordering::Equal,
        (Kind::Bool(left), Kind::Bool(right)) if matches!(comparison, "=" | "<>") => {
            left.cmp(&right)
        }
        _ => return "unknown",
    };
    verdict(match comparison {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// Every comparison of every type with a literal of every type.
fn compare_literals(cases: &mut Cases) {
    cases.suite("compare-literals");
    let literals = [
        ("5", Kind::Number(20)),
        ("-2.5", Kind::Number(-10)),
        ("'abc'", Kind::Text("abc")),
        ("TRUE", Kind::Bool(true)),
        ("NULL", Kind::Null),
    ];
    for (value, kind) in SAMPLES {
        for (literal, literal_kind) in literals {
            for comparison in COMPARISONS {
                let expect = compared(*kind, comparison, literal_kind);
                let attrs = attributes(&[("a", value)]);
                cases.sql(&format!("a {comparison} {literal}"), &attrs, expect);
            }
        }
    }
}

/// `IN`, `BETWEEN`, `LIKE`, `IS`, `EXISTS` on a value of every type.
fn test_every_type(cases: &mut Cases) {
    cases.suite("tests");
    let samples = SAMPLES.iter().chain(&[("[1,\"abc\"]", Kind::Array)]);
    for (value, kind) in samples {
        let attrs = attributes(&[("a", value)]);
        let absent = matches!(kind, Kind::Missing | Kind::Null);
        let unless_absent = |holds: bool| if absent { "unknown" } else { verdict(holds) };
        let of_type = |fits: bool, holds: bool| if fits { verdict(holds) } else { "unknown" };
        let is_number = matches!(kind, Kind::Number(_));
        let is_text = matches!(kind, Kind::Text(_));
        let is_bool = matches!(kind, Kind::Bool(_));
        let five = *kind == Kind::Number(20);
        let yes = *kind == Kind::Bool(true);
        let abc = of_type(is_text, *kind == Kind::Text("abc"));
        let digits = of_type(is_text, *kind == Kind::Text("5"));
        let one_of = unless_absent(five || yes);
        let one_text = unless_absent(*kind == Kind::Text("abc"));
        let number = of_type(is_number, five);
        let array = of_type(*kind == Kind::Array, true);
        let with_null = if five { "true" } else { "unknown" };
        let tests = [
            ("a IN (5, 'x', TRUE)", "a NOT IN (5, 'x', TRUE)", one_of),
            ("a IN ('abc')", "NOT (a IN ('abc'))", one_text),
            ("a IN (5, NULL)", "a NOT IN (5, NULL)", with_null),
            ("a BETWEEN 3 AND 9", "a NOT BETWEEN 3 AND 9", number),
            ("a BETWEEN 'a' AND 'b'", "a NOT BETWEEN 'a' AND 'b'", abc),
            ("a LIKE 'a%'", "a NOT LIKE 'a%'", abc),
            ("STARTS_WITH(a, 'ab')", "NOT STARTS_WITH(a, 'ab')", abc),
            (
                "MATCHES(a, '^[0-9]+$')",
                "NOT MATCHES(a, '^[0-9]+$')",
                digits,
            ),
            ("a IS NULL", "a IS NOT NULL", verdict(absent)),
            ("EXISTS a", "NOT EXISTS a", verdict(*kind != Kind::Missing)),
            ("a IS NUMBER", "a IS NOT NUMBER", verdict(is_number)),
            ("a IS STRING", "a IS NOT STRING", verdict(is_text)),
            ("a IS BOOLEAN", "a IS NOT BOOLEAN", verdict(is_bool)),
            ("a IS GEOMETRY", "a IS NOT GEOMETRY", "false"),
            ("a", "NOT a", of_type(is_bool, yes)),
            ("a + 1 = 6", "a + 1 <> 6", number),
            ("ANY(a, x -> x = 1)", "NOT ANY(a, x -> x = 1)", array),
        ];
        for (positive, negative, expect) in tests {
            cases.sql(positive, &attrs, expect);
            cases.sql(negative, &attrs, opposite(expect));
        }
    }
}

/// Numbers at the edges of their types.
fn numbers(cases: &mut Cases) {
    cases.suite("numbers");
    let edges: &[(&str, &str, &str)] = &[
        ("9007199254740993", "a = 9007199254740993", "true"),
        ("9007199254740993", "a = 9007199254740992.0", "false"),
        ("9007199254740993", "a > 9007199254740992.0", "true"),
        ("9007199254740992.0", "a < 9007199254740993", "true"),
        ("9223372036854775807", "a = 9223372036854775807", "true"),
        ("9223372036854775807", "a < 9223372036854775808.0", "true"),
        ("-9223372036854775808", "a = -9223372036854775808", "true"),
        ("-9223372036854775808", "a = -9223372036854775808.0", "true"),
        ("-9223372036854775808", "a > -9.3e18", "true"),
        ("0", "a = -0.0", "true"),
        ("-0.0", "a = 0", "true"),
        ("-0.0", "a < 0", "false"),
        ("0.1", "a = 0.1", "true"),
        ("0.1", "a + 0.2 = 0.3", "false"),
        ("1e308", "a * 10 > 0", "unknown"),
        ("5e-324", "a > 0", "true"),
        ("9223372036854775807", "a + 1 > 0", "unknown"),
        ("-9223372036854775808", "-a > 0", "unknown"),
        ("-9223372036854775808", "a - 1 < 0", "unknown"),
        ("-9223372036854775808", "a / -1 > 0", "unknown"),
        ("-9223372036854775808", "a % -1 = 0", "true"),
        ("7", "a / 2 = 3.5", "true"),
        ("8", "a / 2 = 4", "true"),
        ("7", "a % 4 = 3", "true"),
        ("-7", "a % 4 = -3", "true"),
        ("7", "a % -4 = 3", "true"),
        ("7.5", "a % 2 = 1.5", "true"),
        ("7", "a / 0 = 1", "unknown"),
        ("7", "a / 0.0 = 1", "unknown"),
        ("7", "a % 0 = 1", "unknown"),
        ("7", "a / 0 IS NULL", "true"),
        ("100", "a = 1e2", "true"),
        ("100", "a = 1.e2", "true"),
        ("0.5", "a = .5", "true"),
        ("100", "a = 1E+2", "true"),
        ("0.01", "a = 1e-2", "true"),
    ];
    for (value, expr, expect) in edges {
        cases.sql(expr, &attributes(&[("a", value)]), expect);
    }
}

/// The truth tables, with attributes that are true, false, and missing.
fn logic(cases: &mut Cases) {
    cases.suite("logic");
    let attrs = attributes(&[("t", "true"), ("f", "false")]);
    let truths = [("t", "true"), ("f", "false"), ("u", "unknown")];
    let rank = |truth: &str| {
        ["false", "unknown", "true"]
            .iter()
            .position(|known| *known == truth)
    };
    for (left, left_truth) in truths {
        cases.sql(&format!("NOT {left}"), &attrs, opposite(left_truth));
        for (right, right_truth) in truths {
            let (least, most) = if rank(left_truth) <= rank(right_truth) {
                (left_truth, right_truth)
            } else {
                (right_truth, left_truth)
            };
            cases.sql(&format!("{left} AND {right}"), &attrs, least);
            cases.sql(&format!("{left} OR {right}"), &attrs, most);
            cases.sql(
                &format!("NOT ({left} AND {right})"),
                &attrs,
                opposite(least),
            );
            cases.sql(&format!("NOT ({left} OR {right})"), &attrs, opposite(most));
        }
    }
    for (expr, expect) in [
        ("t OR f AND f", "true"),
        ("(t OR f) AND f", "false"),
        ("NOT f AND f", "false"),
        ("NOT (f AND f)", "true"),
        ("NOT NOT t", "true"),
        ("t and not f or u", "true"),
    ] {
        cases.sql(expr, &attrs, expect);
    }
}

/// Arithmetic of every pair of types has a value for two numbers only.
fn compute(cases: &mut Cases) {
    cases.suite("arithmetic");
    for (left, left_kind) in SAMPLES {
        for (right, right_kind) in SAMPLES {
            for (operator, result) in [("+", "10"), ("-", "0"), ("*", "25"), ("/", "1"), ("%", "0")]
            {
                let numbers = matches!((left_kind, right_kind), (Kind::Number(_), Kind::Number(_)));
                let fives = *left_kind == Kind::Number(20) && *right_kind == Kind::Number(20);
                let attrs = attributes(&[("a", left), ("b", right)]);
                if !numbers {
                    cases.sql(&format!("a {operator} b = {result}"), &attrs, "unknown");
                } else if fives {
                    cases.sql(&format!("a {operator} b = {result}"), &attrs, "true");
                }
            }
        }
    }
    let attrs = attributes(&[("a", "7"), ("b", "2")]);
    for (expr, expect) in [
        ("a + b * 2 = 11", "true"),
        ("(a + b) * 2 = 18", "true"),
        ("a - b - 1 = 4", "true"),
        ("a - (b - 1) = 6", "true"),
        ("a / b / 7 = 0.5", "true"),
        ("-a + b = -5", "true"),
        ("a - -b = 9", "true"),
        ("a * -b = -14", "true"),
        ("+a = 7", "true"),
    ] {
        cases.sql(expr, &attrs, expect);
    }
}

/// Text: characters, not bytes; patterns, quotes, order.
fn texts(cases: &mut Cases) {
    cases.suite("text");
    let samples: &[(&str, &str, &str)] = &[
        ("\"car🥕rot\"", "a LIKE 'car_rot'", "true"),
        ("\"car🥕rot\"", "a LIKE 'car__rot'", "false"),
        ("\"car🥕rot\"", "a LIKE '%🥕%'", "true"),
        ("\"car🥕rot\"", "LENGTH(a) = 7", "true"),
        ("\"e\\u0301\"", "LENGTH(a) = 2", "true"),
        ("\"e\\u0301\"", "a = 'é'", "false"),
        ("\"é\"", "a LIKE '_'", "true"),
        ("\"ß\"", "UPPER(a) = 'SS'", "true"),
        ("\"Ä\"", "LOWER(a) = 'ä'", "true"),
        ("\"\"", "a LIKE ''", "true"),
        ("\"\"", "a LIKE '%'", "true"),
        ("\"\"", "a LIKE '_'", "false"),
        ("\"\"", "a = ''", "true"),
        ("\"it's\"", "a = 'it''s'", "true"),
        ("\"''\"", "a = ''''''", "true"),
        ("\"a\\nb\"", "a LIKE 'a_b'", "true"),
        ("\"50%\"", "a LIKE '50!%' ESCAPE '!'", "true"),
        ("\"500\"", "a LIKE '50!%' ESCAPE '!'", "false"),
        ("\"a!b\"", "a LIKE 'a!!b' ESCAPE '!'", "true"),
        ("\"a\\\\_\"", "a LIKE 'a\\!_' ESCAPE '!'", "true"),
        ("\"a\\\\x\"", "a LIKE 'a\\_'", "true"),
        ("\"aXbXc\"", "a LIKE 'a%b%c'", "true"),
        ("\"ab\"", "a LIKE 'a%ab'", "false"),
        ("\"aab\"", "a LIKE '%ab'", "true"),
        ("\"abab\"", "a LIKE '%ab'", "true"),
        ("\"abc\"", "a LIKE 'ABC'", "false"),
        ("\"Z\"", "a < 'a'", "true"),
        ("\"a\"", "a < 'ä'", "true"),
        ("\"￿\"", "a < '🥕'", "true"),
        ("\"10\"", "a < '9'", "true"),
        ("\"abc\"", "SUBSTRING(a, 2) = 'bc'", "true"),
        ("\"abc\"", "SUBSTRING(a, 2, 1) = 'b'", "true"),
        ("\"abc\"", "LEFT(a, 9) = 'abc'", "true"),
        ("\"abc\"", "RIGHT(a, 2) = 'bc'", "true"),
        ("\"abc\"", "CONCAT(a, '-', a) = 'abc-abc'", "true"),
        ("\" a \"", "TRIM(a) = 'a'", "true"),
        ("\"abc\"", "MATCHES(a, 'b')", "true"),
        ("\"abc\"", "MATCHES(a, '^b')", "false"),
        ("\"abc\"", "CONTAINS(a, '')", "true"),
        ("\"abc\"", "ENDS_WITH(a, 'bc')", "true"),
    ];
    for (value, expr, expect) in samples {
        cases.sql(expr, &attributes(&[("a", value)]), expect);
    }
}

#[rustfmt::skip]
const REFUSED: &[(&str, &[&str])] = &[
        (
            "sql",
            &[
                "",
                "a =",
                "a == 1",
                "1 < a < 3",
                "a = 'x",
                "\"a = 1",
                "a IN ()",
                "a IN (b)",
                "a LIKE b",
                "a LIKE 'x' ESCAPE 'yz'",
                "a LIKE 'x!y' ESCAPE '!'",
                "a BETWEEN 1",
                "5",
                "a + 1",
                "and = 1",
                "a = 1 b = 2",
                "(a = 1",
                "a = 1)",
                "nope(a) = 1",
                "ABS(a, 1) = 1",
                "a = 5x",
                "a = 9223372036854775808",
                "a = 1e999",
                "a = :me",
                "NEAR(a, POINT(0 91), 1)",
                "MATCHES(a, '(')",
                "a = TIMESTAMP 'soon'",
            ],
        ),
        (
            "jms",
            &[
                "a != 1",
                "a = NULL",
                "a.b = 1",
                "a IN (1)",
                "'x' LIKE 'x'",
                "3 + 5",
                "a = 08",
                "UPPER(a) = 'A'",
                "a = b = c",
            ],
        ),
        (
            "amqp-sql",
            &[
                "true",
                "a and b",
                "a = .5",
                "a = 5.",
                "a = 5E2",
                "a = 0x1",
                "a = 0xab",
                "m.x = 1",
                "p.nope = 1",
                "_a = 1",
                "[a = 1",
                "a LIKE 'x*' ESCAPE '*'",
                "UTC(1) > 0",
            ],
        ),
        (
            "cesql",
            &[
                "a = 2147483648",
                "a = 1.5",
                "a_b = 1",
                "a.b = 1",
                "a LIKE b",
                "EXISTS (a)",
                "nope(a)",
                "a IS NULL",
                "'x",
            ],
        ),
        ("mqtt", &["a", "=1", "a=1&", "a==1", "a='x", "NOT (a=1)"]),
    ];

/// What cannot be meant, in each dialect.
fn refusals(cases: &mut Cases) {
    cases.suite("refusals");
    for (dialect, texts) in REFUSED {
        for text in *texts {
            cases.add(dialect, text, "{}", "parse_error");
        }
    }
}

/// Where the dialects differ.
fn dialects(cases: &mut Cases) {
    cases.suite("dialects");
    let attrs = attributes(&[
        ("n", "5"),
        ("s", "\"5\""),
        ("t", "\"abc\""),
        ("b", "true"),
        ("p:subject", "\"x\""),
    ]);
    let rows: &[(&str, &str, &str)] = &[
        ("sql", "n = '5'", "unknown"),
        ("jms", "n = '5'", "false"),
        ("amqp-sql", "n = '5'", "false"),
        ("cesql", "n = '5'", "true"),
        ("mqtt", "n='5'", "unknown"),
        ("mqtt", "s=5", "true"),
        ("mqtt", "s>4&n<6", "true"),
        ("sql", "n <> '5'", "unknown"),
        ("jms", "n <> '5'", "false"),
        ("amqp-sql", "n <> '5'", "false"),
        ("cesql", "n <> '5'", "false"),
        ("sql", "t > 'abb'", "true"),
        ("jms", "t > 'abb'", "false"),
        ("amqp-sql", "t > 'abb'", "true"),
        ("cesql", "t > 'abb'", "unknown"),
        ("cesql", "s > 4", "true"),
        ("sql", "none = 1 OR b", "true"),
        ("cesql", "none = 1 OR b", "unknown"),
        ("cesql", "b OR none = 1", "true"),
        ("sql", "NOT (none = 1 AND FALSE)", "true"),
        ("cesql", "NOT (none = 1 AND FALSE)", "unknown"),
        ("sql", "7 / 2 = 3.5", "true"),
        ("jms", "7 / 2 = 3.5", "true"),
        ("cesql", "7 / 2 = 3", "true"),
        ("cesql", "5 + TRUE = 6", "true"),
        ("cesql", "TRUE OR TRUE AND FALSE", "false"),
        ("sql", "TRUE OR TRUE AND FALSE", "true"),
        ("jms", "0x10 = 16", "true"),
        ("jms", "010 = 8", "true"),
        ("amqp-sql", "0x0A = 0x0A", "true"),
        ("amqp-sql", "\"abc\" = t", "true"),
        ("amqp-sql", "[t] = 'abc'", "true"),
        ("amqp-sql", "p.subject = 'x'", "true"),
        ("amqp-sql", "h.priority = 4", "true"),
        ("amqp-sql", "s IN (n, '5')", "true"),
        ("cesql", "t LIKE 'a\\_c'", "false"),
        ("cesql", "n LIKE '_'", "true"),
        ("jms", "n LIKE '_'", "unknown"),
        ("jms", "t LIKE 'xabc' ESCAPE 'x'", "false"),
        ("amqp-sql", "t LIKE 'xabc' ESCAPE 'x'", "true"),
        ("cesql", "s", "unknown"),
        ("cesql", "NOT 'FALSE'", "true"),
        ("cesql", "'TRUE' = TRUE", "true"),
        ("cesql", "TRUE = 'TRUE'", "false"),
    ];
    for (dialect, expr, expect) in rows {
        cases.add(dialect, expr, &attrs, expect);
    }
}

fn verdict(holds: bool) -> &'static str {
    if holds { "true" } else { "false" }
}

fn opposite(truth: &str) -> &'static str {
    match truth {
        "true" => "false",
        "false" => "true",
        _ => "unknown",
    }
}

/// The attributes that are there, as JSON.
fn attributes(pairs: &[(&str, &str)]) -> String {
    let fields: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
