//! What arguments hold: sizes and times.

use std::str::FromStr;
use std::time::Duration;

/// A size in bytes: `1GiB`, `512MiB`, `2GB`, `65536`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 11] = [
            ("kib", 1 << 10),
            ("mib", 1 << 20),
            ("gib", 1 << 30),
            ("tib", 1 << 40),
            ("kb", 1000),
            ("mb", 1_000_000),
            ("gb", 1_000_000_000),
            ("tb", 1_000_000_000_000),
            ("m", 1 << 20),
            ("g", 1 << 30),
            ("b", 1),
        ];
        let lower = text.to_ascii_lowercase();
        let read = || {
            let (digits, unit) = UNITS
                .iter()
                .find_map(|(unit, bytes)| lower.strip_suffix(unit).map(|digits| (digits, *bytes)))
                .unwrap_or((&lower, 1));
            digits.trim().parse::<u64>().ok()?.checked_mul(unit).map(Self)
        };
        read()
            .ok_or_else(|| format!("expected a number and B, KiB, MiB or GiB, as in `1GiB`, found `{text}`"))
    }
}

/// A span of time: `90s`, `5m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
        let read = || {
            let (digits, unit) = UNITS
                .iter()
                .find_map(|(unit, millis)| text.strip_suffix(unit).map(|digits| (digits, *millis)))?;
            let millis = digits.parse::<u64>().ok()?.checked_mul(unit).filter(|millis| *millis > 0)?;
            Some(Self(Duration::from_millis(millis)))
        };
        read().ok_or_else(|| format!("expected a number and s, m or h, as in `30s`, found `{text}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read() {
        for (text, bytes) in
            [("0", 0), ("65536", 65_536), ("1GiB", 1 << 30), ("512mib", 512 << 20), ("2 GB", 2_000_000_000)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "GiB", "-1", "1.5GiB", "99999999999TiB", "1 parsec"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert_eq!("500ms".parse(), Ok(Span(Duration::from_millis(500))));
        assert_eq!("5m".parse(), Ok(Span(Duration::from_mins(5))));
        for text in ["", "5", "0s", "m", "1d", "99999999999999999999s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
