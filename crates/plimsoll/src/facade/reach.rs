//! How a tool's line reaches an image: which engine or registry is asked first, and with which credentials.

use plimsoll_http::Secret;
use plimsoll_oci::{Error, Login, Reference, Target};

use super::words::usage;
use crate::args::ReadingArgs;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;
use crate::target::{oci_failure, reach};

/// What flags of other tools say of how images are reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct OtherReach {
    pub(super) docker_host: Option<String>,
    pub(super) podman_host: Option<String>,
    pub(super) login: Option<Login>,
}

impl OtherReach {
    pub(crate) fn apply(&self, options: &mut plimsoll_oci::Options) {
        // A path alone is a socket.
        let host =
            |text: &String| if text.starts_with('/') { format!("unix://{text}") } else { text.clone() };
        if let Some(text) = &self.docker_host {
            options.docker_host = Some(host(text));
        }
        if let Some(text) = &self.podman_host {
            options.podman_host = Some(host(text));
        }
        if let Some(login) = &self.login {
            options.login = Some(login.clone());
        }
    }
}

/// Where an image may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Docker,
    Podman,
    /// containerd's own store, which is not read: passed over.
    Containerd,
    Registry,
}

impl Place {
    /// Trivy's order, and its words.
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("docker", Self::Docker),
        ("containerd", Self::Containerd),
        ("podman", Self::Podman),
        ("remote", Self::Registry),
    ];
}

/// The target of an image that a person named without saying where it is: the first place that has it. Without a registry
/// among the places it is an error that none of them does.
pub(super) fn find(
    name: &str,
    places: &[Place],
    reading: &ReadingArgs,
    settings: &Settings,
    bars: &Bars,
) -> Result<String, Failure> {
    let options = reach(reading, settings)?;
    let mut failure = None;
    for place in places {
        let target = match place {
            Place::Docker => format!("docker:{name}"),
            Place::Podman => format!("podman:{name}"),
            Place::Registry => return Ok(format!("registry:{name}")),
            Place::Containerd => {
                failure.get_or_insert_with(|| {
                    usage(format!("cannot read `{name}`: containerd's own store is not read"))
                });
                continue;
            }
        };
        let parsed: Target = target.parse().map_err(|error| oci_failure(error, Exit::Usage))?;
        // Asked is only what the engine knows of it; its layers come when they are read.
        match plimsoll_oci::open(&parsed, &options) {
            Ok(_) => return Ok(target),
            Err(error) => {
                // An engine that is not there, or has no such image, is no news where others are asked.
                let expected = matches!(error, Error::EngineMissing { .. } | Error::NotFound { .. });
                if !expected {
                    bars.note(&format!("note: {error}"));
                }
                failure = Some(oci_failure(error, Exit::CouldNotScan));
            }
        }
    }
    Err(failure.unwrap_or_else(|| {
        usage(format!("cannot read `{name}`: expected a place to look for it, found none"))
    }))
}

/// A credential for the registry of an image.
pub(super) fn login(name: &str, user: Option<&str>, secret: &str) -> Result<Login, Failure> {
    let reference: Reference = name.parse().map_err(|error| oci_failure(error, Exit::Usage))?;
    Ok(Login {
        registry: reference.registry().to_owned(),
        user: user.map(str::to_owned),
        secret: Secret::new(secret),
    })
}
