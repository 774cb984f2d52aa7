//! What one subscription asked for, one after the other, and from where to where in a publisher's notifications.
//!
//! A *life* is a filter in force, or none. The broker switches from one to the next at one position of each publisher,
//! which nobody outside knows exactly; but two bounds are known. What was published after the answer belongs to the new
//! life or a later one; what was acknowledged before the request belongs to the old one or an earlier one. Only an end
//! may still take effect on what is on its way to the client: until that, or something later of the publisher, has come.
//!
//! ```text
//! publisher      ── acknowledged ──┤ asked         answered ├── published ──►
//! the life is          old         │    old, then new       │       new
//! ```

use std::ops::Range;

use super::bits::Bits;
use crate::verify::trail::Publisher;

/// A filter in force, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life<'a> {
    /// Its text; none before the first and after an end.
    pub(super) filter: Option<&'a str>,
    /// When it was asked for.
    pub(super) asked: u64,
    /// When that was answered; the end of time if it was not.
    pub(super) answered: u64,
    /// Of an end: how far each publisher's notifications had come when it was asked for.
    pub(super) came: Option<Vec<u32>>,
}

/// One subscription of one subscriber.
#[derive(Clone, Debug)]
pub(super) struct Standing<'a> {
    pub(super) subscriber: usize,
    pub(super) number: u32,
    /// At least the one before the first request.
    pub(super) lives: Vec<Life<'a>>,
    /// By publisher, what came for it.
    pub(super) delivered: Vec<Bits>,
    /// Of each publisher, what came too late; it has been told already.
    pub(super) late: Vec<(usize, u32)>,
}

/// A span of a publisher's notifications, and the first and the last life that they may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) span: Range<u32>,
    pub(super) low: usize,
    pub(super) high: usize,
}

impl<'a> Standing<'a> {
    pub(super) fn new(subscriber: usize, number: u32, counts: &[u32]) -> Self {
        let before = Life {
            filter: None,
            asked: 0,
            answered: 0,
            came: None,
        };
        Self {
            subscriber,
            number,
            lives: vec![before],
            delivered: counts.iter().map(|count| Bits::new(*count)).collect(),
            late: Vec::new(),
        }
    }

    /// Something is asked for, when each publisher's notifications had come so far.
    pub(super) fn asked(&mut self, at: u64, filter: Option<&'a str>, came: &[u32]) {
        self.lives.push(Life {
            filter,
            asked: at,
            answered: u64::MAX,
            came: filter.is_none().then(|| came.to_vec()),
        });
    }

    /// A refused request leaves the subscription as it was.
    pub(super) fn answered(&mut self, at: u64, is_refused: bool) {
        if is_refused && self.lives.len() > 1 {
            self.lives.pop();
        } else if let Some(life) = self.lives.last_mut() {
            life.answered = at;
        }
    }

    /// Whether its end was asked for and acknowledged, or nothing was asked for yet.
    pub(super) fn is_closed(&self) -> bool {
        let life = self.lives.last().expect("there is one before the first");
        life.filter.is_none() && life.answered != u64::MAX
    }

    /// All of a publisher's notifications, cut where a life may begin and where it must have begun.
    pub(super) fn segments(&self, (index, publisher): (usize, &Publisher<'_>)) -> Vec<Segment> {
        let count = publisher.count();
        let mut cuts = vec![0, count];
        let bounds: Vec<Range<u32>> = self
            .lives
            .iter()
            .map(|life| bounds(life, (index, publisher)))
            .collect();
        cuts.extend(
            bounds
                .iter()
                .skip(1)
                .flat_map(|bound| [bound.start, bound.end]),
        );
        cuts.sort_unstable();
        cuts.dedup();
        let pairs = cuts.windows(2).map(|cut| cut[0]..cut[1]);
        let (mut low, mut high) = (0, 0);
        pairs
            .map(|span| {
                while bounds
                    .get(low + 1)
                    .is_some_and(|bound| bound.end <= span.start)
                {
                    low += 1;
                }
                while bounds
                    .get(high + 1)
                    .is_some_and(|bound| bound.start <= span.start)
                {
                    high += 1;
                }
                Segment {
                    span,
                    low,
                    high: high.max(low),
                }
            })
            .collect()
    }
}

/// Where a life may begin, and where it must have begun.
fn bounds(life: &Life<'_>, (index, publisher): (usize, &Publisher<'_>)) -> Range<u32> {
    let first = |index: usize| u32::try_from(index).expect("a publisher sends fewer than 2^32");
    let publications = &publisher.publications;
    let may = first(publications.partition_point(|p| p.settled < life.asked));
    let came = life.came.as_ref().map_or(u32::MAX, |came| came[index]);
    let may = may.min(came);
    let must = first(publications.partition_point(|p| p.at <= life.answered));
    may..must.max(may)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::trail::{Fate, Publication};

    /// A publication each 10, acknowledged 15 after it.
    fn publisher(count: u64) -> Publisher<'static> {
        let publications = (0..count).map(|index| Publication {
            at: index * 10,
            due: index * 10,
            fate: Fate::Acknowledged(0),
            settled: index * 10 + 15,
            digest: 0,
            content: "",
        });
        Publisher {
            publications: publications.collect(),
            ..Publisher::default()
        }
    }

    fn check(
        requests: &[(u64, Option<&'static str>, u64)],
        expected: &[(Range<u32>, usize, usize)],
    ) {
        let mut standing = Standing::new(0, 0, &[10]);
        for (asked, filter, answered) in requests {
            standing.asked(*asked, *filter, &[3]);
            if *answered != u64::MAX {
                standing.answered(*answered, false);
            }
        }
        let segments = standing.segments((0, &publisher(10)));
        let found: Vec<_> = segments
            .into_iter()
            .map(|s| (s.span, s.low, s.high))
            .collect();
        assert_eq!(found, expected, "{requests:?}");
    }

    #[test]
    fn a_life_begins_between_what_was_settled_and_what_was_published_later() {
        check(&[], &[(0..10, 0, 0)]);
        // Settled before 31: those of 0 and 10. Published after 52: from 60 on.
        check(
            &[(31, Some("a"), 52)],
            &[(0..2, 0, 0), (2..6, 0, 1), (6..10, 1, 1)],
        );
        check(
            &[(31, Some("a"), 32), (33, None, 52)],
            &[(0..2, 0, 0), (2..4, 0, 2), (4..6, 1, 2), (6..10, 2, 2)],
        );
        check(&[(31, Some("a"), u64::MAX)], &[(0..2, 0, 0), (2..10, 0, 1)]);
        check(&[(500, Some("a"), 501)], &[(0..10, 0, 0)]);
        // Three have come: an end may cut the rest off, although it is settled.
        check(
            &[(1, Some("a"), 2), (95, None, 96)],
            &[(0..1, 0, 1), (1..3, 1, 1), (3..10, 1, 2)],
        );
    }
}
