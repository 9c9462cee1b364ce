//! Who may do what, and which names of the server are whose.

use std::sync::Arc;

use s3s::S3Result;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::host::{S3Host, VirtualHost};

use crate::gate::{host_name, subdomain};
use crate::refusal::Refusal;
use crate::settings::Credential;

/// Who may do what.
#[derive(Clone)]
pub(crate) struct Keys(pub(crate) Arc<Vec<Credential>>);

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let credential = self.0.iter().find(|credential| credential.access_key == access_key);
        match credential {
            Some(credential) => Ok(SecretKey::from(credential.secret_key.clone())),
            None => Err(Refusal::new(
                "InvalidAccessKeyId",
                403,
                "The AWS Access Key Id you provided does not exist in our records.",
            )
            .into()),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Keys {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = context.credentials() else {
            return Err(Refusal::denied("Access Denied").into());
        };
        let name = context.s3_op().name();
        let reads = ["Get", "Head", "List", "Select"].iter().any(|prefix| name.starts_with(prefix));
        let is_read_only = self
            .0
            .iter()
            .find(|credential| credential.access_key == credentials.access_key)
            .is_none_or(|credential| credential.read_only);
        if is_read_only && !reads {
            return Err(Refusal::denied("Access Denied: this key may only read").into());
        }
        Ok(())
    }
}

/// Buckets as subdomains of names that are known; under any other name they are in the path.
pub(crate) struct Domains(pub(crate) Vec<String>);

impl S3Host for Domains {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host_name(host);
        let bucket = std::iter::once("localhost")
            .chain(self.0.iter().map(String::as_str))
            .find_map(|domain| subdomain(name, domain));
        let found = VirtualHost::new(name);
        Ok(match bucket {
            Some(bucket) => found.with_bucket(bucket),
            None => found,
        })
    }
}
