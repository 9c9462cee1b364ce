//! The tests, with one line of totals at the end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::shell::{cargo, command, run as run_command, shown};

/// The package with the tests against real registries, engines and images.
const REAL: &str = "plimsoll-real";

/// Which tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    Fast,
    Real,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    passed: u64,
    failed: u64,
    skipped: u64,
}

pub(crate) fn run(which: Which) -> Result<()> {
    let mut totals = Totals::default();
    let mut failed = Vec::new();
    if which != Which::Real {
        let mut fast = cargo();
        fast.args(["test", "--workspace", "--exclude", REAL, "--no-fail-fast"]);
        count(&mut fast, &mut totals, &mut failed)?;
    }
    if which != Which::Fast {
        run_command(command("sh").arg("tests/real/setup.sh"))?;
        // The tests drive the programs themselves: those that the tests above were built with, with the same features,
        // so that nothing is built twice.
        run_command(cargo().args(["test", "--workspace", "--exclude", REAL, "--no-run", "--quiet"]))?;
        let mut real = cargo();
        real.args(["test", "--package", REAL, "--no-fail-fast"]);
        count(&mut real, &mut totals, &mut failed)?;
    }
    println!("{} passed, {} failed, {} skipped", totals.passed, totals.failed, totals.skipped);
    if !failed.is_empty() {
        bail!("failed: {}", failed.join("; "));
    }
    if totals.passed == 0 {
        bail!("no test was run");
    }
    Ok(())
}

/// Runs a test command, shows what it prints, and adds up its `test result:` lines.
fn count(tests: &mut Command, totals: &mut Totals, failed: &mut Vec<String>) -> Result<()> {
    let mut child =
        tests.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{}`", shown(tests)))?;
    let out = child.stdout.take().expect("stdout was asked for");
    for line in BufReader::new(out).lines() {
        let line = line.context("cannot read what the tests print")?;
        writeln!(std::io::stdout(), "{line}").context("cannot print")?;
        if let Some(result) = line.strip_prefix("test result: ") {
            let number = |word: &str| {
                let before = result.split(word).next().unwrap_or("");
                before
                    .split([' ', '.'])
                    .rfind(|text| !text.is_empty())
                    .and_then(|text| text.parse::<u64>().ok())
                    .unwrap_or(0)
            };
            totals.passed += number(" passed");
            totals.failed += number(" failed");
            totals.skipped += number(" ignored");
        }
    }
    let status = child.wait().context("cannot wait for the tests")?;
    if !status.success() {
        failed.push(format!("`{}`: {status}", shown(tests)));
    }
    Ok(())
}
