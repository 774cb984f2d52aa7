//! What is slow, and for how long. Rare orders are reached by holding up single lanes, single instances, and the word
//! of a step of an operation to single instances, while everything else goes on.

use std::collections::BTreeMap;

use gomera_model::{Incarnation, Layer};

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
}

impl Weather {
    /// How fast a receiver is.
    pub(super) fn pace(&self, receiver: Receiver) -> u64 {
        self.receivers
            .get(&receiver)
            .map_or(BRISK, |&(pace, _)| pace)
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
        | Route::Report(_)
        | Route::Up(_)
        | Route::Down(_)
        | Route::Store
        | Route::Host => false,
    }
}
