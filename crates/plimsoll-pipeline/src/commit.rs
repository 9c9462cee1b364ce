//! Which images the message of a commit asks for: `Fixed yum for image ::mysql:latest`.
//!
//! The rule is written down for users in `docs/commit-trigger.md`, whose table is one of the tests. Text in, values out:
//! nothing here runs, reads or expands anything, so whatever a message holds, it can only become a [`Reference`] or not.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv6Addr;

use plimsoll_oci::Reference;

/// The longest message that is read, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// The most images of one commit; those named behind them are refused.
pub const MAX_IMAGES: usize = 32;
/// The most refusals, and the most notes, that are kept of a message.
const MAX_TOLD: usize = 32;
/// The most characters of a word that are shown.
const MAX_SHOWN_CHARS: usize = 60;
/// The most bytes of a report's name before its ending; a file's name has 255.
const MAX_REPORT_BYTES: usize = 200;

/// What makes an image of a word.
const MARK: &str = "::";
/// What may stand before the mark, besides white space and the beginning of a line, and what then ends the word.
const OPENING: [(char, Option<char>); 15] = [
    ('`', Some('`')),
    ('"', Some('"')),
    ('\'', Some('\'')),
    ('(', Some(')')),
    ('[', Some(']')),
    ('{', Some('}')),
    ('<', Some('>')),
    ('\u{201c}', Some('\u{201d}')),
    ('\u{2018}', Some('\u{2019}')),
    ('\u{ab}', Some('\u{bb}')),
    ('*', Some('*')),
    ('~', Some('~')),
    (',', None),
    (';', None),
    ('|', Some('|')),
];
/// What belongs to the sentence where it ends a word.
const PUNCTUATION: [char; 19] = [
    '.', ',', ';', ':', '!', '?', ')', ']', '}', '>', '*', '~', '|', '`', '"', '\'', '\u{201d}', '\u{2019}',
    '\u{bb}',
];
/// Where the part of a message begins that `git commit --verbose` adds and takes away.
const SCISSORS: &str = "------------------------ >8 ------------------------";

/// Where something stands in a message, both counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column of the mark.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What a message asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Images in the order of their first mention, each once.
    pub images: Vec<Mention>,
    /// What looks like an image and is none.
    pub refused: Vec<Told>,
    /// Refusals besides those.
    pub more_refused: usize,
    /// What has the mark and is something else: code, an address, a comment. Nothing is wrong with it.
    pub passed_over: Vec<Told>,
}

/// An image that a message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Where it is named first.
    pub place: Place,
    /// The image.
    pub reference: Reference,
}

/// A word that is not run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where it stands.
    pub place: Place,
    /// The word with its mark, without control characters, shortened.
    pub text: String,
    /// What it is instead of an image: `a malformed repository`.
    pub found: &'static str,
}

/// A message that is not read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the message: expected at most {MAX_MESSAGE_BYTES} bytes, found {bytes}")]
pub struct TooLong {
    /// Its length in bytes.
    pub bytes: usize,
}

impl Mention {
    /// The name that a folder of the sources may bear: `mysql`, `org/name`. Never empty, never with `..`.
    pub fn name(&self) -> String {
        if self.names_registry() {
            self.reference.repository().to_owned()
        } else {
            self.reference.familiar_repository()
        }
    }

    /// Whether it says in which registry it lies, other than Docker Hub.
    pub fn names_registry(&self) -> bool {
        self.reference.registry() != "docker.io"
    }

    /// Whether it can be built: what is named by its digest is there already.
    pub fn is_buildable(&self) -> bool {
        self.reference.digest().is_none()
    }

    /// As people write it: `mysql:latest`, `registry.example/app@sha256:…`.
    pub fn shown(&self) -> String {
        let repository = self.reference.familiar_repository();
        let tag = self.reference.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.reference.digest().map(|digest| format!("@{digest}")).unwrap_or_default();
        format!("{repository}{tag}{digest}")
    }

    /// The name of its report: `mysql_latest_results.json`. Slashes and the colon of a digest are `_`, so that two images
    /// may have the same one.
    pub fn report_name(&self) -> String {
        let whole = format!("{}_{}", self.name(), self.reference.wanted()).replace(['/', ':'], "_");
        // All of it is ASCII, which the grammar of references sees to.
        format!("{}_results.json", &whole[..whole.len().min(MAX_REPORT_BYTES)])
    }
}

/// Reads a message.
///
/// ```
/// let asked = plimsoll_pipeline::commit::images("Fixed yum for image ::mysql:latest")?;
/// assert_eq!(asked.images[0].shown(), "mysql:latest");
/// assert_eq!(asked.images[0].report_name(), "mysql_latest_results.json");
/// # Ok::<(), plimsoll_pipeline::commit::TooLong>(())
/// ```
///
/// # Errors
/// [`TooLong`]; of a message that is not read nothing is run.
pub fn images(message: &str) -> Result<Asked, TooLong> {
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(TooLong { bytes: message.len() });
    }
    let mut asked = Asked::default();
    let mut known = BTreeSet::new();
    for (line, text) in (1..).zip(message.split('\n')) {
        let is_comment = is_comment(text);
        if is_comment && text.contains(SCISSORS) {
            break;
        }
        for (column, word) in words(text) {
            let place = Place { line, column };
            let meaning = if is_comment { Meaning::Other("a comment") } else { meaning(word) };
            match meaning {
                Meaning::Image(reference) => {
                    if known.contains(&reference.to_string()) {
                        continue;
                    }
                    if asked.images.len() == MAX_IMAGES {
                        asked.refuse(place, word, "more images than one commit may ask for");
                        continue;
                    }
                    known.insert(reference.to_string());
                    asked.images.push(Mention { place, reference: *reference });
                }
                Meaning::Wrong(found) => asked.refuse(place, word, found),
                Meaning::Other(found) if asked.passed_over.len() < MAX_TOLD => {
                    asked.passed_over.push(Told { place, text: shown(word), found });
                }
                Meaning::Other(_) => {}
            }
        }
    }
    Ok(asked)
}

impl Asked {
    fn refuse(&mut self, place: Place, word: &str, found: &'static str) {
        if self.refused.len() < MAX_TOLD {
            self.refused.push(Told { place, text: shown(word), found });
        } else {
            self.more_refused += 1;
        }
    }
}

/// What stands behind a mark.
enum Meaning {
    Image(Box<Reference>),
    Wrong(&'static str),
    Other(&'static str),
}

/// Whether git takes the line for a comment. `#12: fixed` is the number of an issue.
fn is_comment(line: &str) -> bool {
    line.strip_prefix('#').is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// Words behind marks, each with the column of its mark.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    // The column of `from`, and the character before it.
    let mut column = 1;
    let mut before = None;
    std::iter::from_fn(move || {
        loop {
            let rest = &line[from..];
            let at = rest.find(MARK)?;
            column += rest[..at].chars().count();
            before = rest[..at].chars().next_back().or(before);
            let behind = &rest[at + MARK.len()..];
            let opening = before.and_then(|before| OPENING.iter().find(|(opening, _)| *opening == before));
            if before.is_some_and(|before| !before.is_whitespace()) && opening.is_none() {
                // All colons of a row belong together: `a:::b` has no mark in its middle.
                let colons = rest[at..].len() - rest[at..].trim_start_matches(':').len();
                (from, column, before) = (from + at + colons, column + colons, Some(':'));
                continue;
            }
            let word = word(behind, opening.and_then(|(_, closing)| *closing));
            let place = column;
            let length = MARK.len() + word.len();
            column += MARK.len() + word.chars().count();
            before = word.chars().next_back().or(Some(':'));
            from += at + length;
            return Some((place, word));
        }
    })
}

/// The beginning of a text up to white space, to what closes it, or to the next image of a list.
fn word(text: &str, closing: Option<char>) -> &str {
    let is_end = |at: usize, c: char| {
        c.is_whitespace()
            || Some(c) == closing
            || matches!(c, ',' | ';') && text[at + c.len_utf8()..].starts_with(MARK)
    };
    let end = text.char_indices().find(|(at, c)| is_end(*at, *c)).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

fn meaning(word: &str) -> Meaning {
    // Of a sentence: `::mysql's`, `::mysql.`
    let text = word.trim_end_matches(PUNCTUATION);
    let owner = text.strip_suffix("'s").or_else(|| text.strip_suffix("\u{2019}s"));
    let text = owner.map_or(text, |owner| owner.trim_end_matches(PUNCTUATION));
    if text.is_empty() {
        return Meaning::Other("nothing behind the mark");
    }
    if text.contains(MARK) || text.starts_with(':') {
        return Meaning::Other("code");
    }
    if is_address(text) {
        return Meaning::Other("an address");
    }
    match text.parse::<Reference>() {
        Ok(reference) => Meaning::Image(Box::new(reference)),
        Err(plimsoll_oci::Error::Reference { found, .. }) => Meaning::Wrong(found),
        Err(_) => Meaning::Wrong("no name of an image"),
    }
}

/// Whether it is an IPv6 address, or a network, as `::1`, `::ffff:10.0.0.1`, `::/0`; `::cafe` and `::db:1` are images, for
/// names of images are of that kind.
fn is_address(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    let is_numeric = address.is_empty()
        || address.starts_with("ffff:") && address.contains('.')
        || address.bytes().all(|byte| byte.is_ascii_digit());
    is_numeric
        && format!("{MARK}{address}").parse::<Ipv6Addr>().is_ok()
        && prefix.parse::<u8>().is_ok_and(|bits| bits <= 128)
}

/// The word as it is shown.
fn shown(word: &str) -> String {
    let mut shown = MARK.to_owned();
    for (number, c) in word.chars().enumerate() {
        if number == MAX_SHOWN_CHARS {
            shown.push('\u{2026}');
            break;
        }
        // Also what has no width or turns the line around.
        let is_plain = c.is_ascii_graphic() || c.is_alphanumeric();
        if is_plain { shown.push(c) } else { shown.extend(c.escape_unicode()) }
    }
    shown
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
