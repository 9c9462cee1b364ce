//! How images are reached. The environment is read here and nowhere else in the crate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_model::Platform;

use crate::Secret;
use crate::credentials::HelperAnswers;

/// Told of bytes as they arrive.
pub trait Progress: Send + Sync {
    /// `delta` more stored bytes of the layer `index` have been read.
    fn layer_bytes(&self, index: usize, delta: u64);
}

/// Gives what lets into registries of which neither files nor helpers know anything. Asked where the registry wants to know
/// who we are, once for each repository that is opened; from several threads.
pub trait LoginSource: Send + Sync {
    /// What lets into a registry, by its host: `registry.example:5000`. `None` for one it knows nothing of.
    ///
    /// # Errors
    /// Why it cannot say, behind its name: `` `GetAuthorizationToken` of ECR failed: … ``. Without a secret.
    fn login(&self, registry: &str) -> Option<Result<FoundLogin, String>>;
}

/// A name and a password.
#[derive(Clone, Debug)]
pub struct FoundLogin {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
    /// Where both came from, for errors.
    pub place: String,
}

/// A credential that was given by name, for one registry and no other.
#[derive(Clone, Debug)]
pub struct Login {
    /// The registry, as [`crate::Reference::registry`] says it.
    pub registry: String,
    /// The user; `None` where the secret is an access token.
    pub user: Option<String>,
    /// The password, or the token.
    pub secret: Secret,
}

/// How images are reached. [`Options::default`] knows no credentials and no proxy; [`Options::from_env`] is what a
/// command wants.
#[derive(Clone)]
pub struct Options {
    /// The platform that was asked for. `None`: Linux on this architecture, or the only one there is.
    pub platform: Option<Platform>,
    /// Files with credentials in the form of Docker's `config.json` or podman's `auth.json`. The first that knows a
    /// registry decides; those that do not exist are passed over.
    pub credential_files: Vec<PathBuf>,
    /// A credential that goes before those of files.
    pub login: Option<Login>,
    /// How hosts are reached: certificates, proxies, time limits, trying again.
    pub http: plimsoll_http::Options,
    /// Where Docker listens: `unix:///path` or `tcp://127.0.0.1:port` (`DOCKER_HOST`).
    pub docker_host: Option<String>,
    /// Sockets of Docker that are tried where `docker_host` is not set.
    pub docker_sockets: Vec<PathBuf>,
    /// Where podman listens: `unix:///path` (`CONTAINER_HOST`).
    pub podman_host: Option<String>,
    /// Sockets of podman that are tried where `podman_host` is not set.
    pub podman_sockets: Vec<PathBuf>,
    /// How long a credential helper may take.
    pub helper_timeout: Duration,
    /// What helpers answered before.
    pub helper_answers: HelperAnswers,
    /// Asked for credentials where `credential_files` and their helpers have none.
    pub login_source: Option<Arc<dyn LoginSource>>,
    /// Told of what is pulled.
    pub progress: Option<Arc<dyn Progress>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            platform: None,
            credential_files: Vec::new(),
            login: None,
            http: plimsoll_http::Options::default(),
            docker_host: None,
            docker_sockets: vec!["/var/run/docker.sock".into()],
            podman_host: None,
            podman_sockets: vec!["/run/podman/podman.sock".into()],
            helper_timeout: Duration::from_secs(30),
            helper_answers: HelperAnswers::default(),
            login_source: None,
            progress: None,
        }
    }
}

impl Options {
    /// What the environment says: credentials, proxies, certificates, engines.
    ///
    /// Credentials, in this order: `REGISTRY_AUTH_FILE`; `DOCKER_CONFIG/config.json`, else `~/.docker/config.json`;
    /// podman's `$XDG_RUNTIME_DIR/containers/auth.json` and `~/.config/containers/auth.json`. Proxies and certificates:
    /// as [`plimsoll_http::Options::from_env`] says.
    pub fn from_env() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place of this crate that reads the environment"
        )]
        Self::from_lookup(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// As [`Options::from_env`], with the environment as a function.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| lookup(name).map(PathBuf::from);
        let home = path("HOME");
        let runtime = path("XDG_RUNTIME_DIR");
        let config = path("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
        let docker_config = path("DOCKER_CONFIG").or_else(|| home.as_ref().map(|home| home.join(".docker")));
        let credential_files = [
            path("REGISTRY_AUTH_FILE"),
            docker_config.map(|folder| folder.join("config.json")),
            runtime.as_ref().map(|folder| folder.join("containers/auth.json")),
            config.map(|folder| folder.join("containers/auth.json")),
        ];
        let mut options = Self {
            credential_files: credential_files.into_iter().flatten().collect(),
            http: plimsoll_http::Options::from_lookup(lookup),
            ..Self::default()
        };
        options.docker_host = lookup("DOCKER_HOST");
        options.podman_host = lookup("CONTAINER_HOST");
        if let Some(folder) = runtime {
            // A user's own engine goes before the system's.
            options.docker_sockets.insert(0, folder.join("docker.sock"));
            options.podman_sockets.insert(0, folder.join("podman/podman.sock"));
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_files_proxies_and_sockets() {
        let options = Options::from_lookup(&|name| {
            let value = match name {
                "HOME" => "/home/u",
                "XDG_RUNTIME_DIR" => "/run/user/7",
                "HTTPS_PROXY" => "http://upper:1",
                "https_proxy" => "http://user:pass@lower:1",
                "NO_PROXY" => "localhost",
                "DOCKER_HOST" => "unix:///d.sock",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let files: Vec<_> = options.credential_files.iter().map(|file| file.to_str().unwrap()).collect();
        assert_eq!(
            files,
            [
                "/home/u/.docker/config.json",
                "/run/user/7/containers/auth.json",
                "/home/u/.config/containers/auth.json"
            ]
        );
        assert_eq!(options.http.proxy.https.as_ref().unwrap().expose(), "http://user:pass@lower:1");
        assert!(!format!("{:?}", options.http.proxy).contains("pass"));
        assert_eq!(options.http.proxy.no_proxy, "localhost");
        assert_eq!(options.podman_sockets[0].to_str().unwrap(), "/run/user/7/podman/podman.sock");
        assert_eq!(options.docker_host.as_deref(), Some("unix:///d.sock"));
    }
}
