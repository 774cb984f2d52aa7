//! Boxes around areas: intervals of longitude and latitude that hold wherever the area does.

use gomera_filter::Predicate;
use gomera_model::Point;

use crate::cell::{Cell, Interval};
use crate::facets::FacetKind;

/// An attribute, the axis that is looked at, and what is wanted of it.
type Bound<'a> = (&'a str, FacetKind, Interval);

/// Metres in a degree of latitude, less than there are anywhere, so that boxes become too large rather than too small.
const METRES_IN_DEGREE: f64 = 110_000.0;
/// Beyond this latitude a box has no bounds of longitude: they widen without end towards the pole.
const LATITUDE_MAX: f64 = 85.0;

/// What must hold of longitude and latitude where the predicate is true.
pub(crate) fn bounds(predicate: &Predicate, negated: bool) -> [Option<Bound<'_>>; 2] {
    if negated {
        return [None, None];
    }
    match predicate {
        Predicate::InBox(operand, area) => operand
            .attribute()
            .map_or([None, None], |name| around(name, area.low, area.high)),
        Predicate::Near {
            position,
            centre,
            metres,
        } => position
            .attribute()
            .map_or([None, None], |name| near(name, *centre, *metres)),
        Predicate::Compare { .. }
        | Predicate::Between { .. }
        | Predicate::In { .. }
        | Predicate::Among { .. }
        | Predicate::Text { .. }
        | Predicate::IsNull(_)
        | Predicate::Exists(_)
        | Predicate::IsKind(..)
        | Predicate::Holds(..)
        | Predicate::Quantified { .. }
        | Predicate::Within(..)
        | Predicate::Differ(_) => [None, None],
    }
}

/// A box that crosses the date line has no bounds of longitude.
fn around(name: &str, low: Point, high: Point) -> [Option<Bound<'_>>; 2] {
    let bound = |kind, low, high| (name, kind, between(low, high));
    let is_plain = low.lon <= high.lon;
    [
        is_plain.then(|| bound(FacetKind::Longitude, low.lon, high.lon)),
        Some(bound(FacetKind::Latitude, low.lat, high.lat)),
    ]
}

fn near(name: &str, centre: Point, metres: f64) -> [Option<Bound<'_>>; 2] {
    let north = metres / METRES_IN_DEGREE;
    let outermost = libm::fabs(centre.lat) + north;
    let bound =
        |kind, middle: f64, reach: f64| (name, kind, between(middle - reach, middle + reach));
    let latitude = bound(FacetKind::Latitude, centre.lat, north);
    let east = north / libm::cos(outermost.to_radians());
    let is_plain = outermost < LATITUDE_MAX && libm::fabs(centre.lon) + east < 180.0;
    [
        is_plain.then(|| bound(FacetKind::Longitude, centre.lon, east)),
        Some(latitude),
    ]
}

fn between(low: f64, high: f64) -> Interval {
    let from = Interval::greater_or_equal(Cell::of_float(low));
    from.and(Interval::less_or_equal(Cell::of_float(high)))
}
