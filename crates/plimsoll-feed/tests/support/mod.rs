//! A publisher on loopback, a store in a temporary folder, and files in the formats of the sources.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use flate2::Crc;
use flate2::write::{DeflateEncoder, GzEncoder};
use plimsoll_db::{Snapshot, Store};
use plimsoll_feed::{Error, FeedReport, Outcome, UpdateOptions, UpdateReport, update};
use plimsoll_model::{AdvisoryLookup, Ecosystem, Namespace};
use plimsoll_testkit::{FileServer, WebRequest};

/// The three sources that are fetched, below the server's address.
const SOURCES: &[&str] = &["osv", "kev", "epss"];

/// A publisher, and a store that is kept up to date with it.
pub(crate) struct Setting {
    pub(crate) server: FileServer,
    pub(crate) folder: PathBuf,
    pub(crate) store: Store,
    pub(crate) options: UpdateOptions,
}

impl Setting {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("plimsoll-feed-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let server = FileServer::start();
        let mut options = UpdateOptions::new("2026-01-02T03:04:05Z");
        for source in SOURCES {
            options.mirrors.insert((*source).to_owned(), vec![format!("{}{source}", server.base())]);
        }
        options.ecosystems = Some(vec![Ecosystem::PyPi]);
        options.http = plimsoll_http::Options {
            retries: 2,
            back_off: Duration::from_millis(1),
            longest_wait: Duration::from_secs(2),
            stall_timeout: Duration::from_secs(5),
            ..plimsoll_http::Options::default()
        };
        let store = Store::at(&folder);
        Self { server, folder, store, options }
    }

    /// One with KEV, EPSS and these records of PyPI.
    pub(crate) fn with(name: &str, records: &[Record]) -> Self {
        let setting = Self::new(name);
        setting.server.put("kev/known_exploited_vulnerabilities.json", kev(&["CVE-2024-0001"]).as_bytes());
        setting.server.put("epss/epss_scores-current.csv.gz", &epss(&[("CVE-2024-0001", "0.5")]));
        setting.publish("PyPI", records);
        setting
    }

    /// Puts an ecosystem's archive, list and single records there.
    pub(crate) fn publish(&self, ecosystem: &str, records: &[Record]) {
        self.server.put(&format!("osv/{ecosystem}/all.zip"), &zip(records));
        self.publish_changes(ecosystem, records);
    }

    /// Puts list and single records there, and leaves the archive as it is.
    pub(crate) fn publish_changes(&self, ecosystem: &str, records: &[Record]) {
        self.server.put(&format!("osv/{ecosystem}/modified_id.csv"), listing(records).as_bytes());
        for record in records {
            self.server.put(&format!("osv/{ecosystem}/{}.json", record.id), record.json().as_bytes());
        }
    }

    pub(crate) fn try_update(&self) -> Result<UpdateReport, Error> {
        update(&self.store, &self.options)
    }

    pub(crate) fn update(&self) -> UpdateReport {
        match self.try_update() {
            Ok(report) => report,
            Err(error) => panic!("{error}"),
        }
    }

    /// What was asked for since the last time, as `path status bytes`, sorted, without the leading slash.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked: Vec<String> = self.requests().iter().map(shown).collect();
        asked.sort();
        asked
    }

    pub(crate) fn requests(&self) -> Vec<WebRequest> {
        self.server.take_requests()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.store.current().expect("a store").expect("a generation").open_all().expect("whole partitions")
    }

    /// The advisories of a package of PyPI, sorted.
    pub(crate) fn advisories(&self, package: &str) -> Vec<String> {
        let snapshot = self.snapshot();
        let candidates = snapshot.candidates(&Namespace::whole(Ecosystem::PyPi), package).expect("whole");
        let mut ids: Vec<String> = candidates
            .iter()
            .map(|candidate| {
                let advisory = snapshot.advisory(candidate.advisory).expect("whole");
                format!("{} {}", advisory.id, advisory.modified)
            })
            .collect();
        ids.sort();
        ids
    }

    /// Files that lie in the downloads.
    pub(crate) fn downloads(&self) -> usize {
        std::fs::read_dir(self.store.downloads_path()).map_or(0, Iterator::count)
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn shown(request: &WebRequest) -> String {
    format!("{} {} {}", &request.path[1..], request.status, request.sent_bytes)
}

/// The report of one feed.
pub(crate) fn feed<'a>(report: &'a UpdateReport, name: &str) -> &'a FeedReport {
    report.feeds.iter().find(|feed| feed.name() == name).expect("a feed of that name")
}

/// Why a feed failed.
pub(crate) fn reason<'a>(report: &'a UpdateReport, name: &str) -> &'a str {
    match &feed(report, name).outcome {
        Outcome::Failed { reason } => reason,
        other => panic!("{name} did not fail: {other:?}"),
    }
}

/// A record of OSV.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) modified: String,
    pub(crate) package: String,
    pub(crate) details: String,
}

impl Record {
    pub(crate) fn new(id: &str, day: u32, package: &str) -> Self {
        Self {
            id: id.to_owned(),
            modified: format!("2025-01-{day:02}T00:00:00Z"),
            package: package.to_owned(),
            details: String::new(),
        }
    }

    pub(crate) fn json(&self) -> String {
        format!(
            r#"{{"id":"{}","modified":"{}","published":"2024-01-01T00:00:00Z","details":"{}","affected":[{{"package":{{"ecosystem":"PyPI","name":"{}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"2.0"}}]}}]}}]}}"#,
            self.id, self.modified, self.details, self.package
        )
    }
}

/// Records enough that single ones are worth fetching: some 400 KB, `PYSEC-0` and so on, of `package-0` and so on.
pub(crate) fn many() -> Vec<Record> {
    (0_u32..200)
        .map(|number| {
            let mut record = Record::new(&format!("PYSEC-{number}"), 1, &format!("package-{number}"));
            // Text that does not compress well.
            let mut state = number.wrapping_add(1);
            for _ in 0..2000 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let letter = u8::try_from(state >> 24).unwrap_or(0) % 62;
                let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
                record.details.push(char::from(letters[usize::from(letter)]));
            }
            record
        })
        .collect()
}

/// The rows of a list of records, newest first.
pub(crate) fn listing(records: &[Record]) -> String {
    let mut rows: Vec<String> =
        records.iter().map(|record| format!("{},{}\n", record.modified, record.id)).collect();
    rows.sort_by(|one, two| two.cmp(one));
    rows.concat()
}

pub(crate) fn kev(ids: &[&str]) -> String {
    let entry = |id: &&str| {
        format!(
            r#"{{"cveID":"{id}","vulnerabilityName":"n","dateAdded":"2024-01-01","dueDate":"2024-02-01","knownRansomwareCampaignUse":"Unknown"}}"#
        )
    };
    let entries: Vec<String> = ids.iter().map(entry).collect();
    format!(
        r#"{{"title":"t","catalogVersion":"1","count":{},"vulnerabilities":[{}]}}"#,
        ids.len(),
        entries.join(",")
    )
}

pub(crate) fn epss(rows: &[(&str, &str)]) -> Vec<u8> {
    let mut text =
        "#model_version:v2025.03.14,score_date:2026-01-01T00:00:00+0000\ncve,epss,percentile\n".to_owned();
    for (id, score) in rows {
        text.extend([id, ",", score, ",0.9\n"]);
    }
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).expect("memory");
    gzip.finish().expect("memory")
}

pub(crate) fn zip(records: &[Record]) -> Vec<u8> {
    let files: Vec<(String, Vec<u8>)> =
        records.iter().map(|record| (format!("{}.json", record.id), record.json().into_bytes())).collect();
    zip_of(&files)
}

/// A zip of deflated files.
///
/// Source: APPNOTE.TXT 6.3.10, 4.3.
pub(crate) fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = Crc::new();
        crc.update(content);
        let mut deflate = DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        deflate.write_all(content).expect("memory");
        let packed = deflate.finish().expect("memory");
        let offset = number(out.len());
        let mut common = Vec::new();
        common.extend([20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0]);
        for field in [crc.sum(), number(packed.len()), number(content.len())] {
            common.extend(field.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).expect("a short name").to_le_bytes());
        common.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(&packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, size) = (number(out.len()), number(directory.len()));
    let count = u16::try_from(files.len()).expect("few files");
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn number(length: usize) -> u32 {
    u32::try_from(length).expect("a small archive")
}
