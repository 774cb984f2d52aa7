//! The coordinator with its store, which takes reports and writes in no time.
//!
//! What it wants done is a matter of the *set* of reports that it has: so what it does on one more report is worked out
//! once for every set, and looked up from then on.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use gomera_coordinator::{
    Answer, Coordinator, Effect, Effects, EmbeddedStore, HostEntry, Layout, Path, RequestId,
    ScaleRequest, Settings,
};
use gomera_model::control::{Control, Report};
use gomera_model::{HostId, Incarnation, Instance, Time, Timestamp};

use crate::shape::Scaling;

const HOST: HostId = HostId(1);
const NOW: Time = Time(0);

/// The coordinator and its store, still.
#[derive(Clone, Debug)]
pub(crate) struct Coordination {
    pub(crate) coordinator: Coordinator,
    store: EmbeddedStore,
    observed: BTreeSet<Path>,
    /// The reports so far, in any order, as one number.
    reports: u64,
}

/// What the coordinator wants of the instances.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Start(Instance),
    Stop(Incarnation),
    Tell(Incarnation, Control),
}

/// What a report leads to.
#[derive(Debug)]
pub(crate) struct Consequence {
    pub(crate) coordination: Arc<Coordination>,
    pub(crate) orders: Vec<Order>,
}

/// What was worked out already.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<HashMap<(u64, u64), Arc<Consequence>>>);

impl Memory {
    /// What the coordinator does on one more report.
    pub(crate) fn report(
        &self,
        coordination: &Arc<Coordination>,
        from: Incarnation,
        report: Report,
    ) -> Arc<Consequence> {
        let mut hasher = DefaultHasher::new();
        (from, format!("{report:?}")).hash(&mut hasher);
        let key = (coordination.reports, hasher.finish());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let consequence = known.entry(key).or_insert_with(|| {
            let mut next = Coordination::clone(coordination);
            next.reports = next.reports.wrapping_add(key.1);
            let mut orders = Vec::new();
            let mut effects = Effects::new();
            next.coordinator.report(NOW, from, report, &mut effects);
            next.carry(effects, &mut orders);
            Arc::new(Consequence {
                coordination: Arc::new(next),
                orders,
            })
        });
        Arc::clone(consequence)
    }
}

impl Coordination {
    /// One that has laid out the first topology.
    pub(crate) fn new(scaling: Scaling, orders: &mut Vec<Order>) -> Self {
        let layout = Layout {
            hosts_min: 1,
            counts: BTreeMap::from(scaling.start()),
            matcher_replicas: 0,
        };
        let mut new = Self {
            coordinator: Coordinator::new(Settings {
                layout,
                copy_rate: None,
            }),
            store: EmbeddedStore::new(),
            observed: BTreeSet::new(),
            reports: 0,
        };
        let host = HostEntry::of_all(HOST);
        let mut effects = Effects::new();
        new.coordinator.started(NOW, &mut effects);
        new.coordinator.host(NOW, host, &mut effects);
        new.carry(effects, orders);
        new
    }

    /// The operation is asked for.
    pub(crate) fn scale(&mut self, scaling: Scaling, orders: &mut Vec<Order>) {
        let request = ScaleRequest {
            wishes: scaling.wishes(),
            strategy: scaling.strategy(),
            dry_run: false,
            reason: String::new(),
            idempotency_key: None,
            asked_at: Timestamp(0),
        };
        let mut effects = Effects::new();
        self.coordinator
            .scale(NOW, RequestId(1), request, &mut effects);
        self.carry(effects, orders);
    }

    /// Carries out what the coordinator wants until it wants nothing more.
    fn carry(&mut self, mut effects: Effects, orders: &mut Vec<Order>) {
        let mut wanted: VecDeque<_> = effects.drain().collect();
        while let Some(effect) = wanted.pop_front() {
            self.carry_one(effect, &mut effects, orders);
            wanted.extend(effects.drain());
        }
    }

    fn carry_one(&mut self, effect: Effect, effects: &mut Effects, orders: &mut Vec<Order>) {
        match effect {
            Effect::Observe(path) => {
                self.observed.insert(path);
                self.read(path, effects);
            }
            Effect::Write { id, puts } => {
                let outcome = self.store.write(&puts);
                assert!(outcome.is_ok(), "there is one coordinator");
                self.coordinator.written(NOW, id, outcome, effects);
                for put in puts {
                    if self.observed.contains(&put.path) {
                        self.read(put.path, effects);
                    }
                }
            }
            Effect::Start(instance) => {
                let incarnation = instance.incarnation;
                orders.push(Order::Start(instance));
                self.coordinator.started_instance(NOW, incarnation, effects);
            }
            Effect::Stop(instance) => orders.push(Order::Stop(instance.incarnation)),
            Effect::StopStranger(instance) => orders.push(Order::Stop(instance)),
            Effect::Tell { to, control } => orders.push(Order::Tell(to, control)),
            Effect::Answer { answer, .. } => {
                assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
            }
            // What is told again after a second is not needed: nothing is lost here.
            Effect::WakeAt(_) => {}
            Effect::Unreadable { path, reason } => panic!("cannot read {path}: {reason}"),
        }
    }

    fn read(&mut self, path: Path, effects: &mut Effects) {
        let document = self.store.read(path);
        self.coordinator.document(NOW, document, effects);
    }
}
