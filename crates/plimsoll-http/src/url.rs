//! Addresses, as far as HTTP needs them.

use std::fmt;

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
/// a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// How it is reached.
    pub scheme: Scheme,
    /// Host and port as written, lower case.
    pub authority: String,
    /// Begins with a slash; with the query.
    pub path: String,
}

impl Url {
    /// Reads an absolute address.
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
        Ok(Self { scheme, authority: authority.to_ascii_lowercase(), path })
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
