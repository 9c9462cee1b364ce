//! `trivy.yaml`: what flags and variables do not say.
//!
//! Source: Trivy's documentation, "Config file".

use std::path::Path;

use anyhow::anyhow;
use plimsoll_template::document::{Limits, Node, parse};

use crate::exit::{Exit, Failure};
use crate::texts::{text_if_there, text_of};

/// The file that is looked for in the current folder.
const FILE: &str = "trivy.yaml";

/// Keys whose flag has another name. All others are a flag's name by themselves, or by their last part.
const KEYS: &[(&str, &str)] = &[
    ("cache.dir", "cache-dir"),
    ("cache.backend", "cache-backend"),
    ("cache.ttl", "cache-ttl"),
    ("cache.redis.ca", "redis-ca"),
    ("cache.redis.cert", "redis-cert"),
    ("cache.redis.key", "redis-key"),
    ("cache.redis.tls", "redis-tls"),
    ("db.skip-update", "skip-db-update"),
    ("db.java-skip-update", "skip-java-db-update"),
    ("db.repository", "db-repository"),
    ("db.java-repository", "java-db-repository"),
    ("db.light", "light"),
    ("image.docker.host", "docker-host"),
    ("image.podman.host", "podman-host"),
    ("image.source", "image-src"),
    ("image.max-size", "max-image-size"),
    ("misconfiguration.scanners", "misconfig-scanners"),
    ("misconfiguration.helm.set", "helm-set"),
    ("misconfiguration.helm.values", "helm-values"),
    ("misconfiguration.terraform.vars", "tf-vars"),
    ("pkg.types", "pkg-types"),
    ("pkg.relationships", "pkg-relationships"),
    ("pkg.include-dev-deps", "include-dev-deps"),
    ("registry.token", "registry-token"),
    ("scan.security-checks", "scanners"),
    ("scan.offline", "offline-scan"),
    ("secret.config", "secret-config"),
    ("server.addr", "server"),
    ("vulnerability.type", "pkg-types"),
];

/// Flags and their values, and the keys that are not known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) flags: Vec<(String, Vec<String>)>,
    pub(super) unknown: Vec<String>,
}

/// Reads the file that was named, or the one of the current folder where there is one.
pub(super) fn read(named: Option<&str>, known: &dyn Fn(&str) -> bool) -> Result<Config, Failure> {
    let path = Path::new(named.unwrap_or(FILE));
    let text = match named {
        Some(_) => text_of(path)?,
        None => match text_if_there(path) {
            Some(text) => text?,
            None => return Ok(Config::default()),
        },
    };
    let node = parse(&text, &Limits::default()).map_err(|error| {
        let what = format!("cannot read the configuration `{}`: {error}", path.display());
        Failure::new(Exit::Usage, anyhow!(what))
    })?;
    Ok(of_node(&node, known))
}

fn of_node(node: &Node, known: &dyn Fn(&str) -> bool) -> Config {
    let mut config = Config::default();
    // The document's depth is bounded by its reader.
    let mut waiting: Vec<(String, &Node)> = vec![(String::new(), node)];
    while let Some((key, node)) = waiting.pop() {
        if let Some(entries) = node.entries() {
            for (name, value) in entries.iter().rev() {
                let name = name.scalar().unwrap_or_default();
                let key = if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
                waiting.push((key, value));
            }
            continue;
        }
        let values: Vec<String> = match node.items() {
            Some(items) => items.iter().filter_map(Node::scalar).map(str::to_owned).collect(),
            None => node.scalar().map(str::to_owned).into_iter().collect(),
        };
        // A key without a value says nothing.
        if values.iter().all(String::is_empty) {
            continue;
        }
        let last = key.rsplit('.').next().unwrap_or(&key);
        let flag = KEYS.iter().find(|(own, _)| *own == key).map_or(last, |(_, flag)| *flag);
        if known(flag) {
            config.flags.push((flag.to_owned(), values));
        } else {
            config.unknown.push(key);
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let node = parse(text, &Limits::default()).unwrap();
        of_node(&node, &|flag| super::super::FLAGS.iter().any(|known| known.name == flag))
    }

    #[test]
    fn keys_are_flags_in_drawers() {
        let text = "\
exit-code: 1
severity: [HIGH, CRITICAL]
output:
vulnerability:
  type:
    - os
  ignore-unfixed: true
scan:
  skip-dirs: [/opt]
  security-checks: vuln
cache: { dir: /tmp/c }
db: { skip-update: true, no-progress: true }
kubernetes:
  context: prod
";
        let config = config(text);
        let flags: Vec<String> =
            config.flags.iter().map(|(name, values)| format!("{name}={}", values.join("+"))).collect();
        assert_eq!(
            flags,
            [
                "exit-code=1",
                "severity=HIGH+CRITICAL",
                "pkg-types=os",
                "ignore-unfixed=true",
                "skip-dirs=/opt",
                "scanners=vuln",
                "cache-dir=/tmp/c",
                "skip-db-update=true",
                "no-progress=true"
            ]
        );
        assert_eq!(config.unknown, ["kubernetes.context"]);
    }

    #[test]
    fn nothing_and_a_list_say_nothing() {
        assert_eq!(config(""), Config::default());
        assert_eq!(config("- a\n").flags, []);
    }
}
