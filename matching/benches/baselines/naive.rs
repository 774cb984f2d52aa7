//! A compiled scan: every filter is asked, on values that are numbers already.

use std::collections::HashMap;

use crate::workloads::{Node, Op, Reading, Test, Value, Workload};

/// All filters, compiled.
pub(crate) struct Naive {
    texts: HashMap<String, i64>,
    filters: Vec<Compiled>,
    attributes: usize,
}

enum Compiled {
    And(Box<[Compiled]>),
    Or(Box<[Compiled]>),
    Not(Box<Compiled>),
    Equal(usize, i64),
    NotEqual(usize, i64),
    In(usize, Box<[i64]>),
    Range(usize, i64, i64),
    Prefix(usize, Box<str>),
    Suffix(usize, Box<str>),
    Contains(usize, Box<str>),
}

/// A notification, laid out by attribute.
pub(crate) struct Laid<'a> {
    numbers: Vec<Option<i64>>,
    texts: Vec<&'a str>,
}

impl Naive {
    pub(crate) fn new(workload: &Workload) -> Self {
        let mut naive = Self {
            texts: HashMap::new(),
            filters: Vec::new(),
            attributes: workload.attributes.len(),
        };
        for node in &workload.subscriptions {
            let compiled = naive.compile(node);
            naive.filters.push(compiled);
        }
        naive
    }

    pub(crate) fn lay<'a>(&self, reading: &'a Reading) -> Laid<'a> {
        let mut laid = Laid {
            numbers: vec![None; self.attributes],
            texts: vec![""; self.attributes],
        };
        for (attribute, value) in reading {
            laid.numbers[*attribute] = Some(match value {
                Value::Int(value) => *value,
                Value::Text(text) => {
                    laid.texts[*attribute] = text;
                    self.texts.get(text).copied().unwrap_or(-1)
                }
            });
        }
        laid
    }

    pub(crate) fn matches(&self, laid: &Laid<'_>, out: &mut Vec<u32>) {
        for (number, filter) in (0..).zip(&self.filters) {
            if filter.is_true(laid) {
                out.push(number);
            }
        }
    }

    fn compile(&mut self, node: &Node) -> Compiled {
        match node {
            Node::And(parts) => {
                Compiled::And(parts.iter().map(|part| self.compile(part)).collect())
            }
            Node::Or(parts) => Compiled::Or(parts.iter().map(|part| self.compile(part)).collect()),
            Node::Not(inner) => Compiled::Not(Box::new(self.compile(inner))),
            Node::Test(test) => self.compile_test(test),
        }
    }

    fn compile_test(&mut self, test: &Test) -> Compiled {
        let attribute = test.attribute;
        match &test.op {
            Op::Equal(value) => Compiled::Equal(attribute, self.number(value)),
            Op::NotEqual(value) => Compiled::NotEqual(attribute, self.number(value)),
            Op::In(values) => {
                let values = values.iter().map(|value| self.number(value));
                Compiled::In(attribute, values.collect())
            }
            Op::AtLeast(bound) => Compiled::Range(attribute, *bound, i64::MAX),
            Op::AtMost(bound) => Compiled::Range(attribute, i64::MIN, *bound),
            Op::Between(low, high) => Compiled::Range(attribute, *low, *high),
            Op::Prefix(text) => Compiled::Prefix(attribute, text.as_str().into()),
            Op::Suffix(text) => Compiled::Suffix(attribute, text.as_str().into()),
            Op::Contains(text) => Compiled::Contains(attribute, text.as_str().into()),
        }
    }

    fn number(&mut self, value: &Value) -> i64 {
        match value {
            Value::Int(value) => *value,
            Value::Text(text) => {
                let next = i64::try_from(self.texts.len()).unwrap();
                *self.texts.entry(text.clone()).or_insert(next)
            }
        }
    }
}

impl Compiled {
    /// Whether it holds: an AND may stop at the first part that does not, known or not.
    fn is_true(&self, laid: &Laid<'_>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.is_true(laid)),
            _ => self.holds(laid) == Some(true),
        }
    }

    fn holds(&self, laid: &Laid<'_>) -> Option<bool> {
        let number = |attribute: &usize| laid.numbers[*attribute];
        let text = |attribute: &usize| number(attribute).map(|_| laid.texts[*attribute]);
        match self {
            Self::And(parts) => parts
                .iter()
                .try_fold(true, |all, part| match part.holds(laid) {
                    Some(true) => Some(all),
                    Some(false) => None,
                    None => Some(false),
                })
                .map_or(Some(false), |all| all.then_some(true)),
            Self::Or(parts) => {
                let mut all_known = true;
                for part in parts {
                    match part.holds(laid) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => all_known = false,
                    }
                }
                all_known.then_some(false)
            }
            Self::Not(inner) => inner.holds(laid).map(|holds| !holds),
            Self::Equal(attribute, value) => number(attribute).map(|number| number == *value),
            Self::NotEqual(attribute, value) => number(attribute).map(|number| number != *value),
            Self::In(attribute, values) => number(attribute).map(|number| values.contains(&number)),
            Self::Range(attribute, low, high) => {
                number(attribute).map(|number| *low <= number && number <= *high)
            }
            Self::Prefix(attribute, affix) => {
                text(attribute).map(|text| text.starts_with(&**affix))
            }
            Self::Suffix(attribute, affix) => text(attribute).map(|text| text.ends_with(&**affix)),
            Self::Contains(attribute, affix) => text(attribute).map(|text| text.contains(&**affix)),
        }
    }
}
