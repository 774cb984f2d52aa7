//! The newest word of every instance, kept whatever the phase: so it does not matter whether a report comes early, late
//! or twice.

use alloc::collections::BTreeMap;

use gomera_model::control::{Copied, Report};
use gomera_model::{Epoch, Incarnation, OperationId};

/// What the instances have said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports(BTreeMap<Incarnation, Words>);

/// The newest of each kind; ids and epochs only rise.
#[derive(Clone, Debug, Default)]
struct Words {
    confirmed: Option<OperationId>,
    copying: Option<(OperationId, Copied)>,
    copied: Option<OperationId>,
    ended: Option<OperationId>,
    drained: Option<Epoch>,
    joined: Option<Epoch>,
    filled: Option<Epoch>,
    emptied: Option<Epoch>,
    settled: Option<Epoch>,
    flipped: Option<Flipped>,
}

/// What an access point held until it flipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flipped {
    epoch: Epoch,
    /// How many operations.
    pub(crate) held: u64,
    /// How long the first of them, nanoseconds.
    pub(crate) held_ns_max: u64,
}

impl Reports {
    /// Takes a report.
    pub(crate) fn take(&mut self, from: Incarnation, report: Report) {
        let words = self.0.entry(from).or_default();
        match report {
            Report::Confirmed(operation) => words.confirmed = words.confirmed.max(Some(operation)),
            Report::Copying { operation, copied } => words.copying(operation, copied),
            Report::Copied { operation, copied } => {
                words.copying(operation, copied);
                words.copied = words.copied.max(Some(operation));
            }
            Report::Ended(operation) => words.ended = words.ended.max(Some(operation)),
            Report::Drained(epoch) => words.drained = words.drained.max(Some(epoch)),
            Report::Joined(epoch) => words.joined = words.joined.max(Some(epoch)),
            Report::Filled(epoch) => words.filled = words.filled.max(Some(epoch)),
            Report::Emptied(epoch) => words.emptied = words.emptied.max(Some(epoch)),
            Report::Settled(epoch) => words.settled = words.settled.max(Some(epoch)),
            Report::Flipped {
                epoch,
                held,
                held_ns_max,
            } => {
                let flipped = Flipped {
                    epoch,
                    held,
                    held_ns_max,
                };
                words.flipped = words.flipped.max(Some(flipped));
            }
        }
    }

    /// Of how many instances words are kept.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Those whose words are kept.
    pub(crate) fn of(&self) -> impl Iterator<Item = Incarnation> {
        self.0.keys().copied()
    }

    /// Forgets everyone else.
    pub(crate) fn keep(&mut self, is_there: impl Fn(Incarnation) -> bool) {
        self.0.retain(|from, _| is_there(*from));
    }

    /// Whether it knows the plan.
    pub(crate) fn confirmed(&self, from: Incarnation, operation: OperationId) -> bool {
        self.words(from)
            .is_some_and(|words| words.confirmed == Some(operation))
    }

    /// Whether it has given what it has to give.
    pub(crate) fn copied(&self, from: Incarnation, operation: OperationId) -> bool {
        self.words(from)
            .is_some_and(|words| words.copied == Some(operation))
    }

    /// How much it has given so far.
    pub(crate) fn copying(&self, from: Incarnation, operation: OperationId) -> Copied {
        let said = self.words(from).and_then(|words| words.copying);
        said.filter(|(of, _)| *of == operation)
            .map_or(Copied::default(), |(_, copied)| copied)
    }

    /// Whether END has come to it from all it takes from.
    pub(crate) fn ended(&self, from: Incarnation, operation: OperationId) -> bool {
        self.words(from)
            .is_some_and(|words| words.ended == Some(operation))
    }

    /// Whether a matcher is through with what was stamped before the epoch.
    pub(crate) fn drained(&self, from: Incarnation, epoch: Epoch) -> bool {
        self.words(from)
            .is_some_and(|words| words.drained >= Some(epoch))
    }

    /// Whether an exit point is through with what was stamped before the epoch.
    pub(crate) fn joined(&self, from: Incarnation, epoch: Epoch) -> bool {
        self.words(from)
            .is_some_and(|words| words.joined >= Some(epoch))
    }

    /// Whether an exit point holds what belongs to the slots that the epoch names it for.
    pub(crate) fn filled(&self, from: Incarnation, epoch: Epoch) -> bool {
        self.words(from)
            .is_some_and(|words| words.filled >= Some(epoch))
    }

    /// Whether nothing is left with a leaving instance.
    pub(crate) fn emptied(&self, from: Incarnation, epoch: Epoch) -> bool {
        self.words(from)
            .is_some_and(|words| words.emptied >= Some(epoch))
    }

    /// Whether an access point or a connection point has read the epoch, and nothing of before is outstanding there.
    pub(crate) fn settled(&self, from: Incarnation, epoch: Epoch) -> bool {
        self.words(from)
            .is_some_and(|words| words.settled >= Some(epoch))
    }

    /// What an access point held, if it stamps the epoch or a later one.
    pub(crate) fn flipped(&self, from: Incarnation, epoch: Epoch) -> Option<Flipped> {
        let said = self.words(from).and_then(|words| words.flipped);
        said.filter(|flipped| flipped.epoch >= epoch)
    }

    fn words(&self, from: Incarnation) -> Option<&Words> {
        self.0.get(&from)
    }
}

impl Words {
    /// Of one operation the larger total counts: reports may overtake each other.
    fn copying(&mut self, operation: OperationId, copied: Copied) {
        let newer = match self.copying {
            Some((of, said)) => operation > of || (operation == of && copied.bytes >= said.bytes),
            None => true,
        };
        if newer {
            self.copying = Some((operation, copied));
        }
    }
}
