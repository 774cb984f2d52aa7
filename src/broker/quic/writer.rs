//! The way to a client: encoded frames of whole turns, written with one call each time.

use bytes::Bytes;
use quinn::SendStream;

use super::super::link::{End, Outgoing};

/// How writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// All of it is with the client.
    All,
    /// The client takes too little, and more than the limit waits for it.
    TooSlow,
    /// The client does not want it, or is gone.
    Unwanted,
}

/// Writes until there is no more.
pub(super) async fn write(mut stream: SendStream, outgoing: &Outgoing) -> Written {
    loop {
        let (mut chunks, end) = outgoing.take().await;
        if end == End::Broken {
            return Written::TooSlow;
        }
        let bytes = chunks.iter().map(Bytes::len).sum();
        if stream.write_all_chunks(&mut chunks).await.is_err() {
            outgoing.break_off();
            return Written::Unwanted;
        }
        outgoing.written(bytes);
        if end == End::Finished {
            break;
        }
    }
    // A connection that is closed at once may drop what it has just been given.
    match (stream.finish(), stream.stopped().await) {
        (Ok(()), Ok(None)) => Written::All,
        _ => Written::Unwanted,
    }
}
