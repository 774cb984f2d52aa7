//! Requests and their answers.

use std::string::ToString;
use std::vec;

use gomera_model::control::Strategy;
use gomera_model::time::Duration;

use super::super::*;
use super::world::{Fate, World, matchers, settings};
use crate::limits::{PATIENCE, RETRY_AFTER};
use crate::request::{Answer, Impossible};

fn keyed(count: u32, key: &str) -> ScaleRequest {
    let mut scale = matchers(count);
    scale.idempotency_key = Some(key.into());
    scale
}

fn check(scale: ScaleRequest, expected: &str) {
    let mut world = World::running();
    world.scale(7, scale);
    let Answer::Impossible(why) = world.last_answer() else {
        panic!("{:?}", world.answers)
    };
    assert_eq!(why.to_string(), expected);
    assert_eq!(world.writes, 0);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let mut nothing = matchers(1);
    nothing.layers.clear();
    check(
        nothing,
        "no layer is named: name one, as in {\"matchers\": 3}",
    );
    check(
        matchers(0),
        "matchers cannot be 0: every layer needs an instance",
    );
    check(matchers(257), "matchers cannot be 257: at most 256");
    let mut others = matchers(3);
    others.layers.insert(Layer::ExitPoints, 3);
    check(
        others,
        "exit_points cannot be scaled yet: this version scales matchers",
    );
    let mut long = matchers(3);
    long.reason = "x".repeat(513);
    check(long, "the reason is longer than 512 bytes");
}

#[test]
fn buffered_is_refused_where_the_operators_do_not_know_it() {
    let mut world = World::running();
    world.coordinator.settings.buffered = false;
    let mut scale = matchers(3);
    scale.strategy = Strategy::Buffered;
    world.scale(1, scale);
    assert_eq!(
        world.last_answer(),
        &Answer::Impossible(Impossible::BufferedLater)
    );
}

#[test]
fn other_layers_may_be_named_with_the_number_they_have() {
    let mut world = World::running();
    let mut scale = matchers(2);
    scale.layers.insert(Layer::ExitPoints, 2);
    world.scale(1, scale);
    world.run();
    assert!(matches!(world.last_answer(), Answer::Accepted(_)));
    assert_eq!(world.record(1).layers.len(), 1);
}

#[test]
fn what_is_so_already_needs_no_operation() {
    let mut world = World::running();
    world.scale(1, matchers(1));
    assert_eq!(world.last_answer(), &Answer::Unchanged);
    let mut others = matchers(1);
    others.layers = [(Layer::AccessPoints, 2)].into();
    world.scale(2, others);
    assert_eq!(world.last_answer(), &Answer::Unchanged);
}

#[test]
fn one_operation_at_a_time() {
    let mut world = World::running();
    world.lively = false;
    world.scale(1, matchers(3));
    world.scale(2, matchers(2));
    world.run_inputs();
    assert!(matches!(
        &world.answers[0],
        (RequestId(1), Answer::Accepted(_))
    ));
    assert_eq!(
        world.answers[1],
        (RequestId(2), Answer::Busy(OperationId(1)))
    );
    let mut dry = matchers(4);
    dry.dry_run = true;
    world.scale(3, dry);
    assert_eq!(world.last_answer(), &Answer::Busy(OperationId(1)));
}

#[test]
fn a_repeated_key_gets_the_first_result() {
    let mut world = World::running();
    world.scale(1, keyed(3, "a"));
    world.scale(2, keyed(3, "a"));
    world.run();
    world.scale(3, matchers(1));
    world.run();
    world.scale(4, keyed(3, "a"));
    let ids = world.answers.iter().filter_map(|(request, answer)| {
        if let Answer::Accepted(record) = answer {
            return Some((request.0, record.id.0));
        }
        None
    });
    assert_eq!(
        ids.collect::<Vec<_>>(),
        vec![(1, 1), (2, 1), (3, 2), (4, 1)]
    );
    world.scale(5, keyed(2, "a"));
    let used = Impossible::KeyUsed(OperationId(1));
    assert_eq!(world.last_answer(), &Answer::Impossible(used));
}

/// The key stands in the document, so a successor knows that of the last operation.
#[test]
fn a_successor_knows_the_last_key() {
    let mut world = World::running();
    world.scale(1, keyed(3, "a"));
    world.run();
    world.lead();
    world.run();
    world.scale(2, keyed(3, "a"));
    assert!(matches!(world.last_answer(), Answer::Accepted(record) if record.id.0 == 1));
    assert_eq!(world.topology().epoch.0, 2);
}

#[test]
fn a_dry_run_says_what_would_move_and_does_nothing() {
    let mut world = World::running();
    let mut dry = matchers(3);
    dry.dry_run = true;
    world.scale(1, dry.clone());
    let Answer::Plan(plan) = world.last_answer() else {
        panic!("{:?}", world.answers)
    };
    assert_eq!((plan.slots_moved, plan.epoch.0), (2730, 2));
    assert_eq!(plan.expected, None);
    let load = Load {
        subscriptions: 4096,
        bytes: 40_960_000,
    };
    world.coordinator.load(Incarnation(5), load);
    world.scale(2, dry.clone());
    let Answer::Plan(plan) = world.last_answer() else {
        panic!("{:?}", world.answers)
    };
    let expected = plan.expected.unwrap();
    assert_eq!((expected.subscriptions, expected.bytes), (2730, 27_300_000));
    assert_eq!(expected.duration_ns, 2_730_000_000 + 100_000_000);
    assert!(!expected.measured);
    assert_eq!(world.writes, 0);
    world.scale(3, matchers(2));
    world.run();
    world.coordinator.load(Incarnation(5), load);
    world.coordinator.load(Incarnation(8), load);
    world.scale(4, dry);
    let Answer::Plan(plan) = world.last_answer() else {
        panic!("{:?}", world.answers)
    };
    assert!(plan.expected.unwrap().measured);
}

#[test]
fn unknown_operations_cannot_be_aborted() {
    let mut world = World::running();
    world.abort(1, 9);
    assert_eq!(
        world.last_answer(),
        &Answer::NoSuchOperation(OperationId(9))
    );
}

#[test]
fn without_a_leader_or_a_store_it_is_unavailable() {
    let unavailable = Answer::Unavailable {
        retry_after: RETRY_AFTER,
    };
    let mut world = World::running();
    world.coordinator = Coordinator::new(settings());
    world.scale(1, matchers(3));
    assert_eq!(world.last_answer(), &unavailable);

    let mut world = World::running();
    world.fates.push_back(Fate::Silent);
    world.scale(1, matchers(3));
    world.run_inputs();
    assert!(world.answers.is_empty(), "it may still come");
    world.now = world.now + PATIENCE;
    world.input(Coordinator::wake);
    assert_eq!(world.answers, [(RequestId(1), unavailable.clone())]);
    world.now = world.now + Duration::from_secs(1);
    world.scale(2, matchers(3));
    assert_eq!(world.last_answer(), &unavailable, "at once");
}
