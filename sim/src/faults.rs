//! What goes wrong in a run besides what is slow, drawn from its seed.

use crate::rng::Rng;

/// How much of each kind of fault a run has. What happens to an operation of the cluster strikes when it enters a phase or
/// soon after, so that every phase of every layer is hit.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Whether the hosts share a store that can fail, or one process has its own.
    pub has_ensemble: bool,
    /// How often of a thousand something befalls the cluster when an operation enters a phase.
    pub strikes_per_mille: u64,
    /// How often of a thousand the same happens in any step.
    pub misfortunes_per_ten_thousand: u64,
    /// Leases that the ensemble takes for lost, the leader's mostly.
    pub expiries: u32,
    /// Leaders that end without a word.
    pub leader_deaths: u32,
    /// Times without a quorum.
    pub outages: u32,
    /// Instances that stand still for a while.
    pub pauses: u32,
    /// Hosts that stand still for a while, with all that runs there.
    pub host_pauses: u32,
    /// Lanes and links that stand still for a while.
    pub stalls: u32,
    /// How often of a thousand the asker does not learn what became of a write.
    pub murk_per_mille: u64,
    /// How often of a thousand an outcome is learned late.
    pub late_answers_per_mille: u64,
    /// How often of a thousand nobody is told of a change in the store.
    pub deafness_per_mille: u64,
}

impl Faults {
    /// Those of a seed.
    #[must_use]
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let some = |rng: &mut Rng, most| {
            let count = if rng.per_mille(500) {
                rng.between(1, most)
            } else {
                0
            };
            u32::try_from(count).expect("small numbers")
        };
        if rng.per_mille(100) {
            return Self::default();
        }
        Self {
            has_ensemble: rng.per_mille(900),
            strikes_per_mille: *rng.pick(&[0, 200, 500]),
            misfortunes_per_ten_thousand: *rng.pick(&[0, 5, 20]),
            expiries: some(rng, 4),
            leader_deaths: some(rng, 4),
            outages: some(rng, 3),
            pauses: some(rng, 6),
            host_pauses: some(rng, 3),
            stalls: some(rng, 6),
            murk_per_mille: *rng.pick(&[0, 0, 100, 400]),
            late_answers_per_mille: *rng.pick(&[0, 0, 300]),
            deafness_per_mille: *rng.pick(&[0, 0, 300, 900]),
        }
    }

    /// None, with the store shared by hosts.
    #[must_use]
    pub(crate) fn none() -> Self {
        Self {
            has_ensemble: true,
            ..Self::default()
        }
    }
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The ensemble takes the leader's lease for lost; the leader learns it later than everybody else.
    LeaseLost,
    /// The leader ends without a word; some of what it said last is lost with it.
    LeaderDeath,
    /// The store answers nobody.
    NoQuorum,
    /// A write was applied, and nobody learns it.
    UnheardWrite,
    /// A write was not applied, and nobody learns it.
    LostWrite,
    /// A write is applied when nobody waits for it any more.
    LateWrite,
    /// The outcome of a write comes late.
    LateAnswer,
    /// Nobody is told of a change in the store.
    WatchLost,
    /// An instance stands still, and goes on.
    InstancePause,
    /// A host stands still with all that runs there, and goes on.
    HostPause,
    /// A lane or a link stands still, and goes on.
    Stall,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::LeaseLost,
        Self::LeaderDeath,
        Self::NoQuorum,
        Self::UnheardWrite,
        Self::LostWrite,
        Self::LateWrite,
        Self::LateAnswer,
        Self::WatchLost,
        Self::InstancePause,
        Self::HostPause,
        Self::Stall,
    ];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::LeaseLost => "the leader's lease is lost, and it does not know",
            Self::LeaderDeath => "the leader ends without a word",
            Self::NoQuorum => "the store has no quorum",
            Self::UnheardWrite => "a write is applied, and nobody learns it",
            Self::LostWrite => "a write is lost, and nobody learns it",
            Self::LateWrite => "a write is given up, and applied later",
            Self::LateAnswer => "the outcome of a write comes late",
            Self::WatchLost => "nobody is told of a change in the store",
            Self::InstancePause => "an instance stands still",
            Self::HostPause => "a host stands still",
            Self::Stall => "a lane or a link stands still",
        }
    }

    /// In a column's head.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::LeaseLost => "lease",
            Self::LeaderDeath => "leader",
            Self::NoQuorum => "quorum",
            Self::UnheardWrite => "unheard",
            Self::LostWrite => "lost",
            Self::LateWrite => "late",
            Self::LateAnswer => "answer",
            Self::WatchLost => "watch",
            Self::InstancePause => "pause",
            Self::HostPause => "host",
            Self::Stall => "stall",
        }
    }
}
