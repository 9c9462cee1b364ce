//! Arch Linux's order: `epoch:version-release`.
//!
//! A missing epoch is 0. Releases are compared where both versions have one, as `vercmp` does, so `1.2` equals `1.2-3`.
//! It is an older form of RPM's order: `~` and `^` mean nothing, letters at the end come *before* nothing (`1.0rc1` is
//! before `1.0`), and more separators in one place are more (`1..0` is behind `1.0`).
//!
//! Source: pacman 6.0, `vercmp(8)`, and the answers of its `vercmp`.

use std::cmp::Ordering;

use crate::cursor::{Cursor, Fault};
use crate::digits;
use crate::evr::{Evr, letters};

/// Any text that is not empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alpm<'a>(Evr<'a>);

impl<'a> Alpm<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Fault<'a>> {
        Evr::read(text).map(Self)
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.0.compare(&other.0, compare_part)
    }
}

/// Runs of digits and runs of letters, and how many separators stand before each.
fn compare_part(left: &[u8], right: &[u8]) -> Ordering {
    let (mut left, mut right) = (Cursor::new(left), Cursor::new(right));
    while !left.rest.is_empty() && !right.rest.is_empty() {
        let separators = (left.run(separates).len(), right.run(separates).len());
        let (Some(first), Some(second)) = (left.peek(), right.peek()) else { break };
        let order = separators.0.cmp(&separators.1).then_with(|| {
            match (first.is_ascii_digit(), second.is_ascii_digit()) {
                (true, true) => digits::compare(left.digits(), right.digits()),
                (false, false) => letters(&mut left).cmp(letters(&mut right)),
                (is_number, _) => is_number.cmp(&!is_number),
            }
        });
        if order.is_ne() {
            return order;
        }
    }
    // What is left over makes a version newer, unless it starts with a letter: `1.0rc1` is before `1.0`.
    let starts_with_letter =
        |cursor: &Cursor<'_>| cursor.peek().is_some_and(|byte| byte.is_ascii_alphabetic());
    match (left.rest.is_empty(), right.rest.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) if starts_with_letter(&right) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, _) if starts_with_letter(&left) => Ordering::Less,
        (false, _) => Ordering::Greater,
    }
}

fn separates(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(left: &str, right: &str) -> Ordering {
        Alpm::read(left.as_bytes()).unwrap().compare(&Alpm::read(right.as_bytes()).unwrap())
    }

    #[test]
    fn the_order_that_the_manual_promises() {
        let rising = ["1.0a", "1.0b", "1.0beta", "1.0p", "1.0pre", "1.0rc", "1.0", "1.0.a", "1.0.1"];
        for pair in rising.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn a_release_that_one_side_lacks_is_not_compared() {
        for (left, order, right) in [
            ("1.5", Ordering::Equal, "1.5-1"),
            ("1.5-1", Ordering::Less, "1.5-2"),
            ("1.5-1", Ordering::Less, "1.5.1-1"),
            ("1:1.0-1", Ordering::Greater, "2.0-1"),
            (":1.0-1", Ordering::Equal, "0:1.0-1"),
        ] {
            assert_eq!(compare(left, right), order, "{left} {right}");
            assert_eq!(compare(right, left), order.reverse(), "{right} {left}");
        }
    }

    #[test]
    fn a_release_alone_is_no_version() {
        for text in ["-", "-1", "1:", "1:-2", ":"] {
            assert!(Alpm::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
