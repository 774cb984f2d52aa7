//! C4 and C6, looked at while a run goes on: what is acknowledged is in every exit point that answers for it, and without a
//! quorum of the store nothing stands still.

use gomera_model::{Incarnation, Layer, PublisherId, PublisherSeq, Stamp, Topology};
use gomera_operators::Operator;

use super::World;
use crate::checker::{Breach, Moment, Promise};

impl World {
    /// A publisher learns that a publication is joined: every exit point of its stamp that is still there has released it,
    /// so the primary and the backup of each of its sessions have it.
    pub(super) fn check_safe(&mut self, publisher: PublisherId, seq: PublisherSeq) {
        let published = self.history.publication(publisher, seq);
        let Some(stamp) = published.and_then(|published| published.stamp) else {
            return;
        };
        let (Some(stamped), Some(present)) =
            (self.decisions.at(stamp.epoch), self.cluster.topology())
        else {
            return;
        };
        // What is repeated through another access point has another stamp by now.
        if present.instance(stamp.access_point).is_none() {
            return;
        }
        let unsafe_at = self.lacking(stamp, (stamped, present));
        if let Some(point) = unsafe_at {
            self.failures.push(Breach {
                notification: Some((publisher, seq)),
                ..Breach::general(
                    Promise::Unsafe,
                    format!(
                        "#{seq} of publisher {publisher} is acknowledged, and exit point {point} has not released it"
                    ),
                )
            });
        }
    }

    fn lacking(
        &self,
        stamp: Stamp,
        (stamped, present): (&Topology, &Topology),
    ) -> Option<Incarnation> {
        let mut points = stamped.incarnations(Layer::ExitPoints);
        points.find(|point| {
            let running = self.instances.get(*point).map(|running| &running.operator);
            match running {
                Some(Operator::ExitPoint(operator)) if present.instance(*point).is_some() => {
                    !operator.has_released(stamp.access_point, stamp.seq)
                }
                Some(_) | None => false,
            }
        })
    }

    /// What was published between these moments, without a quorum, has had the time to be acknowledged.
    pub(super) fn check_flowed(&mut self, times: (Moment, Moment)) {
        if let Some((publisher, seq)) = self.history.unacknowledged(times) {
            self.failures.push(Breach {
                notification: Some((publisher, seq)),
                ..Breach::general(
                    Promise::Frozen,
                    format!(
                        "#{seq} of publisher {publisher} is not acknowledged while the store has no quorum"
                    ),
                )
            });
        }
    }
}
