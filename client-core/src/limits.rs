//! Every limit of a client, with its reason.

use gomera_model::Duration;

/// Publications of one publisher that wait for their acknowledgement. At 100,000 a second this covers 40 ms of way
/// through the broker; beyond it the publisher waits.
pub const WINDOW_PUBLICATIONS: usize = 4096;
/// Bytes of content in a publisher's window: a quarter of a second at 16 MB/s.
pub const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// Operations of one subscriber that are not answered yet, sent or not: what an application can throw in at once.
pub const REQUESTS_MAX: usize = 1 << 16;
/// The first pause before a connection is tried again; it doubles with each failure. Half of it is jitter.
pub const BACKOFF_MIN: Duration = Duration::from_millis(20);
/// The longest pause before a connection is tried again: short enough for people who wait.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Deliveries after which a subscriber says how far it is. A frame of some ten bytes each 256 deliveries costs nothing;
/// the broker's window of 4 MiB holds many times as many.
pub const ACKNOWLEDGE_DELIVERIES: u32 = 256;
/// Time after which a subscriber says how far it is, if there was anything.
pub const ACKNOWLEDGE_AFTER: Duration = Duration::from_millis(50);
/// Publishers whose last number a subscriber remembers at least. Beyond it the one heard of longest ago is forgotten;
/// a repeat of its publications, after the broker has forgotten it too, would then be delivered again.
pub const PUBLISHERS_REMEMBERED: usize = 1 << 16;
/// From the wish for a connection to the broker's welcome over it; after that it is given up and another one tried.
/// Longer than a broker takes to hand a publisher from one access point to another.
pub const WELCOME_WITHIN: Duration = Duration::from_secs(10);
