//! What other hosts say: the leader to this one, and the others to this one while it leads.

use gomera_model::{HostId, Time};

use super::super::host_frame::{HostFrame, Question};
use super::super::input::LinkNews;
use super::Working;
use super::leading::{Asker, unavailable};
use super::store::Store;
use crate::zookeeper::{Leader, Term};

impl Working {
    pub(super) fn hear(&mut self, now: Time, from: HostId, frame: HostFrame) {
        match frame {
            HostFrame::Lead(term) => {
                if self.follow(from, term) {
                    self.report_again(from);
                }
            }
            HostFrame::Start { term, instance } => {
                if self.follow(from, term) {
                    let incarnation = instance.incarnation;
                    let answer = match self.hands.start(&instance) {
                        true => HostFrame::Started(incarnation),
                        false => HostFrame::Failed(incarnation),
                    };
                    self.send(from, &answer);
                }
            }
            HostFrame::Stop { term, instance } => {
                if self.follow(from, term) {
                    self.hands.stop(instance);
                }
            }
            HostFrame::Tell { term, to, control } => {
                if let (true, Some(cluster)) = (self.follow(from, term), &self.cluster) {
                    cluster.learn(&control);
                    // Who has ended meanwhile needs no telling.
                    let _ = self.hands.tell(to, control);
                }
            }
            HostFrame::View(view) => {
                let is_leader = |leader: Leader| leader.host == from;
                if let Some(cluster) = &mut self.cluster
                    && cluster.leader().is_some_and(is_leader)
                {
                    cluster.take_view(*view);
                }
            }
            HostFrame::Answer { number, answer } => {
                // What it speaks of has been shown before it.
                self.show(now);
                if let Some(cluster) = &mut self.cluster {
                    cluster.answered(number, answer);
                }
            }
            HostFrame::Ask { number, question } => self.asked(now, (from, number), question),
            HostFrame::Lost(host) => self.lost(from, host),
            HostFrame::Batch { .. } | HostFrame::Beat => {
                unreachable!("neither comes to this thread")
            }
            frame @ (HostFrame::Started(_)
            | HostFrame::Failed(_)
            | HostFrame::Report { .. }
            | HostFrame::Load { .. }) => {
                if let (HostFrame::Report { from: who, .. }, Some(cluster)) =
                    (&frame, &self.cluster)
                {
                    cluster.hosts.learn_place(*who, from);
                }
                self.hear_of_instance(now, frame);
            }
        }
    }

    pub(super) fn link(&self, host: HostId, news: LinkNews) {
        tracing::debug!(%host, ?news, "link");
        match news {
            // Whether it is heard says more.
            LinkNews::Up | LinkNews::Down => {}
            LinkNews::Unwanted => {
                if let Store::ZooKeeper(keeper) = &self.store {
                    keeper.look();
                }
            }
            LinkNews::Broken => {
                self.send_to_leader(&HostFrame::Lost(host));
                self.lost(self.host.id, host);
            }
        }
    }

    /// Somebody has no use any more of a host, or does not hear it: one of the two has to go.
    fn lost(&self, by: HostId, host: HostId) {
        let is_gone = |host| self.cluster.as_ref().is_some_and(|c| c.is_gone(host));
        if self.leading.is_some() && !is_gone(by) && !is_gone(host) {
            tracing::warn!(%host, %by, "a host is lost to another one");
            self.expel(host);
        }
    }

    fn hear_of_instance(&mut self, now: Time, frame: HostFrame) {
        let Some(leading) = &mut self.leading else {
            return;
        };
        let (coordinator, effects) = (&mut leading.coordinator, &mut leading.effects);
        match frame {
            HostFrame::Started(instance) => coordinator.started_instance(now, instance, effects),
            HostFrame::Failed(instance) => coordinator.failed(now, instance, effects),
            HostFrame::Report { from, report } => {
                tracing::debug!(%from, ?report, "report");
                coordinator.report(now, from, report, effects);
            }
            HostFrame::Load { from, load } => coordinator.load(from, load),
            HostFrame::Batch { .. }
            | HostFrame::Lead(_)
            | HostFrame::Start { .. }
            | HostFrame::Stop { .. }
            | HostFrame::Tell { .. }
            | HostFrame::View(_)
            | HostFrame::Answer { .. }
            | HostFrame::Lost(_)
            | HostFrame::Beat
            | HostFrame::Ask { .. } => unreachable!("these do not speak of one instance"),
        }
    }

    fn asked(&mut self, now: Time, (from, number): (HostId, u64), question: Question) {
        let is_connected = self.cluster.as_ref().is_some_and(|c| c.is_connected);
        match &mut self.leading {
            Some(leading) if is_connected => {
                leading.ask(now, question, Asker::There(from, number));
            }
            Some(_) | None => {
                let answer = unavailable();
                self.send(from, &HostFrame::Answer { number, answer });
            }
        }
    }

    /// Whether this leader is listened to: none that is newer is known.
    fn follow(&mut self, host: HostId, term: Term) -> bool {
        let leader = Leader { host, term };
        let follows = self.cluster.as_mut().is_some_and(|c| c.led_by(leader));
        if follows && self.leading.as_ref().is_some_and(|own| own.term < term) {
            self.resign();
        }
        if !follows {
            tracing::warn!(%host, term = term.0, "an order of a leader that leads no longer");
        }
        follows
    }

    /// A new leader hears everything that was reported.
    fn report_again(&self, to: HostId) {
        for (from, report) in self.hands.reports() {
            self.send(to, &HostFrame::Report { from, report });
        }
    }

    fn send(&self, to: HostId, frame: &HostFrame) {
        if let Some(cluster) = &self.cluster {
            cluster.send(to, frame);
        }
    }
}
