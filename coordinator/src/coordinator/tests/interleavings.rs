//! Random interleavings of everything at once: inputs in any order, bad writes, dying leaders, requests at any time.

use std::collections::BTreeMap;
use std::vec::Vec;

use gomera_model::control;
use proptest::prelude::*;

use super::super::*;
use super::world::{Fate, World, matchers};
use crate::record::Outcome;
use crate::request::Answer;

/// What happens next, from outside.
#[derive(Clone, Debug)]
enum Event {
    /// One of the inputs that wait, not always the first.
    Input(usize),
    Scale(u32, control::Strategy, u8),
    Abort(u64),
    /// What becomes of the next write.
    Fate(Fate),
    /// The leader dies.
    Lead,
    Wake,
}

fn event() -> impl Strategy<Value = Event> {
    let fate = prop_oneof![
        Just(Fate::Conflict),
        Just(Fate::UnknownDone),
        Just(Fate::UnknownLost),
        (1_u8..8).prop_map(Fate::UnknownLate),
    ];
    let strategy = prop_oneof![
        Just(control::Strategy::Live),
        Just(control::Strategy::Buffered)
    ];
    prop_oneof![
        60 => (0_usize..6).prop_map(Event::Input),
        3 => (1_u32..6, strategy, 0_u8..4).prop_map(|(n, s, key)| Event::Scale(n, s, key)),
        1 => (1_u64..5).prop_map(Event::Abort),
        3 => fate.prop_map(Event::Fate),
        1 => Just(Event::Lead),
        2 => Just(Event::Wake),
    ]
}

fn happen(world: &mut World, event: &Event, requests: &mut u64) {
    *requests += 1;
    match event {
        Event::Input(nth) => {
            let nth = nth % world.inputs.len().max(1);
            if let Some(input) = world.inputs.remove(nth) {
                world.inputs.push_front(input);
            }
            world.step();
        }
        Event::Scale(count, strategy, key) => {
            let mut scale = matchers(*count);
            scale.strategy = *strategy;
            scale.asked_at.0 = i64::try_from(*requests).unwrap();
            scale.idempotency_key = (*key > 0).then(|| std::format!("{count} {strategy:?} {key}"));
            world.scale(*requests, scale);
        }
        Event::Abort(operation) => world.abort(*requests, *operation),
        Event::Fate(fate) => world.fates.push_back(*fate),
        Event::Lead => world.lead(),
        Event::Wake => {
            if let Some(at) = world.wake_at.take() {
                world.now = world.now.max(at);
                world.input(Coordinator::wake);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn whatever_happens_it_ends_in_order(events in prop::collection::vec(event(), 1..250)) {
        let mut world = World::running();
        let mut requests = 0;
        let mut epochs = Vec::new();
        for event in &events {
            happen(&mut world, event, &mut requests);
            epochs.push(world.topology().epoch);
        }
        world.fates.clear();
        world.run();
        world.assert_in_order();
        prop_assert!(epochs.is_sorted(), "an epoch never falls");
        let mut answered = BTreeMap::new();
        for (request, answer) in &world.answers {
            prop_assert_eq!(answered.insert(*request, answer), None, "answered once");
        }
        for record in world.coordinator.operations() {
            prop_assert_ne!(record.outcome, Outcome::Running);
        }
        for (_, answer) in &world.answers {
            if let Answer::Aborted(id) = answer
                && let Some(record) = world.coordinator.operation(*id)
            {
                let aborted = matches!(record.outcome, Outcome::Aborted { .. });
                prop_assert!(aborted, "{record:?}");
            }
        }
    }
}
