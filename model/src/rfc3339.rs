//! Points in time as text: `2026-11-21T18:00:00.5Z` (RFC 3339).

use alloc::format;
use alloc::string::String;

use crate::time::Timestamp;

const NANOS_A_SECOND: i128 = 1_000_000_000;
const SECONDS_A_DAY: i64 = 86_400;

/// The point in time that a text names; `None` if it is no time of RFC 3339 or lies outside 1678 to 2262.
///
/// Digits beyond nanoseconds are cut off. A leap second counts as the first second after it.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let separator = rest.chars().next()?;
    let (time, rest) = rest.get(1..)?.split_at_checked(8)?;
    if !matches!(separator, 'T' | 't' | ' ') {
        return None;
    }
    let [year, month, day] = numbers(date, b'-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, b':', [2, 2, 2])?;
    let (nanos, zone) = fraction(rest)?;
    let offset = offset_seconds(zone)?;
    let valid = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let of_day = hour * 3600 + minute * 60 + second - offset;
    let seconds = days_from_epoch(year, month, day) * SECONDS_A_DAY + of_day;
    let total = i128::from(seconds) * NANOS_A_SECOND + i128::from(nanos);
    i64::try_from(total).ok().map(Timestamp)
}

/// The point in time in UTC, with as many digits of a second as it needs.
#[must_use]
pub fn format(time: Timestamp) -> String {
    let seconds = time.0.div_euclid(1_000_000_000);
    let nanos = time.0.rem_euclid(1_000_000_000);
    let (year, month, day) = date_of(seconds.div_euclid(SECONDS_A_DAY));
    let of_day = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos != 0 {
        let digits = format!("{nanos:09}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

fn numbers(text: &str, separator: u8, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(char::from(separator));
    let mut values = [0; 3];
    for (value, width) in values.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *value = part.parse().ok()?;
    }
    parts.next().is_none().then_some(values)
}

/// Nanoseconds after the point, and what follows.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return None;
    }
    let mut nanos = 0;
    for place in 0..9 {
        let digit = rest.as_bytes()[..length]
            .get(place)
            .map_or(0, |byte| byte - b'0');
        nanos = nanos * 10 + i64::from(digit);
    }
    Some((nanos, &rest[length..]))
}

fn offset_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hour, minute) = rest.split_once(':')?;
    let two = |text: &str| -> Option<i64> {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    if hour > 23 || minute > 59 {
        return None;
    }
    let seconds = hour * 3600 + minute * 60;
    match sign {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day is their last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-21T18:00:00Z", 1_795_284_000),
            ("2026-11-21T19:00:00+01:00", 1_795_284_000),
            ("2026-11-21 18:00:00z", 1_795_284_000),
        ] {
            assert_eq!(
                parse(text),
                Some(Timestamp(seconds * 1_000_000_000)),
                "{text}"
            );
        }
        let half = parse("1970-01-01T00:00:00.5000000009Z");
        assert_eq!(half, Some(Timestamp(500_000_000)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-11-21",
            "2026-11-21T18:00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T18:00:00.Z",
            "2026-11-21T18:00:00+1:00",
            "9999-11-21T18:00:00Z",
            "2026-1é-21T18:00:00Z",
            "2026-11-21é18:00:00Z",
            "+026-11-21T18:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn text_survives_the_round_trip() {
        for nanos in [
            0,
            1,
            -1,
            123_456_789_000_000_000,
            i64::MIN,
            i64::MAX,
            -1_000_000_000,
        ] {
            let text = format(Timestamp(nanos));
            assert_eq!(parse(&text), Some(Timestamp(nanos)), "{text}");
        }
        assert_eq!(format(Timestamp(1_500_000_000)), "1970-01-01T00:00:01.5Z");
    }
}
