//! The way from a client: bytes of one stream, decoded in batches.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use gomera_model::silbo::{ClientFrame, Refusal, RefusalCode};
use gomera_operators::Stream;
use quinn::RecvStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::super::input::ClientInput;
use super::super::wire;
use super::connection::Connection;
use super::writer::Outgoing;
use crate::limits::{BATCHES_IN_FLIGHT_MAX, FRAME_WITHIN, READ_BYTES_MAX};

/// Whether the reader of a stream may hand over another batch.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Batches in flight, and [`PAUSED`].
    state: AtomicU32,
    changed: Notify,
}

/// Set while the machine wants nothing from the stream.
const PAUSED: u32 = 1 << 31;

impl Gate {
    /// The machine has taken a batch.
    pub(crate) fn taken(&self) {
        self.state.fetch_sub(1, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// The machine wants nothing more for now.
    pub(crate) fn pause(&self) {
        self.state.fetch_or(PAUSED, Ordering::AcqRel);
    }

    /// The machine wants more.
    pub(crate) fn resume(&self) {
        self.state.fetch_and(!PAUSED, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// Waits until a batch may be handed over, and counts it.
    async fn pass(&self) {
        loop {
            let changed = self.changed.notified();
            // Only this task counts up, so that what it sees can only have become less.
            if self.state.load(Ordering::Acquire) < BATCHES_IN_FLIGHT_MAX {
                self.state.fetch_add(1, Ordering::AcqRel);
                return;
            }
            changed.await;
        }
    }
}

/// Chunks that one call takes from a stream: a chunk is what one packet carried.
const CHUNKS_MAX: usize = 48;

/// Reads a stream to its end, and hands over what is in it.
pub(super) async fn read(stream: RecvStream, outgoing: Arc<Outgoing>, connection: Connection) {
    let mut reader = Reader {
        stream,
        buffer: BytesMut::new(),
        gate: Arc::new(Gate::default()),
        kind: None,
    };
    let refusal = loop {
        let (frames, end) = reader.batch().await;
        if !frames.is_empty() && !reader.hand_over(frames, &outgoing, &connection).await {
            break Some(first_frame_expected());
        }
        match end {
            None => {}
            Some(End::Finished) => break None,
            Some(End::Faulty(refusal)) => break Some(refusal),
        }
    };
    if let Some(refusal) = refusal {
        let stream = reader.kind;
        connection.push(ClientInput::Faulty { stream, refusal });
    }
}

struct Reader {
    stream: RecvStream,
    buffer: BytesMut,
    gate: Arc<Gate>,
    /// Known from its first frame on.
    kind: Option<Stream>,
}

/// Why nothing more comes.
enum End {
    /// The client has ended the stream, or the connection is gone.
    Finished,
    /// It cannot be read any further.
    Faulty(Refusal),
}

impl Reader {
    /// The next whole frames, and why there are no more behind them.
    async fn batch(&mut self) -> (Vec<ClientFrame>, Option<End>) {
        // Only whole frames push the deadline back: single bytes in between do not.
        let deadline = Instant::now() + FRAME_WITHIN;
        loop {
            match self.fill(deadline).await {
                Ok(true) => {}
                Ok(false) if self.buffer.is_empty() => return (Vec::new(), Some(End::Finished)),
                Ok(false) => return (Vec::new(), Some(End::Faulty(cut_short()))),
                Err(end) => return (Vec::new(), Some(end)),
            }
            let mut frames = Vec::new();
            let decoded = wire::decode(&mut self.buffer, &mut frames);
            let misplaced = self.find_misplaced(&mut frames);
            let fault = misplaced.or(decoded.err()).map(End::Faulty);
            if !frames.is_empty() || fault.is_some() {
                return (frames, fault);
            }
        }
    }

    /// Waits for bytes; `false` at the end of the stream.
    async fn fill(&mut self, deadline: Instant) -> Result<bool, End> {
        let mut chunks = [const { Bytes::new() }; CHUNKS_MAX];
        let begun = self.kind.is_none() || !self.buffer.is_empty();
        let reading = self.stream.read_chunks(&mut chunks);
        let read = if begun {
            let stalled = |_| End::Faulty(stalled());
            timeout_at(deadline, reading).await.map_err(stalled)?
        } else {
            reading.await
        };
        let Ok(count) = read else {
            // Reset by the client, or gone with its connection.
            return Err(End::Finished);
        };
        for chunk in &chunks[..count.unwrap_or(0)] {
            self.buffer.extend_from_slice(chunk);
        }
        Ok(count.is_some())
    }

    /// Cuts off the frames from the first on that does not belong on this stream.
    fn find_misplaced(&mut self, frames: &mut Vec<ClientFrame>) -> Option<Refusal> {
        let begins = self.kind.is_none();
        let kind = self.kind.or_else(|| frames.first().map(kind_of))?;
        let is_first = |index: usize| begins && index == 0;
        let misplaced = frames
            .iter()
            .enumerate()
            .position(|(index, frame)| place_of(frame) != (kind, is_first(index)))?;
        frames.truncate(misplaced);
        Some(if is_first(misplaced) { first_frame_expected() } else { wrong_stream() })
    }
}
