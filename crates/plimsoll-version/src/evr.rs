//! `epoch:version-release`, as RPM and pacman write it.

use std::cmp::Ordering;

use crate::cursor::{Cursor, Fault};
use crate::digits;

/// The three parts. A missing epoch is 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evr<'a> {
    epoch: &'a [u8],
    version: &'a [u8],
    pub(crate) release: Option<&'a [u8]>,
}

impl<'a> Evr<'a> {
    /// The epoch ends at the first `:` behind digits, the release begins behind the last `-`.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Fault<'a>> {
        let mut cursor = Cursor::new(text);
        let digits = cursor.digits();
        let (epoch, rest) = if cursor.eat(b":") { (digits, cursor.rest) } else { (&[][..], text) };
        let (version, release) = match rest.iter().rposition(|&byte| byte == b'-') {
            None => (rest, None),
            Some(hyphen) => (&rest[..hyphen], Some(&rest[hyphen + 1..])),
        };
        if version.is_empty() {
            return Err(Fault { expected: "a version before the release", found: rest });
        }
        Ok(Self { epoch, version, release })
    }

    /// By epoch, version and release, the latter two by `part`; releases only where both have one.
    pub(crate) fn compare(&self, other: &Self, part: fn(&[u8], &[u8]) -> Ordering) -> Ordering {
        digits::compare(self.epoch, other.epoch).then_with(|| part(self.version, other.version)).then_with(
            || match (self.release, other.release) {
                (Some(left), Some(right)) => part(left, right),
                _ => Ordering::Equal,
            },
        )
    }
}

/// A run of letters.
pub(crate) fn letters<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    cursor.run(|byte| byte.is_ascii_alphabetic())
}
