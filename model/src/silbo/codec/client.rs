//! The frames of a client.

use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::attributes::ContentError;
use crate::id::{Incarnation, OperationNumber, PublisherSeq, SubscriptionNumber};
use crate::lane::{FilterText, OverflowPolicy, Publication, SubscriptionRequest};
use crate::limits::FRAME_BYTES_MAX;
use crate::notification::Content;
use crate::silbo::codec::part::{self, Fault, Payload};
use crate::silbo::codec::{Frame, FrameError};
use crate::silbo::{Acknowledgement, ClientFrame, Connect, Refusal, RefusalCode};
use crate::varint;

const CONNECT: u8 = 0x01;
const REQUEST: u8 = 0x02;
const ACKNOWLEDGE: u8 = 0x03;
const PING: u8 = 0x04;
const BYE: u8 = 0x05;
const OPEN_PUBLISHER: u8 = 0x06;
const PUBLISH: u8 = 0x07;

impl Frame for ClientFrame {
    const BYTES_MAX: usize = FRAME_BYTES_MAX;

    fn kind(&self) -> u8 {
        match self {
            Self::Connect(_) => CONNECT,
            Self::Request(_) => REQUEST,
            Self::Acknowledge(_) => ACKNOWLEDGE,
            Self::Ping(_) => PING,
            Self::Bye => BYE,
            Self::OpenPublisher { .. } => OPEN_PUBLISHER,
            Self::Publish(_) => PUBLISH,
            Self::Unacceptable { .. } => panic!("the decoder's word, which nobody sends"),
        }
    }

    fn put_head(&self, out: &mut Vec<u8>) {
        match self {
            Self::Connect(connect) => put_connect(out, connect),
            Self::Request(request) => put_request(out, request),
            Self::Acknowledge(cursors) => part::put_cursors(out, cursors),
            Self::Ping(number) => varint::put(out, *number),
            Self::Bye | Self::Unacceptable { .. } => {}
            Self::OpenPublisher {
                publisher,
                generation,
                acknowledgement,
                welcomed_by,
            } => {
                out.extend_from_slice(&publisher.0.to_le_bytes());
                varint::put(out, generation.0.into());
                out.push(acknowledgement_number(*acknowledgement));
                out.push(u8::from(welcomed_by.is_some()));
                if let Some(access_point) = welcomed_by {
                    varint::put(out, access_point.0);
                }
            }
            Self::Publish(publication) => {
                varint::put(out, publication.seq.0);
                out.extend_from_slice(&publication.published_at.0.to_le_bytes());
            }
        }
    }

    fn content(&self) -> Option<&Content> {
        match self {
            Self::Publish(publication) => Some(&publication.content),
            Self::Connect(_)
            | Self::Request(_)
            | Self::Acknowledge(_)
            | Self::Ping(_)
            | Self::Bye
            | Self::OpenPublisher { .. }
            | Self::Unacceptable { .. } => None,
        }
    }

    fn decode(kind: u8, payload: &Bytes) -> Result<Self, FrameError> {
        let mut rest = Payload::new(payload);
        let take = match kind {
            CONNECT => take_connect,
            REQUEST => take_request,
            ACKNOWLEDGE => |rest: &mut Payload<'_>| Ok(Self::Acknowledge(rest.cursors()?)),
            PING => |rest: &mut Payload<'_>| Ok(Self::Ping(rest.number()?)),
            BYE => |_: &mut Payload<'_>| Ok(Self::Bye),
            OPEN_PUBLISHER => take_open_publisher,
            PUBLISH => take_publish,
            _ => return Err(FrameError::UnknownFrame { kind }),
        };
        take(&mut rest)
            .and_then(|frame| rest.end().map(|()| frame))
            .map_err(|fault| FrameError::Malformed { kind, fault })
    }
}

fn put_connect(out: &mut Vec<u8>, connect: &Connect) {
    out.push(u8::from(connect.resume.is_some()));
    if let Some((session, token)) = connect.resume {
        out.extend_from_slice(&session.0.to_le_bytes());
        out.extend_from_slice(&token.0);
    }
    varint::put(out, connect.generation.0.into());
    part::put_cursors(out, &connect.cursors);
    out.push(match connect.policy {
        OverflowPolicy::Gap => 0,
        OverflowPolicy::Disconnect => 1,
    });
}

fn take_connect(rest: &mut Payload<'_>) -> Result<ClientFrame, Fault> {
    let resume = if rest.flag()? {
        Some((rest.session()?, rest.token()?))
    } else {
        None
    };
    Ok(ClientFrame::Connect(Connect {
        resume,
        generation: rest.generation()?,
        cursors: rest.cursors()?,
        policy: match rest.byte()? {
            0 => OverflowPolicy::Gap,
            1 => OverflowPolicy::Disconnect,
            _ => return Err("no such overflow policy"),
        },
    }))
}

fn put_request(out: &mut Vec<u8>, request: &SubscriptionRequest) {
    varint::put(out, request.operation.0);
    varint::put(out, request.unanswered_from.0);
    varint::put(out, request.number.0.into());
    out.push(u8::from(request.filter.is_some()));
    if let Some(filter) = &request.filter {
        part::put_bytes(out, filter.dialect.as_bytes());
        part::put_bytes(out, filter.text.as_bytes());
    }
}

fn take_request(rest: &mut Payload<'_>) -> Result<ClientFrame, Fault> {
    Ok(ClientFrame::Request(SubscriptionRequest {
        operation: OperationNumber(rest.number()?),
        unanswered_from: OperationNumber(rest.number()?),
        number: SubscriptionNumber(rest.number_32()?),
        filter: if rest.flag()? {
            Some(FilterText {
                dialect: rest.name()?,
                text: rest.text()?,
            })
        } else {
            None
        },
    }))
}

fn take_open_publisher(rest: &mut Payload<'_>) -> Result<ClientFrame, Fault> {
    Ok(ClientFrame::OpenPublisher {
        publisher: rest.publisher()?,
        generation: rest.generation()?,
        acknowledgement: match rest.byte()? {
            0 => Acknowledgement::Received,
            1 => Acknowledgement::Joined,
            2 => Acknowledgement::Durable,
            _ => return Err("no such meaning of an acknowledgement"),
        },
        welcomed_by: if rest.flag()? {
            Some(Incarnation(rest.number()?))
        } else {
            None
        },
    })
}

fn take_publish(rest: &mut Payload<'_>) -> Result<ClientFrame, Fault> {
    let seq = PublisherSeq(rest.number()?);
    let published_at = rest.timestamp()?;
    let content = rest
        .content()?
        .and_then(|(attributes, body)| Content::new(attributes, body));
    Ok(match content {
        Ok(content) => ClientFrame::Publish(Publication {
            seq,
            published_at,
            content,
        }),
        Err(error) => ClientFrame::Unacceptable {
            seq,
            refusal: content_refusal(&error),
        },
    })
}

fn content_refusal(error: &ContentError) -> Refusal {
    let code = match error {
        ContentError::TooLarge { .. } => RefusalCode::ContentTooLarge,
        ContentError::TooManyAttributes { .. }
        | ContentError::NameLength { .. }
        | ContentError::DuplicateName { .. }
        | ContentError::NotFinite { .. }
        | ContentError::NoPosition { .. }
        | ContentError::InvalidUtf8
        | ContentError::TooDeep
        | ContentError::Malformed
        | ContentError::InvalidJson { .. } => RefusalCode::InvalidContent,
    };
    Refusal::new(code, error.to_string())
}

fn acknowledgement_number(acknowledgement: Acknowledgement) -> u8 {
    match acknowledgement {
        Acknowledgement::Received => 0,
        Acknowledgement::Joined => 1,
        Acknowledgement::Durable => 2,
    }
}
