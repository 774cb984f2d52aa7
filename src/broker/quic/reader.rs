//! The way from a client: bytes of one stream, decoded in batches.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gomera_model::silbo::codec::{FrameReader, FrameWriter};
use gomera_model::silbo::{ClientFrame, Refusal, RefusalCode, ServerFrame};
use gomera_operators::Stream;
use quinn::RecvStream;
use tokio::time::{Instant, timeout_at};

use super::super::input::ClientInput;
use super::super::link::{Gate, Outgoing};
use super::served::Served;
use crate::limits::READ_CHUNKS_MAX;

/// From a reader to its connection point, and back to its client.
pub(super) struct Way {
    pub(super) served: Served,
    pub(super) outgoing: Arc<Outgoing>,
}

/// Reads a stream to its end, and hands over what is in it.
pub(super) async fn read(stream: RecvStream, way: Way) {
    let mut reader = Reader {
        stream,
        frames: FrameReader::new(),
        gate: Arc::new(Gate::default()),
        kind: None,
        opened: false,
        frame_within: way.served.frame_within,
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
    frame_within: Duration,
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
                deadline = Some(Instant::now() + self.frame_within);
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
                let stalled = |_| End::Faulty(stalled(self.frame_within));
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
            way.served.push(ClientInput::Opened {
                stream,
                gate,
                outgoing,
            });
        }
        self.gate.pass().await;
        way.served.push(ClientInput::Frames { stream, frames });
    }

    /// Lets the client know, behind the answers to what was right before it; the connection point closes.
    fn refuse(self, refusal: Refusal, way: &Way) {
        let stream = self.kind.filter(|_| self.opened);
        if stream.is_none() {
            let mut frames = FrameWriter::new();
            frames.push(&ServerFrame::Refused(refusal.clone()));
            way.outgoing.push(&mut frames);
        }
        way.served.push(ClientInput::Faulty { stream, refusal });
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

fn stalled(within: Duration) -> Refusal {
    let reason = format!("a frame was begun and not finished within {within:?}");
    Refusal::new(RefusalCode::Stalled, reason)
}

fn cut_short() -> Refusal {
    Refusal::new(RefusalCode::Malformed, "the stream ends within a frame")
}
