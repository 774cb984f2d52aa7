//! Positions on earth: distances, boxes, polygons.

use gomera_model::{Point, ValueRef};

use crate::tree::{BoundingBox, Polygon};

/// Mean radius of the earth, metres (IUGG).
pub const EARTH_RADIUS_METRES: f64 = 6_371_008.8;

/// Metres along the great circle; within 0.6 % of the ellipsoid.
#[must_use]
pub fn distance(from: Point, to: Point) -> f64 {
    let (from_lat, to_lat) = (from.lat.to_radians(), to.lat.to_radians());
    let half_lat = libm::sin((to_lat - from_lat) / 2.0);
    let half_lon = libm::sin((to.lon - from.lon).to_radians() / 2.0);
    let chord = half_lat * half_lat + libm::cos(from_lat) * libm::cos(to_lat) * half_lon * half_lon;
    2.0 * EARTH_RADIUS_METRES * libm::asin(libm::sqrt(chord.min(1.0)))
}

/// A box that contains every position not farther than `metres` from `centre`, with room for rounding.
#[must_use]
pub fn bounds(centre: Point, metres: f64) -> BoundingBox {
    let angle = (metres / EARTH_RADIUS_METRES).min(core::f64::consts::PI);
    let margin = 1e-9;
    let degrees = angle.to_degrees() + margin;
    let (south, north) = (centre.lat - degrees, centre.lat + degrees);
    let ratio = libm::sin(angle) / libm::cos(centre.lat.to_radians());
    let around_a_pole = south <= -90.0 || north >= 90.0 || !(0.0..1.0).contains(&ratio);
    let (west, east) = if around_a_pole {
        (-180.0, 180.0)
    } else {
        let width = libm::asin(ratio).to_degrees() + margin;
        wrapped(centre.lon - width, centre.lon + width)
    };
    BoundingBox {
        low: Point {
            lon: west,
            lat: south.max(-90.0),
        },
        high: Point {
            lon: east,
            lat: north.min(90.0),
        },
    }
}

/// The position of an object with `lat` and `lon`, or of a GeoJSON point.
#[must_use]
pub fn position(value: ValueRef<'_>) -> Option<Point> {
    match value {
        ValueRef::Point(point) => Some(point),
        ValueRef::Object(object) => gomera_model::flatten::position(object),
        ValueRef::Null
        | ValueRef::Bool(_)
        | ValueRef::Int(_)
        | ValueRef::Float(_)
        | ValueRef::String(_)
        | ValueRef::Bytes(_)
        | ValueRef::Timestamp(_)
        | ValueRef::Array(_) => None,
    }
}

impl BoundingBox {
    /// Whether a position lies within, bounds included.
    #[must_use]
    pub fn contains(&self, point: Point) -> bool {
        let (west, east) = (self.low.lon, self.high.lon);
        let lon = if west <= east {
            (west..=east).contains(&point.lon)
        } else {
            point.lon >= west || point.lon <= east
        };
        lon && (self.low.lat..=self.high.lat).contains(&point.lat)
    }
}

impl Polygon {
    /// Whether a position lies inside the outer ring and in no hole; positions on an edge are inside.
    #[must_use]
    pub fn contains(&self, point: Point) -> bool {
        let mut inside = false;
        for ring in &self.rings {
            for edge in ring.windows(2) {
                if is_on_edge(edge[0], edge[1], point) {
                    return true;
                }
                inside ^= crosses(edge[0], edge[1], point);
            }
        }
        inside
    }
}

/// Whether the edge crosses the ray from the point to the east.
fn crosses(from: Point, to: Point, point: Point) -> bool {
    let above = |corner: Point| corner.lat > point.lat;
    if above(from) == above(to) {
        return false;
    }
    let share = (point.lat - from.lat) / (to.lat - from.lat);
    point.lon < from.lon + share * (to.lon - from.lon)
}

#[allow(clippy::float_cmp, reason = "on the edge means exactly on the edge")]
fn is_on_edge(from: Point, to: Point, point: Point) -> bool {
    let cross =
        (point.lon - from.lon) * (to.lat - from.lat) - (point.lat - from.lat) * (to.lon - from.lon);
    let between =
        |low: f64, value: f64, high: f64| low.min(high) <= value && value <= low.max(high);
    cross == 0.0 && between(from.lon, point.lon, to.lon) && between(from.lat, point.lat, to.lat)
}

/// Degrees east brought back into -180 to 180; west of east unless the date line lies between.
fn wrapped(west: f64, east: f64) -> (f64, f64) {
    let turn = |lon: f64| {
        if lon < -180.0 {
            lon + 360.0
        } else if lon > 180.0 {
            lon - 360.0
        } else {
            lon
        }
    };
    (turn(west), turn(east))
}
