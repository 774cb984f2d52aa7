//! Documents as earlier builds wrote them are read, and say what they said then.

use gomera_model::{Epoch, Incarnation, Layer, Topology};

/// From before cuts and standbys: one instance a layer, on one host.
const FIRST_TOPOLOGY: &str = r#"{
    "epoch": 1,
    "instances": [
        {"id": 0, "incarnation": 1, "layer": "connection_points", "host": 1, "zone": ""},
        {"id": 0, "incarnation": 2, "layer": "access_points", "host": 1, "zone": ""},
        {"id": 0, "incarnation": 3, "layer": "matchers", "host": 1, "zone": ""},
        {"id": 0, "incarnation": 4, "layer": "exit_points", "host": 1, "zone": ""}
    ],
    "retired": [],
    "matcher_of": [[4096, 3]],
    "exit_points_of": [[4096, {"primary": 4}]]
}"#;

#[test]
fn a_topology_without_cut_and_standbys_is_read() {
    let topology: Topology = serde_json::from_str(FIRST_TOPOLOGY).expect("it was written so");
    assert_eq!(topology.check(), Ok(()));
    assert_eq!(topology.cut, Epoch(0));
    assert_eq!(topology.matcher_replicas, 0);
    assert_eq!(topology.standby_of, []);
    assert_eq!(topology.layer(Layer::Matchers).count(), 1);
    assert!(
        (topology.exit_points_of.iter())
            .all(|points| points.primary == Incarnation(4) && points.backup.is_none())
    );
}

#[test]
fn what_is_not_there_is_not_written() {
    let topology: Topology = serde_json::from_str(FIRST_TOPOLOGY).expect("it was written so");
    let first: serde_json::Value = serde_json::from_str(FIRST_TOPOLOGY).expect("it is JSON");
    let again = serde_json::to_value(&topology).expect("it can be written");
    assert_eq!(again, first, "an earlier build reads it too");
}
