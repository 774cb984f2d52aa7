//! A record for each thing that can be wrong, and for each that looks wrong and is not.

use super::*;

/// Ten notifications, one each 100, acknowledged 50 later, and a subscriber with one subscription to all of them.
#[derive(Clone)]
struct Records {
    publisher: Vec<(u64, String)>,
    subscriber: Vec<(u64, String)>,
    cluster: Vec<(u64, String)>,
}

impl Records {
    /// As they are when nothing is wrong.
    fn clean() -> Self {
        let mut records = Self::without_subscription();
        records.heard(10, "s 1 level > 0");
        records.heard(20, "k 1");
        (1..=10).for_each(|seq| records.arrives(seq));
        records
    }

    fn without_subscription() -> Self {
        let mut publisher = vec![(0, "o a".to_owned())];
        for seq in 1..=10 {
            publisher.push((seq * 100, format!("p {seq} {} 7 level=i{seq}", seq * 100)));
            publisher.push((seq * 100 + 50, format!("a {seq} 1")));
        }
        publisher.push((9_000, "f".to_owned()));
        Self {
            publisher,
            subscriber: vec![(0, "o 5".to_owned()), (9_000, "f".to_owned())],
            cluster: vec![(0, "t 1 host".to_owned())],
        }
    }

    /// A line of the subscriber, in its place in time, behind those of the same time.
    fn heard(&mut self, at: u64, what: &str) {
        let place = self.subscriber.partition_point(|(before, _)| *before <= at);
        self.subscriber.insert(place, (at, what.to_owned()));
    }

    fn arrives(&mut self, seq: u64) {
        self.heard(seq * 100 + 20, &format!("v 1 {seq} 1 a {seq} 7 1:1"));
    }

    /// What was to come does not.
    fn without(mut self, seqs: &[u64]) -> Self {
        for seq in seqs {
            let line = format!("v 1 {seq} 1 a {seq} 7 1:1");
            self.subscriber.retain(|(_, what)| *what != line);
        }
        self
    }

    fn and(mut self, at: u64, what: &str) -> Self {
        self.heard(at, what);
        self
    }

    fn files(&self) -> Files {
        let text = |lines: &[(u64, String)]| {
            let lines = lines.iter().map(|(at, what)| format!("{at} {what}\n"));
            lines.collect::<String>()
        };
        Files {
            run: String::new(),
            publishers: vec![text(&self.publisher)],
            subscribers: vec![text(&self.subscriber)],
            cluster: text(&self.cluster),
        }
    }

    fn judged(&self, rules: Rules) -> Verdict {
        check(&self.files(), rules).unwrap()
    }

    /// Exactly these are found, and so often.
    fn check(&self, expected: &[(Fault, u64)]) -> Verdict {
        self.check_with(Rules::default(), expected)
    }

    fn check_with(&self, rules: Rules, expected: &[(Fault, u64)]) -> Verdict {
        let verdict = self.judged(rules);
        let found: Vec<(Fault, u64)> = Fault::ALL
            .into_iter()
            .map(|fault| (fault, verdict.findings.count(fault)))
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(found, expected, "{:#?}", self.subscriber);
        assert_eq!(verdict.is_clean(), expected.is_empty());
        verdict
    }
}

/// Subscribes only at 250, answered at 650: two notifications are before it, four in between, four behind.
fn late_subscription() -> Records {
    let mut records = Records::without_subscription();
    records.heard(250, "s 1 level > 0");
    records.heard(650, "k 1");
    (3..=10).for_each(|seq| records.arrives(seq));
    records
}

/// Unsubscribes at 450, answered at 850: three are before it, five in between, two behind.
fn early_end() -> Records {
    let mut records = Records::clean().without(&[9, 10]);
    records.heard(450, "u 1");
    records.heard(850, "k 1");
    records
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let verdict = Records::clean().check(&[]);
    let figures = &verdict.figures;
    assert_eq!(
        (
            figures.notifications,
            figures.acknowledged,
            figures.deliveries
        ),
        (10, 10, 10)
    );
    assert_eq!((figures.pairs_checked, figures.pairs_true), (10, 10));
    assert_eq!(figures.subscriptions_made, 1);
    assert!(figures.is_complete);
    late_subscription().check(&[]);
    late_subscription().without(&[3, 4]).check(&[]);
    late_subscription().without(&[3, 4, 5, 6]).check(&[]);
    early_end().check(&[]);
    early_end().without(&[5, 6, 7, 8]).check(&[]);
    early_end().without(&[7, 8]).check(&[]);
}

#[test]
fn what_was_acknowledged_and_never_came_is_lost() {
    Records::clean().without(&[5]).check(&[(Fault::Lost, 1)]);
    let all: Vec<u64> = (1..=10).collect();
    Records::clean().without(&all).check(&[(Fault::Lost, 10)]);
}

#[test]
fn what_comes_twice_is_doubled() {
    Records::clean()
        .and(530, "v 1 5 1 a 5 7 1:1")
        .check(&[(Fault::Doubled, 1)]);
    // The library drops it, and the same stamp over the same connection has no reason.
    Records::clean()
        .and(530, "xc 1 5 1 a 5 7 1:1")
        .check(&[(Fault::Doubled, 1)]);
    Records::clean()
        .without(&[5])
        .and(520, "v 1 5 1 a 5 7 1:1,1:1")
        .check(&[(Fault::Doubled, 1)]);
}

#[test]
fn a_repeat_with_a_reason_is_none() {
    let check = |records: Records| {
        let verdict = records.check(&[]);
        assert_eq!(verdict.figures.repeats_dropped, 1);
    };
    // Another connection.
    check(
        Records::clean()
            .and(525, "d")
            .and(526, "c continued 5")
            .and(530, "xc 1 5 1 a 5 7 1:1"),
    );
    // Another access point, after the death of the first.
    check(Records::clean().and(530, "xp 2 1 1 a 5 7 1:1"));
    // Another stamp, after the death of a matcher.
    check(Records::clean().and(530, "xc 1 5 2 a 5 7 1:1"));
    let mut changed = Records::clean().and(530, "xc 1 5 1 a 5 7 1:1");
    changed.cluster.push((528, "t 2 host".to_owned()));
    check(changed);
}

#[test]
fn what_the_filter_is_not_true_for_is_false() {
    let mut records = Records::without_subscription();
    records.heard(10, "s 1 level > 5");
    records.heard(20, "k 1");
    (6..=10).for_each(|seq| records.arrives(seq));
    records.check(&[]);
    records.arrives(3);
    records.check(&[(Fault::False, 1)]);
    // A subscription that nobody has asked for.
    Records::clean()
        .without(&[5])
        .and(520, "v 1 5 1 a 5 7 1:1,9:4")
        .check(&[(Fault::False, 1)]);
}

#[test]
fn what_comes_after_a_later_one_is_out_of_order() {
    let swapped = Records::clean().without(&[5]);
    swapped
        .clone()
        .and(630, "v 1 7 1 a 5 7 1:1")
        .check(&[(Fault::OutOfOrder, 1)]);
    // The library does not show it.
    swapped
        .clone()
        .and(630, "xp 1 7 1 a 5 7 1:1")
        .check(&[(Fault::OutOfOrder, 1)]);
    swapped
        .and(630, "xc 1 5 1 a 5 7 1:1")
        .check(&[(Fault::OutOfOrder, 1)]);
}

#[test]
fn a_hole_behind_the_first_that_came_is_one_at_the_start() {
    late_subscription()
        .without(&[4])
        .check(&[(Fault::HoleAtStart, 1)]);
    late_subscription()
        .without(&[4, 6])
        .check(&[(Fault::HoleAtStart, 2)]);
    // In force later than it was acknowledged.
    late_subscription()
        .without(&[3, 4, 5, 6, 7, 8])
        .check(&[(Fault::HoleAtStart, 2)]);
}

#[test]
fn a_hole_before_the_last_that_came_is_one_at_the_end() {
    early_end().without(&[7]).check(&[(Fault::HoleAtEnd, 1)]);
    // Out of force before its end was asked for: others of the publisher had come.
    let mut early = early_end().without(&[2, 3, 4, 5, 6, 7, 8]);
    early.heard(20, "s 2 level > 0");
    early.heard(20, "k 2");
    (2..=10).for_each(|seq| {
        early.heard(seq * 100 + 20, &format!("v 1 {seq} 1 a {seq} 7 2:2"));
    });
    early
        .subscriber
        .retain(|(_, what)| what != "v 1 1 1 a 1 7 1:1");
    early.heard(120, "v 1 1 1 a 1 7 1:1,2:2");
    early.check(&[(Fault::HoleAtEnd, 2)]);
    // What had not come by then the end may cut off.
    early_end().without(&[2, 3, 4, 5, 6, 7, 8]).check(&[]);
}

#[test]
fn a_filter_is_replaced_at_one_position() {
    let mut replaced = Records::clean();
    replaced.heard(350, "s 1 level > 100");
    replaced.heard(750, "k 1");
    replaced.clone().without(&[6, 7, 8, 9, 10]).check(&[]);
    replaced.clone().without(&[4, 5, 6, 7, 8, 9, 10]).check(&[]);
    // Back to the filter before.
    replaced
        .clone()
        .without(&[5, 7, 8, 9, 10])
        .check(&[(Fault::HoleAtEnd, 1)]);
    replaced
        .clone()
        .without(&[7, 9, 10])
        .check(&[(Fault::False, 1)]);
    replaced.without(&[2, 8, 9, 10]).check(&[(Fault::Lost, 1)]);
}

#[test]
fn a_refused_request_changes_nothing() {
    let records = Records::clean()
        .and(350, "s 1 level > 100")
        .and(360, "n 1 no");
    records.check(&[(Fault::SubscriptionRefused, 1)]);
}

#[test]
fn nothing_may_come_after_the_end_was_acknowledged() {
    early_end()
        .and(860, "v 1 8 1 a 9 7 1:1")
        .check(&[(Fault::AfterEnd, 1)]);
    early_end()
        .and(860, "xu 1 8 1 a 9 7 1:1")
        .check(&[(Fault::AfterEnd, 1)]);
    // Before the acknowledgement it may, and the library does not show it.
    early_end()
        .without(&[8])
        .and(840, "xu 1 8 1 a 8 7 1:1")
        .check(&[]);
}

#[test]
fn a_delivery_in_two_parts_is_one() {
    let mut records = Records::clean().without(&[9, 10]);
    records.heard(20, "s 2 level > 0");
    records.heard(20, "k 2");
    for line in &mut records.subscriber {
        line.1 = line.1.replace(" 7 1:1", " 7 1:1,2:2");
    }
    records.heard(720, "u 1");
    records.subscriber.retain(|(at, _)| *at != 820);
    records.heard(820, "xu 1 8 1 a 8 7 1:1");
    records.heard(820, "v 1 8 1 a 8 7 2:2");
    records.heard(850, "k 1");
    records.heard(920, "v 1 9 1 a 9 7 2:2");
    records.heard(1_020, "v 1 10 1 a 10 7 2:2");
    records.check(&[]);
}

#[test]
fn what_is_not_what_was_published_is_found() {
    Records::clean()
        .without(&[5])
        .and(520, "v 1 5 1 a 5 8 1:1")
        .check(&[(Fault::Altered, 1)]);
    Records::clean()
        .and(1_100, "v 1 11 1 a 11 7 1:1")
        .check(&[(Fault::Stranger, 1)]);
    Records::clean()
        .and(1_100, "v 1 11 1 b 1 7 1:1")
        .check(&[(Fault::Stranger, 1)]);
}

#[test]
fn what_is_never_acknowledged_may_come_or_not_but_is_found() {
    let mut records = Records::clean();
    records.publisher.retain(|(_, what)| what != "a 10 1");
    records.check(&[(Fault::Unacknowledged, 1)]);
    records
        .clone()
        .without(&[10])
        .check(&[(Fault::Unacknowledged, 1)]);
    records
        .clone()
        .without(&[10])
        .and(1_020, "v 1 10 1 a 10 7 1:1,9:1")
        .check(&[(Fault::False, 1), (Fault::Unacknowledged, 1)]);
    // A run that was cut off.
    records.publisher.retain(|(_, what)| what != "f");
    let verdict = records.check(&[]);
    assert!(!verdict.figures.is_complete);
}

#[test]
fn a_gap_covers_as_many_as_it_signals_and_only_where_it_is() {
    let gap = |without: &[u64], count| {
        let at = 610;
        Records::clean()
            .without(without)
            .and(at, &format!("g 1 5 6 {count}"))
    };
    let allowed = Rules {
        allow_gaps: true,
        ..Rules::default()
    };
    gap(&[5, 6], 2).check(&[(Fault::Gap, 1)]);
    let verdict = gap(&[5, 6], 2).check_with(allowed, &[]);
    let figures = verdict.figures;
    assert_eq!(
        (
            figures.gaps_signalled,
            figures.gap_deliveries,
            figures.excused_by_gaps
        ),
        (1, 2, 2)
    );
    gap(&[5, 6], 1).check_with(allowed, &[(Fault::Lost, 1)]);
    gap(&[5, 6, 8], 3).check_with(allowed, &[(Fault::Lost, 1)]);
    gap(&[3, 5, 6], 3).check_with(allowed, &[(Fault::Lost, 1)]);
}

#[test]
fn the_loss_of_a_session_is_one_where_the_placement_survives_something() {
    let mut records = Records::clean()
        .without(&[4, 5, 6])
        .and(330, "d")
        .and(540, "c fresh 6")
        .and(650, "b");
    records.check(&[(Fault::SessionLost, 1)]);
    let allowed = Rules {
        allow_lost_sessions: true,
        ..Rules::default()
    };
    let verdict = records.check_with(allowed, &[]);
    assert_eq!(verdict.figures.excused_by_lost_sessions, 3);
    records.cluster = vec![(0, "t 1 nothing".to_owned())];
    records.check(&[]);
    records.cluster.clear();
    records.check(&[]);
    records.without(&[7]).check(&[(Fault::Lost, 1)]);
}

#[test]
fn what_ends_clients_is_found() {
    Records::clean()
        .and(8_000, "e because")
        .check(&[(Fault::ClientEnded, 1)]);
    let mut records = Records::clean();
    records.publisher.insert(1, (1, "e because".to_owned()));
    records.check(&[(Fault::ClientEnded, 1)]);
}

#[test]
fn silence_is_measured_while_notifications_flow() {
    let figures = Records::clean().judged(Rules::default()).figures;
    assert_eq!(
        (figures.silence_max_ns, figures.silence_median_ns),
        (100, 100)
    );
    let quiet = Records::clean()
        .without(&[5, 6, 7])
        .judged(Rules::default())
        .figures;
    assert_eq!(quiet.silence_max_ns, 400);
    let ended = Records::clean()
        .without(&[8, 9, 10])
        .judged(Rules::default())
        .figures;
    assert_eq!(ended.silence_max_ns, 1_000 - 720);
}

#[test]
fn a_line_that_is_none_is_named() {
    let mut records = Records::clean();
    records.heard(5, "z what");
    let error = check(&records.files(), Rules::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("subscriber-0000.log: the line `5 z what`"),
        "{error}"
    );
}
