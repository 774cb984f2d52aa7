//! Which access point serves whom.

use gomera_model::{Incarnation, Layer, PublisherId, SessionId, Topology, id::slot};

/// The access point of a session's operations.
pub(crate) fn of_session(topology: &Topology, session: SessionId) -> Incarnation {
    by_hash(topology, session.0)
}

/// The access point of a publisher.
pub(crate) fn of_publisher(topology: &Topology, publisher: PublisherId) -> Incarnation {
    by_hash(topology, publisher.0)
}

fn by_hash(topology: &Topology, id: u64) -> Incarnation {
    let count = topology.layer(Layer::AccessPoints).count();
    let index = slot(&id.to_le_bytes())
        .index()
        .checked_rem(count)
        .expect("a topology has an access point");
    topology
        .incarnations(Layer::AccessPoints)
        .nth(index)
        .expect("a remainder of the count")
}
