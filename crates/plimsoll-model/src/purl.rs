//! Package URLs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A package URL: `pkg:deb/debian/openssl@1.1.1n-0%2Bdeb11u3?arch=amd64&distro=debian-11`.
///
/// Parts are kept decoded; [`fmt::Display`] writes the canonical form.
///
/// Source: ECMA-427 (package-url specification).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Purl {
    /// The type, lower case: `deb`, `pypi`, `golang`.
    pub kind: String,
    /// The namespace with its `/`: `debian`, `@babel`, `github.com/gorilla`. Empty where there is none.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version; empty where there is none.
    pub version: String,
    /// The qualifiers, sorted by key, keys in lower case.
    pub qualifiers: BTreeMap<String, String>,
    /// The subpath; empty where there is none.
    pub subpath: String,
}

/// A text that is no package URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read package URL `{text}`: {reason}")]
pub struct InvalidPurl {
    /// The text, as given.
    pub text: String,
    /// What was expected, and what was found.
    pub reason: String,
}

impl Purl {
    /// A package URL without qualifiers and subpath.
    pub fn new(kind: &str, namespace: &str, name: &str, version: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            qualifiers: BTreeMap::new(),
            subpath: String::new(),
        }
    }

    /// The same with one more qualifier; an empty value adds none.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.qualifiers.insert(key.to_owned(), value.to_owned());
        }
        self
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.kind)?;
        for segment in self.namespace.split('/').filter(|segment| !segment.is_empty()) {
            write!(f, "{}/", Encoded(segment))?;
        }
        write!(f, "{}", Encoded(&self.name))?;
        if !self.version.is_empty() {
            write!(f, "@{}", Encoded(&self.version))?;
        }
        for (index, (key, value)) in self.qualifiers.iter().filter(|(_, value)| !value.is_empty()).enumerate()
        {
            write!(f, "{}{key}={}", if index == 0 { '?' } else { '&' }, Encoded(value))?;
        }
        let mut mark = '#';
        for segment in self.subpath.split('/').filter(|s| !matches!(*s, "" | "." | "..")) {
            write!(f, "{mark}{}", Encoded(segment))?;
            mark = '/';
        }
        Ok(())
    }
}

struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                    write!(f, "{}", char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high * 16 + low).expect("two hex digits are below 256"));
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

fn decoded_path(text: &str) -> Option<String> {
    let segments: Option<Vec<String>> = text.split('/').filter(|s| !s.is_empty()).map(decoded).collect();
    Some(segments?.join("/"))
}

impl FromStr for Purl {
    type Err = InvalidPurl;

    fn from_str(text: &str) -> Result<Self, InvalidPurl> {
        let bad =
            |reason: &str| InvalidPurl { text: text.chars().take(300).collect(), reason: reason.to_owned() };
        let rest = text.strip_prefix("pkg:").ok_or_else(|| bad("expected `pkg:` at the start"))?;
        let rest = rest.trim_start_matches('/');
        let (rest, subpath) = rest.rsplit_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let (kind, rest) = rest.split_once('/').ok_or_else(|| bad("expected a `/` behind the type"))?;
        if kind.is_empty()
            || !kind.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-'))
        {
            return Err(bad("expected a type of letters, digits, `.`, `+` and `-`"));
        }
        let rest = rest.trim_matches('/');
        // The version follows the last `@` of the last segment; a leading one belongs to an npm scope.
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !path.is_empty() && !path.ends_with('/') && !version.contains('/') => {
                (path, version)
            }
            _ => (rest, ""),
        };
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        let escape = || bad("expected `%` to be followed by two hex digits of UTF-8 text");
        let name = decoded(name).ok_or_else(escape)?;
        if name.is_empty() {
            return Err(bad("expected a name"));
        }
        let mut qualifiers = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| bad("expected `key=value` in the qualifiers"))?;
            if key.is_empty()
                || !key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
            {
                return Err(bad("expected qualifier keys of letters, digits, `.`, `-` and `_`"));
            }
            let value = decoded(value).ok_or_else(escape)?;
            if !value.is_empty() {
                qualifiers.insert(key.to_ascii_lowercase(), value);
            }
        }
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            namespace: decoded_path(namespace).ok_or_else(escape)?,
            name,
            version: decoded(version).ok_or_else(escape)?,
            qualifiers,
            subpath: decoded_path(subpath).ok_or_else(escape)?,
        })
    }
}

impl TryFrom<String> for Purl {
    type Error = InvalidPurl;

    fn try_from(text: String) -> Result<Self, InvalidPurl> {
        text.parse()
    }
}

impl From<Purl> for String {
    fn from(purl: Purl) -> Self {
        purl.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_undoes_print() {
        for text in [
            "pkg:deb/debian/openssl@1.1.1n-0%2Bdeb11u3?arch=amd64&distro=debian-11",
            "pkg:npm/%40babel/core@7.0.0",
            "pkg:golang/github.com/gorilla/mux@v1.8.0#sub/dir",
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25&epoch=1",
            "pkg:deb/debian/libc6@1:2.31",
        ] {
            assert_eq!(text.parse::<Purl>().unwrap().to_string(), text);
        }
        assert_eq!("pkg:npm/@babel/core".parse::<Purl>().unwrap().to_string(), "pkg:npm/%40babel/core");
    }

    #[test]
    fn what_is_no_package_url_is_refused() {
        for text in ["", "deb/debian/a", "pkg:deb", "pkg:deb/", "pkg:d b/a", "pkg:deb/a%2", "pkg:deb/a%ff"] {
            assert!(text.parse::<Purl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_qualifier_key_that_could_not_be_read_again_is_refused() {
        for text in ["pkg:deb/a?#b=c#", "pkg:deb/a?=b", "pkg:deb/a?b%20=c", "pkg:deb/a?\u{7}=c"] {
            assert!(text.parse::<Purl>().is_err(), "{text}");
        }
        assert_eq!("pkg:deb/a?X-1_b.c=d".parse::<Purl>().unwrap().to_string(), "pkg:deb/a?x-1_b.c=d");
    }
}
