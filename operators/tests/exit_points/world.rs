//! Real operators with lanes between them that a test, or chance, makes faster or slower than one another.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use gomera_matching::CpuLevel;
use gomera_model::control::{Control, Report};
use gomera_model::lane::LaneFrame;
use gomera_model::silbo::{ClientFrame, Connect, ServerFrame};
use gomera_model::topology::ExitPoints;
use gomera_model::{
    Duration, Epoch, HostId, Incarnation, Instance, InstanceId, Layer, SLOTS, SessionId,
    SessionToken, Time, Topology,
};
use gomera_operators::{
    AccessPoint, ConnectionId, ConnectionPoint, Effect, Effects, ExitPoint, FreshSession, Matcher,
    Operator, Rules,
};

pub(crate) const CONNECTION_POINTS: [Incarnation; 2] = [Incarnation(1), Incarnation(2)];
pub(crate) const ACCESS_POINTS: [Incarnation; 2] = [Incarnation(11), Incarnation(12)];
pub(crate) const MATCHERS: [Incarnation; 2] = [Incarnation(21), Incarnation(22)];
pub(crate) const EXIT_POINTS: [Incarnation; 4] = [
    Incarnation(31),
    Incarnation(32),
    Incarnation(33),
    Incarnation(34),
];

/// An ordered stream of inputs to an instance: from another one, or from the coordinator.
pub(crate) type Lane = (Incarnation, Incarnation);
/// Who the coordinator is as the sender of a lane.
pub(crate) const COORDINATOR: Incarnation = Incarnation(0);

#[derive(Debug)]
enum Input {
    Frame(LaneFrame),
    Control(Control),
}

/// Which exit points are there, and what they are for the slots.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) listed: Vec<Incarnation>,
    /// For one slot after the other, over and over.
    pub(crate) slots: Vec<ExitPoints>,
}

/// A small cluster.
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) operators: BTreeMap<Incarnation, Operator>,
    pub(crate) topology: Arc<Topology>,
    /// What clients were told, in order.
    pub(crate) told: VecDeque<(ConnectionId, ServerFrame)>,
    lanes: BTreeMap<Lane, VecDeque<Input>>,
    /// Lanes that bring nothing for now.
    held: BTreeSet<Lane>,
    wakes: BTreeMap<Incarnation, Time>,
    stopped: BTreeSet<Incarnation>,
    reports: BTreeMap<Incarnation, BTreeSet<Reported>>,
    rules: Rules,
    connections: u64,
    effects: Effects,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reported {
    Flipped(Epoch),
    Drained(Epoch),
    Joined(Epoch),
    Filled(Epoch),
}

impl World {
    pub(crate) fn new(rules: Rules, placement: &Placement) -> Self {
        let mut world = Self {
            now: Time(1),
            operators: BTreeMap::new(),
            topology: Arc::new(topology(1, placement)),
            told: VecDeque::new(),
            lanes: BTreeMap::new(),
            held: BTreeSet::new(),
            wakes: BTreeMap::new(),
            stopped: BTreeSet::new(),
            reports: BTreeMap::new(),
            rules,
            connections: 0,
            effects: Effects::new(),
        };
        for instance in world.topology.instances.clone() {
            world.start(instance.incarnation);
        }
        world.settle();
        world
    }

    /// The next epoch has these exit points, slot after slot over and over; those that were not there are started first.
    pub(crate) fn commit(&mut self, placement: &Placement) -> Epoch {
        let epoch = self.topology.epoch.next();
        let next = Arc::new(topology(epoch.0, placement));
        self.stop_unlisted();
        for instance in &next.instances {
            if !self.operators.contains_key(&instance.incarnation) {
                self.start(instance.incarnation);
            }
        }
        self.topology = next;
        let all: Vec<_> = self.operators.keys().copied().collect();
        for to in all {
            let control = Control::Topology(Arc::clone(&self.topology));
            self.post((COORDINATOR, to), Input::Control(control));
        }
        epoch
    }

    /// The same, and everything that follows from it.
    pub(crate) fn go_to(&mut self, placement: &Placement) {
        self.commit(placement);
        self.settle();
        assert!(self.is_done(), "the operation ends");
    }

    /// Whether everybody has reported what the coordinator waits for after a commit. Who is listed no more has to have
    /// joined what was stamped before: until then access points wait for its word.
    pub(crate) fn is_done(&self) -> bool {
        let epoch = self.topology.epoch;
        self.operators.keys().all(|who| {
            let is_listed = self.topology.instance(*who).is_some();
            let awaited: &[Reported] = match layer(*who) {
                Layer::ConnectionPoints => &[],
                Layer::AccessPoints => &[Reported::Flipped(epoch)],
                Layer::Matchers => &[Reported::Drained(epoch)],
                Layer::ExitPoints if is_listed => {
                    &[Reported::Joined(epoch), Reported::Filled(epoch)]
                }
                Layer::ExitPoints => &[Reported::Joined(epoch)],
            };
            let reports = self.reports.get(who);
            awaited
                .iter()
                .all(|report| epoch == Epoch(1) || reports.is_some_and(|r| r.contains(report)))
        })
    }

    /// A client opens a connection and asks for a session. `fresh` makes a new one.
    pub(crate) fn connect(
        &mut self,
        at: Incarnation,
        connect: Connect,
        fresh: SessionId,
    ) -> ConnectionId {
        let connection = self.fresh_connection();
        let fresh = FreshSession {
            session: fresh,
            token: SessionToken([7; 16]),
        };
        self.at_connection_point(at, |point, now, effects| {
            point.connect(now, connection, connect, fresh, effects);
        });
        connection
    }

    pub(crate) fn fresh_connection(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId(self.connections)
    }

    pub(crate) fn client_says(&mut self, at: Incarnation, by: ConnectionId, frame: ClientFrame) {
        self.at_connection_point(at, |point, now, effects| {
            point.frame(now, by, frame, effects);
        });
    }

    pub(crate) fn client_leaves(&mut self, at: Incarnation, by: ConnectionId) {
        self.at_connection_point(at, |point, now, effects| point.closed(now, by, effects));
    }

    /// Nothing comes over this lane until it is let go.
    pub(crate) fn hold(&mut self, from: Incarnation, to: Incarnation) {
        self.held.insert((from, to));
    }

    pub(crate) fn let_go(&mut self, from: Incarnation, to: Incarnation) {
        self.held.remove(&(from, to));
    }

    /// Lanes that have something to bring.
    pub(crate) fn ready(&self) -> Vec<Lane> {
        let lanes = self.lanes.iter();
        lanes
            .filter(|(lane, inputs)| !inputs.is_empty() && !self.held.contains(lane))
            .map(|(lane, _)| *lane)
            .collect()
    }

    /// The next input of a lane.
    pub(crate) fn step(&mut self, lane: Lane, ends_turn: bool) {
        let (from, to) = lane;
        let input = self.lanes.get_mut(&lane).and_then(VecDeque::pop_front);
        let Some(input) = input else {
            return;
        };
        let operator = self.operators.get_mut(&to).expect("it runs");
        match input {
            Input::Frame(frame) => operator.receive(self.now, from, frame, &mut self.effects),
            Input::Control(control) => operator.control(self.now, control, &mut self.effects),
        }
        if ends_turn {
            operator.turn_ended(self.now, &mut self.effects);
        }
        self.carry_out(to);
    }

    pub(crate) fn end_turn(&mut self, of: Incarnation) {
        let operator = self.operators.get_mut(&of).expect("it runs");
        operator.turn_ended(self.now, &mut self.effects);
        self.carry_out(of);
    }

    /// Everything that is on its way arrives, short rests pass.
    pub(crate) fn settle(&mut self) {
        loop {
            while let Some(lane) = self.ready().first() {
                self.step(*lane, true);
            }
            for of in self.operators.keys().copied().collect::<Vec<_>>() {
                self.end_turn(of);
            }
            if self.ready().is_empty() && !self.pass(Duration::from_millis(100)) {
                return;
            }
        }
    }

    /// Goes to the next point in time that somebody has asked for, if it is not further away than this.
    pub(crate) fn pass(&mut self, at_most: Duration) -> bool {
        let Some((&who, &at)) = self.wakes.iter().min_by_key(|(_, at)| **at) else {
            return false;
        };
        if at > self.now + at_most {
            return false;
        }
        self.wakes.remove(&who);
        self.now = self.now.max(at);
        let operator = self.operators.get_mut(&who).expect("it runs");
        operator.wake(self.now, &mut self.effects);
        operator.turn_ended(self.now, &mut self.effects);
        self.carry_out(who);
        true
    }

    /// So much time passes, with everything that happens in it.
    pub(crate) fn wait(&mut self, rest: Duration) {
        let end = self.now + rest;
        self.settle();
        while self.now < end && self.pass(end.since(self.now)) {
            self.settle();
        }
        self.now = end;
    }

    pub(crate) fn exit_point(&self, which: Incarnation) -> &ExitPoint {
        match &self.operators[&which] {
            Operator::ExitPoint(point) => point,
            Operator::ConnectionPoint(_) | Operator::AccessPoint(_) | Operator::Matcher(_) => {
                panic!("{which} is no exit point")
            }
        }
    }

    /// Subscriptions in all matchers.
    pub(crate) fn subscriptions_in_matchers(&self) -> usize {
        let matchers = self
            .operators
            .values()
            .filter_map(|operator| match operator {
                Operator::Matcher(matcher) => Some(matcher.index().len()),
                Operator::ConnectionPoint(_)
                | Operator::AccessPoint(_)
                | Operator::ExitPoint(_) => None,
            });
        matchers.sum()
    }

    fn start(&mut self, incarnation: Incarnation) {
        let operator = match layer(incarnation) {
            Layer::ConnectionPoints => {
                Operator::ConnectionPoint(ConnectionPoint::new(incarnation, 0).into())
            }
            Layer::AccessPoints => Operator::AccessPoint(AccessPoint::new(incarnation, 0).into()),
            Layer::Matchers => {
                let matcher = Matcher::new(incarnation, 0, CpuLevel::Scalar);
                Operator::Matcher(matcher.with_rules(self.rules).into())
            }
            Layer::ExitPoints => {
                let point = ExitPoint::new(incarnation, 0);
                Operator::ExitPoint(point.with_rules(self.rules).into())
            }
        };
        self.operators.insert(incarnation, operator);
        let control = Control::Topology(Arc::clone(&self.topology));
        self.post((COORDINATOR, incarnation), Input::Control(control));
        self.step((COORDINATOR, incarnation), true);
    }

    /// Who is not listed any more, and has nothing to do any more, ends.
    fn stop_unlisted(&mut self) {
        let topology = Arc::clone(&self.topology);
        self.operators
            .retain(|who, _| topology.instance(*who).is_some());
        let operators = &self.operators;
        let lanes = self.lanes.keys().map(|(_, to)| *to);
        self.stopped
            .extend(lanes.filter(|to| !operators.contains_key(to)));
        self.lanes.retain(|(_, to), _| operators.contains_key(to));
        self.wakes.retain(|who, _| operators.contains_key(who));
    }

    fn at_connection_point(
        &mut self,
        at: Incarnation,
        input: impl FnOnce(&mut ConnectionPoint, Time, &mut Effects),
    ) {
        match self.operators.get_mut(&at).expect("it runs") {
            Operator::ConnectionPoint(point) => {
                input(point, self.now, &mut self.effects);
                point.turn_ended(self.now, &mut self.effects);
            }
            Operator::AccessPoint(_) | Operator::Matcher(_) | Operator::ExitPoint(_) => {
                panic!("{at} is no connection point")
            }
        }
        self.carry_out(at);
    }

    fn carry_out(&mut self, from: Incarnation) {
        for effect in self.effects.drain() {
            match effect {
                Effect::Send { to, frame } if !self.stopped.contains(&to) => {
                    let lane = self.lanes.entry((from, to)).or_default();
                    lane.push_back(Input::Frame(frame));
                }
                Effect::Report(report) => {
                    let reports = self.reports.entry(from).or_default();
                    reports.extend(reported(&report));
                }
                Effect::WakeAt(time) => {
                    let wake = self.wakes.entry(from).or_insert(time);
                    *wake = time.min(*wake);
                }
                Effect::ToClient {
                    connection, frame, ..
                } => self.told.push_back((connection, frame)),
                Effect::Send { .. }
                | Effect::PausePublisher(_)
                | Effect::ResumePublisher(_)
                | Effect::Close { .. } => {}
            }
        }
    }

    fn post(&mut self, lane: Lane, input: Input) {
        self.lanes.entry(lane).or_default().push_back(input);
    }
}

/// A slot that one exit point has for itself.
pub(crate) fn alone(primary: Incarnation) -> ExitPoints {
    ExitPoints {
        primary,
        backup: None,
        further: None,
    }
}

fn reported(report: &Report) -> Option<Reported> {
    match report {
        Report::Flipped { epoch, .. } => Some(Reported::Flipped(*epoch)),
        Report::Drained(epoch) => Some(Reported::Drained(*epoch)),
        Report::Joined(epoch) => Some(Reported::Joined(*epoch)),
        Report::Filled(epoch) => Some(Reported::Filled(*epoch)),
        Report::Confirmed(_)
        | Report::Copying { .. }
        | Report::Copied { .. }
        | Report::Ended(_)
        | Report::Emptied(_)
        | Report::Settled(_) => None,
    }
}

fn layer(incarnation: Incarnation) -> Layer {
    match incarnation.0 {
        1..=9 => Layer::ConnectionPoints,
        11..=19 => Layer::AccessPoints,
        21..=29 => Layer::Matchers,
        _ => Layer::ExitPoints,
    }
}

fn topology(epoch: u64, placement: &Placement) -> Topology {
    let instances = CONNECTION_POINTS
        .into_iter()
        .chain(ACCESS_POINTS)
        .chain(MATCHERS)
        .chain(placement.listed.iter().copied())
        .map(|incarnation| Instance {
            id: InstanceId(1),
            incarnation,
            layer: layer(incarnation),
            host: HostId(1),
            zone: String::new(),
            leaving: false,
        });
    let mut matcher_of = vec![MATCHERS[0]; SLOTS];
    matcher_of[SLOTS / 2..].fill(MATCHERS[1]);
    Topology {
        epoch: Epoch(epoch),
        instances: instances.collect(),
        retired: Vec::new(),
        cut: Epoch(0),
        matcher_replicas: 0,
        standby_of: Vec::new(),
        matcher_of,
        exit_points_of: placement
            .slots
            .iter()
            .copied()
            .cycle()
            .take(SLOTS)
            .collect(),
    }
}
