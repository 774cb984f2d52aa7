//! W4: general Boolean filters over the sensors of W1, which have names here.

use super::sensors::{self, World};
use super::{CHECKED, Kind, Node, Op, Random, Reading, TRAFFIC, Value, Workload};

const NAME: usize = 31;
const UNIT: usize = 32;
/// Words of names.
const WORDS: usize = 12;

pub(crate) fn generate(count: usize, random: &mut Random) -> Workload {
    let world = World::new();
    let mut attributes = sensors::attributes();
    attributes.extend(["name", "unit"].map(String::from));
    Workload {
        kind: Kind::Boolean,
        attributes,
        subscriptions: (0..count).map(|_| subscription(&world, random)).collect(),
        checked: (0..CHECKED).map(|_| reading(&world, random)).collect(),
        traffic: (0..TRAFFIC).map(|_| reading(&world, random)).collect(),
    }
}

fn reading(world: &World, random: &mut Random) -> Reading {
    let mut reading = world.reading(random);
    let words = [(); 3].map(|()| word(random.below(WORDS)));
    reading.push((NAME, Value::Text(words.join("-"))));
    reading.push((UNIT, Value::text(["C", "hPa", "V"][random.below(3)])));
    reading
}

fn subscription(world: &World, random: &mut Random) -> Node {
    let kind = world.types.draw(random);
    let mut parts = vec![anchor(world, kind, random), terms(world, kind, random)];
    if random.chance(60) {
        let word = word(random.below(WORDS));
        parts.push(Node::test(
            NAME,
            match random.below(3) {
                0 => Op::Prefix(format!("{word}-")),
                1 => Op::Contains(format!("-{word}-")),
                _ => Op::Suffix(format!("-{word}")),
            },
        ));
    }
    if random.chance(30) {
        parts.push(Node::Not(Box::new(if random.chance(50) {
            let states = random.distinct(2, sensors::STATES);
            Node::test(
                sensors::STATUS,
                sensors::one_of(&states, sensors::status_name),
            )
        } else {
            let battery = Node::test(sensors::BATTERY, Op::AtMost(20));
            Node::And(vec![world.numeric(kind, random), battery])
        })));
    }
    Node::And(parts)
}

fn anchor(world: &World, kind: usize, random: &mut Random) -> Node {
    let kind = Node::test(
        sensors::TYPE,
        Op::Equal(Value::text(sensors::type_name(kind))),
    );
    match random.below(4) {
        0 => {
            let count = random.between(1, 3);
            let sites = world.sites.draw_distinct(count, random);
            let sides = sites.into_iter().map(|site| {
                let site = Value::text(sensors::site_name(site));
                Node::test(sensors::SITE, Op::Equal(site))
            });
            Node::Or(sides.collect()).simplified()
        }
        1 => {
            let count = random.between(2, 4);
            let sites = world.sites.draw_distinct(count, random);
            Node::test(sensors::SITE, sensors::one_of(&sites, sensors::site_name))
        }
        2 => {
            let region = sensors::region_name(random.below(sensors::REGIONS));
            let vendor = sensors::vendor_name(random.below(sensors::VENDORS));
            let region = Node::test(sensors::REGION, Op::Equal(Value::Text(region)));
            let vendor = Node::test(sensors::VENDOR, Op::Equal(Value::Text(vendor)));
            Node::Or(vec![
                Node::And(vec![kind.clone(), region]),
                Node::And(vec![kind, vendor]),
            ])
        }
        _ => kind,
    }
}

fn terms(world: &World, kind: usize, random: &mut Random) -> Node {
    let count = random.between(2, 3);
    let terms = (0..count).map(|_| {
        let numeric = world.numeric(kind, random);
        match random.below(3) {
            0 => numeric,
            1 => {
                let status = Value::Text(sensors::status_name(random.below(sensors::STATES)));
                Node::And(vec![
                    numeric,
                    Node::test(sensors::STATUS, Op::NotEqual(status)),
                ])
            }
            _ => {
                let other = world.numeric(kind, random);
                Node::And(vec![numeric, Node::Not(Box::new(other))])
            }
        }
    });
    Node::Or(terms.collect())
}

impl Node {
    /// An OR of one is that one.
    fn simplified(self) -> Self {
        match self {
            Self::Or(mut sides) if sides.len() == 1 => sides.remove(0),
            Self::And(_) | Self::Or(_) | Self::Not(_) | Self::Test(_) => self,
        }
    }
}

fn word(number: usize) -> String {
    const NAMES: [&str; WORDS] = [
        "roof", "hall", "pump", "fan", "door", "tank", "mast", "lamp", "gate", "lift", "dock",
        "yard",
    ];
    NAMES[number].into()
}
