//! Right and wrong histories for every checker: one that cannot fail is a defect.

use gomera_filter::{Dialect, Filter};
use gomera_model::operation::Hit;
use gomera_model::topology::ExitPoints;
use gomera_model::{
    AttributesBuilder, Epoch, Gap, HostId, Incarnation, Instance, InstanceId, Layer,
    OperationNumber, PublisherId, PublisherSeq, SLOTS, Seq, SessionId, Stamp, SubscriptionId,
    SubscriptionNumber, Topology,
};

use super::history::Asked;
use super::*;

const PUBLISHER: PublisherId = PublisherId(1);
const NUMBER: SubscriptionNumber = SubscriptionNumber(0);
const SUBSCRIBER: Subscriber = Subscriber(0);
const ACCESS_POINT: Incarnation = Incarnation(7);

/// A history with one session and one publisher, in short words.
struct Tale(History);

impl Tale {
    fn new() -> Self {
        let mut history = History::new();
        let subscriber = history.session_began();
        history.session_mut(subscriber).id = Some(SessionId(5));
        Self(history)
    }

    fn ask(&mut self, operation: u64, text: &str) {
        let asked = match text {
            "end" => Asked::End,
            text => match Filter::parse(Dialect::Sql, text) {
                Ok(filter) => Asked::Filter(filter),
                Err(_) => Asked::Nonsense,
            },
        };
        self.0
            .requested(SUBSCRIBER, OperationNumber(operation), NUMBER, asked);
    }

    fn answer(&mut self, operation: u64) {
        self.0
            .answered(SUBSCRIBER, OperationNumber(operation), false);
    }

    fn refuse(&mut self, operation: u64) {
        self.0
            .answered(SUBSCRIBER, OperationNumber(operation), true);
    }

    fn subscribed(&mut self, operation: u64, text: &str) {
        self.ask(operation, text);
        self.answer(operation);
    }

    fn publish(&mut self, speed: i64) {
        let flat = AttributesBuilder::new().with("speed", speed);
        self.0.published(PUBLISHER, flat.build().unwrap());
    }

    fn deliver(&mut self, seq: u64, operation: u64) {
        self.deliver_hits(seq, &[(NUMBER.0, operation)]);
    }

    fn deliver_hits(&mut self, seq: u64, hits: &[(u32, u64)]) {
        let which = (PUBLISHER, PublisherSeq(seq));
        let hits: Vec<_> = hits.iter().map(hit).collect();
        self.0.arrived(SUBSCRIBER, which, hits.clone());
        self.0.delivered(SUBSCRIBER, which, hits);
    }

    fn acknowledge(&mut self, seq: u64, matched: u32) {
        self.0
            .acknowledged(PUBLISHER, PublisherSeq(seq), (true, Some(matched)));
    }

    fn stamp(&mut self, seq: u64) {
        let stamp = Stamp {
            access_point: ACCESS_POINT,
            seq: Seq(seq),
            epoch: Epoch(1),
        };
        self.0.stamped(PUBLISHER, PublisherSeq(seq), stamp);
    }
}

fn hit(&(number, operation): &(u32, u64)) -> Hit {
    Hit {
        number: SubscriptionNumber(number),
        operation: OperationNumber(operation),
    }
}

/// What the checkers find in a tale.
fn check(tell: impl FnOnce(&mut Tale), expected: &[Promise]) {
    let mut tale = Tale::new();
    tell(&mut tale);
    let found = judge(&tale.0);
    let promises: Vec<_> = found.iter().map(|breach| breach.promise).collect();
    assert_eq!(promises, expected, "{found:#?}");
}

/// What the checkers find at the end of a tale.
fn check_end(tell: impl FnOnce(&mut Tale), left: &[&str], census: &Census, expected: &[Promise]) {
    let mut tale = Tale::new();
    tell(&mut tale);
    let unfinished = left.iter().map(|&words| words.to_owned()).collect();
    let found = judge_end(&tale.0, &Leftovers { unfinished }, census);
    let promises: Vec<_> = found.iter().map(|breach| breach.promise).collect();
    assert_eq!(promises, expected, "{found:#?}");
}

#[test]
fn what_was_subscribed_and_delivered_is_right() {
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(4);
            tale.publish(2);
            tale.deliver(1, 1);
            tale.acknowledge(1, 1);
            tale.acknowledge(2, 0);
        },
        &[],
    );
}

#[test]
fn what_does_not_come_after_the_answer_is_lost() {
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(4);
        },
        &[Promise::Lost],
    );
}

#[test]
fn before_the_answer_either_is_right() {
    check(
        |tale| {
            tale.ask(1, "speed > 3");
            tale.publish(4);
            tale.publish(5);
            tale.answer(1);
            tale.deliver(2, 1);
        },
        &[],
    );
}

#[test]
fn a_hole_is_lost_even_before_the_answer() {
    check(
        |tale| {
            tale.ask(1, "speed > 3");
            for _ in 0..3 {
                tale.publish(4);
            }
            tale.answer(1);
            tale.deliver(1, 1);
            tale.deliver(3, 1);
        },
        &[Promise::Lost],
    );
}

#[test]
fn a_replacement_switches_at_one_position() {
    let tell = |first: u64, second: u64| {
        move |tale: &mut Tale| {
            tale.subscribed(1, "speed > 3");
            tale.ask(2, "speed > 2");
            tale.publish(4);
            tale.publish(4);
            tale.answer(2);
            tale.deliver(1, first);
            tale.deliver(2, second);
        }
    };
    check(tell(1, 1), &[]);
    check(tell(1, 2), &[]);
    check(tell(2, 2), &[]);
    check(tell(2, 1), &[Promise::False]);
}

#[test]
fn what_was_acknowledged_before_a_replacement_saw_the_old_filter() {
    let tell = |acknowledges_first: bool| {
        move |tale: &mut Tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(4);
            if acknowledges_first {
                tale.acknowledge(1, 1);
            }
            tale.ask(2, "speed > 9");
        }
    };
    check(tell(false), &[]);
    check(tell(true), &[Promise::Lost, Promise::Miscounted]);
}

#[test]
fn an_old_filter_after_the_answer_to_its_replacement_is_false() {
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.subscribed(2, "speed > 2");
            tale.publish(4);
            tale.deliver(1, 1);
        },
        &[Promise::False],
    );
}

#[test]
fn an_end_may_drop_what_is_on_its_way_and_no_more() {
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(4);
            tale.acknowledge(1, 1);
            tale.ask(2, "end");
        },
        &[],
    );
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(4);
            tale.publish(5);
            tale.deliver(2, 1);
            tale.ask(2, "end");
        },
        &[Promise::Lost],
    );
}

#[test]
fn nothing_comes_back_after_an_end_took_effect() {
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(4);
            tale.publish(4);
            tale.ask(2, "end");
            tale.deliver(2, 1);
        },
        &[Promise::Lost],
    );
}

#[test]
fn a_delivery_after_the_end_was_answered_is_false_even_if_the_library_drops_it() {
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(4);
            tale.subscribed(2, "end");
            let which = (PUBLISHER, PublisherSeq(1));
            tale.0.arrived(SUBSCRIBER, which, vec![hit(&(0, 1))]);
        },
        &[Promise::False],
    );
}

#[test]
fn twice_is_doubled() {
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(4);
            tale.deliver(1, 1);
            tale.deliver(1, 1);
        },
        &[Promise::Doubled],
    );
}

#[test]
fn what_matches_nothing_is_false() {
    let tell = |hits: &'static [(u32, u64)]| {
        move |tale: &mut Tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(2);
            tale.deliver_hits(1, hits);
        }
    };
    check(tell(&[(0, 1)]), &[Promise::False]);
    check(tell(&[]), &[Promise::False]);
    check(tell(&[(3, 1)]), &[Promise::False]);
    check(tell(&[(0, 9)]), &[Promise::False, Promise::False]);
}

#[test]
fn a_subscription_named_twice_or_never_published_is_false() {
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.publish(4);
            tale.deliver_hits(1, &[(0, 1), (0, 1)]);
        },
        &[Promise::False],
    );
    check(
        |tale| {
            tale.subscribed(1, "speed > 3");
            tale.deliver(1, 1);
        },
        &[Promise::False],
    );
}

#[test]
fn later_before_earlier_is_out_of_order() {
    check(
        |tale| {
            tale.subscribed(1, "TRUE");
            tale.publish(1);
            tale.publish(2);
            tale.deliver(2, 1);
            tale.deliver(1, 1);
        },
        &[Promise::OutOfOrder],
    );
}

#[test]
fn a_signalled_gap_is_not_lost() {
    let tell = |is_told: bool| {
        move |tale: &mut Tale| {
            tale.subscribed(1, "TRUE");
            tale.publish(1);
            tale.stamp(1);
            if is_told {
                let gap = Gap {
                    access_point: ACCESS_POINT,
                    first: Seq(1),
                    last: Seq(1),
                    count: 1,
                };
                tale.0.lost(SUBSCRIBER, gap);
            }
        }
    };
    check(tell(true), &[]);
    check(tell(false), &[Promise::Lost]);
}

#[test]
fn an_acknowledgement_counts_what_matched() {
    let tell = |matched: u32| {
        move |tale: &mut Tale| {
            tale.subscribed(1, "TRUE");
            tale.publish(1);
            tale.deliver(1, 1);
            tale.acknowledge(1, matched);
        }
    };
    check(tell(1), &[]);
    check(tell(0), &[Promise::Miscounted]);
    check(tell(2), &[Promise::Miscounted]);
}

#[test]
fn what_does_not_end_is_stuck() {
    let census = Census::default();
    check_end(|_| {}, &[], &census, &[]);
    check_end(|_| {}, &["a lane is not empty"], &census, &[Promise::Stuck]);
    check_end(|tale| tale.publish(1), &[], &census, &[Promise::Stuck]);
    check_end(|tale| tale.ask(1, "TRUE"), &[], &census, &[Promise::Stuck]);
    check_end(|tale| tale.subscribed(1, "TRUE"), &[], &census, &[]);
}

#[test]
fn nonsense_is_refused_and_nothing_else() {
    let census = Census::default();
    check_end(
        |tale| tale.subscribed(1, "speed >"),
        &[],
        &census,
        &[Promise::False],
    );
    let refused = |text: &'static str| {
        move |tale: &mut Tale| {
            tale.ask(1, text);
            tale.refuse(1);
        }
    };
    check_end(refused("speed >"), &[], &census, &[]);
    check_end(refused("TRUE"), &[], &census, &[Promise::False]);
}

#[test]
fn a_forgotten_session_is_lost() {
    let forget = |tale: &mut Tale| tale.0.session_mut(SUBSCRIBER).forgotten = true;
    check_end(forget, &[], &Census::default(), &[Promise::Lost]);
}

const MATCHER: Incarnation = Incarnation(2);
const EXIT_POINT: Incarnation = Incarnation(3);

fn topology() -> Topology {
    let instance = |incarnation, layer| Instance {
        id: InstanceId(1),
        incarnation,
        layer,
        host: HostId(1),
        zone: String::new(),
        leaving: false,
    };
    let exit_points = ExitPoints {
        primary: EXIT_POINT,
        backup: None,
        further: None,
    };
    Topology {
        epoch: Epoch(2),
        instances: vec![
            instance(MATCHER, Layer::Matchers),
            instance(EXIT_POINT, Layer::ExitPoints),
        ],
        retired: Vec::new(),
        cut: Epoch(0),
        matcher_replicas: 0,
        standby_of: Vec::new(),
        matcher_of: vec![MATCHER; SLOTS],
        exit_points_of: vec![exit_points; SLOTS],
    }
}

/// Everything is where it should be after operation 1 on the only subscription.
fn census() -> Census {
    let held = |holder| HeldSubscription {
        id: SubscriptionId {
            session: SessionId(5),
            number: NUMBER,
        },
        holder,
        operation: OperationNumber(1),
    };
    Census {
        topology: Some(topology()),
        epochs: vec![(MATCHER, Epoch(2)), (EXIT_POINT, Epoch(2))],
        in_matchers: vec![held(MATCHER)],
        in_exit_points: vec![held(EXIT_POINT)],
    }
}

fn check_census(change: impl FnOnce(&mut Census), expected: usize) {
    let mut census = census();
    change(&mut census);
    let expected = vec![Promise::Unconserved; expected];
    check_end(|tale| tale.subscribed(1, "TRUE"), &[], &census, &expected);
}

#[test]
fn state_is_where_it_belongs() {
    check_census(|_| {}, 0);
    check_census(|census| census.in_matchers.clear(), 1);
    check_census(|census| census.in_exit_points.clear(), 1);
    check_census(
        |census| census.in_matchers[0].operation = OperationNumber(9),
        2,
    );
    check_census(|census| census.epochs[0].1 = Epoch(1), 1);
    let leak = |census: &mut Census| {
        let mut leaked = census.in_matchers[0];
        leaked.holder = Incarnation(9);
        census.in_matchers.push(leaked);
    };
    check_census(leak, 1);
}
