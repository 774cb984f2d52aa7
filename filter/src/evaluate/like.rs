//! `LIKE` by characters, in one pass: a run gives way only as far as the piece behind it needs.

use crate::tree::{LikePart, LikePattern};

impl LikePattern {
    /// Whether the whole text fits the pattern.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let parts = self.parts();
        let mut pieces = parts.split(|part| *part == LikePart::Run);
        let head = pieces.next().unwrap_or(&[]);
        let Some(mut at) = fit(head, text, 0) else {
            return false;
        };
        let Some(tail) = pieces.next_back() else {
            return at == text.len();
        };
        for piece in pieces {
            match find(piece, text, at) {
                Some(behind) => at = behind,
                None => return false,
            }
        }
        ends_with(tail, text, at)
    }
}

/// Where a piece without runs ends, if it stands at `at`.
fn fit(piece: &[LikePart], text: &str, mut at: usize) -> Option<usize> {
    for part in piece {
        let rest = &text[at..];
        at += match part {
            LikePart::Text(expected) => rest
                .starts_with(expected.as_str())
                .then_some(expected.len())?,
            LikePart::One => rest.chars().next()?.len_utf8(),
            LikePart::Run => 0,
        };
    }
    Some(at)
}

/// Where the first occurrence of a piece from `from` on ends.
fn find(piece: &[LikePart], text: &str, from: usize) -> Option<usize> {
    if let [LikePart::Text(expected)] = piece {
        return text[from..]
            .find(expected.as_str())
            .map(|found| from + found + expected.len());
    }
    let starts = text[from..].char_indices().map(|(start, _)| from + start);
    starts
        .chain([text.len()])
        .find_map(|start| fit(piece, text, start))
}

/// Whether a piece stands at the end of the text, not before `from`.
fn ends_with(piece: &[LikePart], text: &str, from: usize) -> bool {
    let characters: usize = piece
        .iter()
        .map(|part| match part {
            LikePart::Text(expected) => expected.chars().count(),
            LikePart::One => 1,
            LikePart::Run => 0,
        })
        .sum();
    let start = match characters {
        0 => Some(text.len()),
        _ => text
            .char_indices()
            .rev()
            .nth(characters - 1)
            .map(|(start, _)| start),
    };
    start.is_some_and(|start| start >= from && fit(piece, text, start) == Some(text.len()))
}
