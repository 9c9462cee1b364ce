//! What the command asks AWS: parameters and secrets of builds, logins and lists of ECR. Nobody is asked before something is
//! wanted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use plimsoll_aws::{Aws, EcrImage, EcrRegistry, Error, Options};
use plimsoll_buildspec::{LocalSecrets, Secret, SecretError, SecretReference, Secrets};
use plimsoll_oci::{FoundLogin, ListedTag, Listing, ListingError, LoginSource};

use crate::exit::{Exit, Failure};

/// Who gives a build its parameters and secrets: the file, or AWS where none is named.
///
/// # Errors
/// A file that cannot be read, or is none.
pub(crate) fn secrets(file: Option<&Path>) -> Result<Box<dyn Secrets + Sync>, plimsoll_buildspec::Error> {
    match file {
        Some(file) => Ok(Box::new(LocalSecrets::read(file)?)),
        None => Ok(Box::new(AwsSecrets::default())),
    }
}

/// Who lets into registries of ECR that no file and no helper knows.
pub(crate) fn logins(ca_certificates: &[PathBuf]) -> Arc<dyn LoginSource> {
    Arc::clone(ecr(ca_certificates)) as Arc<dyn LoginSource>
}

/// The lists of a registry of ECR, which knows when images were pushed; `None` for another registry. With `has_untagged`
/// what is reached by its digest alone stands in them as well, under that digest: images that somebody pushed without a tag,
/// and those of an index.
pub(crate) fn ecr_listing(
    registry: &str,
    ca_certificates: &[PathBuf],
    has_untagged: bool,
) -> Option<Box<dyn Listing>> {
    let registry = EcrRegistry::of_host(registry)?;
    Some(Box::new(EcrListing { ecr: Arc::clone(ecr(ca_certificates)), registry, has_untagged }))
}

/// What went wrong with such a list, with its hint; an error of another's is given back.
pub(crate) fn listing_failure(error: ListingError) -> Result<Failure, ListingError> {
    let error = error.downcast::<Error>()?;
    let hint = error.hint();
    let failure = Failure::new(Exit::CouldNotScan, *error);
    Ok(match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// One for the whole call, so that tokens are kept; the certificates are those of whom it was first made for.
fn ecr(ca_certificates: &[PathBuf]) -> &'static Arc<Ecr> {
    static ECR: OnceLock<Arc<Ecr>> = OnceLock::new();
    ECR.get_or_init(|| Arc::new(Ecr { aws: Lazy::default(), ca_certificates: ca_certificates.to_vec() }))
}

/// Services that are set up when the first of them is asked; what went wrong then is said again.
#[derive(Default)]
struct Lazy(OnceLock<Result<Aws, String>>);

impl Lazy {
    fn get(&self, ca_certificates: &[PathBuf]) -> Result<&Aws, String> {
        let set_up = || {
            let mut options = Options::from_env();
            options.ca_certificates.extend_from_slice(ca_certificates);
            Aws::new(&options).map_err(|error| error.reason())
        };
        self.0.get_or_init(set_up).as_ref().map_err(Clone::clone)
    }
}

/// Parameters and secrets of AWS.
#[derive(Default)]
struct AwsSecrets {
    aws: Lazy,
    /// Texts of secrets: several variables may be keys of one.
    known: Mutex<BTreeMap<String, Secret>>,
}

impl Secrets for AwsSecrets {
    fn parameter(&self, name: &str) -> Result<Secret, SecretError> {
        let missing = || missing("parameter", name, "Parameter Store", None);
        self.parameters(&[name]).pop().unwrap_or_else(|| Err(missing()))
    }

    fn parameters(&self, names: &[&str]) -> Vec<Result<Secret, SecretError>> {
        let failed = |reason: &str| {
            let error = |name: &&str| Err(service("parameter", name, reason));
            names.iter().map(error).collect()
        };
        let aws = match self.aws.get(&[]) {
            Ok(aws) => aws,
            Err(reason) => return failed(&reason),
        };
        match aws.parameters(names) {
            Ok(mut values) => {
                let value = |name: &&str| match values.remove(*name).flatten() {
                    Some(value) => Ok(Secret::new(value.expose())),
                    None => Err(missing("parameter", name, "Parameter Store", aws.region())),
                };
                names.iter().map(value).collect()
            }
            Err(error) => failed(&reason(&error)),
        }
    }

    fn secret(&self, reference: &SecretReference) -> Result<Secret, SecretError> {
        let id = reference.id.as_str();
        let (stage, version) = (reference.version_stage.as_deref(), reference.version_id.as_deref());
        let key = format!("{id} {} {}", stage.unwrap_or_default(), version.unwrap_or_default());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known.get(&key) {
            return Ok(text.clone());
        }
        let aws = self.aws.get(&[]).map_err(|reason| service("secret", id, &reason))?;
        match aws.secret(id, stage, version) {
            Ok(text) => {
                let text = Secret::new(text.expose());
                known.insert(key, text.clone());
                Ok(text)
            }
            Err(error) if error.is_missing() => Err(missing("secret", id, "Secrets Manager", aws.region())),
            Err(error) => Err(service("secret", id, &reason(&error))),
        }
    }
}

fn missing(kind: &'static str, name: &str, service: &str, region: Option<&str>) -> SecretError {
    let place = match region {
        Some(region) => format!("{service} in `{region}`"),
        None => service.to_owned(),
    };
    SecretError::Missing { kind, name: name.to_owned(), place }
}

fn service(kind: &'static str, name: &str, reason: &str) -> SecretError {
    SecretError::Service { kind, name: name.to_owned(), reason: reason.to_owned() }
}

/// Why AWS does not answer, and what a machine without AWS may do.
fn reason(error: &Error) -> String {
    let why = error.reason();
    match error {
        Error::Credentials(_) | Error::NoRegion { .. } => {
            format!("{why}; without AWS, give the values in a file with `--secrets`")
        }
        _ => match error.hint() {
            Some(hint) => format!("{why}; {hint}"),
            None => why,
        },
    }
}

/// Amazon's registries.
struct Ecr {
    aws: Lazy,
    ca_certificates: Vec<PathBuf>,
}

impl Ecr {
    fn aws(&self) -> Result<&Aws, String> {
        self.aws.get(&self.ca_certificates)
    }
}

impl LoginSource for Ecr {
    fn login(&self, registry: &str) -> Option<Result<FoundLogin, String>> {
        let registry = EcrRegistry::of_host(registry)?;
        let login = self.aws().and_then(|aws| {
            aws.ecr_login(&registry).map_err(|error| match error.hint() {
                Some(hint) => format!("{}; {hint}", error.reason()),
                None => error.reason(),
            })
        });
        Some(match login {
            Ok(login) => Ok(FoundLogin {
                user: login.user,
                password: login.password,
                place: "ECR's `GetAuthorizationToken`".to_owned(),
            }),
            Err(reason) => Err(format!("ECR's `GetAuthorizationToken` gave none: {reason}")),
        })
    }
}

/// What a registry of ECR holds, as its own service tells it: its registries have no `_catalog`.
struct EcrListing {
    ecr: Arc<Ecr>,
    registry: EcrRegistry,
    has_untagged: bool,
}

impl Listing for EcrListing {
    fn repositories(&self) -> Result<Vec<String>, ListingError> {
        let repositories = self.ecr.aws()?.ecr_repositories(&self.registry)?;
        Ok(repositories.into_iter().map(|repository| repository.name).collect())
    }

    fn tags(&self, repository: &str) -> Result<Vec<ListedTag>, ListingError> {
        let images = self.ecr.aws()?.ecr_images(&self.registry, repository)?;
        Ok(images.into_iter().flat_map(|image| listed(image, self.has_untagged)).collect())
    }
}

/// An image under each of its tags; where it has none, under its digest, if that is wanted.
fn listed(image: EcrImage, has_untagged: bool) -> Vec<ListedTag> {
    let digest = image.digest.parse().ok();
    let pushed = image.pushed.map(|instant| instant.to_string());
    let names = if image.tags.is_empty() && has_untagged { vec![image.digest] } else { image.tags };
    names.into_iter().map(|name| ListedTag { name, digest: digest.clone(), pushed: pushed.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_listed_under_its_tags_and_without_one_under_its_digest() {
        let digest = format!("sha256:{}", "4f1a".repeat(16));
        let image = |tags: &[&str]| EcrImage {
            digest: digest.clone(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            media_type: None,
            pushed: "2026-01-31T12:00:00Z".parse().ok(),
            size_bytes: 1,
        };
        let names = |tags: &[&str], has_untagged| {
            let listed = listed(image(tags), has_untagged);
            assert!(listed.iter().all(|tag| tag.digest.is_some() && tag.pushed.is_some()));
            listed.into_iter().map(|tag| tag.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["1", "2"], true), ["1", "2"]);
        assert_eq!(names(&[], true), [digest.as_str()]);
        assert!(names(&[], false).is_empty());
        assert!(ecr_listing("registry.example", &[], true).is_none());
    }
}
