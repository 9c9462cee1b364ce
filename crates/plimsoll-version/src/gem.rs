//! RubyGems' order: `1.2.0.pre1`.
//!
//! Segments of digits and of letters; a `-` is read as `.pre.`. A segment of letters stands before one of digits,
//! and so before the end, since what is missing is 0.
//!
//! Source: RubyGems, `Gem::Version`.

use std::cmp::Ordering;

use crate::cursor::{Cursor, Fault};
use crate::digits;

/// The segments up to the first of letters, and the rest, each without zeros at its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gem<'a> {
    head: &'a [u8],
    tail: &'a [u8],
}

impl<'a> Gem<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Fault<'a>> {
        let mut cursor = Cursor::new(text);
        cursor.number()?;
        while cursor.eat(b".") {
            if cursor.run(|byte| byte.is_ascii_alphanumeric()).is_empty() {
                return Err(cursor.fault("a letter or a digit"));
            }
        }
        if cursor.eat(b"-") {
            loop {
                if cursor.run(|byte| byte.is_ascii_alphanumeric() || byte == b'-').is_empty() {
                    return Err(cursor.fault("a letter, a digit or `-`"));
                }
                if !cursor.eat(b".") {
                    break;
                }
            }
        }
        cursor.end("`.` or `-`, and letters or digits")?;
        let letters = text.iter().position(|&byte| byte.is_ascii_alphabetic() || byte == b'-');
        let (head, tail) = text.split_at(letters.unwrap_or(text.len()));
        Ok(Self { head: without_zeros(head), tail: without_zeros(tail) })
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.segments(), other.segments());
        loop {
            let order = match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (left, right) => left.unwrap_or(Segment::ZERO).compare(&right.unwrap_or(Segment::ZERO)),
            };
            if order.is_ne() {
                return order;
            }
        }
    }

    fn segments(&self) -> impl Iterator<Item = Segment<'a>> + use<'a> {
        Segments(Cursor::new(self.head)).chain(Segments(Cursor::new(self.tail)))
    }
}

#[derive(Clone, Copy, Debug)]
enum Segment<'a> {
    Letters(&'a [u8]),
    Digits(&'a [u8]),
}

impl Segment<'_> {
    /// What a missing segment counts as.
    const ZERO: Self = Segment::Digits(&[]);

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Digits(left), Self::Digits(right)) => digits::compare(left, right),
            (Self::Letters(left), Self::Letters(right)) => left.cmp(right),
            (Self::Letters(_), Self::Digits(_)) => Ordering::Less,
            (Self::Digits(_), Self::Letters(_)) => Ordering::Greater,
        }
    }
}

struct Segments<'a>(Cursor<'a>);

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        self.0.run(|byte| byte == b'.');
        match self.0.peek()? {
            b'0'..=b'9' => Some(Segment::Digits(self.0.digits())),
            b'-' => {
                self.0.eat(b"-");
                Some(Segment::Letters(b"pre"))
            }
            _ => Some(Segment::Letters(self.0.run(|byte| byte.is_ascii_alphabetic()))),
        }
    }
}

/// Cuts segments that are 0 from the end.
fn without_zeros(mut text: &[u8]) -> &[u8] {
    loop {
        while let [rest @ .., b'.'] = text {
            text = rest;
        }
        let start = text.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
        if start == text.len() || !digits::is_zero(&text[start..]) {
            return text;
        }
        text = &text[..start];
    }
}
