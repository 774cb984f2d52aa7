//! What waits to be written on a stream.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use gomera_model::silbo::codec::FrameWriter;
use tokio::sync::Notify;

use crate::limits::OUTGOING_BYTES_MAX;

/// What waits to be written on one stream.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    chunks: Vec<Bytes>,
    /// In `chunks` and in the hands of the writer.
    bytes: usize,
    end: End,
}

/// Whether more can come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Open,
    /// What is there goes out, and nothing more.
    Finished,
    /// Nothing goes out any more.
    Broken,
}

impl Outgoing {
    /// Appends encoded frames. Beyond the limit nothing goes out any more; the writer tells.
    pub(crate) fn push(&self, frames: &mut FrameWriter) {
        let bytes = frames.bytes();
        let chunks = frames.take_chunks();
        let mut state = self.lock();
        if state.end != End::Open {
            return;
        }
        state.bytes += bytes;
        if state.chunks.is_empty() {
            state.chunks = chunks;
        } else {
            state.chunks.extend(chunks);
        }
        if state.bytes > OUTGOING_BYTES_MAX {
            state.end = End::Broken;
            state.chunks = Vec::new();
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Nothing more will come.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        if state.end == End::Open {
            state.end = End::Finished;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Everything that waits; with whether more can come.
    pub(crate) async fn take(&self) -> (Vec<Bytes>, End) {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if !state.chunks.is_empty() || state.end != End::Open {
                    return (std::mem::take(&mut state.chunks), state.end);
                }
            }
            changed.await;
        }
    }

    pub(crate) fn written(&self, bytes: usize) {
        self.lock().bytes -= bytes;
    }

    pub(crate) fn break_off(&self) {
        let mut state = self.lock();
        state.end = End::Broken;
        state.chunks = Vec::new();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
