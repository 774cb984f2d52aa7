//! The mutants: the protocol with one rule taken away. Each must be caught by the checkers; one that is not shows that a
//! checker sees nothing, or that the rule is not needed.

use gomera_coordinator::rules::{Rule as Office, Rules as Offices};
use gomera_model::Layer;
use gomera_operators::rules::{Rule, Rules};

use crate::scenario::{Forgery, Mortal, Options};

/// A rule to be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// Its name on the command line.
    pub name: &'static str,
    /// The rule.
    pub broken: Broken,
    /// The layer whose operations need it.
    pub layer: Layer,
    /// Seeds, from 1, within which it must be caught: so many that, by its share of wrong runs, one of ten thousand
    /// such series misses it.
    pub seeds_max: u64,
    /// Whether it is caught only where hosts and store fail.
    pub needs_faults: bool,
    /// Whose death needs it, if it is a rule for deaths; then on two hosts.
    pub mortal: Option<Mortal>,
    /// How many further matchers hold each slot.
    pub matcher_replicas: u32,
}

/// Where the rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// In the operators.
    Operators(Rule),
    /// In the coordinator, which is lied to, or in what it stands on.
    Forged(Forgery),
    /// In the coordinator.
    Coordinator(Office),
}

/// All that the suite proves to be caught.
pub const MUTANTS: &[Mutant] = &[
    mutant("no-visibility-filter", Rule::VisibilityFilter, 20),
    mutant("join-present-matchers", Rule::JoinUnderStamp, 40),
    mutant("release-out-of-order", Rule::ReleaseInOrder, 10),
    mutant("drop-at-first-flip", Rule::DropAfterEveryFlip, 40),
    mutant("deliver-unlisted", Rule::OnlyListed, 20),
    mutant("end-before-close", Rule::CloseBeforeEnd, 100),
    mutant("held-go-to-old-owner", Rule::HeldGoToNewOwner, 20),
    mutant("copy-without-follow", Rule::FollowTheCopy, 30),
    mutant("hold-nothing", Rule::HoldWhileClosed, 40),
    mutant("stamp-repeats", Rule::KnowRepeats, 150),
    lie("go-on-unconfirmed", Forgery::Confirmed, 20),
    lie("commit-before-end", Forgery::Ended, 50),
    lie("done-before-drained", Forgery::Drained, 30),
    lie("swap-before-filled", Forgery::Filled, 100).of(Layer::ExitPoints),
    lie("go-before-empty", Forgery::Emptied, 100).of(Layer::AccessPoints),
    mutant("hand-over-unreleased", Rule::HandOverAfterRelease, 20).of(Layer::AccessPoints),
    mutant("hand-over-open", Rule::CloseBeforeHandOver, 80).of(Layer::AccessPoints),
    mutant("serve-older-connections", Rule::FenceOlderGeneration, 120).of(Layer::AccessPoints),
    mutant("leave-before-empty", Rule::EmptyBeforeLeaving, 70).of(Layer::AccessPoints),
    lie("acknowledge-at-first", Forgery::Released, 100).of(Layer::ExitPoints),
    office("operations-twice", Office::FreshOperations, 100),
    office("incarnations-twice", Office::FreshIncarnations, 300),
    office("remember-after-unknown", Office::ReadAfterUnknown, 300),
    office("abort-committed", Office::AbortBeforeCommit, 300),
    office("tell-before-writing", Office::WriteBeforeTelling, 300),
    office("stop-nobody", Office::StopTheSuperfluous, 100),
    lie("write-without-versions", Forgery::Unversioned, 1000).in_faults(),
    mutant("match-before-restored", Rule::RestoreBeforeMatching, 20).dying(MATCHERS),
    mutant("keep-partials", Rule::ThrowPartialsAway, 20).dying(MATCHERS),
    mutant("stamp-nothing-again", Rule::StampAgain, 20).dying(MATCHERS),
    mutant("believe-the-copy", Rule::CompareTheCopy, 20)
        .dying(MATCHERS)
        .stood_by(),
    mutant("take-any-fill", Rule::TakeWantedFills, 100)
        .of(Layer::ExitPoints)
        .dying(Mortal::Layer(Layer::ConnectionPoints)),
    mutant("remove-once", Rule::RemoveAgain, 100).dying(ACCESS_POINTS),
    mutant("answer-unconfirmed", Rule::ConfirmBeforeAnswer, 100).dying(Mortal::Hosts),
];

const MATCHERS: Mortal = Mortal::Layer(Layer::Matchers);
const ACCESS_POINTS: Mortal = Mortal::Layer(Layer::AccessPoints);

/// Those that are too rare for the suite; their names work on the command line. Before hosts and store were part of the
/// model, each but `take-up-at-first-flip` was caught by a seed among the first three thousand; they have not been sought
/// again since. `take-up-at-first-flip` was caught by three seeds in a hundred until registrations were put in order;
/// which schedules still show it is open. Neither `ignore-conflicts` nor `obey-stale-leaders` is caught among the first few
/// hundred: a leader whose lease is lost cannot write, so conflicts are rare, and instances know by number which plan and
/// which epoch an order speaks of.
/// Of the six before the last, which are rules for deaths, four were not caught by the first hundred seeds; `send-unconfirmed` breaks 18
/// of 4,000 runs and `operations-from-before-the-cut` 3 of 300, no more than runs break in which every rule holds.
/// `keep-stale` is caught by seed 189 alone of the first two hundred: an end has to be lost with the owner on its way to the
/// standby alone. What it does is shown by `operators/tests/standing.rs`.
/// `stop-no-strangers` is caught by the seeds 1572 and 1626 alone of the first two thousand: two leaders have to follow one
/// another just when one operation ends and the next begins.
pub const RARE_MUTANTS: &[Mutant] = &[
    mutant("register-early", Rule::RegisterInOrder, 2000),
    mutant("take-up-at-first-flip", Rule::TakeUpAfterEveryFlip, 20_000),
    mutant("release-at-first-flip", Rule::ReleaseAfterEveryFlip, 20_000),
    mutant("stamp-unlisted", Rule::StallUntilListed, 20_000).of(Layer::AccessPoints),
    office("ignore-conflicts", Office::HeedConflicts, 20_000),
    office("stop-no-strangers", Office::StopStrangers, 2000),
    lie("obey-stale-leaders", Forgery::StaleLeader, 20_000).in_faults(),
    mutant("forget-the-successor", Rule::KnowWhoHasIt, 20_000).of(Layer::AccessPoints),
    mutant("keep-what-comes-again", Rule::TakeBackAtRestart, 20_000).dying(MATCHERS),
    mutant(
        "progress-from-before-the-cut",
        Rule::RefuseProgressBeforeCut,
        20_000,
    )
    .dying(MATCHERS),
    mutant("listen-to-the-retired", Rule::RefuseRetired, 20_000).dying(ACCESS_POINTS),
    mutant("keep-beyond-the-primary", Rule::DropBeyondPrimary, 20_000).dying(ACCESS_POINTS),
    mutant(
        "operations-from-before-the-cut",
        Rule::RefuseOperationsBeforeCut,
        20_000,
    )
    .dying(MATCHERS),
    mutant("send-unconfirmed", Rule::HoldUntilConfirmed, 20_000).dying(Mortal::Hosts),
    mutant("keep-stale", Rule::DropStale, 20_000)
        .dying(MATCHERS)
        .stood_by(),
];

impl Mutant {
    /// The same for the operations of another layer.
    const fn of(self, layer: Layer) -> Self {
        Self { layer, ..self }
    }

    /// The same where hosts and store fail.
    const fn in_faults(self) -> Self {
        Self {
            needs_faults: true,
            ..self
        }
    }

    /// The same where somebody dies.
    const fn dying(self, mortal: Mortal) -> Self {
        Self {
            mortal: Some(mortal),
            ..self
        }
    }

    /// The same where another matcher stands by for each slot.
    const fn stood_by(self) -> Self {
        Self {
            matcher_replicas: 1,
            ..self
        }
    }

    /// The mutant of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = MUTANTS.iter().chain(RARE_MUTANTS);
        all.find(|mutant| mutant.name == name).copied()
    }

    /// Options for a run with this rule taken away.
    #[must_use]
    pub fn options(self) -> Options {
        let options = match self.broken {
            Broken::Operators(rule) => Options {
                rules: Rules::without(rule),
                is_calm: true,
                ..Options::default()
            },
            Broken::Forged(forgery) => Options {
                forgery: Some(forgery),
                is_calm: !self.needs_faults,
                ..Options::default()
            },
            Broken::Coordinator(rule) => Options {
                offices: Offices::without(rule),
                ..Options::default()
            },
        };
        Options {
            focus: Some(self.layer),
            hosts: self.mortal.map(|_| 2),
            deaths: self.mortal.map(|_| 2),
            mortal: self.mortal,
            matcher_replicas: self.matcher_replicas,
            ..options
        }
    }
}

const fn mutant(name: &'static str, rule: Rule, seeds_max: u64) -> Mutant {
    Mutant {
        name,
        broken: Broken::Operators(rule),
        layer: Layer::Matchers,
        seeds_max,
        needs_faults: false,
        mortal: None,
        matcher_replicas: 0,
    }
}

const fn lie(name: &'static str, forgery: Forgery, seeds_max: u64) -> Mutant {
    Mutant {
        name,
        broken: Broken::Forged(forgery),
        layer: Layer::Matchers,
        seeds_max,
        needs_faults: false,
        mortal: None,
        matcher_replicas: 0,
    }
}

const fn office(name: &'static str, rule: Office, seeds_max: u64) -> Mutant {
    Mutant {
        name,
        broken: Broken::Coordinator(rule),
        layer: Layer::Matchers,
        seeds_max,
        needs_faults: false,
        mortal: None,
        matcher_replicas: 0,
    }
}
