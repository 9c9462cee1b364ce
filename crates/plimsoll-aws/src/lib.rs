//! What of AWS is asked besides the bytes of S3: credentials, parameters, secrets, and ECR.
//!
//! [`Chain`] finds credentials where AWS's tools look for them. [`Aws`] asks services with them: [`Aws::parameters`] of
//! Systems Manager's Parameter Store, [`Aws::secret`] of Secrets Manager, and of ECR a login ([`Aws::ecr_login`]), the
//! repositories and the images.
//!
//! It reads, and changes nothing. Answers are bounded; a service that asks for patience is asked again. Nothing that was
//! answered by way of a secret is printed. All of it blocks but the store's side of [`Chain`].
//!
//! Written by hand over [`plimsoll_http`]: the clients of AWS's SDK are a runtime and a hundred crates of their own for
//! six calls of one protocol.
//!
//! ```
//! use plimsoll_aws::{Aws, EcrRegistry, Options};
//!
//! let registry = EcrRegistry::of_host("123456789012.dkr.ecr.eu-central-1.amazonaws.com").expect("a registry of ECR");
//! assert_eq!(registry.region, "eu-central-1");
//! assert!(EcrRegistry::of_host("registry.example").is_none());
//! // `Options::from_env()` knows credentials, region and endpoints. Nobody is asked yet.
//! let aws = Aws::new(&Options::default())?;
//! assert!(aws.parameters(&["/shop/password"]).unwrap_err().to_string().contains("expected a region"));
//! # Ok::<(), plimsoll_aws::Error>(())
//! ```

mod credentials;
mod ecr;
mod error;
mod options;
mod parameter;
mod profile;
mod secret;
mod service;

pub use credentials::{Chain, Error as CredentialsError};
pub use ecr::{EcrImage, EcrRegistry, EcrRepository, Login};
pub use error::Error;
pub use options::{Options, Variables, process_variables};
pub use parameter::MAX_PARAMETERS;
pub use plimsoll_http::Secret;
pub use profile::Profiles;
pub use service::Aws;

/// The region where none is named, as AWS's tools have it for what lies in no region: tokens, and S3.
pub const DEFAULT_REGION: &str = "us-east-1";

/// Gives foreign bytes to every parser of this crate, for fuzzing: none may panic or take without end.
#[doc(hidden)]
pub fn fuzz_parsers(bytes: &[u8]) {
    credentials::fuzz_answers(bytes);
    ecr::fuzz_answers(bytes);
    parameter::fuzz_answer(bytes);
    secret::fuzz_answer(bytes);
    service::fuzz_refusal(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = EcrRegistry::of_host(text).map(|registry| registry.region);
        profile::fuzz_file(text);
        credentials::process::fuzz_words(text);
    }
}
