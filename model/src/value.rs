//! Values of attributes: owned, and as seen in encoded content.
//!
//! ```text
//! value := tag:u8 payload
//!   0 null   1 false   2 true   3 int (zigzag varint)   4 float (8 bytes, little-endian)
//!   5 string (length:varint UTF-8)   6 bytes (length:varint bytes)   7 timestamp (zigzag varint, ns)
//!   8 point (lon, lat: 8 bytes each)   9 array (length:varint count:varint value*)
//!  10 object (length:varint count:varint (name value)*)
//! name  := length:varint UTF-8
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::content_error::ContentError;
use crate::time::Timestamp;
use crate::varint;

/// A position, WGS-84 degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Degrees east, -180 to 180.
    pub lon: f64,
    /// Degrees north, -90 to 90.
    pub lat: f64,
}

/// A value that owns its parts. Floats are finite.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Present, without a value.
    Null,
    /// True or false.
    Bool(bool),
    /// 64-bit integer.
    Int(i64),
    /// 64-bit float, finite.
    Float(f64),
    /// Text.
    String(String),
    /// Bytes without meaning to the broker.
    Bytes(Vec<u8>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A position.
    Point(Point),
    /// Values in order.
    Array(Vec<Value>),
    /// Named values; names are unique.
    Object(Vec<(String, Value)>),
}

/// A value inside encoded content, or borrowed from a [`Value`]'s leaf. Floats are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// Present, without a value.
    Null,
    /// True or false.
    Bool(bool),
    /// 64-bit integer.
    Int(i64),
    /// 64-bit float, finite.
    Float(f64),
    /// Text.
    String(&'a str),
    /// Bytes without meaning to the broker.
    Bytes(&'a [u8]),
    /// A point in time.
    Timestamp(Timestamp),
    /// A position.
    Point(Point),
    /// Values in order.
    Array(ArrayRef<'a>),
    /// Named values. In flattened attributes the marker of an object whose fields stand beside it, itself empty.
    Object(ObjectRef<'a>),
}

impl ValueRef<'_> {
    /// A copy that owns its parts.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Float(value),
            Self::String(value) => Value::String(value.into()),
            Self::Bytes(value) => Value::Bytes(value.into()),
            Self::Timestamp(value) => Value::Timestamp(value),
            Self::Point(value) => Value::Point(value),
            Self::Array(values) => Value::Array(values.iter().map(Self::to_value_of).collect()),
            Self::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.into(), value.to_value()))
                    .collect(),
            ),
        }
    }

    fn to_value_of(value: ValueRef<'_>) -> Value {
        value.to_value()
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

/// A float; not finite ones are refused when the content is built.
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// An array inside encoded content.
#[derive(Clone, Copy, PartialEq)]
pub struct ArrayRef<'a> {
    pub(crate) count: u64,
    pub(crate) rest: &'a [u8],
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
    pub(crate) count: u64,
    pub(crate) rest: &'a [u8],
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

    /// The fields, in order, names and texts as bytes.
    #[must_use]
    pub fn raw(self) -> RawFields<'a> {
        RawFields {
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
        // Names and texts were checked when the content was decoded; only what is found becomes text again.
        let (_, value) = self.raw().find(|(field, _)| *field == name.as_bytes())?;
        Some(match value {
            RawValue::Text(text) => {
                let text = core::str::from_utf8(text);
                ValueRef::String(text.expect(CHECKED))
            }
            RawValue::Other(value) => value,
        })
    }
}

impl fmt::Debug for ObjectRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

const CHECKED: &str = "checked when decoded";

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
        let name = take_text(&mut self.rest).expect(CHECKED);
        let value = take_value(&mut self.rest).expect(CHECKED);
        Some((name, value))
    }
}

/// A value with its text as bytes: they are UTF-8, which was checked when the content was decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawValue<'a> {
    /// Text.
    Text(&'a [u8]),
    /// Anything else.
    Other(ValueRef<'a>),
}

/// The fields of an object, one after the other, names and texts as bytes: for those who compare bytes anyway, once a
/// notification.
#[derive(Clone, Debug)]
pub struct RawFields<'a> {
    left: u64,
    rest: &'a [u8],
}

impl<'a> Iterator for RawFields<'a> {
    type Item = (&'a [u8], RawValue<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = take_bytes(&mut self.rest).expect(CHECKED);
        if let [STRING, rest @ ..] = self.rest {
            self.rest = rest;
            let text = take_bytes(&mut self.rest).expect(CHECKED);
            return Some((name, RawValue::Text(text)));
        }
        let value = take_value(&mut self.rest).expect(CHECKED);
        Some((name, RawValue::Other(value)))
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
        Some(take_value(&mut self.rest).expect(CHECKED))
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

#[inline]
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ContentError> {
    let length = varint::take(rest).ok_or(ContentError::Malformed)?;
    let length = usize::try_from(length).map_err(|_| ContentError::Malformed)?;
    let (bytes, after) = rest
        .split_at_checked(length)
        .ok_or(ContentError::Malformed)?;
    *rest = after;
    Ok(bytes)
}

pub(crate) fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, ContentError> {
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

pub(crate) fn take_value<'a>(rest: &mut &'a [u8]) -> Result<ValueRef<'a>, ContentError> {
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

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
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

pub(crate) fn put_value(out: &mut Vec<u8>, value: &Value) {
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

pub(crate) fn put_value_ref(out: &mut Vec<u8>, value: ValueRef<'_>) {
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
