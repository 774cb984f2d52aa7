//! Filling: what a primary ships to an exit point that the topology newly names for one of its slots, and what that one
//! makes of it. The newly named one takes by itself what is stamped from that epoch on; what is stamped before comes from
//! the primary, in chunks, one in flight, behind live traffic.
//!
//! ```text
//!            everything before the epoch joined       taken          nothing left
//!  Waiting ─────────────────────────────────► Ready ◄─────── InFlight ─────────► FillEnd, gone
//!                                               └─── chunk ─────►┘
//! ```

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use gomera_matching::SlotSet;
use gomera_model::lane::{BackupFrame, DeliveryItem, FillPiece};
use gomera_model::{Epoch, Incarnation, SessionId, SlotId, Time, Topology};

use super::roles::names;
use super::sessions::Sessions;
use super::{ExitPoint, to_exit_point};
use crate::effect::{Effect, Effects};
use crate::limits::{DELIVERY_OVERHEAD_BYTES, FILL_BYTES, FILL_PAUSE, FILL_PIECES};
use crate::rules::Rule;

/// What goes to one exit point.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    to: Incarnation,
    epoch: Epoch,
    slots: SlotSet,
    stage: Stage,
    /// Sessions not begun, the next at the end.
    sessions: Vec<SessionId>,
    /// What is left of the session begun last.
    pieces: VecDeque<(SessionId, FillPiece)>,
    /// When the next chunk may go.
    rests_until: Time,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Something stamped before the epoch is not released yet.
    Waiting,
    /// The next chunk may go.
    Ready,
    /// A chunk is on its way.
    InFlight,
}

impl Fill {
    pub(super) fn new(to: Incarnation, epoch: Epoch, slots: SlotSet) -> Self {
        Self {
            to,
            epoch,
            slots,
            stage: Stage::Waiting,
            sessions: Vec::new(),
            pieces: VecDeque::new(),
            rests_until: Time::default(),
        }
    }

    /// A further topology is in force. What is not filled yet goes on, as far as it is still wanted and still the primary's.
    pub(super) fn goes_on(&mut self, own: Incarnation, next: &Topology) -> bool {
        let is_wanted = |slot: &SlotId| {
            let points = next.exit_points(*slot);
            points.primary == own && names(points, self.to)
        };
        let slots: SlotSet = self.slots.iter().filter(is_wanted).collect();
        self.slots = slots;
        self.sessions.retain(|id| self.slots.contains(id.slot()));
        self.pieces.retain(|(id, _)| self.slots.contains(id.slot()));
        !self.slots.is_empty()
    }

    /// Takes the next chunk; an empty one means that there is none.
    fn next_chunk(&mut self, sessions: &Sessions) -> Vec<(SessionId, FillPiece)> {
        let mut chunk = Vec::new();
        let mut bytes = 0;
        while chunk.len() < FILL_PIECES && bytes < FILL_BYTES {
            let Some(piece) = self.next_piece(sessions) else {
                break;
            };
            bytes += bytes_of(&piece.1);
            chunk.push(piece);
        }
        chunk
    }

    /// A session is taken as it is when its turn has come: what happens to it later comes to the other one by itself.
    fn next_piece(&mut self, sessions: &Sessions) -> Option<(SessionId, FillPiece)> {
        while self.pieces.is_empty() {
            let id = self.sessions.pop()?;
            if let Some(session) = sessions.get(id) {
                let pieces = session.pieces(self.epoch).into_iter();
                self.pieces.extend(pieces.map(|piece| (id, piece)));
            }
        }
        self.pieces.pop_front()
    }
}

impl ExitPoint {
    /// Everything before the newest epoch is released: what is here is what the others do not have.
    pub(super) fn begin_fills(&mut self) {
        for index in 0..self.fills.len() {
            let mut sessions = self.ids_in(&self.fills[index].slots);
            sessions.reverse();
            let fill = &mut self.fills[index];
            if fill.stage == Stage::Waiting {
                fill.stage = Stage::Ready;
                fill.sessions = sessions;
            }
        }
    }

    /// Sends the next chunk to everyone whose last one has been taken. One after the other to each, in the order of their
    /// epochs.
    pub(super) fn send_fills(&mut self, now: Time, effects: &mut Effects) {
        let sessions = &self.sessions;
        let mut served = BTreeSet::new();
        self.fills.retain_mut(|fill| {
            let is_first = served.insert(fill.to);
            if fill.stage != Stage::Ready || !is_first {
                return true;
            }
            if fill.rests_until > now {
                effects.push(Effect::WakeAt(fill.rests_until));
                return true;
            }
            let (to, epoch) = (fill.to, fill.epoch);
            let pieces = fill.next_chunk(sessions);
            if pieces.is_empty() {
                to_exit_point(to, BackupFrame::FillEnd(epoch), effects);
                return false;
            }
            fill.rests_until = now + FILL_PAUSE;
            fill.stage = Stage::InFlight;
            to_exit_point(to, BackupFrame::Fill { epoch, pieces }, effects);
            true
        });
    }

    /// The other one has a chunk; the next goes at the end of a turn, behind what waits, after a rest.
    pub(super) fn fill_taken(&mut self, from: Incarnation, epoch: Epoch) {
        for fill in &mut self.fills {
            if fill.to == from && fill.epoch == epoch && fill.stage == Stage::InFlight {
                fill.stage = Stage::Ready;
            }
        }
    }

    /// A session has ended: nothing more of it is filled.
    pub(super) fn fill_no_more(&mut self, session: SessionId) {
        for fill in &mut self.fills {
            fill.pieces.retain(|(id, _)| *id != session);
        }
    }

    /// A chunk has come. What an earlier epoch asked for, and none since, is left out: who is named again begins anew.
    pub(super) fn filled(
        &mut self,
        now: Time,
        (from, epoch): (Incarnation, Epoch),
        pieces: Vec<(SessionId, FillPiece)>,
        effects: &mut Effects,
    ) {
        let is_early = epoch > self.epochs.newest_epoch();
        for (id, piece) in pieces {
            let is_wanted = is_early || self.roles.is_filled_by(id.slot(), (from, epoch));
            if !is_wanted && !self.rules.broken(Rule::TakeWantedFills) {
                continue;
            }
            let session = self.sessions.get_or_shell(now, id, false);
            session.fill((now, epoch), piece);
        }
        to_exit_point(from, BackupFrame::FillTaken(epoch), effects);
        self.ask_for_sweep(now, effects);
    }
}

/// What a piece costs, roughly.
fn bytes_of(piece: &FillPiece) -> usize {
    let content = match piece {
        FillPiece::Session { cursors, .. } => size_of_val(cursors.as_slice()),
        FillPiece::Subscription { live, .. } => live.as_ref().map_or(0, |live| live.filter.0.len()),
        FillPiece::Lost { sent, .. } => size_of_val(sent.as_slice()),
        FillPiece::Item {
            item: DeliveryItem::Notification { notification, hits },
            ..
        } => notification.content.bytes() + size_of_val(hits.as_slice()),
        FillPiece::Item {
            item: DeliveryItem::Gap(_),
            ..
        }
        | FillPiece::End => 0,
    };
    content + DELIVERY_OVERHEAD_BYTES
}
