//! `gomera serve`: a host of the broker.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::{Args, ValueEnum};
use gomera_model::{HostId, Layer};
use gomera_operators::limits::COPY_RATE;
use gomera_operators::matcher::CopyRate;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::{Common, Console, Exit};
use crate::admin::{Admin, AdminError};
use crate::broker::{Broker, ClusterConfig, Config, StartError};
use crate::limits::{FRAME_WITHIN, LOADS_EVERY, STOP_WITHIN, STORE_SESSION, SUSPECT_AFTER};
use crate::zookeeper::Ensemble;

/// What `serve` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// Where clients connect, UDP; port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7454")]
    listen: SocketAddr,
    /// The address at which clients reach that, where it is another one.
    #[arg(long, value_name = "ADDRESS")]
    client_address: Option<SocketAddr>,
    /// Where the admin's HTTP is. It is not encrypted: keep it on loopback, or behind what protects it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7455")]
    admin_listen: SocketAddr,
    /// What this host may run; without ZooKeeper, all of it.
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…")]
    roles: Vec<Role>,
    #[command(flatten)]
    cluster: ClusterArguments,
    /// Connection points to start with.
    #[arg(long, value_name = "N", default_value_t = 1)]
    connection_points: u32,
    /// Access points to start with.
    #[arg(long, value_name = "N", default_value_t = 1)]
    access_points: u32,
    /// Matchers to start with.
    #[arg(long, value_name = "N", default_value_t = 1)]
    matchers: u32,
    /// Exit points to start with.
    #[arg(long, value_name = "N", default_value_t = 1)]
    exit_points: u32,
    /// How many subscriptions a matcher copies in a second to each new owner; 0 means as fast as both can.
    #[arg(long, value_name = "N", default_value_t = COPY_RATE)]
    copy_rate: u32,
    #[command(flatten)]
    common: Common,
}

/// What a host of a cluster takes besides.
#[derive(Clone, Debug, Args)]
struct ClusterArguments {
    /// The ensemble of the cluster, and below which path its documents are; without it this host is alone.
    #[arg(long, value_name = "HOST:PORT,…/CHROOT")]
    zookeeper: Option<Ensemble>,
    /// How long this host counts as there when ZooKeeper does not hear of it, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = STORE_SESSION.as_secs_f64(), requires = "zookeeper")]
    zookeeper_session: f64,
    /// Where other hosts connect, UDP; port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7456")]
    operator_listen: SocketAddr,
    /// The address at which other hosts reach that, where it is another one.
    #[arg(long, value_name = "ADDRESS")]
    operator_address: Option<SocketAddr>,
    /// Seconds of silence after which a host that was heard of is taken for dead.
    #[arg(long, value_name = "SECONDS", default_value_t = SUSPECT_AFTER.as_secs_f64(), requires = "zookeeper")]
    suspect_after: f64,
    /// What people call this host; the system's name for it if not given.
    #[arg(long, value_name = "NAME")]
    host_name: Option<String>,
    /// The zone of this host.
    #[arg(long, value_name = "ZONE", default_value = "")]
    zone: String,
    /// Processor cores for instances; as many as the system says if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cores: Option<u32>,
    /// Hosts that the first layout waits for, to be spread over them.
    #[arg(long, value_name = "N", default_value_t = 1)]
    hosts: usize,
    /// Matchers that stand by for each slot, on another host than its owner: 0 or 1. It counts when the first layout is
    /// written, for the life of the cluster.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "zookeeper", value_parser = clap::value_parser!(u32).range(..=1))]
    matcher_replicas: u32,
}

/// What a host can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Role {
    ConnectionPoint,
    AccessPoint,
    Matcher,
    ExitPoint,
    Coordinator,
}

/// Runs until told to stop.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    if let Err(refused) = refuse_incomplete(arguments) {
        console.error(&refused);
        return Exit::WrongUsage;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = match runtime {
        Ok(runtime) => runtime.block_on(serve(arguments, console)),
        Err(error) => Err(ServeError::Runtime(error)),
    };
    match served {
        Ok(Served::Stopped(exit)) => exit,
        Ok(Served::Replaced) => begin_anew(console),
        Err(error) => console.fail(&error),
    }
}

/// How a host has ended.
enum Served {
    /// It was told to.
    Stopped(Exit),
    /// The others took it for dead.
    Replaced,
}

/// Becomes the same program again, which is another host: nothing of what this one was may go on, and so it is certain.
/// Returns only if that is not possible.
fn begin_anew(console: &mut Console) -> Exit {
    console.progress(
        "this host was taken for dead and replaced; it begins anew as another one".to_owned(),
    );
    let error = match std::env::current_exe() {
        Ok(program) => Command::new(program)
            .args(std::env::args_os().skip(1))
            .exec(),
        Err(error) => error,
    };
    console.error(&format!("cannot begin anew, start it again: {error}"));
    Exit::Replaced
}

/// Why a host does not serve.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("cannot start a runtime: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

/// What leaves a part of the broker to nobody.
fn refuse_incomplete(arguments: &Arguments) -> Result<(), String> {
    if arguments.cluster.zookeeper.is_some() {
        return Ok(());
    }
    let given: BTreeSet<Role> = arguments.roles.iter().copied().collect();
    let missing = Role::value_variants()
        .iter()
        .find(|role| !given.contains(role));
    match missing.filter(|_| !given.is_empty()) {
        None => Ok(()),
        Some(role) => {
            let role = role.to_possible_value();
            let name = role.as_ref().map_or("", |role| role.get_name());
            Err(format!(
                "--roles without `{name}` needs other hosts: name the cluster with --zookeeper"
            ))
        }
    }
}

async fn serve(arguments: &Arguments, console: &mut Console) -> Result<Served, ServeError> {
    // Before anybody can be told that this host serves, it can be told to stop.
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let admin = Admin::listen(arguments.admin_listen).await?;
    let broker = Broker::start(&config(arguments, admin.address()))?;
    let telling = tokio::spawn(tell_loads(broker.clone()));
    let greeting = Greeting::new(arguments, &broker, &admin);
    match arguments.common.json {
        true => console.json(&greeting),
        false => console.text(&greeting.to_string()),
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let answering = tokio::spawn(admin.serve(broker.clone(), async {
        // A sender that is dropped means the same.
        let _ = stopped.await;
    }));
    let why = tokio::select! {
        _ = terminate.recv() => "stopping",
        _ = interrupt.recv() => "stopping",
        () = broker.drained() => "everything that ran here runs elsewhere: stopping",
        () = broker.replaced() => {
            broker.abandon().await;
            return Ok(Served::Replaced);
        }
    };
    console.progress(format!(
        "{why}, within {} s; a second signal ends at once",
        STOP_WITHIN.as_secs()
    ));
    let exit = tokio::select! {
        () = broker.shutdown() => Exit::Done,
        _ = terminate.recv() => Exit::Failed,
        _ = interrupt.recv() => Exit::Failed,
    };
    drop(stop);
    answering.abort();
    telling.abort();
    Ok(Served::Stopped(exit))
}

/// Lets the leader know what is held here; of itself a host without a cluster asks when it needs to know.
async fn tell_loads(broker: Broker) {
    while broker.is_clustered() {
        tokio::time::sleep(LOADS_EVERY).await;
        broker.tell_loads().await;
    }
}

fn config(arguments: &Arguments, admin: SocketAddr) -> Config {
    Config {
        listen: arguments.listen,
        reached: arguments.client_address,
        data_directory: arguments.common.data_directory(),
        counts: BTreeMap::from([
            (Layer::ConnectionPoints, arguments.connection_points),
            (Layer::AccessPoints, arguments.access_points),
            (Layer::Matchers, arguments.matchers),
            (Layer::ExitPoints, arguments.exit_points),
        ]),
        copy_rate: match arguments.copy_rate {
            0 => CopyRate::unlimited(),
            rate => CopyRate::limited(rate),
        },
        frame_within: FRAME_WITHIN,
        cluster: cluster(arguments, admin),
    }
}

fn cluster(arguments: &Arguments, admin: SocketAddr) -> Option<ClusterConfig> {
    let given = &arguments.cluster;
    let roles: BTreeSet<Role> = match arguments.roles.is_empty() {
        true => Role::value_variants().iter().copied().collect(),
        false => arguments.roles.iter().copied().collect(),
    };
    let session = Duration::try_from_secs_f64(given.zookeeper_session);
    let suspect_after = Duration::try_from_secs_f64(given.suspect_after);
    Some(ClusterConfig {
        ensemble: given.zookeeper.clone()?,
        session: session.unwrap_or(STORE_SESSION),
        name: given.host_name.clone().unwrap_or_else(system_name),
        zone: given.zone.clone(),
        layers: roles.iter().filter_map(|role| role.layer()).collect(),
        coordinates: roles.contains(&Role::Coordinator),
        listen: given.operator_listen,
        address: given.operator_address,
        admin: Some(admin),
        cores: given.cores,
        suspect_after: suspect_after.unwrap_or(SUSPECT_AFTER),
        hosts_min: given.hosts,
        matcher_replicas: given.matcher_replicas,
    })
}

/// What the system calls this machine; empty if it does not say.
fn system_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or(String::new(), |name| name.trim().to_owned())
}

impl Role {
    fn layer(self) -> Option<Layer> {
        match self {
            Self::ConnectionPoint => Some(Layer::ConnectionPoints),
            Self::AccessPoint => Some(Layer::AccessPoints),
            Self::Matcher => Some(Layer::Matchers),
            Self::ExitPoint => Some(Layer::ExitPoints),
            Self::Coordinator => None,
        }
    }
}

/// The first words of a host.
#[derive(Debug, Serialize)]
struct Greeting {
    listening: SocketAddr,
    admin: SocketAddr,
    /// Which host of its cluster it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<HostId>,
    /// Where other hosts connect, in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<SocketAddr>,
    data_dir: PathBuf,
    /// Certificates that did not exist before.
    made: Vec<PathBuf>,
}

impl Greeting {
    fn new(arguments: &Arguments, broker: &Broker, admin: &Admin) -> Self {
        Self {
            listening: broker.listening(),
            admin: admin.address(),
            host: broker.is_clustered().then(|| broker.host()),
            operator: broker.operator_address(),
            data_dir: arguments.common.data_directory(),
            made: broker.made().to_vec(),
        }
    }
}

impl Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.data_dir.display();
        if !self.made.is_empty() {
            writeln!(f, "made certificates for development in {directory}:")?;
            for path in &self.made {
                writeln!(f, "  {}", path.display())?;
            }
        }
        writeln!(
            f,
            "clients: silbo://{} (certificates in {directory})",
            self.listening
        )?;
        writeln!(f, "admin:   http://{}", self.admin)?;
        match (self.host, self.operator) {
            (Some(host), Some(operator)) => writeln!(f, "hosts:   {operator}; this is host {host}"),
            (Some(_) | None, _) => Ok(()),
        }
    }
}
