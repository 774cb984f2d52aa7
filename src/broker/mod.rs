//! A host of the broker inside this process: all four layers, the embedded coordinator, and the clients' socket.
//!
//! ```text
//! clients ⇄ quic ⇄ ┌ instance ┐ ⇄ router ⇄ ┌ instance ┐ …      one thread each, batches between them
//!                  └──── ▲ ───┘            └──── ▲ ───┘
//!                        └──── coordination ─────┘              one thread, the embedded store
//! ```
//!
//! Every thread has the same loop: wait, feed what is there to its machine, carry out the effects. All decisions are
//! the machines'.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gomera_coordinator::limits::RETRY_AFTER;
use gomera_coordinator::{Answer, HostEntry, Layout, OperationRecord, ScaleRequest, Settings};
use gomera_model::{Layer, OperationId, Topology};
use gomera_operators::matcher::CopyRate;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::certificates::{CertificateError, Certificates};
use crate::limits::{
    CLOSE_WITHIN, FRAME_WITHIN, MEASURE_WITHIN, SOCKET_THREADS, START_WITHIN, STOP_WITHIN,
};

mod clients;
mod clock;
mod coordination;
mod gauge;
mod inbox;
mod input;
mod instance;
mod link;
mod measured;
mod quic;
mod random;
mod router;

pub use clock::wall_clock;
pub use coordination::View;
pub use measured::{ClientsStats, Counts, Measured, Spread};
pub use quic::EndpointError;

use clock::Clock;
use coordination::{ONLY_HOST, Office, Window};
use inbox::Inbox;
use input::{CoordinatorInput, Input};
use instance::Surroundings;
use quic::{Doors, Endpoint};
use router::Router;

/// How a broker starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Where its certificates are, or are made.
    pub data_directory: PathBuf,
    /// How many instances of each layer it starts with; one of each that is not named.
    pub counts: BTreeMap<Layer, u32>,
    /// How fast a matcher copies to each new owner.
    pub copy_rate: CopyRate,
    /// Within what time a client that has begun a frame must have finished it, and a new connection say its first word.
    pub frame_within: Duration,
}

impl Config {
    /// On loopback at any free port, with one instance of each layer.
    #[must_use]
    pub fn local(data_directory: impl Into<PathBuf>) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            data_directory: data_directory.into(),
            counts: BTreeMap::new(),
            copy_rate: CopyRate::default(),
            frame_within: FRAME_WITHIN,
        }
    }
}

/// Why a broker cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It has no certificates.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// It cannot listen.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The system gives no threads.
    #[error("cannot start a thread: {0}")]
    Threads(#[from] io::Error),
    /// Its instances did not start in time.
    #[error("not every instance was running after {} s", START_WITHIN.as_secs())]
    NotReady,
}

/// A running broker. Dropping it stops it at once; [`Broker::shutdown`] lets its clients go first.
///
/// It is cheap to clone: all clones are the same broker.
#[derive(Clone, Debug)]
pub struct Broker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    surroundings: Surroundings,
    doors: Arc<Doors>,
    window: Arc<Window>,
    listening: SocketAddr,
    made: Vec<PathBuf>,
    began: Instant,
    /// Taken by whoever stops it.
    running: Mutex<Option<Running>>,
}

/// What ends with the broker.
#[derive(Debug)]
struct Running {
    endpoint: Endpoint,
    sockets: Sockets,
    coordination: JoinHandle<()>,
}

impl Broker {
    /// Starts all that the configuration names, and returns when clients can connect.
    ///
    /// # Errors
    ///
    /// See [`StartError`]; nothing is left running then.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let certificates = Certificates::open(&config.data_directory)?;
        let sockets = Sockets::start()?;
        let doors = Arc::new(Doors::default());
        let endpoint = {
            let _context = sockets.0.as_ref().map(Runtime::enter);
            let doors = Arc::clone(&doors);
            let (listen, within) = (config.listen, config.frame_within);
            Endpoint::listen((listen, within), &certificates, doors)
        };
        let endpoint = endpoint?;
        let listening = endpoint.address();
        let surroundings = Surroundings {
            clock: Clock::start(),
            router: Arc::new(Router::default()),
            coordinator: Arc::new(Inbox::new()),
        };
        let window = Arc::new(Window::default());
        let coordination = coordination::start(Office {
            settings: settings(config),
            copy_rate: config.copy_rate,
            host: HostEntry {
                id: ONLY_HOST,
                zone: String::new(),
                layers: Layer::ALL.to_vec(),
            },
            surroundings: surroundings.clone(),
            doors: Arc::clone(&doors),
            window: Arc::clone(&window),
        })?;
        let broker = Self {
            shared: Arc::new(Shared {
                surroundings,
                doors,
                window,
                listening,
                made: certificates.made,
                began: Instant::now(),
                running: Mutex::new(Some(Running {
                    endpoint,
                    sockets,
                    coordination,
                })),
            }),
        };
        let ready = broker
            .shared
            .window
            .wait_for(|view| view.is_ready, START_WITHIN);
        ready.map(|_| broker).ok_or(StartError::NotReady)
    }

    /// Where clients connect.
    #[must_use]
    pub fn listening(&self) -> SocketAddr {
        self.shared.listening
    }

    /// Files that were made because there were no certificates.
    #[must_use]
    pub fn made(&self) -> &[PathBuf] {
        &self.shared.made
    }

    /// For how long it has been running.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// What the coordinator knows.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.shared.window.look()
    }

    /// The topology in force.
    #[must_use]
    pub fn topology(&self) -> Option<Arc<Topology>> {
        self.view().topology.clone()
    }

    /// An operation that is under way or remembered.
    #[must_use]
    pub fn operation(&self, id: OperationId) -> Option<OperationRecord> {
        let view = self.view();
        view.operations
            .iter()
            .find(|record| record.id == id)
            .cloned()
    }

    /// Lets the coordinator know what every instance holds: what a dry run expects is founded on it. Within the context
    /// of a runtime with time.
    pub async fn tell_loads(&self) {
        for measured in self.measure().await {
            let from = measured.instance.incarnation;
            let load = measured.load();
            self.shared
                .surroundings
                .coordinator
                .push(CoordinatorInput::Load { from, load });
        }
    }

    /// Asks for another number of instances; answered when the operation is under way, or refused.
    pub async fn scale(&self, request: ScaleRequest) -> Answer {
        self.ask(|asker| CoordinatorInput::Scale(request, asker))
            .await
    }

    /// Asks to give an operation up.
    pub async fn abort(&self, operation: OperationId) -> Answer {
        self.ask(|asker| CoordinatorInput::Abort(operation, asker))
            .await
    }

    /// What every instance of this host has done, ordered by incarnation. One that does not answer in time is left out.
    /// Within the context of a runtime with time.
    pub async fn measure(&self) -> Vec<Measured> {
        let mut answers = Vec::new();
        for (_, inbox) in self.shared.surroundings.router.all() {
            let (asker, answer) = oneshot::channel();
            if inbox.push(Input::Measure(asker)) {
                answers.push(answer);
            }
        }
        let deadline = tokio::time::Instant::now() + MEASURE_WITHIN;
        let mut measured = Vec::with_capacity(answers.len());
        for answer in answers {
            if let Ok(Ok(instance)) = tokio::time::timeout_at(deadline, answer).await {
                measured.push(instance);
            }
        }
        measured
    }

    /// Frames that went to instances which were gone; they belong to no promise.
    #[must_use]
    pub fn frames_dropped(&self) -> u64 {
        self.shared.surroundings.router.dropped()
    }

    /// Asks the clients to go, gives them time, and stops. Ends within [`STOP_WITHIN`]; within the context of a runtime
    /// with time. All clones are of no use afterwards.
    pub async fn shutdown(self) {
        let shared = &self.shared;
        shared.doors.close_all();
        for (_, inbox) in shared.surroundings.router.all() {
            inbox.push(Input::GoAway);
        }
        let leave = STOP_WITHIN.saturating_sub(2 * CLOSE_WITHIN);
        // Who has not gone by then is closed.
        let _ = timeout(leave, self.settled()).await;
        let Some(running) = shared.take_running() else {
            return;
        };
        shared.surroundings.coordinator.push(CoordinatorInput::Stop);
        let stopped = spawn_blocking(move || running.coordination.join());
        // Three steps that take milliseconds; none may take the others' time.
        let step = CLOSE_WITHIN / 2;
        let _ = timeout(step, stopped).await;
        running.endpoint.close(step).await;
        // With these two the address is free again.
        drop(running.endpoint);
        let _ = spawn_blocking(move || running.sockets.stop(step)).await;
    }

    /// Waits until no client is left, or nothing that was acknowledged to a publisher waits for a subscriber.
    async fn settled(&self) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let mut at_rest = 0;
        while self.shared.connections() > 0 && at_rest < LOOKS_AT_REST {
            tokio::time::sleep(LOOK_EVERY).await;
            let measured = self.measure().await;
            let waits = measured.iter().any(|instance| !instance.is_at_rest());
            at_rest = if waits { 0 } else { at_rest + 1 };
        }
    }

    async fn ask(&self, input: impl FnOnce(oneshot::Sender<Answer>) -> CoordinatorInput) -> Answer {
        let (asker, answer) = oneshot::channel();
        self.shared.surroundings.coordinator.push(input(asker));
        // A coordinator that is stopping answers nobody.
        let retry_after = RETRY_AFTER;
        answer.await.unwrap_or(Answer::Unavailable { retry_after })
    }
}

impl Shared {
    fn take_running(&self) -> Option<Running> {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn connections(&self) -> usize {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running
            .as_ref()
            .map_or(0, |running| running.endpoint.connections())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.take_running().is_some() {
            self.surroundings.coordinator.push(CoordinatorInput::Stop);
        }
    }
}

/// The runtime of all sockets. It may be dropped anywhere: its tasks end where they wait.
#[derive(Debug)]
struct Sockets(Option<Runtime>);

impl Sockets {
    fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(SOCKET_THREADS)
            .thread_name("sockets")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Ends the tasks, and waits until they have.
    fn stop(mut self, within: Duration) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(within);
        }
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// So many looks in a row must find nothing waiting: what lies between two instances is seen by neither.
const LOOKS_AT_REST: u32 = 5;

fn settings(config: &Config) -> Settings {
    let mut layout = Layout::of_each(ONLY_HOST, 1);
    layout.counts.extend(&config.counts);
    Settings {
        layout,
        copy_rate: config.copy_rate.subscriptions_per_second(),
    }
}
