//! The index against the reference evaluator: the same subscriptions match, whatever the filter, the notification, the
//! history of changes, and the processor.

#![allow(clippy::unwrap_used, reason = "a test may")]

use gomera_matching::{CpuLevel, SlotSet};
use gomera_model::SlotId;

mod support;

use support::random::{self, Random};
use support::{Pair, id, parse};

fn levels() -> Vec<CpuLevel> {
    let mut levels = vec![CpuLevel::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx2") {
            levels.push(CpuLevel::Avx2);
        }
        if std::is_x86_feature_detected!("avx512f") {
            levels.push(CpuLevel::Avx512);
        }
    }
    levels
}

#[test]
fn a_million_random_pairs_agree() {
    const PAIRS: usize = 1_000_000;
    const FILTERS: usize = 1000;
    const BATCH: usize = 35;
    let levels = levels();
    for (seed, level) in (1..).zip(&levels) {
        let mut random = Random::new(seed);
        let mut pair = Pair::new(seed, *level);
        for number in 0..FILTERS {
            pair.insert(id(number), 1, &parse(&random::filter(&mut random)));
        }
        for _ in 0..PAIRS.div_ceil(FILTERS * BATCH * levels.len()) {
            let batch = (0..BATCH).map(|_| random::attributes(&mut random));
            pair.check(&batch.collect::<Vec<_>>(), &SlotSet::full());
        }
    }
}

#[test]
fn a_hundred_thousand_random_changes_agree() {
    let mut random = Random::new(99);
    let mut pair = Pair::new(5, CpuLevel::Scalar);
    let filters = (0..3000).map(|_| parse(&random::filter(&mut random)));
    let filters = filters.collect::<Vec<_>>();
    for step in 1..=100_000 {
        let id = id(random.below(2000));
        if random.chance(50) {
            pair.insert(id, step, &filters[random.below(filters.len())]);
        } else {
            pair.remove(id);
        }
        if step % 2000 == 0 {
            let batch = (0..4).map(|_| random::attributes(&mut random));
            let batch = batch.collect::<Vec<_>>();
            let visible = SlotId::all().filter(|_| random.chance(70)).collect();
            pair.check(&batch, &visible);
            check_slots(&pair);
        }
    }
    let left = pair.model.keys().copied().collect::<Vec<_>>();
    left.into_iter().for_each(|id| pair.remove(id));
    assert!(pair.index.is_empty());
}

fn check_slots(pair: &Pair) {
    let Pair { index, model } = pair;
    assert_eq!(index.len(), model.len());
    let mut listed = Vec::new();
    for slot in SlotId::all() {
        let before = listed.len();
        index.slot(slot, &mut listed);
        assert_eq!(listed.len() - before, index.slot_len(slot));
        assert!(listed[before..].iter().all(|id| id.slot() == slot));
    }
    listed.sort();
    assert!(listed.iter().eq(model.keys()));
    for (id, (operation, filter)) in model {
        assert!(index.contains(*id));
        assert_eq!(index.operation(*id), Some(*operation));
        let stored = index.stored(*id).unwrap();
        assert_eq!((stored.id, stored.operation), (*id, *operation));
        assert_eq!(stored.filter, filter.canonical());
    }
}
