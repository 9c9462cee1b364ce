//! The questions of `docs/sql.md`, asked of the made store.

use std::fmt::Write as _;
use std::path::Path;

use expect_test::expect_file;
use plimsoll_store::Location;

use crate::limits::Limits;
use crate::made::{self, Folder};
use crate::output::{Format, Place};
use crate::run::Runner;
use crate::session::{Source, session};

/// Least questions of the page.
const QUESTIONS: usize = 30;

/// Where an answer begins and ends on the page, behind its question.
const ANSWER: (&str, &str) = ("```text\n", "```");

/// What a query of the made store gives.
pub(crate) fn answer(source: &Source, sql: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = Folder::new();
    let file = folder.0.join("answer");
    let result = runtime.block_on(async {
        let limits = Limits { threads: Some(2), ..Limits::default() };
        let context = session(source, &limits).await?;
        let format = Format::Table;
        let runner = Runner { context, limits, allow_files: false, format, width: None };
        runner.run(sql, &Place::File(file.clone())).await
    });
    match result {
        Ok(_) => Ok(made::read(&file)),
        Err(failure) => Err(failure.to_string()),
    }
}

#[test]
fn every_question_of_the_page_has_the_answer_that_stands_below_it() {
    let folder = Folder::new();
    made::store(&folder.0);
    let source = Source::store(Location::Folder(folder.0.clone()));
    let page = made::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sql.md"));
    let mut rest = page.as_str();
    let mut made_anew = String::new();
    let mut questions = 0;
    while let Some((before, behind)) = rest.split_once("```sql\n") {
        let (sql, behind) = behind.split_once("```").expect("a question ends");
        let _ = write!(made_anew, "{before}```sql\n{sql}```");
        rest = behind;
        let Some(answered) = behind.strip_prefix("\n\n").and_then(|behind| behind.strip_prefix(ANSWER.0))
        else {
            continue;
        };
        let (_, behind) = answered.split_once(ANSWER.1).expect("an answer ends");
        let answer = answer(&source, sql).unwrap_or_else(|failure| failure + "\n");
        let _ = write!(made_anew, "\n\n{}{answer}{}", ANSWER.0, ANSWER.1);
        rest = behind;
        questions += 1;
    }
    made_anew += rest;
    assert!(questions >= QUESTIONS, "{questions}");
    assert!(!made_anew.contains("\nerror: "), "{made_anew}");
    expect_file!["../../docs/sql.md"].assert_eq(&made_anew);
}

#[test]
fn reports_give_the_answers_that_the_tables_give() {
    let (tables, reports) = (Folder::new(), Folder::new());
    made::store(&tables.0);
    made::reports(&reports.0);
    let tables = Source::store(Location::Folder(tables.0.clone()));
    let reports = Source::Reports {
        locations: vec![Location::Folder(reports.0.clone())],
        is_strict: true,
        database: None,
    };
    for sql in [
        "SELECT reference, severity, count(*) FROM findings GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT DISTINCT reference, package_name, package_version, purl FROM packages ORDER BY 1, 2",
        "SELECT date, reference, verdict, critical, high FROM scans ORDER BY 1, 2",
        "SELECT * EXCEPT (scan_id) FROM waivers ORDER BY scanned_at",
        "SELECT reference, scan_id FROM latest_scans ORDER BY 1",
        "SELECT reference, vulnerability_id, status, outcome, due FROM latest_findings ORDER BY 1, 2",
        "SELECT date, count(*) FROM findings WHERE date >= '2026-11-08' GROUP BY date ORDER BY date",
        "SELECT count(*) FROM scans",
    ] {
        assert_eq!(answer(&tables, sql), answer(&reports, sql), "{sql}");
    }
}
