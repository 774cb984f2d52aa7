//! Every shape to a small depth, and proof that a rule taken away is seen.

use std::time::Duration;

use gomera_operators::{Rule, Rules};

use crate::checked::Checked;
use crate::shape::Shape;

/// Far more than it takes: a walk that is given up has shown nothing.
const PATIENCE: Duration = Duration::from_secs(600);

fn shape(wanted: &str, notifications: usize) -> Shape {
    let mut all = Shape::all();
    let (_, shape) = all.find(|(name, _)| name == wanted).unwrap();
    Shape {
        notifications,
        ..shape
    }
}

/// Walks through all shapes to a depth.
fn check(notifications: usize, depth: usize) {
    for (name, shape) in Shape::all() {
        let shape = Shape {
            notifications,
            ..shape
        };
        let finding = Checked::new(shape).walk(Some(depth), PATIENCE);
        assert!(finding.took < PATIENCE, "{name}: {finding:?}");
        assert!(finding.unique > 50, "{name}: {finding:?}");
        assert!(finding.counterexample.is_none(), "{name}: {finding:?}");
    }
}

/// Walks through all of a shape, and finds what it should.
fn check_all_of(wanted: &str, notifications: usize, rule: Option<Rule>) {
    let shape = Shape {
        rules: rule.map(Rules::without).unwrap_or_default(),
        ..shape(wanted, notifications)
    };
    let finding = Checked::new(shape).walk(None, PATIENCE);
    assert_eq!(
        finding.counterexample.is_some(),
        rule.is_some(),
        "{finding:?}"
    );
    assert_eq!(finding.is_exhaustive, rule.is_none(), "{finding:?}");
}

#[test]
fn nothing_is_wrong_within_a_few_events() {
    check(2, 6);
}

#[test]
fn nothing_is_wrong_with_an_operation_alone() {
    for shape in [
        "matchers-out-nothing",
        "matchers-in-nothing",
        "matchers-moved-nothing",
    ] {
        check_all_of(shape, 0, None);
    }
}

#[test]
fn nothing_is_wrong_with_a_notification() {
    check_all_of("matchers-out-nothing", 1, None);
}

#[test]
fn a_rule_taken_away_is_seen() {
    check_all_of("matchers-out-nothing", 1, Some(Rule::VisibilityFilter));
    check_all_of("matchers-out-nothing", 1, Some(Rule::DropAfterEveryFlip));
    check_all_of("matchers-out-replace", 0, Some(Rule::FollowTheCopy));
    check_all_of("matchers-out-unsubscribe", 0, Some(Rule::HoldWhileClosed));
}
