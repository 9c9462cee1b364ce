//! Times with an offset and a precision, as Amazon's dialect has them.

use std::cmp::Ordering;
use std::fmt;

const SECONDS_A_DAY: i64 = 86_400;
/// First and last second that can be named, of the years 1 to 9999.
const BOUNDS: (i64, i64) = (-62_135_596_800, 253_402_300_799);

/// A part of a date, as `EXTRACT`, `DATE_ADD` and `DATE_DIFF` name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    TimezoneHour,
    TimezoneMinute,
}

impl Part {
    pub(crate) const ALL: [(Part, &'static str); 8] = [
        (Part::Year, "year"),
        (Part::Month, "month"),
        (Part::Day, "day"),
        (Part::Hour, "hour"),
        (Part::Minute, "minute"),
        (Part::Second, "second"),
        (Part::TimezoneHour, "timezone_hour"),
        (Part::TimezoneMinute, "timezone_minute"),
    ];

    pub(crate) fn from_name(name: &str) -> Option<Part> {
        Part::ALL.iter().find(|(_, word)| name.eq_ignore_ascii_case(word)).map(|(part, _)| *part)
    }

    pub(crate) fn name(self) -> &'static str {
        Part::ALL.iter().find(|(part, _)| *part == self).map_or("", |(_, word)| word)
    }
}

/// How much of a time is said.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Precision {
    Year,
    Month,
    Day,
    Minute,
    Second,
}

/// A moment, with the offset it was written with and how exactly it was.
///
/// Written as the W3C note on date and time formats has it: `2007T`, `2007-02T`, `2007-02-23T`, `2007-02-23T12:14Z`,
/// `2007-02-23T12:14:33.079-08:00`. Fractions are kept to nine digits; further ones fall away.
///
/// ```
/// use plimsoll_select::Timestamp;
///
/// let time: Timestamp = "2007-02-23T12:14:33.079-08:00".parse()?;
/// assert_eq!(time.to_string(), "2007-02-23T12:14:33.079-08:00");
/// assert_eq!(Timestamp::from_unix_millis(1_507_910_531_123).unwrap().to_string(), "2017-10-13T16:02:11.123Z");
/// # Ok::<(), plimsoll_select::NotATime>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// Seconds from 1970 of the local clock.
    local: i64,
    nanos: u32,
    /// Digits of the fraction that are written, 0 to 9.
    digits: u8,
    /// Minutes east of UTC; `None` where nobody said, written `-00:00`.
    offset: Option<i16>,
    precision: Precision,
}

/// A text that is no time as [`Timestamp`] describes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a time like `2007-02-23T12:14:33.079-08:00` or `2007-02-23T`")]
pub struct NotATime;

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn civil_of_days(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years that begin on the first of March, so that the leap day is a year's last day.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The other way round.
fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// What a time is made of, on its local clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) nanos: u32,
}

impl Timestamp {
    /// The moment so many milliseconds after the beginning of 1970, in UTC; `None` beyond the years 1 to 9999.
    pub fn from_unix_millis(milliseconds: i64) -> Option<Timestamp> {
        let nanos = u32::try_from(milliseconds.rem_euclid(1_000)).ok()? * 1_000_000;
        Timestamp::within(milliseconds.div_euclid(1_000), nanos, 3, Some(0), Precision::Second)
    }

    /// A day counted from 1970-01-01; `None` beyond the years 1 to 9999.
    pub(crate) fn from_days(days: i64) -> Option<Timestamp> {
        Timestamp::within(days.checked_mul(SECONDS_A_DAY)?, 0, 0, None, Precision::Day)
    }

    /// The moment so many parts of a second after the beginning of 1970, in UTC, of which there are 10 to the power of
    /// `digits` in one; `None` beyond the years 1 to 9999.
    pub(crate) fn from_unix(parts: i64, digits: u8) -> Option<Timestamp> {
        let unit = 10_i64.pow(u32::from(digits.min(9)));
        let nanos = parts.rem_euclid(unit) * (1_000_000_000 / unit);
        Timestamp::within(
            parts.div_euclid(unit),
            u32::try_from(nanos).ok()?,
            digits,
            Some(0),
            Precision::Second,
        )
    }

    fn within(
        local: i64,
        nanos: u32,
        digits: u8,
        offset: Option<i16>,
        precision: Precision,
    ) -> Option<Timestamp> {
        (BOUNDS.0..=BOUNDS.1).contains(&local).then_some(Timestamp {
            local,
            nanos,
            digits,
            offset,
            precision,
        })
    }

    /// Puts a time together; `None` where a field is out of its bounds.
    pub(crate) fn from_fields(
        fields: Fields,
        digits: u8,
        offset: Option<i16>,
        precision: Precision,
    ) -> Option<Timestamp> {
        let Fields { year, month, day, hour, minute, second, nanos } = fields;
        let valid = (1..=9_999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..60).contains(&second)
            && offset.is_none_or(|minutes| minutes.abs() < 24 * 60);
        if !valid {
            return None;
        }
        let local = days_of_civil(year, month, day) * SECONDS_A_DAY + hour * 3_600 + minute * 60 + second;
        Timestamp::within(local, nanos, digits, offset, precision)
    }

    pub(crate) fn fields(self) -> Fields {
        let (year, month, day) = civil_of_days(self.local.div_euclid(SECONDS_A_DAY));
        let second = self.local.rem_euclid(SECONDS_A_DAY);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        Fields { year, month, day, hour, minute, second, nanos: self.nanos }
    }

    /// Minutes east of UTC; 0 where nobody said.
    pub(crate) fn offset_minutes(self) -> i64 {
        i64::from(self.offset.unwrap_or(0))
    }

    /// The fraction of the second as it was written: `.079`.
    pub(crate) fn fraction(self) -> String {
        if self.digits == 0 {
            return String::new();
        }
        format!(".{:09}", self.nanos)[..=usize::from(self.digits)].to_owned()
    }

    fn utc(self) -> (i64, u32) {
        (self.local - self.offset_minutes() * 60, self.nanos)
    }

    /// Which of two moments is the earlier one, wherever they were written.
    pub(crate) fn compare(self, other: Timestamp) -> Ordering {
        self.utc().cmp(&other.utc())
    }

    /// `DATE_ADD`: later by `quantity` of a part, on the local clock; a day that the month lacks becomes its last. The
    /// result is at least as exact as the part. `None` beyond the years 1 to 9999.
    pub(crate) fn plus(self, part: Part, quantity: i64) -> Option<Timestamp> {
        let precision = self.precision.max(match part {
            Part::Year => Precision::Year,
            Part::Month => Precision::Month,
            Part::Day => Precision::Day,
            Part::Hour | Part::Minute => Precision::Minute,
            _ => Precision::Second,
        });
        let unit = match part {
            Part::Year | Part::Month => {
                let fields = self.fields();
                let months = if part == Part::Year { quantity.checked_mul(12)? } else { quantity };
                let months = (fields.year * 12 + fields.month - 1).checked_add(months)?;
                let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
                let day = fields.day.min(days_in_month(year, month));
                let moved = Fields { year, month, day, ..fields };
                return Timestamp::from_fields(moved, self.digits, self.offset, precision);
            }
            Part::Day => SECONDS_A_DAY,
            Part::Hour => 3_600,
            Part::Minute => 60,
            _ => 1,
        };
        let local = self.local.checked_add(quantity.checked_mul(unit)?)?;
        Timestamp::within(local, self.nanos, self.digits, self.offset, precision)
    }

    /// `DATE_DIFF`: whole parts from this moment to the other, below zero if that is the earlier one.
    pub(crate) fn until(self, other: Timestamp, part: Part) -> i64 {
        let unit = match part {
            Part::Year | Part::Month => {
                let months = self.months_until(other);
                return if part == Part::Year { months / 12 } else { months };
            }
            Part::Day => SECONDS_A_DAY,
            Part::Hour => 3_600,
            Part::Minute => 60,
            _ => 1,
        };
        let (one, two) = (self.utc(), other.utc());
        let nanos = |(seconds, nanos): (i64, u32)| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        let parts = (nanos(two) - nanos(one)) / (i128::from(unit) * 1_000_000_000);
        i64::try_from(parts).expect("the seconds of 9999 years fit in eight bytes")
    }

    /// Whole months, counted in UTC.
    fn months_until(self, other: Timestamp) -> i64 {
        let within_month = |time: Timestamp| {
            let (seconds, nanos) = time.utc();
            let (year, month, day) = civil_of_days(seconds.div_euclid(SECONDS_A_DAY));
            (year * 12 + month, (day, seconds.rem_euclid(SECONDS_A_DAY), nanos))
        };
        let ((first, begin), (last, end)) = (within_month(self), within_month(other));
        let months = last - first;
        match months.signum() {
            1 if end < begin => months - 1,
            -1 if end > begin => months + 1,
            _ => months,
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Timestamp, NotATime> {
        parse(text).ok_or(NotATime)
    }
}

/// Takes `count` digits off the front.
fn number(text: &mut &str, count: usize) -> Option<i64> {
    let digits = text.get(..count).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    *text = &text[count..];
    digits.parse().ok()
}

fn parse(text: &str) -> Option<Timestamp> {
    let mut rest = text;
    let mut fields =
        Fields { year: number(&mut rest, 4)?, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanos: 0 };
    if rest == "T" {
        return Timestamp::from_fields(fields, 0, None, Precision::Year);
    }
    rest = rest.strip_prefix('-')?;
    fields.month = number(&mut rest, 2)?;
    if rest == "T" {
        return Timestamp::from_fields(fields, 0, None, Precision::Month);
    }
    rest = rest.strip_prefix('-')?;
    fields.day = number(&mut rest, 2)?;
    if rest.is_empty() || rest == "T" {
        return Timestamp::from_fields(fields, 0, None, Precision::Day);
    }
    rest = rest.strip_prefix('T')?;
    fields.hour = number(&mut rest, 2)?;
    rest = rest.strip_prefix(':')?;
    fields.minute = number(&mut rest, 2)?;
    let (mut precision, mut digits) = (Precision::Minute, 0);
    if let Some(seconds) = rest.strip_prefix(':') {
        rest = seconds;
        fields.second = number(&mut rest, 2)?;
        precision = Precision::Second;
        if let Some(fraction) = rest.strip_prefix('.') {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            (fields.nanos, digits) = nanos(&fraction[..length])?;
            rest = &fraction[length..];
        }
    }
    // An offset is required by the note, and missing in Amazon's own examples: then nobody said.
    let offset = match rest {
        "" | "-00:00" => None,
        "Z" => Some(0),
        _ => Some(offset(rest)?),
    };
    Timestamp::from_fields(fields, digits, offset, precision)
}

/// Nanoseconds of a fraction's digits, of which there is at least one, and how many of them are kept.
pub(crate) fn nanos(digits: &str) -> Option<(u32, u8)> {
    let kept = digits.get(..digits.len().min(9)).filter(|kept| !kept.is_empty())?;
    Some((format!("{kept:0<9}").parse().ok()?, u8::try_from(kept.len()).ok()?))
}

/// Minutes of `+07:00`, `-0730` or `+07`.
pub(crate) fn offset(text: &str) -> Option<i16> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let hours = number(&mut rest, 2)?;
    rest = rest.strip_prefix(':').unwrap_or(rest);
    let minutes = if rest.is_empty() { 0 } else { number(&mut rest, 2)? };
    if !rest.is_empty() || hours > 23 || minutes > 59 {
        return None;
    }
    i16::try_from(sign * (hours * 60 + minutes)).ok()
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fields { year, month, day, hour, minute, second, .. } = self.fields();
        match self.precision {
            Precision::Year => return write!(formatter, "{year:04}T"),
            Precision::Month => return write!(formatter, "{year:04}-{month:02}T"),
            Precision::Day => return write!(formatter, "{year:04}-{month:02}-{day:02}T"),
            Precision::Minute => write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}")?,
            Precision::Second => {
                write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
                formatter.write_str(&self.fraction())?;
            }
        }
        match self.offset {
            None => formatter.write_str("-00:00"),
            Some(0) => formatter.write_str("Z"),
            Some(minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(formatter, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|_| panic!("`{text}` is a time"))
    }

    #[test]
    fn print_undoes_parse() {
        for text in [
            "2007T",
            "2007-02T",
            "2007-02-23T",
            "0001-01-01T",
            "9999-12-31T23:59:59Z",
            "2000-02-29T",
            "2007-04-05T14:30Z",
            "2007-04-05T14:30:01-00:00",
            "2007-02-23T12:14:33.079-08:00",
            "2007-02-23T12:14:33.0790+05:45",
            "1969-07-20T20:18:00.123456789Z",
        ] {
            assert_eq!(time(text).to_string(), text);
        }
        assert_eq!(time("2017-01-10").to_string(), "2017-01-10T");
        assert_eq!(time("2010-01-01T23:00").to_string(), "2010-01-01T23:00-00:00");
        assert_eq!(time("2010-01-01T23:00:00.1234567890123Z").to_string(), "2010-01-01T23:00:00.123456789Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2007",
            "2007-02",
            "2007-13T",
            "2007-02-30T",
            "1900-02-29T",
            "0000T",
            "20070223T",
            "2007-02-23 12:14Z",
            "2007-02-23T12Z",
            "2007-02-23T24:00Z",
            "2007-02-23T12:60Z",
            "2007-02-23T12:14:33.Z",
            "2007-02-23T12:14+24:00",
            "2007-02-23T12:14z",
            "２００７T",
            "2007-02-23T12:14:61Z",
            "2007-02-23T12:14ZZ",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn parts_are_added_and_precision_with_them() {
        for (text, part, quantity, expected) in [
            ("2010-01-01T", Part::Year, 5, "2015-01-01T"),
            ("2010T", Part::Month, 1, "2010-02T"),
            ("2010T", Part::Month, 13, "2011-02T"),
            ("2010-01-31T", Part::Month, 1, "2010-02-28T"),
            ("2012-02-29T", Part::Year, -1, "2011-02-28T"),
            ("2017-01-10T", Part::Day, -1, "2017-01-09T"),
            ("2017T", Part::Hour, 1, "2017-01-01T01:00-00:00"),
            ("2017-01-02T03:04Z", Part::Hour, 1, "2017-01-02T04:04Z"),
            ("2017-01-02T03:04:05.006Z", Part::Minute, 1, "2017-01-02T03:05:05.006Z"),
            ("2017-01-02T03:04:05.006Z", Part::Second, 1, "2017-01-02T03:04:06.006Z"),
            ("2016-12-31T23:59:59+01:00", Part::Second, 1, "2017-01-01T00:00:00+01:00"),
        ] {
            assert_eq!(
                time(text).plus(part, quantity).unwrap().to_string(),
                expected,
                "{text} {part:?} {quantity}"
            );
        }
        assert!(time("9999-12-31T").plus(Part::Day, 1).is_none());
        assert!(time("2017T").plus(Part::Year, i64::MAX).is_none());
        assert!(time("2017T").plus(Part::Day, i64::MIN).is_none());
    }

    #[test]
    fn differences_are_whole_parts() {
        for (one, two, part, expected) in [
            ("2010-01-01T", "2011-01-01T", Part::Year, 1),
            ("2010T", "2010-05T", Part::Month, 4),
            ("2010T", "2010-05T", Part::Year, 0),
            ("2010T", "2011T", Part::Month, 12),
            ("2011T", "2010T", Part::Month, -12),
            ("2010-01-01T23:00", "2010-01-02T01:00", Part::Day, 0),
            ("2010-01-01T23:00Z", "2010-01-02T23:00Z", Part::Day, 1),
            ("2010-01-31T", "2010-02-28T", Part::Month, 0),
            ("2010-02-28T", "2010-01-31T", Part::Month, 0),
            ("2010-01-01T00:00+01:00", "2010-01-01T00:00Z", Part::Minute, 60),
            ("2010-01-01T00:00:00.9Z", "2010-01-01T00:00:01.8Z", Part::Second, 0),
        ] {
            assert_eq!(time(one).until(time(two), part), expected, "{one} {two} {part:?}");
        }
    }

    #[test]
    fn days_are_counted_both_ways() {
        for days in (-719_162..2_932_896).step_by(97) {
            let (year, month, day) = civil_of_days(days);
            assert_eq!(days_of_civil(year, month, day), days, "{year}-{month}-{day}");
        }
        assert_eq!(civil_of_days(0), (1970, 1, 1));
        assert_eq!(time("2010-01-01T05:00+05:00").compare(time("2010T")), Ordering::Equal);
    }
}
