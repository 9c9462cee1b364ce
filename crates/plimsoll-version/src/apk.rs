//! Alpine's order: `1.2.3b_rc1_p2~4f1a-r0`.
//!
//! Source: apk-tools 2.14 and 3.0, `apk version --test`, and `apk-package(5)`, "pkgver".

use std::cmp::Ordering;

use crate::cursor::{Cursor, Fault};
use crate::digits;

/// Suffixes in their order. The first [`PRE_RELEASES`] stand before the version without a suffix.
const SUFFIXES: [&[u8]; 9] = [b"alpha", b"beta", b"pre", b"rc", b"cvs", b"svn", b"git", b"hg", b"p"];

/// How many of [`SUFFIXES`] mark something before the release.
const PRE_RELEASES: usize = 4;

/// A version that apk takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apk<'a> {
    text: &'a [u8],
}

impl<'a> Apk<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Fault<'a>> {
        let mut tokens = Tokens::new(text);
        while tokens.next().is_some() {}
        match tokens.last {
            Kind::Start => Err(tokens.cursor.fault("a digit")),
            _ => tokens
                .cursor
                .end("`.` and digits, a letter, `_` and a suffix that apk knows, `~` and hex digits, `-r` and digits")
                .map(|()| Self { text }),
        }
    }

    /// Token by token. Where the kinds differ, a pre-release stands before all else, and then what may come later
    /// in a version before what may come earlier: `1.0_rc1 < 1.0 < 1.0-r1 < 1.0_p1 < 1.0a < 1.0.1`.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (Tokens::new(self.text), Tokens::new(other.text));
        loop {
            let order = match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (Some(left), Some(right)) if left.kind == right.kind => left.compare(&right),
                (left, right) => match (pre_release(left), pre_release(right)) {
                    (true, _) => Ordering::Less,
                    (_, true) => Ordering::Greater,
                    _ => kind(right).cmp(&kind(left)),
                },
            };
            if order.is_ne() {
                return order;
            }
        }
    }
}

/// The kinds of token, in the order in which they may follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Start,
    First,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
    End,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a [u8],
    /// Index into [`SUFFIXES`], for [`Kind::Suffix`].
    suffix: usize,
}

impl Token<'_> {
    /// The order of two tokens of one kind. A number behind a dot that begins with `0` is read as a fraction:
    /// byte by byte, as Gentoo does.
    fn compare(&self, other: &Self) -> Ordering {
        match self.kind {
            Kind::Number if self.text.starts_with(b"0") || other.text.starts_with(b"0") => {
                self.text.cmp(other.text)
            }
            Kind::First | Kind::Number | Kind::SuffixNumber | Kind::Revision => {
                digits::compare(self.text, other.text)
            }
            Kind::Suffix => self.suffix.cmp(&other.suffix),
            Kind::Letter | Kind::Hash | Kind::Start | Kind::End => self.text.cmp(other.text),
        }
    }
}

fn kind(token: Option<Token<'_>>) -> Kind {
    token.map_or(Kind::End, |token| token.kind)
}

fn pre_release(token: Option<Token<'_>>) -> bool {
    token.is_some_and(|token| token.kind == Kind::Suffix && token.suffix < PRE_RELEASES)
}

struct Tokens<'a> {
    cursor: Cursor<'a>,
    last: Kind,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(text), last: Kind::Start }
    }

    /// The next token; none at the end and before the first byte that is wrong, where the cursor then stands.
    fn next(&mut self) -> Option<Token<'a>> {
        let mut cursor = self.cursor;
        let mut suffix = 0;
        let first = cursor.peek()?;
        let (kind, text) = match (first, self.last) {
            (b'0'..=b'9', Kind::Start) => (Kind::First, cursor.digits()),
            (b'0'..=b'9', Kind::Suffix) => (Kind::SuffixNumber, cursor.digits()),
            (b'.', Kind::First | Kind::Number) => {
                cursor.eat(b".");
                (Kind::Number, cursor.digits())
            }
            (b'a'..=b'z', Kind::First | Kind::Number) => {
                let (letter, rest) = cursor.rest.split_at(1);
                cursor.rest = rest;
                (Kind::Letter, letter)
            }
            (b'_', Kind::First | Kind::Number | Kind::Letter | Kind::Suffix | Kind::SuffixNumber) => {
                cursor.eat(b"_");
                let word = cursor.run(|byte| byte.is_ascii_lowercase());
                suffix = SUFFIXES.iter().position(|&suffix| suffix == word)?;
                (Kind::Suffix, word)
            }
            (b'~', last) if last != Kind::Start && last < Kind::Hash => {
                cursor.eat(b"~");
                (Kind::Hash, cursor.run(|byte| byte.is_ascii_hexdigit()))
            }
            (b'-', last) if last != Kind::Start && last < Kind::Revision => {
                cursor.eat(b"-");
                (Kind::Revision, if cursor.eat(b"r") { cursor.digits() } else { &[] })
            }
            _ => return None,
        };
        if text.is_empty() {
            return None;
        }
        self.cursor = cursor;
        self.last = kind;
        Some(Token { kind, text, suffix })
    }
}
