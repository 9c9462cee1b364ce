//! Go modules and the toolchain.
//!
//! Source: The Go documentation, "Managing dependencies" and "Go Toolchains".

use crate::action::{Draft, Step};
use crate::block::command;

/// The name under which the toolchain's own library stands.
const STANDARD_LIBRARY: &str = "stdlib";

fn is_standard(step: &Step<'_>) -> bool {
    step.package.name == STANDARD_LIBRARY
}

/// The toolchain's version without marks: `1.20.8`.
fn toolchain(steps: &[Step<'_>]) -> Option<String> {
    let step = steps.iter().find(|step| is_standard(step))?;
    Some(step.to.trim_start_matches(['v', 'g', 'o']).to_owned())
}

fn modules(steps: &[Step<'_>]) -> Vec<String> {
    let modules = steps.iter().filter(|step| !is_standard(step));
    let mut words: Vec<String> =
        modules.filter_map(|step| Some(format!("{}@{}", step.name()?, step.to))).collect();
    words.sort();
    words.dedup();
    words
}

fn lines(steps: &[Step<'_>]) -> Vec<String> {
    let mut words = modules(steps);
    words.extend(toolchain(steps).map(|version| format!("toolchain@go{version}")));
    if words.is_empty() {
        return Vec::new();
    }
    let mut lines = command("go get", words);
    lines.push("go mod tidy".to_owned());
    lines
}

pub(crate) fn module(steps: &[Step<'_>]) -> Draft {
    Draft::new("go", lines(steps))
}

pub(crate) fn binary(path: &str, steps: &[Step<'_>]) -> Draft {
    let mut draft = Draft::new("go", lines(steps));
    let modules = modules(steps).len();
    let plural = if modules == 1 { "" } else { "s" };
    let what = match (toolchain(steps), modules) {
        (Some(version), 0) => Some(format!("Go {version} or later")),
        (Some(version), _) => Some(format!("Go {version} or later and {modules} newer module{plural}")),
        (None, 0) => None,
        (None, _) => Some(format!("{modules} newer module{plural}")),
    };
    draft.title = what.map(|what| format!("Build {path} with {what}"));
    draft.remark("in its source; where somebody else builds it, take a newer release of it");
    draft
}
