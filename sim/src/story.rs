//! A run in readable words: the way of one notification, an operation of the cluster under load, and what one
//! session asked for.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use gomera_client_core::Attachment;
use gomera_coordinator::Path;
use gomera_model::control::{Control, Report};
use gomera_model::lane::{
    AccessPointFrame, ConnectionPointFrame, DeliveryItem, ExitPointFrame, LaneFrame, MatcherFrame,
    StandbyFrame,
};
use gomera_model::operation::{Change, SubscriptionOperation};
use gomera_model::silbo::Deliver;
use gomera_model::{
    Attributes, Epoch, HostId, Incarnation, Instance, Layer, Notification, OperationNumber,
    PublisherId, PublisherSeq, Seq, SessionId, Stamp, SubscriptionNumber, Time, Topology,
};

use crate::checker::history::Asked;
use crate::faults::Fault;
use crate::words;

/// What a story is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Focus {
    /// The notification whose way is told.
    pub notification: Option<(PublisherId, PublisherSeq)>,
    /// The session whose subscription operations are told, by the place of its subscriber.
    pub subscriber: Option<usize>,
    /// Operations of the cluster are told while the newest epoch is one from the first to the second of these.
    pub epochs: Option<(Epoch, Epoch)>,
}

/// Which part of the story a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chapter {
    /// The way of the notification.
    Notification,
    /// The operation of the cluster.
    Operation,
    /// What the session asked for.
    Subscriptions,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// When.
    pub at: Time,
    /// Of which chapter.
    pub chapter: Chapter,
    /// What happened.
    pub text: String,
}

/// The lines so far; nothing is told if it has no focus.
#[derive(Debug, Default)]
pub struct Story {
    focus: Option<Focus>,
    names: BTreeMap<Incarnation, String>,
    session: Option<SessionId>,
    stamp: Option<Stamp>,
    epoch: Epoch,
    is_operating: bool,
    /// Whether the operation that is told is over.
    is_over: bool,
    /// Matchers that the notification has reached.
    carriers: BTreeSet<Incarnation>,
    /// Pairs of instances whose part in the notification's way is told already.
    passed: BTreeSet<(Incarnation, Incarnation)>,
    /// The last number that each access point stamped.
    stamped: BTreeMap<Incarnation, Seq>,
    delivered: u64,
    lines: Vec<Line>,
}

impl Story {
    /// One that is told.
    #[must_use]
    pub fn about(focus: Focus) -> Self {
        Self {
            focus: Some(focus),
            ..Self::default()
        }
    }

    /// What was told.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub(crate) fn starts(&mut self, now: Time, instance: &Instance) {
        let name = words::instance(instance);
        self.names.insert(instance.incarnation, name.clone());
        if self.epoch > Epoch(0) {
            self.operation(now, || format!("coordinator starts {name}"));
        }
    }

    pub(crate) fn stops(&mut self, now: Time, instance: &Instance) {
        let name = words::instance(instance);
        self.operation(now, || format!("coordinator stops {name}: it is empty"));
    }

    pub(crate) fn dies(&mut self, now: Time, instance: &Instance, is_zombie: bool) {
        let name = words::instance(instance);
        let words = if is_zombie {
            "is taken for dead"
        } else {
            "dies"
        };
        self.operation(now, || format!("**** {name} {words} ****"));
    }

    pub(crate) fn suffers(&mut self, now: Time, fault: Fault) {
        self.operation(now, || format!("!!!! {}", fault.words()));
    }

    pub(crate) fn lease_lost(&mut self, now: Time, host: HostId, is_known: bool) {
        self.operation(now, || {
            if is_known {
                format!("host {host} learns that its lease is lost")
            } else {
                format!("the store takes the lease of host {host} for lost, with its entries")
            }
        });
    }

    pub(crate) fn leads(&mut self, now: Time, host: HostId) {
        self.operation(now, || {
            format!("host {host} leads, and reads what is written")
        });
    }

    pub(crate) fn resigns(&mut self, now: Time, host: HostId) {
        self.operation(now, || format!("host {host} leads no longer"));
    }

    pub(crate) fn leader_ends(&mut self, now: Time, host: HostId) {
        self.operation(now, || format!("the coordinator of host {host} is gone"));
    }

    pub(crate) fn stale_order(&mut self, now: Time, (host, leader): (HostId, HostId)) {
        self.operation(now, || {
            format!("host {host} refuses an order of host {leader}, which leads no longer")
        });
    }

    pub(crate) fn quorum(&mut self, now: Time, is_there: bool) {
        let words = if is_there {
            "answers again"
        } else {
            "answers nobody"
        };
        self.operation(now, || format!("the store {words}"));
    }

    pub(crate) fn pauses(&mut self, now: Time, instance: &Instance) {
        let name = words::instance(instance);
        self.operation(now, || format!("{name} stands still"));
    }

    pub(crate) fn host_pauses(&mut self, now: Time, host: HostId) {
        self.operation(now, || {
            format!("host {host} stands still, with all that runs there")
        });
    }

    pub(crate) fn unreadable(&mut self, now: Time, (host, path): (HostId, Path), reason: &str) {
        self.operation(now, || {
            format!("host {host} cannot make out {path}: {reason}")
        });
    }

    pub(crate) fn heals(&mut self, now: Time) {
        self.operation(now, || "nothing goes wrong any more".to_owned());
    }

    pub(crate) fn commits(&mut self, now: Time, topology: &Topology) {
        self.epoch = topology.epoch;
        let matchers = topology.incarnations(Layer::Matchers).count();
        let epoch = topology.epoch;
        self.operation(now, || {
            format!(
                "──── COMMIT: epoch {epoch} is written: {matchers} matcher{} ────",
                plural(matchers)
            )
        });
    }

    pub(crate) fn control_arrives(&mut self, now: Time, to: Incarnation, control: &Control) {
        let words = match control {
            Control::Topology(topology) => format!("learns epoch {}", topology.epoch),
            Control::Prepare(plan) => {
                self.is_operating = true;
                let last = self.focus().epochs.map(|(_, last)| last);
                self.is_over |= last == Some(self.epoch);
                let slots: usize = plan.moves.iter().map(|moved| moved.slots.len()).sum();
                format!("learns the plan: {slots} slots will move")
            }
            Control::Copy(_) => "may copy".to_owned(),
            Control::Close(_) => "closes".to_owned(),
            Control::Abort(_) => "forgets the plan: the operation is aborted".to_owned(),
        };
        let who = self.name(to);
        if self.epoch > Epoch(1) || self.is_operating {
            self.operation(now, || format!("{who} {words}"));
        }
    }

    pub(crate) fn report_arrives(&mut self, now: Time, from: Incarnation, report: &Report) {
        let who = self.name(from);
        let words = match report {
            Report::Confirmed(_) => "has confirmed the plan".to_owned(),
            Report::Copying { copied, .. } => format!("has copied {} slots", copied.slots),
            Report::Copied { copied, .. } => format!(
                "has copied all: {} slots, {} subscriptions",
                copied.slots, copied.subscriptions
            ),
            Report::Ended(_) => {
                "has every END: nobody else takes its new slots' operations".to_owned()
            }
            Report::Drained(epoch) => {
                format!("has every FLIP into {epoch}, and dropped what it gave away")
            }
            Report::Joined(epoch) => format!("has joined everything from before epoch {epoch}"),
            Report::Filled(epoch) => format!("holds all that epoch {epoch} gives it"),
            Report::Emptied(_) => "is empty and may go".to_owned(),
            Report::Settled(epoch) => format!("has nothing outstanding from before epoch {epoch}"),
            Report::Flipped {
                epoch,
                held,
                held_ns_max,
            } => format!(
                "stamps epoch {epoch}; it held {held} subscription operations, for {} µs at most",
                held_ns_max / 1000
            ),
        };
        let stamped: u64 = self.stamped.values().map(|seq| seq.0).sum();
        let traffic = format!("[so far {stamped} stamped, {} delivered]", self.delivered);
        self.operation(now, || {
            format!("coordinator hears: {who} {words}  {traffic}")
        });
    }

    pub(crate) fn frame_leaves(
        &mut self,
        now: Time,
        (from, to): (Incarnation, Incarnation),
        frame: &LaneFrame,
    ) {
        if self.focus.is_none() {
            return;
        }
        if let LaneFrame::Matcher(MatcherFrame::Notifications(batch)) = frame {
            for notification in batch {
                let stamp = notification.stamp;
                self.stamped.insert(stamp.access_point, stamp.seq);
            }
            if let Some(notification) = batch.iter().find(|n| self.is_focus(n)) {
                let stamp = notification.stamp;
                if self.stamp.is_none() {
                    self.stamp = Some(stamp);
                    let who = self.name(from);
                    self.notification(now, || {
                        format!(
                            "{who} stamps it: number {} in epoch {}",
                            stamp.seq, stamp.epoch
                        )
                    });
                }
            }
        }
        let words = self.marker(frame, "sends");
        if let Some(words) = words {
            let (who, whom) = (self.name(from), self.name(to));
            self.operation(now, || format!("{who} {words} to {whom}"));
        }
    }

    pub(crate) fn frame_arrives(
        &mut self,
        now: Time,
        from: Incarnation,
        to: Incarnation,
        frame: &LaneFrame,
    ) {
        if self.focus.is_none() {
            return;
        }
        let (who, whom) = (self.name(from), self.name(to));
        let way = self.on_the_way(frame);
        let is_new = |story: &mut Self| {
            let is_way = story.carriers.contains(&from) || !is_of_matcher(frame);
            is_way && story.passed.insert((from, to))
        };
        if let Some(words) = way.filter(|_| !is_progress(frame) || is_new(self)) {
            if let LaneFrame::Matcher(_) = frame {
                self.carriers.insert(to);
            }
            self.notification(now, || format!("{who:<18} ─► {whom:<18} {words}"));
        }
        if let Some(words) = self.marker(frame, "") {
            self.operation(now, || format!("{whom} has {words} of {who}"));
        }
        if let Some(words) = self.registration(frame) {
            let chapter = Chapter::Subscriptions;
            self.tell(now, chapter, format!("{who:<18} ─► {whom:<18} {words}"));
        }
    }

    pub(crate) fn published(
        &mut self,
        now: Time,
        index: usize,
        which: (PublisherId, PublisherSeq),
        attributes: &Attributes,
    ) {
        if self.focus().notification == Some(which) {
            self.notification(now, || {
                format!(
                    "publisher {index} publishes its #{}: {attributes:?}",
                    which.1
                )
            });
        }
    }

    pub(crate) fn acknowledged(
        &mut self,
        now: Time,
        index: usize,
        which: (PublisherId, PublisherSeq),
        matched: Option<u32>,
    ) {
        if self.focus().notification == Some(which) {
            let count = matched.map_or(String::new(), |count| {
                format!(": {count} subscriptions matched")
            });
            self.notification(now, || {
                format!("publisher {index} has its acknowledgement{count}")
            });
        }
    }

    pub(crate) fn delivered(&mut self, now: Time, index: usize, deliver: &Deliver) {
        self.delivered += 1;
        if self.focus().notification == Some((deliver.publisher, deliver.publisher_seq)) {
            let numbers: Vec<_> = deliver.hits.iter().map(|hit| hit.number.0).collect();
            self.notification(now, || {
                format!("subscriber {index} receives it for its subscriptions {numbers:?}")
            });
        }
    }

    pub(crate) fn attached(
        &mut self,
        now: Time,
        index: usize,
        session: SessionId,
        attachment: Attachment,
    ) {
        if self.focus().subscriber == Some(index) {
            self.session = Some(session);
            self.tell(
                now,
                Chapter::Subscriptions,
                format!("subscriber {index} is attached to session {session}: {attachment:?}"),
            );
        }
    }

    pub(crate) fn requested(
        &mut self,
        now: Time,
        index: usize,
        (number, operation): (SubscriptionNumber, OperationNumber),
        asked: &Asked,
    ) {
        if self.focus().subscriber == Some(index) {
            let what = match asked {
                Asked::Filter(filter) => format!("subscribes {number} to {}", filter.text()),
                Asked::End => format!("unsubscribes {number}"),
                Asked::Nonsense => format!("subscribes {number} to nonsense"),
            };
            self.tell(
                now,
                Chapter::Subscriptions,
                format!("subscriber {index} {what} (operation {operation})"),
            );
        }
    }

    /// What a frame means for the notification in focus.
    fn on_the_way(&self, frame: &LaneFrame) -> Option<String> {
        let stamp = self.stamp;
        match frame {
            LaneFrame::AccessPoint(AccessPointFrame::Publish {
                publisher,
                publications,
                ..
            }) => publications
                .iter()
                .any(|p| self.focus().notification == Some((*publisher, p.seq)))
                .then(|| "the publication".to_owned()),
            LaneFrame::AccessPoint(AccessPointFrame::Released { seq, .. }) => {
                (*seq >= stamp?.seq).then(|| format!("released up to {seq}"))
            }
            LaneFrame::Matcher(MatcherFrame::Notifications(batch)) => batch
                .iter()
                .any(|n| self.is_focus(n))
                .then(|| format!("the notification, in a batch of {}", batch.len())),
            LaneFrame::ExitPoint(ExitPointFrame::Hits {
                access_point,
                matched,
                done,
            }) => {
                let stamp = stamp.filter(|s| s.access_point == *access_point && *done >= s.seq)?;
                let hits = matched.iter().find(|m| m.notification.stamp == stamp);
                let sessions = hits.map_or(0, |m| m.sessions.len());
                Some(match sessions {
                    0 => format!("done up to {done}, no hit"),
                    count => format!(
                        "hits of {count} session{}, done up to {done}",
                        plural(count)
                    ),
                })
            }
            LaneFrame::ConnectionPoint(ConnectionPointFrame::Deliveries(deliveries)) => {
                let ours = |item: &DeliveryItem| match item {
                    DeliveryItem::Notification { notification, .. } => self.is_focus(notification),
                    DeliveryItem::Gap(_) => false,
                };
                let count = deliveries.iter().filter(|d| ours(&d.item)).count();
                (count > 0).then(|| format!("the delivery to {count} session{}", plural(count)))
            }
            LaneFrame::AccessPoint(_)
            | LaneFrame::Matcher(_)
            | LaneFrame::ExitPoint(_)
            | LaneFrame::ConnectionPoint(_) => None,
        }
    }

    /// What a frame means for the operation.
    fn marker(&self, frame: &LaneFrame, verb: &str) -> Option<String> {
        let what = match frame {
            LaneFrame::Matcher(frame) => words_of_marker(frame)?,
            LaneFrame::ExitPoint(ExitPointFrame::Compare { slots, .. }) => {
                let held: u32 = slots.iter().map(|(_, digest)| digest.count).sum();
                let count = slots.len();
                format!(
                    "the word that it holds {held} subscriptions in {count} slot{} of the lost one",
                    plural(count)
                )
            }
            LaneFrame::AccessPoint(_) | LaneFrame::ExitPoint(_) | LaneFrame::ConnectionPoint(_) => {
                return None;
            }
        };
        Some(format!("{verb} {what}").trim().to_owned())
    }

    /// What a frame means for the session in focus.
    fn registration(&self, frame: &LaneFrame) -> Option<String> {
        let ours = |operation: &SubscriptionOperation| {
            (Some(operation.session()) == self.session).then(|| words_of(operation))
        };
        match frame {
            LaneFrame::Matcher(MatcherFrame::Operation(operation)) => ours(operation),
            LaneFrame::Matcher(
                MatcherFrame::Follow { taken, .. }
                | MatcherFrame::Standby(StandbyFrame::Follow { taken, .. }),
            ) => Some(format!("follow: {}", ours(taken)?)),
            LaneFrame::ExitPoint(ExitPointFrame::Registration(operation)) => {
                Some(format!("taken: {}", ours(operation)?))
            }
            LaneFrame::AccessPoint(AccessPointFrame::Request {
                session, request, ..
            }) => (Some(*session) == self.session).then(|| {
                format!(
                    "operation {} on subscription {}",
                    request.operation, request.number
                )
            }),
            LaneFrame::ConnectionPoint(ConnectionPointFrame::Answered {
                session,
                operation,
                ..
            }) => (Some(*session) == self.session).then(|| format!("answer to {operation}")),
            LaneFrame::Matcher(_)
            | LaneFrame::ExitPoint(_)
            | LaneFrame::AccessPoint(_)
            | LaneFrame::ConnectionPoint(_) => None,
        }
    }

    fn is_focus(&self, notification: &Notification) -> bool {
        self.focus().notification == Some((notification.publisher, notification.publisher_seq))
    }

    fn focus(&self) -> Focus {
        self.focus.unwrap_or_default()
    }

    fn name(&self, incarnation: Incarnation) -> String {
        match self.names.get(&incarnation) {
            Some(name) => name.clone(),
            None => format!("instance {incarnation}"),
        }
    }

    fn notification(&mut self, now: Time, words: impl FnOnce() -> String) {
        if self.focus().notification.is_some() {
            self.tell(now, Chapter::Notification, words());
        }
    }

    fn operation(&mut self, now: Time, words: impl FnOnce() -> String) {
        let wanted = self.focus().epochs.filter(|_| !self.is_over);
        if wanted.is_some_and(|(first, last)| (first..=last).contains(&self.epoch)) {
            self.tell(now, Chapter::Operation, words());
        }
    }

    fn tell(&mut self, at: Time, chapter: Chapter, text: String) {
        self.lines.push(Line { at, chapter, text });
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.at.0 / 1000;
        let (millis, rest) = (micros / 1000, micros % 1000);
        write!(f, "{millis:>6}.{rest:03} ms  {}", self.text)
    }
}

/// What a frame to a matcher means for the operation.
fn words_of_marker(frame: &MatcherFrame) -> Option<String> {
    Some(match frame {
        MatcherFrame::Close(_) => "the CLOSE".to_owned(),
        MatcherFrame::End(_) => "the END".to_owned(),
        MatcherFrame::Flip { epoch, first } => format!("the FLIP into {epoch} at {first}"),
        MatcherFrame::Restart { epoch, first } => {
            format!("the RESTART in {epoch} from {first} on")
        }
        MatcherFrame::Differing { slots, .. } => {
            let count = slots.len();
            format!(
                "the word that {count} slot{} of the lost one differ",
                plural(count)
            )
        }
        MatcherFrame::RestoreEnd(_) => {
            "the word that this is all in the lost one's slots".to_owned()
        }
        MatcherFrame::Chunk { subscriptions, .. } | MatcherFrame::Restore { subscriptions, .. } => {
            let count = subscriptions.len();
            format!("a chunk of {count} subscription{}", plural(count))
        }
        MatcherFrame::Follow { taken, .. } => {
            format!("operation {} that followed the copy,", taken.number)
        }
        MatcherFrame::Standby(StandbyFrame::Parts { slots, .. }) => {
            let of = slots.iter().map(|part| part.subscriptions.len());
            let (count, all) = (slots.len(), of.sum::<usize>());
            format!(
                "{all} subscription{} in parts of {count} slot{} that it stands by for,",
                plural(all),
                plural(count)
            )
        }
        MatcherFrame::Standby(StandbyFrame::Follow { taken, .. }) => {
            format!(
                "operation {} that its standby has to have too,",
                taken.number
            )
        }
        MatcherFrame::NothingMore(_) => "the end of the lane".to_owned(),
        MatcherFrame::Standby(StandbyFrame::Taken)
        | MatcherFrame::Open(_)
        | MatcherFrame::Notifications(_)
        | MatcherFrame::Operation(_)
        | MatcherFrame::ChunkTaken(_) => return None,
    })
}

/// Whether a frame tells how far its sender is: then only the first that reaches the notification is part of its way.
fn is_progress(frame: &LaneFrame) -> bool {
    matches!(
        frame,
        LaneFrame::AccessPoint(AccessPointFrame::Released { .. })
            | LaneFrame::ExitPoint(ExitPointFrame::Hits { .. })
    )
}

fn is_of_matcher(frame: &LaneFrame) -> bool {
    matches!(frame, LaneFrame::ExitPoint(ExitPointFrame::Hits { .. }))
}

fn words_of(operation: &SubscriptionOperation) -> String {
    let what = match operation.change {
        Change::Set(_) => "sets",
        Change::Unset => "ends",
    };
    format!(
        "operation {} {what} subscription {}",
        operation.number, operation.subscription.number
    )
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
