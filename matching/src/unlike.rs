//! What values of unlike types mean for a test.

use gomera_filter::tree::Unlike;

/// Whether values of unlike types cannot make the test true.
pub(crate) fn is_plain(unlike: Unlike, negated: bool) -> bool {
    match unlike {
        Unlike::Unknown => true,
        Unlike::False => !negated,
        Unlike::FalseUnordered | Unlike::Cast | Unlike::Spelled => false,
    }
}

/// Whether a text spells no truth value, and does not begin like a number or a point in time.
pub(crate) fn spells_nothing(text: &[u8]) -> bool {
    let is_truth = |word: &[u8]| text.eq_ignore_ascii_case(word);
    let begins = |first: &u8| first.is_ascii_digit() || matches!(first, b'+' | b'-');
    !text.first().is_none_or(begins) && !is_truth(b"true") && !is_truth(b"false")
}
