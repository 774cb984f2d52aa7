//! For how long the other hosts have been silent, as far as this host was awake to hear them.
//!
//! Every host says so often that it is there, and whatever else comes from it counts as well. Silence adds up from look
//! to look, and one look adds little: a host that was stopped, or got no processor, takes nobody for dead when it wakes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gomera_model::{HostId, Time};

use crate::limits::{FIRST_WORD_WITHIN, LOOK_COUNTS_MAX};

/// Who is listened for.
#[derive(Debug)]
pub(super) struct Watch {
    suspect_after: Duration,
    looked_at: Option<Time>,
    ears: BTreeMap<HostId, Ear>,
}

/// What is known of one host.
#[derive(Clone, Copy, Debug, Default)]
struct Ear {
    /// How often something had come at the last look; zero if never.
    heard: u64,
    silence: Duration,
}

impl Watch {
    /// Suspects a host after so much silence.
    pub(super) fn new(suspect_after: Duration) -> Self {
        Self {
            suspect_after,
            looked_at: None,
            ears: BTreeMap::new(),
        }
    }

    /// Looks how often something has come from each of these hosts, and forgets all others.
    pub(super) fn look(
        &mut self,
        now: Time,
        hosts: &BTreeSet<HostId>,
        heard: impl Fn(HostId) -> u64,
    ) {
        let since = self.looked_at.replace(now);
        let passed = since.map_or(Duration::ZERO, |since| now.since(since));
        self.ears.retain(|host, _| hosts.contains(host));
        for host in hosts {
            let (ear, count) = (self.ears.entry(*host).or_default(), heard(*host));
            if count == ear.heard {
                ear.silence += passed.min(LOOK_COUNTS_MAX);
            } else {
                *ear = Ear {
                    heard: count,
                    silence: Duration::ZERO,
                };
            }
        }
    }

    /// Whether a host was heard of, ever, and is not suspected.
    pub(super) fn is_heard(&self, host: HostId) -> bool {
        let ear = self.ears.get(&host);
        ear.is_some_and(|ear| ear.heard > 0 && ear.silence < self.suspect_after)
    }

    /// Whether a host is suspected, for at least so long already.
    pub(super) fn is_suspected(&self, host: HostId, for_long: Duration) -> bool {
        self.ears.get(&host).is_some_and(|ear| {
            let allowed = match ear.heard {
                0 => self.suspect_after.max(FIRST_WORD_WITHIN),
                _ => self.suspect_after,
            };
            ear.silence >= allowed + for_long
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{LOOK_EVERY, SUSPECT_AFTER};

    const HOST: HostId = HostId(2);

    /// Looks that come one after the other, each with how long after the one before and whether something had come.
    fn check(looks: &[(Duration, bool)], is_suspected: bool) {
        let mut watch = Watch::new(SUSPECT_AFTER);
        let (mut now, mut count) = (Time(0), 0);
        let hosts = BTreeSet::from([HOST]);
        watch.look(now, &hosts, |_| count);
        for (after, heard) in looks {
            now = now + *after;
            count += u64::from(*heard);
            watch.look(now, &hosts, |_| count);
        }
        assert_eq!(watch.is_suspected(HOST, Duration::ZERO), is_suspected);
        assert!(!(is_suspected && watch.is_heard(HOST)));
    }

    fn silence(looks: usize, each: Duration) -> Vec<(Duration, bool)> {
        let mut all = vec![(LOOK_EVERY, true)];
        all.extend(vec![(each, false); looks]);
        all
    }

    #[test]
    fn who_falls_silent_is_suspected_in_time_and_not_before() {
        check(&silence(9, LOOK_EVERY), false);
        check(&silence(10, LOOK_EVERY), true);
        let mut heard_again = silence(10, LOOK_EVERY);
        heard_again.push((LOOK_EVERY, true));
        check(&heard_again, false);
    }

    #[test]
    fn who_was_asleep_itself_suspects_nobody() {
        check(&silence(1, Duration::from_secs(3600)), false);
        check(&silence(4, Duration::from_secs(10)), false);
        check(&silence(5, Duration::from_secs(10)), true);
    }

    #[test]
    fn who_was_never_heard_of_has_time_to_connect() {
        check(&[(LOOK_EVERY, false); 49], false);
        check(&[(LOOK_EVERY, false); 50], true);
    }
}
