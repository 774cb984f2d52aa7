//! What the machines counted, as OpenMetrics text.
//!
//! Everything is counted in plain structs by those who do it; this only writes it down. So there are no keys to be
//! made on the way of a notification, and an instance that is gone leaves nothing behind.

use std::collections::BTreeMap;
use std::fmt::Write;

use gomera_model::Layer;
use gomera_model::silbo::RefusalCode;
use gomera_operators::access_point::AccessPointStats;
use gomera_operators::connection_point::ConnectionPointStats;
use gomera_operators::exit_point::ExitPointStats;
use gomera_operators::matcher::MatcherStats;

use crate::broker::{Broker, Counts, Measured, Spread};

/// Everything that is known, ended by `# EOF`.
#[must_use]
pub fn render(broker: &Broker, measured: &[Measured]) -> String {
    let mut page = Page::default();
    of_host(&mut page, broker);
    for instance in measured {
        of_instance(&mut page, instance);
        of_operator(&mut page, instance);
        of_clients(&mut page, instance);
    }
    page.text()
}

fn of_host(page: &mut Page, broker: &Broker) {
    let view = broker.view();
    let none = Labels::default();
    page.gauge(
        "uptime_seconds",
        "Time since the start.",
        &none,
        broker.uptime().as_secs_f64(),
    );
    page.counter(
        "frames_dropped",
        "Frames for instances that were gone.",
        &none,
        broker.frames_dropped(),
    );
    if let Some(topology) = &view.topology {
        page.level("epoch", "Number of the topology.", &none, topology.epoch.0);
        for layer in Layer::ALL {
            let labels = Labels::new(&[("layer", layer_label(layer))]);
            let count = topology.layer(layer).count();
            page.level("instances", "Instances of a layer.", &labels, number(count));
        }
    }
    let under_way = u64::from(view.under_way.is_some());
    page.level(
        "operation_under_way",
        "Whether an operation is under way.",
        &none,
        under_way,
    );
}

fn of_instance(page: &mut Page, measured: &Measured) {
    let labels = labels_of(measured);
    page.counter("turns", "Turns of an instance.", &labels, measured.turns);
    page.counter(
        "frames",
        "Frames fed to an instance.",
        &labels,
        measured.frames,
    );
    page.spread(
        "turn_seconds",
        "Time that the latest turns took.",
        &labels,
        measured.turn,
    );
    page.spread(
        "wait_seconds",
        "Time that the first input of each had waited.",
        &labels,
        measured.wait,
    );
    page.level(
        "queue_length",
        "Batches that wait for an instance.",
        &labels,
        number(measured.waiting),
    );
    let age = measured.waiting_age.as_secs_f64();
    page.gauge(
        "queue_age_seconds",
        "Time that the first of them has waited.",
        &labels,
        age,
    );
    if let Some(cpu) = measured.cpu {
        let help = "Processor time of an instance's thread.";
        page.seconds("cpu_seconds", help, &labels, cpu.as_secs_f64());
    }
}

fn of_operator(page: &mut Page, measured: &Measured) {
    let labels = labels_of(measured);
    match &measured.counts {
        Counts::ConnectionPoint(stats) => of_connection_point(page, &labels, stats),
        Counts::AccessPoint(stats) => of_access_point(page, &labels, stats),
        Counts::Matcher(stats) => of_matcher(page, &labels, stats),
        Counts::ExitPoint(stats) => of_exit_point(page, &labels, stats),
    }
}

fn of_connection_point(page: &mut Page, labels: &Labels, stats: &ConnectionPointStats) {
    page.counter(
        "publications",
        "Publications taken from clients.",
        labels,
        stats.publications,
    );
    page.counter(
        "deliveries",
        "Deliveries handed to connections.",
        labels,
        stats.deliveries,
    );
    page.counter("gaps", "Gaps signalled to clients.", labels, stats.gaps);
    page.counter(
        "publisher_pauses",
        "Times that reading of a publisher was stopped.",
        labels,
        stats.pauses,
    );
    page.counter(
        "too_late",
        "Frames for clients that were gone.",
        labels,
        stats.too_late,
    );
    page.level(
        "attached_sessions",
        "Sessions with a client here.",
        labels,
        stats.sessions,
    );
    page.level(
        "attached_publishers",
        "Publishers with a client here.",
        labels,
        stats.publishers,
    );
}

fn of_access_point(page: &mut Page, labels: &Labels, stats: &AccessPointStats) {
    page.counter(
        "notifications_stamped",
        "Notifications stamped.",
        labels,
        stats.stamped,
    );
    page.counter(
        "notifications_acknowledged",
        "Notifications that all exit points have released.",
        labels,
        stats.released,
    );
    page.counter(
        "publications_repeated",
        "Publications that were known already.",
        labels,
        stats.repeats,
    );
    page.counter(
        "publications_refused",
        "Publications refused for their content.",
        labels,
        stats.refused,
    );
    page.counter(
        "frames_fenced",
        "Frames of connections that a newer one has replaced.",
        labels,
        stats.fenced,
    );
    page.counter(
        "operations",
        "Subscription operations routed or held.",
        labels,
        stats.operations,
    );
    page.counter(
        "operations_refused",
        "Subscription operations refused.",
        labels,
        stats.operations_refused,
    );
    page.counter(
        "operations_held",
        "Subscription operations held while their slot changed hands.",
        labels,
        stats.operations_held,
    );
    page.level(
        "notifications_outstanding",
        "Notifications that some exit point has not released.",
        labels,
        stats.outstanding,
    );
    page.level("publishers", "Open publishers.", labels, stats.publishers);
}

fn of_matcher(page: &mut Page, labels: &Labels, stats: &MatcherStats) {
    page.counter(
        "notifications_matched",
        "Notifications matched.",
        labels,
        stats.notifications,
    );
    page.counter("match_batches", "Batches of them.", labels, stats.batches);
    page.counter(
        "notifications_hit",
        "Notifications that matched something, once per exit point.",
        labels,
        stats.matched,
    );
    page.counter(
        "matcher_operations",
        "Subscription operations taken as an owner.",
        labels,
        stats.operations,
    );
    page.counter(
        "operations_waited",
        "Subscription operations that waited for the last FLIP.",
        labels,
        stats.operations_waited,
    );
    page.counter(
        "operations_followed",
        "Operations passed on behind a copy.",
        labels,
        stats.followed,
    );
    page.counter(
        "subscriptions_copied",
        "Subscriptions sent to another matcher.",
        labels,
        stats.subscriptions_copied,
    );
    page.counter(
        "copied_bytes",
        "Bytes of their filters.",
        labels,
        stats.bytes_copied,
    );
    page.counter(
        "refused_frames",
        "Frames that a correct peer does not send.",
        labels,
        stats.refused_frames,
    );
    page.level(
        "subscriptions",
        "Subscriptions in the index.",
        labels,
        stats.subscriptions,
    );
    page.level(
        "index_bytes",
        "Bytes of the index.",
        labels,
        stats.index_bytes,
    );
    page.level("slots", "Own slots.", labels, stats.slots);
}

fn of_exit_point(page: &mut Page, labels: &Labels, stats: &ExitPointStats) {
    page.counter(
        "notifications_released",
        "Notifications released that matched something.",
        labels,
        stats.released,
    );
    page.counter(
        "deliveries_sent",
        "Deliveries sent to connection points.",
        labels,
        stats.deliveries,
    );
    page.counter(
        "deliveries_lost",
        "Deliveries lost at a session's limits, with a signalled gap.",
        labels,
        stats.deliveries_lost,
    );
    page.counter(
        "registrations",
        "Subscription operations taken.",
        labels,
        stats.registrations,
    );
    page.counter(
        "attachments_refused",
        "Attachments refused.",
        labels,
        stats.attachments_refused,
    );
    page.counter(
        "sessions_expired",
        "Sessions that ended because nobody came back.",
        labels,
        stats.sessions_expired,
    );
    page.counter(
        "sessions_disconnected_slow",
        "Sessions closed because they were too slow.",
        labels,
        stats.disconnected_slow,
    );
    page.counter(
        "refused_frames",
        "Frames that a correct peer does not send.",
        labels,
        stats.refused_frames,
    );
    page.level("sessions", "Sessions.", labels, stats.sessions);
    page.level(
        "sessions_behind",
        "Sessions that have lost something they have not been told of yet.",
        labels,
        stats.sessions_behind,
    );
    page.level(
        "sessions_away",
        "Sessions whose client is away.",
        labels,
        stats.sessions_away,
    );
    page.level(
        "filter_bytes",
        "Bytes of the filters in all lists.",
        labels,
        stats.filter_bytes,
    );
    page.level(
        "queued_bytes",
        "Bytes in all windows and queues.",
        labels,
        stats.queued_bytes,
    );
    page.level(
        "queued_deliveries",
        "Deliveries in all windows and queues.",
        labels,
        stats.queued_deliveries,
    );
}

fn of_clients(page: &mut Page, measured: &Measured) {
    if measured.instance.layer != Layer::ConnectionPoints {
        return;
    }
    let (labels, stats) = (labels_of(measured), &measured.clients);
    page.level(
        "connections",
        "Open connections of clients.",
        &labels,
        stats.connections,
    );
    page.counter(
        "connections_accepted",
        "Connections accepted.",
        &labels,
        stats.accepted,
    );
    page.counter(
        "client_frames_in",
        "Frames that came from clients.",
        &labels,
        stats.frames_in,
    );
    page.counter(
        "client_frames_out",
        "Frames that went to clients.",
        &labels,
        stats.frames_out,
    );
    page.counter(
        "client_out_bytes",
        "Bytes of them.",
        &labels,
        stats.bytes_out,
    );
    page.counter(
        "client_flushes",
        "Hand-overs of frames to a stream.",
        &labels,
        stats.flushes,
    );
    for (codes, name, help) in [
        (
            &stats.refused,
            "refused",
            "Requests and publications refused, by reason.",
        ),
        (
            &stats.closed,
            "connections_closed",
            "Connections closed from this side, by reason.",
        ),
    ] {
        for code in RefusalCode::ALL {
            let labels = labels.with("code", &code_label(code));
            page.counter(name, help, &labels, codes.get(&code).copied().unwrap_or(0));
        }
    }
}

/// The text of a page, family by family.
#[derive(Debug, Default)]
struct Page {
    families: BTreeMap<&'static str, Family>,
}

#[derive(Debug)]
struct Family {
    kind: &'static str,
    help: &'static str,
    samples: String,
}

impl Page {
    fn counter(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: u64) {
        self.sample((name, "counter", help), ("_total", &labels.0), value);
    }

    /// A counter of seconds.
    fn seconds(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: f64) {
        self.sample((name, "counter", help), ("_total", &labels.0), value);
    }

    fn level(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: u64) {
        self.sample((name, "gauge", help), ("", &labels.0), value);
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: f64) {
        self.sample((name, "gauge", help), ("", &labels.0), value);
    }

    fn spread(&mut self, name: &'static str, help: &'static str, labels: &Labels, spread: Spread) {
        for (quantile, value) in [("0.5", spread.p50), ("0.99", spread.p99), ("1", spread.max)] {
            let labels = labels.with("quantile", quantile);
            self.sample(
                (name, "summary", help),
                ("", &labels.0),
                value.as_secs_f64(),
            );
        }
    }

    fn sample(
        &mut self,
        (name, kind, help): (&'static str, &'static str, &'static str),
        (suffix, labels): (&str, &str),
        value: impl std::fmt::Display,
    ) {
        let family = self.families.entry(name).or_insert_with(|| Family {
            kind,
            help,
            samples: String::new(),
        });
        assert_eq!(family.kind, kind, "{name} has one kind");
        let samples = &mut family.samples;
        writeln!(samples, "gomera_{name}{suffix}{{{labels}}} {value}").expect("text takes all");
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (
            name,
            Family {
                kind,
                help,
                samples,
            },
        ) in &self.families
        {
            let unit = ["seconds", "bytes"]
                .into_iter()
                .find(|unit| name.ends_with(unit));
            let unit = unit.map_or(String::new(), |unit| {
                format!("# UNIT gomera_{name} {unit}\n")
            });
            text += &format!("# TYPE gomera_{name} {kind}\n{unit}# HELP gomera_{name} {help}\n");
            text += samples;
        }
        text + "# EOF\n"
    }
}

/// Labels as they stand between the braces. Their values are names of ours, without anything to escape.
#[derive(Clone, Debug, Default)]
struct Labels(String);

impl Labels {
    fn new(pairs: &[(&str, &str)]) -> Self {
        pairs.iter().fold(Self::default(), |labels, (name, value)| {
            labels.with(name, value)
        })
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        Self(format!("{}{comma}{name}=\"{value}\"", self.0))
    }
}

fn labels_of(measured: &Measured) -> Labels {
    let instance = &measured.instance;
    let (id, incarnation) = (instance.id.to_string(), instance.incarnation.to_string());
    let layer = layer_label(instance.layer);
    Labels::new(&[
        ("layer", layer),
        ("instance", &id),
        ("incarnation", &incarnation),
    ])
}

fn layer_label(layer: Layer) -> &'static str {
    match layer {
        Layer::ConnectionPoints => "connection_points",
        Layer::AccessPoints => "access_points",
        Layer::Matchers => "matchers",
        Layer::ExitPoints => "exit_points",
    }
}

/// `TooSlow` as `too_slow`.
fn code_label(code: RefusalCode) -> String {
    let mut label = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !label.is_empty() {
            label.push('_');
        }
        label.push(letter.to_ascii_lowercase());
    }
    label
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
