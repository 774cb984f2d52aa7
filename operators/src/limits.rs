//! Every limit of the operators, with its reason.

use gomera_model::Duration;

/// Notifications that an access point admits and that not every exit point has released. At 100,000 a second this
/// is two thirds of a second: far more than a hop, far less than memory.
pub const WINDOW_NOTIFICATIONS: u32 = 65_536;
/// The same in bytes of content.
pub const WINDOW_BYTES: u64 = 64 << 20;
/// The largest share of one publisher in the window, so that a greedy one delays others by some milliseconds only.
pub const SHARE_PUBLICATIONS_MAX: u32 = 2_048;
/// The same in bytes of content.
pub const SHARE_BYTES_MAX: u64 = 1 << 20;
/// Publishers open at one access point; the next one is refused with `LimitReached`. Each may always have one
/// publication outstanding, which bounds memory where the shares have shrunk to that.
pub const PUBLISHERS_MAX: usize = 65_536;
/// Publishers without a connection whose last number an access point remembers; the oldest is forgotten first.
/// A publisher that comes back later than this many others may have its unacknowledged tail delivered twice.
pub const PUBLISHERS_REMEMBERED_MAX: usize = 65_536;

/// Publishers in one frame of a leaving access point to another one: some tens of kilobytes.
pub const PASSED_ON_PER_FRAME: usize = 1024;
/// How long an access point waits for the topology that lists another one, which a publisher names as the one that
/// welcomed it last. It is on its way, or that one is of another life of the broker: milliseconds or never.
pub const UNHEARD_WITHIN: Duration = Duration::from_secs(1);

/// How long the clients of a connection point that is leaving may take to connect elsewhere; who has not is closed, and
/// connects again. Ten times what a client takes that first tries a server which is gone.
pub const GOAWAY_WITHIN: Duration = Duration::from_secs(10);

/// Notifications in one batch to a matcher: enough that the price of a hop is shared, few enough that a backlog is
/// worked off piece by piece, with words of the coordinator and chunks of a copy between the pieces.
pub const BATCH_NOTIFICATIONS: usize = 128;

/// Refused publications of one publisher that are said again when it comes back. If more than these were refused and
/// the connection was lost before the publisher heard, it takes the older ones for acknowledged.
pub const REFUSALS_REMEMBERED_MAX: usize = 64;

/// Subscriptions that a matcher copies in a second to one new owner, unless it is told otherwise: at some microseconds
/// each at both ends, some hundredths of two cores. Nothing waits for a copy, and a faster one takes its time from those
/// who have notifications to bring on their way, where there are few cores.
pub const COPY_RATE: u32 = 8_000;
/// Chunks of a copy in a second: so short that both ends stay away from their notifications for a small part of what a
/// delivery takes.
pub const CHUNKS_PER_SECOND: u32 = 1_000;
/// Subscriptions in one chunk of a copy whose rate is not limited.
pub const CHUNK_SUBSCRIPTIONS_MAX: usize = 256;
/// Bytes of filters after which a chunk ends.
pub const CHUNK_BYTES: usize = 64 << 10;
/// Slots in one frame to a standby: to look at one that is empty is little work, and there may be many.
pub const STANDBY_PARTS: usize = 256;
/// Subscriptions in one frame from an exit point to a matcher that takes the place of a lost one. Nothing is matched
/// until all are there, so they come as fast as they can.
pub const RESTORE_SUBSCRIPTIONS: usize = 512;
/// How much faster than it copies a matcher drops what it has given away.
pub const DROP_FACTOR: u32 = 4;

/// Pieces (subscriptions, deliveries) in one chunk of a fill: at a microsecond each, both ends stay away from their
/// deliveries for less than a tenth of a millisecond.
pub const FILL_PIECES: usize = 64;
/// Bytes after which a chunk of a fill ends.
pub const FILL_BYTES: usize = 64 << 10;
/// The least time from one chunk of a fill to the next one to the same exit point, for the same reason as
/// [`CHUNKS_PER_SECOND`]: 64,000 pieces a second.
pub const FILL_PAUSE: Duration = Duration::from_millis(1);

/// Tombstones of a session that stay although its client has all answers: as many as operations may be in flight, for so
/// many may have been repeated and be on their way behind their answers.
pub const TOMBSTONES_MIN: usize = gomera_model::limits::OPERATIONS_IN_FLIGHT_MAX;

/// Deliveries sent to a client and not acknowledged by it.
pub const IN_FLIGHT_DELIVERIES: usize = 4_096;
/// The same in bytes; bounds what a connection point keeps for a client that does not read.
pub const IN_FLIGHT_BYTES: usize = 1 << 20;
/// Bytes of a session's deliveries that wait to be sent. Beyond them the session's policy applies.
pub const QUEUE_BYTES: usize = 4 << 20;
/// Deliveries of a session that wait to be sent. Beyond them the session's policy applies.
pub const QUEUE_DELIVERIES: usize = 65_536;
/// What a delivery costs beside its content, in the account of windows and queues.
pub const DELIVERY_OVERHEAD_BYTES: usize = 128;
/// How long a delivery waits to be sent to a client that is connected.
pub const QUEUE_AGE_CONNECTED: Duration = Duration::from_secs(10);
/// How long a delivery, and the session itself, waits for a client that is not connected.
pub const QUEUE_AGE_OFFLINE: Duration = Duration::from_secs(60);
/// How often an exit point looks for what has grown too old.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
