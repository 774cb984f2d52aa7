//! Files of notifications: CSV and NDJSON, read line by line. A broken line is an error of its own; the rest goes on.

pub mod csv;
mod lines;
pub mod ndjson;

use gomera_model::{Attributes, ContentError};

pub use csv::{ColumnType, Csv, CsvError, TypeOverride};
pub use ndjson::Ndjson;

/// One line of a file, or several where a quoted field has line breaks in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it begins, from 1.
    pub line: u64,
    /// What it says, or what is wrong with it.
    pub attributes: Result<Attributes, RecordError>,
}

/// Why a line cannot be published. The next lines can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Longer than any notification may be.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("not valid UTF-8")]
    InvalidUtf8,
    /// A quoted field that does not end.
    #[error("a quoted field begins here and has no end")]
    UnclosedQuote,
    /// Something between a closing quote and the next comma.
    #[error("field {field} goes on after its closing quote")]
    TextAfterQuote {
        /// Which field, from 1.
        field: usize,
    },
    /// More or fewer fields than the header has.
    #[error("{found} fields where the header has {expected}")]
    FieldCount {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A value that is not of its column's type. `--type column:string` takes the column as text.
    #[error("column {column:?} is of type {expected} and {found:?} is none")]
    UnlikeColumn {
        /// The column.
        column: String,
        /// The type of the column.
        expected: ColumnType,
        /// The value, shortened.
        found: String,
    },
    /// The line is not one JSON object.
    #[error("{reason}")]
    InvalidJson {
        /// Where and why.
        reason: String,
    },
    /// Content that the broker would refuse.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The file cannot be read further.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// What the system says.
        reason: String,
    },
}

impl RecordError {
    fn unreadable(error: &std::io::Error) -> Self {
        Self::Unreadable {
            reason: error.to_string(),
        }
    }
}
