//! What a publisher is told: an acknowledgement counts the subscriptions that matched.

use std::collections::BTreeMap;

use gomera_model::{PublisherId, PublisherSeq, SubscriptionNumber};

use super::history::{Moment, Published, Session, seq_at};
use super::{Breach, History, Promise};

pub(super) fn check(history: &History, breaches: &mut Vec<Breach>) {
    // What a dead exit point had counted went with it, and what comes again is counted again.
    if !history.is_deathless() {
        return;
    }
    let received = received(history);
    for (publisher, published) in history.publishers() {
        for (index, publication) in published.iter().enumerate() {
            let Some(matched) = publication.acknowledged.and_then(|a| a.matched) else {
                continue;
            };
            let seq = seq_at(index);
            let all = received.get(&(publisher, seq)).copied().unwrap_or(0);
            let most = all + dropped(history, publication, (publisher, seq));
            let least = if publication.is_uncounted {
                0
            } else {
                all - ended(history, publication, (publisher, seq))
            };
            if !(least..=most).contains(&matched) {
                breaches.push(Breach {
                    promise: Promise::Miscounted,
                    story: format!(
                        "#{seq} of publisher {publisher} was acknowledged with {matched} matching subscriptions; \
                         it should be {least} to {most}"
                    ),
                    notification: Some((publisher, seq)),
                    subscriber: None,
                });
            }
        }
    }
}

/// How many subscriptions each notification was delivered for.
fn received(history: &History) -> BTreeMap<(PublisherId, PublisherSeq), u32> {
    let mut counts = BTreeMap::new();
    for (_, session) in history.sessions() {
        for delivery in &session.deliveries {
            let count: &mut u32 = counts
                .entry((delivery.publisher, delivery.seq))
                .or_default();
            *count += u32::try_from(delivery.hits.len()).expect("few subscriptions");
        }
    }
    counts
}

/// How many more may have matched and were dropped on their way to the client: subscriptions whose end was not yet
/// answered when the notification was published, those of a session that ended, which nobody answers, and those of a
/// session that lost it with a gap.
fn dropped(history: &History, publication: &Published, seen: (PublisherId, PublisherSeq)) -> u32 {
    let of_session = |session: &Session| {
        let all = session.subscriptions().into_iter();
        if session.gave_up(publication.stamp) {
            return all.count();
        }
        let ended = session.ended.is_some();
        let open = all.filter(|&number| ended || ends_later(session, number, publication.at));
        open.filter(|&number| !was_hit(session, number, seen))
            .count()
    };
    let count: usize = history.sessions().map(|(_, s)| of_session(s)).sum();
    u32::try_from(count).expect("few subscriptions")
}

/// How many of those it was delivered for may not have been counted: where a session changes its exit point, one delivers
/// and the one of the stamp counts, which may have taken the end of a subscription already that was asked for meanwhile.
fn ended(history: &History, publication: &Published, seen: (PublisherId, PublisherSeq)) -> u32 {
    let of_session = |session: &Session| {
        let all = session.subscriptions().into_iter();
        all.filter(|&number| ends_later(session, number, publication.at))
            .filter(|&number| was_hit(session, number, seen))
            .count()
    };
    let count: usize = history.sessions().map(|(_, s)| of_session(s)).sum();
    u32::try_from(count).expect("few subscriptions")
}

fn ends_later(session: &Session, number: SubscriptionNumber, published: Moment) -> bool {
    session.operations.iter().any(|operation| {
        operation.subscription == number
            && operation.is_end()
            && operation.answered.unwrap_or(Moment::NEVER) > published
    })
}

fn was_hit(
    session: &Session,
    number: SubscriptionNumber,
    (publisher, seq): (PublisherId, PublisherSeq),
) -> bool {
    session.deliveries.iter().any(|delivery| {
        delivery.publisher == publisher
            && delivery.seq == seq
            && delivery.hits.iter().any(|hit| hit.number == number)
    })
}
