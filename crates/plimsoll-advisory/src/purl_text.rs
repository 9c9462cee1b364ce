//! Package URLs as vendors write them into their documents: taken apart by position, and no more checked than that.
//!
//! Vendors leave `:` and `+` unescaped, put a module's stream into the namespace, and leave the version out, which
//! the strict reading would refuse.
//!
//! Source: package-url specification 1.0, "Rules for each purl component".

use std::borrow::Cow;

/// The parts of a package URL, still percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PurlText<'a> {
    /// `rpm`, `rpmmod`, `oci`.
    pub(crate) kind: &'a str,
    /// `redhat`, or `redhat/nodejs:18`; may be empty.
    pub(crate) namespace: &'a str,
    name: &'a str,
    version: &'a str,
    qualifiers: &'a str,
}

impl<'a> PurlText<'a> {
    /// `None` for what does not begin with `pkg:`, a type and a name.
    pub(crate) fn split(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix("pkg:")?;
        let text = text.split('#').next().unwrap_or(text);
        let (path, qualifiers) = text.split_once('?').unwrap_or((text, ""));
        let (kind, path) = path.trim_start_matches('/').split_once('/')?;
        let (namespace, last) = path.rsplit_once('/').unwrap_or(("", path));
        let (name, version) = last.rsplit_once('@').unwrap_or((last, ""));
        (!kind.is_empty() && !name.is_empty()).then_some(Self { kind, namespace, name, version, qualifiers })
    }

    /// The name, decoded.
    pub(crate) fn name(&self) -> Cow<'a, str> {
        decoded(self.name)
    }

    /// The version, decoded; empty where it names none.
    pub(crate) fn version(&self) -> Cow<'a, str> {
        decoded(self.version)
    }

    /// The first qualifier of that key, decoded.
    pub(crate) fn qualifier(&self, key: &str) -> Option<Cow<'a, str>> {
        let pairs = self.qualifiers.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(found, _)| *found == key).map(|(_, value)| decoded(value))
    }
}

/// A `%` that no two hexadecimal digits follow stands for itself; what is no UTF-8 in the end stays encoded.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |offset: usize| bytes.get(at + offset).and_then(|&byte| char::from(byte).to_digit(16));
        match (bytes[at], digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                out.extend(u8::try_from(high * 16 + low).ok());
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_their_place() {
        for (text, kind, namespace, name, version) in [
            ("pkg:rpm/redhat/curl@7.76.1-26.el9_3.2?arch=src", "rpm", "redhat", "curl", "7.76.1-26.el9_3.2"),
            ("pkg:rpm/redhat/curl", "rpm", "redhat", "curl", ""),
            ("pkg:rpm/suse/webkit2gtk3@", "rpm", "suse", "webkit2gtk3", ""),
            ("pkg:rpm/redhat/gcc-c%2B%2B@1-2.module%2Bel8#x", "rpm", "redhat", "gcc-c++", "1-2.module+el8"),
            ("pkg:rpmmod/redhat/ruby@3.0:8060:ad00", "rpmmod", "redhat", "ruby", "3.0:8060:ad00"),
            ("pkg:rpmmod/redhat/ruby:2.6/ruby", "rpmmod", "redhat/ruby:2.6", "ruby", ""),
            ("pkg:oci/ubi8@sha256:00?arch=amd64", "oci", "", "ubi8", "sha256:00"),
            ("pkg:rpm/redhat/a%b@%zz", "rpm", "redhat", "a%b", "%zz"),
            ("pkg:rpm/redhat/%ff", "rpm", "redhat", "%ff", ""),
        ] {
            let purl = PurlText::split(text).expect(text);
            assert_eq!((purl.kind, purl.namespace), (kind, namespace), "{text}");
            assert_eq!((&*purl.name(), &*purl.version()), (name, version), "{text}");
        }
        for text in ["", "pkg:", "pkg:rpm", "pkg:rpm/", "pkg:rpm/redhat/", "curl", "pkg:rpm/redhat/@1"] {
            assert_eq!(PurlText::split(text), None, "{text}");
        }
    }

    #[test]
    fn qualifiers_are_found_by_their_key() {
        let purl =
            PurlText::split("pkg:rpm/redhat/a@1?arch=src&epoch=1&rpmmod=nodejs%3A18:80:ab&flag").unwrap();
        assert_eq!(purl.qualifier("epoch").as_deref(), Some("1"));
        assert_eq!(purl.qualifier("rpmmod").as_deref(), Some("nodejs:18:80:ab"));
        assert_eq!(purl.qualifier("flag"), None);
        assert_eq!(purl.qualifier(""), None);
    }
}
