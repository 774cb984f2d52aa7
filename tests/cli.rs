//! The command line as users know it: a broker in one process, publishers and subscribers in others.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use process::{Broker, Directory, PATIENCE, Process, gomera};

const SHIPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ships.csv");

/// Of each ship report its line, and the subscriptions that should match: faster than ten knots, and tankers.
fn ships() -> BTreeMap<u64, Vec<u64>> {
    let text = fs::read_to_string(SHIPS).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (speed, kind) = (column("sog"), column("type"));
    let mut expected = BTreeMap::new();
    for (index, line) in text.lines().enumerate().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let mut matching = Vec::new();
        if fields[speed].parse().is_ok_and(|speed: f64| speed > 10.0) {
            matching.push(1);
        }
        if fields[kind]
            .parse()
            .is_ok_and(|kind: u32| (80..=89).contains(&kind))
        {
            matching.push(2);
        }
        if !matching.is_empty() {
            // The header is line 1, and seq 1 is the first line after it.
            expected.insert(index as u64, matching);
        }
    }
    assert!(expected.len() > 100, "the file has ships that match");
    expected
}

/// What a subscriber printed of one publisher: its numbers, in order, and the subscriptions of each.
fn delivered(lines: &[Value], publisher: &Value) -> BTreeMap<u64, Vec<u64>> {
    let mut last = 0;
    let mut found = BTreeMap::new();
    for line in lines.iter().filter(|line| line["publisher"] == *publisher) {
        let seq = line["seq"].as_u64().unwrap();
        assert!(seq > last, "in order, and once: {line}");
        last = seq;
        let numbers = line["subscriptions"].as_array().unwrap();
        let numbers = numbers.iter().map(|number| number.as_u64().unwrap());
        found.insert(seq, numbers.collect());
    }
    found
}

/// Publishes something that everybody gets, so that its arrival means that all before has arrived.
fn publish_end(broker: &Broker, data: &Path) {
    let end = data.join("end.ndjson");
    fs::write(&end, "{\"sog\":99.5,\"end\":true}\n").unwrap();
    let (output, _) = broker.publish(data, &[end.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
}

fn is_end(line: &Value) -> bool {
    line["attrs"]["end"] == true
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_first_session_in_three_terminals() {
    let directory = Directory::new();
    let data = directory.path();
    let broker = Broker::start(data);
    let subscriber = broker.subscribe(data, &["sog > 10", "type BETWEEN 80 AND 89"]);
    // The second publisher is at work while the matchers become three.
    let (output, first) = broker.publish(data, &[SHIPS]);
    assert!(output.status.success(), "{output:?}");
    let mut paced = Process::start(
        broker
            .client(data, "publish")
            .args(["--rate", "1000", SHIPS]),
    );
    let scaled = broker.ask(data, &["scale", "matchers=3", "--wait"]);
    assert!(scaled.status.success(), "{scaled:?}");
    let second = paced.json();
    assert!(paced.end().0.success());
    publish_end(&broker, data);
    let lines = subscriber.json_until(is_end);
    let expected = ships();
    for summary in [&first, &second] {
        assert_eq!(delivered(&lines, &summary["publisher"]), expected);
        assert_eq!(summary["published"], 2000);
        assert_eq!(summary["acknowledged"], 2000);
        assert_eq!(summary["refused"], 0);
        assert_eq!(summary["matched_any"], expected.len());
    }
    let status = broker.ask(data, &["status"]);
    assert!(status.status.success(), "{status:?}");
}

#[test]
fn values_arrive_with_their_types() {
    let directory = Directory::new();
    let data = directory.path();
    let broker = Broker::start(data);
    let subscriber = broker.subscribe(data, &["--count", "2", "TRUE"]);
    let csv = directory.file(
        "a.csv",
        b"name,speed,count,on,code\nA,1.5,3,true,7\nB,2,,FALSE,8\n",
    );
    let (output, summary) = broker.publish(data, &["--type", "code:string", csv.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(summary["matched"], 2);
    let (first, second) = (subscriber.json(), subscriber.json());
    let expected = json!({"name": "A", "speed": 1.5, "count": 3, "on": true, "code": "7"});
    assert_eq!(first["attrs"], expected);
    let expected = json!({"name": "B", "speed": 2.0, "on": false, "code": "8"});
    assert_eq!(second["attrs"], expected, "an empty field is absent");
    assert_eq!(second["subscriptions"], json!([1]));
    assert!(second["latency_ms"].as_f64().unwrap() < PATIENCE.as_secs_f64() * 1e3);
}

#[test]
fn nested_json_is_matched_by_dotted_names_and_arrives_as_it_was() {
    let directory = Directory::new();
    let data = directory.path();
    let broker = Broker::start(data);
    let subscriber = broker.subscribe(data, &["--count", "1", "reading.temperature > 20"]);
    let event = json!({"device": "d-1", "reading": {"temperature": 21.5, "raw": [1, null, "x"]}});
    let file = directory.file("a.ndjson", format!("{event}\n").as_bytes());
    let (output, _) = broker.publish(data, &[file.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(subscriber.json()["attrs"], event);
}

#[test]
fn a_broken_line_costs_itself() {
    let directory = Directory::new();
    let data = directory.path();
    let broker = Broker::start(data);
    let subscriber = broker.subscribe(data, &["--count", "3", "TRUE"]);
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(70_000));
    let lines = [
        "{\"a\":1}",
        "{\"a\":",
        "{\"a\":2}",
        &huge,
        "{\"a\":NaN}",
        "{\"a\":3}",
    ];
    let file = directory.file("a.ndjson", lines.join("\n").as_bytes());
    let (output, summary) = broker.publish(data, &["--acks", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let complaints = stderr(&output);
    for line in ["line 2: ", "line 4: ", "line 5: "] {
        assert!(complaints.contains(line), "{complaints}");
    }
    assert_eq!(summary["published"], 3);
    assert_eq!(summary["acknowledged"], 3);
    assert_eq!(summary["refused"], 3);
    let said = String::from_utf8(output.stdout).unwrap();
    let acknowledged: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["matched"] == 1)
        .collect();
    let numbers = |name: &str| acknowledged.iter().map(|line| line[name].clone()).collect();
    let (lines, seqs): (Vec<Value>, Vec<Value>) = (numbers("line"), numbers("seq"));
    assert_eq!(lines, [1, 3, 6]);
    assert_eq!(seqs, [1, 2, 3]);
    let values: Vec<Value> = (0..3)
        .map(|_| subscriber.json()["attrs"]["a"].clone())
        .collect();
    assert_eq!(values, [1, 2, 3]);
}

#[test]
fn a_filter_that_is_refused_is_named() {
    let directory = Directory::new();
    let data = directory.path();
    let broker = Broker::start(data);
    let output = broker
        .client(data, "subscribe")
        .args(["a = 1", "a ="])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("filter 2: "), "{output:?}");
    assert!(
        output.stdout.is_empty(),
        "nothing is subscribed: {output:?}"
    );
}

#[test]
fn a_restarted_broker_knows_no_session_and_the_subscriber_begins_afresh() {
    let directory = Directory::new();
    let data = directory.path();
    let mut broker = Broker::start(data);
    let subscriber = broker.subscribe(data, &["a > 0"]);
    let file = directory.file("a.ndjson", b"{\"a\":1}\n");
    broker.publish(data, &[file.to_str().unwrap()]);
    assert_eq!(subscriber.json()["attrs"]["a"], 1);
    let address = broker.listening.to_string();
    broker.process.signal("-KILL");
    broker.process.end();
    let broker = Broker::start_at(data, &address);
    assert_eq!(subscriber.json(), json!({"resumed": "fresh"}));
    assert_eq!(subscriber.json(), json!({"subscribed": [1]}));
    let (output, _) = broker.publish(data, &[file.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(subscriber.json()["attrs"]["a"], 1);
}

#[test]
fn a_broker_that_is_told_to_stop_lets_everybody_finish() {
    let directory = Directory::new();
    let data = directory.path();
    let mut broker = Broker::start(data);
    let subscriber = broker.subscribe(data, &["TRUE"]);
    let mut publisher = Process::start(
        broker
            .client(data, "publish")
            .args(["--acks", "--rate", "500", SHIPS]),
    );
    let mut acknowledged: BTreeSet<u64> = BTreeSet::new();
    let mut note = |line: &Value| acknowledged.extend(line["seq"].as_u64());
    publisher
        .json_until(|line| line["seq"] == 100)
        .iter()
        .for_each(&mut note);
    broker.process.signal("-TERM");
    let (status, took) = broker.process.end();
    assert_eq!(status.code(), Some(0));
    let within = gomera::limits::STOP_WITHIN;
    assert!(took < within + Duration::from_secs(1), "took {took:?}");
    publisher.signal("-INT");
    publisher.signal("-INT");
    publisher.end();
    let (lines, _) = publisher.rest();
    for line in lines {
        note(&serde_json::from_str(&line).unwrap());
    }
    let newest = *acknowledged.last().unwrap();
    let arrived = subscriber.json_until(|line| line["seq"].as_u64() >= Some(newest));
    let arrived: BTreeSet<u64> = arrived
        .iter()
        .filter_map(|line| line["seq"].as_u64())
        .collect();
    assert!(
        arrived.is_superset(&acknowledged),
        "what was acknowledged has arrived"
    );
}

#[test]
fn a_subscriber_ends_when_it_has_enough_or_nobody_reads() {
    let directory = Directory::new();
    let data = directory.path();
    let broker = Broker::start(data);
    let mut patient = broker.subscribe(data, &["--for", "0.2", "FALSE"]);
    assert_eq!(patient.end().0.code(), Some(0));
    let mut disappointed = broker.subscribe(data, &["--for", "0.2", "--count", "1", "FALSE"]);
    assert_eq!(disappointed.end().0.code(), Some(1));
    let mut subscribe = broker.client(data, "subscribe");
    let mut unread = subscribe
        .arg("TRUE")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(unread.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    publish_end(&broker, data);
    assert_eq!(unread.wait().unwrap().code(), Some(0));
}

#[test]
fn what_comes_later_is_refused_by_name() {
    let directory = Directory::new();
    let check = |arguments: &[&str], name: &str| {
        let output = gomera(directory.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(stderr(&output).contains(name), "{arguments:?}: {output:?}");
    };
    check(&["subscribe", "--durable", "mine", "TRUE"], "--durable");
    check(
        &["publish", "--acknowledgement", "durable", "-"],
        "--acknowledgement",
    );
    check(&["subscribe"], "FILTER");
    check(&["publish", "--rate", "0", "-"], "--rate");
    check(&["publish", "--type", "a:date", "-"], "--type");
    check(&["subscribe", "--dialect", "latin", "TRUE"], "--dialect");
}

#[test]
fn nobody_there_is_a_failure_with_a_reason() {
    let directory = Directory::new();
    let data = directory.path();
    let address = {
        let mut broker = Broker::start(data);
        broker.process.signal("-TERM");
        broker.process.end();
        broker.url()
    };
    for command in ["publish", "subscribe"] {
        let argument = if command == "publish" { SHIPS } else { "TRUE" };
        let arguments = [command, "--server", &address, argument];
        let output = gomera(data).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains("could be reached"), "{output:?}");
    }
    let empty = Directory::new();
    let output = gomera(empty.path())
        .args(["subscribe", "TRUE"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("ca.pem"), "{output:?}");
}

#[test]
fn filters_are_explained_without_a_broker() {
    let directory = Directory::new();
    let run = |arguments: &[&str]| {
        let output = gomera(directory.path())
            .arg("filter")
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = run(&["check", "--json", "a > 1 AND b * 2 = 4"]);
    let checked: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(checked["cost_class"], "indexed");
    assert_eq!(checked["residual"], json!(["b * 2 = 4"]));
    assert_eq!(run(&["check", "a >"]).0, Some(3));
    let (code, text) = run(&["explain", "a > 1", "--event", "{\"a\":\"x\"}", "--json"]);
    let explained: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(explained["clauses"][0]["reason"], "unlike");
    assert_eq!(explained["clauses"][0]["answered_by"], "index");
    let cases = concat!(
        "{\"suite\":\"s\",\"id\":1,\"expr\":\"a > 1\",\"attrs\":{\"a\":2},\"expect\":\"true\"}\n",
        "{\"suite\":\"s\",\"id\":2,\"expr\":\"a > 1\",\"attrs\":{},\"expect\":\"false\"}\n",
    );
    let cases = directory.file("cases.jsonl", cases.as_bytes());
    let cases = cases.to_str().unwrap();
    let (code, text) = run(&["test", cases]);
    assert_eq!((code, text.lines().count()), (Some(0), 2));
    let (code, text) = run(&["test", "--expect", cases]);
    assert_eq!(
        (code, text.lines().count()),
        (Some(3), 1),
        "the second fails: {text}"
    );
}

#[test]
fn flags_of_commands_below_a_command_can_be_set_too() {
    let directory = Directory::new();
    let check = |dialect: &str, expected: &str| {
        let mut command = gomera(directory.path());
        let command = command.args(["filter", "check", "--json", "a = 1"]);
        let output = command
            .env("GOMERA__FILTER__DIALECT", dialect)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output);
        assert!(said.contains(expected), "{said}");
    };
    check("jms", "\"dialect\":\"jms\"");
    check("latin", "no such dialect");
}
