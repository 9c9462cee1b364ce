//! Walking over the bytes of a version, and saying what stood where something else was expected.

use std::fmt;

/// Longest piece of a version that a fault quotes, in bytes.
const MAX_QUOTED_BYTES: usize = 40;

/// What was expected, and the bytes that were found in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault<'a> {
    pub(crate) expected: &'static str,
    pub(crate) found: &'a [u8],
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.found.is_empty() {
            return write!(f, "expected {}, found the end", self.expected);
        }
        let quoted = &self.found[..self.found.len().min(MAX_QUOTED_BYTES)];
        let more = if quoted.len() < self.found.len() { "…" } else { "" };
        write!(f, "expected {}, found \"{}{more}\"", self.expected, quoted.escape_ascii())
    }
}

/// The bytes of a text that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Steps over one byte, if it is one of `set`.
    pub(crate) fn eat(&mut self, set: &[u8]) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if set.contains(first) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Steps over `word`, given in lower case and met in any case.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(word.as_bytes()) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// The longest run of bytes that `wanted` takes; may be empty.
    pub(crate) fn run(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| !wanted(byte)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    /// The digits here; may be empty.
    pub(crate) fn digits(&mut self) -> &'a [u8] {
        self.run(|byte| byte.is_ascii_digit())
    }

    /// The digits here, at least one.
    pub(crate) fn number(&mut self) -> Result<&'a [u8], Fault<'a>> {
        let digits = self.digits();
        if digits.is_empty() { Err(self.fault("a digit")) } else { Ok(digits) }
    }

    /// Nothing, if all is read.
    pub(crate) fn end(&self, expected: &'static str) -> Result<(), Fault<'a>> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.fault(expected)) }
    }

    pub(crate) fn fault(&self, expected: &'static str) -> Fault<'a> {
        Fault { expected, found: self.rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_quotes_a_little_of_what_it_found() {
        let long = "x".repeat(99);
        assert_eq!(Cursor::new(b"").fault("a digit").to_string(), "expected a digit, found the end");
        assert_eq!(Cursor::new(b"\"\n").fault("a digit").to_string(), r#"expected a digit, found "\"\n""#);
        assert_eq!(
            Cursor::new(long.as_bytes()).fault("a digit").to_string(),
            format!("expected a digit, found \"{}…\"", "x".repeat(40))
        );
    }
}
