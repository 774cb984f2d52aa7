//! The records of a run, read again. The verdict comes from them and from nothing else.
//!
//! A directory holds one file for the run, one for each client, and one for what was seen and asked of the cluster.
//! Every line begins with its time, nanoseconds after the start. In the files of publishers:
//!
//! | line | means |
//! |---|---|
//! | `o ID` | opened; ids are hexadecimal |
//! | `p SEQ DUE DIGEST name=value …` | published: the time is from before the call, `DUE` when the pace asked for it |
//! | `a SEQ MATCHED` | acknowledged |
//! | `r SEQ REASON` | refused |
//! | `d`, `c` | the connection is lost; there is another one |
//! | `e REASON`, `f` | ended by the broker; finished |
//!
//! In the files of subscribers (`d`, `e`, `f` as above):
//!
//! | line | means |
//! |---|---|
//! | `o SESSION` | opened |
//! | `s NUMBER FILTER` | asks for a subscription, or for another filter of it |
//! | `u NUMBER` | asks for its end |
//! | `k NUMBER`, `n NUMBER REASON` | the answer to the last request of that number: yes, or no |
//! | `v POINT SEQ EPOCH PUBLISHER SEQ DIGEST HITS` | a delivery: its stamp, whose it is, and `number:operation,…` |
//! | `xc`, `xp`, `xu` | the same, but dropped by the client library: by its cursor, by the publisher's last number, or because these subscriptions were ended |
//! | `g POINT FIRST LAST COUNT` | a gap that the broker signals |
//! | `c HOW SESSION` | attached again: `continued` or `fresh` |
//! | `b` | after `fresh`: all is subscribed again |
//! | `l NUMBER REASON` | after `fresh`: this one was refused |
//!
//! In the file of the cluster: `t EPOCH SURVIVES` (another topology was seen), `w STEP PLAN` and `y STEP OUTCOME`
//! (a step of the plan is asked for; what became of it).

mod cluster;
mod publisher;
mod subscriber;

use std::path::{Path, PathBuf};
use std::{fs, io};

pub(crate) use cluster::Cluster;
pub(crate) use publisher::{Fate, Publication, Publisher};
pub(crate) use subscriber::{Arrival, Entry, Shown, Stamp, entries};

/// Why records cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrailError {
    /// A file is not there or cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line is none of those above.
    #[error("{file}: the line `{line}` is no line of a record")]
    Line {
        /// The file.
        file: String,
        /// The line.
        line: String,
    },
    /// A filter that the evaluator does not know.
    #[error(transparent)]
    Filter(#[from] super::predicate::ParseError),
}

/// The text of all files of a run.
#[derive(Debug)]
pub struct Files {
    /// What the file of the run says.
    pub(crate) run: String,
    pub(crate) publishers: Vec<String>,
    pub(crate) subscribers: Vec<String>,
    pub(crate) cluster: String,
}

/// The file of the run.
pub(crate) const RUN_FILE: &str = "run";
/// The file of the cluster.
pub const CLUSTER_FILE: &str = "cluster.log";

/// The file of a publisher.
pub(crate) fn publisher_file(index: usize) -> String {
    format!("publisher-{index:04}.log")
}

/// The file of a subscriber.
pub(crate) fn subscriber_file(index: usize) -> String {
    format!("subscriber-{index:04}.log")
}

impl Files {
    /// What the run was: `name=value` lines.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.run
    }

    /// Reads a directory of records.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or there is none of a run.
    pub fn read(directory: &Path) -> Result<Self, TrailError> {
        let all = |name: fn(usize) -> String| -> Result<Vec<String>, TrailError> {
            let paths = (0..).map(|index| directory.join(name(index)));
            paths
                .take_while(|path| path.exists())
                .map(|path| read(&path))
                .collect()
        };
        Ok(Self {
            run: read(&directory.join(RUN_FILE))?,
            publishers: all(publisher_file)?,
            subscribers: all(subscriber_file)?,
            cluster: read(&directory.join(CLUSTER_FILE))?,
        })
    }
}

fn read(path: &Path) -> Result<String, TrailError> {
    fs::read_to_string(path).map_err(|error| TrailError::File {
        path: path.to_owned(),
        error,
    })
}

/// A line: when, what, and the rest.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    /// Where it begins in its file.
    offset: usize,
    at: u64,
    what: &'a str,
    rest: &'a str,
}

/// The lines of a file; the last one only if it is whole.
fn lines(text: &str) -> impl Iterator<Item = Result<Line<'_>, &str>> {
    let mut offset = 0;
    text.split_inclusive('\n').filter_map(move |whole| {
        let start = offset;
        offset += whole.len();
        let line = whole.strip_suffix('\n')?;
        Some(cut(start, line).ok_or(line))
    })
}

fn cut(offset: usize, line: &str) -> Option<Line<'_>> {
    let (at, rest) = line.split_once(' ')?;
    let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let at = at.parse().ok()?;
    Some(Line {
        offset,
        at,
        what,
        rest,
    })
}

fn malformed(file: impl Into<String>, line: &str) -> TrailError {
    TrailError::Line {
        file: file.into(),
        line: line.to_owned(),
    }
}

/// The next word, taken away from the front.
fn word<'a>(rest: &mut &'a str) -> &'a str {
    let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
    *rest = after;
    word
}

fn decimal(rest: &mut &str) -> Option<u64> {
    word(rest).parse().ok()
}

fn hexadecimal(rest: &mut &str) -> Option<u64> {
    u64::from_str_radix(word(rest), 16).ok()
}
