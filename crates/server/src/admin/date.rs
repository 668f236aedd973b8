//! Moments as Java's `Date` prints them.

/// `Mon Nov 23 12:56:33 UTC 2026`, always in UTC, of milliseconds since 1970.
pub(super) fn java_date(wall_ms: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let seconds = wall_ms / 1000;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let days = seconds / 86_400;

    // Years that begin in March put the leap day last, so month lengths follow one rule. Counted
    // from 1 March of year 0; a cycle of 400 years has 146 097 days.
    let day = days + 719_468;
    let (cycle, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let year = cycle * 400 + year + u64::from(month >= 10);

    let weekday = name(&WEEKDAYS, days % 7);
    let month = name(&MONTHS, month);
    format!("{weekday} {month} {day_of_month:02} {hour:02}:{minute:02}:{second:02} UTC {year}")
}

fn name<const N: usize>(names: &[&'static str; N], index: u64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_look_like_java() {
        let rows = [
            (0, "Thu Jan 01 00:00:00 UTC 1970"),
            (951_782_400_000, "Tue Feb 29 00:00:00 UTC 2000"),
            (951_868_799_999, "Tue Feb 29 23:59:59 UTC 2000"),
            (951_868_800_000, "Wed Mar 01 00:00:00 UTC 2000"),
            (1_795_438_593_000, "Mon Nov 23 12:56:33 UTC 2026"),
            (4_107_542_399_000, "Sun Feb 28 23:59:59 UTC 2100"),
            (4_107_542_400_000, "Mon Mar 01 00:00:00 UTC 2100"),
        ];
        for (wall_ms, expected) in rows {
            assert_eq!(java_date(wall_ms), expected);
        }
    }
}
