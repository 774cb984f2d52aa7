//! Where commands print.

use std::fmt::{Debug, Display, Formatter};
use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::Exit;

/// Standard output and standard error of a command, or a test's stand-in for them.
pub struct Console {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    reader_gone: bool,
    /// Whether somebody watches `err`, so that a line there can be written over.
    watched: bool,
    /// Whether the last line there may be written over.
    passing: bool,
}

impl Console {
    /// The process's own.
    #[must_use]
    pub fn standard() -> Self {
        let (out, err) = (std::io::stdout(), std::io::stderr());
        let watched = err.is_terminal();
        Self {
            watched,
            ..Self::new(Box::new(out), Box::new(err))
        }
    }

    /// Prints for people and programs go to `out`, errors and progress to `err`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            err,
            reader_gone: false,
            watched: false,
            passing: false,
        }
    }

    /// Prints text as it is; it ends its own lines.
    pub fn text(&mut self, text: &str) {
        self.write(text.as_bytes());
    }

    /// Prints a line.
    pub fn line(&mut self, line: impl Display) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Prints one JSON object as a line.
    pub fn json(&mut self, object: &impl Serialize) {
        match serde_json::to_vec(object) {
            Ok(mut line) => {
                line.push(b'\n');
                self.write(&line);
            }
            Err(error) => self.error(&error),
        }
    }

    /// Says to people what is going on, beside the output.
    pub fn progress(&mut self, line: impl Display) {
        self.complain(&format!("{line}\n"));
    }

    /// Says to people where it stands: on a terminal the next line takes this one's place.
    pub fn passing(&mut self, line: impl Display) {
        if self.watched {
            self.complain(&format!("{line}"));
            self.passing = true;
        } else {
            self.progress(line);
        }
    }

    /// Whether a passing line may be renewed often: somebody watches, and only sees the last one.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.watched
    }

    /// Says what went wrong.
    pub fn error(&mut self, error: &impl Display) {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        self.complain(&format!("error: {text}\n"));
    }

    /// Says what went wrong; the command is over.
    pub fn fail(&mut self, error: &impl Display) -> Exit {
        self.error(error);
        Exit::Failed
    }

    /// Whether whoever read the output has gone, so that there is no sense in going on.
    #[must_use]
    pub fn reader_gone(&self) -> bool {
        self.reader_gone
    }

    fn write(&mut self, bytes: &[u8]) {
        self.clear_passing();
        let written = self.out.write_all(bytes).and_then(|()| self.out.flush());
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.reader_gone = true,
            Err(error) => {
                self.reader_gone = true;
                self.error(&format!("cannot write to standard output: {error}"));
            }
        }
    }

    /// Who cannot hear a complaint cannot be told that either.
    fn complain(&mut self, text: &str) {
        self.clear_passing();
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }

    fn clear_passing(&mut self) {
        if std::mem::take(&mut self.passing) {
            let _ = self.err.write_all(CLEAR_LINE);
            let _ = self.err.flush();
        }
    }
}

impl Debug for Console {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

/// Back to the beginning of the line, and away with it.
const CLEAR_LINE: &[u8] = b"\r\x1b[2K";
