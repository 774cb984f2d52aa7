//! W2: a device and a threshold.

use super::{CHECKED, Kind, Node, Op, Random, Reading, TRAFFIC, Value, Workload};

const DEVICE: usize = 0;
const VALUE: usize = 1;
/// Devices a subscription.
const PER_DEVICE: usize = 4;

pub(crate) fn generate(count: usize, random: &mut Random) -> Workload {
    let devices = count / PER_DEVICE;
    let names = ["device", "value", "unit", "firmware", "battery", "signal"];
    Workload {
        kind: Kind::Device,
        attributes: names.map(String::from).into(),
        subscriptions: (0..count).map(|_| subscription(devices, random)).collect(),
        checked: (0..CHECKED).map(|_| reading(devices, random)).collect(),
        traffic: (0..TRAFFIC).map(|_| reading(devices, random)).collect(),
    }
}

fn subscription(devices: usize, random: &mut Random) -> Node {
    let bound = i64::try_from(random.below(10_000)).unwrap();
    Node::And(vec![
        Node::test(DEVICE, Op::Equal(device(devices, random))),
        Node::test(VALUE, Op::AtLeast(bound)),
    ])
}

fn reading(devices: usize, random: &mut Random) -> Reading {
    let mut small = || Value::Int(i64::try_from(random.below(100)).unwrap());
    let (battery, signal) = (small(), small());
    vec![
        (DEVICE, device(devices, random)),
        (
            VALUE,
            Value::Int(i64::try_from(random.below(10_000)).unwrap()),
        ),
        (2, Value::text(["C", "hPa", "V"][random.below(3)])),
        (3, Value::text(format!("v{}", random.below(10)))),
        (4, battery),
        (5, signal),
    ]
}

fn device(devices: usize, random: &mut Random) -> Value {
    Value::text(format!("device-{}", random.below(devices)))
}
