//! What can be wrong.

use std::collections::BTreeMap;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It should have come and did not.
    Lost,
    /// It came again.
    Doubled,
    /// It came although the filter is not true for it.
    False,
    /// It came after a later one of the same publisher.
    OutOfOrder,
    /// It did not come although something before it had come for this subscription, or although the subscription was
    /// acknowledged and everything later came.
    HoleAtStart,
    /// It came although something before it had not come any more, or it did not come although the subscription had
    /// not been ended yet.
    HoleAtEnd,
    /// It came after the end of the subscription was acknowledged.
    AfterEnd,
    /// It is not what was published.
    Altered,
    /// Nobody has published it.
    Stranger,
    /// It was not acknowledged in the end.
    Unacknowledged,
    /// It was refused, and breaks no rule.
    Refused,
    /// A subscription was refused that breaks no rule, or was lost.
    SubscriptionRefused,
    /// The session was gone when its client came back.
    SessionLost,
    /// The broker has signalled that it lost deliveries of a subscriber that takes everything at once.
    Gap,
    /// A client was ended by the broker.
    ClientEnded,
}

impl Fault {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 15] = [
        Self::Lost,
        Self::Doubled,
        Self::False,
        Self::OutOfOrder,
        Self::HoleAtStart,
        Self::HoleAtEnd,
        Self::AfterEnd,
        Self::Altered,
        Self::Stranger,
        Self::Unacknowledged,
        Self::Refused,
        Self::SubscriptionRefused,
        Self::SessionLost,
        Self::Gap,
        Self::ClientEnded,
    ];

    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::False => "false",
            Self::OutOfOrder => "out_of_order",
            Self::HoleAtStart => "holes_at_start",
            Self::HoleAtEnd => "holes_at_end",
            Self::AfterEnd => "after_end",
            Self::Altered => "altered",
            Self::Stranger => "strangers",
            Self::Unacknowledged => "unacknowledged",
            Self::Refused => "refused",
            Self::SubscriptionRefused => "subscriptions_refused",
            Self::SessionLost => "sessions_lost",
            Self::Gap => "gaps",
            Self::ClientEnded => "clients_ended",
        }
    }
}

/// One thing that is wrong. What it is not about is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What.
    pub fault: Fault,
    /// The subscriber, as an index.
    pub subscriber: Option<usize>,
    /// The publisher, as an index.
    pub publisher: Option<usize>,
    /// The notification's place in what that publisher published, from 1.
    pub seq: Option<u32>,
    /// The number of the subscription.
    pub subscription: Option<u32>,
    /// When it was noticed, nanoseconds after the start, where it is about a moment.
    pub at: Option<u64>,
    /// Another notification of the same publisher that makes it one.
    pub other: Option<u32>,
}

impl Finding {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            fault,
            subscriber: None,
            publisher: None,
            seq: None,
            subscription: None,
            at: None,
            other: None,
        }
    }
}

/// Findings: all are counted, some are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    counts: BTreeMap<Fault, u64>,
    kept: BTreeMap<Fault, Vec<Finding>>,
}

impl Findings {
    /// How many of one kind there are.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        self.counts.get(&fault).copied().unwrap_or(0)
    }

    /// Those that are kept, kind by kind, in order.
    pub fn kept(&self) -> impl Iterator<Item = &Finding> {
        self.kept.values().flatten()
    }

    pub(super) fn push(&mut self, finding: Finding) {
        *self.counts.entry(finding.fault).or_default() += 1;
        let kept = self.kept.entry(finding.fault).or_default();
        if kept.len() < KEPT_MAX {
            kept.push(finding);
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        for (fault, count) in other.counts {
            *self.counts.entry(fault).or_default() += count;
        }
        for (fault, findings) in other.kept {
            let kept = self.kept.entry(fault).or_default();
            kept.extend(findings);
            kept.sort_unstable();
            kept.truncate(KEPT_MAX);
        }
    }
}

/// Findings of one kind that are kept to be told: more than anybody reads.
const KEPT_MAX: usize = 100;
