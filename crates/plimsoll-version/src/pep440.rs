//! Python's order: `1!2.0rc1.post2.dev3+local.7`.
//!
//! Source: PEP 440, now "Version specifiers" of the Python packaging specifications, with its normalizations and
//! appendix B; `packaging.version`.

use std::cmp::Ordering;

use crate::cursor::{Cursor, Fault};
use crate::digits;

/// Spellings of the pre-release phases and their rank, longer ones before those they begin with.
const PHASES: [(&str, u8); 8] =
    [("alpha", 0), ("a", 0), ("beta", 1), ("b", 1), ("preview", 2), ("pre", 2), ("c", 2), ("rc", 2)];

/// The parts, as slices of digits. No digits count as 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pep440<'a> {
    epoch: &'a [u8],
    /// `1.2.0`.
    release: &'a [u8],
    pre: Option<(u8, &'a [u8])>,
    post: Option<&'a [u8]>,
    dev: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
}

impl<'a> Pep440<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Fault<'a>> {
        let mut cursor = Cursor::new(text);
        cursor.eat(b"vV");
        let mut start = cursor;
        let mut epoch = &[][..];
        let mut first = cursor.number()?;
        if cursor.eat(b"!") {
            epoch = first;
            start = cursor;
            first = cursor.number()?;
        }
        let mut length = first.len();
        while let [b'.', b'0'..=b'9', ..] = cursor.rest {
            cursor.eat(b".");
            length += 1 + cursor.digits().len();
        }
        let release = &start.rest[..length];
        let pre = pre(&mut cursor);
        let post = post(&mut cursor);
        let dev = marked(&mut cursor, |cursor| cursor.eat_word("dev"));
        let local = if cursor.eat(b"+") { Some(local(&mut cursor)?) } else { None };
        cursor.end("a release, and then a pre-release, `post`, `dev` or `+` and a local version")?;
        Ok(Self { epoch, release, pre, post, dev, local })
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        digits::compare(self.epoch, other.epoch)
            .then_with(|| compare_release(self.release, other.release))
            .then_with(|| self.phase().cmp(&other.phase()))
            .then_with(|| compare_number(self.pre.map(|pre| pre.1), other.pre.map(|pre| pre.1)))
            .then_with(|| compare_number(self.post, other.post))
            .then_with(|| match (self.dev, other.dev) {
                (Some(left), Some(right)) => digits::compare(left, right),
                (left, right) => right.is_some().cmp(&left.is_some()),
            })
            .then_with(|| compare_local(self.local, other.local))
    }

    /// A `dev` alone stands before the pre-releases, and they before all else.
    fn phase(&self) -> u8 {
        match (self.pre, self.post, self.dev) {
            (None, None, Some(_)) => 0,
            (Some((phase, _)), _, _) => 1 + phase,
            _ => u8::MAX,
        }
    }
}

/// `-rc.1`: a part whose name `word` steps over, with its number.
fn marked<'a>(cursor: &mut Cursor<'a>, word: impl FnOnce(&mut Cursor<'a>) -> bool) -> Option<&'a [u8]> {
    let before = *cursor;
    cursor.eat(b"-_.");
    if !word(cursor) {
        *cursor = before;
        return None;
    }
    // A separator is taken even where no number follows, as `packaging` does: `1.0a-` is `1.0a0`.
    cursor.eat(b"-_.");
    Some(cursor.digits())
}

fn pre<'a>(cursor: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let mut phase = 0;
    let number = marked(cursor, |cursor| {
        PHASES.iter().any(|&(word, rank)| {
            phase = rank;
            cursor.eat_word(word)
        })
    })?;
    Some((phase, number))
}

fn post<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    if let [b'-', b'0'..=b'9', ..] = cursor.rest {
        cursor.eat(b"-");
        return Some(cursor.digits());
    }
    marked(cursor, |cursor| ["post", "rev", "r"].iter().any(|word| cursor.eat_word(word)))
}

fn local<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Fault<'a>> {
    let start = cursor.rest;
    loop {
        if cursor.run(|byte| byte.is_ascii_alphanumeric()).is_empty() {
            return Err(cursor.fault("a letter or a digit"));
        }
        if !cursor.eat(b"-_.") {
            return Ok(&start[..start.len() - cursor.rest.len()]);
        }
    }
}

/// Number by number, where a missing one is 0.
fn compare_release(left: &[u8], right: &[u8]) -> Ordering {
    let (mut left, mut right) = (left.split(|&byte| byte == b'.'), right.split(|&byte| byte == b'.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) => digits::compare(left.unwrap_or(&[]), right.unwrap_or(&[])),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// A part that is not there stands first.
fn compare_number(left: Option<&[u8]>, right: Option<&[u8]>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => digits::compare(left, right),
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

/// Segment by segment: none, then letters without case, then numbers.
fn compare_local(left: Option<&[u8]>, right: Option<&[u8]>) -> Ordering {
    let (Some(left), Some(right)) = (left, right) else {
        return left.is_some().cmp(&right.is_some());
    };
    let parts = |byte: &u8| matches!(byte, b'-' | b'_' | b'.');
    let (mut left, mut right) = (left.split(parts), right.split(parts));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (Some(left), Some(right)) => compare_segment(left, right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_segment(left: &[u8], right: &[u8]) -> Ordering {
    let is_number = |segment: &[u8]| segment.iter().all(u8::is_ascii_digit);
    match (is_number(left), is_number(right)) {
        (true, true) => digits::compare(left, right),
        (false, false) => {
            let fold = |segment: &[u8]| segment.to_ascii_lowercase();
            fold(left).cmp(&fold(right))
        }
        (left, right) => left.cmp(&right),
    }
}
