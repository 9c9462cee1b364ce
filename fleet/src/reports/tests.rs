use std::fs;
use std::io::Write as _;

use datafusion::common::DataFusionError;
use plimsoll_store::Location;

use super::*;
use crate::made::{self, Folder};

/// Counts scans below a folder; with what was left out.
fn count(folder: &std::path::Path, is_strict: bool) -> Result<(usize, Vec<String>), DataFusionError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let warnings = Warnings::new(is_strict);
    let reports = Reports::open(&[Location::Folder(folder.to_owned())]).unwrap();
    let context = datafusion::prelude::SessionContext::new();
    context
        .register_table("scans", Arc::new(ReportsTable::new(reports, Table::Scans, warnings.clone())))
        .unwrap();
    let rows = runtime.block_on(async { context.sql("SELECT reference FROM scans").await?.count().await })?;
    Ok((rows, warnings.take().into_keys().collect()))
}

#[test]
fn what_is_no_report_is_named_and_left_out_or_fails() {
    let folder = Folder::new();
    made::reports(&folder.0);
    fs::create_dir_all(folder.0.join("deep/er")).unwrap();
    for (name, text) in [
        ("empty.json", String::new()),
        ("cut.json", "{\"SchemaVersion\": 2, \"Results\": [".to_owned()),
        ("html.json", "<html>".to_owned()),
        ("array.json", "[]".to_owned()),
        ("deep/er/nested.json", "[".repeat(100_000)),
        ("numbers.json", "{\"SchemaVersion\": 99999999999999999999}".to_owned()),
        ("types.json", "{\"SchemaVersion\": 2, \"Results\": 7}".to_owned()),
        ("false.json.gz", "not gzip".to_owned()),
        (".hidden.json", "x".to_owned()),
        ("notes.txt", "x".to_owned()),
    ] {
        fs::write(folder.0.join(name), text).unwrap();
    }
    let (rows, left_out) = count(&folder.0, false).unwrap();
    assert_eq!(rows, made::scans().len());
    let mut names: Vec<&str> = left_out.iter().map(|name| name.rsplit('/').next().unwrap()).collect();
    let expected = [
        "array.json",
        "cut.json",
        "nested.json",
        "empty.json",
        "false.json.gz",
        "html.json",
        "numbers.json",
        "types.json",
    ];
    names.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert!(count(&folder.0, true).unwrap_err().to_string().contains("cannot use"));
}

#[test]
fn compressed_reports_and_single_files_are_read() {
    let folder = Folder::new();
    let (_, scan) = &made::scans()[0];
    let file = folder.0.join("a.json.gz");
    let mut writer =
        flate2::write::GzEncoder::new(fs::File::create(&file).unwrap(), flate2::Compression::fast());
    let mut text = Vec::new();
    plimsoll_report::write_json(scan, &mut text).unwrap();
    writer.write_all(&text).unwrap();
    writer.finish().unwrap();
    assert_eq!(count(&folder.0, true).unwrap().0, 1);
    assert_eq!(count(&file, true).unwrap().0, 1);
    assert!(Reports::open(&[Location::Folder(folder.0.join("missing"))]).is_err());
}

#[test]
fn files_are_shared_out_in_parts_of_about_one_size() {
    let folder = Folder::new();
    made::reports(&folder.0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reports = Reports::open(&[Location::Folder(folder.0.clone())]).unwrap();
    let files = runtime.block_on(reports.list()).unwrap();
    let parts = split(files.clone(), 3);
    assert!((2..=3).contains(&parts.len()), "{}", parts.len());
    assert_eq!(parts.concat().len(), files.len());
    assert_eq!(split(Vec::new(), 4).len(), 1);
}
