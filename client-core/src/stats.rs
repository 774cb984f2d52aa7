//! What the cores count.

/// What a publisher counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublisherStats {
    /// Publications given a number.
    pub published: u64,
    /// Of these, acknowledged.
    pub acknowledged: u64,
    /// Of these, refused.
    pub refused: u64,
    /// Publications sent again over another connection.
    pub repeated: u64,
    /// Welcomes after the first.
    pub reconnects: u64,
}

/// What a subscriber counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriberStats {
    /// Deliveries shown to the application.
    pub deliveries: u64,
    /// Deliveries that were not beyond the cursor of their access point.
    pub dropped_by_cursor: u64,
    /// Deliveries beyond the cursor that were not beyond the last number of their publisher.
    pub dropped_by_publisher: u64,
    /// Deliveries whose subscriptions had all been ended by the application.
    pub dropped_after_unsubscribe: u64,
    /// Gaps shown to the application.
    pub gaps: u64,
    /// Operations sent again over another connection.
    pub repeated: u64,
    /// Welcomes after the first.
    pub reconnects: u64,
    /// Sessions begun because the one before was unknown.
    pub sessions_lost: u64,
}
