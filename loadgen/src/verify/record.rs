//! What a client did and what came to it, appended to a file of its own as it happens.
//!
//! A line is `nanoseconds what …`, with the time since the start of the run; [`super::trail`] says what there is.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::pacer::nanos;

/// A file that grows. Shared by the tasks of one client.
#[derive(Debug)]
pub struct Record {
    start: Instant,
    writing: Mutex<Writing>,
}

#[derive(Debug)]
struct Writing {
    file: BufWriter<File>,
    line: String,
    failure: Option<io::Error>,
}

impl Record {
    /// Begins a file that is not there yet.
    ///
    /// # Errors
    ///
    /// If it is there, or cannot be made.
    pub fn create(path: &Path, start: Instant) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        Ok(Self {
            start,
            writing: Mutex::new(Writing {
                file: BufWriter::with_capacity(BUFFER_BYTES, file),
                line: String::new(),
                failure: None,
            }),
        })
    }

    /// The time of a line that is written now.
    #[must_use]
    pub fn now(&self) -> u64 {
        nanos(self.start.elapsed())
    }

    /// Appends a line of this moment.
    pub fn say(&self, what: fmt::Arguments<'_>) {
        self.say_at(self.now(), what);
    }

    /// Appends a line of a moment that has been.
    pub fn say_at(&self, at: u64, what: fmt::Arguments<'_>) {
        let mut writing = self.writing();
        let Writing {
            file,
            line,
            failure,
        } = &mut *writing;
        line.clear();
        writeln!(line, "{at} {what}").expect("a string takes everything");
        if let Err(error) = file.write_all(line.as_bytes()) {
            failure.get_or_insert(error);
        }
    }

    /// Hands over what is gathered.
    ///
    /// # Errors
    ///
    /// If that fails, or something before has failed.
    pub fn flush(&self) -> io::Result<()> {
        let mut writing = self.writing();
        match writing.failure.take() {
            Some(error) => Err(error),
            None => writing.file.flush(),
        }
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line, as it stands in a file.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Some hundred lines are written at once.
const BUFFER_BYTES: usize = 64 * 1024;
