//! What a matcher counts.

/// Totals since the start, and some present values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatcherStats {
    /// Notifications matched.
    pub notifications: u64,
    /// Batches of them.
    pub batches: u64,
    /// Notifications that matched something, once per exit point.
    pub matched: u64,
    /// Subscription operations taken as an owner.
    pub operations: u64,
    /// Subscription operations that waited for the last FLIP.
    pub operations_waited: u64,
    /// Operations passed on behind a copy.
    pub followed: u64,
    /// Chunks sent.
    pub chunks: u64,
    /// Subscriptions sent in chunks.
    pub subscriptions_copied: u64,
    /// Bytes of their filters.
    pub bytes_copied: u64,
    /// Subscriptions that exit points sent for slots whose owner was lost.
    pub restored: u64,
    /// Frames that a correct peer does not send.
    pub refused_frames: u64,
    /// Now: subscriptions in the index.
    pub subscriptions: u64,
    /// Now: those of them that are held for another matcher.
    pub standby_subscriptions: u64,
    /// Now: bytes of the index.
    pub index_bytes: u64,
    /// Now: own slots.
    pub slots: u64,
    /// Now: own slots that another matcher has been sent whole.
    pub slots_stood_by: u64,
}
