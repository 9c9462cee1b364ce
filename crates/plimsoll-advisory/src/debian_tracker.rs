//! Debian's security tracker: what Debian has decided about each flaw in each package of each release.
//!
//! One document holds all: source package, flaw, release. Gathered by flaw, one advisory each, `DEBIAN-CVE-…`; what has
//! no CVE yet keeps its `TEMP-…`.
//!
//! | the tracker says | becomes |
//! | --- | --- |
//! | `resolved` in version `0` | not affected, whatever the version |
//! | `resolved` in a version | affected before it |
//! | `open` | affected, whatever the version |
//! | … with `nodsa_reason` `ignored`, `postponed` | will not be fixed, fix deferred |
//! | … with urgency `end-of-life` | the package gets no fixes in this release any more |
//! | `undetermined` | nobody has judged it yet |
//!
//! Source: <https://security-team.debian.org/security_tracker.html>, sections "Severity levels", "Issues not warranting
//! a security advisory"; the shape of the document by its own content.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plimsoll_model::{Advisory, Affected, AffectedStatus, Ecosystem, Namespace, Reference};
use serde::Deserialize;

use crate::entry::{all_versions, fixed_in, note, page, quoted};
use crate::erratum::{is_cve, is_id, is_word};
use crate::error::InvalidRecord;
use crate::loose::Loose;
use crate::rating;
use crate::raw::{RawMap, object};
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::skip::Skip;

/// The tracker.
pub(crate) struct DebianTracker;

static ABOUT: About = About {
    name: "debian-tracker",
    title: "Debian security tracker",
    home: "https://security-tracker.debian.org/",
    licence: "not stated; Debian's security team welcomes any use",
    base: "https://security-tracker.debian.org/",
    brings: "What Debian has decided: not affected, will not be fixed, put off, end of life. It has the releases that are \
             still supported, and no dates.",
    ecosystems: &[Ecosystem::Debian],
    by_default: true,
    max_file_bytes: 512 << 20,
};

const PATH: &str = "tracker/data/json";

/// Code names of releases, in the order of their numbers.
///
/// Source: Debian release notes; the names up to 15 are announced.
const RELEASES: &[(&str, &str)] = &[
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
];

/// The release without a number. An image of it calls itself by the name of the release to come, as testing does, so
/// where a package is not in testing, this speaks for it.
const UNSTABLE: &str = "sid";

impl Source for DebianTracker {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        if ecosystems.is_some_and(|wanted| !wanted.contains(&Ecosystem::Debian)) {
            return Vec::new();
        }
        let (path, scope) = (PATH.to_owned(), Ecosystem::Debian.to_string());
        vec![Feed { source: ABOUT.name, path, scope, kind: FeedKind::File }]
    }

    fn claims(&self, path: &str, head: &[u8]) -> bool {
        let has = |key: &str| head.windows(key.len()).any(|window| window == key.as_bytes());
        let is_object = head.trim_ascii_start().starts_with(b"{");
        is_object && (path.ends_with(PATH) || (has("\"releases\":") && has("\"repositories\":")))
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        const EXPECTED: &str = "the tracker's object of source packages";
        let packages: RawMap<'_> =
            serde_json::from_slice(file.bytes).map_err(|error| InvalidRecord::json(EXPECTED, &error))?;
        if packages.0.is_empty() {
            return Err(InvalidRecord { expected: EXPECTED, found: "none".to_owned() });
        }
        let mut flaws: BTreeMap<Cow<'_, str>, Flaw<'_>> = BTreeMap::new();
        for (package, issues) in packages.0 {
            let place = |id: &str| format!("{}: {}", file.path, quoted(&format!("{package} {id}")));
            if !is_word(&package) {
                sink.fail(place(""), "expected the name of a source package, found none".to_owned());
                continue;
            }
            let issues: RawMap<'_> = match serde_json::from_str(issues.get()) {
                Ok(issues) => issues,
                Err(error) => {
                    sink.fail(place(""), InvalidRecord::json("an object of flaws", &error).to_string());
                    continue;
                }
            };
            for (id, issue) in issues.0 {
                let issue: Result<RawIssue<'_>, _> = object(issue);
                match issue {
                    Ok(issue) if is_id(&id) => flaws.entry(id).or_default().add(package.clone(), issue),
                    Ok(_) => sink.fail(place(&id), "expected an ID without blanks, found another".to_owned()),
                    Err(error) => {
                        sink.fail(place(&id), InvalidRecord::json("a flaw's releases", &error).to_string());
                    }
                }
            }
        }
        // The release to come is the highest that anything is said of.
        let numbers = flaws.values().flat_map(Flaw::releases).filter_map(|(name, _)| place_of(name));
        let testing = numbers.max();
        for (id, flaw) in flaws {
            hand_on(file.path, &id, flaw, testing, sink);
        }
        Ok(())
    }
}

/// The place of a code name in [`RELEASES`].
fn place_of(name: &str) -> Option<usize> {
    RELEASES.iter().position(|(known, _)| *known == name)
}

/// All that is said of one flaw.
#[derive(Default)]
struct Flaw<'a> {
    description: Option<Cow<'a, str>>,
    bugs: Vec<String>,
    /// Source packages, in the order of the document.
    packages: Vec<(Cow<'a, str>, Releases<'a>)>,
}

impl<'a> Flaw<'a> {
    fn add(&mut self, package: Cow<'a, str>, issue: RawIssue<'a>) {
        if self.description.is_none() {
            self.description = issue.description.filter(|text| !text.is_empty());
        }
        let bug = issue.bug.into_text().filter(|bug| bug.bytes().all(|byte| byte.is_ascii_digit()));
        self.bugs.extend(bug.filter(|bug| !bug.is_empty() && bug != "0" && !self.bugs.contains(bug)));
        self.packages.push((package, issue.releases));
    }

    fn releases(&self) -> impl Iterator<Item = (&str, &RawRelease<'a>)> {
        self.packages.iter().flat_map(|(_, releases)| &releases.0).map(|(name, release)| (&**name, release))
    }
}

fn hand_on(path: &str, id: &str, flaw: Flaw<'_>, testing: Option<usize>, sink: &mut Sink<'_>) {
    let mut affected = Vec::new();
    for (package, Releases(releases)) in &flaw.packages {
        let has = |wanted: usize| releases.iter().any(|(name, _)| place_of(name) == Some(wanted));
        for (name, release) in releases {
            let place = match (place_of(name), testing) {
                (Some(place), _) => place,
                (None, Some(testing)) if name == UNSTABLE => {
                    if has(testing) {
                        continue;
                    }
                    testing
                }
                // Nothing but `sid`: there is no number to put it under.
                (None, _) => {
                    sink.skip(Skip::Ecosystem(format!(
                        "Debian:{}",
                        name.chars().take(40).collect::<String>()
                    )));
                    continue;
                }
            };
            let namespace = Namespace::release(Ecosystem::Debian, RELEASES[place].1);
            match release.judge(namespace, package) {
                Ok(Some(entry)) => affected.push(entry),
                Ok(None) => sink.skip(Skip::NoVersions),
                Err(found) => {
                    let place = format!("{path}: {package} {id} {name}");
                    sink.fail(place, format!("expected `open`, `resolved` or `undetermined`, found {found}"));
                }
            }
        }
    }
    let (own, upstream) =
        if is_cve(id) { (format!("DEBIAN-{id}"), vec![id.to_owned()]) } else { (id.to_owned(), Vec::new()) };
    if affected.is_empty() {
        return sink.empty(own, String::new());
    }
    let mut references = vec![page(format!("{}tracker/{id}", ABOUT.base))];
    references.extend(
        flaw.bugs.iter().map(|bug| Reference {
            kind: "REPORT".to_owned(),
            url: format!("https://bugs.debian.org/{bug}"),
        }),
    );
    sink.advisory(Advisory {
        id: own,
        upstream,
        details: flaw.description.unwrap_or_default().into_owned(),
        references,
        affected,
        ..Advisory::default()
    });
}

#[derive(Deserialize)]
struct RawIssue<'a> {
    #[serde(borrow, default)]
    description: Option<Cow<'a, str>>,
    #[serde(default, rename = "debianbug")]
    bug: Loose,
    #[serde(borrow, default)]
    releases: Releases<'a>,
}

/// Releases by their code names. Read through [`RawMap`], because a map of borrowed keys keeps no order.
#[derive(Default)]
struct Releases<'a>(Vec<(Cow<'a, str>, RawRelease<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Releases<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawMap::deserialize(deserializer)?;
        let read = |(name, value): (Cow<'a, str>, &'a serde_json::value::RawValue)| {
            Ok((name, object(value).map_err(serde::de::Error::custom)?))
        };
        raw.0.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

#[derive(Deserialize)]
struct RawRelease<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    fixed_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    urgency: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    nodsa: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    nodsa_reason: Option<Cow<'a, str>>,
}

impl RawRelease<'_> {
    /// `None` where a fix is said to be, and not in which version.
    fn judge(&self, namespace: Namespace, package: &str) -> Result<Option<Affected>, String> {
        let fixed = self.fixed_version.as_deref().map(str::trim).filter(|version| is_word(version));
        let mut entry = match (self.status.as_deref(), fixed) {
            (Some("resolved"), Some("0")) => all_versions(namespace, package, AffectedStatus::NotAffected),
            (Some("resolved"), Some(version)) => fixed_in(namespace, package, version),
            (Some("resolved"), None) => return Ok(None),
            // A fix that is known, and not in the release yet.
            (Some("open"), Some(version)) if version != "0" => {
                Affected { status: self.plan(), ..fixed_in(namespace, package, version) }
            }
            (Some("open"), _) => all_versions(namespace, package, self.plan()),
            (Some("undetermined"), _) => all_versions(namespace, package, AffectedStatus::UnderInvestigation),
            (other, _) => return Err(other.map_or_else(|| "none".to_owned(), quoted)),
        };
        // Why there was no advisory of its own says nothing any more once there is a fix.
        if self.status.as_deref() != Some("resolved") || entry.status == AffectedStatus::NotAffected {
            entry.note = note(self.nodsa.as_deref().unwrap_or_default());
        }
        if let Some(scale) = self.urgency.as_deref().and_then(rating::scale) {
            rating::add(&mut entry.ratings, "debian", scale);
        }
        Ok(Some(entry))
    }

    /// What is to be expected of an open flaw.
    fn plan(&self) -> AffectedStatus {
        match (self.urgency.as_deref(), self.nodsa_reason.as_deref()) {
            (Some("end-of-life"), _) => AffectedStatus::EndOfLife,
            (_, Some("ignored")) => AffectedStatus::WillNotFix,
            (_, Some("postponed")) => AffectedStatus::FixDeferred,
            _ => AffectedStatus::Affected,
        }
    }
}

#[cfg(test)]
#[path = "debian_tracker_tests.rs"]
mod tests;
