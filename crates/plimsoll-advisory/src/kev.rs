//! CISA's catalogue of known exploited vulnerabilities (KEV).
//!
//! Source: <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>, its JSON schema of 2024.

use plimsoll_model::{Ecosystem, KevEntry};
use serde::Deserialize;

use crate::error::InvalidRecord;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};

/// Longest catalogue, in bytes: 1,500 entries are 2 MiB.
const MAX_FILE_BYTES: u64 = 128 * 1024 * 1024;

const ABOUT: About = About {
    name: "kev",
    title: "CISA Known Exploited Vulnerabilities",
    home: "https://www.cisa.gov/known-exploited-vulnerabilities-catalog",
    licence: "CC0-1.0",
    base: "https://www.cisa.gov/sites/default/files/feeds/",
    brings: "Which CVEs are known to be exploited, since when, and by ransomware; nothing of packages.",
    ecosystems: &[],
    by_default: true,
    max_file_bytes: MAX_FILE_BYTES,
};

/// The catalogue.
pub(crate) struct Kev;

impl Source for Kev {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, _: Option<&[Ecosystem]>) -> Vec<Feed> {
        vec![Feed {
            source: ABOUT.name,
            path: "known_exploited_vulnerabilities.json".to_owned(),
            scope: String::new(),
            kind: FeedKind::File,
        }]
    }

    fn claims(&self, path: &str, _: &[u8]) -> bool {
        matches!(path.rsplit('/').next(), Some("kev.json" | "known_exploited_vulnerabilities.json"))
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        let (entries, failures) = parse_kev(file.bytes)?;
        for entry in entries {
            sink.kev(entry);
        }
        for failure in failures {
            sink.fail(file.path.to_owned(), failure.to_string());
        }
        Ok(())
    }
}

/// Reads the catalogue. Beside the entries: the reasons for those that could not be used.
///
/// # Errors
/// [`InvalidRecord`] for what is no such catalogue.
pub fn parse_kev(bytes: &[u8]) -> Result<(Vec<KevEntry>, Vec<InvalidRecord>), InvalidRecord> {
    let catalogue: RawCatalogue = serde_json::from_slice(bytes)
        .map_err(|error| InvalidRecord::json("the KEV catalogue with its `vulnerabilities`", &error))?;
    let mut entries = Vec::with_capacity(catalogue.vulnerabilities.len());
    let mut failures = Vec::new();
    for (index, raw) in catalogue.vulnerabilities.into_iter().enumerate() {
        let id = raw.cve_id.unwrap_or_default().trim().to_owned();
        if id.is_empty() || id.len() > 64 {
            let found = format!("`{}` in entry {index}", id.chars().take(60).collect::<String>());
            failures.push(InvalidRecord { expected: "a `cveID` of 1 to 64 bytes", found });
            continue;
        }
        entries.push(KevEntry {
            id,
            date_added: raw.date_added.unwrap_or_default(),
            due_date: raw.due_date.unwrap_or_default(),
            ransomware: raw.ransomware.is_some_and(|text| text.eq_ignore_ascii_case("known")),
            name: raw.name.unwrap_or_default(),
        });
    }
    Ok((entries, failures))
}

#[derive(Deserialize)]
struct RawCatalogue {
    vulnerabilities: Vec<RawEntry>,
}

#[derive(Deserialize)]
struct RawEntry {
    #[serde(rename = "cveID")]
    cve_id: Option<String>,
    #[serde(rename = "vulnerabilityName")]
    name: Option<String>,
    #[serde(rename = "dateAdded")]
    date_added: Option<String>,
    #[serde(rename = "dueDate")]
    due_date: Option<String>,
    #[serde(rename = "knownRansomwareCampaignUse")]
    ransomware: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_bad_ones_reported() {
        let json = r#"{"title": "t", "count": 3, "vulnerabilities": [
            {"cveID": "CVE-2021-44228", "vendorProject": "Apache", "vulnerabilityName": "Log4j2 RCE",
             "dateAdded": "2021-12-10", "dueDate": "2021-12-24", "knownRansomwareCampaignUse": "Known"},
            {"cveID": "CVE-2025-1", "knownRansomwareCampaignUse": "Unknown"},
            {"vulnerabilityName": "nameless"}]}"#;
        let (entries, failures) = parse_kev(json.as_bytes()).unwrap();
        assert_eq!(
            entries[0],
            KevEntry {
                id: "CVE-2021-44228".into(),
                date_added: "2021-12-10".into(),
                due_date: "2021-12-24".into(),
                ransomware: true,
                name: "Log4j2 RCE".into(),
            }
        );
        assert!(!entries[1].ransomware && entries.len() == 2);
        assert_eq!(failures[0].to_string(), "expected a `cveID` of 1 to 64 bytes, found `` in entry 2");
    }

    #[test]
    fn what_is_no_catalogue_is_refused() {
        for json in ["", "{}", "[]", r#"{"vulnerabilities": 3}"#, r#"{"vulnerabilities": [3]}"#] {
            assert!(parse_kev(json.as_bytes()).is_err(), "{json}");
        }
        assert_eq!(parse_kev(br#"{"vulnerabilities": []}"#).unwrap(), (vec![], vec![]));
    }
}
