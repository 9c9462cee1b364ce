//! What tables of registries share.

use std::fmt::Write as _;

use plimsoll_model::Digest;

use super::walk::Unread;

/// Hex digits of a digest that people are shown.
pub(super) const SHORT_DIGITS: usize = 12;

/// The first digits of a digest.
pub(super) fn short(digest: &Digest) -> String {
    digest.hex().chars().take(SHORT_DIGITS).collect()
}

/// A number and what is counted: `1 tag`, `2 tags`.
pub(super) fn counted(number: usize, one: &str) -> String {
    count(number, one, &format!("{one}s"))
}

/// The same, of what has another plural.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// What could not be looked at, each with its reason below it.
pub(super) fn unread(out: &mut String, head: &str, unread: &[Unread], width: usize) {
    if unread.is_empty() {
        return;
    }
    let _ = writeln!(out, "{head}:");
    for one in unread {
        let _ = writeln!(out, "  {}", one.what);
        for line in filled(&one.reason, width.saturating_sub(4).max(20)) {
            let _ = writeln!(out, "    {line}");
        }
    }
    out.push('\n');
}

/// Words in lines of at most this width; a longer word has a line of its own.
pub(super) fn filled(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
