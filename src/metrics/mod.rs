//! What the machines counted, as OpenMetrics text.
//!
//! Everything is counted in plain structs by those who do it; this only writes it down. So there are no keys to be
//! made on the way of a notification, and an instance that is gone leaves nothing behind.

mod page;

use gomera_coordinator::Survives;
use gomera_model::Layer;
use gomera_model::silbo::RefusalCode;
use gomera_operators::access_point::AccessPointStats;
use gomera_operators::connection_point::ConnectionPointStats;
use gomera_operators::exit_point::ExitPointStats;
use gomera_operators::matcher::MatcherStats;

use crate::broker::{Broker, ClientsStats, Counts, Measured};
use page::{Labels, Page};

/// Everything that is known, ended by `# EOF`.
#[must_use]
pub fn render(broker: &Broker, measured: &[Measured]) -> String {
    let mut page = Page::new();
    of_host(&mut page, broker);
    for instance in measured {
        let labels = labels_of(instance);
        of_instance(&mut page, &labels, instance);
        match &instance.counts {
            Counts::ConnectionPoint(stats) => {
                of_connection_point(&mut page, &labels, stats);
                of_clients(&mut page, &labels, &instance.clients);
            }
            Counts::AccessPoint(stats) => of_access_point(&mut page, &labels, stats),
            Counts::Matcher(stats) => of_matcher(&mut page, &labels, stats),
            Counts::ExitPoint(stats) => of_exit_point(&mut page, &labels, stats),
        }
    }
    page.text()
}

fn of_host(page: &mut Page, broker: &Broker) {
    let view = broker.view();
    let none = Labels::default();
    page.put("uptime_seconds", &none, broker.uptime().as_secs_f64());
    page.put("frames_dropped", &none, broker.frames_dropped());
    if let Some(topology) = &view.topology {
        page.put("epoch", &none, topology.epoch);
        for layer in Layer::ALL {
            let labels = Labels::default().with("layer", layer_label(layer));
            page.put("instances", &labels, topology.layer(layer).count());
        }
    }
    let under_way = u8::from(view.under_way.is_some());
    page.put("operation_under_way", &none, under_way);
    page.put("coordinator_available", &none, u8::from(view.is_available));
    let leads = view.leader == Some(broker.host());
    page.put("coordinator_leads", &none, u8::from(leads));
    page.put("hosts", &none, view.hosts.len());
    let draining = view
        .hosts
        .iter()
        .filter(|host| view.draining.contains(&host.id));
    page.put("hosts_draining", &none, draining.count());
    page.put("whole", &none, u8::from(view.is_whole()));
    let survived = view.survived().survives;
    for survives in [Survives::Instance, Survives::Host] {
        let labels = Labels::default().with("death_of", survives.name());
        page.put("survives", &labels, u8::from(survived >= survives));
    }
    for link in broker.links() {
        let labels = Labels::default().with("host", &link.host.to_string());
        page.put("link_connected", &labels, u8::from(link.is_connected));
        page.put("link_waiting_bytes", &labels, link.waiting_bytes);
    }
}

fn of_instance(page: &mut Page, labels: &Labels, measured: &Measured) {
    page.put("turns", labels, measured.turns);
    page.put("frames", labels, measured.frames);
    page.spread("turn_seconds", labels, measured.turn);
    page.spread("wait_seconds", labels, measured.wait);
    page.put("queue_length", labels, measured.waiting);
    let age = measured.waiting_age.as_secs_f64();
    page.put("queue_age_seconds", labels, age);
    if let Some(cpu) = measured.cpu {
        page.put("cpu_seconds", labels, cpu.as_secs_f64());
    }
}

fn of_connection_point(page: &mut Page, labels: &Labels, stats: &ConnectionPointStats) {
    page.put("publications", labels, stats.publications);
    page.put("deliveries", labels, stats.deliveries);
    page.put("gaps", labels, stats.gaps);
    page.put("publisher_pauses", labels, stats.pauses);
    page.put("too_late", labels, stats.too_late);
    page.put("attached_sessions", labels, stats.sessions);
    page.put("attached_publishers", labels, stats.publishers);
}

fn of_access_point(page: &mut Page, labels: &Labels, stats: &AccessPointStats) {
    page.put("notifications_stamped", labels, stats.stamped);
    page.put("notifications_acknowledged", labels, stats.released);
    page.put("publications_repeated", labels, stats.repeats);
    page.put("publications_refused", labels, stats.refused);
    page.put("frames_fenced", labels, stats.fenced);
    page.put("operations", labels, stats.operations);
    page.put("operations_refused", labels, stats.operations_refused);
    page.put("operations_held", labels, stats.operations_held);
    page.put("notifications_outstanding", labels, stats.outstanding);
    page.put("publishers", labels, stats.publishers);
}

fn of_matcher(page: &mut Page, labels: &Labels, stats: &MatcherStats) {
    page.put("notifications_matched", labels, stats.notifications);
    page.put("match_batches", labels, stats.batches);
    page.put("notifications_hit", labels, stats.matched);
    page.put("matcher_operations", labels, stats.operations);
    page.put("operations_waited", labels, stats.operations_waited);
    page.put("operations_followed", labels, stats.followed);
    page.put("subscriptions_copied", labels, stats.subscriptions_copied);
    page.put("copied_bytes", labels, stats.bytes_copied);
    page.put("refused_frames", labels, stats.refused_frames);
    page.put("subscriptions", labels, stats.subscriptions);
    page.put("subscriptions_restored", labels, stats.restored);
    page.put("standby_subscriptions", labels, stats.standby_subscriptions);
    page.put("slots_stood_by", labels, stats.slots_stood_by);
    page.put("index_bytes", labels, stats.index_bytes);
    page.put("slots", labels, stats.slots);
}

fn of_exit_point(page: &mut Page, labels: &Labels, stats: &ExitPointStats) {
    page.put("notifications_released", labels, stats.released);
    page.put("deliveries_sent", labels, stats.deliveries);
    page.put("deliveries_lost", labels, stats.deliveries_lost);
    page.put("registrations", labels, stats.registrations);
    page.put("attachments_refused", labels, stats.attachments_refused);
    page.put("sessions_expired", labels, stats.sessions_expired);
    page.put(
        "sessions_disconnected_slow",
        labels,
        stats.disconnected_slow,
    );
    page.put("refused_frames", labels, stats.refused_frames);
    page.put("sessions", labels, stats.sessions);
    page.put("sessions_behind", labels, stats.sessions_behind);
    page.put("sessions_away", labels, stats.sessions_away);
    page.put("filter_bytes", labels, stats.filter_bytes);
    page.put("queued_bytes", labels, stats.queued_bytes);
    page.put("queued_deliveries", labels, stats.queued_deliveries);
}

fn of_clients(page: &mut Page, labels: &Labels, stats: &ClientsStats) {
    page.put("connections", labels, stats.connections);
    page.put("connections_accepted", labels, stats.accepted);
    page.put("client_frames_in", labels, stats.frames_in);
    page.put("client_frames_out", labels, stats.frames_out);
    page.put("client_out_bytes", labels, stats.bytes_out);
    page.put("client_flushes", labels, stats.flushes);
    for (name, codes) in [
        ("refused", &stats.refused),
        ("connections_closed", &stats.closed),
    ] {
        for code in RefusalCode::ALL {
            let labels = labels.with("code", &code_label(code));
            page.put(name, &labels, codes.get(&code).copied().unwrap_or(0));
        }
    }
}

fn labels_of(measured: &Measured) -> Labels {
    let instance = &measured.instance;
    Labels::default()
        .with("layer", layer_label(instance.layer))
        .with("instance", &instance.id.to_string())
        .with("incarnation", &instance.incarnation.to_string())
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
