//! What an operation is expected to take.

use alloc::collections::BTreeMap;
use core::iter::Sum;

use gomera_model::control::Move;
use gomera_model::{Incarnation, Topology};

use crate::host::Load;
use crate::limits::{ASSUMED_COPY_BYTES_PER_SECOND, ASSUMED_OVERHEAD};
use crate::record::{Expectation, OperationRecord, Outcome, PhaseName};

/// From what the instances hold, how fast the last copy was, and how fast one may be; `None` if one of the givers has
/// not said.
pub(crate) fn expect(
    moves: &[Move],
    topology: &Topology,
    loads: &BTreeMap<Incarnation, Load>,
    (measured, copy_rate): (Option<Pace>, Option<u32>),
) -> Option<Expectation> {
    let (mut subscriptions, mut index_bytes, mut limited_ns) = (0, 0, 0);
    for moved in moves {
        let load = loads.get(&moved.from)?;
        let owned = topology.slots_of(moved.from).count() as u64;
        let part = |whole: u64| share(whole, moved.slots.len() as u64, owned);
        subscriptions += part(load.subscriptions);
        index_bytes += part(load.bytes);
        // All moves are copied at the same time, each at the rate.
        if let Some(rate) = copy_rate {
            limited_ns = limited_ns.max(share(SECOND_NS, part(load.subscriptions), rate.into()));
        }
    }
    let (bytes, copy_ns, other_ns) = match measured {
        Some(pace) => (
            share(pace.bytes, subscriptions, pace.subscriptions),
            share(pace.copy_ns, subscriptions, pace.subscriptions),
            pace.other_ns,
        ),
        None => (
            index_bytes,
            share(SECOND_NS, index_bytes, ASSUMED_COPY_BYTES_PER_SECOND),
            u64::try_from(ASSUMED_OVERHEAD.as_nanos()).unwrap_or(u64::MAX),
        ),
    };
    let copy_ns = copy_ns.max(limited_ns);
    Some(Expectation {
        subscriptions,
        bytes,
        duration_ns: copy_ns.saturating_add(other_ns),
        copy_ns,
        measured: measured.is_some(),
    })
}

/// What follows one another adds up; one that is not known makes the sum unknown.
impl Sum for Expectation {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let nothing = Self {
            subscriptions: 0,
            bytes: 0,
            duration_ns: 0,
            copy_ns: 0,
            measured: true,
        };
        all.fold(nothing, |sum, next| Self {
            subscriptions: sum.subscriptions.saturating_add(next.subscriptions),
            bytes: sum.bytes.saturating_add(next.bytes),
            duration_ns: sum.duration_ns.saturating_add(next.duration_ns),
            copy_ns: sum.copy_ns.saturating_add(next.copy_ns),
            measured: sum.measured && next.measured,
        })
    }
}

/// How fast it went once.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    subscriptions: u64,
    bytes: u64,
    copy_ns: u64,
    other_ns: u64,
}

impl Pace {
    /// That of an operation which has copied something.
    pub(crate) fn measured(record: &OperationRecord) -> Option<Self> {
        if record.outcome != Outcome::Done || record.subscriptions_moved == 0 {
            return None;
        }
        let copy = record.phases.iter().find(|p| p.phase == PhaseName::Copy)?;
        let copy_ns = copy.duration_ns?;
        Some(Self {
            subscriptions: record.subscriptions_moved,
            bytes: record.bytes_moved,
            copy_ns,
            other_ns: record.duration_ns().saturating_sub(copy_ns),
        })
    }
}

/// `whole × part / of`, without overflow on the way.
fn share(whole: u64, part: u64, of: u64) -> u64 {
    let exact = u128::from(whole) * u128::from(part) / u128::from(of.max(1));
    u64::try_from(exact).unwrap_or(u64::MAX)
}

const SECOND_NS: u64 = 1_000_000_000;
