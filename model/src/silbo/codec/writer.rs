//! From frames to what a stream is given.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::notification::{Body, Content};
use crate::silbo::codec::part;
use crate::silbo::codec::{Frame, LENGTH_BYTES};
use crate::varint;

/// Attributes or a body from this size on are handed over as they are, shared by all who send them; below, a copy is
/// cheaper than a chunk of its own.
const SHARED_BYTES_MIN: usize = 1024;

/// Gathers frames for one write: small things side by side in one chunk, large content without a copy.
///
/// ```
/// use gomera_model::silbo::ServerFrame;
/// use gomera_model::silbo::codec::FrameWriter;
///
/// let mut writer = FrameWriter::new();
/// writer.push(&ServerFrame::Pong(1));
/// writer.push(&ServerFrame::Goaway);
/// let chunks = writer.take_chunks();
/// assert_eq!(chunks, [&[2, 0, 0, 0, 0x85, 1, 1, 0, 0, 0, 0x86][..]]);
/// ```
#[derive(Debug, Default)]
pub struct FrameWriter {
    chunks: Vec<Bytes>,
    /// Follows the chunks.
    tail: Vec<u8>,
    bytes: usize,
}

impl FrameWriter {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a frame.
    pub fn push<F: Frame>(&mut self, frame: &F) {
        let before = self.tail.len();
        let content = frame.content();
        let length = put_head(frame, &mut self.tail);
        match content {
            Some(content) if length >= SHARED_BYTES_MIN => self.push_content(content),
            Some(content) => put_content(content, &mut self.tail),
            None => {}
        }
        self.bytes += LENGTH_BYTES + length;
        debug_assert!(content.is_some() || self.tail.len() - before == LENGTH_BYTES + length);
    }

    /// Everything pushed since the last time, in order, to be written at once.
    #[must_use]
    pub fn take_chunks(&mut self) -> Vec<Bytes> {
        self.end_chunk();
        self.bytes = 0;
        core::mem::take(&mut self.chunks)
    }

    /// How many bytes wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    fn push_content(&mut self, content: &Content) {
        let attributes = content.attributes.encoded();
        varint::put(&mut self.tail, attributes.len() as u64);
        self.push_shared(attributes);
        part::put_body_head(&mut self.tail, &content.body);
        match &content.body {
            Body::None => {}
            Body::Json(bytes) | Body::Opaque(bytes) => self.push_shared(bytes),
        }
    }

    fn push_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED_BYTES_MIN {
            self.tail.extend_from_slice(bytes);
        } else {
            self.end_chunk();
            self.chunks.push(bytes.clone());
        }
    }

    fn end_chunk(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push(core::mem::take(&mut self.tail).into());
        }
    }
}

/// Appends a whole frame, content copied.
pub(super) fn put_frame<F: Frame>(frame: &F, out: &mut Vec<u8>) {
    put_head(frame, out);
    if let Some(content) = frame.content() {
        put_content(content, out);
    }
}

/// Appends everything before the content; answers the frame's length with its content.
fn put_head<F: Frame>(frame: &F, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    out.push(frame.kind());
    frame.put_head(out);
    let head = out.len() - start - LENGTH_BYTES;
    let length = head + frame.content().map_or(0, part::content_length);
    assert!(length <= F::BYTES_MAX, "the sender keeps the limits");
    let length_32 = u32::try_from(length).expect("the limit fits 32 bits");
    out[start..start + LENGTH_BYTES].copy_from_slice(&length_32.to_le_bytes());
    length
}

fn put_content(content: &Content, out: &mut Vec<u8>) {
    part::put_bytes(out, content.attributes.encoded());
    part::put_body_head(out, &content.body);
    match &content.body {
        Body::None => {}
        Body::Json(bytes) | Body::Opaque(bytes) => out.extend_from_slice(bytes),
    }
}
