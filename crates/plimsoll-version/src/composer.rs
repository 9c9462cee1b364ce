//! Composer's order: `1.2.3.4-beta2`, `2010-01-02`, `1.x-dev`.
//!
//! A version is first normalized (four numbers, one word for each stability) and then ordered as PHP's
//! `version_compare` does: `dev < alpha < beta < RC < the release < patch`. A numeric branch (`1.2.x-dev`) stands
//! behind all versions it may become. Any other branch (`dev-main`) has no place: Composer holds it for neither less
//! nor greater than a version, and so it is refused here.
//!
//! Source: Composer documentation, "Versions and constraints"; `composer/semver` 3, `VersionParser::normalize`.

use std::cmp::Ordering;

use crate::cursor::{Cursor, Fault};
use crate::digits;

/// Most digits that the first number may have where the version is no date.
const MAX_MAJOR_DIGITS: usize = 5;

/// How many numbers a version has once it is normalized, unless it is a date.
const NUMBERS: usize = 4;

/// What stands for each number that a branch leaves open.
const OPEN: &[u8] = b"9999999";

/// Spellings of the stabilities and their rank, longer ones before those they begin with.
const STABILITIES: [(&str, u8); 9] = [
    ("stable", NUMBER),
    ("beta", BETA),
    ("b", BETA),
    ("rc", CANDIDATE),
    ("alpha", ALPHA),
    ("a", ALPHA),
    ("patch", PATCH),
    ("pl", PATCH),
    ("p", PATCH),
];

// The ranks of `version_compare`.
const DEV: u8 = 0;
const ALPHA: u8 = 1;
const BETA: u8 = 2;
const CANDIDATE: u8 = 3;
const NUMBER: u8 = 4;
const PATCH: u8 = 5;

/// A normalized version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Composer<'a> {
    /// Numbers, and the `x` or `*` of a branch, with what parts them.
    numbers: &'a [u8],
    /// What stands for numbers that are missing from four; nothing for a date.
    missing: Option<&'a [u8]>,
    /// The rank, and the numbers behind it.
    stability: Option<(u8, &'a [u8])>,
    dev: bool,
}

impl<'a> Composer<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Fault<'a>> {
        let text = until(text, b'#');
        let text = without_flag(text);
        if Cursor::new(text).eat_word("dev-") || matches!(text, b"master" | b"trunk" | b"default") {
            return Err(Fault {
                expected: "a numbered version, since a branch has no place in the order",
                found: text,
            });
        }
        let text = match until(text, b'+') {
            [] => text,
            version if version.len() + 1 == text.len() => text,
            version => version,
        };
        classical(text).or_else(|fault| date(text).or_else(|_| branch(text)).map_err(|_| fault))
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.tokens(), other.tokens());
        loop {
            let order = match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (Some(Token::Number(left)), Some(Token::Number(right))) => digits::compare(left, right),
                (Some(left), Some(right)) => left.rank().cmp(&right.rank()),
                (Some(left), None) => left.compare_to_end(),
                (None, Some(right)) => right.compare_to_end().reverse(),
            };
            if order.is_ne() {
                return order;
            }
        }
    }

    fn tokens(&self) -> impl Iterator<Item = Token<'a>> + use<'a> {
        let numbers = numbers(self.numbers);
        let missing = match self.missing {
            Some(missing) => std::iter::repeat_n(missing, NUMBERS.saturating_sub(numbers.clone().count())),
            None => std::iter::repeat_n(&[][..], 0),
        };
        let stability = self.stability.into_iter().flat_map(|(rank, behind)| {
            std::iter::once(Token::Stability(rank)).chain(self::numbers(behind).map(Token::Number))
        });
        let dev = self.dev.then_some(Token::Stability(DEV));
        numbers.chain(missing).map(Token::Number).chain(stability).chain(dev)
    }
}

#[derive(Clone, Copy, Debug)]
enum Token<'a> {
    Number(&'a [u8]),
    Stability(u8),
}

impl Token<'_> {
    fn rank(self) -> u8 {
        match self {
            Self::Number(_) => NUMBER,
            Self::Stability(rank) => rank,
        }
    }

    fn compare_to_end(self) -> Ordering {
        match self {
            Self::Number(_) => Ordering::Greater,
            Self::Stability(rank) => rank.cmp(&NUMBER),
        }
    }
}

/// `v1.2.3-beta2`.
fn classical(text: &[u8]) -> Result<Composer<'_>, Fault<'_>> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"vV");
    let start = cursor;
    if cursor.number()?.len() > MAX_MAJOR_DIGITS {
        return Err(start.fault("a first number of at most 5 digits, or a date"));
    }
    for _ in 1..NUMBERS {
        if let [b'.', b'0'..=b'9', ..] = cursor.rest {
            cursor.eat(b".");
            cursor.digits();
        }
    }
    let numbers = &start.rest[..start.rest.len() - cursor.rest.len()];
    modified(cursor, numbers, Some(&[]))
}

/// `20100102`, `2010-01-02.1`: four digits, one to six times two, and then up to three.
fn date(text: &[u8]) -> Result<Composer<'_>, Fault<'_>> {
    const MAX_PAIRS: usize = 6;
    let mut cursor = Cursor::new(text);
    cursor.eat(b"vV");
    let start = cursor;
    if !digits_within(&mut cursor, 4..=4) {
        return Err(start.fault("a year of four digits"));
    }
    let pairs = (0..MAX_PAIRS).take_while(|_| digits_behind_separator(&mut cursor, 2..=2)).count();
    if pairs == 0 {
        return Err(cursor.fault("a month of two digits"));
    }
    digits_behind_separator(&mut cursor, 1..=3);
    let numbers = &start.rest[..start.rest.len() - cursor.rest.len()];
    modified(cursor, numbers, None)
}

fn digits_behind_separator(cursor: &mut Cursor<'_>, count: std::ops::RangeInclusive<usize>) -> bool {
    let before = *cursor;
    cursor.eat(b".:-");
    if digits_within(cursor, count) {
        return true;
    }
    *cursor = before;
    false
}

/// Steps over as many digits as there are, up to the end of `count`.
fn digits_within(cursor: &mut Cursor<'_>, count: std::ops::RangeInclusive<usize>) -> bool {
    let found = cursor.rest.iter().take(*count.end()).take_while(|byte| byte.is_ascii_digit()).count();
    if count.contains(&found) {
        cursor.rest = &cursor.rest[found..];
        return true;
    }
    false
}

/// What may follow the numbers: a stability with numbers of its own, and `dev`.
fn modified<'a>(
    mut cursor: Cursor<'a>,
    numbers: &'a [u8],
    missing: Option<&'a [u8]>,
) -> Result<Composer<'a>, Fault<'a>> {
    cursor.eat(b"._-");
    let mut stability = None;
    if let Some(&(_, rank)) = STABILITIES.iter().find(|(word, _)| cursor.eat_word(word)) {
        let start = cursor.rest;
        while let [b'.' | b'-', b'0'..=b'9', ..] | [b'0'..=b'9', ..] = cursor.rest {
            cursor.eat(b".-");
            cursor.digits();
        }
        stability = Some((rank, &start[..start.len() - cursor.rest.len()]));
    }
    let before = cursor;
    cursor.eat(b".-");
    let mut dev = cursor.eat_word("dev");
    if !dev {
        cursor = before;
    }
    cursor.end("at most four numbers, then a stability (`alpha`, `beta`, `RC`, `patch`) or `dev`")?;
    if stability.is_some_and(|(rank, _)| rank == NUMBER) {
        (stability, dev) = (None, false);
    }
    Ok(Composer { numbers, missing, stability, dev })
}

/// `1.2.x-dev`.
fn branch(text: &[u8]) -> Result<Composer<'_>, Fault<'_>> {
    let fault = Fault { expected: "a numeric branch, as in `1.2.x-dev`", found: text };
    let (name, end) = text.split_at_checked(text.len().wrapping_sub(3)).ok_or(fault)?;
    if !end.eq_ignore_ascii_case(b"dev") {
        return Err(fault);
    }
    let name = name.strip_suffix(b"-").or_else(|| name.strip_suffix(b".")).unwrap_or(name);
    let mut cursor = Cursor::new(name);
    cursor.eat(b"vV");
    let start = cursor;
    cursor.number()?;
    for _ in 1..NUMBERS {
        if let [b'.', b'0'..=b'9' | b'x' | b'X' | b'*', ..] = cursor.rest {
            cursor.eat(b".");
            if !cursor.eat(b"xX*") {
                cursor.digits();
            }
        }
    }
    cursor.end(fault.expected)?;
    Ok(Composer { numbers: start.rest, missing: Some(OPEN), stability: None, dev: true })
}

/// The numbers of a text; `x` and `*` are open.
fn numbers(text: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    text.split(|byte| !(byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'*')))
        .filter(|number| !number.is_empty())
        .map(|number| if number[0].is_ascii_digit() { number } else { OPEN })
}

/// Drops `@stable` and the like, which is no part of a version but stands behind it in requirements.
fn without_flag(text: &[u8]) -> &[u8] {
    const FLAGS: [&[u8]; 5] = [b"stable", b"rc", b"beta", b"alpha", b"dev"];
    match text.iter().rposition(|&byte| byte == b'@') {
        Some(at) if FLAGS.iter().any(|flag| text[at + 1..].eq_ignore_ascii_case(flag)) => &text[..at],
        _ => text,
    }
}

/// The text before the first `byte`, or all of it.
fn until(text: &[u8], byte: u8) -> &[u8] {
    &text[..text.iter().position(|&found| found == byte).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_that_is_no_number_is_refused() {
        for text in
            ["dev-main", "dev-1.x", "DEV-x", "master", "trunk", "main-dev", "dev", "-dev", "x-dev", "#a"]
        {
            assert!(Composer::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_commit_behind_a_version_does_not_count() {
        let read = |text: &'static str| Composer::read(text.as_bytes()).unwrap();
        assert!(read("1.x-dev#4f1a").compare(&read("1.x-dev")).is_eq());
        assert!(read("1.2.3+build.7").compare(&read("1.2.3")).is_eq());
    }
}
