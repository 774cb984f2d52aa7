//! The bundled ship reports as notifications: real positions, speeds and names, ready to be replayed.

use std::io::Read as _;

use gomera_model::{Attributes, AttributesBuilder, Content, Timestamp, Value};

/// Why the bundled readings could not be read: the file in the repository is damaged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadingsError {
    /// The file cannot be decompressed.
    #[error("the bundled readings cannot be decompressed: {0}")]
    Compression(#[from] std::io::Error),
    /// A line is no line of a CSV file.
    #[error("the bundled readings are no CSV: {0}")]
    Csv(#[from] csv::Error),
    /// A field does not have the type of its column.
    #[error("row {row}: {text:?} is no value of the column {column}")]
    Field {
        /// Counted from 1, after the header.
        row: usize,
        /// The name of the column.
        column: &'static str,
        /// What stands there.
        text: String,
    },
    /// A row breaks a rule of content.
    #[error("row {row}: {reason}")]
    Content {
        /// Counted from 1, after the header.
        row: usize,
        /// Which.
        reason: gomera_model::ContentError,
    },
}

/// One report of one ship.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The ship's identity.
    pub ship: u32,
    /// What is published. Nothing in it is nested, so filters see the same.
    pub attributes: Attributes,
}

impl Reading {
    /// The reading as it is published.
    #[must_use]
    pub fn content(&self) -> Content {
        Content {
            attributes: self.attributes.clone(),
            body: gomera_model::Body::None,
        }
    }
}

/// All bundled reports that arrive at a steady pace: those before 00:23:00, in the order of their time.
///
/// # Errors
///
/// If the bundled file is damaged.
pub fn bundled() -> Result<Vec<Reading>, ReadingsError> {
    let mut text = Vec::with_capacity(TEXT_BYTES);
    lzma_rust2::XzReader::new(COMPRESSED, false).read_to_end(&mut text)?;
    let mut readings = Vec::with_capacity(ROWS);
    for (index, record) in csv::Reader::from_reader(&text[..]).records().enumerate() {
        let record = record?;
        if record.get(0).is_some_and(|time| time >= END) {
            break;
        }
        readings.push(reading(index + 1, &record)?);
    }
    Ok(readings)
}

#[derive(Clone, Copy)]
enum Column {
    Time,
    Int,
    Float,
    Text,
}

fn reading(row: usize, record: &csv::StringRecord) -> Result<Reading, ReadingsError> {
    let field = |column, text: &str| ReadingsError::Field {
        row,
        column,
        text: text.to_owned(),
    };
    let mut ship = None;
    let mut builder = AttributesBuilder::new();
    for (&(name, column), text) in COLUMNS.iter().zip(record) {
        if text.is_empty() {
            continue;
        }
        let value = value(column, text).ok_or_else(|| field(name, text))?;
        if name == SHIP {
            ship = text.parse().ok();
        }
        builder.push(name, &value);
    }
    let ship = ship.ok_or_else(|| field(SHIP, ""))?;
    let attributes = builder
        .build()
        .map_err(|reason| ReadingsError::Content { row, reason })?;
    Ok(Reading { ship, attributes })
}

fn value(column: Column, text: &str) -> Option<Value> {
    Some(match column {
        Column::Time => Value::Timestamp(time(text)?),
        Column::Int => Value::Int(text.parse().ok()?),
        Column::Float => Value::Float(text.parse().ok()?),
        Column::Text => Value::String(text.to_owned()),
    })
}

/// The time of a report, which is of the one day that is bundled: `2022-01-03Thh:mm:ssZ`.
fn time(text: &str) -> Option<Timestamp> {
    let clock = text.strip_prefix(DAY)?.strip_suffix('Z')?;
    let seconds = clock.split(':').try_fold(0, |total, part| {
        Some(total * 60 + part.parse::<i64>().ok()?)
    })?;
    Some(Timestamp((DAY_SECONDS + seconds) * 1_000_000_000))
}

const COMPRESSED: &[u8] = include_bytes!("../../data/ais_us_2022-01-03_sample.csv.xz");
/// Bytes of the file when it is decompressed, rounded up; only to reserve them at once.
const TEXT_BYTES: usize = 11 << 20;
/// Rows before [`END`]; only to reserve them at once.
const ROWS: usize = 97_577;
/// From here on the file is sparse.
const END: &str = "2022-01-03T00:23:00Z";
const DAY: &str = "2022-01-03T";
/// Seconds from 1970-01-01 to that day.
const DAY_SECONDS: i64 = 18_995 * 86_400;
/// The column that says which ship it is.
const SHIP: &str = "mmsi";
const COLUMNS: [(&str, Column); 17] = [
    ("time", Column::Time),
    ("mmsi", Column::Int),
    ("lat", Column::Float),
    ("lon", Column::Float),
    ("sog", Column::Float),
    ("cog", Column::Float),
    ("heading", Column::Int),
    ("name", Column::Text),
    ("imo", Column::Text),
    ("callsign", Column::Text),
    ("type", Column::Int),
    ("status", Column::Int),
    ("length", Column::Int),
    ("width", Column::Int),
    ("draft", Column::Float),
    ("cargo", Column::Int),
    ("class", Column::Text),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gomera_model::ValueRef;

    use super::*;

    #[test]
    fn the_bundled_file_holds_what_its_description_says() {
        let readings = bundled().unwrap();
        assert_eq!(readings.len(), 97_577);
        let ships: BTreeSet<u32> = readings.iter().map(|reading| reading.ship).collect();
        assert_eq!(ships.len(), 10_611);
    }

    #[test]
    fn a_row_becomes_typed_attributes_and_an_empty_field_none() {
        let readings = bundled().unwrap();
        let chief = readings
            .iter()
            .find(|reading| reading.ship == 367_704_390)
            .unwrap();
        let value = |name| chief.attributes.value(name);
        assert_eq!(value("name"), Some(ValueRef::String("RAY \"CHIEF\" TONEY")));
        assert_eq!(value("lat"), Some(ValueRef::Float(30.22025)));
        assert_eq!(value("type"), Some(ValueRef::Int(31)));
        assert_eq!(value("imo"), None);
        let nanos = 1_641_168_024 * 1_000_000_000;
        assert_eq!(value("time"), Some(ValueRef::Timestamp(Timestamp(nanos))));
    }
}
