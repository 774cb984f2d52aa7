//! The store of a cluster against a real ZooKeeper, which is killed, stopped and cut off.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail where it stands"
)]

mod ensemble;

use std::time::{Duration, Instant};

use ensemble::{Ensemble, TICK, Wire};
use gomera::zookeeper::{Capacity, HostDocument, Joined, Keeper, Leader, News};
use gomera_coordinator::{Path, Put, Version, WriteError, WriteId};
use gomera_model::{HostId, Layer};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The shortest that this ZooKeeper grants.
const SESSION: Duration = Duration::from_millis(1000);
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A host's side of the store, and what it has heard.
struct Side {
    host: HostId,
    keeper: Keeper,
    news: mpsc::UnboundedReceiver<News>,
    writes: u64,
    /// As last heard.
    hosts: Vec<HostDocument>,
}

impl Side {
    async fn join(address: &str) -> Self {
        let ensemble = address.parse().unwrap();
        let joined = Joined::join(&ensemble, SESSION, PATIENCE).await.unwrap();
        let host = joined.host;
        let (heard, news) = mpsc::unbounded_channel();
        let keeper = Keeper::start(joined, document(host), move |news| {
            let _ = heard.send(news);
        });
        Self {
            host,
            keeper,
            news,
            writes: 0,
            hosts: Vec::new(),
        }
    }

    /// The next news that `wanted` makes something of.
    async fn hear<T>(&mut self, wanted: impl Fn(&News) -> Option<T>) -> T {
        let hearing = async {
            loop {
                let news = self.news.recv().await.unwrap();
                if let News::Hosts(hosts) = &news {
                    self.hosts = hosts.values().cloned().collect();
                }
                if let Some(found) = wanted(&news) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, hearing)
            .await
            .expect("the news must come")
    }

    async fn hear_leader(&mut self) -> Leader {
        let leader = |news: &News| match news {
            News::Leader(leader) => *leader,
            News::Connected(_)
            | News::Document(_)
            | News::Written { .. }
            | News::Hosts(_)
            | News::Gone(_) => None,
        };
        self.hear(leader).await
    }

    /// Waits until there are these hosts and no others.
    async fn hear_hosts(&mut self, expected: &[HostDocument]) {
        while self.hosts != expected {
            self.hear(|news| matches!(news, News::Hosts(_)).then_some(()))
                .await;
        }
    }

    async fn hear_connected(&mut self, expected: bool) {
        self.hear(|news| matches!(news, News::Connected(is) if *is == expected).then_some(()))
            .await;
    }

    /// The document with this content or none.
    async fn hear_document(&mut self, path: Path, content: Option<&[u8]>) -> Option<Version> {
        self.hear(|news| match news {
            News::Document(document) if document.path == path => {
                match (&document.stored, content) {
                    (Some(stored), Some(content)) if stored.bytes == content => {
                        Some(Some(stored.version))
                    }
                    (None, None) => Some(None),
                    (Some(_) | None, _) => None,
                }
            }
            News::Document(_)
            | News::Connected(_)
            | News::Written { .. }
            | News::Hosts(_)
            | News::Gone(_)
            | News::Leader(_) => None,
        })
        .await
    }

    async fn write(&mut self, puts: &[Put]) -> Result<Vec<Version>, WriteError> {
        self.writes += 1;
        let written = WriteId(self.writes);
        self.keeper.write(written, puts.to_vec());
        self.hear(|news| match news {
            News::Written { id, outcome } if *id == written => Some(outcome.clone()),
            News::Written { .. }
            | News::Connected(_)
            | News::Document(_)
            | News::Hosts(_)
            | News::Gone(_)
            | News::Leader(_) => None,
        })
        .await
    }
}

fn document(id: HostId) -> HostDocument {
    HostDocument {
        id,
        name: format!("host-{id}"),
        zone: "east".to_owned(),
        layers: Layer::ALL.to_vec(),
        coordinates: true,
        operator: ([127, 0, 0, 1], 7456).into(),
        clients: ([127, 0, 0, 1], 7454).into(),
        admin: None,
        capacity: Capacity { cores: 2 },
        runs: Vec::new(),
        started_unix_ns: 1,
    }
}

fn put(path: Path, expected: Option<u64>, content: &str) -> Put {
    Put {
        path,
        expected: expected.map(Version),
        bytes: content.as_bytes().to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_written_together_or_not_at_all() {
    let ensemble = Ensemble::start("documents", 1);
    let mut side = Side::join(&ensemble.address("/a/b")).await;
    for path in Path::ALL {
        side.keeper.observe(path);
        assert_eq!(side.hear_document(path, None).await, None);
    }
    let both = [
        put(Path::Topology, None, "t0"),
        put(Path::Operation, None, "o0"),
    ];
    assert_eq!(side.write(&both).await, Ok(vec![Version(0); 2]));
    assert_eq!(side.write(&both).await, Err(WriteError::Conflict));
    let torn = [
        put(Path::Topology, Some(0), "t1"),
        put(Path::Operation, Some(9), "o1"),
    ];
    assert_eq!(side.write(&torn).await, Err(WriteError::Conflict));
    let next = [
        put(Path::Topology, Some(0), "t1"),
        put(Path::Operation, Some(0), "o1"),
    ];
    assert_eq!(side.write(&next).await, Ok(vec![Version(1); 2]));
    let topology = side.hear_document(Path::Topology, Some(b"t1")).await;
    assert_eq!(topology, Some(Version(1)));
    let large = "x".repeat(2_000_000);
    let large = side.write(&[put(Path::Topology, Some(1), &large)]).await;
    assert_eq!(large, Err(WriteError::Conflict));
    let after = [put(Path::Topology, Some(1), "t2")];
    assert_eq!(side.write(&after).await, Ok(vec![Version(2)]));
    let other = Side::join(&ensemble.address("/elsewhere")).await;
    assert_eq!(other.host, HostId(1), "another chroot is another cluster");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_come_and_go_and_one_of_them_leads() {
    let ensemble = Ensemble::start("hosts", 1);
    let address = ensemble.address("/hosts-come");
    let mut first = Side::join(&address).await;
    let leader = first.hear_leader().await;
    assert_eq!(leader.host, first.host);
    let mut second = Side::join(&address).await;
    assert_eq!(second.host, first.host.next());
    assert_eq!(second.hear_leader().await, leader);
    let both = [document(first.host), document(second.host)];
    first.hear_hosts(&both).await;
    let mut changed = document(second.host);
    changed.runs.push(gomera_model::Incarnation(7));
    second.keeper.announce(changed.clone());
    first
        .hear_hosts(&[document(first.host), changed.clone()])
        .await;
    let gone_at = Instant::now();
    drop(first);
    let next = second.hear_leader().await;
    assert_eq!(next.host, second.host);
    assert!(next.term > leader.term);
    assert!(gone_at.elapsed() < SESSION, "who leaves says so");
    second.hear_hosts(&[changed]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_watched_again() {
    let mut ensemble = Ensemble::start("comes-back", 1);
    let address = ensemble.address("/again");
    let mut watching = Side::join(&address).await;
    let mut writing = Side::join(&address).await;
    watching.keeper.observe(Path::Topology);
    watching.hear_document(Path::Topology, None).await;
    ensemble.kill(0);
    watching.hear_connected(false).await;
    let outcome = writing.write(&[put(Path::Topology, None, "lost")]).await;
    assert_eq!(outcome, Err(WriteError::Unknown));
    ensemble.revive(0);
    watching.hear_connected(true).await;
    writing.hear_connected(true).await;
    // Several times, so that one reading for another reason cannot hide a watch that is gone.
    let mut expected = None;
    for round in 0..4_u64 {
        let content = format!("round {round}");
        let written = writing
            .write(&[put(Path::Topology, expected, &content)])
            .await;
        let began = Instant::now();
        expected = Some(written.unwrap()[0].0);
        watching
            .hear_document(Path::Topology, Some(content.as_bytes()))
            .await;
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_nobody_answers_is_not_known_to_have_failed() {
    let ensemble = Ensemble::start("unknown", 1);
    let mut side = Side::join(&ensemble.address("/unknown")).await;
    side.keeper.observe(Path::Operation);
    side.hear_document(Path::Operation, None).await;
    assert_eq!(
        side.write(&[put(Path::Operation, None, "0")]).await,
        Ok(vec![Version(0)])
    );
    ensemble.freeze(0);
    let outcome = side.write(&[put(Path::Operation, Some(0), "1")]).await;
    ensemble.thaw(0);
    assert_eq!(outcome, Err(WriteError::Unknown));
    side.hear_connected(true).await;
    // Applied or not, its version says which; a repeated write is refused if it was.
    let again = side
        .write(&[put(Path::Operation, Some(0), "1 again")])
        .await;
    let content: &[u8] = match again {
        Ok(versions) => {
            assert_eq!(versions, [Version(1)]);
            b"1 again"
        }
        Err(error) => {
            assert_eq!(error, WriteError::Conflict);
            b"1"
        }
    };
    side.keeper.observe(Path::Operation);
    let version = side.hear_document(Path::Operation, Some(content)).await;
    assert_eq!(version, Some(Version(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_cut_off_leads_no_longer_and_comes_back_behind_the_other() {
    let ensemble = Ensemble::start("cut-off", 1);
    let wire = Wire::to(&ensemble);
    let mut first = Side::join(&format!("{}/cut", wire.address)).await;
    let before = first.hear_leader().await;
    let mut second = Side::join(&ensemble.address("/cut")).await;
    assert_eq!(second.hear_leader().await, before);
    wire.cut();
    first.hear_connected(false).await;
    let after = second.hear_leader().await;
    assert_eq!(after.host, second.host);
    assert!(after.term > before.term);
    wire.mend();
    assert_eq!(first.hear_leader().await, after);
    let both = [document(first.host), document(second.host)];
    second.hear_hosts(&both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_nothing_is_written_and_nobody_loses_office() {
    let mut ensemble = Ensemble::start("quorum", 3);
    let mut side = Side::join(&ensemble.address("/quorum")).await;
    let leader = side.hear_leader().await;
    let created = side.write(&[put(Path::Topology, None, "0")]).await;
    assert_eq!(created, Ok(vec![Version(0)]));
    ensemble.kill(0);
    ensemble.kill(1);
    side.hear_connected(false).await;
    let outcome = side.write(&[put(Path::Topology, Some(0), "1")]).await;
    assert_eq!(outcome, Err(WriteError::Unknown));
    ensemble.revive(0);
    side.hear_connected(true).await;
    let mut other = Side::join(&ensemble.address("/quorum")).await;
    let now = other.hear_leader().await;
    assert_eq!(now.host, leader.host);
    other.keeper.observe(Path::Topology);
    let version = other
        .hear(|news| match news {
            News::Document(document) => document.stored.as_ref().map(|stored| stored.version),
            News::Connected(_)
            | News::Written { .. }
            | News::Hosts(_)
            | News::Gone(_)
            | News::Leader(_) => None,
        })
        .await;
    let next = put(Path::Topology, Some(version.0), "2");
    let written = other.write(&[next]).await;
    assert_eq!(written, Ok(vec![Version(version.0 + 1)]));
    assert!(TICK < SESSION);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_given_up_is_gone_for_ever() {
    let ensemble = Ensemble::start("gone", 1);
    let address = ensemble.address("/gone");
    let mut first = Side::join(&address).await;
    let mut second = Side::join(&address).await;
    let both = [document(first.host), document(second.host)];
    first.hear_hosts(&both).await;
    first.keeper.expel(second.host);
    let gone = second.host;
    let is_gone = |news: &News| match news {
        News::Gone(hosts) => hosts.contains(&gone).then_some(()),
        News::Connected(_)
        | News::Document(_)
        | News::Written { .. }
        | News::Hosts(_)
        | News::Leader(_) => None,
    };
    second.hear(is_gone).await;
    first.hear_hosts(&both[..1]).await;
    // It says something new of itself, and is listened to no more.
    second.keeper.announce(document(second.host));
    let mut third = Side::join(&address).await;
    assert_ne!(third.host, gone);
    third.hear(is_gone).await;
    third
        .hear_hosts(&[document(first.host), document(third.host)])
        .await;
    // Who leaves says so itself.
    let left = third.host;
    drop(third);
    let has_left = |news: &News| match news {
        News::Gone(hosts) => hosts.contains(&left).then_some(()),
        News::Connected(_)
        | News::Document(_)
        | News::Written { .. }
        | News::Hosts(_)
        | News::Leader(_) => None,
    };
    first.hear(has_left).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_office_of_a_silent_leader_is_taken_once() {
    let ensemble = Ensemble::start("office", 1);
    let address = ensemble.address("/office");
    let mut first = Side::join(&address).await;
    let before = first.hear_leader().await;
    let mut second = Side::join(&address).await;
    assert_eq!(second.hear_leader().await, before);
    second.keeper.claim(before);
    let after = second.hear_leader().await;
    assert_eq!(after.host, second.host);
    assert!(after.term > before.term);
    assert_eq!(first.hear_leader().await, after);
    // A claim that comes too late finds another leader than the one it is about.
    let mut third = Side::join(&address).await;
    third.keeper.claim(before);
    third.keeper.observe(Path::Topology);
    third.hear_document(Path::Topology, None).await;
    let mut fourth = Side::join(&address).await;
    assert_eq!(fourth.hear_leader().await, after);
}
