//! JSON in one pass over borrowed text: checked as a whole, unfolded only where something is asked.
//!
//! Source: RFC 8259. Of several members of one name the first one counts; a number or a name is never changed.

use std::borrow::Cow;

/// What is wrong, and where in the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Flaw {
    pub(crate) offset: usize,
    pub(crate) expected: &'static str,
}

type Scanned<T> = Result<T, Flaw>;

fn flaw<T>(offset: usize, expected: &'static str) -> Scanned<T> {
    Err(Flaw { offset, expected })
}

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The high bit of each byte that ends a plain run of a string: quote, backslash, control character. Bytes after the
/// first such one may be marked wrongly.
fn ends_of_run(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control) & HIGHS
}

/// Where the run of plain characters from `at` ends; the length of the text if it does not.
pub(crate) fn plain_run(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes were taken"));
        let ends = ends_of_run(word);
        if ends != 0 {
            return at + (ends.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at
}

/// After the spaces at `at`.
#[inline]
pub(crate) fn skip_space(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// After the string whose opening quote is at `at`, and whether it holds escapes.
#[inline]
pub(crate) fn skip_string(bytes: &[u8], at: usize) -> Scanned<(usize, bool)> {
    let mut end = plain_run(bytes, at + 1);
    if bytes.get(end) == Some(&b'"') {
        return Ok((end + 1, false));
    }
    loop {
        match bytes.get(end) {
            Some(b'"') => return Ok((end + 1, true)),
            Some(b'\\') => end = skip_escape(bytes, end)?,
            Some(_) => return flaw(end, "an escaped control character"),
            None => return flaw(end, "the end of a string"),
        }
        end = plain_run(bytes, end);
    }
}

fn skip_escape(bytes: &[u8], at: usize) -> Scanned<usize> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let digits = bytes.get(at + 2..at + 6);
            if digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                Ok(at + 6)
            } else {
                flaw(at, "four hexadecimal digits after `\\u`")
            }
        }
        _ => flaw(at, "an escape sequence"),
    }
}

#[inline]
fn skip_digits(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while matches!(bytes.get(at), Some(b'0'..=b'9')) {
        at += 1;
    }
    at
}

/// After the number at `at`.
fn skip_number(bytes: &[u8], at: usize) -> Scanned<usize> {
    let start = if bytes.get(at) == Some(&b'-') { at + 1 } else { at };
    let mut end = match bytes.get(start) {
        Some(b'0') => start + 1,
        Some(b'1'..=b'9') => skip_digits(bytes, start),
        _ => return flaw(start, "a value"),
    };
    if bytes.get(end) == Some(&b'.') {
        let digits = skip_digits(bytes, end + 1);
        if digits == end + 1 {
            return flaw(digits, "a digit after the point");
        }
        end = digits;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let digits = skip_digits(bytes, sign);
        if digits == sign {
            return flaw(digits, "a digit of the exponent");
        }
        end = digits;
    }
    Ok(end)
}

fn skip_word(bytes: &[u8], at: usize, word: &'static str) -> Scanned<usize> {
    if bytes[at..].starts_with(word.as_bytes()) { Ok(at + word.len()) } else { flaw(at, "a value") }
}

/// After the value that begins at `at`, which is no space; `depth` levels more may be nested.
pub(crate) fn skip_value(bytes: &[u8], at: usize, depth: usize) -> Scanned<usize> {
    match bytes.get(at) {
        Some(b'"') => skip_string(bytes, at).map(|(end, _)| end),
        Some(b'{') => {
            let mut members = Members::new(bytes, at, depth)?;
            while let Some(member) = members.next_key()? {
                members.skip(&member)?;
            }
            Ok(members.at)
        }
        Some(b'[') => {
            let mut elements = Elements::new(bytes, at, depth)?;
            while elements.next()?.is_some() {}
            Ok(elements.at)
        }
        Some(b't') => skip_word(bytes, at, "true"),
        Some(b'f') => skip_word(bytes, at, "false"),
        Some(b'n') => skip_word(bytes, at, "null"),
        _ => skip_number(bytes, at),
    }
}

/// The members of an object, read one after the other.
pub(crate) struct Members<'t> {
    bytes: &'t [u8],
    at: usize,
    depth: usize,
    first: bool,
}

/// A member's name between its quotes, and where its value begins.
pub(crate) struct Member {
    pub(crate) name: (usize, usize),
    pub(crate) escaped: bool,
    pub(crate) value: usize,
}

impl<'t> Members<'t> {
    /// Of the object at `at`.
    pub(crate) fn new(bytes: &'t [u8], at: usize, depth: usize) -> Scanned<Members<'t>> {
        match depth.checked_sub(1) {
            Some(depth) => Ok(Members { bytes, at: at + 1, depth, first: true }),
            None => flaw(at, "fewer levels of nesting"),
        }
    }

    /// The next member, whose value must be skipped before the one after it; `None` after the closing brace.
    #[inline]
    pub(crate) fn next_key(&mut self) -> Scanned<Option<Member>> {
        let mut at = skip_space(self.bytes, self.at);
        match self.bytes.get(at) {
            Some(b'}') => {
                self.at = at + 1;
                return Ok(None);
            }
            Some(b',') if !self.first => at = skip_space(self.bytes, at + 1),
            Some(_) if self.first => {}
            _ => return flaw(at, "`,` or `}`"),
        }
        self.first = false;
        if self.bytes.get(at) != Some(&b'"') {
            return flaw(at, "a member's name");
        }
        let (end, escaped) = skip_string(self.bytes, at)?;
        let colon = skip_space(self.bytes, end);
        if self.bytes.get(colon) != Some(&b':') {
            return flaw(colon, "`:`");
        }
        let value = skip_space(self.bytes, colon + 1);
        Ok(Some(Member { name: (at + 1, end - 1), escaped, value }))
    }

    /// Goes behind a member's value and says where it ends.
    #[inline]
    pub(crate) fn skip(&mut self, member: &Member) -> Scanned<usize> {
        self.at = skip_value(self.bytes, member.value, self.depth)?;
        Ok(self.at)
    }

    /// Behind the object, once all members were read.
    pub(crate) fn end(&self) -> usize {
        self.at
    }
}

/// The elements of an array, read one after the other.
pub(crate) struct Elements<'t> {
    bytes: &'t [u8],
    at: usize,
    depth: usize,
    first: bool,
}

impl<'t> Elements<'t> {
    /// Of the array at `at`.
    pub(crate) fn new(bytes: &'t [u8], at: usize, depth: usize) -> Scanned<Elements<'t>> {
        match depth.checked_sub(1) {
            Some(depth) => Ok(Elements { bytes, at: at + 1, depth, first: true }),
            None => flaw(at, "fewer levels of nesting"),
        }
    }

    /// Where the next element begins and ends; `None` after the closing bracket.
    pub(crate) fn next(&mut self) -> Scanned<Option<(usize, usize)>> {
        let mut at = skip_space(self.bytes, self.at);
        match self.bytes.get(at) {
            Some(b']') => {
                self.at = at + 1;
                return Ok(None);
            }
            Some(b',') if !self.first => at = skip_space(self.bytes, at + 1),
            Some(_) if self.first => {}
            _ => return flaw(at, "`,` or `]`"),
        }
        self.first = false;
        self.at = skip_value(self.bytes, at, self.depth)?;
        Ok(Some((at, self.at)))
    }
}

/// A string's text, given what stands between its quotes, which was checked.
pub(crate) fn unescape(inner: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let letter = rest.as_bytes().get(at + 1).copied().unwrap_or_default();
        rest = rest.get(at + 2..).unwrap_or_default();
        match letter {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => out.push(unescape_unit(&mut rest)),
            other => out.push(char::from(other)),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of one or two `\u` escapes, of which the first one's four digits come next; half a pair is U+FFFD.
fn unescape_unit(rest: &mut &str) -> char {
    let unit = |text: &str| text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let first = unit(rest).unwrap_or(0xfffd);
    *rest = rest.get(4..).unwrap_or_default();
    if (0xd800..0xdc00).contains(&first) {
        let second = rest.strip_prefix("\\u").and_then(unit).filter(|unit| (0xdc00..0xe000).contains(unit));
        if let Some(second) = second {
            *rest = rest.get(6..).unwrap_or_default();
            let point = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Writes text as a JSON string.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let end = plain_run(bytes, from);
        out.extend_from_slice(&bytes[from..end]);
        match bytes.get(end) {
            None => break,
            Some(b'"') => out.extend_from_slice(b"\\\""),
            Some(b'\\') => out.extend_from_slice(b"\\\\"),
            Some(b'\n') => out.extend_from_slice(b"\\n"),
            Some(b'\r') => out.extend_from_slice(b"\\r"),
            Some(b'\t') => out.extend_from_slice(b"\\t"),
            Some(byte) => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        from = end + 1;
    }
    out.push(b'"');
}

/// Writes a value that was checked without the spaces around its tokens.
pub(crate) fn write_compact(value: &str, out: &mut Vec<u8>) {
    let bytes = value.as_bytes();
    // From here on nothing was written yet.
    let mut from = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {
                out.extend_from_slice(&bytes[from..at]);
                at = skip_space(bytes, at);
                from = at;
            }
            b'"' => at = skip_string(bytes, at).map_or(bytes.len(), |(end, _)| end),
            _ => at += 1,
        }
    }
    out.extend_from_slice(&bytes[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Scanned<()> {
        let end = skip_value(text.as_bytes(), skip_space(text.as_bytes(), 0), 8)?;
        let end = skip_space(text.as_bytes(), end);
        if end == text.len() { Ok(()) } else { flaw(end, "the end") }
    }

    #[test]
    fn what_is_json_is_accepted() {
        for text in [
            "null",
            "true",
            " false ",
            "0",
            "-0",
            "-1.50e+10",
            "\"\"",
            "\"a\\u00e9\\n\\\"\"",
            "[]",
            "[ ]",
            "{}",
            "[1,2 , 3]",
            "{\"a\":{\"b\":[{\"c\":null}]}, \"a\": 1}",
            "[[[[[[[1]]]]]]]",
            "\"0123456789abcdef\\\\\"",
            "\"é𝄞\u{7f}\"",
        ] {
            assert_eq!(whole(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_where_it_is() {
        for (text, offset) in [
            ("", 0),
            ("nul", 0),
            ("+1", 0),
            ("01", 1),
            ("1.", 2),
            ("1e", 2),
            ("-", 1),
            ("\"a", 2),
            ("\"a\nb\"", 2),
            ("\"01234567\\x\"", 9),
            ("\"\\u12g4\"", 1),
            ("[1,]", 3),
            ("[1 2]", 3),
            ("[", 1),
            ("{", 1),
            ("{\"a\"}", 4),
            ("{\"a\":1,}", 7),
            ("{a:1}", 1),
            ("{,}", 1),
            ("[,1]", 1),
            ("[[[[[[[[[1]]]]]]]]]", 8),
            ("<html>", 0),
            ("1 2", 2),
            ("{\"a\":1]", 6),
            ("\"\u{1}\"", 1),
        ] {
            assert_eq!(whole(text).unwrap_err().offset, offset, "{text}");
        }
    }

    #[test]
    fn runs_end_where_the_slow_way_says() {
        // All bytes at all places of a word, before and after others of interest.
        for byte in 0..=255_u8 {
            for place in 0..20 {
                let mut bytes = [b'a'; 20];
                bytes[19] = b'"';
                bytes[place] = byte;
                let slow = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(20);
                assert_eq!(plain_run(&bytes, 0), slow, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn strings_come_back_as_they_went() {
        for text in ["", "a", "tab\t quote\" back\\ nul\0 é 𝄞 \u{7f}\u{2028}"] {
            let mut out = Vec::new();
            write_string(text, &mut out);
            let written = String::from_utf8(out).unwrap();
            assert_eq!(whole(&written), Ok(()));
            assert_eq!(unescape(&written[1..written.len() - 1]), text);
        }
        assert_eq!(unescape("\\ud834\\udd1e \\ud834 \\udd1e\\/"), "𝄞 \u{fffd} \u{fffd}/");
        assert_eq!(unescape("\\ud834\\u0041"), "\u{fffd}A");
    }

    #[test]
    fn spaces_go_and_all_else_stays() {
        let mut out = Vec::new();
        write_compact(" { \"b\" : [ 1.50 , 2E+3,\n\"a  \\\" b\" ],\t\"a\":{ } } ", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"b":[1.50,2E+3,"a  \" b"],"a":{}}"#);
    }
}
