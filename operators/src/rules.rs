//! The rules of the protocol that the simulator may take away, one at a time, to prove that its checkers see it.
//!
//! Without the feature `mutants` every rule holds and this module compiles to nothing.

/// A rule of the protocol. Each is necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A matcher keeps a hit only where the slot is its own under the stamped epoch.
    VisibilityFilter,
    /// An exit point waits for the matchers of the stamped epoch, not for the present ones.
    JoinUnderStamp,
    /// An exit point releases what is stamped `e+1` only when every matcher of `e`, also one that leaves, has passed
    /// the FLIP: the registrations of what moved come before it in the same lane.
    ReleaseAfterEveryFlip,
    /// An exit point takes a registration of a new owner only when the old one has passed every FLIP: so operations on
    /// one subscription are registered in their order, and an end separates two lives.
    RegisterInOrder,
    /// An exit point releases in the order of `seq`.
    ReleaseInOrder,
    /// An old owner drops a slot only after the FLIP of every access point.
    DropAfterEveryFlip,
    /// An exit point keeps a hit only where its list has the subscription, in the life that the hit belongs to.
    OnlyListed,
    /// An old owner sends END only after the CLOSE of every access point.
    CloseBeforeEnd,
    /// Operations held by an access point go to the new owner.
    HeldGoToNewOwner,
    /// A new owner takes up operations only after the FLIP of every access point.
    TakeUpAfterEveryFlip,
    /// An old owner passes on every operation that it takes on a slot already copied.
    FollowTheCopy,
    /// Access points hold operations on moving slots from CLOSE to FLIP: one owner at any moment.
    HoldWhileClosed,
    /// A repeated publication is known by its number and not stamped again.
    KnowRepeats,
    /// What a new exit point is filled with lies before what it took itself.
    FillBeforeOwn,
    /// A new primary serves no client before the old one has yielded.
    WaitForYield,
    /// A new primary serves no client before every matcher has passed a FLIP: what the old one has answered is in its list.
    WaitForMatchers,
    /// What a client has is told by the cursor of each item's own access point, not by a place in a queue: two exit
    /// points have notifications of different access points in different orders.
    CutByOwnCursor,
    /// A matcher registers an operation with all exit points of its slot, not with the primary alone.
    RegisterWithAll,
    /// A primary fills a new exit point only when everything stamped before the epoch is joined.
    FillAfterJoined,
    /// An exit point that is being filled keeps what comes of sessions that it does not know yet.
    KeepShells,
    /// An access point hands a publisher over only when everything it took of it is released.
    HandOverAfterRelease,
    /// An access point takes nothing before a topology lists it.
    StallUntilListed,
    /// An access point hands a connection of a publisher over only when its own part of it has ended.
    CloseBeforeHandOver,
    /// An access point that hands a publisher over refuses older connections of it.
    FenceOlderGeneration,
    /// An instance reports that it is empty only when nothing is left with it and nothing comes any more.
    EmptyBeforeLeaving,
    /// Who is asked for a publisher that it has handed over names the one that has it.
    KnowWhoHasIt,
    /// A client hears of an operation, and gets what was matched with it, only when the backup has taken it too.
    ConfirmBeforeAnswer,
    /// A matcher that takes the place of a lost one matches nothing before its subscriptions are restored.
    RestoreBeforeMatching,
    /// A backup drops what it has of a lost access point beyond what its primary had released.
    DropBeyondPrimary,
    /// An access point refuses operations of a connection point that has not read the last cut: they are repeated behind
    /// those that were lost, and must not overtake them.
    RefuseOperationsBeforeCut,
    /// Nobody listens to an instance that the topology has retired, whatever it thinks itself.
    RefuseRetired,
    /// What an exit point takes away itself it asks for again where an access point or a matcher was lost.
    RemoveAgain,
    /// An access point refuses what exit points say of their progress from before the last cut.
    RefuseProgressBeforeCut,
    /// An exit point throws away at a cut what is not released.
    ThrowPartialsAway,
    /// At RESTART(k) an exit point takes back what its windows have from `k` on.
    TakeBackAtRestart,
    /// An access point sends again what not all exit points have released, where a matcher was lost.
    StampAgain,
    /// A primary holds the deliveries of a session until the backup has confirmed its operations.
    HoldUntilConfirmed,
    /// A matcher that takes the place of a lost one believes of what it has only what exit points have as well.
    CompareTheCopy,
    /// Where an exit point has something else, what the matcher has of its sessions goes.
    DropStale,
    /// An exit point takes of a fill only what the newest epoch that named it asks for: what comes of an earlier wish would
    /// make a session whole that is not.
    TakeWantedFills,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 40] = [
        Self::VisibilityFilter,
        Self::JoinUnderStamp,
        Self::ReleaseAfterEveryFlip,
        Self::RegisterInOrder,
        Self::ReleaseInOrder,
        Self::DropAfterEveryFlip,
        Self::OnlyListed,
        Self::CloseBeforeEnd,
        Self::HeldGoToNewOwner,
        Self::TakeUpAfterEveryFlip,
        Self::FollowTheCopy,
        Self::HoldWhileClosed,
        Self::KnowRepeats,
        Self::FillBeforeOwn,
        Self::WaitForYield,
        Self::WaitForMatchers,
        Self::CutByOwnCursor,
        Self::RegisterWithAll,
        Self::FillAfterJoined,
        Self::KeepShells,
        Self::HandOverAfterRelease,
        Self::StallUntilListed,
        Self::CloseBeforeHandOver,
        Self::FenceOlderGeneration,
        Self::EmptyBeforeLeaving,
        Self::KnowWhoHasIt,
        Self::ConfirmBeforeAnswer,
        Self::RestoreBeforeMatching,
        Self::DropBeyondPrimary,
        Self::RefuseOperationsBeforeCut,
        Self::RefuseRetired,
        Self::RemoveAgain,
        Self::RefuseProgressBeforeCut,
        Self::ThrowPartialsAway,
        Self::TakeBackAtRestart,
        Self::StampAgain,
        Self::HoldUntilConfirmed,
        Self::CompareTheCopy,
        Self::DropStale,
        Self::TakeWantedFills,
    ];
}

/// Which rules hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    #[cfg(feature = "mutants")]
    broken: Option<Rule>,
}

impl Rules {
    /// All but one.
    #[cfg(feature = "mutants")]
    #[must_use]
    pub fn without(rule: Rule) -> Self {
        Self { broken: Some(rule) }
    }

    /// Whether this rule is taken away.
    #[cfg(feature = "mutants")]
    pub(crate) fn broken(self, rule: Rule) -> bool {
        self.broken == Some(rule)
    }

    /// Whether this rule is taken away: never.
    #[cfg(not(feature = "mutants"))]
    #[expect(
        clippy::unused_self,
        reason = "the same call as with the feature `mutants`"
    )]
    pub(crate) const fn broken(self, _: Rule) -> bool {
        false
    }
}
