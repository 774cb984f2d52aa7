//! Which access point serves whom: of those that stay, the one that weighs most for the session or the publisher. Where
//! access points come and go, only what the newcomer wins or the leaving one had changes hands.

use gomera_model::{Incarnation, Layer, PublisherId, SessionId, Topology, id::weight};

/// The access point of a session's operations.
pub(crate) fn of_session(topology: &Topology, session: SessionId) -> Incarnation {
    heaviest(topology, session.0)
}

/// The access point of a publisher.
pub(crate) fn of_publisher(topology: &Topology, publisher: PublisherId) -> Incarnation {
    heaviest(topology, publisher.0)
}

/// The access points that are about to go.
pub(crate) fn leaving(topology: &Topology) -> impl Iterator<Item = Incarnation> {
    let points = topology.layer(Layer::AccessPoints);
    points
        .filter(|point| point.leaving)
        .map(|point| point.incarnation)
}

/// The access points that stay.
pub(crate) fn staying(topology: &Topology) -> impl Iterator<Item = Incarnation> {
    let points = topology.layer(Layer::AccessPoints);
    points
        .filter(|point| !point.leaving)
        .map(|point| point.incarnation)
}

fn heaviest(topology: &Topology, number: u64) -> Incarnation {
    staying(topology)
        .max_by_key(|point| weight(number, *point))
        .expect("an access point stays")
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use gomera_model::topology::ExitPoints;
    use gomera_model::{Epoch, HostId, Instance, InstanceId, SLOTS};

    use super::*;

    /// Access points from 1 on; those named are leaving.
    fn topology(count: u64, leaving: &[u64]) -> Topology {
        let instances = (1..=count).map(|number| Instance {
            id: InstanceId(1),
            incarnation: Incarnation(number),
            layer: Layer::AccessPoints,
            host: HostId(1),
            zone: String::new(),
            leaving: leaving.contains(&number),
        });
        let exit_points = ExitPoints {
            primary: Incarnation(99),
            backup: None,
            further: None,
        };
        Topology {
            epoch: Epoch(1),
            instances: instances.collect(),
            retired: Vec::new(),
            cut: Epoch(0),
            matcher_replicas: 0,
            standby_of: Vec::new(),
            matcher_of: alloc::vec![Incarnation(98); SLOTS],
            exit_points_of: alloc::vec![exit_points; SLOTS],
        }
    }

    fn all(topology: &Topology) -> Vec<Incarnation> {
        let publishers = (0..4000).map(PublisherId);
        publishers
            .map(|publisher| of_publisher(topology, publisher))
            .collect()
    }

    #[test]
    fn each_serves_its_share() {
        let routed = all(&topology(4, &[]));
        for number in 1..=4 {
            let count = routed.iter().filter(|point| point.0 == number).count();
            assert!((900..1100).contains(&count), "{number}: {count} of 4000");
        }
    }

    #[test]
    fn a_newcomer_takes_its_share_and_nothing_else_moves() {
        let (before, after) = (all(&topology(3, &[])), all(&topology(4, &[])));
        let moved: Vec<_> = (0..4000).filter(|&i| before[i] != after[i]).collect();
        assert!(moved.iter().all(|&i| after[i] == Incarnation(4)));
        assert!((900..1100).contains(&moved.len()), "{}", moved.len());
    }

    #[test]
    fn what_a_leaving_one_had_moves_and_nothing_else() {
        let (before, after) = (all(&topology(4, &[])), all(&topology(4, &[2])));
        for (before, after) in before.into_iter().zip(after) {
            assert_ne!(after, Incarnation(2));
            assert!(before == after || before == Incarnation(2));
        }
    }
}
