//! When to try again, and how long to wait.

use std::time::Duration;

use crate::Options;

/// How often a request is made again, and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How often.
    pub retries: u32,
    back_off: Duration,
    /// The longest wait, whatever is asked.
    pub longest_wait: Duration,
}

impl Policy {
    /// As the options say.
    pub fn new(options: &Options) -> Self {
        Self { retries: options.retries, back_off: options.back_off, longest_wait: options.longest_wait }
    }

    /// The wait before attempt `attempt + 1`, where nothing else is asked: doubled each time, without chance, so that
    /// a run can be repeated.
    pub fn wait(self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
        self.back_off.saturating_mul(factor).min(self.longest_wait)
    }
}

/// Whether the same request may be answered better later.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// How long `Retry-After` asks to wait: seconds, or a date, which is taken against the `Date` of the same answer and
/// so needs no clock here.
///
/// Source: RFC 9110, 10.2.3 and 5.6.7.
pub(crate) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = http_date(value)?;
    let now = http_date(date?)?;
    Some(Duration::from_secs(u64::try_from(until.saturating_sub(now)).unwrap_or(0)))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`. The two older forms, which no server has written for
/// decades, are `None`.
fn http_date(text: &str) -> Option<i64> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let day: i64 = digits(parts.next()?, 2)?;
    let month_name = parts.next()?;
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = i64::try_from(months.iter().position(|name| *name == month_name)?).ok()? + 1;
    let year: i64 = digits(parts.next()?, 4)?;
    let mut time = parts.next()?.split(':');
    let (hour, minute, second): (i64, i64, i64) =
        (digits(time.next()?, 2)?, digits(time.next()?, 2)?, digits(time.next()?, 2)?);
    if parts.next() != Some("GMT") || time.next().is_some() || !(1..=31).contains(&day) {
        return None;
    }
    // Days from the civil date, with years that begin in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_from_1970() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun, 06 Nop 1994 08:49:37 GMT", None),
            ("", None),
            (", ", None),
        ] {
            assert_eq!(http_date(text), expected, "{text}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (value, date, expected) in [
            ("120", None, Some(120)),
            (" 0 ", None, Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", date, Some(60)),
            ("Sun, 06 Nov 1994 08:40:37 GMT", date, Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", None, None),
            ("soon", date, None),
            ("-5", date, None),
            ("", date, None),
            ("99999999999999999999999", None, Some(u64::MAX)),
        ] {
            assert_eq!(retry_after(value, date), expected.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy =
            Policy { retries: 5, back_off: Duration::from_millis(500), longest_wait: Duration::from_secs(3) };
        let waits: Vec<_> = [0, 1, 2, 3, 40].map(|attempt| policy.wait(attempt).as_millis()).into();
        assert_eq!(waits, [500, 1000, 2000, 3000, 3000]);
    }
}
