//! What applications and people do: publish, subscribe, replace, unsubscribe, lose connections, scale, abort.

use gomera_coordinator::{OperationRecord, ScaleRequest, Wishes};
use gomera_filter::{Dialect, Filter};
use gomera_model::control::Strategy;
use gomera_model::{
    Body, Content, Layer, OperationId, OperationNumber, SubscriptionNumber, Time, Timestamp,
};

use super::{Party, World};
use crate::checker::history::Asked;
use crate::content;
use crate::scenario::Scenario;

/// Publications beyond the plan, one now and then, while operations are still under way.
const TRICKLE_MAX: u32 = 300;
/// How much rarer these are.
const TRICKLE_RARITY: u64 = 10;

/// How much likelier a scaling is than any single one of the other acts that are left. More than one, so that most
/// operations begin and end under load.
const SCALING_URGENCY: u64 = 3;

/// How much faster everything comes while an operation is under way.
const SCALING_HASTE: u64 = 3;

/// What is left to do.
#[derive(Debug)]
pub(super) struct Load {
    publications: u32,
    requests: u32,
    scalings: u32,
    losses: u32,
    deaths: u32,
    successions: u32,
    endings: u32,
    trickle: u32,
    /// When a session was ended last.
    pub(super) last_ending: Time,
    /// Whether it was asked last that one exit point stay alone: that may be done at any time, also behind a recovery.
    pub(super) asks_for_one: bool,
    /// An operation that shall be aborted.
    abort: Option<OperationId>,
    last_accepted: Option<OperationId>,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Publish,
    Request,
    Lose,
    End,
    Succeed,
    Scale,
    Abort,
    Die,
}

impl Load {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            publications: scenario.publications,
            requests: scenario.requests,
            scalings: scenario.scalings,
            losses: scenario.losses,
            deaths: scenario.deaths,
            successions: scenario.successions,
            endings: scenario.endings,
            trickle: TRICKLE_MAX,
            last_ending: Time(0),
            asks_for_one: false,
            abort: None,
            last_accepted: None,
        }
    }

    /// Whether the operation is new.
    fn accepted(&mut self, record: &OperationRecord) -> bool {
        let is_new = self.last_accepted != Some(record.id);
        if is_new {
            self.last_accepted = Some(record.id);
            self.scalings = self.scalings.saturating_sub(1);
        }
        is_new
    }
}

impl World {
    /// How many of a thousand steps a client or a person does something now.
    pub(super) fn eagerness(&self) -> u64 {
        let is_scaling = self.cluster.under_way().is_some();
        let load = &self.load;
        let haste = if is_scaling { SCALING_HASTE } else { 1 };
        let eagerness = self.scenario.eagerness_per_mille * haste;
        if !self.clients.have_started {
            0
        } else if load.publications > 0 || load.requests > 0 {
            eagerness
        } else if load.scalings > 0 || (is_scaling && load.trickle > 0) {
            eagerness / TRICKLE_RARITY + 1
        } else {
            0
        }
    }

    /// Whether clients have nothing more to do of their own accord.
    pub(super) fn load_is_over(&self) -> bool {
        self.load.publications == 0 && self.load.requests == 0
    }

    /// A client or a person does something.
    pub(super) fn act(&mut self) {
        let is_scaling = self.cluster.under_way().is_some();
        let can_scale = self.load.scalings > 0
            && self.cluster.is_ready()
            && (!is_scaling || self.rng.per_mille(10));
        let abort = u64::from(self.load.abort.is_some());
        let weights = [
            u64::from(self.load.publications.max(self.load.trickle.min(1))),
            u64::from(self.load.requests),
            u64::from(self.load.losses),
            u64::from(self.load.endings),
            u64::from(self.load.successions),
            u64::from(can_scale) * u64::from(self.load.scalings) * SCALING_URGENCY,
            abort * 10,
            u64::from(self.load.deaths > 0 && self.may_die()) * 2,
        ];
        let acts = [
            Act::Publish,
            Act::Request,
            Act::Lose,
            Act::End,
            Act::Succeed,
            Act::Scale,
            Act::Abort,
            Act::Die,
        ];
        match self.rng.weighted(&weights).map(|index| acts[index]) {
            Some(Act::Publish) => self.publish(),
            Some(Act::Request) => self.request(),
            Some(Act::Lose) => self.lose(),
            Some(Act::End) => self.end_session(),
            Some(Act::Succeed) => {
                self.load.successions -= 1;
                if self.cluster.has_ensemble {
                    self.end_leader();
                }
            }
            Some(Act::Scale) => self.scale(),
            Some(Act::Abort) => self.abort(),
            Some(Act::Die) => {
                self.load.deaths -= 1;
                self.kill();
            }
            None => {}
        }
    }

    /// One publisher publishes something, or several things at once.
    fn publish(&mut self) {
        let with_room: Vec<usize> = (0..self.clients.publishers.len())
            .filter(|&index| self.clients.publishers[index].core.has_room())
            .collect();
        if with_room.is_empty() {
            self.reach.windows_full += 1;
            return;
        }
        let index = *self.rng.pick(&with_room);
        for _ in 0..self.rng.between(1, self.scenario.burst) {
            if self.clients.publishers[index].core.has_room() {
                self.publish_one(index);
            }
        }
        self.carry_client(Party::Publisher(index));
    }

    fn publish_one(&mut self, index: usize) {
        let attributes = content::attributes(&mut self.rng);
        let publisher = &mut self.clients.publishers[index];
        let content = Content {
            attributes: attributes.clone(),
            body: Body::None,
        };
        let at = Timestamp(i64::try_from(self.now.0).expect("a run is short"));
        let published = publisher.core.publish(at, content, &mut publisher.effects);
        let seq = published.expect("there is room, and the content is small");
        let id = publisher.core.publisher();
        self.story
            .published(self.now, index, (id, seq), &attributes);
        let known = self.history.published(id, attributes);
        assert_eq!(seq, known, "the library numbers publications one by one");
        let load = &mut self.load;
        if load.publications > 0 {
            load.publications -= 1;
        } else {
            load.trickle = load.trickle.saturating_sub(1);
        }
    }

    fn request(&mut self) {
        self.load.requests -= 1;
        let index = self.rng.index(self.clients.subscribers.len());
        if self.clients.subscribers[index].has_ended {
            return;
        }
        let number = self.rng.below(self.scenario.numbers);
        let number = SubscriptionNumber(u32::try_from(number).expect("a small number"));
        if self.rng.per_mille(700) {
            self.subscribe(index, number);
        } else {
            self.unsubscribe(index, number);
            if self.rng.per_mille(400) {
                self.subscribe(index, number);
            }
        }
        self.carry_client(Party::Subscriber(index));
    }

    fn subscribe(&mut self, index: usize, number: SubscriptionNumber) {
        let text = content::filter(&mut self.rng);
        let asked = match Filter::parse(Dialect::Sql, &text.text) {
            Ok(filter) => Asked::Filter(filter),
            Err(_) => Asked::Nonsense,
        };
        let subscriber = &mut self.clients.subscribers[index];
        let made = subscriber
            .core
            .subscribe(number, text, &mut subscriber.effects);
        if made.is_ok() {
            self.note_request(index, number, asked);
        }
    }

    fn unsubscribe(&mut self, index: usize, number: SubscriptionNumber) {
        let subscriber = &mut self.clients.subscribers[index];
        let made = subscriber.core.unsubscribe(number, &mut subscriber.effects);
        if made.is_ok() {
            self.note_request(index, number, Asked::End);
        }
    }

    fn note_request(&mut self, index: usize, number: SubscriptionNumber, asked: Asked) {
        let subscriber = &mut self.clients.subscribers[index];
        subscriber.requests += 1;
        let operation = OperationNumber(subscriber.requests);
        self.story
            .requested(self.now, index, (number, operation), &asked);
        self.history
            .requested(subscriber.session, operation, number, asked);
    }

    fn lose(&mut self) {
        self.load.losses -= 1;
        let open = self.connections.open();
        if !open.is_empty() {
            let connection = *self.rng.pick(&open);
            self.reach.losses += 1;
            self.lose_connection(connection);
        }
    }

    /// An application ends its session, if it is connected and there is another one left.
    fn end_session(&mut self) {
        let index = self.rng.index(self.clients.subscribers.len());
        let subscriber = &mut self.clients.subscribers[index];
        if !subscriber.is_connected || subscriber.has_ended {
            return;
        }
        self.load.endings -= 1;
        self.load.last_ending = self.now;
        subscriber.has_ended = true;
        subscriber.wish = None;
        self.history.ended(subscriber.session);
        subscriber.core.end(&mut subscriber.effects);
        self.carry_client(Party::Subscriber(index));
    }

    fn scale(&mut self) {
        let wishes = self.wanted();
        let strategy = if self.rng.per_mille(self.scenario.buffered_per_mille) {
            Strategy::Buffered
        } else {
            Strategy::Live
        };
        self.load.asks_for_one |= wishes.layers.get(&Layer::ExitPoints) == Some(&1);
        let request = ScaleRequest {
            wishes,
            strategy,
            dry_run: self.rng.per_mille(50),
            reason: String::new(),
            idempotency_key: None,
            asked_at: Timestamp(0),
        };
        self.ask(|coordinator, now, id, effects| coordinator.scale(now, id, request, effects));
    }

    /// Another number of instances of a layer or of several, sometimes with weights.
    fn wanted(&mut self) -> Wishes {
        let mut wishes = Wishes::default();
        let is_row = self.rng.per_mille(self.scenario.rows_per_mille);
        for _ in 0..if is_row { 3 } else { 1 } {
            let layer = *self.rng.pick(&self.scenario.layers);
            let most = if layer == Layer::Matchers { 5 } else { 3 };
            let count = u32::try_from(self.rng.between(1, most)).expect("a small number");
            // Nobody gives up the second copy of what has just lost the first.
            let count = if layer == Layer::ExitPoints && self.is_somebody_missed() {
                count.max(2)
            } else {
                count
            };
            wishes.layers.insert(layer, count);
            wishes.weights.remove(&layer);
            let owns_slots = matches!(layer, Layer::Matchers | Layer::ExitPoints);
            if owns_slots && self.rng.per_mille(self.scenario.weights_per_mille) {
                let weight = |_| *self.rng.pick(&[1, 2, 7]);
                wishes
                    .weights
                    .insert(layer, (0..count).map(weight).collect());
            }
        }
        wishes
    }

    /// An operation is under way; perhaps somebody will want it aborted.
    pub(super) fn accepted(&mut self, record: &OperationRecord) {
        let is_new = self.load.accepted(record);
        self.load.asks_for_one = record.asked.layers.get(&Layer::ExitPoints) == Some(&1);
        if is_new && record.strategy == Strategy::Buffered {
            self.reach.buffered += 1;
        }
        if is_new && self.rng.per_mille(self.scenario.aborts_per_mille) {
            self.load.abort = Some(record.id);
        }
    }

    fn abort(&mut self) {
        if let Some(operation) = self.load.abort.take() {
            self.ask(|coordinator, now, id, effects| {
                coordinator.abort(now, id, operation, effects);
            });
        }
    }
}
