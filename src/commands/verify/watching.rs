//! What the admin ports say of the cluster while it is verified, and what is asked of it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gomera_coordinator::{OperationRecord, Outcome};
use gomera_loadgen::verify::record::Record;
use gomera_model::control::Strategy;
use serde_json::Value;
use ureq::http::StatusCode;

use super::plan::Step;
use crate::admin::{ScaleBody, TopologyReport};
use crate::commands::admin::{AdminClient, AdminFailure};

/// Two threads: one looks at the topology, the other one scales.
#[derive(Debug)]
pub(super) struct Watching {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    admins: Vec<AdminClient>,
    /// Which of them is asked: the next one after each that does not answer.
    turn: AtomicUsize,
    record: Arc<Record>,
    begin: OnceLock<Instant>,
    is_over: AtomicBool,
}

impl Watching {
    /// Begins to look, and waits with scaling until notifications flow.
    pub(super) fn start(
        admins: &str,
        record: &Arc<Record>,
        (steps, duration): (Vec<Step>, Duration),
    ) -> io::Result<Self> {
        let admins = admins
            .split(',')
            .map(|url| AdminClient::at(url.trim(), ANSWER_WITHIN));
        let shared = Arc::new(Shared {
            admins: admins.collect(),
            turn: AtomicUsize::new(0),
            record: Arc::clone(record),
            begin: OnceLock::new(),
            is_over: AtomicBool::new(false),
        });
        let (looking, scaling) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            thread::Builder::new()
                .name("topology".to_owned())
                .spawn(move || looking.look())?,
            thread::Builder::new()
                .name("scaling".to_owned())
                .spawn(move || scaling.scale(&steps, duration))?,
        ];
        Ok(Self { shared, threads })
    }

    /// Notifications flow since this moment.
    pub(super) fn flowing(&self, begin: Instant) {
        let _ = self.shared.begin.set(begin);
    }

    /// The run is over: waits for what is being asked now.
    pub(super) fn stop(self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for thread in self.threads {
            // A panic of a thread has been reported by the thread.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Writes down every topology that differs from the one before.
    fn look(&self) {
        let mut known = None;
        while !self.is_over() {
            if let Ok(report) = self.ask(|admin| admin.get::<TopologyReport>("/v1/topology")) {
                let seen = (report.epoch.0, report.survives);
                if known.as_ref() != Some(&seen) {
                    self.record.say(format_args!("t {} {}", seen.0, seen.1));
                    known = Some(seen);
                }
            }
            self.pause(LOOK_EVERY);
        }
    }

    /// The steps, evenly over the run.
    fn scale(&self, steps: &[Step], duration: Duration) {
        let count = u32::try_from(steps.len()).expect("a command line has fewer than 2^32 steps");
        for (step, place) in steps.iter().zip(0..) {
            if !self.wait_until(duration * (place + 1) / (count + 1)) {
                return;
            }
            self.record.say(format_args!("w {place} {}", step.text));
            let (outcome, retries) = self.carry_out(step);
            self.record
                .say(format_args!("y {place} {outcome} retries={retries}"));
        }
    }

    /// Asks until the answer is one, then waits for the end of the operations.
    fn carry_out(&self, step: &Step) -> (&'static str, u32) {
        let body = ScaleBody {
            layers: step.layers.clone(),
            weights: std::collections::BTreeMap::new(),
            strategy: Strategy::Live,
            dry_run: false,
            reason: "verify".to_owned(),
        };
        let mut retries = 0;
        while !self.is_over() {
            match self.ask(|admin| admin.post::<Value>("/v1/scale", &body)) {
                Ok((StatusCode::ACCEPTED, answer)) => {
                    return (self.follow(&answer["id"].to_string()), retries);
                }
                Ok(_) => return ("unchanged", retries),
                Err(AdminFailure::Refused { status, .. })
                    if !matches!(
                        status,
                        StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE
                    ) =>
                {
                    return ("impossible", retries);
                }
                Err(
                    AdminFailure::Refused { .. }
                    | AdminFailure::Unreachable { .. }
                    | AdminFailure::NotUnderstood { .. },
                ) => retries += 1,
            }
            self.pause(RETRY_EVERY);
        }
        ("not_accepted", retries)
    }

    /// How the operations that were asked for end.
    fn follow(&self, first: &str) -> &'static str {
        let mut id = first.to_owned();
        while !self.is_over() {
            // What is not known now may be later, at another host.
            if let Ok(record) = self.ask(|admin| next(admin, &id)) {
                id = record.id.to_string();
                match record.outcome {
                    Outcome::Done if record.then.is_empty() => return "done",
                    Outcome::Aborted { .. } => return "aborted",
                    Outcome::Done | Outcome::Running | Outcome::Interrupted { .. } => {}
                }
            }
            self.pause(LOOK_EVERY);
        }
        "not_over"
    }

    /// Asks one admin port; the next time another one, if this one does not answer.
    fn ask<T>(
        &self,
        question: impl Fn(&AdminClient) -> Result<T, AdminFailure>,
    ) -> Result<T, AdminFailure> {
        let turn = self.turn.load(Ordering::SeqCst);
        let answer = question(&self.admins[turn % self.admins.len()]);
        if matches!(answer, Err(AdminFailure::Unreachable { .. })) {
            // Who has asked the same one at the same time moves on once.
            let _ = self
                .turn
                .compare_exchange(turn, turn + 1, Ordering::SeqCst, Ordering::SeqCst);
        }
        answer
    }

    /// Waits until so long after notifications began to flow; false if the run is over before.
    fn wait_until(&self, after: Duration) -> bool {
        while !self.is_over() {
            if self
                .begin
                .get()
                .is_some_and(|begin| begin.elapsed() >= after)
            {
                return true;
            }
            thread::sleep(TICK);
        }
        false
    }

    fn pause(&self, length: Duration) {
        let begun = Instant::now();
        while !self.is_over() && begun.elapsed() < length {
            thread::sleep(TICK);
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

/// An operation as it is now, or the one that goes on where it ended.
fn next(admin: &AdminClient, id: &str) -> Result<OperationRecord, AdminFailure> {
    let record = admin.operation(id)?;
    match record.outcome {
        Outcome::Interrupted { by } => admin.operation(&by.to_string()),
        Outcome::Done if !record.then.is_empty() => admin.next_of_row(&record),
        Outcome::Done | Outcome::Running | Outcome::Aborted { .. } => Ok(record),
    }
}

/// A host that is stopped does not answer; the next one is asked soon.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How often the topology and operations are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long after a refusal it is asked again.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// How exactly times are kept.
const TICK: Duration = Duration::from_millis(20);
