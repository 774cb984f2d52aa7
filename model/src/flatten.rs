//! What filters see of content: nested attributes and the fields of a JSON body under dotted names.

use alloc::string::String;

use crate::attributes::{Attributes, AttributesBuilder, ContentError, ObjectRef};
use crate::json;
use crate::limits::FLAT_ATTRIBUTES_MAX;
use crate::notification::{Body, Content};
use crate::value::{Point, Value, ValueRef};

/// Flattens content. The same bytes, uncopied, where nothing is nested and there is no JSON body.
///
/// The fields of an object become attributes with dotted names. Under its own name stands what the object as a whole
/// is: a position if it is a GeoJSON point or has `lat` and `lon` (`latitude` and `longitude`), else an object without
/// fields, so that it exists. Arrays stay as they are, with what is nested in them.
///
/// # Errors
///
/// If the body is no JSON object, a name comes about twice, becomes too long, or there are too many.
pub fn flatten(content: &Content) -> Result<Attributes, ContentError> {
    let body = match &content.body {
        Body::Json(text) => Some(json::attributes_of_body(text)?),
        Body::None | Body::Opaque(_) => None,
    };
    let is_nested = |value| matches!(value, ValueRef::Object(_));
    if body.is_none() && !content.attributes.iter().any(|(_, value)| is_nested(value)) {
        return Ok(content.attributes.clone());
    }
    let mut flat = AttributesBuilder::new();
    let mut name = String::new();
    let fields = content.attributes.iter();
    for (field, value) in fields.chain(body.iter().flatten()) {
        push(&mut flat, &mut name, field, value);
    }
    flat.build_with_limit(FLAT_ATTRIBUTES_MAX)
}

/// The position that an object stands for: a GeoJSON point, or degrees under `lat` and `lon`.
#[must_use]
pub fn position(object: ObjectRef<'_>) -> Option<Point> {
    let number = |name| object.value(name).and_then(degrees);
    let pair = |lon, lat| on_earth(number(lon)?, number(lat)?);
    if object.value("type") == Some(ValueRef::String("Point"))
        && let Some(ValueRef::Array(coordinates)) = object.value("coordinates")
    {
        let mut coordinates = coordinates.iter().map(degrees);
        return on_earth(coordinates.next()??, coordinates.next()??);
    }
    pair("lon", "lat").or_else(|| pair("longitude", "latitude"))
}

fn push(flat: &mut AttributesBuilder, name: &mut String, field: &str, value: ValueRef<'_>) {
    let length = name.len();
    if length > 0 {
        name.push('.');
    }
    name.push_str(field);
    if let ValueRef::Object(object) = value {
        match position(object) {
            Some(point) => flat.push(name, &Value::Point(point)),
            None => flat.push_ref(name, ValueRef::Object(ObjectRef::empty())),
        }
        for (field, value) in object.iter() {
            push(flat, name, field, value);
        }
    } else {
        flat.push_ref(name, value);
    }
    name.truncate(length);
}

#[allow(clippy::cast_precision_loss, reason = "degrees are far below 53 bits")]
fn degrees(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Int(value) => Some(value as f64),
        ValueRef::Float(value) => Some(value),
        ValueRef::Null
        | ValueRef::Bool(_)
        | ValueRef::String(_)
        | ValueRef::Bytes(_)
        | ValueRef::Timestamp(_)
        | ValueRef::Point(_)
        | ValueRef::Array(_)
        | ValueRef::Object(_) => None,
    }
}

fn on_earth(lon: f64, lat: f64) -> Option<Point> {
    let valid = (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat);
    valid.then_some(Point { lon, lat })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn content(attributes: &str, body: Option<&'static str>) -> Content {
        Content {
            attributes: json::attributes_from_json(attributes.as_bytes()).unwrap(),
            body: body.map_or(Body::None, |text| {
                Body::Json(Bytes::from_static(text.as_bytes()))
            }),
        }
    }

    fn flattened(attributes: &str, body: Option<&'static str>) -> String {
        json::attributes_to_json(&flatten(&content(attributes, body)).unwrap())
    }

    #[test]
    fn flat_content_is_not_copied() {
        let content = content(r#"{"a":1,"b":[{"c":2}]}"#, None);
        let flat = flatten(&content).unwrap();
        assert_eq!(
            flat.encoded().as_ptr(),
            content.attributes.encoded().as_ptr()
        );
    }

    #[test]
    fn fields_get_dotted_names() {
        assert_eq!(
            flattened(
                r#"{"a":{"b":{"c":1}},"d":2}"#,
                Some(r#"{"e":{"f":[{"g":3}]}}"#)
            ),
            r#"{"a":{},"a.b":{},"a.b.c":1,"d":2,"e":{},"e.f":[{"g":3}]}"#
        );
    }

    #[test]
    fn positions_are_recognised() {
        for object in [
            r#"{"lat":2,"lon":1}"#,
            r#"{"latitude":2.0,"longitude":1.0}"#,
            r#"{"type":"Point","coordinates":[1,2,9]}"#,
        ] {
            let content = content(&alloc::format!("{{\"p\":{object}}}"), None);
            let flat = flatten(&content).unwrap();
            let expected = Point { lon: 1.0, lat: 2.0 };
            assert_eq!(flat.value("p"), Some(ValueRef::Point(expected)), "{object}");
        }
        for object in [
            r#"{"lat":91,"lon":1}"#,
            r#"{"lat":"2","lon":1}"#,
            r#"{"lon":1}"#,
            r#"{"type":"Point","coordinates":[1]}"#,
        ] {
            let content = content(&alloc::format!("{{\"p\":{object}}}"), None);
            let flat = flatten(&content).unwrap();
            assert!(
                matches!(flat.value("p"), Some(ValueRef::Object(_))),
                "{object}"
            );
        }
    }

    #[test]
    fn names_that_meet_are_refused() {
        for (attributes, body) in [
            (r#"{"a":1}"#, Some(r#"{"a":2}"#)),
            (r#"{"a.b":1,"a":{"b":2}}"#, None),
            (r#"{"a":{"b":1}}"#, Some(r#"{"a.b":2}"#)),
        ] {
            let flat = flatten(&content(attributes, body));
            assert!(
                matches!(flat, Err(ContentError::DuplicateName { .. })),
                "{attributes}"
            );
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in ["[]", "1", "{", ""] {
            let flat = flatten(&content("{}", Some(body)));
            assert!(
                matches!(flat, Err(ContentError::InvalidJson { .. })),
                "{body}"
            );
        }
    }
}
