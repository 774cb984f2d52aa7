//! The other hosts as the coordination sees them: who there is, who leads, who is silent, who waits for an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gomera_coordinator::Answer;
use gomera_model::control::Control;
use gomera_model::{HostId, Time};
use tokio::sync::{oneshot, watch};

use super::super::host_frame::{HostFrame, Question};
use super::super::hosts::Hosts;
use super::super::view::View;
use super::leading::unavailable;
use super::watch::Watch;
use crate::limits::{
    ALONE_LATER, ASK_STORE_EVERY, ASK_WITHIN, BEAT_EVERY, CLAIM_LATER, LOOK_EVERY, SPLIT_MAX,
    VIEW_EVERY,
};
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
    /// Hosts that are in no list and on which something should run, or which were in it before.
    missed: BTreeSet<HostId>,
    /// Who never comes back.
    gone: BTreeSet<HostId>,
    watch: Watch,
    /// Told when this host itself is one of them.
    replaced: watch::Sender<bool>,
    look_at: Time,
    beat_at: Time,
    /// What was asked for because somebody is silent, and when it may be again.
    asked: BTreeMap<HostId, Time>,
    /// Who was introduced to the coordinator of this leader, and as what.
    introduced: BTreeMap<HostId, HostDocument>,
    questions: BTreeMap<u64, (oneshot::Sender<Answer>, Time)>,
    last_question: u64,
    /// What the leader shows.
    shown: View,
    /// What this leader showed last, and when it may again.
    told: Option<View>,
    tell_at: Time,
}

impl Cluster {
    pub(super) fn new(
        own: HostId,
        hosts: Arc<Hosts>,
        suspect_after: Duration,
        replaced: watch::Sender<bool>,
    ) -> Self {
        Self {
            hosts,
            own,
            is_connected: true,
            leader: None,
            term: Term::default(),
            documents: BTreeMap::new(),
            missed: BTreeSet::new(),
            gone: BTreeSet::new(),
            watch: Watch::new(suspect_after),
            replaced,
            look_at: Time::default(),
            beat_at: Time::default(),
            asked: BTreeMap::new(),
            introduced: BTreeMap::new(),
            questions: BTreeMap::new(),
            last_question: 0,
            shown: View::default(),
            told: None,
            tell_at: Time::default(),
        }
    }

    /// These hosts there are; which of them are new, this one left out.
    pub(super) fn take_documents(
        &mut self,
        documents: BTreeMap<HostId, HostDocument>,
    ) -> BTreeSet<HostId> {
        let before = std::mem::replace(&mut self.documents, documents);
        let others = self.documents.values().filter(|host| host.id != self.own);
        for document in others.clone() {
            self.hosts.meet(document.id, document.operator);
        }
        let ids = others.map(|document| document.id);
        let came = ids.filter(|id| !before.contains_key(id)).collect();
        before.into_keys().for_each(|host| self.miss(host));
        came
    }

    /// A host is needed, or was there: if it is in no list, and silent, it is given up.
    pub(super) fn miss(&mut self, host: HostId) {
        if host != self.own && !self.gone.contains(&host) {
            self.missed.insert(host);
        }
    }

    /// These never come back; who of them was not known to be gone.
    pub(super) fn take_gone(&mut self, gone: BTreeSet<HostId>) -> Vec<HostId> {
        let before = std::mem::replace(&mut self.gone, gone);
        let newly: Vec<_> = self.gone.difference(&before).copied().collect();
        for host in newly.iter().filter(|host| **host != self.own) {
            self.hosts.give_up(*host);
            self.documents.remove(host);
            self.missed.remove(host);
            self.introduced.remove(host);
            self.asked.remove(host);
        }
        newly
    }

    /// Whether a host is one that never comes back.
    pub(super) fn is_gone(&self, host: HostId) -> bool {
        self.gone.contains(&host)
    }

    /// This host is one of those.
    pub(super) fn tell_replaced(&self) {
        self.replaced.send_replace(true);
    }

    /// Says that this host is there, and listens who else is; both when it is time.
    pub(super) fn listen(&mut self, now: Time) {
        if self.beat_at <= now {
            self.beat_at = now + BEAT_EVERY;
            self.hosts.beat();
        }
        if self.look_at <= now {
            self.look_at = now + LOOK_EVERY;
            let mut watched = self.missed.clone();
            watched.extend(self.documents.keys());
            watched.extend(self.leader.map(|leader| leader.host));
            watched.remove(&self.own);
            watched.retain(|host| !self.gone.contains(host));
            let hosts = &self.hosts;
            self.watch.look(now, &watched, |host| hosts.heard(host));
        }
    }

    /// When to listen again.
    pub(super) fn listen_at(&self) -> Time {
        self.look_at.min(self.beat_at)
    }

    /// Of the hosts that there are, those that the coordinator does not know as what they are. A host that is not heard
    /// is no place for anything.
    pub(super) fn introduce(&mut self) -> Vec<HostDocument> {
        let (own, watch, introduced) = (self.own, &self.watch, &self.introduced);
        let present = self.documents.values();
        let heard = present.filter(|host| host.id == own || watch.is_heard(host.id));
        let new = heard.filter(|host| introduced.get(&host.id) != Some(*host));
        let new: Vec<_> = new.cloned().collect();
        let entries = new.iter().map(|host| (host.id, host.clone()));
        self.introduced.extend(entries);
        new
    }

    /// The coordinator is another one, and knows nobody. Whoever was asked about before may be asked about at once: that
    /// was about the office.
    pub(super) fn introduce_again(&mut self) {
        self.introduced.clear();
        self.asked.clear();
    }

    /// Hosts that this leader gives up now, because they are silent. If most are, it may be this one that is cut off: the
    /// others have time to take its office first.
    pub(super) fn silent(&mut self, now: Time) -> Vec<HostId> {
        let others = self.documents.keys().filter(|host| **host != self.own);
        let others: Vec<_> = others.copied().collect();
        let silent = |host: &&HostId| self.watch.is_suspected(**host, Duration::ZERO);
        let is_alone = others.len() > 1 && 2 * others.iter().filter(silent).count() > others.len();
        let for_long = if is_alone {
            ALONE_LATER
        } else {
            Duration::ZERO
        };
        self.suspects(now, for_long)
    }

    /// Hosts that do not hear this one nor are heard, though the leader is.
    pub(super) fn cut_off(&mut self, now: Time) -> Vec<HostId> {
        let leader = self.leader.map(|leader| leader.host);
        if !leader.is_some_and(|leader| self.watch.is_heard(leader)) {
            return Vec::new();
        }
        self.suspects(now, SPLIT_MAX)
    }

    /// The leader, if its office is to be taken because it is silent or gone.
    pub(super) fn silent_leader(&mut self, now: Time) -> Option<Leader> {
        let leader = self.leader.filter(|leader| leader.host != self.own)?;
        let is_silent = self.watch.is_suspected(leader.host, CLAIM_LATER);
        let is_due = self.is_connected && (is_silent || self.is_gone(leader.host));
        (is_due && self.may_ask(now, leader.host)).then_some(leader)
    }

    /// Whether this host hears nobody at all, neither another host nor the store: the others have replaced it by now, or
    /// will, and it cannot learn so.
    pub(super) fn is_cut_off(&self) -> bool {
        let mut others = self.documents.keys().filter(|host| **host != self.own);
        let is_silent = |host: &HostId| self.watch.is_suspected(*host, CLAIM_LATER);
        !self.is_connected && self.documents.len() > 1 && others.all(is_silent)
    }

    fn suspects(&mut self, now: Time, for_long: Duration) -> Vec<HostId> {
        if !self.is_connected {
            // Nobody could decide anything now; who is silent because of the same fault speaks again meanwhile.
            return Vec::new();
        }
        let known = self.documents.keys().chain(&self.missed);
        let silent = known.filter(|host| self.watch.is_suspected(**host, for_long));
        let silent: BTreeSet<_> = silent.copied().collect();
        let due = silent.into_iter().filter(|host| self.may_ask(now, *host));
        due.collect()
    }

    fn may_ask(&mut self, now: Time, host: HostId) -> bool {
        let asked = self.asked.get(&host);
        let may = asked.is_none_or(|again| *again <= now);
        if may {
            self.asked.insert(host, now + ASK_STORE_EVERY);
        }
        may
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
