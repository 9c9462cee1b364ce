//! The security databases of apk distributions, Alpine's, Wolfi's and Chainguard's: which build fixed which flaw.
//!
//! A file is one repository of one release: packages, and of each the versions that fixed something, with the flaws.
//! Gathered by flaw, one advisory each. The version `0` says that the package was never affected. Of several versions
//! that fixed one flaw the last counts: the first did not hold, and a package between the two is still affected. A package
//! that is said to be fixed in a version and never to have been affected counts as fixed in it.
//!
//! An ID ends in what its file is of, `ALPINE-CVE-2024-1000/v3.20/main`, because the files of Alpine speak of the same
//! flaws, and none must take another's place; Wolfi and Chainguard have one file each, `WOLFI-CVE-2024-1000`.
//!
//! Source: <https://secdb.alpinelinux.org/>, its `license.txt` and files; `APKBUILD(5)`, "secfixes".

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Advisory, Affected, Ecosystem, Namespace};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::entry::{PackageFixes, page, quoted};
use crate::erratum::{is_cve, is_id, is_word};
use crate::error::InvalidRecord;
use crate::raw::{RawMap, object};
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::skip::Skip;

/// A security database.
pub(crate) struct SecDb {
    about: &'static About,
    ecosystem: Ecosystem,
    /// What its IDs start with.
    prefix: &'static str,
    /// The address that the packages of its files are served from, by which they are told from others.
    packages: &'static str,
    /// Its files; empty for Alpine, which has one for each repository of each release.
    file: &'static str,
}

/// Alpine's.
pub(crate) static ALPINE: SecDb = SecDb {
    about: &About {
        name: "alpine-secdb",
        title: "Alpine security database",
        home: "https://secdb.alpinelinux.org/",
        licence: "CC-BY-SA-4.0",
        base: "https://secdb.alpinelinux.org/",
        brings: "Fixes as Alpine itself publishes them, before they are in OSV, and packages that were never affected; \
                 no flaw that has no fix.",
        ecosystems: &[Ecosystem::Alpine],
        by_default: false,
        max_file_bytes: MAX_FILE_BYTES,
    },
    ecosystem: Ecosystem::Alpine,
    prefix: "ALPINE-",
    packages: "",
    file: "",
};

/// Wolfi's.
pub(crate) static WOLFI: SecDb = SecDb {
    about: &About {
        name: "wolfi-secdb",
        title: "Wolfi security database",
        home: "https://github.com/wolfi-dev/advisories",
        licence: "CC-BY-NC-ND-4.0; for makers of scanners Chainguard's licence for them: not to be changed or passed on",
        base: "https://packages.wolfi.dev/",
        brings: "Fixes and packages that were never affected, in Alpine's form; its publisher asks scanners to prefer OSV.",
        ecosystems: &[Ecosystem::Wolfi],
        by_default: false,
        max_file_bytes: MAX_FILE_BYTES,
    },
    ecosystem: Ecosystem::Wolfi,
    prefix: "WOLFI-",
    packages: "https://packages.wolfi.dev",
    file: "os/security.json",
};

/// Chainguard's.
pub(crate) static CHAINGUARD: SecDb = SecDb {
    about: &About {
        name: "chainguard-secdb",
        title: "Chainguard security database",
        home: "https://images.chainguard.dev/security",
        licence: "CC-BY-NC-ND-4.0; for makers of scanners Chainguard's licence for them: not to be changed or passed on",
        base: "https://packages.cgr.dev/",
        brings: "Fixes and packages that were never affected, in Alpine's form; its publisher asks scanners to prefer OSV.",
        ecosystems: &[Ecosystem::Chainguard],
        by_default: false,
        max_file_bytes: MAX_FILE_BYTES,
    },
    ecosystem: Ecosystem::Chainguard,
    prefix: "CHAINGUARD-",
    packages: "https://packages.cgr.dev",
    file: "chainguard/security.json",
};

/// Largest file, in bytes. Chainguard's has 30 MB.
const MAX_FILE_BYTES: u64 = 512 << 20;

/// The releases of Alpine that have files: `v3.3` was the first with both repositories.
const ALPINE_RELEASES: std::ops::RangeInclusive<u32> = 3..=23;

const ALPINE_REPOSITORIES: [&str; 2] = ["main", "community"];

/// The version that says that a package was never affected.
const NEVER: &str = "0";

/// Flaws that one line may name.
const MAX_IDS_OF_LINE: usize = 100;

impl Source for SecDb {
    fn about(&self) -> &'static About {
        self.about
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        if ecosystems.is_some_and(|wanted| !wanted.contains(&self.ecosystem)) {
            return Vec::new();
        }
        let feed = |path, scope| Feed { source: self.about.name, path, scope, kind: FeedKind::File };
        if !self.file.is_empty() {
            return vec![feed(self.file.to_owned(), self.ecosystem.to_string())];
        }
        let releases = ALPINE_RELEASES.map(|minor| format!("v3.{minor}")).chain(["edge".to_owned()]);
        let files = releases
            .flat_map(|release| ALPINE_REPOSITORIES.map(|repository| format!("{release}/{repository}")));
        files.map(|file| feed(format!("{file}.json"), format!("{}:{file}", self.ecosystem))).collect()
    }

    fn claims(&self, _: &str, head: &[u8]) -> bool {
        let has = |text: &str| head.windows(text.len()).any(|window| window == text.as_bytes());
        let is_database = head.trim_ascii_start().starts_with(b"{") && has("\"secfixes\"") && has("\"pkg\"");
        let is_of = |database: &Self| !database.packages.is_empty() && has(database.packages);
        // Alpine's mirrors have many addresses.
        is_database
            && if self.packages.is_empty() {
                ![&WOLFI, &CHAINGUARD].into_iter().any(is_of)
            } else {
                is_of(self)
            }
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        let raw: RawDatabase<'_> = serde_json::from_slice(file.bytes)
            .map_err(|error| InvalidRecord::json("a security database with its `packages`", &error))?;
        let (namespace, part) = self.scope(file, &raw)?;
        let mut flaws: BTreeMap<String, Flaw> = BTreeMap::new();
        for (index, package) in raw.packages.into_iter().enumerate() {
            let place = |name: &str| format!("{}: package {index} {}", file.path, quoted(name));
            match object::<RawPackage<'_>>(package) {
                Ok(RawPackage { pkg: Some(RawPkg { name: Some(name), secfixes }) }) if is_word(&name) => {
                    for (version, lines) in secfixes.unwrap_or_default().0 {
                        if let Err(why) = gather(&mut flaws, &name, &version, lines) {
                            sink.fail(place(&name), why);
                        }
                    }
                }
                Ok(_) => sink.fail(place(""), "expected a `pkg` with its `name`, found none".to_owned()),
                Err(error) => {
                    let why = InvalidRecord::json("a `pkg` with its `secfixes`", &error);
                    sink.fail(place(""), why.to_string());
                }
            }
        }
        for (id, flaw) in flaws {
            let affected = flaw.packages.iter().filter_map(|(name, fixes)| fixes.affected(&namespace, name));
            let affected: Vec<Affected> = affected.collect();
            let own = format!("{}{id}{part}", self.prefix);
            if affected.is_empty() {
                sink.skip(Skip::NoVersions);
                sink.empty(own, String::new());
                continue;
            }
            let link = (self.ecosystem == Ecosystem::Alpine && is_cve(&id))
                .then(|| page(format!("https://security.alpinelinux.org/vuln/{id}")));
            sink.advisory(Advisory {
                id: own,
                aliases: flaw.aliases.into_iter().collect(),
                upstream: vec![id],
                related: flaw.related.into_iter().collect(),
                references: link.into_iter().collect(),
                affected,
                ..Advisory::default()
            });
        }
        Ok(())
    }
}

impl SecDb {
    /// Of which release a file is, and what its IDs end in: what was asked for, else what the file says itself, else the
    /// folder it lies in. Where it was fetched as of another than it says, something is wrong.
    fn scope(
        &self,
        file: &FeedFile<'_>,
        raw: &RawDatabase<'_>,
    ) -> Result<(Namespace, String), InvalidRecord> {
        if !self.file.is_empty() {
            return Ok((Namespace::whole(self.ecosystem), String::new()));
        }
        let release = raw.release.as_deref().unwrap_or_default();
        let repository = raw.repository.as_deref().unwrap_or_default();
        let said = Some((release, repository)).filter(|said| is_repository_of_release(*said));
        let asked = file.scope.strip_prefix(self.ecosystem.name()).and_then(|rest| rest.strip_prefix(':'));
        let asked =
            asked.and_then(|rest| rest.split_once('/')).filter(|asked| is_repository_of_release(*asked));
        let (release, repository) = match (asked, said) {
            (Some(asked), Some(said)) if asked != said => {
                return Err(InvalidRecord {
                    expected: "the repository of the release that was asked for",
                    found: format!("{} of {}, not {}", quoted(said.1), quoted(said.0), quoted(file.scope)),
                });
            }
            (Some(asked), _) => asked,
            (None, Some(said)) => said,
            (None, None) => folder_and_name(file.path).ok_or_else(|| InvalidRecord {
                expected: "a `distroversion` such as `v3.20` or `edge`, and a `reponame`",
                found: format!("{} and {}", quoted(release), quoted(repository)),
            })?,
        };
        Ok((Namespace::release(self.ecosystem, release), format!("/{release}/{repository}")))
    }
}

/// `v3.20` and `main` of `secdb/v3.20/main.json`.
fn folder_and_name(path: &str) -> Option<(&str, &str)> {
    let (folders, name) = path.rsplit_once('/')?;
    let release = folders.rsplit('/').next()?;
    Some((release, name.split('.').next()?)).filter(|found| is_repository_of_release(*found))
}

fn is_repository_of_release((release, repository): (&str, &str)) -> bool {
    is_release(release) && is_repository(repository)
}

/// `v3.20`, `edge`.
fn is_release(text: &str) -> bool {
    let digits = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    text == "edge"
        || text
            .strip_prefix('v')
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(major, minor)| digits(major) && digits(minor))
}

fn is_repository(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// All that is said of one flaw.
#[derive(Default)]
struct Flaw {
    aliases: BTreeSet<String>,
    related: BTreeSet<String>,
    packages: BTreeMap<String, PackageFixes>,
}

/// Adds the flaws that one version of a package fixed.
fn gather(
    flaws: &mut BTreeMap<String, Flaw>,
    package: &str,
    version: &str,
    lines: &RawValue,
) -> Result<(), String> {
    let version = version.trim();
    if !is_word(version) {
        return Err(format!("expected a version in `secfixes`, found {}", quoted(version)));
    }
    let lines: Option<Vec<Cow<'_, str>>> = serde_json::from_str::<Option<Vec<Line<'_>>>>(lines.get())
        .map_err(|error| InvalidRecord::json("a list of flaws behind a version", &error).to_string())?
        .map(|lines| lines.into_iter().map(|line| line.0).collect());
    let mut nameless = None;
    for line in lines.into_iter().flatten() {
        let ids = ids(&line);
        if ids.is_empty() && !line.trim().is_empty() {
            nameless.get_or_insert_with(|| quoted(&line));
        }
        // Beside one CVE, other names are names of the same flaw; beside several, nobody says of which.
        let (cves, others): (Vec<&String>, Vec<&String>) = ids.iter().partition(|id| is_cve(id));
        let (flaw_ids, aliases, related) = match (&cves[..], &others[..]) {
            ([], []) => continue,
            ([], [first, rest @ ..]) => (vec![*first], rest, &[][..]),
            ([_], others) => (cves, others, &[][..]),
            (_, others) => (cves, &[][..], others),
        };
        for id in flaw_ids {
            let flaw = flaws.entry(id.clone()).or_default();
            flaw.aliases.extend(aliases.iter().map(|&alias| alias.clone()));
            flaw.related.extend(related.iter().map(|&related| related.clone()));
            let fixes = flaw.packages.entry(package.to_owned()).or_default();
            if version == NEVER {
                fixes.never = true;
            } else if !fixes.versions.iter().any(|known| known == version) {
                fixes.versions.push(version.to_owned());
            }
        }
    }
    nameless.map_or(Ok(()), |line| Err(format!("expected an ID in each line, found {line}")))
}

#[derive(Deserialize)]
struct Line<'a>(#[serde(borrow)] Cow<'a, str>);

/// The IDs of a line, each once: `CVE-2017-2616 (+ regression fix)`, `CVE-2018-12896 XSA-270`. Words that are none are
/// remarks.
fn ids(line: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for word in line.split([' ', ',', ';', '\t', '\n', '\r', '(', ')']) {
        let word = word.trim_end_matches(['.', ':', '?', '!']);
        let id = match word.get(..4) {
            Some(start) if start.eq_ignore_ascii_case("CVE-") || start.eq_ignore_ascii_case("CVE_") => {
                format!("CVE-{}", &word[4..])
            }
            _ => word.to_owned(),
        };
        if looks_like_id(&id) && !ids.contains(&id) && ids.len() < MAX_IDS_OF_LINE {
            ids.push(id);
        }
    }
    ids
}

/// A prefix of letters, and behind it a `-` or a digit: `XSA-270`, `VSV00001`, `GHSA-jfh8-c2jp-5v3q`.
fn looks_like_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'#' | b':');
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    is_id(text)
        && text.bytes().all(is_part)
        && text.bytes().take_while(u8::is_ascii_alphabetic).count() >= 2
        && (has_digit || text.starts_with("GHSA-") || text.starts_with("CGA-"))
}

#[derive(Deserialize)]
struct RawDatabase<'a> {
    #[serde(borrow, default, rename = "distroversion")]
    release: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "reponame")]
    repository: Option<Cow<'a, str>>,
    #[serde(borrow)]
    packages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawPackage<'a> {
    #[serde(borrow, default)]
    pkg: Option<RawPkg<'a>>,
}

#[derive(Deserialize)]
struct RawPkg<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    secfixes: Option<RawMap<'a>>,
}

#[cfg(test)]
#[path = "secdb_tests.rs"]
mod tests;
