//! The benchmarks: a program of its own, built as users have it.

use anyhow::Result;

use crate::shell::{self, cargo};

pub(crate) fn run() -> Result<()> {
    shell::run(cargo().args([
        "build",
        "--release",
        "--quiet",
        "--package",
        "plimsoll",
        "--package",
        "plimsoll-bench",
    ]))?;
    let program = crate::target_folder().join("release/plimsoll-bench");
    shell::run(shell::command(program).arg(crate::release_program()?).arg(crate::target_folder()))
}
