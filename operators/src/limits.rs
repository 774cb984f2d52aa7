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

/// Subscriptions in one chunk of a copy: at some microseconds each, both ends stay away from their notifications for
/// less than a tenth of a millisecond, a small part of what a delivery takes.
pub const CHUNK_SUBSCRIPTIONS: usize = 8;
/// Bytes of filters after which a chunk ends.
pub const CHUNK_BYTES: usize = 64 << 10;
/// The least time from one chunk to the next one to the same new owner: the rate limit of a copy, 8,000 subscriptions
/// a second and new owner. Nothing waits for a copy, and without a rest it keeps two threads busy that take their time
/// from those who have notifications to bring on their way, where there are few cores.
pub const COPY_PAUSE: Duration = Duration::from_millis(1);
/// Subscriptions dropped between two turns, for the same reason.
pub const DROP_PER_TURN: usize = 16;
/// How long a matcher rests before it drops more, for the same reason.
pub const DROP_PAUSE: Duration = Duration::from_micros(500);

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
