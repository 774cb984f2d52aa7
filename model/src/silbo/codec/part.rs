//! The parts that frames are made of, each with its `put` and its `take`.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::attributes::{Attributes, ContentError};
use crate::id::{Incarnation, OperationNumber, PublisherId, Seq, SessionId, SubscriptionNumber};
use crate::limits::{CURSORS_MAX, TEXT_BYTES_MAX};
use crate::notification::{Body, Content};
use crate::operation::Hit;
use crate::session::{Cursor, Generation, SessionToken};
use crate::silbo::{Refusal, RefusalCode};
use crate::time::Timestamp;
use crate::varint;

/// What is wrong with a part.
pub(super) type Fault = &'static str;

/// Content below this is copied out of the transport's buffer, so that one small notification which is kept for
/// long does not keep a whole batch of datagrams (up to 64 KiB) in memory with it. Above, it is shared.
const SHARED_BYTES_MIN: usize = 4 * 1024;

const NO_BODY: u8 = 0;
const JSON_BODY: u8 = 1;
const OPAQUE_BODY: u8 = 2;

/// What of a payload is not read yet.
pub(super) struct Payload<'a> {
    whole: &'a Bytes,
    rest: &'a [u8],
}

impl<'a> Payload<'a> {
    pub(super) fn new(whole: &'a Bytes) -> Self {
        Self { whole, rest: whole }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let (&byte, rest) = self.rest.split_first().ok_or("it ends too early")?;
        self.rest = rest;
        Ok(byte)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Fault> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("a flag is neither 0 nor 1"),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or("it ends too early")?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        varint::take(&mut self.rest).ok_or("a varint is cut short or not in its shortest form")
    }

    pub(super) fn number_32(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.number()?).map_err(|_| "a number does not fit 32 bits")
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.number()?).map_err(|_| "a length beyond the frame")?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or("a length beyond the frame")?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        let text = core::str::from_utf8(self.bytes()?).map_err(|_| "text is not valid UTF-8")?;
        Ok(text.into())
    }

    fn short_text(&mut self) -> Result<String, Fault> {
        let text = self.text()?;
        if text.len() > TEXT_BYTES_MAX {
            return Err("a reason or a name is too long");
        }
        Ok(text)
    }

    pub(super) fn name(&mut self) -> Result<String, Fault> {
        self.short_text()
    }

    pub(super) fn session(&mut self) -> Result<SessionId, Fault> {
        Ok(SessionId(u64::from_le_bytes(self.array()?)))
    }

    pub(super) fn publisher(&mut self) -> Result<PublisherId, Fault> {
        Ok(PublisherId(u64::from_le_bytes(self.array()?)))
    }

    pub(super) fn token(&mut self) -> Result<SessionToken, Fault> {
        Ok(SessionToken(self.array()?))
    }

    pub(super) fn timestamp(&mut self) -> Result<Timestamp, Fault> {
        Ok(Timestamp(i64::from_le_bytes(self.array()?)))
    }

    pub(super) fn generation(&mut self) -> Result<Generation, Fault> {
        Ok(Generation(self.number_32()?))
    }

    pub(super) fn refusal(&mut self) -> Result<Refusal, Fault> {
        let code = RefusalCode::from_number(self.byte()?.into()).ok_or("no such refusal code")?;
        let reason = self.short_text()?;
        Ok(Refusal { code, reason })
    }

    pub(super) fn optional_refusal(&mut self) -> Result<Option<Refusal>, Fault> {
        Ok(if self.flag()? {
            Some(self.refusal()?)
        } else {
            None
        })
    }

    pub(super) fn cursors(&mut self) -> Result<Vec<Cursor>, Fault> {
        let count = self.count()?;
        if count > CURSORS_MAX {
            return Err("more cursors than the limit of 256");
        }
        (0..count).map(|_| self.cursor()).collect()
    }

    fn cursor(&mut self) -> Result<Cursor, Fault> {
        Ok(Cursor {
            access_point: Incarnation(self.number()?),
            seq: Seq(self.number()?),
        })
    }

    /// How many members follow. Each takes a byte at least, so what this answers may be reserved.
    pub(super) fn count(&mut self) -> Result<usize, Fault> {
        let count = usize::try_from(self.number()?).map_err(|_| "a count beyond the frame")?;
        if count > self.rest.len() {
            return Err("a count beyond the frame");
        }
        Ok(count)
    }

    pub(super) fn hits(&mut self) -> Result<Vec<Hit>, Fault> {
        let count = self.count()?;
        let mut hits = Vec::with_capacity(count);
        let mut next = 0_u32;
        for _ in 0..count {
            let number = next
                .checked_add(self.number_32()?)
                .ok_or("a subscription number does not fit 32 bits")?;
            let operation = OperationNumber(self.number()?);
            next = number.wrapping_add(1);
            if next == 0 {
                return Err("a subscription number does not fit 32 bits");
            }
            hits.push(Hit {
                number: SubscriptionNumber(number),
                operation,
            });
        }
        Ok(hits)
    }

    /// The outer fault is one of the frame, the inner one of what the application put into it.
    pub(super) fn content(&mut self) -> Result<Result<(Attributes, Body), ContentError>, Fault> {
        let start = self.rest;
        let attributes = self.bytes()?;
        let kind = self.byte()?;
        let body = match kind {
            NO_BODY => &[],
            JSON_BODY | OPAQUE_BODY => self.bytes()?,
            _ => return Err("no such kind of body"),
        };
        let region = &start[..start.len() - self.rest.len()];
        let owned = if region.len() < SHARED_BYTES_MIN {
            Bytes::copy_from_slice(region)
        } else {
            self.whole.slice_ref(region)
        };
        // The body ends where the region does; the attributes follow their length, which begins it.
        let attributes_at = varint_length(attributes.len());
        let attributes = owned.slice(attributes_at..attributes_at + attributes.len());
        let body = owned.slice(owned.len() - body.len()..);
        let body = match kind {
            NO_BODY => Body::None,
            JSON_BODY => Body::Json(body),
            _ => Body::Opaque(body),
        };
        Ok(Attributes::decode(attributes).map(|attributes| (attributes, body)))
    }

    pub(super) fn end(self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err("something follows its last part")
        }
    }
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn put_refusal(out: &mut Vec<u8>, refusal: &Refusal) {
    out.push(refusal.code.number());
    let reason = &refusal.reason;
    let end = (0..=reason.len().min(TEXT_BYTES_MAX)).rfind(|end| reason.is_char_boundary(*end));
    put_bytes(out, &reason.as_bytes()[..end.unwrap_or(0)]);
}

pub(super) fn put_optional_refusal(out: &mut Vec<u8>, refusal: Option<&Refusal>) {
    out.push(u8::from(refusal.is_some()));
    if let Some(refusal) = refusal {
        put_refusal(out, refusal);
    }
}

pub(super) fn put_cursors(out: &mut Vec<u8>, cursors: &[Cursor]) {
    assert!(cursors.len() <= CURSORS_MAX, "the sender keeps the limit");
    varint::put(out, cursors.len() as u64);
    for cursor in cursors {
        varint::put(out, cursor.access_point.0);
        varint::put(out, cursor.seq.0);
    }
}

/// Each number as its distance from the one that could have come next.
pub(super) fn put_hits(out: &mut Vec<u8>, hits: &[Hit]) {
    varint::put(out, hits.len() as u64);
    let mut next = 0;
    for hit in hits {
        let number = u64::from(hit.number.0);
        assert!(number >= next, "hits ascend by number");
        varint::put(out, number - next);
        varint::put(out, hit.operation.0);
        next = number + 1;
    }
}

/// The bytes between the attributes and the bytes of the body.
pub(super) fn put_body_head(out: &mut Vec<u8>, body: &Body) {
    match body {
        Body::None => out.push(NO_BODY),
        Body::Json(bytes) => {
            out.push(JSON_BODY);
            varint::put(out, bytes.len() as u64);
        }
        Body::Opaque(bytes) => {
            out.push(OPAQUE_BODY);
            varint::put(out, bytes.len() as u64);
        }
    }
}

/// How many bytes `content` takes in a frame.
pub(super) fn content_length(content: &Content) -> usize {
    let attributes = content.attributes.encoded().len();
    let body = match &content.body {
        Body::None => 0,
        Body::Json(bytes) | Body::Opaque(bytes) => varint_length(bytes.len()) + bytes.len(),
    };
    varint_length(attributes) + attributes + 1 + body
}

/// How many bytes a number takes.
fn varint_length(number: usize) -> usize {
    let bits = usize::BITS - (number | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_varint_is_known_beforehand() {
        for number in [0, 1, 127, 128, 16_383, 16_384, 65_536, 2_097_151, 2_097_152] {
            let mut bytes = Vec::new();
            varint::put(&mut bytes, number as u64);
            assert_eq!(varint_length(number), bytes.len(), "{number}");
        }
    }
}
