//! Carrying out what instances want done.

use gomera_model::lane::{AccessPointFrame, LaneFrame, MatcherFrame};
use gomera_model::{Incarnation, Layer};
use gomera_operators::Effect;

use super::{Cargo, Route, World};
use crate::scenario::Forgery;

impl World {
    pub(super) fn carry_instance(&mut self, from: Incarnation) {
        let Some(running) = self.instances.get_mut(from) else {
            return;
        };
        let effects: Vec<_> = running.effects.drain().collect();
        for effect in effects {
            self.digest_effect(&effect);
            self.carry_one(from, effect);
        }
    }

    fn carry_one(&mut self, from: Incarnation, effect: Effect) {
        match effect {
            Effect::Send { to, frame } => {
                self.note_frame(from, to, &frame);
                self.forge_released((from, to), &frame);
                self.put(Route::Lane { from, to }, Cargo::Frame(frame));
            }
            Effect::Report(report) => {
                if let Some(at) = self.instances.host_of(from) {
                    self.put(Route::Report { from, at }, Cargo::Report(report));
                }
            }
            Effect::WakeAt(at) => {
                if let Some(running) = self.instances.get_mut(from) {
                    running.wish = Some(running.wish.map_or(at, |before| before.min(at)));
                }
            }
            Effect::ToClient {
                connection, frame, ..
            } => self.send_down(connection, frame),
            Effect::PausePublisher(connection) => self.pause_reading(connection, true),
            Effect::ResumePublisher(connection) => self.pause_reading(connection, false),
            Effect::Close {
                connection,
                refusal,
            } => self.close_from_broker(connection, refusal),
        }
    }

    /// A mutant has the other exit points say what one of them says.
    fn forge_released(&mut self, (from, to): (Incarnation, Incarnation), frame: &LaneFrame) {
        if self.cluster.forgery == Some(Forgery::Released)
            && let LaneFrame::AccessPoint(AccessPointFrame::Released { .. }) = frame
        {
            let points = self.instances.layer(Layer::ExitPoints);
            for other in points.into_iter().filter(|other| *other != from) {
                self.put(Route::Lane { from: other, to }, Cargo::Frame(frame.clone()));
            }
        }
    }

    fn note_frame(&mut self, from: Incarnation, to: Incarnation, frame: &LaneFrame) {
        self.reach.frame(frame);
        self.story.frame_leaves(self.now, (from, to), frame);
        if let LaneFrame::Matcher(MatcherFrame::Notifications(batch)) = frame {
            for notification in batch {
                let (publisher, seq) = (notification.publisher, notification.publisher_seq);
                self.history.stamped(publisher, seq, notification.stamp);
                self.reach.stamp(notification.stamp.epoch);
            }
        }
    }
}
