//! `gomera serve` and its companions as processes.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail where it stands"
)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use gomera::limits::STOP_WITHIN;
use gomera_model::silbo::ServerFrame;
use serde_json::Value;

mod raw;

use raw::{Directory, Raw, publication};

const GOMERA: &str = env!("CARGO_BIN_EXE_gomera");

/// A host in a process of its own, ended with its test.
struct Process {
    child: Child,
    directory: Directory,
    listening: SocketAddr,
    admin: String,
}

impl Process {
    fn start() -> Self {
        let directory = Directory::new();
        let mut child = gomera(directory.path())
            .args([
                "serve",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                "--copy-rate",
                "0",
            ])
            .arg("--data-dir")
            .arg(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let greeting: Value = serde_json::from_str(&line).unwrap();
        Self {
            child,
            directory,
            listening: greeting["listening"].as_str().unwrap().parse().unwrap(),
            admin: format!("http://{}", greeting["admin"].as_str().unwrap()),
        }
    }

    /// Runs a command against its admin port.
    fn ask(&self, arguments: &[&str]) -> Output {
        let admin = ["--admin", &self.admin, "--json"];
        gomera(self.directory.path())
            .args(arguments)
            .args(admin)
            .output()
            .unwrap()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program without settings of whoever runs the test.
fn gomera(directory: &Path) -> Command {
    let mut command = Command::new(GOMERA);
    command.env_clear().env("HOME", directory);
    command
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_lets_clients_finish_and_ends_with_zero() {
    let mut host = Process::start();
    let client = Raw::connect(host.listening, host.directory.path()).await;
    let mut subscriber = client.session().await;
    subscriber.subscribe(1, "number > 0").await;
    let mut publisher = client.publisher(7).await;
    publisher.send(&publication(1)).await;
    let published = publisher.next().await;
    assert!(
        matches!(published, ServerFrame::Published { .. }),
        "{published:?}"
    );

    let began = Instant::now();
    host.signal("-TERM");
    // What was acknowledged arrives, beside the request to go.
    let (mut goaway, mut delivered) = (false, false);
    while !(goaway && delivered) {
        match subscriber.next().await {
            ServerFrame::Goaway => goaway = true,
            ServerFrame::Deliver(_) => delivered = true,
            other => panic!("{other:?}"),
        }
    }
    let status = tokio::task::block_in_place(|| host.child.wait()).unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() < STOP_WITHIN, "{:?}", began.elapsed());
}

#[test]
fn people_scale_and_look() {
    let host = Process::start();
    let scaled = host.ask(&["scale", "matchers=3", "--wait"]);
    assert_eq!(scaled.status.code(), Some(0), "{scaled:?}");
    assert_eq!(json(&scaled)["outcome"]["result"], "done");
    let status = json(&host.ask(&["status"]));
    assert_eq!(
        status["topology"]["layers"]["matchers"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(status["load"]["instances"].as_array().unwrap().len(), 6);
    let operation = json(&host.ask(&["operations"]));
    assert_eq!(operation["layers"]["matchers"]["to"], 3);
    let plan = json(&host.ask(&["scale", "matchers=1", "--dry-run"]));
    assert_eq!(plan["slots_moved"], 2730);
    let refused = host.ask(&["scale", "matchers=0"]);
    assert_eq!(refused.status.code(), Some(1));
    let late = host.ask(&["operations", "1", "--abort"]);
    assert_eq!(late.status.code(), Some(1));
}

#[test]
fn people_scale_every_layer_in_one_request() {
    let host = Process::start();
    for count in ["2", "1"] {
        let layers = [
            "connection-points",
            "access-points",
            "matchers",
            "exit-points",
        ];
        let wishes = layers.map(|layer| format!("{layer}={count}"));
        let mut request = vec!["scale", "--wait"];
        request.extend(wishes.iter().map(String::as_str));
        let scaled = host.ask(&request);
        assert_eq!(scaled.status.code(), Some(0), "{scaled:?}");
        let last = json(&scaled);
        assert_eq!(last["outcome"]["result"], "done");
        assert_eq!(last["expected"]["subscriptions"], 0, "{last}");
        let status = json(&host.ask(&["status"]));
        for layer in layers {
            let there = &status["topology"]["layers"][layer.replace('-', "_")];
            assert_eq!(
                there.as_array().unwrap().len().to_string(),
                count,
                "{layer}"
            );
        }
    }
}

/// What a command line that cannot be comes to.
fn check_usage(arguments: &[&str], expected: &str) {
    let directory = Directory::new();
    let output = gomera(directory.path()).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(expected), "{told}");
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    check_usage(
        &["serve", "--zookeeper", "localhost/gomera"],
        "`localhost` is no server of an ensemble",
    );
    check_usage(
        &["serve", "--roles", "matcher"],
        "--roles without `connection-point`",
    );
    check_usage(&["serve", "--roles", "broker"], "broker");
    check_usage(&["scale", "mappers=1"], "`mappers` is no layer");
    check_usage(&["scale", "matchers=1", "matchers=2"], "named twice");
}

#[test]
fn nobody_there_is_said_so() {
    let directory = Directory::new();
    let arguments = ["status", "--admin", "http://127.0.0.1:1"];
    let output = gomera(directory.path()).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("no answer from http://127.0.0.1:1"), "{told}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let host = Process::start();
    let directory = Directory::new();
    let taken = host.listening.to_string();
    let output = gomera(directory.path())
        .args(["serve", "--admin-listen", "127.0.0.1:0", "--listen", &taken])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains(&format!("cannot listen at {taken} (UDP)")),
        "{told}"
    );
}
