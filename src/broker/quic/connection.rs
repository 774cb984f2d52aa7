//! One client's connection: it starts the tasks of its streams, and ends them all.

use std::sync::Arc;

use gomera_model::silbo::{Refusal, RefusalCode};
use quinn::{RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::super::input::{ClientInput, Input};
use super::super::link::{Link, Outgoing};
use super::reader::{self, Way};
use super::served::Served;
use super::writer::{self, Written};
use crate::limits::CLOSE_WITHIN;

/// Serves a connection until it ends.
pub(super) async fn serve(connection: quinn::Connection, served: Served) {
    let link = Arc::new(Link::default());
    let accepted = ClientInput::Accepted(Arc::clone(&link));
    if !served.inbox.push(Input::Client(served.id, accepted)) {
        close(
            &connection,
            &Refusal::new(RefusalCode::GoingAway, "the connection point has ended"),
        );
        return;
    }
    let mut streams = Streams {
        served,
        outgoings: Vec::new(),
        readers: JoinSet::new(),
        writers: JoinSet::new(),
    };
    match streams.accept(&connection, &link).await {
        Some(refusal) => {
            streams.end().await;
            close(&connection, &refusal);
        }
        None => streams.served.push(ClientInput::Closed),
    }
}

/// The streams of a connection and their tasks, which end with it.
struct Streams {
    served: Served,
    outgoings: Vec<Arc<Outgoing>>,
    readers: JoinSet<()>,
    writers: JoinSet<Written>,
}

impl Streams {
    /// Takes the client's streams until the connection is closed by the client, or shall be for a reason.
    async fn accept(&mut self, connection: &quinn::Connection, link: &Link) -> Option<Refusal> {
        let hello = Instant::now() + self.served.frame_within;
        loop {
            let silent = self.outgoings.is_empty();
            tokio::select! {
                stream = connection.accept_bi() => match stream {
                    Ok(stream) => self.start(stream),
                    Err(_) => return None,
                },
                refusal = link.closing() => return Some(refusal),
                Some(written) = self.writers.join_next() => self.written(written.ok()),
                Err(_) = timeout_at(hello, std::future::pending::<()>()), if silent => {
                    let reason = "no stream was opened in time";
                    self.fault(Refusal::new(RefusalCode::Stalled, reason));
                }
            }
        }
    }

    fn start(&mut self, (send, receive): (SendStream, RecvStream)) {
        let outgoing = Arc::new(Outgoing::default());
        self.outgoings.push(Arc::clone(&outgoing));
        let way = Way {
            served: self.served.clone(),
            outgoing: Arc::clone(&outgoing),
        };
        self.readers.spawn(reader::read(receive, way));
        self.writers
            .spawn(async move { writer::write(send, &outgoing).await });
    }

    /// A writer has ended before it was told to.
    fn written(&mut self, written: Option<Written>) {
        match written {
            Some(Written::All) => {}
            Some(Written::TooSlow) => {
                let reason = "more waits for this client than the limit allows";
                self.fault(Refusal::new(RefusalCode::TooSlow, reason));
            }
            Some(Written::Unwanted) | None => {
                let reason = "the client has stopped one of its streams";
                self.fault(Refusal::new(RefusalCode::Ended, reason));
            }
        }
    }

    /// Lets the connection point close.
    fn fault(&mut self, refusal: Refusal) {
        let stream = None;
        self.served.push(ClientInput::Faulty { stream, refusal });
    }

    /// Waits until what is queued is with the client; not for ever.
    async fn end(&mut self) {
        self.readers.abort_all();
        for outgoing in &self.outgoings {
            outgoing.finish();
        }
        let writers = &mut self.writers;
        let _ = timeout(CLOSE_WITHIN, async {
            while writers.join_next().await.is_some() {}
        })
        .await;
    }
}

/// Closes with the code's number; the reason is cut to what fits a packet.
pub(super) fn close(connection: &quinn::Connection, refusal: &Refusal) {
    const REASON_BYTES_MAX: usize = 512;
    let code = VarInt::from_u32(refusal.code.number().into());
    let reason = refusal.reason.as_bytes();
    connection.close(code, &reason[..reason.len().min(REASON_BYTES_MAX)]);
}
