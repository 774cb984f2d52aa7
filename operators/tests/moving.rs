//! Access points and connection points come and go: what moves, what waits, and when somebody is empty.

mod net;

use gomera_model::control::Report;
use gomera_model::lane::AccessPointFrame;
use gomera_model::silbo::{ClientFrame, RefusalCode, ServerFrame};
use gomera_model::{Epoch, Generation, Incarnation, Layer, PublisherId, PublisherSeq, SessionId};
use gomera_operators::{ConnectionId, Operator};

use net::{
    Acknowledged, EXIT_POINT, HERE, MATCHER, NEW, Net, OLD, SUBSCRIBER, Shape, THERE, THIRD,
    acknowledged, publisher_of, topology,
};

const BOTH: &[Incarnation] = &[OLD, NEW];

fn listed(epoch: u64, access_points: &[Incarnation]) -> std::sync::Arc<gomera_model::Topology> {
    let leaving = &[];
    topology(
        epoch,
        Shape {
            access_points,
            leaving,
        },
    )
}

fn opened(last: u64, access_point: Incarnation) -> ServerFrame {
    ServerFrame::PublisherOpened {
        last: PublisherSeq(last),
        access_point,
    }
}

/// A publisher that is open at `OLD` and goes to `NEW` when that one comes.
fn open_at_old() -> (Net, PublisherId) {
    let mut net = Net::start(&[OLD]);
    let publisher = publisher_of(NEW, BOTH);
    net.open(HERE, (1, 1), publisher, None);
    net.run();
    assert_eq!(net.heard(1)[0], opened(0, OLD));
    (net, publisher)
}

/// `NEW` joins.
fn join_new(net: &mut Net, epoch: u64) {
    net.join(NEW, Layer::AccessPoints);
    net.tell(NEW, &listed(epoch, &[OLD]));
    net.run();
}

#[test]
fn a_publisher_moves_within_its_connection_and_nothing_is_lost_doubled_or_out_of_order() {
    let (mut net, _) = open_at_old();
    net.hold(OLD, MATCHER);
    net.publish(HERE, 1, 1..=3);
    net.run();
    join_new(&mut net, 1);
    net.tell_all(&listed(2, BOTH));
    net.run();
    assert!(net.paused.contains(&ConnectionId(1)));
    // What the connection had read already.
    net.publish(HERE, 1, 4..=5);
    net.refuse(HERE, 1, 6);
    net.publish(HERE, 1, 7..=7);
    net.run();
    assert_eq!(acknowledged(&net.heard(1)), Acknowledged::default());
    assert!(net.delivered().is_empty());
    net.free(OLD, MATCHER);
    net.run();
    let heard = net.heard(1);
    let at = heard.iter().position(|frame| *frame == opened(3, NEW));
    let (before, after) = heard.split_at(at.expect("the client hears of the move"));
    let first = acknowledged(before);
    assert_eq!((first.last, first.matched), (3, vec![1, 1, 1]));
    let then = acknowledged(&after[1..]);
    assert_eq!((then.last, then.matched), (7, vec![1, 1, 1]));
    assert_eq!((first.refused, then.refused), (vec![], vec![6]));
    assert_eq!(net.delivered(), [1, 2, 3, 4, 5, 7]);
    assert!(net.paused.is_empty());
    net.publish(HERE, 1, 8..=8);
    net.run();
    assert_eq!(net.delivered(), [8]);
    assert_eq!(acknowledged(&net.heard(1)).matched, [1]);
}

#[test]
fn acknowledgements_of_the_old_one_that_are_late_do_not_fall_behind_those_of_the_new_one() {
    let (mut net, _) = open_at_old();
    net.publish(HERE, 1, 1..=2);
    net.hold(OLD, HERE);
    net.run();
    join_new(&mut net, 1);
    net.tell_all(&listed(2, BOTH));
    net.publish(HERE, 1, 3..=4);
    net.run();
    assert_eq!(net.heard(1), [], "the old one's last word is not here");
    net.free(OLD, HERE);
    net.run();
    let heard = net.heard(1);
    assert!(heard.contains(&opened(2, NEW)), "{heard:?}");
    let all = acknowledged(&heard);
    assert_eq!((all.last, all.matched), (4, vec![1; 4]));
    assert_eq!(net.delivered(), [1, 2, 3, 4]);
}

#[test]
fn what_is_refused_by_the_old_one_is_not_taken_for_acknowledged() {
    let (mut net, _) = open_at_old();
    net.hold(OLD, HERE);
    net.refuse(HERE, 1, 1);
    net.run();
    join_new(&mut net, 1);
    net.tell_all(&listed(2, BOTH));
    net.run();
    assert_eq!(net.heard(1), []);
    net.free(OLD, HERE);
    net.run();
    let heard = net.heard(1);
    let refused = heard
        .iter()
        .position(|frame| matches!(frame, ServerFrame::PublicationRefused { .. }));
    let moved = heard.iter().position(|frame| *frame == opened(1, NEW));
    assert!(refused < moved && refused.is_some(), "{heard:?}");
}

#[test]
fn a_topology_that_comes_while_a_publisher_is_on_its_way_waits_for_it() {
    let (mut net, publisher) = open_at_old();
    net.publish(HERE, 1, 1..=1);
    net.hold(NEW, OLD);
    join_new(&mut net, 1);
    net.tell_all(&listed(2, BOTH));
    net.run();
    // Back again, before the first move is done.
    let back = topology(
        3,
        Shape {
            access_points: BOTH,
            leaving: &[NEW],
        },
    );
    net.tell_all(&back);
    net.publish(HERE, 1, 2..=2);
    net.run();
    assert_eq!(net.delivered(), [1]);
    net.free(NEW, OLD);
    net.run();
    let heard = net.heard(1);
    let places: Vec<_> = heard
        .iter()
        .filter(|frame| matches!(frame, ServerFrame::PublisherOpened { .. }))
        .collect();
    assert_eq!(places, [&opened(1, NEW), &opened(2, OLD)], "{publisher}");
    net.publish(HERE, 1, 3..=3);
    net.run();
    assert_eq!(net.delivered(), [2, 3]);
    let all = acknowledged(&[heard, net.heard(1)].concat());
    assert_eq!((all.last, all.matched), (3, vec![1; 3]));
    assert!(net.reports(NEW).contains(&Report::Emptied(Epoch(3))));
}

#[test]
fn who_comes_back_over_another_access_point_waits_until_the_old_one_is_done() {
    let (mut net, publisher) = open_at_old();
    net.hold(OLD, MATCHER);
    net.publish(HERE, 1, 1..=2);
    net.refuse(HERE, 1, 3);
    net.run();
    net.heard(1);
    join_new(&mut net, 1);
    net.hold(HERE, OLD);
    net.lose(HERE, ConnectionId(1));
    net.tell_all(&listed(2, BOTH));
    net.open(THERE, (2, 2), publisher, Some(OLD));
    net.run();
    assert_eq!(net.heard(2), [], "not before everything is released");
    net.free(OLD, MATCHER);
    net.run();
    let heard = net.heard(2);
    assert_eq!(heard[0], opened(3, NEW));
    let all = acknowledged(&heard);
    assert_eq!((all.last, all.refused), (3, vec![3]));
    assert_eq!(all.matched, [1, 1], "the counts have come along");
    // A repeat is known, though another access point took it.
    net.publish(THERE, 2, 2..=2);
    net.publish(THERE, 2, 4..=4);
    net.free(HERE, OLD);
    net.run();
    assert_eq!(net.delivered(), [1, 2, 4]);
}

#[test]
fn publications_of_an_older_connection_are_refused_once_it_is_handed_over() {
    let (mut net, publisher) = open_at_old();
    join_new(&mut net, 1);
    net.hold(HERE, OLD);
    net.publish(HERE, 1, 1..=1);
    for to in [OLD, NEW, THERE, MATCHER, EXIT_POINT] {
        net.tell(to, &listed(2, BOTH));
    }
    net.open(THERE, (2, 2), publisher, Some(OLD));
    net.run();
    assert_eq!(net.heard(2)[0], opened(0, NEW));
    assert_eq!(
        net.closed.get(&ConnectionId(1)),
        Some(&RefusalCode::TakenOver)
    );
    net.publish(THERE, 2, 1..=1);
    net.free(HERE, OLD);
    net.run();
    assert_eq!(net.delivered(), [1]);
}

#[test]
fn a_newer_connection_at_the_old_one_wins_over_an_older_one_on_its_way() {
    let (mut net, publisher) = open_at_old();
    join_new(&mut net, 1);
    net.hold(NEW, OLD);
    for to in [OLD, NEW, HERE, MATCHER, EXIT_POINT] {
        net.tell(to, &listed(2, BOTH));
    }
    net.run();
    // The other connection point has not heard of the new access point yet.
    net.open(THERE, (2, 2), publisher, Some(OLD));
    net.run();
    assert_eq!(net.heard(2)[0], opened(0, OLD));
    net.free(NEW, OLD);
    net.run();
    assert_eq!(
        net.closed.get(&ConnectionId(1)),
        Some(&RefusalCode::TakenOver)
    );
    assert_eq!(net.closed.get(&ConnectionId(2)), None);
    net.publish(THERE, 2, 1..=1);
    net.run();
    net.tell(THERE, &listed(2, BOTH));
    net.publish(THERE, 2, 2..=2);
    net.run();
    assert_eq!(net.delivered(), [1, 2]);
    let all = acknowledged(&net.heard(2));
    assert_eq!((all.last, all.matched), (2, vec![1, 1]));
}

/// The client has not heard of the move within its connection, and names the first of three.
#[test]
fn a_chain_of_three_is_followed_to_its_end() {
    let all = &[OLD, NEW, THIRD];
    let (mut net, _) = open_at_old();
    net.lose(HERE, ConnectionId(1));
    let publisher = (1..)
        .map(PublisherId)
        .find(|id| {
            let weight = |point| gomera_model::id::weight(id.0, point);
            weight(OLD) < weight(NEW) && weight(NEW) < weight(THIRD)
        })
        .unwrap();
    net.open(HERE, (2, 1), publisher, None);
    net.run();
    net.publish(HERE, 2, 1..=1);
    net.run();
    join_new(&mut net, 1);
    net.tell_all(&listed(2, BOTH));
    net.run();
    assert!(net.heard(2).contains(&opened(1, NEW)));
    net.hold(NEW, MATCHER);
    net.publish(HERE, 2, 2..=3);
    net.run();
    net.lose(HERE, ConnectionId(2));
    net.run();
    net.join(THIRD, Layer::AccessPoints);
    net.tell(THIRD, &listed(2, BOTH));
    net.run();
    net.tell_all(&listed(3, all));
    net.open(THERE, (3, 2), publisher, Some(OLD));
    net.run();
    assert_eq!(net.heard(3), [], "what the second one took is not released");
    net.free(NEW, MATCHER);
    net.run();
    let heard = net.heard(3);
    assert_eq!(heard[0], opened(3, THIRD));
    net.publish(THERE, 3, 2..=4);
    net.run();
    assert_eq!(net.delivered(), [1, 2, 3, 4]);
    assert_eq!(acknowledged(&net.heard(3)).last, 4);
    // And back, to who thinks that it has it: the present one is asked, wherever the client points.
    net.lose(THERE, ConnectionId(3));
    let two = topology(
        4,
        Shape {
            access_points: all,
            leaving: &[THIRD],
        },
    );
    net.tell_all(&two);
    net.open(HERE, (4, 3), publisher, Some(NEW));
    net.run();
    assert_eq!(net.heard(4)[0], opened(4, NEW));
}

#[test]
fn an_opening_that_is_given_up_does_not_lose_what_is_known() {
    let (mut net, publisher) = open_at_old();
    net.publish(HERE, 1, 1..=2);
    net.run();
    net.hold(NEW, OLD);
    join_new(&mut net, 1);
    net.tell_all(&listed(2, BOTH));
    net.run();
    // On its way, the connection is lost; its next one comes before the answer, and another after it.
    net.lose(HERE, ConnectionId(1));
    net.run();
    net.hold(OLD, NEW);
    net.free(NEW, OLD);
    net.run();
    net.open(THERE, (2, 2), publisher, Some(OLD));
    net.run();
    net.lose(THERE, ConnectionId(2));
    net.run();
    net.free(OLD, NEW);
    net.run();
    net.open(THERE, (3, 3), publisher, Some(OLD));
    net.run();
    assert_eq!(net.heard(2), []);
    assert_eq!(net.heard(3)[0], opened(2, NEW));
    net.publish(THERE, 3, 1..=3);
    net.run();
    assert_eq!(net.delivered(), [1, 2, 3]);
}

#[test]
fn where_the_old_one_has_left_meanwhile_the_publisher_is_welcome() {
    let (mut net, publisher) = open_at_old();
    net.publish(HERE, 1, 1..=2);
    net.run();
    net.lose(HERE, ConnectionId(1));
    join_new(&mut net, 1);
    net.tell_all(&listed(2, BOTH));
    net.run();
    net.hold(NEW, OLD);
    net.open(THERE, (2, 2), publisher, Some(OLD));
    net.run();
    assert_eq!(net.heard(2), []);
    net.tell(NEW, &listed(3, &[NEW]));
    net.run();
    assert_eq!(net.heard(2)[0], opened(0, NEW));
    // And nobody who left is asked.
    net.lose(THERE, ConnectionId(2));
    net.open(THERE, (3, 3), publisher, Some(OLD));
    net.run();
    assert_eq!(net.heard(3)[0], opened(0, NEW));
}

#[test]
fn an_access_point_unheard_of_is_waited_for_but_not_for_ever() {
    let mut net = Net::start(&[OLD]);
    let publisher = publisher_of(NEW, BOTH);
    net.open(HERE, (1, 1), publisher, Some(NEW));
    net.open(HERE, (2, 1), PublisherId(5_000_000), Some(Incarnation(999)));
    net.run();
    assert_eq!((net.heard(1), net.heard(2)), (vec![], vec![]));
    join_new(&mut net, 1);
    net.hold(OLD, NEW);
    net.tell(OLD, &listed(2, BOTH));
    net.run();
    assert_eq!(
        net.waiting(OLD, NEW),
        1,
        "now that it is heard of it is asked"
    );
    assert_eq!(net.heard(2), []);
    net.sleep();
    assert_eq!(net.heard(2)[0], opened(0, OLD));
    // Older ones than those that are there have left; the others may know more.
    net.free(OLD, NEW);
    net.tell(NEW, &listed(2, BOTH));
    net.open(HERE, (3, 1), PublisherId(6_000_000), Some(Incarnation(1)));
    net.run();
    assert_eq!(net.heard(3)[0], opened(0, OLD));
}

#[test]
fn a_new_access_point_takes_nothing_before_a_topology_lists_it() {
    let mut net = Net::start(&[OLD]);
    join_new(&mut net, 1);
    let second = listed(2, BOTH);
    net.tell(HERE, &second);
    net.open(HERE, (1, 1), publisher_of(NEW, BOTH), None);
    net.run();
    assert_eq!(net.heard(1), []);
    for to in [MATCHER, EXIT_POINT, THERE, OLD, NEW] {
        net.tell(to, &second);
    }
    net.run();
    assert_eq!(net.heard(1)[0], opened(0, NEW));
    net.publish(HERE, 1, 1..=2);
    net.run();
    assert_eq!(net.delivered(), [1, 2]);
    for who in [MATCHER, EXIT_POINT, NEW] {
        let flipped = Report::Flipped {
            epoch: Epoch(2),
            held: 0,
            held_ns_max: 0,
        };
        let reports = [Report::Drained(Epoch(2)), Report::Joined(Epoch(2)), flipped];
        let heard = net.reports(who);
        assert!(
            heard.iter().any(|report| reports.contains(report)),
            "{heard:?}"
        );
    }
}

#[test]
fn a_leaving_access_point_is_empty_when_nothing_can_come_and_nothing_is_left() {
    let mut net = Net::start(BOTH);
    let publisher = publisher_of(OLD, BOTH);
    net.open(HERE, (1, 1), publisher, None);
    net.run();
    net.hold(OLD, MATCHER);
    net.publish(HERE, 1, 1..=2);
    net.run();
    let leaving = topology(
        2,
        Shape {
            access_points: BOTH,
            leaving: &[OLD],
        },
    );
    let emptied = Report::Emptied(Epoch(2));
    // Those who hear of it first say so before it knows itself.
    for to in [HERE, EXIT_POINT, MATCHER] {
        net.tell(to, &leaving);
    }
    net.run();
    for to in [OLD, NEW] {
        net.tell(to, &leaving);
    }
    net.run();
    assert_eq!(acknowledged(&net.heard(1)), Acknowledged::default());
    net.tell(THERE, &leaving);
    net.run();
    assert!(
        !net.reports(OLD).contains(&emptied),
        "not everything is released"
    );
    net.free(OLD, MATCHER);
    net.hold(MATCHER, OLD);
    net.run();
    assert!(net.heard(1).contains(&opened(2, NEW)));
    assert!(
        !net.reports(OLD).contains(&emptied),
        "a matcher may not have all of its lane"
    );
    net.free(MATCHER, OLD);
    net.run();
    assert!(net.reports(OLD).contains(&emptied));
    net.tell(OLD, &leaving);
    let count = net.reports(OLD).iter().filter(|r| **r == emptied).count();
    assert_eq!(count, 2, "a new leader hears it again");
    // The next topology does not list it: everybody settles without it.
    net.tell_all(&listed(3, &[NEW]));
    net.run();
    assert!(net.reports(MATCHER).contains(&Report::Drained(Epoch(3))));
    assert!(net.reports(EXIT_POINT).contains(&Report::Joined(Epoch(3))));
    let Operator::AccessPoint(gone) = net.operator(OLD) else {
        panic!("an access point");
    };
    assert_eq!(gone.phase(), "Gone");
    net.publish(HERE, 1, 3..=3);
    net.run();
    assert_eq!(net.delivered(), [1, 2, 3]);
}

#[test]
fn operations_of_a_session_go_to_who_stays_and_the_last_ones_are_waited_for() {
    let mut net = Net::start(BOTH);
    let session = SessionId(77);
    let weight = |point| gomera_model::id::weight(session.0, point);
    let (own, other) = if weight(OLD) > weight(NEW) {
        (OLD, NEW)
    } else {
        (NEW, OLD)
    };
    let request = |operation: u64| {
        ClientFrame::Request(gomera_model::lane::SubscriptionRequest {
            operation: gomera_model::OperationNumber(operation),
            unanswered_from: gomera_model::OperationNumber(operation),
            number: gomera_model::SubscriptionNumber(0),
            filter: None,
        })
    };
    net.hold(own, MATCHER);
    net.client(HERE, SUBSCRIBER, request(2));
    net.run();
    let leaving = topology(
        2,
        Shape {
            access_points: BOTH,
            leaving: &[own],
        },
    );
    net.tell_all(&leaving);
    net.run();
    assert!(!net.reports(own).contains(&Report::Emptied(Epoch(2))));
    net.free(own, MATCHER);
    net.run();
    assert!(net.reports(own).contains(&Report::Emptied(Epoch(2))));
    net.client(HERE, SUBSCRIBER, request(3));
    net.hold(other, MATCHER);
    net.run();
    assert_eq!(net.waiting(other, MATCHER), 1);
    assert_eq!(net.heard(SUBSCRIBER.0).len(), 1, "the answer to the first");
}

#[test]
fn a_question_for_a_publisher_that_nobody_knows_is_answered_at_once() {
    let mut net = Net::start(BOTH);
    net.hold(OLD, NEW);
    let question = AccessPointFrame::HandOver {
        publisher: PublisherId(1),
        generation: Generation(1),
    };
    net.send(NEW, OLD, question);
    net.run();
    assert_eq!(net.waiting(OLD, NEW), 1);
}

fn leaving_connection_point(net: &mut Net) -> std::sync::Arc<gomera_model::Topology> {
    let leaving = topology(
        2,
        Shape {
            access_points: &[OLD],
            leaving: &[HERE],
        },
    );
    net.tell_all(&leaving);
    net.run();
    leaving
}

#[test]
fn a_leaving_connection_point_asks_its_clients_to_go_and_is_empty_when_they_have() {
    let (mut net, publisher) = open_at_old();
    net.heard(SUBSCRIBER.0);
    let leaving = leaving_connection_point(&mut net);
    assert_eq!(net.heard(1).last(), Some(&ServerFrame::Goaway));
    assert_eq!(net.heard(SUBSCRIBER.0), [ServerFrame::Goaway]);
    // It goes on serving those who are here, and turns others away.
    net.publish(HERE, 1, 1..=1);
    net.open(HERE, (5, 1), PublisherId(55), None);
    net.run();
    assert_eq!(net.delivered(), [1]);
    assert_eq!(
        net.closed.get(&ConnectionId(5)),
        Some(&RefusalCode::GoingAway)
    );
    // The publisher is welcome elsewhere before it closes here.
    net.open(THERE, (2, 2), publisher, Some(OLD));
    net.run();
    assert_eq!(net.heard(2)[0], opened(1, OLD));
    net.lose(HERE, ConnectionId(1));
    let emptied = Report::Emptied(Epoch(2));
    assert!(!net.reports(HERE).contains(&emptied));
    net.lose(HERE, SUBSCRIBER);
    net.run();
    assert!(net.reports(HERE).contains(&emptied));
    assert!(!net.reports(THERE).contains(&emptied));
    net.tell(HERE, &leaving);
    let said = net.reports(HERE);
    let count = said.iter().filter(|report| **report == emptied).count();
    assert_eq!(count, 2, "a new leader hears it again");
}

#[test]
fn a_client_that_does_not_go_is_closed_when_its_time_is_over() {
    let (mut net, _) = open_at_old();
    leaving_connection_point(&mut net);
    net.lose(HERE, SUBSCRIBER);
    assert!(net.closed.is_empty());
    net.sleep();
    assert_eq!(
        net.closed.get(&ConnectionId(1)),
        Some(&RefusalCode::GoingAway)
    );
    assert!(net.reports(HERE).contains(&Report::Emptied(Epoch(2))));
    let heard = net.heard(1);
    assert!(
        matches!(heard.last(), Some(ServerFrame::Refused(_))),
        "{heard:?}"
    );
}

#[test]
fn what_a_leaving_access_point_knows_of_absent_publishers_is_not_lost() {
    let mut net = Net::start(BOTH);
    let publisher = publisher_of(OLD, BOTH);
    net.open(HERE, (1, 1), publisher, None);
    net.run();
    net.publish(HERE, 1, 1..=2);
    net.refuse(HERE, 1, 3);
    net.hold(OLD, HERE);
    net.run();
    net.lose(HERE, ConnectionId(1));
    let leaving = topology(
        2,
        Shape {
            access_points: BOTH,
            leaving: &[OLD],
        },
    );
    net.hold(OLD, NEW);
    net.tell_all(&leaving);
    net.run();
    let emptied = Report::Emptied(Epoch(2));
    assert!(
        !net.reports(OLD).contains(&emptied),
        "the other may not have heard"
    );
    net.free(OLD, NEW);
    net.run();
    assert!(net.reports(OLD).contains(&emptied));
    net.tell_all(&listed(3, &[NEW]));
    net.open(THERE, (2, 2), publisher, Some(OLD));
    net.run();
    let heard = net.heard(2);
    assert_eq!(heard[0], opened(3, NEW));
    assert_eq!(acknowledged(&heard).refused, [3]);
    net.publish(THERE, 2, 2..=4);
    net.run();
    assert_eq!(net.delivered(), [1, 2, 4]);
}

/// The access point that the client names has left, and where the publisher belongs another one has come meanwhile.
#[test]
fn who_has_lost_the_trail_asks_those_that_may_know() {
    let publisher = (1..)
        .map(PublisherId)
        .find(|id| {
            let weight = |point| gomera_model::id::weight(id.0, point);
            weight(NEW) < weight(OLD) && weight(NEW) < weight(THIRD)
        })
        .expect("there is one");
    let mut net = Net::start(BOTH);
    net.open(HERE, (1, 1), publisher, None);
    net.run();
    net.publish(HERE, 1, 1..=2);
    net.run();
    net.lose(HERE, ConnectionId(1));
    let leaving = topology(
        2,
        Shape {
            access_points: BOTH,
            leaving: &[OLD],
        },
    );
    net.tell_all(&leaving);
    net.run();
    net.tell_all(&listed(3, &[NEW]));
    net.run();
    net.join(THIRD, Layer::AccessPoints);
    net.tell(THIRD, &listed(3, &[NEW]));
    net.tell_all(&listed(4, &[NEW, THIRD]));
    net.open(THERE, (2, 2), publisher, Some(OLD));
    net.run();
    assert_eq!(net.heard(2)[0], opened(2, THIRD));
}

/// An end that is overtaken by the next beginning would leave no border between two lives of a subscription.
#[test]
fn operations_of_a_session_do_not_overtake_each_other() {
    let mut net = Net::start(BOTH);
    let weight = |point| gomera_model::id::weight(77, point);
    let (own, other) = if weight(OLD) > weight(NEW) {
        (OLD, NEW)
    } else {
        (NEW, OLD)
    };
    let request = |operation: u64, text: Option<&str>| {
        ClientFrame::Request(gomera_model::lane::SubscriptionRequest {
            operation: gomera_model::OperationNumber(operation),
            unanswered_from: gomera_model::OperationNumber(2),
            number: gomera_model::SubscriptionNumber(0),
            filter: text.map(|text| gomera_model::lane::FilterText {
                dialect: "sql".into(),
                text: text.into(),
            }),
        })
    };
    net.hold(HERE, own);
    net.client(HERE, SUBSCRIBER, request(2, None));
    let leaving = topology(
        2,
        Shape {
            access_points: BOTH,
            leaving: &[own],
        },
    );
    net.tell_all(&leaving);
    net.client(HERE, SUBSCRIBER, request(3, Some("a > 0")));
    net.run();
    assert_eq!(net.waiting(HERE, own), 1, "no farewell yet");
    assert_eq!(net.heard(SUBSCRIBER.0), []);
    net.free(HERE, own);
    net.hold(HERE, other);
    net.run();
    assert!(net.reports(own).contains(&Report::Emptied(Epoch(2))));
    assert_eq!(net.heard(SUBSCRIBER.0).len(), 1);
    net.free(HERE, other);
    net.run();
    assert_eq!(net.heard(SUBSCRIBER.0).len(), 1);
    net.client(HERE, SUBSCRIBER, request(4, None));
    net.run();
    assert_eq!(net.heard(SUBSCRIBER.0).len(), 1);
}

#[test]
fn an_access_point_is_settled_when_it_has_heard_that_all_of_before_is_released() {
    let mut net = Net::start(BOTH);
    net.open(HERE, (1, 1), publisher_of(OLD, BOTH), None);
    net.run();
    net.hold(EXIT_POINT, OLD);
    net.publish(HERE, 1, 1..=2);
    net.run();
    let second = listed(2, BOTH);
    net.tell_all(&second);
    net.run();
    let settled = Report::Settled(Epoch(2));
    assert!(net.reports(EXIT_POINT).contains(&Report::Joined(Epoch(2))));
    for who in [NEW, HERE, THERE] {
        assert!(net.reports(who).contains(&settled), "{who}");
    }
    net.tell(OLD, &second);
    net.run();
    assert!(!net.reports(OLD).contains(&settled), "it has not heard it");
    net.free(EXIT_POINT, OLD);
    net.run();
    assert!(net.reports(OLD).contains(&settled));
    net.tell(OLD, &second);
    net.run();
    let said = net.reports(OLD);
    let count = said.iter().filter(|report| **report == settled).count();
    assert_eq!(count, 2, "a new leader hears it again");
}
