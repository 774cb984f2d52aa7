//! What an exit point counts.

/// Totals since the start, and some present values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExitPointStats {
    /// Notifications released that matched something here.
    pub released: u64,
    /// Deliveries sent to connection points; those sent again after a resume included.
    pub deliveries: u64,
    /// Subscription operations taken.
    pub registrations: u64,
    /// Subscriptions of ended sessions that were sent away again.
    pub orphans: u64,
    /// Attachments refused.
    pub attachments_refused: u64,
    /// Sessions that ended because nobody came back for them.
    pub sessions_expired: u64,
    /// Sessions closed because they were too slow and had asked not to lose anything (policy `disconnect`).
    pub disconnected_slow: u64,
    /// Deliveries lost at a session's limits, with a signalled gap (policy `gap`).
    pub deliveries_lost: u64,
    /// Frames that a correct peer does not send.
    pub refused_frames: u64,
    /// Now: sessions.
    pub sessions: u64,
    /// Now: sessions that another exit point delivers.
    pub copies: u64,
    /// Now: sessions that have lost something they have not been told of yet.
    pub sessions_behind: u64,
    /// Now: sessions whose client is away.
    pub sessions_away: u64,
    /// Now: bytes of the filters in all lists.
    pub filter_bytes: u64,
    /// Now: bytes in all windows and queues.
    pub queued_bytes: u64,
    /// Now: deliveries in all windows and queues.
    pub queued_deliveries: u64,
}
