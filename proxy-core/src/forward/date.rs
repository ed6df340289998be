//! The time of day as HTTP writes it: IMF-fixdate (RFC 9110 §5.6.7).
//!
//! Knows the calendar, and no clock: what time it is, is told.

/// `Sun, 06 Nov 1994 08:49:37 GMT`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HttpDate([u8; LEN]);

const LEN: usize = "Sun, 06 Nov 1994 08:49:37 GMT".len();

const SECONDS_PER_DAY: u64 = 86_400;

/// The last second of the year 9999: a year has four digits.
const LAST: u64 = 253_402_300_799;

impl HttpDate {
    /// So many seconds after the beginning of 1970, UTC.
    pub fn at(unix_seconds: u64) -> Self {
        let seconds = unix_seconds.min(LAST);
        let (days, second) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
        let (year, month, day) = civil(days);
        // The first of January 1970 was a Thursday.
        let weekday = three(b"ThuFriSatSunMonTueWed", days % 7);
        let month = three(b"JanFebMarAprMayJunJulAugSepOctNovDec", month);
        let [century, years] = [year / 100, year % 100].map(two);
        let [day, hours, minutes, seconds] = [day, second / 3_600, second / 60 % 60, second % 60].map(two);
        let parts: [&[u8]; 15] = [
            &weekday, b", ", &day, b" ", &month, b" ", &century, &years, b" ", &hours, b":", &minutes, b":",
            &seconds, b" GMT",
        ];
        let mut date = [b' '; LEN];
        for (place, octet) in date.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *octet;
        }
        Self(date)
    }

    /// Its 29 octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Year, month from 0 and day from 1, so many days after the beginning of 1970. Counts years from March, which puts the leap
/// day last, in spans of 400 years, after which the calendar repeats.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    const DAYS_FROM_MARCH_0_TO_1970: u64 = 719_468;
    let days = days + DAYS_FROM_MARCH_0_TO_1970;
    let (spans, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    (spans * 400 + year + u64::from(is_next_year), (month + 2) % 12, day)
}

fn two(number: u64) -> [u8; 2] {
    [number / 10, number % 10].map(|digit| b'0' + (digit % 10) as u8)
}

fn three(names: &[u8], index: u64) -> [u8; 3] {
    let at = usize::try_from(index).unwrap_or_default() * 3;
    names.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn a_moment_is_written_as_the_calendar_has_it() {
        let cases = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (1_735_689_600, "Wed, 01 Jan 2025 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (seconds, date) in cases {
            assert_eq!(String::from_utf8_lossy(HttpDate::at(seconds).as_bytes()), date);
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut last = civil(0);
        for days in 1..300_000 {
            let next = civil(days);
            let (year, month, day) = last;
            let followers = [(year, month, day + 1), (year, month + 1, 1), (year + 1, 0, 1)];
            assert!(followers.contains(&next), "{last:?} is followed by {next:?}");
            last = next;
        }
    }
}
