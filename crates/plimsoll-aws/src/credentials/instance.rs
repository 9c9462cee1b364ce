//! Keys of a machine: EC2's instance metadata service, version 2.
//!
//! Source: Amazon EC2 User Guide, "Use the Instance Metadata Service to access instance metadata".

use std::time::Duration;

use plimsoll_http::{Client, Method, Options, Request, Secret};

use super::{Answer, Error, Keys, Places, ask};

/// The service, as every machine of EC2 has it.
const SERVICE: &str = "http://169.254.169.254";
const SERVICE_V6: &str = "http://[fd00:ec2::254]";
/// How long is waited: it lies on the machine itself, or is not there.
const PATIENCE: Duration = Duration::from_secs(1);
const TOKEN_SECONDS: &str = "21600";

impl Places {
    /// Keys of the machine's role, and in words what was found.
    pub(super) fn of_instance(&self) -> Result<(Option<Keys>, &'static str), Error> {
        if self.variables.is_on("AWS_EC2_METADATA_DISABLED") {
            return Ok((None, "but not at the machine (AWS_EC2_METADATA_DISABLED)"));
        }
        let is_v6 = self.variables.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") == Some("IPv6");
        let default = if is_v6 { SERVICE_V6 } else { SERVICE };
        let service = self.variables.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or(default);
        let service = service.trim_end_matches('/');
        let client = Client::new(&Options {
            retries: 0,
            connect_timeout: PATIENCE,
            stall_timeout: PATIENCE,
            ..Options::default()
        });
        let put = Request::new(Method::Put).header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS);
        // Not there, or not Amazon's.
        let Ok((200, token)) = ask(&client, &format!("{service}/latest/api/token"), &put) else {
            return Ok((None, "and the machine (no answer from EC2's metadata service)"));
        };
        let folder = format!("{service}/latest/meta-data/iam/security-credentials/");
        let wrong = |expected, found: String| Error::Service { address: folder.clone(), expected, found };
        let token = String::from_utf8(token)
            .ok()
            .filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
            .map(Secret::new)
            .ok_or_else(|| wrong("a token", "other bytes".to_owned()))?;
        let get = || Request::get().secret("x-aws-ec2-metadata-token", token.clone());
        let role = match ask(&client, &folder, &get())? {
            (404, _) => return Ok((None, "and the machine (an instance of EC2 without a role)")),
            (200, role) => role,
            (status, _) => return Err(wrong("the machine's role", format!("status {status}"))),
        };
        let role = String::from_utf8_lossy(&role).lines().next().unwrap_or_default().trim().to_owned();
        if role.is_empty() || !role.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/') {
            return Err(wrong("the name of a role", "other text".to_owned()));
        }
        let (status, body) = ask(&client, &format!("{folder}{role}"), &get())?;
        if status != 200 {
            return Err(wrong("keys", format!("status {status}")));
        }
        Answer::parse(&body).map(|keys| (Some(keys), "")).map_err(|found| wrong("keys", found))
    }
}
