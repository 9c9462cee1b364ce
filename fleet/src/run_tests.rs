use std::fs;
use std::time::Duration;

use plimsoll_store::Location;

use super::*;
use crate::made::{self, Folder, read};
use crate::session::{Source, session};

/// A made store, asked under limits; the answer, or the failure with its status.
fn ask_under(sql: &str, format: Format, limits: &Limits) -> Result<(Answer, String), (Exit, String)> {
    let folder = Folder::new();
    made::store(&folder.0);
    ask_source(&Source::store(Location::Folder(folder.0.clone())), sql, format, limits)
}

fn ask_source(
    source: &Source,
    sql: &str,
    format: Format,
    limits: &Limits,
) -> Result<(Answer, String), (Exit, String)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = Folder::new();
    let file = folder.0.join("answer");
    let limits = Limits { threads: Some(2), ..limits.clone() };
    let result = runtime.block_on(async {
        let context = session(source, &limits).await?;
        let runner = Runner { context, limits, allow_files: false, format, width: None };
        runner.run(sql, &Place::File(file.clone())).await
    });
    runtime.shutdown_background();
    let left = fs::read_dir(&folder.0).unwrap().count();
    match result {
        Ok(answer) => {
            assert_eq!(left, 1, "nothing but the answer is left behind");
            Ok((answer, if format == Format::Parquet { String::new() } else { read(&file) }))
        }
        Err(failure) => {
            assert_eq!(left, 0, "what was given up leaves nothing behind");
            Err((failure.exit, failure.to_string()))
        }
    }
}

fn ask(sql: &str, format: Format) -> Result<(Answer, String), (Exit, String)> {
    ask_under(sql, format, &Limits::default())
}

#[test]
fn rows_are_written_in_every_format() {
    let sql = "SELECT '=1+1' AS a, NULL AS b, -1 AS c UNION ALL SELECT 'x,\"y\"', 'z', 2 ORDER BY c";
    let text = |format| ask(sql, format).unwrap().1;
    assert_eq!(text(Format::Csv), "a,b,c\r\n'=1+1,,-1\r\n\"x,\"\"y\"\"\",z,2\r\n");
    assert_eq!(
        text(Format::Json),
        "[\n{\"a\":\"=1+1\",\"b\":null,\"c\":-1},\n{\"a\":\"x,\\\"y\\\"\",\"b\":\"z\",\"c\":2}\n]\n"
    );
    assert_eq!(
        text(Format::Ndjson),
        "{\"a\":\"=1+1\",\"b\":null,\"c\":-1}\n{\"a\":\"x,\\\"y\\\"\",\"b\":\"z\",\"c\":2}\n"
    );
    assert_eq!(
        text(Format::Table),
        "a      b     c\n─────  ────  ──\n=1+1   NULL  -1\nx,\"y\"  z      2\n(2 rows)\n"
    );
    assert_eq!(ask(sql, Format::Parquet).unwrap().0, Answer::Whole);
    let nothing = "SELECT 1 AS a WHERE false";
    for (format, expected) in [
        (Format::Csv, "a\r\n"),
        (Format::Json, "[]\n"),
        (Format::Ndjson, ""),
        (Format::Table, "a\n─\n(0 rows)\n"),
    ] {
        assert_eq!(ask(nothing, format).unwrap().1, expected);
    }
}

#[test]
fn nothing_in_a_row_steers_the_terminal() {
    let sql = "SELECT 'a' || chr(27) || '[31m' || chr(10) || 'b' AS t";
    let table = ask(sql, Format::Table).unwrap().1;
    assert!(table.contains("a\\u{1b}[31m b"), "{table}");
    assert!(!table.contains('\u{1b}'));
}

#[test]
fn rows_beyond_the_limit_are_left_out_and_that_is_said() {
    let limits = Limits { max_rows: Some(2), ..Limits::default() };
    let sql = "SELECT * FROM generate_series(1, 5) AS t(a)";
    let (answer, text) = ask_under(sql, Format::Csv, &limits).unwrap();
    assert_eq!((answer, text.as_str()), (Answer::Cut, "a\r\n1\r\n2\r\n"));
    let all = ask_under("SELECT * FROM generate_series(1, 2) AS t(a)", Format::Csv, &limits).unwrap();
    assert_eq!(all.0, Answer::Whole);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_a_hint() {
    for (sql, parts) in [
        (
            "SELECT reference,\n  serverity FROM findings",
            &["line 2, column 3", "serverity", "^^^^^^^^^", "did you mean `severity`?"][..],
        ),
        ("SELECT * FROM finding", &["line 1, column 15", "did you mean `findings`?"]),
        ("SELECT * FROM '/etc/passwd'", &["/etc/passwd", "--allow-files"]),
        ("SELECT versioncmp('npm', '1', '2')", &["versioncmp", "did you mean `version_cmp`?"]),
        ("SELEC 1", &["line 1, column 1"]),
        ("SELECT count(* FROM scans", &["line 1, column 16"]),
        ("SELECT", &["cannot run the query"]),
        ("", &["empty"]),
        ("SELECT 1; SELECT 2", &["cannot write 2 results into one"]),
        ("SELECT CAST('x' AS INT)", &["cannot run the query"]),
        ("INSERT INTO scans SELECT * FROM scans", &["cannot run `INSERT INTO`"]),
        ("COPY scans TO '/tmp/x.parquet'", &["cannot run `COPY`"]),
        ("SELECT * INTO a FROM scans", &["cannot run"]),
    ] {
        let (exit, text) = ask(sql, Format::Csv).unwrap_err();
        assert_eq!(exit, Exit::Usage, "{sql}\n{text}");
        for part in parts {
            assert!(text.contains(part), "{sql}: expected `{part}` in\n{text}");
        }
    }
}

#[test]
fn no_file_is_read_by_sql() {
    let folder = Folder::new();
    fs::write(folder.0.join("a.csv"), "a\n1\n").unwrap();
    let file = folder.0.join("a.csv").display().to_string();
    for sql in [
        format!("SELECT * FROM '{file}'"),
        format!("SELECT * FROM \"{file}\""),
        format!("SELECT * FROM read_csv('{file}')"),
        format!("SELECT * FROM parquet_metadata('{file}')"),
        format!("CREATE EXTERNAL TABLE a STORED AS CSV LOCATION '{file}'"),
        format!("EXPLAIN ANALYZE SELECT * FROM 'file://{file}'"),
    ] {
        let (exit, _) = ask(&sql, Format::Csv).unwrap_err();
        assert_eq!(exit, Exit::Usage, "{sql}");
    }
}

#[test]
fn a_query_that_takes_too_much_ends_with_what_may_be_raised() {
    let huge = "SELECT count(*) FROM generate_series(1, 1000000) AS a(x) CROSS JOIN generate_series(1, 1000000) AS b(y) \
                WHERE (x * y) % 7 = 3";
    let limits = Limits { timeout: Some(Duration::from_millis(300)), ..Limits::default() };
    let (exit, text) = ask_under(huge, Format::Csv, &limits).unwrap_err();
    assert_eq!(exit, Exit::Limit, "{text}");
    assert!(text.contains("--timeout"), "{text}");

    // What a join holds does not go to disk.
    let wide = "SELECT count(*) FROM generate_series(1, 2000000) AS a(x) JOIN generate_series(1, 2000000) AS b(y) \
                ON a.x = b.y";
    let limits = Limits { memory_bytes: 16 << 20, ..Limits::default() };
    let (exit, text) = ask_under(wide, Format::Csv, &limits).unwrap_err();
    assert_eq!(exit, Exit::Limit, "{text}");
    assert!(text.contains("--memory-limit"), "{text}");
}

#[test]
fn what_does_not_fit_into_memory_is_spilled() {
    let sql = "SELECT max(n) AS rows FROM (SELECT row_number() OVER (ORDER BY repeat('y', 190) || \
               CAST(x * 7919 % 200000 AS TEXT)) AS n FROM generate_series(1, 200000) AS a(x))";
    let limits = Limits { memory_bytes: 32 << 20, ..Limits::default() };
    assert_eq!(ask_under(sql, Format::Csv, &limits).unwrap().1, "rows\r\n200000\r\n");
}

#[test]
fn days_and_columns_that_nobody_asks_for_are_not_read() {
    let plan = ask(
        "EXPLAIN FORMAT INDENT SELECT reference FROM findings WHERE date = '2026-11-08' AND severity = 'medium'",
        Format::Table,
    );
    let plan = plan.unwrap().1;
    assert!(plan.contains("date=2026-11-08") && !plan.contains("date=2026-11-22"), "{plan}");
    assert!(plan.contains("predicate=severity") && !plan.contains("vulnerability_id"), "{plan}");
}

#[test]
fn a_damaged_file_of_a_table_is_named() {
    let folder = Folder::new();
    made::store(&folder.0);
    let day = folder.0.join("tables/v1/scans/date=2026-11-01");
    let file = fs::read_dir(&day).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::metadata(&file).unwrap().len();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(bytes / 2).unwrap();
    let source = Source::store(Location::Folder(folder.0.clone()));
    let failed = ask_source(&source, "SELECT reference FROM scans", Format::Csv, &Limits::default());
    let (exit, text) = failed.unwrap_err();
    assert_eq!(exit, Exit::Failed, "{text}");
    assert!(text.contains("as a file of the table `scans`"), "{text}");
    // Other days are as they were.
    let others = "SELECT count(*) FROM scans WHERE date > '2026-11-01'";
    let answer = ask_source(&source, others, Format::Csv, &Limits::default()).unwrap();
    assert_eq!(answer.1, "count(*)\r\n4\r\n");
}
