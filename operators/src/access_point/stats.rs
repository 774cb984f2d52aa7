//! What an access point counts.

/// Totals since the start, and two present values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessPointStats {
    /// Notifications stamped.
    pub stamped: u64,
    /// Notifications stamped again because a matcher was lost.
    pub restamped: u64,
    /// Notifications that every exit point has released.
    pub released: u64,
    /// Publications that were known already.
    pub repeats: u64,
    /// Publications refused for their content.
    pub refused: u64,
    /// Frames of connections that a newer one has replaced.
    pub fenced: u64,
    /// Subscription operations routed or held.
    pub operations: u64,
    /// Subscription operations refused.
    pub operations_refused: u64,
    /// Subscription operations held while their slot changed hands.
    pub operations_held: u64,
    /// Publications kept back while the strategy `buffered` made them wait.
    pub publications_held: u64,
    /// The longest that the first of them had to wait, nanoseconds.
    pub publications_held_ns_max: u64,
    /// Now: notifications that some exit point has not released.
    pub outstanding: u64,
    /// Now: open publishers.
    pub publishers: u64,
}
