//! The index against the reference evaluator: the same subscriptions match, whatever the filter, the notification, the
//! history of changes, and the processor.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;

use gomera_filter::{Dialect, Filter, reference};
use gomera_matching::{CpuLevel, Hits, Index, SlotSet};
use gomera_model::{
    Attributes, OperationNumber, SessionId, SlotId, SubscriptionId, SubscriptionNumber,
};

mod random;

use random::Random;

/// What the index should hold.
#[derive(Default)]
struct Model(BTreeMap<SubscriptionId, (OperationNumber, Filter)>);

impl Model {
    fn matches(
        &self,
        flat: &Attributes,
        visible: &SlotSet,
    ) -> Vec<(SubscriptionId, OperationNumber)> {
        let asked = self.0.iter().filter(|(id, _)| visible.contains(id.slot()));
        let holds = asked.filter(|(_, (_, filter))| reference::evaluate(filter, flat).is_true());
        holds
            .map(|(id, (operation, _))| (*id, *operation))
            .collect()
    }
}

fn id(number: usize) -> SubscriptionId {
    SubscriptionId {
        session: SessionId(number as u64 % 37),
        number: SubscriptionNumber(u32::try_from(number).unwrap()),
    }
}

fn parse(text: &str) -> Filter {
    Filter::parse(Dialect::Sql, text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn matched(hits: &Hits, index: usize) -> Vec<(SubscriptionId, OperationNumber)> {
    let blocks = hits.sessions(index);
    let ids = blocks.flat_map(|(session, hits)| {
        hits.iter().map(move |hit| {
            let number = hit.number;
            (SubscriptionId { session, number }, hit.operation)
        })
    });
    ids.collect()
}

/// Matches a batch, and compares every notification of it with the model.
fn check(index: &mut Index, model: &Model, batch: &[Attributes], visible: &SlotSet) {
    let batch = batch.iter().collect::<Vec<_>>();
    let mut hits = Hits::new();
    index.match_batch(&batch, visible, &mut hits);
    assert_eq!(hits.len(), batch.len());
    for (at, flat) in batch.iter().enumerate() {
        let (found, expected) = (matched(&hits, at), model.matches(flat, visible));
        if found != expected {
            explain(&found, &expected, model, flat);
        }
    }
}

fn explain(
    found: &[(SubscriptionId, OperationNumber)],
    expected: &[(SubscriptionId, OperationNumber)],
    model: &Model,
    flat: &Attributes,
) {
    for (id, (_, filter)) in &model.0 {
        let is_found = found.iter().any(|(other, _)| other == id);
        let is_expected = expected.iter().any(|(other, _)| other == id);
        assert_eq!(is_found, is_expected, "{filter:?} on {flat:?}");
    }
    panic!("the same subscriptions, but {found:?} instead of {expected:?}");
}

fn levels() -> Vec<CpuLevel> {
    let mut levels = vec![CpuLevel::Scalar];
    if std::is_x86_feature_detected!("avx2") {
        levels.push(CpuLevel::Avx2);
    }
    if std::is_x86_feature_detected!("avx512f") {
        levels.push(CpuLevel::Avx512);
    }
    levels
}

#[test]
fn a_million_random_pairs_agree() {
    for (seed, level) in (1..).zip(levels()) {
        let mut random = Random::new(seed);
        let (mut index, mut model) = (Index::new(seed, level), Model::default());
        for number in 0..1000 {
            let text = random::filter(&mut random);
            let filter = parse(&text);
            index.insert(id(number), OperationNumber(1), &filter);
            model.0.insert(id(number), (OperationNumber(1), filter));
        }
        for _ in 0..10 {
            let batch = (0..35)
                .map(|_| random::attributes(&mut random))
                .collect::<Vec<_>>();
            check(&mut index, &model, &batch, &SlotSet::full());
        }
    }
}

#[test]
fn a_hundred_thousand_random_changes_agree() {
    let mut random = Random::new(99);
    let (mut index, mut model) = (Index::new(5, CpuLevel::Scalar), Model::default());
    let filters = (0..3000)
        .map(|_| parse(&random::filter(&mut random)))
        .collect::<Vec<_>>();
    for step in 1..=100_000 {
        let id = id(random.below(2000));
        let operation = OperationNumber(step);
        if random.chance(50) {
            let filter = &filters[random.below(filters.len())];
            index.insert(id, operation, filter);
            model.0.insert(id, (operation, filter.clone()));
        } else {
            let removed = model.0.remove(&id).map(|(operation, _)| operation);
            assert_eq!(index.remove(id), removed);
        }
        if step % 2000 == 0 {
            let batch = (0..4)
                .map(|_| random::attributes(&mut random))
                .collect::<Vec<_>>();
            let visible = SlotId::all().filter(|_| random.chance(70)).collect();
            check(&mut index, &model, &batch, &visible);
            check_slots(&index, &model);
        }
    }
    for id in model.0.keys() {
        assert!(index.remove(*id).is_some());
    }
    assert!(index.is_empty());
}

fn check_slots(index: &Index, model: &Model) {
    assert_eq!(index.len(), model.0.len());
    let mut listed = Vec::new();
    for slot in SlotId::all() {
        let before = listed.len();
        index.slot(slot, &mut listed);
        assert_eq!(listed.len() - before, index.slot_len(slot));
        assert!(listed[before..].iter().all(|id| id.slot() == slot));
    }
    listed.sort();
    assert!(listed.iter().eq(model.0.keys()));
    for (id, (operation, filter)) in &model.0 {
        assert_eq!(index.operation(*id), Some(*operation));
        let stored = index.stored(*id).unwrap();
        assert_eq!((stored.id, stored.operation), (*id, *operation));
        assert_eq!(stored.filter, filter.canonical());
    }
}
