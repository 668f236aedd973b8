//! Moments in logs: milliseconds since the Unix epoch, shown and read as UTC.

use std::fmt;

const MS_PER_DAY: i64 = 86_400_000;

/// A moment, ms since the Unix epoch; shown as `2026-11-23T09:40:18.123Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// The moment a text stands for: a date (`2026-11-23`), with a time if wanted
    /// (`2026-11-23T09:40`, seconds and milliseconds too, a space for the `T` and a final `Z`
    /// allowed), or milliseconds since the Unix epoch. All are UTC.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(ms) = text.parse() {
            return Some(Self(ms));
        }
        let text = text.strip_suffix('Z').unwrap_or(text);
        let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
        let mut date = date.splitn(3, '-');
        let year = number(date.next()?, 4, 1970..=9999)?;
        let month = number(date.next()?, 2, 1..=12)?;
        let day = number(date.next()?, 2, 1..=31)?;
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) {
            return None;
        }
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let mut time = time.splitn(3, ':');
        let hour = number(time.next()?, 2, 0..=23)?;
        let minute = number(time.next()?, 2, 0..=59)?;
        let second = time.next().map_or(Some(0), |second| number(second, 2, 0..=59))?;
        let is_fraction = (1..=3).contains(&fraction.len());
        let fraction = is_fraction.then(|| format!("{fraction:0<3}"))?;
        let ms = number(&fraction, 3, 0..=999)?;
        Some(Self(days * MS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1000 + ms))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(MS_PER_DAY));
        let ms = self.0.rem_euclid(MS_PER_DAY);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, ms) = (ms / 1000 % 60, ms % 1000);
        if !(0..=9999).contains(&year) {
            // Only damage or a clock gone mad gives such.
            return write!(f, "{}ms", self.0);
        }
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (value, at, digits) in [
            (year, 0, 4),
            (month, 5, 2),
            (day, 8, 2),
            (hour, 11, 2),
            (minute, 14, 2),
            (second, 17, 2),
            (ms, 20, 3),
        ] {
            put_digits(value, &mut text[at..at + digits]);
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Much faster than formatting with a width, which matters for a log of millions of lines.
fn put_digits(mut value: i64, into: &mut [u8]) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

fn number(text: &str, digits: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let is_number = text.len() <= digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number)?;
    range.contains(&number).then_some(number)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, counted from March so that the leap
/// day is a year's last.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back_as_they_are_shown() {
        for ms in [0, 1, 951_782_400_000, 1_709_164_800_000, 1_795_426_818_123, 253_402_300_799_999]
        {
            let shown = Moment(ms).to_string();
            assert_eq!(Moment::parse(&shown), Some(Moment(ms)), "{shown}");
        }
        assert_eq!(Moment(1_709_164_800_000).to_string(), "2024-02-29T00:00:00.000Z");
        assert_eq!(Moment(i64::MAX).to_string(), "9223372036854775807ms");
        assert_eq!(Moment(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_moment_may_be_written_short() {
        let day = Moment(1_709_164_800_000);
        for text in ["2024-02-29", "2024-2-29", "2024-02-29 00:00", "2024-02-29T00:00:00Z"] {
            assert_eq!(Moment::parse(text), Some(day), "{text}");
        }
        assert_eq!(Moment::parse("1709164800000"), Some(day));
        assert_eq!(Moment::parse("2024-02-29T00:00:00.5"), Some(Moment(day.0 + 500)));
        for text in ["", "x", "2023-02-29", "2024-13-01", "2024-02-29T24:00", "2024-02-29T1:2:3:4"]
        {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
