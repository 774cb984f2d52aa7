//! Every limit of the drivers, with its reason.

use std::time::Duration;

/// Frames fed to an operator before it must hand over what it has. A longer turn batches no better (the cost of a wake
/// is spread over hundreds of frames already), and lets others wait.
pub const TURN_FRAMES_MAX: usize = 1024;
/// Time after which an operator must hand over what it has, at the next batch: a backlog is passed on piece by piece,
/// and the next instance works beside this one. Far above the cost of a hand-over, far below what anybody feels.
pub const TURN_TIME_MAX: Duration = Duration::from_millis(1);
/// Batches of one stream that are handed over and not yet taken: one is worked off while the next is decoded.
pub const BATCHES_IN_FLIGHT_MAX: u32 = 2;
/// Chunks taken from a stream at once. A chunk is what one packet carried, so this is some 64 KiB, some hundred
/// publications, and what one client can make us hold three times over.
pub const READ_CHUNKS_MAX: usize = 48;
/// Bytes that wait for a client on one stream. What is outstanding to it is bounded by its session's window (4 MiB);
/// beyond twice that nobody keeps to the rules.
pub const OUTGOING_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A frame that was begun is finished, and a new connection says its first word, within this time.
pub const FRAME_WITHIN: Duration = Duration::from_secs(10);
/// What is queued for a client that is being closed is sent within this time.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Client connections of one host: 64 KiB each come to 640 MiB when all are idle, and a real host has less.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Streams that a client may have open. It needs two; every further one costs memory for each connection.
pub const STREAMS_MAX: u32 = 16;
/// Bytes of one connection that the peer has not taken yet, in each direction: 10 MiB a second at 100 ms.
pub const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// A connection that is silent for so long is gone.
pub const IDLE_MAX: Duration = Duration::from_secs(30);
/// An idle connection is kept open from this side.
pub const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(10);
/// Threads for sockets: the work of a connection is some microseconds a flush.
pub const SOCKET_THREADS: usize = 2;
/// A host that starts is ready within this time; it takes some milliseconds.
pub const START_WITHIN: Duration = Duration::from_secs(10);
/// A host that is asked to stop has stopped within this time: clients are asked to go, what was acknowledged is
/// delivered, then the rest is closed.
pub const STOP_WITHIN: Duration = Duration::from_secs(5);
/// An instance tells what it counted within this time, or is left out: it is in a turn that takes longer.
pub const MEASURE_WITHIN: Duration = Duration::from_millis(500);
/// Bytes of a request's body at the admin port: a scale request has some hundred.
pub const ADMIN_BODY_BYTES_MAX: usize = 16 * 1024;

/// How long a session with ZooKeeper outlives its connection: a host that is gone is noticed after this, one that was
/// stopped for a moment is not. ZooKeeper keeps it between 2 and 20 of its ticks.
pub const STORE_SESSION: Duration = Duration::from_secs(8);
/// A host that starts waits this long for ZooKeeper; whoever supervises it starts it again.
pub const STORE_JOIN_WITHIN: Duration = Duration::from_secs(30);
/// A reading takes some milliseconds; a new leader of the ensemble is there after some seconds.
pub const STORE_READ_WITHIN: Duration = Duration::from_secs(3);
/// A write is answered within some milliseconds, or nobody knows its outcome: after this, nobody waits for it.
pub const STORE_WRITE_WITHIN: Duration = Duration::from_secs(4);
/// Everything is read so often without a hint that it has changed: hints can be lost.
pub const STORE_READ_EVERY: Duration = Duration::from_secs(5);
/// The same when the last reading has failed.
pub const STORE_RETRY_EVERY: Duration = Duration::from_millis(500);
/// A host that stops takes back its entries within this time; else they go with its session.
pub const STORE_LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// Bytes of the documents of one transaction: ZooKeeper drops connections that write a megabyte.
pub const STORE_DOCUMENTS_BYTES_MAX: usize = 900_000;
/// Hosts that are remembered as gone, the newest: far more than can still be stopped somewhere and wake up.
pub const STORE_GONE_MAX: usize = 1024;
/// Frames for instances of this host that are not started yet. At the first start some hundred come early; more means
/// that somebody is never started.
pub const PARKED_FRAMES_MAX: usize = 65_536;

/// Bytes that wait for another host. What instances have outstanding is bounded by their windows; a host for which this
/// much waits has been away for many seconds under full load, and is given up.
pub const LINK_WAITING_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Bytes handed to a link's connection at once.
pub const LINK_WRITE_BYTES: usize = 1024 * 1024;
/// A connection between hosts that is silent for so long is gone: they keep it alive every second.
pub const LINK_IDLE_MAX: Duration = Duration::from_secs(4);
/// How often a host says over an idle connection that it is there.
pub const LINK_KEEP_ALIVE_EVERY: Duration = Duration::from_secs(1);
/// A connection to another host stands, with its greeting, within this time.
pub const LINK_CONNECT_WITHIN: Duration = Duration::from_secs(4);
/// The pause before a connection is tried again, at first and at most.
pub const LINK_RETRY_MIN: Duration = Duration::from_millis(50);
/// See [`LINK_RETRY_MIN`].
pub const LINK_RETRY_MAX: Duration = Duration::from_secs(1);
/// Bytes of one link that the receiver has not taken yet: 160 MiB a second at 100 ms.
pub const LINK_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// How often the files of the certificates are looked at for having been replaced.
pub const CERTIFICATES_LOOK_EVERY: Duration = Duration::from_secs(2);
/// A host that was heard of and is silent for so long is suspected to be dead, unless the command line says otherwise;
/// the leader gives it up. Four beats: on two cores shared by three hosts under full load none was late by more than
/// two.
pub const SUSPECT_AFTER: Duration = Duration::from_secs(1);
/// How often each host says to each other one that it is there.
pub const BEAT_EVERY: Duration = Duration::from_millis(250);
/// How often a host looks who was heard of.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How much silence one look adds at most, however late it comes: who was asleep itself has not listened.
pub const LOOK_COUNTS_MAX: Duration = Duration::from_millis(200);
/// A host that was never heard of, and should be there, is given up after this: it may be about to connect.
pub const FIRST_WORD_WITHIN: Duration = Duration::from_secs(5);
/// How much longer than a leader the others wait before they take its office: of two hosts that do not hear each other
/// only the leader gives the other one up.
pub const CLAIM_LATER: Duration = Duration::from_millis(500);
/// How much longer a leader waits when it hears less than half of the others: four times what they wait for its office.
pub const ALONE_LATER: Duration = Duration::from_secs(2);
/// After so much silence between two hosts that both hear the leader, it is told, and gives one of them up.
pub const SPLIT_MAX: Duration = Duration::from_secs(5);
/// What was asked of the store for a silent host is asked again after this.
pub const ASK_STORE_EVERY: Duration = Duration::from_secs(1);
/// How often a host looks whether it was to be emptied and is.
pub const DRAINED_LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often the other hosts are shown what has changed.
pub const VIEW_EVERY: Duration = Duration::from_millis(100);
/// A question to the leader is answered within this time, or whoever asked is told to come again.
pub const ASK_WITHIN: Duration = Duration::from_secs(7);
/// How often instances of other hosts tell the leader what they hold.
pub const LOADS_EVERY: Duration = Duration::from_secs(2);
