//! Every input in every phase of the operators, against the table on file: so the drawings in the code stay true.
//!
//! `UPDATE_PHASES=1 cargo test -p gomera-operators --test phases` writes the table anew; read the difference.

use std::path::Path;
use std::sync::Arc;

use gomera_matching::CpuLevel;
use gomera_model::control::{Control, Move, Plan, Strategy};
use gomera_model::lane::{
    AccessPointFrame, ExitPointFrame, LaneFrame, MatcherFrame, Open, Publication,
    SubscriptionRequest,
};
use gomera_model::operation::{Change, SubscriptionOperation};
use gomera_model::silbo::Acknowledgement;
use gomera_model::topology::ExitPoints;
use gomera_model::{
    Attributes, Body, Content, Epoch, Generation, HostId, Incarnation, Instance, InstanceId, Layer,
    OperationId, OperationNumber, PublisherId, PublisherSeq, SLOTS, Seq, SessionId, SlotId,
    SubscriptionId, SubscriptionNumber, Time, Timestamp, Topology,
};
use gomera_operators::{AccessPoint, Effect, Effects, ExitPoint, Matcher};

const CONNECTION_POINT: Incarnation = Incarnation(1);
const ACCESS_POINT: Incarnation = Incarnation(2);
const EXIT_POINT: Incarnation = Incarnation(3);
const OLD: Incarnation = Incarnation(4);
const NEW: Incarnation = Incarnation(5);
const NOW: Time = Time(7);

/// Epoch 1: one of each. Epoch 2: a second matcher owns every slot from the middle on.
fn topology(epoch: u64) -> Topology {
    let instance = |incarnation, layer| Instance {
        id: InstanceId(1),
        incarnation,
        layer,
        host: HostId(1),
        zone: String::new(),
        leaving: false,
    };
    let mut instances = vec![
        instance(CONNECTION_POINT, Layer::ConnectionPoints),
        instance(ACCESS_POINT, Layer::AccessPoints),
        instance(EXIT_POINT, Layer::ExitPoints),
        instance(OLD, Layer::Matchers),
    ];
    let mut matcher_of = vec![OLD; SLOTS];
    if epoch > 1 {
        instances.push(instance(NEW, Layer::Matchers));
        matcher_of[SLOTS / 2..].fill(NEW);
    }
    let exit_points = ExitPoints {
        primary: EXIT_POINT,
        backup: None,
        further: None,
    };
    Topology {
        epoch: Epoch(epoch),
        instances,
        retired: Vec::new(),
        cut: Epoch(0),
        matcher_replicas: 0,
        standby_of: Vec::new(),
        matcher_of,
        exit_points_of: vec![exit_points; SLOTS],
    }
}

fn plan(operation: u64, strategy: Strategy) -> Arc<Plan> {
    let slots = SlotId::all().skip(SLOTS / 2).collect();
    Arc::new(Plan {
        operation: OperationId(operation),
        layer: Layer::Matchers,
        strategy,
        next: topology(2),
        then: Vec::new(),
        lost: Vec::new(),
        moves: vec![Move {
            from: OLD,
            to: NEW,
            slots,
        }],
    })
}

fn in_force(epoch: u64) -> Control {
    Control::Topology(Arc::new(topology(epoch)))
}

/// A subscription whose slot moves.
fn moving() -> SubscriptionId {
    (0..)
        .map(|number| SubscriptionId {
            session: SessionId(1),
            number: SubscriptionNumber(number),
        })
        .find(|id| id.slot().index() >= SLOTS / 2)
        .expect("half of all slots move")
}

fn operation() -> SubscriptionOperation {
    SubscriptionOperation {
        subscription: moving(),
        number: OperationNumber(1),
        unanswered_from: OperationNumber(1),
        change: Change::Unset,
    }
}

/// One line of the table: what came out, names only.
fn outcome(effects: &mut Effects) -> String {
    let mut names = Vec::new();
    for effect in effects.drain() {
        names.push(match effect {
            Effect::Send { to, frame } => format!("{} to {to}", frame_name(&frame)),
            Effect::Report(report) => name(&report),
            effect @ (Effect::WakeAt(_)
            | Effect::ToClient { .. }
            | Effect::PausePublisher(_)
            | Effect::ResumePublisher(_)
            | Effect::Close { .. }) => name(&effect),
        });
    }
    names.join(", ")
}

fn frame_name(frame: &LaneFrame) -> String {
    match frame {
        LaneFrame::ConnectionPoint(frame) => name(frame),
        LaneFrame::AccessPoint(frame) => name(frame),
        LaneFrame::Matcher(frame) => name(frame),
        LaneFrame::ExitPoint(frame) => name(frame),
    }
}

/// The variant's name: what `Debug` prints before the first bracket.
fn name(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find([' ', '(', '{']).unwrap_or(text.len());
    text[..end].to_owned()
}

fn controls() -> Vec<(&'static str, Control)> {
    vec![
        ("Topology(1)", in_force(1)),
        ("Topology(2)", in_force(2)),
        ("Prepare(1)", Control::Prepare(plan(1, Strategy::Live))),
        ("Prepare(2)", Control::Prepare(plan(2, Strategy::Live))),
        ("Copy(1)", Control::Copy(OperationId(1))),
        ("Close(1)", Control::Close(OperationId(1))),
        ("Close(2)", Control::Close(OperationId(2))),
        ("Abort(1)", Control::Abort(OperationId(1))),
        ("Abort(2)", Control::Abort(OperationId(2))),
    ]
}

fn access_point(steps: &[Control]) -> AccessPoint {
    let mut point = AccessPoint::new(ACCESS_POINT, 0);
    let mut effects = Effects::new();
    for step in steps {
        point.control(NOW, step.clone(), &mut effects);
    }
    point
}

fn access_point_table(table: &mut String) {
    let prepare = |strategy| Control::Prepare(plan(1, strategy));
    let close = Control::Close(OperationId(1));
    let prefixes: [&[Control]; 4] = [
        &[in_force(1)],
        &[in_force(1), prepare(Strategy::Live)],
        &[in_force(1), prepare(Strategy::Live), close.clone()],
        &[in_force(1), prepare(Strategy::Buffered), close, in_force(2)],
    ];
    let frames = [
        ("TakenUp(2)", NEW, AccessPointFrame::TakenUp(Epoch(2))),
        (
            "Request on a moving slot",
            CONNECTION_POINT,
            AccessPointFrame::Request {
                session: SessionId(1),
                generation: Generation(1),
                epoch: Epoch(1),
                request: SubscriptionRequest {
                    operation: OperationNumber(1),
                    unanswered_from: OperationNumber(1),
                    number: moving().number,
                    filter: None,
                },
            },
        ),
    ];
    for prefix in prefixes {
        let mut effects = Effects::new();
        for (input, control) in controls() {
            let mut point = access_point(prefix);
            let before = point.phase();
            point.control(NOW, control, &mut effects);
            line(
                table,
                "access point",
                (before, input, point.phase()),
                &mut effects,
            );
        }
        for (input, from, frame) in frames.clone() {
            let mut point = access_point(prefix);
            let before = point.phase();
            point.receive(NOW, from, frame, &mut effects);
            line(
                table,
                "access point",
                (before, input, point.phase()),
                &mut effects,
            );
        }
    }
}

/// One step of a matcher.
#[derive(Clone)]
enum Step {
    Control(Control),
    Frame(Incarnation, MatcherFrame),
    EndTurn,
}

fn step(matcher: &mut Matcher, step: Step, effects: &mut Effects) {
    match step {
        Step::Control(control) => matcher.control(NOW, control, effects),
        Step::Frame(from, frame) => matcher.receive(NOW, from, frame, effects),
        Step::EndTurn => matcher.turn_ended(NOW, effects),
    }
}

fn flip() -> MatcherFrame {
    MatcherFrame::Flip {
        epoch: Epoch(2),
        first: Seq(1),
    }
}

fn matcher_steps() -> Vec<(&'static str, Step)> {
    let one = OperationId(1);
    let mut steps: Vec<_> = controls()
        .into_iter()
        .map(|(name, control)| (name, Step::Control(control)))
        .collect();
    let chunk = MatcherFrame::Chunk {
        operation: one,
        subscriptions: Vec::new(),
    };
    let follow = MatcherFrame::Follow {
        operation: one,
        taken: operation().into(),
    };
    let from_access_point = [
        ("CLOSE(1)", MatcherFrame::Close(one)),
        ("FLIP(2)", flip()),
        (
            "Operation on a moving slot",
            MatcherFrame::Operation(operation().into()),
        ),
    ];
    let from_matcher = [
        ("Chunk(1)", chunk),
        ("ChunkTaken(1)", MatcherFrame::ChunkTaken(one)),
        ("Follow(1)", follow),
        ("END(1)", MatcherFrame::End(one)),
    ];
    steps.extend(from_access_point.map(|(name, frame)| (name, Step::Frame(ACCESS_POINT, frame))));
    steps.extend(from_matcher.map(|(name, frame)| (name, Step::Frame(OLD, frame))));
    steps.push(("end of turn", Step::EndTurn));
    steps
}

fn matcher(incarnation: Incarnation, steps: &[Step]) -> Matcher {
    let mut matcher = Matcher::new(incarnation, 0, CpuLevel::Scalar);
    let mut effects = Effects::new();
    let open = MatcherFrame::Open(Open {
        epoch: Epoch(1),
        next: Seq(1),
    });
    step(&mut matcher, Step::Control(in_force(1)), &mut effects);
    step(&mut matcher, Step::Frame(ACCESS_POINT, open), &mut effects);
    for next in steps {
        step(&mut matcher, next.clone(), &mut effects);
    }
    matcher
}

fn matcher_table(table: &mut String) {
    let prepare = Step::Control(Control::Prepare(plan(1, Strategy::Live)));
    let copy = Step::Control(Control::Copy(OperationId(1)));
    let commit = Step::Control(in_force(2));
    let end = Step::Frame(OLD, MatcherFrame::End(OperationId(1)));
    let prefixes: [&[Step]; 5] = [
        &[],
        std::slice::from_ref(&prepare),
        &[prepare.clone(), end],
        &[prepare.clone(), copy],
        &[prepare.clone(), commit],
    ];
    let mut effects = Effects::new();
    for (incarnation, who) in [(OLD, "old owner"), (NEW, "new owner")] {
        for prefix in prefixes {
            for (input, next) in matcher_steps() {
                let mut matcher = matcher(incarnation, prefix);
                let before = matcher.phase();
                step(&mut matcher, next, &mut effects);
                line(table, who, (before, input, matcher.phase()), &mut effects);
            }
        }
    }
}

fn exit_point(steps: &[Control]) -> ExitPoint {
    let mut point = ExitPoint::new(EXIT_POINT, 0);
    let mut effects = Effects::new();
    for step in steps {
        point.control(NOW, step.clone(), &mut effects);
    }
    point
}

fn exit_point_table(table: &mut String) {
    let flip = ExitPointFrame::Flip {
        access_point: ACCESS_POINT,
        epoch: Epoch(2),
        first: Seq(1),
    };
    let prefixes: [&[Control]; 2] = [&[in_force(1)], &[in_force(1), in_force(2)]];
    let mut effects = Effects::new();
    for prefix in prefixes {
        for (input, control) in controls() {
            let mut point = exit_point(prefix);
            let before = point.phase();
            point.control(NOW, control, &mut effects);
            point.turn_ended(NOW, &mut effects);
            line(
                table,
                "exit point",
                (before, input, point.phase()),
                &mut effects,
            );
        }
        let mut point = exit_point(prefix);
        let before = point.phase();
        point.receive(NOW, OLD, flip.clone(), &mut effects);
        point.turn_ended(NOW, &mut effects);
        line(
            table,
            "exit point",
            (before, "FLIP(2) by the old", point.phase()),
            &mut effects,
        );
        let before = point.phase();
        point.receive(NOW, NEW, flip.clone(), &mut effects);
        point.turn_ended(NOW, &mut effects);
        line(
            table,
            "exit point",
            (before, "FLIP(2) by both", point.phase()),
            &mut effects,
        );
    }
}

/// An access point's own life: it is not listed, listed, leaving, or gone, while another one is there.
fn life(epoch: u64, is_listed: bool, leaving: bool) -> Control {
    let mut topology = topology(1);
    topology.epoch = Epoch(epoch);
    let other = Instance {
        incarnation: Incarnation(6),
        ..topology.instances[1].clone()
    };
    topology.instances.push(other);
    topology.instances[1].leaving = leaving;
    if !is_listed {
        topology.instances.remove(1);
    }
    Control::Topology(Arc::new(topology))
}

/// Frames, with who sends them.
type Words = Vec<(Incarnation, AccessPointFrame)>;

fn nothing_more(senders: &[Incarnation]) -> Words {
    let word = AccessPointFrame::NothingMore(Epoch(2));
    senders.iter().map(|who| (*who, word.clone())).collect()
}

const FEEDERS: [Incarnation; 2] = [CONNECTION_POINT, EXIT_POINT];
const RECEIVERS: [Incarnation; 2] = [OLD, Incarnation(6)];

fn inputs_of_a_life() -> Vec<(&'static str, Vec<Control>, Words)> {
    let open = AccessPointFrame::OpenPublisher {
        publisher: PublisherId(1),
        generation: Generation(1),
        acknowledgement: Acknowledgement::Joined,
        welcomed_by: None,
    };
    let ask = AccessPointFrame::HandOver {
        publisher: PublisherId(1),
        generation: Generation(1),
    };
    let absent = life(3, false, false);
    vec![
        ("Topology(2), listed", vec![life(2, true, false)], vec![]),
        ("Topology(2), leaving", vec![life(2, true, true)], vec![]),
        ("Topology(3), not listed", vec![absent], vec![]),
        ("OpenPublisher", vec![], vec![(CONNECTION_POINT, open)]),
        ("HandOver", vec![], vec![(Incarnation(6), ask)]),
        ("NothingMore of feeders", vec![], nothing_more(&FEEDERS)),
        ("NothingMore of receivers", vec![], nothing_more(&RECEIVERS)),
    ]
}

fn lives_table(table: &mut String) {
    let listed = life(1, true, false);
    let leaving = || vec![listed.clone(), life(2, true, true)];
    let everybody = [FEEDERS, RECEIVERS].concat();
    let left = [leaving(), vec![life(3, false, false)]].concat();
    let prefixes = [
        (vec![life(1, false, false)], vec![]),
        (vec![listed.clone()], vec![]),
        (leaving(), vec![]),
        (leaving(), nothing_more(&FEEDERS)),
        (leaving(), nothing_more(&everybody)),
        (left, vec![]),
    ];
    let mut effects = Effects::new();
    for (controls, frames) in prefixes {
        for (input, further, words) in inputs_of_a_life() {
            let mut point = access_point(&controls);
            for (who, frame) in frames.clone() {
                point.receive(NOW, who, frame, &mut effects);
                point.turn_ended(NOW, &mut effects);
            }
            outcome(&mut effects);
            let before = point.phase();
            for control in further {
                point.control(NOW, control, &mut effects);
            }
            for (who, frame) in words {
                point.receive(NOW, who, frame, &mut effects);
            }
            point.turn_ended(NOW, &mut effects);
            line(
                table,
                "access point",
                (before, input, point.phase()),
                &mut effects,
            );
        }
    }
}

fn line(
    table: &mut String,
    who: &str,
    (before, input, after): (&str, &str, &str),
    effects: &mut Effects,
) {
    let outcome = outcome(effects);
    let line = format!("{who:12} {before:9} + {input:26} -> {after:9} {outcome}");
    table.push_str(line.trim_end());
    table.push('\n');
}

#[test]
fn every_input_in_every_phase_is_as_the_table_says() {
    let mut table = String::new();
    access_point_table(&mut table);
    matcher_table(&mut table);
    exit_point_table(&mut table);
    lives_table(&mut table);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/phases.txt");
    if std::env::var_os("UPDATE_PHASES").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (found, expected)) in table.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {} of tests/phases.txt", number + 1);
    }
    assert_eq!(table.lines().count(), expected.lines().count());
}

/// With the strategy `buffered` the next operation may begin before a new owner has said that it took everything up.
#[test]
fn a_plan_that_comes_while_publications_wait_costs_none_of_them() {
    let close = Control::Close(OperationId(1));
    let prepare = Control::Prepare(plan(1, Strategy::Buffered));
    let mut point = access_point(&[in_force(1), prepare, close, in_force(2)]);
    let mut effects = Effects::new();
    let (publisher, generation) = (PublisherId(1), Generation(1));
    let open = AccessPointFrame::OpenPublisher {
        publisher,
        generation,
        acknowledgement: Acknowledgement::Joined,
        welcomed_by: None,
    };
    let publish = AccessPointFrame::Publish {
        publisher,
        generation,
        publications: vec![Publication {
            seq: PublisherSeq(1),
            published_at: Timestamp(0),
            content: Content {
                attributes: Attributes::empty(),
                body: Body::None,
            },
        }],
    };
    point.receive(NOW, CONNECTION_POINT, open, &mut effects);
    point.receive(NOW, CONNECTION_POINT, publish, &mut effects);
    outcome(&mut effects);
    let next = Plan {
        next: topology(3),
        ..Plan::clone(&plan(2, Strategy::Live))
    };
    point.control(NOW, Control::Prepare(Arc::new(next)), &mut effects);
    assert_eq!(outcome(&mut effects), "", "nothing is confirmed yet");
    point.receive(NOW, NEW, AccessPointFrame::TakenUp(Epoch(2)), &mut effects);
    point.turn_ended(NOW, &mut effects);
    assert_eq!(
        outcome(&mut effects),
        "Confirmed, Notifications to 4, Notifications to 5, Published to 1"
    );
}
