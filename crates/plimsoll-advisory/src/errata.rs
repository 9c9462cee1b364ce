//! AlmaLinux's errata, one file for each release.
//!
//! An erratum names the builds of binary packages that fix its flaws, for each architecture, and for a package of a
//! module that module's stream: an entry of its own for each stream, so that a fix for `nodejs:18` says nothing of
//! `nodejs:20`. An erratum of a bug or a new feature that names no CVE is no flaw, and is marked as a notice.
//!
//! Rocky Linux has no such file: its builds are in OSV and in its repositories (`rocky`).
//!
//! Source: <https://wiki.almalinux.org/documentation/errata.html>, `errata.full.json`, `schema_version` 1.0.

use std::borrow::Cow;

use plimsoll_model::{Advisory, Ecosystem, Namespace, RatingScale, Reference, Severity};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::entry::{page, quoted};
use crate::erratum::{Fixes, Key, evr, is_cve, is_id, is_word};
use crate::error::InvalidRecord;
use crate::loose::Loose;
use crate::rating;
use crate::raw::object;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::skip::Skip;

/// The files.
pub(crate) struct AlmaErrata;

static ABOUT: About = About {
    name: "almalinux-errata",
    title: "AlmaLinux errata",
    home: "https://errata.almalinux.org/",
    licence: "not stated; AlmaLinux's records in OSV: MIT",
    base: "https://errata.almalinux.org/",
    brings: "The errata that OSV has of AlmaLinux, with the streams of modules told apart.",
    ecosystems: &[Ecosystem::AlmaLinux],
    by_default: false,
    max_file_bytes: 1 << 30,
};

const RELEASES: &[&str] = &["8", "9", "10"];

const FILE: &str = "errata.full.json";

impl Source for AlmaErrata {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        if ecosystems.is_some_and(|wanted| !wanted.contains(&Ecosystem::AlmaLinux)) {
            return Vec::new();
        }
        let feed = |release: &&str| Feed {
            source: ABOUT.name,
            path: format!("{release}/{FILE}"),
            scope: Namespace::release(Ecosystem::AlmaLinux, release).to_string(),
            kind: FeedKind::File,
        };
        RELEASES.iter().map(feed).collect()
    }

    fn claims(&self, path: &str, head: &[u8]) -> bool {
        let has = |text: &str| head.windows(text.len()).any(|window| window == text.as_bytes());
        let is_named = path.rsplit('/').next().is_some_and(|name| name.starts_with("errata.full"));
        head.trim_ascii_start().starts_with(b"{")
            && has("\"data\"")
            && (is_named || ["\"ALSA-", "\"ALBA-", "\"ALEA-"].into_iter().any(has))
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        const EXPECTED: &str = "errata as `data`";
        let raw: RawFile<'_> =
            serde_json::from_slice(file.bytes).map_err(|error| InvalidRecord::json(EXPECTED, &error))?;
        if raw.data.is_empty() {
            return Err(InvalidRecord { expected: EXPECTED, found: "none".to_owned() });
        }
        let scope = Namespace::parse(file.scope).filter(|scope| scope.ecosystem == Ecosystem::AlmaLinux);
        let namespace = scope.filter(|scope| !scope.release.is_empty()).or_else(|| namespace_of(file.path));
        for (index, erratum) in raw.data.into_iter().enumerate() {
            let erratum: RawErratum<'_> = match object(erratum) {
                Ok(erratum) => erratum,
                Err(error) => {
                    let why = InvalidRecord::json("an erratum with its `packages`", &error);
                    sink.fail(format!("{}: erratum {index}", file.path), why.to_string());
                    continue;
                }
            };
            let id = erratum.id.as_deref().unwrap_or_default().trim().to_owned();
            if !is_id(&id) {
                let why = format!("expected an `id` of 1 to 256 bytes without blanks, found {}", quoted(&id));
                sink.fail(format!("{}: erratum {index}", file.path), why);
                continue;
            }
            let (fixes, faults) = fixes(&erratum.packages, namespace.as_ref());
            for fault in faults {
                sink.fail(format!("{}: {id}", file.path), fault);
            }
            let affected = fixes.into_affected();
            let modified = erratum.updated.instant();
            if affected.is_empty() {
                sink.skip(Skip::NoPackage);
                sink.empty(id, modified);
                continue;
            }
            sink.advisory(Advisory { affected, modified, ..erratum.advisory(id) });
        }
        Ok(())
    }
}

/// `AlmaLinux:9` of `9/errata.full.json`.
fn namespace_of(path: &str) -> Option<Namespace> {
    let folder = path.rsplit('/').nth(1)?;
    let is_number = (1..=2).contains(&folder.len()) && folder.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Namespace::release(Ecosystem::AlmaLinux, folder))
}

/// The release that a build is for: `4.el9_2` is 9, `1.module_el8.6.0+2761+593e5e59` 8.
fn namespace_of_build(release: &str) -> Option<Namespace> {
    let (_, rest) = release.rsplit_once("el")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (1..=2).contains(&end).then(|| Namespace::release(Ecosystem::AlmaLinux, &rest[..end]))
}

/// What an erratum fixes, and what of its packages cannot be read. Where the file does not tell the release, each build
/// does.
fn fixes(packages: &[RawPackage], file: Option<&Namespace>) -> (Fixes, Vec<String>) {
    let (mut fixes, mut faults) = (Fixes::default(), Vec::new());
    for package in packages {
        let name = &package.name;
        // The source of a build is no installed package, and may bear another version under a binary package's name.
        if package.architecture == "src" {
            continue;
        }
        let namespace = file.cloned().or_else(|| namespace_of_build(&package.release));
        let epoch = package.epoch.clone().into_text().unwrap_or_default();
        let version = evr(&epoch, &package.version, &package.release);
        let (Some(namespace), Some(version), true) = (namespace, version, is_word(name)) else {
            let found = format!("{name} {epoch}:{}-{}", package.version, package.release);
            faults.push(format!(
                "expected a package with epoch, version and a release for AlmaLinux, found {}",
                quoted(&found)
            ));
            continue;
        };
        let module = package.module.as_deref().and_then(stream).unwrap_or_default();
        let key = Key { namespace, name: name.clone(), module: module.to_owned(), note: String::new() };
        fixes.add(key, "0", version);
    }
    (fixes, faults)
}

/// `mariadb:10.3` of `mariadb:10.3:8050020220427075058:c5368500:x86_64`.
fn stream(label: &str) -> Option<&str> {
    let (module, rest) = label.split_once(':')?;
    let stream = rest.split(':').next()?;
    (is_word(module) && is_word(stream)).then(|| &label[..module.len() + 1 + stream.len()])
}

#[derive(Deserialize)]
struct RawFile<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawErratum<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    description: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    severity: Option<Cow<'a, str>>,
    /// `security`, `bugfix`, `enhancement`.
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(default, rename = "issued_date")]
    issued: Moment,
    #[serde(default, rename = "updated_date")]
    updated: Moment,
    #[serde(default)]
    packages: Vec<RawPackage>,
    #[serde(default)]
    references: Vec<RawReference>,
}

impl RawErratum<'_> {
    /// The advisory without its packages.
    fn advisory(self, id: String) -> Advisory {
        let references = self.references;
        let cves = references.iter().map(|reference| reference.id.trim()).filter(|id| is_cve(id));
        let mut upstream: Vec<String> = cves.map(str::to_owned).collect();
        upstream.sort_unstable();
        upstream.dedup();
        let mut ratings = Vec::new();
        // `None` stands at errata that were not rated.
        let word =
            self.severity.as_deref().filter(|word| !word.eq_ignore_ascii_case("none")).unwrap_or_default();
        if let Some(severity) = word.parse().ok().filter(|&severity| severity != Severity::Unknown) {
            rating::add(&mut ratings, "almalinux", RatingScale::Word(severity));
        }
        let link = |reference: &RawReference| match reference.kind.as_str() {
            "self" => page(reference.href.clone()),
            _ => Reference { kind: "WEB".to_owned(), url: reference.href.clone() },
        };
        let links = references.iter().filter(|reference| reference.href.starts_with("https://")).map(link);
        let kind = self.kind.as_deref().unwrap_or_default();
        Advisory {
            id,
            summary: self.title.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "),
            details: self.description.unwrap_or_default().into_owned(),
            published: self.issued.instant(),
            references: links.collect(),
            ratings,
            informational: (matches!(kind, "bugfix" | "enhancement") && upstream.is_empty())
                .then(|| kind.to_owned()),
            upstream,
            ..Advisory::default()
        }
    }
}

#[derive(Deserialize)]
struct RawPackage {
    #[serde(default)]
    name: String,
    #[serde(default)]
    epoch: Loose,
    #[serde(default)]
    version: String,
    #[serde(default)]
    release: String,
    #[serde(default, rename = "arch")]
    architecture: String,
    #[serde(default)]
    module: Option<String>,
}

#[derive(Deserialize)]
struct RawReference {
    #[serde(default)]
    id: String,
    #[serde(default)]
    href: String,
    #[serde(default, rename = "type")]
    kind: String,
}

/// Seconds since 1970, UTC; anything else is no instant.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Moment(Loose);

impl Moment {
    /// RFC 3339; empty for what is none, and outside the years 1970 to 9999.
    ///
    /// The day is counted in eras of 400 years from the 1st of March of the year 0, so that the day that is not in every
    /// year is the last of its year.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 253402300799 by the check before"
    )]
    fn instant(&self) -> String {
        const END: f64 = 253_402_300_800.0;
        let Loose::Number(number) = self.0 else { return String::new() };
        if !(0.0..END).contains(&number) {
            return String::new();
        }
        let seconds = number as u64;
        let day = seconds / 86_400 + 719_468;
        let (era, day) = (day / 146_097, day % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = era * 400 + year + next;
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
#[path = "errata_tests.rs"]
mod tests;
