//! The bodies of the fuzz targets: whatever comes in, nothing panics, and what is accepted keeps its word.

use gomera_filter::evaluate::{self, Prepared};
use gomera_filter::reference::evaluate;
use gomera_filter::{Dialect, Filter};
use gomera_model::Attributes;
use gomera_model::operation::CanonicalFilter;

use super::{assert_forms_agree, flat};

/// Any bytes as the text of a filter.
pub fn text(dialect: Dialect, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Filter::parse(dialect, &text) {
        Ok(filter) => assert_forms_agree(&filter, &event()),
        Err(error) => {
            assert!(error.position.byte <= text.len(), "{text}");
            assert!(text.is_char_boundary(error.position.byte), "{text}");
            assert!(!error.caret(&text).is_empty());
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Any bytes as a filter from another host.
pub fn canonical(bytes: &[u8]) {
    let canonical = CanonicalFilter(bytes.to_vec().into());
    if let Ok(filter) = Filter::from_canonical(&canonical) {
        let again = Filter::from_canonical(&filter.canonical()).expect("just written");
        assert_eq!(again, filter);
        let verdict = evaluate(&filter, &event());
        let normal = gomera_filter::normalise::negation_normal(filter.expression());
        let event = event();
        assert_eq!(
            evaluate::evaluate_expression(&normal, &Prepared::new(&event)),
            verdict
        );
        assert!(!filter.text().is_empty());
    }
}

/// A notification with a value of every kind.
pub fn event() -> Attributes {
    flat(
        r#"{"a":5,"b":"text","c":2.5,"d":true,"n":null,"e":"","x":{"y":-1,"z":["p",{"q":2},3]},
        "l":[1,"b",null,{"a":5}],"p":{"lat":40.4,"lon":-3.7},"id":"A7","h:ttl":3,"p:subject":"s"}"#,
    )
}
