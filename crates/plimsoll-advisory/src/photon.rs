//! Photon OS: which build of which package fixed which CVE, one file for each release.
//!
//! What is fetched are OVAL definitions ([`crate::photon_oval`]). Until March 2026 there were lists of flaws as JSON
//! besides, at <https://packages.broadcom.com/photon/photon_cve_metadata/>, which told of packages that are not affected, and
//! of flaws without a fix; what stands there since then names neither releases nor scores. Copies of those lists are still
//! read from files: rows are gathered by flaw, one advisory each, whose ID ends in the release,
//! `PHOTON-CVE-2024-1000/5.0`: the files speak of the same flaws, and none must take another's place. Of several fixes of
//! one flaw in one package the last counts, and one that is said to be fixed and not to be affected counts as fixed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plimsoll_model::{Advisory, Affected, Ecosystem, Namespace, RatingScale};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::entry::{PackageFixes, quoted};
use crate::erratum::{is_cve, is_id, is_word};
use crate::error::InvalidRecord;
use crate::loose::Loose;
use crate::photon_oval;
use crate::rating;
use crate::raw::object;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::skip::Skip;

/// The files.
pub(crate) struct Photon;

static ABOUT: About = About {
    name: "photon",
    title: "Photon OS security advisories",
    home: "https://github.com/vmware/photon/wiki/Security-Advisories",
    licence: "not stated",
    base: "https://packages.broadcom.com/photon/photon_oval_definitions/",
    brings: "Fixed versions and severities of Photon OS, which is in no other source; nothing of flaws without a fix.",
    ecosystems: &[Ecosystem::PhotonOs],
    by_default: true,
    max_file_bytes: 512 << 20,
};

/// Releases, by their major version; each has had one minor version, 0.
const RELEASES: &[u8] = &[1, 2, 3, 4, 5];

/// How the names of lists begin.
const FILE_START: &str = "cve_data_photon";

impl Source for Photon {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        if ecosystems.is_some_and(|wanted| !wanted.contains(&Ecosystem::PhotonOs)) {
            return Vec::new();
        }
        let feed = |release: &u8| Feed {
            source: ABOUT.name,
            path: format!("com.vmware.phsa-photon{release}.xml.gz"),
            scope: Namespace::release(Ecosystem::PhotonOs, &format!("{release}.0")).to_string(),
            kind: FeedKind::File,
        };
        RELEASES.iter().map(feed).collect()
    }

    fn claims(&self, path: &str, head: &[u8]) -> bool {
        let has = |text: &str| head.windows(text.len()).any(|window| window == text.as_bytes());
        let is_list = head.trim_ascii_start().starts_with(b"[");
        let is_rows = is_list && release_of(path).is_some() && has("\"cve_id\"") && has("\"res_ver\"");
        is_rows || photon_oval::claims(head)
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        const EXPECTED: &str = "a list of rows with `cve_id` and `res_ver`";
        if file.bytes.trim_ascii_start().first() == Some(&b'<') {
            return photon_oval::read(file, sink);
        }
        let named = Namespace::parse(file.scope).map(|namespace| namespace.release);
        let release = named.filter(|release| is_release(release));
        let Some(release) = release.or_else(|| release_of(file.path).map(str::to_owned)) else {
            return Err(InvalidRecord {
                expected: "a file of a release, named as `cve_data_photon5.0.json`",
                found: quoted(file.path),
            });
        };
        let rows: Vec<&RawValue> =
            serde_json::from_slice(file.bytes).map_err(|error| InvalidRecord::json(EXPECTED, &error))?;
        if rows.is_empty() {
            return Err(InvalidRecord { expected: EXPECTED, found: "none".to_owned() });
        }
        let mut flaws: BTreeMap<String, Flaw> = BTreeMap::new();
        for (index, row) in rows.into_iter().enumerate() {
            let read = object(row)
                .map_err(|error| InvalidRecord::json("a row with `cve_id` and `pkg`", &error).to_string())
                .and_then(|row: RawRow<'_>| row.gather(&mut flaws));
            match read {
                Ok(true) => {}
                Ok(false) => sink.skip(Skip::NoVersions),
                Err(why) => sink.fail(format!("{}: row {index}", file.path), why),
            }
        }
        let namespace = Namespace::release(Ecosystem::PhotonOs, &release);
        for (id, flaw) in flaws {
            let own = format!("PHOTON-{id}/{release}");
            let affected: Vec<Affected> =
                flaw.packages.iter().filter_map(|(name, fixes)| fixes.affected(&namespace, name)).collect();
            if affected.is_empty() {
                sink.empty(own, String::new());
                continue;
            }
            let mut ratings = Vec::new();
            if let Some(tenths) = flaw.score {
                rating::add(&mut ratings, "photon", RatingScale::Score(tenths));
            }
            sink.advisory(Advisory { id: own, upstream: vec![id], ratings, affected, ..Advisory::default() });
        }
        Ok(())
    }
}

/// The release in a file's name.
fn release_of(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let release = name.strip_prefix(FILE_START)?;
    let end = release.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(release.len());
    let release = release[..end].trim_end_matches('.');
    is_release(release).then_some(release)
}

/// `5.0`.
fn is_release(text: &str) -> bool {
    let digits = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| digits(major) && digits(minor))
}

/// All that is said of one flaw.
#[derive(Default)]
struct Flaw {
    /// The highest score, in tenths.
    score: Option<u8>,
    packages: BTreeMap<String, PackageFixes>,
}

#[derive(Deserialize)]
struct RawRow<'a> {
    #[serde(borrow, default)]
    cve_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "pkg")]
    package: Option<Cow<'a, str>>,
    #[serde(default, rename = "cve_score")]
    score: Loose,
    #[serde(borrow, default, rename = "aff_ver")]
    affected: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "res_ver")]
    resolved: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

impl RawRow<'_> {
    /// `false` for a row that neither names a fix nor says what holds.
    fn gather(self, flaws: &mut BTreeMap<String, Flaw>) -> Result<bool, String> {
        let id = self.cve_id.as_deref().unwrap_or_default().trim();
        // Beside CVEs there are names of a company's own list, `BDSA-2023-1234`, and words that are none.
        let is_named = is_cve(id) || (is_id(id) && id.starts_with("BDSA-"));
        if !is_named {
            return Err(format!("expected a CVE as `cve_id`, found {}", quoted(id)));
        }
        let package = self.package.as_deref().unwrap_or_default().trim();
        if !is_word(package) {
            return Err(format!("expected a package's name as `pkg` of `{id}`, found {}", quoted(package)));
        }
        let named = |text: Option<Cow<'_, str>>| {
            text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty() && text != "NA")
        };
        let (resolved, affected) = (named(self.resolved), named(self.affected));
        let is_safe =
            self.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("not affected"));
        let flaw = flaws.entry(id.to_owned()).or_default();
        // 0 is the score of a flaw that has none.
        let score = self.score.into_text().and_then(|text| text.trim().parse().ok()).and_then(rating::tenths);
        flaw.score = flaw.score.max(score.filter(|&tenths| tenths > 0));
        let fixes = flaw.packages.entry(package.to_owned()).or_default();
        match resolved {
            Some(version) if !is_word(&version) => {
                return Err(format!("expected a version as `res_ver` of `{id}`, found {}", quoted(&version)));
            }
            Some(version) if !fixes.versions.contains(&version) => fixes.versions.push(version),
            Some(_) => {}
            None if is_safe => fixes.never = true,
            None if affected.is_some() => fixes.open = true,
            None => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::testing::{read_to_text, survives};

    const NAME: &str = "cve_data_photon5.0.json";
    const FILE: &[u8] = include_bytes!("../testdata/photon/cve_data_photon5.0.json");

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(json: impl AsRef<[u8]>, expected: Expect) {
        expected.assert_eq(&read_to_text(&Photon, NAME, "Photon OS:5.0", json.as_ref()));
    }

    #[test]
    fn a_release_is_read() {
        check(
            FILE,
            expect![[r"
            PHOTON-BDSA-2024-3000/5.0 upstream=BDSA-2024-3000 photon=5.5
              Photon OS:5.0 mast [>=0 <3.0-1.ph5]
            PHOTON-CVE-2024-1000/5.0 upstream=CVE-2024-1000 photon=9.8
              Photon OS:5.0 hull [>=0 <2.4-10.ph5]
              Photon OS:5.0 keel [>=0] NotAffected
            PHOTON-CVE-2024-2000/5.0 upstream=CVE-2024-2000
              Photon OS:5.0 linux-esx [>=0]
            failed: cve_data_photon5.0.json: row 6: expected a CVE as `cve_id`, found `UNK-1`
        "]],
        );
    }

    #[test]
    fn what_is_broken_is_told_and_the_rest_goes_on() {
        check(
            r#"[3, {}, {"cve_id": "Re", "pkg": "hull", "res_ver": "1-1.ph5"}, {"cve_id": "CVE-2024-1000"},
                {"cve_id": "CVE-2024-1000", "pkg": "hull", "res_ver": "1 1"}, {"cve_id": "CVE-2024-1000", "pkg": "hull"},
                {"cve_id": "CVE-2024-1000", "pkg": "hull", "res_ver": 3},
                {"cve_id": "CVE-2024-2000", "pkg": "hull", "cve_score": "9.8", "res_ver": "1-1.ph5"},
                {"cve_id": "CVE-2024-3000", "pkg": "hull", "cve_score": [11], "aff_ver": "all versions are vulnerable", "res_ver": "NA"}]"#,
            expect![[r#"
                Withdrawn { source: "photon", id: "PHOTON-CVE-2024-1000/5.0", modified: "" }
                PHOTON-CVE-2024-2000/5.0 upstream=CVE-2024-2000 photon=9.8
                  Photon OS:5.0 hull [>=0 <1-1.ph5]
                PHOTON-CVE-2024-3000/5.0 upstream=CVE-2024-3000
                  Photon OS:5.0 hull [>=0]
                left out: 1 packages without a range or version that can be compared
                failed: cve_data_photon5.0.json: row 0: expected a row with `cve_id` and `pkg`, found JSON that says otherwise: invalid type: integer `3`, expected an object at line 1 column 1
                failed: cve_data_photon5.0.json: row 1: expected a CVE as `cve_id`, found ``
                failed: cve_data_photon5.0.json: row 2: expected a CVE as `cve_id`, found `Re`
                failed: cve_data_photon5.0.json: row 3: expected a package's name as `pkg` of `CVE-2024-1000`, found ``
                failed: cve_data_photon5.0.json: row 4: expected a version as `res_ver` of `CVE-2024-1000`, found `1 1`
                failed: cve_data_photon5.0.json: row 6: expected a row with `cve_id` and `pkg`, found JSON that says otherwise: invalid type: integer `3`, expected a string at line 1 column 55
            "#]],
        );
        check(
            "[]",
            expect![[r"
            error: expected a list of rows with `cve_id` and `res_ver`, found none
        "]],
        );
    }

    #[test]
    fn the_release_stands_in_the_scope_or_in_the_name() {
        for (scope, path, release) in [
            ("Photon OS:4.0", "a.json", Some("Photon OS:4.0")),
            ("", "data/cve_data_photon3.0.json", Some("Photon OS:3.0")),
            ("", "cve_data_photon3.0.json.gz", Some("Photon OS:3.0")),
            ("Photon OS", NAME, Some("Photon OS:5.0")),
            ("", "cve_data_photon.json", None),
            ("", "cve_data_photon5.json", None),
            ("", "a.json", None),
        ] {
            let text = read_to_text(&Photon, path, scope, FILE);
            match release {
                Some(release) => {
                    assert!(text.contains(&format!("  {release} hull ")), "{scope} {path}: {text}");
                }
                None => {
                    assert!(
                        text.starts_with("error: expected a file of a release"),
                        "{scope} {path}: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn foreign_bytes_do_no_harm() {
        survives(&Photon, NAME, "Photon OS:5.0", FILE);
    }
}
