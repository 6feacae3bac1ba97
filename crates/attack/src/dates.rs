//! Dates as objects and takes write them: whether they are some.

/// Whether a text is a time stamp of STIX (STIX 2.1, 2.16): `2020-01-31T12:00:00.000Z`, in UTC, with or without parts of a second.
pub(crate) fn is_stamp(text: &str) -> bool {
    let Some((day, clock)) = text.strip_suffix('Z').and_then(|text| text.split_once('T')) else { return false };
    let (clock, parts) = clock.split_once('.').unwrap_or((clock, "0"));
    let numbers: Vec<Option<u32>> = clock.split(':').map(|two| number(two, 2)).collect();
    // The last second of a day can be its 61st (RFC 3339, 5.7).
    let is_clock = matches!(numbers.as_slice(), [Some(0..=23), Some(0..=59), Some(0..=60)]);
    is_day(day) && is_clock && !parts.is_empty() && parts.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is a day of the calendar: `2020-02-29`.
pub(crate) fn is_day(text: &str) -> bool {
    let mut words = text.split('-');
    let (Some(year), Some(month), Some(day), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let most = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    (1..=most).contains(&day)
}

/// The day of a time in milliseconds since 1970, in UTC: `2020-02-29`.
pub(crate) fn day_of(time: i64) -> String {
    // Years begin in March here, so that a leap day is the last one: 400 of them are 146,097 days, beginning in the year 0.
    let days = time.div_euclid(86_400_000) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + later)
}

/// A number of so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let is_plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_the_calendar_has_not_are_none() {
        for day in ["2020-02-29", "2026-01-31", "2000-02-29", "2026-12-31"] {
            assert!(is_day(day), "{day}");
        }
        for day in ["2026-13-45", "2026-02-29", "1900-02-29", "2026-00-01", "2026-04-31", "26-01-01", "2026-1-01", ""] {
            assert!(!is_day(day), "{day}");
        }
        for (time, day) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_399_999, "2000-02-28"),
            (951_782_400_000, "2000-02-29"),
            (951_868_800_000, "2000-03-01"),
            (1_767_225_600_000, "2026-01-01"),
            (4_107_542_400_000, "2100-03-01"),
        ] {
            assert_eq!(day_of(time), day);
        }
        for stamp in ["2020-01-31T12:00:00.000Z", "2020-01-31T12:00:00Z", "2016-12-31T23:59:60Z"] {
            assert!(is_stamp(stamp), "{stamp}");
        }
        for stamp in
            ["2020", "2020-01-31", "2020-01-31T24:00:00Z", "2020-01-31T12:00:00+01:00", "2020-01-31T12:00:00.Z"]
        {
            assert!(!is_stamp(stamp), "{stamp}");
        }
    }
}
