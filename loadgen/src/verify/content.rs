//! What is published and what is asked for: drawn at random, with every kind of test that the evaluator knows.
//!
//! Values are missing, null, or of another type than most now and then, because that is where evaluations differ. Every
//! notification names its run, and every filter asks for it, so that whatever else a broker carries is no part of it.

use gomera_model::{Attributes, AttributesBuilder, Value};

use crate::random::Random;

/// The attribute that names the run.
pub(crate) const RUN: &str = "verify";
/// The attribute that only the notifications at the end of a run have.
const MARK: &str = "mark";

/// Whether a notification of the records is one that marks the end.
pub(crate) fn is_mark(content: &str) -> bool {
    let mut names = content.split_ascii_whitespace();
    names.any(|field| field.starts_with(MARK) && field[MARK.len()..].starts_with('='))
}

/// The attributes of one notification.
pub(crate) type Draft = Vec<(&'static str, Value)>;

/// Draws notifications and filters of one run.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    run: String,
    random: Random,
}

impl Author {
    /// One of several of a run: each has its own seed.
    pub(crate) fn new(run: &str, seed: u64) -> Self {
        Self {
            run: run.to_owned(),
            random: Random::new(seed),
        }
    }

    /// The next notification.
    pub(crate) fn notification(&mut self) -> Draft {
        let mut draft: Draft = vec![(RUN, Value::String(self.run.clone()))];
        draft.push(("kind", Value::String(self.kind().to_owned())));
        match self.random.below(16) {
            0 => {}
            1 => draft.push(("level", Value::String("high".to_owned()))),
            _ => draft.push(("level", Value::Int(self.whole(1_000)))),
        }
        draft.push(("ratio", Value::Float(self.part(-1.0, 1.0))));
        if self.one_in(8) {
            draft.push(("ratio_before", Value::Float(self.part(-1.0, 1.0))));
        } else {
            draft.push(("flag", Value::Bool(self.one_in(2))));
        }
        draft.push(("name", Value::String(self.name())));
        if !self.one_in(10) {
            draft.push(("lon", Value::Float(self.part(-18.2, -13.3))));
            draft.push(("lat", Value::Float(self.part(27.6, 29.5))));
        }
        match self.random.below(4) {
            0 => draft.push(("note", Value::Null)),
            1 => draft.push(("note", Value::String("calm".to_owned()))),
            _ => {}
        }
        draft
    }

    /// A notification that says that there are no others: every subscriber waits for it.
    pub(crate) fn end(&self) -> Draft {
        vec![
            (RUN, Value::String(self.run.clone())),
            (MARK, Value::String("end".to_owned())),
        ]
    }

    /// Asks for [`Self::end`].
    pub(crate) fn end_filter(&self) -> String {
        format!("{RUN} = '{}' AND {MARK} = 'end'", self.run)
    }

    /// Asks for about a fifth of everything, so that something always comes.
    pub(crate) fn pulse_filter(&mut self) -> String {
        let low = self.whole(750);
        format!(
            "{RUN} = '{}' AND level BETWEEN {low} AND {}",
            self.run,
            low + 230
        )
    }

    /// A filter that a few of a hundred notifications satisfy; one of three is a broad one.
    pub(crate) fn filter(&mut self) -> String {
        let first = self.test();
        let rest = match self.random.below(6) {
            0 => first,
            1 | 2 => format!("{first} AND {}", self.broad()),
            3 => format!("({first} OR {})", self.test()),
            4 => format!("{} AND NOT ({first} OR {})", self.broad(), self.test()),
            _ => format!("({first} OR NOT {}) AND {}", self.broad(), self.test()),
        };
        format!("{RUN} = '{}' AND {rest}", self.run)
    }

    /// What few satisfy.
    fn test(&mut self) -> String {
        match self.random.below(9) {
            0 => format!("kind = '{}'", self.kind()),
            1 => format!("kind IN ('{}', '{}')", self.kind(), self.kind()),
            2 => {
                let low = self.whole(950);
                format!("level BETWEEN {low} AND {}", low + 50)
            }
            3 => format!("name LIKE '{}-{}%'", self.kind(), self.random.below(10)),
            4 => format!("name LIKE '%{}'", self.random.below(100)),
            5 => format!(
                "level IN ({}, {}, {})",
                self.whole(1_000),
                self.whole(1_000),
                self.whole(1_000)
            ),
            6 => self.area(),
            7 => format!("ratio > {:?}", self.part(0.8, 1.0)),
            _ => format!("(level < {} AND ratio_before IS NOT NULL)", self.whole(400)),
        }
    }

    /// What many satisfy.
    fn broad(&mut self) -> String {
        match self.random.below(8) {
            0 => "flag".to_owned(),
            1 => "flag = FALSE".to_owned(),
            2 => "note IS NULL".to_owned(),
            3 => "EXISTS note".to_owned(),
            4 => format!("kind <> '{}'", self.kind()),
            5 => format!(
                "level NOT IN ({}, {})",
                self.whole(1_000),
                self.whole(1_000)
            ),
            6 => format!("NOT (ratio < {:?})", self.part(-0.5, 0.5)),
            _ => format!("level >= {}", self.whole(800)),
        }
    }

    fn area(&mut self) -> String {
        let (west, south) = (self.part(-18.2, -14.3), self.part(27.6, 29.0));
        format!(
            "BBOX(POINT(lon lat), {west:?}, {south:?}, {:?}, {:?})",
            west + 0.8,
            south + 0.4
        )
    }

    fn kind(&mut self) -> &'static str {
        KINDS[self.random.below(KINDS.len())]
    }

    fn name(&mut self) -> String {
        format!("{}-{:03}", self.kind(), self.random.below(1_000))
    }

    fn whole(&mut self, end: usize) -> i64 {
        i64::try_from(self.random.below(end)).expect("it is below a thousand")
    }

    /// A number with three decimals.
    fn part(&mut self, low: f64, high: f64) -> f64 {
        (self.random.between(low, high) * 1_000.0).round() / 1_000.0
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.random.below(of) == 0
    }
}

/// Ready to be published.
///
/// # Panics
///
/// Never: what an author drafts breaks no rule of content.
pub(crate) fn attributes(draft: &Draft) -> Attributes {
    let mut builder = AttributesBuilder::new();
    for (name, value) in draft {
        builder.push(name, value);
    }
    builder
        .build()
        .expect("what is drafted breaks no rule of content")
}

/// What two equal contents have in common, and others hardly ever (FNV-1a).
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    bytes.iter().fold(BASIS, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}

const KINDS: [&str; 12] = [
    "gull", "kite", "tern", "swift", "raven", "finch", "heron", "petrel", "plover", "shag", "skua",
    "wren",
];
