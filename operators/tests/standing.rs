//! A matcher stands by for another one, which dies: what exit points have to send then is what the standby lacks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use gomera_filter::{Dialect, Filter};
use gomera_matching::CpuLevel;
use gomera_model::control::Control;
use gomera_model::lane::{Attach, ExitPointFrame, LaneFrame, MatcherFrame, Open, OverflowPolicy};
use gomera_model::operation::{Change, SubscriptionOperation};
use gomera_model::topology::ExitPoints;
use gomera_model::{
    Duration, Epoch, Generation, HostId, Incarnation, Instance, InstanceId, Layer, OperationNumber,
    SLOTS, Seq, SessionId, SessionToken, SubscriptionId, SubscriptionNumber, Time, Topology,
};
use gomera_operators::{Effect, Effects, ExitPoint, Holdings, Matcher, Operator};

const ACCESS_POINT: Incarnation = Incarnation(1);
const EXIT_POINT: Incarnation = Incarnation(2);
const OWNER: Incarnation = Incarnation(3);
const STANDBY: Incarnation = Incarnation(4);
const SESSION: SessionId = SessionId(7);

/// In epoch 1 one matcher owns everything and the other stands by, in epoch 2 the first one is lost.
fn topology(epoch: u64) -> Arc<Topology> {
    let instance = |incarnation, layer, host| Instance {
        id: InstanceId(0),
        incarnation,
        layer,
        host: HostId(host),
        zone: String::new(),
        leaving: false,
    };
    let mut instances = vec![
        instance(ACCESS_POINT, Layer::AccessPoints, 2),
        instance(EXIT_POINT, Layer::ExitPoints, 2),
        instance(OWNER, Layer::Matchers, 1),
        instance(STANDBY, Layer::Matchers, 2),
    ];
    let is_lost = epoch > 1;
    instances.retain(|instance| !is_lost || instance.incarnation != OWNER);
    let points = ExitPoints {
        primary: EXIT_POINT,
        backup: None,
        further: None,
    };
    let topology = Topology {
        epoch: Epoch(epoch),
        instances,
        retired: if is_lost { vec![OWNER] } else { Vec::new() },
        cut: Epoch(if is_lost { epoch } else { 0 }),
        matcher_of: vec![if is_lost { STANDBY } else { OWNER }; SLOTS],
        exit_points_of: vec![points; SLOTS],
        matcher_replicas: 1,
        standby_of: match is_lost {
            true => Vec::new(),
            false => vec![Some(STANDBY); SLOTS],
        },
    };
    assert_eq!(topology.check(), Ok(()));
    Arc::new(topology)
}

/// Both matchers and the exit point; what they send each other, as far as the test lets it through.
struct Net {
    now: Time,
    operators: BTreeMap<Incarnation, Operator>,
    lanes: VecDeque<(Incarnation, Incarnation, LaneFrame)>,
    /// What the owner says to its standby is lost.
    is_cut: bool,
    /// Subscriptions that the exit point restored.
    restored: usize,
}

impl Net {
    fn start() -> Self {
        let matcher = |who| Operator::Matcher(Box::new(Matcher::new(who, 1, CpuLevel::Scalar)));
        let exit_point = Operator::ExitPoint(Box::new(ExitPoint::new(EXIT_POINT, 1)));
        let mut net = Self {
            now: Time(1),
            operators: BTreeMap::from([
                (EXIT_POINT, exit_point),
                (OWNER, matcher(OWNER)),
                (STANDBY, matcher(STANDBY)),
            ]),
            lanes: VecDeque::new(),
            is_cut: false,
            restored: 0,
        };
        for who in [EXIT_POINT, OWNER, STANDBY] {
            net.control(who, &topology(1));
        }
        let open = Open {
            epoch: Epoch(1),
            next: Seq(1),
        };
        for who in [OWNER, STANDBY] {
            net.feed(
                ACCESS_POINT,
                who,
                LaneFrame::Matcher(MatcherFrame::Open(open)),
            );
        }
        let attach = Attach {
            session: SESSION,
            token: SessionToken([7; 16]),
            generation: Generation(1),
            resume: false,
            cursors: Vec::new(),
            policy: OverflowPolicy::Gap,
            epoch: Epoch(1),
            moved: None,
        };
        let attach = LaneFrame::ExitPoint(ExitPointFrame::Attach(attach));
        net.feed(ACCESS_POINT, EXIT_POINT, attach);
        net
    }

    fn control(&mut self, who: Incarnation, topology: &Arc<Topology>) {
        let control = Control::Topology(Arc::clone(topology));
        let mut effects = Effects::new();
        let operator = self.operators.get_mut(&who).expect("it was started");
        operator.control(self.now, control, &mut effects);
        operator.turn_ended(self.now, &mut effects);
        self.post(who, effects);
    }

    fn feed(&mut self, from: Incarnation, to: Incarnation, frame: LaneFrame) {
        let Some(operator) = self.operators.get_mut(&to) else {
            return;
        };
        let mut effects = Effects::new();
        operator.receive(self.now, from, frame, &mut effects);
        operator.turn_ended(self.now, &mut effects);
        self.post(to, effects);
    }

    fn post(&mut self, from: Incarnation, mut effects: Effects) {
        for effect in effects.drain() {
            if let Effect::Send { to, frame } = effect {
                if let LaneFrame::Matcher(MatcherFrame::Restore { subscriptions, .. }) = &frame {
                    self.restored += subscriptions.len();
                }
                self.lanes.push_back((from, to, frame));
            }
        }
    }

    /// Time goes by until nobody has anything to say.
    fn run(&mut self) {
        for _ in 0..2_000 {
            while let Some((from, to, frame)) = self.lanes.pop_front() {
                if !(self.is_cut && (from, to) == (OWNER, STANDBY)) {
                    self.feed(from, to, frame);
                }
            }
            self.now = self.now + Duration::from_millis(1);
            for who in [OWNER, STANDBY] {
                if let Some(operator) = self.operators.get_mut(&who) {
                    let mut effects = Effects::new();
                    operator.wake(self.now, &mut effects);
                    operator.turn_ended(self.now, &mut effects);
                    self.post(who, effects);
                }
            }
        }
    }

    /// The client sets a subscription, or ends it.
    fn request(&mut self, number: u32, operation: u64, is_set: bool) {
        let filter = Filter::parse(Dialect::Sql, "speed > 8").expect("a filter");
        let operation = SubscriptionOperation {
            subscription: SubscriptionId {
                session: SESSION,
                number: SubscriptionNumber(number),
            },
            number: OperationNumber(operation),
            unanswered_from: OperationNumber(operation),
            change: match is_set {
                true => Change::Set(filter.canonical()),
                false => Change::Unset,
            },
        };
        let frame = MatcherFrame::Operation(operation.into());
        self.feed(ACCESS_POINT, OWNER, LaneFrame::Matcher(frame));
    }

    /// The owner dies, and everybody reads the next epoch, the standby before the exit point or behind it.
    fn lose_owner(&mut self, order: [Incarnation; 2]) {
        self.operators.remove(&OWNER);
        for who in order {
            self.control(who, &topology(2));
        }
        self.run();
        let restart = MatcherFrame::Restart {
            epoch: Epoch(2),
            first: Seq(1),
        };
        self.feed(ACCESS_POINT, STANDBY, LaneFrame::Matcher(restart));
        self.run();
    }

    fn matcher(&self, who: Incarnation) -> &Matcher {
        match &self.operators[&who] {
            Operator::Matcher(matcher) => matcher,
            Operator::ConnectionPoint(_) | Operator::AccessPoint(_) | Operator::ExitPoint(_) => {
                panic!("{who} is no matcher")
            }
        }
    }

    /// The subscriptions of a matcher with the operations that set them.
    fn held(&self, who: Incarnation) -> BTreeMap<u32, u64> {
        let index = self.matcher(who).index();
        let slots = gomera_model::SlotId::all();
        let held = slots.flat_map(|slot| index.slot_operations(slot));
        held.map(|(id, operation)| (id.number.0, operation.0))
            .collect()
    }

    /// Nothing waits for anything.
    fn assert_settled(&self, who: Incarnation) {
        assert_eq!(self.matcher(who).phase(), "Settled");
        let mut holdings = Holdings::default();
        self.matcher(who).holdings(&mut holdings);
        let is_left =
            |one: &&gomera_operators::Holding| one.at_rest.is_some_and(|most| one.count > most);
        let left = holdings.iter().find(is_left);
        assert_eq!(left, None);
    }
}

/// The owner takes `before`, the standby has it; then `lost` (number, operation, whether it is set) comes to the owner only.
fn check(lost: &[(u32, u64, bool)], restored: usize, expected: &[(u32, u64)]) {
    for order in [[STANDBY, EXIT_POINT], [EXIT_POINT, STANDBY]] {
        let mut net = Net::start();
        for number in 0..50 {
            net.request(number, u64::from(number) + 1, true);
        }
        net.run();
        net.request(7, 51, false);
        net.request(8, 52, true);
        net.run();
        assert_eq!(net.held(OWNER), net.held(STANDBY));
        assert_eq!(net.held(STANDBY).len(), 49);
        net.assert_settled(OWNER);
        net.assert_settled(STANDBY);
        let stats = net.matcher(OWNER).stats();
        assert_eq!((stats.slots, stats.slots_stood_by), (4096, 4096));
        let stats = net.matcher(STANDBY).stats();
        assert_eq!((stats.subscriptions, stats.standby_subscriptions), (49, 49));
        net.is_cut = true;
        for (number, operation, is_set) in lost {
            net.request(*number, *operation, *is_set);
        }
        net.run();
        net.lose_owner(order);
        assert_eq!(net.restored, restored, "{order:?}");
        let held = net.held(STANDBY);
        for (number, operation) in expected {
            assert_eq!(held.get(number), Some(operation), "{number}");
        }
        let ended = lost.iter().filter(|(_, _, is_set)| !is_set);
        assert!(ended.clone().all(|(number, ..)| !held.contains_key(number)));
        net.assert_settled(STANDBY);
    }
}

#[test]
fn who_stood_by_is_sent_nothing() {
    check(&[], 0, &[(0, 1), (8, 52), (49, 50)]);
}

#[test]
fn what_it_had_not_heard_is_sent_and_nothing_else() {
    check(
        &[(60, 60, true), (3, 61, true)],
        2,
        &[(60, 60), (3, 61), (4, 5)],
    );
}

#[test]
fn what_had_ended_goes() {
    check(&[(3, 60, false)], 0, &[(4, 5)]);
}
