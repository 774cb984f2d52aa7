//! What a connection point counts.

/// Totals since the start, and some present values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionPointStats {
    /// Publications taken from clients.
    pub publications: u64,
    /// Publications refused for their content.
    pub publications_refused: u64,
    /// Deliveries handed to clients' connections.
    pub deliveries: u64,
    /// Gaps signalled.
    pub gaps: u64,
    /// Times that reading of a publisher was stopped.
    pub pauses: u64,
    /// Publishers that went on at another access point within their connection.
    pub publishers_moved: u64,
    /// Connections closed for the client's fault, or because a newer one has come.
    pub closed_by_us: u64,
    /// Frames for a client that was gone.
    pub too_late: u64,
    /// Now: connections.
    pub connections: u64,
    /// Now: sessions.
    pub sessions: u64,
    /// Now: publishers.
    pub publishers: u64,
}
