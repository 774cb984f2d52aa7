//! One case of `gomera filter test`, as it is read.

use gomera_filter::Dialect;
use gomera_model::{Attributes, AttributesBuilder, ContentError, Value};
use serde::Deserialize;
use serde_json::Map;

/// A filter, a notification, and what is expected.
#[derive(Debug, Deserialize)]
pub(super) struct Case {
    /// Where it comes from; given back.
    #[serde(default)]
    pub(super) suite: serde_json::Value,
    /// Its name there; given back.
    #[serde(default)]
    pub(super) id: serde_json::Value,
    dialect: Option<String>,
    /// The filter.
    pub(super) expr: String,
    #[serde(default)]
    attrs: Map<String, serde_json::Value>,
    /// Whether the opposite filter is asked for too.
    #[serde(default)]
    pub(super) need_negated: bool,
    /// What should come of it.
    pub(super) expect: Option<Expect>,
}

/// What should come of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expect {
    /// It is delivered.
    True,
    /// Its opposite is delivered.
    False,
    /// Neither is.
    Unknown,
    /// It is not delivered.
    NotTrue,
    /// The filter is refused.
    ParseError,
    /// The filter is accepted.
    ParseOk,
}

/// Why a case cannot be run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum CaseError {
    /// No such dialect.
    #[error("no such dialect: {0}")]
    Dialect(String),
    /// An attribute that is neither text, number, bool, null nor `{"bytes":"hex"}`.
    #[error("the attribute {0:?} is neither text, number, bool, null nor {{\"bytes\":\"hex\"}}")]
    Attribute(String),
    /// Attributes that cannot be published.
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl Case {
    /// The language of the filter.
    pub(super) fn dialect(&self) -> Result<Dialect, CaseError> {
        let name = self.dialect.as_deref().unwrap_or("sql");
        name.parse().map_err(|_| CaseError::Dialect(name.into()))
    }

    /// The notification.
    pub(super) fn attributes(&self) -> Result<Attributes, CaseError> {
        let mut builder = AttributesBuilder::new();
        for (name, value) in &self.attrs {
            let value = value_of(value).ok_or_else(|| CaseError::Attribute(name.clone()))?;
            builder.push(name, &value);
        }
        Ok(builder.build()?)
    }
}

fn value_of(value: &serde_json::Value) -> Option<Value> {
    Some(match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(value) => Value::Int(value),
            None => Value::Float(number.as_f64()?),
        },
        serde_json::Value::String(text) => Value::String(text.clone()),
        serde_json::Value::Object(fields) if fields.len() == 1 => {
            Value::Bytes(bytes_of(fields.get("bytes")?.as_str()?)?)
        }
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => return None,
    })
}

fn bytes_of(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hexadecimal
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok()))
        .collect();
    let pairs = digits?;
    pairs
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(attrs: &str) -> Result<String, CaseError> {
        let case: Case =
            serde_json::from_str(&format!(r#"{{"expr":"a","attrs":{attrs}}}"#)).unwrap();
        case.attributes()
            .map(|attributes| format!("{attributes:?}"))
    }

    #[test]
    fn attributes_have_the_types_that_are_written() {
        assert_eq!(
            attributes(r#"{"a":1,"b":1.0,"c":"x","d":null,"e":true,"f":{"bytes":"00Ff"}}"#),
            Ok(concat!(
                r#"{"a": Int(1), "b": Float(1.0), "c": String("x"), "d": Null, "e": Bool(true), "#,
                r#""f": Bytes([0, 255])}"#
            )
            .into())
        );
        for broken in [r#"{"a":[1]}"#, r#"{"a":{"bytes":"0"}}"#, r#"{"a":{"b":1}}"#] {
            assert_eq!(attributes(broken), Err(CaseError::Attribute("a".into())));
        }
    }
}
