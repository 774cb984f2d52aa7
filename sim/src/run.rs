//! One seed, run and judged; and told.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gomera_model::{Epoch, PublisherId, PublisherSeq};

use crate::checker::{Breach, History, Promise};
use crate::reach::Reach;
use crate::scenario::Options;
use crate::story::{Focus, Story};
use crate::world::{Outcome, World};

/// What a seed came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// What was broken; empty if all is well.
    pub breaches: Vec<Breach>,
    /// What was reached.
    pub reach: Reach,
    /// A number made of every effect; the same for the same seed.
    pub digest: u64,
}

/// Runs a seed. An operator that stops at one of its own assertions is a breach as well, where panics unwind.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Verdict {
    let world = || World::new(seed, options, Story::default()).run();
    match catch_unwind(AssertUnwindSafe(world)) {
        Ok(outcome) => Verdict {
            seed,
            breaches: outcome.breaches,
            reach: outcome.reach,
            digest: outcome.digest,
        },
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            let words = words.unwrap_or_else(|| "without words".to_owned());
            Verdict {
                seed,
                breaches: vec![Breach::general(Promise::Failed, words)],
                reach: Reach::default(),
                digest: 0,
            }
        }
    }
}

/// Runs a seed twice: once to find what is worth telling, and once to tell it.
#[must_use]
pub fn tell(seed: u64, options: &Options) -> Outcome {
    let first = World::new(seed, options, Story::default()).run();
    let focus = focus(&first);
    World::new(seed, options, Story::about(focus)).run()
}

/// What was broken; else a notification that many received, and the first operation.
fn focus(outcome: &Outcome) -> Focus {
    let Some(breach) = outcome.breaches.first() else {
        return Focus {
            notification: most_received(&outcome.history),
            subscriber: None,
            epochs: Some((Epoch(1), Epoch(2))),
        };
    };
    let about = breach.notification;
    let stamp =
        about.and_then(|(publisher, seq)| outcome.history.publication(publisher, seq)?.stamp);
    Focus {
        notification: about,
        subscriber: breach.subscriber.map(|subscriber| subscriber.0),
        epochs: Some(stamp.map_or((Epoch(0), Epoch(u64::MAX)), |stamp| {
            (Epoch(stamp.epoch.0 - 1), stamp.epoch.next())
        })),
    }
}

fn most_received(history: &History) -> Option<(PublisherId, PublisherSeq)> {
    let deliveries = history.sessions().flat_map(|(_, s)| &s.deliveries);
    let mut counts = std::collections::BTreeMap::new();
    for delivery in deliveries {
        *counts
            .entry((delivery.publisher, delivery.seq))
            .or_insert(0_u64) += 1;
    }
    let most = *counts.values().max()?;
    counts
        .into_iter()
        .find(|(_, count)| *count == most)
        .map(|(which, _)| which)
}
