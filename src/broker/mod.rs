//! A host of the broker inside this process: all four layers, the embedded coordinator, and the clients' socket.
//!
//! ```text
//! clients ⇄ quic ⇄ ┌ instance ┐ ⇄ router ⇄ ┌ instance ┐ …      one thread each, batches between them
//!                  └──── ▲ ───┘     ⇅      └──── ▲ ───┘
//!                        │        hosts ⇄ …      │              links to other hosts, in a cluster
//!                        └──── coordination ─────┘              one thread; the embedded store, or ZooKeeper
//! ```
//!
//! Every thread has the same loop: wait, feed what is there to its machine, carry out the effects. All decisions are
//! the machines'.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gomera_coordinator::limits::RETRY_AFTER;
use gomera_coordinator::{Answer, Layout, OperationRecord, ScaleRequest, Settings};
use gomera_model::{HostId, Layer, OperationId, Topology};
use gomera_operators::matcher::CopyRate;
use tokio::runtime::{self, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::certificates::{CertificateError, Certificates};
use crate::limits::{
    CLOSE_WITHIN, DRAINED_LOOK_EVERY, FRAME_WITHIN, MEASURE_WITHIN, SOCKET_THREADS, START_WITHIN,
    STOP_WITHIN,
};
use crate::zookeeper::ZooKeeperError;

mod clients;
mod clock;
mod coordination;
mod gauge;
mod host_frame;
mod hosts;
mod inbox;
mod input;
mod instance;
mod link;
mod measured;
mod membership;
mod outbox;
mod quic;
mod random;
mod router;
mod shared;
mod view;

pub use clock::wall_clock;
pub use measured::{ClientsStats, Counts, Measured, Spread};
pub use membership::ClusterConfig;
pub use quic::EndpointError;
pub use view::{Survived, View};

use clock::Clock;
use coordination::Office;
use host_frame::Question;
use hosts::OperatorEndpoint;
use inbox::Inbox;
use input::{CoordinatorInput, Input};
use instance::Surroundings;
use quic::{Doors, Endpoint};
use router::Router;
use view::Window;

/// How a broker starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// At which address clients reach that, if it is another one.
    pub reached: Option<SocketAddr>,
    /// Where its certificates are, or are made.
    pub data_directory: PathBuf,
    /// How many instances of each layer it starts with; one of each that is not named.
    pub counts: BTreeMap<Layer, u32>,
    /// How fast a matcher copies to each new owner.
    pub copy_rate: CopyRate,
    /// Within what time a client that has begun a frame must have finished it, and a new connection say its first word.
    pub frame_within: Duration,
    /// The cluster that it belongs to; alone without one.
    pub cluster: Option<ClusterConfig>,
}

impl Config {
    /// On loopback at any free port, with one instance of each layer.
    #[must_use]
    pub fn local(data_directory: impl Into<PathBuf>) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            reached: None,
            data_directory: data_directory.into(),
            counts: BTreeMap::new(),
            copy_rate: CopyRate::default(),
            frame_within: FRAME_WITHIN,
            cluster: None,
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
    /// It cannot join its cluster.
    #[error(transparent)]
    ZooKeeper(#[from] ZooKeeperError),
    /// Its address is none that others can reach.
    #[error("other hosts cannot reach {0}: say at which address they can (--operator-address)")]
    Unreachable(SocketAddr),
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
    own: HostId,
    made: Vec<PathBuf>,
    is_replaced: watch::Receiver<bool>,
    began: Instant,
    /// Taken by whoever stops it.
    running: Mutex<Option<Running>>,
}

/// What ends with the broker.
#[derive(Debug)]
struct Running {
    endpoint: Endpoint,
    operators: Option<OperatorEndpoint>,
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
        let certificates = Certificates::open_for(&config.data_directory, &names(config))?;
        let sockets = Sockets::start()?;
        let doors = Arc::new(Doors::default());
        let context = sockets.0.as_ref().map(Runtime::enter);
        let (listen, within) = (config.listen, config.frame_within);
        let endpoint = Endpoint::listen((listen, within), &certificates, Arc::clone(&doors))?;
        tokio::spawn(endpoint.keep_certificates(config.data_directory.clone()));
        let mut made = certificates.made;
        let mut surroundings = Surroundings {
            clock: Clock::start(),
            router: Arc::new(Router::default()),
            coordinator: Arc::new(Inbox::new()),
            hosts: None,
        };
        let (replaced, is_replaced) = watch::channel(false);
        let reached = config.reached.unwrap_or(endpoint.address());
        let mut host = membership::alone(reached);
        let membership = match &config.cluster {
            None => None,
            Some(cluster) => {
                let files = &config.data_directory;
                let joined = cluster.join(files, &mut host, &mut surroundings, replaced)?;
                made.extend(joined.1);
                Some(joined.0)
            }
        };
        let operators = membership.as_ref().map(|m| m.hosts.endpoint().clone());
        let window = Arc::new(Window::default());
        let own = host.id;
        let coordination = coordination::start(Office {
            settings: settings(config),
            copy_rate: config.copy_rate,
            host,
            surroundings: surroundings.clone(),
            doors: Arc::clone(&doors),
            window: Arc::clone(&window),
            membership,
        })?;
        let listening = endpoint.address();
        drop(context);
        let broker = Self {
            shared: Arc::new(Shared {
                surroundings,
                doors,
                window,
                listening,
                own,
                made,
                is_replaced,
                began: Instant::now(),
                running: Mutex::new(Some(Running {
                    endpoint,
                    operators,
                    sockets,
                    coordination,
                })),
            }),
        };
        // The hosts of a cluster wait for each other, and say how far they are.
        let wish = |view: &View| view.is_ready || config.cluster.is_some();
        let ready = broker.shared.window.wait_for(wish, START_WITHIN);
        ready.map(|_| broker).ok_or(StartError::NotReady)
    }

    /// Which host of its cluster this is.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.shared.own
    }

    /// Whether it belongs to a cluster.
    #[must_use]
    pub fn is_clustered(&self) -> bool {
        self.shared.surroundings.hosts.is_some()
    }

    /// The links to the other hosts, by host.
    #[must_use]
    pub fn links(&self) -> Vec<LinkState> {
        let hosts = self.shared.surroundings.hosts.iter();
        let peers = hosts.flat_map(|hosts| hosts.peers());
        peers
            .map(|peer| LinkState {
                host: peer.host(),
                is_connected: peer.is_together(),
                waiting_bytes: peer.waiting_bytes(),
            })
            .collect()
    }

    /// Where other hosts connect, in a cluster.
    #[must_use]
    pub fn operator_address(&self) -> Option<SocketAddr> {
        let hosts = self.shared.surroundings.hosts.as_ref()?;
        Some(hosts.endpoint().address())
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
        self.ask(Question::Scale(request)).await
    }

    /// Asks to give an operation up.
    pub async fn abort(&self, operation: OperationId) -> Answer {
        self.ask(Question::Abort(operation)).await
    }

    /// Asks for a host to be emptied, so that it ends.
    pub async fn drain(&self, host: HostId) -> Answer {
        self.ask(Question::Drain(host)).await
    }

    /// Waits until this host was to be emptied and is. Within the context of a runtime with time.
    pub async fn drained(&self) {
        while !self.view().is_drained(self.host()) {
            tokio::time::sleep(DRAINED_LOOK_EVERY).await;
        }
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
        self.end().await;
    }

    /// Waits until the others have given this host up: they took it for dead, and do what it did. For ever, if it
    /// belongs to no cluster.
    pub async fn replaced(&self) {
        let mut is_replaced = self.shared.is_replaced.clone();
        if is_replaced.wait_for(|is| *is).await.is_err() {
            // Nobody is left who could say so.
            std::future::pending::<()>().await;
        }
    }

    /// Stops without asking anybody: nothing that it still does counts. Its clients are told at once, and connect
    /// elsewhere. Ends within [`STOP_WITHIN`]; within the context of a runtime with time.
    pub async fn abandon(self) {
        self.shared.doors.close_all();
        self.end().await;
    }

    async fn end(&self) {
        let shared = &self.shared;
        let Some(running) = shared.take_running() else {
            return;
        };
        shared.surroundings.coordinator.push(CoordinatorInput::Stop);
        let stopped = spawn_blocking(move || running.coordination.join());
        // Three steps that take milliseconds; none may take the others' time.
        let step = CLOSE_WITHIN / 2;
        let _ = timeout(step, stopped).await;
        running.endpoint.close(step).await;
        if let Some(operators) = &running.operators {
            operators.close(step).await;
        }
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

    async fn ask(&self, question: Question) -> Answer {
        let (asker, answer) = oneshot::channel();
        let question = CoordinatorInput::Ask(question, asker);
        self.shared.surroundings.coordinator.push(question);
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

/// The addresses that a certificate made now is for, besides those of this machine alone.
fn names(config: &Config) -> Vec<String> {
    let addresses = [Some(config.listen), config.reached].into_iter().flatten();
    let outside = addresses.map(|address| address.ip()).filter(|ip| {
        !ip.is_unspecified() && *ip != Ipv4Addr::LOCALHOST && *ip != Ipv6Addr::LOCALHOST
    });
    outside.map(|ip| ip.to_string()).collect()
}

fn settings(config: &Config) -> Settings {
    let mut layout = Layout::of_each(1);
    layout.counts.extend(&config.counts);
    layout.hosts_min = config
        .cluster
        .as_ref()
        .map_or(1, |cluster| cluster.hosts_min);
    layout.matcher_replicas = config
        .cluster
        .as_ref()
        .map_or(0, |cluster| cluster.matcher_replicas);
    Settings {
        layout,
        copy_rate: config.copy_rate.subscriptions_per_second(),
    }
}

/// A link to another host.
#[derive(Clone, Copy, Debug)]
pub struct LinkState {
    /// Which.
    pub host: HostId,
    /// Whether it is connected.
    pub is_connected: bool,
    /// Bytes that the other host is not known to have taken.
    pub waiting_bytes: usize,
}
