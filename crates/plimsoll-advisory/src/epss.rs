//! FIRST's probabilities that a CVE is exploited (EPSS).
//!
//! Source: <https://www.first.org/epss/data_stats>: CSV with a first line
//! `#model_version:v2025.03.14,score_date:2025-11-20T12:55:00Z`, then `cve,epss,percentile`, one row a CVE, values from 0
//! to 1 with at most five decimals.

use plimsoll_model::{Ecosystem, Epss};

use crate::error::InvalidRecord;
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::text::excerpt;

/// Longest table, in bytes: 400,000 rows are 12 MiB.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Longest ID, in bytes.
const MAX_ID_BYTES: usize = 64;
/// What a share of 1 is stored as.
const WHOLE: f64 = 100_000.0;

const ABOUT: About = About {
    name: "epss",
    title: "FIRST EPSS",
    home: "https://www.first.org/epss/",
    licence: "free to use; FIRST asks to be named: https://www.first.org/epss",
    base: "https://epss.empiricalsecurity.com/",
    brings: "How probable it is that a CVE is exploited within 30 days, new each day; nothing of packages.",
    ecosystems: &[],
    by_default: true,
    max_file_bytes: MAX_FILE_BYTES,
};

/// The table of all scores of one day.
pub(crate) struct EpssScores;

impl Source for EpssScores {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, _: Option<&[Ecosystem]>) -> Vec<Feed> {
        vec![Feed {
            source: ABOUT.name,
            path: "epss_scores-current.csv.gz".to_owned(),
            scope: String::new(),
            kind: FeedKind::File,
        }]
    }

    fn claims(&self, _: &str, head: &[u8]) -> bool {
        head.starts_with(b"#model_version:") || head.starts_with(b"cve,epss,percentile")
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        const EXPECTED: &str = "a table with the columns `cve`, `epss`, `percentile`";
        let mut reader = csv::ReaderBuilder::new().flexible(true).comment(Some(b'#')).from_reader(file.bytes);
        let headers = reader
            .byte_headers()
            .map_err(|error| InvalidRecord { expected: EXPECTED, found: error.to_string() })?;
        let column = |name: &str| headers.iter().position(|header| header.trim_ascii() == name.as_bytes());
        let (Some(cve), Some(epss), Some(percentile)) = (column("cve"), column("epss"), column("percentile"))
        else {
            let found = format!("`{}`", excerpt(&headers.iter().collect::<Vec<_>>().join(&b',')));
            return Err(InvalidRecord { expected: EXPECTED, found });
        };
        let mut row = csv::ByteRecord::new();
        // The bytes are in memory, so no row fails to be read but for its content.
        while reader
            .read_byte_record(&mut row)
            .map_err(|error| InvalidRecord { expected: EXPECTED, found: error.to_string() })?
        {
            let field = |column: usize| {
                row.get(column).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default().trim()
            };
            let id = field(cve);
            match (share(field(epss)), share(field(percentile))) {
                (Some(probability), Some(percentile)) if !id.is_empty() && id.len() <= MAX_ID_BYTES => {
                    sink.epss(id.to_owned(), Epss { probability, percentile });
                }
                _ => {
                    let line = row.position().map_or(0, csv::Position::line);
                    let row = row.iter().collect::<Vec<_>>().join(&b',');
                    let found = format!("`{}`", excerpt(&row));
                    let expected = "a CVE and two numbers from 0 to 1";
                    sink.fail(
                        format!("{}: line {line}", file.path),
                        InvalidRecord { expected, found }.to_string(),
                    );
                }
            }
        }
        Ok(())
    }
}

/// A number from 0 to 1, in hundred-thousandths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to 100,000 by the check before"
)]
fn share(text: &str) -> Option<u32> {
    let share: f64 = text.parse().ok()?;
    (0.0..=1.0).contains(&share).then(|| (share * WHOLE).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::read;

    #[test]
    fn the_table_is_read() {
        let table = "#model_version:v2025.03.14,score_date:2025-11-20T12:55:00Z\n\
            cve,epss,percentile\n\
            CVE-1999-0001,0.00043,0.12345\nCVE-2021-44228,0.94358,1.0\nCVE-2,4e-05,0\n\
            CVE-3,1.1,0\nCVE-4,NaN,0\nCVE-5,0.1\n,0.1,0.1\n\n";
        let (seen, report) = read(&EpssScores, "epss.csv", table.as_bytes()).unwrap();
        assert_eq!(
            seen,
            ["epss CVE-1999-0001 43 12345", "epss CVE-2021-44228 94358 100000", "epss CVE-2 4 0"]
        );
        assert_eq!((report.epss, report.failed), (3, 4));
        assert_eq!(report.failures[0].place, "epss.csv: line 6");
        assert_eq!(
            report.failures[0].reason,
            "expected a CVE and two numbers from 0 to 1, found `CVE-3,1.1,0`"
        );
    }

    #[test]
    fn what_is_no_such_table_is_refused() {
        for table in ["", "#model_version:v1\n", "a,b\n", "<html></html>", "{\"epss\": 1}"] {
            assert!(read(&EpssScores, "epss.csv", table.as_bytes()).is_err(), "{table}");
        }
    }

    #[test]
    fn rows_of_any_bytes_are_failures() {
        let mut table = b"cve,epss,percentile\nCVE-1,\xff,0\n\"CVE-2,0,0\n".to_vec();
        table.extend(vec![b','; 100_000]);
        let (seen, report) = read(&EpssScores, "epss.csv", &table).unwrap();
        assert_eq!((seen.len(), report.failed), (0, 2));
        assert!(report.failures.iter().all(|failure| failure.reason.len() < 300));
    }
}
