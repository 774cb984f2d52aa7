//! W1: sensors of 200 types at 2000 sites, and those who watch them.

use super::random::{Random, Zipf};
use super::{CHECKED, Kind, Node, Op, Reading, TRAFFIC, Value, Workload};

pub(crate) const TYPE: usize = 0;
pub(crate) const SITE: usize = 1;
pub(crate) const PATH: usize = 2;
pub(crate) const REGION: usize = 3;
pub(crate) const VENDOR: usize = 4;
pub(crate) const STATUS: usize = 5;
pub(crate) const BATTERY: usize = 6;
const QUANTITIES: usize = 7;

const TYPES: usize = 200;
const SITES: usize = 2000;
pub(crate) const REGIONS: usize = 60;
pub(crate) const VENDORS: usize = 20;
pub(crate) const STATES: usize = 8;

/// The world that subscriptions and notifications speak of.
pub(crate) struct World {
    pub(crate) types: Zipf,
    pub(crate) sites: Zipf,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            types: Zipf::new(TYPES, 1.0),
            sites: Zipf::new(SITES, 1.0),
        }
    }

    /// A numeric test on one of the four quantities that a type measures.
    pub(crate) fn numeric(&self, kind: usize, random: &mut Random) -> Node {
        let quantity = QUANTITIES + quantity(kind, random.below(4));
        Node::test(quantity, bounds(random))
    }

    pub(crate) fn reading(&self, random: &mut Random) -> Reading {
        let (kind, site) = (self.types.draw(random), self.sites.draw(random));
        let mut reading = vec![
            (TYPE, Value::text(type_name(kind))),
            (SITE, Value::text(site_name(site))),
            (
                PATH,
                Value::text(path_name(site, random.below(10), random.below(100))),
            ),
            (REGION, Value::text(region_name(site % REGIONS))),
            (VENDOR, Value::text(vendor_name(random.below(VENDORS)))),
            (STATUS, Value::text(status_name(random.below(STATES)))),
            (
                BATTERY,
                Value::Int(i64::try_from(random.below(101)).unwrap()),
            ),
        ];
        for which in 0..4 {
            let quantity = QUANTITIES + quantity(kind, which);
            reading.push((quantity, Value::Int(random.bell())));
        }
        reading
    }
}

pub(crate) fn attributes() -> Vec<String> {
    let names = [
        "type", "site", "path", "region", "vendor", "status", "battery",
    ];
    let quantities = (0..24).map(|number| format!("quantity{number}"));
    names
        .map(String::from)
        .into_iter()
        .chain(quantities)
        .collect()
}

pub(crate) fn generate(count: usize, random: &mut Random) -> Workload {
    let world = World::new();
    Workload {
        kind: Kind::Sensors,
        attributes: attributes(),
        subscriptions: (0..count).map(|_| subscription(&world, random)).collect(),
        checked: (0..CHECKED).map(|_| world.reading(random)).collect(),
        traffic: (0..TRAFFIC).map(|_| world.reading(random)).collect(),
    }
}

fn subscription(world: &World, random: &mut Random) -> Node {
    let (kind, site) = (world.types.draw(random), world.sites.draw(random));
    let mut tests = Vec::new();
    let numerics = match random.below(100) {
        0..35 => {
            tests.push(Node::test(TYPE, Op::Equal(Value::text(type_name(kind)))));
            tests.push(Node::test(SITE, Op::Equal(Value::text(site_name(site)))));
            if random.chance(30) {
                let bound = i64::try_from(random.between(10, 60)).unwrap();
                tests.push(Node::test(BATTERY, Op::AtMost(bound)));
            }
            random.between(1, 2)
        }
        35..60 => {
            tests.push(if random.chance(50) {
                Node::test(SITE, Op::Equal(Value::text(site_name(site))))
            } else {
                Node::test(PATH, Op::Prefix(floor_name(site, random.below(10))))
            });
            random.between(1, 3)
        }
        60..80 => {
            tests.push(Node::test(TYPE, Op::Equal(Value::text(type_name(kind)))));
            let region = region_name(random.below(REGIONS));
            tests.push(Node::test(REGION, Op::Prefix(region[..4].into())));
            random.between(1, 2)
        }
        80..90 => {
            let count = random.between(3, 8);
            let kinds = world.types.draw_distinct(count, random);
            tests.push(Node::test(TYPE, one_of(&kinds, type_name)));
            let count = random.between(2, 5);
            let regions = random.distinct(count, REGIONS);
            tests.push(Node::test(REGION, one_of(&regions, region_name)));
            random.between(1, 2)
        }
        _ => {
            let vendor = vendor_name(random.below(VENDORS));
            tests.push(Node::test(VENDOR, Op::Equal(Value::text(vendor))));
            let states = random.distinct(2, STATES);
            tests.push(Node::test(STATUS, one_of(&states, status_name)));
            1
        }
    };
    tests.extend((0..numerics).map(|_| world.numeric(kind, random)));
    Node::And(tests)
}

pub(crate) fn one_of(numbers: &[usize], name: fn(usize) -> String) -> Op {
    Op::In(
        numbers
            .iter()
            .map(|&number| Value::Text(name(number)))
            .collect(),
    )
}

/// Half upper tails, a fifth lower ones, the rest bands; each holds for some hundredths of the values.
fn bounds(random: &mut Random) -> Op {
    let share = 0.02 + 0.28 * random.unit();
    match random.below(10) {
        0..5 => Op::AtLeast(Random::bell_quantile(1.0 - share)),
        5..7 => Op::AtMost(Random::bell_quantile(share)),
        _ => {
            let start = (1.0 - share) * random.unit();
            let low = Random::bell_quantile(start.max(0.001));
            Op::Between(low, Random::bell_quantile((start + share).min(0.999)))
        }
    }
}

fn quantity(kind: usize, which: usize) -> usize {
    (kind * 7 + which * 5) % 24
}

pub(crate) fn type_name(number: usize) -> String {
    format!("type-{number}")
}

pub(crate) fn site_name(number: usize) -> String {
    format!("site-{number}")
}

fn floor_name(site: usize, floor: usize) -> String {
    format!("/{:02}/{site:04}/{floor}/", site % 50)
}

fn path_name(site: usize, floor: usize, room: usize) -> String {
    format!("{}{room}", floor_name(site, floor))
}

pub(crate) fn region_name(number: usize) -> String {
    format!("r{:02}-{}", number / 5, number % 5)
}

pub(crate) fn vendor_name(number: usize) -> String {
    format!("vendor-{number}")
}

pub(crate) fn status_name(number: usize) -> String {
    format!("status-{number}")
}
