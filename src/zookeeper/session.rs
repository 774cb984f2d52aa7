//! One session with the ensemble: the few requests that this broker makes, each with an end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gomera_coordinator::{Document, Path, Put, Stored, Version, WriteError};
use gomera_model::HostId;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use zookeeper_client::{Acls, AddWatchMode, Client, CreateMode, CreateOptions, Error};
use zookeeper_client::{MultiWriteError, PersistentWatcher, Stat, StateWatcher};

use super::address::Ensemble;
use super::error::ZooKeeperError;
use super::host::{HostDocument, Leader, LeaderDocument, Term};
use crate::limits::{
    STORE_DOCUMENTS_BYTES_MAX, STORE_GONE_MAX, STORE_READ_WITHIN, STORE_WRITE_WITHIN,
};

/// A host that has an id and is not in the list of hosts yet.
#[derive(Debug)]
pub struct Joined {
    /// Its id.
    pub host: HostId,
    pub(super) session: Session,
}

impl Joined {
    /// Connects, makes what is missing, and takes the next id of a host. Within the context of a runtime.
    ///
    /// # Errors
    ///
    /// If that is not done in time.
    pub async fn join(
        ensemble: &Ensemble,
        session_timeout: Duration,
        within: Duration,
    ) -> Result<Self, ZooKeeperError> {
        let deadline = Instant::now() + within;
        let mut last = "no answer".to_owned();
        while Instant::now() < deadline {
            let attempt = async {
                let session = Session::open(ensemble, session_timeout).await?;
                session.make_directories().await?;
                let host = session.take_host_id().await?;
                Ok(Self { host, session })
            };
            match timeout_at(deadline, attempt).await {
                Ok(Ok(joined)) => return Ok(joined),
                Ok(Err(Fault::Unreadable { path, reason })) => {
                    return Err(ZooKeeperError::Unreadable { path, reason });
                }
                Ok(Err(Fault::Store(error))) => last = error.to_string(),
                Err(_) => break,
            }
            sleep(RETRY_EVERY).await;
        }
        let ensemble = ensemble.to_string();
        Err(ZooKeeperError::Silent {
            ensemble,
            within,
            last,
        })
    }
}

/// A session; ends with the last clone of it.
#[derive(Clone, Debug)]
pub(super) struct Session {
    client: Client,
    ensemble: Ensemble,
    timeout: Duration,
}

/// Why something was not done, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Store(#[from] Error),
    #[error("{path} cannot be read: {reason}")]
    Unreadable { path: String, reason: String },
}

impl Session {
    /// A new one.
    pub(super) async fn open(
        ensemble: &Ensemble,
        session_timeout: Duration,
    ) -> Result<Self, Fault> {
        let connector = Client::connector().with_session_timeout(session_timeout);
        let client = connector.connect(&ensemble.servers).await?;
        Ok(Self {
            client,
            ensemble: ensemble.clone(),
            timeout: session_timeout,
        })
    }

    /// Another one, with the same ensemble.
    pub(super) async fn again(&self) -> Result<Self, Fault> {
        Self::open(&self.ensemble, self.timeout).await
    }

    pub(super) fn states(&self) -> StateWatcher {
        self.client.state_watcher()
    }

    /// A hint that something has changed.
    pub(super) async fn watch(&self) -> Result<PersistentWatcher, Fault> {
        let path = match self.ensemble.chroot.as_str() {
            "" => "/",
            chroot => chroot,
        };
        let watching = self.client.watch(path, AddWatchMode::PersistentRecursive);
        within(STORE_READ_WITHIN, watching).await
    }

    /// A path of an event as ours.
    pub(super) fn own_path<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(&self.ensemble.chroot).unwrap_or(path)
    }

    /// Makes all that is there for ever. What is there already stays.
    pub(super) async fn make_directories(&self) -> Result<(), Fault> {
        if !self.ensemble.chroot.is_empty() {
            let making = self.client.mkdir(&self.ensemble.chroot, &PERSISTENT);
            within(STORE_WRITE_WITHIN, making).await?;
        }
        self.make(HOSTS, b"0").await?;
        self.make(GONE, b"").await
    }

    /// Makes what is there for ever, unless it is there.
    async fn make(&self, path: &str, content: &[u8]) -> Result<(), Fault> {
        let path = self.path(path);
        let making = self.client.create(&path, content, &PERSISTENT);
        match within(STORE_WRITE_WITHIN, making).await {
            Ok(_) | Err(Fault::Store(Error::NodeExists)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// The next id of a host. One whose giving is not known to have succeeded is never used.
    async fn take_host_id(&self) -> Result<HostId, Fault> {
        let path = self.path(HOSTS);
        loop {
            let (last, stat): (HostId, Stat) = self.get(HOSTS).await?;
            let next = last.next();
            let text = next.to_string();
            let writing = self
                .client
                .set_data(&path, text.as_bytes(), Some(stat.version));
            match within(STORE_WRITE_WITHIN, writing).await {
                Ok(_) => return Ok(next),
                Err(Fault::Store(Error::BadVersion)) => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    /// A document of the coordinator, as new as the ensemble's leader has it.
    pub(super) async fn document(&self, path: Path) -> Result<Document, Fault> {
        let node = self.path(&path.to_string());
        within(STORE_READ_WITHIN, self.client.sync(&node)).await?;
        let stored = match within(STORE_READ_WITHIN, self.client.get_data(&node)).await {
            Ok((bytes, stat)) => Some(Stored {
                version: version(&node, stat)?,
                bytes,
            }),
            Err(Fault::Store(Error::NoNode)) => None,
            Err(fault) => return Err(fault),
        };
        Ok(Document { path, stored })
    }

    /// Writes all documents or none.
    pub(super) async fn write(&self, puts: &[Put]) -> Result<Vec<Version>, WriteError> {
        let bytes: usize = puts.iter().map(|put| put.bytes.len()).sum();
        if bytes > STORE_DOCUMENTS_BYTES_MAX {
            // The ensemble would drop the connection, and nobody would know why.
            tracing::error!(
                bytes,
                "documents that are too large for ZooKeeper are not written"
            );
            return Err(WriteError::Conflict);
        }
        let writing = async {
            let mut writer = self.client.new_multi_writer();
            for put in puts {
                let path = self.path(&put.path.to_string());
                match put.expected {
                    None => writer.add_create(&path, &put.bytes, &PERSISTENT)?,
                    Some(Version(expected)) => {
                        // A version that was read from there fits.
                        let expected = i32::try_from(expected).unwrap_or(i32::MAX);
                        writer.add_set_data(&path, &put.bytes, Some(expected))?;
                    }
                }
            }
            writer.commit().await
        };
        match timeout(STORE_WRITE_WITHIN, writing).await {
            Ok(Ok(_)) => Ok(puts.iter().map(next_version).collect()),
            Ok(Err(error)) => Err(outcome(error)),
            Err(_) => Err(WriteError::Unknown),
        }
    }

    /// Who leads; stands for it if nobody does and this host may.
    pub(super) async fn leader(
        &self,
        own: HostId,
        is_candidate: bool,
    ) -> Result<Option<Leader>, Fault> {
        match self.get::<LeaderDocument>(LEADER).await {
            Ok((document, stat)) if document.host == own && !self.owns(&stat) => {
                // It was ours in a session that is over; the ensemble has not noticed yet.
                self.remove(LEADER, stat.version).await?;
                Ok(None)
            }
            Ok((document, stat)) => Ok(Some(Leader {
                host: document.host,
                term: term(&stat),
            })),
            Err(Fault::Store(Error::NoNode)) if is_candidate => self.stand(own).await,
            Err(Fault::Store(Error::NoNode)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn stand(&self, host: HostId) -> Result<Option<Leader>, Fault> {
        let bytes = json(&LeaderDocument { host });
        let path = self.path(LEADER);
        match within(
            STORE_WRITE_WITHIN,
            self.client.create(&path, &bytes, &EPHEMERAL),
        )
        .await
        {
            Ok((stat, _)) => Ok(Some(Leader {
                host,
                term: term(&stat),
            })),
            // Somebody else was first; who it is will be read.
            Err(Fault::Store(Error::NodeExists)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Takes the office of a leader that is not heard of any more, if it is still that one's. The old one finds out by
    /// reading; until then it can write nothing that it has not read anew.
    pub(super) async fn claim(&self, leader: Leader, own: HostId) -> Result<(), Fault> {
        if self.is_gone(own).await? {
            return Ok(());
        }
        let stat = match self.get::<LeaderDocument>(LEADER).await {
            Ok((_, stat)) if term(&stat) == leader.term => stat,
            Ok(_) | Err(Fault::Store(Error::NoNode)) => return Ok(()),
            Err(fault) => return Err(fault),
        };
        let path = self.path(LEADER);
        let bytes = json(&LeaderDocument { host: own });
        let claiming = async {
            let mut writer = self.client.new_multi_writer();
            writer.add_delete(&path, Some(stat.version))?;
            writer.add_create(&path, &bytes, &EPHEMERAL)?;
            writer.commit().await.map_err(Error::from)
        };
        within(STORE_WRITE_WITHIN, claiming).await?;
        Ok(())
    }

    /// Gives a host up for ever: it is in the list of the gone from now on, and in no other. Only who leads may, and
    /// whether `own` does is read anew: one that was asleep meanwhile would give up everybody.
    pub(super) async fn expel(&self, host: HostId, own: HostId) -> Result<(), Fault> {
        if self.is_gone(own).await? {
            return Ok(());
        }
        let (document, stat) = self.get::<LeaderDocument>(LEADER).await?;
        if document.host != own || !self.owns(&stat) {
            return Ok(());
        }
        self.make(&format!("{GONE}/{host}"), b"").await?;
        self.remove(&format!("{HOSTS}/{host}"), ANY_VERSION).await?;
        // Of those who went first nobody has anything left that could come late.
        let gone = self.gone().await?;
        let surplus = gone.len().saturating_sub(STORE_GONE_MAX);
        for oldest in gone.into_iter().take(surplus) {
            self.remove(&format!("{GONE}/{oldest}"), ANY_VERSION)
                .await?;
        }
        Ok(())
    }

    /// Whether a host was given up, as far as the ensemble's leader knows.
    async fn is_gone(&self, host: HostId) -> Result<bool, Fault> {
        let path = self.path(GONE);
        within(STORE_READ_WITHIN, self.client.sync(&path)).await?;
        Ok(self.gone().await?.contains(&host))
    }

    /// Who was given up, or has left.
    pub(super) async fn gone(&self) -> Result<BTreeSet<HostId>, Fault> {
        let listing = self.path(GONE);
        let names = within(STORE_READ_WITHIN, self.client.list_children(&listing)).await?;
        let ids = names.iter().filter_map(|name| name.parse().ok());
        Ok(ids.map(HostId).collect())
    }

    /// All hosts that there are. One whose document cannot be read is named and left out.
    pub(super) async fn hosts(&self) -> Result<BTreeMap<HostId, HostDocument>, Fault> {
        let listing = self.path(HOSTS);
        let names = within(STORE_READ_WITHIN, self.client.list_children(&listing)).await?;
        let mut hosts = BTreeMap::new();
        for name in names {
            match self.get::<HostDocument>(&format!("{HOSTS}/{name}")).await {
                Ok((document, _)) => {
                    hosts.insert(document.id, document);
                }
                Err(Fault::Store(Error::NoNode)) => {}
                Err(fault @ Fault::Unreadable { .. }) => {
                    tracing::error!(%fault, "a host is left out")
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(hosts)
    }

    /// Sees to it that this host's document is there, of this session, and says what it shall.
    pub(super) async fn announce(&self, entry: &HostDocument) -> Result<(), Fault> {
        let own = format!("{HOSTS}/{}", entry.id);
        let path = self.path(&own);
        match self.get::<HostDocument>(&own).await {
            Ok((document, stat)) if self.owns(&stat) => {
                if document != *entry {
                    let bytes = json(entry);
                    let writing = self.client.set_data(&path, &bytes, Some(stat.version));
                    within(STORE_WRITE_WITHIN, writing).await?;
                }
                return Ok(());
            }
            Ok((_, stat)) => self.remove(&own, stat.version).await?,
            Err(Fault::Store(Error::NoNode)) => {}
            Err(fault) => return Err(fault),
        }
        let bytes = json(entry);
        within(
            STORE_WRITE_WITHIN,
            self.client.create(&path, &bytes, &EPHEMERAL),
        )
        .await?;
        Ok(())
    }

    /// Takes back what belongs to this session, so that the others need not wait for its end.
    pub(super) async fn leave(&self, host: HostId) -> Result<(), Fault> {
        self.make(&format!("{GONE}/{host}"), b"").await?;
        for path in [LEADER.to_owned(), format!("{HOSTS}/{host}")] {
            let stat = within(STORE_READ_WITHIN, self.client.check_stat(&self.path(&path))).await?;
            if let Some(stat) = stat.filter(|stat| self.owns(stat)) {
                self.remove(&path, stat.version).await?;
            }
        }
        Ok(())
    }

    async fn remove(&self, path: &str, version: i32) -> Result<(), Fault> {
        let path = self.path(path);
        let version = (version != ANY_VERSION).then_some(version);
        match within(STORE_WRITE_WITHIN, self.client.delete(&path, version)).await {
            Ok(()) | Err(Fault::Store(Error::NoNode)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<(T, Stat), Fault> {
        let path = self.path(path);
        let (bytes, stat) = within(STORE_READ_WITHIN, self.client.get_data(&path)).await?;
        match serde_json::from_slice(&bytes) {
            Ok(document) => Ok((document, stat)),
            Err(error) => {
                let reason = error.to_string();
                Err(Fault::Unreadable { path, reason })
            }
        }
    }

    fn owns(&self, stat: &Stat) -> bool {
        stat.ephemeral_owner == self.client.session_id().0
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.ensemble.chroot)
    }
}

const RETRY_EVERY: Duration = Duration::from_millis(200);
const HOSTS: &str = "/hosts";
const LEADER: &str = "/leader";
const GONE: &str = "/gone";
/// Whatever a document's version is.
const ANY_VERSION: i32 = -1;
const PERSISTENT: CreateOptions<'static> = CreateMode::Persistent.with_acls(Acls::anyone_all());
const EPHEMERAL: CreateOptions<'static> = CreateMode::Ephemeral.with_acls(Acls::anyone_all());

async fn within<T>(
    limit: Duration,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Fault> {
    match timeout(limit, request).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Fault::Store(Error::Timeout)),
    }
}

/// Only what says that a condition did not hold is known not to have been applied.
fn outcome(error: MultiWriteError) -> WriteError {
    let error = Error::from(error);
    if matches!(error, Error::BadVersion | Error::NodeExists | Error::NoNode) {
        return WriteError::Conflict;
    }
    tracing::warn!(%error, "the outcome of a write is not known");
    WriteError::Unknown
}

/// What a successful write leads to. The answer itself cannot be relied upon: within a transaction the server fills in
/// something else where a document is created (ZOOKEEPER-4026).
fn next_version(put: &Put) -> Version {
    put.expected.map_or(Version(0), |old| Version(old.0 + 1))
}

fn version(path: &str, stat: Stat) -> Result<Version, Fault> {
    let version = u64::try_from(stat.version).map(Version);
    version.map_err(|_| Fault::Unreadable {
        path: path.to_owned(),
        reason: "it was written more often than versions can be counted".to_owned(),
    })
}

fn term(stat: &Stat) -> Term {
    Term(u64::try_from(stat.czxid).unwrap_or_default())
}

fn json(document: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("plain structs with text keys can always be written")
}
