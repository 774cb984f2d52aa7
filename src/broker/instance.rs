//! The loop around one operator: wait, feed what is there, end the turn, carry out the effects. It decides nothing.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gomera_model::{Instance, Layer, Time};
use gomera_operators::{Effect, Effects, Operator};

use super::clients::Clients;
use super::clock::Clock;
use super::gauge::Gauge;
use super::hosts::Hosts;
use super::inbox::Inbox;
use super::input::{CoordinatorInput, Input};
use super::outbox::Outbox;
use super::router::Router;
use crate::limits::{TURN_FRAMES_MAX, TURN_TIME_MAX};

/// What an instance needs of the process that it runs in.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) clock: Clock,
    pub(crate) router: Arc<Router>,
    pub(crate) coordinator: Arc<Inbox<CoordinatorInput>>,
    /// The other hosts of the cluster, if there is one.
    pub(crate) hosts: Option<Arc<Hosts>>,
}

/// Starts the thread of an instance; its inbox is in the router before this returns.
///
/// # Errors
///
/// When the operating system gives no further thread.
pub(crate) fn start(
    instance: &Instance,
    operator: Operator,
    surroundings: Surroundings,
) -> std::io::Result<JoinHandle<()>> {
    let inbox = Arc::new(Inbox::new());
    let incarnation = instance.incarnation;
    let router = Arc::clone(&surroundings.router);
    let running = Running {
        operator,
        inbox: Arc::clone(&inbox),
        outbox: Outbox::new(incarnation, Arc::clone(&router), surroundings.hosts.clone()),
        clients: Clients::new(),
        surroundings,
        effects: Effects::new(),
        wake_at: None,
        gauge: Gauge::new(instance.clone()),
        stopping: false,
    };
    router.insert(incarnation, inbox);
    let name = format!("{}-{}", singular(instance.layer), instance.id);
    let spawned = thread::Builder::new().name(name).spawn(move || {
        let _guard = AbortOnPanic;
        running.run();
    });
    if spawned.is_err() {
        router.remove(incarnation);
    }
    spawned
}

/// An operator and all that its thread holds.
struct Running {
    operator: Operator,
    inbox: Arc<Inbox<Input>>,
    outbox: Outbox,
    clients: Clients,
    surroundings: Surroundings,
    effects: Effects,
    /// The earliest time at which the operator wants to be woken.
    wake_at: Option<Time>,
    gauge: Gauge,
    stopping: bool,
}

impl Running {
    fn run(mut self) {
        let clock = self.surroundings.clock;
        let mut inputs = Vec::new();
        while !self.stopping {
            let until = self.wake_at.map(|time| clock.instant(time));
            let waited = self.inbox.take(&mut inputs, until);
            let mut now = clock.now();
            let mut fed = 0;
            if self.wake_at.is_some_and(|time| time <= now) {
                self.wake_at = None;
                self.operator.wake(now, &mut self.effects);
            }
            for input in inputs.drain(..) {
                fed += self.feed(now, input);
                if fed >= TURN_FRAMES_MAX || clock.now().since(now) >= TURN_TIME_MAX {
                    now = self.end_turn(now, std::mem::take(&mut fed), waited);
                }
            }
            self.end_turn(now, fed, waited);
        }
        self.inbox.close();
        self.clients.close_all();
    }

    /// Gives one input to the operator; how many frames were in it.
    fn feed(&mut self, now: Time, input: Input) -> usize {
        let effects = &mut self.effects;
        match input {
            Input::Frames { from, frames } => {
                let count = frames.len();
                for frame in frames {
                    self.operator.receive(now, from, frame, effects);
                }
                count
            }
            Input::Control(control) => {
                self.operator.control(now, control, effects);
                1
            }
            Input::Client(connection, input) => match &mut self.operator {
                Operator::ConnectionPoint(point) => {
                    self.clients.feed(now, connection, input, (point, effects))
                }
                Operator::AccessPoint(_) | Operator::Matcher(_) | Operator::ExitPoint(_) => {
                    panic!("a client's input came to {:?}", self.operator.layer())
                }
            },
            Input::GoAway => {
                if let Operator::ConnectionPoint(point) = &mut self.operator {
                    point.go_away(now, effects);
                }
                0
            }
            Input::Measure(asker) => {
                let (waiting, clients) = (self.inbox.waiting(), self.clients.stats());
                // Who has stopped waiting needs no answer.
                let _ = asker.send(self.gauge.read(&self.operator, waiting, clients));
                0
            }
            Input::Stop => {
                self.stopping = true;
                0
            }
        }
    }

    /// Hands over what the turn yields; the time at its end.
    fn end_turn(&mut self, begin: Time, fed: usize, waited: Duration) -> Time {
        self.operator.turn_ended(begin, &mut self.effects);
        for effect in self.effects.drain() {
            match effect {
                Effect::Send { to, frame } => self.outbox.send(to, frame),
                Effect::Report(report) => {
                    let from = self.gauge.incarnation();
                    let report = CoordinatorInput::Report { from, report };
                    self.surroundings.coordinator.push(report);
                }
                Effect::WakeAt(time) => {
                    self.wake_at = Some(self.wake_at.map_or(time, |earlier| earlier.min(time)));
                }
                Effect::ToClient {
                    connection,
                    stream,
                    frame,
                } => {
                    self.clients.send(connection, stream, &frame);
                }
                Effect::PausePublisher(connection) => self.clients.pause(connection),
                Effect::ResumePublisher(connection) => self.clients.resume(connection),
                Effect::Close {
                    connection,
                    refusal,
                } => self.clients.close(connection, refusal),
            }
        }
        self.outbox.hand_over();
        self.clients.flush();
        let now = self.surroundings.clock.now();
        self.gauge.turn(now.since(begin), fed, waited);
        now
    }
}

/// A broken invariant stops the process, in every build: what an operator half did must not be built upon.
pub(super) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}

/// The name of one instance of a layer.
pub(crate) fn singular(layer: Layer) -> &'static str {
    match layer {
        Layer::ConnectionPoints => "connection-point",
        Layer::AccessPoints => "access-point",
        Layer::Matchers => "matcher",
        Layer::ExitPoints => "exit-point",
    }
}
