//! What one dialect has and another has not.

use crate::dialect::Dialect;
use crate::error::FilterErrorKind;
use crate::tree::{Function, Operand, Path, Unlike};

use super::lexer::Lexis;

/// The grammar of one dialect, for the one parser.
#[derive(Debug)]
pub(super) struct Grammar {
    pub dialect: Dialect,
    pub lexis: Lexis,
    /// The words that the dialect keeps for itself.
    pub keyword: fn(&str) -> Option<Keyword>,
    /// What a comparison of unlike types gives.
    pub unlike: Unlike,
    pub powers: Powers,
    /// `AND` and `OR` stop at the first operand that decides, and an error counts there (`cesql`).
    pub sequential: bool,
    /// `!=` is `<>`.
    pub exclamation: bool,
    /// A condition may stand where a value is expected.
    pub conditions_are_values: bool,
    pub conditions: Conditions,
    /// `a = b = c` is `(a = b) = c`.
    pub chained_comparisons: bool,
    pub members: Members,
    /// `LIKE`, `IN` and `IS` stand behind a name only.
    pub tests_of_names_only: bool,
    pub escape: Escape,
    /// Control characters in patterns are refused.
    pub plain_patterns: bool,
    /// The least and the greatest whole number that may be written.
    pub whole_numbers: (i64, i64),
    /// `NULL` may stand where a value is expected.
    pub null_literal: bool,
    /// `EXISTS(name)` is `EXISTS name`.
    pub exists_takes_brackets: bool,
    /// What to do where a name is a reserved word.
    pub reserved_hint: &'static str,
    /// Names of functions are written in capitals.
    pub function_case: bool,
    pub functions: &'static [Signature],
    /// The predicates and paths of the native language.
    pub native: bool,
    /// The path of a bare name.
    pub name: fn(&str) -> Result<Path, BadName>,
    /// What stands for an attribute that has a value even where it is missing.
    pub default: fn(&Path) -> Option<Operand>,
}

/// How tightly operators bind; higher binds tighter.
#[derive(Debug)]
pub(super) struct Powers {
    pub or: u8,
    pub and: u8,
    pub not: u8,
    pub comparison: u8,
    pub test: u8,
    pub sum: u8,
    pub product: u8,
    pub sign: u8,
}

/// The binding of SQL and all that follow it.
pub(super) const SQL_POWERS: Powers = Powers {
    or: 10,
    and: 20,
    not: 30,
    comparison: 40,
    test: 40,
    sum: 50,
    product: 60,
    sign: 70,
};

/// Which values may stand where a condition is expected. What turns out to be no bool is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conditions {
    /// Names, and the literals `TRUE` and `FALSE`.
    Names,
    /// What has a name in it, and these literals (`jms`).
    Variables,
    /// Anything (`amqp-sql`, `cesql`).
    Values,
}

/// What may stand in an `IN` list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Members {
    /// Text.
    Texts,
    /// Literals.
    Literals,
    /// Anything with a value.
    Expressions,
}

/// How `%` and `_` are meant as themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// `ESCAPE 'c'`; before `%`, `_` and itself only.
    Strict,
    /// `ESCAPE 'c'`; before `%`, `_` and itself; before another character it has its own meaning.
    Lenient,
    /// `ESCAPE 'c'`; before any character.
    Any,
    /// Always `\`, before `%` and `_`; elsewhere it is itself.
    Backslash,
}

/// A function with a value: how it is written and how many arguments it takes.
#[derive(Debug)]
pub(super) struct Signature {
    pub name: &'static str,
    pub function: Function,
    pub arguments: (usize, usize),
}

/// A signature in one line.
pub(super) const fn signature(
    name: &'static str,
    function: Function,
    least: usize,
    most: usize,
) -> Signature {
    Signature {
        name,
        function,
        arguments: (least, most),
    }
}

/// Why a name is refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct BadName {
    pub kind: FilterErrorKind,
    pub expected: &'static str,
}

/// A word that is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Or,
    Xor,
    Not,
    Between,
    In,
    Like,
    Escape,
    Is,
    Null,
    True,
    False,
    Exists,
    /// Kept for later, without a meaning here.
    Reserved,
}

/// The words of SQL, in any case.
pub(super) fn sql_keyword(name: &str) -> Option<Keyword> {
    let mut upper = [0; 8];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name.as_bytes());
    upper.make_ascii_uppercase();
    Some(match &*upper {
        b"AND" => Keyword::And,
        b"OR" => Keyword::Or,
        b"NOT" => Keyword::Not,
        b"BETWEEN" => Keyword::Between,
        b"IN" => Keyword::In,
        b"LIKE" => Keyword::Like,
        b"ESCAPE" => Keyword::Escape,
        b"IS" => Keyword::Is,
        b"NULL" => Keyword::Null,
        b"TRUE" => Keyword::True,
        b"FALSE" => Keyword::False,
        _ => return None,
    })
}

/// Nothing has a default.
pub(super) fn no_default(_path: &Path) -> Option<Operand> {
    None
}

/// A name as it stands.
pub(super) fn plain_name(name: &str) -> Result<Path, BadName> {
    Ok(Path::attribute(name))
}
