//! The receiving side of a link: takes each parcel once, and hands on what is in it.

use std::sync::{Mutex, PoisonError, Weak};

use bytes::Bytes;
use gomera_model::HostId;
use gomera_model::lane::LaneFrame;
use gomera_model::link::{Hello, LinkRefusal, ReceiverFrame, SenderFrame};
use gomera_model::packed::PackedError;
use gomera_model::silbo::codec::{FrameError, FrameReader, FrameWriter};
use gomera_operators::link::LinkFault;
use quinn::{Incoming, RecvStream, SendStream, VarInt};
use tokio::time::timeout;

use super::super::host_frame::HostFrame;
use super::super::input::CoordinatorInput;
use super::super::shared::NotThere;
use super::endpoint::OperatorEndpoint;
use super::{Arriving, Hosts};
use crate::limits::{LINK_CONNECT_WITHIN, READ_CHUNKS_MAX};

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
enum Parted {
    #[error("{0}")]
    Connection(#[from] quinn::ConnectionError),
    #[error("{0}")]
    Read(#[from] quinn::ReadError),
    #[error("{0}")]
    Write(#[from] quinn::WriteError),
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Link(#[from] LinkFault),
    #[error("{0}")]
    Packed(#[from] PackedError),
    #[error("{0}")]
    NotThere(#[from] NotThere),
    #[error("no greeting in time")]
    Silent,
    #[error("it does not begin with a greeting, or greets twice")]
    Misplaced,
    #[error("refused")]
    Refused,
    #[error("this host stops")]
    Stopping,
}

/// Takes connections until the endpoint is closed.
pub(super) async fn accept(endpoint: OperatorEndpoint, hosts: Weak<Hosts>) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(serve(incoming, Weak::clone(&hosts)));
    }
}

async fn serve(incoming: Incoming, hosts: Weak<Hosts>) {
    let from = incoming.remote_address();
    let shaking = async { Ok::<_, Parted>(incoming.await?) };
    let connection = match timeout(LINK_CONNECT_WITHIN, shaking).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(parted)) => return tracing::info!(%from, %parted, "not let in"),
        Err(_) => return tracing::debug!(%from, "handshake took too long"),
    };
    let Err(parted) = converse(&connection, &hosts).await;
    if matches!(
        parted,
        Parted::Packed(_) | Parted::NotThere(_) | Parted::Misplaced
    ) {
        tracing::error!(%from, %parted, "another host is not understood");
    } else {
        tracing::debug!(%from, %parted, "parted");
    }
    connection.close(VarInt::from_u32(1), b"");
}

async fn converse(
    connection: &quinn::Connection,
    hosts: &Weak<Hosts>,
) -> Result<std::convert::Infallible, Parted> {
    let opening = timeout(LINK_CONNECT_WITHIN, connection.accept_bi()).await;
    let (mut send, receive) = opening.map_err(|_| Parted::Silent)??;
    let mut reader = Reader {
        receive,
        frames: FrameReader::new(),
    };
    let greeting = timeout(LINK_CONNECT_WITHIN, reader.greeting()).await;
    let hello = greeting.map_err(|_| Parted::Silent)??;
    let arriving = {
        let hosts = hosts.upgrade().ok_or(Parted::Stopping)?;
        hosts.arriving(hello.from)
    };
    let answer = greet(&arriving, hello);
    say(&mut send, answer).await?;
    if matches!(answer, ReceiverFrame::Refused(_)) {
        // It is read before the connection is closed.
        let _ = timeout(LINK_CONNECT_WITHIN, connection.closed()).await;
        return Err(Parted::Refused);
    }
    loop {
        // What came right behind the greeting is there already.
        let taken = {
            let hosts = hosts.upgrade().ok_or(Parted::Stopping)?;
            take(&mut reader.frames, hello, (&arriving, &hosts))?
        };
        if let Some(taken) = taken {
            say(&mut send, taken).await?;
        }
        reader.fill().await?;
    }
}

fn greet(arriving: &Mutex<Arriving>, hello: Hello) -> ReceiverFrame {
    let mut arriving = arriving.lock().unwrap_or_else(PoisonError::into_inner);
    if arriving.is_lost {
        return ReceiverFrame::Refused(LinkRefusal::OtherFormat);
    }
    if arriving.is_gone {
        return ReceiverFrame::Refused(LinkRefusal::Outlived);
    }
    arriving.heard += 1;
    let is_new = arriving.receiving.life() != hello.life;
    let answer = arriving.receiving.hello(hello);
    if is_new && matches!(answer, ReceiverFrame::Welcome(_)) {
        arriving.unpacking.clear();
    }
    answer
}

/// Takes all whole parcels; what to tell the sender, if there were any.
fn take(
    frames: &mut FrameReader<SenderFrame>,
    hello: Hello,
    (arriving, hosts): (&Mutex<Arriving>, &Hosts),
) -> Result<Option<ReceiverFrame>, Parted> {
    let mut taken = None;
    while let Some(frame) = frames.next()? {
        let SenderFrame::Parcel { number, content } = frame else {
            return Err(Parted::Misplaced);
        };
        let mut arriving = arriving.lock().unwrap_or_else(PoisonError::into_inner);
        if arriving.is_gone {
            // What it runs is replaced, and nobody listens to it any more.
            return Err(Parted::Refused);
        }
        arriving.heard += 1;
        if arriving.receiving.parcel(hello.life, number)? {
            // Under the lock, so that an older connection of this link cannot get in between.
            arriving.is_lost = true;
            if let Some(frame) = arriving.unpacking.take(&content)? {
                hosts.hand_on(hello.from, frame)?;
            }
            arriving.is_lost = false;
        }
        taken = Some(arriving.receiving.taken());
    }
    Ok(taken)
}

impl Hosts {
    fn hand_on(&self, host: HostId, frame: HostFrame) -> Result<(), NotThere> {
        match frame {
            HostFrame::Batch { from, to, frames } => {
                self.learn_place(from, host);
                let frames = frames.into_iter().map(LaneFrame::try_from);
                let frames: Vec<LaneFrame> = frames.collect::<Result<_, _>>()?;
                let Some((last, others)) = to.split_last() else {
                    return Ok(());
                };
                for to in others {
                    self.router.deliver(from, *to, frames.clone());
                }
                self.router.deliver(from, *last, frames);
            }
            // To have come is all that it is for.
            HostFrame::Beat => {}
            frame @ (HostFrame::Lead(_)
            | HostFrame::Start { .. }
            | HostFrame::Stop { .. }
            | HostFrame::Tell { .. }
            | HostFrame::View(_)
            | HostFrame::Answer { .. }
            | HostFrame::Started(_)
            | HostFrame::Failed(_)
            | HostFrame::Report { .. }
            | HostFrame::Load { .. }
            | HostFrame::Lost(_)
            | HostFrame::Ask { .. }) => {
                self.coordination
                    .push(CoordinatorInput::FromHost(host, Box::new(frame)));
            }
        }
        Ok(())
    }
}

struct Reader {
    receive: RecvStream,
    frames: FrameReader<SenderFrame>,
}

impl Reader {
    async fn greeting(&mut self) -> Result<Hello, Parted> {
        loop {
            match self.frames.next()? {
                Some(SenderFrame::Hello(hello)) => return Ok(hello),
                Some(SenderFrame::Parcel { .. }) => return Err(Parted::Misplaced),
                None => self.fill().await?,
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Parted> {
        let mut chunks = [const { Bytes::new() }; READ_CHUNKS_MAX];
        let count = self.receive.read_chunks(&mut chunks).await?;
        for chunk in chunks.into_iter().take(count.ok_or(Parted::Refused)?) {
            self.frames.push(chunk);
        }
        Ok(())
    }
}

async fn say(send: &mut SendStream, frame: ReceiverFrame) -> Result<(), Parted> {
    let mut writer = FrameWriter::new();
    writer.push(&frame);
    Ok(send.write_all_chunks(&mut writer.take_chunks()).await?)
}
