//! Open-loop load over real client connections.
