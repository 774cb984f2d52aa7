//! The frames of a connection point.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::id::{Epoch, Incarnation, OperationNumber, PublisherSeq, Seq};
use crate::limits::SERVER_FRAME_BYTES_MAX;
use crate::notification::{Content, Stamp};
use crate::session::Gap;
use crate::silbo::codec::part::{self, Fault, Payload};
use crate::silbo::codec::{Frame, FrameError};
use crate::silbo::{Deliver, ServerFrame};
use crate::varint;

const CONNECTED: u8 = 0x81;
const ANSWERED: u8 = 0x82;
const DELIVER: u8 = 0x83;
const GAP: u8 = 0x84;
const PONG: u8 = 0x85;
const GOAWAY: u8 = 0x86;
const REFUSED: u8 = 0x87;
const PUBLISHER_OPENED: u8 = 0x88;
const PUBLISHED: u8 = 0x89;
const PUBLICATION_REFUSED: u8 = 0x8a;

impl Frame for ServerFrame {
    const BYTES_MAX: usize = SERVER_FRAME_BYTES_MAX;

    fn kind(&self) -> u8 {
        match self {
            Self::Connected { .. } => CONNECTED,
            Self::Answered { .. } => ANSWERED,
            Self::Deliver(_) => DELIVER,
            Self::Gap(_) => GAP,
            Self::Pong(_) => PONG,
            Self::Goaway => GOAWAY,
            Self::Refused(_) => REFUSED,
            Self::PublisherOpened { .. } => PUBLISHER_OPENED,
            Self::Published { .. } => PUBLISHED,
            Self::PublicationRefused { .. } => PUBLICATION_REFUSED,
        }
    }

    fn put_head(&self, out: &mut Vec<u8>) {
        match self {
            Self::Connected {
                session,
                token,
                resumed,
            } => {
                out.extend_from_slice(&session.0.to_le_bytes());
                out.extend_from_slice(&token.0);
                out.push(u8::from(*resumed));
            }
            Self::Answered { operation, refused } => {
                varint::put(out, operation.0);
                part::put_optional_refusal(out, refused.as_ref());
            }
            Self::Deliver(deliver) => put_deliver(out, deliver),
            Self::Gap(gap) => put_gap(out, *gap),
            Self::Pong(number) => varint::put(out, *number),
            Self::Goaway => {}
            Self::Refused(refusal) => part::put_refusal(out, refusal),
            Self::PublisherOpened { last, access_point } => {
                varint::put(out, last.0);
                varint::put(out, access_point.0);
            }
            Self::Published { last, matched } => {
                varint::put(out, last.0);
                varint::put(out, matched.len() as u64);
                for count in matched {
                    varint::put(out, (*count).into());
                }
            }
            Self::PublicationRefused { seq, refusal } => {
                varint::put(out, seq.0);
                part::put_refusal(out, refusal);
            }
        }
    }

    fn content(&self) -> Option<&Content> {
        match self {
            Self::Deliver(deliver) => Some(&deliver.content),
            Self::Connected { .. }
            | Self::Answered { .. }
            | Self::Gap(_)
            | Self::Pong(_)
            | Self::Goaway
            | Self::Refused(_)
            | Self::PublisherOpened { .. }
            | Self::Published { .. }
            | Self::PublicationRefused { .. } => None,
        }
    }

    fn decode(kind: u8, payload: &Bytes) -> Result<Self, FrameError> {
        let mut rest = Payload::new(payload);
        let take = match kind {
            CONNECTED => take_connected,
            ANSWERED => take_answered,
            DELIVER => take_deliver,
            GAP => take_gap,
            PONG => |rest: &mut Payload<'_>| Ok(Self::Pong(rest.number()?)),
            GOAWAY => |_: &mut Payload<'_>| Ok(Self::Goaway),
            REFUSED => |rest: &mut Payload<'_>| Ok(Self::Refused(rest.refusal()?)),
            PUBLISHER_OPENED => take_publisher_opened,
            PUBLISHED => take_published,
            PUBLICATION_REFUSED => take_publication_refused,
            _ => return Err(FrameError::UnknownFrame { kind }),
        };
        take(&mut rest)
            .and_then(|frame| rest.end().map(|()| frame))
            .map_err(|fault| FrameError::Malformed { kind, fault })
    }
}

fn take_connected(rest: &mut Payload<'_>) -> Result<ServerFrame, Fault> {
    Ok(ServerFrame::Connected {
        session: rest.session()?,
        token: rest.token()?,
        resumed: rest.flag()?,
    })
}

fn take_answered(rest: &mut Payload<'_>) -> Result<ServerFrame, Fault> {
    Ok(ServerFrame::Answered {
        operation: OperationNumber(rest.number()?),
        refused: rest.optional_refusal()?,
    })
}

fn put_deliver(out: &mut Vec<u8>, deliver: &Deliver) {
    varint::put(out, deliver.stamp.access_point.0);
    varint::put(out, deliver.stamp.seq.0);
    varint::put(out, deliver.stamp.epoch.0);
    out.extend_from_slice(&deliver.publisher.0.to_le_bytes());
    varint::put(out, deliver.publisher_seq.0);
    out.extend_from_slice(&deliver.published_at.0.to_le_bytes());
    part::put_hits(out, &deliver.hits);
}

fn take_deliver(rest: &mut Payload<'_>) -> Result<ServerFrame, Fault> {
    let stamp = Stamp {
        access_point: Incarnation(rest.number()?),
        seq: Seq(rest.number()?),
        epoch: Epoch(rest.number()?),
    };
    let publisher = rest.publisher()?;
    let publisher_seq = PublisherSeq(rest.number()?);
    let published_at = rest.timestamp()?;
    let hits = rest.hits()?;
    // The broker has checked the body when it was published; whoever uses it parses it anyway.
    let (attributes, body) = rest.content()?.map_err(|_| "content that is not valid")?;
    Ok(ServerFrame::Deliver(Deliver {
        stamp,
        publisher,
        publisher_seq,
        published_at,
        hits,
        content: Content { attributes, body },
    }))
}

fn put_gap(out: &mut Vec<u8>, gap: Gap) {
    varint::put(out, gap.access_point.0);
    varint::put(out, gap.first.0);
    varint::put(out, gap.last.0);
    varint::put(out, gap.count);
}

fn take_gap(rest: &mut Payload<'_>) -> Result<ServerFrame, Fault> {
    Ok(ServerFrame::Gap(Gap {
        access_point: Incarnation(rest.number()?),
        first: Seq(rest.number()?),
        last: Seq(rest.number()?),
        count: rest.number()?,
    }))
}

fn take_publisher_opened(rest: &mut Payload<'_>) -> Result<ServerFrame, Fault> {
    Ok(ServerFrame::PublisherOpened {
        last: PublisherSeq(rest.number()?),
        access_point: Incarnation(rest.number()?),
    })
}

fn take_published(rest: &mut Payload<'_>) -> Result<ServerFrame, Fault> {
    let last = PublisherSeq(rest.number()?);
    let count = rest.count()?;
    let matched: Result<_, _> = (0..count).map(|_| rest.number_32()).collect();
    Ok(ServerFrame::Published {
        last,
        matched: matched?,
    })
}

fn take_publication_refused(rest: &mut Payload<'_>) -> Result<ServerFrame, Fault> {
    Ok(ServerFrame::PublicationRefused {
        seq: PublisherSeq(rest.number()?),
        refusal: rest.refusal()?,
    })
}
