//! Instants as feeds write them, and reads with a limit.

use std::io::{self, Read};

/// An instant in the one form `2024-01-02T03:04:05.678Z`, whose order as text is that of time wherever the
/// fractions are equally long; empty for what is none.
///
/// Accepted besides: a day alone (its midnight), and `+00:00` for `Z`.
///
/// Source: OSV schema 1.7, `modified`: RFC 3339, time zone `Z`.
pub(crate) fn instant(text: &str) -> String {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let has_shape = |text: &str, shape: &[u8]| {
        text.len() == shape.len()
            && text.bytes().zip(shape).all(|(byte, &shape)| match shape {
                b'd' => byte.is_ascii_digit(),
                _ => byte == shape,
            })
    };
    let text = text.trim();
    if has_shape(text, &SHAPE[..10]) {
        return format!("{text}T00:00:00Z");
    }
    let Some(bare) = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00")) else {
        return String::new();
    };
    let (seconds, fraction) = bare.split_once('.').unwrap_or((bare, ""));
    if !has_shape(seconds, SHAPE) || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return String::new();
    }
    format!("{bare}Z")
}

/// The first characters of foreign bytes, for a message.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const MAX_CHARACTERS: usize = 60;
    let start = &bytes[..bytes.len().min(4 * MAX_CHARACTERS)];
    String::from_utf8_lossy(start).chars().take(MAX_CHARACTERS).collect::<String>().escape_debug().to_string()
}

/// Reads the rest of `reader` behind what is in `buffer` already. `false` where there are more than `limit` bytes in
/// all; a byte more than `limit` may then be in `buffer`, behind which a higher limit can go on.
pub(crate) fn read_on(reader: &mut dyn Read, limit: u64, buffer: &mut Vec<u8>) -> io::Result<bool> {
    const STEP_BYTES: usize = 64 * 1024;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    loop {
        let start = buffer.len();
        if start > limit {
            return Ok(false);
        }
        let step = STEP_BYTES.max(start).min((limit - start).saturating_add(1));
        buffer.resize(start + step, 0);
        let mut filled = start;
        while filled < buffer.len() {
            match reader.read(&mut buffer[filled..]) {
                Ok(0) => {
                    buffer.truncate(filled);
                    return Ok(filled <= limit);
                }
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_one_form() {
        for (given, expected) in [
            ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05.678901Z", "2024-01-02T03:04:05.678901Z"),
            ("2024-01-02T03:04:05+00:00", "2024-01-02T03:04:05Z"),
            ("2024-01-02", "2024-01-02T00:00:00Z"),
            ("2024-01-02T03:04:05", ""),
            ("2024-01-02T03:04:05+02:00", ""),
            ("zzzz", ""),
            ("ééééé", ""),
            ("", ""),
        ] {
            assert_eq!(instant(given), expected, "{given}");
        }
    }

    #[test]
    fn a_read_stops_at_its_limit() {
        let bytes = vec![7; 200_000];
        let mut buffer = Vec::new();
        assert!(read_on(&mut &bytes[..], 200_000, &mut buffer).unwrap());
        assert_eq!(buffer, bytes);
        let (mut buffer, mut reader) = (Vec::new(), &bytes[..]);
        assert!(!read_on(&mut reader, 10, &mut buffer).unwrap());
        assert!(!read_on(&mut reader, 199_999, &mut buffer).unwrap());
        assert!(read_on(&mut reader, 200_000, &mut buffer).unwrap(), "a higher limit goes on");
        assert_eq!(buffer, bytes);
        let mut buffer = Vec::new();
        assert!(read_on(&mut &bytes[..0], 0, &mut buffer).unwrap());
        assert!(buffer.is_empty());
    }

    #[test]
    fn an_excerpt_is_short_and_steers_nothing() {
        assert_eq!(excerpt(b"a\x1b[2J\xff"), "a\\u{1b}[2J\u{fffd}");
        assert_eq!(excerpt(&[b'x'; 1000]).len(), 60);
    }
}
