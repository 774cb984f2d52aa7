//! One connection: it is opened, then read by one task and written by another, until either finds it gone.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use quinn::{ConnectionError, ReadError, RecvStream, SendStream, VarInt};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use gomera_model::Generation;
use gomera_model::silbo::codec::FrameReader;
use gomera_model::silbo::{Refusal, RefusalCode, ServerFrame};

use super::{Engine, Machine, ToWrite};
use crate::error::ConnectError;
use crate::limits::{CLOSE_WITHIN, READ_CHUNKS};

/// The life of a connection.
pub(crate) async fn run<M: Machine>(
    engine: Arc<Engine<M>>,
    connection: Generation,
    ready: Arc<Notify>,
) {
    let opened = tokio::select! {
        opened = open(&engine, connection) => opened,
        // Nothing is sent before it is open: it can only be that it is not wanted any more.
        () = ready.notified() => Err(ConnectError::TimedOut),
    };
    match opened {
        Ok((quic, send, receive)) => {
            engine.opened(connection, &quic);
            let writer = write(Arc::clone(&engine), connection, (quic.clone(), send), ready);
            tokio::spawn(writer);
            let end = read(&engine, connection, receive, &quic).await;
            engine.closed(connection, end.error(), end.refusal);
        }
        Err(error) => engine.closed(connection, error, None),
    }
}

async fn open<M: Machine>(
    engine: &Engine<M>,
    connection: Generation,
) -> Result<(quinn::Connection, SendStream, RecvStream), ConnectError> {
    let client = engine.client();
    let quic = client.connect(client.server(connection)).await?;
    let (send, receive) = quic.open_bi().await?;
    Ok((quic, send, receive))
}

/// Writes what there is until it is told to close.
async fn write<M: Machine>(
    engine: Arc<Engine<M>>,
    connection: Generation,
    (quic, mut send): (quinn::Connection, SendStream),
    ready: Arc<Notify>,
) {
    loop {
        match engine.to_write(connection) {
            None => return,
            Some(ToWrite::Nothing) => ready.notified().await,
            Some(ToWrite::Chunks(mut chunks)) => {
                let closing = closing(&engine, connection, &ready);
                tokio::select! {
                    // If this fails the connection is gone, which its reader learns too, with the reason.
                    written = send.write_all_chunks(&mut chunks) => if written.is_err() {
                        return;
                    },
                    () = closing => return close(&quic, RefusalCode::Ended),
                }
            }
            Some(ToWrite::Close(code)) => {
                if send.finish().is_ok() {
                    let _ = timeout(CLOSE_WITHIN, send.stopped()).await;
                }
                return close(&quic, code);
            }
            Some(ToWrite::AwaitClose) => {
                let _ = timeout(CLOSE_WITHIN, quic.closed()).await;
                return close(&quic, RefusalCode::Ended);
            }
        }
    }
}

/// Waits until a connection shall be closed, and then as long as what was queued may take.
async fn closing<M: Machine>(engine: &Engine<M>, connection: Generation, ready: &Notify) {
    while !engine.is_closing(connection) {
        ready.notified().await;
    }
    sleep(CLOSE_WITHIN).await;
}

/// How a connection ended.
struct End {
    error: Option<ConnectionError>,
    /// What the broker said to it.
    refusal: Option<Refusal>,
}

impl End {
    fn error(&self) -> ConnectError {
        match (&self.refusal, &self.error) {
            (Some(refusal), _) => ConnectError::Refused(refusal.clone()),
            (None, Some(error)) => ConnectError::Connection(error.clone()),
            (None, None) => ConnectError::Closed,
        }
    }
}

impl From<ConnectionError> for End {
    fn from(error: ConnectionError) -> Self {
        let refusal = if let ConnectionError::ApplicationClosed(close) = &error {
            Refusal::from_close(close.error_code.into_inner(), &close.reason)
        } else {
            None
        };
        Self {
            error: Some(error),
            refusal,
        }
    }
}

/// Reads frames until there are no more.
async fn read<M: Machine>(
    engine: &Arc<Engine<M>>,
    connection: Generation,
    mut receive: RecvStream,
    quic: &quinn::Connection,
) -> End {
    let mut reader = FrameReader::new();
    let mut chunks = [const { Bytes::new() }; READ_CHUNKS];
    loop {
        engine.may_read().await;
        match receive.read_chunks(&mut chunks).await {
            Ok(Some(count)) => {
                for chunk in &mut chunks[..count] {
                    reader.push(mem::take(chunk));
                }
                let (frames, fault) = decode(&mut reader);
                engine.received(connection, frames);
                if let Some(refusal) = fault {
                    close(quic, refusal.code);
                    return End {
                        error: None,
                        refusal: Some(refusal),
                    };
                }
            }
            Ok(None) | Err(ReadError::Reset(_)) => return stream_ended(quic).await,
            Err(ReadError::ConnectionLost(error)) => return error.into(),
            Err(
                ReadError::ClosedStream
                | ReadError::IllegalOrderedRead
                | ReadError::ZeroRttRejected,
            ) => unreachable!("the stream is read in order, by one task, after the handshake"),
        }
    }
}

/// Every whole frame, and what is wrong behind them.
fn decode(reader: &mut FrameReader<ServerFrame>) -> (Vec<ServerFrame>, Option<Refusal>) {
    let mut frames = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error.refusal())),
        }
    }
}

/// The broker has ended the stream: it is about to close the connection, or should be.
async fn stream_ended(quic: &quinn::Connection) -> End {
    if let Ok(error) = timeout(CLOSE_WITHIN, quic.closed()).await {
        return error.into();
    }
    close(quic, RefusalCode::Ended);
    End {
        error: None,
        refusal: None,
    }
}

fn close(quic: &quinn::Connection, code: RefusalCode) {
    quic.close(VarInt::from_u32(code.number().into()), b"");
}
