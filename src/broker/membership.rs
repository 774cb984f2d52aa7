//! How a host becomes part of a cluster.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gomera_model::{HostId, Layer};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::StartError;
use super::clock::wall_clock;
use super::coordination::Membership;
use super::hosts::{Hosts, OperatorEndpoint};
use super::input::CoordinatorInput;
use super::instance::Surroundings;
use crate::certificates::ClusterCertificates;
use crate::limits::STORE_JOIN_WITHIN;
use crate::zookeeper::{Capacity, Ensemble, HostDocument, Joined, Keeper};

/// How a host of a cluster starts.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// Where ZooKeeper is.
    pub ensemble: Ensemble,
    /// How long a session with it outlives its connection.
    pub session: Duration,
    /// What people call this host.
    pub name: String,
    /// Its zone, empty where there are none.
    pub zone: String,
    /// The layers of which it may run instances.
    pub layers: Vec<Layer>,
    /// Whether it may lead.
    pub coordinates: bool,
    /// Where it takes other hosts' connections; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// At which address the others reach that, if it is another one.
    pub address: Option<SocketAddr>,
    /// Where its admin port is.
    pub admin: Option<SocketAddr>,
    /// Processor cores that it has for instances; as many as the system says, if not given.
    pub cores: Option<u32>,
    /// A host that was heard of and is silent for so long is suspected to be dead.
    pub suspect_after: Duration,
    /// The first layout waits for so many hosts.
    pub hosts_min: usize,
    /// With the first layout: how many further matchers shall hold each slot, none or one.
    pub matcher_replicas: u32,
}

impl ClusterConfig {
    /// Joins; which certificates were made for it. Within the context of the runtime that carries everything, on a
    /// thread that may wait.
    pub(super) fn join(
        &self,
        directory: &Path,
        host: &mut HostDocument,
        surroundings: &mut Surroundings,
        replaced: watch::Sender<bool>,
    ) -> Result<(Membership, Vec<PathBuf>), StartError> {
        let certificates = ClusterCertificates::open(directory)?;
        let endpoint = OperatorEndpoint::listen(self.listen, &certificates)?;
        tokio::spawn(endpoint.clone().keep_certificates(directory.to_path_buf()));
        self.describe(host, endpoint.address())?;
        let joined = wait_for(Joined::join(
            &self.ensemble,
            self.session,
            STORE_JOIN_WITHIN,
        ))?;
        host.id = joined.host;
        let (router, inbox) = (&surroundings.router, &surroundings.coordinator);
        let hosts = Hosts::start(host.id, endpoint, Arc::clone(router), Arc::clone(inbox));
        surroundings.hosts = Some(Arc::clone(&hosts));
        let news = Arc::clone(inbox);
        let keeper = Keeper::start(joined, host.clone(), move |heard| {
            news.push(CoordinatorInput::Store(heard));
        });
        let membership = Membership {
            hosts,
            keeper,
            suspect_after: self.suspect_after,
            replaced,
        };
        Ok((membership, certificates.made))
    }

    fn describe(&self, host: &mut HostDocument, listening: SocketAddr) -> Result<(), StartError> {
        host.operator = match self.address {
            Some(address) => address,
            None if listening.ip().is_unspecified() => {
                return Err(StartError::Unreachable(listening));
            }
            None => listening,
        };
        host.name.clone_from(&self.name);
        host.zone.clone_from(&self.zone);
        host.layers.clone_from(&self.layers);
        host.coordinates = self.coordinates;
        host.admin = self.admin;
        if let Some(cores) = self.cores {
            host.capacity = Capacity { cores };
        }
        Ok(())
    }
}

/// A process without a cluster.
pub(super) fn alone(clients: SocketAddr) -> HostDocument {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    HostDocument {
        id: ONLY_HOST,
        name: String::new(),
        zone: String::new(),
        layers: Layer::ALL.to_vec(),
        coordinates: true,
        operator: clients,
        clients,
        admin: None,
        capacity: Capacity {
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
        },
        runs: Vec::new(),
        started_unix_ns: wall_clock().0,
    }
}

/// Waits on a thread of its own: this one may carry a runtime, in which nothing can be waited for.
fn wait_for<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let runtime = Handle::current();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| runtime.block_on(future));
        waiting
            .join()
            .expect("a thread that only waits does not panic")
    })
}

/// The one host of a process without a cluster.
const ONLY_HOST: HostId = HostId(1);
