//! The instances of this host: starts them, stops them, and remembers what they reported.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;
use std::thread::JoinHandle;

use gomera_model::control::{Control, Report};
use gomera_model::{Incarnation, Instance, Layer};
use gomera_operators::matcher::CopyRate;
use gomera_operators::{AccessPoint, ConnectionPoint, ExitPoint, Matcher, Operator};

use super::super::input::Input;
use super::super::instance::{self, Surroundings};
use super::super::quic::Doors;
use super::super::random::random_bytes;

/// The instances.
pub(super) struct Hands {
    threads: BTreeMap<Incarnation, JoinHandle<()>>,
    /// The last of each kind that each of them gave: a new leader hears them again.
    reports: BTreeMap<Incarnation, Vec<Report>>,
    surroundings: Surroundings,
    doors: Arc<Doors>,
    copy_rate: CopyRate,
}

impl Hands {
    pub(super) fn new(surroundings: Surroundings, doors: Arc<Doors>, copy_rate: CopyRate) -> Self {
        Self {
            copy_rate,
            threads: BTreeMap::new(),
            reports: BTreeMap::new(),
            surroundings,
            doors,
        }
    }

    /// Starts an instance, unless it runs; whether it runs now. One that has ended never does again.
    pub(super) fn start(&mut self, instance: &Instance) -> bool {
        let incarnation = instance.incarnation;
        if self.threads.contains_key(&incarnation) {
            return true;
        }
        if self.surroundings.router.has_ended(incarnation) {
            return false;
        }
        tracing::info!(layer = ?instance.layer, id = %instance.id, %incarnation, "starting");
        let operator = operator(instance, self.copy_rate);
        match instance::start(instance, operator, self.surroundings.clone()) {
            Ok(thread) => {
                self.threads.insert(incarnation, thread);
                true
            }
            Err(error) => {
                tracing::error!(%incarnation, %error, "cannot start");
                false
            }
        }
    }

    /// Stops an instance, if it runs.
    pub(super) fn stop(&mut self, incarnation: Incarnation) {
        self.reports.remove(&incarnation);
        let Some(thread) = self.threads.remove(&incarnation) else {
            return;
        };
        tracing::info!(%incarnation, "stopping");
        self.doors.close(incarnation);
        if let Some(inbox) = self.surroundings.router.inbox(incarnation) {
            inbox.push(Input::Stop);
        }
        self.surroundings.router.remove(incarnation);
        // Its thread ends with its present turn; whether it does is known to nobody but the process.
        drop(thread);
    }

    /// Connection points go first, so that nobody is told anything of what ends behind them.
    pub(super) fn stop_all(self) {
        for (_, inbox) in self.surroundings.router.all() {
            inbox.push(Input::Stop);
        }
        for (incarnation, thread) in self.threads {
            self.surroundings.router.remove(incarnation);
            if thread.join().is_err() {
                tracing::error!(%incarnation, "ended with a panic");
            }
        }
    }

    /// Hands a word of the coordinator to an instance of this host; the word itself if it is none. A connection point is
    /// given clients from when it hears that it is listed until it hears that it has to go.
    pub(super) fn tell(&self, to: Incarnation, control: Control) -> Result<(), Control> {
        let Some(inbox) = self.surroundings.router.inbox(to) else {
            return Err(control);
        };
        let listed = match &control {
            Control::Topology(topology) => topology.instance(to).cloned(),
            Control::Prepare(_) | Control::Copy(_) | Control::Close(_) | Control::Abort(_) => None,
        };
        inbox.push(Input::Control(control));
        match listed.filter(|own| own.layer == Layer::ConnectionPoints) {
            Some(own) if own.leaving => self.doors.close(to),
            Some(_) => self.doors.open(to, inbox),
            None => {}
        }
        Ok(())
    }

    /// Sends the clients of this host elsewhere and lets no others in; or lets them in again.
    pub(super) fn turn_clients_away(&self, turns_away: bool) {
        self.doors.shut(turns_away);
        for (_, inbox) in self.surroundings.router.all() {
            if turns_away {
                inbox.push(Input::GoAway);
            }
        }
    }

    /// Remembers what an instance reports, as long as it runs: its last words may come when it has been stopped.
    pub(super) fn remember(&mut self, from: Incarnation, report: Report) {
        if !self.threads.contains_key(&from) {
            return;
        }
        let reports = self.reports.entry(from).or_default();
        let kind = discriminant(&report);
        reports.retain(|before| discriminant(before) != kind);
        reports.push(report);
    }

    /// What was reported, the last of each kind.
    pub(super) fn reports(&self) -> impl Iterator<Item = (Incarnation, Report)> + '_ {
        let all = self.reports.iter();
        all.flat_map(|(from, reports)| reports.iter().map(|report| (*from, report.clone())))
    }

    /// Who runs here, ordered.
    pub(super) fn running(&self) -> Vec<Incarnation> {
        self.threads.keys().copied().collect()
    }
}

/// The machine of an instance, its hash tables keyed with what nobody can guess.
fn operator(instance: &Instance, copy_rate: CopyRate) -> Operator {
    let incarnation = instance.incarnation;
    let seed = u64::from_le_bytes(random_bytes());
    match instance.layer {
        Layer::ConnectionPoints => {
            Operator::ConnectionPoint(Box::new(ConnectionPoint::new(incarnation, seed)))
        }
        Layer::AccessPoints => Operator::AccessPoint(Box::new(AccessPoint::new(incarnation, seed))),
        Layer::Matchers => {
            let matcher = Matcher::new(incarnation, seed, crate::cpu::level());
            Operator::Matcher(Box::new(matcher.with_copy_rate(copy_rate)))
        }
        Layer::ExitPoints => Operator::ExitPoint(Box::new(ExitPoint::new(incarnation, seed))),
    }
}
