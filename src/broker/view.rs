//! What those see who only look: the topology, the hosts, the operations.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gomera_coordinator::{Missing, OperationRecord, Survival, Survives};
use gomera_model::{HostId, OperationId, Topology};
use serde::{Deserialize, Serialize};

use crate::zookeeper::HostDocument;

/// What the coordinator knows, for those who only look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The topology in force, once there is one.
    pub topology: Option<Arc<Topology>>,
    /// Operations that are remembered, oldest first; the one under way is the last.
    pub operations: Vec<OperationRecord>,
    /// The one under way.
    pub under_way: Option<OperationId>,
    /// Whether every instance of the topology runs.
    pub is_ready: bool,
    /// What is missing before everything is whole: held as often as it shall be, so that the next death may come.
    pub missing: Option<Missing>,
    /// Hosts that are being emptied, or have been.
    pub draining: BTreeSet<HostId>,
    /// Whether the documents can be read and written.
    pub is_available: bool,
    /// The hosts that there are, by id.
    pub hosts: Vec<HostDocument>,
    /// Who leads, if anybody is known to.
    pub leader: Option<HostId>,
}

impl View {
    /// What the placement survives when everything is whole, as far as that may be promised.
    #[must_use]
    pub fn survived(&self) -> Survived {
        let Survival { survives, why } = self.survival();
        let mut why: Vec<_> = why.iter().map(ToString::to_string).collect();
        if RECOVERY_IS_PROVED || survives == Survives::Nothing {
            return Survived { survives, why };
        }
        let where_it_works = format!(
            "recovery is not proved for every death yet; where it works this placement survives: {}",
            survives.name()
        );
        why.insert(0, where_it_works);
        Survived {
            survives: Survives::Nothing,
            why,
        }
    }

    /// Whether everything was held as often as it shall be when the leader was last heard.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.topology.is_some() && self.missing.is_none()
    }

    /// What it survives by what the topology and the hosts say.
    fn survival(&self) -> Survival {
        let hosts = self.hosts.iter().map(|host| (host.id, host.entry()));
        match &self.topology {
            None => Survival::default(),
            Some(topology) => Survival::of(topology, &hosts.collect(), &self.draining),
        }
    }

    /// Whether a host was to be emptied, and is: nothing runs there, and nothing will.
    #[must_use]
    pub fn is_drained(&self, host: HostId) -> bool {
        let Some(topology) = &self.topology else {
            return false;
        };
        let mut own = self.hosts.iter().filter(|document| document.id == host);
        self.is_available
            && self.draining.contains(&host)
            && topology.instances.iter().all(|one| one.host != host)
            && own.next().is_some_and(|document| document.runs.is_empty())
    }
}

/// What may be said about what a placement survives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survived {
    /// What.
    pub survives: Survives,
    /// Why no more, in words.
    pub why: Vec<String>,
}

/// Whether what a placement is made to survive may be promised: as long as the simulator finds a death after which
/// something is lost, nothing is.
const RECOVERY_IS_PROVED: bool = false;

/// The latest view, and those who wait for another one.
#[derive(Debug, Default)]
pub(crate) struct Window {
    view: Mutex<Arc<View>>,
    changed: Condvar,
}

impl Window {
    pub(crate) fn look(&self) -> Arc<View> {
        Arc::clone(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until a view is as wished; `None` if that takes too long.
    pub(crate) fn wait_for(
        &self,
        wish: impl Fn(&View) -> bool,
        within: Duration,
    ) -> Option<Arc<View>> {
        let deadline = Instant::now() + within;
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        while !wish(&view) {
            let rest = deadline.checked_duration_since(Instant::now())?;
            let woken = self.changed.wait_timeout(view, rest);
            view = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(Arc::clone(&view))
    }

    pub(super) fn show(&self, view: View) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use gomera_model::topology::ExitPoints;
    use gomera_model::{Epoch, Incarnation, Instance, InstanceId, Layer, SLOTS};

    use super::*;
    use crate::zookeeper::Capacity;

    fn document(id: u64, runs: &[u64]) -> HostDocument {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7454));
        HostDocument {
            id: HostId(id),
            name: String::new(),
            zone: String::new(),
            layers: Layer::ALL.to_vec(),
            coordinates: true,
            operator: address,
            clients: address,
            admin: None,
            capacity: Capacity { cores: 1 },
            runs: runs.iter().copied().map(Incarnation).collect(),
            started_unix_ns: 0,
        }
    }

    /// One of each layer on host 1, and a second exit point on this host.
    fn view(second: u64) -> View {
        let layers = Layer::ALL.into_iter().chain([Layer::ExitPoints]);
        let instances = layers.zip([1, 1, 1, 1, second]).zip(1..);
        let instances = instances.map(|((layer, host), incarnation)| Instance {
            id: InstanceId(0),
            incarnation: Incarnation(incarnation),
            layer,
            host: HostId(host),
            zone: String::new(),
            leaving: false,
        });
        let points = ExitPoints {
            primary: Incarnation(4),
            backup: Some(Incarnation(5)),
            further: None,
        };
        let topology = Topology {
            epoch: Epoch(1),
            instances: instances.collect(),
            retired: vec![],
            cut: Epoch(0),
            matcher_replicas: 0,
            standby_of: Vec::new(),
            matcher_of: vec![Incarnation(3); SLOTS],
            exit_points_of: vec![points; SLOTS],
        };
        View {
            topology: Some(Arc::new(topology)),
            is_ready: true,
            is_available: true,
            hosts: vec![document(1, &[1, 2, 3, 4]), document(2, &[])],
            ..View::default()
        }
    }

    #[test]
    fn nothing_is_promised_before_recovery_is_proved() {
        assert_eq!(view(2).survival().survives, Survives::Host);
        let survived = view(2).survived();
        assert_eq!(survived.survives, Survives::Nothing);
        assert!(survived.why[0].ends_with("survives: host"), "{survived:?}");
        assert_eq!(View::default().survived().survives, Survives::Nothing);
    }

    #[test]
    fn a_view_of_nothing_is_not_whole() {
        assert!(!View::default().is_whole());
        assert!(view(2).is_whole());
        let missing = Some(Missing::Lost(Incarnation(3)));
        assert!(!View { missing, ..view(2) }.is_whole());
    }

    #[test]
    fn a_host_is_drained_when_it_was_to_be_and_nothing_is_left_there() {
        let draining = BTreeSet::from([HostId(2)]);
        let drained = |view: &View| view.is_drained(HostId(2));
        assert!(!drained(&view(1)), "nobody asked for it");
        let asked = View {
            draining,
            ..view(1)
        };
        assert!(drained(&asked));
        let elsewhere = View {
            topology: view(2).topology,
            ..asked.clone()
        };
        assert!(!drained(&elsewhere), "the topology has something there");
        let hosts = vec![document(1, &[]), document(2, &[9])];
        let running = View {
            hosts,
            ..asked.clone()
        };
        assert!(!drained(&running), "something runs there");
        let frozen = View {
            is_available: false,
            ..asked
        };
        assert!(!drained(&frozen), "nobody knows");
    }
}
