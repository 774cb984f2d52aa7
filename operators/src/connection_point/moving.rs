//! Sessions whose slot comes to another exit point: their connections attach there, and no client hears of it.
//!
//! ```text
//!            Topology: another primary             Attached, of that epoch
//!  Attached ───────────────────────────► Moving ────────────────────────────► Attached
//! ```
//!
//! What the old exit point still says is dropped, and so is everything of the new one before its word of this very
//! attachment. What is dropped comes again: the new one is told what the client got and what it waits for. Operations that
//! come meanwhile are held, because nobody could answer one that overtakes the word that its client is there.

use alloc::vec::Vec;

use gomera_model::lane::{Attach, ExitPointFrame, LaneFrame, Moved, SubscriptionRequest};
use gomera_model::{Epoch, Topology};

use super::ConnectionPoint;
use super::connection::{Control, ControlStage};
use crate::effect::Effects;

impl ConnectionPoint {
    /// A topology follows the epoch `present`. Where one between was not heard of, a session may have been elsewhere
    /// meanwhile and be back: it attaches again.
    pub(super) fn move_sessions(&mut self, present: Epoch, next: &Topology, effects: &mut Effects) {
        let is_next = next.epoch == present.next();
        for connection in self.connections.values_mut() {
            let Some(control) = &mut connection.control else {
                continue;
            };
            let primary = next.primary(control.session);
            if primary != control.exit_point || !is_next {
                control.exit_point = primary;
                control.epoch = next.epoch;
                control.attach_again(effects);
            }
        }
    }
}

impl Control {
    /// Asks for the session.
    pub(super) fn attach(&self, moved: Option<Moved>, effects: &mut Effects) {
        let attach = Attach {
            session: self.session,
            token: self.token,
            generation: self.generation,
            resume: self.resumes,
            cursors: self.processed.to_vec(),
            policy: self.policy,
            epoch: self.epoch,
            moved,
        };
        let frame = ExitPointFrame::Attach(attach);
        effects.send(self.exit_point, LaneFrame::ExitPoint(frame));
    }

    /// Sends an operation on its way, or keeps it until the session has come to its exit point.
    pub(super) fn request(&mut self, request: SubscriptionRequest, effects: &mut Effects) {
        match self.stage {
            ControlStage::Attaching | ControlStage::Moving => self.held.push(request),
            ControlStage::Attached => {
                self.unanswered.insert(request.operation, request.clone());
                self.ask(request, effects);
            }
        }
    }

    /// Ends the session.
    pub(super) fn bye(&self, effects: &mut Effects) {
        let frame = ExitPointFrame::EndSession {
            session: self.session,
            generation: self.generation,
        };
        effects.send(self.exit_point, LaneFrame::ExitPoint(frame));
    }

    /// Asks for the session where it is now, with what the client has of it.
    fn attach_again(&mut self, effects: &mut Effects) {
        match self.stage {
            ControlStage::Attaching => {}
            ControlStage::Attached | ControlStage::Moving => {
                self.resumes = true;
                self.stage = ControlStage::Moving;
            }
        }
        let unanswered = self.unanswered.iter();
        let unanswered: Vec<_> = unanswered.map(|(op, asked)| (*op, asked.number)).collect();
        let moved = Moved {
            sent: self.sent.to_vec(),
            unanswered,
        };
        self.attach(Some(moved), effects);
        if self.says_bye {
            self.bye(effects);
        }
    }
}
