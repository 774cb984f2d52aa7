//! Pieces of text by characters.

use super::Reason;

/// The first `count` characters.
pub(super) fn left(text: &str, count: i64) -> Result<&str, Reason> {
    let count = usize::try_from(count).map_err(|_| Reason::Arithmetic)?;
    Ok(&text[..offset(text, count)])
}

/// The last `count` characters.
pub(super) fn right(text: &str, count: i64) -> Result<&str, Reason> {
    let count = usize::try_from(count).map_err(|_| Reason::Arithmetic)?;
    let characters = text.chars().count();
    Ok(&text[offset(text, characters.saturating_sub(count))..])
}

/// The byte behind the first `characters` characters.
pub(super) fn offset(text: &str, characters: usize) -> usize {
    text.char_indices()
        .nth(characters)
        .map_or(text.len(), |(offset, _)| offset)
}
