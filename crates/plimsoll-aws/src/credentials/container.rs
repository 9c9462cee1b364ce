//! Keys of a container's service: ECS, EKS Pod Identity, Greengrass.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Container credential provider".

use std::fs::File;
use std::net::IpAddr;

use plimsoll_http::{Client, Options, Request, Secret, Url, is_loopback, read_up_to};

use super::{Answer, Error, Keys, Places, ask};

/// The service of ECS, which relative addresses are of.
const ECS: &str = "http://169.254.170.2";
/// Services that may be asked without TLS besides loopback: of ECS and EKS.
const TRUSTED: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
/// The largest token, in bytes.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

impl Places {
    pub(super) fn of_container(&self) -> Result<Option<Keys>, Error> {
        let relative = self.variables.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let full = self.variables.get("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let address = match (relative, full) {
            (Some(path), _) => format!("{ECS}{path}"),
            (None, Some(full)) => full.to_owned(),
            (None, None) => return Ok(None),
        };
        let wrong = |expected, found: String| Error::Service { address: address.clone(), expected, found };
        if !is_trusted(&address) {
            let expected = "`https`, loopback, or the services of ECS and EKS";
            return Err(wrong(expected, "another address".to_owned()));
        }
        let token = match self.variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(token_of(file)?),
            None => self.variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
        };
        let request = Request::get().header("accept", "application/json").authorization(token);
        let (status, body) = ask(&local_client(), &address, &request)?;
        if status != 200 {
            return Err(wrong("keys", format!("status {status}")));
        }
        Answer::parse(&body).map(Some).map_err(|found| wrong("keys", found))
    }
}

/// One that asks without a proxy.
fn local_client() -> Client {
    Client::new(&Options {
        retries: 2,
        connect_timeout: std::time::Duration::from_secs(2),
        ..Options::default()
    })
}

/// Whether the token may be sent there.
fn is_trusted(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    if address.starts_with("https://") {
        return true;
    }
    let host = url.host().trim_matches(['[', ']']);
    let is_one = |trusted: &str| match (trusted.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        (Ok(trusted), Ok(host)) => trusted == host,
        _ => false,
    };
    is_loopback(url.host()) || TRUSTED.iter().any(|trusted| is_one(trusted))
}

/// The token in a file.
pub(super) fn token_of(file: &str) -> Result<Secret, Error> {
    let cannot = |source| Error::File { path: file.into(), source };
    let bytes = File::open(file).and_then(|file| read_up_to(file, MAX_TOKEN_BYTES)).map_err(cannot)?;
    let text = String::from_utf8(bytes)
        .ok()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
    text.map(Secret::new)
        .ok_or_else(|| cannot(std::io::Error::other("expected a token on one line, found none")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_known_services_alone() {
        for (address, expected) in [
            ("http://169.254.170.2/v2/credentials/a", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://127.0.0.1:1234/", true),
            ("http://localhost/", true),
            ("https://keys.example/", true),
            ("http://keys.example/", false),
            ("http://169.254.169.254/", false),
            ("http://127.0.0.1.evil.example/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_trusted(address), expected, "{address}");
        }
    }
}
