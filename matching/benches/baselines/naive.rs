//! A compiled scan: every filter is asked, on values that are numbers already, in memory that is read front to back.

use std::collections::HashMap;

use crate::workloads::{Node, Op, Reading, Test, Value, Workload};

/// All filters, compiled: the parts of each node stand side by side.
pub(crate) struct Naive {
    symbols: HashMap<String, i64>,
    nodes: Vec<Compiled>,
    roots: Vec<u32>,
    lists: Vec<i64>,
    texts: Vec<String>,
    attributes: usize,
}

#[derive(Clone, Copy)]
enum Compiled {
    And(u32, u32),
    Or(u32, u32),
    Not(u32),
    NotEqual(u32, i64),
    In(u32, u32, u32),
    Range(u32, i64, i64),
    Prefix(u32, u32),
    Suffix(u32, u32),
    Contains(u32, u32),
}

/// A notification, laid out by attribute.
pub(crate) struct Laid<'a> {
    numbers: Vec<Option<i64>>,
    texts: Vec<&'a str>,
}

impl Naive {
    pub(crate) fn new(workload: &Workload) -> Self {
        let mut naive = Self {
            symbols: HashMap::new(),
            nodes: Vec::new(),
            roots: Vec::new(),
            lists: Vec::new(),
            texts: Vec::new(),
            attributes: workload.attributes.len(),
        };
        for node in &workload.subscriptions {
            let root = naive.compile_all(std::slice::from_ref(node));
            naive.roots.push(root);
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
                    self.symbols.get(text).copied().unwrap_or(-1)
                }
            });
        }
        laid
    }

    pub(crate) fn matches(&self, laid: &Laid<'_>, out: &mut Vec<u32>) {
        for (number, root) in (0..).zip(&self.roots) {
            if self.is_true(*root, laid) {
                out.push(number);
            }
        }
    }

    /// Compiles nodes to places side by side; the first of them.
    fn compile_all(&mut self, nodes: &[Node]) -> u32 {
        let first = self.nodes.len();
        self.nodes.resize(first + nodes.len(), Compiled::Not(0));
        for (place, node) in (first..).zip(nodes) {
            self.nodes[place] = match node {
                Node::And(parts) => Compiled::And(self.compile_all(parts), small(parts.len())),
                Node::Or(parts) => Compiled::Or(self.compile_all(parts), small(parts.len())),
                Node::Not(inner) => Compiled::Not(self.compile_all(std::slice::from_ref(inner))),
                Node::Test(test) => self.compile_test(test),
            };
        }
        small(first)
    }

    fn compile_test(&mut self, test: &Test) -> Compiled {
        let attribute = small(test.attribute);
        match &test.op {
            Op::Equal(value) => {
                let number = self.number(value);
                Compiled::Range(attribute, number, number)
            }
            Op::NotEqual(value) => Compiled::NotEqual(attribute, self.number(value)),
            Op::In(values) => {
                let start = small(self.lists.len());
                for value in values {
                    let number = self.number(value);
                    self.lists.push(number);
                }
                Compiled::In(attribute, start, small(self.lists.len()))
            }
            Op::AtLeast(bound) => Compiled::Range(attribute, *bound, i64::MAX),
            Op::AtMost(bound) => Compiled::Range(attribute, i64::MIN, *bound),
            Op::Between(low, high) => Compiled::Range(attribute, *low, *high),
            Op::Prefix(text) => Compiled::Prefix(attribute, self.text(text)),
            Op::Suffix(text) => Compiled::Suffix(attribute, self.text(text)),
            Op::Contains(text) => Compiled::Contains(attribute, self.text(text)),
        }
    }

    fn number(&mut self, value: &Value) -> i64 {
        match value {
            Value::Int(value) => *value,
            Value::Text(text) => {
                let next = i64::try_from(self.symbols.len()).unwrap();
                *self.symbols.entry(text.clone()).or_insert(next)
            }
        }
    }

    fn text(&mut self, text: &str) -> u32 {
        self.texts.push(text.into());
        small(self.texts.len() - 1)
    }

    /// Whether a node holds: an AND may stop at the first part that does not, known or not.
    fn is_true(&self, node: u32, laid: &Laid<'_>) -> bool {
        match self.nodes[node as usize] {
            Compiled::And(first, count) => {
                (first..first + count).all(|part| self.is_true(part, laid))
            }
            Compiled::Or(first, count) => {
                (first..first + count).any(|part| self.is_true(part, laid))
            }
            _ => self.holds(node, laid) == Some(true),
        }
    }

    /// Whether it holds, if that is known.
    fn holds(&self, node: u32, laid: &Laid<'_>) -> Option<bool> {
        let number = |attribute: u32| laid.numbers[attribute as usize];
        let text = |attribute: u32| number(attribute).map(|_| laid.texts[attribute as usize]);
        let affix = |affix: u32| self.texts[affix as usize].as_str();
        match self.nodes[node as usize] {
            Compiled::And(first, count) => self.fold(first, count, laid, false),
            Compiled::Or(first, count) => self.fold(first, count, laid, true),
            Compiled::Not(inner) => self.holds(inner, laid).map(|holds| !holds),
            Compiled::NotEqual(attribute, value) => number(attribute).map(|number| number != value),
            Compiled::In(attribute, start, end) => {
                let list = &self.lists[start as usize..end as usize];
                number(attribute).map(|number| list.contains(&number))
            }
            Compiled::Range(attribute, low, high) => {
                number(attribute).map(|number| low <= number && number <= high)
            }
            Compiled::Prefix(attribute, part) => {
                text(attribute).map(|text| text.starts_with(affix(part)))
            }
            Compiled::Suffix(attribute, part) => {
                text(attribute).map(|text| text.ends_with(affix(part)))
            }
            Compiled::Contains(attribute, part) => {
                text(attribute).map(|text| text.contains(affix(part)))
            }
        }
    }

    /// An OR is decided by a part that is true, an AND by one that is false.
    fn fold(&self, first: u32, count: u32, laid: &Laid<'_>, decides: bool) -> Option<bool> {
        let mut is_known = true;
        for part in first..first + count {
            match self.holds(part, laid) {
                Some(holds) if holds == decides => return Some(decides),
                Some(_) => {}
                None => is_known = false,
            }
        }
        is_known.then_some(!decides)
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}
