//! A counting index for conjunctions: every test that holds counts for its filter; a filter whose tests all hold matches.
//! Only tests that hold are touched: hash look-ups for equalities, sorted bounds for ranges. It cannot change.

use std::collections::HashMap;

use crate::workloads::{Node, Op, Reading, Value, Workload};

/// The tests of all filters, by attribute.
pub(crate) struct Counting {
    values: HashMap<(usize, Value), u32>,
    prefixes: HashMap<(usize, String), u32>,
    prefix_lengths: Vec<Vec<usize>>,
    equal: Vec<Vec<u32>>,
    ranges: Vec<Ranges>,
    needed: Vec<u8>,
    counts: Vec<u8>,
}

#[derive(Default, Clone)]
struct Ranges {
    /// Ascending.
    at_least: Vec<(i64, u32)>,
    /// Descending.
    at_most: Vec<(i64, u32)>,
    /// Ascending by the lower bound.
    between: Vec<(i64, i64, u32)>,
}

/// A notification as the counting index reads it.
pub(crate) struct Counted {
    equal: Vec<u32>,
    numbers: Vec<(usize, i64)>,
}

impl Counting {
    /// `None` where a filter is more than a conjunction.
    pub(crate) fn new(workload: &Workload) -> Option<Self> {
        let attributes = workload.attributes.len();
        let mut counting = Self {
            values: HashMap::new(),
            prefixes: HashMap::new(),
            prefix_lengths: vec![Vec::new(); attributes],
            equal: Vec::new(),
            ranges: vec![Ranges::default(); attributes],
            needed: Vec::new(),
            counts: vec![0; workload.subscriptions.len()],
        };
        for (number, node) in (0..).zip(&workload.subscriptions) {
            let Node::And(tests) = node else { return None };
            counting.needed.push(u8::try_from(tests.len()).unwrap());
            for test in tests {
                let Node::Test(test) = test else { return None };
                counting.add(number, test.attribute, &test.op)?;
            }
        }
        for ranges in &mut counting.ranges {
            ranges.at_least.sort_unstable();
            ranges
                .at_most
                .sort_unstable_by(|left, right| right.cmp(left));
            ranges.between.sort_unstable();
        }
        Some(counting)
    }

    pub(crate) fn lay(&self, reading: &Reading) -> Counted {
        let mut counted = Counted {
            equal: Vec::new(),
            numbers: Vec::new(),
        };
        for (attribute, value) in reading {
            if let Some(&list) = self.values.get(&(*attribute, value.clone())) {
                counted.equal.push(list);
            }
            match value {
                Value::Int(value) => counted.numbers.push((*attribute, *value)),
                Value::Text(text) => {
                    for &length in &self.prefix_lengths[*attribute] {
                        let prefix = text.get(..length).unwrap_or_default().to_string();
                        counted
                            .equal
                            .extend(self.prefixes.get(&(*attribute, prefix)));
                    }
                }
            }
        }
        counted
    }

    pub(crate) fn matches(&mut self, counted: &Counted, out: &mut Vec<u32>) {
        self.counts.fill(0);
        let (counts, needed) = (&mut self.counts, &self.needed);
        let mut count = |number: u32| {
            let place = number as usize;
            counts[place] += 1;
            if counts[place] == needed[place] {
                out.push(number);
            }
        };
        for &list in &counted.equal {
            self.equal[list as usize]
                .iter()
                .for_each(|&number| count(number));
        }
        for &(attribute, value) in &counted.numbers {
            let ranges = &self.ranges[attribute];
            let at_least = ranges
                .at_least
                .iter()
                .take_while(|(bound, _)| *bound <= value);
            at_least.for_each(|&(_, number)| count(number));
            let at_most = ranges
                .at_most
                .iter()
                .take_while(|(bound, _)| *bound >= value);
            at_most.for_each(|&(_, number)| count(number));
            let between = ranges
                .between
                .iter()
                .take_while(|(low, _, _)| *low <= value);
            between
                .filter(|(_, high, _)| *high >= value)
                .for_each(|&(_, _, number)| count(number));
        }
    }

    fn add(&mut self, number: u32, attribute: usize, op: &Op) -> Option<()> {
        let ranges = &mut self.ranges[attribute];
        match op {
            Op::Equal(value) => self.list((attribute, value.clone())).push(number),
            Op::In(values) => {
                for value in values {
                    self.list((attribute, value.clone())).push(number);
                }
            }
            Op::AtLeast(bound) => ranges.at_least.push((*bound, number)),
            Op::AtMost(bound) => ranges.at_most.push((*bound, number)),
            Op::Between(low, high) => ranges.between.push((*low, *high, number)),
            Op::Prefix(text) => {
                let lengths = &mut self.prefix_lengths[attribute];
                if !lengths.contains(&text.len()) {
                    lengths.push(text.len());
                }
                let next = u32::try_from(self.equal.len()).unwrap();
                let list = *self
                    .prefixes
                    .entry((attribute, text.clone()))
                    .or_insert(next);
                if list == next {
                    self.equal.push(Vec::new());
                }
                self.equal[list as usize].push(number);
            }
            Op::NotEqual(_) | Op::Suffix(_) | Op::Contains(_) => return None,
        }
        Some(())
    }

    fn list(&mut self, value: (usize, Value)) -> &mut Vec<u32> {
        let next = u32::try_from(self.equal.len()).unwrap();
        let list = *self.values.entry(value).or_insert(next);
        if list == next {
            self.equal.push(Vec::new());
        }
        &mut self.equal[list as usize]
    }
}
