//! Java properties, as far as `pom.properties` needs them.
//!
//! Source: Java SE 21 API, `java.util.Properties.load(Reader)`.

/// The value of `key`; of a key that stands twice the last, as Java has it. Values over lines are not joined:
/// no coordinate spans lines.
pub(super) fn value<'a>(text: &'a str, key: &str) -> Option<std::borrow::Cow<'a, str>> {
    let lines = text.lines().map(|line| line.trim_start_matches([' ', '\t', '\u{c}']));
    let mut found = None;
    for line in lines.filter(|line| !line.starts_with(['#', '!'])) {
        let Some(rest) = line.strip_prefix(key) else { continue };
        if !rest.starts_with(['=', ':', ' ', '\t']) {
            continue;
        }
        let rest = rest.trim_start_matches([' ', '\t']);
        let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
        found = Some(rest.trim());
    }
    found.map(|value| if value.contains('\\') { unescaped(value).into() } else { value.into() })
}

/// `\:` is a colon, `\u0041` an A.
fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('u') => {
                let digits = chars.as_str().get(..4).unwrap_or("");
                match u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) {
                    Some(c) => {
                        out.push(c);
                        chars = chars.as_str()[4..].chars();
                    }
                    None => out.push('u'),
                }
            }
            Some('t') => out.push('\t'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_java_does() {
        for (text, expected) in [
            ("version=1.0\n", Some("1.0")),
            ("  version = 1.0 \r\n", Some("1.0")),
            ("version:1.0", Some("1.0")),
            ("version 1.0", Some("1.0")),
            ("version=1\\:2\\u0041\\", Some("1:2A")),
            ("version=\\u00", Some("u00")),
            ("version=\\ué123", Some("ué123")),
            ("version=1\nversion=2", Some("2")),
            ("#version=1\n!version=2", None),
            ("versions=1\nmy.version=1", None),
            ("version=", Some("")),
            ("", None),
        ] {
            assert_eq!(value(text, "version").as_deref(), expected, "{text:?}");
        }
    }
}
