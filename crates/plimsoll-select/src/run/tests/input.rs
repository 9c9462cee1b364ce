//! Objects that are damaged, compressed, or asked for a part.

use std::fmt::Write as _;
use std::io::Write as _;

use super::*;
use crate::format::{Compression, ScanRange};
use crate::limits::Limits;

#[test]
fn what_was_found_before_an_error_is_given_away() {
    let input = "{\"a\":1}\n{\"a\":2}\n{\"a\":}\n";
    for options in [options(InputFormat::JsonLines), Options::default()] {
        let (error, before) = *try_run("SELECT a FROM S3Object", input.as_bytes(), &options).unwrap_err();
        assert_eq!(before, "{\"a\":1}\n{\"a\":2}\n");
        assert_eq!(
            error.to_string(),
            "cannot read JSON in record 3, at byte 21: expected a value, found `}`"
        );
    }
    let (error, before) = *try_run(
        "SELECT a + 1 AS b FROM S3Object",
        b"{\"a\":1}\n{\"a\":\"x\"}\n",
        &options(InputFormat::JsonLines),
    )
    .unwrap_err();
    assert_eq!(before, "{\"b\":2}\n");
    assert_eq!(
        error.to_string(),
        "cannot evaluate expression in record 2, at byte 8: expected a number, found text `x`"
    );
    assert_eq!(error.advice(), "`CAST(… AS INT)` makes numbers of text");
}

#[test]
fn bad_input_is_refused() {
    let quoted = CsvInput { allow_quoted_record_delimiter: true, ..CsvInput::default() };
    let quoted = options(InputFormat::Csv(quoted));
    let lines = options(InputFormat::JsonLines);
    for (input, options, code) in [
        (&b"<html></html>"[..], &lines, Code::JsonParsingError),
        (b"{\"a\":1", &lines, Code::JsonParsingError),
        (b"{\"a\":\n1}\n", &lines, Code::JsonParsingError),
        (b"{\"a\":\"\xff\"}\n", &lines, Code::InvalidTextEncoding),
        (b"a,\xff\n", &csv(Header::None), Code::InvalidTextEncoding),
        (b"a,\xff\n", &csv(Header::Use), Code::InvalidTextEncoding),
        (b"a,\"b\nc\"\n", &csv(Header::None), Code::CsvUnescapedQuote),
        (b"\"a", &csv(Header::Use), Code::CsvUnescapedQuote),
        (b"a\n\"b\nc", &quoted, Code::CsvParsingError),
    ] {
        let (error, _) = *try_run("SELECT * FROM S3Object", input, options).unwrap_err();
        assert_eq!(error.code(), code, "{input:?}: {error}");
    }
    // Records before the one that is no text are given away.
    for (input, options, offset, record) in [
        (&b"{\"a\":1}\n{\"a\":\"\xff\"}\n{}\n"[..], &lines, 14, 2),
        (b"a\n1\n2\xff\n3\n", &csv(Header::Use), 5, 2),
    ] {
        let failed = try_run("SELECT CAST(a AS INT) AS a FROM S3Object", input, options).unwrap_err();
        assert_eq!((failed.0.place(), failed.1.as_str()), (Place::Input { offset, record }, "{\"a\":1}\n"));
    }
    let deep = "[".repeat(1_000) + &"]".repeat(1_000);
    for options in [&lines, &Options::default()] {
        let (error, _) = *try_run("SELECT * FROM S3Object", deep.as_bytes(), options).unwrap_err();
        assert_eq!(error.code(), Code::JsonParsingError);
    }
    // The deepest nesting that may be allowed is no trouble for a worker's stack.
    for (depth, code) in [(1_024, None), (1_025, Some(Code::InvalidRequestParameter))] {
        let limits = Limits { depth, ..Limits::default() };
        for input in [InputFormat::JsonLines, InputFormat::JsonDocument] {
            for statement in ["SELECT * FROM S3Object", "SELECT s.a FROM S3Object s WHERE s = s"] {
                let options = Options { limits, threads: 2, ..options(input.clone()) };
                let done = try_run(statement, deep.as_bytes(), &options);
                assert_eq!(done.err().map(|failed| failed.0.code()), code);
            }
        }
    }
    let limits = Limits { record_bytes: 10, columns: 2, ..Limits::default() };
    let short = Options { limits, ..options(InputFormat::JsonLines) };
    let (error, _) = *try_run("SELECT * FROM S3Object", b"{}\n{\"a\":123456}\n", &short).unwrap_err();
    assert_eq!(error.code(), Code::OverMaxRecordSize);
    for header in [Header::None, Header::Use] {
        let short = Options { limits, ..csv(header) };
        let (error, _) = *try_run("SELECT * FROM S3Object", b"a,b,c\n", &short).unwrap_err();
        assert_eq!(error.code(), Code::OverMaxColumn);
    }
}

#[test]
fn ranges_take_records_that_begin_in_them() {
    let csv_text = "A,B\nC,D\nD,E\nE,F\nG,H\nI,J\n";
    let ranged = |options: Options, start, end| Options { range: Some(ScanRange { start, end }), ..options };
    let statement = "SELECT _1 x FROM S3Object";
    for (start, end, expected) in [
        (1, 4, "C"),
        (0, 3, "A"),
        (0, 0, "A"),
        (4, 7, "C"),
        (5, 8, "D"),
        (1, 3, ""),
        (20, 99, "I"),
        (21, 99, ""),
        (0, 99, "ACDEGI"),
    ] {
        let found = run_with(statement, csv_text, &ranged(csv(Header::None), start, end));
        let found: String = found.lines().map(|line| line[6..].chars().next().unwrap()).collect();
        assert_eq!(found, expected, "{start} to {end}");
    }
    let found = run_with("SELECT a FROM S3Object", "a,b\n1,2\n3,4\n", &ranged(csv(Header::Use), 5, 9));
    assert_eq!(found, "{\"a\":\"3\"}\n");
    let found = run_with(
        "SELECT a FROM S3Object",
        "{\"a\":1}\n{\"a\":2}\n",
        &ranged(options(InputFormat::JsonLines), 1, 8),
    );
    assert_eq!(found, "{\"a\":2}\n");

    let gzip = Options { compression: Compression::Gzip, ..csv(Header::None) };
    let quoted =
        options(InputFormat::Csv(CsvInput { allow_quoted_record_delimiter: true, ..CsvInput::default() }));
    for options in [Options::default(), gzip, quoted] {
        let (error, _) = *try_run(statement, b"", &ranged(options, 0, 1)).unwrap_err();
        assert_eq!(error.code(), Code::UnsupportedScanRangeInput);
    }
    assert_eq!(ScanRange::of_request(Some(5), None, 10).unwrap(), ScanRange { start: 5, end: 9 });
    assert_eq!(ScanRange::of_request(None, Some(3), 10).unwrap(), ScanRange { start: 7, end: 9 });
    assert_eq!(ScanRange::of_request(None, Some(30), 10).unwrap(), ScanRange { start: 0, end: 9 });
    assert_eq!(ScanRange::of_request(None, None, 10).unwrap_err().code(), Code::InvalidRequestParameter);
    assert_eq!(
        ScanRange::of_request(Some(5), Some(4), 10).unwrap_err().code(),
        Code::InvalidRequestParameter
    );
}

#[test]
fn bytes_that_are_no_text_hide_no_record_of_a_range() {
    let text = b"{\"a\":0}\n{\"a\":\"\xff\"}\n{\"a\":2}\n{\"a\":3}\n\xff\n";
    for (start, end, expected) in [
        (0, 7, Ok("{\"a\":0}\n")),
        (0, 8, Err(14)),
        (9, 99, Err(34)),
        (9, 20, Ok("{\"a\":2}\n")),
        (9, 30, Ok("{\"a\":2}\n{\"a\":3}\n")),
    ] {
        let options = Options { range: Some(ScanRange { start, end }), ..options(InputFormat::JsonLines) };
        let found = try_run("SELECT a FROM S3Object", text, &options).map_err(|failed| {
            let Place::Input { offset, .. } = failed.0.place() else { panic!("{}", failed.0) };
            offset
        });
        assert_eq!(found.as_deref().map_err(|offset| *offset), expected, "{start}-{end}");
    }
}

#[test]
fn a_range_is_all_that_is_read_of_an_object() {
    let mut text = String::new();
    for number in 0..40_000 {
        writeln!(text, "{number},é{number}").unwrap();
    }
    let header = "id,name\n".to_owned() + &text;
    let query = Query::parse("SELECT _1, _2 FROM S3Object").unwrap();
    for (text, kind) in [(&text, Header::None), (&header, Header::Use), (&header, Header::Ignore)] {
        let object: Arc<dyn RandomAccess> = Arc::new(text.clone().into_bytes());
        for start in [300_000, 300_001, 300_002, 300_003, 300_004, 500_000, 700_000] {
            let options =
                Options { range: Some(ScanRange { start, end: start + 50_000 }), threads: 2, ..csv(kind) };
            let mut found = Vec::new();
            let stats = query
                .run_at(&object, &options, &mut |event| {
                    if let Event::Records(bytes) = event {
                        found.extend_from_slice(bytes);
                    }
                    Ok(())
                })
                .unwrap();
            let whole = run_with("SELECT _1, _2 FROM S3Object", text, &options);
            assert!(String::from_utf8(found).unwrap() == whole, "{start}");
            assert!(stats.bytes_scanned < 200_000, "{}", stats.bytes_scanned);
        }
    }
}

#[test]
fn compressed_objects_are_read() {
    let text = "{\"a\":1}\n".repeat(1_000);
    let (first, second) = text.split_at(4_000);
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let bzip2 = |text: &str| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |text: &str| zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
    for (compression, whole, parts) in [
        (Compression::Gzip, gzip(&text), [gzip(first), gzip(second)].concat()),
        (Compression::Bzip2, bzip2(&text), [bzip2(first), bzip2(second)].concat()),
        (Compression::Zstd, zstd(&text), [zstd(first), zstd(second)].concat()),
    ] {
        for input in [InputFormat::JsonLines, InputFormat::JsonDocument] {
            let options = Options { compression, input: Some(input), ..Options::default() };
            for bytes in [&whole, &parts] {
                let found = try_run("SELECT SUM(a) FROM S3Object", bytes, &options).unwrap();
                assert_eq!(found, "{\"_1\":1000}\n", "{compression:?}");
            }
            let query = Query::parse("SELECT COUNT(*) FROM S3Object").unwrap();
            let stats = query.run(&mut whole.as_slice(), &options, &mut |_| Ok(())).unwrap();
            assert_eq!((stats.bytes_scanned, stats.bytes_processed), (whole.len() as u64, 8_000));
            for bytes in [&whole[..whole.len() - 9], text.as_bytes()] {
                let (error, _) = *try_run("SELECT a FROM S3Object", bytes, &options).unwrap_err();
                assert_eq!(error.code(), Code::TruncatedInput, "{compression:?}: {error}");
            }
        }
    }
}

#[test]
fn statements_cannot_ask_for_more_than_a_record_may_hold() {
    let limits = Limits { record_bytes: 10_000, ..Limits::default() };
    let options = Options { limits, ..options(InputFormat::JsonLines) };
    let input = format!("{{\"a\":\"{}\"}}\n", "x".repeat(4_000));
    for (statement, expected) in [
        ("SELECT a, a FROM S3Object", Ok(())),
        ("SELECT a, a, a FROM S3Object", Err(Code::OverMaxRecordSize)),
        ("SELECT a || a || a FROM S3Object", Err(Code::OverMaxRecordSize)),
        ("SELECT MAX(a) FROM S3Object", Ok(())),
        ("SELECT MAX(a || a || a || a || a) FROM S3Object", Err(Code::OverMaxRecordSize)),
    ] {
        let done = try_run(statement, input.as_bytes(), &options);
        assert_eq!(done.map(|_| ()).map_err(|failed| failed.0.code()), expected, "{statement}");
    }
    let many = |count: usize| vec!["MAX(a)"; count].join(",");
    assert!(Query::parse(&format!("SELECT {} FROM S3Object", many(1_000))).is_ok());
    let error = Query::parse(&format!("SELECT {} FROM S3Object", many(1_001))).unwrap_err();
    assert_eq!(error.code(), Code::UnsupportedSqlStructure);
}

/// Gives some bytes, and then no more.
struct Broken<'t>(&'t [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the server went away"));
        }
        self.0.read(buffer)
    }
}

#[test]
fn a_connection_that_breaks_is_no_fault_of_the_object() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all("{\"a\":1}\n".repeat(1_000).as_bytes()).unwrap();
    let gzip = encoder.finish().unwrap();
    let bzip2 = {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all("{\"a\":1}\n".repeat(1_000).as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::stream::encode_all("{\"a\":1}\n".repeat(1_000).as_bytes(), 1).unwrap();
    let query = Query::parse("SELECT SUM(a) FROM S3Object").unwrap();
    for (compression, bytes) in [
        (Compression::None, b"{\"a\":1}".as_slice()),
        (Compression::Gzip, &gzip),
        (Compression::Bzip2, &bzip2),
        (Compression::Zstd, &zstd),
    ] {
        for input in [InputFormat::JsonLines, InputFormat::JsonDocument] {
            let options = Options { compression, ..options(input) };
            let error =
                query.run(&mut Broken(&bytes[..bytes.len() / 2]), &options, &mut |_| Ok(())).unwrap_err();
            assert_eq!(error.code(), Code::InternalError, "{compression:?}: {error}");
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(cause, "the server went away", "{compression:?}");
        }
    }
}
