//! RPM's order: `epoch:version-release`.
//!
//! A missing epoch is 0. Releases are compared where both versions have one, as rpm does when it matches a
//! dependency: a bound of `1.2` speaks of every build of 1.2, so `1.2` equals `1.2-3`. (`rpm.vercmp` instead puts
//! `1.2` before `1.2-3`; taken so, `last_affected: 1.2` would miss every build there is.)
//!
//! Source: rpm 4.18, `rpm-version(7)`, and its `rpmvercmp`.

use std::cmp::Ordering;

use crate::cursor::{Cursor, Fault};
use crate::digits;
use crate::evr::{Evr, letters};

/// Any text that is not empty and no list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rpm<'a>(Evr<'a>);

impl<'a> Rpm<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Fault<'a>> {
        // Queries print the missing epoch as `(none)`, and it is kept so in some lists of packages.
        let text = text.strip_prefix(b"(none):").unwrap_or(text);
        // rpm builds no package with a comma in its version; advisories that have one list the fixes of several branches.
        if text.contains(&b',') {
            return Err(Fault { expected: "one version, not a list of them", found: text });
        }
        let mut read = Evr::read(text)?;
        read.release = read.release.filter(|release| !release.is_empty());
        Ok(Self(read))
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.0.compare(&other.0, compare_part)
    }
}

/// Runs of digits and runs of letters; what stands between them only parts them, except `~` and `^`.
fn compare_part(left: &[u8], right: &[u8]) -> Ordering {
    let (mut left, mut right) = (Cursor::new(left), Cursor::new(right));
    loop {
        left.run(parts);
        right.run(parts);
        let next = Next::of(left);
        let order = next.cmp(&Next::of(right)).then_with(|| match next {
            Next::Digits => digits::compare(left.digits(), right.digits()),
            Next::Letters => letters(&mut left).cmp(letters(&mut right)),
            Next::Tilde | Next::Caret => {
                left.eat(b"~^");
                right.eat(b"~^");
                Ordering::Equal
            }
            Next::End => Ordering::Equal,
        });
        if order.is_ne() || next == Next::End {
            return order;
        }
    }
}

/// What comes next, in its order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Tilde,
    End,
    Caret,
    Letters,
    Digits,
}

impl Next {
    fn of(cursor: Cursor<'_>) -> Self {
        match cursor.peek() {
            None => Self::End,
            Some(b'~') => Self::Tilde,
            Some(b'^') => Self::Caret,
            Some(byte) if byte.is_ascii_digit() => Self::Digits,
            Some(_) => Self::Letters,
        }
    }
}

fn parts(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || byte == b'~' || byte == b'^')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(left: &str, right: &str) -> Ordering {
        Rpm::read(left.as_bytes()).unwrap().compare(&Rpm::read(right.as_bytes()).unwrap())
    }

    #[test]
    fn a_release_that_one_side_lacks_is_not_compared() {
        for (left, order, right) in [
            ("1.2", Ordering::Equal, "1.2-3"),
            ("1.2-", Ordering::Equal, "1.2-3"),
            ("1.2", Ordering::Equal, "0:1.2-3"),
            ("1.2", Ordering::Less, "1:1.2-3"),
            ("1.3", Ordering::Greater, "1.2-3"),
            ("(none):1.2-3", Ordering::Equal, "0:1.2-3"),
        ] {
            assert_eq!(compare(left, right), order, "{left} {right}");
            assert_eq!(compare(right, left), order.reverse(), "{right} {left}");
        }
    }

    #[test]
    fn a_list_of_versions_is_no_version() {
        for text in ["1.17.13-2,1.18.8-2,1.21.6-1.azl3", ",", "1.2,1.3"] {
            assert!(Rpm::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_release_alone_is_no_version() {
        for text in ["-", "-1", "1:", "1:-2", "(none):"] {
            assert!(Rpm::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
