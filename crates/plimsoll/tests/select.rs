//! `plimsoll select`.

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};

use support::{Run, Stage};

const REPORT: &str = r#"[
  {"Target": "app (debian 12)", "Vulnerabilities": [
    {"VulnerabilityID": "CVE-2026-1", "Severity": "HIGH", "PkgName": "openssl"},
    {"VulnerabilityID": "CVE-2026-2", "Severity": "LOW", "PkgName": "zlib"}]},
  {"Target": "python", "Vulnerabilities": [{"VulnerabilityID": "CVE-2026-3", "Severity": "HIGH", "PkgName": "flask"}]}
]
"#;

fn stage(name: &str) -> Stage {
    let stage = Stage::empty(name);
    stage.write("report.json", REPORT.as_bytes());
    stage.write("rows.csv", b"id,name\n1,\"a, b\"\n2,c\n");
    stage.write("rows.jsonl", b"{\"id\":1,\"n\":1.50}\n{\"id\":2,\"n\":2}\n");
    stage
}

fn lines(run: &Run) -> Vec<&str> {
    assert_eq!(run.status, 0, "{run:?}");
    run.stdout.lines().collect()
}

#[test]
fn a_file_is_asked() {
    let stage = stage("select-file");
    let run = stage.run(&[
        "select",
        "report.json",
        "SELECT v.VulnerabilityID FROM S3Object[*]._1[*].Vulnerabilities[*] v WHERE v.Severity = 'HIGH'",
    ]);
    assert_eq!(lines(&run), ["{\"VulnerabilityID\":\"CVE-2026-1\"}", "{\"VulnerabilityID\":\"CVE-2026-3\"}"]);
    assert_eq!(run.stderr, "note: `report.json` is read as JSON\n");
    let run = stage.run(&[
        "select",
        "report.json",
        "select * from s3object",
        "--output-record-delimiter",
        "-",
        "--input",
        "json",
        "--stats",
    ]);
    assert!(run.stdout.starts_with("{\"_1\":[{\"Target\":") && run.stdout.ends_with("]}-"), "{run:?}");
    let size = REPORT.len();
    assert_eq!(
        run.stderr,
        format!("scanned {size} bytes, processed {size}, returned {}\n", run.stdout.len())
    );
    let run = stage.run(&[
        "-q",
        "select",
        "rows.csv",
        "SELECT name FROM S3Object WHERE id > 1",
        "-f",
        "csv",
        "--quote-fields",
        "always",
    ]);
    assert_eq!(lines(&run), ["\"c\""]);
    assert_eq!(run.stderr, "");
    let run = stage.run(&[
        "select",
        "rows.csv",
        "SELECT _2 FROM S3Object",
        "--header",
        "none",
        "--scan-range",
        "8-",
        "-f",
        "csv",
    ]);
    assert_eq!(lines(&run), ["\"a, b\"", "c"]);
    let run = stage.run(&["select", "rows.jsonl", "SELECT SUM(n) AS total FROM S3Object", "--threads", "2"]);
    assert_eq!(lines(&run), ["{\"total\":3.50}"]);
    let run = stage.run(&[
        "select",
        "rows.jsonl",
        "SELECT id FROM S3Object",
        "--input",
        "jsonl",
        "--scan-range",
        "-5",
    ]);
    assert_eq!(lines(&run), Vec::<&str>::new());
    stage.write("other.txt", b"a;'b|c';d\n");
    let run = stage.run(&[
        "select",
        "other.txt",
        "SELECT _2 FROM S3Object",
        "--field-delimiter",
        ";",
        "--quote",
        "'",
        "--header",
        "none",
    ]);
    assert_eq!(lines(&run), ["{\"_2\":\"b|c\"}"]);
}

#[test]
fn stdin_is_asked() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["select", "-", "SELECT COUNT(*) FROM S3Object"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Longer than what is guessed by.
    child.stdin.take().unwrap().write_all("{\"a\":1}\n".repeat(100_000).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "{\"_1\":100000}\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "note: `stdin` is read as JSON lines\n");
}

#[test]
fn a_reader_may_go() {
    let stage = stage("select-pipe");
    stage.write("many.jsonl", "{\"a\":1}\n".repeat(1_000_000).as_bytes());
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["select", "many.jsonl", "SELECT * FROM S3Object"])
        .current_dir(&stage.folder)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "note: `many.jsonl` is read as JSON lines\n");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let stage = stage("select-wrong");
    let run = stage.run(&["select", "report.json", "SELECT *\nFROM S3Object ORDER BY a"]);
    assert_eq!(run.status, 2);
    assert_eq!(
        run.stderr,
        "\
error: cannot parse statement at line 2, column 15: expected the end of the statement, found `ORDER` (UnsupportedSqlStructure)
  FROM S3Object ORDER BY a
                ^
hint: S3 Select has no `ORDER BY`
"
    );
    for (arguments, status, expected) in [
        (&["missing.json", "SELECT * FROM S3Object"][..], 2, "cannot read `missing.json`"),
        (&[".", "SELECT * FROM S3Object"], 2, "found a folder"),
        (&["rows.csv", "SELECT x FROM S3Object"], 2, "hint: columns are id, name"),
        (&["rows.csv", "SELECT CAST(name AS INT) FROM S3Object"], 3, "in record 1, at byte 8"),
        (&["rows.csv", "SELECT * FROM S3Object", "--input", "jsonl"], 3, "JSONParsingError"),
        (&["rows.csv", "SELECT * FROM S3Object", "--input", "parquet"], 3, "ParquetParsingError"),
        (&["rows.csv", "SELECT * FROM S3Object", "--compression", "gzip"], 3, "TruncatedInput"),
        (&["report.json", "SELECT * FROM S3Object", "--scan-range", "0-5"], 2, "UnsupportedScanRangeInput"),
        (&["rows.jsonl", "SELECT * FROM S3Object", "--scan-range", "5-1"], 2, "ends after byte 5"),
        (&["rows.jsonl", "SELECT * FROM S3Object", "--quote", "'", "--input", "jsonl"], 2, "options of CSV"),
        (&["rows.csv", "SELECT * FROM S3Object", "--quote", "''"], 2, "one ASCII character"),
        (&["rows.csv", "SELECT * FROM S3Object", "--output-quote", "'"], 2, "options of CSV"),
        (&["s3://", "SELECT * FROM S3Object"], 2, "no bucket"),
        (&["http://example.com/a.json", "SELECT * FROM S3Object"], 2, "https"),
    ] {
        let run = stage.run(&[&["select"][..], arguments].concat());
        assert_eq!(run.status, status, "{run:?}");
        assert!(run.stderr.contains(expected), "{arguments:?}: {run:?}");
    }
}
