//! The other hosts, and the links to them.
//!
//! ```text
//! outboxes, coordination ─► Peer (packed, numbered, kept) ─► dialing ══ QUIC ══► listening ─► router, coordination
//!                                ▲                              ║
//!                                └────────── taken ─────────────╝
//! ```
//!
//! Each direction of a link has a connection and one stream of its own, opened by who sends: everything between two
//! hosts stays in order, and nothing waits for the other direction.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use gomera_model::link::{FORMAT, Hello, LinkLife};
use gomera_model::{HostId, Incarnation, Topology};
use gomera_operators::link::Receiving;

use super::host_frame::HostFrame;
use super::inbox::Inbox;
use super::input::CoordinatorInput;
use super::router::Router;

mod dialing;
mod endpoint;
mod listening;
mod packing;
mod peer;

pub(crate) use endpoint::OperatorEndpoint;
pub(crate) use peer::Peer;

use packing::Unpacking;

/// What this host knows of the others.
#[derive(Debug)]
pub(crate) struct Hosts {
    own: HostId,
    endpoint: OperatorEndpoint,
    router: Arc<Router>,
    coordination: Arc<Inbox<CoordinatorInput>>,
    runtime: tokio::runtime::Handle,
    peers: RwLock<BTreeMap<HostId, Arc<Peer>>>,
    /// Where instances run, as far as is known.
    places: RwLock<BTreeMap<Incarnation, HostId>>,
    /// The ends of the links to here.
    arriving: Mutex<Ends>,
    lives: AtomicU64,
}

/// The ends of all links to here.
#[derive(Debug, Default)]
struct Ends {
    ends: BTreeMap<HostId, Arc<Mutex<Arriving>>>,
    /// Who was declared dead.
    gone: BTreeSet<HostId>,
}

/// The end of a link to here.
#[derive(Debug)]
struct Arriving {
    receiving: Receiving,
    unpacking: Unpacking,
    /// A parcel was taken of which nothing could be made: something is lost, and the link is of no use any more.
    is_lost: bool,
    /// The host was declared dead: whatever it still says is not listened to.
    is_gone: bool,
    /// How often something came.
    heard: u64,
}

impl Hosts {
    /// Takes what other hosts send from now on. Within the context of a runtime, which carries all tasks.
    pub(crate) fn start(
        own: HostId,
        endpoint: OperatorEndpoint,
        router: Arc<Router>,
        coordination: Arc<Inbox<CoordinatorInput>>,
    ) -> Arc<Self> {
        let hosts = Arc::new(Self {
            own,
            endpoint,
            router,
            coordination,
            runtime: tokio::runtime::Handle::current(),
            peers: RwLock::default(),
            places: RwLock::default(),
            arriving: Mutex::default(),
            lives: AtomicU64::new(1),
        });
        let accepting = hosts.endpoint.clone();
        tokio::spawn(listening::accept(accepting, Arc::downgrade(&hosts)));
        hosts
    }

    /// The link to a host. It sends as soon as the address is known.
    pub(crate) fn peer(&self, host: HostId) -> Arc<Peer> {
        assert_ne!(host, self.own, "there is no link from a host to itself");
        let known = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = known.get(&host) {
            return Arc::clone(peer);
        }
        drop(known);
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.entry(host).or_insert_with(|| self.dial(host));
        Arc::clone(peer)
    }

    /// Where a host is.
    pub(crate) fn meet(&self, host: HostId, address: SocketAddr) {
        self.peer(host).meet(address);
    }

    /// The link to the host on which an instance runs, if that is known and another one.
    pub(crate) fn peer_of(&self, instance: Incarnation) -> Option<Arc<Peer>> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let host = places.get(&instance).copied()?;
        drop(places);
        (host != self.own).then(|| self.peer(host))
    }

    /// Learns where the instances of a topology run.
    pub(crate) fn learn(&self, topology: &Topology) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        for retired in &topology.retired {
            places.remove(retired);
        }
        let instances = topology.instances.iter();
        places.extend(instances.map(|instance| (instance.incarnation, instance.host)));
    }

    /// Learns where one instance runs.
    pub(crate) fn learn_place(&self, instance: Incarnation, host: HostId) {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = places.get(&instance) == Some(&host);
        drop(places);
        if !is_known {
            let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
            places.insert(instance, host);
        }
    }

    /// Every link that is not given up, by host.
    pub(crate) fn peers(&self) -> Vec<Arc<Peer>> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let peers = peers.values().filter(|peer| !peer.is_given_up());
        peers.map(Arc::clone).collect()
    }

    /// Says to everybody who can hear it that this host is there.
    pub(crate) fn beat(&self) {
        for peer in self.peers().iter().filter(|peer| peer.is_together()) {
            peer.send(&HostFrame::Beat);
        }
    }

    /// How often something has come from a host.
    pub(crate) fn heard(&self, from: HostId) -> u64 {
        let arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        let end = arriving.ends.get(&from).map(Arc::clone);
        drop(arriving);
        end.map_or(0, |end| {
            end.lock().unwrap_or_else(PoisonError::into_inner).heard
        })
    }

    /// A host is declared dead: nothing is kept for it, and nothing taken from it any more.
    pub(crate) fn give_up(&self, host: HostId) {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(&host) {
            peer.give_up();
        }
        drop(peers);
        let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        arriving.gone.insert(host);
        if let Some(end) = arriving.ends.get(&host) {
            end.lock().unwrap_or_else(PoisonError::into_inner).is_gone = true;
        }
    }

    pub(crate) fn endpoint(&self) -> &OperatorEndpoint {
        &self.endpoint
    }

    fn dial(&self, to: HostId) -> Arc<Peer> {
        let hello = Hello {
            from: self.own,
            to,
            life: LinkLife(self.lives.fetch_add(1, Ordering::Relaxed)),
            format: FORMAT,
        };
        let peer = Arc::new(Peer::new(hello));
        let dialing = dialing::dial(
            Arc::clone(&peer),
            self.endpoint.clone(),
            Arc::clone(&self.coordination),
        );
        self.runtime.spawn(dialing);
        peer
    }

    fn arriving(&self, from: HostId) -> Arc<Mutex<Arriving>> {
        let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        let is_gone = arriving.gone.contains(&from);
        let end = arriving.ends.entry(from).or_insert_with(|| {
            Arc::new(Mutex::new(Arriving {
                receiving: Receiving::new(self.own),
                unpacking: Unpacking::default(),
                is_lost: false,
                is_gone,
                heard: 0,
            }))
        });
        Arc::clone(end)
    }
}
