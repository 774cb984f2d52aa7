//! W5: a thousand attributes, of which a notification has thirty.

use super::random::{Random, Zipf};
use super::{CHECKED, Kind, Node, Op, Reading, TRAFFIC, Value, Workload};

const ATTRIBUTES: usize = 1000;
const PROFILES: usize = 50;
const VALUES: usize = 50;
const OF_PROFILE: usize = 40;
const OF_READING: usize = 30;

pub(crate) fn generate(count: usize, random: &mut Random) -> Workload {
    let attributes = Zipf::new(ATTRIBUTES, 0.8);
    let profiles = (0..PROFILES)
        .map(|_| attributes.draw_distinct(OF_PROFILE, random))
        .collect::<Vec<_>>();
    let values = Zipf::new(VALUES, 1.5);
    let subscriptions = (0..count).map(|_| subscription(&profiles, &values, random));
    Workload {
        kind: Kind::Wide,
        attributes: (0..ATTRIBUTES)
            .map(|number| format!("attribute{number}"))
            .collect(),
        subscriptions: subscriptions.collect(),
        checked: (0..CHECKED)
            .map(|_| reading(&profiles, &values, random))
            .collect(),
        traffic: (0..TRAFFIC)
            .map(|_| reading(&profiles, &values, random))
            .collect(),
    }
}

fn subscription(profiles: &[Vec<usize>], values: &Zipf, random: &mut Random) -> Node {
    let profile = &profiles[random.below(PROFILES)];
    let count = random.between(3, 7);
    let attributes = random.distinct(count, OF_PROFILE);
    let tests = attributes.into_iter().map(|place| {
        let op = match random.below(10) {
            0 | 1 => Op::Equal(value(values.draw(random))),
            2..7 => {
                let count = random.between(3, 8);
                let members = values.draw_distinct(count, random);
                Op::In(members.into_iter().map(value).collect())
            }
            _ => range(random),
        };
        Node::test(profile[place], op)
    });
    Node::And(tests.collect())
}

fn range(random: &mut Random) -> Op {
    let bound = i64::try_from(random.below(VALUES)).unwrap();
    match random.below(3) {
        0 => Op::AtLeast(bound.min(2)),
        1 => Op::AtMost(bound),
        _ => Op::Between(bound / 20, bound / 4 + 20),
    }
}

fn reading(profiles: &[Vec<usize>], values: &Zipf, random: &mut Random) -> Reading {
    let profile = &profiles[random.below(PROFILES)];
    let places = random.distinct(OF_READING, OF_PROFILE);
    let values = places
        .into_iter()
        .map(|place| (profile[place], value(values.draw(random))));
    values.collect()
}

fn value(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap())
}
