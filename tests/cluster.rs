//! Several `gomera serve` on one ZooKeeper: across hosts, without their leader, without their store.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail where it stands, and says what it measured"
)]

mod ensemble;
mod process;
mod relay;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ensemble::{Ensemble, free_ports};
use gomera::certificates::{Certificates, ClusterCertificates};
use gomera::limits::LINK_IDLE_MAX;
use gomera_model::{link, silbo};
use process::{Broker, Directory, PATIENCE, Process, gomera};
use quinn::crypto::rustls::QuicClientConfig;
use relay::Relay;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use serde_json::Value;

/// Published in each test, at [`RATE`]: some seconds, in which everything happens.
const COUNT: u64 = 1200;
const RATE: &str = "200";

/// Hosts, each with a directory of its own, and their store.
struct Cluster {
    ensemble: Ensemble,
    hosts: Vec<(Broker, Directory)>,
}

impl Cluster {
    /// Starts a host for each list of arguments, the first one first.
    fn start(name: &str, arguments: &[&[&str]]) -> Self {
        let ensemble = Ensemble::start(name, 1);
        let zookeeper = ensemble.address("/gomera");
        let count = arguments.len().to_string();
        let mut hosts: Vec<(Broker, Directory)> = Vec::new();
        for further in arguments {
            let directory = Directory::new();
            if let Some((_, first)) = hosts.first() {
                share_authorities(first, &directory);
            }
            let host = start_host(&directory, &zookeeper, &count, further);
            hosts.push((host, directory));
        }
        let cluster = Self { ensemble, hosts };
        for host in 0..arguments.len() {
            cluster.wait_for(host, |topology| topology["ready"] == true);
        }
        cluster
    }

    fn ask(&self, host: usize, arguments: &[&str]) -> Output {
        let (broker, directory) = &self.hosts[host];
        broker.ask(directory.path(), arguments)
    }

    /// What a host says when it is asked for the status, if it says anything.
    fn topology(&self, host: usize) -> Value {
        let output = self.ask(host, &["status"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        status["topology"].clone()
    }

    fn wait_for(&self, host: usize, wish: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let topology = self.topology(host);
            if wish(&topology) {
                return topology;
            }
            assert!(Instant::now() < deadline, "{topology:#}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn scale(&self, host: usize, matchers: u32) {
        let output = self.ask(host, &["scale", &format!("matchers={matchers}"), "--wait"]);
        assert!(output.status.success(), "{output:?}");
        let topology = self.wait_for(host, |topology| topology["operation"].is_null());
        let there = topology["layers"]["matchers"].as_array().unwrap();
        assert_eq!(there.len(), matchers as usize);
    }

    /// A subscriber at one host that ends when it has all of a source.
    fn subscribe(&self, host: usize, source: &str) -> Process {
        self.subscribe_at(&self.hosts[host].0.url(), source)
    }

    /// All servers, this one first.
    fn servers_from(&self, first: usize) -> String {
        let all = self.hosts.iter().map(|(broker, _)| broker.url());
        let mut all: Vec<_> = all.collect();
        all.rotate_left(first);
        all.join(",")
    }

    /// A client command with the certificates of the first host.
    fn client(&self, command: &str, servers: &str) -> Command {
        let mut client = gomera(self.hosts[0].1.path());
        client.args([command, "--server", servers]);
        client
    }

    fn subscribe_at(&self, servers: &str, source: &str) -> Process {
        let filter = format!("source = '{source}'");
        let arguments = [
            "--json",
            "--count",
            &COUNT.to_string(),
            "--for",
            "60",
            &filter,
        ];
        let process = Process::start(self.client("subscribe", servers).args(arguments));
        let first = process.json();
        assert!(first["subscribed"].is_array(), "{first}");
        process
    }

    /// A source at one host, for some seconds.
    fn publish(&self, host: usize, source: &str) -> Process {
        self.publish_at(&self.hosts[host].0.url(), source)
    }

    fn publish_at(&self, servers: &str, source: &str) -> Process {
        let directory = &self.hosts[0].1;
        let lines: String = (1..=COUNT)
            .map(|number| {
                format!(
                    "{{\"number\": {number}, \"source\": \"{source}\"}}
"
                )
            })
            .collect();
        let file = directory.file(&format!("{source}.ndjson"), lines.as_bytes());
        let mut command = self.client("publish", servers);
        command.args(["--json", "--rate", RATE]).arg(file);
        Process::start(&mut command)
    }

    fn files(&self, host: usize) -> PathBuf {
        self.hosts[host].1.path().join("gomera")
    }
}

fn start_host(directory: &Directory, zookeeper: &str, count: &str, further: &[&str]) -> Broker {
    let mut all = vec!["--zookeeper", zookeeper, "--zookeeper-session", "2"];
    all.extend(["--hosts", count]);
    if !further.contains(&"--operator-listen") {
        all.extend(["--operator-listen", "127.0.0.1:0"]);
    }
    all.extend(further);
    Broker::start_with(directory.path(), "127.0.0.1:0", &all)
}

fn share_authorities(from: &Directory, to: &Directory) {
    let [from, to] = [from, to].map(|directory| directory.path().join("gomera"));
    fs::create_dir_all(&to).unwrap();
    for name in ["ca", "cluster-ca"] {
        for file in [format!("{name}.pem"), format!("{name}.key")] {
            fs::copy(from.join(&file), to.join(&file)).unwrap();
        }
    }
}

/// All that was published has come, once and in order.
fn check(publisher: &mut Process, subscriber: &mut Process) {
    let (status, _) = publisher.end();
    let (said, complaints) = publisher.rest();
    assert!(status.success(), "{said:?} {complaints:?}");
    let summary: Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!(summary["acknowledged"], COUNT, "{summary}");
    let (status, _) = subscriber.end();
    let (lines, complaints) = subscriber.rest();
    assert!(status.success(), "{complaints:?}");
    let number = |line: &String| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64();
    let came: Vec<u64> = lines.iter().filter_map(number).collect();
    let all: Vec<u64> = (1..=COUNT).collect();
    let wrong = came
        .iter()
        .zip(&all)
        .find(|(came, expected)| came != expected);
    assert_eq!(wrong, None, "it differs from here on");
    assert_eq!(came.len(), all.len());
}

#[test]
fn notifications_cross_hosts_while_matchers_scale_over_them() {
    let layout = [
        "--connection-points",
        "3",
        "--access-points",
        "2",
        "--exit-points",
        "2",
    ];
    let cluster = Cluster::start("cross", &[layout.as_slice(); 3]);
    let topology = cluster.topology(0);
    let layers = topology["layers"].as_object().unwrap();
    let instances = layers.values().flat_map(|layer| layer.as_array().unwrap());
    let mut per_host = [0; 4];
    for instance in instances {
        let host = usize::try_from(instance["host"].as_u64().unwrap()).unwrap();
        per_host[host] += 1;
    }
    assert_eq!(per_host[1..].iter().sum::<i32>(), 8);
    assert!(
        per_host[1..].iter().all(|count| (2..=3).contains(count)),
        "{per_host:?}"
    );
    let mut subscriber = cluster.subscribe(2, "it");
    let mut publisher = cluster.publish(0, "it");
    cluster.scale(1, 3);
    let topology = cluster.topology(2);
    let matchers = topology["layers"]["matchers"].as_array().unwrap();
    let mut homes: Vec<_> = matchers
        .iter()
        .map(|m| m["host"].as_u64().unwrap())
        .collect();
    homes.sort_unstable();
    assert_eq!(homes, [1, 2, 3]);
    cluster.scale(2, 1);
    check(&mut publisher, &mut subscriber);
}

#[test]
fn another_host_leads_when_the_leader_is_gone() {
    let layout = ["--connection-points", "2", "--matchers", "2"];
    let mut cluster = Cluster::start("leader", &[&["--roles", "coordinator"], &layout, &layout]);
    let leads = |topology: &Value, name: u64| {
        let hosts = topology["hosts"].as_array().unwrap();
        hosts
            .iter()
            .any(|host| host["id"] == name && host["leads"] == true)
    };
    // The first host's word is what the layout was made from: one of each.
    let topology = cluster.wait_for(1, |topology| leads(topology, 1));
    assert_eq!(topology["layers"]["matchers"].as_array().unwrap().len(), 1);
    let mut subscriber = cluster.subscribe(first_with_clients(&cluster), "it");
    let mut publisher = cluster.publish(first_with_clients(&cluster), "it");
    let asked = cluster.ask(2, &["scale", "matchers=2"]);
    assert!(asked.status.success(), "{asked:?}");
    cluster.hosts[0].0.process.signal("-KILL");
    cluster.hosts[0].0.process.end();
    cluster.wait_for(1, |topology| leads(topology, 2) || leads(topology, 3));
    cluster.wait_for(2, |topology| {
        let hosts = topology["hosts"].as_array().map(Vec::len);
        topology["available"] == true && topology["operation"].is_null() && hosts == Some(2)
    });
    cluster.scale(1, 3);
    cluster.scale(2, 1);
    check(&mut publisher, &mut subscriber);
}

/// The host on which the connection point is.
fn first_with_clients(cluster: &Cluster) -> usize {
    let topology = cluster.topology(1);
    let host = &topology["layers"]["connection_points"][0]["host"];
    usize::try_from(host.as_u64().unwrap()).unwrap() - 1
}

#[test]
fn without_its_store_everything_flows_and_nothing_changes() {
    let layout = ["--connection-points", "2", "--access-points", "2"];
    let mut cluster = Cluster::start("frozen", &[layout.as_slice(); 2]);
    let mut subscriber = cluster.subscribe(1, "first");
    let mut publisher = cluster.publish(0, "first");
    cluster.ensemble.kill(0);
    for host in [0, 1] {
        cluster.wait_for(host, |topology| topology["available"] == false);
        let refused = cluster.ask(host, &["scale", "matchers=2"]);
        assert!(!refused.status.success(), "{refused:?}");
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            told.contains("503") || told.contains("cannot write now"),
            "{told}"
        );
        assert_eq!(cluster.topology(host)["ready"], true);
    }
    // Longer than a session lasts, so that all begin new ones.
    thread::sleep(Duration::from_secs(3));
    let mut second = cluster.subscribe(0, "second");
    let mut third = cluster.publish(1, "second");
    check(&mut publisher, &mut subscriber);
    cluster.ensemble.revive(0);
    for host in [0, 1] {
        cluster.wait_for(host, |topology| topology["available"] == true);
    }
    cluster.scale(0, 2);
    check(&mut third, &mut second);
}

#[test]
fn a_cluster_that_was_stopped_begins_anew() {
    let layout = ["--connection-points", "2", "--exit-points", "2"];
    let mut cluster = Cluster::start("anew", &[layout.as_slice(); 2]);
    cluster.scale(1, 2);
    for (host, _) in &cluster.hosts {
        host.process.signal("-TERM");
    }
    for (host, _) in &mut cluster.hosts {
        assert!(host.process.end().0.success());
    }
    let zookeeper = cluster.ensemble.address("/gomera");
    for (host, directory) in &mut cluster.hosts {
        *host = start_host(directory, &zookeeper, "2", &layout);
    }
    let topology = cluster.wait_for(0, |topology| topology["ready"] == true);
    assert_eq!(topology["epoch"], 3, "behind the scaling of before");
    let hosts = topology["hosts"].as_array().unwrap();
    let ids: Vec<_> = hosts
        .iter()
        .map(|host| host["id"].as_u64().unwrap())
        .collect();
    assert_eq!(
        ids,
        [3, 4],
        "a process that is started again is another host"
    );
    cluster.wait_for(1, |topology| topology["ready"] == true);
    let mut subscriber = cluster.subscribe(1, "it");
    let mut publisher = cluster.publish(0, "it");
    cluster.scale(0, 2);
    check(&mut publisher, &mut subscriber);
}

#[test]
fn a_cut_between_two_hosts_costs_time_and_nothing_else() {
    let [port] = free_ports();
    let relay = Relay::to(port);
    let (listen, reached) = (format!("127.0.0.1:{port}"), relay.address.to_string());
    // Nobody shall be taken for dead meanwhile.
    let patient = ["--suspect-after", "60"];
    let behind = ["--operator-listen", &listen, "--operator-address", &reached];
    let behind = [patient.as_slice(), &behind].concat();
    let layout = [
        "--connection-points",
        "2",
        "--access-points",
        "2",
        "--exit-points",
        "2",
    ];
    let layout = [patient.as_slice(), &layout].concat();
    let cluster = Cluster::start("cut", &[&layout, &behind]);
    let mut subscriber = cluster.subscribe(0, "it");
    let mut publisher = cluster.publish(1, "it");
    thread::sleep(Duration::from_secs(1));
    relay.cut();
    // The connection must end, not only be late.
    thread::sleep(LINK_IDLE_MAX + Duration::from_secs(1));
    relay.mend();
    check(&mut publisher, &mut subscriber);
    assert!(relay.passed() > 0, "the link must have gone this way");
    cluster.scale(0, 2);
}

#[test]
fn a_host_that_was_taken_for_dead_begins_anew() {
    let layout = ["--connection-points", "2", "--exit-points", "2"];
    let cluster = Cluster::start("zombie", &[layout.as_slice(); 2]);
    let ids = |topology: &Value| {
        let hosts = topology["hosts"].as_array();
        let there = hosts.into_iter().flatten();
        let there = there.filter(|host| host["present"] == true);
        there
            .filter_map(|host| host["id"].as_u64())
            .collect::<Vec<_>>()
    };
    let stopped = &cluster.hosts[1].0.process;
    stopped.signal("-STOP");
    cluster.wait_for(0, |topology| {
        ids(topology) == [1] && topology["operation"].is_null()
    });
    stopped.signal("-CONT");
    // The same process says once more that it serves, as another host.
    assert_eq!(stopped.json()["host"], 3);
    cluster.wait_for(0, |topology| {
        ids(topology) == [1, 3] && topology["ready"] == true
    });
    let mut subscriber = cluster.subscribe(0, "it");
    let mut publisher = cluster.publish(0, "it");
    cluster.scale(0, 2);
    let topology = cluster.topology(0);
    let matchers = topology["layers"]["matchers"].as_array().unwrap();
    assert!(
        matchers.iter().any(|matcher| matcher["host"] == 3),
        "{topology:#}"
    );
    check(&mut publisher, &mut subscriber);
}

#[test]
fn hosts_and_clients_are_told_apart_and_certificates_are_replaced() {
    let cluster = Cluster::start("certificates", &[&[], &[]]);
    let (clients, operators) = addresses(&cluster);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let own = ClusterCertificates::open(&cluster.files(1)).unwrap();
    let as_host = |certificates: &ClusterCertificates| certificates.client_config(link::ALPN);
    let name = ClusterCertificates::NAME;
    let shown = runtime.block_on(meet(operators, (name, as_host(&own).unwrap())));
    let shown = shown.expect("a host is let in");
    let client = client_config(&cluster, link::ALPN, true);
    let refused = runtime.block_on(meet(operators, (name, client)));
    assert_eq!(refused, None, "a client is no host");
    let with_operators = client_config(&cluster, silbo::ALPN, false);
    let refused = runtime.block_on(meet(clients, ("localhost", with_operators)));
    assert_eq!(refused, None, "a host is no client");
    for file in ["operator.pem", "operator.key"] {
        fs::remove_file(cluster.files(0).join(file)).unwrap();
    }
    ClusterCertificates::open(&cluster.files(0)).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while runtime
        .block_on(meet(operators, (name, as_host(&own).unwrap())))
        .as_ref()
        == Some(&shown)
    {
        assert!(
            Instant::now() < deadline,
            "the new certificate is never shown"
        );
        thread::sleep(Duration::from_millis(200));
    }
    cluster.scale(1, 2);
}

/// Where clients and other hosts connect to the first host.
fn addresses(cluster: &Cluster) -> (SocketAddr, SocketAddr) {
    let broker = &cluster.hosts[0].0;
    let operator = broker.greeting["operator"].as_str().unwrap();
    (broker.listening, operator.parse().unwrap())
}

/// A client that shows the clients' certificate, or that of an operator, and believes whom it has to.
fn client_config(cluster: &Cluster, alpn: &[u8], shows_client: bool) -> ClientConfig {
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject;

    let files = cluster.files(0);
    let name = if shows_client { "client" } else { "operator" };
    let certificate = CertificateDer::from_pem_file(files.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.join(format!("{name}.key"))).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let authorities = [
        Certificates::open(&files).unwrap().authorities,
        ClusterCertificates::open(&files).unwrap().authorities,
    ];
    for authority in authorities.into_iter().flatten() {
        roots.add(authority).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    config
}

/// The certificate that is shown at an address; `None` if this one is not let in.
async fn meet(
    address: SocketAddr,
    (name, config): (&str, ClientConfig),
) -> Option<CertificateDer<'static>> {
    let tls = QuicClientConfig::try_from(config).unwrap();
    let endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(tls));
    let connecting = endpoint.connect_with(config, address, name).unwrap();
    let connection = connecting.await.ok()?;
    // Who is refused hears of it after it thinks that it is connected.
    let closed = tokio::time::timeout(Duration::from_millis(500), connection.closed()).await;
    if let Ok(quinn::ConnectionError::ConnectionClosed(_)) = closed {
        return None;
    }
    let shown = connection
        .peer_identity()?
        .downcast::<Vec<CertificateDer<'_>>>();
    Some(shown.ok()?[0].clone().into_owned())
}

/// As in a rolling upgrade: a host is emptied under load, ends by itself, and comes back as another one.
#[test]
fn a_host_is_emptied_and_ends_while_everything_flows() {
    let each = [
        "--connection-points",
        "3",
        "--access-points",
        "3",
        "--matchers",
        "3",
        "--exit-points",
        "3",
    ];
    let mut cluster = Cluster::start("drain", &[each.as_slice(); 3]);
    let topology = cluster.topology(0);
    assert_eq!(topology["whole"], true, "{topology:#}");
    assert_eq!(topology["survives"], "nothing", "before recovery is proved");
    let why = topology["survives_why"][0].as_str().unwrap();
    assert!(why.ends_with("survives: host"), "{why}");
    let leader = (1..=3).find(|id| leads(&cluster.topology(0), *id)).unwrap();
    // The leader itself is the hardest: another one has to go on behind it. And its clients have to go elsewhere.
    let going = usize::try_from(leader).unwrap() - 1;
    let servers = cluster.servers_from(going);
    let mut subscriber = cluster.subscribe_at(&servers, "it");
    let mut publisher = cluster.publish_at(&servers, "it");
    let asked = (going + 1) % 3;
    let id = leader.to_string();
    let drained = cluster.ask(asked, &["host", "drain", &id, "--wait"]);
    assert!(drained.status.success(), "{drained:?}");
    let said: Value = serde_json::from_slice(&drained.stdout).unwrap();
    assert_eq!(said["ended"], true, "{said}");
    let (status, _) = cluster.hosts[going].0.process.end();
    assert!(status.success(), "it ends by itself, with 0");
    let topology = cluster.wait_for(asked, |topology| {
        topology["available"] == true && topology["whole"] == true
    });
    let hosts = topology["hosts"].as_array().unwrap();
    assert_eq!(hosts.len(), 2, "{topology:#}");
    for (layer, instances) in topology["layers"].as_object().unwrap() {
        assert_eq!(instances.as_array().unwrap().len(), 3, "{layer}");
    }
    let refused = cluster.ask(asked, &["host", "drain", &id]);
    assert!(!refused.status.success(), "it is no host any more");
    let zookeeper = cluster.ensemble.address("/gomera");
    let (host, directory) = &mut cluster.hosts[going];
    let began = Instant::now();
    *host = start_host(directory, &zookeeper, "3", &each);
    let listens = began.elapsed();
    cluster.wait_for(going, |topology| topology["ready"] == true);
    println!(
        "a host listens after {listens:?}, is ready after {:?}",
        began.elapsed()
    );
    let taken = cluster.ask(asked, &["scale", "matchers=3", "--wait"]);
    assert!(taken.status.success(), "{taken:?}");
    let topology = cluster.topology(asked);
    let matchers = topology["layers"]["matchers"].as_array().unwrap();
    assert!(
        matchers.iter().any(|matcher| matcher["host"] == 4),
        "the next operation uses the new host: {topology:#}"
    );
    check(&mut publisher, &mut subscriber);
}

fn leads(topology: &Value, id: u64) -> bool {
    let hosts = topology["hosts"].as_array().unwrap();
    hosts
        .iter()
        .any(|host| host["id"] == id && host["leads"] == true)
}
