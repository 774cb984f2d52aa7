//! The running operators.

use std::collections::{BTreeMap, BTreeSet};

use gomera_matching::CpuLevel;
use gomera_model::{Epoch, HostId, Incarnation, Instance, Layer, Time};
use gomera_operators::access_point::Window;
use gomera_operators::rules::Rules;
use gomera_operators::{AccessPoint, ConnectionPoint, Effects, ExitPoint, Matcher, Operator};

use super::{Cargo, Receiver, Route, World};
use crate::scenario::{Options, Scenario};

/// All instances that run.
#[derive(Debug)]
pub(super) struct Instances {
    running: BTreeMap<Incarnation, Running>,
    /// Where each runs, ran, or is going to.
    places: BTreeMap<Incarnation, HostId>,
    /// Who ran and does not any more.
    ended: BTreeSet<Incarnation>,
    rules: Rules,
    window: Window,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) instance: Instance,
    pub(super) operator: Operator,
    pub(super) effects: Effects,
    pub(super) wish: Option<Time>,
}

impl Instances {
    pub(super) fn new(options: &Options, scenario: &Scenario) -> Self {
        Self {
            running: BTreeMap::new(),
            places: BTreeMap::new(),
            ended: BTreeSet::new(),
            rules: options.rules,
            window: scenario.admission,
        }
    }

    pub(super) fn start(&mut self, instance: Instance) {
        let incarnation = instance.incarnation;
        let running = Running {
            operator: self.operator(&instance),
            instance,
            effects: Effects::new(),
            wish: None,
        };
        let before = self.running.insert(incarnation, running);
        assert!(before.is_none(), "an incarnation never starts twice");
    }

    pub(super) fn stop(&mut self, incarnation: Incarnation) {
        self.running.remove(&incarnation);
        self.ended.insert(incarnation);
    }

    /// Whether it ran and does not any more.
    pub(super) fn has_ended(&self, incarnation: Incarnation) -> bool {
        self.ended.contains(&incarnation)
    }

    /// An instance belongs to a host.
    pub(super) fn place(&mut self, instance: &Instance) {
        self.places.insert(instance.incarnation, instance.host);
    }

    /// The host of an instance.
    pub(super) fn host_of(&self, incarnation: Incarnation) -> Option<HostId> {
        self.places.get(&incarnation).copied()
    }

    /// Who runs at a host.
    pub(super) fn at(&self, host: HostId) -> Vec<Incarnation> {
        let there = self.running.values().filter(|r| r.instance.host == host);
        there.map(|r| r.instance.incarnation).collect()
    }

    pub(super) fn get(&self, incarnation: Incarnation) -> Option<&Running> {
        self.running.get(&incarnation)
    }

    pub(super) fn get_mut(&mut self, incarnation: Incarnation) -> Option<&mut Running> {
        self.running.get_mut(&incarnation)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Running> {
        self.running.values()
    }

    /// Whether a receiver may hear a queue: the first that an instance hears is the coordinator.
    pub(super) fn hears(&self, receiver: Receiver, route: Route) -> bool {
        match (receiver, route) {
            (_, Route::Order(_)) => true,
            // What comes for one that is not started yet waits for it.
            (Receiver::Instance(instance), _) => match self.get(instance) {
                Some(running) => running.operator.epoch() > Epoch(0),
                None => self.has_ended(instance),
            },
            (
                Receiver::Host(_)
                | Receiver::Keeper(_)
                | Receiver::Ensemble
                | Receiver::Leader
                | Receiver::Client(_)
                | Receiver::Nobody,
                _,
            ) => true,
        }
    }

    /// The instances of one layer.
    pub(super) fn layer(&self, layer: Layer) -> Vec<Incarnation> {
        let running = self.running.values();
        running
            .filter(|running| running.instance.layer == layer)
            .map(|running| running.instance.incarnation)
            .collect()
    }

    pub(super) fn wishes(&self) -> impl Iterator<Item = (Time, Receiver)> {
        self.running.values().filter_map(|running| {
            let receiver = Receiver::Instance(running.instance.incarnation);
            running.wish.map(|at| (at, receiver))
        })
    }

    fn operator(&self, instance: &Instance) -> Operator {
        let incarnation = instance.incarnation;
        let seed = incarnation.0;
        let rules = self.rules;
        match instance.layer {
            Layer::ConnectionPoints => {
                let point = ConnectionPoint::new(incarnation, seed);
                Operator::ConnectionPoint(Box::new(point))
            }
            Layer::AccessPoints => {
                let point = AccessPoint::new(incarnation, seed).with_window(self.window);
                Operator::AccessPoint(Box::new(point.with_rules(rules)))
            }
            Layer::Matchers => {
                let matcher = Matcher::new(incarnation, seed, CpuLevel::Scalar);
                Operator::Matcher(Box::new(matcher.with_rules(rules)))
            }
            Layer::ExitPoints => {
                let point = ExitPoint::new(incarnation, seed).with_rules(rules);
                Operator::ExitPoint(Box::new(point))
            }
        }
    }
}

impl World {
    /// A host is told to start an instance. Whether it runs: an incarnation never starts twice.
    pub(super) fn start_instance(&mut self, instance: Instance) -> bool {
        let incarnation = instance.incarnation;
        self.instances.place(&instance);
        let is_dead = self.dead.contains(incarnation) || self.dead.hosts.contains(&instance.host);
        if is_dead || self.instances.has_ended(incarnation) {
            return false;
        }
        if self.instances.get(incarnation).is_none() {
            self.story.starts(self.now, &instance);
            self.instances.start(instance);
        }
        true
    }

    /// Who is stopped has no clients any more, unless it was taken for dead.
    pub(super) fn stop_instance(&mut self, instance: &Instance) {
        if self.instances.get(instance.incarnation).is_some() {
            self.story.stops(self.now, instance);
            self.lose_connections_of(instance.incarnation);
        }
        self.instances.stop(instance.incarnation);
    }

    pub(super) fn feed_instance(&mut self, to: Incarnation, route: Route, cargo: Cargo) {
        let now = self.now;
        match (route, cargo) {
            (Route::Lane { from, .. }, Cargo::Frame(frame)) => {
                self.story.frame_arrives(now, from, to, &frame);
                if let Some(running) = self.instances.get_mut(to) {
                    let effects = &mut running.effects;
                    running.operator.receive(now, from, frame, effects);
                }
            }
            (_, Cargo::Control(control)) => {
                self.story.control_arrives(now, to, &control);
                if let Some(running) = self.instances.get_mut(to) {
                    running.operator.control(now, control, &mut running.effects);
                }
            }
            (Route::Up(connection), Cargo::Up(word)) => {
                self.feed_connection_point(to, connection, word);
            }
            (route, cargo) => unreachable!("{route:?} brings no {cargo:?} to an instance"),
        }
    }

    pub(super) fn end_turn_of(&mut self, instance: Incarnation) {
        let now = self.now;
        if let Some(running) = self.instances.get_mut(instance) {
            running.operator.turn_ended(now, &mut running.effects);
        }
        self.weigh(instance);
        self.carry_instance(instance);
    }

    pub(super) fn wake_instance(&mut self, instance: Incarnation) {
        let now = self.now;
        if let Some(running) = self.instances.get_mut(instance) {
            running.wish = None;
            running.operator.wake(now, &mut running.effects);
        }
        self.end_turn_of(instance);
    }
}
