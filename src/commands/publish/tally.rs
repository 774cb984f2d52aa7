//! What became of each line, and the closing line that sums it up.

use std::collections::BTreeMap;
use std::fmt;

use gomera_model::{PublisherId, PublisherSeq};
use serde::Serialize;

/// Counts lines, and knows which of them wait for their acknowledgement.
#[derive(Debug, Default)]
pub(super) struct Tally {
    waiting: BTreeMap<PublisherSeq, u64>,
    published: u64,
    acknowledged: u64,
    matched: u64,
    matched_any: u64,
    refused: u64,
    broken: u64,
}

/// One acknowledgement, as `--acks` prints it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Acknowledged {
    line: u64,
    publisher: PublisherId,
    seq: PublisherSeq,
    /// How many subscriptions matched, if the broker said so.
    matched: Option<u32>,
}

impl fmt::Display for Acknowledged {
    /// The same as its JSON: these lines come by the hundred thousand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{\"line\":{},\"publisher\":\"{}\",\"seq\":{}",
            self.line, self.publisher, self.seq
        )?;
        match self.matched {
            Some(matched) => write!(f, ",\"matched\":{matched}}}"),
            None => f.write_str("}"),
        }
    }
}

/// The closing line.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    /// Lines that were sent.
    published: u64,
    /// Of these, those that the broker acknowledged.
    acknowledged: u64,
    /// Lines that were not taken: broken ones, which were never sent, and those that the broker refused.
    refused: u64,
    publisher: String,
    /// Of the refused lines, those that were never sent.
    broken: u64,
    /// Subscriptions that matched, summed over all lines.
    matched: u64,
    /// Lines that at least one subscription matched.
    matched_any: u64,
}

impl Tally {
    /// A line was sent.
    pub(super) fn sent(&mut self, line: u64, seq: PublisherSeq) {
        self.published += 1;
        self.waiting.insert(seq, line);
    }

    /// A line cannot be sent.
    pub(super) fn broken(&mut self) {
        self.broken += 1;
        self.refused += 1;
    }

    /// The broker acknowledged; `None` for what was never sent.
    pub(super) fn acknowledged(
        &mut self,
        publisher: PublisherId,
        seq: PublisherSeq,
        matched: Option<u32>,
    ) -> Option<Acknowledged> {
        let line = self.waiting.remove(&seq)?;
        self.acknowledged += 1;
        self.matched += u64::from(matched.unwrap_or(0));
        self.matched_any += u64::from(matched.unwrap_or(0) > 0);
        Some(Acknowledged {
            line,
            publisher,
            seq,
            matched,
        })
    }

    /// The broker refused; the line, `None` for what was never sent.
    pub(super) fn refused(&mut self, seq: PublisherSeq) -> Option<u64> {
        let line = self.waiting.remove(&seq)?;
        self.refused += 1;
        Some(line)
    }

    /// How many lines wait for their acknowledgement.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether every line was taken and acknowledged.
    pub(super) fn is_clean(&self) -> bool {
        self.waiting.is_empty() && self.refused == 0
    }

    /// The closing line.
    pub(super) fn summary(&self, publisher: PublisherId) -> Summary {
        Summary {
            published: self.published,
            acknowledged: self.acknowledged,
            refused: self.refused,
            publisher: publisher.to_string(),
            broken: self.broken,
            matched: self.matched,
            matched_any: self.matched_any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHER: PublisherId = PublisherId(0xab);

    #[test]
    fn every_line_is_counted_once() {
        let mut tally = Tally::default();
        tally.sent(1, PublisherSeq(1));
        tally.broken();
        tally.sent(3, PublisherSeq(2));
        tally.sent(4, PublisherSeq(3));
        let first = tally.acknowledged(PUBLISHER, PublisherSeq(1), Some(2));
        assert_eq!(
            first.unwrap().to_string(),
            r#"{"line":1,"publisher":"00000000000000ab","seq":1,"matched":2}"#
        );
        assert_eq!(tally.acknowledged(PUBLISHER, PublisherSeq(1), None), None);
        assert_eq!(tally.refused(PublisherSeq(2)), Some(3));
        assert_eq!(tally.waiting(), 1);
        tally.acknowledged(PUBLISHER, PublisherSeq(3), Some(0));
        assert!(!tally.is_clean());
        assert_eq!(
            serde_json::to_string(&tally.summary(PUBLISHER)).unwrap(),
            concat!(
                r#"{"published":3,"acknowledged":2,"refused":2,"publisher":"00000000000000ab","#,
                r#""broken":1,"matched":2,"matched_any":1}"#
            )
        );
    }

    #[test]
    fn a_clean_run_is_one_without_anything_left_or_refused() {
        let mut tally = Tally::default();
        assert!(tally.is_clean());
        tally.sent(1, PublisherSeq(1));
        assert!(!tally.is_clean());
        tally.acknowledged(PUBLISHER, PublisherSeq(1), None);
        assert!(tally.is_clean());
    }
}
