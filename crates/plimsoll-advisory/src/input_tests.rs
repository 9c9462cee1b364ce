#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::{Compression, write::DeflateEncoder, write::GzEncoder};

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

/// What was read, sorted, and the report.
fn collect(paths: &[PathBuf]) -> Result<(Vec<String>, ReadReport), Error> {
    let mut seen = Vec::new();
    let report = read(paths, &mut |document| seen.push(crate::testing::line(&document)))?;
    seen.sort();
    Ok((seen, report))
}

/// The same of a file that was fetched as a feed.
fn fetched(name: &str, path: &str, file: &Path) -> Result<(Vec<String>, ReadReport), String> {
    let source = crate::source(name).unwrap();
    let feed = Feed {
        source: source.about().name,
        path: path.to_owned(),
        scope: "some scope".to_owned(),
        kind: crate::FeedKind::File,
    };
    let mut seen = Vec::new();
    let report = read_feed(source, &feed, file, &mut |document| seen.push(crate::testing::line(&document)))
        .map_err(|error| error.with_causes().replace(&file.display().to_string(), "FILE"))?;
    seen.sort();
    Ok((seen, report))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        // Set as bytes, so that a hostile name is not refused here already.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
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
    assert_eq!(
        ids,
        ["kev CVE-1", "osv -W-1", "osv A-1", "osv A-1", "osv B-1", "osv B-2", "osv B-3", "score CVE-1"]
    );
    let root = fs::canonicalize(&folder.0).unwrap().display().to_string();
    let shown = report
        .failures
        .iter()
        .map(|failure| format!("{}: {}", failure.place.strip_prefix(&root).unwrap(), failure.reason));
    expect_test::expect![[r#"
        /kev.json: expected a `cveID` of 1 to 64 bytes, found `` in entry 1
        /npm/all.zip/A-2.json: expected an OSV record, found JSON that says otherwise: EOF while parsing an object at line 1 column 1
        /own/list.json: item 2: expected an OSV record, found JSON that says otherwise: invalid type: integer `3`, expected struct RawRecord at line 1 column 1"#]]
    .assert_eq(&shown.collect::<Vec<_>>().join("\n"));
    expect_test::expect![[r#"
        records: 9 read, 5 usable, 1 withdrawn, 0 empty, 3 failed
        known exploited vulnerabilities: 1
        scores: 1
        ignored: 1 file `*.csv`
        ignored: 1 file `*.txt`
        ignored: 1 file `*.txt in a zip`
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
fn a_file_given_by_its_name_has_to_be_whole() {
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

    for (name, bytes) in
        [("kev.json", &b"{}"[..]), ("list.json", b"[{]"), ("cve-severity.csv", b"x,y\n"), ("A.json", b"{")]
    {
        let path = folder.file(name, bytes);
        assert!(matches!(collect(&[path]), Err(Error::WrongContent { .. })), "{name}");
    }
    let cut = gzip(osv("A-1").as_bytes());
    let path = folder.file("A-1.json.gz", &cut[..cut.len() - 9]);
    assert!(matches!(collect(&[path]), Err(Error::WrongContent { .. })));
    for (name, bytes) in [("a.tar", &b""[..]), ("a.csv", b"x,y\n"), ("a.bin", b"\x7fELF")] {
        let path = folder.file(name, bytes);
        assert!(matches!(collect(&[path]), Err(Error::UnknownKind { .. })), "{name}");
    }
    let cut = &tar(&[("A-1.json", osv("A-1").as_bytes())])[..600];
    assert!(matches!(collect(&[folder.file("cut.tar", cut)]), Err(Error::DamagedTar { .. })));
    let error = collect(&[folder.0.join("missing")]).unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
}

#[test]
fn in_a_folder_a_broken_file_costs_no_other() {
    let folder = Folder::new();
    let mut data = zip(&[("A-1.json", &osv("A-1")), ("A-2.json", &osv("A-2"))]);
    data[30 + "A-1.json".len() + 20] ^= 0xff;
    folder.file("data.zip", &data);
    folder.file("cut.zip", &data[..50]);
    folder.file("cut.tar", &tar(&[("A-3.json", osv("A-3").as_bytes())])[..600]);
    folder.file("cut.json.bz2", &bzip2(osv("A-4").as_bytes())[..40]);
    folder.file("page.json", b"<!DOCTYPE html>");
    folder.file("kev.json", b"{}");
    folder.file("old.json.xz", b"\xfd7zXZ\0\0");
    folder.file("B-1.json", osv("B-1").as_bytes());
    folder.file(".git/objects/x.json", osv("C-1").as_bytes());
    std::os::unix::fs::symlink("nowhere", folder.0.join("link.json")).unwrap();
    let (seen, report) = collect(std::slice::from_ref(&folder.0)).unwrap();
    assert_eq!(seen, ["osv A-2", "osv B-1"]);
    assert_eq!(report.failed, 7, "{:#?}", report.failures);
    assert_eq!(report.ignored_files["folder of version control"], 1);
    assert_eq!(report.ignored_files["link that leads nowhere"], 1);
    let found = |name: &str| {
        report.failures.iter().find(|failure| failure.place.ends_with(name)).unwrap().reason.clone()
    };
    assert!(found("data.zip/A-1.json").contains("cannot read zip entry `A-1.json`"));
    assert!(found("old.json.xz").ends_with("found xz"), "{}", found("old.json.xz"));
    assert!(found("kev.json").contains("the KEV catalogue"));
}

#[test]
fn files_are_read_whatever_they_are_packed_with() {
    let folder = Folder::new();
    let table = b"#model_version:v1,score_date:2025-01-01T00:00:00Z\ncve,epss,percentile\nCVE-1,0.1,0.2\n";
    folder.file("epss.csv.gz", &gzip(table));
    folder.file("A-1.json.bz2", &bzip2(osv("A-1").as_bytes()));
    // Two streams, as pbzip2 writes them.
    let text = osv("A-2");
    let (one, two) = text.as_bytes().split_at(20);
    folder.file("A-2.json.bz2", &[bzip2(one), bzip2(two)].concat());
    folder.file("A-3.json.zst", &zstd(osv("A-3").as_bytes()));
    let members = [
        ("db/A-4.json", osv("A-4")),
        ("../../A-5.json", osv("A-5")),
        ("db/broken.json", "{".to_owned()),
        ("notes.txt", "x".to_owned()),
    ];
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    folder.file("all.tar.zst", &zstd(&tar(&members)));
    folder
        .file("plain.tar", &tar(&[("db/advisories/github-reviewed/GHSA-1.json", osv("GHSA-1").as_bytes())]));
    let (seen, report) = collect(std::slice::from_ref(&folder.0)).unwrap();
    assert_eq!(seen, ["epss CVE-1 10000 20000", "ghsa GHSA-1", "osv A-1", "osv A-2", "osv A-3", "osv A-4"]);
    assert_eq!(report.failures.len(), 1);
    assert!(report.failures[0].place.ends_with("/all.tar.zst/db/broken.json"), "{:?}", report.failures);
    assert_eq!(report.ignored_files["*.txt in a tar"], 1);
    assert_eq!(report.ignored_files["*.json in a tar"], 1, "a name that leaves the archive");
}

#[test]
fn what_was_read_is_told_by_source() {
    let folder = Folder::new();
    folder.file("A-1.json", osv("A-1").as_bytes());
    folder.file("kev.json", br#"{"vulnerabilities": [{"cveID": "CVE-1"}]}"#);
    folder.file("x.txt", b"");
    let readings = read_by_source(std::slice::from_ref(&folder.0), &mut |_| {}).unwrap();
    assert_eq!(readings.sources.keys().copied().collect::<Vec<_>>(), ["kev", "osv"]);
    assert_eq!((readings.sources["osv"].usable, readings.sources["kev"].kev_entries), (1, 1));
    assert_eq!(readings.rest.ignored_files["*.txt"], 1);
    assert_eq!(readings.total(), read(std::slice::from_ref(&folder.0), &mut |_| {}).unwrap());
}

#[test]
fn of_doubles_in_an_archive_the_newest_is_handed_on_last() {
    let folder = Folder::new();
    let at = |day: u8| osv("A-1").replace("2024-01-01T00:00:00Z", &format!("2024-01-0{day}T00:00:00Z"));
    for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1]] {
        let texts = order.map(at);
        let path = folder
            .file("x.zip", &zip(&[("a.json", &texts[0]), ("b.json", &texts[1]), ("c.json", &texts[2])]));
        let mut last = String::new();
        let report = read(&[path], &mut |document| {
            if let Document::Advisory(advisory) = document {
                last = advisory.modified;
            }
        })
        .unwrap();
        assert_eq!((last.as_str(), report.doubles, report.usable), ("2024-01-03T00:00:00Z", 2, 3));
    }
    // Of equally old ones the order of reading must decide nothing.
    let path = folder.file("x.zip", &zip(&[("a.json", &at(1)), ("b.json", &at(1))]));
    assert_eq!(collect(&[path]).unwrap().0.len(), 2);
}

#[test]
fn a_feed_is_read_under_whatever_name_it_was_fetched() {
    let folder = Folder::new();
    let file =
        folder.file("0123abcd.part", &zip(&[("A-1.json", &osv("A-1")), ("A-2.json", "{"), ("x.csv", "")]));
    let (seen, report) = fetched("osv", "npm/all.zip", &file).unwrap();
    assert_eq!((seen, report.failed), (vec!["osv A-1".to_owned()], 1));
    assert_eq!(report.failures[0].place, "npm/all.zip/A-2.json");
    assert_eq!(report.ignored_files["*.csv in a zip"], 1);
    let table = gzip(b"cve,epss,percentile\nCVE-1,0.1,0.2\n,,\n");
    let (seen, report) = fetched("epss", "epss_scores-current.csv.gz", &folder.file("f", &table)).unwrap();
    assert_eq!(seen, ["epss CVE-1 10000 20000"]);
    assert_eq!(report.failures[0].place, "epss_scores-current.csv: line 3");
    assert_eq!(report.bytes, 37);
    let archive = zstd(&tar(&[("db/A-1.json", osv("A-1").as_bytes())]));
    let (seen, _) = fetched("osv", "all.tar.zst", &folder.file("f", &archive)).unwrap();
    assert_eq!(seen, ["osv A-1"]);
    let bytes = osv("A-1");
    let osv_source = crate::source("osv").unwrap();
    let report = read_bytes(osv_source, "npm", "npm/A-1.json", bytes.as_bytes(), &mut |_| {}).unwrap();
    assert_eq!(report.usable, 1);
    assert!(read_bytes(osv_source, "npm", "npm/A-1.json", b"<html>", &mut |_| {}).is_err());
}

#[test]
fn what_is_no_feed_is_refused_with_its_reason() {
    let folder = Folder::new();
    let whole = gzip(osv("A-1").as_bytes());
    let cases: &[(&str, &str, Vec<u8>)] = &[
        ("osv", "npm/all.zip", b"\n<!DOCTYPE html><title>Sign in</title>".to_vec()),
        ("osv", "npm/all.zip", gzip(b"<html><body>moved</body></html>")),
        ("osv", "npm/all.zip", zip(&[("A-1.json", &osv("A-1"))])[..80].to_vec()),
        ("osv", "npm/all.zip", zip(&[])),
        ("osv", "npm/all.zip", zip(&[("A-1.json", "<html>")])),
        ("osv", "npm/A-1.json.gz", whole[..whole.len() - 4].to_vec()),
        ("osv", "npm/A-1.json.bz2", bzip2(osv("A-1").as_bytes())[..50].to_vec()),
        ("osv", "all.tar.zst", zstd(&tar(&[("A-1.json", osv("A-1").as_bytes())]))[..100].to_vec()),
        ("kev", "kev.json", b"{}".to_vec()),
        ("kev", "kev.json", Vec::new()),
        ("epss", "epss.csv", b"cve,epss,percentile\nCVE-1,high,low\n".to_vec()),
        ("ghsa", "GHSA-1.json", gzip(&vec![b' '; 17 * 1024 * 1024])),
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|(name, path, bytes)| fetched(name, path, &folder.file("f", bytes)).unwrap_err())
        .collect();
    expect_test::expect![[r#"
        cannot read feed `npm/all.zip` of source `osv`: cannot read `FILE`: expected data, found an HTML page: `<!DOCTYPE html><title>Sign in</title>`
        cannot read feed `npm/all.zip` of source `osv`: cannot read `FILE`: expected data, found an HTML page: `<html><body>moved</body></html>`
        cannot read feed `npm/all.zip` of source `osv`: cannot read zip `FILE`: expected a whole zip file with records: cannot read zip archive: expected an end record in the last 65557 bytes, found none: it is cut short
        cannot read feed `npm/all.zip` of source `osv`: cannot read `FILE`: expected records, found none
        cannot read feed `npm/all.zip` of source `osv`: cannot read `FILE`: expected records, found 1 that cannot be read, as `npm/all.zip/A-1.json`: expected an OSV record, found JSON that says otherwise: expected value at line 1 column 1
        cannot read feed `npm/A-1.json.gz` of source `osv`: cannot read `FILE`: expected a whole file, plain or in gzip, zstd or bzip2, found one that cannot be read on: unexpected end of file
        cannot read feed `npm/A-1.json.bz2` of source `osv`: cannot read `FILE`: expected a whole file, plain or in gzip, zstd or bzip2, found one that cannot be read on: decompression not finished but EOF reached
        cannot read feed `all.tar.zst` of source `osv`: cannot read `FILE`: expected a whole file, plain or in gzip, zstd or bzip2, found one that cannot be read on: incomplete frame
        cannot read feed `kev.json` of source `kev`: cannot read `FILE`: expected the KEV catalogue with its `vulnerabilities`, found JSON that says otherwise: missing field `vulnerabilities` at line 1 column 2
        cannot read feed `kev.json` of source `kev`: cannot read `FILE`: expected the KEV catalogue with its `vulnerabilities`, found JSON that says otherwise: EOF while parsing a value at line 1 column 0
        cannot read feed `epss.csv` of source `epss`: cannot read `FILE`: expected records, found 1 that cannot be read, as `epss.csv: line 2`: expected a CVE and two numbers from 0 to 1, found `CVE-1,high,low`
        cannot read feed `GHSA-1.json` of source `ghsa`: cannot read advisories from `FILE`: expected at most 16777216 bytes, found more"#]].assert_eq(&shown.join("\n"));
    let feed = &crate::source("kev").unwrap().feeds(None)[0];
    let error = read_feed(crate::source("kev").unwrap(), feed, &folder.0.join("missing"), &mut |_| {});
    assert!(matches!(error, Err(Error::Unreadable { .. })));
}

#[test]
fn a_member_that_is_too_large_is_one_failure() {
    let folder = Folder::new();
    let blank = " ".repeat(16 * 1024 * 1024 + 1);
    let path = folder.file("big.zip", &zip(&[("A-1.json", &blank), ("A-2.json", &osv("A-2"))]));
    let (seen, report) = collect(&[path]).unwrap();
    assert_eq!(seen, ["osv A-2"]);
    assert_eq!(
        report.failures[0].reason,
        "expected a record of at most 16777216 bytes, found 16777217 bytes"
    );
    let path = folder.file(
        "big.tar",
        &tar(&[("github-reviewed/GHSA-1.json", blank.as_bytes()), ("A-2.json", osv("A-2").as_bytes())]),
    );
    let (seen, report) = collect(&[path]).unwrap();
    assert_eq!(seen, ["osv A-2"]);
    assert_eq!(report.failures[0].reason, "expected at most 16777216 bytes, found more");
}

#[test]
fn a_table_of_scores_is_told_by_its_columns() {
    let folder = Folder::new();
    folder.file("mine.csv", b"cve,score,source\nCVE-1,5,NVD\n");
    folder.file("modified_id.csv", b"2024-01-01T00:00:00Z,A-1\n");
    let (seen, report) = collect(std::slice::from_ref(&folder.0)).unwrap();
    assert_eq!((seen, report.ignored_files["*.csv"]), (vec!["score CVE-1".to_owned()], 1));
}
