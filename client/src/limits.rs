//! Every limit of the client library, with its reason.

use std::time::Duration;

/// From the first packet to a server until the handshake is done. Three lost packets and a slow server fit in.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(3);
/// From closing a connection until what was queued has arrived; then it is closed all the same.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// A connection that is silent for so long is gone, if the application says nothing else.
pub const IDLE_MAX: Duration = Duration::from_secs(15);
/// How often a connection with nothing to say shows within that time that it lives: two packets may be lost.
pub const KEEP_ALIVES: u32 = 3;
/// How often a client that opens may come to a connection point that is just leaving, beyond its list of servers. Twice
/// in a row is a rare chance; a server that never ends sending clients away is as good as none.
pub const TURNED_AWAY_MAX: usize = 8;
/// Streams that the server may open. It opens none; quinn pays for this number at each handshake.
pub const STREAMS: u32 = 16;
/// What is taken for the round trip before one was measured. It sets the pace of the first packets and the wait for
/// the first repeat; quinn's own guess of 333 ms makes both slow where most clients are, near the broker.
pub const RTT_INITIAL: Duration = Duration::from_millis(20);
/// How long the server may hold back an acknowledgement of packets. Losses are found that much earlier than with the
/// 25 ms of QUIC.
pub const ACK_DELAY_MAX: Duration = Duration::from_millis(5);
/// Bytes on their way to us that we have not read: of one connection and of its stream.
pub const RECEIVE_BYTES: u32 = 2 * 1024 * 1024;
/// Bytes on their way from us that are not acknowledged: a publisher's window of 4 MiB fits in half of it.
pub const SEND_BYTES: u64 = 8 * 1024 * 1024;
/// Chunks taken from a stream at once. Each is the part of one packet, some 1,400 bytes.
pub const READ_CHUNKS: usize = 64;
/// Events that wait for the application. With more than that nothing is read from the broker, which then holds back,
/// within the limits of the session.
pub const EVENTS_MAX: usize = 16 * 1024;
/// Events that wait for the application while it waits for an answer itself, which comes behind them in the same
/// stream. With more than that the waiting is given up.
pub const EVENTS_WHILE_ASKING_MAX: usize = 256 * 1024;
/// Acknowledgements that wait for an application that asked for them. With more than that, publishing waits.
pub const ACKNOWLEDGEMENTS_MAX: usize = 256 * 1024;
