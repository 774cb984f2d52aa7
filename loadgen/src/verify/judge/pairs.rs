//! Every notification against every subscription.
//!
//! Where it is certain which life a notification belongs to, what came is compared with what should have. Where a
//! switch is under way, it is asked whether there is one position for it that explains all that came and did not.

use std::ops::Range;

use super::finding::{Fault, Finding, Findings};
use super::lives::{Segment, Standing};
use super::witness::Witness;
use crate::verify::predicate::Predicate;
use crate::verify::trail::{Fate, Publisher};
use crate::verify::value::{Cell, Columns};

/// One subscription with everything that is asked about it.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) standing: &'a Standing<'a>,
    /// Of each life.
    pub(super) predicates: Vec<Option<&'a Predicate>>,
    /// By publisher.
    pub(super) segments: Vec<Vec<Segment>>,
}

/// What is examined.
#[derive(Debug)]
pub(super) struct Examination<'a> {
    pub(super) publishers: &'a [Publisher<'a>],
    pub(super) witnesses: &'a [Witness<'a>],
    pub(super) questions: Vec<Question<'a>>,
    pub(super) columns: &'a Columns,
}

/// What came of one piece of work.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// Pairs of a notification and a filter that were evaluated.
    pub(super) pairs: u64,
    /// Pairs that should have been delivered, or may have been.
    pub(super) expected: u64,
    pub(super) findings: Findings,
    /// What is missing and has an excuse, if that is not used up.
    pub(super) excusable: Vec<Excusable>,
}

/// Something missing, within what an excuse covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Excusable {
    pub(super) subscriber: usize,
    pub(super) publisher: usize,
    pub(super) index: u32,
    pub(super) finding: Finding,
}

/// Notifications laid out for many questions.
struct Rows<'a> {
    first: u32,
    width: usize,
    cells: Vec<Cell<'a>>,
}

impl<'a> Rows<'a> {
    fn lay_out(publisher: &Publisher<'a>, span: &Range<u32>, columns: &Columns) -> Self {
        let width = columns.len().max(1);
        let mut cells = vec![Cell::Missing; width * span.len()];
        for (row, index) in cells.chunks_mut(width).zip(span.clone()) {
            columns.fill(publisher.publications[index as usize].content, row);
        }
        Self {
            first: span.start,
            width,
            cells,
        }
    }

    fn row(&self, index: u32) -> &[Cell<'a>] {
        let start = (index - self.first) as usize * self.width;
        &self.cells[start..start + self.width]
    }
}

impl Examination<'_> {
    /// All that is certain about a span of a publisher's notifications.
    pub(super) fn block(&self, publisher: usize, span: &Range<u32>, examined: &mut Examined) {
        let rows = Rows::lay_out(&self.publishers[publisher], span, self.columns);
        for question in &self.questions {
            let segments = &question.segments[publisher];
            let first = segments.partition_point(|segment| segment.span.end <= span.start);
            let within = segments[first..]
                .iter()
                .take_while(|s| s.span.start < span.end);
            for segment in within.filter(|segment| segment.low == segment.high) {
                let part = segment.span.start.max(span.start)..segment.span.end.min(span.end);
                match question.predicates[segment.low] {
                    Some(predicate) => {
                        examined.pairs += part.len() as u64;
                        for index in part {
                            let expected = predicate.satisfied(rows.row(index));
                            examined.expected += u64::from(expected);
                            self.compare(
                                question,
                                (publisher, index),
                                (segment, expected),
                                examined,
                            );
                        }
                    }
                    None if question.standing.delivered[publisher].any(&part) => {
                        for index in part {
                            self.compare(question, (publisher, index), (segment, false), examined);
                        }
                    }
                    None => {}
                }
            }
        }
    }

    fn compare(
        &self,
        question: &Question<'_>,
        (publisher, index): (usize, u32),
        (segment, expected): (&Segment, bool),
        examined: &mut Examined,
    ) {
        let standing = question.standing;
        let came = standing.delivered[publisher].contains(index);
        if !came && !expected {
            return;
        }
        let fate = self.publishers[publisher].publications[index as usize].fate;
        let expected = expected && fate != Fate::Refused;
        if came && !expected {
            let finding = question.finding(Fault::False, publisher, index);
            examined.findings.push(finding);
        } else if expected && !came && fate != Fate::Pending {
            let fault = self.missing(question, (publisher, index), segment.low);
            self.miss(question.finding(fault, publisher, index), examined);
        }
    }

    /// Counts something that did not come, unless it was told already or may be excused.
    fn miss(&self, finding: Finding, examined: &mut Examined) {
        let (Some(subscriber), Some(publisher), Some(seq)) =
            (finding.subscriber, finding.publisher, finding.seq)
        else {
            return examined.findings.push(finding);
        };
        let index = seq - 1;
        let witness = &self.witnesses[subscriber];
        let standing = finding.subscription.and_then(|n| witness.standings.get(&n));
        if standing.is_some_and(|standing| standing.late.contains(&(publisher, index))) {
            return;
        }
        if witness.excuses(publisher, index).next().is_some() {
            examined.excusable.push(Excusable {
                subscriber,
                publisher,
                index,
                finding,
            });
        } else {
            examined.findings.push(finding);
        }
    }

    /// What kind of miss it is: at an edge of its life, or in the middle.
    fn missing(
        &self,
        question: &Question<'_>,
        (publisher, index): (usize, u32),
        life: usize,
    ) -> Fault {
        let standing = question.standing;
        let witness = &self.witnesses[standing.subscriber];
        if witness.dropped.contains(&(publisher, index)) {
            return Fault::OutOfOrder;
        }
        let segments = &question.segments[publisher];
        let own = || segments.iter().filter(|s| s.low <= life && life <= s.high);
        let start = own().map(|segment| segment.span.start).min().unwrap_or(0);
        let end = own().map(|segment| segment.span.end).max().unwrap_or(0);
        let before = standing.delivered[publisher].any(&(start..index));
        let after = standing.delivered[publisher].any(&(index + 1..end));
        let has_successor = life + 1 < standing.lives.len();
        match (before, after) {
            (false, true) => Fault::HoleAtStart,
            (true, false) if has_successor => Fault::HoleAtEnd,
            (true | false, false) | (true, true) => Fault::Lost,
        }
    }

    /// All switches of one subscription in one publisher's notifications.
    pub(super) fn switches(
        &self,
        question: &Question<'_>,
        publisher: usize,
        examined: &mut Examined,
    ) {
        let segments = &question.segments[publisher];
        let mut reach: Vec<bool> = vec![false; question.predicates.len()];
        let mut row = vec![Cell::Missing; self.columns.len()];
        let mut before = 0;
        let mut is_switching = false;
        for segment in segments {
            if segment.low == segment.high {
                before = segment.low;
                is_switching = false;
                continue;
            }
            if !is_switching {
                reach.fill(false);
                reach[before] = true;
                is_switching = true;
            }
            let mut switch = Switch {
                examination: self,
                question,
                publisher,
                lives: segment.low..=segment.high,
                reach: &mut reach,
            };
            for index in segment.span.clone() {
                let content = self.publishers[publisher].publications[index as usize].content;
                self.columns.fill(content, &mut row);
                switch.step(index, &row, examined);
            }
        }
    }
}

impl Question<'_> {
    fn finding(&self, fault: Fault, publisher: usize, index: u32) -> Finding {
        Finding {
            subscriber: Some(self.standing.subscriber),
            publisher: Some(publisher),
            seq: Some(index + 1),
            subscription: Some(self.standing.number),
            ..Finding::new(fault)
        }
    }
}

/// A switch under way: which lives the notification before may have belonged to.
struct Switch<'s, 'a> {
    examination: &'s Examination<'a>,
    question: &'s Question<'a>,
    publisher: usize,
    lives: std::ops::RangeInclusive<usize>,
    reach: &'s mut [bool],
}

impl Switch<'_, '_> {
    fn step(&mut self, index: u32, row: &[Cell<'_>], examined: &mut Examined) {
        let standing = self.question.standing;
        let came = standing.delivered[self.publisher].contains(index);
        let publication = &self.examination.publishers[self.publisher].publications[index as usize];
        let satisfied = |life: usize| {
            publication.fate != Fate::Refused
                && self.question.predicates[life].is_some_and(|predicate| predicate.satisfied(row))
        };
        let truths: Vec<bool> = self.lives.clone().map(satisfied).collect();
        examined.pairs += 1;
        examined.expected += u64::from(truths.contains(&true));
        let witness = &self.examination.witnesses[standing.subscriber];
        let is_free = !came
            && (publication.fate == Fate::Pending
                || witness.excuses(self.publisher, index).next().is_some()
                || standing.late.contains(&(self.publisher, index)));
        let fits = |truth: bool| is_free || truth == came;
        if self.advance(|place| fits(truths[place])) {
            return;
        }
        self.advance(|_| true);
        let fault = match (came, truths.contains(&!came)) {
            (true, _) if truths.contains(&true) => Fault::HoleAtEnd,
            (true, _) => Fault::False,
            (false, _) if witness.dropped.contains(&(self.publisher, index)) => Fault::OutOfOrder,
            (false, true) if truths.contains(&false) => Fault::HoleAtStart,
            (false, _) => Fault::Lost,
        };
        let finding = self.question.finding(fault, self.publisher, index);
        match came {
            true => examined.findings.push(finding),
            false => self.examination.miss(finding, examined),
        }
    }

    /// Goes on to those lives that fit and are not before one that was possible; whether there is any. If not, nothing
    /// changes but that all are possible again.
    fn advance(&mut self, fits: impl Fn(usize) -> bool) -> bool {
        let first = *self.lives.start();
        let mut reachable = self.reach[..first].contains(&true);
        let mut next = Vec::with_capacity(self.reach.len());
        for life in self.lives.clone() {
            reachable |= self.reach[life];
            next.push(reachable && fits(life - first));
        }
        let is_any = next.contains(&true);
        self.reach.fill(false);
        if is_any {
            self.reach[first..first + next.len()].copy_from_slice(&next);
        } else {
            self.reach[first] = true;
        }
        is_any
    }
}
