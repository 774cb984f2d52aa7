//! A host's dealings with the store, as `src/zookeeper/keeper.rs` does them: a hint or the time makes it look at
//! everything; what has changed is told as news; a write is asked for and answered past all that.

use gomera_coordinator::{Path, Put, Version, WriteError, WriteId};
use gomera_model::{Duration, HostId};

use super::ensemble::{Leader, Lease, LeaseLost, Term};
use super::{Cargo, Route, World};
use crate::faults::Fault;

/// Everything is read so often without a hint, and sooner after a reading that failed.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How fast what comes late comes.
const LATE: u64 = 5;

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Applied or refused, and the asker learns which.
    Answered,
    /// Applied, if its versions hold, and nobody learns it.
    Unheard,
    /// Never applied, and nobody learns it.
    Lost,
    /// Applied later, if its versions hold then, and nobody learns it.
    Late,
}

impl World {
    /// All hosts connect to the store. One process alone leads at once, and for ever.
    pub(super) fn start_hosts(&mut self) {
        if !self.cluster.has_ensemble {
            let (&alone, host) = self
                .cluster
                .hosts
                .iter_mut()
                .next()
                .expect("there is a host");
            host.known_hosts.insert(alone, host.entry.clone());
            self.lead(alone, Term(1));
            return self.carry_host(alone);
        }
        let hosts: Vec<_> = self.cluster.hosts.keys().copied().collect();
        for host in hosts {
            self.look_soon(host);
        }
    }

    pub(super) fn feed_keeper(&mut self, host: HostId, cargo: Cargo) {
        if let Cargo::Read(path) = cargo {
            self.read_for(host, path);
        } else {
            self.look(host);
        }
    }

    pub(super) fn feed_ensemble(&mut self, route: Route, cargo: Cargo) {
        match (route, cargo) {
            (Route::Write(host), Cargo::Write { id, puts, lease }) => {
                self.write(host, id, (puts, lease));
            }
            (Route::Late(host), Cargo::Write { puts, lease, .. }) => {
                self.write_late(host, &puts, lease);
            }
            (route, cargo) => unreachable!("{route:?} brings no {cargo:?} to the ensemble"),
        }
    }

    /// A hint, or the time: everything will be read. One reading answers all the hints that are there.
    pub(super) fn look_soon(&mut self, host: HostId) {
        self.cluster.host(host).looks_at = None;
        if self.dead.hosts.contains(&host) {
            return;
        }
        let route = Route::Store(host);
        if !self.post.holds(route, |cargo| matches!(cargo, Cargo::Look)) {
            self.put(route, Cargo::Look);
        }
    }

    /// A host reads everything but the documents, which are read one after the other behind it.
    pub(super) fn look(&mut self, id: HostId) {
        if !self.cluster.ensemble.has_quorum {
            return self.cannot_look(id);
        }
        let lease = match self.cluster.hosts[&id].lease {
            Some(lease) => lease,
            None => self.cluster.ensemble.open(id),
        };
        self.cluster.host(id).lease = Some(lease);
        match self.read_hosts(id, lease) {
            Ok(leader) => {
                self.lead_news(id, Some(leader));
                let observed: Vec<_> = self.cluster.hosts[&id].observed.keys().copied().collect();
                for path in observed {
                    self.put(Route::Store(id), Cargo::Read(path));
                }
                self.cluster.host(id).looks_at = Some(self.now + LOOK_EVERY);
            }
            Err(LeaseLost) => {
                self.story.lease_lost(self.now, id, true);
                let host = self.cluster.host(id);
                host.lease = None;
                self.put(Route::News(id), Cargo::Connected(false));
                self.lead_news(id, None);
                self.look_soon(id);
            }
        }
    }

    /// Writes its own entry, reads those of others, and stands for leader where nobody leads.
    fn read_hosts(&mut self, id: HostId, lease: Lease) -> Result<Leader, LeaseLost> {
        let entry = self.cluster.hosts[&id].entry.clone();
        let ensemble = &mut self.cluster.ensemble;
        let is_new = ensemble.announce(lease, &entry)?;
        let hosts = ensemble.hosts();
        let (leader, has_won) = ensemble.stand(lease, id)?;
        self.put(Route::News(id), Cargo::Connected(true));
        if self.cluster.hosts[&id].told_hosts != hosts {
            self.cluster.host(id).told_hosts.clone_from(&hosts);
            self.put(Route::News(id), Cargo::Hosts(hosts));
        }
        if is_new || has_won {
            self.hint_others(id);
        }
        Ok(leader)
    }

    fn cannot_look(&mut self, id: HostId) {
        self.cluster.host(id).looks_at = Some(self.now + LOOK_AGAIN);
        if self.cluster.hosts[&id].is_connected {
            self.put(Route::News(id), Cargo::Connected(false));
        }
    }

    fn lead_news(&mut self, id: HostId, leader: Option<Leader>) {
        let host = self.cluster.host(id);
        if host.told_leader != leader {
            host.told_leader = leader;
            self.put(Route::News(id), Cargo::Leader(leader));
        }
    }

    /// One document is read; it is told where it is asked for, or has changed.
    pub(super) fn read_for(&mut self, id: HostId, path: Path) {
        let host = &self.cluster.hosts[&id];
        let is_served = self.cluster.ensemble.has_quorum
            && host
                .lease
                .is_some_and(|lease| self.cluster.ensemble.is_alive(lease));
        if !is_served {
            return self.look_soon(id);
        }
        let document = self.cluster.ensemble.read(path);
        let version = document.stored.as_ref().map(|stored| stored.version);
        let host = self.cluster.host(id);
        let is_asked_for = host.unread.remove(&path);
        let before = host.observed.insert(path, version);
        if is_asked_for || before != Some(version) {
            self.put(Route::News(id), Cargo::Document(document));
        }
    }

    /// The coordinator of a host wants to know a document, now and whenever it changes.
    pub(super) fn observe(&mut self, id: HostId, path: Path) {
        if !self.cluster.has_ensemble {
            let document = self.cluster.ensemble.read(path);
            return self.put(Route::News(id), Cargo::Document(document));
        }
        let host = self.cluster.host(id);
        host.observed.entry(path).or_default();
        host.unread.insert(path);
        self.look_soon(id);
    }

    /// The coordinator of a host wants something written.
    pub(super) fn ask_to_write(&mut self, host: HostId, id: WriteId, puts: Vec<Put>) {
        let lease = self.cluster.hosts[&host].lease;
        if self.cluster.has_ensemble {
            self.put(Route::Write(host), Cargo::Write { id, puts, lease });
        } else {
            let outcome = self.cluster.ensemble.write(&puts);
            if outcome.is_ok() {
                self.decisions.written(&puts);
            }
            self.put(Route::Written(host), Cargo::Written(id, outcome));
        }
    }

    /// A write reaches the ensemble.
    pub(super) fn write(
        &mut self,
        host: HostId,
        id: WriteId,
        (puts, lease): (Vec<Put>, Option<Lease>),
    ) {
        let outcome = match self.fate(lease) {
            Fate::Answered => {
                let outcome = self.apply(host, &puts);
                if outcome.is_ok() && self.strikes_now(self.scenario.faults.late_answers_per_mille)
                {
                    self.suffers(Fault::LateAnswer);
                    self.slow_down(Route::Written(host), LATE);
                }
                outcome
            }
            Fate::Unheard => {
                self.suffers(Fault::UnheardWrite);
                let _ = self.apply(host, &puts);
                Err(WriteError::Unknown)
            }
            Fate::Lost => {
                self.suffers(Fault::LostWrite);
                Err(WriteError::Unknown)
            }
            Fate::Late => {
                self.suffers(Fault::LateWrite);
                self.put(Route::Late(host), Cargo::Write { id, puts, lease });
                self.slow_down(Route::Late(host), LATE);
                Err(WriteError::Unknown)
            }
        };
        self.put(Route::Written(host), Cargo::Written(id, outcome));
    }

    /// A write whose outcome nobody waits for any more.
    pub(super) fn write_late(&mut self, host: HostId, puts: &[Put], lease: Option<Lease>) {
        let is_served = lease.is_some_and(|lease| self.cluster.ensemble.is_alive(lease));
        if is_served && self.cluster.ensemble.has_quorum {
            let _ = self.apply(host, puts);
        }
    }

    fn fate(&mut self, lease: Option<Lease>) -> Fate {
        let is_alive = lease.is_some_and(|lease| self.cluster.ensemble.is_alive(lease));
        if !is_alive {
            return Fate::Lost;
        }
        let has_quorum = self.cluster.ensemble.has_quorum;
        if has_quorum && !self.strikes_now(self.scenario.faults.murk_per_mille) {
            return Fate::Answered;
        }
        let fates = [Fate::Unheard, Fate::Lost, Fate::Late];
        match *self.rng.pick(&fates) {
            Fate::Unheard if !has_quorum => Fate::Late,
            fate @ (Fate::Answered | Fate::Unheard | Fate::Lost | Fate::Late) => fate,
        }
    }

    fn apply(&mut self, host: HostId, puts: &[Put]) -> Result<Vec<Version>, WriteError> {
        let outcome = self.cluster.ensemble.write(puts);
        if outcome.is_ok() {
            self.decisions.written(puts);
            self.hint_others(host);
            self.hint(host);
        }
        outcome
    }

    pub(super) fn hint_others(&mut self, than: HostId) {
        let hosts: Vec<_> = self.cluster.hosts.keys().copied().collect();
        for host in hosts.into_iter().filter(|host| *host != than) {
            self.hint(host);
        }
    }

    /// Something has changed: a host is told, or not.
    pub(super) fn hint(&mut self, host: HostId) {
        if self.strikes_now(self.scenario.faults.deafness_per_mille) {
            self.suffers(Fault::WatchLost);
        } else {
            self.look_soon(host);
        }
    }
}
