//! `gomera serve`: a host of the broker.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gomera_model::Layer;
use gomera_operators::limits::COPY_RATE;
use gomera_operators::matcher::CopyRate;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::{Common, Console, Exit};
use crate::admin::{Admin, AdminError};
use crate::broker::{Broker, Config, StartError};
use crate::limits::{FRAME_WITHIN, STOP_WITHIN};

/// What `serve` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// Where clients connect, UDP; port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7454")]
    listen: SocketAddr,
    /// Where the admin's HTTP is. It is not encrypted: keep it on loopback, or behind what protects it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7455")]
    admin_listen: SocketAddr,
    /// What this host runs; without ZooKeeper, all of it.
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…")]
    roles: Vec<Role>,
    /// The ensemble of a cluster; comes with a later version.
    #[arg(long, value_name = "HOST:PORT,…/CHROOT")]
    zookeeper: Option<String>,
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
    if let Err(refused) = refuse_later(arguments) {
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
        Ok(exit) => exit,
        Err(error) => console.fail(&error),
    }
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

/// What belongs to a cluster, or leaves a part of the broker to nobody.
fn refuse_later(arguments: &Arguments) -> Result<(), String> {
    if arguments.zookeeper.is_some() {
        return Err(
            "--zookeeper comes with a later version; without it this host coordinates itself"
                .to_owned(),
        );
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
                "--roles without `{name}` needs a cluster, which comes with a later version"
            ))
        }
    }
}

async fn serve(arguments: &Arguments, console: &mut Console) -> Result<Exit, ServeError> {
    // Before anybody can be told that this host serves, it can be told to stop.
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let admin = Admin::listen(arguments.admin_listen).await?;
    let broker = Broker::start(&config(arguments))?;
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
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    console.progress(format!(
        "stopping, within {} s; a second signal ends at once",
        STOP_WITHIN.as_secs()
    ));
    let exit = tokio::select! {
        () = broker.shutdown() => Exit::Done,
        _ = terminate.recv() => Exit::Failed,
        _ = interrupt.recv() => Exit::Failed,
    };
    drop(stop);
    answering.abort();
    Ok(exit)
}

fn config(arguments: &Arguments) -> Config {
    Config {
        listen: arguments.listen,
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
    }
}

/// The first words of a host.
#[derive(Debug, Serialize)]
struct Greeting {
    listening: SocketAddr,
    admin: SocketAddr,
    data_dir: PathBuf,
    /// Certificates that did not exist before.
    made: Vec<PathBuf>,
}

impl Greeting {
    fn new(arguments: &Arguments, broker: &Broker, admin: &Admin) -> Self {
        Self {
            listening: broker.listening(),
            admin: admin.address(),
            data_dir: arguments.common.data_directory(),
            made: broker.made().to_vec(),
        }
    }
}

impl Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.data_dir.display();
        if !self.made.is_empty() {
            writeln!(
                f,
                "made a development authority and certificates in {directory}:"
            )?;
            for path in &self.made {
                writeln!(f, "  {}", path.display())?;
            }
        }
        writeln!(
            f,
            "clients: silbo://{} (certificates in {directory})",
            self.listening
        )?;
        writeln!(f, "admin:   http://{}", self.admin)
    }
}
