//! The workloads W1 to W5, and one more, as seeded generators: the same subscriptions and notifications everywhere.

mod area;
mod boolean;
mod device;
mod everything;
mod node;
mod random;
mod sensors;
mod wide;

pub(crate) use node::{Node, Op, Reading, Test, Value};
pub(crate) use random::Random;

/// Which workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// W1: sensors.
    Sensors,
    /// W2: device and threshold.
    Device,
    /// W3a: everything matches.
    Everything,
    /// W3b: one of a hundred groups matches.
    Group,
    /// W4: general Boolean.
    Boolean,
    /// W5: a thousand attributes.
    Wide,
    /// W6: boxes on a map.
    Area,
}

/// Subscriptions, and two sets of notifications.
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) attributes: Vec<String>,
    pub(crate) subscriptions: Vec<Node>,
    /// What is measured and compared.
    pub(crate) checked: Vec<Reading>,
    /// What an index may learn from: other notifications of the same kind.
    pub(crate) traffic: Vec<Reading>,
}

/// Notifications that are measured and compared.
pub(crate) const CHECKED: usize = 64;
/// Notifications that come before, so that statistics can be learnt.
pub(crate) const TRAFFIC: usize = 2000;

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Sensors,
        Self::Device,
        Self::Everything,
        Self::Group,
        Self::Boolean,
        Self::Wide,
        Self::Area,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sensors => "W1",
            Self::Device => "W2",
            Self::Everything => "W3a",
            Self::Group => "W3b",
            Self::Boolean => "W4",
            Self::Wide => "W5",
            Self::Area => "W6",
        }
    }

    /// The workload with so many subscriptions.
    pub(crate) fn generate(self, count: usize) -> Workload {
        let mut random = Random::new(2026);
        match self {
            Self::Sensors => sensors::generate(count, &mut random),
            Self::Device => device::generate(count, &mut random),
            Self::Everything => everything::generate(count, 1, &mut random),
            Self::Group => everything::generate(count, 100, &mut random),
            Self::Boolean => boolean::generate(count, &mut random),
            Self::Wide => wide::generate(count, &mut random),
            Self::Area => area::generate(count, &mut random),
        }
    }
}
