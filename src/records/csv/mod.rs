//! CSV with a header. A column is a number or a bool only if every value of the first 1,000 rows is one, else text.
//! An empty field is an absent attribute. A later value that does not fit is an error of its line.

mod column;
mod split;

use std::collections::VecDeque;
use std::io::{self, BufRead};

use gomera_model::{Attributes, AttributesBuilder};

use super::lines::{LINE_BYTES_MAX, Line, Lines};
use super::{Record, RecordError};
use split::{Fields, split};

pub use column::{ColumnType, TypeOverride, TypeOverrideError};

/// Why a file cannot be read as CSV at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// There is not even a header.
    #[error("the file is empty; its first line must name the columns")]
    Empty,
    /// The header itself is broken.
    #[error("line 1, the header: {0}")]
    BrokenHeader(RecordError),
    /// A column without a name.
    #[error("line 1, the header: column {column} has no name")]
    NamelessColumn {
        /// Which, from 1.
        column: usize,
    },
    /// Two columns of one name.
    #[error("line 1, the header: the column {name:?} occurs twice")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// A type was given for a column that is not there.
    #[error("there is no column {name:?} to give a type to; there are: {columns}")]
    UnknownColumn {
        /// The name.
        name: String,
        /// The columns.
        columns: String,
    },
}

/// Reads a file of CSV record by record.
#[derive(Debug)]
pub struct Csv<R> {
    source: Rows<R>,
    columns: Vec<(String, ColumnType)>,
    /// Rows that were read to learn the types.
    sample: VecDeque<Row>,
}

impl<R: BufRead> Csv<R> {
    /// Reads the header, and the first rows to learn the types of those columns that are not given one.
    ///
    /// # Errors
    ///
    /// Whatever [`CsvError`] names.
    pub fn open(reader: R, given: &[TypeOverride]) -> Result<Self, CsvError> {
        let mut source = Rows {
            lines: Lines::new(reader),
            width: None,
        };
        let names = header(&mut source)?;
        source.width = Some(names.len());
        if let Some(unknown) = given.iter().find(|given| !names.contains(&given.column)) {
            return Err(CsvError::UnknownColumn {
                name: unknown.column.clone(),
                columns: names.join(", "),
            });
        }
        let is_given = |name: &String| given.iter().any(|given| given.column == *name);
        let rows = if names.iter().all(is_given) {
            0
        } else {
            SAMPLE_ROWS
        };
        let sample: VecDeque<Row> = (0..rows).map_while(|_| source.next()).collect();
        let columns = type_columns(names, given, &sample);
        Ok(Self {
            source,
            columns,
            sample,
        })
    }

    /// The columns and their types.
    #[must_use]
    pub fn columns(&self) -> &[(String, ColumnType)] {
        &self.columns
    }
}

impl<R: BufRead> Iterator for Csv<R> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let row = match self.sample.pop_front() {
            Some(row) => row,
            None => self.source.next()?,
        };
        let attributes = row
            .fields
            .and_then(|fields| attributes(&self.columns, &fields));
        Some(Record {
            line: row.line,
            attributes,
        })
    }
}

/// Enough to tell a number from a text that often looks like one, few enough to hold.
const SAMPLE_ROWS: usize = 1_000;
/// How much of a value is shown in an error.
const SHOWN_CHARACTERS_MAX: usize = 40;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A record in its fields.
#[derive(Debug)]
struct Row {
    line: u64,
    fields: Result<Fields, RecordError>,
}

/// Puts lines together where a quoted field goes on in the next one.
#[derive(Debug)]
struct Rows<R> {
    lines: Lines<R>,
    /// Fields of a row, once the header is known.
    width: Option<usize>,
}

impl<R: BufRead> Rows<R> {
    fn next(&mut self) -> Option<Row> {
        loop {
            match self.lines.next() {
                Ok(line) => {
                    let line = line?;
                    if !line.bytes.is_empty() {
                        return Some(self.row(line));
                    }
                }
                Err(error) => {
                    return Some(Row {
                        line: self.lines.unread(),
                        fields: Err(RecordError::unreadable(&error)),
                    });
                }
            }
        }
    }

    fn row(&mut self, first: Line) -> Row {
        let line = first.number;
        if first.too_long {
            let limit = LINE_BYTES_MAX;
            let fields = Err(RecordError::TooLong { limit });
            return Row { line, fields };
        }
        let fields = match split(&first.bytes) {
            Err(RecordError::UnclosedQuote) => self.go_on(first.bytes),
            fields => fields.and_then(|fields| self.check_width(fields)),
        };
        Row { line, fields }
    }

    /// Adds lines until the quoted field ends. If that leads to nothing, the quote was a mistake of its own line,
    /// and what was taken for the inside of a field are lines of their own.
    fn go_on(&mut self, mut record: Vec<u8>) -> Result<Fields, RecordError> {
        let mut further: Vec<Line> = Vec::new();
        let mut fields = Err(RecordError::UnclosedQuote);
        while fields == Err(RecordError::UnclosedQuote) && further.len() < QUOTED_LINES_MAX {
            match self.lines.next() {
                Ok(Some(next)) => {
                    record.push(b'\n');
                    record.extend_from_slice(&next.bytes);
                    further.push(next);
                }
                Ok(None) => break,
                Err(error) => return Err(RecordError::unreadable(&error)),
            }
            if record.len() > LINE_BYTES_MAX {
                break;
            }
            fields = split(&record).and_then(|fields| self.check_width(fields));
        }
        fields.map_err(|_| {
            self.lines.give_back(further.into_iter());
            RecordError::UnclosedQuote
        })
    }

    fn check_width(&self, fields: Fields) -> Result<Fields, RecordError> {
        match self.width {
            Some(expected) if fields.len() != expected => Err(RecordError::FieldCount {
                found: fields.len(),
                expected,
            }),
            Some(_) | None => Ok(fields),
        }
    }
}

/// Lines of one quoted field. A missing quote costs its own line and no more reading than this.
const QUOTED_LINES_MAX: usize = 256;

fn header<R: BufRead>(source: &mut Rows<R>) -> Result<Fields, CsvError> {
    let mut first = source.lines.next()?.ok_or(CsvError::Empty)?;
    if first.bytes.starts_with(BYTE_ORDER_MARK) {
        first.bytes.drain(..BYTE_ORDER_MARK.len());
    }
    let row = source.row(first);
    let names = row.fields.map_err(CsvError::BrokenHeader)?;
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(CsvError::NamelessColumn { column: index + 1 });
        }
        if names[..index].contains(name) {
            return Err(CsvError::DuplicateColumn { name: name.clone() });
        }
    }
    Ok(names)
}

/// The types that are given, and those that the sample shows.
fn type_columns(
    names: Fields,
    given: &[TypeOverride],
    sample: &VecDeque<Row>,
) -> Vec<(String, ColumnType)> {
    let rows = || sample.iter().filter_map(|row| row.fields.as_ref().ok());
    let learn = |index: usize| ColumnType::of(rows().map(move |row| row[index].as_str()));
    let typed = names.into_iter().enumerate().map(|(index, name)| {
        let given = given.iter().rev().find(|given| given.column == name);
        let kind = given.map_or_else(|| learn(index), |given| given.kind);
        (name, kind)
    });
    typed.collect()
}

fn attributes(
    columns: &[(String, ColumnType)],
    fields: &Fields,
) -> Result<Attributes, RecordError> {
    let mut builder = AttributesBuilder::new();
    for ((name, kind), text) in columns.iter().zip(fields) {
        if text.is_empty() {
            continue;
        }
        let value = kind.value(text).ok_or_else(|| RecordError::UnlikeColumn {
            column: name.clone(),
            expected: *kind,
            found: text.chars().take(SHOWN_CHARACTERS_MAX).collect(),
        })?;
        builder.push(name, &value);
    }
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str, types: &[&str]) -> Csv<io::Cursor<Vec<u8>>> {
        let given: Vec<TypeOverride> = types.iter().map(|given| given.parse().unwrap()).collect();
        Csv::open(io::Cursor::new(text.as_bytes().to_vec()), &given).unwrap()
    }

    /// Each record as `line: attributes` or `line! error`.
    fn told(text: &str, types: &[&str]) -> Vec<String> {
        open(text, types)
            .map(|record| match record.attributes {
                Ok(attributes) => format!("{}: {attributes:?}", record.line),
                Err(error) => format!("{}! {error}", record.line),
            })
            .collect()
    }

    #[test]
    fn columns_are_typed_by_what_they_hold_and_empty_fields_are_absent() {
        let text = "\u{feff}name,speed,count,on\r\nA,1.5,3,true\r\nB,2,,FALSE\r\n";
        assert_eq!(
            told(text, &[]),
            [
                r#"2: {"name": String("A"), "speed": Float(1.5), "count": Int(3), "on": Bool(true)}"#,
                r#"3: {"name": String("B"), "speed": Float(2.0), "on": Bool(false)}"#,
            ]
        );
    }

    #[test]
    fn a_type_that_is_given_wins() {
        assert_eq!(
            told(
                "a,at\n1,1970-01-01T00:00:01Z\n",
                &["a:string", "at:timestamp"]
            ),
            [r#"2: {"a": String("1"), "at": Timestamp(Timestamp(1000000000))}"#]
        );
    }

    #[test]
    fn only_the_first_thousand_rows_say_what_a_column_is() {
        let late_text = |rows: usize| format!("a\n{}x\n2\n", "1\n".repeat(rows));
        assert_eq!(
            open(&late_text(999), &[]).columns()[0].1,
            ColumnType::String
        );
        let told = told(&late_text(1_000), &[]);
        assert_eq!(told[999], r#"1001: {"a": Int(1)}"#);
        assert_eq!(
            told[1_000],
            r#"1002! column "a" is of type int and "x" is none"#
        );
        assert_eq!(told[1_001], r#"1003: {"a": Int(2)}"#);
    }

    #[test]
    fn broken_lines_say_why_and_the_rest_goes_on() {
        assert_eq!(
            told("a,b\n1,2\n3\n4,5,6\n\n\"x\"y,1\n7,8\n", &[]),
            [
                r#"2: {"a": Int(1), "b": Int(2)}"#,
                "3! 1 fields where the header has 2",
                "4! 3 fields where the header has 2",
                "6! field 1 goes on after its closing quote",
                r#"7: {"a": Int(7), "b": Int(8)}"#,
            ]
        );
    }

    #[test]
    fn a_quoted_field_may_have_line_breaks() {
        assert_eq!(
            told("a,b\n\"two\nlines\",1\nx,2\n", &[]),
            [
                r#"2: {"a": String("two\nlines"), "b": Int(1)}"#,
                r#"4: {"a": String("x"), "b": Int(2)}"#,
            ]
        );
    }

    #[test]
    fn a_missing_quote_costs_its_own_line_only() {
        let rest: String = (0..600).map(|n| format!("row{n},{n}\n")).collect();
        let told = told(&format!("a,b\n\"x,1\n{rest}\"y,2\nz,3\n"), &[]);
        let unclosed = "a quoted field begins here and has no end";
        assert_eq!(told[0], format!("2! {unclosed}"));
        assert_eq!(told[1], r#"3: {"a": String("row0"), "b": Int(0)}"#);
        assert_eq!(told[600], r#"602: {"a": String("row599"), "b": Int(599)}"#);
        assert_eq!(told[601], format!("603! {unclosed}"));
        assert_eq!(told[602], r#"604: {"a": String("z"), "b": Int(3)}"#);
    }

    #[test]
    fn two_missing_quotes_are_not_taken_for_one_field() {
        assert_eq!(
            told("a,b\n\"x,1\ny,2\n\"z,3\n", &[]),
            [
                "2! a quoted field begins here and has no end",
                r#"3: {"a": String("y"), "b": Int(2)}"#,
                "4! a quoted field begins here and has no end",
            ]
        );
    }

    #[test]
    fn a_file_that_is_no_csv_is_refused_as_a_whole() {
        let error = |text: &str, types: &[&str]| {
            let given: Vec<TypeOverride> = types.iter().map(|text| text.parse().unwrap()).collect();
            Csv::open(text.as_bytes(), &given).unwrap_err().to_string()
        };
        assert!(error("", &[]).starts_with("the file is empty"));
        assert!(error("a,,b\n", &[]).ends_with("column 2 has no name"));
        assert!(error("a,b,a\n", &[]).ends_with(r#"the column "a" occurs twice"#));
        assert!(error("a,b\n", &["c:int"]).starts_with(r#"there is no column "c""#));
    }
}
