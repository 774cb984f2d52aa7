//! The native language: what is read, how it is printed, what it means.

mod agreement;

use gomera_filter::{Dialect, Filter, FilterErrorKind, Truth};

#[track_caller]
fn check(text: &str, event: &str, expected: Truth) {
    agreement::check(Dialect::Sql, text, event, expected);
}

fn holds(text: &str, event: &str) {
    check(text, event, Truth::True);
}

fn fails(text: &str, event: &str) {
    check(text, event, Truth::False);
}

fn unknown(text: &str, event: &str) {
    check(text, event, Truth::Unknown);
}

#[track_caller]
fn refused(text: &str, kind: FilterErrorKind, byte: usize) {
    let error = Filter::parse(Dialect::Sql, text).expect_err(text);
    assert_eq!(
        (error.kind, error.position.byte),
        (kind, byte),
        "{text}: {error}"
    );
}

#[test]
#[rustfmt::skip]
fn comparisons() {
    let event = r#"{"a":5,"f":2.5,"s":"abc","t":true,"n":null,"big":9007199254740993}"#;
    for text in [
        "a = 5", "a = 5.0", "5 = a", "a <> 4", "a != 4", "a < 5.5", "4 < a", "a >= 5", "f > 2", "s = 'abc'",
        "s < 'abd'", "s >= 'abc'", "t = TRUE", "t <> false", "t", "NOT NOT t", "big = 9007199254740993",
        "big > 9007199254740992.0", "big <> 9007199254740992.0", "a BETWEEN 5 AND 5", "a NOT BETWEEN 6 AND 7",
        "s BETWEEN 'aa' AND 'ac'", "a IN (1, 5)", "a IN ('x', 5.0)", "a NOT IN ('5')", "n IS NULL", "x IS NULL",
        "EXISTS n", "NOT EXISTS x", "a IS NOT NULL", "a IS NUMBER", "s IS STRING", "t IS BOOLEAN", "x IS NOT NUMBER",
        "n IS NOT NUMBER", "a = 5 OR x = 1", "TRUE", "- -a = 5", "-a = -5",
    ] {
        holds(text, event);
    }
    for text in [
        "a = 4", "s = 'ABC'", "a IN (1, 2)", "a BETWEEN 1 AND 4", "x = 1 AND FALSE",
    ] {
        fails(text, event);
    }
    for text in [
        "x = 1", "x <> 1", "x IN (1)", "x NOT IN (1)", "x LIKE '%'", "x BETWEEN 1 AND 2", "n = 1", "s > 3",
        "a = '5'", "t < FALSE", "t > t", "a = NULL", "NULL", "a IN (1, NULL)", "a", "s", "x = 1 AND TRUE",
        "x = 1 OR FALSE", "a + s = 1", "x + 1 = 1", "a / 0 = 1", "a % 0 = 1", "big * big > 0", "a LIKE '5'", "x",
        "n",
    ] {
        unknown(text, event);
    }
    holds("a IN (5, NULL)", event);
    fails("x BETWEEN 1 AND 2 AND a = 1", event);
    fails("a BETWEEN 'x' AND 4", event);
}

#[test]
#[rustfmt::skip]
fn arithmetic() {
    let event = r#"{"a":7,"b":-2,"f":0.5,"max":9223372036854775807,"min":-9223372036854775808}"#;
    for text in [
        "a + 1 * 2 = 9", "(a + 1) * 2 = 16", "a / 2 = 3.5", "6 / 3 = 2", "a % 4 = 3", "-7 % 4 = -3", "a % b = 1",
        "a - 1 - 1 = 5", "a - (1 - 1) = 7", "f * 2 = 1", "+a = 7", "min = -9223372036854775808", "max - 1 < max",
        "ABS(b) = 2", "ROUND(2.5) = 3", "FLOOR(-f) = -1", "CEIL(f) = 1", "0 = -0.0", "min % -1 = 0", "7.5 % 2 = 1.5",
        "1e3 = 1000", ".5 = f", "5. = 5",
    ] {
        holds(text, event);
    }
    for text in [
        "max + 1 > 0", "min / -1 > 0", "-min > 0", "ABS(min) > 0", "1 / 0 = 1", "1.0 / 0 = 1", "1e308 * 10 > 0",
    ] {
        unknown(text, event);
    }
}

#[test]
#[rustfmt::skip]
fn text_tests() {
    let event = r#"{"s":"a%b_c","u":"car🥕rot","e":"","p":"x.y"}"#;
    for text in [
        "s LIKE 'a%'", "s LIKE '%c'", "s LIKE 'a!%b!_c' ESCAPE '!'", "s LIKE 'a\\%%' ESCAPE '\\'",
        "u LIKE 'car_rot'", "u LIKE '%🥕%'", "u LIKE '___🥕___'", "u LIKE '_%🥕%_'", "e LIKE ''", "e LIKE '%%'",
        "s NOT LIKE 'A%'", "u NOT LIKE 'car__rot'", "u LIKE 'c%r%t'", "u LIKE '%r_t'", "u LIKE 'c_r%_o%'",
        "STARTS_WITH(u, 'car')", "ENDS_WITH(u, 'rot')", "CONTAINS(u, '🥕r')", "MATCHES(u, '^car.rot$')",
        "MATCHES(u, '[^a-z]')", "MATCHES(u, '\\bcar\\b')", "MATCHES(u, '\\w+.\\w+$')", "UPPER(u) = 'CAR🥕ROT'", "LENGTH(u) = 7", "SUBSTRING(u, 4, 1) = '🥕'",
        "LEFT(u, 3) = 'car'", "RIGHT(u, 3) = 'rot'", "CONCAT(s, '-', p) = 'a%b_c-x.y'", "TRIM(' x ') = 'x'",
        "'it''s' = 'it''s'", "s LIKE 'a!!%' ESCAPE '!' OR TRUE", "p LIKE '_._'",
    ] {
        holds(text, event);
    }
    for text in [
        "u LIKE 'car'", "e LIKE '_'", "s LIKE 'a!%' ESCAPE '!'", "MATCHES(u, '^rot')", "u LIKE '%a%a%'",
    ] {
        fails(text, event);
    }
}

#[test]
fn joined_text_does_not_grow_without_bound() {
    let mut text = String::from("a");
    for _ in 0..4 {
        text = format!("CONCAT({text}, {text}, {text})");
    }
    let event = format!("{{\"a\":\"{}\"}}", "x".repeat(1000));
    unknown(&format!("{text} = 'x'"), &event);
}

#[test]
#[rustfmt::skip]
fn paths() {
    let event =
        r#"{"r":{"t":5,"in":1,"a b":2},"l":[1,{"x":[7,8]},"z"],"$x_1":3,"a b":4,"or":6,"ünï":7}"#;
    for text in [
        "r.t = 5", "r.in = 1", "r['a b'] = 2", "r.\"a b\" = 2", "l[0] = 1", "l[1].x[1] = 8", "l[1]['x'][0] = 7",
        "EXISTS r", "EXISTS l[2]", "NOT EXISTS l[3]", "$x_1 = 3", "\"a b\" = 4", "\"or\" = 6", "ünï = 7",
        "\"r.t\" = 5", "ANY(l, x -> x = 'z')", "ALL(l, x -> x <> 9) OR TRUE", "ANY(l, o -> ANY(o.x, i -> i > 7))",
        "ANY(l, r -> \"r.t\" = 5 AND r = 1)", "r IS NOT NULL", "NOT r IS GEOMETRY",
    ] {
        holds(text, event);
    }
    unknown("l[9] = 1", event);
    unknown("r = 1", event);
    unknown("ANY(r, x -> TRUE)", event);
    fails("ANY(l, x -> FALSE)", event);
}

#[test]
#[rustfmt::skip]
fn positions() {
    let event = r#"{"p":{"lat":40.4,"lon":-3.7},"lo":-3.7,"la":40.4,"n":null,"g":{"type":"Point","coordinates":[0,0]}}"#;
    for text in [
        "NEAR(p, POINT(-3.7 40.4), 0)", "NEAR(p, POINT(-3.7 40.41), 1200)", "NOT NEAR(p, POINT(-3.7 40.41), 1000)",
        "NEAR(POINT(lo la), POINT(-3.7 40.4), 1)", "BBOX(p, -4, 40, -3, 41)", "BBOX(g, 170, -1, 1, 1)",
        "S_WITHIN(p, POLYGON((-4 40, -3 40, -3 41, -4 41, -4 40)))", "DISTANCE(p, POINT(-3.7 40.4)) < 1",
        "S_WITHIN(g, POLYGON((-4 -4, 4 -4, 4 4, -4 4, -4 -4),(2 2, 3 2, 3 3, 2 2)))", "p IS GEOMETRY", "p.lat > 40",
        "p = POINT(-3.7 40.4)", "NOT S_WITHIN(g, POLYGON((1 1, 2 1, 2 2, 1 1)))",
        "NEAR(POINT(lo, (la + 0)), POINT(-3.7 40.4), 1)",
    ] {
        holds(text, event);
    }
    for text in [
        "NEAR(x, POINT(0 0), 1)", "BBOX(n, 0, 0, 1, 1)", "BBOX(lo, 0, 0, 1, 1)",
        "NEAR(POINT(999 la), POINT(0 0), 1)",
    ] {
        unknown(text, event);
    }
}

#[test]
#[rustfmt::skip]
fn times() {
    holds(
        "TIMESTAMP '2026-11-21T18:00:00Z' = TIMESTAMP '2026-11-21T19:00:00+01:00'", "{}",
    );
    unknown("TIMESTAMP '2026-11-21T18:00:00Z' > 5", "{}");
    holds("timestamp = 5", r#"{"timestamp":5}"#);
}

#[test]
#[rustfmt::skip]
fn bad_text_is_refused_at_its_place() {
    use FilterErrorKind as Kind;
    for (text, kind, byte) in [
        ("", Kind::Empty, 0),
        ("  ", Kind::Empty, 2),
        ("a =", Kind::UnexpectedToken, 3),
        ("a == 5", Kind::UnexpectedToken, 3),
        ("a = 'x", Kind::UnterminatedText, 4),
        ("\"a = 5", Kind::UnterminatedName, 0),
        ("\"\" = 5", Kind::UnexpectedToken, 0),
        ("a = 5 b", Kind::UnexpectedToken, 6),
        ("1 < a < 3", Kind::UnexpectedToken, 6),
        ("a = 5abc", Kind::InvalidNumber, 4),
        ("a = 99999999999999999999", Kind::NumberOutOfRange, 4),
        ("a = 9223372036854775808", Kind::NumberOutOfRange, 4),
        ("a = 1e999", Kind::NumberOutOfRange, 4),
        ("a LIKE b", Kind::UnexpectedToken, 7),
        ("a LIKE 'x' ESCAPE 'ab'", Kind::InvalidEscape, 18),
        ("a LIKE 'a!b' ESCAPE '!'", Kind::InvalidEscape, 7),
        ("a LIKE 'a!' ESCAPE '!'", Kind::InvalidEscape, 7),
        ("a IN ()", Kind::UnexpectedToken, 6),
        ("a IN (b)", Kind::UnexpectedToken, 6),
        ("a IN (1, )", Kind::UnexpectedToken, 9),
        ("a && b", Kind::UnexpectedCharacter, 2),
        ("5", Kind::TypeMismatch, 0),
        ("a + 1", Kind::TypeMismatch, 0),
        ("(a = 1) + 1 = 2", Kind::TypeMismatch, 0),
        ("or = 1", Kind::ReservedName, 0),
        ("a = and", Kind::ReservedName, 4),
        ("foo(a) = 1", Kind::UnknownFunction, 0),
        ("abs(a, b) = 1", Kind::WrongArgumentCount, 0),
        ("a = :me", Kind::Unsupported, 4),
        ("MATCHES(a, '(')", Kind::InvalidRegex, 11),
        (
            "MATCHES(a, '((a{100}){100}){100}')",
            Kind::RegexTooLarge,
            11,
        ),
        ("a = TIMESTAMP 'now'", Kind::InvalidTimestamp, 4),
        ("NEAR(a, POINT(0 91), 5)", Kind::InvalidPosition, 8),
        (
            "S_WITHIN(a, POLYGON((0 0, 1 1, 0 0)))",
            Kind::InvalidPolygon,
            20,
        ),
        (
            "S_WITHIN(a, POLYGON((0 0, 1 1, 1 0, 0 1)))",
            Kind::InvalidPolygon,
            20,
        ),
        ("a IS 5", Kind::UnexpectedToken, 5),
        ("a NOT 5", Kind::UnexpectedToken, 6),
        ("a BETWEEN 1 OR 2", Kind::UnexpectedToken, 12),
        ("ANY(a, x -> ANY(a, y -> y = 1))", Kind::Unsupported, 16),
    ] {
        refused(text, kind, byte);
    }
}

#[test]
#[rustfmt::skip]
fn every_limit_has_its_error() {
    use FilterErrorKind as Kind;
    let kind = |text: &str| {
        Filter::parse(Dialect::Sql, text)
            .map(|_| ())
            .map_err(|error| error.kind)
    };
    let members = |count: usize| {
        format!(
            "a IN ({})",
            (0..count)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(",")
        )
    };
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(kind(&members(1000)), Ok(()));
    assert_eq!(kind(&members(1001)), Err(Kind::TooManyMembers));
    assert_eq!(kind(&nested(32)), Ok(()));
    assert_eq!(kind(&nested(33)), Err(Kind::TooDeep));
    assert_eq!(kind(&"NOT ".repeat(33)), Err(Kind::TooDeep));
    assert_eq!(kind(&vec!["a=1"; 256].join(" AND ")), Ok(()));
    assert_eq!(
        kind(&vec!["a=1"; 257].join(" AND ")),
        Err(Kind::TooManyPredicates)
    );
    assert_eq!(kind(&format!("a LIKE '{}'", "x".repeat(1024))), Ok(()));
    let expressions = |count: usize| vec!["MATCHES(a, 'x')"; count].join(" OR ");
    assert_eq!(kind(&expressions(8)), Ok(()));
    assert_eq!(kind(&expressions(9)), Err(Kind::TooManyExpressions));
    assert_eq!(
        kind(&format!("a LIKE '{}'", "x".repeat(1025))),
        Err(Kind::PatternTooLong)
    );
    assert_eq!(kind(&format!("a = '{}'", "x".repeat(8186))), Ok(()));
    assert_eq!(
        kind(&format!("a = '{}'", "x".repeat(8187))),
        Err(Kind::TextTooLong)
    );
    assert_eq!(
        kind(&format!("{} = 1", vec!["a"; 1000].join("+"))),
        Err(Kind::TooDeep)
    );
    assert_eq!(kind(&format!("{} = 1", vec!["a"; 100].join("+"))), Ok(()));
}

#[test]
#[rustfmt::skip]
fn the_caret_stands_under_the_error() {
    let text = "größe > 5 AND\n\tname == 'x'";
    let error = Filter::parse(Dialect::Sql, text).unwrap_err();
    assert_eq!(error.caret(text), "\tname == 'x'\n\t      ^");
    let end = Filter::parse(Dialect::Sql, "a =").unwrap_err();
    assert_eq!(end.caret("a ="), "a =\n   ^");
}
