//! `gomera` as users run it: processes, their lines, their ends.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses a part of it, nobody is above it, and a test may fail where it stands"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything here takes on a slow machine; whoever waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A directory of its own, gone with its test.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cli-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it with this text.
    pub fn file(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The command, with nothing of the tester's own settings.
pub fn gomera(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gomera"));
    command.env_clear().env("XDG_DATA_HOME", data);
    command
}

/// A process that is ended with its test, and the lines that it prints.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let errors = lines_of(child.stderr.take().unwrap());
        Self {
            child,
            lines,
            errors,
        }
    }

    /// The next line that it prints, which is JSON.
    pub fn json(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE);
        let line = line.expect("it prints another line in time");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Its lines up to the first for which `is_last` holds, that one included.
    pub fn json_until(&self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut found = Vec::new();
        loop {
            let line = self.json();
            let ends = is_last(&line);
            found.push(line);
            if ends {
                return found;
            }
        }
    }

    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// How it ends, and within which time.
    pub fn end(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, began.elapsed());
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What is left of its lines and of its complaints, once it has ended.
    pub fn rest(&self) -> (Vec<String>, Vec<String>) {
        (self.lines.iter().collect(), self.errors.iter().collect())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running broker.
pub struct Broker {
    pub process: Process,
    pub listening: SocketAddr,
    pub admin: String,
    /// Its first words.
    pub greeting: Value,
}

impl Broker {
    /// Starts one at any free port.
    pub fn start(data: &Path) -> Self {
        Self::start_at(data, "127.0.0.1:0")
    }

    pub fn start_at(data: &Path, listen: &str) -> Self {
        Self::start_with(data, listen, &[])
    }

    pub fn start_with(data: &Path, listen: &str, further: &[&str]) -> Self {
        let arguments = [
            "--json",
            "--listen",
            listen,
            "--admin-listen",
            "127.0.0.1:0",
        ];
        let mut command = gomera(data);
        command.arg("serve").args(arguments).args(further);
        let process = Process::start(&mut command);
        let greeting = process.json();
        Self {
            process,
            listening: greeting["listening"].as_str().unwrap().parse().unwrap(),
            admin: format!("http://{}", greeting["admin"].as_str().unwrap()),
            greeting,
        }
    }

    /// As clients name it.
    pub fn url(&self) -> String {
        format!("silbo://{}", self.listening)
    }

    /// A client command to it, to be started.
    pub fn client(&self, data: &Path, command: &str) -> Command {
        let mut gomera = gomera(data);
        gomera.args([command, "--server", &self.url()]);
        gomera
    }

    /// A subscriber whose subscriptions are acknowledged.
    pub fn subscribe(&self, data: &Path, arguments: &[&str]) -> Process {
        let process = Process::start(self.client(data, "subscribe").args(arguments));
        let first = process.json();
        assert!(first["subscribed"].is_array(), "{first}");
        process
    }

    /// Publishes a file and gives its closing line.
    pub fn publish(&self, data: &Path, arguments: &[&str]) -> (Output, Value) {
        let output = self
            .client(data, "publish")
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let last = text.lines().last().unwrap_or_else(|| panic!("{output:?}"));
        let summary = serde_json::from_str(last).unwrap();
        (output, summary)
    }

    /// Runs a command against its admin port.
    pub fn ask(&self, data: &Path, arguments: &[&str]) -> Output {
        let admin = ["--admin", &self.admin, "--json"];
        gomera(data).args(arguments).args(admin).output().unwrap()
    }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
