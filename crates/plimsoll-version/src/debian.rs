//! dpkg's order: `epoch:upstream-revision`.
//!
//! Follows dpkg where it is laxer than policy: it warns of an upstream version that begins with a letter, or of a
//! character that policy forbids, and compares it all the same.
//!
//! Source: Debian policy 4.7, section 5.6.12; `deb-version(7)`; `dpkg --compare-versions`.

use std::cmp::Ordering;

use crate::cursor::{Cursor, Fault};
use crate::digits;

/// Greatest epoch that dpkg takes.
const MAX_EPOCH: &[u8] = b"2147483647";

/// A version that dpkg takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Debian<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Debian<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Fault<'a>> {
        if let Some(at) = text.iter().position(u8::is_ascii_whitespace) {
            return Err(Fault { expected: "no white space inside", found: &text[at..] });
        }
        let (epoch, rest) = match text.iter().position(|&byte| byte == b':') {
            None => (&[][..], text),
            Some(colon) => (epoch(&text[..colon])?, &text[colon + 1..]),
        };
        let (upstream, revision) = match rest.iter().rposition(|&byte| byte == b'-') {
            None => (rest, &[][..]),
            Some(hyphen) if hyphen + 1 == rest.len() => {
                return Err(Fault { expected: "a revision behind the last `-`", found: &[] });
            }
            Some(hyphen) => (&rest[..hyphen], &rest[hyphen + 1..]),
        };
        if upstream.is_empty() {
            return Err(Fault { expected: "an upstream version", found: rest });
        }
        Ok(Self { epoch, upstream, revision })
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        digits::compare(self.epoch, other.epoch)
            .then_with(|| compare_part(self.upstream, other.upstream))
            .then_with(|| compare_part(self.revision, other.revision))
    }
}

fn epoch(text: &[u8]) -> Result<&[u8], Fault<'_>> {
    let mut cursor = Cursor::new(text);
    let digits = cursor.number()?;
    cursor.end("an epoch of digits before the `:`")?;
    if digits::compare(digits, MAX_EPOCH).is_gt() {
        return Err(Fault { expected: "an epoch of at most 2147483647", found: digits });
    }
    Ok(digits)
}

/// Runs of other characters and runs of digits, by turns.
fn compare_part(left: &[u8], right: &[u8]) -> Ordering {
    let (mut left, mut right) = (Cursor::new(left), Cursor::new(right));
    while !(left.rest.is_empty() && right.rest.is_empty()) {
        let (left_run, right_run) =
            (left.run(|byte| !byte.is_ascii_digit()), right.run(|byte| !byte.is_ascii_digit()));
        for at in 0..left_run.len().max(right_run.len()) {
            let order = weight(left_run.get(at)).cmp(&weight(right_run.get(at)));
            if order.is_ne() {
                return order;
            }
        }
        let order = digits::compare(left.digits(), right.digits());
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// `~` stands before the end, letters before all other characters.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'~') => -1,
        Some(&letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        // dpkg adds 256 to a `char`, which is signed where most of Debian is built: bytes above 127 come first.
        Some(&other) => i32::from(other.cast_signed()) + 256,
    }
}
