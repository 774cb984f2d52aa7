//! NDJSON: one JSON object a line, whose fields are the attributes. Empty lines are passed over.

use std::io::BufRead;

use gomera_model::ContentError;
use gomera_model::json::attributes_from_json;
use serde::de::IgnoredAny;

use super::lines::{LINE_BYTES_MAX, Line, Lines};
use super::{Record, RecordError};

/// Reads a file of NDJSON line by line.
#[derive(Debug)]
pub struct Ndjson<R> {
    lines: Lines<R>,
}

impl<R: BufRead> Ndjson<R> {
    /// Begins.
    pub fn new(reader: R) -> Self {
        Self {
            lines: Lines::new(reader),
        }
    }
}

impl<R: BufRead> Iterator for Ndjson<R> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            match self.lines.next() {
                Ok(line) => {
                    let line = line?;
                    if !line.bytes.trim_ascii().is_empty() {
                        return Some(record(&line));
                    }
                }
                Err(error) => {
                    return Some(Record {
                        line: self.lines.unread(),
                        attributes: Err(RecordError::unreadable(&error)),
                    });
                }
            }
        }
    }
}

fn record(line: &Line) -> Record {
    let attributes = if line.too_long {
        let limit = LINE_BYTES_MAX;
        Err(RecordError::TooLong { limit })
    } else {
        attributes_from_json(&line.bytes).map_err(|error| explain(error, &line.bytes))
    };
    Record {
        line: line.number,
        attributes,
    }
}

/// What a person needs who has to mend the line.
fn explain(error: ContentError, line: &[u8]) -> RecordError {
    let ContentError::InvalidJson { .. } = error else {
        return error.into();
    };
    let reason = if std::str::from_utf8(line).is_err() {
        return RecordError::InvalidUtf8;
    } else if let Err(error) = serde_json::from_slice::<IgnoredAny>(line) {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text);
        format!("not valid JSON: {what} at column {}", error.column())
    } else if line.trim_ascii_start().starts_with(b"{") {
        "JSON that cannot be published".to_owned()
    } else {
        "not a JSON object".to_owned()
    };
    RecordError::InvalidJson { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &[u8]) -> Vec<String> {
        Ndjson::new(text)
            .map(|record| match record.attributes {
                Ok(attributes) => format!("{}: {attributes:?}", record.line),
                Err(error) => format!("{}! {error}", record.line),
            })
            .collect()
    }

    #[test]
    fn every_line_is_an_object() {
        assert_eq!(
            told(b"{\"a\":1,\"b\":{\"c\":[true,null]}}\n\n{\"a\":1.0}"),
            [
                r#"1: {"a": Int(1), "b": Object({"c": Array([Bool(true), Null])})}"#,
                r#"3: {"a": Float(1.0)}"#,
            ]
        );
    }

    #[test]
    fn broken_lines_say_why_and_the_rest_goes_on() {
        let text = b"{\"a\":\n[1]\n7 8\n{\"a\":\"\xff\"}\n{\"a\":1,\"a\":2}\n{\"\":1}\n{\"a\":2}";
        assert_eq!(
            told(text),
            [
                "1! not valid JSON: EOF while parsing a value at column 5",
                "2! not a JSON object",
                "3! not valid JSON: trailing characters at column 3",
                "4! not valid UTF-8",
                r#"5! the attribute "a" occurs twice"#,
                "6! an attribute's name has 0 bytes; it must have 1 to 256",
                r#"7: {"a": Int(2)}"#,
            ]
        );
    }

    #[test]
    fn more_than_may_be_published_is_refused_by_name() {
        let large = format!("{{\"a\":\"{}\"}}\n{{}}", "x".repeat(70_000));
        let told = told(large.as_bytes());
        assert!(told[0].contains("larger than the limit"), "{}", told[0]);
        assert_eq!(told[1], "2: {}");
    }
}
