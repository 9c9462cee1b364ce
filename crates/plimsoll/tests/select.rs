//! `plimsoll select`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    // What its name says is no guess.
    assert_eq!(run.stderr, "");
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
fn names_that_no_record_has_are_noted() {
    let stage = stage("select-unseen");
    let statement = "SELECT COUNT(*) FROM S3Object[*]._1[*].Vulnerabilities[*] v WHERE v.Severity = \"HIGH\"";
    let run = stage.run(&["select", "report.json", statement]);
    assert_eq!(lines(&run), ["{\"_1\":0}"]);
    assert_eq!(
        run.stderr,
        "note: no record that was read has a field `\"HIGH\"`; text stands between single quotes\n"
    );
    let run = stage.run(&["-q", "select", "report.json", statement]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
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
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
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

/// A bucket on loopback that gives this object whole or in part, whatever its key; counts the bytes it gave.
fn bucket(object: Vec<u8>) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let given = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&given);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut range) = (String::new(), None);
            reader.read_line(&mut line).unwrap();
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                let Some((name, value)) = header.trim_end().split_once(": ") else { break };
                if name.eq_ignore_ascii_case("range") {
                    let (first, last) = value.trim_start_matches("bytes=").split_once('-').unwrap();
                    range = Some((first.parse::<usize>().unwrap(), last.parse::<usize>().unwrap()));
                }
            }
            let head = line.starts_with("HEAD");
            let length = object.len();
            let (status, part, more) = match range {
                Some((first, last)) => {
                    let last = last.min(length - 1);
                    (206, &object[first..=last], format!("Content-Range: bytes {first}-{last}/{length}\r\n"))
                }
                None => (200, &object[..], String::new()),
            };
            // Who has seen enough goes.
            let _ = write!(
                stream,
                "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nETag: \"e\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n{more}Connection: close\r\n\r\n",
                part.len()
            );
            if !head && stream.write_all(part).is_ok() {
                counted.fetch_add(part.len() as u64, Ordering::Relaxed);
            }
        }
    });
    (address, given)
}

#[test]
fn an_object_in_a_bucket_is_asked() {
    let stage = Stage::empty("select-bucket");
    let lines: Vec<String> = (0..400_000).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    let text = lines.concat();
    let length = text.len() as u64;
    let (address, given) = bucket(text.into_bytes());
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL_S3", address.as_str()),
    ];
    let statement = "SELECT COUNT(*) c, MAX(n) m FROM S3Object";
    let run = stage.run_with(&["select", "s3://bucket/a/rows", statement], &variables);
    assert_eq!(run.stdout, "{\"c\":400000,\"m\":399999}\n", "{run:?}");
    assert_eq!(run.stderr, "note: `s3://bucket/a/rows` is read as JSON lines\n");
    assert_eq!(given.swap(0, Ordering::Relaxed), length);
    // Of a range, only that is read once it is known what the object is.
    let range = format!("{}-", length - 100);
    let run =
        stage.run_with(&["select", "s3://bucket/a/rows", statement, "--scan-range", &range], &variables);
    assert!(run.stdout.ends_with("\"m\":399999}\n") && run.stdout.starts_with("{\"c\":7,"), "{run:?}");
    let run = stage.run_with(&["select", "s3://bucket/", statement], &variables);
    assert!(run.status == 2 && run.stderr.contains("expected a key"), "{run:?}");
}
