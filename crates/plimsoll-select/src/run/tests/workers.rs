//! Any number of workers, and those who wait for them.

use std::fmt::Write as _;

use super::*;

/// Some megabytes of lines.
fn many(count: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let severity = ["LOW", "MEDIUM", "HIGH", "CRITICAL"][(number % 7 % 4) as usize];
        writeln!(text, "{{\"id\": {number}, \"severity\": \"{severity}\", \"score\": {}.{}, \"tags\": [\"a\", {{\"b\": null}}]}}", number % 10, number % 3).unwrap();
    }
    text
}

#[test]
fn any_number_of_workers_gives_the_same() {
    let text = many(6_000);
    assert!(text.len() > 4 * CHUNK_BYTES);
    for statement in [
        "SELECT s.id FROM S3Object s WHERE s.severity = 'HIGH' AND s.score >= 7",
        "SELECT * FROM S3Object s",
        "SELECT id FROM S3Object LIMIT 3000",
        "SELECT COUNT(*), SUM(CAST(score AS FLOAT)), AVG(score), MAX(id) FROM S3Object WHERE severity <> 'LOW'",
        "SELECT t.b FROM S3Object[*].tags[1] t WHERE t.b IS NULL LIMIT 7",
    ] {
        let with = |threads| {
            let options = Options { threads, ..options(InputFormat::JsonLines) };
            try_run(statement, text.as_bytes(), &options).unwrap()
        };
        let one = with(1);
        assert!(!one.is_empty());
        for threads in [0, 2, 3, 1_000] {
            assert!(with(threads) == one, "{statement} with {threads} threads");
        }
        // A sum of floats depends on where it is put together.
        if !statement.contains("FLOAT") {
            assert!(run_with(statement, &text, &Options::default()) == one, "{statement} as a document");
        }
    }
    let broken = text.clone() + "{\"id\": oops}\n" + &text;
    for threads in [1, 4] {
        let options = Options { threads, ..options(InputFormat::JsonLines) };
        let (error, before) = *try_run("SELECT id FROM S3Object", broken.as_bytes(), &options).unwrap_err();
        assert_eq!(error.place(), Place::Input { offset: text.len() as u64 + 7, record: 6_001 });
        assert_eq!(before.lines().count(), 6_000);
    }
}

#[test]
fn what_lies_behind_enough_records_is_no_trouble() {
    let endless = "{\"a\":1}\n".repeat(10_000) + &"x".repeat(4 * CHUNK_BYTES);
    let limits = crate::limits::Limits { record_bytes: 100, ..crate::limits::Limits::default() };
    for threads in [1, 2, 4] {
        let options = Options { limits, threads, ..options(InputFormat::JsonLines) };
        assert_eq!(
            run_with("SELECT a FROM S3Object LIMIT 9990", &endless, &options),
            "{\"a\":1}\n".repeat(9_990)
        );
        let (error, before) = *try_run("SELECT a FROM S3Object", endless.as_bytes(), &options).unwrap_err();
        assert_eq!((error.code(), before.lines().count()), (Code::OverMaxRecordSize, 10_000));
    }
}

#[test]
fn progress_comes_and_a_receiver_may_go() {
    let text = format!("{{\"a\":\"{}\"}}\n", "x".repeat(100_000)).repeat(500);
    let query = Query::parse("SELECT * FROM S3Object").unwrap();
    let options = Options { threads: 2, ..options(InputFormat::JsonLines) };
    let mut progress = Vec::new();
    query
        .run(&mut text.as_bytes(), &options, &mut |event| {
            if let Event::Progress(stats) = event {
                progress.push(stats);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(progress.len(), 2);
    assert!(progress.iter().all(|stats| stats.bytes_returned > 0 && stats.bytes_processed > 0));
    let gone = query
        .run(&mut text.as_bytes(), &options, &mut |event| match event {
            Event::Progress(_) => Err(io::ErrorKind::BrokenPipe.into()),
            _ => Ok(()),
        })
        .unwrap_err();
    assert_eq!(gone.code(), Code::ConnectionClosedByRequester);
}

#[test]
fn short_records_that_yield_long_ones_are_given_away_in_parts() {
    let text = "1\n".repeat(3 * CHUNK_BYTES / 2);
    let long = "x".repeat(1_000);
    let query = Query::parse(&format!("SELECT _1, '{long}' FROM S3Object")).unwrap();
    let limited = Query::parse(&format!("SELECT _1, '{long}' FROM S3Object LIMIT 7001")).unwrap();
    for threads in [1, 3] {
        let options = Options { threads, ..csv(Header::None) };
        for (query, expected) in [(&query, 3 * CHUNK_BYTES / 2), (&limited, 7_001)] {
            let (mut bytes, mut records) = (0, 0);
            let stats = query
                .run(&mut text.as_bytes(), &options, &mut |event| {
                    if let Event::Records(found) = event {
                        bytes += found.len();
                        records += memchr::memchr_iter(b'\n', found).count();
                    }
                    Ok(())
                })
                .unwrap();
            assert_eq!(
                (records, bytes),
                (expected, expected * r#"{"_1":"1","_2":""}|"#.len() + expected * 1_000)
            );
            assert!(stats.bytes_processed <= text.len() as u64);
        }
        // What is wrong behind them has its place.
        let broken = "1\n".repeat(3_000) + "\"\n";
        let failed = try_run(&query.to_string(), broken.as_bytes(), &options).unwrap_err();
        assert_eq!(failed.0.place(), Place::Input { offset: 6_000, record: 3_001 });
        assert_eq!(failed.1.lines().count(), 3_000);
    }
}

#[test]
fn a_worker_finds_no_more_than_it_may_hold() {
    let query = Query::parse(&format!("SELECT '{}' FROM S3Object", "x".repeat(1_000))).unwrap();
    let options = csv(Header::None);
    let cutter = Cutter::new(&CsvInput::default());
    let worker = Worker { cutter: Some(&cutter), ..Worker::new(&query, &options, &[], Vec::new()) };
    let buffer = "1\n".repeat(5_000).into_bytes();
    let mut rest = Some(Chunk { length: buffer.len(), buffer, from: 0, offset: 0 });
    let (mut parts, mut records) = (0, 0);
    while let Some(chunk) = rest {
        let (found, further) = worker.work(chunk);
        assert!(found.out.len() < crate::limits::RESULT_BYTES + 1_100 && found.error.is_none());
        records += found.records;
        parts += 1;
        rest = further;
    }
    assert!(records == 5_000 && parts > 50, "{parts}");
}
