//! Patterns of `LIKE`.

use alloc::vec::Vec;

use smol_str::SmolStr;

/// A pattern of `LIKE`, free of escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikePattern {
    parts: Vec<LikePart>,
}

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LikePart {
    /// `%`: any run of characters, the empty one too.
    Run,
    /// `_`: one character.
    One,
    /// These characters.
    Text(SmolStr),
}

/// The shapes of text tests that an index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextShape<'a> {
    /// Exactly this text.
    Exact(&'a str),
    /// It begins with this, and goes on in any way.
    Prefix(&'a str),
    /// It ends with this, after anything.
    Suffix(&'a str),
    /// It has this somewhere.
    Contains(&'a str),
    /// Any text at all.
    Anything,
    /// None of these.
    Other,
}

impl LikePattern {
    /// A pattern of these parts: runs beside each other become one (behind the single characters among them), and so
    /// do texts.
    #[must_use]
    pub fn new(parts: impl IntoIterator<Item = LikePart>) -> Self {
        let mut pattern = Self { parts: Vec::new() };
        for part in parts {
            pattern.push(part);
        }
        pattern
    }

    /// The parts: no two texts and no two runs beside each other, no empty text, no run before a single character.
    #[must_use]
    pub fn parts(&self) -> &[LikePart] {
        &self.parts
    }

    /// What an index can make of it.
    #[must_use]
    pub fn shape(&self) -> TextShape<'_> {
        match self.parts.as_slice() {
            [] => TextShape::Exact(""),
            [LikePart::Text(text)] => TextShape::Exact(text),
            [LikePart::Text(text), LikePart::Run] => TextShape::Prefix(text),
            [LikePart::Run, LikePart::Text(text)] => TextShape::Suffix(text),
            [LikePart::Run, LikePart::Text(text), LikePart::Run] => TextShape::Contains(text),
            [LikePart::Run] => TextShape::Anything,
            _ => TextShape::Other,
        }
    }

    /// The text that every match begins with, maybe empty: an index may look for it first, and test the rest after.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(LikePart::Text(text)) => text,
            Some(LikePart::Run | LikePart::One) | None => "",
        }
    }

    fn push(&mut self, part: LikePart) {
        match (self.parts.last_mut(), part) {
            (_, LikePart::Text(text)) if text.is_empty() => {}
            (Some(LikePart::Text(before)), LikePart::Text(text)) => {
                *before = SmolStr::from_iter([before.as_str(), text.as_str()]);
            }
            (Some(LikePart::Run), LikePart::Run) => {}
            (Some(last @ LikePart::Run), LikePart::One) => {
                *last = LikePart::One;
                self.parts.push(LikePart::Run);
            }
            (_, part) => self.parts.push(part),
        }
    }
}
