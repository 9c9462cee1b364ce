#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]

use std::io::Write as _;
use std::sync::atomic::AtomicU32;

use flate2::{Compression, write::DeflateEncoder};

use super::*;

/// A folder of its own for one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("plimsoll-advisory-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A zip of deflated entries: local headers and data, the central directory, its end.
fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let size = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in entries {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        let data = encoder.finish().unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        // Version 2.0, no flags, method 8, no time, CRC, sizes, length of the name, none of the extra field.
        let mut fields = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        fields.extend(crc.sum().to_le_bytes());
        fields.extend(size(data.len()));
        fields.extend(size(text.len()));
        fields.extend(&size(name.len())[..2]);
        fields.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(size(out.len()));
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&fields);
        out.extend(name.as_bytes());
        out.extend(data);
    }
    let start = out.len();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(&size(entries.len())[..2]);
    out.extend(&size(entries.len())[..2]);
    out.extend(size(directory.len()));
    out.extend(size(start));
    out.extend([0, 0]);
    out
}

fn osv(id: &str) -> String {
    format!(
        r#"{{"id": "{id}", "modified": "2024-01-01T00:00:00Z",
             "affected": [{{"package": {{"ecosystem": "npm", "name": "a"}}, "versions": ["1"]}}]}}"#
    )
}

/// IDs of what was read, sorted, and the report.
fn collect(paths: &[PathBuf]) -> Result<(Vec<String>, ReadReport), Error> {
    let mut ids = Vec::new();
    let report = read(paths, &mut |document| {
        ids.push(match document {
            Document::Advisory(advisory) => advisory.id,
            Document::Withdrawn { id, .. } => format!("-{id}"),
            Document::Kev(entry) => format!("kev {}", entry.id),
            Document::Score(score) => format!("score {}", score.id),
            Document::Epss { id, .. } => format!("epss {id}"),
        });
    })?;
    ids.sort();
    Ok((ids, report))
}

#[test]
fn the_layout_of_the_bulk_export_is_read() {
    let folder = Folder::new();
    folder.file("npm/all.zip", &zip(&[("A-1.json", &osv("A-1")), ("notes.txt", "x"), ("A-2.json", "{")]));
    folder.file("Red Hat/all.zip", &zip(&[("A-1.json", &osv("A-1"))]));
    folder.file("npm/modified_id.csv", b"2024,A-1\n");
    folder.file("ecosystems.txt", b"npm\n");
    folder.file("kev.json", br#"{"vulnerabilities": [{"cveID": "CVE-1"}, {}]}"#);
    folder.file("cve-severity.csv", b"cve,score\nCVE-1,5\n");
    folder.file("own/B-1.json", osv("B-1").as_bytes());
    folder.file("own/list.json", format!("[{}, {}, 3]", osv("B-2"), osv("B-3")).as_bytes());
    folder.file("own/W-1.json", br#"{"id": "W-1", "withdrawn": "2024-01-01T00:00:00Z"}"#);
    let (ids, report) = collect(&[folder.0.clone(), folder.0.join("kev.json")]).unwrap();
    assert_eq!(ids, ["-W-1", "A-1", "A-1", "B-1", "B-2", "B-3", "kev CVE-1", "score CVE-1"]);
    let shown = report.failures.iter().map(|failure| {
        let place = failure.place.rsplit_once('/').map_or("", |(_, place)| place);
        format!("{place}: {}", failure.reason)
    });
    expect_test::expect![[r#"
        kev.json: expected a `cveID` of 1 to 64 bytes, found `` in entry 1
        all.zip: A-2.json: expected an OSV record, found JSON that says otherwise: EOF while parsing an object at line 1 column 1
        list.json: item 2: expected an OSV record, found JSON that says otherwise: invalid type: integer `3`, expected struct RawRecord at line 1 column 1"#]]
    .assert_eq(&shown.collect::<Vec<_>>().join("\n"));
    expect_test::expect![[r#"
        records: 8 read, 5 usable, 1 withdrawn, 0 empty, 3 failed
        known exploited vulnerabilities: 1
        scores: 1
        ignored: 1 files `*.csv`
        ignored: 1 files `*.txt`
        ignored: 1 files `*.txt in a zip`
    "#]]
    .assert_eq(&report.to_string());
}

#[test]
fn many_records_are_all_delivered() {
    let folder = Folder::new();
    let records: Vec<(String, String)> =
        (0..1000).map(|n| (format!("A-{n}.json"), osv(&format!("A-{n}")))).collect();
    let entries: Vec<(&str, &str)> =
        records.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let path = folder.file("x.zip", &zip(&entries));
    let (ids, report) = collect(&[path]).unwrap();
    assert_eq!((ids.len(), report.usable), (1000, 1000));
}

#[test]
fn a_source_that_is_damaged_as_a_whole_is_an_error() {
    let folder = Folder::new();
    let whole = zip(&[("A-1.json", &osv("A-1")), ("A-2.json", &osv("A-2"))]);
    for end in [0, 10, whole.len() / 2, whole.len() - 30] {
        let path = folder.file("cut.zip", &whole[..end]);
        assert!(matches!(collect(&[path]), Err(Error::DamagedZip { .. })), "{end}");
    }
    // Whatever byte is wrong, the reading ends in one way or the other.
    for index in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] ^= 0x55;
        collect(&[folder.file("flip.zip", &bytes)]).ok();
    }
    let mut data = whole.clone();
    let inside = 30 + "A-1.json".len() + 20;
    data[inside] ^= 0xff;
    let path = folder.file("data.zip", &data);
    let error = collect(&[path]).unwrap_err();
    assert!(error.to_string().ends_with("data.zip`: expected a whole zip file with records"), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("cannot read zip entry `A-1.json`"), "{cause}");

    for (name, bytes) in [("kev.json", "{}"), ("list.json", "[{]"), ("a.csv", "x,y\n")] {
        let path = folder.file(name, bytes.as_bytes());
        assert!(matches!(collect(&[path]), Err(Error::WrongContent { .. })), "{name}");
    }
    let path = folder.file("a.tar", b"");
    assert!(matches!(collect(&[path]), Err(Error::UnknownKind { .. })));
    let error = collect(&[folder.0.join("missing")]).unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
}

#[test]
fn an_entry_that_is_too_large_is_one_failure() {
    let folder = Folder::new();
    let blank = " ".repeat(usize::try_from(MAX_RECORD_BYTES).unwrap() + 1);
    let path = folder.file("big.zip", &zip(&[("A-1.json", &blank), ("A-2.json", &osv("A-2"))]));
    let (ids, report) = collect(&[path]).unwrap();
    assert_eq!(ids, ["A-2"]);
    assert_eq!(report.failures[0].reason, "expected at most 16777216 bytes, found 16777217");
}
