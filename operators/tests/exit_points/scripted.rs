//! What chance seldom brings about, step by step.

use gomera_model::{Duration, Incarnation, SessionId};
use gomera_operators::Rules;

use crate::crowd::{Crowd, State};
use crate::places::{BACKUP, NEW, OLD, moving, pair, placement};
use crate::world::{CONNECTION_POINTS, COORDINATOR, MATCHERS, Placement, World, alone};

const HERE: Incarnation = CONNECTION_POINTS[0];

/// One session that is subscribed to topic 1, at the old exit point.
struct Scene {
    world: World,
    crowd: Crowd,
}

impl Scene {
    fn new() -> Self {
        let alone = placement(&[OLD], &[alone(OLD)]);
        Self::of(Rules::default(), &alone)
    }

    fn of_pair() -> Self {
        let pair = placement(&[OLD, BACKUP], &[pair(OLD, BACKUP)]);
        Self::of(Rules::default(), &pair)
    }

    fn of(rules: Rules, placement: &Placement) -> Self {
        let world = World::new(rules, placement);
        let mut scene = Self {
            world,
            crowd: Crowd::default(),
        };
        scene.crowd.publisher(&mut scene.world, 1);
        scene.crowd.subscriber(&mut scene.world, HERE, 7);
        scene.settle();
        scene.crowd.subscribe(&mut scene.world, 0, (0, Some(1)));
        scene.settle();
        scene
    }

    fn settle(&mut self) {
        while !self.world.ready().is_empty() || !self.world.told.is_empty() {
            self.world.settle();
            self.crowd.listen(&mut self.world);
        }
    }

    fn fill(&mut self) {
        self.world
            .go_to(&placement(&[OLD, NEW], &[moving(OLD, NEW)]));
        self.settle();
    }

    fn swap(&mut self) {
        self.world.commit(&placement(&[OLD, NEW], &[alone(NEW)]));
        self.settle();
    }

    fn publish(&mut self, count: usize) {
        for _ in 0..count {
            self.crowd.publish(&mut self.world, 0, 1);
        }
        self.settle();
    }

    fn received(&self) -> Vec<u64> {
        let received = self.crowd.subscribers[0].received.iter();
        received.map(|deliver| deliver.publisher_seq.0).collect()
    }

    fn check(&mut self) {
        self.settle();
        assert_eq!(self.crowd.check(&self.world), Ok(()));
        assert_eq!(self.crowd.check_matched(), Ok(()));
    }
}

#[test]
fn what_waits_for_an_absent_client_goes_with_its_session() {
    let mut scene = Scene::new();
    scene.publish(3);
    scene.crowd.acknowledge(&mut scene.world, 0, 1);
    scene.settle();
    scene.fill();
    scene.publish(2);
    scene.swap();
    scene.publish(1);
    assert_eq!(scene.received(), [1, 2, 3, 4, 5, 6]);
    scene.crowd.reconnect(&mut scene.world, (0, HERE), 1);
    scene.check();
    assert_eq!(
        scene.received(),
        [1, 2, 3, 4, 5, 6],
        "all but the first came again"
    );
}

#[test]
fn a_client_waits_until_the_old_primary_has_yielded() {
    let mut scene = Scene::new();
    scene.fill();
    scene.world.hold(COORDINATOR, OLD);
    scene.swap();
    scene.crowd.subscriber(&mut scene.world, HERE, 8);
    scene.publish(2);
    assert_eq!(scene.crowd.subscribers[1].state, State::Connecting);
    assert!(scene.received().is_empty());
    assert!(!scene.world.is_done());
    scene.world.let_go(COORDINATOR, OLD);
    scene.check();
    assert!(scene.world.is_done());
    assert_eq!(scene.crowd.subscribers[1].state, State::Connected);
    assert_eq!(scene.received(), [1, 2]);
}

#[test]
fn a_client_waits_until_the_new_primary_knows_that_it_is_one() {
    let mut scene = Scene::new();
    scene.fill();
    scene.world.hold(COORDINATOR, NEW);
    scene.swap();
    scene.publish(2);
    assert!(scene.received().is_empty());
    scene.world.let_go(COORDINATOR, NEW);
    scene.check();
    assert_eq!(scene.received(), [1, 2]);
}

#[test]
fn an_operation_that_the_old_primary_took_is_answered_by_the_new_one() {
    let mut scene = Scene::new();
    scene.fill();
    scene.world.hold(OLD, HERE);
    scene.crowd.subscribe(&mut scene.world, 0, (1, Some(2)));
    scene.settle();
    scene.swap();
    scene.world.let_go(OLD, HERE);
    scene.check();
}

#[test]
fn a_session_that_ends_while_it_moves_is_gone() {
    let mut scene = Scene::new();
    scene.fill();
    scene.world.hold(COORDINATOR, HERE);
    scene.swap();
    scene.crowd.bye(&mut scene.world, 0, true);
    scene.settle();
    scene.check();
    assert_eq!(scene.world.exit_point(NEW).stats().sessions, 0);
}

#[test]
fn a_copy_forgets_whom_nobody_names() {
    let mut scene = Scene::new();
    scene.fill();
    scene.world.hold(OLD, NEW);
    scene.crowd.subscriber(&mut scene.world, HERE, 8);
    scene.settle();
    scene.crowd.subscribe(&mut scene.world, 1, (0, Some(1)));
    scene.settle();
    let copies = |scene: &Scene| scene.world.exit_point(NEW).stats().copies;
    assert_eq!(copies(&scene), 2);
    let held = |scene: &Scene| {
        scene
            .world
            .exit_point(NEW)
            .subscriptions(SessionId(8))
            .len()
    };
    assert_eq!(held(&scene), 1, "its list is there before its name");
    scene.world.wait(Duration::from_secs(63));
    assert_eq!(copies(&scene), 1);
    assert_eq!(scene.world.exit_point(OLD).stats().sessions, 2);
}

#[test]
fn a_session_that_begins_while_others_are_filled_goes_too() {
    let mut scene = Scene::new();
    scene.world.hold(OLD, NEW);
    scene
        .world
        .commit(&placement(&[OLD, NEW], &[moving(OLD, NEW)]));
    scene.settle();
    scene.crowd.subscriber(&mut scene.world, HERE, 8);
    scene.settle();
    scene.crowd.subscribe(&mut scene.world, 1, (0, Some(1)));
    scene.settle();
    scene.publish(2);
    assert!(!scene.world.is_done());
    scene.world.let_go(OLD, NEW);
    scene.settle();
    assert!(scene.world.is_done());
    scene.swap();
    scene.publish(1);
    scene.check();
    assert_eq!(scene.crowd.subscribers[1].received.len(), 3);
}

/// The two exit points have notifications of two access points in different orders.
#[test]
fn each_access_point_has_its_own_place_in_what_a_client_has() {
    let mut scene = Scene::new();
    for id in 2..=4 {
        scene.crowd.publisher(&mut scene.world, id);
    }
    scene.settle();
    scene.fill();
    for matcher in MATCHERS {
        scene.world.hold(matcher, NEW);
    }
    for by in 0..4 {
        scene.crowd.publish(&mut scene.world, by, 1);
        scene.settle();
    }
    scene.crowd.acknowledge(&mut scene.world, 0, 2);
    scene.settle();
    for matcher in MATCHERS {
        scene.world.let_go(matcher, NEW);
    }
    scene.swap();
    scene.crowd.reconnect(&mut scene.world, (0, HERE), 3);
    scene.check();
    assert_eq!(scene.crowd.subscribers[0].received.len(), 4);
}

#[test]
fn a_client_hears_nothing_of_what_its_backup_has_not_taken() {
    wait_for_backup(Rules::default());
}

pub(crate) fn wait_for_backup(rules: Rules) {
    let pair = placement(&[OLD, BACKUP], &[pair(OLD, BACKUP)]);
    let mut scene = Scene::of(rules, &pair);
    scene.world.hold(BACKUP, OLD);
    scene.publish(1);
    assert_eq!(scene.received(), [1], "no operation is under way");
    scene.crowd.subscribe(&mut scene.world, 0, (1, Some(1)));
    scene.settle();
    scene.publish(2);
    assert_eq!(scene.received(), [1], "the second subscription would show");
    assert_eq!(scene.crowd.unanswered(0), 1);
    scene.world.let_go(BACKUP, OLD);
    scene.settle();
    assert_eq!(scene.received(), [1, 2, 3]);
    assert_eq!(scene.crowd.unanswered(0), 0);
}

#[test]
fn what_is_not_sent_to_the_client_shows_nothing_either() {
    let mut scene = Scene::of_pair();
    scene.world.hold(BACKUP, OLD);
    scene.crowd.subscribe(&mut scene.world, 0, (0, None));
    scene.settle();
    scene.publish(1);
    assert_eq!(scene.crowd.unanswered(0), 1);
    scene.world.let_go(BACKUP, OLD);
    scene.settle();
    assert!(scene.received().is_empty());
    assert_eq!(scene.crowd.unanswered(0), 0);
}

#[test]
fn nobody_waits_for_a_backup_that_is_none_any_more() {
    let mut scene = Scene::of_pair();
    scene.world.hold(BACKUP, OLD);
    scene.crowd.subscribe(&mut scene.world, 0, (1, Some(1)));
    scene.settle();
    assert_eq!(scene.crowd.unanswered(0), 1);
    scene.world.go_to(&placement(&[OLD, BACKUP], &[alone(OLD)]));
    scene.settle();
    assert_eq!(scene.crowd.unanswered(0), 0);
    assert_eq!(scene.world.exit_point(BACKUP).stats().copies, 0);
}

#[test]
fn what_a_client_has_processed_its_backup_forgets() {
    let mut scene = Scene::of_pair();
    scene.publish(5);
    let queued = |scene: &Scene, at| scene.world.exit_point(at).stats().queued_deliveries;
    assert_eq!((queued(&scene, OLD), queued(&scene, BACKUP)), (5, 5));
    scene.crowd.acknowledge(&mut scene.world, 0, 4);
    scene.settle();
    assert_eq!((queued(&scene, OLD), queued(&scene, BACKUP)), (1, 1));
}
