//! Times as people write and read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// A time in the local zone, as Java's `Date.toString` gives it: `Thu Jan 01 00:00:00 UTC 1970`.
/// `ms` counts from the Unix epoch. What no calendar has is given as that number.
pub(crate) fn date(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => {
            let time = time.to_zoned_datetime(TimeZone::system());
            time.strftime("%a %b %d %H:%M:%S %Z %Y").to_string()
        }
        Err(_) => ms.to_string(),
    }
}

/// The time of day in the local zone, to the millisecond.
pub(crate) fn time_of_day(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => time.to_zoned_datetime(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string(),
        Err(_) => ms.to_string(),
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A duration: a number and `ms`, `s`, `m`, `h`, `d` or `w`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        "w" => 7 * 24 * 3600 * 1000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_ms).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("2d"), Some(Duration::from_secs(172_800)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        for bad in
            ["", "5", "d", "5 d", "-5s", "5y", "99999999999999999999s", "999999999999999999w"]
        {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_that_no_calendar_has_are_numbers() {
        assert_eq!(date(i64::MIN), i64::MIN.to_string());
        assert!(date(0).ends_with("1970") || date(0).ends_with("1969"));
    }
}
