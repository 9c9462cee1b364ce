//! Tasks of the project: `cargo xtask check | test | demo | demo-pipeline | demo-image | bench`.

mod advisories;
mod bench;
mod check;
mod demo;
mod demo_image;
mod docs;
mod pipeline_demo;
mod shell;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

const USAGE: &str = "\
usage: cargo xtask TASK

  check                      format, lints, documents: what the CI checks
  test [--fast|--real]       the tests; --fast: without, --real: only those against real parts
  demo                       scan the demo's image with the release build
  demo-pipeline              run a pipeline from a commit to production, on one machine
  docs                       write what documents take from the code: the table of sources
  demo-image FOLDER          write the demo's image as an OCI layout
  advisories FOLDER [DAY]    write made-up advisories of full size, as they are on that day
  bench                      benchmarks, side by side in one run";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done: Result<()> = match words[..] {
        ["check"] => check::run(),
        ["test"] => test::run(test::Which::All),
        ["test", "--fast"] => test::run(test::Which::Fast),
        ["test", "--real"] => test::run(test::Which::Real),
        ["demo"] => demo::run(),
        ["demo-pipeline"] => pipeline_demo::run(),
        // What the demo's pipeline calls in place of buildah.
        ["build-image", ref words @ ..] => pipeline_demo::build(words),
        ["docs"] => docs::run(),
        ["demo-image", folder] => demo_image::write(Path::new(folder)),
        ["advisories", folder] => made_up(folder, 0),
        ["advisories", folder, day] => day
            .parse()
            .map_err(|_| anyhow::anyhow!("cannot read day `{day}`: expected a number"))
            .and_then(|day| made_up(folder, day)),
        ["bench"] => bench::run(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn made_up(folder: &str, day: u32) -> Result<()> {
    let written = advisories::write(Path::new(folder), advisories::FULL, day)?;
    println!(
        "{} advisories, {} ranges, {} bytes of JSON",
        written.records, written.ranges, written.json_bytes
    );
    Ok(())
}

/// The project's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the project's root").to_owned()
}

/// Where cargo puts what it builds.
fn target_folder() -> PathBuf {
    match variable("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A variable of the environment that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "tasks are steered by the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The release build of a program.
fn release_program(name: &str) -> Result<PathBuf> {
    let program = target_folder().join("release").join(name);
    if !program.is_file() {
        anyhow::bail!(
            "cannot find `{}`: expected the release build; run `cargo build --release --package {name}`",
            program.display()
        );
    }
    Ok(program)
}
