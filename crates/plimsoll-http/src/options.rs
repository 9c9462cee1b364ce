//! How hosts are reached. The environment is read here and nowhere else in the crate.

use std::path::PathBuf;
use std::time::Duration;

use crate::Secret;

/// How hosts are reached. [`Options::default`] knows no proxy; [`Options::from_env`] is what a command wants.
#[derive(Clone, Debug)]
pub struct Options {
    /// Hosts (`host:port`, `host`, or `*` for all) that may be asked without TLS. Loopback always may.
    pub insecure_http: Vec<String>,
    /// PEM files with certificates that are trusted besides the system's.
    pub ca_certificates: Vec<PathBuf>,
    /// PEM file that stands in for the system's certificates (`SSL_CERT_FILE`).
    pub system_certificates_file: Option<PathBuf>,
    /// Folder that stands in for the system's certificates (`SSL_CERT_DIR`).
    pub system_certificates_folder: Option<PathBuf>,
    /// The proxies.
    pub proxy: ProxyOptions,
    /// How often a request is tried again, where trying again may help.
    pub retries: u32,
    /// The first wait between two attempts; each further one is twice as long.
    pub back_off: Duration,
    /// The longest wait between two attempts, whatever the other side asks.
    pub longest_wait: Duration,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long nothing may come, and how long all headers may take. There is no limit on the whole: a large body takes its
    /// time. One that trickles ends: some bytes must come while as long is waited.
    pub stall_timeout: Duration,
}

/// The proxies, as the environment names them.
#[derive(Clone, Debug, Default)]
pub struct ProxyOptions {
    /// For `https` addresses. May hold a password.
    pub https: Option<Secret>,
    /// For `http` addresses. May hold a password.
    pub http: Option<Secret>,
    /// Hosts that are reached without one: names (with all below them), addresses, `10.0.0.0/8`, `*`; with commas.
    pub no_proxy: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            insecure_http: Vec::new(),
            ca_certificates: Vec::new(),
            system_certificates_file: None,
            system_certificates_folder: None,
            proxy: ProxyOptions::default(),
            retries: 5,
            back_off: Duration::from_millis(500),
            longest_wait: Duration::from_mins(1),
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_mins(1),
        }
    }
}

impl Options {
    /// What the environment says: proxies and certificates.
    ///
    /// `HTTPS_PROXY`, `HTTP_PROXY` (not in a CGI program), `NO_PROXY`, and the same in lower case, which goes before;
    /// `SSL_CERT_FILE`, `SSL_CERT_DIR`.
    pub fn from_env() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place of this crate that reads the environment"
        )]
        Self::from_lookup(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// As [`Options::from_env`], with the environment as a function.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let proxy = |lower: &str, upper: Option<&str>| {
            lookup(lower).or_else(|| upper.and_then(lookup)).or_else(|| lookup("all_proxy")).map(Secret::new)
        };
        // In a CGI program HTTP_PROXY is a header of the request ("httpoxy").
        let upper_http = lookup("REQUEST_METHOD").is_none().then_some("HTTP_PROXY");
        Self {
            proxy: ProxyOptions {
                https: proxy("https_proxy", Some("HTTPS_PROXY")),
                http: proxy("http_proxy", upper_http),
                no_proxy: lookup("no_proxy").or_else(|| lookup("NO_PROXY")).unwrap_or_default(),
            },
            system_certificates_file: lookup("SSL_CERT_FILE").map(PathBuf::from),
            system_certificates_folder: lookup("SSL_CERT_DIR").map(PathBuf::from),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_proxies_and_certificates() {
        let options = Options::from_lookup(&|name| {
            let value = match name {
                "HTTPS_PROXY" => "http://upper:1",
                "https_proxy" => "http://user:pass@lower:1",
                "NO_PROXY" => "localhost",
                "SSL_CERT_FILE" => "/etc/bundle.pem",
                _ => return None,
            };
            Some(value.to_owned())
        });
        assert_eq!(options.proxy.https.as_ref().unwrap().expose(), "http://user:pass@lower:1");
        assert!(!format!("{options:?}").contains("pass"));
        assert_eq!(options.proxy.no_proxy, "localhost");
        assert_eq!(options.system_certificates_file, Some("/etc/bundle.pem".into()));
    }
}
