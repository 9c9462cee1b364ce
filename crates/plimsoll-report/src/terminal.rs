//! Foreign text on a terminal: what steers it is escaped, and widths are counted in columns.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Characters a column may hold at most, counting those of no width: bounds stacks of combining marks.
const MAX_CHARS_PER_COLUMN: usize = 4;

/// The text with everything that would steer a terminal or disorder the line written as `\u{1b}`: control
/// characters (C0, C1, DEL), bidirectional controls, characters of no width other than combining marks, line and
/// paragraph separators, tags. A line break becomes a blank.
///
/// Names and titles come from images and advisories. Without this a package name could colour a report green, move the
/// cursor over a finding, or (Unicode's bidirectional overrides) show another text than the one that is there.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            '\r' => {}
            c if is_unsafe(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether the character steers a terminal, or disorders a line.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x061C | 0x115F | 0x1160 | 0x180E | 0x3164 | 0xFEFF | 0xFFA0
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFFF0..=0xFFFB | 0xE0000..=0xE0FFF)
}

/// Columns that the text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns` columns, cut with `…` where it is longer.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    let limit = columns.saturating_mul(MAX_CHARS_PER_COLUMN);
    if width(text) <= columns && text.chars().nth(limit).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars().take(limit.saturating_sub(1)) {
        let next = used + c.width().unwrap_or(0);
        if next + 1 > columns {
            break;
        }
        used = next;
        out.push(c);
    }
    if columns > 0 {
        out.truncate(out.trim_end().len());
        out.push('…');
    }
    Cow::Owned(out)
}

/// The text in lines of at most `columns` columns, broken at blanks, words longer than a line broken anywhere.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let room = columns.saturating_sub(width(&line) + usize::from(!line.is_empty()));
        if width(word) <= room {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            if width(&line) + c.width().unwrap_or(0) > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        for (given, shown) in [
            ("openssl", "openssl"),
            ("größe 日本", "größe 日本"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\u{9b}2Jb", "a\\u{9b}2Jb"),
            ("two\r\nlines", "two lines"),
            ("bell\u{7}", "bell\\u{7}"),
            ("rtl\u{202e}txt", "rtl\\u{202e}txt"),
            ("in\u{200b}visible", "in\\u{200b}visible"),
            ("", ""),
        ] {
            assert_eq!(printable(given), shown);
        }
    }

    #[test]
    fn text_is_cut_by_columns_not_by_bytes() {
        for (text, columns, shown) in [
            ("openssl", 7, "openssl"),
            ("openssl", 6, "opens…"),
            ("日本語日本語", 7, "日本語…"),
            ("日本語", 6, "日本語"),
            ("two words", 5, "two…"),
            ("x", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, columns), shown, "{text} at {columns}");
        }
        let stack = format!("e{}", "\u{301}".repeat(10_000));
        assert!(cut(&stack, 10).chars().count() <= 10 * MAX_CHARS_PER_COLUMN);
    }

    #[test]
    fn text_wraps_at_blanks_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("  ", 4), Vec::<String>::new());
    }
}
