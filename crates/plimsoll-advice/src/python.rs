//! pip and the tools that lock what it installs.
//!
//! Source: pip's, Pipenv's, Poetry's, uv's and PDM's documentation of their commands; PEP 440, "Version specifiers".

use plimsoll_model::PackageKind;

use crate::action::{Draft, Step};
use crate::block::command;
use crate::safe;

/// `'urllib3>=1.26.5,<2'`: not below the fix, and in its line of releases.
fn range(step: &Step<'_>) -> Option<String> {
    let name = step.name()?;
    let digits: &str = step.to.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
    Some(match digits.parse::<u64>().ok().and_then(|major| major.checked_add(1)) {
        Some(next) => format!("'{name}>={},<{next}'", step.to),
        None => format!("'{name}>={}'", step.to),
    })
}

fn exact(step: &Step<'_>) -> Option<String> {
    Some(format!("{}=={}", step.name()?, step.to))
}

fn name(step: &Step<'_>) -> Option<String> {
    step.name().map(str::to_owned)
}

fn words(steps: &[Step<'_>], direct: Option<bool>, word: fn(&Step<'_>) -> Option<String>) -> Vec<String> {
    let is_meant =
        |step: &&Step<'_>| direct.is_none_or(|direct| (step.package.direct == Some(true)) == direct);
    let mut words: Vec<String> = steps.iter().filter(is_meant).filter_map(word).collect();
    words.sort();
    words.dedup();
    words
}

fn line(start: &str, words: &[String]) -> Vec<String> {
    if words.is_empty() { Vec::new() } else { command(start, words) }
}

pub(crate) fn pip(install: &str, steps: &[Step<'_>]) -> Draft {
    let lines = line(install, &words(steps, None, range));
    Draft::new("pip", lines).with_remark("raise the version where the application asks for it as well")
}

/// What a distribution brings along goes with that distribution.
pub(crate) fn inside(outer: &str, install: &str) -> Draft {
    let line = safe::name_of(PackageKind::PyPi, outer).map(|outer| format!("{install} {outer}"));
    let mut draft = Draft::new("pip", line.into_iter().collect());
    draft.title = Some(format!("Upgrade {outer}, which brings its own copies"));
    draft.remark(format!("which release of {outer} brings these versions is not known here"));
    draft
}

pub(crate) fn requirements(steps: &[Step<'_>]) -> Draft {
    Draft::new("pip", words(steps, None, exact)).with_remark("these lines replace those of the file")
}

pub(crate) fn pipenv(steps: &[Step<'_>]) -> Draft {
    let mut lines = line("pipenv install", &words(steps, Some(true), range));
    lines.extend(line("pipenv upgrade", &words(steps, Some(false), range)));
    Draft::new("pipenv", lines)
}

pub(crate) fn poetry(steps: &[Step<'_>]) -> Draft {
    let mut lines = line("poetry add", &words(steps, Some(true), range));
    lines.extend(line("poetry update", &words(steps, Some(false), name)));
    Draft::new("poetry", lines)
}

pub(crate) fn uv(steps: &[Step<'_>]) -> Draft {
    let mut lines = line("uv add", &words(steps, Some(true), range));
    let others = words(steps, Some(false), exact);
    let others: Vec<String> = others.iter().map(|word| format!("--upgrade-package {word}")).collect();
    lines.extend(line("uv lock", &others));
    Draft::new("uv", lines)
}

pub(crate) fn pdm(steps: &[Step<'_>]) -> Draft {
    let mut lines = line("pdm add", &words(steps, Some(true), range));
    lines.extend(line("pdm update", &words(steps, Some(false), name)));
    Draft::new("pdm", lines)
}

pub(crate) fn pylock(steps: &[Step<'_>]) -> Draft {
    Draft::new("pip", words(steps, None, exact)).with_remark(
        "the file says what a tool has chosen: raise these where that tool reads them, and lock again",
    )
}
