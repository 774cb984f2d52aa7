//! Why the text of a filter was refused: where, what was found, what was expected, and a hint.

use alloc::format;
use alloc::string::String;
use core::fmt;

/// A refusal of a filter's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What is wrong.
    pub kind: FilterErrorKind,
    /// Where it begins.
    pub position: Position,
    /// How many characters it takes up; none at the end of the text.
    pub length: usize,
    /// What stands there, shortened.
    pub found: String,
    /// What could stand there, or what the limit is.
    pub expected: String,
    /// What to do about it; maybe empty.
    pub hint: String,
}

/// A place in the text of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Position {
    /// Bytes before it.
    pub byte: usize,
    /// Characters before it, in the whole text.
    pub column: usize,
}

/// What is wrong with a filter. Each limit has a kind of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FilterErrorKind {
    /// Nothing but space. Write `TRUE` to match everything.
    Empty,
    /// More than [`TEXT_BYTES_MAX`](crate::limits::TEXT_BYTES_MAX) bytes.
    TextTooLong,
    /// Nested deeper than [`NESTING_MAX`](crate::limits::NESTING_MAX).
    TooDeep,
    /// More than [`PREDICATES_MAX`](crate::limits::PREDICATES_MAX) predicates.
    TooManyPredicates,
    /// More than [`MEMBERS_MAX`](crate::limits::MEMBERS_MAX) members of an `IN` list.
    TooManyMembers,
    /// A pattern of more than [`PATTERN_BYTES_MAX`](crate::limits::PATTERN_BYTES_MAX) bytes.
    PatternTooLong,
    /// More than [`EXPRESSIONS_MAX`](crate::limits::EXPRESSIONS_MAX) regular expressions.
    TooManyExpressions,
    /// A regular expression whose program is too large.
    RegexTooLarge,
    /// More than [`AMQP_CHARACTERS_MAX`](crate::limits::AMQP_CHARACTERS_MAX) characters (`amqp-sql`).
    TooManyCharacters,
    /// More than [`AMQP_TOKENS_MAX`](crate::limits::AMQP_TOKENS_MAX) tokens (`amqp-sql`).
    TooManyTokens,
    /// A character that begins nothing.
    UnexpectedCharacter,
    /// Text without its closing quote.
    UnterminatedText,
    /// A quoted name without its closing quote.
    UnterminatedName,
    /// Something that begins like a number and is none.
    InvalidNumber,
    /// A number too large for its type.
    NumberOutOfRange,
    /// Something else should stand here.
    UnexpectedToken,
    /// A name that the language keeps for itself.
    ReservedName,
    /// A function that this dialect does not have.
    UnknownFunction,
    /// Too few or too many arguments.
    WrongArgumentCount,
    /// An escape that is not one character, or stands before an ordinary one.
    InvalidEscape,
    /// No regular expression that is known here.
    InvalidRegex,
    /// No timestamp of RFC 3339.
    InvalidTimestamp,
    /// No position on earth.
    InvalidPosition,
    /// A ring that is not closed, or has too few corners.
    InvalidPolygon,
    /// Types that can never go together here.
    TypeMismatch,
    /// Something of a later version of the language.
    Unsupported,
}

impl FilterErrorKind {
    /// A name that stays the same, for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TextTooLong => "text-too-long",
            Self::TooDeep => "too-deep",
            Self::TooManyPredicates => "too-many-predicates",
            Self::TooManyMembers => "too-many-members",
            Self::PatternTooLong => "pattern-too-long",
            Self::TooManyExpressions => "too-many-expressions",
            Self::RegexTooLarge => "regex-too-large",
            Self::TooManyCharacters => "too-many-characters",
            Self::TooManyTokens => "too-many-tokens",
            Self::UnexpectedCharacter => "unexpected-character",
            Self::UnterminatedText => "unterminated-text",
            Self::UnterminatedName => "unterminated-name",
            Self::InvalidNumber => "invalid-number",
            Self::NumberOutOfRange => "number-out-of-range",
            Self::UnexpectedToken => "unexpected-token",
            Self::ReservedName => "reserved-name",
            Self::UnknownFunction => "unknown-function",
            Self::WrongArgumentCount => "wrong-argument-count",
            Self::InvalidEscape => "invalid-escape",
            Self::InvalidRegex => "invalid-regex",
            Self::InvalidTimestamp => "invalid-timestamp",
            Self::InvalidPosition => "invalid-position",
            Self::InvalidPolygon => "invalid-polygon",
            Self::TypeMismatch => "type-mismatch",
            Self::Unsupported => "unsupported",
        }
    }
}

impl FilterError {
    /// The line of `text` in which the error lies, and a caret under it. `text` is what was parsed.
    #[must_use]
    pub fn caret(&self, text: &str) -> String {
        let byte = self.position.byte.min(text.len());
        let before = text.get(..byte).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next().unwrap_or("");
        let blanks = before[line_start..]
            .chars()
            .map(|character| if character == '\t' { '\t' } else { ' ' })
            .collect::<String>();
        let under = line[(byte - line_start).min(line.len())..].chars().count();
        let carets = "^".repeat(self.length.min(under).max(1));
        format!("{line}\n{blanks}{carets}")
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: ", self.position.column + 1)?;
        match self.found.as_str() {
            "" => write!(f, "expected {}", self.expected)?,
            found => write!(f, "found {found}, expected {}", self.expected)?,
        }
        match self.hint.as_str() {
            "" => Ok(()),
            hint => write!(f, " ({hint})"),
        }
    }
}

impl core::error::Error for FilterError {}
