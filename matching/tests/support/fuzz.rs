//! The body of the fuzz target: any bytes as a sequence of changes and questions, each answered like the reference
//! evaluator would.

use gomera_filter::{Dialect, Filter};
use gomera_matching::{CpuLevel, SlotSet};
use gomera_model::operation::{CanonicalFilter, StoredSubscription};
use gomera_model::{OperationNumber, SlotId};

use super::random::{self, Random};
use super::{Pair, id, parse};

/// Changes and questions of one run.
const STEPS_MAX: u64 = 64;
/// Subscriptions of one run: few, so that they are replaced and removed often.
const SUBSCRIPTIONS: usize = 24;

/// Drives insert, remove, match and list.
pub(crate) fn changes(bytes: &[u8]) {
    let mut random = Random::scripted(bytes);
    let mut pair = Pair::new(1, CpuLevel::Scalar);
    for step in 1..=STEPS_MAX {
        if random.is_spent() {
            break;
        }
        let id = id(random.below(SUBSCRIPTIONS));
        match random.below(8) {
            0..3 => pair.insert(id, step, &filter(&mut random)),
            3 => many(&mut pair, &mut random, step),
            4 => pair.insert_canonical(id, step, &damaged(&mut random)),
            5 => pair.remove(id),
            6 => pair.check_slots(),
            _ => ask(&mut pair, &mut random),
        }
    }
    ask(&mut pair, &mut random);
    pair.check_slots();
    let left = pair.model.keys().copied().collect::<Vec<_>>();
    left.into_iter().for_each(|id| pair.remove(id));
    assert!(pair.index.is_empty());
}

fn ask(pair: &mut Pair, random: &mut Random) {
    let batch = (0..4).map(|_| random::attributes(random));
    let batch = batch.collect::<Vec<_>>();
    pair.check(&batch, &SlotSet::full());
    let visible = SlotId::all().filter(|slot| slot.index() % 3 > 0).collect();
    pair.check(&batch, &visible);
}

/// Some at once: new ones, known ones, older and newer operations, the same one twice, malformed ones.
fn many(pair: &mut Pair, random: &mut Random, step: u64) {
    let some = (0..random.below(40)).map(|_| {
        let canonical = match random.below(8) {
            0 => CanonicalFilter(damaged(random).into()),
            _ => filter(random).canonical(),
        };
        StoredSubscription {
            id: id(random.below(SUBSCRIPTIONS)),
            operation: OperationNumber(step.saturating_sub(3) + random.below(5) as u64),
            filter: canonical,
        }
    });
    pair.insert_many(&some.collect::<Vec<_>>());
}

/// A filter in any dialect that knows its text.
fn filter(random: &mut Random) -> Filter {
    let dialects = [
        Dialect::Sql,
        Dialect::Jms,
        Dialect::AmqpSql,
        Dialect::Cesql,
        Dialect::Mqtt,
    ];
    let dialect = dialects[random.below(dialects.len())];
    let text = random::filter(random);
    Filter::parse(dialect, &text).unwrap_or_else(|_| parse(&text))
}

/// Canonical bytes, some of them changed.
fn damaged(random: &mut Random) -> Vec<u8> {
    let mut bytes = filter(random).canonical().0.to_vec();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len());
        bytes[at] = random.next().to_le_bytes()[0];
    }
    bytes
}
