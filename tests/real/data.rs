//! Who judges answers about JSON, CSV and Parquet: jq, sqlite3, DuckDB and pyarrow.

use std::path::Path;

use crate::surroundings::work_folder;
use crate::tool::{run, tool};

/// What a script of Python's writes, with DuckDB and pyarrow at hand. It runs in `folder`.
pub fn python(folder: &Path, script: &str, arguments: &[&str]) -> String {
    let output = run(tool(work_folder().join("lake/bin/python3"))
        .current_dir(folder)
        .args(["-c", script])
        .args(arguments));
    String::from_utf8(output).expect("the script writes text")
}

/// What `jq` writes of a file in `folder`: one value a line.
pub fn jq(folder: &Path, filter: &str, file: &str) -> String {
    let output = run(tool("jq").current_dir(folder).args(["-c", filter, file]));
    String::from_utf8(output).expect("jq writes text")
}
