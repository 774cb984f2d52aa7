//! A real ZooKeeper of a test's own: on free ports, with a directory of its own, ended with the test.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses a part of it, nobody is above it, and a test may fail where it stands"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Where Debian's package puts it.
const JARS: [&str; 2] = [
    "/usr/share/java/slf4j-simple.jar",
    "/usr/share/java/zookeeper.jar",
];
/// A tick; sessions last between two and twenty.
pub const TICK: Duration = Duration::from_millis(500);

/// Some servers, of which the test may stop any.
#[derive(Debug)]
pub struct Ensemble {
    servers: Vec<Server>,
    /// At which address clients reach them.
    reached: String,
}

#[derive(Debug)]
struct Server {
    directory: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Ensemble {
    /// Starts `count` servers, and waits until they answer.
    ///
    /// # Panics
    ///
    /// If there is no Java or no ZooKeeper on this machine: `scripts/test` installs both.
    pub fn start(name: &str, count: usize) -> Self {
        Self::start_at(name, count, &Ipv4Addr::LOCALHOST.to_string())
    }

    /// The same for clients that reach this machine at another address of it.
    pub fn start_at(name: &str, count: usize, reached: &str) -> Self {
        for jar in JARS {
            assert!(
                Path::new(jar).exists(),
                "{jar} is not there, and this test needs a real ZooKeeper: \
                 apt-get install --no-install-recommends zookeeper openjdk-17-jre-headless"
            );
        }
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("zookeeper-{name}"));
        let _ = fs::remove_dir_all(&home);
        let ports: Vec<[u16; 3]> = (0..count).map(|_| free_ports()).collect();
        let peers: Vec<String> = (ports.iter().enumerate())
            .map(|(index, [_, quorum, election])| {
                format!("server.{}=127.0.0.1:{quorum}:{election}", index + 1)
            })
            .collect();
        let servers = ports.iter().enumerate().map(|(index, [client, ..])| {
            let directory = home.join(format!("{}", index + 1));
            configure(&directory, (*client, reached), (index + 1, &peers));
            Server {
                directory,
                port: *client,
                process: None,
            }
        });
        let mut ensemble = Self {
            servers: servers.collect(),
            reached: reached.to_owned(),
        };
        for index in 0..count {
            ensemble.launch(index);
        }
        ensemble.wait();
        ensemble
    }

    /// As a broker is told.
    pub fn address(&self, chroot: &str) -> String {
        let servers: Vec<_> = (self.servers.iter())
            .map(|server| format!("{}:{}", self.reached, server.port))
            .collect();
        format!("{}{chroot}", servers.join(","))
    }

    /// Where each server takes clients.
    pub fn servers(&self) -> Vec<SocketAddr> {
        let address = |server: &Server| format!("{}:{}", self.reached, server.port);
        let servers = self.servers.iter().map(address);
        servers.map(|server| server.parse().unwrap()).collect()
    }

    /// Ends one server at once.
    pub fn kill(&mut self, index: usize) {
        if let Some(mut process) = self.servers[index].process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts one server again, with what it had.
    pub fn revive(&mut self, index: usize) {
        self.launch(index);
        self.wait();
    }

    /// Starts one server again without waiting for it.
    pub fn relaunch(&mut self, index: usize) {
        self.launch(index);
    }

    /// Which server leads the others, if one does.
    pub fn leader(&self) -> Option<usize> {
        let leads = |server: &Server| {
            server.process.is_some()
                && ask(&self.reached, server.port).is_some_and(|answer| answer.contains("leader"))
        };
        self.servers.iter().position(leads)
    }

    /// Lets one server do nothing.
    pub fn freeze(&self, index: usize) {
        self.signal(index, "STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self, index: usize) {
        self.signal(index, "CONT");
    }

    fn signal(&self, index: usize, signal: &str) {
        let process = self.servers[index].process.as_ref().unwrap();
        let id = process.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    fn launch(&mut self, index: usize) {
        let server = &mut self.servers[index];
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(server.directory.join("log"))
            .unwrap();
        let process = Command::new("java")
            .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .args(["-cp", &JARS.join(":")])
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(server.directory.join("zoo.cfg"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("java is on this machine: apt-get install openjdk-17-jre-headless");
        server.process = Some(process);
    }

    /// Waits until every server that runs serves clients.
    fn wait(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(40);
        for server in &mut self.servers {
            let Some(process) = &mut server.process else {
                continue;
            };
            while !ask(&self.reached, server.port).is_some_and(|answer| answer.contains("Mode:")) {
                let log = server.directory.join("log");
                let ended = process.try_wait().unwrap();
                assert!(ended.is_none(), "ZooKeeper ended: see {}", log.display());
                assert!(Instant::now() < deadline, "see {}", log.display());
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        for index in 0..self.servers.len() {
            if self.servers[index].process.is_some() {
                self.kill(index);
            }
            let _ = fs::remove_dir_all(&self.servers[index].directory);
        }
    }
}

fn configure(directory: &Path, (port, address): (u16, &str), (id, peers): (usize, &[String])) {
    let data = directory.join("data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("myid"), id.to_string()).unwrap();
    let mut text = format!(
        "tickTime={}\ndataDir={}\nclientPort={port}\nclientPortAddress={address}\n\
         admin.enableServer=false\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n",
        TICK.as_millis(),
        data.display(),
    );
    if peers.len() > 1 {
        text += &format!("initLimit=10\nsyncLimit=4\n{}\n", peers.join("\n"));
    }
    fs::write(directory.join("zoo.cfg"), text).unwrap();
}

/// Ports that nobody had a moment ago.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let holders = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    holders.map(|holder| holder.local_addr().unwrap().port())
}

/// What a server says of itself, if it serves.
fn ask(address: &str, port: u16) -> Option<String> {
    let ask = || {
        let mut stream = TcpStream::connect((address, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"srvr")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().ok()
}

/// A way to a server that can be cut, for one client among several.
pub struct Wire {
    pub address: SocketAddr,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    /// To the first server.
    pub fn to(ensemble: &Ensemble) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let wire = Self {
            address: listener.local_addr().unwrap(),
            cut: Arc::default(),
            open: Arc::default(),
        };
        let (cut, open) = (Arc::clone(&wire.cut), Arc::clone(&wire.open));
        let port = ensemble.servers[0].port;
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(near), false) = (stream, cut.load(Ordering::SeqCst)) else {
                    continue;
                };
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                    continue;
                };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
                open.lock().unwrap().extend([near, far]);
            }
        });
        wire
    }

    /// Nothing gets through any more.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Everything gets through again.
    pub fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}
