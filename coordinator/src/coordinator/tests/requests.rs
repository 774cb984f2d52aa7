//! Requests and their answers.

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use gomera_model::Epoch;
use gomera_model::time::Duration;

use super::super::*;
use super::world::{Fate, World, host, matchers, settings, wish};
use crate::limits::{PATIENCE, RETRY_AFTER};
use crate::record::Outcome;
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
    nothing.wishes.layers.clear();
    check(
        nothing,
        "no layer is named: name one, as in {\"matchers\": 3}",
    );
    check(
        matchers(0),
        "matchers cannot be 0: every layer needs an instance",
    );
    check(matchers(257), "matchers cannot be 257: at most 256");
    let weights = "the weights of matchers do not fit: give one from 1 to 1000 for each of its instances, and the layer \
                   among the counts; matchers and exit points have slots to share";
    for unfit in [vec![1, 1], vec![1, 1, 0], vec![1, 1, 1001]] {
        let mut weighed = matchers(3);
        weighed.wishes.weights.insert(Layer::Matchers, unfit);
        check(weighed, weights);
    }
    let mut unnamed = wish([(Layer::ExitPoints, 2)]);
    unnamed.wishes.weights.insert(Layer::Matchers, vec![1]);
    check(unnamed, weights);
    let mut long = matchers(3);
    long.reason = "x".repeat(513);
    check(long, "the reason is longer than 512 bytes");
}

#[test]
fn other_layers_may_be_named_with_the_number_they_have() {
    let mut world = World::running();
    world.scale(1, wish([(Layer::Matchers, 2), (Layer::ExitPoints, 2)]));
    world.run();
    assert!(matches!(world.last_answer(), Answer::Accepted(_)));
    assert_eq!(world.record(1).layers.len(), 1);
}

#[test]
fn what_is_so_already_needs_no_operation() {
    let mut world = World::running();
    world.scale(1, matchers(1));
    assert_eq!(world.last_answer(), &Answer::Unchanged);
    world.scale(2, wish([(Layer::AccessPoints, 2)]));
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

/// The layers that change, in the order of the operations, and how many epochs there were.
fn row(world: &World) -> (Vec<Layer>, Epoch) {
    let records = world.coordinator.operations();
    let layers = records.map(|record| *record.layers.keys().next().unwrap());
    (
        layers.collect(),
        world.coordinator.topology().unwrap().epoch,
    )
}

#[test]
fn several_layers_are_several_operations_in_a_row() {
    let mut world = World::running();
    let wishes = [
        (Layer::ConnectionPoints, 3),
        (Layer::AccessPoints, 1),
        (Layer::Matchers, 3),
        (Layer::ExitPoints, 3),
    ];
    world.scale(1, wish(wishes));
    world.run();
    let order = vec![
        Layer::ExitPoints,
        Layer::Matchers,
        Layer::ConnectionPoints,
        Layer::AccessPoints,
    ];
    assert_eq!(row(&world), (order, Epoch(1 + 2 + 1 + 1 + 2)));
    assert_eq!(world.answers.len(), 1, "the first of them is the answer");
    let follows: Vec<_> = (2..=4).map(|id| world.record(id).follows).collect();
    assert_eq!(follows, [1, 2, 3].map(|id| Some(OperationId(id))));
    assert!((1..=4).all(|id| world.record(id).outcome == Outcome::Done));
    let topology = world.coordinator.topology().unwrap();
    let count = |layer| u32::try_from(topology.layer(layer).count()).unwrap();
    assert!(
        wishes
            .iter()
            .all(|(layer, wanted)| count(*layer) == *wanted)
    );
    assert!(topology.instances.iter().all(|instance| !instance.leaving));
}

#[test]
fn a_successor_goes_on_with_the_row() {
    let mut world = World::running();
    world.scale(1, wish([(Layer::ExitPoints, 3), (Layer::Matchers, 2)]));
    for _ in 0..3 {
        world.run_inputs();
        world.lead();
    }
    world.run();
    let (layers, _) = row(&world);
    assert_eq!(layers.last(), Some(&Layer::Matchers));
    assert_eq!(world.record(2).outcome, Outcome::Done);
}

#[test]
fn what_cannot_follow_is_said_in_the_record() {
    let mut world = World::running();
    world.lively = false;
    world.scale(1, wish([(Layer::ExitPoints, 3), (Layer::Matchers, 2)]));
    world.lively = true;
    world.lead();
    let mut poor = host();
    poor.layers = vec![Layer::ExitPoints];
    world.input(|coordinator, now, effects| coordinator.host(now, poor, effects));
    world.run();
    let record = world.record(1);
    assert_eq!(record.then_not.as_deref(), Some("no host may run matchers"));
    assert!(record.then.is_empty() && record.outcome == Outcome::Done);
}

#[test]
fn a_dry_run_adds_the_row_up() {
    let mut world = World::running();
    let mut dry = wish([(Layer::ExitPoints, 3), (Layer::Matchers, 2)]);
    dry.dry_run = true;
    world.scale(1, dry);
    let Answer::Plan(plan) = world.last_answer() else {
        panic!("{:?}", world.answers)
    };
    assert_eq!((plan.layers.len(), plan.slots_moved), (2, 1365 + 2048));
    assert_eq!(plan.epoch, Epoch(4));
    assert_eq!(world.writes, 0);
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
