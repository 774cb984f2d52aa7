//! Every limit of the coordinator, with its reason.

use core::time::Duration;

/// Operations remembered for people and for repeated idempotency keys: a day of an eager autoscaler, some 100 KiB.
pub const HISTORY_MAX: usize = 64;
/// Incarnations kept as retired, the newest: far more than can still have a frame on its way, 10 KiB of a document.
pub const RETIRED_MAX: usize = 1024;
/// Instances of one layer that may be asked for. Every matcher needs a slot; far below, every lane of the mesh
/// between two layers has to be opened.
pub const INSTANCES_MAX: u32 = 256;
/// Bytes of a reason and of an idempotency key: they stand in a document that must stay small.
pub const TEXT_BYTES_MAX: usize = 512;
/// Hosts remembered as emptied: far more than are on their way out at once.
pub const DRAINING_MAX: usize = 64;
/// Requests that wait for the outcome of one write; more are told to come again.
pub const WAITING_MAX: usize = 64;
/// What a client is told to wait when the store does not answer.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// After this long without a step, who is awaited is told again, and what was not read is asked for again.
pub const REPEAT_AFTER: Duration = Duration::from_secs(1);
/// After this long without an outcome of a write, who waits for it is told to come again.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The rate of a copy before one has been measured: cautious, an index is built behind it on one core.
pub const ASSUMED_COPY_BYTES_PER_SECOND: u64 = 10_000_000;
/// The rest of an operation before one has been measured.
pub const ASSUMED_OVERHEAD: Duration = Duration::from_millis(100);
/// The largest weight of an instance: finer differences than a thousandth vanish among 4096 slots.
pub const WEIGHT_MAX: u32 = 1000;
