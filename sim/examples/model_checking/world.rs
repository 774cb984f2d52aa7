//! The state: every instance, what is on its way between them, the coordinator, and what the clients have seen.
//!
//! Instances are deterministic, so what each took (see `trace.rs`), what waits in the queues, and what the clients did
//! after they had seen what, say everything about a state. Two interleavings that agree in this are one state. An
//! action always adds to what was taken or done: states form no circle, and every way to one is equally long.
//!
//! Before the first state everything runs in one fixed order: the cluster starts, the clients connect, the session
//! subscribes, the operation is asked for, and everybody comes to know its plan. A publication before that is not tried.
//!
//! What is carried out at once, because to delay it changes nothing that can be seen, or only makes it look better:
//!
//! - reports, and all that the coordinator does about them: to delay them equals delaying its orders;
//! - between clients, connection point and access points: acts may come at any time anyway, and to learn an answer or
//!   an acknowledgement later only asks for less;
//! - what an exit point has released: an access point does nothing with it but acknowledge;
//! - where exit points stay: between them and the connection point, and the topology at the connection point, for the
//!   same reasons.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use gomera_coordinator::PhaseName;
use gomera_matching::CpuLevel;
use gomera_model::control::Control;
use gomera_model::lane::{ConnectionPointFrame, ExitPointFrame, LaneFrame, MatcherFrame};
use gomera_model::silbo::ClientFrame;
use gomera_model::{Duration, Epoch, Incarnation, Instance, Layer, Time};
use gomera_operators::{
    AccessPoint, ConnectionId, ConnectionPoint, Effect, Effects, ExitPoint, Matcher, Operator,
};
use gomera_sim::checker::{Leftovers, judge, judge_end};
use gomera_sim::{Breach, census};

use crate::clients::{Act, Clients, SESSION};
use crate::coordination::{Coordination, Memory, Order};
use crate::shape::Shape;
use crate::trace::{Input, Topic, Trace, number};

/// Who asks to be woken so much later or more is not: nothing here is so old or so long without an answer.
const FAR: Duration = Duration::from_secs(1);

/// A state.
#[derive(Clone, Debug)]
pub(crate) struct World {
    instances: BTreeMap<Incarnation, Arc<Running>>,
    queues: BTreeMap<Route, VecDeque<Cargo>>,
    coordination: Arc<Coordination>,
    pub(crate) clients: Arc<Clients>,
    /// An assertion at which an operator stopped.
    pub(crate) panic: Option<Arc<str>>,
}

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Action {
    /// The first thing in a queue is delivered.
    Deliver(Route),
    /// An instance is woken, as it asked for.
    Wake(Incarnation),
    /// A client does something.
    Act(Act),
}

/// A queue, by its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Route {
    /// From the coordinator.
    Order(Incarnation),
    /// A lane.
    Lane {
        /// From.
        from: Incarnation,
        /// To.
        to: Incarnation,
    },
}

#[derive(Clone, Debug)]
struct Cargo {
    what: What,
    input: Input,
}

#[derive(Clone, Debug)]
enum What {
    Control(Control),
    Frame(Arc<LaneFrame>),
}

#[derive(Clone, Debug)]
struct Running {
    layer: Layer,
    operator: Operator,
    /// Its own clock: it stands still until the instance is woken.
    clock: Time,
    wish: Option<Time>,
    /// What it took, in order, as one number.
    taken: Trace,
}

/// What is the same for all states.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) shape: Shape,
    pub(crate) memory: Memory,
}

impl World {
    /// Everything runs, the clients are connected, one subscription is acknowledged, and the operation is asked for.
    pub(crate) fn new(ground: &Ground) -> Self {
        let shape = &ground.shape;
        let mut orders = Vec::new();
        let coordination = Coordination::new(shape.scaling, &mut orders);
        let started = orders.iter().filter_map(|order| match order {
            Order::Start(instance) => Some(instance),
            Order::Stop(_) | Order::Tell(..) => None,
        });
        let points = started.filter(|instance| instance.layer == Layer::AccessPoints);
        let points: Vec<_> = points.map(|instance| instance.incarnation).collect();
        let mut world = Self {
            instances: BTreeMap::new(),
            queues: BTreeMap::new(),
            coordination: Arc::new(coordination),
            clients: Arc::new(Clients::new(shape, &points)),
            panic: None,
        };
        world.obey(&orders, ground);
        world.settle(ground);
        let (connect, fresh) = world.clients.connect();
        world.serve(ground, |point, now, effects| {
            point.connect(now, SESSION, connect, fresh, effects);
        });
        for (connection, frame) in world.clients.open() {
            world.send(connection, frame, ground);
        }
        world.settle(ground);
        let frame = Arc::make_mut(&mut world.clients).subscribe_first();
        world.send(SESSION, frame, ground);
        world.settle(ground);
        let mut orders = Vec::new();
        let coordination = Arc::make_mut(&mut world.coordination);
        coordination.scale(shape.scaling, &mut orders);
        world.obey(&orders, ground);
        world.settle_plan(ground);
        world
    }

    /// What may happen next.
    pub(crate) fn actions(&self, actions: &mut Vec<Action>) {
        if self.panic.is_some() || self.clients.breach.is_some() {
            return;
        }
        let routes = self.queues.keys().copied();
        actions.extend(routes.filter(|r| self.hears(*r)).map(Action::Deliver));
        let sleepers = self.instances.iter().filter(|(_, running)| running.wakes());
        actions.extend(sleepers.map(|(incarnation, _)| Action::Wake(*incarnation)));
        actions.extend(self.clients.possible().map(Action::Act));
    }

    /// One thing happens.
    pub(crate) fn act(&mut self, action: Action, ground: &Ground) {
        match action {
            Action::Deliver(route) => self.deliver(route, ground),
            Action::Wake(incarnation) => {
                let input = Some(Input::of_its_own(&"wake"));
                self.turn(incarnation, input, ground, |running, effects| {
                    let wish = running.wish.take().unwrap_or(running.clock);
                    running.clock = running.clock.max(wish);
                    running.operator.wake(running.clock, effects);
                });
            }
            Action::Act(act) => {
                let clients = Arc::make_mut(&mut self.clients);
                clients.acts = number(&(clients.acts, act, clients.seen));
                let (connection, frame) = clients.act(act, &ground.shape);
                self.send(connection, frame, ground);
            }
        }
    }

    /// What is wrong, now that nothing can happen any more.
    pub(crate) fn judge(&self) -> Vec<Breach> {
        let clients = &self.clients;
        let mut breaches = judge(&clients.history);
        if breaches.is_empty() {
            let topology = self.coordination.coordinator.topology();
            let running = self.instances.iter().map(|(id, r)| (*id, &r.operator));
            let census = census(topology.map(|t| &**t), &[clients.session], running);
            breaches = judge_end(&clients.history, &self.leftovers(), &census);
        }
        breaches
    }

    fn leftovers(&self) -> Leftovers {
        let queues = self.queues.iter();
        let queues = queues.map(|(route, queue)| format!("{route:?} still holds {queue:?}"));
        let under_way = self.coordination.coordinator.under_way();
        let record = under_way.map(|r| format!("operation {} is in phase {:?}", r.id, r.phase));
        Leftovers {
            unfinished: queues.chain(record).collect(),
        }
    }

    /// Everything that is on its way arrives, first the first.
    fn settle(&mut self, ground: &Ground) {
        while let Some(route) = self.queues.keys().copied().find(|r| self.hears(*r)) {
            self.deliver(route, ground);
        }
    }

    /// Everybody comes to know the plan, in a fixed order.
    fn settle_plan(&mut self, ground: &Ground) {
        let is_planning = |queue: &VecDeque<Cargo>| match queue.front().map(|cargo| &cargo.what) {
            Some(What::Control(Control::Prepare(_) | Control::Topology(_))) => true,
            Some(What::Control(Control::Copy(_) | Control::Close(_) | Control::Abort(_))) => false,
            Some(What::Frame(frame)) => {
                matches!(&**frame, LaneFrame::Matcher(MatcherFrame::Open(_)))
            }
            None => false,
        };
        let is_prepared = |world: &Self| {
            let record = world.coordination.coordinator.under_way();
            record.is_none_or(|record| record.phase != PhaseName::Prepare)
        };
        while !is_prepared(self)
            || (self.queues.values()).any(|queue| {
                matches!(
                    queue.front(),
                    Some(Cargo {
                        what: What::Frame(_),
                        ..
                    })
                )
            })
        {
            let mut queues = self.queues.iter();
            let next = queues.find(|(route, queue)| self.hears(**route) && is_planning(queue));
            let Some((&route, _)) = next else { break };
            self.deliver(route, ground);
        }
    }

    /// The first that an instance hears is the coordinator.
    fn hears(&self, route: Route) -> bool {
        match route {
            Route::Order(_) => true,
            Route::Lane { to, .. } => {
                (self.instances.get(&to)).is_none_or(|running| running.operator.epoch() > Epoch(0))
            }
        }
    }

    fn deliver(&mut self, route: Route, ground: &Ground) {
        let Some(queue) = self.queues.get_mut(&route) else {
            return;
        };
        let cargo = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&route);
        }
        let Some(Cargo { what, input }) = cargo else {
            return;
        };
        match (route, what) {
            (Route::Order(to), What::Control(control)) => {
                self.control(to, control, Some(input), ground);
            }
            (Route::Lane { from, to }, What::Frame(frame)) => {
                self.receive((from, to), Arc::unwrap_or_clone(frame), Some(input), ground);
            }
            (route, what) => unreachable!("{route:?} holds {what:?}"),
        }
    }

    fn control(
        &mut self,
        to: Incarnation,
        control: Control,
        taken: Option<Input>,
        ground: &Ground,
    ) {
        self.turn(to, taken, ground, |running, effects| {
            running.operator.control(running.clock, control, effects);
        });
    }

    fn receive(
        &mut self,
        (from, to): (Incarnation, Incarnation),
        frame: LaneFrame,
        taken: Option<Input>,
        ground: &Ground,
    ) {
        self.turn(to, taken, ground, |running, effects| {
            let now = running.clock;
            running.operator.receive(now, from, frame, effects);
        });
    }

    /// An instance takes an input, and what it wants done is done or put in queues.
    fn turn(
        &mut self,
        to: Incarnation,
        taken: Option<Input>,
        ground: &Ground,
        input: impl FnOnce(&mut Running, &mut Effects),
    ) {
        let Some(running) = self.instances.get_mut(&to) else {
            return;
        };
        let running = Arc::make_mut(running);
        let mut effects = Effects::new();
        let released = running.released();
        input(running, &mut effects);
        running.operator.turn_ended(running.clock, &mut effects);
        if let Some(mut taken) = taken {
            let is_told = effects.as_slice().iter().any(is_of_sessions);
            if is_told || released != running.released() {
                taken.topic = Topic::Everything;
            }
            running.taken.take(taken);
        }
        for effect in effects.drain() {
            self.carry(to, effect, ground);
        }
    }

    fn carry(&mut self, from: Incarnation, effect: Effect, ground: &Ground) {
        match effect {
            Effect::Send { to, frame } => {
                self.note(&frame);
                if self.waits(Some(from), to, ground) {
                    let queue = self.queues.entry(Route::Lane { from, to }).or_default();
                    queue.push_back(Cargo {
                        input: Input::of(from, &frame),
                        what: What::Frame(Arc::new(frame)),
                    });
                } else {
                    let taken = self.is_client_side(from).then(|| Input::of(from, &frame));
                    self.receive((from, to), frame, taken, ground);
                }
            }
            Effect::Report(report) => {
                let outcome = ground.memory.report(&self.coordination, from, report);
                self.coordination = Arc::clone(&outcome.coordination);
                self.obey(&outcome.orders, ground);
            }
            Effect::WakeAt(at) => {
                if let Some(running) = self.instances.get_mut(&from) {
                    let wish = &mut Arc::make_mut(running).wish;
                    *wish = Some(wish.map_or(at, |before| before.min(at)));
                }
            }
            Effect::ToClient {
                connection, frame, ..
            } => Arc::make_mut(&mut self.clients).receive(connection, &frame),
            Effect::PausePublisher(_) | Effect::ResumePublisher(_) | Effect::Close { .. } => {
                unreachable!("few publications, and clients that behave: {effect:?}")
            }
        }
    }

    /// Stamps are written down for the checkers.
    fn note(&mut self, frame: &LaneFrame) {
        if let LaneFrame::Matcher(MatcherFrame::Notifications(batch)) = frame {
            let history = &mut Arc::make_mut(&mut self.clients).history;
            for one in batch {
                history.stamped(one.publisher, one.publisher_seq, one.stamp);
            }
        }
    }

    fn obey(&mut self, orders: &[Order], ground: &Ground) {
        for order in orders {
            match order {
                Order::Start(instance) => {
                    let running = Running::new(instance, &ground.shape);
                    let incarnation = instance.incarnation;
                    self.instances.insert(incarnation, Arc::new(running));
                }
                Order::Stop(incarnation) => {
                    self.instances.remove(incarnation);
                }
                Order::Tell(to, control) => {
                    if self.waits(None, *to, ground) {
                        let queue = self.queues.entry(Route::Order(*to)).or_default();
                        queue.push_back(Cargo {
                            input: Input {
                                content: number(&name(control)),
                                topic: Topic::of_order(control),
                            },
                            what: What::Control(control.clone()),
                        });
                    } else {
                        self.control(*to, control.clone(), None, ground);
                    }
                }
            }
        }
    }

    /// Whether what goes from one (from the coordinator, if from nobody) to another waits in a queue.
    fn waits(&self, from: Option<Incarnation>, to: Incarnation, ground: &Ground) -> bool {
        use Layer::{AccessPoints, ConnectionPoints, ExitPoints};
        let layer = |incarnation| self.instances.get(&incarnation).map(|r| r.layer);
        let ends = (from.and_then(layer), layer(to));
        let is_of_clients = matches!(
            ends,
            (Some(ConnectionPoints | ExitPoints), Some(AccessPoints))
                | (Some(AccessPoints), Some(ConnectionPoints))
        );
        let is_of_homes = matches!(
            ends,
            (None | Some(ExitPoints), Some(ConnectionPoints))
                | (Some(ConnectionPoints), Some(ExitPoints))
        );
        let homes_move = ground.shape.scaling.layer() == ExitPoints;
        !is_of_clients && (homes_move || !is_of_homes)
    }

    /// Acts of clients come to an access point by way of a connection point.
    fn is_client_side(&self, from: Incarnation) -> bool {
        (self.instances.get(&from)).is_some_and(|r| r.layer == Layer::ConnectionPoints)
    }

    fn send(&mut self, connection: ConnectionId, frame: ClientFrame, ground: &Ground) {
        self.serve(ground, |point, now, effects| {
            point.frame(now, connection, frame, effects);
        });
    }

    /// Something comes to the connection point from a client.
    fn serve(
        &mut self,
        ground: &Ground,
        input: impl FnOnce(&mut ConnectionPoint, Time, &mut Effects),
    ) {
        let mut points = self.instances.iter();
        let point = points.find(|(_, running)| running.layer == Layer::ConnectionPoints);
        let (&point, _) = point.expect("there is always one");
        let homes_move = ground.shape.scaling.layer() == Layer::ExitPoints;
        let taken = homes_move.then(|| Input::of_its_own(&"client"));
        self.turn(point, taken, ground, |running, effects| {
            let Operator::ConnectionPoint(point) = &mut running.operator else {
                unreachable!("it is of this layer");
            };
            input(point, running.clock, effects);
        });
    }
}

impl Running {
    fn new(instance: &Instance, shape: &Shape) -> Self {
        let incarnation = instance.incarnation;
        let seed = incarnation.0;
        let rules = shape.rules;
        let operator = match instance.layer {
            Layer::ConnectionPoints => {
                Operator::ConnectionPoint(Box::new(ConnectionPoint::new(incarnation, seed)))
            }
            Layer::AccessPoints => {
                let point = AccessPoint::new(incarnation, seed);
                Operator::AccessPoint(Box::new(point.with_rules(rules)))
            }
            Layer::Matchers => {
                let matcher = Matcher::new(incarnation, seed, CpuLevel::Scalar);
                Operator::Matcher(Box::new(matcher.with_rules(rules)))
            }
            Layer::ExitPoints => {
                let point = ExitPoint::new(incarnation, seed);
                Operator::ExitPoint(Box::new(point.with_rules(rules)))
            }
        };
        Self {
            layer: instance.layer,
            operator,
            clock: Time(0),
            wish: None,
            taken: Trace::default(),
        }
    }

    /// Notifications that it released, if it is an exit point.
    fn released(&self) -> u64 {
        match &self.operator {
            Operator::ExitPoint(point) => point.stats().released,
            Operator::ConnectionPoint(_) | Operator::AccessPoint(_) | Operator::Matcher(_) => 0,
        }
    }

    fn wakes(&self) -> bool {
        self.wish.is_some_and(|wish| wish < self.clock + FAR)
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (incarnation, running) in &self.instances {
            (incarnation, running.taken.number()).hash(state);
        }
        for (route, queue) in &self.queues {
            route.hash(state);
            for cargo in queue {
                cargo.input.content.hash(state);
            }
        }
        self.clients.acts.hash(state);
        self.panic.hash(state);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        let marks = |world: &Self| {
            let mut hasher = DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        marks(self) == marks(other)
    }
}

impl Input {
    /// One that depends on everything.
    fn of_its_own(content: &impl Hash) -> Self {
        Self {
            content: number(content),
            topic: Topic::Everything,
        }
    }

    fn of(from: Incarnation, frame: &LaneFrame) -> Self {
        Self {
            content: number(&(from, format!("{frame:?}"))),
            topic: Topic::of(from, frame),
        }
    }
}

/// Whether it goes to a connection point or to an exit point from one of its like.
fn is_of_sessions(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Send {
            frame: LaneFrame::ConnectionPoint(
                ConnectionPointFrame::Answered { .. }
                    | ConnectionPointFrame::Attached { .. }
                    | ConnectionPointFrame::Detached { .. }
                    | ConnectionPointFrame::Deliveries(_)
            ) | LaneFrame::ExitPoint(ExitPointFrame::Backup(_)),
            ..
        }
    )
}

/// An order, as short as it is unmistakable.
fn name(control: &Control) -> (&'static str, u64) {
    match control {
        Control::Topology(topology) => ("topology", topology.epoch.0),
        Control::Prepare(plan) => ("prepare", plan.operation.0),
        Control::Copy(operation) => ("copy", operation.0),
        Control::Close(operation) => ("close", operation.0),
        Control::Abort(operation) => ("abort", operation.0),
    }
}
