//! SemVer 2.0.0, and the core that Go, npm and NuGet share with it.
//!
//! Read leniently where that cannot change the order, since bounds of advisories are often short or sloppy: missing
//! numbers are 0 (`1.2`, `1-beta`), leading zeros do not count, a leading `v` is dropped (Swift's tags have it),
//! and a fourth number is taken (Bitnami packages programs that have one).
//!
//! Source: Semantic Versioning 2.0.0, sections 2, 9, 10 and 11.

use std::cmp::Ordering;

use crate::cursor::{Cursor, Fault};
use crate::digits;

/// Most numbers that a version may begin with.
const MAX_NUMBERS: usize = 4;

/// How one ecosystem departs from the specification when it reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// How many numbers there may be.
    pub(crate) numbers: usize,
    /// Whether a number may begin with a 0 that does not count.
    pub(crate) leading_zeros: bool,
    /// Whether a pre-release or build may follow fewer than three numbers.
    pub(crate) short_with_more: bool,
    /// Whether a pre-release may follow three numbers without `-`, if it begins with a letter: `1.2.3beta`.
    pub(crate) bare_pre_release: bool,
}

/// Whether letters of two cases are two letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Letters {
    Exact,
    Folded,
}

/// Numbers, and what follows `-`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SemVer<'a> {
    /// Those that are missing are empty, which means 0.
    pub(crate) numbers: [&'a [u8]; MAX_NUMBERS],
    /// Empty for a release.
    pub(crate) pre_release: &'a [u8],
    /// Whether digits behind letters are an identifier of their own: Go's `rc2` is `rc.2`.
    pub(crate) parts_digits: bool,
}

impl<'a> SemVer<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Fault<'a>> {
        let mut cursor = Cursor::new(text);
        cursor.eat(b"v");
        let rules = Rules { numbers: 4, leading_zeros: true, short_with_more: true, bare_pre_release: false };
        Self::read_with(cursor, rules)
    }

    pub(crate) fn read_with(mut cursor: Cursor<'a>, rules: Rules) -> Result<Self, Fault<'a>> {
        let mut numbers = [&[][..]; MAX_NUMBERS];
        let mut count = 0;
        for number in numbers.iter_mut().take(rules.numbers) {
            if count > 0 && !cursor.eat(b".") {
                break;
            }
            let before = cursor;
            *number = cursor.number()?;
            if !rules.leading_zeros && number.len() > 1 && number.starts_with(b"0") {
                return Err(before.fault("a number without leading zeros"));
            }
            count += 1;
        }
        if count < 3 && !rules.short_with_more {
            cursor.end("three numbers")?;
        }
        let mut pre_release = &[][..];
        let bare = rules.bare_pre_release
            && count == 3
            && cursor.peek().is_some_and(|byte| byte.is_ascii_alphabetic());
        if cursor.eat(b"-") || bare {
            pre_release = cursor.run(is_identifier_or_dot);
            check_identifiers(pre_release, !rules.leading_zeros)?;
        }
        if cursor.eat(b"+") {
            check_identifiers(cursor.run(is_identifier_or_dot), false)?;
        }
        cursor.end("`.` and digits, `-` and a pre-release, `+` and a build")?;
        Ok(Self { numbers, pre_release, parts_digits: false })
    }

    pub(crate) fn compare(&self, other: &Self, letters: Letters) -> Ordering {
        for (left, right) in self.numbers.iter().zip(&other.numbers) {
            let order = digits::compare(left, right);
            if order.is_ne() {
                return order;
            }
        }
        match (self.pre_release.is_empty(), other.pre_release.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.compare_pre_release(other, letters),
        }
    }

    fn compare_pre_release(&self, other: &Self, letters: Letters) -> Ordering {
        let (mut left, mut right) = (self.identifiers(), other.identifiers());
        loop {
            let order = match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
                (Some(left), Some(right)) => match (is_numeric(left), is_numeric(right)) {
                    (true, true) => digits::compare(left, right),
                    (true, false) => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    (false, false) if letters == Letters::Exact => left.cmp(right),
                    (false, false) => folded(left).cmp(folded(right)),
                },
            };
            if order.is_ne() {
                return order;
            }
        }
    }

    fn identifiers(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let parts_digits = self.parts_digits;
        self.pre_release.split(|&byte| byte == b'.').flat_map(move |identifier| {
            let letters = identifier.iter().take_while(|byte| !byte.is_ascii_digit()).count();
            let at = if parts_digits && letters > 0 { letters } else { identifier.len() };
            let (first, second) = identifier.split_at(at);
            [Some(first), Some(second).filter(|second| !second.is_empty())].into_iter().flatten()
        })
    }
}

/// # Errors
/// An empty identifier, or, if `strict`, a number with leading zeros.
fn check_identifiers(text: &[u8], strict: bool) -> Result<(), Fault<'_>> {
    for identifier in text.split(|&byte| byte == b'.') {
        if identifier.is_empty() {
            return Err(Fault {
                expected: "identifiers of letters, digits and `-`, parted by `.`",
                found: text,
            });
        }
        if strict && identifier.len() > 1 && identifier.starts_with(b"0") && is_numeric(identifier) {
            return Err(Fault { expected: "a number without leading zeros", found: identifier });
        }
    }
    Ok(())
}

fn is_identifier_or_dot(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.'
}

fn is_numeric(identifier: &[u8]) -> bool {
    identifier.iter().all(u8::is_ascii_digit)
}

fn folded(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    text.iter().map(u8::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(left: &str, right: &str) -> Ordering {
        let (left, right) = (SemVer::read(left.as_bytes()).unwrap(), SemVer::read(right.as_bytes()).unwrap());
        left.compare(&right, Letters::Exact)
    }

    #[test]
    fn what_the_specification_would_refuse_keeps_its_place() {
        for (left, order, right) in [
            ("0", Ordering::Equal, "0.0.0"),
            ("1.2", Ordering::Equal, "1.2.0"),
            ("1.2-beta", Ordering::Less, "1.2.0"),
            ("v1.2.3", Ordering::Equal, "1.2.3"),
            ("1.02.3", Ordering::Equal, "1.2.3"),
            ("1.2.3-rc.01", Ordering::Equal, "1.2.3-rc.1"),
            ("1.2.3.1", Ordering::Greater, "1.2.3"),
            ("1.2.3.1-rc1", Ordering::Greater, "1.2.3"),
        ] {
            assert_eq!(compare(left, right), order, "{left} {right}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["v", "x", "1.", ".1", "1..2", "1.2.3.4.5", "1.2.3-", "1.2.3-a..b", "1.2.3+", "1.2.3 4"] {
            assert!(SemVer::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
