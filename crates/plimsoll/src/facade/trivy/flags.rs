//! Trivy's flags: those of 0.18 to 0.7x that scan images, folders and bills of materials.
//!
//! Source: Trivy's documentation, `docs/references/configuration/cli`, and that of 0.18, "CLI".

use super::super::words::{Flag, Takes};

use Takes::{List, Nothing, Text};

/// Why nothing is lost by what tunes scans for misconfigurations, secrets and licences.
const NOT_LOOKED_FOR: &str = "misconfigurations, secrets and licences are not looked for";
/// Why nothing is lost by what says how its database and checks are fetched.
const OTHER_DATABASE: &str = "the database is Plimsoll's: `plimsoll db update`";
/// Why nothing is lost by what says how its cache is kept.
const OTHER_CACHE: &str = "layers are cached in a folder, without a lock";
/// Why nothing is lost by what says which server scans.
const NO_SERVER: &str = "the scan is made here, without a server";
/// What is said of modules.
const NO_MODULES: &str = "leave it out: there are no modules";
/// What is said of what reads Rego.
const NO_REGO: &str = "write a policy: `plimsoll scan --policy FILE`";
/// What is said of what would fetch a repository.
const NO_CLONE: &str = "clone the repository, and name its folder";
/// What is said of emptying caches.
const NOTHING_STALE: &str = "ends without a scan; nothing is removed, since nothing gets stale";

pub(super) const FLAGS: &[Flag] = &[
    // What is looked for, and what of it is shown.
    Flag::honoured("severity", List, "what has another severity is left out").short('s'),
    Flag::honoured("ignore-unfixed", Nothing, "what has no fix is left out"),
    Flag::honoured("ignore-status", List, "what has one of these states is left out"),
    Flag::honoured("pkg-types", List, "`os`, `library`: other packages are left out").also(&["vuln-type"]),
    Flag::honoured("scanners", List, "`vuln` is what is done; others are told as missing")
        .also(&["security-checks"]),
    Flag::honoured("skip-dirs", List, "packages below these folders are left out"),
    Flag::honoured("skip-files", List, "packages of these files are left out"),
    Flag::honoured("ignorefile", Text, "ignored flaws; `.trivyignore` by default"),
    Flag::honoured("vex", List, "VEX documents: a file, or `oci`; not `repo`"),
    Flag::honoured("show-suppressed", Nothing, "suppressed findings are always listed"),
    Flag::honoured("list-all-pkgs", Nothing, "packages are always listed"),
    // What is written.
    Flag::honoured("format", Text, "`table`, `json`, `sarif`, `cyclonedx`, `spdx-json`, `template`, …")
        .short('f'),
    Flag::honoured("template", Text, "one of Trivy's own, by its name: `@contrib/html.tpl`").short('t'),
    Flag::honoured("output", Text, "the report's file").short('o'),
    Flag::honoured("exit-code", Text, "the exit status where something is found; 0 by default"),
    Flag::honoured("quiet", Nothing, "no progress and no notes").short('q'),
    Flag::honoured("no-progress", Nothing, "no progress"),
    // What is read.
    Flag::honoured("input", Text, "an archive, or an OCI layout"),
    Flag::honoured("platform", Text, "the platform of an image for several"),
    Flag::honoured("image-src", List, "where an image is looked for, and in which order"),
    Flag::honoured("docker-host", Text, "where Docker listens"),
    Flag::honoured("podman-host", Text, "where podman listens"),
    Flag::honoured("username", List, "the user for the image's registry"),
    Flag::honoured("password", List, "the password; better in TRIVY_PASSWORD"),
    Flag::honoured("password-stdin", Nothing, "the password is the first line of stdin"),
    Flag::honoured("registry-token", Text, "an access token for the registry"),
    Flag::honoured("insecure", Nothing, "its registry may be without TLS; certificates are checked"),
    Flag::honoured("cacert", Text, "certificates to trust besides the system's"),
    Flag::honoured("parallel", Text, "layers that are read at once; 0: as many as there are processors"),
    Flag::honoured("cache-dir", Text, "where results of layers are kept"),
    Flag::honoured("skip-db-update", Nothing, "nothing is fetched for the database").also(&["skip-update"]),
    Flag::honoured("offline-scan", Nothing, "packages are never looked up in a network"),
    Flag::honoured("config", Text, "the configuration; `trivy.yaml` by default").short('c'),
    // What is done instead of a scan.
    Flag::honoured("download-db-only", Nothing, "`plimsoll db update`, without a scan"),
    Flag::honoured("download-java-db-only", Nothing, "ends without a scan: there is no such database"),
    Flag::honoured("clear-cache", Nothing, NOTHING_STALE),
    Flag::honoured("reset", Nothing, NOTHING_STALE),
    Flag::honoured("all", Nothing, "of `clean`: as `--clear-cache`").short('a'),
    Flag::honoured("scan-cache", Nothing, "of `clean`: as `--clear-cache`"),
    Flag::honoured("vuln-db", Nothing, "of `clean`: as `--clear-cache`"),
    Flag::honoured("java-db", Nothing, "of `clean`: as `--clear-cache`"),
    Flag::honoured("checks-bundle", Nothing, "of `clean`: as `--clear-cache`"),
    Flag::honoured("vex-repo", Nothing, "of `clean`: as `--clear-cache`"),
    Flag::honoured("version", Nothing, "Plimsoll's version").short('v'),
    Flag::honoured("help", Nothing, "what becomes of each flag").short('h'),
    // What changes nothing.
    Flag::without("debug", Nothing, "what went wrong is always told").short('d'),
    Flag::without("timeout", Text, "a scan ends where nothing arrives any more"),
    Flag::without("light", Nothing, "descriptions cost nothing"),
    Flag::without("slow", Nothing, "`--parallel` says it better"),
    Flag::without("dependency-tree", Nothing, "upgrades are advised instead"),
    Flag::without("report", Text, "a table says all"),
    Flag::without("table-mode", List, "a table says all"),
    Flag::without("detection-priority", Text, "what cannot be decided is told as undetermined"),
    Flag::without("include-dev-deps", Nothing, "what a lock file holds is listed"),
    Flag::without("sbom-sources", List, "the image itself is read"),
    Flag::without("rekor-url", Text, "the image itself is read"),
    Flag::without("disable-telemetry", Nothing, "there is none"),
    Flag::without("skip-version-check", Nothing, "there is none"),
    Flag::without("auto-refresh", Nothing, OTHER_DATABASE),
    Flag::without("only-update", List, OTHER_DATABASE),
    Flag::without("db-repository", List, OTHER_DATABASE),
    Flag::without("java-db-repository", List, OTHER_DATABASE),
    Flag::without("skip-java-db-update", Nothing, OTHER_DATABASE),
    Flag::without("skip-vex-repo-update", Nothing, OTHER_DATABASE),
    Flag::without("checks-bundle-repository", Text, NOT_LOOKED_FOR).also(&["policy-bundle-repository"]),
    Flag::without("skip-check-update", Nothing, NOT_LOOKED_FOR).also(&["skip-policy-update"]),
    Flag::without("reset-checks-bundle", Nothing, NOT_LOOKED_FOR).also(&["reset-policy-bundle"]),
    Flag::without("cache-backend", Text, OTHER_CACHE),
    Flag::without("cache-ttl", Text, OTHER_CACHE),
    Flag::without("redis-tls", Nothing, OTHER_CACHE),
    Flag::without("redis-ca", Text, OTHER_CACHE),
    Flag::without("redis-cert", Text, OTHER_CACHE),
    Flag::without("redis-key", Text, OTHER_CACHE),
    Flag::without("server", Text, NO_SERVER).also(&["remote"]),
    Flag::without("token", Text, NO_SERVER),
    Flag::without("token-header", Text, NO_SERVER),
    Flag::without("custom-headers", List, NO_SERVER),
    Flag::without("image-config-scanners", List, NOT_LOOKED_FOR),
    Flag::without("misconfig-scanners", List, NOT_LOOKED_FOR),
    Flag::without("include-non-failures", Nothing, NOT_LOOKED_FOR),
    Flag::without("include-deprecated-checks", Nothing, NOT_LOOKED_FOR),
    Flag::without("check-namespaces", List, NOT_LOOKED_FOR).also(&["policy-namespaces"]),
    Flag::without("config-check", List, NOT_LOOKED_FOR).also(&["config-policy"]),
    Flag::without("config-data", List, NOT_LOOKED_FOR),
    Flag::without("config-file-schemas", List, NOT_LOOKED_FOR),
    Flag::without("helm-api-versions", List, NOT_LOOKED_FOR),
    Flag::without("helm-kube-version", Text, NOT_LOOKED_FOR),
    Flag::without("helm-set", List, NOT_LOOKED_FOR),
    Flag::without("helm-set-file", List, NOT_LOOKED_FOR),
    Flag::without("helm-set-string", List, NOT_LOOKED_FOR),
    Flag::without("helm-values", List, NOT_LOOKED_FOR),
    Flag::without("tf-exclude-downloaded-modules", Nothing, NOT_LOOKED_FOR),
    Flag::without("tf-vars", List, NOT_LOOKED_FOR),
    Flag::without("render-cause", List, NOT_LOOKED_FOR),
    Flag::without("trace", Nothing, NOT_LOOKED_FOR),
    Flag::without("secret-config", Text, NOT_LOOKED_FOR),
    Flag::without("license-full", Nothing, NOT_LOOKED_FOR),
    Flag::without("license-confidence-level", Text, NOT_LOOKED_FOR),
    Flag::without("ignored-licenses", List, NOT_LOOKED_FOR),
    // What would change the result, and is not done.
    Flag::refused("removed-pkgs", Nothing, "leave it out: only what is in the image is listed"),
    Flag::refused("exit-on-eol", Text, "write a rule in a policy: `plimsoll scan --policy FILE`"),
    Flag::refused("ignore-policy", Text, NO_REGO),
    Flag::refused("compliance", Text, "leave it out: there are no compliance reports"),
    Flag::refused("pkg-relationships", List, "leave it out: all packages are listed"),
    Flag::refused("file-patterns", List, "leave it out: files are told by their names and contents"),
    Flag::refused("max-image-size", Text, "leave it out: memory does not grow with the image"),
    Flag::refused("distro", Text, "leave it out: an image says what it is"),
    Flag::refused("enable-modules", List, NO_MODULES),
    Flag::refused("module-dir", Text, NO_MODULES),
    Flag::refused("output-plugin-arg", Text, "leave it out: there are no plugins"),
    Flag::refused("generate-default-config", Nothing, "leave it out"),
    Flag::refused("branch", Text, NO_CLONE),
    Flag::refused("commit", Text, NO_CLONE),
    Flag::refused("tag", Text, NO_CLONE),
];
