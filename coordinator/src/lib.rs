//! Topology, plan and operation as a pure state machine.
