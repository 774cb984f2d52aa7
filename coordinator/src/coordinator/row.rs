//! A request that names several layers is a row of operations, one a layer.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use gomera_model::{Layer, Time, Topology};

use super::asking::count;
use super::{Coordinator, Settled, State};
use crate::effect::Effects;
use crate::host::HostEntry;
use crate::operation::Phase;
use crate::plan::{self, Change, Ground, NoHost, Shares, Wish};
use crate::record::{AbortReason, Outcome};
use crate::request::{Answer, Impossible, ScaleRequest};

impl Coordinator {
    /// An operation whose topology changed under it is planned anew, and one that is done is followed by the next of its
    /// row, whoever leads now.
    pub(super) fn go_on_with_row(&mut self, now: Time, effects: &mut Effects) {
        if self.missing_at_rest().is_some() {
            return;
        }
        let State::Settled(settled) = &self.state else {
            return;
        };
        let Phase::Rest(Some(last)) = &settled.phase else {
            return;
        };
        let why = AbortReason::TopologyChanged;
        let record = last.record();
        // Emptying a host goes on by itself.
        if record.drains.is_some() {
            return;
        }
        let rest = match record.outcome {
            Outcome::Done if !record.then.is_empty() => record.then.clone(),
            Outcome::Aborted { why: because } if because == why => record.left_of_row(),
            Outcome::Done
            | Outcome::Running
            | Outcome::Interrupted { .. }
            | Outcome::Aborted { .. } => return,
        };
        let scale = record.asked_again();
        match self.decide(settled, &scale, &rest) {
            Ok(next) => {
                let follows = Some(record.id);
                self.begin(now, &scale, (next, follows), effects);
            }
            Err(answer) => self.give_up_row(now, &answer, effects),
        }
    }

    /// What was still to come cannot be done or need not: says so in the record of the last operation.
    fn give_up_row(&mut self, now: Time, answer: &Answer, effects: &mut Effects) {
        let why = match answer {
            Answer::Impossible(why) => why.to_string(),
            Answer::Unchanged => "everything is as asked for already".into(),
            Answer::Accepted(_)
            | Answer::Plan(_)
            | Answer::Busy(_)
            | Answer::Unavailable { .. }
            | Answer::Aborted(_)
            | Answer::TooLate(_)
            | Answer::NotWhole { .. }
            | Answer::Draining { .. }
            | Answer::NoSuchHost(_)
            | Answer::NoSuchOperation(_) => return,
        };
        let State::Settled(settled) = &self.state else {
            return;
        };
        let Phase::Rest(Some(last)) = &settled.phase else {
            return;
        };
        if last.record().then.is_empty() {
            return;
        }
        let phase = Phase::Rest(Some(last.clone().without_rest(why)));
        if let Some(settled) = self.unsettle(now) {
            self.write(settled.held, settled.versions, phase, effects);
        }
    }

    /// Every change that the layers need, each with the topology that it begins from, in the order in which they are
    /// made: layers that grow from the exit points forward, then those that shrink the other way round, so that nobody
    /// gets more than those behind can take.
    pub(super) fn row(
        &self,
        settled: &Settled,
        scale: &ScaleRequest,
        layers: &BTreeMap<Layer, u32>,
    ) -> Result<Vec<(Change, Topology)>, Impossible> {
        const GROWING: [Layer; 4] = [
            Layer::ExitPoints,
            Layer::Matchers,
            Layer::AccessPoints,
            Layer::ConnectionPoints,
        ];
        let mut topology = (*settled.held.topology).clone();
        let mut last = settled.held.counters.incarnation;
        let shrinks = |layer: &Layer| {
            layers
                .get(layer)
                .is_some_and(|wanted| *wanted < count(&settled.held.topology, *layer))
        };
        let growing = GROWING.into_iter().filter(|layer| !shrinks(layer));
        let shrinking = GROWING.into_iter().rev().filter(shrinks);
        let mut row = Vec::new();
        for layer in growing.chain(shrinking) {
            let Some(&wanted) = layers.get(&layer) else {
                continue;
            };
            let ground = Ground {
                topology: &topology,
                last,
                ..self.ground(&settled.held)
            };
            let weights = scale.wishes.weights.get(&layer);
            let wish = Wish {
                layer,
                count: wanted,
                shares: Shares::Weighted(weights.map_or(&[], Vec::as_slice)),
            };
            let change =
                plan::change(ground, wish).map_err(|NoHost| self.no_host(ground, layer))?;
            if let Some(change) = change {
                let newest = change.joining.last().map(|newest| newest.incarnation);
                last = newest.unwrap_or(last);
                let next = change.outcome().clone();
                row.push((change, core::mem::replace(&mut topology, next)));
            }
        }
        Ok(row)
    }

    /// Why a layer finds no host.
    fn no_host(&self, ground: Ground<'_>, layer: Layer) -> Impossible {
        let is_able = |host: &HostEntry| host.layers.contains(&layer);
        let mut draining = ground.draining.iter().filter_map(|id| self.hosts.get(id));
        match draining.any(is_able) {
            true => Impossible::OnlyDraining(layer),
            false => Impossible::NoHost(layer),
        }
    }
}
