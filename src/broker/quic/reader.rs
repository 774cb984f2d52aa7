//! The way from a client: bytes of one stream, decoded in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use gomera_model::silbo::codec::{FrameReader, FrameWriter};
use gomera_model::silbo::{ClientFrame, Refusal, RefusalCode, ServerFrame};
use gomera_operators::{ConnectionId, Stream};
use quinn::RecvStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::super::inbox::Inbox;
use super::super::input::{ClientInput, Input};
use super::writer::Outgoing;
use crate::limits::{BATCHES_IN_FLIGHT_MAX, FRAME_WITHIN, READ_CHUNKS_MAX};

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

/// From a reader to its connection point, and back to its client.
pub(super) struct Way {
    pub(super) connection: ConnectionId,
    pub(super) inbox: Arc<Inbox<Input>>,
    pub(super) outgoing: Arc<Outgoing>,
}

impl Way {
    fn push(&self, input: ClientInput) {
        // A connection point that is gone has closed its connections.
        self.inbox.push(Input::Client(self.connection, input));
    }
}

/// Reads a stream to its end, and hands over what is in it.
pub(super) async fn read(stream: RecvStream, way: Way) {
    let mut reader = Reader {
        stream,
        frames: FrameReader::new(),
        gate: Arc::new(Gate::default()),
        kind: None,
        opened: false,
    };
    loop {
        let (frames, end) = reader.batch().await;
        if let (Some(kind), false) = (reader.kind, frames.is_empty()) {
            reader.hand_over(kind, frames, &way).await;
        }
        match end {
            None => {}
            Some(End::Finished) => return,
            Some(End::Faulty(refusal)) => return reader.refuse(refusal, &way),
        }
    }
}

struct Reader {
    stream: RecvStream,
    frames: FrameReader<ClientFrame>,
    gate: Arc<Gate>,
    /// Known from its first frame on.
    kind: Option<Stream>,
    /// Whether the connection point knows of it.
    opened: bool,
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
        let mut deadline = None;
        loop {
            let begun = self.kind.is_none() || self.frames.is_amid_frame();
            if begun && deadline.is_none() {
                deadline = Some(Instant::now() + FRAME_WITHIN);
            }
            match self.fill(deadline).await {
                Ok(true) => {}
                Ok(false) if !self.frames.is_amid_frame() => {
                    return (Vec::new(), Some(End::Finished));
                }
                Ok(false) => return (Vec::new(), Some(End::Faulty(cut_short()))),
                Err(end) => return (Vec::new(), Some(end)),
            }
            let (mut frames, unreadable) = self.decode();
            let fault = self
                .cut_misplaced(&mut frames)
                .or(unreadable)
                .map(End::Faulty);
            if !frames.is_empty() || fault.is_some() {
                return (frames, fault);
            }
        }
    }

    /// Waits for bytes; `false` at the end of the stream.
    async fn fill(&mut self, deadline: Option<Instant>) -> Result<bool, End> {
        let mut chunks = [const { Bytes::new() }; READ_CHUNKS_MAX];
        let reading = self.stream.read_chunks(&mut chunks);
        let read = match deadline {
            None => reading.await,
            Some(deadline) => {
                let stalled = |_| End::Faulty(stalled());
                timeout_at(deadline, reading).await.map_err(stalled)?
            }
        };
        let Ok(count) = read else {
            // Reset by the client, or gone with its connection.
            return Err(End::Finished);
        };
        for chunk in chunks.into_iter().take(count.unwrap_or(0)) {
            self.frames.push(chunk);
        }
        Ok(count.is_some())
    }

    /// The whole frames that are there, and what is wrong behind them.
    fn decode(&mut self) -> (Vec<ClientFrame>, Option<Refusal>) {
        let mut frames = Vec::new();
        loop {
            match self.frames.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, None),
                Err(error) => return (frames, Some(error.refusal())),
            }
        }
    }

    /// Cuts off the frames from the first on that does not belong on this stream, and says what is wrong with it.
    fn cut_misplaced(&mut self, frames: &mut Vec<ClientFrame>) -> Option<Refusal> {
        let begins = self.kind.is_none();
        if begins {
            self.kind = Some(place(frames.first()?).0);
        }
        let belongs = |(index, frame): (usize, &ClientFrame)| {
            let (stream, is_first) = place(frame);
            Some(stream) == self.kind && is_first == (begins && index == 0)
        };
        let misplaced = frames
            .iter()
            .enumerate()
            .position(|place| !belongs(place))?;
        frames.truncate(misplaced);
        let reason = match begins && misplaced == 0 {
            true => "a stream begins with Connect or OpenPublisher",
            false => {
                "this frame does not belong here: Connect and OpenPublisher begin a stream, publications go over \
                the publish stream, everything else over the control stream"
            }
        };
        Some(Refusal::new(RefusalCode::Malformed, reason))
    }

    /// Waits until the machine wants the frames, and gives them to it.
    async fn hand_over(&mut self, stream: Stream, frames: Vec<ClientFrame>, way: &Way) {
        if !std::mem::replace(&mut self.opened, true) {
            let (gate, outgoing) = (Arc::clone(&self.gate), Arc::clone(&way.outgoing));
            way.push(ClientInput::Opened {
                stream,
                gate,
                outgoing,
            });
        }
        self.gate.pass().await;
        way.push(ClientInput::Frames { stream, frames });
    }

    /// Lets the client know, behind the answers to what was right before it; the connection point closes.
    fn refuse(self, refusal: Refusal, way: &Way) {
        let stream = self.kind.filter(|_| self.opened);
        if stream.is_none() {
            let mut frames = FrameWriter::new();
            frames.push(&ServerFrame::Refused(refusal.clone()));
            way.outgoing.push(&mut frames);
        }
        way.push(ClientInput::Faulty { stream, refusal });
    }
}

/// On which stream a frame belongs, and whether it is the first one there.
fn place(frame: &ClientFrame) -> (Stream, bool) {
    match frame {
        ClientFrame::Connect(_) => (Stream::Control, true),
        ClientFrame::Request(_)
        | ClientFrame::Acknowledge(_)
        | ClientFrame::Ping(_)
        | ClientFrame::Bye => (Stream::Control, false),
        ClientFrame::OpenPublisher { .. } => (Stream::Publish, true),
        ClientFrame::Publish(_) | ClientFrame::Unacceptable { .. } => (Stream::Publish, false),
    }
}

fn stalled() -> Refusal {
    let seconds = FRAME_WITHIN.as_secs();
    let reason = format!("a frame was begun and not finished within {seconds} s");
    Refusal::new(RefusalCode::Stalled, reason)
}

fn cut_short() -> Refusal {
    Refusal::new(RefusalCode::Malformed, "the stream ends within a frame")
}
