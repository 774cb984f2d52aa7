//! The client's side of silbo/1 as a pure machine.
