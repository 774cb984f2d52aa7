//! A page of OpenMetrics text.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use crate::broker::Spread;

/// Every family: its kind, its name without `gomera_`, and what it means.
const FAMILIES: &str = "\
gauge    attached_publishers         Publishers with a client here.
gauge    attached_sessions           Sessions with a client here.
counter  attachments_refused         Attachments refused.
counter  client_flushes              Hand-overs of frames to a stream.
counter  client_frames_in            Frames that came from clients.
counter  client_frames_out           Frames that went to clients.
counter  client_out_bytes            Bytes of them.
gauge    connections                 Open connections of clients.
counter  connections_accepted        Connections accepted.
counter  connections_closed          Connections closed from this side, by reason.
gauge    coordinator_available       Whether the coordinator's store can be read and written.
gauge    coordinator_leads           Whether this host leads.
counter  copied_bytes                Bytes of their filters.
counter  cpu_seconds                 Processor time of an instance's thread.
counter  deliveries                  Deliveries handed to connections.
counter  deliveries_lost             Deliveries lost at a session's limits, with a signalled gap.
counter  deliveries_sent             Deliveries sent to connection points.
gauge    epoch                       Number of the topology.
gauge    filter_bytes                Bytes of the filters in all lists.
counter  frames                      Frames fed to an instance.
counter  frames_dropped              Frames for instances that were gone.
counter  frames_fenced               Frames of connections that a newer one has replaced.
counter  gaps                        Gaps signalled to clients.
gauge    hosts                       Hosts that there are.
gauge    hosts_draining              Hosts that are being emptied.
gauge    index_bytes                 Bytes of the index.
gauge    instances                   Instances of a layer.
gauge    link_connected              Whether the link to another host is connected.
gauge    link_waiting_bytes          Bytes that another host has not confirmed.
counter  match_batches               Batches of them.
counter  matcher_operations          Subscription operations taken as an owner.
counter  notifications_acknowledged  Notifications that all exit points have released.
counter  notifications_hit           Notifications that matched something, once per exit point.
counter  notifications_matched       Notifications matched.
gauge    notifications_outstanding   Notifications that some exit point has not released.
counter  notifications_released      Notifications released that matched something.
counter  notifications_stamped       Notifications stamped.
gauge    operation_under_way         Whether an operation is under way.
counter  operations                  Subscription operations routed or held.
counter  operations_followed         Operations passed on behind a copy.
counter  operations_held             Subscription operations held while their slot changed hands.
counter  operations_refused          Subscription operations refused.
counter  operations_waited           Subscription operations that waited for the last FLIP.
counter  publications                Publications taken from clients.
counter  publications_refused        Publications refused for their content.
counter  publications_repeated       Publications that were known already.
counter  publisher_pauses            Times that reading of a publisher was stopped.
gauge    publishers                  Open publishers.
gauge    queue_age_seconds           Time that the first of them has waited.
gauge    queue_length                Batches that wait for an instance.
gauge    queued_bytes                Bytes in all windows and queues.
gauge    queued_deliveries           Deliveries in all windows and queues.
counter  refused                     Requests and publications refused, by reason.
counter  refused_frames              Frames that a correct peer does not send.
counter  registrations               Subscription operations taken.
gauge    sessions                    Sessions.
gauge    sessions_away               Sessions whose client is away.
gauge    sessions_behind             Sessions that have lost something they have not been told of yet.
counter  sessions_disconnected_slow  Sessions closed because they were too slow.
counter  sessions_expired            Sessions that ended because nobody came back.
gauge    slots                       Own slots.
gauge    slots_stood_by              Own slots that another matcher has been sent whole.
gauge    standby_subscriptions       Subscriptions in the index that are held for another matcher.
gauge    subscriptions               Subscriptions in the index.
counter  subscriptions_copied        Subscriptions sent to another matcher.
counter  subscriptions_restored      Subscriptions that exit points sent where an owner was lost.
gauge    survives                    Whether the placement survives the death of any one of these.
counter  too_late                    Frames for clients that were gone.
summary  turn_seconds                Time that the latest turns took.
counter  turns                       Turns of an instance.
gauge    uptime_seconds              Time since the start.
summary  wait_seconds                Time that the first input of each had waited.
gauge    whole                       Whether everything is held as often as it shall be.
";

/// The samples of a page, by family.
#[derive(Debug)]
pub(super) struct Page {
    families: BTreeMap<&'static str, Family>,
}

#[derive(Debug)]
struct Family {
    kind: &'static str,
    help: &'static str,
    samples: String,
}

impl Page {
    pub(super) fn new() -> Self {
        Self {
            families: FAMILIES.lines().filter_map(family).collect(),
        }
    }

    /// Puts down a sample of a family that the table names.
    pub(super) fn put(&mut self, name: &'static str, labels: &Labels, value: impl Display) {
        let family = self.families.get_mut(name);
        let family = family.expect("the table names every family, as a test sees");
        let total = if family.kind == "counter" {
            "_total"
        } else {
            ""
        };
        let line = format!("gomera_{name}{total}{{{}}} {value}\n", labels.0);
        family.samples.push_str(&line);
    }

    /// Puts down quantiles, in seconds.
    pub(super) fn spread(&mut self, name: &'static str, labels: &Labels, spread: Spread) {
        for (quantile, value) in [("0.5", spread.p50), ("0.99", spread.p99), ("1", spread.max)] {
            let labels = labels.with("quantile", quantile);
            self.put(name, &labels, value.as_secs_f64());
        }
    }

    /// All of it, ended as the format wants.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, family) in &self.families {
            let Family {
                kind,
                help,
                samples,
            } = family;
            let _ = writeln!(text, "# TYPE gomera_{name} {kind}");
            let units = ["seconds", "bytes"];
            if let Some(unit) = units.iter().find(|unit| name.ends_with(*unit)) {
                let _ = writeln!(text, "# UNIT gomera_{name} {unit}");
            }
            let _ = write!(text, "# HELP gomera_{name} {help}\n{samples}");
        }
        text + "# EOF\n"
    }
}

/// Labels as they stand between the braces. Their values are names and numbers of ours, with nothing to escape.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels(String);

impl Labels {
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        Self(format!("{}{comma}{name}=\"{value}\"", self.0))
    }
}

fn family(line: &'static str) -> Option<(&'static str, Family)> {
    let (kind, rest) = line.split_once(' ')?;
    let (name, help) = rest.trim_start().split_once(' ')?;
    let family = Family {
        kind,
        help: help.trim_start(),
        samples: String::new(),
    };
    Some((name, family))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_page_is_openmetrics() {
        let mut page = Page::new();
        let labels = Labels::default().with("layer", "matchers");
        page.put("turns", &labels, 7);
        let half = Duration::from_millis(500);
        let spread = Spread {
            p50: half,
            p99: half,
            max: half,
        };
        page.spread("turn_seconds", &labels, spread);
        let text = page.text();
        let turns = "# TYPE gomera_turns counter\n# HELP gomera_turns Turns of an instance.\n\
            gomera_turns_total{layer=\"matchers\"} 7\n";
        assert!(text.contains(turns), "{text}");
        let quantile = "# UNIT gomera_turn_seconds seconds\n# HELP gomera_turn_seconds Time that \
            the latest turns took.\ngomera_turn_seconds{layer=\"matchers\",quantile=\"0.5\"} 0.5\n";
        assert!(text.contains(quantile), "{text}");
        assert!(text.ends_with("\n# EOF\n"));
    }
}
