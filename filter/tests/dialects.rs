//! The four other dialects: what they read, what it means, what they refuse.

mod agreement;

use gomera_filter::evaluate::Prepared;
use gomera_filter::reference::{evaluate, evaluate_prepared};
use gomera_filter::{Dialect, Filter, FilterErrorKind, Truth};
use gomera_model::{AttributesBuilder, Timestamp, Value};

use agreement::{check, flat, refused};

fn all(dialect: Dialect, event: &str, expected: Truth, texts: &[&str]) {
    for text in texts {
        check(dialect, text, event, expected);
    }
}

const SHIP: &str = r#"{"kind":"tug","len":31,"speed":4.5,"moored":false,"crewed":true,"gone":null,
    "note":"it's 50%_ok","$a_1":1,"ünï":"ü","a.b":2}"#;

#[test]
#[rustfmt::skip]
fn jms_holds() {
    all(
        Dialect::Jms,
        SHIP,
        Truth::True,
        &[
            "kind = 'tug'", "'tug' = kind", "len = 31 AND speed = 4.5", "len > 30.9", "31 <= len", "kind <> 'cargo'",
            "NOT kind = 'cargo'", "crewed", "NOT moored", "moored = FALSE", "crewed <> false",
            "len between 31 and 31", "len not between 1 and 30", "kind IN ('a', 'tug')", "kind NOT in ('a')",
            "kind LIKE 't_g'", "kind like '%'", "note LIKE 'it''s 50$%$_ok' ESCAPE '$'",
            "note LIKE '%!%!_%' ESCAPE '!'", "gone IS NULL", "kind is not null", "absent IS NULL",
            "len + 1 * 2 = 33", "(len + 1) * 2 = 64", "len / 2 = 15.5", "-len = -31", "+len = 31", "- -len = 31",
            "$a_1 = 1", "ünï = 'ü'", "\"a.b\" = 2", "0x1F = len", "037 = 31", "31L = len", "3.1e1 = len",
            "31. = len", ".5 * 9 = speed", "4.5f = speed", "4.5D = speed", "0x1p2 = 4", "1_000 = 1000",
            "0b11111 = len", "TRUE", "true or gone", "moored OR crewed", "len OR crewed",
            "NOT (gone = 1 AND moored)", "kind LIKE 'tu%' ESCAPE '%' OR kind LIKE '_ug' ESCAPE '_'",
            "NOT (kind = 5)", "NOT (kind > 'a')", "len\t=\r\n31\x0c",
        ],
    );
}

#[test]
#[rustfmt::skip]
fn jms_fails() {
    all(
        Dialect::Jms,
        SHIP,
        Truth::False,
        &[
            "kind = 'TUG'", "moored", "len = '31'", "len <> '31'", "kind = 31", "kind > 'a'", "kind < 'z'",
            "moored < TRUE", "kind BETWEEN 'a' AND 'z'", "len >= '1'", "crewed = 1", "TRUE = 'TRUE'",
            "kind IN ('a')", "kind LIKE 'T%'", "gone = 1 AND FALSE", "len NOT BETWEEN 31 AND 32",
        ],
    );
    all(
        Dialect::Jms,
        SHIP,
        Truth::Unknown,
        &[
            "gone = 1", "absent = absent", "absent <> 1", "absent IN ('a')", "absent NOT IN ('a')", "gone LIKE '%'",
            "absent NOT LIKE '%'", "len LIKE '31'", "len", "kind", "+len", "NOT absent", "absent AND TRUE",
            "kind + 1 = 2", "absent BETWEEN 1 AND 2", "len BETWEEN absent AND 40", "len / 0 > 1", "0 / 0.0 = 0",
            "gone OR FALSE",
        ],
    );
}

#[test]
#[rustfmt::skip]
fn jms_refuses() {
    use FilterErrorKind as Kind;
    for (text, kind) in [
        ("", Kind::Empty),
        ("3+5", Kind::TypeMismatch),
        ("TRUE AND 3+5", Kind::TypeMismatch),
        ("'x'", Kind::TypeMismatch),
        ("=kind 'x'", Kind::UnexpectedToken),
        ("a = 1 AMD b = 2", Kind::UnexpectedToken),
        ("a != 1", Kind::UnexpectedToken),
        ("a = b = c", Kind::UnexpectedToken),
        ("1 < a < 3", Kind::UnexpectedToken),
        ("a = NULL", Kind::ReservedName),
        ("a.b = 1", Kind::UnexpectedToken),
        ("a LIKE 5", Kind::UnexpectedToken),
        ("a LIKE b", Kind::UnexpectedToken),
        ("'a' LIKE 'a'", Kind::UnexpectedToken),
        ("a + 1 IN ('x')", Kind::UnexpectedToken),
        ("a IN (1)", Kind::UnexpectedToken),
        ("a IN ()", Kind::UnexpectedToken),
        ("a IN ('x',)", Kind::UnexpectedToken),
        ("a LIKE 'x' ESCAPE ''", Kind::InvalidEscape),
        ("a LIKE 'x' ESCAPE 'xy'", Kind::InvalidEscape),
        ("a IS TRUE", Kind::UnexpectedToken),
        ("(a = 1", Kind::UnexpectedToken),
        ("a = 1)", Kind::UnexpectedToken),
        ("a = 'x", Kind::UnterminatedText),
        ("a = 08", Kind::InvalidNumber),
        ("a = 0x", Kind::InvalidNumber),
        ("a = 1e", Kind::InvalidNumber),
        ("a = 1__", Kind::InvalidNumber),
        ("a = 9223372036854775808", Kind::NumberOutOfRange),
        ("and = 1", Kind::ReservedName),
        ("a = between", Kind::ReservedName),
        ("UPPER(a) = 'X'", Kind::UnknownFunction),
        ("EXISTS a", Kind::UnexpectedToken),
        ("a = #", Kind::UnexpectedCharacter),
    ] {
        refused(Dialect::Jms, text, kind);
    }
}

#[test]
#[rustfmt::skip]
fn amqp_holds() {
    let event = r#"{"kind":"tug","len":31,"speed":4.5,"crewed":true,"gone":null,"two words":1,"not":2,"a]b[":3,
        "h:ttl":5,"p:subject":"s1","p:group_id":"g","x.y":4,"name":"nomad","when":"1970-01-01T00:00:01Z"}"#;
    all(
        Dialect::AmqpSql,
        event,
        Truth::True,
        &[
            "kind = 'tug'", "kind = \"tug\"", "\"a\"\"b\" = 'a\"b'", "'it''s' = \"it's\"", "len != 30", "kind > 'a'",
            "kind <= 'tug'", "[two words] = 1", "[not] = 2", "[a]]b[[] = 3", "[x.y] = 4", "[kind] = 'tug'",
            "a.len = 31", "name = 'nomad'", "application_properties.len = 31", "h.ttl = 5", "header.ttl = 5",
            "p.subject = 's1'", "properties.group_id LIKE 'g'", "h.priority = 4", "header.delivery_count < 1",
            "NOT h.durable", "len IN (30, 31)", "len IN (speed, len)", "'tug' IN (name, kind)",
            "31.0 IN (TRUE, len)", "len NOT IN ('31')", "kind LIKE 't%' ESCAPE 'x'", "kind LIKE 'xtug' ESCAPE 'x'",
            "crewed", "len OR crewed", "TRUE", "0x48 = 0x48", "0xBB > 0xAA", "0x0101 <> 0x01", "UPPER(kind) = 'TUG'",
            "LOWER(UPPER(kind)) = kind", "LEFT(kind, 2) = 'tu'", "RIGHT(kind, 1) = 'g'", "SUBSTRING(kind, 2) = 'ug'",
            "SUBSTRING(kind, 1, 1) = 't'", "EXISTS(kind)", "EXISTS(gone)", "NOT EXISTS(absent)", "DATE(when) = 1000",
            "gone IS NULL", "p.to IS NULL", "len % 4 = 3", "7 % -5 = 2", "1.5E1 = 15", "1.5E-1 = 0.15",
            "(len = 31) = TRUE", "-len = -31", "6 - +len = -25", "NOT (kind = 5)",
            "len > 1 AND kind = 'tug' OR FALSE",
        ],
    );
    all(
        Dialect::AmqpSql,
        event,
        Truth::False,
        &[
            "kind = 31", "len = '31'", "len <> '31'", "TRUE = 1", "TRUE = 'TRUE'", "len >= '1'", "0x48 = 'H'",
            "len = 0x05", "h.priority > 4", "NOT h.priority = 4", "kind IN ('a', len)",
        ],
    );
    all(
        Dialect::AmqpSql,
        event,
        Truth::Unknown,
        &[
            "absent = 1", "gone <> 1", "absent IN (1)", "gone NOT IN (1)", "len", "+kind", "+kind = 'tug'",
            "len / 0 = 1", "len LIKE '31'", "kind + 1 = 2", "0x01 + 0x02 = 0x03", "UTC() > 0", "a = NULL",
            "LEFT(len, 1) = '3'",
        ],
    );
}

#[test]
#[rustfmt::skip]
fn amqp_knows_the_time() {
    let event = flat(r#"{"p:creation_time":1000}"#);
    let filter = Filter::parse(Dialect::AmqpSql, "UTC ( ) - p.creation_time = 500").unwrap();
    assert_eq!(evaluate(&filter, &event), Truth::Unknown);
    let then = Prepared::new(&event).at(Timestamp(1_500_000_000));
    assert_eq!(evaluate_prepared(&filter, &then), Truth::True);
}

#[test]
#[rustfmt::skip]
fn amqp_compares_bytes() {
    let event = AttributesBuilder::new()
        .with("p:user_id", Value::Bytes([0x0a, 0xff].into()))
        .build()
        .unwrap();
    for (text, expected) in [
        ("p.user_id = 0x0AFF", Truth::True),
        ("p.user_id IN (0x00, 0x0AFF)", Truth::True),
        ("p.user_id > 0x0A", Truth::True),
        ("p.user_id = 0x0A", Truth::False),
        ("p.user_id = 'x'", Truth::False),
        ("p.user_id LIKE '%'", Truth::Unknown),
    ] {
        let filter = Filter::parse(Dialect::AmqpSql, text).unwrap();
        assert_eq!(evaluate(&filter, &event), expected, "{text}");
    }
}

#[test]
#[rustfmt::skip]
fn amqp_refuses() {
    use FilterErrorKind as Kind;
    for (text, kind) in [
        ("!!!", Kind::UnexpectedCharacter),
        ("AND NOT", Kind::ReservedName),
        ("true", Kind::ReservedName),
        ("a and b", Kind::UnexpectedToken),
        ("upper", Kind::ReservedName),
        ("UTC", Kind::ReservedName),
        ("nan = 1", Kind::ReservedName),
        ("a = .5", Kind::InvalidNumber),
        ("a = 5.", Kind::InvalidNumber),
        ("a = 5E2", Kind::InvalidNumber),
        ("a = 5.0e2", Kind::InvalidNumber),
        ("a = 0x1", Kind::InvalidNumber),
        ("a = 0x", Kind::InvalidNumber),
        ("a = 0xab", Kind::InvalidNumber),
        ("a LIKE 0x48", Kind::UnexpectedToken),
        ("a LIKE 'x*' ESCAPE '*'", Kind::InvalidEscape),
        ("a LIKE '\n'", Kind::UnexpectedCharacter),
        ("my.key = 1", Kind::Unsupported),
        ("m.key = 1", Kind::Unsupported),
        ("p.key = 1", Kind::UnexpectedToken),
        ("h.key = 1", Kind::UnexpectedToken),
        ("_a = 1", Kind::UnexpectedCharacter),
        ("$a = 1", Kind::UnexpectedCharacter),
        ("a$b = 1", Kind::UnexpectedCharacter),
        ("ü = 1", Kind::UnexpectedCharacter),
        ("1a = 1", Kind::InvalidNumber),
        ("[a = 1", Kind::UnterminatedName),
        ("[\n] = 1", Kind::UnterminatedName),
        ("UTC(1) > 0", Kind::WrongArgumentCount),
        ("utc() > 0", Kind::UnknownFunction),
        ("a = 1 = 1", Kind::UnexpectedToken),
        ("a BETWEEN 1 AND 2", Kind::UnexpectedToken),
    ] {
        refused(Dialect::AmqpSql, text, kind);
    }
    let long = format!("{} IS NULL", "x".repeat(4090));
    refused(Dialect::AmqpSql, &long, Kind::TooManyCharacters);
    let list = format!("a IN ({})", vec!["1"; 100].join(","));
    refused(Dialect::AmqpSql, &list, Kind::TooManyTokens);
    let list = format!("a IN ({})", vec!["1"; 98].join(","));
    assert!(Filter::parse(Dialect::AmqpSql, &list).is_ok());
}

const CLOUD: &str = r#"{"id":"A7","type":"com.example.made","hop":"5","ttl":10,"on":true,"off":"FALSE","zero":0,
    "1st":"x","text":"a%b","big":4294967296}"#;

#[test]
#[rustfmt::skip]
fn cesql_holds() {
    all(
        Dialect::Cesql,
        CLOUD,
        Truth::True,
        &[
            "id = 'A7'", "id = \"A7\"", "id != 'a7'", "hop = 5", "hop < ttl",
            "INT(hop) < int(ttl) and int(hop) < 1000", "ttl = '10'", "on = TRUE", "on = 'true'", "TRUE = 'true'",
            "'TRUE' = true", "1 = TRUE", "on", "NOT zero", "NOT off", "NOT 'FALSE'", "NOT BOOL(0)", "EXISTS id",
            "NOT EXISTS none", "id IN ('A7', none)", "hop IN (4, 5)", "ttl IN ('10')", "id NOT IN ('B')",
            "on IN (1)", "type LIKE 'com.%'", "type NOT LIKE 'org.%'", "234 LIKE '23_'", "TRUE LIKE 'tr%'",
            "text LIKE 'a\\%b'", "'ab\\c' LIKE 'ab\\c'", "'it\\'s' = \"it's\"", "'a\"b' = \"a\\\"b\"", "1st = 'x'",
            "4 * 2 + 4 / 2 = 10", "4 * (2 + 4) / 2 = 12", "5 / 3 = 1", "-5 / 3 = -1", "-5 % 3 = -2", "5 + TRUE = 6",
            "'5' + '3' = 8", "--10 = 10", "-'10' = -10", "-TRUE = -1", "+5 = 5", "FALSE OR TRUE AND TRUE",
            "TRUE XOR FALSE", "FALSE AND (1 / 0 = 1) OR TRUE", "TRUE OR none", "TRUE OR (1 != 1 / 0)",
            "LENGTH(TRUE) = 4", "CONCAT('a', 1, TRUE) = 'a1true'", "CONCAT() = ''",
            "CONCAT_WS(',', 'a', 'b') = 'a,b'", "CONCAT_WS(',') = ''", "LOWER('ÄB') = 'äb'", "UPPER(id) = 'A7'",
            "TRIM(' a ') = 'a'", "LEFT('abc', 10) = 'abc'", "RIGHT('abc', 2) = 'bc'",
            "SUBSTRING('abcdef', 2) = 'bcdef'", "SUBSTRING('Sakila', -3) = 'ila'",
            "SUBSTRING('Sakila', -5, 3) = 'aki'", "SUBSTRING('abc', 0) = ''", "ABS(-10) = 10", "STRING(1) = '1'",
            "BOOL(-5)", "IS_INT('7')", "NOT IS_INT('x')", "big = '4294967296'", "(id = 'A7') = TRUE", "1 = 1 = TRUE",
            "TRUE = \"true\" AND FALSE = \"false\"", "NOT (id = 'B')", "ttl > hop",
        ],
    );
}

#[test]
#[rustfmt::skip]
fn cesql_fails_and_errs() {
    all(
        Dialect::Cesql,
        CLOUD,
        Truth::False,
        &[
            "id = 'a7'", "true = 'TRUE'", "hop = 6", "FALSE AND none", "FALSE AND (1 / 0 = 1)", "TRUE XOR TRUE",
            "TRUE OR TRUE AND FALSE", "NOT on", "NOT 10", "type LIKE 'org%'", "FALSE AND TRUE OR FALSE", "5 = '05'",
        ],
    );
    all(
        Dialect::Cesql,
        CLOUD,
        Truth::Unknown,
        &[
            "none = 2", "none != 2", "none <= 2", "none AND FALSE", "none OR TRUE", "FALSE OR none", "NOT none",
            "1 / 0 = 1", "5 % 0 = 0", "id < 5", "INT('ABC') = 0", "BOOL('ABC')", "ABS(-2147483648) = 2147483647",
            "2147483647 + 1 = 0", "LEFT('abc', -2) = 'abc'", "SUBSTRING('abc', 10) = ''", "none LIKE '%'",
            "none IN ('a')", "5 IN ('abc')", "TRUE XOR none", "NOT 'x'", "id AND TRUE", "big + 1 = 0",
            "TRUE AND (1 != 1 / 0)",
        ],
    );
    // A verdict must be a truth value by itself; it is not cast.
    for text in ["id", "5", "'TRUE'", "off", "5 + 1"] {
        let filter = Filter::parse(Dialect::Cesql, text).unwrap();
        assert_eq!(evaluate(&filter, &flat(CLOUD)), Truth::Unknown, "{text}");
    }
}

#[test]
#[rustfmt::skip]
fn cesql_refuses() {
    use FilterErrorKind as Kind;
    for (text, kind) in [
        ("", Kind::Empty),
        ("a = 2147483648", Kind::NumberOutOfRange),
        ("a = -2147483649", Kind::NumberOutOfRange),
        ("a = 1.5", Kind::InvalidNumber),
        ("a_b = 1", Kind::UnexpectedCharacter),
        ("a.b = 1", Kind::UnexpectedToken),
        ("ä = 1", Kind::UnexpectedCharacter),
        ("a LIKE b", Kind::UnexpectedToken),
        ("a LIKE 5", Kind::UnexpectedToken),
        ("a IN ()", Kind::UnexpectedToken),
        ("EXISTS 'a'", Kind::UnexpectedToken),
        ("EXISTS (a)", Kind::UnexpectedToken),
        ("nope(a)", Kind::UnknownFunction),
        ("CONCAT_WS()", Kind::WrongArgumentCount),
        ("ABS(1, 2)", Kind::WrongArgumentCount),
        ("'abc", Kind::UnterminatedText),
        ("'abc\\'", Kind::UnterminatedText),
        ("a = 1 AND", Kind::UnexpectedToken),
        ("a IS NULL", Kind::UnexpectedToken),
        ("a == 1", Kind::UnexpectedToken),
        ("+a = 1", Kind::UnexpectedToken),
    ] {
        refused(Dialect::Cesql, text, kind);
    }
}

#[test]
#[rustfmt::skip]
fn mqtt() {
    let event = r#"{"kind":"tug","n":31,"text":"31.0","on":"true","b":true,"q":"a&b","gone":null,"two words":"x y","e":""}"#;
    all(
        Dialect::Mqtt,
        event,
        Truth::True,
        &[
            "kind=tug", " kind = tug ", "kind='tug'", "kind=\"tug\"", "n=31", "n>25&kind=tug", "text=31",
            "text>30.5", "text<=31", "on=true", "b=true", "b!=false", "q='a&b'", "two words=x y", "kind>sug",
            "kind<>bus", "e=", "e=''", "'kind'=tug", "n>=-5", "text='31.0'",
        ],
    );
    all(
        Dialect::Mqtt,
        event,
        Truth::False,
        &[
            "kind=Tug", "n<25", "text=32", "kind=tug&n=1", "on=false", "text='31'",
        ],
    );
    all(
        Dialect::Mqtt,
        event,
        Truth::Unknown,
        &[
            "kind=5", "kind>5", "none=1", "none!=1", "gone=1", "kind=true", "n='31'",
        ],
    );
    use FilterErrorKind as Kind;
    for (text, kind) in [
        ("", Kind::Empty),
        ("kind", Kind::UnexpectedToken),
        ("=5", Kind::UnexpectedToken),
        ("a=1&", Kind::UnexpectedToken),
        ("a==1", Kind::UnexpectedToken),
        ("a='x", Kind::UnterminatedText),
        ("a='x'y", Kind::UnexpectedToken),
        ("a=1&&b=2", Kind::UnexpectedToken),
    ] {
        refused(Dialect::Mqtt, text, kind);
    }
}
