//! What befalls the cluster, and when it is over: lost leases, leaders that end, times without a quorum, pauses, stalls.
//!
//! Phases of an operation are short: what happens by chance at any time would hardly ever meet them. So most of it strikes
//! when an operation enters a phase, at once or soon after.

use gomera_coordinator::PhaseName;
use gomera_model::{Duration, HostId, Incarnation, Layer, OperationId, Time};

use super::{Receiver, Route, World};
use crate::checker::Moment;
use crate::faults::{Fault, Faults};

/// Steps within which what strikes a phase does so.
const SOON: u64 = 30;
/// How fast a leader that lost its lease learns of it.
const UNAWARE: u64 = 2;
/// Steps, beyond its length, that a time without a quorum gives to what clients did in it: more than any pause or stall.
const PATIENCE: u64 = 5000;
/// Publications and requests made without a quorum that have to be answered before the store comes back.
const FLOWING: usize = 3;

/// The faults that are left, and those under way.
#[derive(Debug, Default)]
pub(super) struct Strikes {
    left: Faults,
    /// The phase that the operation under way was seen in last.
    phase: Option<(OperationId, Layer, PhaseName)>,
    /// When it entered that, or ended.
    pub(super) changed_at: Time,
    /// When something strikes, by step.
    due: Option<u64>,
    outage: Option<Outage>,
}

/// A time without a quorum.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: Moment,
    until: (u64, Time),
    /// Whether it lasts until it is seen that everything flows without the store.
    is_demanding: bool,
}

impl Strikes {
    pub(super) fn new(faults: &Faults) -> Self {
        Self {
            left: faults.clone(),
            ..Self::default()
        }
    }
}

impl World {
    /// Whether something of this likelihood goes wrong now; nothing does when all shall heal.
    pub(super) fn strikes_now(&mut self, per_mille: u64) -> bool {
        !self.is_healing
            && self.clients.have_started
            && per_mille > 0
            && self.rng.per_mille(per_mille)
    }

    /// Counts a fault for the phase that it hits, and tells it.
    pub(super) fn suffers(&mut self, fault: Fault) {
        let hit = self.strikes.phase.map(|(_, layer, phase)| (layer, phase));
        self.reach.hit(fault, hit);
        self.story.suffers(self.now, fault);
    }

    /// Looks where the operation of whoever leads is now: a new phase draws faults.
    pub(super) fn note_phase(&mut self, host: HostId) {
        if self.cluster.leader() != Some(host) {
            return;
        }
        let record = self.cluster.under_way();
        let phase = record.and_then(|record| {
            let layer = record.layers.keys().next()?;
            Some((record.id, *layer, record.phase))
        });
        if phase == self.strikes.phase {
            return;
        }
        self.strikes.phase = phase;
        self.strikes.changed_at = self.now;
        if let Some((_, layer, phase)) = phase {
            self.reach.enter(layer, phase);
        }
        if phase.is_some() && self.strikes_now(self.scenario.faults.strikes_per_mille) {
            self.strikes.due = Some(self.reach.steps + self.rng.below(SOON));
        }
    }

    /// Ends what is over, and lets happen what is due.
    pub(super) fn befall(&mut self) {
        self.end_outage();
        let step = self.reach.steps;
        let is_due = self.strikes.due.is_some_and(|due| due <= step);
        let is_unlucky = self.scenario.faults.misfortunes_per_ten_thousand;
        let befalls = is_due || (is_unlucky > 0 && self.rng.below(10_000) < is_unlucky);
        if befalls && self.strikes_now(1000) {
            self.strikes.due = None;
            self.strike();
        }
    }

    /// The faults are over: from now on everything has to end.
    pub(super) fn heal(&mut self) {
        self.is_healing = true;
        self.healed_at = self.now;
        self.restore_quorum();
        self.clear_all();
        self.strikes.due = None;
        self.story.heals(self.now);
        let hosts: Vec<_> = self.cluster.hosts.keys().copied().collect();
        for host in hosts {
            self.look_again(host);
        }
    }

    fn strike(&mut self) {
        let left = &self.strikes.left;
        let ensemble = u64::from(self.cluster.has_ensemble);
        let weights = [
            u64::from(left.expiries) * ensemble,
            u64::from(left.leader_deaths) * ensemble,
            u64::from(left.outages) * ensemble * u64::from(self.strikes.outage.is_none()) * 2,
            u64::from(left.pauses),
            u64::from(left.host_pauses),
            u64::from(left.stalls),
        ];
        match self.rng.weighted(&weights) {
            Some(0) => self.lose_lease(),
            Some(1) => self.end_leader(),
            Some(2) => self.lose_quorum(),
            Some(3) => self.pause_instance(),
            Some(4) => self.pause_host(),
            Some(_) => self.stall(),
            None => {}
        }
    }

    /// A lease is over, mostly the leader's: everybody sees it before its owner does.
    fn lose_lease(&mut self) {
        self.strikes.left.expiries -= 1;
        let of_leader = self.cluster.ensemble.leader();
        let leader = of_leader.filter(|_| self.rng.per_mille(800));
        let lease = leader.map(|(lease, leader)| (lease, leader.host));
        let Some((lease, host)) = lease.or_else(|| self.any_lease()) else {
            return;
        };
        self.suffers(Fault::LeaseLost);
        self.cluster.ensemble.expire(lease);
        self.story.lease_lost(self.now, host, false);
        self.slow_down(Route::Store(host), UNAWARE);
        self.slow_down(Route::News(host), UNAWARE);
        let hosts: Vec<_> = self.cluster.hosts.keys().copied().collect();
        for host in hosts {
            self.hint(host);
        }
    }

    fn any_lease(&mut self) -> Option<(super::ensemble::Lease, HostId)> {
        let hosts = self.cluster.hosts.iter();
        let leases: Vec<_> = hosts
            .filter_map(|(id, host)| Some((host.lease?, *id)))
            .collect();
        (!leases.is_empty()).then(|| *self.rng.pick(&leases))
    }

    /// Whoever leads forgets everything, and some of what it said last is never heard.
    pub(super) fn end_leader(&mut self) {
        self.strikes.left.leader_deaths = self.strikes.left.leader_deaths.saturating_sub(1);
        let Some(host) = self.cluster.leader() else {
            return;
        };
        self.suffers(Fault::LeaderDeath);
        self.story.leader_ends(self.now, host);
        self.resign(host);
        let mut rng = self.rng.fork();
        let others: Vec<_> = self.cluster.hosts.keys().copied().collect();
        for to in others {
            let route = Route::Word { from: host, to };
            self.post.cut_words(route, &mut rng);
        }
        // Its host is there again, with another lease; the ensemble notices at once or when the old one runs out.
        if let Some(lease) = self.cluster.host(host).lease.take() {
            self.cluster.ensemble.expire(lease);
        }
        self.cluster.host(host).told_leader = None;
        for route in [Route::News(host), Route::Store(host)] {
            self.post.remove(route);
        }
        let hosts: Vec<_> = self.cluster.hosts.keys().copied().collect();
        for other in hosts.into_iter().filter(|other| *other != host) {
            self.hint(other);
        }
        self.slow_down(Route::Store(host), UNAWARE);
        self.look_again(host);
    }

    fn lose_quorum(&mut self) {
        self.strikes.left.outages -= 1;
        self.suffers(Fault::NoQuorum);
        self.story.quorum(self.now, false);
        self.cluster.ensemble.has_quorum = false;
        let length = *self.rng.pick(&[50, 300, 1500]);
        let until = (
            self.reach.steps + self.rng.between(length / 3, length),
            self.now + Duration::from_secs(8),
        );
        self.strikes.outage = Some(Outage {
            since: self.history.now(),
            until,
            is_demanding: self.rng.per_mille(500),
        });
        let hosts: Vec<_> = self.cluster.hosts.keys().copied().collect();
        for host in hosts {
            self.look_again(host);
        }
    }

    /// The store is back after a while; a demanding outage first wants to see that everything flowed without it.
    fn end_outage(&mut self) {
        let is_somebody_missed = self.is_somebody_missed();
        let Some(outage) = &mut self.strikes.outage else {
            return;
        };
        // Who has not heard of the last topology hears it from whoever leads: a leader that ends, and no quorum to find
        // another one, are two failures at once.
        let is_led = self.cluster.leader().is_some() && self.cluster.topology().is_some();
        // Who has died is replaced by what is written: until then, what it had to do waits.
        outage.is_demanding &= is_led && !is_somebody_missed;
        let outage = *outage;
        let (step, at) = outage.until;
        if self.reach.steps < step && self.now < at {
            return;
        }
        if outage.is_demanding && !self.has_flowed(outage.since) {
            // Where clients do nothing more, what they did has all the time it needs.
            if !self.load_is_over() || self.reach.steps < step + PATIENCE {
                return;
            }
            self.check_flowed(outage.since);
        }
        self.restore_quorum();
    }

    fn restore_quorum(&mut self) {
        let Some(outage) = self.strikes.outage.take() else {
            return;
        };
        self.reach.outages_flowing += u64::from(self.has_flowed(outage.since));
        self.story.quorum(self.now, true);
        self.cluster.ensemble.has_quorum = true;
        let hosts: Vec<_> = self.cluster.hosts.keys().copied().collect();
        for host in hosts {
            self.look_again(host);
        }
    }

    /// Whether what was begun after a moment was also answered, some of each kind. What access points hold for the slots of
    /// an operation that had closed them cannot be, until it is committed or aborted.
    fn has_flowed(&self, since: Moment) -> bool {
        let is_closed = matches!(
            self.strikes.phase,
            Some((
                _,
                Layer::Matchers,
                PhaseName::Close | PhaseName::Copy | PhaseName::Commit
            ))
        );
        self.history.acknowledged_since(since) >= FLOWING
            && (is_closed || self.history.answered_since(since) >= FLOWING)
    }

    fn pause_instance(&mut self) {
        self.strikes.left.pauses -= 1;
        let instances: Vec<_> = self.instances.all().map(|i| i.instance.clone()).collect();
        if instances.is_empty() {
            return;
        }
        let instance = self.rng.pick(&instances).clone();
        self.suffers(Fault::InstancePause);
        self.story.pauses(self.now, &instance);
        self.pause(Receiver::Instance(instance.incarnation));
    }

    fn pause_host(&mut self) {
        self.strikes.left.host_pauses -= 1;
        let hosts: Vec<_> = self.cluster.hosts.keys().copied().collect();
        let leader = self.cluster.leader().filter(|_| self.rng.per_mille(500));
        let host = leader.unwrap_or_else(|| *self.rng.pick(&hosts));
        self.suffers(Fault::HostPause);
        self.story.host_pauses(self.now, host);
        let there: Vec<Incarnation> = self.instances.at(host);
        let until = self.pause(Receiver::Host(host));
        self.pause_until(Receiver::Keeper(host), until);
        for instance in there {
            self.pause_until(Receiver::Instance(instance), until);
        }
    }

    fn stall(&mut self) {
        self.strikes.left.stalls -= 1;
        let stalls = |route: &Route| {
            matches!(
                route,
                Route::Lane { .. } | Route::Word { .. } | Route::Report { .. } | Route::Order(_)
            )
        };
        let routes: Vec<_> = self.post.routes().filter(stalls).collect();
        if !routes.is_empty() {
            let route = *self.rng.pick(&routes);
            self.suffers(Fault::Stall);
            self.stand_still(route);
        }
    }

    /// A host hears of a change by its own connection: no hint is needed for that.
    fn look_again(&mut self, host: HostId) {
        if self.cluster.has_ensemble {
            self.look_soon(host);
        }
    }
}
