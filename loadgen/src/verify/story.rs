//! The story of a violation: what is known of it from all records, in lines for people.

use std::fmt::Write as _;

use super::judge::{Fault, Finding};
use super::trail::{Arrival, Cluster, Entry, Fate, Files, Publisher, Shown, TrailError, entries};
use super::value::attributes;

/// Tells one.
///
/// # Errors
///
/// If a record cannot be understood.
pub fn tell(files: &Files, finding: &Finding) -> Result<String, TrailError> {
    let mut story = Story {
        files,
        finding,
        text: format!("{}\n", headline(finding)),
        moment: finding.at,
    };
    story.publication()?;
    if let Some(subscriber) = finding.subscriber {
        story.subscription(subscriber)?;
        story.neighbours(subscriber)?;
        story.session(subscriber)?;
    }
    story.cluster()?;
    Ok(story.text)
}

fn headline(finding: &Finding) -> String {
    let mut text = format!("{}:", finding.fault.name());
    if let (Some(seq), Some(publisher)) = (finding.seq, finding.publisher) {
        let _ = write!(text, " notification {seq} of publisher {publisher}");
    } else if let Some(publisher) = finding.publisher {
        let _ = write!(text, " publisher {publisher}");
    }
    if let Some(subscriber) = finding.subscriber {
        let _ = write!(text, " at subscriber {subscriber}");
    }
    if let Some(number) = finding.subscription {
        let _ = write!(text, " for its subscription {number}");
    }
    text + ": " + words(finding.fault)
}

fn words(fault: Fault) -> &'static str {
    match fault {
        Fault::Lost => "it was acknowledged, the filter is true for it, and it did not come",
        Fault::Doubled => "it came again",
        Fault::False => "it came although the filter is not true for it",
        Fault::OutOfOrder => "it came behind a later one",
        Fault::HoleAtStart => "it did not come although the subscription had begun",
        Fault::HoleAtEnd => {
            "the subscription had not one end: something missing stands before something that came"
        }
        Fault::AfterEnd => "it came after the end of the subscription had been acknowledged",
        Fault::Altered => "its content is not what was published",
        Fault::Stranger => "it came and nobody of this run has published it",
        Fault::Unacknowledged => "it was not acknowledged until the end",
        Fault::Refused => "it was refused, and breaks no rule",
        Fault::SubscriptionRefused => "a subscription that breaks no rule was refused or lost",
        Fault::SessionLost => {
            "its session was gone although the placement was said to survive more"
        }
        Fault::Gap => {
            "the broker lost deliveries, and signalled that, although the client takes everything at once"
        }
        Fault::ClientEnded => "the broker ended this client",
    }
}

struct Story<'a> {
    files: &'a Files,
    finding: &'a Finding,
    text: String,
    /// Around which time it is looked.
    moment: Option<u64>,
}

impl Story<'_> {
    fn line(&mut self, name: &str, what: &str) {
        let _ = writeln!(self.text, "    {name:<14}{what}");
    }

    fn publication(&mut self) -> Result<(), TrailError> {
        let Some(index) = self.finding.publisher else {
            return Ok(());
        };
        let publisher = Publisher::read(index, &self.files.publishers[index])?;
        let publication = self.finding.seq.and_then(|seq| {
            let place = seq.checked_sub(1)? as usize;
            publisher.publications.get(place)
        });
        if let Some(publication) = publication {
            self.moment = self.moment.or(Some(publication.at));
            let content: Vec<String> = attributes(publication.content)
                .map(|(name, cell)| format!("{name} = {}", cell.words()))
                .collect();
            self.line("notification", &content.join(", "));
            let fate = match publication.fate {
                Fate::Pending => "never acknowledged".to_owned(),
                Fate::Acknowledged(matched) => format!(
                    "acknowledged at {} (the broker says that {matched} subscriptions matched)",
                    seconds(publication.settled)
                ),
                Fate::Refused => format!("refused at {}", seconds(publication.settled)),
            };
            self.line(
                "published",
                &format!("at {}, {fate}", seconds(publication.at)),
            );
        }
        let moment = self.moment.unwrap_or(0);
        let near = publisher
            .connections
            .iter()
            .filter(|(at, _)| is_near(*at, moment));
        let connections: Vec<String> = near
            .map(|(at, there)| {
                let what = if *there {
                    "connected again"
                } else {
                    "disconnected"
                };
                format!("{what} at {}", seconds(*at))
            })
            .collect();
        let id = format!("id {:016x}", publisher.id);
        self.line("publisher", &listed(&id, &connections));
        if let Some(reason) = publisher.ended {
            self.line("", &format!("ended by the broker: {reason}"));
        }
        Ok(())
    }

    /// Every life of the subscription around the moment.
    fn subscription(&mut self, subscriber: usize) -> Result<(), TrailError> {
        let Some(number) = self.finding.subscription else {
            return Ok(());
        };
        let mut requests: Vec<(u64, String)> = Vec::new();
        for entry in entries(subscriber, &self.files.subscribers[subscriber]) {
            let (_, at, entry) = entry?;
            match entry {
                Entry::Asked { number: n, filter } if n == number => {
                    let asked = match filter {
                        Some(filter) => format!("{filter}\n{:18}asked for at {}", "", seconds(at)),
                        None => format!("its end, asked for at {}", seconds(at)),
                    };
                    requests.push((at, asked));
                }
                Entry::Answered { number: n, refused } if n == number => {
                    let answer =
                        refused.map_or("acknowledged".to_owned(), |why| format!("refused ({why})"));
                    if let Some((_, request)) = requests.last_mut() {
                        let _ = write!(request, ", {answer} at {}", seconds(at));
                    }
                }
                Entry::SubscriptionLost { number: n, reason } if n == number => {
                    requests.push((at, format!("lost at {}: {reason}", seconds(at))));
                }
                Entry::Opened { .. }
                | Entry::Asked { .. }
                | Entry::Answered { .. }
                | Entry::Arrived(_)
                | Entry::Gap { .. }
                | Entry::Attached { .. }
                | Entry::Disconnected
                | Entry::Resubscribed
                | Entry::SubscriptionLost { .. }
                | Entry::Ended(_)
                | Entry::Finished => {}
            }
        }
        let moment = self.moment.unwrap_or(u64::MAX);
        let behind = requests.partition_point(|(at, _)| *at <= moment);
        let shown = behind.saturating_sub(REQUESTS_BEFORE)..requests.len().min(behind + 1);
        if requests.is_empty() {
            self.line("subscription", "never asked for");
        }
        for (_, request) in &requests[shown] {
            self.line("subscription", request);
        }
        Ok(())
    }

    /// What came of the same publisher just before and just behind it, and it itself.
    fn neighbours(&mut self, subscriber: usize) -> Result<(), TrailError> {
        let (Some(index), Some(seq)) = (self.finding.publisher, self.finding.seq) else {
            return Ok(());
        };
        // The first line says who it is.
        let publisher = Publisher::read(index, first_line(&self.files.publishers[index]))?.id;
        let (mut before, mut itself, mut behind) = (None, Vec::new(), None);
        for entry in entries(subscriber, &self.files.subscribers[subscriber]) {
            let (_, at, entry) = entry?;
            let Entry::Arrived(arrival) = entry else {
                continue;
            };
            if arrival.publisher != publisher {
                continue;
            }
            match arrival.seq.cmp(&u64::from(seq)) {
                std::cmp::Ordering::Less => before = later(before, (at, arrival)),
                std::cmp::Ordering::Equal => itself.push((at, arrival)),
                std::cmp::Ordering::Greater => behind = behind.or(Some((at, arrival))),
            }
        }
        match before {
            Some((at, arrival)) => self.line("came before", &describe(at, &arrival)),
            None => self.line("came before", "nothing of this publisher"),
        }
        for (at, arrival) in itself.iter().take(ARRIVALS_TOLD) {
            self.line("came itself", &describe(*at, arrival));
        }
        match behind {
            Some((at, arrival)) => self.line("came behind", &describe(at, &arrival)),
            None => self.line("came behind", "nothing of this publisher"),
        }
        Ok(())
    }

    /// The session and what happened to its connections around the moment.
    fn session(&mut self, subscriber: usize) -> Result<(), TrailError> {
        let moment = self.moment.unwrap_or(0);
        let (mut session, mut connections, mut events) = (0, 1, Vec::new());
        for entry in entries(subscriber, &self.files.subscribers[subscriber]) {
            let (_, at, entry) = entry?;
            let what = match entry {
                Entry::Opened { session: id } => {
                    session = id;
                    continue;
                }
                Entry::Attached {
                    is_fresh,
                    session: id,
                } => {
                    if at <= moment {
                        session = id;
                        connections += 1;
                    }
                    let how = if is_fresh {
                        "as a new session"
                    } else {
                        "and continued"
                    };
                    format!("attached again {how}")
                }
                Entry::Disconnected => "disconnected".to_owned(),
                Entry::Resubscribed => "subscribed again".to_owned(),
                Entry::Gap { count } => format!("gap of {count} deliveries"),
                Entry::Ended(reason) => format!("ended by the broker ({reason})"),
                Entry::Asked { .. }
                | Entry::Answered { .. }
                | Entry::Arrived(_)
                | Entry::SubscriptionLost { .. }
                | Entry::Finished => continue,
            };
            if is_near(at, moment) {
                events.push(format!("{what} at {}", seconds(at)));
            }
        }
        let session = format!("session {session:016x}, connection {connections}");
        self.line("session", &listed(&session, &events));
        Ok(())
    }

    fn cluster(&mut self) -> Result<(), TrailError> {
        let moment = self.moment.unwrap_or(0);
        let cluster = Cluster::read(&self.files.cluster)?;
        let topologies = cluster
            .topologies
            .iter()
            .filter(|(at, _, _)| is_near(*at, moment));
        let topologies: Vec<String> = topologies
            .map(|(at, epoch, survives)| {
                format!(
                    "epoch {epoch} (survives {survives}) seen at {}",
                    seconds(*at)
                )
            })
            .collect();
        if !topologies.is_empty() {
            self.line("topology", &topologies.join("; "));
        }
        for step in cluster.steps {
            let end = step.ended.map_or(u64::MAX, |(at, _)| at);
            if step.asked.saturating_sub(NEAR_NS) <= moment && moment <= end.saturating_add(NEAR_NS)
            {
                let ended = step.ended.map_or("not over".to_owned(), |(at, how)| {
                    format!("{how} at {}", seconds(at))
                });
                self.line(
                    "scaling",
                    &format!(
                        "{} asked for at {}, {ended}",
                        step.plan,
                        seconds(step.asked)
                    ),
                );
            }
        }
        Ok(())
    }
}

type Came<'a> = (u64, Arrival<'a>);

/// The one with the higher number.
fn later<'a>(known: Option<Came<'a>>, new: Came<'a>) -> Option<Came<'a>> {
    match known {
        Some(known) if known.1.seq >= new.1.seq => Some(known),
        Some(_) | None => Some(new),
    }
}

fn describe(at: u64, arrival: &Arrival<'_>) -> String {
    let stamp = arrival.stamp;
    let shown = match arrival.shown {
        Shown::Yes => "",
        Shown::NotByCursor => "; the library dropped it: not beyond the cursor of the access point",
        Shown::NotByPublisher => "; the library dropped it: not beyond the last of the publisher",
        Shown::NotSubscribed => "; the library dropped it: these subscriptions were ended",
    };
    let numbers: Vec<String> = arrival.numbers().map(|number| number.to_string()).collect();
    format!(
        "{} at {}, stamped {} of access point {} in epoch {}, for {}{shown}",
        arrival.seq,
        seconds(at),
        stamp.seq,
        stamp.access_point,
        stamp.epoch,
        numbers.join(", ")
    )
}

fn listed(first: &str, events: &[String]) -> String {
    match events.is_empty() {
        true => format!("{first}; nothing happened to its connection around this time"),
        false => format!("{first}; {}", events.join("; ")),
    }
}

fn first_line(text: &str) -> &str {
    let end = text.find('\n').map_or(text.len(), |end| end + 1);
    &text[..end]
}

fn is_near(at: u64, moment: u64) -> bool {
    at.abs_diff(moment) <= NEAR_NS
}

/// A time of the records, for people.
#[must_use]
pub fn seconds(at: u64) -> String {
    format!("{}.{:06} s", at / 1_000_000_000, at % 1_000_000_000 / 1_000)
}

/// What happened within this time of a violation is told with it.
const NEAR_NS: u64 = 10_000_000_000;
/// Requests of the same subscription before the moment that are told; and one behind it.
const REQUESTS_BEFORE: usize = 2;
/// How often something came, at most, that is told.
const ARRIVALS_TOLD: usize = 4;
