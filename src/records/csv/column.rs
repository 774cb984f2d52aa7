//! What type a column has, and its fields as values.

use std::fmt;
use std::str::FromStr;

use gomera_model::{Value, rfc3339};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    String,
    /// 64-bit integer.
    Int,
    /// 64-bit float.
    Float,
    /// `true` or `false`, in any case.
    Bool,
    /// RFC 3339, such as `2026-11-21T18:00:00Z`.
    Timestamp,
}

impl ColumnType {
    /// The narrowest type that all values have: bool, int or float, else text. Empty fields say nothing.
    pub(super) fn of<'a>(values: impl Iterator<Item = &'a str> + Clone) -> Self {
        let filled = values.filter(|value| !value.is_empty());
        if filled.clone().next().is_none() {
            return Self::String;
        }
        [Self::Bool, Self::Int, Self::Float]
            .into_iter()
            .find(|candidate| filled.clone().all(|text| candidate.value(text).is_some()))
            .unwrap_or(Self::String)
    }

    /// A field as a value of this type.
    pub(super) fn value(self, text: &str) -> Option<Value> {
        match self {
            Self::String => Some(text.into()),
            Self::Int => text.parse().ok().map(Value::Int),
            Self::Float => float(text).map(Value::Float),
            Self::Bool => bool(text).map(Value::Bool),
            Self::Timestamp => rfc3339::parse(text).map(Value::Timestamp),
        }
    }

    /// The name as it stands on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Timestamp => "timestamp",
        }
    }

    const ALL: [Self; 5] = [
        Self::String,
        Self::Int,
        Self::Float,
        Self::Bool,
        Self::Timestamp,
    ];
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type that the user gives to a column: `column:type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeOverride {
    /// The column's name; it may have a colon in it.
    pub column: String,
    /// Its type.
    pub kind: ColumnType,
}

impl FromStr for TypeOverride {
    type Err = TypeOverrideError;

    fn from_str(text: &str) -> Result<Self, TypeOverrideError> {
        let (column, name) = text.rsplit_once(':').ok_or(TypeOverrideError)?;
        let kind = ColumnType::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(TypeOverrideError)?;
        let column = column.to_owned();
        Ok(Self { column, kind })
    }
}

/// Not of the form `column:type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected column:type, where type is one of string, int, float, bool, timestamp")]
pub struct TypeOverrideError;

/// Decimal digits with a point or an exponent; the words that Rust also takes for floats are text.
fn float(text: &str) -> Option<f64> {
    let is_decimal = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    let number: f64 = text.chars().all(is_decimal).then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}

fn bool(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    match (is("true"), is("false")) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: ColumnType) {
        assert_eq!(
            ColumnType::of(values.iter().copied()),
            expected,
            "{values:?}"
        );
    }

    #[test]
    fn a_column_is_a_number_or_bool_only_if_every_value_is_one() {
        check(&["1", "-2", ""], ColumnType::Int);
        check(&["1", "2.5"], ColumnType::Float);
        check(&["1e3", "-.5"], ColumnType::Float);
        check(&["99999999999999999999"], ColumnType::Float);
        check(&["true", "False"], ColumnType::Bool);
        check(&["true", "1"], ColumnType::String);
        check(&["1", "NA"], ColumnType::String);
        check(&["1.5", "nan"], ColumnType::String);
        check(&["inf"], ColumnType::String);
        check(&["1e999"], ColumnType::String);
        check(&["1 "], ColumnType::String);
        check(&["", ""], ColumnType::String);
        check(&[], ColumnType::String);
    }

    #[test]
    fn types_can_be_given() {
        let given: TypeOverride = "imo:number:int".parse().unwrap();
        assert_eq!(given.column, "imo:number");
        assert_eq!(given.kind, ColumnType::Int);
        assert_eq!("imo".parse::<TypeOverride>(), Err(TypeOverrideError));
        assert_eq!("imo:date".parse::<TypeOverride>(), Err(TypeOverrideError));
    }
}
