//! Which addresses are reached through a proxy.

use std::net::IpAddr;

use crate::options::ProxyOptions;
use crate::url::{Scheme, Url};
use crate::{Error, Secret};

/// The proxy for an address; `None` where it is reached directly. Loopback always is.
pub(crate) fn proxy_for<'a>(options: &'a ProxyOptions, url: &Url) -> Option<(&'a Secret, &'static str)> {
    let (proxy, scheme) = match url.scheme {
        Scheme::Https => (options.https.as_ref()?, "https"),
        Scheme::Http => (options.http.as_ref()?, "http"),
    };
    let direct =
        crate::url::is_loopback(url.host()) || is_excepted(&options.no_proxy, url.host(), url.port());
    (!direct).then_some((proxy, scheme))
}

/// Reads a proxy's address; one without a scheme is an `http` one.
pub(crate) fn proxy(address: &Secret, scheme: &'static str) -> Result<ureq::Proxy, Error> {
    let text = address.expose();
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    ureq::Proxy::new(&text).map_err(|_| Error::Proxy { scheme })
}

/// Whether `NO_PROXY` names the host: `*`; a name, with or without a dot before it, for itself and all below it; an
/// address; a block of addresses; each with a port or without.
fn is_excepted(list: &str, host: &str, port: Option<u16>) -> bool {
    let address = host.parse::<IpAddr>().ok();
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((network, bits)) = entry.split_once('/') {
            let (Ok(network), Ok(bits), Some(address)) = (network.parse(), bits.parse(), address) else {
                return false;
            };
            return in_block(address, network, bits);
        }
        if let Ok(entry) = entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return address == Some(entry);
        }
        let (name, wanted) = match entry.rsplit_once(':') {
            Some((name, wanted)) => (name, wanted.parse::<u16>().ok()),
            None => (entry, None),
        };
        if wanted.is_some() && wanted != port {
            return false;
        }
        let name = name.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
        !name.is_empty() && (host == name || host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.')))
    })
}

fn in_block(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            u32::from(address) & mask == u32::from(network) & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(address) & mask == u128::from(network) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_is_read_as_curl_and_go_do() {
        let list = "internal.example, .corp.example,*.dev.example,10.0.0.0/8,192.168.1.7,other.example:8080,fd00::/8,0.0.0.0/33";
        for (host, port, expected) in [
            ("internal.example", 443, true),
            ("a.internal.example", 443, true),
            ("notinternal.example", 443, false),
            ("corp.example", 443, true),
            ("x.corp.example", 443, true),
            ("x.dev.example", 443, true),
            ("10.2.3.4", 443, true),
            ("11.2.3.4", 443, false),
            ("192.168.1.7", 443, true),
            ("192.168.1.70", 443, false),
            ("other.example", 8080, true),
            ("other.example", 443, false),
            ("fd12::1", 443, true),
            ("fe80::1", 443, false),
        ] {
            assert_eq!(is_excepted(list, host, Some(port)), expected, "{host}:{port}");
        }
        assert!(is_excepted("*", "any.example", None));
        assert!(is_excepted("0.0.0.0/0", "1.2.3.4", None));
        assert!(!is_excepted("", "any.example", None));
        assert!(!is_excepted(",.,:80", "any.example", Some(80)));
    }

    #[test]
    fn loopback_needs_no_exception() {
        let options = ProxyOptions {
            http: Some(Secret::new("proxy:3128")),
            https: Some(Secret::new("http://user:pw@proxy:3128")),
            no_proxy: String::new(),
        };
        let through = |text: &str| proxy_for(&options, &Url::parse(text).unwrap()).is_some();
        assert!(through("https://r.example/"));
        assert!(!through("http://127.0.0.1:5000/"));
        assert!(!through("http://localhost:5000/"));
        assert!(proxy(options.https.as_ref().unwrap(), "https").is_ok());
        assert!(proxy(options.http.as_ref().unwrap(), "http").is_ok());
        assert!(proxy(&Secret::new("ftp://x"), "http").is_err());
    }
}
