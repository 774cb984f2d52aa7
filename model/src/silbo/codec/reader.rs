//! From the chunks of a stream to frames.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::marker::PhantomData;

use bytes::{Buf, Bytes};

use crate::silbo::codec::{Frame, FrameError, LENGTH_BYTES};

/// Cuts a stream into frames. Its owner pushes what has come, then takes frames until there is none; so it holds
/// never more than one unfinished frame and one push.
///
/// ```
/// use bytes::Bytes;
/// use gomera_model::silbo::ClientFrame;
/// use gomera_model::silbo::codec::{Frame, FrameReader};
///
/// let mut stream = Vec::new();
/// ClientFrame::Ping(7).encode(&mut stream);
/// let mut reader = FrameReader::<ClientFrame>::new();
/// reader.push(Bytes::from(stream));
/// assert_eq!(reader.next(), Ok(Some(ClientFrame::Ping(7))));
/// assert_eq!(reader.next(), Ok(None));
/// ```
#[derive(Debug)]
pub struct FrameReader<F> {
    /// What is not read yet; none of them is empty.
    chunks: VecDeque<Bytes>,
    buffered: usize,
    failed: Option<FrameError>,
    frames: PhantomData<F>,
}

impl<F: Frame> FrameReader<F> {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            buffered: 0,
            failed: None,
            frames: PhantomData,
        }
    }

    /// The next bytes of the stream have come.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.buffered += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// The next frame, if it is there whole.
    ///
    /// # Errors
    ///
    /// If the stream cannot be read on. The same error comes again from then on.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator that ends and goes on, and can fail, would mislead"
    )]
    pub fn next(&mut self) -> Result<Option<F>, FrameError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.take_frame().inspect_err(|error| {
            self.failed = Some(error.clone());
            self.chunks.clear();
            self.buffered = 0;
        })
    }

    /// Whether a frame has begun and is not there whole: the driver's clock runs against it.
    #[must_use]
    pub fn is_amid_frame(&self) -> bool {
        self.buffered > 0
    }

    fn take_frame(&mut self) -> Result<Option<F>, FrameError> {
        let Some(length) = self.length() else {
            return Ok(None);
        };
        if length == 0 {
            return Err(FrameError::Empty);
        }
        if length > F::BYTES_MAX {
            return Err(FrameError::TooLarge {
                bytes: length,
                limit: F::BYTES_MAX,
            });
        }
        if self.buffered < LENGTH_BYTES + length {
            return Ok(None);
        }
        let mut frame = self.take(LENGTH_BYTES + length);
        frame.advance(LENGTH_BYTES);
        let kind = frame.get_u8();
        F::decode(kind, &frame).map(Some)
    }

    /// What the next four bytes say.
    fn length(&self) -> Option<usize> {
        if self.buffered < LENGTH_BYTES {
            return None;
        }
        let mut length = [0; LENGTH_BYTES];
        let bytes = self.chunks.iter().flatten();
        for (place, byte) in length.iter_mut().zip(bytes) {
            *place = *byte;
        }
        Some(usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX))
    }

    /// So many bytes, copied: a slice would keep in memory what came with it, up to 64 KiB, for as long as one
    /// notification of it is kept.
    fn take(&mut self, bytes: usize) -> Bytes {
        self.buffered -= bytes;
        let mut assembled = Vec::with_capacity(bytes);
        while assembled.len() < bytes {
            let chunk = self.chunks.front_mut().expect("so much is buffered");
            let part = chunk.split_to(chunk.len().min(bytes - assembled.len()));
            assembled.extend_from_slice(&part);
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
        assembled.into()
    }
}

impl<F: Frame> Default for FrameReader<F> {
    fn default() -> Self {
        Self::new()
    }
}
