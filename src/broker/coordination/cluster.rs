//! The other hosts as the coordination sees them: who there is, who leads, who is away, who waits for an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gomera_coordinator::Answer;
use gomera_model::control::Control;
use gomera_model::{HostId, Time};
use tokio::sync::oneshot;

use super::super::host_frame::{HostFrame, Question};
use super::super::hosts::Hosts;
use super::super::view::View;
use super::leading::unavailable;
use crate::limits::{ASK_WITHIN, HOST_AWAY_MAX, VIEW_EVERY};
use crate::zookeeper::{HostDocument, Leader, Term};

/// The cluster around this host.
pub(super) struct Cluster {
    pub(super) hosts: Arc<Hosts>,
    own: HostId,
    /// Whether the store answers.
    pub(super) is_connected: bool,
    /// Who leads; older leaders are not listened to.
    leader: Option<Leader>,
    term: Term,
    documents: BTreeMap<HostId, HostDocument>,
    /// Hosts in no list, and when they are given up.
    away: BTreeMap<HostId, Time>,
    /// Hosts that are not reached, and since when.
    unreached: BTreeMap<HostId, Time>,
    questions: BTreeMap<u64, (oneshot::Sender<Answer>, Time)>,
    last_question: u64,
    /// What the leader shows.
    shown: View,
    /// What this leader showed last, and when it may again.
    told: Option<View>,
    tell_at: Time,
}

/// What has changed among the hosts.
pub(super) struct Changes {
    /// New ones, and those whose documents say something else.
    pub(super) changed: Vec<HostDocument>,
    /// Those of them that were not there before.
    pub(super) came: BTreeSet<HostId>,
}

impl Cluster {
    pub(super) fn new(own: HostId, hosts: Arc<Hosts>) -> Self {
        Self {
            hosts,
            own,
            is_connected: true,
            leader: None,
            term: Term::default(),
            documents: BTreeMap::new(),
            away: BTreeMap::new(),
            unreached: BTreeMap::new(),
            questions: BTreeMap::new(),
            last_question: 0,
            shown: View::default(),
            told: None,
            tell_at: Time::default(),
        }
    }

    /// These hosts there are.
    pub(super) fn take_documents(
        &mut self,
        now: Time,
        documents: BTreeMap<HostId, HostDocument>,
    ) -> Changes {
        let before = std::mem::replace(&mut self.documents, documents);
        let present = self.documents.values();
        let changed: Vec<HostDocument> = present
            .filter(|document| before.get(&document.id) != Some(document))
            .cloned()
            .collect();
        for document in changed.iter().filter(|document| document.id != self.own) {
            self.hosts.meet(document.id, document.operator);
        }
        for gone in before.into_keys() {
            self.miss(now, gone);
        }
        let documents = &self.documents;
        self.away.retain(|host, _| !documents.contains_key(host));
        let came = changed.iter().map(|document| document.id).collect();
        Changes { changed, came }
    }

    /// A host is needed, or was there: if it is in no list, and not reached for some time, it is given up.
    pub(super) fn miss(&mut self, now: Time, host: HostId) {
        if host != self.own && !self.documents.contains_key(&host) {
            let since = self.unreached.get(&host).copied().unwrap_or(now);
            self.away.entry(host).or_insert(since + HOST_AWAY_MAX);
        }
    }

    /// Whether a host is reached has changed, or is as it was.
    pub(super) fn reached(&mut self, now: Time, host: HostId, is_reached: bool) {
        if is_reached {
            self.unreached.remove(&host);
        } else {
            self.unreached.entry(host).or_insert(now);
            self.miss(now, host);
        }
    }

    /// Hosts that are to be given up. One that is still reached is only between two sessions with the store.
    pub(super) fn given_up(&mut self, now: Time) -> Vec<HostId> {
        let mut gone = Vec::new();
        for (host, until) in &mut self.away {
            if *until <= now {
                match self.hosts.peer(*host).is_together() {
                    true => *until = now + HOST_AWAY_MAX,
                    false => gone.push(*host),
                }
            }
        }
        for host in &gone {
            self.away.remove(host);
        }
        gone
    }

    pub(super) fn documents(&self) -> impl Iterator<Item = &HostDocument> {
        self.documents.values()
    }

    /// The store, or a leader itself, says who leads. `false` if that is an older one.
    pub(super) fn led_by(&mut self, leader: Leader) -> bool {
        if leader.term < self.term {
            return false;
        }
        self.term = leader.term;
        self.leader = Some(leader);
        true
    }

    /// Nobody is known to lead.
    pub(super) fn led_by_nobody(&mut self) {
        self.leader = None;
    }

    pub(super) fn leader(&self) -> Option<Leader> {
        self.leader
    }

    pub(super) fn send(&self, to: HostId, frame: &HostFrame) -> bool {
        self.hosts.peer(to).send(frame)
    }

    pub(super) fn send_to_all(&self, frame: &HostFrame) {
        for host in self.documents.keys().filter(|host| **host != self.own) {
            self.send(*host, frame);
        }
    }

    /// Says something to the leader, if there is one.
    pub(super) fn send_to_leader(&self, frame: &HostFrame) -> bool {
        let other = self.leader.filter(|leader| leader.host != self.own);
        other.is_some_and(|leader| self.send(leader.host, frame))
    }

    /// Asks the leader.
    pub(super) fn ask(&mut self, now: Time, question: Question, asker: oneshot::Sender<Answer>) {
        self.last_question += 1;
        let number = self.last_question;
        if self.is_led() && self.send_to_leader(&HostFrame::Ask { number, question }) {
            self.questions.insert(number, (asker, now + ASK_WITHIN));
        } else {
            // Who has stopped waiting needs no answer.
            let _ = asker.send(unavailable());
        }
    }

    pub(super) fn answered(&mut self, number: u64, answer: Answer) {
        if let Some((asker, _)) = self.questions.remove(&number) {
            let _ = asker.send(answer);
        }
    }

    /// Who has waited too long is told to come again.
    pub(super) fn expire(&mut self, now: Time) {
        let due = self
            .questions
            .iter()
            .filter(|(_, (_, until))| *until <= now);
        let due: Vec<u64> = due.map(|(number, _)| *number).collect();
        for number in due {
            self.answered(number, unavailable());
        }
    }

    /// The leader shows something.
    pub(super) fn take_view(&mut self, view: View) {
        self.shown = view;
    }

    /// What is seen here while another host leads.
    pub(super) fn view(&self) -> View {
        let shown = &self.shown;
        View {
            is_available: shown.is_available && self.is_led(),
            hosts: self.documents.values().cloned().collect(),
            leader: self.leader.map(|leader| leader.host),
            ..shown.clone()
        }
    }

    /// Shows the others what this leader sees: not too often, unless somebody waits for it. `true` if they have seen
    /// it all.
    pub(super) fn tell_view(&mut self, now: Time, view: &View, is_urgent: bool) -> bool {
        if self.told.as_ref() == Some(view) {
            return true;
        }
        if now < self.tell_at && !is_urgent {
            return false;
        }
        self.tell_at = now + VIEW_EVERY;
        self.send_to_all(&HostFrame::View(Box::new(view.clone())));
        self.told = Some(view.clone());
        true
    }

    /// The next showing goes to everybody: somebody new is there.
    pub(super) fn tell_view_again(&mut self) {
        self.told = None;
    }

    /// Where the instances run of which the coordinator speaks.
    pub(super) fn learn(&self, control: &Control) {
        match control {
            Control::Topology(topology) => self.hosts.learn(topology),
            Control::Prepare(plan) => {
                self.hosts.learn(&plan.next);
                plan.then.iter().for_each(|next| self.hosts.learn(next));
            }
            Control::Copy(_) | Control::Close(_) | Control::Abort(_) => {}
        }
    }

    /// Whether there is a leader that can be reached and can write, as far as can be seen from here.
    fn is_led(&self) -> bool {
        let reached =
            |leader: Leader| leader.host == self.own || self.hosts.peer(leader.host).is_together();
        self.is_connected && self.leader.is_some_and(reached)
    }
}
