//! State is conserved: in the end the instances hold exactly what the clients were told, each thing at its owner,
//! and who stands by for it, or at both of its pair, all under one epoch.

use std::collections::{BTreeMap, BTreeSet};

use gomera_model::{Epoch, Incarnation, OperationNumber, SessionId, SubscriptionId, Topology};

use super::history::Session;
use super::{Breach, History, Promise};

/// What the instances hold when everything has ended.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// The topology in force.
    pub topology: Option<Topology>,
    /// The epoch that each instance of the topology knows.
    pub epochs: Vec<(Incarnation, Epoch)>,
    /// Subscriptions in matchers.
    pub in_matchers: Vec<HeldSubscription>,
    /// Subscriptions in the lists of exit points.
    pub in_exit_points: Vec<HeldSubscription>,
}

/// A subscription in an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldSubscription {
    /// Which.
    pub id: SubscriptionId,
    /// Where.
    pub holder: Incarnation,
    /// The operation that set its filter.
    pub operation: OperationNumber,
}

pub(super) fn check(history: &History, census: &Census, breaches: &mut Vec<Breach>) {
    let Some(topology) = &census.topology else {
        return;
    };
    for &(incarnation, epoch) in &census.epochs {
        if epoch != topology.epoch {
            let story = format!(
                "instance {incarnation} is in epoch {epoch}, the cluster in {}",
                topology.epoch
            );
            breaches.push(Breach::general(Promise::Unconserved, story));
        }
    }
    let expected = expected(history);
    let matcher_of = |id: SubscriptionId| {
        let owner = [topology.matcher(id.slot())].into_iter();
        owner.chain(topology.standby(id.slot())).collect()
    };
    let mut found = compare(("matcher", &matcher_of), &expected, &census.in_matchers);
    let exit_points_of = |id: SubscriptionId| {
        let points = topology.exit_points(id.session.slot());
        points.all().collect()
    };
    let in_exit_points = &census.in_exit_points;
    found.extend(compare(
        ("exit point", &exit_points_of),
        &expected,
        in_exit_points,
    ));
    for (id, story) in found {
        let mut sessions = history.sessions();
        let subscriber = sessions.find(|(_, session)| session.id == Some(id.session));
        breaches.push(Breach {
            subscriber: subscriber.map(|(subscriber, _)| subscriber),
            ..Breach::general(Promise::Unconserved, story)
        });
    }
}

type Owners<'a> = (&'a str, &'a dyn Fn(SubscriptionId) -> Vec<Incarnation>);

/// Each subscription that its session was told it has, with the operation that set its filter.
fn expected(history: &History) -> BTreeMap<SubscriptionId, OperationNumber> {
    let mut expected = BTreeMap::new();
    for (_, session) in history.sessions() {
        if let (Some(id), None) = (session.id, session.ended) {
            expect(id, session, &mut expected);
        }
    }
    expected
}

fn expect(
    id: SessionId,
    session: &Session,
    expected: &mut BTreeMap<SubscriptionId, OperationNumber>,
) {
    for operation in session.operations.iter().filter(|o| o.is_taken()) {
        let id = SubscriptionId {
            session: id,
            number: operation.subscription,
        };
        if operation.filter().is_some() {
            expected.insert(id, operation.number);
        } else {
            expected.remove(&id);
        }
    }
}

/// What is held and should not be, and what should be and is not.
fn compare(
    (layer, owners): Owners<'_>,
    expected: &BTreeMap<SubscriptionId, OperationNumber>,
    held: &[HeldSubscription],
) -> Vec<(SubscriptionId, String)> {
    let mut missing: BTreeSet<_> = expected
        .iter()
        .flat_map(|(&id, &operation)| {
            let holders = owners(id).into_iter();
            holders.map(move |holder| HeldSubscription {
                id,
                holder,
                operation,
            })
        })
        .collect();
    let too_much = held.iter().filter(|one| !missing.remove(one));
    let mut found: Vec<_> = too_much
        .map(|one| {
            let story = format!("{layer} {} holds too much: {}", one.holder, words(one));
            (one.id, story)
        })
        .collect();
    found.extend(missing.iter().map(|one| {
        let story = format!("{layer} {} lacks {}", one.holder, words(one));
        (one.id, story)
    }));
    found
}

fn words(held: &HeldSubscription) -> String {
    format!(
        "subscription {} of session {}, set by operation {}",
        held.id.number, held.id.session, held.operation
    )
}
