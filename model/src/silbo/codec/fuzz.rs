//! The body of the fuzz target, as plain functions: whoever has bytes can call them.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::silbo::codec::{Frame, FrameError, FrameReader};
use crate::silbo::{ClientFrame, ServerFrame};

/// Reads `bytes` as a stream of either direction, whole and in pieces of `piece` bytes.
///
/// # Panics
///
/// If the two readings differ, or a frame does not come out again as the bytes that it was read from.
pub fn decode(bytes: &[u8], piece: usize) {
    check::<ClientFrame>(bytes, piece, |frame| {
        matches!(frame, ClientFrame::Unacceptable { .. })
    });
    check::<ServerFrame>(bytes, piece, |_| false);
}

fn check<F: Frame + PartialEq>(bytes: &[u8], piece: usize, is_never_sent: fn(&F) -> bool) {
    let (frames, error) = read::<F>([bytes]);
    let pieces = read::<F>(bytes.chunks(piece.max(1)));
    assert!(pieces == (frames, error), "pieces make a difference");
    let (frames, _) = pieces;
    let mut rest = bytes;
    for frame in &frames {
        let (read, after) = split_frame(rest);
        rest = after;
        if !is_never_sent(frame) {
            let mut again = Vec::new();
            frame.encode(&mut again);
            assert!(again == read, "a frame has more than one encoding");
        }
    }
}

fn read<'a, F: Frame>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<F>, Option<FrameError>) {
    let mut reader = FrameReader::new();
    let mut frames = Vec::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece));
        loop {
            match reader.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// The bytes of the first frame, which is known to be there, and those after it.
fn split_frame(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, _) = bytes.split_first_chunk().expect("a frame was read from it");
    let length = usize::try_from(u32::from_le_bytes(*length)).expect("below the limit");
    bytes.split_at(super::LENGTH_BYTES + length)
}
