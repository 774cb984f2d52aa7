//! What is published and delivered.

use bytes::Bytes;
use serde::de::IgnoredAny;

use serde::{Deserialize, Serialize};

use crate::attributes::{Attributes, ContentError};
use crate::id::{Epoch, Incarnation, PublisherId, PublisherSeq, Seq};
use crate::limits::CONTENT_BYTES_MAX;
use crate::time::Timestamp;

/// What rides beside the attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Nothing.
    None,
    /// A JSON object; its fields are attributes by their dotted path.
    Json(Bytes),
    /// Bytes without meaning to the broker.
    Opaque(Bytes),
}

/// What a client publishes and a subscriber receives, bytes for bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Attributes as published; they may be nested.
    pub attributes: Attributes,
    /// What rides beside them.
    pub body: Body,
}

impl Content {
    /// Content that may be published: not too large, and a JSON body is a JSON object.
    ///
    /// # Errors
    ///
    /// Whatever [`ContentError`] names.
    pub fn new(attributes: Attributes, body: Body) -> Result<Self, ContentError> {
        let content = Self { attributes, body };
        content.check()?;
        Ok(content)
    }

    /// Whether it may be published, for content that was not made by [`Content::new`].
    ///
    /// # Errors
    ///
    /// Whatever [`ContentError`] names.
    pub fn check(&self) -> Result<(), ContentError> {
        let bytes = self.bytes();
        if bytes > CONTENT_BYTES_MAX {
            return Err(ContentError::TooLarge { bytes });
        }
        match &self.body {
            Body::Json(json) => check_json(json),
            Body::None | Body::Opaque(_) => Ok(()),
        }
    }

    /// How many bytes the attributes and the body have, which is what limits and windows count.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let body = match &self.body {
            Body::None => 0,
            Body::Json(bytes) | Body::Opaque(bytes) => bytes.len(),
        };
        self.attributes.encoded().len() + body
    }
}

/// The mark that an access point puts on a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// The access point.
    pub access_point: Incarnation,
    /// Its sequence number, without gaps.
    pub seq: Seq,
    /// The epoch under which the notification is matched, joined and delivered.
    pub epoch: Epoch,
}

/// A notification on its way through the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Given by the access point.
    pub stamp: Stamp,
    /// Who published it.
    pub publisher: PublisherId,
    /// Its place in what that publisher publishes.
    pub publisher_seq: PublisherSeq,
    /// When the publisher meant to send it, by its own clock.
    pub published_at: Timestamp,
    /// What was published.
    pub content: Content,
    /// What filters see: nested attributes and the fields of a JSON body by their dotted paths.
    pub flat: Attributes,
}

fn check_json(json: &[u8]) -> Result<(), ContentError> {
    let text = core::str::from_utf8(json).map_err(|_| ContentError::InvalidUtf8)?;
    let blank = text.len() - text.trim_ascii_start().len();
    if !text[blank..].starts_with('{') {
        return Err(ContentError::InvalidJson { offset: blank });
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(ContentError::InvalidJson {
            offset: offset_of(text, error.line(), error.column()),
        }),
    }
}

/// From a line and a column, both from 1, to bytes from the start.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
    let before: usize = lines.map(str::len).sum();
    before + column.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &'static str, expected: Result<(), ContentError>) {
        let body = Body::Json(Bytes::from_static(json.as_bytes()));
        let content = Content::new(Attributes::empty(), body);
        assert_eq!(content.map(|_| ()), expected, "{json:?}");
    }

    #[test]
    fn a_json_body_is_a_json_object() {
        check("{}", Ok(()));
        check(" {\"a\": [1, {\"b\": null}]}\n", Ok(()));
        for (json, offset) in [
            ("", 0),
            ("  [1]", 2),
            ("{\"a\": 1,}", 8),
            ("{\n\"a\": x}", 7),
            ("{} {}", 3),
        ] {
            check(json, Err(ContentError::InvalidJson { offset }));
        }
    }

    #[test]
    fn attributes_and_body_share_one_limit() {
        let body = Body::Opaque(alloc::vec![0; CONTENT_BYTES_MAX].into());
        let error = Content::new(Attributes::empty(), body).unwrap_err();
        let bytes = CONTENT_BYTES_MAX + 1;
        assert_eq!(error, ContentError::TooLarge { bytes });
        let body = Body::Json(Bytes::from_static(b"{\"a\": \"\xff\"}"));
        let error = Content::new(Attributes::empty(), body).unwrap_err();
        assert_eq!(error, ContentError::InvalidUtf8);
    }
}
