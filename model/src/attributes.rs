//! The attributes of a notification in their encoded form: validated once, then read in place.
//!
//! ```text
//! attributes := count:varint  (name value)*
//! name       := length:varint  UTF-8
//! value      := tag:u8 payload
//!   0 null   1 false   2 true   3 int (zigzag varint)   4 float (8 bytes, little-endian)
//!   5 string (length:varint UTF-8)   6 bytes (length:varint bytes)   7 timestamp (zigzag varint, ns)
//!   8 point (lon, lat: 8 bytes each)   9 array (length:varint count:varint value*)
//!  10 object (length:varint count:varint (name value)*)
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::limits::{ATTRIBUTES_MAX, CONTENT_BYTES_MAX, NAME_BYTES_MAX, NESTING_MAX};
use crate::time::Timestamp;
use crate::value::{Point, Value, ValueRef};
use crate::varint;

/// Why content was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// More bytes than [`CONTENT_BYTES_MAX`]. Send less, or a link.
    #[error("content of {bytes} bytes is larger than the limit of {CONTENT_BYTES_MAX}")]
    TooLarge {
        /// How many there were.
        bytes: usize,
    },
    /// More attributes than the limit. Put rarely used ones into the body.
    #[error("{count} attributes are more than the limit of {limit}")]
    TooManyAttributes {
        /// How many there were.
        count: u64,
        /// How many may be.
        limit: usize,
    },
    /// An attribute's name is empty or longer than [`NAME_BYTES_MAX`].
    #[error("an attribute's name has {bytes} bytes; it must have 1 to {NAME_BYTES_MAX}")]
    NameLength {
        /// Its length.
        bytes: usize,
    },
    /// The same name twice in one object or notification. Rename one.
    #[error("the attribute {name:?} occurs twice")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// NaN or an infinity. Leave the attribute out instead.
    #[error("the attribute {name:?} is not a finite number")]
    NotFinite {
        /// The attribute.
        name: String,
    },
    /// A position outside -180 to 180 degrees east or -90 to 90 degrees north.
    #[error("the attribute {name:?} is no position on earth")]
    NoPosition {
        /// The attribute.
        name: String,
    },
    /// Text that is not UTF-8.
    #[error("text that is not valid UTF-8")]
    InvalidUtf8,
    /// Arrays and objects nested deeper than [`NESTING_MAX`].
    #[error("values nested deeper than {NESTING_MAX}")]
    TooDeep,
    /// The bytes end too early, go on too long, or bear an unknown tag: the encoder is at fault.
    #[error("malformed content")]
    Malformed,
    /// The body says that it is JSON and is not.
    #[error("the body is not valid JSON at byte {offset}")]
    InvalidJson {
        /// Where.
        offset: usize,
    },
}

/// Attributes of a notification: encoded, valid, cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Attributes {
    encoded: Bytes,
}

impl Attributes {
    /// No attributes.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            encoded: Bytes::from_static(&[0]),
        }
    }

    /// Takes encoded attributes from outside, with the limits of what may be published.
    ///
    /// # Errors
    ///
    /// Whatever [`ContentError`] names.
    pub fn decode(encoded: Bytes) -> Result<Self, ContentError> {
        Self::decode_with_limit(encoded, ATTRIBUTES_MAX)
    }

    pub(crate) fn decode_with_limit(encoded: Bytes, limit: usize) -> Result<Self, ContentError> {
        if encoded.len() > CONTENT_BYTES_MAX {
            return Err(ContentError::TooLarge {
                bytes: encoded.len(),
            });
        }
        let mut rest = &encoded[..];
        check_fields(&mut rest, limit, 0)?;
        if !rest.is_empty() {
            return Err(ContentError::Malformed);
        }
        Ok(Self { encoded })
    }

    /// The encoded form.
    #[must_use]
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// The attributes as the fields of one object.
    #[must_use]
    pub fn fields(&self) -> ObjectRef<'_> {
        let mut rest = &self.encoded[..];
        let count = varint::take(&mut rest).expect("checked when decoded");
        ObjectRef { count, rest }
    }

    /// Name and value of each attribute, in the order of the encoded form.
    #[must_use]
    pub fn iter(&self) -> Fields<'_> {
        self.fields().iter()
    }

    /// How many attributes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of an attribute, found by a scan: for a few look-ups, not for many.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<ValueRef<'_>> {
        self.fields().value(name)
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a str, ValueRef<'a>);
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.iter()
    }
}

/// Puts attributes together, in order.
#[derive(Clone, Debug, Default)]
pub struct AttributesBuilder {
    fields: Vec<u8>,
    count: u64,
}

impl AttributesBuilder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.push(name, &value.into());
        self
    }

    /// Appends an attribute.
    pub fn push(&mut self, name: &str, value: &Value) {
        put_bytes(&mut self.fields, name.as_bytes());
        put_value(&mut self.fields, value);
        self.count += 1;
    }

    /// Appends an attribute that is seen in other content.
    pub fn push_ref(&mut self, name: &str, value: ValueRef<'_>) {
        put_bytes(&mut self.fields, name.as_bytes());
        put_value_ref(&mut self.fields, value);
        self.count += 1;
    }

    /// The attributes, checked as those of a stranger.
    ///
    /// # Errors
    ///
    /// Whatever [`ContentError`] names.
    pub fn build(self) -> Result<Attributes, ContentError> {
        Attributes::decode(self.encode())
    }

    pub(crate) fn build_with_limit(self, limit: usize) -> Result<Attributes, ContentError> {
        Attributes::decode_with_limit(self.encode(), limit)
    }

    fn encode(self) -> Bytes {
        let mut encoded = Vec::with_capacity(self.fields.len() + 2);
        varint::put(&mut encoded, self.count);
        encoded.extend_from_slice(&self.fields);
        encoded.into()
    }
}

/// An array inside encoded content.
#[derive(Clone, Copy, PartialEq)]
pub struct ArrayRef<'a> {
    count: u64,
    rest: &'a [u8],
}

impl<'a> ArrayRef<'a> {
    /// The members, in order.
    #[must_use]
    pub fn iter(self) -> Members<'a> {
        Members {
            left: self.count,
            rest: self.rest,
        }
    }

    /// How many members there are.
    #[must_use]
    pub fn len(self) -> usize {
        usize::try_from(self.count).expect("bounded by the bytes of the content")
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.count == 0
    }
}

impl fmt::Debug for ArrayRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// An object inside encoded content.
#[derive(Clone, Copy, PartialEq)]
pub struct ObjectRef<'a> {
    count: u64,
    rest: &'a [u8],
}

impl<'a> ObjectRef<'a> {
    /// An object without fields.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            count: 0,
            rest: &[],
        }
    }

    /// The fields, in order.
    #[must_use]
    pub fn iter(self) -> Fields<'a> {
        Fields {
            left: self.count,
            rest: self.rest,
        }
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(self) -> usize {
        usize::try_from(self.count).expect("bounded by the bytes of the content")
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The value of a field, found by a scan.
    #[must_use]
    pub fn value(self, name: &str) -> Option<ValueRef<'a>> {
        self.iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }
}

impl fmt::Debug for ObjectRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The fields of an object, one after the other.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    left: u64,
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = take_text(&mut self.rest).expect("checked when decoded");
        let value = take_value(&mut self.rest).expect("checked when decoded");
        Some((name, value))
    }
}

/// The members of an array, one after the other.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    left: u64,
    rest: &'a [u8],
}

impl<'a> Iterator for Members<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(take_value(&mut self.rest).expect("checked when decoded"))
    }
}

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const STRING: u8 = 5;
const BYTES: u8 = 6;
const TIMESTAMP: u8 = 7;
const POINT: u8 = 8;
const ARRAY: u8 = 9;
const OBJECT: u8 = 10;

/// Checks `count (name value)*` and moves past it.
fn check_fields(rest: &mut &[u8], limit: usize, depth: usize) -> Result<(), ContentError> {
    let count = varint::take(rest).ok_or(ContentError::Malformed)?;
    if count > limit as u64 {
        return Err(ContentError::TooManyAttributes { count, limit });
    }
    check_counted_fields(rest, count, depth)
}

fn check_counted_fields(rest: &mut &[u8], count: u64, depth: usize) -> Result<(), ContentError> {
    let mut names = Vec::new();
    for _ in 0..count {
        let name = take_text(rest)?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(ContentError::NameLength { bytes: name.len() });
        }
        names.push(name);
        check_value(rest, name, depth)?;
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ContentError::DuplicateName {
            name: pair[0].into(),
        }),
        None => Ok(()),
    }
}

fn check_value(rest: &mut &[u8], name: &str, depth: usize) -> Result<(), ContentError> {
    if depth > NESTING_MAX {
        return Err(ContentError::TooDeep);
    }
    let mut inner = match take_value(rest)? {
        ValueRef::Float(value) if !value.is_finite() => {
            return Err(ContentError::NotFinite { name: name.into() });
        }
        ValueRef::Point(point) if !is_on_earth(point) => {
            return Err(ContentError::NoPosition { name: name.into() });
        }
        ValueRef::Array(array) => {
            let mut inner = array.rest;
            for _ in 0..array.count {
                check_value(&mut inner, name, depth + 1)?;
            }
            inner
        }
        ValueRef::Object(object) => {
            let mut inner = object.rest;
            check_counted_fields(&mut inner, object.count, depth + 1)?;
            inner
        }
        ValueRef::Null
        | ValueRef::Bool(_)
        | ValueRef::Int(_)
        | ValueRef::Float(_)
        | ValueRef::String(_)
        | ValueRef::Bytes(_)
        | ValueRef::Timestamp(_)
        | ValueRef::Point(_) => &[],
    };
    if core::mem::take(&mut inner).is_empty() {
        Ok(())
    } else {
        Err(ContentError::Malformed)
    }
}

fn is_on_earth(point: Point) -> bool {
    (-180.0..=180.0).contains(&point.lon) && (-90.0..=90.0).contains(&point.lat)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ContentError> {
    let length = varint::take(rest).ok_or(ContentError::Malformed)?;
    let length = usize::try_from(length).map_err(|_| ContentError::Malformed)?;
    let (bytes, after) = rest
        .split_at_checked(length)
        .ok_or(ContentError::Malformed)?;
    *rest = after;
    Ok(bytes)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, ContentError> {
    core::str::from_utf8(take_bytes(rest)?).map_err(|_| ContentError::InvalidUtf8)
}

fn take_float(rest: &mut &[u8]) -> Result<f64, ContentError> {
    let (bytes, after) = rest
        .split_first_chunk::<8>()
        .ok_or(ContentError::Malformed)?;
    *rest = after;
    Ok(f64::from_le_bytes(*bytes))
}

fn take_counted<'a>(rest: &mut &'a [u8]) -> Result<(u64, &'a [u8]), ContentError> {
    let mut inner = take_bytes(rest)?;
    let count = varint::take(&mut inner).ok_or(ContentError::Malformed)?;
    if count > inner.len() as u64 {
        return Err(ContentError::Malformed);
    }
    Ok((count, inner))
}

fn take_value<'a>(rest: &mut &'a [u8]) -> Result<ValueRef<'a>, ContentError> {
    let (&tag, after) = rest.split_first().ok_or(ContentError::Malformed)?;
    *rest = after;
    let number = |rest: &mut &'a [u8]| {
        varint::take(rest)
            .map(varint::unzigzag)
            .ok_or(ContentError::Malformed)
    };
    Ok(match tag {
        NULL => ValueRef::Null,
        FALSE => ValueRef::Bool(false),
        TRUE => ValueRef::Bool(true),
        INT => ValueRef::Int(number(rest)?),
        FLOAT => ValueRef::Float(take_float(rest)?),
        STRING => ValueRef::String(take_text(rest)?),
        BYTES => ValueRef::Bytes(take_bytes(rest)?),
        TIMESTAMP => ValueRef::Timestamp(Timestamp(number(rest)?)),
        POINT => ValueRef::Point(Point {
            lon: take_float(rest)?,
            lat: take_float(rest)?,
        }),
        ARRAY => {
            let (count, rest) = take_counted(rest)?;
            ValueRef::Array(ArrayRef { count, rest })
        }
        OBJECT => {
            let (count, rest) = take_counted(rest)?;
            ValueRef::Object(ObjectRef { count, rest })
        }
        _ => return Err(ContentError::Malformed),
    })
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_point(out: &mut Vec<u8>, point: Point) {
    out.push(POINT);
    out.extend_from_slice(&point.lon.to_le_bytes());
    out.extend_from_slice(&point.lat.to_le_bytes());
}

fn put_number(out: &mut Vec<u8>, tag: u8, value: i64) {
    out.push(tag);
    varint::put(out, varint::zigzag(value));
}

fn put_tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_bytes(out, bytes);
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(value) => out.push(if *value { TRUE } else { FALSE }),
        Value::Int(value) => put_number(out, INT, *value),
        Value::Float(value) => {
            out.push(FLOAT);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::String(text) => put_tagged(out, STRING, text.as_bytes()),
        Value::Bytes(bytes) => put_tagged(out, BYTES, bytes),
        Value::Timestamp(time) => put_number(out, TIMESTAMP, time.0),
        Value::Point(point) => put_point(out, *point),
        Value::Array(values) => {
            let mut inner = Vec::new();
            varint::put(&mut inner, values.len() as u64);
            values.iter().for_each(|value| put_value(&mut inner, value));
            put_tagged(out, ARRAY, &inner);
        }
        Value::Object(fields) => {
            let mut inner = Vec::new();
            varint::put(&mut inner, fields.len() as u64);
            for (name, value) in fields {
                put_bytes(&mut inner, name.as_bytes());
                put_value(&mut inner, value);
            }
            put_tagged(out, OBJECT, &inner);
        }
    }
}

fn put_value_ref(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::String(text) => put_tagged(out, STRING, text.as_bytes()),
        ValueRef::Bytes(bytes) => put_tagged(out, BYTES, bytes),
        ValueRef::Array(array) => put_counted(out, ARRAY, array.count, array.rest),
        ValueRef::Object(object) => put_counted(out, OBJECT, object.count, object.rest),
        ValueRef::Null
        | ValueRef::Bool(_)
        | ValueRef::Int(_)
        | ValueRef::Float(_)
        | ValueRef::Timestamp(_)
        | ValueRef::Point(_) => put_value(out, &value.to_value()),
    }
}

fn put_counted(out: &mut Vec<u8>, tag: u8, count: u64, rest: &[u8]) {
    let mut head = Vec::new();
    varint::put(&mut head, count);
    out.push(tag);
    varint::put(out, (head.len() + rest.len()) as u64);
    out.extend_from_slice(&head);
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: Value) {
        let attributes = AttributesBuilder::new().with("a", value.clone()).build();
        let attributes = attributes.unwrap();
        assert_eq!(attributes.value("a").unwrap().to_value(), value);
        let again = Attributes::decode(attributes.encoded().clone()).unwrap();
        assert_eq!(again, attributes);
    }

    #[test]
    fn every_kind_survives_the_round_trip() {
        let array = Value::Array([Value::Int(-7), Value::Null, "x".into()].into());
        let object = Value::Object([("b".into(), array.clone())].into());
        for value in [
            Value::Null,
            true.into(),
            i64::MIN.into(),
            1.5.into(),
            "".into(),
        ] {
            round_trip(value);
        }
        round_trip(Value::Bytes([0, 255].into()));
        round_trip(Value::Timestamp(Timestamp(-1)));
        round_trip(Value::Point(Point {
            lon: -17.2,
            lat: 28.1,
        }));
        round_trip(array);
        round_trip(object);
    }

    fn refused(builder: AttributesBuilder) -> ContentError {
        builder.build().unwrap_err()
    }

    #[test]
    fn what_cannot_be_published_is_refused_by_name() {
        let new = AttributesBuilder::new;
        assert!(matches!(
            refused(new().with("a", f64::NAN)),
            ContentError::NotFinite { .. }
        ));
        assert!(matches!(
            refused(new().with("", 1)),
            ContentError::NameLength { bytes: 0 }
        ));
        assert!(matches!(
            refused(new().with("a", 1).with("a", 2)),
            ContentError::DuplicateName { .. }
        ));
        let far = Point {
            lon: 181.0,
            lat: 0.0,
        };
        assert!(matches!(
            refused(new().with("a", Value::Point(far))),
            ContentError::NoPosition { .. }
        ));
        let long = "x".repeat(CONTENT_BYTES_MAX);
        assert!(matches!(
            refused(new().with("a", long)),
            ContentError::TooLarge { .. }
        ));
        let deep = (0..=NESTING_MAX + 1).fold(Value::Null, |inner, _| Value::Array([inner].into()));
        assert_eq!(refused(new().with("a", deep)), ContentError::TooDeep);
        let many = (0..=ATTRIBUTES_MAX).fold(new(), |builder, index| {
            builder.with(&std::format!("a{index}"), 0)
        });
        assert!(matches!(
            refused(many),
            ContentError::TooManyAttributes { .. }
        ));
    }

    #[test]
    fn malformed_bytes_never_panic() {
        for bytes in [
            &[][..],
            &[1],
            &[1, 1, b'a'],
            &[1, 1, b'a', 99],
            &[0, 0],
            &[1, 1, 0xff, 0],
        ] {
            assert!(
                Attributes::decode(Bytes::from_static(bytes)).is_err(),
                "{bytes:?}"
            );
        }
    }
}
