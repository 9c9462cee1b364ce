//! Where a scheduler is, and where a part of a cluster listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use url::{Host, Url};

use super::Error;

/// The port of a scheduler, where none is said.
const SCHEDULER_PORT: u16 = 50050;

/// What may be given for a scheduler.
const EXPECTED_URL: &str = "df://HOST:PORT or http://HOST:PORT";

/// What may be given to listen on.
const EXPECTED_LISTEN: &str = "ADDRESS:PORT, as in 127.0.0.1:50050; port 0 takes a free one";

/// Where a scheduler is: `df://scheduler.example:50050`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerAddress {
    host: String,
    port: u16,
}

impl SchedulerAddress {
    /// Name or address of its machine; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for SchedulerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl FromStr for SchedulerAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unusable = |found: String| Error::Address {
            address: text.to_owned(),
            what: "a cluster",
            expected: EXPECTED_URL,
            found,
        };
        let url = Url::parse(text).map_err(|error| unusable(error.to_string()))?;
        match url.scheme() {
            "df" | "http" => {}
            "https" => return Err(unusable("https, which schedulers do not speak".to_owned())),
            other => return Err(unusable(format!("the scheme `{other}`"))),
        }
        let host = match url.host() {
            Some(Host::Ipv6(address)) => format!("[{address}]"),
            Some(host) if !host.to_string().is_empty() => host.to_string(),
            _ => return Err(unusable("no host".to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unusable("a user, of which schedulers know nothing".to_owned()));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(unusable("more than host and port".to_owned()));
        }
        // `http://host:80` loses its port to the parser, which knows it as the default.
        let default = if text.trim_end_matches('/').ends_with(":80") { 80 } else { SCHEDULER_PORT };
        Ok(Self { host, port: url.port().unwrap_or(default) })
    }
}

/// Where a part of a cluster listens: `127.0.0.1:50050`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(SocketAddr);

impl Listen {
    /// Address and port.
    pub fn address(self) -> SocketAddr {
        self.0
    }

    /// Refuses addresses that other machines reach, unless they may.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn check(self, may_be_reached: bool) -> Result<(), Error> {
        if self.0.ip().is_loopback() || may_be_reached {
            Ok(())
        } else {
            Err(Error::Open { address: self.0.to_string() })
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Listen {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = match text.strip_prefix("localhost:") {
            Some(port) => format!("{}:{port}", IpAddr::V4(Ipv4Addr::LOCALHOST)),
            None => text.to_owned(),
        };
        match text.parse() {
            Ok(address) => Ok(Self(address)),
            Err(_) => Err(Error::Address {
                found: if text.is_empty() { "nothing".to_owned() } else { "something else".to_owned() },
                address: text,
                what: "an address to listen on",
                expected: EXPECTED_LISTEN,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_schedulers() {
        for (text, expected) in [
            ("df://localhost:50050", "http://localhost:50050"),
            ("df://localhost", "http://localhost:50050"),
            ("http://scheduler.example:7000/", "http://scheduler.example:7000"),
            ("http://scheduler.example:80", "http://scheduler.example:80"),
            ("df://[::1]:9", "http://[::1]:9"),
            ("http://[::1]:9", "http://[::1]:9"),
            ("df://10.0.0.7:50050", "http://10.0.0.7:50050"),
        ] {
            assert_eq!(text.parse::<SchedulerAddress>().unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_scheduler_is_told_with_what_it_is() {
        for (text, found) in [
            ("", "relative URL"),
            ("localhost:50050", "the scheme `localhost`"),
            ("https://scheduler.example", "https"),
            ("df://", "no host"),
            ("df://user@host:1", "a user"),
            ("df://host:1/path", "more than host and port"),
            ("df://host:99999", "port"),
        ] {
            let error = text.parse::<SchedulerAddress>().unwrap_err().to_string();
            assert!(error.contains(found), "{text}: {error}");
        }
    }

    #[test]
    fn what_others_reach_is_refused_unless_they_may() {
        for (text, is_open) in [
            ("127.0.0.1:0", false),
            ("localhost:50050", false),
            ("[::1]:1", false),
            ("0.0.0.0:1", true),
            ("10.1.2.3:1", true),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.check(false).is_err(), is_open, "{text}");
            assert!(listen.check(true).is_ok());
        }
        for text in ["", "50050", "host", "host:1", "127.0.0.1", "127.0.0.1:70000"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
