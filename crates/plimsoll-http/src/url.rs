//! Addresses, as far as HTTP needs them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Secret;

/// The most bytes of an address. Signed addresses of object stores have some 2,000.
const MAX_URL_BYTES: usize = 16 << 10;

/// How an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// An absolute `http` or `https` address. Its [`fmt::Debug`] and [`fmt::Display`] leave out the query, which may hold
/// a signature, and the credentials, which are sent to its origin alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// How it is reached.
    pub scheme: Scheme,
    /// Host and port as written, lower case.
    pub authority: String,
    /// Begins with a slash; with the query.
    pub path: String,
    /// `Authorization` of a request to it.
    authorization: Option<Secret>,
}

impl Url {
    /// An address of its parts, without credentials; `path` begins with a slash.
    pub fn of(scheme: Scheme, authority: String, path: String) -> Self {
        Self { scheme, authority, path, authorization: None }
    }

    /// Reads an absolute address that may bear a name and a password, `https://user:pass@host/`, percent-encoded: they
    /// become basic authentication (RFC 7617). Only for addresses that a person gave.
    ///
    /// # Errors
    /// As of [`Url::parse`]; no text of them holds the credentials.
    pub fn parse_with_credentials(text: &str) -> Result<Self, &'static str> {
        let Some((start, end)) = userinfo(text) else {
            let url = Self::parse(text)?;
            // As of a password with a slash that was not encoded: what stands before it is no host.
            return if url.port().is_some() { Ok(url) } else { Err("an address with a malformed port") };
        };
        let given = &text[start..end];
        let plain: Vec<u8> = decoded(given).ok_or("an address with malformed credentials")?;
        let without = Self::parse(&format!("{}{}", &text[..start], &text[end + 1..]))?;
        if plain.is_empty() {
            return Ok(without);
        }
        // A token alone is a name without a password.
        let colon = if given.contains(':') { "" } else { ":" };
        let basic = STANDARD.encode([&plain, colon.as_bytes()].concat());
        Ok(Self { authorization: Some(Secret::new(format!("Basic {basic}"))), ..without })
    }

    /// What is sent as `Authorization` to this address, where a request says nothing else.
    pub fn authorization(&self) -> Option<&Secret> {
        self.authorization.as_ref()
    }

    /// With the credentials of another address, if it is of the same origin.
    #[must_use]
    pub fn with_credentials_of(self, other: &Self) -> Self {
        let authorization = other.authorization.clone().filter(|_| self.same_origin(other));
        Self { authorization, ..self }
    }

    /// Reads an absolute address. One with credentials is refused: foreign text must not make us send any.
    ///
    /// # Errors
    /// What is wrong with it, as a phrase: `an address without a scheme`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_URL_BYTES {
            return Err("an address of more than 16 KiB");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("an address with blanks or foreign characters");
        }
        let (scheme, rest) = text.split_once("://").ok_or("an address without a scheme")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err("an address that is neither http nor https"),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.is_empty() || authority.contains(['@', '\\']) {
            return Err("an address with a malformed host");
        }
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self::of(scheme, authority.to_ascii_lowercase(), path))
    }

    /// Reads an address that may be relative to this one, as `Location` has them (RFC 9110, 10.2.2).
    ///
    /// # Errors
    /// As of [`Url::parse`].
    pub fn join(&self, text: &str) -> Result<Self, &'static str> {
        if text.contains("://") && !text.starts_with(['/', '?', '.']) {
            return Self::parse(text);
        }
        let base = self.path.split(['?', '#']).next().unwrap_or_default();
        let whole = if let Some(rest) = text.strip_prefix("//") {
            format!("{}://{rest}", self.scheme_text())
        } else if text.starts_with('/') {
            format!("{}://{}{text}", self.scheme_text(), self.authority)
        } else if text.starts_with('?') {
            format!("{}://{}{base}{text}", self.scheme_text(), self.authority)
        } else {
            let folder = &base[..=base.rfind('/').unwrap_or(0)];
            format!("{}://{}{folder}{text}", self.scheme_text(), self.authority)
        };
        Self::parse(&whole)
    }

    /// `http` or `https`.
    pub fn scheme_text(&self) -> &'static str {
        match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The whole address, with its query: for the one place that sends it.
    pub fn expose(&self) -> String {
        format!("{}://{}{}", self.scheme_text(), self.authority, self.path)
    }

    /// The host without its port, and without brackets.
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// The port, given or the scheme's own.
    pub fn port(&self) -> Option<u16> {
        let own = match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let behind_host =
            self.authority.rfind(']').map_or(self.authority.as_str(), |end| &self.authority[end..]);
        match behind_host.rsplit_once(':') {
            Some((_, port)) => port.parse().ok(),
            None => Some(own),
        }
    }

    /// Whether credentials for one are credentials for the other.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.host() == other.host() && self.port() == other.port()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.scheme_text(), self.authority)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text in which the credentials of the addresses in it are replaced: `https://[redacted]@host/`. For errors about
/// addresses that cannot be read.
pub fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, end)) = userinfo(rest).or_else(|| malformed_userinfo(rest)) {
        out.push_str(&rest[..start]);
        out.push_str("[redacted]");
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Where credentials begin and end in the first address that has some, without the `@` behind them. A password may hold an
/// `@` that should have been encoded, so the last one before the path counts.
fn userinfo(text: &str) -> Option<(usize, usize)> {
    addresses(text).find_map(|(start, address)| Some((start, start + authority(address).rfind('@')?)))
}

/// As [`userinfo`], where a password holds a `/` that should have been encoded: only to be left out.
fn malformed_userinfo(text: &str) -> Option<(usize, usize)> {
    addresses(text).find_map(|(start, address)| {
        let (_, port) = authority(address).rsplit_once(':')?;
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit() || byte == b']');
        if is_port { None } else { Some((start, start + address.rfind('@')?)) }
    })
}

/// The addresses in a text, without their schemes, and where they begin.
fn addresses(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("://").map(|(found, mark)| {
        let start = found + mark.len();
        let end = text[start..].find(['"', '\'', '`', ' ', '\n']).map_or(text.len(), |end| start + end);
        (start, &text[start..end])
    })
}

fn authority(address: &str) -> &str {
    address.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

/// Percent-decodes (RFC 3986, 2.1). `None` for a `%` without two digits behind it, and for control characters.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = if byte == b'%' { (digit()? << 4) | digit()? } else { byte };
        if byte.is_ascii_control() {
            return None;
        }
        out.push(byte);
    }
    Some(out)
}

/// The host of `host`, `host:port` or `[v6]:port`, without brackets.
pub(crate) fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

/// Whether a host is this machine: `localhost`, `127.0.0.0/8`, `::1`.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A text as part of a query (RFC 3986, 2.3).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_scheme_a_host_and_a_path() {
        let url = Url::parse("HTTPS://Example.org:5000/a/b?sig=secret#x").unwrap();
        assert_eq!(url.expose(), "https://example.org:5000/a/b?sig=secret");
        assert_eq!(format!("{url} {url:?}"), "https://example.org:5000/a/b https://example.org:5000/a/b");
        assert_eq!((url.host(), url.port()), ("example.org", Some(5000)));
        let url = Url::parse("http://[::1]?q").unwrap();
        assert_eq!((url.host(), url.port(), url.path.as_str()), ("::1", Some(80), "/?q"));
        for bad in [
            "",
            "x",
            "ftp://x/",
            "https://",
            "https:///x",
            "https://u:p@x/",
            "https://x/a b",
            "http://x/\n",
            "//x/",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn credentials_of_an_address_are_sent_and_not_printed() {
        for (text, expected) in [
            ("https://user:pass@x/a?q", Some("Basic dXNlcjpwYXNz")),
            ("https://user:p%40ss%3a@x/", Some("Basic dXNlcjpwQHNzOg==")),
            ("https://token@x/", Some("Basic dG9rZW46")),
            ("https://user:p@ss@x/", Some("Basic dXNlcjpwQHNz")),
            ("https://@x/", None),
            ("https://x/@y", None),
            ("https://x/?a=b@c", None),
        ] {
            let url = Url::parse_with_credentials(text).unwrap();
            assert_eq!(url.authorization().map(Secret::expose), expected, "{text}");
            assert_eq!(url.host(), "x");
            assert!(!format!("{url} {url:?} {}", url.expose()).contains("pass"), "{text}");
            let other = Url::parse("https://y/").unwrap().with_credentials_of(&url);
            assert_eq!(other.authorization(), None);
            let joined = url.join("/b").unwrap();
            assert_eq!(joined.authorization(), None);
            assert_eq!(joined.with_credentials_of(&url).authorization(), url.authorization());
        }
        for bad in [
            "https://u:%4@x/",
            "https://u:%zz@x/",
            "https://u:a%0ab@x/",
            "https://u:p@/",
            "ftp://u:p@x/",
            "https://u:p/q@x/",
        ] {
            assert!(Url::parse_with_credentials(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn credentials_in_a_text_are_redacted() {
        for (text, expected) in [
            ("https://user:pass@x/a", "https://[redacted]@x/a"),
            (
                "osv = \"https://u:p@x\" # http://v:w@y/?a",
                "osv = \"https://[redacted]@x\" # http://[redacted]@y/?a",
            ),
            ("osv=ftp://user:p@ss@x", "osv=ftp://[redacted]@x"),
            ("https://x/a@b", "https://x/a@b"),
            ("https://x:80/a@b https://[::1]/a@b", "https://x:80/a@b https://[::1]/a@b"),
            ("https://user:p/ss@x/", "https://[redacted]@x/"),
            ("://", "://"),
            ("", ""),
        ] {
            assert_eq!(without_credentials(text), expected);
        }
    }

    #[test]
    fn relative_addresses_are_joined() {
        let base = Url::parse("https://r.example/v2/app/blobs/x?q=1").unwrap();
        for (text, expected) in [
            ("http://cdn.example/y?z", "http://cdn.example/y?z"),
            ("//cdn.example/y", "https://cdn.example/y"),
            ("/y?next=http://z/", "https://r.example/y?next=http://z/"),
            ("y", "https://r.example/v2/app/blobs/y"),
            ("?z", "https://r.example/v2/app/blobs/x?z"),
        ] {
            assert_eq!(base.join(text).unwrap().expose(), expected, "{text}");
        }
        assert!(base.join("ftp://x/").is_err());
        assert!(base.join("javascript://x").is_err());
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(url("https://a/x").same_origin(&url("https://A:443/y")));
        for other in ["http://a/", "https://a:444/", "https://b/", "https://a.b/"] {
            assert!(!url("https://a/").same_origin(&url(other)), "{other}");
        }
    }

    #[test]
    fn loopback_is_told_by_address_not_by_prefix() {
        for (host, expected) in [
            ("localhost", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
        assert_eq!(encode("a b/c:d~"), "a%20b%2Fc%3Ad~");
    }
}
