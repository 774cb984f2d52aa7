//! What a text is made of.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::refusal::{Span, quoted};

/// A token; what is not ASCII stands only in names and text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    /// A bare name or keyword.
    Name(&'t str),
    /// A quoted name.
    Quoted(Cow<'t, str>),
    /// Text.
    Text(Cow<'t, str>),
    /// Digits: a whole number without its sign.
    Whole(u64),
    /// A number with a point or exponent.
    Float(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A sign of one or two characters.
    Sign(&'static str),
    /// Nothing follows.
    End,
}

impl Token<'_> {
    /// The token as an error names it.
    pub(super) fn describe(&self, text: &str, span: Span) -> String {
        match self {
            Self::End => "the end".into(),
            Self::Name(_)
            | Self::Quoted(_)
            | Self::Text(_)
            | Self::Whole(_)
            | Self::Float(_)
            | Self::Bytes(_)
            | Self::Sign(_) => quoted(text.get(span.start..span.end).unwrap_or("")),
        }
    }
}
