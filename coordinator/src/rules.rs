//! The rules of the coordinator that the simulator may take away, one at a time, to prove that its checkers see it.
//!
//! Without the feature `mutants` every rule holds and this module compiles to nothing.

/// A rule of the coordinator. Each is necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A number is given to one operation only, also where that was aborted.
    FreshOperations,
    /// An incarnation is given to one instance only, also where its operation was aborted.
    FreshIncarnations,
    /// After a write whose outcome is not known it goes on from what the documents say, not from memory.
    ReadAfterUnknown,
    /// A write that met somebody else's is not taken for done.
    HeedConflicts,
    /// What is committed is not aborted any more.
    AbortBeforeCommit,
    /// Nobody is told of a step before it is written.
    WriteBeforeTelling,
    /// Who was started in vain is stopped, and so is who has left.
    StopTheSuperfluous,
    /// Who reports and is named by no document is stopped: the word to stop it was lost with the leader that gave it.
    StopStrangers,
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
