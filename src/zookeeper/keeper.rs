//! The loop around one session after the other: it reads what may have changed, stands for leader, keeps this host's
//! document, and carries out what the coordinator asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gomera_coordinator::{Document, Path, Put, Version, WriteError, WriteId};
use gomera_model::HostId;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use zookeeper_client::{PersistentWatcher, SessionState, StateWatcher};

use super::host::{HostDocument, Leader};
use super::session::{Fault, Joined, Session};
use crate::limits::{STORE_LEAVE_WITHIN, STORE_READ_EVERY, STORE_RETRY_EVERY};

/// What is heard of the store.
#[derive(Debug)]
pub enum News {
    /// Whether it answers.
    Connected(bool),
    /// A document, as read.
    Document(Document),
    /// The outcome of a write.
    Written {
        /// Of which.
        id: WriteId,
        /// The new versions, or what went wrong.
        outcome: Result<Vec<Version>, WriteError>,
    },
    /// All hosts that there are.
    Hosts(BTreeMap<HostId, HostDocument>),
    /// Who leads, if anybody is known to.
    Leader(Option<Leader>),
    /// Who was given up, or has left: none of them comes back under its id. Told before the hosts that there are.
    Gone(BTreeSet<HostId>),
}

/// The store in the hands of a task. Dropping it gives up leadership and this host's place.
#[derive(Debug)]
pub struct Keeper {
    orders: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
enum Order {
    Observe(Path),
    Write { id: WriteId, puts: Vec<Put> },
    Announce(Box<HostDocument>),
    Expel(HostId),
    Claim(Leader),
    Look,
}

impl Keeper {
    /// Enters the list of hosts, and tells the news from now on. Within the context of a runtime.
    pub fn start(
        joined: Joined,
        entry: HostDocument,
        tell: impl Fn(News) + Send + Sync + 'static,
    ) -> Self {
        assert_eq!(entry.id, joined.host, "a host speaks for itself");
        let (orders, taken) = mpsc::unbounded_channel();
        let keeping = Keeping {
            entry,
            tell: Arc::new(tell),
            orders: taken,
            session: joined.session,
            observed: BTreeMap::new(),
            unread: BTreeSet::new(),
            leader: None,
            hosts: None,
            gone: BTreeSet::new(),
        };
        tokio::spawn(keeping.run());
        Self { orders }
    }

    /// Reads a document, and again whenever it may have changed.
    pub fn observe(&self, path: Path) {
        self.order(Order::Observe(path));
    }

    /// Writes all of it or nothing.
    pub fn write(&self, id: WriteId, puts: Vec<Put>) {
        self.order(Order::Write { id, puts });
    }

    /// Lets this host's document say something else.
    pub fn announce(&self, entry: HostDocument) {
        self.order(Order::Announce(Box::new(entry)));
    }

    /// Gives a host up for ever; that it is gone is told to everybody.
    pub fn expel(&self, host: HostId) {
        self.order(Order::Expel(host));
    }

    /// Takes the office of a leader that is not heard of any more, unless somebody else leads by now.
    pub fn claim(&self, leader: Leader) {
        self.order(Order::Claim(leader));
    }

    /// Reads everything now: something has changed.
    pub fn look(&self) {
        self.order(Order::Look);
    }

    fn order(&self, order: Order) {
        // The task ends after this only, or with its runtime.
        let _ = self.orders.send(order);
    }
}

struct Keeping {
    entry: HostDocument,
    tell: Arc<dyn Fn(News) + Send + Sync>,
    orders: mpsc::UnboundedReceiver<Order>,
    session: Session,
    /// What is read for the coordinator, and the version that it has.
    observed: BTreeMap<Path, Option<Version>>,
    /// What it has asked for since.
    unread: BTreeSet<Path>,
    leader: Option<Leader>,
    hosts: Option<BTreeMap<HostId, HostDocument>>,
    gone: BTreeSet<HostId>,
}

/// Why a session's loop ends.
enum Ended {
    Session,
    Ordered,
}

impl Keeping {
    async fn run(mut self) {
        loop {
            match self.keep().await {
                Ended::Ordered => {
                    // Who cannot be told will notice when the session runs out.
                    let leaving = self.session.leave(self.entry.id);
                    let _ = timeout(STORE_LEAVE_WITHIN, leaving).await;
                    return;
                }
                Ended::Session => {
                    tracing::warn!("the session with ZooKeeper is over");
                    self.lead(None);
                }
            }
            self.session = loop {
                match self.session.again().await {
                    Ok(session) => break session,
                    Err(error) => tracing::debug!(%error, "no new session yet"),
                }
                if self.orders.is_closed() {
                    return;
                }
                self.refuse_writes();
                sleep(STORE_RETRY_EVERY).await;
            };
        }
    }

    /// Lives through one session.
    async fn keep(&mut self) -> Ended {
        let mut states = self.session.states();
        let mut watcher = None;
        let mut next = Instant::now();
        loop {
            tokio::select! {
                state = states.changed() => match state {
                    // A watcher does not outlive a reconnect, whatever it says.
                    SessionState::SyncConnected => {
                        watcher = None;
                        next = Instant::now();
                    }
                    SessionState::Disconnected | SessionState::ConnectedReadOnly => {
                        tracing::warn!("ZooKeeper does not answer");
                        (self.tell)(News::Connected(false));
                    }
                    SessionState::Expired | SessionState::AuthFailed | SessionState::Closed => {
                        (self.tell)(News::Connected(false));
                        return Ended::Session;
                    }
                },
                path = changed(&mut watcher) => {
                    tracing::trace!(path = self.session.own_path(&path), "changed");
                    next = Instant::now();
                    drain(&mut watcher);
                }
                order = self.orders.recv() => match order {
                    None => return Ended::Ordered,
                    Some(order) => if self.carry_out(order) {
                        next = Instant::now();
                    },
                },
                () = sleep_until(next) => {
                    next = Instant::now() + self.look(&mut watcher, &states).await;
                }
            }
        }
    }

    /// Reads everything; when to do it again.
    async fn look(
        &mut self,
        watcher: &mut Option<PersistentWatcher>,
        states: &StateWatcher,
    ) -> std::time::Duration {
        match self.read(watcher).await {
            Ok(()) => STORE_READ_EVERY,
            Err(fault) => {
                tracing::debug!(%fault, state = %states.peek_state(), "ZooKeeper cannot be read");
                STORE_RETRY_EVERY
            }
        }
    }

    async fn read(&mut self, watcher: &mut Option<PersistentWatcher>) -> Result<(), Fault> {
        if watcher.is_none() {
            *watcher = Some(self.session.watch().await?);
        }
        let own = self.entry.id;
        let gone = self.session.gone().await?;
        if self.gone != gone {
            self.gone.clone_from(&gone);
            (self.tell)(News::Gone(gone));
        }
        if self.gone.contains(&own) {
            // Whoever it was, it is nobody any more, and shall not come back as that.
            return Ok(());
        }
        self.session.announce(&self.entry).await?;
        let mut hosts = self.session.hosts().await?;
        hosts.retain(|host, _| !self.gone.contains(host));
        let mut leader = self.session.leader(own, self.entry.coordinates).await?;
        if leader.is_none() {
            // Somebody else was first, or our own entry of another session has just been removed.
            leader = self.session.leader(own, self.entry.coordinates).await?;
        }
        (self.tell)(News::Connected(true));
        if self.hosts.as_ref() != Some(&hosts) {
            self.hosts = Some(hosts.clone());
            (self.tell)(News::Hosts(hosts));
        }
        self.lead(leader);
        for path in Path::ALL {
            if self.observed.contains_key(&path) {
                self.read_document(path).await?;
            }
        }
        Ok(())
    }

    async fn read_document(&mut self, path: Path) -> Result<(), Fault> {
        let document = self.session.document(path).await?;
        let version = document.stored.as_ref().map(|stored| stored.version);
        let is_asked_for = self.unread.remove(&path);
        let before = self.observed.insert(path, version);
        if is_asked_for || before != Some(version) {
            (self.tell)(News::Document(document));
        }
        Ok(())
    }

    /// Whether something shall be read now.
    fn carry_out(&mut self, order: Order) -> bool {
        match order {
            Order::Observe(path) => {
                self.observed.entry(path).or_default();
                self.unread.insert(path);
                true
            }
            Order::Write { id, puts } => {
                let (session, tell) = (self.session.clone(), Arc::clone(&self.tell));
                tokio::spawn(async move {
                    let outcome = session.write(&puts).await;
                    tell(News::Written { id, outcome });
                });
                false
            }
            Order::Announce(entry) => {
                self.entry = *entry;
                true
            }
            Order::Look => true,
            Order::Expel(host) => {
                let (session, own) = (self.session.clone(), self.entry.id);
                spawn_reported("a host is not given up yet", async move {
                    session.expel(host, own).await
                });
                false
            }
            Order::Claim(leader) => {
                let (session, own) = (self.session.clone(), self.entry.id);
                spawn_reported("the office was not taken", async move {
                    session.claim(leader, own).await
                });
                false
            }
        }
    }

    /// Between two sessions nothing is written, and whoever asks shall not wait.
    fn refuse_writes(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Write { id, .. } => {
                    let outcome = Err(WriteError::Unknown);
                    (self.tell)(News::Written { id, outcome });
                }
                Order::Observe(_) | Order::Announce(_) => {
                    self.carry_out(order);
                }
                // Whoever wants it asks again.
                Order::Expel(_) | Order::Claim(_) | Order::Look => {}
            }
        }
    }

    fn lead(&mut self, leader: Option<Leader>) {
        if self.leader != leader {
            self.leader = leader;
            (self.tell)(News::Leader(leader));
        }
    }
}

/// Does what whoever asked for it asks for again if it is not done.
fn spawn_reported(
    failed: &'static str,
    task: impl Future<Output = Result<(), Fault>> + Send + 'static,
) {
    tokio::spawn(async move {
        if let Err(fault) = task.await {
            tracing::debug!(%fault, failed);
        }
    });
}

/// Waits for a hint; for ever, if there is no watcher.
async fn changed(watcher: &mut Option<PersistentWatcher>) -> String {
    loop {
        let Some(there) = watcher else {
            return std::future::pending().await;
        };
        let event = there.changed().await;
        if event.session_state.is_terminated() {
            // It must not be asked again.
            *watcher = None;
        } else if !event.path.is_empty() {
            return event.path;
        }
    }
}

/// One look answers all the hints that are there.
fn drain(watcher: &mut Option<PersistentWatcher>) {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    while watcher.is_some() {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(_) = pin!(changed(watcher)).poll(&mut context) else {
            return;
        };
    }
}
