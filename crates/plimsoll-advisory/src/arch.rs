//! Arch Linux's security tracker: groups of flaws, `AVG-…`, of packages that are built from one source.
//!
//! A group names the version in which its flaws were found and the one that fixed them. The first does not say since
//! when they were there, so all before the fix is affected. Arch has no releases: there is one namespace.
//!
//! Source: <https://wiki.archlinux.org/title/Arch_Security_Team>, "Procedure"; `issues/all.json` of the tracker.

use std::borrow::Cow;

use plimsoll_model::{Advisory, Affected, AffectedStatus, Ecosystem, Namespace, RatingScale, Severity};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::entry::{all_versions, fixed_in, note, page, quoted};
use crate::erratum::{is_id, is_word};
use crate::error::InvalidRecord;
use crate::rating;
use crate::raw::object;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};

/// The tracker.
pub(crate) struct Arch;

static ABOUT: About = About {
    name: "arch",
    title: "Arch Linux security tracker",
    home: "https://security.archlinux.org/",
    licence: "not stated",
    base: "https://security.archlinux.org/",
    brings: "Arch Linux, which is in no other source; no dates and no descriptions.",
    ecosystems: &[Ecosystem::ArchLinux],
    by_default: true,
    max_file_bytes: 128 << 20,
};

const PATH: &str = "issues/all.json";

impl Source for Arch {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        if ecosystems.is_some_and(|wanted| !wanted.contains(&Ecosystem::ArchLinux)) {
            return Vec::new();
        }
        let (path, scope) = (PATH.to_owned(), Ecosystem::ArchLinux.to_string());
        vec![Feed { source: ABOUT.name, path, scope, kind: FeedKind::File }]
    }

    fn claims(&self, _: &str, head: &[u8]) -> bool {
        let has = |text: &str| head.windows(text.len()).any(|window| window == text.as_bytes());
        head.trim_ascii_start().starts_with(b"[") && has("\"AVG-") && has("\"issues\"")
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        const EXPECTED: &str = "the tracker's list of groups";
        let groups: Vec<&RawValue> =
            serde_json::from_slice(file.bytes).map_err(|error| InvalidRecord::json(EXPECTED, &error))?;
        if groups.is_empty() {
            return Err(InvalidRecord { expected: EXPECTED, found: "none".to_owned() });
        }
        for (index, group) in groups.into_iter().enumerate() {
            let read = object(group)
                .map_err(|error| InvalidRecord::json("a group with its `packages`", &error).to_string())
                .and_then(|group: RawGroup<'_>| group.advisory());
            match read {
                Ok(advisory) => sink.advisory(advisory),
                Err(why) => sink.fail(format!("{}: group {index}", file.path), why),
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct RawGroup<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    packages: Vec<String>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    severity: Option<Cow<'a, str>>,
    /// What the flaws let an attacker do: `arbitrary code execution`.
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    fixed: Option<Cow<'a, str>>,
    #[serde(default)]
    issues: Vec<String>,
    /// `ASA-…`, the mails about the group.
    #[serde(default)]
    advisories: Vec<String>,
}

impl RawGroup<'_> {
    fn advisory(self) -> Result<Advisory, String> {
        let id = self.name.into_owned();
        if !is_id(&id) {
            return Err(format!("expected a `name` of 1 to 256 bytes without blanks, found {}", quoted(&id)));
        }
        let fixed = self.fixed.as_deref().map(str::trim).filter(|version| is_word(version));
        let status = match (&*self.status, fixed) {
            ("Not affected", _) => AffectedStatus::NotAffected,
            ("Unknown", None) => AffectedStatus::UnderInvestigation,
            ("Fixed", None) => return Err(format!("expected a version as `fixed` of `{id}`, found none")),
            // A fix in testing is one that an image can have.
            ("Fixed" | "Testing" | "Vulnerable" | "Unknown", _) => AffectedStatus::Affected,
            (other, _) => {
                return Err(format!(
                    "expected `Fixed`, `Testing`, `Vulnerable`, `Unknown` or `Not affected` as `status` of `{id}`, found {}",
                    quoted(other)
                ));
            }
        };
        let namespace = Namespace::whole(Ecosystem::ArchLinux);
        let packages = self.packages.iter().filter(|name| is_word(name));
        let affected: Vec<Affected> = packages
            .map(|name| match fixed.filter(|_| status == AffectedStatus::Affected) {
                Some(version) => fixed_in(namespace.clone(), name, version),
                None => all_versions(namespace.clone(), name, status),
            })
            .collect();
        let Some(first) = affected.first() else {
            return Err(format!("expected names of packages in `{id}`, found none"));
        };
        let mut ratings = Vec::new();
        let word = self.severity.as_deref().unwrap_or_default().parse();
        if let Some(severity) = word.ok().filter(|&severity| severity != Severity::Unknown) {
            rating::add(&mut ratings, "arch", RatingScale::Word(severity));
        }
        let kind = self.kind.as_deref().unwrap_or_default().trim();
        let pages = std::iter::once(&id).chain(&self.advisories).filter(|id| is_id(id));
        Ok(Advisory {
            summary: if matches!(kind, "" | "unknown") {
                String::new()
            } else {
                format!("{}: {}", first.name, note(kind))
            },
            references: pages.map(|id| page(format!("{}{id}", ABOUT.base))).collect(),
            upstream: self.issues.into_iter().filter(|issue| is_id(issue)).collect(),
            related: self.advisories.into_iter().filter(|id| is_id(id)).collect(),
            ratings,
            affected,
            id,
            ..Advisory::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::testing::{read_to_text, survives};

    const FILE: &[u8] = include_bytes!("../testdata/arch/all.json");

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(json: impl AsRef<[u8]>, expected: Expect) {
        expected.assert_eq(&read_to_text(&Arch, "all.json", "Arch Linux", json.as_ref()));
    }

    #[test]
    fn groups_are_read() {
        check(
            FILE,
            expect![[r#"
            AVG-9001 upstream=CVE-2024-1000,CVE-2024-1001 related=ASA-202401-1 summary="hull: arbitrary code execution" arch=HIGH
              ADVISORY https://security.archlinux.org/AVG-9001
              ADVISORY https://security.archlinux.org/ASA-202401-1
              Arch Linux hull [>=0 <2.4-1]
              Arch Linux lib32-hull [>=0 <2.4-1]
            AVG-9002 upstream=CVE-2024-2000
              ADVISORY https://security.archlinux.org/AVG-9002
              Arch Linux keel [>=0]
            AVG-9003 upstream=CVE-2024-3000 summary="mast: denial of service" arch=LOW
              ADVISORY https://security.archlinux.org/AVG-9003
              Arch Linux mast [>=0] NotAffected
        "#]],
        );
    }

    #[test]
    fn each_status_has_its_ranges() {
        for (status, fixed, expected) in [
            ("Fixed", r#""1:2-1""#, "[>=0 <1:2-1]"),
            ("Testing", r#""2-1""#, "[>=0 <2-1]"),
            ("Testing", "null", "[>=0]"),
            ("Vulnerable", "null", "[>=0]"),
            ("Vulnerable", r#""""#, "[>=0]"),
            ("Unknown", "null", "[>=0] UnderInvestigation"),
            ("Unknown", r#""2-1""#, "[>=0 <2-1]"),
            ("Not affected", "null", "[>=0] NotAffected"),
            ("Not affected", r#""2-1""#, "[>=0] NotAffected"),
        ] {
            let json = format!(
                r#"[{{"name": "AVG-1", "packages": ["hull"], "status": "{status}", "fixed": {fixed}}}]"#
            );
            let text = read_to_text(&Arch, "all.json", "", json.as_bytes());
            let found = text.lines().find_map(|line| line.strip_prefix("  Arch Linux hull "));
            assert_eq!(found, Some(expected), "{status} {fixed}: {text}");
        }
    }

    #[test]
    fn what_is_broken_is_told_and_the_rest_goes_on() {
        check(
            r#"[3, {}, {"name": "AVG-1", "packages": [], "status": "Fixed", "fixed": "1-1"},
                {"name": "AVG 2", "packages": ["hull"], "status": "Vulnerable"},
                {"name": "AVG-3", "packages": ["hull"], "status": "Fixed", "fixed": null},
                {"name": "AVG-4", "packages": ["hull"], "status": "Sunk"},
                {"name": "AVG-5", "packages": ["hull", "a b"], "status": "Vulnerable", "issues": ["", "CVE-2024-1000"]}]"#,
            expect![[r"
                AVG-5 upstream=CVE-2024-1000
                  ADVISORY https://security.archlinux.org/AVG-5
                  Arch Linux hull [>=0]
                failed: all.json: group 0: expected a group with its `packages`, found JSON that says otherwise: invalid type: integer `3`, expected an object at line 1 column 1
                failed: all.json: group 1: expected a group with its `packages`, found JSON that says otherwise: missing field `name` at line 1 column 2
                failed: all.json: group 2: expected names of packages in `AVG-1`, found none
                failed: all.json: group 3: expected a `name` of 1 to 256 bytes without blanks, found `AVG 2`
                failed: all.json: group 4: expected a version as `fixed` of `AVG-3`, found none
                failed: all.json: group 5: expected `Fixed`, `Testing`, `Vulnerable`, `Unknown` or `Not affected` as `status` of `AVG-4`, found `Sunk`
            "]],
        );
        check(
            "[]",
            expect![[r"
            error: expected the tracker's list of groups, found none
        "]],
        );
        check(
            r#"{"groups": []}"#,
            expect![[r"
            error: expected the tracker's list of groups, found JSON that says otherwise: invalid type: map, expected a sequence at line 1 column 0
        "]],
        );
    }

    #[test]
    fn foreign_bytes_do_no_harm() {
        survives(&Arch, "issues/all.json", "Arch Linux", FILE);
    }
}
