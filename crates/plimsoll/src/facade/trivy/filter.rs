//! What Trivy's flags leave out of a report.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use plimsoll_model::{Finding, FixState, Package, Severity};

use super::super::words::{Given, nearest, usage};
use crate::exit::Failure;

/// Trivy's severities.
const SEVERITIES: [&str; 5] = ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"];
/// Trivy's states of fixes.
const STATUSES: [&str; 8] = [
    "unknown",
    "not_affected",
    "affected",
    "fixed",
    "under_investigation",
    "will_not_fix",
    "fix_deferred",
    "end_of_life",
];
/// Trivy's kinds of packages.
const TYPES: [&str; 2] = ["os", "library"];

/// Which findings and packages are shown.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// All, where there are none.
    severities: BTreeSet<String>,
    ignored_statuses: BTreeSet<String>,
    /// All, where there are none.
    types: BTreeSet<String>,
    skipped_folders: Vec<String>,
    skipped_files: Vec<String>,
    ignores_unfixed: bool,
}

impl Filter {
    /// What the flags say. `root` is the folder that is scanned: paths may be written from where the call is made.
    pub(super) fn read(given: &Given, root: Option<&str>) -> Result<Self, Failure> {
        let upper: Vec<String> = given.list("severity").iter().map(|word| word.to_uppercase()).collect();
        let paths = |flag: &str| given.list(flag).iter().map(|path| bare(path, root)).collect();
        Ok(Self {
            severities: words("--severity", &upper, &SEVERITIES)?,
            ignored_statuses: words("--ignore-status", given.list("ignore-status"), &STATUSES)?,
            types: words("--pkg-types", given.list("pkg-types"), &TYPES)?,
            skipped_folders: paths("skip-dirs"),
            skipped_files: paths("skip-files"),
            ignores_unfixed: given.is_on("ignore-unfixed"),
        })
    }

    /// The flags that it was read from, for what is decided about the rest: ` --severity HIGH`.
    pub(super) fn words(&self) -> String {
        let joined = |words: &BTreeSet<String>| words.iter().cloned().collect::<Vec<_>>().join(",");
        let mut text = String::new();
        for (flag, value) in [
            ("severity", joined(&self.severities)),
            ("ignore-status", joined(&self.ignored_statuses)),
            ("pkg-types", joined(&self.types)),
            ("skip-dirs", self.skipped_folders.join(",")),
            ("skip-files", self.skipped_files.join(",")),
        ] {
            if !value.is_empty() {
                let _ = write!(text, " --{flag} {value}");
            }
        }
        if self.ignores_unfixed {
            text.push_str(" --ignore-unfixed");
        }
        text
    }

    /// Whether a package is shown.
    pub(super) fn shows_package(&self, package: &Package) -> bool {
        let kind = if package.kind.is_os() { "os" } else { "library" };
        let folders = package.path.match_indices('/').map(|(at, _)| &package.path[..at]);
        let is_skipped = self.skipped_files.iter().any(|pattern| matches(pattern, &package.path))
            || folders
                .into_iter()
                .any(|folder| self.skipped_folders.iter().any(|pattern| matches(pattern, folder)));
        !is_skipped && (self.types.is_empty() || self.types.contains(kind))
    }

    /// Whether a finding is shown.
    pub(super) fn shows_finding(&self, finding: &Finding) -> bool {
        // Trivy knows five words; what a distribution calls negligible is low there.
        let severity = match finding.severity.severity {
            Severity::Negligible => Severity::Low,
            other => other,
        };
        let status = match finding.fix {
            FixState::Fixed(_) => "fixed",
            FixState::NotFixed => "affected",
            FixState::WillNotFix => "will_not_fix",
            FixState::FixDeferred => "fix_deferred",
            FixState::UnderInvestigation => "under_investigation",
            FixState::EndOfLife => "end_of_life",
        };
        (self.severities.is_empty() || self.severities.contains(severity.as_str()))
            && !self.ignored_statuses.contains(status)
            && !(self.ignores_unfixed && finding.fix.version().is_none())
    }
}

/// Words of a list, each of which must be known: a filter that is mistyped would hide everything, or nothing.
fn words(flag: &str, given: &[String], known: &[&str]) -> Result<BTreeSet<String>, Failure> {
    for word in given {
        if !known.contains(&word.as_str()) {
            let failure =
                usage(format!("cannot read `{flag}`: expected {}, found `{word}`", known.join(", ")));
            return Err(match nearest(word, known.iter().copied()) {
                Some(nearest) => failure.hint(format!("the nearest is `{nearest}`")),
                None => failure,
            });
        }
    }
    Ok(given.iter().cloned().collect())
}

/// A path from the scanned folder on, without what stands before it.
fn bare(path: &str, root: Option<&str>) -> String {
    let plain = |text: &str| text.trim_start_matches("./").trim_matches('/').to_owned();
    let (path, root) = (plain(path), root.map(plain).unwrap_or_default());
    match path.strip_prefix(&root).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if !root.is_empty() && root != "." => rest.to_owned(),
        _ => path,
    }
}

/// Whether a path matches a pattern: `*` and `?` within a name, `**` any number of folders.
fn matches(pattern: &str, path: &str) -> bool {
    let names: Vec<&str> = path.split('/').collect();
    // Which beginnings of the path, in names, what was read of the pattern matches.
    let mut reached = vec![false; names.len() + 1];
    reached[0] = true;
    for part in pattern.split('/') {
        let mut next = vec![false; names.len() + 1];
        if part == "**" {
            let mut is_behind = false;
            for (there, before) in next.iter_mut().zip(&reached) {
                is_behind |= before;
                *there = is_behind;
            }
        } else {
            for (at, name) in names.iter().enumerate() {
                next[at + 1] = reached[at] && name_matches(part, name);
            }
        }
        reached = next;
    }
    reached[names.len()]
}

/// Whether a name matches a pattern without folders. Only the last star is gone back to, which is enough, and bounds the cost
/// by the product of the lengths.
fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // What follows the last star, and how much of the name it took.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                p += 1;
                star = Some((p, n));
            }
            (Some(a), Some(b)) if *a == b'?' || a == b => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((after, taken)) if taken < name.len() => {
                    (p, n) = (after, taken + 1);
                    star = Some((after, taken + 1));
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Inventory, PackageKind};

    use super::*;

    #[test]
    fn patterns_match_within_and_across_folders() {
        for (pattern, path, expected) in [
            ("usr/lib", "usr/lib", true),
            ("usr/lib", "usr/lib64", false),
            ("usr/*", "usr/lib", true),
            ("usr/*", "usr/lib/x", false),
            ("**/node_modules", "a/b/node_modules", true),
            ("**/node_modules", "node_modules", true),
            ("**/node_modules", "a/my_node_modules", false),
            ("**", "a/b", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/x/y/c", false),
            ("*.jar", "app.jar", true),
            ("*.jar", "lib/app.jar", false),
            ("**/*.jar", "lib/x/app.jar", true),
            ("l?b", "lib", true),
            ("l?b", "l/b", false),
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
        let long = "a".repeat(2000);
        assert!(!matches(&"*a".repeat(200), &format!("{long}b")));
    }

    #[test]
    fn paths_are_taken_from_the_scanned_folder_on() {
        for (path, root, expected) in [
            ("./app/node_modules/", Some("./app"), "node_modules"),
            ("node_modules", Some("app"), "node_modules"),
            ("/usr/local", None, "usr/local"),
            ("./x", Some("."), "x"),
            ("application/x", Some("app"), "application/x"),
        ] {
            assert_eq!(bare(path, root), expected, "{path}");
        }
    }

    #[test]
    fn packages_of_other_kinds_and_skipped_folders_are_left_out() {
        let mut inventory = Inventory::default();
        for (kind, path) in [
            (PackageKind::Deb, "var/lib/dpkg/status"),
            (PackageKind::Npm, "srv/node_modules/a/package.json"),
            (PackageKind::Maven, "opt/app.jar"),
        ] {
            let mut package = plimsoll_model::Package::new(kind, "p", "1", "test");
            path.clone_into(&mut package.path);
            inventory.packages.push(package);
        }
        let left = |filter: &Filter| {
            let shown = inventory.packages.iter().filter(|package| filter.shows_package(package));
            shown.map(|package| package.kind.purl_type()).collect::<Vec<_>>()
        };
        let library = Filter { types: ["library".to_owned()].into(), ..Filter::default() };
        assert_eq!(left(&library), ["npm", "maven"]);
        let folders = Filter { skipped_folders: vec!["**/node_modules".to_owned()], ..Filter::default() };
        assert_eq!(left(&folders), ["deb", "maven"]);
        let files = Filter { skipped_files: vec!["opt/*.jar".to_owned()], ..Filter::default() };
        assert_eq!(left(&files), ["deb", "npm"]);
    }

    #[test]
    fn findings_are_left_out_by_severity_and_state() {
        let finding = |severity, fix| {
            let mut finding = Finding::new("CVE-1", vec![0]);
            finding.severity.severity = severity;
            finding.fix = fix;
            finding
        };
        let all = [
            finding(Severity::Critical, FixState::Fixed("2".to_owned())),
            finding(Severity::Negligible, FixState::WillNotFix),
            finding(Severity::Unknown, FixState::NotFixed),
        ];
        let left = |filter: &Filter| {
            let shown = all.iter().filter(|finding| filter.shows_finding(finding));
            shown.map(|finding| finding.severity.severity.as_str()).collect::<Vec<_>>()
        };
        let low = Filter { severities: ["LOW".to_owned()].into(), ..Filter::default() };
        assert_eq!(left(&low), ["NEGLIGIBLE"]);
        assert_eq!(left(&Filter { ignores_unfixed: true, ..Filter::default() }), ["CRITICAL"]);
        let status = Filter { ignored_statuses: ["affected".to_owned()].into(), ..Filter::default() };
        assert_eq!(left(&status), ["CRITICAL", "NEGLIGIBLE"]);
    }

    #[test]
    fn a_word_that_is_mistyped_is_refused() {
        let failure = words("--severity", &["HIGHT".to_owned()], &SEVERITIES).unwrap_err().to_string();
        assert!(failure.contains("found `HIGHT`") && failure.contains("the nearest is `HIGH`"), "{failure}");
    }
}
