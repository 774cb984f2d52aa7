//! What the coordinator wants done.

use gomera_coordinator::Effect;
use gomera_model::control::Control;
use gomera_model::{Incarnation, Instance, Time};

use super::super::clock::Clock;
use super::super::host_frame::HostFrame;
use super::Working;
use super::store::Store;

impl Working {
    /// Carries out all effects, and those that come of it.
    pub(super) fn drain_effects(&mut self, clock: Clock) {
        while let Some(leading) = self.leading.as_mut().filter(|l| !l.effects.is_empty()) {
            for effect in std::mem::take(&mut leading.effects).drain() {
                self.one(clock.now(), effect);
            }
        }
    }

    fn one(&mut self, now: Time, effect: Effect) {
        let Some(leading) = &mut self.leading else {
            return;
        };
        let (coordinator, effects) = (&mut leading.coordinator, &mut leading.effects);
        match effect {
            Effect::Observe(path) => match &self.store {
                Store::Embedded(store) => coordinator.document(now, store.read(path), effects),
                Store::ZooKeeper(keeper) => keeper.observe(path),
            },
            Effect::Write { id, puts } => match &mut self.store {
                Store::Embedded(store) => coordinator.written(now, id, store.write(&puts), effects),
                Store::ZooKeeper(keeper) => keeper.write(id, puts),
            },
            Effect::Start(instance) => self.start(now, instance),
            Effect::Stop(instance) => self.stop_instance(&instance),
            Effect::StopStranger(instance) => self.stop_stranger(instance),
            Effect::Tell { to, control } => self.tell(to, control),
            Effect::Answer { request, answer } => leading.answered(request, answer),
            Effect::WakeAt(time) => leading.wake_at(time),
            Effect::Unreadable { path, reason } => {
                tracing::error!(%path, reason, "a document cannot be read");
            }
        }
    }

    fn start(&mut self, now: Time, instance: Instance) {
        let Some(leading) = &mut self.leading else {
            return;
        };
        if instance.host == self.host.id {
            let (coordinator, effects) = (&mut leading.coordinator, &mut leading.effects);
            match self.hands.start(&instance) {
                true => coordinator.started_instance(now, instance.incarnation, effects),
                false => coordinator.failed(now, instance.incarnation, effects),
            }
        } else if let Some(cluster) = &mut self.cluster {
            let (host, term) = (instance.host, leading.term);
            if cluster.is_gone(host) {
                let (coordinator, effects) = (&mut leading.coordinator, &mut leading.effects);
                return coordinator.failed(now, instance.incarnation, effects);
            }
            cluster.hosts.learn_place(instance.incarnation, host);
            cluster.miss(host);
            cluster.send(host, &HostFrame::Start { term, instance });
        }
    }

    fn stop_instance(&mut self, instance: &Instance) {
        let incarnation = instance.incarnation;
        if instance.host == self.host.id {
            self.hands.stop(incarnation);
        } else if let (Some(cluster), Some(leading)) = (&self.cluster, &self.leading) {
            let stop = HostFrame::Stop {
                term: leading.term,
                instance: incarnation,
            };
            cluster.send(instance.host, &stop);
        }
    }

    /// Where it runs is known from its report.
    fn stop_stranger(&mut self, instance: Incarnation) {
        self.hands.stop(instance);
        if let (Some(cluster), Some(leading)) = (&self.cluster, &self.leading)
            && let Some(peer) = cluster.hosts.peer_of(instance)
        {
            let term = leading.term;
            peer.send(&HostFrame::Stop { term, instance });
        }
    }

    fn tell(&self, to: Incarnation, control: Control) {
        if let Some(cluster) = &self.cluster {
            cluster.learn(&control);
        }
        let (Err(control), Some(cluster), Some(leading)) =
            (self.hands.tell(to, control), &self.cluster, &self.leading)
        else {
            return;
        };
        if let Some(peer) = cluster.hosts.peer_of(to) {
            let term = leading.term;
            peer.send(&HostFrame::Tell { term, to, control });
        }
    }
}
