//! The one small document that says who is there and who owns what.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{Epoch, HostId, Incarnation, InstanceId, SLOTS, SessionId, SlotId};

/// The four layers of operators, in the order of a notification's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Ends the clients' connections.
    ConnectionPoints,
    /// Stamps, retains and routes.
    AccessPoints,
    /// Holds the filters.
    Matchers,
    /// Joins, orders and delivers.
    ExitPoints,
}

impl Layer {
    /// All of them, in the order of a notification's way.
    pub const ALL: [Self; 4] = [
        Self::ConnectionPoints,
        Self::AccessPoints,
        Self::Matchers,
        Self::ExitPoints,
    ];
}

/// One running operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its place in the layer.
    pub id: InstanceId,
    /// Which start of it this is; unique.
    pub incarnation: Incarnation,
    /// What it does.
    pub layer: Layer,
    /// Where it runs.
    pub host: HostId,
    /// The zone of that host, empty where there are none.
    pub zone: String,
    /// Whether it is about to go: nothing new is given to it, and it goes when nothing is left with it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub leaving: bool,
}

/// The exit points of one session slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitPoints {
    /// Delivers.
    pub primary: Incarnation,
    /// Holds the same on another host.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backup: Option<Incarnation>,
    /// Is being filled for a move.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub further: Option<Incarnation>,
}

impl ExitPoints {
    /// Everyone who is sent the hits of the slot.
    pub fn all(self) -> impl Iterator<Item = Incarnation> {
        [Some(self.primary), self.backup, self.further]
            .into_iter()
            .flatten()
    }
}

/// Who is there and who owns which slot, under one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Its number; every change raises it by one.
    pub epoch: Epoch,
    /// Who is there, ordered by incarnation.
    pub instances: Vec<Instance>,
    /// Who was there and must no longer be listened to, ordered.
    pub retired: Vec<Incarnation>,
    /// The last epoch in which a matcher was lost: what is stamped before it and not released counts no more, and comes
    /// again under a later stamp. Zero if there was none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut: Epoch,
    /// The matcher of each subscription slot; [`SLOTS`] of them, in the document as runs.
    #[serde(with = "runs")]
    pub matcher_of: Vec<Incarnation>,
    /// The exit points of each session slot; [`SLOTS`] of them, in the document as runs.
    #[serde(with = "runs")]
    pub exit_points_of: Vec<ExitPoints>,
    /// How many further matchers shall hold each subscription slot; it never changes.
    #[serde(default, skip_serializing_if = "is_none_wanted")]
    pub matcher_replicas: u32,
    /// The matcher that stands by for each subscription slot, where one can; empty if there is none for any slot, else
    /// [`SLOTS`] of them, in the document as runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "runs")]
    pub standby_of: Vec<Option<Incarnation>>,
}

impl Topology {
    /// The instances of one layer, ordered by incarnation.
    pub fn layer(&self, layer: Layer) -> impl Iterator<Item = &Instance> + Clone {
        self.instances
            .iter()
            .filter(move |instance| instance.layer == layer)
    }

    /// The incarnations of one layer, ordered.
    pub fn incarnations(&self, layer: Layer) -> impl Iterator<Item = Incarnation> + Clone {
        self.layer(layer).map(|instance| instance.incarnation)
    }

    /// An instance, if it is there.
    #[must_use]
    pub fn instance(&self, incarnation: Incarnation) -> Option<&Instance> {
        self.instances
            .binary_search_by_key(&incarnation, |instance| instance.incarnation)
            .ok()
            .map(|index| &self.instances[index])
    }

    /// The owner of a subscription slot.
    #[must_use]
    pub fn matcher(&self, slot: SlotId) -> Incarnation {
        self.matcher_of[slot.index()]
    }

    /// The subscription slots of one matcher, in order.
    pub fn slots_of(&self, matcher: Incarnation) -> impl Iterator<Item = SlotId> {
        SlotId::all().filter(move |slot| self.matcher(*slot) == matcher)
    }

    /// The matcher that stands by for a subscription slot.
    #[must_use]
    pub fn standby(&self, slot: SlotId) -> Option<Incarnation> {
        self.standby_of.get(slot.index()).copied().flatten()
    }

    /// The subscription slots that one matcher stands by for, in order.
    pub fn stood_by_for(&self, matcher: Incarnation) -> impl Iterator<Item = SlotId> {
        SlotId::all().filter(move |slot| self.standby(*slot) == Some(matcher))
    }

    /// The exit points of a session slot.
    #[must_use]
    pub fn exit_points(&self, slot: SlotId) -> ExitPoints {
        self.exit_points_of[slot.index()]
    }

    /// The exit point that delivers to a session.
    #[must_use]
    pub fn primary(&self, session: SessionId) -> Incarnation {
        self.exit_points(session.slot()).primary
    }

    /// Whether an instance must no longer be listened to.
    #[must_use]
    pub fn is_retired(&self, incarnation: Incarnation) -> bool {
        self.retired.binary_search(&incarnation).is_ok()
    }

    /// Whether the document hangs together: what is read from a store is checked with this before it is used.
    ///
    /// # Errors
    ///
    /// The first fault found, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.matcher_of.len() != SLOTS || self.exit_points_of.len() != SLOTS {
            return Err("a slot table has not exactly 4096 entries");
        }
        if !self
            .instances
            .is_sorted_by(|a, b| a.incarnation < b.incarnation)
        {
            return Err("the instances are not ordered by incarnation, each once");
        }
        if !self.retired.is_sorted() {
            return Err("the retired are not ordered");
        }
        if self.cut > self.epoch {
            return Err("the cut lies behind the epoch");
        }
        let is = |incarnation, layer| {
            self.instance(incarnation)
                .is_some_and(|instance| instance.layer == layer)
        };
        if !self.matcher_of.iter().all(|&m| is(m, Layer::Matchers)) {
            return Err("a slot belongs to a matcher that is not there");
        }
        let named = self.exit_points_of.iter().flat_map(|points| points.all());
        if !named.into_iter().all(|e| is(e, Layer::ExitPoints)) {
            return Err("a slot belongs to an exit point that is not there");
        }
        self.check_standbys()
    }

    fn check_standbys(&self) -> Result<(), &'static str> {
        if !self.standby_of.is_empty() && self.standby_of.len() != SLOTS {
            return Err("the table of standbys has neither 4096 entries nor none");
        }
        for (standby, owner) in self.standby_of.iter().zip(&self.matcher_of) {
            let Some(standby) = standby else {
                continue;
            };
            let instance = self.instance(*standby);
            if instance.is_none_or(|instance| instance.layer != Layer::Matchers) {
                return Err("a matcher that is not there stands by for a slot");
            }
            if standby == owner {
                return Err("a matcher stands by for a slot of its own");
            }
        }
        Ok(())
    }
}

fn is_zero(epoch: &Epoch) -> bool {
    *epoch == Epoch(0)
}

fn is_none_wanted(replicas: &u32) -> bool {
    *replicas == 0
}

/// A slot table as `[[count, owner], …]`: some numbers instead of 4096.
mod runs {
    use alloc::vec::Vec;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::id::SLOTS;

    pub(super) fn serialize<T: Serialize + PartialEq, S: Serializer>(
        table: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            table
                .chunk_by(|a, b| a == b)
                .map(|run| (run.len(), &run[0])),
        )
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de> + Clone, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        let mut table = Vec::new();
        for (count, owner) in Vec::<(usize, T)>::deserialize(deserializer)? {
            if count > SLOTS - table.len() {
                return Err(D::Error::custom("a slot table with more than 4096 entries"));
            }
            table.resize(table.len() + count, owner);
        }
        Ok(table)
    }
}
