//! Runs in which chance decides what happens next and which lane brings its next input.

use std::collections::BTreeSet;

use gomera_model::{Duration, Incarnation};
use gomera_operators::Rules;

use crate::crowd::Crowd;
use crate::world::{CONNECTION_POINTS, Lane, Placement, World};

/// What a run does.
#[derive(Clone, Copy)]
pub(crate) struct Course<'a> {
    /// The exit points of the slots, epoch after epoch.
    pub(crate) epochs: &'a [Placement],
    /// Whether clients subscribe, come back and end while slots move.
    pub(crate) is_lively: bool,
    pub(crate) rules: Rules,
}

/// A run by its seed. The error says what is wrong.
pub(crate) fn run(seed: u64, course: Course<'_>) -> Result<(), String> {
    let mut run = Run::new(seed, course);
    run.begin();
    let mut epochs = course.epochs[1..].iter();
    let mut rest = 40;
    loop {
        run.step();
        if !run.world.is_done() {
            continue;
        }
        rest -= 1;
        if rest == 0 {
            let Some(next) = epochs.next() else {
                break;
            };
            run.commit(next);
            rest = 1 + run.random.below(60);
        }
        if run.steps > 60_000 {
            return Err("an operation does not end".into());
        }
    }
    run.end(course.is_lively)
}

struct Run {
    world: World,
    crowd: Crowd,
    random: Random,
    course_is_lively: bool,
    /// Lanes that are slow in this run.
    slow: u64,
    steps: u64,
    sessions: u64,
    dirty: BTreeSet<Incarnation>,
}

impl Run {
    fn new(seed: u64, course: Course<'_>) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        Self {
            world: World::new(course.rules, &course.epochs[0]),
            crowd: Crowd::default(),
            slow: random.next(),
            random,
            course_is_lively: course.is_lively,
            steps: 0,
            sessions: 0,
            dirty: BTreeSet::new(),
        }
    }

    fn begin(&mut self) {
        for id in 1..=4 {
            self.crowd.publisher(&mut self.world, id);
        }
        for _ in 0..4 {
            self.new_session();
        }
        self.settle();
        for by in 0..4 {
            for number in 0..2 {
                let topic = i64::from(self.random.below(3));
                let wish = (number, Some(topic));
                self.crowd.subscribe(&mut self.world, by, wish);
            }
        }
        self.settle();
    }

    fn commit(&mut self, placement: &Placement) {
        self.end_turns();
        self.world.commit(placement);
    }

    fn step(&mut self) {
        self.steps += 1;
        if self.random.below(6) == 0 && self.steps < 3_000 {
            self.act();
        }
        if self.random.below(10) == 0 {
            self.world.pass(Duration::from_millis(2));
        }
        let ready = self.world.ready();
        let Some(lane) = self.choose(&ready) else {
            self.end_turns();
            self.world.pass(Duration::from_millis(2));
            return;
        };
        let ends_turn = self.random.below(2) == 0;
        self.world.step(lane, ends_turn);
        self.dirty.insert(lane.1);
        if self.random.below(4) == 0 {
            self.end_turns();
        }
        self.crowd.listen(&mut self.world);
    }

    fn choose(&mut self, ready: &[Lane]) -> Option<Lane> {
        if ready.is_empty() {
            return None;
        }
        for _ in 0..8 {
            let lane = ready[self.random.index(ready.len())];
            let is_slow = self.slow >> ((lane.0.0 * 7 + lane.1.0 * 3) % 64) & 1 == 1;
            if !is_slow || self.random.below(12) == 0 {
                return Some(lane);
            }
        }
        ready.first().copied()
    }

    fn end_turns(&mut self) {
        for of in std::mem::take(&mut self.dirty) {
            self.world.end_turn(of);
        }
        self.crowd.listen(&mut self.world);
    }

    fn act(&mut self) {
        let by = self.random.index(self.crowd.subscribers.len());
        match self
            .random
            .below(if self.course_is_lively { 18 } else { 10 })
        {
            0..=6 => {
                let publisher = self.random.below(4) as usize;
                let topic = i64::from(self.random.below(3));
                self.crowd.publish(&mut self.world, publisher, topic);
            }
            7..=8 => {
                let count = self.processed(by);
                self.crowd.acknowledge(&mut self.world, by, count);
            }
            9 | 15 => {
                let at = CONNECTION_POINTS[self.random.below(2) as usize];
                let processed = self.processed(by);
                self.crowd.reconnect(&mut self.world, (by, at), processed);
            }
            10..=14 => {
                let number = self.random.below(3);
                let topic = (self.random.below(3) > 0).then(|| i64::from(self.random.below(3)));
                self.crowd.subscribe(&mut self.world, by, (number, topic));
            }
            16 => {
                let closes = self.random.below(2) == 0;
                self.crowd.bye(&mut self.world, by, closes);
            }
            _ => self.new_session(),
        }
        self.crowd.listen(&mut self.world);
    }

    fn new_session(&mut self) {
        self.sessions += 1;
        let at = CONNECTION_POINTS[self.random.below(2) as usize];
        self.crowd
            .subscriber(&mut self.world, at, self.sessions * 0x9e37);
    }

    fn processed(&mut self, by: usize) -> usize {
        let subscriber = &self.crowd.subscribers[by];
        let rest = subscriber.received.len() - subscriber.acknowledged;
        subscriber.acknowledged + self.random.index(rest + 1)
    }

    fn settle(&mut self) {
        loop {
            self.world.settle();
            self.crowd.listen(&mut self.world);
            if self.world.ready().is_empty() {
                return;
            }
        }
    }

    fn end(mut self, is_lively: bool) -> Result<(), String> {
        self.settle();
        self.world.wait(Duration::from_secs(3));
        self.settle();
        self.crowd.check(&self.world)?;
        if is_lively {
            return Ok(());
        }
        self.crowd.check_matched()
    }
}

/// Numbers by a seed: xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() >> 32).expect("32 bits") % bound
    }

    fn index(&mut self, count: usize) -> usize {
        let count = u32::try_from(count).expect("a small number");
        self.below(count) as usize
    }
}
