//! Filters in a form that every engine can be given in its own language.

/// A condition.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Test(Test),
}

/// A test of one attribute, given by its number.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) attribute: usize,
    pub(crate) op: Op,
}

/// What is asked of the attribute.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Equal(Value),
    NotEqual(Value),
    In(Vec<Value>),
    AtLeast(i64),
    AtMost(i64),
    Between(i64, i64),
    Prefix(String),
    Suffix(String),
    Contains(String),
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Value {
    Int(i64),
    Text(String),
}

/// A notification: numbers of attributes, and their values.
pub(crate) type Reading = Vec<(usize, Value)>;

impl Node {
    pub(crate) fn test(attribute: usize, op: Op) -> Self {
        Self::Test(Test { attribute, op })
    }

    /// The filter's text in our own language.
    pub(crate) fn sql(&self, names: &[String]) -> String {
        let join = |parts: &[Self], word: &str| {
            let parts = parts.iter().map(|part| part.sql(names)).collect::<Vec<_>>();
            format!("({})", parts.join(word))
        };
        match self {
            Self::And(parts) => join(parts, " AND "),
            Self::Or(parts) => join(parts, " OR "),
            Self::Not(inner) => format!("NOT ({})", inner.sql(names)),
            Self::Test(test) => test.sql(&names[test.attribute]),
        }
    }

    /// Every test in it.
    pub(crate) fn tests<'a>(&'a self, out: &mut Vec<&'a Test>) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.tests(out)),
            Self::Not(inner) => inner.tests(out),
            Self::Test(test) => out.push(test),
        }
    }
}

impl Test {
    fn sql(&self, name: &str) -> String {
        match &self.op {
            Op::Equal(value) => format!("{name} = {}", value.sql()),
            Op::NotEqual(value) => format!("{name} <> {}", value.sql()),
            Op::In(values) => {
                let values = values.iter().map(Value::sql).collect::<Vec<_>>();
                format!("{name} IN ({})", values.join(", "))
            }
            Op::AtLeast(bound) => format!("{name} >= {bound}"),
            Op::AtMost(bound) => format!("{name} <= {bound}"),
            Op::Between(low, high) => format!("{name} BETWEEN {low} AND {high}"),
            Op::Prefix(text) => format!("{name} LIKE '{text}%'"),
            Op::Suffix(text) => format!("{name} LIKE '%{text}'"),
            Op::Contains(text) => format!("{name} LIKE '%{text}%'"),
        }
    }
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn sql(&self) -> String {
        match self {
            Self::Int(value) => value.to_string(),
            Self::Text(text) => format!("'{text}'"),
        }
    }
}
