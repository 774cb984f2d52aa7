//! The hosts as processes, and what they say of the cluster.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gomera_model::Topology;
use serde_json::{Value, json};

use crate::admin::{self, Admin};
use crate::network::{Network, OPERATOR_PORT, Place};
use crate::options::Layout;

/// The phases of an operation, in order. The buffered strategy closes before it copies; who waits for the one is content
/// with the other.
const PHASES: [&str; 6] = ["prepare", "copy", "close", "commit", "fill", "drain"];
/// Looking at a host that answers takes a millisecond.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Where one host runs, again and again.
#[derive(Debug)]
pub(crate) struct Site {
    /// From 1.
    pub(crate) number: usize,
    roles: Option<&'static str>,
    address: IpAddr,
    /// Where ZooKeeper is, as this host reaches it.
    zookeeper: String,
    directory: PathBuf,
    process: Option<Child>,
    /// How often a host had begun here before the present process.
    begun_before: usize,
    /// Stopped by a signal.
    pub(crate) is_stopped: bool,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) sites: Vec<Site>,
    pub(crate) network: Network,
    counts: Vec<String>,
}

impl Fleet {
    /// None yet.
    pub(crate) fn new(network: Network, standby: bool) -> Self {
        let replicas = usize::from(standby).to_string();
        let counts = [
            "--connection-points",
            "2",
            "--access-points",
            "2",
            "--matchers",
            "2",
            "--exit-points",
            "2",
            "--matcher-replicas",
            &replicas,
        ];
        Self {
            sites: Vec::new(),
            network,
            counts: counts.map(str::to_owned).to_vec(),
        }
    }

    /// Starts a host for each place of the layout, instead of those before; everything they leave is below `home`.
    pub(crate) fn start(
        &mut self,
        layout: Layout,
        (servers, path): (&[SocketAddr], &str),
        home: &Path,
    ) {
        self.sites.clear();
        let roles: &[Option<&'static str>] = match layout {
            Layout::Hosts => &[None; 3],
            Layout::Instances => &[
                Some("connection-point"),
                Some("connection-point"),
                Some("access-point,coordinator"),
                Some("access-point,coordinator"),
                Some("matcher,coordinator"),
                Some("matcher"),
                Some("exit-point"),
                Some("exit-point"),
                Some("exit-point"),
            ],
        };
        let sites = roles.iter().enumerate().map(|(index, roles)| Site {
            number: index + 1,
            roles: *roles,
            address: self.network.address(Place::Host(index + 1)),
            zookeeper: self.network.store(index + 1, servers) + path,
            directory: home.join(format!("host-{}", index + 1)),
            process: None,
            begun_before: 0,
            is_stopped: false,
        });
        self.sites = sites.collect();
        for index in 0..self.sites.len() {
            if index > 0 {
                self.share_authorities(index);
            }
            self.launch(index);
            // The first one makes the authorities.
            self.sites[index].wait_for_words(Duration::from_secs(40));
        }
    }

    /// Starts the host of a place that has none.
    pub(crate) fn launch(&mut self, index: usize) {
        let site = &mut self.sites[index];
        fs::create_dir_all(&site.directory).expect("a directory of its own");
        let mut command = self
            .network
            .command(site.number, env!("CARGO_BIN_EXE_gomera"));
        command
            .env_clear()
            .env("XDG_DATA_HOME", &site.directory)
            .arg("serve");
        let own = |port: u16| format!("{}:{port}", site.address);
        let reached = SocketAddr::new(self.network.reached(site.number), OPERATOR_PORT);
        command.arg("--operator-address").arg(reached.to_string());
        command.args([
            "--json",
            "--log",
            "info,gomera=debug",
            "--zookeeper",
            &site.zookeeper,
            "--zookeeper-session",
            "2",
        ]);
        command.args([
            "--listen",
            &own(7454),
            "--admin-listen",
            &own(7455),
            "--operator-listen",
            &own(7456),
        ]);
        command.args([
            "--copy-rate",
            "4000",
            "--host-name",
            &format!("site-{}", site.number),
        ]);
        command
            .args(["--hosts", &self.hosts_min()])
            .args(&self.counts);
        if let Some(roles) = self.sites[index].roles {
            command.args(["--roles", roles]);
        }
        let site = &mut self.sites[index];
        site.begun_before = site.beginnings();
        site.process = Some(site.spawn(command));
    }

    /// Ends a host at once.
    pub(crate) fn kill(&mut self, index: usize) {
        self.sites[index].end();
    }

    /// Sends a signal to a host.
    pub(crate) fn signal(&mut self, index: usize, signal: &str) {
        let site = &mut self.sites[index];
        if let Some(process) = &site.process {
            let id = process.id().to_string();
            let sent = Command::new("kill").args(["-s", signal, &id]).status();
            assert!(
                sent.is_ok_and(|sent| sent.success()),
                "{signal} is sent to host {}",
                site.number
            );
            site.is_stopped = signal == "STOP";
        }
    }

    /// Whether the process of a place has ended, of itself or because it was asked to.
    pub(crate) fn has_ended(&mut self, index: usize) -> bool {
        let process = self.sites[index].process.as_mut();
        process.is_none_or(|process| matches!(process.try_wait(), Ok(Some(_)) | Err(_)))
    }

    /// Where clients connect.
    pub(crate) fn servers(&self) -> Vec<String> {
        let with_clients = self
            .sites
            .iter()
            .filter(|site| site.has_role("connection-point"));
        let urls = with_clients.map(|site| format!("silbo://{}:7454", site.address));
        urls.collect()
    }

    /// Where hosts are asked.
    pub(crate) fn admins(&self) -> Vec<String> {
        let sites = self.sites.iter();
        sites
            .map(|site| format!("http://{}", site.admin()))
            .collect()
    }

    /// The authority that clients believe.
    pub(crate) fn authority(&self) -> PathBuf {
        self.sites[0].files().join("ca.pem")
    }

    /// The topology as the leader sees it, if it can be asked.
    pub(crate) fn topology(&self) -> Option<Value> {
        let seen = |site: &Site| admin::show(site.admin(), "/v1/topology").ok();
        let mut first = None;
        for site in self.awake() {
            let Some((200, topology)) = seen(site) else {
                continue;
            };
            if leader(&topology) == Some(site.name()) {
                return Some(topology);
            }
            first.get_or_insert(topology);
        }
        first
    }

    /// The topology with the owner of every slot, if any host can be asked.
    pub(crate) fn document(&self) -> Option<Topology> {
        let shown = |site: &Site| admin::show(site.admin(), "/v1/topology/document").ok();
        let (_, document) = self.awake().find_map(shown)?;
        serde_json::from_value(document).ok()
    }

    /// The places of hosts on which something runs.
    pub(crate) fn busy(&self) -> Vec<usize> {
        let topology = self.topology().unwrap_or_default();
        let hosts = topology["hosts"].as_array();
        let runs = |host: &&Value| host["instances"].as_u64() > Some(0);
        let names = hosts
            .into_iter()
            .flatten()
            .filter(runs)
            .map(|host| host["name"].as_str());
        let names: BTreeSet<_> = names.collect();
        let is_busy = |index: &usize| names.contains(&Some(self.sites[*index].name().as_str()));
        (0..self.sites.len()).filter(is_busy).collect()
    }

    /// The place of the host that leads.
    pub(crate) fn leader(&self) -> Option<usize> {
        let name = leader(&self.topology()?)?;
        self.sites.iter().position(|site| site.name() == name)
    }

    /// Asks for another number of instances, and waits until the operation is in a phase or behind it; the phase that it
    /// is in then, unless it is over. What was answered, if it did not begin.
    pub(crate) fn scale_until(
        &self,
        layer: &str,
        (count, strategy): (usize, &str),
        phase: &str,
    ) -> Result<Option<String>, String> {
        let leader = self.leader().ok_or("nobody leads")?;
        let address = self.sites[leader].admin();
        let mut admin = Admin::open(address).map_err(|error| error.to_string())?;
        let body = json!({"layers": {layer: count}, "strategy": strategy});
        let asking = thread::spawn(move || admin::post(address, "/v1/scale", &body));
        let mut last = None;
        loop {
            let is_answered = asking.is_finished();
            let (_, topology) = admin
                .show("/v1/topology")
                .map_err(|error| error.to_string())?;
            let present = topology["operation"]["phase"].as_str();
            let is_at = |name: &str| PHASES.iter().position(|phase| *phase == name);
            if present.is_some_and(|present| is_at(present) >= is_at(phase)) {
                return Ok(present.map(str::to_owned));
            }
            if present.is_none() && (last.is_some() || is_answered) {
                let answer = asking.join().map_err(|_| "nobody asked")?;
                return match answer {
                    Ok((202, _)) => Ok(None),
                    Ok((status, answer)) => Err(format!("{status}: {answer}")),
                    Err(error) => Err(error.to_string()),
                };
            }
            last = present.map(str::to_owned);
        }
    }

    /// Waits until all hosts are there, everything runs and nothing is under way; for how long that took. What the
    /// cluster said last, if it takes too long.
    pub(crate) fn settle(&mut self, within: Duration) -> Result<Duration, Value> {
        let began = Instant::now();
        loop {
            let topology = self.topology().unwrap_or_default();
            if self.is_settled(&topology) {
                return Ok(began.elapsed());
            }
            if began.elapsed() > within {
                return Err(topology);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn is_settled(&self, topology: &Value) -> bool {
        let hosts = topology["hosts"].as_array();
        let there = hosts.into_iter().flatten();
        let ids = |present: &Value| (present["present"] == true).then(|| present["id"].as_u64());
        let there: BTreeSet<_> = there.map(|host| ids(host).flatten()).collect();
        let started: BTreeSet<_> = self.sites.iter().map(Site::host).collect();
        let is_quiet = topology["available"] == true && topology["operation"].is_null();
        // One that should be there and is not is none of those that were started.
        there == started && topology["ready"] == true && is_quiet && self.is_stood_by(topology)
    }

    /// Whether every standby that there shall be has been sent all it is to have.
    fn is_stood_by(&self, topology: &Value) -> bool {
        let Some(wanted) = topology["standbys"].as_u64() else {
            return true;
        };
        let sent = |site: &Site| {
            let (_, load) = admin::show(site.admin(), "/v1/load").ok()?;
            let instances = load["instances"].as_array()?;
            let sent = instances.iter().map(|one| one["slots_stood_by"].as_u64());
            sent.sum::<Option<u64>>()
        };
        self.awake().map(sent).sum::<Option<u64>>() == Some(wanted)
    }

    fn awake(&self) -> impl Iterator<Item = &Site> {
        self.sites
            .iter()
            .filter(|site| site.process.is_some() && !site.is_stopped)
    }

    fn hosts_min(&self) -> String {
        self.sites.len().to_string()
    }

    fn share_authorities(&self, index: usize) {
        let (from, to) = (self.sites[0].files(), self.sites[index].files());
        fs::create_dir_all(&to).expect("a directory of its own");
        for name in ["ca", "cluster-ca"] {
            for file in [format!("{name}.pem"), format!("{name}.key")] {
                fs::copy(from.join(&file), to.join(&file)).expect("the first host has made it");
            }
        }
    }
}

impl Site {
    /// What the hosts of this place are called.
    pub(crate) fn name(&self) -> String {
        format!("site-{}", self.number)
    }

    /// Where it is asked.
    pub(crate) fn admin(&self) -> SocketAddr {
        SocketAddr::new(self.address, 7455)
    }

    /// Which host is here, once it has said so.
    pub(crate) fn host(&self) -> Option<u64> {
        let said = self.greetings();
        let last = said.last().filter(|_| said.len() > self.begun_before)?;
        last["host"].as_u64()
    }

    /// How often a host has begun here, restarts of its own included.
    pub(crate) fn beginnings(&self) -> usize {
        self.greetings().len()
    }

    fn greetings(&self) -> Vec<Value> {
        let said = fs::read_to_string(self.directory.join("said")).unwrap_or_default();
        let lines = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .filter(|line: &Value| line["listening"].is_string())
            .collect()
    }

    /// Waits until it says that it is ready; for how long, if it does.
    pub(crate) fn wait_ready(&self, within: Duration) -> Option<Duration> {
        let began = Instant::now();
        while began.elapsed() < within {
            if matches!(admin::show(self.admin(), "/readyz"), Ok((200, _))) {
                return Some(began.elapsed());
            }
            thread::sleep(LOOK_EVERY);
        }
        None
    }

    /// Whether it may run what has this name on the command line.
    pub(crate) fn has_role(&self, role: &str) -> bool {
        let roles = self.roles.map(|roles| roles.split(','));
        roles.is_none_or(|mut roles| roles.any(|one| one == role))
    }

    fn wait_for_words(&self, within: Duration) {
        let began = Instant::now();
        while self.beginnings() == 0 {
            assert!(
                began.elapsed() < within,
                "host {} does not start: see {}",
                self.number,
                self.directory.display()
            );
            thread::sleep(LOOK_EVERY);
        }
    }

    fn files(&self) -> PathBuf {
        self.directory.join("gomera")
    }

    fn spawn(&self, mut command: Command) -> Child {
        let open = |name| {
            let file = File::options()
                .create(true)
                .append(true)
                .open(self.directory.join(name));
            file.expect("a file of its own")
        };
        command
            .stdin(Stdio::null())
            .stdout(open("said"))
            .stderr(open("log"));
        command.spawn().expect("a host is started")
    }

    fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        self.is_stopped = false;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.end();
    }
}

fn leader(topology: &Value) -> Option<String> {
    let hosts = topology["hosts"].as_array()?;
    let leader = hosts.iter().find(|host| host["leads"] == true)?;
    leader["name"].as_str().map(str::to_owned)
}
