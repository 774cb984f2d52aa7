//! Access point: parses and flattens a notification once, stamps it, retains it until every exit point has released
//! it, and sends it to the matchers of the stamped epoch; routes subscription operations to the matcher that owns
//! their slot.
//!
//! ```text
//!            Prepare          Close               Topology(e+1)
//!  Flowing ──────────► Prepared ──────► Closed ───────────────────► Flowing
//!     ▲                   │               │      FLIP in every lane,
//!     └───────Abort───────┴─────Abort─────┘      then what was held
//!                                         │
//!                      strategy buffered  └──► Buffering ── TakenUp of every new owner ──► Flowing
//! ```
//!
//! `Closed` holds operations on moving slots; nothing else ever waits, but for the paper's strategy: `Buffering` keeps
//! publications until what was held has been taken up.
//!
//! It does all that from the topology that lists it to the one that does not: see `presence`. A publisher that comes
//! from another access point is welcomed when that one has handed it over: see `handover`.

mod handover;
mod holdings;
mod opening;
mod operation;
mod presence;
mod publishers;
mod retained;
mod stats;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_filter::{Dialect, Filter};
use gomera_model::control::{Control, Report};
use gomera_model::flatten::flatten;
use gomera_model::lane::{
    AccessPointFrame, ConnectionPointFrame, Handover, LaneFrame, MatcherFrame, Publication,
    SubscriptionRequest,
};
use gomera_model::operation::{Change, SubscriptionOperation};
use gomera_model::silbo::{Acknowledgement, Refusal, RefusalCode};
use gomera_model::{
    ContentError, Epoch, Generation, Incarnation, Layer, LookupMap, Notification, PublisherId,
    PublisherSeq, Seq, SessionId, Stamp, SubscriptionId, Time, Topology,
};

use crate::effect::Effects;
use crate::limits::BATCH_NOTIFICATIONS;
use crate::rules::{Rule, Rules};
use operation::{Kept, Phase, flipped_into};
use presence::Presence;
use publishers::Publishers;
use retained::Retained;

pub use publishers::Window;
pub use stats::AccessPointStats;

/// An access point.
#[derive(Clone, Debug)]
pub struct AccessPoint {
    incarnation: Incarnation,
    rules: Rules,
    phase: Phase,
    presence: Presence,
    /// Up to which epoch others have said that nothing more comes from them.
    farewells: BTreeMap<Incarnation, Epoch>,
    publishers: Publishers,
    retained: Retained,
    /// What was stamped in this turn and not sent yet.
    batch: Vec<Arc<Notification>>,
    /// The newest connection of each session that has sent an operation.
    sessions: LookupMap<SessionId, Generation>,
    /// Subscription operations of connection points that know a further epoch, in order.
    ahead: Vec<(Incarnation, AccessPointFrame)>,
    /// What was reported of the last flip.
    flipped: Report,
    /// The first that may be outstanding when what was stamped before the epoch in force is settled; nothing, once that
    /// is reported.
    unsettled: Option<Seq>,
    stats: AccessPointStats,
}

impl AccessPoint {
    /// One that knows nothing yet; its first input is the topology. `seed` keys its hash tables.
    #[must_use]
    pub fn new(incarnation: Incarnation, seed: u64) -> Self {
        Self {
            incarnation,
            rules: Rules::default(),
            phase: Phase::Starting,
            presence: Presence::Unlisted(Vec::new()),
            farewells: BTreeMap::new(),
            publishers: Publishers::new(incarnation, seed),
            retained: Retained::default(),
            batch: Vec::new(),
            sessions: LookupMap::new(seed),
            ahead: Vec::new(),
            flipped: flipped_into(Epoch(0)),
            unsettled: None,
            stats: AccessPointStats::default(),
        }
    }

    /// With another window than the usual one.
    #[must_use]
    pub fn with_window(mut self, window: Window) -> Self {
        self.publishers.window = window;
        self
    }

    /// With a rule of the protocol taken away.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self.publishers.rules = rules;
        self
    }

    /// A frame has come in the lane from an instance.
    pub fn receive(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: AccessPointFrame,
        effects: &mut Effects,
    ) {
        if self.phase.retires(from) && !self.rules.broken(Rule::RefuseRetired) {
            self.stats.fenced += 1;
            return;
        }
        let frame = if self.stalls() {
            self.presence.stall(from, frame)
        } else {
            Some(frame)
        };
        let Some(frame) = frame else {
            return;
        };
        if self.is_ahead(from, &frame) {
            self.ahead.push((from, frame));
        } else {
            self.take(now, from, frame, effects);
        }
    }

    /// The coordinator says something.
    pub fn control(&mut self, now: Time, control: Control, effects: &mut Effects) {
        match control {
            Control::Topology(topology) => {
                self.topology(now, &topology, effects);
                self.catch_up(now, effects);
            }
            Control::Prepare(plan) => self.prepare(plan, effects),
            Control::Copy(_) => {}
            Control::Close(operation) => self.close(operation, effects),
            Control::Abort(operation) => self.abort(operation, effects),
        }
    }

    /// No further input is waiting: what was stamped goes out, what was released is acknowledged.
    pub fn turn_ended(&mut self, _: Time, effects: &mut Effects) {
        self.flush(effects);
        self.publishers.acknowledge(effects);
        self.report_settled(effects);
        self.leave(effects);
    }

    /// A time that it asked for has come: publishers that wait for an access point unheard of may wait no longer.
    pub fn wake(&mut self, now: Time, effects: &mut Effects) {
        self.publishers.wake(now, effects);
    }

    /// The newest epoch that it knows; zero before the first topology.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.phase.epoch()
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> AccessPointStats {
        AccessPointStats {
            outstanding: self.retained.len() as u64,
            publishers: self.publishers.open_count() as u64,
            ..self.stats.clone()
        }
    }

    /// Where it stands, as the drawings name it: in an operation on the matchers while it serves, else in its own life.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        match &self.presence {
            Presence::Listed => self.phase.name(),
            presence @ (Presence::Unlisted(_)
            | Presence::Leaving
            | Presence::Ending
            | Presence::Emptied
            | Presence::Gone) => presence.name(),
        }
    }

    /// Another access point that leaves passes on what it knows of publishers, with `complete` behind the last.
    fn remember(
        &mut self,
        from: Incarnation,
        publishers: Vec<(PublisherId, Generation, Handover)>,
        complete: Option<Epoch>,
        effects: &mut Effects,
    ) {
        for (publisher, generation, handover) in publishers {
            self.publishers.recall(publisher, generation, handover);
        }
        if let Some(epoch) = complete {
            let taken = AccessPointFrame::NothingMore(epoch);
            effects.send(from, LaneFrame::AccessPoint(taken));
        }
    }

    /// Whether a subscription operation comes from somebody who knows a further epoch, or behind such a one.
    fn is_ahead(&self, from: Incarnation, frame: &AccessPointFrame) -> bool {
        let (AccessPointFrame::Request { epoch, .. } | AccessPointFrame::Unsubscribe { epoch, .. }) =
            frame
        else {
            return false;
        };
        *epoch > self.epoch() || self.ahead.iter().any(|(of, _)| *of == from)
    }

    /// Whether a subscription operation comes from somebody who has not read the last cut, and will repeat it, behind those
    /// before it that a lost matcher had: it must not overtake them.
    fn is_from_before_cut(&mut self, epoch: Epoch) -> bool {
        let is_before = epoch < self.phase.topology().cut
            && !self.rules.broken(Rule::RefuseOperationsBeforeCut);
        self.stats.fenced += u64::from(is_before);
        is_before
    }

    /// A topology has come: operations that waited for it go on.
    fn catch_up(&mut self, now: Time, effects: &mut Effects) {
        for (from, frame) in core::mem::take(&mut self.ahead) {
            self.receive(now, from, frame, effects);
        }
    }

    fn take(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: AccessPointFrame,
        effects: &mut Effects,
    ) {
        match frame {
            AccessPointFrame::OpenPublisher { .. }
            | AccessPointFrame::ClosePublisher { .. }
            | AccessPointFrame::HandOver { .. }
            | AccessPointFrame::HandedOver { .. } => {
                self.publishers.receive(now, from, frame, effects);
            }
            AccessPointFrame::Publish {
                publisher,
                generation,
                publications,
            } => {
                for publication in publications {
                    self.publish(publisher, generation, publication, effects);
                }
            }
            AccessPointFrame::Refuse {
                publisher,
                generation,
                seq,
                refusal,
            } => {
                if self.is_new(publisher, generation, seq) {
                    self.refuse(publisher, (seq, refusal), effects);
                }
            }
            AccessPointFrame::Request {
                session,
                generation,
                epoch,
                request,
            } => {
                if self.is_newest(session, generation) && !self.is_from_before_cut(epoch) {
                    let client = (from, session, generation);
                    self.request(now, client, request, effects);
                }
            }
            AccessPointFrame::Unsubscribe { operations, .. } => {
                for operation in operations {
                    self.route(now, operation, effects);
                }
            }
            AccessPointFrame::SessionEnded(session) => {
                self.sessions.remove(&session);
            }
            AccessPointFrame::TakenUp(epoch) => self.taken_up(now, (from, epoch), effects),
            AccessPointFrame::Released {
                epoch,
                seq,
                matched,
            } => self.released((from, epoch), seq, &matched),
            AccessPointFrame::Remember {
                publishers,
                complete,
            } => {
                self.remember(from, publishers, complete, effects);
            }
            AccessPointFrame::NothingMore(epoch) => self.fed_no_more(from, epoch),
        }
    }

    fn publish(
        &mut self,
        publisher: PublisherId,
        generation: Generation,
        publication: Publication,
        effects: &mut Effects,
    ) {
        if !self.is_new(publisher, generation, publication.seq) {
            return;
        }
        match flatten(&publication.content) {
            Ok(flat) => {
                self.publishers.admitted(publisher);
                let kept = Kept {
                    publisher,
                    publication,
                    flat,
                };
                if let Some(kept) = self.phase.keep(kept) {
                    self.stamp(kept);
                }
            }
            Err(error) => {
                let refusal = (publication.seq, refusal_of(&error));
                self.refuse(publisher, refusal, effects);
            }
        }
    }

    /// Whether a publication comes over the newest connection of its publisher and is no repeat; if so it is taken.
    fn is_new(
        &mut self,
        publisher: PublisherId,
        generation: Generation,
        seq: PublisherSeq,
    ) -> bool {
        let is_repeat_known = !self.rules.broken(Rule::KnowRepeats);
        let Some(state) = self.publishers.newest(publisher, generation) else {
            self.stats.fenced += 1;
            return false;
        };
        if seq <= state.last && is_repeat_known {
            self.publishers.note_due(publisher);
            self.stats.repeats += 1;
            return false;
        }
        state.last = seq;
        true
    }

    fn refuse(
        &mut self,
        publisher: PublisherId,
        refused: (PublisherSeq, Refusal),
        effects: &mut Effects,
    ) {
        self.stats.refused += 1;
        self.publishers.refused(publisher, refused, effects);
    }

    fn stamp(&mut self, kept: Kept) {
        let Kept {
            publisher,
            publication,
            flat,
        } = kept;
        let notification = Arc::new(Notification {
            stamp: Stamp {
                access_point: self.incarnation,
                seq: self.retained.next(),
                epoch: self.phase.topology().epoch,
            },
            publisher,
            publisher_seq: publication.seq,
            published_at: publication.published_at,
            content: publication.content,
            flat,
        });
        self.stats.stamped += 1;
        self.publishers.taken(publisher, publication.seq);
        self.retained.push(Arc::clone(&notification));
        self.batch.push(notification);
    }

    /// Sends what was stamped to every matcher of its epoch, in batches short enough that a matcher can turn to
    /// something else between them.
    fn flush(&mut self, effects: &mut Effects) {
        if self.batch.is_empty() {
            return;
        }
        for matcher in self.phase.topology().incarnations(Layer::Matchers) {
            for batch in self.batch.chunks(BATCH_NOTIFICATIONS) {
                let frame = MatcherFrame::Notifications(batch.to_vec());
                effects.send(matcher, LaneFrame::Matcher(frame));
            }
        }
        self.batch.clear();
    }

    fn released(&mut self, (point, epoch): (Incarnation, Epoch), seq: Seq, matched: &[(Seq, u32)]) {
        let said = if self.rules.broken(Rule::RefuseProgressBeforeCut) {
            self.epoch()
        } else {
            epoch
        };
        self.retained.released((point, said), seq, matched);
        self.forget_released();
    }

    /// What every exit point that is waited for has released is forgotten, and acknowledged at the end of the turn.
    fn forget_released(&mut self) {
        while let Some(done) = self.retained.pop() {
            self.publishers.released(
                done.notification.publisher,
                done.notification.publisher_seq,
                done.matched,
            );
            self.stats.released += 1;
        }
    }

    /// Whether no newer connection of the session has sent an operation. An older one's client repeats over the newer.
    fn is_newest(&mut self, session: SessionId, generation: Generation) -> bool {
        let newest = self.sessions.get_or_insert_with(session, || generation);
        *newest = generation.max(*newest);
        let is_newest = *newest == generation;
        self.stats.fenced += u64::from(!is_newest);
        is_newest
    }

    fn request(
        &mut self,
        now: Time,
        (connection_point, session, generation): (Incarnation, SessionId, Generation),
        request: SubscriptionRequest,
        effects: &mut Effects,
    ) {
        let number = request.operation;
        match parse(session, request) {
            Ok(operation) => self.route(now, operation, effects),
            Err(refusal) => {
                self.stats.operations_refused += 1;
                let answered = ConnectionPointFrame::Answered {
                    session,
                    generation,
                    operation: number,
                    refused: Some(refusal),
                };
                effects.send(connection_point, LaneFrame::ConnectionPoint(answered));
            }
        }
    }

    /// Sends an operation to the owner of its slot, or holds it while the slot changes hands.
    fn route(&mut self, now: Time, operation: SubscriptionOperation, effects: &mut Effects) {
        self.stats.operations += 1;
        let Some(operation) = self.phase.hold(now, operation) else {
            return;
        };
        send_to_owner(self.phase.topology(), operation, effects);
    }
}

fn send_to_owner(topology: &Topology, operation: SubscriptionOperation, effects: &mut Effects) {
    let owner = topology.matcher(operation.subscription.slot());
    let frame = MatcherFrame::Operation(operation.into());
    effects.send(owner, LaneFrame::Matcher(frame));
}

fn parse(
    session: SessionId,
    request: SubscriptionRequest,
) -> Result<SubscriptionOperation, Refusal> {
    let change = match &request.filter {
        None => Change::Unset,
        Some(filter) => {
            let dialect: Dialect = filter.dialect.parse().map_err(|_| Refusal {
                code: RefusalCode::UnknownDialect,
                reason: format!(
                    "no dialect {:?}; there are sql, jms, amqp-sql, cesql and mqtt",
                    filter.dialect
                ),
            })?;
            let filter = Filter::parse(dialect, &filter.text).map_err(|error| Refusal {
                code: RefusalCode::InvalidFilter,
                reason: error.to_string(),
            })?;
            Change::Set(filter.canonical())
        }
    };
    Ok(SubscriptionOperation {
        subscription: SubscriptionId {
            session,
            number: request.number,
        },
        number: request.operation,
        unanswered_from: request.unanswered_from,
        change,
    })
}

fn refusal_of(error: &ContentError) -> Refusal {
    let code = if matches!(error, ContentError::TooLarge { .. }) {
        RefusalCode::ContentTooLarge
    } else {
        RefusalCode::InvalidContent
    };
    Refusal {
        code,
        reason: error.to_string(),
    }
}

/// Whether acknowledgements wait for the exit points.
fn waits_for_release(acknowledgement: Acknowledgement) -> bool {
    match acknowledgement {
        Acknowledgement::Received => false,
        Acknowledgement::Joined | Acknowledgement::Durable => true,
    }
}
