//! Foreign text in XML.

use crate::terminal::printable;

/// The text as it may stand in an attribute or between tags: markup is escaped, characters that XML 1.0 does not have
/// or that would steer a terminal are written as `\u{1b}`.
///
/// Source: XML 1.0, sections 2.2 `Char` and 2.4.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Every other character that XML lacks is one of those that `printable` escapes.
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_is_markup() {
        for (given, written) in [
            ("openssl 1.1", "openssl 1.1"),
            ("<b a='1'>\"&amp;", "&lt;b a=&apos;1&apos;&gt;&quot;&amp;amp;"),
            ("]]>", "]]&gt;"),
            ("a\u{1b}[2J\u{0}\u{ffff}", "a\\u{1b}[2J\\u{0}\\u{ffff}"),
            ("two\nlines", "two lines"),
            ("größe 日本", "größe 日本"),
            ("", ""),
        ] {
            assert_eq!(escape(given), written);
        }
    }
}
