//! The loop around the coordinator, with the embedded store: one process needs no other.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gomera_coordinator::{
    Answer, Coordinator, Effect, Effects, EmbeddedStore, HostEntry, OperationRecord, RequestId,
    Settings,
};
use gomera_model::control::Control;
use gomera_model::{HostId, Incarnation, Instance, Layer, OperationId, Time, Topology};
use gomera_operators::matcher::CopyRate;
use gomera_operators::{AccessPoint, ConnectionPoint, ExitPoint, Matcher, Operator};
use tokio::sync::oneshot;

use super::clock::Clock;
use super::input::{CoordinatorInput, Input};
use super::instance::{self, Surroundings};
use super::quic::Doors;
use super::random::random_bytes;

/// What the coordinator knows, for those who only look.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The topology in force, once there is one.
    pub topology: Option<Arc<Topology>>,
    /// Operations that are remembered, oldest first; the one under way is the last.
    pub operations: Vec<OperationRecord>,
    /// The one under way.
    pub under_way: Option<OperationId>,
    /// Whether every instance of the topology runs.
    pub is_ready: bool,
    /// Whether the documents can be read and written.
    pub is_available: bool,
}

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

    fn show(&self, view: View) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        self.changed.notify_all();
    }
}

/// What the coordinator's thread is given.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) settings: Settings,
    pub(crate) copy_rate: CopyRate,
    pub(crate) host: HostEntry,
    pub(crate) surroundings: Surroundings,
    pub(crate) doors: Arc<Doors>,
    pub(crate) window: Arc<Window>,
}

/// Starts the coordinator's thread.
///
/// # Errors
///
/// When the operating system gives no further thread.
pub(crate) fn start(office: Office) -> std::io::Result<JoinHandle<()>> {
    let leading = Leading {
        coordinator: Coordinator::new(office.settings),
        store: EmbeddedStore::new(),
        effects: Effects::new(),
        wake_at: None,
        requests: BTreeMap::new(),
        next_request: 0,
        answers: Vec::new(),
        threads: BTreeMap::new(),
        copy_rate: office.copy_rate,
        host: office.host,
        surroundings: office.surroundings,
        doors: office.doors,
        window: office.window,
    };
    let name = "coordinator".to_owned();
    thread::Builder::new().name(name).spawn(move || {
        let _guard = instance::AbortOnPanic;
        leading.run();
    })
}

/// The coordinator and all that its thread holds.
struct Leading {
    coordinator: Coordinator,
    store: EmbeddedStore,
    effects: Effects,
    wake_at: Option<Time>,
    /// Who waits for an answer.
    requests: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    next_request: u64,
    /// Given when the view shows what they speak of.
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    threads: BTreeMap<Incarnation, JoinHandle<()>>,
    copy_rate: CopyRate,
    host: HostEntry,
    surroundings: Surroundings,
    doors: Arc<Doors>,
    window: Arc<Window>,
}

impl Leading {
    fn run(mut self) {
        let clock = self.surroundings.clock;
        let inbox = Arc::clone(&self.surroundings.coordinator);
        let mut inputs = Vec::new();
        let now = clock.now();
        self.coordinator.started(now, &mut self.effects);
        self.coordinator
            .host(now, self.host.clone(), &mut self.effects);
        self.carry_out(clock);
        loop {
            let until = self.wake_at.map(|time| clock.instant(time));
            inbox.take(&mut inputs, until);
            let now = clock.now();
            if self.wake_at.is_some_and(|time| time <= now) {
                self.wake_at = None;
                self.coordinator.wake(now, &mut self.effects);
            }
            for input in inputs.drain(..) {
                if matches!(input, CoordinatorInput::Stop) {
                    inbox.close();
                    return self.stop_all();
                }
                self.feed(now, input);
            }
            self.carry_out(clock);
        }
    }

    fn feed(&mut self, now: Time, input: CoordinatorInput) {
        match input {
            CoordinatorInput::Report { from, report } => {
                tracing::debug!(%from, ?report, "report");
                self.coordinator
                    .report(now, from, report, &mut self.effects);
            }
            CoordinatorInput::Load { from, load } => self.coordinator.load(from, load),
            CoordinatorInput::Scale(scale, asker) => {
                let request = self.remember(asker);
                self.coordinator
                    .scale(now, request, scale, &mut self.effects);
            }
            CoordinatorInput::Abort(operation, asker) => {
                let request = self.remember(asker);
                self.coordinator
                    .abort(now, request, operation, &mut self.effects);
            }
            CoordinatorInput::Stop => {}
        }
    }

    fn remember(&mut self, asker: oneshot::Sender<Answer>) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        self.requests.insert(request, asker);
        request
    }

    /// Carries out what is wanted, and what that leads to, until nothing is.
    fn carry_out(&mut self, clock: Clock) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects).drain() {
                self.one(clock.now(), effect);
            }
        }
        self.show();
        for (asker, answer) in self.answers.drain(..) {
            // Who has stopped waiting needs no answer.
            let _ = asker.send(answer);
        }
    }

    fn one(&mut self, now: Time, effect: Effect) {
        match effect {
            Effect::Observe(path) => {
                let document = self.store.read(path);
                self.coordinator.document(now, document, &mut self.effects);
            }
            Effect::Write { id, puts } => {
                let outcome = self.store.write(&puts);
                self.coordinator
                    .written(now, id, outcome, &mut self.effects);
            }
            Effect::Start(instance) => self.start(now, &instance),
            Effect::Stop(instance) => self.stop(instance.incarnation),
            Effect::Tell { to, control } => {
                self.close_door_of_leaving(to, &control);
                if let Some(inbox) = self.surroundings.router.inbox(to) {
                    inbox.push(Input::Control(control));
                }
            }
            Effect::Answer { request, answer } => {
                if let Some(asker) = self.requests.remove(&request) {
                    self.answers.push((asker, answer));
                }
            }
            Effect::WakeAt(time) => {
                self.wake_at = Some(self.wake_at.map_or(time, |earlier| earlier.min(time)));
            }
            Effect::Unreadable { path, reason } => {
                tracing::error!(%path, reason, "a document cannot be read");
            }
        }
    }

    fn start(&mut self, now: Time, instance: &Instance) {
        let incarnation = instance.incarnation;
        if self.threads.contains_key(&incarnation) {
            self.coordinator
                .started_instance(now, incarnation, &mut self.effects);
            return;
        }
        tracing::info!(layer = ?instance.layer, id = %instance.id, %incarnation, "starting");
        match instance::start(
            instance,
            operator(instance, self.copy_rate),
            self.surroundings.clone(),
        ) {
            Ok(thread) => {
                self.threads.insert(incarnation, thread);
                self.open_door(instance);
                self.coordinator
                    .started_instance(now, incarnation, &mut self.effects);
            }
            Err(error) => {
                tracing::error!(%incarnation, %error, "cannot start");
                self.coordinator.failed(now, incarnation, &mut self.effects);
            }
        }
    }

    fn open_door(&self, instance: &Instance) {
        let inbox = self.surroundings.router.inbox(instance.incarnation);
        if let (Layer::ConnectionPoints, Some(inbox)) = (instance.layer, inbox) {
            self.doors.open(instance.incarnation, inbox);
        }
    }

    /// A connection point that is leaving is given no further client.
    fn close_door_of_leaving(&self, to: Incarnation, control: &Control) {
        if let Control::Topology(topology) = control
            && topology.instance(to).is_some_and(|own| own.leaving)
        {
            self.doors.close(to);
        }
    }

    fn stop(&mut self, incarnation: Incarnation) {
        let Some(thread) = self.threads.remove(&incarnation) else {
            return;
        };
        tracing::info!(%incarnation, "stopping");
        self.doors.close(incarnation);
        if let Some(inbox) = self.surroundings.router.inbox(incarnation) {
            inbox.push(Input::Stop);
        }
        self.surroundings.router.remove(incarnation);
        // Its thread ends with its present turn; whether it does is known to nobody but the process.
        drop(thread);
    }

    /// Connection points go first, so that nobody is told anything of what ends behind them.
    fn stop_all(self) {
        for (_, inbox) in self.surroundings.router.all() {
            inbox.push(Input::Stop);
        }
        for (incarnation, thread) in self.threads {
            self.surroundings.router.remove(incarnation);
            if thread.join().is_err() {
                tracing::error!(%incarnation, "ended with a panic");
            }
        }
    }

    fn show(&self) {
        self.window.show(View {
            topology: self.coordinator.topology().cloned(),
            operations: self.coordinator.operations().cloned().collect(),
            under_way: self.coordinator.under_way().map(|record| record.id),
            is_ready: self.coordinator.is_ready(),
            is_available: self.coordinator.is_available(),
        });
    }
}

/// The machine of an instance, its hash tables keyed with what nobody can guess.
fn operator(instance: &Instance, copy_rate: CopyRate) -> Operator {
    let incarnation = instance.incarnation;
    let seed = u64::from_le_bytes(random_bytes());
    match instance.layer {
        Layer::ConnectionPoints => {
            Operator::ConnectionPoint(Box::new(ConnectionPoint::new(incarnation, seed)))
        }
        Layer::AccessPoints => Operator::AccessPoint(Box::new(AccessPoint::new(incarnation, seed))),
        Layer::Matchers => {
            let matcher = Matcher::new(incarnation, seed, crate::cpu::level());
            Operator::Matcher(Box::new(matcher.with_copy_rate(copy_rate)))
        }
        Layer::ExitPoints => Operator::ExitPoint(Box::new(ExitPoint::new(incarnation, seed))),
    }
}

/// The one host of a process without a cluster.
pub(crate) const ONLY_HOST: HostId = HostId(1);
