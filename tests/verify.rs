//! `gomera verify` as users run it: against a broker that is right, and against one that misbehaves on purpose.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod meddler;
mod process;
mod raw;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use meddler::{Fault, Meddler};
use process::{Broker, Directory, gomera};
use raw::TestBroker;

/// What a verification says: its exit code, and its report.
struct Said {
    code: Option<i32>,
    report: Value,
    output: Output,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = text.lines().last().unwrap_or_else(|| panic!("{output:?}"));
        Self {
            code: output.status.code(),
            report: serde_json::from_str(last).unwrap(),
            output,
        }
    }

    fn count(&self, name: &str) -> u64 {
        self.report["verdict"][name]
            .as_u64()
            .unwrap_or_else(|| panic!("{}", self.report))
    }

    /// The names of all that was found.
    fn found(&self) -> Vec<&str> {
        let verdict = self.report["verdict"].as_object().unwrap();
        let counts = verdict
            .iter()
            .filter(|(_, count)| count.as_u64().unwrap_or(0) > 0);
        // The sum of two others.
        counts
            .map(|(name, _)| name.as_str())
            .filter(|name| *name != "holes")
            .collect()
    }
}

/// Verifies a broker behind somebody who makes a fault.
fn meddled(fault: Fault, further: &[&str]) -> Said {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_broker, meddler) = runtime.block_on(async {
        let broker = TestBroker::start();
        let meddler = Meddler::before(broker.broker.listening(), broker.directory.path(), fault);
        (broker, meddler)
    });
    let data = Directory::new();
    let server = format!("silbo://{}", meddler.address);
    let mut command = gomera(data.path());
    command
        .args(["verify", "--json", "--server", &server, "--ca"])
        .arg(&meddler.authority);
    command.args([
        "--admin",
        "http://127.0.0.1:1",
        "--seconds",
        "3",
        "--patience",
        "3",
        "--seed",
        "7",
    ]);
    command.args([
        "--rate",
        "400",
        "--subscribers",
        "4",
        "--filters",
        "40",
        "--changes",
        "20",
    ]);
    command
        .args(further)
        .arg("--records")
        .arg(records(data.path()));
    let said = Said::of(command.output().unwrap());
    let done = *meddler.done.lock().unwrap();
    assert_eq!(
        done > 0,
        fault != Fault::None,
        "{fault:?} was made {done} times"
    );
    said
}

fn records(data: &Path) -> PathBuf {
    data.join("records")
}

/// A fault is found under its name, and nothing else is; and the first story tells these.
fn check(fault: Fault, expected: &[&str], told: &[&str]) {
    let said = meddled(fault, &[]);
    assert_eq!(said.code, Some(3), "{:?}", said.output);
    assert_eq!(said.found(), expected, "{}", said.report);
    let story = said.report["violations"][0].as_str().unwrap();
    for part in told {
        assert!(story.contains(part), "{part} in:\n{story}");
    }
}

#[test]
fn where_nobody_meddles_nothing_is_found() {
    let said = meddled(Fault::None, &[]);
    assert_eq!(said.code, Some(0), "{}", said.report);
    assert!(said.found().is_empty());
    assert!(said.report["pairs_true"].as_u64().unwrap() > 100);
}

#[test]
fn a_delivery_that_is_lost_is_found_and_told() {
    check(
        Fault::Lose,
        &["lost"],
        &[
            "lost: notification",
            "acknowledged at",
            "verify = '",
            "asked for at",
            "came before",
            "came behind",
            "session",
        ],
    );
}

#[test]
fn a_subscription_that_is_left_out_of_a_delivery_is_found() {
    check(Fault::LoseHit, &["lost"], &["came itself"]);
}

#[test]
fn what_is_acknowledged_and_never_delivered_is_found() {
    let said = meddled(Fault::LoseAll, &[]);
    assert_eq!(said.code, Some(3));
    assert_eq!(said.found(), ["lost"], "{}", said.report);
    assert_eq!(said.report["deliveries"], 0);
    // The others were published around a request for their subscription.
    let expected = said.report["pairs_true"].as_u64().unwrap();
    assert!(said.count("lost") > expected * 9 / 10, "{}", said.report);
}

#[test]
fn a_delivery_that_comes_twice_is_found() {
    check(Fault::Double, &["doubled"], &["the library dropped it"]);
}

#[test]
fn a_delivery_for_what_it_is_not_for_is_found() {
    check(Fault::False, &["false"], &["false: notification"]);
}

#[test]
fn a_delivery_behind_a_later_one_is_found() {
    check(Fault::Swap, &["out_of_order"], &["the library dropped it"]);
}

#[test]
fn a_delivery_with_another_content_is_found() {
    check(Fault::Alter, &["altered"], &["altered: notification"]);
}

#[test]
fn a_subscription_in_force_after_its_acknowledgement_is_found() {
    let said = meddled(Fault::BeginLate, &[]);
    assert_eq!(said.code, Some(3));
    assert!(said.count("holes_at_start") > 0, "{}", said.report);
    assert_eq!(
        said.count("false") + said.count("doubled") + said.count("out_of_order"),
        0,
        "{}",
        said.report
    );
}

#[test]
fn a_subscription_with_two_ends_is_found() {
    check(
        Fault::EndTwice,
        &["holes_at_end"],
        &["its end, asked for at"],
    );
}

#[test]
fn a_subscription_that_goes_on_after_its_end_is_found() {
    let said = meddled(Fault::GoOn, &[]);
    assert_eq!(said.code, Some(3));
    assert!(said.count("after_end") > 0, "{}", said.report);
}

#[test]
fn what_is_never_acknowledged_is_found() {
    let said = meddled(Fault::Silent, &[]);
    assert_eq!(said.code, Some(3));
    assert!(said.found().contains(&"unacknowledged"), "{}", said.report);
    assert_eq!(said.report["acknowledged"], 0);
}

#[test]
fn a_broker_that_scales_keeps_the_contract_and_its_records_can_be_checked_again() {
    let data = Directory::new();
    let broker = Broker::start(data.path());
    let kept = records(data.path());
    let mut command = broker.client(data.path(), "verify");
    command
        .args([
            "--admin",
            &broker.admin,
            "--json",
            "--seconds",
            "4",
            "--records",
        ])
        .arg(&kept);
    command.args([
        "--scale",
        "matchers=3; matchers=1,exit-points=2; access-points=2",
    ]);
    let said = Said::of(command.output().unwrap());
    assert_eq!(said.code, Some(0), "{}", said.report);
    let report = &said.report;
    assert!(
        report["pairs_checked"].as_u64().unwrap() > 200_000,
        "{report}"
    );
    assert!(
        report["subscriptions"]["replaced"].as_u64().unwrap() > 0,
        "{report}"
    );
    let outcomes: Vec<&Value> = report["scale"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["outcome"])
        .collect();
    assert_eq!(outcomes, ["done", "done", "done"], "{report}");
    assert!(
        report["epochs"]["last"].as_u64() > report["epochs"]["first"].as_u64(),
        "{report}"
    );
    assert_eq!(report["survives"]["first"], "nothing");

    let again = |arguments: &[&str]| {
        let mut command = gomera(data.path());
        command
            .args(["verify", "--json", "--check"])
            .arg(&kept)
            .args(arguments);
        Said::of(command.output().unwrap())
    };
    let mut second = again(&[]);
    assert_eq!(second.code, Some(0), "{}", second.report);
    second.report["check_seconds"] = report["check_seconds"].clone();
    assert_eq!(second.report, *report);

    strike_one_out(&kept.join("subscriber-0003.log"));
    let third = again(&[]);
    assert_eq!(
        (third.code, third.found()),
        (Some(3), vec!["lost"]),
        "{}",
        third.report
    );
}

/// Strikes a delivery out of a record: one of which the same publisher's before and behind it came for the same
/// subscriptions, so that none of them just begins or ends there.
fn strike_one_out(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let deliveries: Vec<&str> = text.lines().filter(|line| line.contains(" v ")).collect();
    let like = |line: &str| {
        let words: Vec<&str> = line.split(' ').rev().take(4).collect();
        (words[3].to_owned(), words[0].to_owned())
    };
    let struck = deliveries.iter().enumerate().find(|(place, line)| {
        let is_like = |other: &&str| like(other) == like(line);
        deliveries[..*place].iter().any(is_like) && deliveries[place + 1..].iter().any(is_like)
    });
    let (_, struck) = struck.unwrap();
    std::fs::write(file, text.replace(&format!("{struck}\n"), "")).unwrap();
}

#[test]
fn what_cannot_be_scaled_is_said_and_is_no_violation() {
    let data = Directory::new();
    let broker = Broker::start(data.path());
    let mut command = broker.client(data.path(), "verify");
    command.args([
        "--admin",
        &broker.admin,
        "--json",
        "--seconds",
        "1",
        "--scale",
        "matchers=5000",
    ]);
    let said = Said::of(command.output().unwrap());
    assert_eq!(said.code, Some(1), "{}", said.report);
    assert_eq!(said.report["scale"][0]["outcome"], "impossible");
    assert_eq!(said.report["verdict"]["clean"], true);
}

#[test]
fn wrong_usage_is_told() {
    let data = Directory::new();
    for arguments in [
        ["--scale", "matchers"],
        ["--seconds", "0"],
        ["--check", "no-such-directory"],
    ] {
        let output = gomera(data.path())
            .arg("verify")
            .args(arguments)
            .output()
            .unwrap();
        let expected = if arguments[0] == "--check" { 1 } else { 2 };
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{arguments:?}: {output:?}"
        );
    }
}
