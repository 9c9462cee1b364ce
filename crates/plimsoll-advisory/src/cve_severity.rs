//! Tables of CVE scores: CSV with the columns `cve`, `cvss_vector`, `score`, `severity`, `source`, in any order.

use std::io::Read;

use plimsoll_model::{Ecosystem, VulnerabilityScore};

use crate::error::InvalidRecord;
use crate::rating;
use crate::seam::{About, Feed, FeedFile, Sink, Source};

/// Longest table, in bytes: 70,000 rows are 7 MiB.
const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

const ABOUT: About = About {
    name: "cve-severity",
    title: "Tables of CVE scores",
    home: "https://github.com/plimsoll-scan/plimsoll",
    licence: "that of whoever made the table",
    base: "",
    brings: "CVSS vectors, scores or words for CVEs, from a table `cve-severity.csv` of your own; nothing of packages.",
    ecosystems: &[],
    by_default: true,
    max_file_bytes: MAX_FILE_BYTES,
};

/// A table that lies in a folder.
pub(crate) struct CveSeverity;

impl Source for CveSeverity {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, _: Option<&[Ecosystem]>) -> Vec<Feed> {
        Vec::new()
    }

    fn claims(&self, path: &str, head: &[u8]) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == "cve-severity.csv" {
            return true;
        }
        let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let has = |column: &[u8]| line.split(|&byte| byte == b',').any(|name| name.trim_ascii() == column);
        is_csv(name) && has(b"cve") && (has(b"cvss_vector") || has(b"score"))
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        let (scores, failures) = parse_scores(file.bytes)?;
        for score in scores {
            sink.score(score);
        }
        for failure in failures {
            sink.fail(file.path.to_owned(), failure.to_string());
        }
        Ok(())
    }
}

fn is_csv(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("csv"))
}

/// Words in a table's `source` column and the short name of who they mean; the first that is met counts.
const SOURCES: &[(&str, &str)] = &[
    ("nvd", "nvd"),
    ("cisa adp", "cisa-adp"),
    ("cna", "cve"),
    ("bellsoft", "bellsoft"),
    ("bitnami", "bitnami"),
    ("pypa", "pypa"),
    ("rubysec", "rubysec"),
    ("rustsec", "rustsec"),
    ("node.js", "nodejs"),
    ("victims", "victims"),
    ("github", "ghsa"),
];

/// Reads a table, one row after the other. Beside the scores: the reasons for rows that could not be used.
///
/// A row's vector is taken where it has one, else its score, else its word.
///
/// # Errors
/// [`InvalidRecord`] where the first line does not name the columns `cve` and one of `cvss_vector` and `score`, or
/// the reading fails.
pub fn parse_scores(
    table: impl Read,
) -> Result<(Vec<VulnerabilityScore>, Vec<InvalidRecord>), InvalidRecord> {
    const EXPECTED: &str = "a table with the columns `cve`, `cvss_vector`, `score`, `severity`, `source`";
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(table);
    let headers = reader
        .headers()
        .map_err(|error| InvalidRecord { expected: EXPECTED, found: error.to_string() })?
        .clone();
    let column =
        |name: &str| headers.iter().position(|header| header.trim().trim_start_matches('\u{feff}') == name);
    let (cve, vector, score) = (column("cve"), column("cvss_vector"), column("score"));
    let (word, source) = (column("severity"), column("source"));
    if cve.is_none() || (vector.is_none() && score.is_none()) {
        let found = headers.iter().collect::<Vec<_>>().join(",").chars().take(200).collect::<String>();
        return Err(InvalidRecord { expected: EXPECTED, found: format!("`{found}`") });
    }

    let mut scores = Vec::new();
    let mut failures = Vec::new();
    let mut row = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut row) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) if matches!(error.kind(), csv::ErrorKind::Io(_)) => {
                return Err(InvalidRecord { expected: EXPECTED, found: error.to_string() });
            }
            Err(error) => {
                failures.push(InvalidRecord { expected: "a row of UTF-8 text", found: error.to_string() });
                continue;
            }
        }
        let field =
            |column: Option<usize>| column.and_then(|index| row.get(index)).unwrap_or_default().trim();
        let scale = [vector, score, word].into_iter().find_map(|column| rating::scale(field(column)));
        let id = field(cve);
        match scale {
            Some(scale) if !id.is_empty() && id.len() <= 64 => scores.push(VulnerabilityScore {
                id: id.to_owned(),
                rating: plimsoll_model::Rating { source: short_source(field(source)), scale },
            }),
            // A row that leaves all three open says nothing, which is no fault.
            None if [vector, score].iter().all(|&column| field(column).is_empty()) => {}
            scale => failures.push(InvalidRecord {
                expected: "a CVE, and a CVSS vector or score",
                found: format!(
                    "`{}` with {} in line {}",
                    id.chars().take(60).collect::<String>(),
                    if scale.is_some() { "a severity" } else { "none" },
                    row.position().map_or(0, csv::Position::line)
                ),
            }),
        }
    }
    Ok((scores, failures))
}

/// `NVD (quoted by …)` is `nvd`; a source that is not known keeps its own words, in lower case.
fn short_source(text: &str) -> String {
    let lower = text.to_lowercase();
    match SOURCES.iter().find(|(word, _)| lower.contains(word)) {
        Some((_, short)) => (*short).to_owned(),
        None => lower,
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{RatingScale, Severity};

    use super::*;

    #[test]
    fn a_row_gives_its_vector_or_else_its_score_or_else_its_word() {
        let table = "cve,cvss_vector,score,severity,source\n\
            CVE-1,CVSS:3.1/AV:N,9.8,CRITICAL,\"NVD (quoted by X, 2020)\"\n\
            CVE-2,,7.5,HIGH,RubySec (score only)\n\
            CVE-3,,,LOW,Somebody New\n\
            CVE-4,,,,NVD\n\
            CVE-5,,99,HIGH\n\
            ,CVSS:3.1/AV:N,9.8,CRITICAL,NVD\n";
        let (scores, failures) = parse_scores(table.as_bytes()).unwrap();
        let short: Vec<_> = scores
            .iter()
            .map(|s| (s.id.as_str(), s.rating.source.as_str(), s.rating.scale.clone()))
            .collect();
        assert_eq!(
            short,
            [
                ("CVE-1", "nvd", RatingScale::Cvss("CVSS:3.1/AV:N".into())),
                ("CVE-2", "rubysec", RatingScale::Score(75)),
                ("CVE-3", "somebody new", RatingScale::Word(Severity::Low)),
                ("CVE-5", "", RatingScale::Word(Severity::High)),
            ]
        );
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(
            failures[0].to_string(),
            "expected a CVE, and a CVSS vector or score, found `` with a severity in line 7"
        );
    }

    #[test]
    fn columns_are_found_by_name() {
        let (scores, _) = parse_scores(&b"\xef\xbb\xbfscore,cve\n5.0,CVE-1\n"[..]).unwrap();
        assert_eq!(scores[0].rating.scale, RatingScale::Score(50));
        for table in ["", "a,b\n1,2\n", "cve\nCVE-1\n"] {
            assert!(parse_scores(table.as_bytes()).is_err(), "{table}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_a_failure_of_their_row() {
        let (scores, failures) = parse_scores(&b"cve,score\nCVE-1,\xff\nCVE-2,5\n"[..]).unwrap();
        assert_eq!((scores.len(), failures.len()), (1, 1));
    }
}
