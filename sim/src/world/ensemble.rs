//! ZooKeeper, as far as the hosts rely on it: two documents whose versions are checked, entries that go with the lease of
//! whoever made them, and no service without a quorum.
//!
//! It promises what the ensemble promises: each request is served at one moment or never, in one order for everybody.
//! When that is, whether the asker learns it, and whether anybody is told of a change, is a matter of chance (see
//! `keeping.rs`).

use std::collections::BTreeMap;

use gomera_coordinator::{
    Document, EmbeddedStore, HostEntry, Path, Put, Stored, Version, WriteError,
};
use gomera_model::HostId;

/// A session of a host with the ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lease(u64);

/// When a leader came into office; rises with every one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Term(pub(super) u64);

/// Who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leader {
    pub(super) host: HostId,
    pub(super) term: Term,
}

/// The lease is over: nothing is done for it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeaseLost;

/// What the ensemble holds.
#[derive(Debug)]
pub(super) struct Ensemble {
    documents: EmbeddedStore,
    /// Where a mutant has the versions of documents forgotten.
    pub(super) checks_versions: bool,
    pub(super) has_quorum: bool,
    leases: BTreeMap<Lease, HostId>,
    last_lease: u64,
    hosts: BTreeMap<HostId, (Lease, HostEntry)>,
    leader: Option<(Lease, Leader)>,
    last_term: u64,
}

impl Ensemble {
    pub(super) fn new() -> Self {
        Self {
            documents: EmbeddedStore::new(),
            checks_versions: true,
            has_quorum: true,
            leases: BTreeMap::new(),
            last_lease: 0,
            hosts: BTreeMap::new(),
            leader: None,
            last_term: 0,
        }
    }

    /// A new session.
    pub(super) fn open(&mut self, host: HostId) -> Lease {
        self.last_lease += 1;
        let lease = Lease(self.last_lease);
        self.leases.insert(lease, host);
        lease
    }

    /// A session is over, with all the entries that it made.
    pub(super) fn expire(&mut self, lease: Lease) {
        self.leases.remove(&lease);
        self.hosts.retain(|_, (owner, _)| *owner != lease);
        self.leader.take_if(|(owner, _)| *owner == lease);
    }

    pub(super) fn is_alive(&self, lease: Lease) -> bool {
        self.leases.contains_key(&lease)
    }

    /// Sees to it that a host's entry is there and of this lease; whether something changed.
    pub(super) fn announce(&mut self, lease: Lease, entry: &HostEntry) -> Result<bool, LeaseLost> {
        self.check(lease)?;
        let before = self.hosts.insert(entry.id, (lease, entry.clone()));
        Ok(before.is_none_or(|(owner, before)| owner != lease || before != *entry))
    }

    /// All hosts that there are.
    pub(super) fn hosts(&self) -> BTreeMap<HostId, HostEntry> {
        let hosts = self.hosts.values();
        hosts.map(|(_, entry)| (entry.id, entry.clone())).collect()
    }

    /// Who leads; stands for it if nobody does. Whether that is new.
    pub(super) fn stand(
        &mut self,
        lease: Lease,
        host: HostId,
    ) -> Result<(Leader, bool), LeaseLost> {
        self.check(lease)?;
        // An entry of its own that an older lease left is taken back first.
        self.leader
            .take_if(|(owner, leader)| leader.host == host && *owner != lease);
        if let Some((_, leader)) = self.leader {
            return Ok((leader, false));
        }
        self.last_term += 1;
        let term = Term(self.last_term);
        let leader = Leader { host, term };
        self.leader = Some((lease, leader));
        Ok((leader, true))
    }

    /// The lease of whoever leads.
    pub(super) fn leader(&self) -> Option<(Lease, Leader)> {
        self.leader
    }

    pub(super) fn read(&self, path: Path) -> Document {
        self.documents.read(path)
    }

    /// Writes all documents or none.
    pub(super) fn write(&mut self, puts: &[Put]) -> Result<Vec<Version>, WriteError> {
        if self.checks_versions {
            return self.documents.write(puts);
        }
        let unchecked: Vec<_> = puts.iter().map(|put| self.as_if_expected(put)).collect();
        self.documents.write(&unchecked)
    }

    fn as_if_expected(&self, put: &Put) -> Put {
        let present = self.read(put.path).stored;
        Put {
            expected: present.map(|Stored { version, .. }| version),
            ..put.clone()
        }
    }

    fn check(&self, lease: Lease) -> Result<(), LeaseLost> {
        if self.is_alive(lease) {
            Ok(())
        } else {
            Err(LeaseLost)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: HostEntry = HostEntry {
        id: HostId(1),
        zone: String::new(),
        layers: Vec::new(),
        cores: 1,
        coordinates: true,
    };

    #[test]
    fn what_a_lease_made_goes_with_it_and_the_next_leader_has_a_higher_term() {
        let mut ensemble = Ensemble::new();
        let (first, second) = (ensemble.open(HostId(1)), ensemble.open(HostId(2)));
        assert_eq!(ensemble.announce(first, &ENTRY), Ok(true));
        assert_eq!(ensemble.announce(first, &ENTRY), Ok(false));
        let (leader, is_new) = ensemble.stand(first, HostId(1)).unwrap();
        assert!(is_new);
        assert_eq!(ensemble.stand(second, HostId(2)), Ok((leader, false)));
        ensemble.expire(first);
        assert!(ensemble.hosts().is_empty());
        assert_eq!(ensemble.announce(first, &ENTRY), Err(LeaseLost));
        let (next, is_new) = ensemble.stand(second, HostId(2)).unwrap();
        assert!(is_new);
        assert_eq!(next.host, HostId(2));
        assert!(next.term > leader.term);
    }
}
