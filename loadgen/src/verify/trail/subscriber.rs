//! What one subscriber asked for and got, line by line.

use super::{Line, TrailError, decimal, hexadecimal, lines, malformed, subscriber_file, word};

/// One line of a subscriber's file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    Opened {
        session: u64,
    },
    /// Asks for a filter, or for the end.
    Asked {
        number: u32,
        filter: Option<&'a str>,
    },
    Answered {
        number: u32,
        refused: Option<&'a str>,
    },
    Arrived(Arrival<'a>),
    Gap {
        count: u64,
    },
    Attached {
        is_fresh: bool,
        session: u64,
    },
    Disconnected,
    Resubscribed,
    SubscriptionLost {
        number: u32,
        reason: &'a str,
    },
    Ended(&'a str),
    Finished,
}

/// One delivery as it came over the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) shown: Shown,
    pub(crate) stamp: Stamp,
    pub(crate) publisher: u64,
    pub(crate) seq: u64,
    pub(crate) digest: u64,
    hits: &'a str,
}

/// Access point, number and epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) access_point: u64,
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
}

/// Whether the client library has shown a delivery to its application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Yes,
    /// Not beyond the cursor of its access point.
    NotByCursor,
    /// Not beyond the last number of its publisher.
    NotByPublisher,
    /// The subscriptions were ended by the application.
    NotSubscribed,
}

impl Arrival<'_> {
    /// The numbers of the subscriptions that it is for.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        let hits = self.hits.split(',');
        hits.filter_map(|hit| hit.split_once(':')?.0.parse().ok())
    }
}

/// The lines of a file with the places where they stand and their times.
pub(crate) fn entries(
    index: usize,
    text: &str,
) -> impl Iterator<Item = Result<(usize, u64, Entry<'_>), TrailError>> {
    lines(text).map(move |line| {
        let line = line.map_err(|line| malformed(subscriber_file(index), line))?;
        let entry = entry(line).ok_or_else(|| {
            let whole = text[line.offset..].lines().next().unwrap_or("");
            malformed(subscriber_file(index), whole)
        })?;
        Ok((line.offset, line.at, entry))
    })
}

fn entry(line: Line<'_>) -> Option<Entry<'_>> {
    let mut rest = line.rest;
    Some(match line.what {
        "v" => Entry::Arrived(arrival(Shown::Yes, rest)?),
        "xc" => Entry::Arrived(arrival(Shown::NotByCursor, rest)?),
        "xp" => Entry::Arrived(arrival(Shown::NotByPublisher, rest)?),
        "xu" => Entry::Arrived(arrival(Shown::NotSubscribed, rest)?),
        "o" => Entry::Opened {
            session: hexadecimal(&mut rest)?,
        },
        "s" => Entry::Asked {
            number: number(&mut rest)?,
            filter: Some(rest),
        },
        "u" => Entry::Asked {
            number: number(&mut rest)?,
            filter: None,
        },
        "k" => Entry::Answered {
            number: number(&mut rest)?,
            refused: None,
        },
        "n" => Entry::Answered {
            number: number(&mut rest)?,
            refused: Some(rest),
        },
        "g" => {
            let [_, _, _] = [(); 3].map(|()| word(&mut rest));
            Entry::Gap {
                count: decimal(&mut rest)?,
            }
        }
        "c" => Entry::Attached {
            is_fresh: word(&mut rest) == "fresh",
            session: hexadecimal(&mut rest)?,
        },
        "d" => Entry::Disconnected,
        "b" => Entry::Resubscribed,
        "l" => Entry::SubscriptionLost {
            number: number(&mut rest)?,
            reason: rest,
        },
        "e" => Entry::Ended(rest),
        "f" => Entry::Finished,
        _ => return None,
    })
}

fn arrival(shown: Shown, mut rest: &str) -> Option<Arrival<'_>> {
    let stamp = Stamp {
        access_point: decimal(&mut rest)?,
        seq: decimal(&mut rest)?,
        epoch: decimal(&mut rest)?,
    };
    Some(Arrival {
        shown,
        stamp,
        publisher: hexadecimal(&mut rest)?,
        seq: decimal(&mut rest)?,
        digest: hexadecimal(&mut rest)?,
        hits: rest,
    })
}

fn number(rest: &mut &str) -> Option<u32> {
    word(rest).parse().ok()
}
