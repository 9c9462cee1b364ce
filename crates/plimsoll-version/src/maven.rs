//! Maven's order: `1.0-SNAPSHOT`, `2.0.RELEASE`, `1.0-alpha-2`.
//!
//! Maven gives every text a place. A version is a list of numbers and words; a `-`, or a change between digits and
//! letters, opens a list inside it, always at its end, so that the whole is a chain of lists. It is kept here as one
//! sequence of items, and the lists of two versions are walked in step.
//!
//! Over versions with words the order is no total one, here as in Maven: `1a0 < 1`, `1 < 1.x-dev`, `1.x-dev < 1a0`.
//!
//! Letters outside ASCII are compared as they are written; Maven compares them in lower case.
//!
//! Source: Maven's POM reference, "Version Order Specification"; `ComparableVersion` of maven-artifact 3.9.

use std::cmp::Ordering;

use crate::digits;

/// The rank of a release among the words that Maven knows: `alpha`, `beta`, `milestone`, `rc` and `snapshot` stand
/// before it, `sp` behind it, and any other word behind that.
const RELEASE: Word<'static> = Word { rank: 5, text: &[] };

/// The rank of a word that Maven does not know.
const UNKNOWN_RANK: u8 = 7;

/// Any text.
#[derive(Clone, Debug)]
pub(crate) struct Maven<'a> {
    items: Vec<Item<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum Item<'a> {
    Number(&'a [u8]),
    Word(Word<'a>),
    /// The rest is a list inside this one.
    List,
}

#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    rank: u8,
    /// Empty unless the rank is [`UNKNOWN_RANK`].
    text: &'a [u8],
}

impl<'a> Maven<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Self {
        let mut lists = Lists { items: Vec::with_capacity(8), list_start: 0, list_is_empty: true };
        let mut start = 0;
        let mut in_digits = false;
        for (at, &byte) in text.iter().enumerate() {
            let before = &text[start..at];
            match byte {
                b'.' | b'-' => {
                    lists.push(if before.is_empty() { Item::Number(&[]) } else { item(before, in_digits) });
                    start = at + 1;
                    if byte == b'-' {
                        lists.open();
                    }
                }
                b'0'..=b'9' => {
                    if !in_digits && !before.is_empty() {
                        if !lists.list_is_empty {
                            lists.open();
                        }
                        lists.push(Item::Word(Word::new(before, true)));
                        start = at;
                        lists.open();
                    }
                    in_digits = true;
                }
                _ => {
                    if in_digits && !before.is_empty() {
                        lists.push(Item::Number(before));
                        start = at;
                        lists.open();
                    }
                    in_digits = false;
                }
            }
        }
        if start < text.len() {
            if !in_digits && !lists.list_is_empty {
                lists.open();
            }
            lists.push(item(&text[start..], in_digits));
        }
        Self { items: lists.finish() }
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.items.iter(), other.items.iter());
        loop {
            let order = match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (Some(left), Some(right)) => left.compare(right),
                (Some(left), None) => left.compare_to_none(),
                (None, Some(right)) => right.compare_to_none().reverse(),
            };
            if order.is_ne() {
                return order;
            }
        }
    }
}

impl Item<'_> {
    /// Behind a number stand `.` and digits, then `-` and digits, then words: `1.1 > 1-1 > 1-sp`.
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => digits::compare(left, right),
            (Self::Word(left), Self::Word(right)) => left.compare(right),
            (left, right) => left.kind().cmp(&right.kind()),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Word(_) => 0,
            Self::List => 1,
            Self::Number(_) => 2,
        }
    }

    /// Against the end of the other version. What a list holds is looked at next.
    fn compare_to_none(&self) -> Ordering {
        match self {
            Self::Number(digits) if digits::is_zero(digits) => Ordering::Equal,
            Self::Number(_) => Ordering::Greater,
            Self::Word(word) => word.compare(&RELEASE),
            Self::List => Ordering::Equal,
        }
    }

    /// Whether it counts for nothing at the end of a list.
    fn is_null(&self) -> bool {
        match self {
            Self::Number(digits) => digits::is_zero(digits),
            Self::Word(word) => word.rank == RELEASE.rank,
            Self::List => false,
        }
    }
}

impl<'a> Word<'a> {
    fn new(text: &'a [u8], before_digits: bool) -> Self {
        const KNOWN: [(&[u8], u8); 10] = [
            (b"alpha", 0),
            (b"beta", 1),
            (b"milestone", 2),
            (b"rc", 3),
            (b"cr", 3),
            (b"snapshot", 4),
            (b"final", 5),
            (b"ga", 5),
            (b"release", 5),
            (b"sp", 6),
        ];
        let rank = match text {
            [b'a' | b'A'] if before_digits => Some(0),
            [b'b' | b'B'] if before_digits => Some(1),
            [b'm' | b'M'] if before_digits => Some(2),
            _ => KNOWN.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|known| known.1),
        };
        match rank {
            Some(rank) => Self { rank, text: &[] },
            None => Self { rank: UNKNOWN_RANK, text },
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| {
            let (left, right) = (self.text.iter(), other.text.iter());
            left.map(u8::to_ascii_lowercase).cmp(right.map(u8::to_ascii_lowercase))
        })
    }
}

fn item(text: &[u8], in_digits: bool) -> Item<'_> {
    if in_digits { Item::Number(text) } else { Item::Word(Word::new(text, false)) }
}

/// The chain of lists while it is read.
struct Lists<'a> {
    items: Vec<Item<'a>>,
    /// Where the innermost list begins.
    list_start: usize,
    /// Whether the innermost list has been given nothing yet.
    list_is_empty: bool,
}

impl<'a> Lists<'a> {
    fn push(&mut self, item: Item<'a>) {
        self.items.push(item);
        self.list_is_empty = false;
    }

    fn open(&mut self) {
        self.trim();
        self.items.push(Item::List);
        self.list_start = self.items.len();
        self.list_is_empty = true;
    }

    /// Drops what counts for nothing from the end of the innermost list.
    fn trim(&mut self) {
        while self.items.len() > self.list_start && self.items.last().is_some_and(Item::is_null) {
            self.items.pop();
        }
    }

    fn finish(mut self) -> Vec<Item<'a>> {
        self.trim();
        while let Some(Item::List) = self.items.last() {
            self.items.pop();
        }
        self.items
    }
}
