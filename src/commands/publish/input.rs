//! The file that is published: opened, its format known, its records read by a thread of their own, so that a slow
//! disk or a person at a terminal never holds up acknowledgements.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tokio::sync::mpsc;

use crate::records::{Csv, CsvError, Ndjson, Record, TypeOverride};

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line.
    Ndjson,
    /// A header, then rows; a column is a number or a bool only if every value of the first 1,000 rows is one.
    Csv,
}

impl Format {
    /// What a file's name says; NDJSON if it says nothing.
    pub(super) fn of(file: &Path) -> Self {
        match file.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Self::Csv,
            Some(_) | None => Self::Ndjson,
        }
    }
}

/// Why a file cannot be published at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    /// It cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Unopened {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its header cannot be read.
    #[error("{name}: {source}")]
    Csv {
        /// Which file.
        name: String,
        /// Why.
        source: CsvError,
    },
    /// Types are for columns.
    #[error("--type gives types to columns; NDJSON has none")]
    TypesWithoutColumns,
}

/// What is published.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) format: Format,
    pub(super) types: &'a [TypeOverride],
}

/// Records that wait to be published. Enough that the reader is never waited for, few enough to hold.
const RECORDS_AHEAD: usize = 1_024;

impl Source<'_> {
    /// Opens the file and begins to read it.
    pub(super) fn open(&self) -> Result<mpsc::Receiver<Record>, InputError> {
        let records = self.records()?;
        let (sender, receiver) = mpsc::channel(RECORDS_AHEAD);
        // The thread ends with the file, or when nobody listens any more. One that waits for a terminal ends with
        // the process.
        std::thread::spawn(move || {
            for record in records {
                if sender.blocking_send(record).is_err() {
                    break;
                }
            }
        });
        Ok(receiver)
    }

    fn records(&self) -> Result<Box<dyn Iterator<Item = Record> + Send>, InputError> {
        let reader = self.reader()?;
        match self.format {
            Format::Ndjson if !self.types.is_empty() => Err(InputError::TypesWithoutColumns),
            Format::Ndjson => Ok(Box::new(Ndjson::new(reader))),
            Format::Csv => match Csv::open(reader, self.types) {
                Ok(records) => Ok(Box::new(records)),
                Err(source) => Err(InputError::Csv {
                    name: self.file.display().to_string(),
                    source,
                }),
            },
        }
    }

    fn reader(&self) -> Result<Box<dyn BufRead + Send>, InputError> {
        if self.file == Path::new("-") {
            return Ok(Box::new(BufReader::new(io::stdin())));
        }
        let file = File::open(self.file).map_err(|source| InputError::Unopened {
            path: self.file.to_path_buf(),
            source,
        })?;
        Ok(Box::new(BufReader::new(file)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_format() {
        assert_eq!(Format::of(Path::new("a.csv")), Format::Csv);
        assert_eq!(Format::of(Path::new("a.ndjson")), Format::Ndjson);
        assert_eq!(Format::of(Path::new("-")), Format::Ndjson);
    }
}
