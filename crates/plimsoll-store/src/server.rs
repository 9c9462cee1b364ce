//! Servers of buckets, and how they are reached.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};
use plimsoll_aws::{Chain, DEFAULT_REGION, Profiles};

use crate::Error;
use crate::options::{Encryption, Options};

/// The largest file of certificates, in bytes.
const MAX_CERTIFICATES_BYTES: u64 = 8 << 20;

/// Google Cloud Storage. Its own library's variables: `GOOGLE_APPLICATION_CREDENTIALS` and their like.
pub(crate) fn google(
    url: &str,
    options: &Options,
    cannot: &dyn Fn(object_store::Error) -> Error,
) -> Result<Arc<dyn ObjectStore>, Error> {
    let variables = &options.variables;
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_client_options(client_options(options, false)?)
        .with_retry(retry(options));
    if let Some(account) = variables.get("SERVICE_ACCOUNT") {
        builder = builder.with_service_account_path(account);
    }
    for (name, value) in variables.beginning("GOOGLE_") {
        if let Ok(known) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(known, value);
        }
    }
    Ok(Arc::new(builder.with_url(url).build().map_err(cannot)?))
}

/// Azure Blob Storage: `AZURE_STORAGE_ACCOUNT_NAME` and their like.
pub(crate) fn azure(
    url: &str,
    options: &Options,
    cannot: &dyn Fn(object_store::Error) -> Error,
) -> Result<Arc<dyn ObjectStore>, Error> {
    let variables = &options.variables;
    let mut builder = MicrosoftAzureBuilder::new()
        .with_client_options(client_options(options, variables.is_on("AZURE_ALLOW_HTTP"))?)
        .with_retry(retry(options));
    for (name, value) in variables.beginning("AZURE_") {
        if let Ok(known) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(known, value);
        }
    }
    Ok(Arc::new(builder.with_url(url).build().map_err(cannot)?))
}

/// S3 or one that speaks as it does, and its address where it is not Amazon's.
pub(crate) fn s3(
    bucket: &str,
    options: &Options,
    cannot: &dyn Fn(object_store::Error) -> Error,
) -> Result<(Arc<dyn ObjectStore>, Option<String>), Error> {
    let variables = &options.variables;
    let profiles = Profiles::read(variables, options.profile.as_deref())?;
    let configured = profiles.endpoint("S3", variables);
    let endpoint = options.endpoint.as_deref().or(configured).map(|url| url.trim_end_matches('/').to_owned());
    let region = options
        .region
        .as_deref()
        .or_else(|| variables.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]))
        .or_else(|| profiles.setting("region"))
        .unwrap_or(DEFAULT_REGION)
        .to_owned();
    if region.is_empty() || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Error::Setting {
            setting: "the region",
            value: region,
            expected: "one as `eu-central-1`",
        });
    }
    let style = variables
        .get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST")
        .map(|_| variables.is_on("AWS_VIRTUAL_HOSTED_STYLE_REQUEST"));
    let style = style.or_else(|| match profiles.setting("s3.addressing_style") {
        Some("path") => Some(false),
        Some("virtual") => Some(true),
        _ => None,
    });
    // A name with dots is no name of one host under Amazon's certificate.
    let virtual_hosted =
        options.virtual_hosted.or(style).unwrap_or_else(|| endpoint.is_none() && !bucket.contains('.'));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&region)
        .with_virtual_hosted_style_request(virtual_hosted)
        .with_retry(retry(options));
    let mut is_plain = false;
    match &endpoint {
        Some(address) => {
            let url = url::Url::parse(address)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            let (Some(url), true) = (url, !address.contains(['?', '#', '@'])) else {
                let value = plimsoll_http::without_credentials(address);
                let expected = "an address as `https://s3.example:9000`, without credentials";
                return Err(Error::Setting { setting: "the endpoint", value, expected });
            };
            // Who writes `http` means it.
            is_plain = url.scheme() == "http";
            let rest = address.split_once("://").map_or("", |(_, rest)| rest);
            builder = builder.with_endpoint(if virtual_hosted {
                format!("{}://{bucket}.{rest}", url.scheme())
            } else {
                address.clone()
            });
        }
        None if region.starts_with("cn-") => {
            let host = format!("s3.{region}.amazonaws.com.cn");
            let host = if virtual_hosted { format!("{bucket}.{host}") } else { host };
            builder = builder.with_endpoint(format!("https://{host}"));
        }
        None => {}
    }
    builder = match &options.encryption {
        Encryption::Bucket => builder,
        Encryption::Aes256 => encrypted(builder, "AES256", None),
        Encryption::Kms { key, is_double: false } => encrypted(builder, "aws:kms", key.as_deref()),
        Encryption::Kms { key, is_double: true } => encrypted(builder, "aws:kms:dsse", key.as_deref()),
    };
    builder = builder.with_client_options(client_options(options, is_plain)?);
    builder = if variables.is_on("AWS_SKIP_SIGNATURE") {
        builder.with_skip_signature(true)
    } else {
        builder.with_credentials(Arc::new(Chain::new(&options.aws(), profiles, &region)))
    };
    Ok((Arc::new(builder.build().map_err(cannot)?), endpoint))
}

fn encrypted(builder: AmazonS3Builder, kind: &str, key: Option<&str>) -> AmazonS3Builder {
    // The type of these keys bears no public name.
    let settings = [("aws_server_side_encryption", Some(kind)), ("aws_sse_kms_key_id", key)];
    settings.into_iter().fold(builder, |builder, (name, value)| match (name.parse(), value) {
        (Ok(name), Some(value)) => builder.with_config(name, value),
        _ => builder,
    })
}

pub(crate) fn client_options(options: &Options, allow_http: bool) -> Result<ClientOptions, Error> {
    let mut client = ClientOptions::new()
        .with_allow_http(allow_http)
        .with_timeout(options.timeout)
        .with_connect_timeout(options.connect_timeout);
    for file in &options.ca_certificates {
        let wrong = |_| Error::Setting {
            setting: "the certificates",
            value: file.display().to_string(),
            expected: "a file of PEM certificates that can be read",
        };
        let mut pem = Vec::new();
        let opened = File::open(file).map_err(wrong)?;
        #[expect(clippy::disallowed_methods, reason = "behind `take`")]
        opened.take(MAX_CERTIFICATES_BYTES).read_to_end(&mut pem).map_err(wrong)?;
        let certificates =
            Certificate::from_pem_bundle(&pem).map_err(|error| wrong(std::io::Error::other(error)))?;
        for certificate in certificates {
            client = client.with_root_certificate(certificate);
        }
    }
    Ok(client)
}

pub(crate) fn retry(options: &Options) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: options.retries,
        retry_timeout: options.retry_timeout,
    }
}
