//! What one publisher did.

use super::{Line, TrailError, decimal, hexadecimal, lines, malformed, publisher_file};

/// A publisher's file, read.
#[derive(Debug, Default)]
pub(crate) struct Publisher<'a> {
    /// Its id, which its notifications carry.
    pub(crate) id: u64,
    /// What it published, in order; the first has the number 1.
    pub(crate) publications: Vec<Publication<'a>>,
    /// When its connection was lost (`false`) and made again (`true`).
    pub(crate) connections: Vec<(u64, bool)>,
    /// Why the broker ended it, if it did.
    pub(crate) ended: Option<&'a str>,
    /// Whether its file is whole.
    pub(crate) is_finished: bool,
}

/// One notification.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publication<'a> {
    /// When it was handed to the client library, or before that.
    pub(crate) at: u64,
    /// When the pace asked for it.
    pub(crate) due: u64,
    pub(crate) fate: Fate,
    /// When it was acknowledged or refused, or one behind it was; the end of time if none was.
    pub(crate) settled: u64,
    pub(crate) digest: u64,
    /// Its attributes.
    pub(crate) content: &'a str,
}

/// What became of a notification, as its publisher knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing yet.
    Pending,
    /// Acknowledged, with the number of subscriptions that the broker says have matched.
    Acknowledged(u32),
    Refused,
}

impl<'a> Publisher<'a> {
    pub(super) fn take(&mut self, line: Line<'a>) -> Option<()> {
        let mut rest = line.rest;
        match line.what {
            "o" => self.id = hexadecimal(&mut rest)?,
            "p" => {
                let seq = decimal(&mut rest)?;
                let (due, digest) = (decimal(&mut rest)?, hexadecimal(&mut rest)?);
                if seq != self.publications.len() as u64 + 1 {
                    return None;
                }
                self.publications.push(Publication {
                    at: line.at,
                    due,
                    fate: Fate::Pending,
                    settled: u64::MAX,
                    digest,
                    content: rest,
                });
            }
            "a" | "r" => {
                let index = decimal(&mut rest)?.checked_sub(1)?;
                let publication = self.publications.get_mut(usize::try_from(index).ok()?)?;
                publication.settled = line.at;
                publication.fate = match line.what {
                    "a" => Fate::Acknowledged(rest.parse().ok()?),
                    _ => Fate::Refused,
                };
            }
            "d" => self.connections.push((line.at, false)),
            "c" => self.connections.push((line.at, true)),
            "e" => self.ended = Some(line.rest),
            "f" => self.is_finished = true,
            _ => return None,
        }
        Some(())
    }

    /// Reads a file.
    pub(crate) fn read(index: usize, text: &'a str) -> Result<Self, TrailError> {
        let mut publisher = Self::default();
        for line in lines(text) {
            let file = || publisher_file(index);
            let line = line.map_err(|line| malformed(file(), line))?;
            let taken = publisher.take(line);
            taken.ok_or_else(|| {
                malformed(file(), text[line.offset..].lines().next().unwrap_or(""))
            })?;
        }
        publisher.settle_in_order();
        Ok(publisher)
    }

    /// A refusal may be heard before an acknowledgement of what was published earlier: nothing counts as settled
    /// before what stands before it.
    fn settle_in_order(&mut self) {
        let mut latest = 0;
        for publication in &mut self.publications {
            latest = publication.settled.max(latest);
            publication.settled = latest;
        }
    }

    /// How many publications there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.publications.len()).expect("a publisher sends fewer than 2^32 in a run")
    }
}
