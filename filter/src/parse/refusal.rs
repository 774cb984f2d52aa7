//! Puts errors together.

use alloc::format;
use alloc::string::String;

use crate::error::{FilterError, FilterErrorKind, Position};

/// Bytes of the text, from the first to behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// From the beginning of this to the end of the other.
    pub(super) fn to(self, other: Self) -> Self {
        Self {
            start: self.start,
            end: other.end,
        }
    }
}

/// An error without a hint.
pub(super) fn refuse(
    text: &str,
    kind: FilterErrorKind,
    span: Span,
    found: impl Into<String>,
    expected: impl Into<String>,
) -> FilterError {
    let characters = |from: usize, to: usize| text.get(from..to).map_or(0, |t| t.chars().count());
    FilterError {
        kind,
        position: Position {
            byte: span.start,
            column: characters(0, span.start),
        },
        length: characters(span.start, span.end),
        found: found.into(),
        expected: expected.into(),
        hint: String::new(),
    }
}

impl FilterError {
    /// The error with a hint.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// A piece of the text as an error shows it, shortened.
pub(super) fn quoted(piece: &str) -> String {
    match piece.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("`{}…`", &piece[..end]),
        None => format!("`{piece}`"),
    }
}

const SHOWN_CHARACTERS_MAX: usize = 40;
