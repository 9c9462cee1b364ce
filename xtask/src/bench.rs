//! The benchmarks: a program of its own, built as users have it.

use anyhow::{Context as _, Result};

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
    let folder = crate::target_folder().join("bench");
    for day in 0..=1 {
        let advisories = folder.join(format!("advisories-{day}"));
        if !advisories.is_dir() {
            // Under another name first: a run that is ended leaves no half of it.
            let part = folder.join("advisories-part");
            crate::advisories::write(&part, crate::advisories::FULL, day)?;
            std::fs::rename(&part, &advisories)
                .with_context(|| format!("cannot name `{}`", advisories.display()))?;
        }
    }
    let program = crate::target_folder().join("release/plimsoll-bench");
    shell::run(shell::command(program).arg(crate::release_program("plimsoll")?).arg(crate::target_folder()))
}
