//! Time patterns of `TO_STRING` and `TO_TIMESTAMP`: `y-MM-dd'T'H:m:ssX`.
//!
//! Source: Amazon S3 User Guide, "Date functions", `TO_STRING`.

use crate::error::{Code, SelectError};
use crate::timestamp::{Fields, Precision, Timestamp, nanos, offset};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A piece of a pattern: a letter as often as it stands, or text.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Field(char, usize),
    Text(String),
}

/// A pattern that was understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern(Vec<Piece>);

fn refused(code: Code, message: String) -> SelectError {
    SelectError::evaluation(code, message)
        .hint("a pattern is like `y-MM-dd'T'HH:mm:ssX`; text stands between quotes")
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Pattern, SelectError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(quoted) = rest.strip_prefix('\'') {
                let Some(end) = quoted.find('\'') else {
                    let message = format!("expected a quote that ends `{rest}`, found none");
                    return Err(refused(Code::EvaluatorUnterminatedTimestampFormatPatternToken, message));
                };
                // Two quotes are one.
                let text = if end == 0 { "'" } else { &quoted[..end] };
                pieces.push(Piece::Text(text.to_owned()));
                rest = &quoted[end + 1..];
                continue;
            }
            let count = rest.chars().take_while(|letter| *letter == first).count();
            if first.is_ascii_alphabetic() {
                let most = match first {
                    'y' | 'H' | 'h' | 'm' | 's' | 'd' | 'a' | 'n' | 'M' | 'S' | 'X' | 'x' => {
                        longest(first, count)
                    }
                    _ => {
                        let message = format!("expected a letter of a time pattern, found `{first}`");
                        return Err(refused(Code::EvaluatorInvalidTimestampFormatPatternSymbol, message));
                    }
                };
                if count > most {
                    let message = format!("expected at most {most} of `{first}`, found {count}");
                    return Err(refused(Code::EvaluatorInvalidTimestampFormatPatternToken, message));
                }
                pieces.push(Piece::Field(first, count));
            } else {
                pieces.push(Piece::Text(rest.chars().take(count).collect()));
            }
            rest = &rest[count * first.len_utf8()..];
        }
        Ok(Pattern(pieces))
    }

    /// Writes a time.
    pub(crate) fn write(&self, time: Timestamp) -> String {
        let fields = time.fields();
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(letter, count) => out.push_str(&write_field(*letter, *count, fields, time)),
            }
        }
        out
    }

    /// Reads a time, all of the text.
    pub(crate) fn read(&self, text: &str) -> Result<Timestamp, SelectError> {
        let mut reading = Reading::default();
        self.check_for_reading(&mut reading)?;
        let mut rest = text;
        for piece in &self.0 {
            let taken = match piece {
                Piece::Text(expected) => rest.strip_prefix(expected.as_str()),
                Piece::Field(letter, count) => reading.take(*letter, *count, rest),
            };
            rest = taken.ok_or_else(|| unread(text))?;
        }
        if rest.is_empty() { reading.finish().ok_or_else(|| unread(text)) } else { Err(unread(text)) }
    }

    fn check_for_reading(&self, reading: &mut Reading) -> Result<(), SelectError> {
        let mut seen = String::new();
        for piece in &self.0 {
            let Piece::Field(letter, count) = piece else { continue };
            if (*letter, *count) == ('M', 5) {
                let message = "expected a month that can be read, found `MMMMM`".to_owned();
                return Err(refused(Code::EvaluatorInvalidTimestampFormatPatternSymbolForParsing, message));
            }
            // The two clocks, the two ways to write an offset and a fraction are one field each.
            let kind = match letter {
                'H' => 'h',
                'X' => 'x',
                'n' => 'S',
                other => *other,
            };
            if seen.contains(kind) {
                let message = format!("expected each field once, found `{letter}` again");
                return Err(refused(Code::EvaluatorTimestampFormatPatternDuplicateFields, message));
            }
            seen.push(kind);
            reading.twelve_hours |= *letter == 'h';
        }
        let has = |letter| seen.contains(letter);
        if has('h') && reading.twelve_hours != has('a') || has('a') && !has('h') {
            let message = "expected `a` with `h`, and none with `H`".to_owned();
            return Err(refused(Code::EvaluatorTimestampFormatPatternHourClockAmPmMismatch, message));
        }
        // A field needs those that are larger: without them the time would be guessed.
        reading.precision = None;
        for (letter, precision) in [
            ('y', Precision::Year),
            ('M', Precision::Month),
            ('d', Precision::Day),
            ('h', Precision::Minute),
            ('m', Precision::Minute),
            ('s', Precision::Second),
        ] {
            if has(letter) {
                reading.precision = Some(precision);
            } else {
                let order = "yMdhmsS";
                let at = order.find(letter).unwrap_or(order.len());
                let smaller = order[at + 1..].chars().find(|smaller| has(*smaller));
                if let Some(smaller) = smaller {
                    let message = format!("expected `{letter}` where `{smaller}` stands, found none");
                    return Err(refused(Code::EvaluatorInvalidTimestampFormatPattern, message));
                }
                break;
            }
        }
        if has('h') && !has('m') || reading.precision.is_none() {
            let message = "expected at least a year, and minutes with hours, found fewer fields".to_owned();
            return Err(refused(Code::EvaluatorInvalidTimestampFormatPattern, message));
        }
        Ok(())
    }
}

fn unread(text: &str) -> SelectError {
    refused(Code::ValueParseFailure, format!("expected a time of the pattern, found `{text}`"))
}

/// How often a letter may stand; one less than it stands where that is no form of it.
fn longest(letter: char, count: usize) -> usize {
    match letter {
        'y' if count == 3 => 2,
        'y' => 4,
        'a' | 'n' => 1,
        'M' | 'X' | 'x' => 5,
        'S' => 9,
        _ => 2,
    }
}

fn write_field(letter: char, count: usize, fields: Fields, time: Timestamp) -> String {
    let padded = |value: i64| format!("{value:0count$}");
    match letter {
        'y' if count == 2 => format!("{:02}", fields.year % 100),
        'y' => padded(fields.year),
        'M' => {
            let name = usize::try_from(fields.month - 1).ok().and_then(|month| MONTHS.get(month)).copied();
            match (count, name) {
                (3, Some(name)) => name[..3].to_owned(),
                (4, Some(name)) => name.to_owned(),
                (5, Some(name)) => name[..1].to_owned(),
                _ => padded(fields.month),
            }
        }
        'd' => padded(fields.day),
        'a' => if fields.hour < 12 { "AM" } else { "PM" }.to_owned(),
        'h' => padded((fields.hour + 11) % 12 + 1),
        'H' => padded(fields.hour),
        'm' => padded(fields.minute),
        's' => padded(fields.second),
        'S' => format!("{:09}", fields.nanos)[..count].to_owned(),
        'n' => fields.nanos.to_string(),
        _ => write_offset(letter == 'X', count, time.offset_minutes()),
    }
}

fn write_offset(zulu: bool, count: usize, minutes: i64) -> String {
    if zulu && minutes == 0 {
        return "Z".to_owned();
    }
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    match count {
        1 if minutes == 0 => format!("{sign}{hours:02}"),
        3 | 5 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}{minutes:02}"),
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    digits: u8,
    offset: Option<i16>,
    afternoon: bool,
    twelve_hours: bool,
    precision: Option<Precision>,
}

impl Reading {
    /// Takes a field off the text and gives the rest.
    fn take<'t>(&mut self, letter: char, count: usize, text: &'t str) -> Option<&'t str> {
        let digits = |most: usize| {
            let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
            Some((text[..length].parse::<i64>().ok()?, &text[length..]))
        };
        let short = if count == 1 { 2 } else { count };
        match letter {
            'y' if count == 2 => {
                let (year, rest) = digits(2)?;
                // As Amazon has it: a pivot of 70.
                self.year = if year < 70 { 2_000 + year } else { 1_900 + year };
                Some(rest)
            }
            'y' => Some(keep(&mut self.year, digits(4)?)),
            'M' if count >= 3 => {
                let place = MONTHS.iter().position(|name| {
                    let name = if count == 3 { &name[..3] } else { name };
                    text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
                })?;
                self.month = i64::try_from(place + 1).ok();
                text.get(if count == 3 { 3 } else { MONTHS[place].len() }..)
            }
            'M' => Some(keep(self.month.insert(0), digits(short)?)),
            'd' => Some(keep(self.day.insert(0), digits(short)?)),
            'H' | 'h' => Some(keep(&mut self.hour, digits(short)?)),
            'm' => Some(keep(&mut self.minute, digits(short)?)),
            's' => Some(keep(&mut self.second, digits(short)?)),
            'a' => {
                let word = text.get(..2)?;
                self.afternoon = word.eq_ignore_ascii_case("PM");
                (self.afternoon || word.eq_ignore_ascii_case("AM")).then_some(&text[2..])
            }
            'S' => {
                let length = text.bytes().take(count).take_while(u8::is_ascii_digit).count();
                (self.nanos, self.digits) = nanos(&text[..length])?;
                Some(&text[length..])
            }
            'n' => {
                let (value, rest) = digits(9)?;
                (self.nanos, self.digits) = (u32::try_from(value).ok()?, 9);
                Some(rest)
            }
            _ => self.take_offset(letter, count, text),
        }
    }

    fn take_offset<'t>(&mut self, letter: char, count: usize, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z').filter(|_| letter == 'X') {
            self.offset = Some(0);
            return Some(rest);
        }
        let length = match count {
            1 => 3,
            3 | 5 => 6,
            _ => 5,
        };
        self.offset = Some(offset(text.get(..length)?)?);
        Some(&text[length..])
    }

    fn finish(self) -> Option<Timestamp> {
        let hour = match (self.twelve_hours, self.afternoon) {
            (false, _) => self.hour,
            (true, _) if !(1..=12).contains(&self.hour) => return None,
            (true, false) => self.hour % 12,
            (true, true) => self.hour % 12 + 12,
        };
        let fields = Fields {
            year: self.year,
            month: self.month.unwrap_or(1),
            day: self.day.unwrap_or(1),
            hour,
            minute: self.minute,
            second: self.second,
            nanos: self.nanos,
        };
        Timestamp::from_fields(fields, self.digits, self.offset, self.precision?)
    }
}

fn keep<'t>(field: &mut i64, (value, rest): (i64, &'t str)) -> &'t str {
    *field = value;
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written() {
        for (time, pattern, expected) in [
            ("1969-07-20T20:18Z", "MMMM d, y", "July 20, 1969"),
            ("1969-07-20T20:18Z", "MMM d, yyyy", "Jul 20, 1969"),
            ("1969-07-20T20:18Z", "M-d-yy", "7-20-69"),
            ("1969-07-20T20:18Z", "MM-d-y", "07-20-1969"),
            ("1969-07-20T20:18Z", "MMMM d, y h:m a", "July 20, 1969 8:18 PM"),
            ("1969-07-20T20:18Z", "y-MM-dd'T'H:m:ssX", "1969-07-20T20:18:00Z"),
            ("1969-07-20T20:18+08:00", "y-MM-dd'T'H:m:ssXXXX", "1969-07-20T20:18:00+0800"),
            ("1969-07-20T20:18+08:00", "y-MM-dd'T'H:m:ssXXXXX", "1969-07-20T20:18:00+08:00"),
            ("1969-07-20T20:18Z", "x xx xxx X XX", "+00 +0000 +00:00 Z Z"),
            ("1969-07-20T00:05:06.0789Z", "hh:mm:ss.SSS a n", "12:05:06.078 AM 78900000"),
            ("1969-07-20T20:18Z", "MMMMM ''''", "J ''"),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.write(time.parse().unwrap()), expected, "{pattern:?}");
        }
    }

    #[test]
    fn times_are_read() {
        for (text, pattern, expected) in [
            ("1969", "y", "1969T"),
            ("69", "yy", "2069T"),
            ("20/7/1969", "d/M/y", "1969-07-20T"),
            ("July 20, 1969 8:18 pm", "MMMM d, y h:m a", "1969-07-20T20:18-00:00"),
            ("12:05 AM 07201969", "hh:mm a MMddyyyy", "1969-07-20T00:05-00:00"),
            ("1969-07-20T20:18:01.5+08:00", "y-MM-dd'T'HH:mm:ss.SXXX", "1969-07-20T20:18:01.5+08:00"),
            ("19690720T201801Z", "yyyyMMdd'T'HHmmssX", "1969-07-20T20:18:01Z"),
        ] {
            let read = Pattern::parse(pattern).unwrap().read(text);
            assert_eq!(read.unwrap().to_string(), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_are_refused_for_a_reason() {
        let code = |pattern: &str| {
            Pattern::parse(pattern).and_then(|pattern| pattern.read("1969")).map(|_| ()).unwrap_err().code()
        };
        assert_eq!(code("q"), Code::EvaluatorInvalidTimestampFormatPatternSymbol);
        assert_eq!(code("yyyyy"), Code::EvaluatorInvalidTimestampFormatPatternToken);
        assert_eq!(code("yyy"), Code::EvaluatorInvalidTimestampFormatPatternToken);
        assert_eq!(code("y'T"), Code::EvaluatorUnterminatedTimestampFormatPatternToken);
        assert_eq!(code("y MMMMM"), Code::EvaluatorInvalidTimestampFormatPatternSymbolForParsing);
        assert_eq!(code("y yy"), Code::EvaluatorTimestampFormatPatternDuplicateFields);
        assert_eq!(code("y-M-d h:m"), Code::EvaluatorTimestampFormatPatternHourClockAmPmMismatch);
        assert_eq!(code("y-M-d H:m a"), Code::EvaluatorTimestampFormatPatternHourClockAmPmMismatch);
        assert_eq!(code("y-d"), Code::EvaluatorInvalidTimestampFormatPattern);
        assert_eq!(code("'1969'"), Code::EvaluatorInvalidTimestampFormatPattern);
        assert_eq!(code("y-M"), Code::ValueParseFailure);
        assert_eq!(code("y\u{301}\u{301}"), Code::ValueParseFailure);
    }
}
