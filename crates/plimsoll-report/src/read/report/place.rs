//! Where in a JSON document something stands: `Results[2].Vulnerabilities[0].Severity`.

/// Characters of a place that are told.
const MAX_CHARS: usize = 200;

/// An object or a list that is open.
enum Open {
    /// The object's present key.
    Object(String),
    /// The list's present item.
    List(usize),
}

/// The place of the value that ends at, or holds, this line and column (both from 1, columns in bytes, as serde_json
/// counts them). Empty for the document itself. The text before the place must be JSON.
pub(super) fn at(text: &[u8], line: usize, column: usize) -> String {
    let mut open: Vec<Open> = Vec::new();
    let end = offset(text, line, column);
    let mut expects_key = false;
    let mut at = 0;
    while at < end {
        match text[at] {
            b'{' => {
                open.push(Open::Object(String::new()));
                expects_key = true;
            }
            b'[' => {
                open.push(Open::List(0));
                expects_key = false;
            }
            // The bracket that serde_json stopped at belongs to what it closes.
            b'}' | b']' if at + 1 < end => {
                open.pop();
            }
            b',' => match open.last_mut() {
                Some(Open::List(index)) => *index += 1,
                Some(Open::Object(_)) => expects_key = true,
                None => {}
            },
            b'"' => {
                let from = at + 1;
                at = string_end(text, from);
                if expects_key && let Some(Open::Object(key)) = open.last_mut() {
                    let raw = text.get(from..at.min(end)).unwrap_or_default();
                    *key = String::from_utf8_lossy(raw).into_owned();
                    expects_key = false;
                }
            }
            _ => {}
        }
        at += 1;
    }
    written(&open)
}

/// The number of bytes before the end of that line and column.
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].iter().position(|&byte| byte == b'\n') {
            Some(length) => start += length + 1,
            None => return text.len(),
        }
    }
    start.saturating_add(column).min(text.len())
}

/// Where the string that begins at `from` ends: the place of its quote.
fn string_end(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn written(open: &[Open]) -> String {
    let mut place = String::new();
    for level in open {
        match level {
            Open::Object(key) => {
                if !place.is_empty() && !key.is_empty() {
                    place.push('.');
                }
                place.push_str(key);
            }
            Open::List(index) => {
                place.push('[');
                place.push_str(&index.to_string());
                place.push(']');
            }
        }
        if place.len() > MAX_CHARS {
            break;
        }
    }
    place.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Thing {
        #[serde(rename = "n")]
        _number: u8,
        #[serde(rename = "l")]
        _list: Vec<Thing>,
        #[serde(rename = "i")]
        _inner: Option<Box<Thing>>,
    }

    #[test]
    fn a_value_of_another_type_is_found() {
        for (text, place) in [
            (r#"{"n":"x"}"#, "n"),
            (r#"{"x,{\"":1,"n":300}"#, "n"),
            ("{\"l\":[{},\n {\"n\":1,\"l\":[]},\n {\"i\":{\"n\":[]}}]}", "l[2].i.n"),
            (r#"{"l":{}}"#, "l"),
            (r#"{"l":[1]}"#, "l[0]"),
            (r#"{"i":{"l":"a\\"}}"#, "i.l"),
            ("7", ""),
            ("[", "[0]"),
            (r#"{"n"#, "n"),
            ("", ""),
        ] {
            let error = serde_json::from_str::<Thing>(text).err().unwrap();
            assert_eq!(at(text.as_bytes(), error.line(), error.column()), place, "{text}: {error}");
        }
    }

    #[test]
    fn a_line_that_is_not_there_is_the_end() {
        assert_eq!(at(b"{\"a\":1}\n", 9, 9), "");
        assert_eq!(at(b"{\"a\":[", 1, usize::MAX), "a[0]");
    }
}
