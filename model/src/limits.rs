//! Every limit of content and of the wire, with its reason.

/// Encoded attributes and body of one notification, bytes. A sensor report is some hundred; beyond this, send a link.
pub const CONTENT_BYTES_MAX: usize = 64 * 1024;
/// Attributes of one notification before flattening.
pub const ATTRIBUTES_MAX: usize = 256;
/// Attributes of one notification after flattening of nested values.
pub const FLAT_ATTRIBUTES_MAX: usize = 1024;
/// Bytes of an attribute's name.
pub const NAME_BYTES_MAX: usize = 256;
/// Depth of nested arrays and objects.
pub const NESTING_MAX: usize = 16;
/// One frame of `silbo/1`, bytes after its length: the largest content with its header, twice over,
/// so that content which is too large can be refused by name instead of costing the connection.
pub const FRAME_BYTES_MAX: usize = 2 * CONTENT_BYTES_MAX;
/// One frame to a client, bytes after its length: the largest content with the largest list of hits, a million
/// subscriptions with their operation numbers. What the broker may have to say always fits.
pub const SERVER_FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Text of a filter, bytes.
pub const FILTER_BYTES_MAX: usize = 8 * 1024;
/// Subscriptions of one session: their numbers lie below this. Bounds every list that a session can make us keep.
pub const SUBSCRIPTIONS_PER_SESSION_MAX: u32 = 1 << 20;
/// Subscription operations of one session that wait for their answer. The client library stays below;
/// a client that does not is closed. It bounds what is held while a slot changes hands.
pub const OPERATIONS_IN_FLIGHT_MAX: usize = 4096;
/// Cursors that a client names at once: access points that were alive during one session.
pub const CURSORS_MAX: usize = 256;
/// Bytes of a reason, a name or another short text on the wire.
pub const TEXT_BYTES_MAX: usize = 1024;
/// Bytes of one parcel between two hosts. More is cut into several: so the receiver works on the beginning while the
/// rest is under way, and a parcel's own price is nothing beside it.
pub const PARCEL_BYTES_MAX: usize = 256 * 1024;
/// One frame between two hosts, bytes after its length: a parcel and its number.
pub const LINK_FRAME_BYTES_MAX: usize = PARCEL_BYTES_MAX + 64;
