//! Content filters derived from real readings: what somebody who watches ships might ask for.
//!
//! Each is made around a reading drawn at random, so that busy harbours are asked for more often than open sea.

use gomera_model::ValueRef;

use crate::random::Random;
use crate::readings::Reading;

/// Filters in the dialect `sql`, the same for the same readings and seed. On average one reading satisfies
/// about one in a thousand.
///
/// # Panics
///
/// If there are no readings, or if what is asked for occurs in none of them.
#[must_use]
pub fn derive(readings: &[Reading], count: usize, seed: u64) -> Vec<String> {
    let mut deriver = Deriver::new(readings, seed);
    (0..count).map(|_| deriver.filter()).collect()
}

struct Deriver<'a> {
    readings: &'a [Reading],
    /// Speeds of ships under way, ascending.
    speeds: Vec<f64>,
    random: Random,
}

impl<'a> Deriver<'a> {
    fn new(readings: &'a [Reading], seed: u64) -> Self {
        let mut speeds: Vec<f64> = readings
            .iter()
            .filter_map(|reading| float(reading, "sog"))
            .filter(|speed| (UNDER_WAY_KNOTS..SPEED_UNKNOWN).contains(speed))
            .collect();
        speeds.sort_by(f64::total_cmp);
        assert!(!speeds.is_empty(), "nothing moves in these readings");
        Self {
            readings,
            speeds,
            random: Random::new(seed),
        }
    }

    /// The shares are in percent; together with the widths below they decide how many filters a reading satisfies.
    fn filter(&mut self) -> String {
        match self.random.below(100) {
            0..22 => self.harbour(),
            22..37 => self.fast_in_area(),
            37..52 => self.fleet(),
            52..64 => self.name(),
            64..72 => self.kind_and_size(),
            72..82 => self.under_way_in_area(),
            82..90 => self.name_or_callsign(),
            90..97 => self.course_of_kinds(),
            _ => self.fast(),
        }
    }

    /// A small box around a real position.
    fn harbour(&mut self) -> String {
        self.area(0.003, 0.03)
    }

    /// Faster than most, in a wide box.
    fn fast_in_area(&mut self) -> String {
        let area = self.area(0.02, 0.3);
        let speed = self.speed(0.3, 0.95);
        format!("{area} AND sog > {speed:.1}")
    }

    /// Some ships by their identity.
    fn fleet(&mut self) -> String {
        let size = 2 + self.random.below(9);
        let ships: Vec<String> = (0..size)
            .map(|_| self.random.one_of(self.readings).ship.to_string())
            .collect();
        format!("mmsi IN ({})", ships.join(", "))
    }

    /// A name's beginning.
    fn name(&mut self) -> String {
        let prefix = self.name_prefix();
        format!("name LIKE '{prefix}%'")
    }

    /// A kind of ship of about one size, well known or not at anchor.
    fn kind_and_size(&mut self) -> String {
        let (kind, length) = self.pair("type", "length");
        let status = self.integer("status");
        format!(
            "type = {kind} AND length BETWEEN {} AND {} AND status <> {status} AND draft IS NOT NULL",
            length - 2,
            length + 2
        )
    }

    /// Whatever moves in a box: neither moored nor at anchor, nor slow.
    fn under_way_in_area(&mut self) -> String {
        let area = self.area(0.01, 0.15);
        format!("{area} AND NOT (status IN (1, 5) OR sog < {UNDER_WAY_KNOTS})")
    }

    /// One ship by its sign, or others by their names, with a transceiver of class A.
    fn name_or_callsign(&mut self) -> String {
        let prefix = self.name_prefix();
        let callsign = self.text("callsign", 1);
        format!("(name LIKE '{prefix}%' OR callsign = '{callsign}') AND class = 'A'")
    }

    /// Kinds of ships that go fast enough in one direction.
    fn course_of_kinds(&mut self) -> String {
        let kinds: Vec<String> = (0..3).map(|_| self.integer("type").to_string()).collect();
        let speed = self.speed(0.6, 0.95);
        let course = self.random.below(36) * 10;
        format!(
            "type IN ({}) AND sog BETWEEN {speed:.1} AND 60 AND cog BETWEEN {course} AND {} AND NOT class = 'B'",
            kinds.join(", "),
            course + 10
        )
    }

    /// Faster than nearly everybody.
    fn fast(&mut self) -> String {
        let speed = self.speed(0.98, 0.9995);
        format!("sog > {speed:.1} AND sog < {SPEED_UNKNOWN}")
    }

    /// A box around a real position, so many degrees to each side.
    fn area(&mut self, low: f64, high: f64) -> String {
        let side = self.random.between_magnitudes(low, high);
        let (lon, lat) =
            self.draw(|reading| Some((float(reading, "lon")?, float(reading, "lat")?)));
        format!(
            "BBOX(POINT(lon lat), {:.4}, {:.4}, {:.4}, {:.4})",
            (lon - side).max(-180.0),
            (lat - side).max(-90.0),
            (lon + side).min(180.0),
            (lat + side).min(90.0)
        )
    }

    /// The speed that a share between `low` and `high` of the ships under way does not reach.
    fn speed(&mut self, low: f64, high: f64) -> f64 {
        let quantile = self.random.between(low, high);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of a list that is far shorter than 2^52"
        )]
        let index = (quantile * (self.speeds.len() - 1) as f64) as usize;
        self.speeds[index]
    }

    fn name_prefix(&mut self) -> String {
        let name = self.text("name", 7);
        let length = 5 + self.random.below(4);
        name[..length.min(name.len())].to_owned()
    }

    /// A text attribute of some reading, of at least so many characters, none of which is special in a filter.
    fn text(&mut self, attribute: &str, bytes_min: usize) -> String {
        let plain = |text: &str| {
            let harmless = |c: char| c.is_ascii_alphanumeric() || c == ' ';
            text.len() >= bytes_min && text.chars().all(harmless)
        };
        self.draw(|reading| match reading.attributes.value(attribute) {
            Some(ValueRef::String(text)) if plain(text) => Some(text.to_owned()),
            _ => None,
        })
    }

    fn integer(&mut self, attribute: &str) -> i64 {
        self.draw(|reading| integer(reading, attribute))
    }

    fn pair(&mut self, first: &str, second: &str) -> (i64, i64) {
        self.draw(|reading| Some((integer(reading, first)?, integer(reading, second)?)))
    }

    /// Draws readings until one has what is asked for.
    fn draw<T>(&mut self, of: impl Fn(&Reading) -> Option<T>) -> T {
        (0..ATTEMPTS)
            .find_map(|_| of(self.random.one_of(self.readings)))
            .expect("an attribute that many readings have is found in a million attempts")
    }
}

fn float(reading: &Reading, attribute: &str) -> Option<f64> {
    match reading.attributes.value(attribute) {
        Some(ValueRef::Float(value)) => Some(value),
        _ => None,
    }
}

fn integer(reading: &Reading, attribute: &str) -> Option<i64> {
    match reading.attributes.value(attribute) {
        Some(ValueRef::Int(value)) => Some(value),
        _ => None,
    }
}

/// How many readings are looked at for an attribute; the rarest that is asked for is in a third of them.
const ATTEMPTS: usize = 1_000_000;
/// Slower than this is drift or noise of the receiver.
const UNDER_WAY_KNOTS: f64 = 0.5;
/// How the source says that it does not know the speed.
const SPEED_UNKNOWN: f64 = 102.3;

#[cfg(test)]
mod tests {
    use gomera_filter::evaluate::Prepared;
    use gomera_filter::{Dialect, Filter, reference};

    use super::*;
    use crate::readings;

    #[test]
    fn the_same_seed_gives_the_same_filters() {
        let readings = readings::bundled().unwrap();
        assert_eq!(derive(&readings, 50, 1), derive(&readings, 50, 1));
        assert_ne!(derive(&readings, 50, 1), derive(&readings, 50, 2));
    }

    #[test]
    fn a_reading_satisfies_about_one_in_a_thousand() {
        let readings = readings::bundled().unwrap();
        let filters: Vec<Filter> = derive(&readings, 10_000, 1)
            .iter()
            .map(|text| Filter::parse(Dialect::Sql, text).expect(text))
            .collect();
        let mut random = Random::new(9);
        let mut used = vec![false; filters.len()];
        let (mut matches, mut unmatched) = (0, 0);
        for _ in 0..500 {
            let reading = Prepared::new(&random.one_of(&readings).attributes);
            let before = matches;
            for (filter, used) in filters.iter().zip(&mut used) {
                let is_true = reference::evaluate_prepared(filter, &reading).is_true();
                matches += usize::from(is_true);
                *used |= is_true;
            }
            unmatched += usize::from(matches == before);
        }
        let used = used.iter().filter(|used| **used).count();
        assert!((5 * 500..20 * 500).contains(&matches), "{matches}");
        assert!(unmatched < 100, "{unmatched} of 500 satisfy none");
        assert!(used > 1_000, "only {used} filters are ever true");
    }
}
