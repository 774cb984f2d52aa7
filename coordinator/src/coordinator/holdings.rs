//! What a coordinator holds, for whoever asks whether anything is left when everything should have ended.

use alloc::vec::Vec;

use super::Coordinator;
use crate::limits::{HISTORY_MAX, WAITING_MAX};

/// How much of one kind there is, and how much there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What it is, in words.
    pub what: &'static str,
    /// How much of it there is.
    pub count: usize,
    /// How much of it there may ever be.
    pub most: usize,
    /// How much of it may be left when nothing is under way.
    pub at_rest: usize,
}

impl Coordinator {
    /// What it holds now.
    #[must_use]
    pub fn holdings(&self) -> Vec<Holding> {
        let known = self.known().count();
        let listed = self.topology.as_ref().map_or(0, |t| t.instances.len());
        let holding = |what, count, most, at_rest| Holding {
            what,
            count,
            most,
            at_rest,
        };
        let most = known.max(listed);
        Vec::from([
            holding("requests that wait", self.waiting.len(), WAITING_MAX, 0),
            holding(
                "operations under way",
                usize::from(self.under_way.is_some()),
                1,
                0,
            ),
            holding(
                "operations remembered",
                self.history.len(),
                HISTORY_MAX,
                HISTORY_MAX,
            ),
            holding("instances that run", self.running.len(), usize::MAX, listed),
            holding(
                "instances that have failed",
                self.failed.len(),
                usize::MAX,
                0,
            ),
            holding(
                "instances whose words are kept",
                self.reports.len(),
                usize::MAX,
                most,
            ),
        ])
    }
}
