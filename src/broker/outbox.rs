//! What one instance sends in one turn, gathered by receiver, so that each is woken once. To those of this process it
//! goes through memory, to those of others over the link to their host.

use std::sync::Arc;

use gomera_model::Incarnation;
use gomera_model::lane::LaneFrame;

use super::host_frame::HostFrame;
use super::hosts::{Hosts, Peer};
use super::inbox::Inbox;
use super::input::Input;
use super::router::Router;
use super::shared::SharedFrame;

/// The outbox.
#[derive(Debug)]
pub(crate) struct Outbox {
    from: Incarnation,
    router: Arc<Router>,
    hosts: Option<Arc<Hosts>>,
    /// Some receivers, found by looking through them.
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    to: Incarnation,
    way: Way,
    frames: Vec<LaneFrame>,
    /// Whether something went over it in this turn.
    used: bool,
}

#[derive(Debug)]
enum Way {
    Here(Arc<Inbox<Input>>),
    There(Arc<Peer>),
}

impl Outbox {
    pub(crate) fn new(from: Incarnation, router: Arc<Router>, hosts: Option<Arc<Hosts>>) -> Self {
        Self {
            from,
            router,
            hosts,
            lanes: Vec::new(),
        }
    }

    /// Appends a frame to the lane to an instance.
    pub(crate) fn send(&mut self, to: Incarnation, frame: LaneFrame) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.to == to) {
            lane.frames.push(frame);
            lane.used = true;
            return;
        }
        match self.way(to) {
            Some(way) => self.lanes.push(Lane {
                to,
                way,
                frames: vec![frame],
                used: true,
            }),
            // It may be one that will be started here.
            None if self.hosts.is_some() => self.router.deliver(self.from, to, vec![frame]),
            None => self.router.count_dropped(self.from, 1),
        }
    }

    /// Hands over what was gathered: one batch to each receiver.
    pub(crate) fn hand_over(&mut self) {
        self.post();
        let (from, mut dropped) = (self.from, 0);
        self.lanes.retain_mut(|lane| {
            let Way::Here(inbox) = &lane.way else {
                // Who is gone from another host says nothing; a lane is found again when it is needed.
                return std::mem::take(&mut lane.used);
            };
            if lane.frames.is_empty() {
                return true;
            }
            let frames = std::mem::take(&mut lane.frames);
            let count = frames.len();
            let taken = inbox.push(Input::Frames { from, frames });
            dropped += if taken { 0 } else { count };
            taken
        });
        if dropped > 0 {
            self.router.count_dropped(from, dropped);
        }
    }

    /// Sends what goes to other hosts. What is the same for several receivers on one host goes there once.
    fn post(&mut self) {
        for index in 0..self.lanes.len() {
            let (done, rest) = self.lanes.split_at_mut(index + 1);
            let Some(lane) = done.last_mut().filter(|lane| !lane.frames.is_empty()) else {
                continue;
            };
            let Way::There(peer) = &lane.way else {
                continue;
            };
            let mut to = vec![lane.to];
            for other in rest {
                let same_way = matches!(&other.way, Way::There(way) if Arc::ptr_eq(way, peer));
                if same_way && other.frames == lane.frames {
                    other.frames.clear();
                    to.push(other.to);
                }
            }
            let count = lane.frames.len() * to.len();
            let frames = std::mem::take(&mut lane.frames);
            let batch = HostFrame::Batch {
                from: self.from,
                to,
                frames: frames.into_iter().map(SharedFrame::from).collect(),
            };
            if !peer.send(&batch) {
                self.router.count_dropped(self.from, count);
            }
        }
    }

    fn way(&self, to: Incarnation) -> Option<Way> {
        if let Some(inbox) = self.router.inbox(to) {
            return Some(Way::Here(inbox));
        }
        let peer = self.hosts.as_ref()?.peer_of(to)?;
        Some(Way::There(peer))
    }
}
