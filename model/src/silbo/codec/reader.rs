//! From the chunks of a stream to frames.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem;

use bytes::{Buf, Bytes};

use crate::silbo::codec::{Frame, FrameError, LENGTH_BYTES};

/// Cuts a stream into frames. Its owner pushes what has come, then takes frames until there is none; after that it
/// holds nothing but the bytes of one unfinished frame, however small the pieces were in which they came.
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
    /// What was pushed and not looked at yet; none of them is empty.
    chunks: VecDeque<Bytes>,
    /// The beginning of a frame, if it goes on in what comes next.
    unfinished: Vec<u8>,
    failed: Option<FrameError>,
    frames: PhantomData<F>,
}

impl<F: Frame> FrameReader<F> {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            unfinished: Vec::new(),
            failed: None,
            frames: PhantomData,
        }
    }

    /// The next bytes of the stream have come.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
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
            *self = Self {
                failed: Some(error.clone()),
                ..Self::new()
            };
        })
    }

    /// Whether a frame has begun and is not there whole: the driver's clock runs against it.
    #[must_use]
    pub fn is_amid_frame(&self) -> bool {
        !self.unfinished.is_empty() || !self.chunks.is_empty()
    }

    fn take_frame(&mut self) -> Result<Option<F>, FrameError> {
        let Some(mut frame) = self.take_bytes()? else {
            return Ok(None);
        };
        frame.advance(LENGTH_BYTES);
        let kind = frame.get_u8();
        F::decode(kind, &frame).map(Some)
    }

    /// The bytes of the next frame with its length: a part of the first chunk, or put together where they cross from
    /// one chunk to the next.
    fn take_bytes(&mut self) -> Result<Option<Bytes>, FrameError> {
        while let Some(chunk) = self.chunks.front_mut() {
            let known = if self.unfinished.is_empty() {
                &chunk[..]
            } else {
                &self.unfinished
            };
            let wanted = wanted::<F>(known)?;
            let missing = wanted - self.unfinished.len();
            let part = chunk.split_to(missing.min(chunk.len()));
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
            let is_whole = part.len() == missing && wanted > LENGTH_BYTES;
            if is_whole && self.unfinished.is_empty() {
                return Ok(Some(part));
            }
            self.unfinished.extend_from_slice(&part);
            if is_whole {
                return Ok(Some(mem::take(&mut self.unfinished).into()));
            }
        }
        // A length that has just become whole may be one that is refused.
        wanted::<F>(&self.unfinished)?;
        Ok(None)
    }
}

/// How many bytes a frame has that begins with these; only its length, if not even that is known.
fn wanted<F: Frame>(known: &[u8]) -> Result<usize, FrameError> {
    let Some(length) = known.first_chunk() else {
        return Ok(LENGTH_BYTES);
    };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length == 0 {
        return Err(FrameError::Empty);
    }
    if length > F::BYTES_MAX {
        return Err(FrameError::TooLarge {
            bytes: length,
            limit: F::BYTES_MAX,
        });
    }
    Ok(LENGTH_BYTES + length)
}

impl<F: Frame> Default for FrameReader<F> {
    fn default() -> Self {
        Self::new()
    }
}
