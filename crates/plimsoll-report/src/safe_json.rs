//! JSON that may be looked at on a terminal: what would steer it is written as `\u009b`.
//!
//! JSON itself escapes the controls below U+0020 alone. The C1 controls and the bidirectional ones are names' and titles'
//! own where an image says so, and a report is often printed. Escaped they are the same text to every reader of JSON.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

use crate::terminal::is_unsafe;

/// Writes `value` with an indentation of two blanks.
///
/// # Errors
/// Where the output takes no more.
pub(crate) fn write(out: impl Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Safe(PrettyFormatter::new())))
}

/// `value` on one line.
///
/// # Errors
/// Where a map's key is no text.
pub(crate) fn line(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    if !text.contains(is_unsafe) {
        return Ok(text);
    }
    // Outside of strings JSON has none of these characters.
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            line.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            line.push(c);
        }
    }
    Ok(line)
}

struct Safe(PrettyFormatter<'static>);

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        write(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_steers_a_terminal_is_escaped_and_means_the_same() {
        for (given, shown) in [
            ("größe 日本", "größe 日本"),
            ("a\u{1b}[31m\n\"\\", r#"a\u001b[31m\n\"\\"#),
            ("a\u{9b}31mb", r"a\u009b31mb"),
            ("\u{7f}", r"\u007f"),
            ("rtl\u{202e}txt", r"rtl\u202etxt"),
            ("tag\u{e0041}", r"tag\udb40\udc41"),
            ("", ""),
        ] {
            let text = written(&Value::from(given));
            assert_eq!(text, format!("\"{shown}\""));
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), given);
        }
    }

    #[test]
    fn a_line_is_as_safe() {
        let value = json!({"a\u{202e}": "b\u{9b}\n"});
        let text = line(&value).unwrap();
        assert_eq!(text, r#"{"a\u202e":"b\u009b\n"}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn all_else_is_as_the_plain_writer_has_it() {
        let value = json!({"a": [1, 2.5, null, true, [], {}], "b": {"c\u{85}": "d"}});
        let plain = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(written(&value), plain.replace('\u{85}', r"\u0085"));
    }
}
