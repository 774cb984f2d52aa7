//! W3: an equality and three bounds that every notification satisfies.

use super::{CHECKED, Kind, Node, Op, Random, Reading, TRAFFIC, Value, Workload};

const GROUP: usize = 0;

pub(crate) fn generate(count: usize, groups: usize, random: &mut Random) -> Workload {
    let names = ["group", "a", "b", "c", "d"];
    Workload {
        kind: if groups == 1 {
            Kind::Everything
        } else {
            Kind::Group
        },
        attributes: names.map(String::from).into(),
        subscriptions: (0..count).map(|_| subscription(groups, random)).collect(),
        checked: (0..CHECKED).map(|_| reading(groups, random)).collect(),
        traffic: (0..TRAFFIC).map(|_| reading(groups, random)).collect(),
    }
}

fn subscription(groups: usize, random: &mut Random) -> Node {
    let mut below = || i64::try_from(random.below(1000)).unwrap();
    let bounds = [
        Op::AtLeast(below()),
        Op::AtMost(9999 - below()),
        Op::AtLeast(below()),
    ];
    let mut tests = vec![Node::test(GROUP, Op::Equal(group(groups, random)))];
    tests.extend(
        (1..)
            .zip(bounds)
            .map(|(attribute, op)| Node::test(attribute, op)),
    );
    Node::And(tests)
}

fn reading(groups: usize, random: &mut Random) -> Reading {
    let mut reading = vec![(GROUP, group(groups, random))];
    for attribute in 1..5 {
        let value = 1000 + i64::try_from(random.below(8000)).unwrap();
        reading.push((attribute, Value::Int(value)));
    }
    reading
}

fn group(groups: usize, random: &mut Random) -> Value {
    Value::text(format!("group-{}", random.below(groups)))
}
