//! W6: boxes on a map, and nothing that could be looked up: two ranges, and for some a third one. Not one of the five that
//! the bars are for.

use super::{CHECKED, Kind, Node, Op, Random, Reading, TRAFFIC, Value, Workload};

/// Either side of the map.
const MAP: usize = 1_000_000;
/// The widest box.
const BOX_MAX: usize = 5_000;

const X: usize = 0;
const Y: usize = 1;
const SPEED: usize = 2;

pub(crate) fn generate(count: usize, random: &mut Random) -> Workload {
    let names = ["x", "y", "speed", "course", "heading", "depth", "wind"];
    Workload {
        kind: Kind::Area,
        attributes: names.map(String::from).into(),
        subscriptions: (0..count).map(|_| subscription(random)).collect(),
        checked: (0..CHECKED).map(|_| reading(random)).collect(),
        traffic: (0..TRAFFIC).map(|_| reading(random)).collect(),
    }
}

fn subscription(random: &mut Random) -> Node {
    let mut side = |attribute| {
        let from = random.below(MAP);
        let to = from + 1 + random.below(BOX_MAX);
        Node::test(attribute, Op::Between(int(from), int(to)))
    };
    let mut tests = vec![side(X), side(Y)];
    if random.below(3) == 0 {
        tests.push(Node::test(SPEED, Op::AtLeast(int(random.below(300)))));
    }
    Node::And(tests)
}

fn reading(random: &mut Random) -> Reading {
    let mut reading = vec![
        (X, Value::Int(int(random.below(MAP)))),
        (Y, Value::Int(int(random.below(MAP)))),
    ];
    let others = SPEED..7;
    reading.extend(others.map(|attribute| (attribute, Value::Int(int(random.below(400))))));
    reading
}

fn int(value: usize) -> i64 {
    i64::try_from(value).unwrap()
}
