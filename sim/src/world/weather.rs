//! What is slow, and for how long. Rare orders are reached by holding up single lanes, single instances, and the word
//! of a step of an operation to single instances, while everything else goes on.

use std::collections::BTreeMap;

use gomera_model::{Duration, Incarnation, Layer, Time};

use super::post::BRISK;
use super::{Receiver, Route, World};

/// How fast what is held up still is.
const SLOW: [u64; 3] = [1, 10, 100];

/// What is held up now.
#[derive(Debug, Default)]
pub(super) struct Weather {
    /// Step at which a queue becomes brisk again.
    queues: BTreeMap<Route, u64>,
    /// Pace of a slow receiver, and the step at which it becomes brisk again.
    receivers: BTreeMap<Receiver, (u64, u64)>,
    /// Who stands still, and until when.
    paused: BTreeMap<Receiver, Until>,
    /// Queues that stand still, and until when.
    stalled: BTreeMap<Route, Until>,
}

/// A step and a time; whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    step: u64,
    at: Time,
}

impl Weather {
    /// How fast a receiver is.
    pub(super) fn pace(&self, receiver: Receiver) -> u64 {
        if self.is_paused(receiver) {
            return 0;
        }
        self.receivers
            .get(&receiver)
            .map_or(BRISK, |&(pace, _)| pace)
    }

    /// Whether a receiver stands still.
    pub(super) fn is_paused(&self, receiver: Receiver) -> bool {
        !self.paused.is_empty() && self.paused.contains_key(&receiver)
    }

    /// When something that stands still goes on at the latest.
    pub(super) fn next_change(&self) -> Option<Time> {
        let untils = self.paused.values().chain(self.stalled.values());
        untils.map(|until| until.at).min()
    }
}

impl World {
    /// Slots change hands soon: what a matcher says to the exit points may come late, its last registrations too.
    pub(super) fn delay_registrations(&mut self) {
        if !self.rng.per_mille(self.scenario.partings_per_mille) {
            return;
        }
        let matcher = *self.rng.pick(&self.instances.layer(Layer::Matchers));
        for to in self.instances.layer(Layer::ExitPoints) {
            let until = self.until();
            self.slow(Route::Lane { from: matcher, to }, SLOW[0], until);
        }
    }

    /// Ends what has been slow for long enough; now and then makes something slow.
    pub(super) fn change_weather(&mut self) {
        self.clear_up();
        if self.eagerness() > 0 && self.rng.per_mille(self.scenario.slowness_per_mille) {
            let pace = *self.rng.pick(&SLOW);
            let until = self.until();
            if self.rng.per_mille(300) {
                self.slow_instance(pace, until);
            } else {
                self.slow_queue(pace, until);
            }
        }
    }

    /// The coordinator told these instances something: some may learn it late.
    pub(super) fn delay_some(&mut self, told: &[Incarnation]) {
        if told.is_empty() || !self.rng.per_mille(self.scenario.laziness_per_mille) {
            return;
        }
        for _ in 0..self.rng.between(1, 3) {
            let lazy = *self.rng.pick(told);
            let pace = *self.rng.pick(&SLOW);
            let until = self.until();
            self.slow(Route::Order(lazy), pace, until);
            self.slow_lanes_of(lazy, pace);
        }
    }

    fn clear_up(&mut self) {
        let step = self.reach.steps;
        let post = &mut self.post;
        self.weather.queues.retain(|route, until| {
            let goes_on = *until > step;
            if !goes_on {
                post.set_pace(*route, BRISK);
            }
            goes_on
        });
        self.weather.receivers.retain(|_, (_, until)| *until > step);
        let goes_on = |until: &Until| until.step > step && until.at > self.now;
        self.weather.paused.retain(|_, until| goes_on(until));
        self.weather.stalled.retain(|route, until| {
            let goes_on = goes_on(until);
            if !goes_on {
                post.set_pace(*route, BRISK);
            }
            goes_on
        });
    }

    /// Everything is brisk again.
    pub(super) fn clear_all(&mut self) {
        let Weather {
            queues, stalled, ..
        } = core::mem::take(&mut self.weather);
        for route in queues.into_keys().chain(stalled.into_keys()) {
            self.post.set_pace(route, BRISK);
        }
    }

    /// Somebody stands still for a while.
    pub(super) fn pause(&mut self, receiver: Receiver) -> Until {
        let until = self.long();
        self.pause_until(receiver, until);
        until
    }

    pub(super) fn pause_until(&mut self, receiver: Receiver, until: Until) {
        self.weather.paused.insert(receiver, until);
    }

    /// A queue stands still for a while.
    pub(super) fn stand_still(&mut self, route: Route) {
        let until = self.long();
        self.post.set_pace(route, 0);
        self.weather.queues.remove(&route);
        self.weather.stalled.insert(route, until);
    }

    /// A queue is slow for a while.
    pub(super) fn slow_down(&mut self, route: Route, pace: u64) {
        let until = self.until();
        self.slow(route, pace, until);
    }

    /// So long that others do a lot meanwhile; shorter than what makes anybody give up on it.
    fn long(&mut self) -> Until {
        let length = *self.rng.pick(&[30, 200, 1000]);
        Until {
            step: self.reach.steps + self.rng.between(length / 3, length),
            at: self.now + Duration::from_millis(self.rng.between(100, 4000)),
        }
    }

    fn until(&mut self) -> u64 {
        let length = *self.rng.pick(&[30, 100, 300, 1000]);
        self.reach.steps + self.rng.between(length / 3, length)
    }

    fn slow_queue(&mut self, pace: u64, until: u64) {
        let routes: Vec<_> = self.post.routes().collect();
        if !routes.is_empty() {
            let route = *self.rng.pick(&routes);
            self.slow(route, pace, until);
        }
    }

    /// Some lanes from or to an instance that has part in a step.
    fn slow_lanes_of(&mut self, instance: Incarnation, pace: u64) {
        let lanes: Vec<_> = self
            .post
            .routes()
            .filter(|route| is_lane_of(*route, instance))
            .collect();
        for _ in 0..self.rng.below(3) {
            if !lanes.is_empty() {
                let lane = *self.rng.pick(&lanes);
                let until = self.until();
                self.slow(lane, pace, until);
            }
        }
    }

    fn slow(&mut self, route: Route, pace: u64, until: u64) {
        if self.weather.stalled.contains_key(&route) {
            return;
        }
        self.post.set_pace(route, pace);
        self.weather.queues.insert(route, until);
    }

    fn slow_instance(&mut self, pace: u64, until: u64) {
        let instances: Vec<_> = self
            .instances
            .all()
            .map(|i| i.instance.incarnation)
            .collect();
        if !instances.is_empty() {
            let receiver = Receiver::Instance(*self.rng.pick(&instances));
            self.weather.receivers.insert(receiver, (pace, until));
        }
    }
}

fn is_lane_of(route: Route, instance: Incarnation) -> bool {
    match route {
        Route::Lane { from, to } => from == instance || to == instance,
        Route::Order(_)
        | Route::Report { .. }
        | Route::Up(_)
        | Route::Down(_)
        | Route::Word { .. }
        | Route::Store(_)
        | Route::Write(_)
        | Route::Late(_)
        | Route::News(_)
        | Route::Written(_)
        | Route::Rumour => false,
    }
}
