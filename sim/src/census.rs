//! What the instances hold, taken from the operators themselves.

use gomera_model::operation::Hit;
use gomera_model::{Incarnation, SessionId, SlotId, SubscriptionId, Topology};
use gomera_operators::{ExitPoint, Matcher, Operator};

use crate::checker::{Census, HeldSubscription};

/// What the running instances hold of these sessions.
#[must_use]
pub fn census<'a>(
    topology: Option<&Topology>,
    sessions: &[SessionId],
    running: impl Iterator<Item = (Incarnation, &'a Operator)>,
) -> Census {
    let mut census = Census {
        topology: topology.cloned(),
        ..Census::default()
    };
    for (holder, operator) in running {
        census.epochs.push((holder, operator.epoch()));
        match operator {
            Operator::Matcher(matcher) => census.in_matchers.extend(of_matcher(holder, matcher)),
            Operator::ExitPoint(point) => {
                let held = sessions
                    .iter()
                    .flat_map(|id| of_session(holder, point, *id));
                census.in_exit_points.extend(held);
            }
            Operator::ConnectionPoint(_) | Operator::AccessPoint(_) => {}
        }
    }
    census
}

fn of_session(holder: Incarnation, point: &ExitPoint, session: SessionId) -> Vec<HeldSubscription> {
    let hits = point.subscriptions(session).into_iter();
    hits.map(|Hit { number, operation }| HeldSubscription {
        id: SubscriptionId { session, number },
        holder,
        operation,
    })
    .collect()
}

fn of_matcher(holder: Incarnation, matcher: &Matcher) -> Vec<HeldSubscription> {
    let index = matcher.index();
    let mut ids = Vec::new();
    for slot in SlotId::all() {
        index.slot(slot, &mut ids);
    }
    let held = ids.into_iter().filter_map(|id| {
        Some(HeldSubscription {
            id,
            holder,
            operation: index.operation(id)?,
        })
    });
    held.collect()
}
