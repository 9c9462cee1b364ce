//! NIST's National Vulnerability Database: what is said of a CVE by itself.
//!
//! Source: CVE API 2.0 JSON schema, <https://csrc.nist.gov/schema/nvd/api/2.0/cve_api_json_2.0.schema>, in which the
//! year feeds of <https://nvd.nist.gov/vuln/data-feeds> are written. A feed is written anew each day, so the `modified`
//! feed, which tells eight days' changes again, is not needed.
//!
//! A CVE becomes an advisory without packages. Its `configurations` are not read: they name products by CPE, from which
//! packages can only be guessed.

use std::borrow::Cow;
use std::fmt;

use plimsoll_model::{Advisory, Ecosystem, Rating, Reference};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::InvalidRecord;
use crate::rating;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::text::instant;

/// Years that have a feed; the first holds all CVEs before it too. The last grows with the calendar: one line a year.
const YEARS: std::ops::RangeInclusive<u16> = 2002..=2026;
/// Longest year, in bytes of JSON: that of 2024 is 200 MiB.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;
/// Longest ID, in bytes.
const MAX_ID_BYTES: usize = 64;
/// References of one CVE that are kept.
const MAX_REFERENCES: usize = 500;
/// How NVD names itself as the source of a metric.
const NVD: &str = "nvd@nist.gov";
/// How it names CISA's programme that adds to CVE records ("ADP Vulnrichment").
const CISA_ADP: &str = "134c704f-9b21-4f2e-91b3-4a467353bcc0";

const ABOUT: About = About {
    name: "nvd",
    title: "NIST National Vulnerability Database",
    home: "https://nvd.nist.gov/",
    licence: "public domain; NIST asks to say that a product using its data is neither endorsed nor certified by NVD",
    base: "https://nvd.nist.gov/feeds/json/cve/2.0/",
    brings: "Descriptions, CWEs and CVSS vectors of CVEs by NVD, the CNA and CISA; nothing of packages; 200 MB to fetch.",
    ecosystems: &[],
    by_default: false,
    max_file_bytes: MAX_FILE_BYTES,
};

/// The year feeds.
pub(crate) struct Nvd;

impl Source for Nvd {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, _: Option<&[Ecosystem]>) -> Vec<Feed> {
        YEARS
            .map(|year| Feed {
                source: ABOUT.name,
                path: format!("nvdcve-2.0-{year}.json.gz"),
                scope: year.to_string(),
                kind: FeedKind::File,
            })
            .collect()
    }

    fn claims(&self, path: &str, head: &[u8]) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let has = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
        name.starts_with("nvdcve-2.0-") || has(b"\"NVD_CVE\"")
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        const EXPECTED: &str = "an NVD feed with its `vulnerabilities`";
        let mut deserializer = serde_json::Deserializer::from_slice(file.bytes);
        let has_list = deserializer
            .deserialize_map(FeedVisitor { path: file.path, sink })
            .and_then(|has_list| deserializer.end().map(|()| has_list))
            .map_err(|error| InvalidRecord::json(EXPECTED, &error))?;
        if !has_list {
            return Err(InvalidRecord { expected: EXPECTED, found: "none".to_owned() });
        }
        Ok(())
    }
}

/// The feed's object; says whether it has the list.
struct FeedVisitor<'f, 's, 'a> {
    path: &'f str,
    sink: &'s mut Sink<'a>,
}

impl<'de> Visitor<'de> for FeedVisitor<'_, '_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a feed of NVD")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut has_list = false;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "vulnerabilities" {
                has_list = true;
                map.next_value_seed(Records { path: self.path, sink: &mut *self.sink })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(has_list)
    }
}

/// The list, of which each item is read and handed on before the next.
struct Records<'f, 's, 'a> {
    path: &'f str,
    sink: &'s mut Sink<'a>,
}

impl<'de> DeserializeSeed<'de> for Records<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of CVEs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0_u64;
        while let Some(item) = list.next_element::<&'de RawValue>()? {
            if let Err(error) = record(item.get(), self.sink) {
                self.sink.fail(format!("{}: item {index}", self.path), error.to_string());
            }
            index += 1;
        }
        Ok(())
    }
}

fn record(json: &str, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
    let raw: RawItem<'_> =
        serde_json::from_str(json).map_err(|error| InvalidRecord::json("a CVE of NVD", &error))?;
    let cve = raw.cve;
    if !cve.id.starts_with("CVE-")
        || cve.id.len() > MAX_ID_BYTES
        || !cve.id.bytes().all(|b| b.is_ascii_graphic())
    {
        let found = format!("`{}`", crate::text::excerpt(cve.id.as_bytes()));
        return Err(InvalidRecord { expected: "an `id` that is a CVE", found });
    }
    let id = cve.id.into_owned();
    let modified = instant_of(cve.modified.as_deref());
    if cve.status.is_some_and(|status| status == "Rejected") {
        sink.withdrawn(id, modified);
        return Ok(());
    }
    let issuer = cve.issuer.unwrap_or_default();
    let mut ratings = Vec::new();
    // The newest version first: of several in one rating's worth the caller takes the first.
    for metric in [cve.metrics.v40, cve.metrics.v31, cve.metrics.v30, cve.metrics.v2].into_iter().flatten() {
        add_metric(&mut ratings, &issuer, &metric);
    }
    let descriptions = cve.descriptions.into_iter();
    let details =
        descriptions.filter(|text| text.lang == "en").map(|text| text.value).next().unwrap_or_default();
    let mut cwes: Vec<String> = cve
        .weaknesses
        .into_iter()
        .flat_map(|weakness| weakness.description)
        .map(|text| text.value.into_owned())
        .filter(|value| {
            value.strip_prefix("CWE-").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        })
        .collect();
    cwes.sort_unstable();
    cwes.dedup();
    let mut references: Vec<Reference> = Vec::new();
    for raw in cve.references.into_iter().filter(|raw| !raw.url.is_empty()) {
        // NVD and the CNA often name the same page.
        if references.len() < MAX_REFERENCES && references.iter().all(|known| known.url != raw.url) {
            references.push(Reference { kind: kind(&raw.tags).to_owned(), url: raw.url.into_owned() });
        }
    }
    sink.advisory(Advisory {
        id,
        details: details.into_owned(),
        published: instant_of(cve.published.as_deref()),
        modified,
        references,
        ratings,
        cwes,
        ..Advisory::default()
    });
    Ok(())
}

fn add_metric(ratings: &mut Vec<Rating>, issuer: &str, metric: &RawMetric<'_>) {
    let source = match metric.source.as_deref().unwrap_or_default() {
        NVD => "nvd",
        CISA_ADP => "cisa-adp",
        // What others say of it stands in the CVE record; mostly it is the CNA, `issuer`.
        _ if !issuer.is_empty() => "cve",
        _ => return,
    };
    if let Some(scale) = metric.data.vector.as_deref().and_then(rating::scale) {
        rating::add(ratings, source, scale);
    }
}

/// NVD writes UTC without saying so.
fn instant_of(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    let known = instant(text);
    if known.is_empty() { instant(&format!("{text}Z")) } else { known }
}

/// The kind of a reference, in OSV's words, by NVD's tags.
fn kind(tags: &[Cow<'_, str>]) -> &'static str {
    let has = |tag: &str| tags.iter().any(|known| known == tag);
    match () {
        () if has("Patch") => "FIX",
        () if has("Vendor Advisory") || has("Third Party Advisory") || has("US Government Resource") => {
            "ADVISORY"
        }
        () if has("Exploit") => "EVIDENCE",
        () if has("Issue Tracking") => "REPORT",
        () => "WEB",
    }
}

#[derive(Deserialize)]
struct RawItem<'a> {
    #[serde(borrow)]
    cve: RawCve<'a>,
}

#[derive(Deserialize)]
struct RawCve<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "sourceIdentifier")]
    issuer: Option<Cow<'a, str>>,
    #[serde(borrow)]
    published: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "lastModified")]
    modified: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "vulnStatus")]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    descriptions: Vec<RawText<'a>>,
    #[serde(borrow, default)]
    metrics: RawMetrics<'a>,
    #[serde(borrow, default)]
    weaknesses: Vec<RawWeakness<'a>>,
    #[serde(borrow, default)]
    references: Vec<RawReference<'a>>,
}

#[derive(Deserialize)]
struct RawText<'a> {
    #[serde(borrow, default)]
    lang: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct RawMetrics<'a> {
    #[serde(borrow, default, rename = "cvssMetricV40")]
    v40: Vec<RawMetric<'a>>,
    #[serde(borrow, default, rename = "cvssMetricV31")]
    v31: Vec<RawMetric<'a>>,
    #[serde(borrow, default, rename = "cvssMetricV30")]
    v30: Vec<RawMetric<'a>>,
    #[serde(borrow, default, rename = "cvssMetricV2")]
    v2: Vec<RawMetric<'a>>,
}

#[derive(Deserialize)]
struct RawMetric<'a> {
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "cvssData")]
    data: RawCvss<'a>,
}

#[derive(Default, Deserialize)]
struct RawCvss<'a> {
    #[serde(borrow, rename = "vectorString")]
    vector: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawWeakness<'a> {
    #[serde(borrow, default)]
    description: Vec<RawText<'a>>,
}

#[derive(Deserialize)]
struct RawReference<'a> {
    #[serde(borrow, default)]
    url: Cow<'a, str>,
    #[serde(borrow, default)]
    tags: Vec<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use plimsoll_model::RatingScale;

    use super::*;
    use crate::testing::{advisories, read};

    const FEED: &str = include_str!("../testdata/nvd/nvdcve-2.0-2021.json");

    #[test]
    fn a_cve_becomes_an_advisory_of_no_package() {
        let advisories = advisories(&Nvd, "nvdcve-2.0-2021.json", FEED.as_bytes()).unwrap();
        let log4j = &advisories[0];
        assert_eq!((log4j.id.as_str(), log4j.source.as_str()), ("CVE-2021-44228", "nvd"));
        assert!(log4j.affected.is_empty());
        assert_eq!(log4j.details, "JNDI features of Apache Log4j2 allow remote code execution.");
        assert_eq!(log4j.published, "2021-12-10T10:15:09.143Z");
        assert_eq!(log4j.modified, "2025-04-03T20:53:22.977Z");
        assert_eq!(log4j.cwes, ["CWE-20", "CWE-502"]);
        let references: Vec<_> = log4j.references.iter().map(|r| (r.kind.as_str(), r.url.as_str())).collect();
        assert_eq!(
            references,
            [
                ("FIX", "https://logging.apache.org/log4j/2.x/security.html"),
                ("ADVISORY", "https://www.oracle.com/security-alerts/cpujan2022.html"),
                ("WEB", "http://www.openwall.com/lists/oss-security/2021/12/10/1"),
            ]
        );
        let ratings: Vec<_> = advisories
            .iter()
            .flat_map(|advisory| &advisory.ratings)
            .map(|rating| match &rating.scale {
                RatingScale::Cvss(vector) => (rating.source.as_str(), vector.as_str()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            ratings,
            [
                ("nvd", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"),
                ("cisa-adp", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"),
                ("nvd", "AV:N/AC:M/Au:N/C:C/I:C/A:C"),
                ("cve", "CVSS:4.0/AV:L/AC:L/AT:N/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"),
                ("nvd", "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"),
            ]
        );
    }

    #[test]
    fn rejected_cves_are_withdrawn_and_broken_ones_cost_no_other() {
        let (seen, report) = read(&Nvd, "nvd.json", FEED.as_bytes()).unwrap();
        assert_eq!(seen, ["nvd CVE-2021-44228", "nvd CVE-2021-3156", "nvd -CVE-2021-0001"]);
        assert_eq!((report.records, report.withdrawn, report.failed), (5, 1, 2));
        assert_eq!(report.failures[0].place, "nvd.json: item 3");
        assert_eq!(report.failures[0].reason, "expected an `id` that is a CVE, found `not a CVE`");
    }

    #[test]
    fn what_is_no_feed_is_refused() {
        for json in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"vulnerabilities": 3}"#,
            r#"{"vulnerabilities": [}"#,
            r#"{"vulnerabilities": []} x"#,
            &FEED[..FEED.len() / 2],
        ] {
            assert!(read(&Nvd, "nvd.json", json.as_bytes()).is_err(), "{json}");
        }
        assert_eq!(read(&Nvd, "nvd.json", br#"{"vulnerabilities": []}"#).unwrap().0.len(), 0);
        let deep = format!(r#"{{"vulnerabilities": [{}"#, "[".repeat(100_000));
        assert!(read(&Nvd, "nvd.json", deep.as_bytes()).is_err());
    }

    #[test]
    fn each_year_is_a_feed() {
        let feeds = Nvd.feeds(Some(&[]));
        assert_eq!(feeds.len(), 25);
        assert_eq!((feeds[0].path.as_str(), feeds[0].scope.as_str()), ("nvdcve-2.0-2002.json.gz", "2002"));
        assert!(Nvd.claims("x/nvdcve-2.0-2024.json", b""));
        assert!(Nvd.claims("x.json", br#"{"resultsPerPage":1,"format":"NVD_CVE""#));
        assert!(!Nvd.claims("x.json", br#"{"id":"CVE-2021-1"}"#));
    }
}
