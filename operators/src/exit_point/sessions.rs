//! The sessions of an exit point.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use gomera_model::lane::Attach;
use gomera_model::silbo::RefusalCode;
use gomera_model::{Generation, Incarnation, LookupMap, Seq, SessionId, Time};

use super::session::Session;
use super::stats::ExitPointStats;
use crate::rules::Rules;

/// Sessions, found by a hash, walked in order of their ids.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    places: LookupMap<SessionId, usize>,
    sessions: Vec<Option<Session>>,
    free: Vec<usize>,
    ids: BTreeMap<SessionId, usize>,
    rules: Rules,
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
            rules: Rules::default(),
        }
    }

    /// With a rule of the protocol taken away.
    pub(super) fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// A client shows up. The error is what it is told.
    pub(super) fn attach(
        &mut self,
        connection_point: Incarnation,
        attach: &Attach,
    ) -> Result<Attached, RefusalCode> {
        let rules = self.rules;
        let Some(session) = self.get_mut(attach.session) else {
            if attach.resume {
                return Err(unknown(attach));
            }
            let session = Session::new(rules, connection_point, attach);
            self.insert(attach.session, session);
            return Ok(Attached {
                resumed: false,
                replaced: None,
            });
        };
        if !session.has_token(attach.token) {
            return Err(RefusalCode::NotAuthorized);
        }
        let known = session.generation();
        let has_moved = attach.moved.is_some() && session.attached_in() < attach.epoch;
        if known > attach.generation || (known == attach.generation && !has_moved) {
            return Err(RefusalCode::TakenOver);
        }
        Ok(Attached {
            resumed: attach.resume || attach.moved.is_none(),
            replaced: session.resume(connection_point, attach),
        })
    }

    /// A session of which a matcher or another exit point speaks, also before it is known whose it is. `is_whole`:
    /// nothing of it can be anywhere else.
    pub(super) fn get_or_shell(
        &mut self,
        now: Time,
        id: SessionId,
        is_whole: bool,
    ) -> &mut Session {
        if !self.places.contains(&id) {
            self.insert(id, Session::shell(self.rules, now, is_whole));
        }
        self.get_mut(id).expect("it was there, or is now")
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

    /// What an access point stamped from `first` on comes again under another stamp.
    pub(super) fn take_back(&mut self, access_point: Incarnation, first: Seq) {
        for session in self.sessions.iter_mut().flatten() {
            session.take_back_from(access_point, first);
        }
    }

    /// Adds the present values of all sessions; `delivers` says which are not copies.
    pub(super) fn count(&self, delivers: impl Fn(SessionId) -> bool, stats: &mut ExitPointStats) {
        for (id, place) in &self.ids {
            if let Some(session) = &self.sessions[*place] {
                session.count(delivers(*id), stats);
            }
        }
    }

    /// The most deliveries of a session, and the most bytes, waiting or in flight.
    pub(super) fn largest(&self) -> (usize, usize) {
        let sizes = || self.sessions.iter().flatten().map(Session::size);
        let deliveries = sizes().map(|(deliveries, _)| deliveries).max();
        let bytes = sizes().map(|(_, bytes)| bytes).max();
        (deliveries.unwrap_or(0), bytes.unwrap_or(0))
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

/// What a client hears whose session is not here. One that came with its connection had it until just now.
fn unknown(attach: &Attach) -> RefusalCode {
    match attach.moved {
        Some(_) => RefusalCode::Ended,
        None => RefusalCode::SessionUnknown,
    }
}
