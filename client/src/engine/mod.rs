//! What drives a machine: one lock around it, a clock, and the connections that it asks for. It decides nothing.
//!
//! ```text
//! application ──┐                       ┌──► frames of each connection ──► its writer
//! readers ──────┼──► input ──► effects ─┼──► a new connection's task
//! clock ────────┘     (under the lock)  └──► events, for the application to take
//! ```

mod connection;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use quinn::VarInt;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use gomera_client_core::{Effect, Effects};
use gomera_model::silbo::codec::FrameWriter;
use gomera_model::silbo::{Refusal, RefusalCode, ServerFrame};
use gomera_model::{Generation, Time};

use crate::client::Client;
use crate::error::{ConnectError, OpenError};
use crate::limits::TURNED_AWAY_MAX;

/// A machine of `client-core` with its application's side. Its methods are those of the machine.
pub(crate) trait Machine: Send + 'static {
    /// What the application is told.
    type Event: Send + Debug;

    fn start(&mut self, now: Time, effects: &mut Effects<Self::Event>);
    fn opened(&mut self, now: Time, connection: Generation, effects: &mut Effects<Self::Event>);
    fn closed(
        &mut self,
        now: Time,
        connection: Generation,
        refusal: Option<Refusal>,
        effects: &mut Effects<Self::Event>,
    );
    fn receive(
        &mut self,
        now: Time,
        connection: Generation,
        frame: ServerFrame,
        effects: &mut Effects<Self::Event>,
    );
    fn wake(&mut self, now: Time, effects: &mut Effects<Self::Event>);
    fn end(&mut self, effects: &mut Effects<Self::Event>);

    /// Puts an event where the application finds it.
    fn event(&mut self, event: Self::Event);
    /// Whether so many events wait that nothing more shall be read.
    fn is_full(&self) -> bool;
    /// Whether the broker has welcomed it, ever.
    fn was_welcomed(&self) -> bool;
    /// Why it is over, if it is.
    fn ended(&self) -> Option<&Refusal>;
}

/// A machine and everything around it.
#[derive(Debug)]
pub(crate) struct Engine<M: Machine> {
    state: Mutex<State<M>>,
    client: Client,
    runtime: Handle,
    start: Instant,
    /// Events or an end have come, for the application.
    changed: Notify,
    /// Events were taken, for readers.
    taken: Notify,
    /// The alarm is another one, for the clock.
    alarm_changed: Notify,
}

#[derive(Debug)]
struct State<M: Machine> {
    machine: M,
    effects: Effects<M::Event>,
    connections: BTreeMap<Generation, Outgoing>,
    alarm: Option<Time>,
    /// Connections that ended, and why the last one did.
    failures: usize,
    /// Those among them that a server had answered which was just leaving.
    turned_away: usize,
    failure: Option<(Generation, ConnectError)>,
}

/// What waits to be written to a connection.
#[derive(Debug, Default)]
struct Outgoing {
    frames: FrameWriter,
    /// With which code, and whether by the broker.
    closing: Option<(RefusalCode, bool)>,
    /// There is something to write, or to close.
    ready: Arc<Notify>,
    /// Once it is there.
    connection: Option<quinn::Connection>,
}

/// What a writer shall do next.
pub(crate) enum ToWrite {
    Chunks(Vec<Bytes>),
    Nothing,
    /// Close with this code.
    Close(RefusalCode),
    /// Wait a while until the broker closes.
    AwaitClose,
}

impl<M: Machine> Engine<M> {
    /// Starts a machine, within a runtime, and waits for the broker's first welcome.
    pub(crate) async fn open(client: Client, machine: M) -> Result<Arc<Self>, OpenError> {
        let engine = Arc::new(Self {
            state: Mutex::new(State {
                machine,
                effects: Effects::new(),
                connections: BTreeMap::new(),
                alarm: None,
                failures: 0,
                turned_away: 0,
                failure: None,
            }),
            client,
            runtime: Handle::current(),
            start: Instant::now(),
            changed: Notify::new(),
            taken: Notify::new(),
            alarm_changed: Notify::new(),
        });
        tokio::spawn(keep_time(Arc::clone(&engine)));
        engine.input(Machine::start);
        let guard = EndOnDrop(Some(&engine));
        engine
            .wait_for(|state| state.welcome(&engine.client))
            .await?;
        guard.defuse();
        Ok(engine)
    }

    /// Gives the machine an input and carries out what it wants.
    pub(crate) fn input<R>(
        self: &Arc<Self>,
        input: impl FnOnce(&mut M, Time, &mut Effects<M::Event>) -> R,
    ) -> R {
        let mut guard = self.lock();
        let state = &mut *guard;
        let result = input(&mut state.machine, self.now(), &mut state.effects);
        let has_events = self.carry_out(state);
        drop(guard);
        if has_events {
            self.changed.notify_waiters();
        }
        result
    }

    /// Looks at the machine, or takes from it what was put there for the application.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut M) -> R) -> R {
        look(&mut self.lock().machine)
    }

    /// Waits until `look` finds something. It is asked again whenever events have come.
    pub(crate) async fn wait_until<R>(&self, mut look: impl FnMut(&mut M) -> Option<R>) -> R {
        self.wait_for(|state| look(&mut state.machine)).await
    }

    /// Events were taken: readers may go on.
    pub(crate) fn events_taken(&self) {
        self.taken.notify_waiters();
    }

    /// Events were taken: who waits for room may go on.
    pub(crate) fn room_made(&self) {
        self.changed.notify_waiters();
    }

    /// Ends the machine and waits until its connections are closed.
    pub(crate) async fn end(self: &Arc<Self>) {
        self.input(|machine, _, effects| machine.end(effects));
        self.wait_for(|state| state.connections.is_empty().then_some(()))
            .await;
    }

    /// Cuts the connections that are there, as if the network had.
    pub(crate) fn cut(&self) {
        for outgoing in self.lock().connections.values() {
            if let Some(connection) = &outgoing.connection {
                connection.close(VarInt::from_u32(0), b"");
            }
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The connection's task has opened it.
    pub(crate) fn opened(self: &Arc<Self>, connection: Generation, opened: &quinn::Connection) {
        if let Some(outgoing) = self.lock().connections.get_mut(&connection) {
            outgoing.connection = Some(opened.clone());
        }
        self.input(|machine, now, effects| machine.opened(now, connection, effects));
    }

    /// Frames have come over a connection.
    pub(crate) fn received(self: &Arc<Self>, connection: Generation, frames: Vec<ServerFrame>) {
        self.input(|machine, now, effects| {
            for frame in frames {
                machine.receive(now, connection, frame, effects);
            }
        });
    }

    /// The connection is gone, or was never there.
    pub(crate) fn closed(
        self: &Arc<Self>,
        connection: Generation,
        error: ConnectError,
        refusal: Option<Refusal>,
    ) {
        tracing::debug!(connection = connection.0, %error, "connection ended");
        let mut state = self.lock();
        let mut code = refusal.as_ref().map(|refusal| refusal.code);
        if let Some(outgoing) = state.connections.remove(&connection) {
            outgoing.ready.notify_one();
            code = code.or(outgoing.closing.map(|(code, _)| code));
        }
        state.failures += 1;
        state.turned_away += usize::from(code == Some(RefusalCode::GoingAway));
        state.failure = Some((connection, error));
        drop(state);
        self.input(|machine, now, effects| machine.closed(now, connection, refusal, effects));
        self.changed.notify_waiters();
    }

    /// What there is to be written to a connection; nothing any more if it is gone.
    pub(crate) fn to_write(&self, connection: Generation) -> Option<ToWrite> {
        let mut state = self.lock();
        let outgoing = state.connections.get_mut(&connection)?;
        Some(match outgoing.closing {
            _ if !outgoing.frames.is_empty() => ToWrite::Chunks(outgoing.frames.take_chunks()),
            Some((_, true)) => ToWrite::AwaitClose,
            Some((code, false)) => ToWrite::Close(code),
            None => ToWrite::Nothing,
        })
    }

    /// Whether a connection is to be closed, or is gone.
    pub(crate) fn is_closing(&self, connection: Generation) -> bool {
        let state = self.lock();
        let outgoing = state.connections.get(&connection);
        outgoing.is_none_or(|outgoing| outgoing.closing.is_some())
    }

    /// Waits until the application has room for more events.
    pub(crate) async fn may_read(&self) {
        loop {
            let taken = self.taken.notified();
            if self.with(|machine| !machine.is_full() || machine.ended().is_some()) {
                return;
            }
            taken.await;
        }
    }

    async fn wait_for<R>(&self, mut look: impl FnMut(&mut State<M>) -> Option<R>) -> R {
        loop {
            let changed = self.changed.notified();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }

    /// Whether there were events.
    fn carry_out(self: &Arc<Self>, state: &mut State<M>) -> bool {
        let mut effects = mem::take(&mut state.effects);
        let mut has_events = false;
        for effect in effects.drain() {
            match effect {
                Effect::Open(connection) => self.open_connection(connection, state),
                Effect::Send { connection, frame } => {
                    if let Some(outgoing) = state.connections.get_mut(&connection) {
                        outgoing.frames.push(&frame);
                        outgoing.ready.notify_one();
                    }
                }
                Effect::Close {
                    connection,
                    code,
                    by_broker,
                } => {
                    if let Some(outgoing) = state.connections.get_mut(&connection) {
                        outgoing.closing.get_or_insert((code, by_broker));
                        outgoing.ready.notify_one();
                    }
                }
                Effect::WakeAt(at) => {
                    if state.alarm.is_none_or(|alarm| at < alarm) {
                        state.alarm = Some(at);
                        self.alarm_changed.notify_one();
                    }
                }
                Effect::Event(event) => {
                    state.machine.event(event);
                    has_events = true;
                }
            }
        }
        state.effects = effects;
        if has_events && state.machine.ended().is_some() {
            self.alarm_changed.notify_one();
            self.taken.notify_waiters();
        }
        has_events
    }

    fn open_connection(self: &Arc<Self>, connection: Generation, state: &mut State<M>) {
        let outgoing = Outgoing::default();
        let ready = Arc::clone(&outgoing.ready);
        state.connections.insert(connection, outgoing);
        let task = connection::run(Arc::clone(self), connection, ready);
        self.runtime.spawn(task);
    }

    fn alarm(&self) -> Alarm {
        let state = self.lock();
        match state.alarm {
            _ if state.machine.ended().is_some() => Alarm::Never,
            Some(alarm) => Alarm::At(self.start + alarm.since(Time(0))),
            None => Alarm::Unknown,
        }
    }

    fn wake(self: &Arc<Self>) {
        self.lock().alarm = None;
        self.input(Machine::wake);
    }

    fn now(&self) -> Time {
        let nanos = self.start.elapsed().as_nanos();
        Time(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // A panic under the lock is one of the machine's assertions. What it left is not to be trusted, but the
        // application that caught the panic shall be able to drop what it has.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Machine> State<M> {
    /// Whether the first welcome has come, or will not.
    fn welcome(&mut self, client: &Client) -> Option<Result<(), OpenError>> {
        if self.machine.was_welcomed() {
            return Some(Ok(()));
        }
        if let Some(refusal) = self.machine.ended() {
            return Some(Err(OpenError::Refused(refusal.clone())));
        }
        let (connection, error) = self.failure.as_ref()?;
        // Who is sent away by a connection point that leaves finds another one at the same server.
        let forgiven = self.turned_away.min(TURNED_AWAY_MAX);
        (self.failures - forgiven >= client.servers().len()).then(|| {
            Err(OpenError::Unreachable {
                server: client.server(*connection).clone(),
                error: error.clone(),
            })
        })
    }
}

/// When the machine wants to be woken next.
enum Alarm {
    At(Instant),
    Unknown,
    /// It has ended.
    Never,
}

/// Wakes the machine when it wants to be, until it has ended.
async fn keep_time<M: Machine>(engine: Arc<Engine<M>>) {
    loop {
        match engine.alarm() {
            Alarm::Never => return,
            Alarm::Unknown => engine.alarm_changed.notified().await,
            Alarm::At(alarm) => tokio::select! {
                () = sleep_until(alarm) => engine.wake(),
                () = engine.alarm_changed.notified() => {}
            },
        }
    }
}

/// Ends a machine whose application did not wait for the welcome.
struct EndOnDrop<'a, M: Machine>(Option<&'a Arc<Engine<M>>>);

impl<M: Machine> EndOnDrop<'_, M> {
    fn defuse(mut self) {
        self.0 = None;
    }
}

impl<M: Machine> Drop for EndOnDrop<'_, M> {
    fn drop(&mut self) {
        if let Some(engine) = self.0 {
            engine.input(|machine, _, effects| machine.end(effects));
        }
    }
}
