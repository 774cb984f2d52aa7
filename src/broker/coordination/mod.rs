//! The loop around the coordinator and around the instances of this host.
//!
//! A process alone leads for ever, with the embedded store. A host of a cluster leads when the store says so, and else
//! does what the leader says:
//!
//! ```text
//!   leader's host                                        another host
//!   coordinator ─► effects ─┬─► hands (its own) ◄─┐  ┌─► hands
//!        ▲                  └─► links ════════════╪══┘     │
//!        └──────────────── reports ◄──────────────┴════════┘
//! ```

mod cluster;
mod effects;
mod hands;
mod leading;
mod store;
mod watch;
mod words;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gomera_coordinator::{Answer, EmbeddedStore, Settings, WriteId};
use gomera_model::control::Report;
use gomera_model::{HostId, Incarnation, Time};
use gomera_operators::matcher::CopyRate;
use tokio::sync::{oneshot, watch as signal};

use super::clock::Clock;
use super::host_frame::{HostFrame, Question};
use super::hosts::Hosts;
use super::input::CoordinatorInput;
use super::instance::{self, Surroundings};
use super::quic::Doors;
use super::view::{View, Window};
use crate::limits::VIEW_EVERY;
use crate::zookeeper::{HostDocument, Keeper, Leader, News, Term};
use cluster::Cluster;
use hands::Hands;
use leading::{Asker, Leading, unavailable};
use store::Store;

/// What the coordination's thread is given.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) settings: Settings,
    /// How fast a matcher copies to each new owner.
    pub(crate) copy_rate: CopyRate,
    /// This host.
    pub(crate) host: HostDocument,
    pub(crate) surroundings: Surroundings,
    pub(crate) doors: Arc<Doors>,
    pub(crate) window: Arc<Window>,
    /// The cluster that it belongs to, if it does.
    pub(crate) membership: Option<Membership>,
}

/// What a host of a cluster has besides.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) keeper: Keeper,
    /// A host that was heard of and is silent for so long is suspected to be dead.
    pub(crate) suspect_after: Duration,
    /// Told when this host was given up by the others.
    pub(crate) replaced: signal::Sender<bool>,
}

/// Starts the coordination's thread.
///
/// # Errors
///
/// When the operating system gives no further thread.
pub(crate) fn start(office: Office) -> std::io::Result<JoinHandle<()>> {
    let (store, cluster) = match office.membership {
        None => (Store::Embedded(EmbeddedStore::new()), None),
        Some(membership) => {
            let (hosts, within) = (membership.hosts, membership.suspect_after);
            let cluster = Cluster::new(office.host.id, hosts, within, membership.replaced);
            (Store::ZooKeeper(membership.keeper), Some(cluster))
        }
    };
    let working = Working {
        settings: office.settings,
        host: office.host,
        hands: Hands::new(office.surroundings.clone(), office.doors, office.copy_rate),
        store,
        leading: None,
        last_write: WriteId(0),
        cluster,
        surroundings: office.surroundings,
        window: office.window,
        is_shown: true,
        is_cut_off: false,
    };
    let name = "coordination".to_owned();
    thread::Builder::new().name(name).spawn(move || {
        let _guard = instance::AbortOnPanic;
        working.run();
    })
}

/// All that the thread holds.
struct Working {
    settings: Settings,
    host: HostDocument,
    hands: Hands,
    store: Store,
    leading: Option<Leading>,
    /// The last write of this host when it led before: its outcome may still come.
    last_write: WriteId,
    cluster: Option<Cluster>,
    surroundings: Surroundings,
    window: Arc<Window>,
    /// Whether the other hosts have seen everything.
    is_shown: bool,
    /// Whether nobody is heard any more, so that its clients are sent elsewhere.
    is_cut_off: bool,
}

impl Working {
    fn run(mut self) {
        let clock = self.surroundings.clock;
        let inbox = Arc::clone(&self.surroundings.coordinator);
        let mut inputs = Vec::new();
        if self.cluster.is_none() {
            self.lead(clock.now(), Term::default());
        }
        self.carry_out(clock);
        loop {
            let until = self.wake_at(clock.now());
            inbox.take(&mut inputs, until.map(|time| clock.instant(time)));
            let now = clock.now();
            self.wake(now);
            for input in inputs.drain(..) {
                if matches!(input, CoordinatorInput::Stop) {
                    inbox.close();
                    return self.stop();
                }
                self.feed(now, input);
            }
            self.carry_out(clock);
        }
    }

    fn feed(&mut self, now: Time, input: CoordinatorInput) {
        match input {
            CoordinatorInput::Report { from, report } => {
                tracing::debug!(%from, ?report, "report");
                self.hands.remember(from, report.clone());
                self.report(now, from, report);
            }
            CoordinatorInput::Load { from, load } => match &mut self.leading {
                Some(leading) => leading.coordinator.load(from, load),
                None => self.send_to_leader(&HostFrame::Load { from, load }),
            },
            CoordinatorInput::Ask(question, asker) => self.ask(now, question, asker),
            CoordinatorInput::FromHost(from, frame) => self.hear(now, from, *frame),
            CoordinatorInput::Link(host, news) => self.link(host, news),
            CoordinatorInput::Store(news) => self.store_news(now, news),
            CoordinatorInput::Stop => {}
        }
    }

    fn report(&mut self, now: Time, from: Incarnation, report: Report) {
        match &mut self.leading {
            Some(leading) => {
                leading
                    .coordinator
                    .report(now, from, report, &mut leading.effects);
            }
            None => self.send_to_leader(&HostFrame::Report { from, report }),
        }
    }

    fn ask(&mut self, now: Time, question: Question, asker: oneshot::Sender<Answer>) {
        match (&mut self.leading, &mut self.cluster) {
            (Some(leading), cluster) if cluster.as_ref().is_none_or(|c| c.is_connected) => {
                leading.ask(now, question, Asker::Here(asker));
            }
            (None, Some(cluster)) => cluster.ask(now, question, asker),
            (Some(_) | None, _) => {
                // Who has stopped waiting needs no answer.
                let _ = asker.send(unavailable());
            }
        }
    }

    fn send_to_leader(&self, frame: &HostFrame) {
        if let Some(cluster) = &self.cluster {
            // While nobody leads nobody listens: what counts is remembered and said again.
            cluster.send_to_leader(frame);
        }
    }

    fn store_news(&mut self, now: Time, news: News) {
        match (news, &mut self.leading, &mut self.cluster) {
            (News::Connected(is_connected), _, Some(cluster)) => {
                if cluster.is_connected != is_connected {
                    tracing::info!(is_connected, "ZooKeeper");
                }
                cluster.is_connected = is_connected;
            }
            (News::Document(document), Some(leading), _) => {
                leading
                    .coordinator
                    .document(now, document, &mut leading.effects);
            }
            (News::Written { id, outcome }, Some(leading), _) => {
                leading
                    .coordinator
                    .written(now, id, outcome, &mut leading.effects);
            }
            (News::Hosts(documents), leading, Some(cluster)) => {
                let came = cluster.take_documents(documents);
                if let Some(leading) = leading {
                    for host in came {
                        cluster.send(host, &HostFrame::Lead(leading.term));
                        cluster.tell_view_again();
                    }
                }
                self.introduce(now);
            }
            (News::Gone(gone), _, Some(cluster)) => {
                for host in cluster.take_gone(gone) {
                    self.host_gone(now, host);
                }
            }
            (News::Leader(leader), _, Some(_)) => self.leader_news(now, leader),
            (
                News::Connected(_)
                | News::Document(_)
                | News::Written { .. }
                | News::Hosts(_)
                | News::Gone(_)
                | News::Leader(_),
                _,
                _,
            ) => {}
        }
    }

    fn leader_news(&mut self, now: Time, leader: Option<Leader>) {
        let Some(cluster) = &mut self.cluster else {
            return;
        };
        match leader {
            None => cluster.led_by_nobody(),
            Some(leader) if !cluster.led_by(leader) => return,
            Some(_) => {}
        }
        let own = leader.filter(|leader| leader.host == self.host.id);
        let present = self.leading.as_ref().map(|leading| leading.term);
        if present != own.map(|leader| leader.term) {
            self.resign();
            if let Some(leader) = own {
                self.lead(now, leader.term);
            }
        }
    }

    /// Leads from now on.
    fn lead(&mut self, now: Time, term: Term) {
        let mut leading = Leading::new(self.settings.clone(), term, self.last_write);
        let (coordinator, effects) = (&mut leading.coordinator, &mut leading.effects);
        coordinator.started(now, effects);
        match &mut self.cluster {
            None => coordinator.host(now, self.host.entry(), effects),
            Some(cluster) => {
                tracing::info!(term = term.0, "this host leads");
                cluster.introduce_again();
                for document in cluster.introduce() {
                    coordinator.host(now, document.entry(), effects);
                }
                cluster.send_to_all(&HostFrame::Lead(term));
                cluster.tell_view_again();
            }
        }
        for (from, report) in self.hands.reports() {
            coordinator.report(now, from, report, effects);
        }
        self.leading = Some(leading);
    }

    fn resign(&mut self) {
        let Some(leading) = self.leading.take() else {
            return;
        };
        tracing::info!(term = leading.term.0, "this host leads no longer");
        self.last_write = leading.coordinator.last_write();
        for (asker, answer) in leading.resign() {
            self.give(asker, answer);
        }
    }

    /// Lets the coordinator know of the hosts that are there and heard.
    fn introduce(&mut self, now: Time) {
        if let (Some(leading), Some(cluster)) = (&mut self.leading, &mut self.cluster) {
            let (coordinator, effects) = (&mut leading.coordinator, &mut leading.effects);
            for document in cluster.introduce() {
                coordinator.host(now, document.entry(), effects);
            }
        }
    }

    fn give(&self, asker: Asker, answer: Answer) {
        match (asker, &self.cluster) {
            (Asker::Here(asker), _) => {
                // Who has stopped waiting needs no answer.
                let _ = asker.send(answer);
            }
            (Asker::There(host, number), Some(cluster)) => {
                cluster.send(host, &HostFrame::Answer { number, answer });
            }
            (Asker::There(..), None) => {}
        }
    }

    fn wake(&mut self, now: Time) {
        if let Some(leading) = &mut self.leading {
            leading.wake(now);
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.expire(now);
            cluster.listen(now);
            let is_cut_off = cluster.is_cut_off();
            if is_cut_off != std::mem::replace(&mut self.is_cut_off, is_cut_off) {
                tracing::warn!(is_cut_off, "whether this host hears nobody has changed");
                self.hands.turn_clients_away(is_cut_off);
            }
            self.introduce(now);
            self.suspect(now);
        }
    }

    /// Acts on silence: a leader gives hosts up, others tell it, or take its office.
    fn suspect(&mut self, now: Time) {
        let Some(cluster) = &mut self.cluster else {
            return;
        };
        if self.leading.is_some() {
            for host in cluster.silent(now) {
                tracing::warn!(%host, "nothing is heard from a host, and it is given up");
                self.expel(host);
            }
            return;
        }
        for host in cluster.cut_off(now) {
            cluster.send_to_leader(&HostFrame::Lost(host));
        }
        if let (true, Some(leader), Store::ZooKeeper(keeper)) = (
            self.host.coordinates,
            cluster.silent_leader(now),
            &self.store,
        ) {
            tracing::warn!(host = %leader.host, "nothing is heard from the leader");
            keeper.claim(leader);
        }
    }

    /// Gives a host up, in the eyes of all: what follows, follows when the store says so.
    fn expel(&self, host: HostId) {
        if let Store::ZooKeeper(keeper) = &self.store {
            keeper.expel(host);
        }
    }

    fn host_gone(&mut self, now: Time, host: HostId) {
        if host == self.host.id {
            tracing::error!("this host was taken for dead, and others do what it did");
            if let Some(cluster) = &self.cluster {
                cluster.tell_replaced();
            }
            return;
        }
        if let Some(leading) = &mut self.leading {
            tracing::warn!(%host, "a host is gone, with all that ran there");
            leading
                .coordinator
                .host_gone(now, host, &mut leading.effects);
        }
    }

    fn wake_at(&self, now: Time) -> Option<Time> {
        let asked = self.leading.as_ref().and_then(|leading| leading.wake_at);
        let looks = self.cluster.as_ref().map(Cluster::listen_at);
        let shows = (!self.is_shown).then(|| now + VIEW_EVERY);
        asked.into_iter().chain(looks).chain(shows).min()
    }

    /// Carries out what is wanted, and what that leads to, until nothing is; then shows it, then answers.
    fn carry_out(&mut self, clock: Clock) {
        self.drain_effects(clock);
        self.announce();
        self.show(clock.now());
        if let Some(leading) = &mut self.leading {
            for (asker, answer) in std::mem::take(&mut leading.answers) {
                self.give(asker, answer);
            }
        }
    }

    /// Lets this host's document say what runs here.
    fn announce(&mut self) {
        let runs = self.hands.running();
        if runs != self.host.runs {
            self.host.runs = runs;
            if let Store::ZooKeeper(keeper) = &self.store {
                keeper.announce(self.host.clone());
            }
        }
    }

    fn show(&mut self, now: Time) {
        let view = self.view();
        if let (Some(leading), Some(cluster)) = (&self.leading, &mut self.cluster) {
            let is_urgent = !leading.answers.is_empty();
            self.is_shown = cluster.tell_view(now, &view, is_urgent);
            // Whoever leads next will say what is new; until then this is what is known.
            cluster.take_view(view.clone());
        }
        if *self.window.look() != view {
            self.window.show(view);
        }
    }

    fn view(&self) -> View {
        let own = View {
            hosts: vec![self.host.clone()],
            ..View::default()
        };
        let known = self.cluster.as_ref().map_or(own, Cluster::view);
        let Some(leading) = &self.leading else {
            return known;
        };
        let coordinator = &leading.coordinator;
        let leader = Some(self.host.id);
        if coordinator.topology().is_none() {
            // A new leader reads first; what was known before is still true.
            let is_available = false;
            return View {
                leader,
                is_available,
                ..known
            };
        }
        let is_connected = self.cluster.as_ref().is_none_or(|c| c.is_connected);
        View {
            topology: coordinator.topology().cloned(),
            operations: coordinator.operations().cloned().collect(),
            under_way: coordinator.under_way().map(|record| record.id),
            is_ready: coordinator.is_ready(),
            missing: coordinator.missing(),
            draining: coordinator.draining().clone(),
            is_available: coordinator.is_available() && is_connected,
            hosts: known.hosts,
            leader,
        }
    }

    fn stop(self) {
        // The others need not wait for what is of no use any more.
        drop(self.store);
        self.hands.stop_all();
    }
}
