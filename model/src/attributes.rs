//! The attributes of a notification in their encoded form: validated once, then read in place.
//!
//! ```text
//! attributes := count:varint  (name value)*
//! name       := length:varint  UTF-8
//! value      := see [`crate::value`]
//! ```

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::content_error::ContentError;
use crate::limits::{
    ATTRIBUTES_MAX, CONTENT_BYTES_MAX, FLAT_ATTRIBUTES_MAX, NAME_BYTES_MAX, NESTING_MAX,
};
pub use crate::value::{ArrayRef, Fields, Members, ObjectRef, RawFields, RawValue};
use crate::value::{
    Point, Value, ValueRef, put_bytes, put_value, put_value_ref, take_text, take_value,
};
use crate::varint;

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

    /// The same with names and texts as bytes.
    #[must_use]
    pub fn raw(&self) -> RawFields<'_> {
        self.fields().raw()
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

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.encoded.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Flattened ones travel too, and there are more of them.
        Self::decode_with_limit(Bytes::deserialize(deserializer)?, FLAT_ATTRIBUTES_MAX)
            .map_err(D::Error::custom)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

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
