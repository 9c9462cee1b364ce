//! DuckDB, pyarrow and Spark, asked about the tables of a store.

use std::path::Path;

use serde_json::Value;

use crate::plimsoll::Plimsoll;
use crate::surroundings::{Scratch, work_folder};
use crate::tool::{run, tool, write_file};

/// Reads the tables with each of them.
const READER: &str = include_str!("lake.py");

/// Asks DuckDB alone.
const QUESTIONS: &str = include_str!("sql.py");

/// What each answers about the tables of the store in a folder.
///
/// # Panics
///
/// Where one of them fails.
pub fn ask_lake(store: &Path) -> Value {
    let folder = Scratch::new();
    let place = store.to_str().expect("paths of tests are ASCII");
    let mut arguments = vec![place.to_owned()];
    for dialect in ["duckdb", "spark"] {
        arguments.push(statements(dialect, place, &folder));
    }
    let output = run(tool(work_folder().join("lake/bin/python3"))
        .args(["-c", READER])
        .args(arguments)
        .env("SPARK_LOCAL_IP", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder.path("")));
    // Spark may write a line of its own before.
    let text = String::from_utf8(output).expect("JSON is UTF-8");
    let line = text.lines().rfind(|line| line.starts_with('{')).unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("the readers wrote no JSON: {error}\n{text}"))
}

/// The rows that DuckDB answers each question with, about the tables of the store in a folder.
///
/// # Panics
///
/// Where it fails.
pub fn ask_duckdb(store: &Path, questions: &[&str]) -> Vec<Value> {
    let folder = Scratch::new();
    let place = store.to_str().expect("paths of tests are ASCII");
    let output = run(tool(work_folder().join("lake/bin/python3"))
        .args(["-c", QUESTIONS, &statements("duckdb", place, &folder)])
        .args(questions)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder.path("")));
    serde_json::from_slice(&output).expect("DuckDB's answers are JSON")
}

/// The file with the statements that make the tables of a store known to a reader.
fn statements(dialect: &str, place: &str, folder: &Scratch) -> String {
    let statements = Plimsoll::bare(&["store", "tables", "--ddl", dialect, "--store", place]).bytes();
    let file = folder.path(dialect);
    write_file(&file, &statements);
    file.to_string_lossy().into_owned()
}
