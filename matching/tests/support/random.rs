//! Random filters and notifications that meet each other often: few names, few values, every kind of predicate.

use std::fmt::Write;

use gomera_model::{Attributes, AttributesBuilder, Point, Timestamp, Value};

/// A small generator; the same numbers everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
    /// What it says first, a byte at a time, backwards.
    script: Vec<u8>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            script: Vec::new(),
        }
    }

    /// One that says these bytes first, so that whoever changes a byte changes one decision.
    pub(crate) fn scripted(bytes: &[u8]) -> Self {
        Self {
            state: bytes.len() as u64,
            script: bytes.iter().rev().copied().collect(),
        }
    }

    /// Whether the script has come to its end.
    pub(crate) fn is_spent(&self) -> bool {
        self.script.is_empty()
    }

    pub(crate) fn next(&mut self) -> u64 {
        if let Some(byte) = self.script.pop() {
            return byte.into();
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn one_of<'a, T: ?Sized>(&mut self, values: &[&'a T]) -> &'a T {
        values[self.below(values.len())]
    }
}

const NAMES: [&str; 7] = ["a", "b", "c", "reading.value", "flag", "name", "at"];

const TEXTS: [&str; 14] = [
    "",
    "x",
    "xy",
    "xyz",
    "x-y",
    "-x-",
    "a-x-b",
    "x-",
    "-x",
    "é",
    "éa",
    "日本",
    "日本語",
    "X",
];

const NUMBERS: [&str; 20] = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "-1",
    "0.5",
    "0.1",
    "2.5",
    "21.3",
    "21.4",
    "1e30",
    "-1e300",
    "16777216",
    "16777217",
    "9007199254740992",
    "9007199254740993",
    "9007199254740994",
    "9223372036854775807",
    "1e-40",
];

/// The text of a random filter.
pub(crate) fn filter(random: &mut Random) -> String {
    let depth = random.below(4);
    expression(random, depth)
}

/// Random flat attributes.
pub(crate) fn attributes(random: &mut Random) -> Attributes {
    let mut builder = AttributesBuilder::new();
    for name in NAMES {
        if random.chance(75) {
            builder.push(name, &value(random));
        }
    }
    if random.chance(30) {
        builder.push("place", &Value::Point(point(random)));
    }
    if random.chance(5) {
        builder.push("unheard of", &value(random));
    }
    builder.build().unwrap()
}

fn value(random: &mut Random) -> Value {
    match random.below(20) {
        0 => Value::Null,
        1 | 2 => Value::Bool(random.chance(50)),
        3..8 => random.one_of(&TEXTS).into(),
        8 => Value::Bytes([1, 2].into()),
        9 => Value::Timestamp(Timestamp(
            1_700_000_000_000_000_000 + i64::from(random.chance(50)),
        )),
        10 => Value::Array([Value::Int(1), "x".into()].into()),
        11..14 => Value::Int(i64::try_from(random.below(6)).unwrap() - 1),
        _ => number(random),
    }
}

fn number(random: &mut Random) -> Value {
    let text = random.one_of(&NUMBERS);
    match text.parse() {
        Ok(whole) => Value::Int(whole),
        Err(_) => Value::Float(text.parse().unwrap()),
    }
}

fn point(random: &mut Random) -> Point {
    Point {
        lon: [-180.0, -17.2, -17.1, 0.0, 179.9][random.below(5)],
        lat: [-90.0, 28.0, 28.1, 0.0, 89.9, 90.0][random.below(6)],
    }
}

fn expression(random: &mut Random, depth: usize) -> String {
    if depth == 0 {
        return predicate(random);
    }
    let joint = match random.below(5) {
        0 | 1 => " AND ",
        2 | 3 => " OR ",
        _ => return format!("NOT ({})", expression(random, depth - 1)),
    };
    let count = 2 + random.below(3);
    let parts = (0..count).map(|_| {
        let depth = random.below(depth);
        format!("({})", expression(random, depth))
    });
    parts.collect::<Vec<_>>().join(joint)
}

fn predicate(random: &mut Random) -> String {
    let name = random.one_of(&NAMES);
    let not = if random.chance(25) { "NOT " } else { "" };
    match random.below(24) {
        0..6 => {
            let comparison = random.one_of(&["=", "<>", "<", "<=", ">", ">="]);
            format!("{name} {comparison} {}", random.one_of(&NUMBERS))
        }
        6..9 => {
            let comparison = random.one_of(&["=", "=", "<>", "<", ">="]);
            format!("{name} {comparison} '{}'", random.one_of(&TEXTS))
        }
        9 | 10 => {
            let (low, high) = (random.one_of(&NUMBERS), random.one_of(&NUMBERS));
            format!("{name} {not}BETWEEN {low} AND {high}")
        }
        11..14 => format!("{name} {not}IN ({})", members(random)),
        14..17 => format!("{name} {not}LIKE '{}'", pattern(random)),
        17 => {
            let function = random.one_of(&["STARTS_WITH", "ENDS_WITH", "CONTAINS"]);
            format!("{not}{function}({name}, '{}')", random.one_of(&TEXTS))
        }
        18 => format!("{name} IS {not}NULL"),
        19 => format!("{not}EXISTS {name}"),
        20 => format!(
            "{name} IS {not}{}",
            random.one_of(&["NUMBER", "STRING", "BOOLEAN"])
        ),
        21 => random
            .one_of(&[
                "flag",
                "NOT flag",
                "flag = TRUE",
                "a <> FALSE",
                "TRUE",
                "FALSE",
            ])
            .into(),
        22 => format!("{name} + 1 > {}", random.one_of(&NUMBERS)),
        _ => place(random),
    }
}

fn place(random: &mut Random) -> String {
    match random.below(4) {
        0 => {
            let metres = random.one_of(&["0", "9000", "9900", "20000", "5000000", "30000000"]);
            format!(
                "NEAR(place, POINT({}), {metres})",
                random.one_of(&["-17.2 28.1", "0 0", "179.9 0", "3 90"])
            )
        }
        1 => random
            .one_of(&[
                "BBOX(place, -18, 27, -17, 29)",
                "BBOX(place, -17.2, 28, 0, 28.1)",
            ])
            .into(),
        2 => "BBOX(place, 179, -90, -179, 90)".into(),
        _ => "at >= TIMESTAMP '2023-11-14T22:13:20Z'".into(),
    }
}

fn members(random: &mut Random) -> String {
    let mut list = String::new();
    let kind = random.below(5);
    for index in 0..1 + random.below(12) {
        let comma = if index > 0 { ", " } else { "" };
        let is_text = kind < 2 || (kind == 2 && random.chance(50));
        if random.chance(2) {
            write!(list, "{comma}NULL").unwrap();
        } else if is_text {
            write!(list, "{comma}'{}'", random.one_of(&TEXTS)).unwrap();
        } else {
            write!(list, "{comma}{}", random.one_of(&NUMBERS)).unwrap();
        }
    }
    list
}

fn pattern(random: &mut Random) -> String {
    let text = random.one_of(&TEXTS);
    match random.below(6) {
        0 => format!("{text}%"),
        1 => format!("%{text}"),
        2 => format!("%{text}%"),
        3 => format!("{text}_"),
        4 => format!("{text}%{text}"),
        _ => text.into(),
    }
}
