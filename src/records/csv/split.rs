//! One line of CSV into its fields (RFC 4180): a field in quotes may hold commas, line breaks and, doubled, quotes.

use super::super::RecordError;

/// Fields of one record.
pub(super) type Fields = Vec<String>;

/// Splits a record.
///
/// # Errors
///
/// [`RecordError::UnclosedQuote`] if the record may go on in the next line, and whatever else is wrong with it.
pub(super) fn split(record: &[u8]) -> Result<Fields, RecordError> {
    let record = std::str::from_utf8(record).map_err(|_| RecordError::InvalidUtf8)?;
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => take_quoted(quoted)?,
            None => take_plain(rest),
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => {
                return Err(RecordError::TextAfterQuote {
                    field: fields.len(),
                });
            }
        }
    }
}

/// The field and what follows it.
fn take_plain(rest: &str) -> (String, &str) {
    let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
    (field.to_owned(), after)
}

/// The field and what follows its closing quote; the opening one is gone.
fn take_quoted(mut rest: &str) -> Result<(String, &str), RecordError> {
    let mut field = String::new();
    loop {
        let (text, after) = rest.split_once('"').ok_or(RecordError::UnclosedQuote)?;
        field.push_str(text);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(record: &str, expected: &[&str]) {
        assert_eq!(split(record.as_bytes()).unwrap(), expected, "{record}");
    }

    #[test]
    fn fields() {
        check("", &[""]);
        check("a,b", &["a", "b"]);
        check("a,,", &["a", "", ""]);
        check(r#""a,b",c"#, &["a,b", "c"]);
        check(r#""say ""hi""","""#, &["say \"hi\"", ""]);
        check("\"two\nlines\",x", &["two\nlines", "x"]);
        check("5\" pipe,ü", &["5\" pipe", "ü"]);
        check(" a , b ", &[" a ", " b "]);
    }

    #[test]
    fn broken_records_say_why() {
        let error = |record: &[u8]| split(record).unwrap_err();
        assert_eq!(error(b"a,\"b"), RecordError::UnclosedQuote);
        assert_eq!(error(b"\"a\" ,b"), RecordError::TextAfterQuote { field: 1 });
        assert_eq!(error(b"a,\xff"), RecordError::InvalidUtf8);
    }
}
