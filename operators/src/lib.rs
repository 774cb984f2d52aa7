//! The four operators as pure state machines.
