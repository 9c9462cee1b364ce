//! Foreign text with a little markup of ours: places where a line may break, and what stands in backticks as code.
//!
//! Both escape first and give HTML that is safe to write as it is; see [`super::escape`].

use minijinja::Value;

use super::escaped;

/// Longest piece of a name without a place to break, in characters, that is left alone.
const MAX_PIECE_CHARS: usize = 12;

/// A name or path that may be broken behind its punctuation: `org.apache.<wbr>logging`.
pub(super) fn breakable(text: &str) -> Value {
    let mut out = String::with_capacity(text.len() + 32);
    let mut since = 0;
    let mut piece = String::new();
    for c in text.chars() {
        piece.push(c);
        since += 1;
        if matches!(c, '/' | '.' | ':' | '-' | '_' | '@' | '+' | '~') && since >= MAX_PIECE_CHARS {
            out.push_str(&escaped(&piece));
            out.push_str("<wbr>");
            piece.clear();
            since = 0;
        }
    }
    out.push_str(&escaped(&piece));
    Value::from_safe_string(out)
}

/// A line in which what stands between two backticks is code.
pub(super) fn ticked(text: &str) -> Value {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('`') {
        let Some((code, behind)) = behind.split_once('`').filter(|(code, _)| !code.is_empty()) else { break };
        out.push_str(&escaped(before));
        out.push_str("<code>");
        out.push_str(&escaped(code));
        out.push_str("</code>");
        rest = behind;
    }
    out.push_str(&escaped(rest));
    Value::from_safe_string(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_break_behind_their_punctuation() {
        for (name, html) in [
            ("openssl", "openssl"),
            ("org.apache.logging.log4j:log4j-core", "org.apache.logging.<wbr>log4j:log4j-<wbr>core"),
            ("srv/node_modules/<b>", "srv/node_modules/<wbr>&lt;b&gt;"),
            ("", ""),
        ] {
            assert_eq!(breakable(name).as_str(), Some(html));
        }
    }

    #[test]
    fn backticks_make_code_in_pairs() {
        for (text, html) in [
            ("a `b` c", "a <code>b</code> c"),
            ("`<i>` `", "<code>&lt;i&gt;</code> `"),
            ("``", "``"),
            ("one ` alone", "one ` alone"),
            ("", ""),
        ] {
            assert_eq!(ticked(text).as_str(), Some(html));
        }
    }
}
