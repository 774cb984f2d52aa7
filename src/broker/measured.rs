//! What an instance tells when it is asked what it does.

use std::collections::BTreeMap;
use std::time::Duration;

use gomera_coordinator::Load;
use gomera_model::Instance;
use gomera_model::silbo::RefusalCode;
use gomera_operators::access_point::AccessPointStats;
use gomera_operators::connection_point::ConnectionPointStats;
use gomera_operators::exit_point::ExitPointStats;
use gomera_operators::matcher::MatcherStats;

/// What one instance has done, at a moment.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Which.
    pub instance: Instance,
    /// What its operator counted.
    pub counts: Counts,
    /// What happened with its clients; all zero but at connection points.
    pub clients: ClientsStats,
    /// Turns since its start.
    pub turns: u64,
    /// Frames that were fed to it.
    pub frames: u64,
    /// How long its turns took, of late: the last 65,536 to 131,072 turns.
    pub turn: Spread,
    /// How long the first input of a turn had waited, likewise.
    pub wait: Spread,
    /// Batches that wait now.
    pub waiting: usize,
    /// For how long the first of them has.
    pub waiting_age: Duration,
    /// Processor time of its thread; absent where the system does not tell.
    pub cpu: Option<Duration>,
}

impl Measured {
    /// Whether nothing waits here for a client or for another instance.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let waits = match &self.counts {
            Counts::ConnectionPoint(_) | Counts::Matcher(_) => 0,
            Counts::AccessPoint(stats) => stats.outstanding,
            Counts::ExitPoint(stats) => stats.queued_deliveries,
        };
        waits == 0 && self.waiting == 0
    }

    /// What would have to move with its slots.
    #[must_use]
    pub fn load(&self) -> Load {
        match &self.counts {
            Counts::ConnectionPoint(_) | Counts::AccessPoint(_) => Load::default(),
            Counts::Matcher(stats) => own_part(stats),
            Counts::ExitPoint(stats) => Load {
                subscriptions: 0,
                bytes: stats.filter_bytes + stats.queued_bytes,
            },
        }
    }
}

/// What is not held for another matcher: its part of the bytes is that of the subscriptions.
fn own_part(stats: &MatcherStats) -> Load {
    let subscriptions = stats
        .subscriptions
        .saturating_sub(stats.standby_subscriptions);
    let bytes = u128::from(stats.index_bytes) * u128::from(subscriptions);
    let bytes = bytes / u128::from(stats.subscriptions.max(1));
    Load {
        subscriptions,
        bytes: match stats.standby_subscriptions {
            0 => stats.index_bytes,
            _ => u64::try_from(bytes).unwrap_or(u64::MAX),
        },
    }
}

/// What happened with the clients of a connection point.
#[derive(Clone, Debug, Default)]
pub struct ClientsStats {
    /// Connections that are open.
    pub connections: u64,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Frames that came.
    pub frames_in: u64,
    /// Frames that went.
    pub frames_out: u64,
    /// Bytes of the frames that went.
    pub bytes_out: u64,
    /// Hand-overs of encoded frames to a stream.
    pub flushes: u64,
    /// Requests and publications that were refused, by their reason.
    pub refused: BTreeMap<RefusalCode, u64>,
    /// Connections that were closed from this side, by their reason.
    pub closed: BTreeMap<RefusalCode, u64>,
}

/// What an operator counted.
#[derive(Clone, Debug)]
pub enum Counts {
    /// A connection point.
    ConnectionPoint(ConnectionPointStats),
    /// An access point.
    AccessPoint(AccessPointStats),
    /// A matcher.
    Matcher(MatcherStats),
    /// An exit point.
    ExitPoint(ExitPointStats),
}

/// The middle and the upper end of many durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Half of them took no longer.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
}
