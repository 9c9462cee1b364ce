//! How images are reached. The environment is read here and nowhere else in the crate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_model::Platform;

use crate::Secret;

/// Told of bytes as they arrive.
pub trait Progress: Send + Sync {
    /// `delta` more stored bytes of the layer `index` have been read.
    fn layer_bytes(&self, index: usize, delta: u64);
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
    /// Registries (`host:port`, `host`, or `*` for all) that may be reached without TLS. Loopback always may.
    pub insecure_http: Vec<String>,
    /// PEM files with certificates that are trusted besides the system's.
    pub ca_certificates: Vec<PathBuf>,
    /// PEM file that stands in for the system's certificates (`SSL_CERT_FILE`).
    pub system_certificates_file: Option<PathBuf>,
    /// Folder that stands in for the system's certificates (`SSL_CERT_DIR`).
    pub system_certificates_folder: Option<PathBuf>,
    /// The proxies.
    pub proxy: ProxyOptions,
    /// Where Docker listens: `unix:///path` or `tcp://127.0.0.1:port` (`DOCKER_HOST`).
    pub docker_host: Option<String>,
    /// Sockets of Docker that are tried where `docker_host` is not set.
    pub docker_sockets: Vec<PathBuf>,
    /// Where podman listens: `unix:///path` (`CONTAINER_HOST`).
    pub podman_host: Option<String>,
    /// Sockets of podman that are tried where `podman_host` is not set.
    pub podman_sockets: Vec<PathBuf>,
    /// How often a request is tried again, where trying again may help.
    pub retries: u32,
    /// The first wait between two attempts; each further one is twice as long.
    pub back_off: Duration,
    /// The longest wait between two attempts, whatever the registry asks.
    pub longest_wait: Duration,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long nothing may come. There is no limit on the whole: a large layer takes its time.
    pub stall_timeout: Duration,
    /// How long a credential helper may take.
    pub helper_timeout: Duration,
    /// Told of what is pulled.
    pub progress: Option<Arc<dyn Progress>>,
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
            platform: None,
            credential_files: Vec::new(),
            insecure_http: Vec::new(),
            ca_certificates: Vec::new(),
            system_certificates_file: None,
            system_certificates_folder: None,
            proxy: ProxyOptions::default(),
            docker_host: None,
            docker_sockets: vec!["/var/run/docker.sock".into()],
            podman_host: None,
            podman_sockets: vec!["/run/podman/podman.sock".into()],
            retries: 5,
            back_off: Duration::from_millis(500),
            longest_wait: Duration::from_mins(1),
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_mins(1),
            helper_timeout: Duration::from_secs(30),
            progress: None,
        }
    }
}

impl Options {
    /// What the environment says: credentials, proxies, certificates, engines.
    ///
    /// Credentials, in this order: `REGISTRY_AUTH_FILE`; `DOCKER_CONFIG/config.json`, else `~/.docker/config.json`;
    /// podman's `$XDG_RUNTIME_DIR/containers/auth.json` and `~/.config/containers/auth.json`. Proxies:
    /// `HTTPS_PROXY`, `HTTP_PROXY` (not in a CGI program), `NO_PROXY`, and the same in lower case, which goes before.
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
        let mut options =
            Self { credential_files: credential_files.into_iter().flatten().collect(), ..Self::default() };
        let proxy = |lower: &str, upper: Option<&str>| {
            lookup(lower).or_else(|| upper.and_then(lookup)).or_else(|| lookup("all_proxy")).map(Secret::new)
        };
        // In a CGI program HTTP_PROXY is a header of the request ("httpoxy").
        let upper_http = lookup("REQUEST_METHOD").is_none().then_some("HTTP_PROXY");
        options.proxy = ProxyOptions {
            https: proxy("https_proxy", Some("HTTPS_PROXY")),
            http: proxy("http_proxy", upper_http),
            no_proxy: lookup("no_proxy").or_else(|| lookup("NO_PROXY")).unwrap_or_default(),
        };
        options.system_certificates_file = path("SSL_CERT_FILE");
        options.system_certificates_folder = path("SSL_CERT_DIR");
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
        assert_eq!(options.proxy.https.as_ref().unwrap().expose(), "http://user:pass@lower:1");
        assert!(!format!("{:?}", options.proxy).contains("pass"));
        assert_eq!(options.proxy.no_proxy, "localhost");
        assert_eq!(options.podman_sockets[0].to_str().unwrap(), "/run/user/7/podman/podman.sock");
        assert_eq!(options.docker_host.as_deref(), Some("unix:///d.sock"));
    }
}
