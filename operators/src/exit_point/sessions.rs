//! The sessions of an exit point.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use gomera_model::lane::Attach;
use gomera_model::silbo::RefusalCode;
use gomera_model::{Generation, Incarnation, LookupMap, SessionId, Time};

use super::session::Session;
use super::stats::ExitPointStats;

/// Sessions, found by a hash, walked in order of their ids.
#[derive(Debug)]
pub(super) struct Sessions {
    places: LookupMap<SessionId, usize>,
    sessions: Vec<Option<Session>>,
    free: Vec<usize>,
    ids: BTreeMap<SessionId, usize>,
}

/// A client was attached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attached {
    /// Whether the session was there before.
    pub(super) resumed: bool,
    /// The older connection that this one replaces.
    pub(super) replaced: Option<(Incarnation, Generation)>,
}

impl Sessions {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            places: LookupMap::new(seed),
            sessions: Vec::new(),
            free: Vec::new(),
            ids: BTreeMap::new(),
        }
    }

    /// A client shows up. The error is what it is told.
    pub(super) fn attach(
        &mut self,
        connection_point: Incarnation,
        attach: &Attach,
    ) -> Result<Attached, RefusalCode> {
        let Some(session) = self.get_mut(attach.session) else {
            if attach.resume {
                return Err(RefusalCode::SessionUnknown);
            }
            self.insert(attach.session, Session::new(connection_point, attach));
            return Ok(Attached {
                resumed: false,
                replaced: None,
            });
        };
        if !session.has_token(attach.token) {
            return Err(RefusalCode::NotAuthorized);
        }
        if session.generation() >= attach.generation {
            return Err(RefusalCode::TakenOver);
        }
        Ok(Attached {
            resumed: true,
            replaced: session.resume(connection_point, attach),
        })
    }

    /// A client's connection is gone.
    pub(super) fn detach(&mut self, now: Time, id: SessionId, generation: Generation) {
        if let Some(session) = self.get_mut(id) {
            session.detach(now, generation);
        }
    }

    /// Whether this connection of the session is the one that counts.
    pub(super) fn is_attached(&self, id: SessionId, generation: Generation) -> bool {
        self.get(id)
            .and_then(Session::attachment)
            .is_some_and(|(_, attached)| attached == generation)
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.places
            .get(&id)
            .and_then(|place| self.sessions[*place].as_ref())
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.places
            .get(&id)
            .and_then(|place| self.sessions[*place].as_mut())
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let place = self.places.remove(&id)?;
        self.ids.remove(&id);
        self.free.push(place);
        self.sessions[place].take()
    }

    /// All ids, ascending.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.ids.keys().copied().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Adds the present values of all sessions.
    pub(super) fn count(&self, stats: &mut ExitPointStats) {
        for session in self.sessions.iter().flatten() {
            session.count(stats);
        }
    }

    fn insert(&mut self, id: SessionId, session: Session) {
        let place = self.free.pop().unwrap_or(self.sessions.len());
        if place == self.sessions.len() {
            self.sessions.push(None);
        }
        self.sessions[place] = Some(session);
        self.places.insert(id, place);
        self.ids.insert(id, place);
    }
}
