//! `LIKE` by characters, in one pass: a run gives way only as far as the piece behind it needs.

use alloc::vec;
use alloc::vec::Vec;

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
    if (text.len() - from) * piece.len() > STEPS_MAX {
        return Bits::of(piece).find(&text[from..]).map(|end| from + end);
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

/// Steps of the plain search, above which the one by bits is taken.
const STEPS_MAX: usize = 4096;

/// A piece as sets of places, one bit each, so that all beginnings of an occurrence are followed at once: the work is
/// the length of the text times the words that hold the bits.
struct Bits {
    /// The last place.
    end: usize,
    /// Places where any character may stand.
    any: Vec<u64>,
    /// Places where this character may stand, in the order of the characters.
    of: Vec<(char, Vec<u64>)>,
}

impl Bits {
    fn of(piece: &[LikePart]) -> Self {
        let mut expected: Vec<Option<char>> = Vec::new();
        for part in piece {
            match part {
                LikePart::Text(text) => expected.extend(text.chars().map(Some)),
                LikePart::One => expected.push(None),
                LikePart::Run => {}
            }
        }
        let places = |wanted: &dyn Fn(&Option<char>) -> bool| {
            let mut bits = vec![0; expected.len().div_ceil(64)];
            for (place, _) in expected.iter().enumerate().filter(|(_, one)| wanted(one)) {
                bits[place / 64] |= 1 << (place % 64);
            }
            bits
        };
        let mut characters: Vec<char> = expected.iter().flatten().copied().collect();
        characters.sort_unstable();
        characters.dedup();
        let of = characters.into_iter().map(|character| {
            let fits = |one: &Option<char>| one.is_none_or(|one| one == character);
            (character, places(&fits))
        });
        Self {
            end: expected.len().saturating_sub(1),
            any: places(&|one| one.is_none()),
            of: of.collect(),
        }
    }

    /// Where the first occurrence ends.
    fn find(&self, text: &str) -> Option<usize> {
        let mut reached = vec![0_u64; self.any.len()];
        for (at, character) in text.char_indices() {
            let known = self.of.binary_search_by(|(known, _)| known.cmp(&character));
            let places = known.map_or(&self.any, |index| &self.of[index].1);
            let mut carry = 1;
            for (word, places) in reached.iter_mut().zip(places) {
                let next = *word >> 63;
                *word = (*word << 1 | carry) & places;
                carry = next;
            }
            if reached[self.end / 64] >> (self.end % 64) & 1 == 1 {
                return Some(at + character.len_utf8());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    fn pattern(text: &str) -> LikePattern {
        LikePattern::new(text.chars().map(|character| match character {
            '%' => LikePart::Run,
            '_' => LikePart::One,
            other => LikePart::Text(String::from(other).into()),
        }))
    }

    #[test]
    fn both_searches_find_the_same() {
        let texts = ["", "abab", "xaybzab", "🥕a🥕b", "aaaaaaab"];
        for piece in ["a_b", "_", "a__", "🥕_", "aa_b", "_b_"] {
            let pattern = pattern(piece);
            for text in texts {
                let bits = Bits::of(pattern.parts()).find(text);
                assert_eq!(bits, find(pattern.parts(), text, 0), "{piece} in {text}");
            }
        }
    }

    #[test]
    fn long_texts_and_long_pieces() {
        let text = "ab".repeat(20_000);
        let long = "a_".repeat(100);
        assert!(pattern(&std::format!("%{long}%")).matches(&text));
        assert!(!pattern(&std::format!("%{long}x%")).matches(&text));
        let ending = std::format!("{text}x");
        assert!(pattern(&std::format!("%{long}x%")).matches(&ending));
        assert!(pattern(&std::format!("a%{long}x")).matches(&ending));
    }
}
