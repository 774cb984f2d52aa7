//! The crate `a-tree`. It knows no LIKE: prefixes are equalities of an attribute of their own here, and other patterns
//! are flags, computed before its time is measured.

use std::collections::{BTreeMap, BTreeSet};

use a_tree::{ATree, AttributeDefinition, Event};

use crate::workloads::{Node, Op, Reading, Test, Value, Workload};

/// The tree, and what was derived for it.
pub(crate) struct ATreeEngine {
    tree: ATree<u64>,
    names: Vec<String>,
    prefixes: BTreeSet<(usize, usize)>,
    flags: BTreeMap<String, Test>,
}

impl ATreeEngine {
    pub(crate) fn new(workload: &Workload) -> Self {
        let mut engine = Derived::default();
        for node in &workload.subscriptions {
            let mut tests = Vec::new();
            node.tests(&mut tests);
            tests.into_iter().for_each(|test| engine.derive(test));
        }
        let names = workload.attributes.clone();
        let mut tree = ATree::new(&engine.definitions(workload)).expect("names are unique");
        for (number, node) in (0_u64..).zip(&workload.subscriptions) {
            let text = expression(node, &names);
            tree.insert(&number, &text)
                .unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        Self {
            tree,
            names,
            prefixes: engine.prefixes,
            flags: engine.flags,
        }
    }

    pub(crate) fn lay(&self, reading: &Reading) -> Event {
        let mut event = self.tree.make_event();
        for (attribute, value) in reading {
            let name = &self.names[*attribute];
            match value {
                Value::Int(value) => event.with_integer(name, *value),
                Value::Text(text) => event.with_string(name, text),
            }
            .expect("the attribute is defined with its type");
            let Value::Text(text) = value else { continue };
            for &(other, length) in &self.prefixes {
                if other == *attribute {
                    let prefix = text.get(..length).unwrap_or_default();
                    event
                        .with_string(&prefix_name(name, length), prefix)
                        .expect("every prefix is defined");
                }
            }
            for (flag, test) in self
                .flags
                .iter()
                .filter(|(_, test)| test.attribute == *attribute)
            {
                let holds = match &test.op {
                    Op::Suffix(affix) => text.ends_with(affix),
                    Op::Contains(affix) => text.contains(affix),
                    _ => false,
                };
                event
                    .with_boolean(flag, holds)
                    .expect("every flag is defined");
            }
        }
        event.build().expect("what is not set is undefined")
    }

    pub(crate) fn matches(&self, event: &Event, out: &mut Vec<u32>) {
        let report = self
            .tree
            .search(event)
            .expect("the event fits the definitions");
        out.extend(
            report
                .matches()
                .iter()
                .map(|number| u32::try_from(**number).unwrap()),
        );
    }
}

#[derive(Default)]
struct Derived {
    prefixes: BTreeSet<(usize, usize)>,
    flags: BTreeMap<String, Test>,
    texts: BTreeSet<usize>,
}

impl Derived {
    fn derive(&mut self, test: &Test) {
        match &test.op {
            Op::Prefix(text) => {
                self.prefixes.insert((test.attribute, text.len()));
                self.texts.insert(test.attribute);
            }
            Op::Suffix(_) | Op::Contains(_) => {
                self.flags.insert(flag_name(test), test.clone());
                self.texts.insert(test.attribute);
            }
            Op::Equal(Value::Text(_)) | Op::NotEqual(Value::Text(_)) => {
                self.texts.insert(test.attribute);
            }
            Op::In(values) if matches!(values[..], [Value::Text(_), ..]) => {
                self.texts.insert(test.attribute);
            }
            Op::Equal(_)
            | Op::NotEqual(_)
            | Op::In(_)
            | Op::AtLeast(_)
            | Op::AtMost(_)
            | Op::Between(..) => {}
        }
    }

    fn definitions(&self, workload: &Workload) -> Vec<AttributeDefinition> {
        let mut texts = self.texts.clone();
        for (attribute, value) in workload.checked.iter().flatten() {
            if let Value::Text(_) = value {
                texts.insert(*attribute);
            }
        }
        let mut definitions = Vec::new();
        for (number, name) in workload.attributes.iter().enumerate() {
            definitions.push(if texts.contains(&number) {
                AttributeDefinition::string(name)
            } else {
                AttributeDefinition::integer(name)
            });
        }
        for &(attribute, length) in &self.prefixes {
            let name = prefix_name(&workload.attributes[attribute], length);
            definitions.push(AttributeDefinition::string(&name));
        }
        definitions.extend(
            self.flags
                .keys()
                .map(|name| AttributeDefinition::boolean(name)),
        );
        definitions
    }
}

fn expression(node: &Node, names: &[String]) -> String {
    let join = |parts: &[Node], word: &str| {
        let parts = parts.iter().map(|part| expression(part, names));
        format!("({})", parts.collect::<Vec<_>>().join(word))
    };
    match node {
        Node::And(parts) => join(parts, " and "),
        Node::Or(parts) => join(parts, " or "),
        Node::Not(inner) => format!("not ({})", expression(inner, names)),
        Node::Test(test) => test_text(test, &names[test.attribute]),
    }
}

fn test_text(test: &Test, name: &str) -> String {
    match &test.op {
        Op::Equal(value) => format!("{name} = {}", literal(value)),
        Op::NotEqual(value) => format!("{name} <> {}", literal(value)),
        Op::In(values) => {
            let values = values.iter().map(literal).collect::<Vec<_>>();
            format!("{name} in ({})", values.join(", "))
        }
        Op::AtLeast(bound) => format!("{name} >= {bound}"),
        Op::AtMost(bound) => format!("{name} <= {bound}"),
        Op::Between(low, high) => format!("({name} >= {low} and {name} <= {high})"),
        Op::Prefix(text) => format!("{} = '{text}'", prefix_name(name, text.len())),
        Op::Suffix(_) | Op::Contains(_) => flag_name(test),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Text(text) => format!("'{text}'"),
    }
}

fn prefix_name(name: &str, length: usize) -> String {
    format!("{name}_first_{length}")
}

fn flag_name(test: &Test) -> String {
    let (word, text) = match &test.op {
        Op::Suffix(text) => ("ends", text.as_str()),
        Op::Contains(text) => ("has", text.as_str()),
        _ => ("is", ""),
    };
    let text = text.replace('-', "_");
    format!("flag_{}_{word}{text}", test.attribute)
}
