//! Values as they stand in the records, and rows of them for the evaluator.
//!
//! `i42`, `f1.5`, `b1`, `sText`, `n` for null. Text has no white space: verify makes its own notifications, and none of
//! theirs has.

use std::fmt::Write as _;

use gomera_model::Value;

/// One attribute of one notification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// There is none of this name.
    Missing,
    /// There is one, and it is null.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

impl<'a> Cell<'a> {
    /// Reads the notation; `None` if it is none.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(1)?;
        Some(match kind {
            "i" => Self::Int(rest.parse().ok()?),
            "f" => Self::Float(rest.parse().ok()?),
            "b" => Self::Bool(rest == "1"),
            "s" => Self::Text(rest),
            "n" => Self::Null,
            _ => return None,
        })
    }

    /// As people read it.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Missing => "missing".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => format!("{value:?}"),
            Self::Text(text) => format!("'{text}'"),
        }
    }
}

/// Appends ` name=value` for every attribute.
///
/// # Panics
///
/// If a value is of a kind that verify never publishes.
pub(crate) fn write_attributes(line: &mut String, attributes: &[(&str, Value)]) {
    for (name, value) in attributes {
        let written = match value {
            Value::Null => write!(line, " {name}=n"),
            Value::Bool(value) => write!(line, " {name}=b{}", u8::from(*value)),
            Value::Int(value) => write!(line, " {name}=i{value}"),
            Value::Float(value) => write!(line, " {name}=f{value:?}"),
            Value::String(text) => write!(line, " {name}=s{text}"),
            Value::Bytes(_)
            | Value::Timestamp(_)
            | Value::Point(_)
            | Value::Array(_)
            | Value::Object(_) => panic!("{name} is of a kind that verify does not publish"),
        };
        written.expect("a string takes everything");
    }
}

/// The attributes of one notification: names and values.
pub(crate) fn attributes(text: &str) -> impl Iterator<Item = (&str, Cell<'_>)> {
    text.split_ascii_whitespace().filter_map(|field| {
        let (name, value) = field.split_once('=')?;
        Some((name, Cell::read(value)?))
    })
}

/// Which attribute stands where in a row: those that some filter asks for.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// The place of an attribute, which gets one if it has none.
    pub(crate) fn place(&mut self, name: &str) -> usize {
        let found = self.names.iter().position(|known| known == name);
        found.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Lays a notification out.
    pub(crate) fn fill<'a>(&self, text: &'a str, row: &mut [Cell<'a>]) {
        row.fill(Cell::Missing);
        for (name, cell) in attributes(text) {
            if let Some(place) = self.names.iter().position(|known| known == name) {
                row[place] = cell;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut line = String::new();
        let published = [
            ("whole", Value::Int(-7)),
            ("part", Value::Float(0.1)),
            ("flag", Value::Bool(true)),
            ("name", Value::String("kite-12".into())),
            ("none", Value::Null),
        ];
        write_attributes(&mut line, &published);
        let read: Vec<_> = attributes(&line).collect();
        let expected = [
            ("whole", Cell::Int(-7)),
            ("part", Cell::Float(0.1)),
            ("flag", Cell::Bool(true)),
            ("name", Cell::Text("kite-12")),
            ("none", Cell::Null),
        ];
        assert_eq!(read, expected);
        let mut columns = Columns::default();
        let (name, other) = (columns.place("name"), columns.place("other"));
        let mut row = vec![Cell::Null; columns.len()];
        columns.fill(&line, &mut row);
        assert_eq!(
            (row[name], row[other]),
            (Cell::Text("kite-12"), Cell::Missing)
        );
    }
}
