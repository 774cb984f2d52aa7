//! The index against the reference evaluator: the same subscriptions match, whatever the filter, the notification, the
//! history of changes, and the processor.

#![allow(clippy::unwrap_used, reason = "a test may")]

use gomera_matching::{CpuLevel, SlotSet};
use gomera_model::operation::StoredSubscription;
use gomera_model::{OperationNumber, SlotId};

mod support;

use support::random::{self, Random};
use support::{Pair, fuzz, id, parse};

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
            pair.check_slots();
        }
    }
    let left = pair.model.keys().copied().collect::<Vec<_>>();
    left.into_iter().for_each(|id| pair.remove(id));
    assert!(pair.index.is_empty());
}

#[test]
fn many_at_once_are_the_same_as_one_by_one() {
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let (mut bulk, mut single) = (
            Pair::new(seed, CpuLevel::Scalar),
            Pair::new(seed, CpuLevel::Scalar),
        );
        for step in 0..40 {
            let some = (0..random.below(400)).map(|_| StoredSubscription {
                id: id(random.below(3000)),
                operation: OperationNumber(step + random.below(8) as u64),
                filter: parse(&random::filter(&mut random)).canonical(),
            });
            let some = some.collect::<Vec<_>>();
            bulk.insert_many(&some);
            for one in &some {
                let known = single.index.operation(one.id);
                if known.is_none_or(|known| known < one.operation) {
                    single.insert_canonical(one.id, one.operation.0, &one.filter.0);
                }
            }
            for _ in 0..50 {
                let id = id(random.below(3000));
                bulk.remove(id);
                single.remove(id);
            }
        }
        assert!(bulk.model == single.model);
        let batch = (0..30).map(|_| random::attributes(&mut random));
        let batch = batch.collect::<Vec<_>>();
        for pair in [&mut bulk, &mut single] {
            pair.check(&batch, &SlotSet::full());
            pair.check_slots();
        }
        let left = bulk.model.keys().copied().collect::<Vec<_>>();
        left.into_iter().for_each(|id| bulk.remove(id));
        assert!(bulk.index.is_empty());
    }
}

#[test]
fn random_input_of_the_fuzz_target_is_harmless() {
    let mut random = Random::new(17);
    for _ in 0..8000 {
        let length = random.below(300);
        let bytes = (0..length).map(|_| random.next().to_le_bytes()[0]);
        fuzz::changes(&bytes.collect::<Vec<_>>());
    }
}
