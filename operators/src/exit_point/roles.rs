//! The part that an exit point plays for each session slot, as the topology names it and as far as it has come.
//!
//! ```text
//!               newly named            FillEnd of the primary
//!  no part ──────────────────► filling ───────────────────────► whole
//!     ▲                                                           │
//!     └── no longer named, and everything before it joined ───────┘
//!
//!                                      Yield of the old primary,
//!               made the primary       a FLIP of every matcher
//!  holds ────────────────────► waits ─────────────────────────► delivers
//!    ▲                                                            │
//!    └──────── another one is the primary: Yield to it ───────────┘
//! ```
//!
//! The FLIPs are waited for because the old primary may have answered operations whose registrations are still on their
//! way here. It answers none that a matcher took behind its first FLIP.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use gomera_matching::SlotSet;
use gomera_model::topology::ExitPoints;
use gomera_model::{Epoch, Incarnation, Layer, SlotId, Topology};

/// What stands between this exit point and the parts that the newest topology gives it.
#[derive(Clone, Debug)]
pub(super) struct Roles {
    own: Incarnation,
    /// Whether an old primary is waited for; not so only where this rule is broken.
    pub(super) waits_for_yield: bool,
    /// Whether matchers are waited for; the same.
    pub(super) waits_for_matchers: bool,
    /// Slots of which everything is here.
    whole: SlotSet,
    /// Slots that are filled by this primary, because this epoch newly named this one for them.
    filling: BTreeMap<SlotId, (Incarnation, Epoch)>,
    /// Slots that this primary delivers until it yields.
    awaited: BTreeMap<SlotId, Incarnation>,
    /// Slots that were yielded, while a matcher is behind.
    yielded_early: SlotSet,
    /// Matchers that have passed no FLIP into the newest epoch, where this one is a new primary.
    behind: BTreeSet<Incarnation>,
    /// Slots of which nothing is known: their primary was lost, and had no backup.
    bereaved: SlotSet,
    /// The newest epoch for which each primary has filled everything, also before it is known here.
    filled: BTreeMap<Incarnation, Epoch>,
    /// The same for what each has yielded.
    yielded: BTreeMap<Incarnation, Epoch>,
}

/// What a topology changes for what is here.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    /// Slots that others deliver from now on.
    pub(super) yielded: SlotSet,
    /// Who delivers them.
    pub(super) heirs: Vec<Incarnation>,
    /// Slots that are this one's to deliver from now on.
    pub(super) gained: SlotSet,
    /// Slots of which everything is here now.
    pub(super) whole: SlotSet,
    /// Who is newly named for slots that are this one's to deliver.
    pub(super) to_fill: BTreeMap<Incarnation, SlotSet>,
    /// Slots of which what was filled so far goes: the primary that had begun was lost, or this one is not named any more.
    pub(super) anew: SlotSet,
}

impl Roles {
    pub(super) fn new(own: Incarnation) -> Self {
        Self {
            own,
            waits_for_yield: true,
            waits_for_matchers: true,
            whole: SlotSet::empty(),
            filling: BTreeMap::new(),
            awaited: BTreeMap::new(),
            yielded_early: SlotSet::empty(),
            behind: BTreeSet::new(),
            bereaved: SlotSet::empty(),
            filled: BTreeMap::new(),
            yielded: BTreeMap::new(),
        }
    }

    /// The first topology: what it names this one for begins here, empty.
    pub(super) fn begin(&mut self, first: &Topology) {
        self.whole = SlotId::all()
            .filter(|slot| names(first.exit_points(*slot), self.own))
            .collect();
    }

    /// A topology follows the present one.
    pub(super) fn learn(&mut self, present: &Topology, next: &Topology) -> Change {
        let mut change = Change::default();
        for slot in SlotId::all() {
            let (before, after) = (present.exit_points(slot), next.exit_points(slot));
            if before != after {
                self.learn_slot(slot, (before, after), next, &mut change);
            }
        }
        change.heirs.sort_unstable();
        change.heirs.dedup();
        self.give_up(next, &mut change);
        let is_new_primary = !change.gained.is_empty() || !self.awaited.is_empty();
        if is_new_primary && self.waits_for_matchers {
            let matchers = present.incarnations(Layer::Matchers);
            self.behind = matchers.chain(next.incarnations(Layer::Matchers)).collect();
        }
        self.behind.retain(|matcher| !next.is_retired(*matcher));
        change.gained = self.gain(core::mem::take(&mut change.gained));
        change
    }

    /// Nobody waits for the word of one that is not there any more.
    fn give_up(&mut self, next: &Topology, change: &mut Change) {
        let filling = self.filling.values().map(|(who, _)| *who);
        let waited_for = self.awaited.values().copied().chain(filling);
        let gone: BTreeSet<Incarnation> = waited_for
            .filter(|who| next.instance(*who).is_none())
            .collect();
        for who in gone {
            let unyielded = take_slots(&mut self.awaited, who);
            change.gained.extend(unyielded.iter());
            let unfilled = self.take_filling(who, next.epoch);
            self.whole.extend(unfilled.iter());
            change.whole.extend(unfilled.iter());
        }
    }

    /// Whether the slot's primary was lost alone: the matchers may hold subscriptions of sessions that nobody knows.
    pub(super) fn is_bereaved(&self, slot: SlotId) -> bool {
        self.bereaved.contains(slot)
    }

    /// A primary has filled everything that this epoch newly names this one for. Answers the slots that are whole now.
    pub(super) fn fill_ended(&mut self, from: Incarnation, epoch: Epoch) -> SlotSet {
        self.filled.insert(from, epoch);
        let whole = self.take_filling(from, epoch);
        self.whole.extend(whole.iter());
        whole
    }

    /// A primary delivers no more what this epoch takes from it. Answers the slots that are this one's now.
    pub(super) fn yielded(&mut self, from: Incarnation, epoch: Epoch) -> SlotSet {
        self.yielded.insert(from, epoch);
        let slots = take_slots(&mut self.awaited, from);
        self.gain(slots)
    }

    /// A matcher has passed a FLIP into the newest epoch. Answers the slots that are this one's now.
    pub(super) fn passed(&mut self, matcher: Incarnation) -> SlotSet {
        self.behind.remove(&matcher);
        self.gain(SlotSet::empty())
    }

    /// Everything stamped before the newest topology is joined: slots that it does not name this one for are nothing
    /// to it any more.
    pub(super) fn forget(&mut self, newest: &Topology) {
        let is_named = |slot: &SlotId| names(newest.exit_points(*slot), self.own);
        self.whole = self.whole.iter().filter(is_named).collect();
    }

    /// Whether everything of the slot is here.
    pub(super) fn is_whole(&self, slot: SlotId) -> bool {
        self.whole.contains(slot)
    }

    /// Whether this primary fills the slot here, because this epoch newly named this one for it.
    pub(super) fn is_filled_by(&self, slot: SlotId, filler: (Incarnation, Epoch)) -> bool {
        self.filling.get(&slot) == Some(&filler)
    }

    /// Whether the slot is this one's to deliver, and nobody else's.
    pub(super) fn delivers(&self, newest: &Topology, slot: SlotId) -> bool {
        newest.exit_points(slot).primary == self.own
            && !self.awaited.contains_key(&slot)
            && !self.yielded_early.contains(slot)
    }

    /// Who else delivers the slot: whoever has to yield it, else the primary.
    pub(super) fn delivered_by(&self, newest: &Topology, slot: SlotId) -> Option<Incarnation> {
        let primary = newest.exit_points(slot).primary;
        let primary = (primary != self.own).then_some(primary);
        self.awaited.get(&slot).copied().or(primary)
    }

    /// Whether nothing stands between this exit point and its parts.
    pub(super) fn is_settled(&self) -> bool {
        self.filling.is_empty() && self.awaited.is_empty() && self.yielded_early.is_empty()
    }

    /// Slots are yielded: they are this one's, once no matcher is behind.
    fn gain(&mut self, slots: SlotSet) -> SlotSet {
        self.yielded_early.extend(slots.iter());
        if self.behind.is_empty() {
            core::mem::take(&mut self.yielded_early)
        } else {
            SlotSet::empty()
        }
    }

    fn take_filling(&mut self, from: Incarnation, up_to: Epoch) -> SlotSet {
        let is_taken = |(who, epoch): &(Incarnation, Epoch)| *who == from && *epoch <= up_to;
        let slots = self.filling.iter();
        let slots = slots.filter(|(_, filled)| is_taken(filled));
        let taken: SlotSet = slots.map(|(slot, _)| *slot).collect();
        self.filling.retain(|_, filled| !is_taken(filled));
        taken
    }

    fn learn_slot(
        &mut self,
        slot: SlotId,
        (before, after): (ExitPoints, ExitPoints),
        next: &Topology,
        change: &mut Change,
    ) {
        if after.primary == self.own {
            let is_new = |other: &Incarnation| *other != self.own && !holds((before, next), *other);
            for other in after.all().filter(is_new) {
                change
                    .to_fill
                    .entry(other)
                    .or_insert_with(SlotSet::empty)
                    .insert(slot);
            }
        }
        if before.primary == self.own {
            if after.primary != self.own {
                change.yielded.insert(slot);
                change.heirs.push(after.primary);
            }
        } else if after.primary == self.own {
            if is_done(&self.yielded, before.primary, next) || !self.waits_for_yield {
                change.gained.insert(slot);
            } else {
                self.awaited.insert(slot, before.primary);
            }
        }
        // Who was not named meanwhile has missed what was stamped meanwhile.
        let is_stale = !names(before, self.own)
            && names(after, self.own)
            && (self.whole.contains(slot) || self.filling.contains_key(&slot));
        if is_stale || names(before, self.own) && !holds((before, next), self.own) {
            self.whole.remove(slot);
            self.filling.remove(&slot);
            change.anew.insert(slot);
        }
        if names(after, self.own) && !self.whole.contains(slot) {
            // Who was lost alone left nothing that somebody could fill its follower with.
            let is_bereaved = after.primary == self.own;
            if is_bereaved {
                self.bereaved.insert(slot);
            }
            if is_bereaved || is_done(&self.filled, after.primary, next) {
                self.whole.insert(slot);
                change.whole.insert(slot);
            } else {
                let filled = (after.primary, next.epoch);
                self.filling.entry(slot).or_insert(filled);
            }
        }
        if !names(after, self.own) {
            // What was filled so far is of no use to whoever fills it when it is named again.
            if self.filling.remove(&slot).is_some() {
                change.anew.insert(slot);
            }
            self.awaited.remove(&slot);
            self.yielded_early.remove(slot);
            self.bereaved.remove(slot);
        }
    }
}

/// Whether the topology names an exit point for a slot.
pub(super) fn names(points: ExitPoints, one: Incarnation) -> bool {
    points.all().any(|named| named == one)
}

/// Whether an exit point has everything of a slot, as far as others can know: who was being filled by one that is lost has
/// not.
fn holds((before, next): (ExitPoints, &Topology), one: Incarnation) -> bool {
    let is_paired = before.primary == one || before.backup == Some(one);
    is_paired || names(before, one) && next.instance(before.primary).is_some()
}

/// Whether nothing is to be waited for: it was said, or nobody is there to say it.
fn is_done(said: &BTreeMap<Incarnation, Epoch>, from: Incarnation, next: &Topology) -> bool {
    next.instance(from).is_none() || said.get(&from).is_some_and(|epoch| *epoch >= next.epoch)
}

fn take_slots(waiting: &mut BTreeMap<SlotId, Incarnation>, from: Incarnation) -> SlotSet {
    let slots = waiting.iter().filter(|(_, who)| **who == from);
    let taken: SlotSet = slots.map(|(slot, _)| *slot).collect();
    waiting.retain(|_, who| *who != from);
    taken
}
