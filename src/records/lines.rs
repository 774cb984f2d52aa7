//! The lines of a file, which may be given back to be read again.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// One line without its end. A longer one is given with the bytes that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// Without the line's end.
    pub(super) bytes: Vec<u8>,
    /// Whether it was longer than [`LINE_BYTES_MAX`].
    pub(super) too_long: bool,
}

/// Reads lines, never holding more of one than [`LINE_BYTES_MAX`].
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    read: u64,
    failed: bool,
    given_back: VecDeque<Line>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            read: 0,
            failed: false,
            given_back: VecDeque::new(),
        }
    }

    /// The next line; `None` at the end, and after an error.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.given_back.pop_front() {
            return Ok(Some(line));
        }
        if self.failed {
            return Ok(None);
        }
        let line = self.read_line();
        self.failed = line.is_err();
        line
    }

    /// The number of the next line that has not been read yet.
    pub(super) fn unread(&self) -> u64 {
        self.read + 1
    }

    /// Takes lines back, which come again in this order.
    pub(super) fn give_back(&mut self, lines: impl DoubleEndedIterator<Item = Line>) {
        for line in lines.rev() {
            self.given_back.push_front(line);
        }
    }

    fn read_line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let mut limited = (&mut self.reader).take(LINE_BYTES_MAX as u64 + 2);
        if limited.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let ended = bytes.ends_with(b"\n");
        strip_end(&mut bytes);
        let too_long = bytes.len() > LINE_BYTES_MAX;
        if too_long {
            bytes.truncate(LINE_BYTES_MAX);
        }
        if too_long && !ended {
            self.reader.skip_until(b'\n')?;
        }
        self.read += 1;
        Ok(Some(Line {
            number: self.read,
            bytes,
            too_long,
        }))
    }
}

/// A line that is longer cannot be content of 64 KiB in any format; it is read past, not held.
pub(super) const LINE_BYTES_MAX: usize = 1024 * 1024;

fn strip_end(bytes: &mut Vec<u8>) {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers_and_lengths(text: &[u8]) -> Vec<(u64, usize, bool)> {
        let mut lines = Lines::new(text);
        std::iter::from_fn(|| lines.next().unwrap())
            .map(|line| (line.number, line.bytes.len(), line.too_long))
            .collect()
    }

    #[test]
    fn lines_end_with_either_end_or_the_file() {
        assert_eq!(
            numbers_and_lengths(b"a\r\n\nbc"),
            [(1, 1, false), (2, 0, false), (3, 2, false)]
        );
        assert_eq!(numbers_and_lengths(b""), []);
    }

    #[test]
    fn a_line_without_end_is_read_past() {
        let exactly = vec![b'x'; LINE_BYTES_MAX];
        let mut text = exactly.clone();
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(&exactly);
        text.extend_from_slice(b"xxxx\nlast");
        assert_eq!(
            numbers_and_lengths(&text),
            [
                (1, LINE_BYTES_MAX, false),
                (2, LINE_BYTES_MAX, true),
                (3, 4, false)
            ]
        );
    }

    #[test]
    fn an_error_is_told_once_and_ends_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let mut lines = Lines::new(io::BufReader::new(Broken));
        assert_eq!(lines.next().unwrap_err().to_string(), "gone");
        assert_eq!(lines.next().unwrap(), None);
    }

    #[test]
    fn lines_given_back_come_again_in_order() {
        let mut lines = Lines::new(&b"a\nb\nc"[..]);
        let a = lines.next().unwrap().unwrap();
        let b = lines.next().unwrap().unwrap();
        lines.give_back([a, b].into_iter());
        let again: Vec<u64> = std::iter::from_fn(|| lines.next().unwrap())
            .map(|line| line.number)
            .collect();
        assert_eq!(again, [1, 2, 3]);
    }
}
