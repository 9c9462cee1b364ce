//! `plimsoll pipeline hook`: what git's `post-receive` hook runs.
//!
//! Source: githooks(5), "post-receive": lines `<old-oid> SP <new-oid> SP <ref-name> LF` on stdin. Names of refs are text
//! that somebody chose; they are compared and shown, and nothing else.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::anyhow;
use clap::Parser as _;
use plimsoll_pipeline::commit::images;

use super::commit::Run;
use super::commit::git::{Git, is_hash};
use crate::args::{Action, Command, Common, HookArgs, PipelineAction};
use crate::environment::Environment;
use crate::exit::{Exit, Failure, printable};
use crate::settings::Settings;

/// The most bytes of what git says was pushed.
const MAX_INPUT_BYTES: u64 = 4 << 20;
/// The most commits of one push that are looked at: the newest.
const MAX_COMMITS: usize = 200;
/// The most commits of one push that are run.
const MAX_RUNS: usize = 20;
/// What begins the name of a branch.
const BRANCH: &str = "refs/heads/";
/// Patterns of the branches that count; all of them where none is set.
const BRANCHES: &str = "plimsoll.branches";
/// Flags of `plimsoll pipeline run --commit`, one word a value.
const FLAG: &str = "plimsoll.flag";
/// Where reports lie, in the repository's own folder.
const REPORTS: &str = "plimsoll";

/// A ref that was pushed.
struct Pushed<'a> {
    old: &'a str,
    new: &'a str,
    name: &'a str,
}

pub(super) fn run(arguments: &HookArgs, environment: &Environment, common: &Common) -> Result<Exit, Failure> {
    let stop = super::build::stop()?;
    let input = input()?;
    let git = Git { source: &arguments.repository, stop: &stop };
    let pushed: Vec<Pushed<'_>> = input.lines().filter_map(pushed).collect();
    let wanted = git.settings(BRANCHES)?;
    let mut commits: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    let refs = git.refs()?;
    for one in &pushed {
        let Some(branch) = one.name.strip_prefix(BRANCH) else { continue };
        // A branch that is gone.
        if is_zero(one.new) {
            continue;
        }
        if !wanted.is_empty() && !wanted.iter().any(|pattern| matches(pattern, branch)) {
            tell(common, &format!("branch `{branch}` is none of `{BRANCHES}`: not looked at"));
            continue;
        }
        // Of a new branch what no other ref had before; a branch that was pushed beside it had what it had then.
        let others: Vec<String> = if is_zero(one.old) {
            let before = |name: &str| pushed.iter().find(|other| other.name == name);
            refs.iter()
                .filter(|(name, _)| before(name).is_none())
                .map(|(_, hash)| hash.clone())
                .chain(pushed.iter().map(|other| other.old.to_owned()))
                .filter(|hash| !is_zero(hash))
                .collect()
        } else {
            vec![one.old.to_owned()]
        };
        let found = git.new_commits(one.new, others, MAX_COMMITS + 1)?;
        let skipped = found.len().saturating_sub(MAX_COMMITS);
        if skipped > 0 {
            tell(
                common,
                &format!("of branch `{branch}` only the newest {MAX_COMMITS} commits are looked at"),
            );
        }
        commits.extend(found.into_iter().skip(skipped).filter(|commit| known.insert(commit.clone())));
    }
    if commits.is_empty() {
        return Ok(Exit::Passed);
    }
    let flags = git.settings(FLAG)?;
    let mut asking = Vec::new();
    for commit in &commits {
        let message = git.message(commit)?;
        // One that is too long is refused when it is run.
        let asks =
            images(&message).map_or(true, |asked| !asked.images.is_empty() || !asked.refused.is_empty());
        if asks {
            asking.push(commit);
        }
    }
    if asking.is_empty() {
        tell(common, "no commit names an image as `::name:tag`: nothing to do");
        return Ok(Exit::Passed);
    }
    let left_out = asking.len().saturating_sub(MAX_RUNS);
    if left_out > 0 {
        eprintln!("error: {} commits ask for images; the oldest {left_out} are not run", asking.len());
    }
    let mut exit = if left_out > 0 { Exit::Usage } else { Exit::Passed };
    for commit in asking.into_iter().skip(left_out) {
        let ended = one(commit, arguments, &flags, environment, common, &stop);
        exit = match ended {
            Ok(ended) => worse(exit, ended),
            Err(failure) => {
                eprintln!("{failure}");
                worse(exit, failure.exit)
            }
        };
        if stop.load(Ordering::Acquire) {
            break;
        }
    }
    Ok(exit)
}

fn one(
    commit: &str,
    arguments: &HookArgs,
    flags: &[String],
    environment: &Environment,
    common: &Common,
    stop: &AtomicBool,
) -> Result<Exit, Failure> {
    let source = arguments.repository.display().to_string();
    let mut words: Vec<String> =
        ["plimsoll", "pipeline", "run", "--commit", commit, "--source", &source].map(str::to_owned).into();
    if !flags.iter().any(|flag| flag.starts_with("--reports")) {
        let own = arguments.repository.canonicalize().unwrap_or_else(|_| arguments.repository.clone());
        words.push(format!("--reports={}", own.join(REPORTS).display()));
    }
    if common.quiet {
        words.push("--quiet".to_owned());
    }
    if let Some(config) = &common.config {
        words.push(format!("--config={}", config.display()));
    }
    words.extend_from_slice(flags);
    let command = Command::try_parse_from(&words).map_err(|error| {
        let text = error.to_string();
        let text = text.trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
        Failure::new(Exit::Usage, anyhow!(text).context(format!("cannot run with the flags of `{FLAG}`")))
            .hint(format!("`git config --get-all {FLAG}` lists them, one word a value"))
    })?;
    let Action::Pipeline(pipeline) = &command.action else { unreachable!("the words above say `pipeline`") };
    let PipelineAction::Run(arguments) = &pipeline.action else { unreachable!("the words above say `run`") };
    // Flags may name other settings.
    let common = &command.common;
    let settings = &Settings::read(common.config.as_deref())?;
    Run { arguments, common, settings, environment, stop }.run(commit)
}

fn worse(one: Exit, other: Exit) -> Exit {
    super::commit::worst(&[one, other])
}

fn tell(common: &Common, text: &str) {
    if !common.quiet {
        eprintln!("{}", printable(text));
    }
}

fn input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "behind `take`")]
    let read = io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes);
    let length = read.map_err(|error| {
        Failure::new(Exit::CouldNotScan, anyhow!(error).context("cannot read on stdin what was pushed"))
    })?;
    if length as u64 > MAX_INPUT_BYTES {
        let what =
            anyhow!("cannot read what was pushed: expected at most {MAX_INPUT_BYTES} bytes, found more");
        return Err(Failure::new(Exit::Usage, what));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A line of the input; `None` for what is none.
fn pushed(line: &str) -> Option<Pushed<'_>> {
    let (old, rest) = line.split_once(' ')?;
    let (new, name) = rest.split_once(' ')?;
    (is_hash(old) && is_hash(new)).then_some(Pushed { old, new, name })
}

fn is_zero(hash: &str) -> bool {
    hash.bytes().all(|byte| byte == b'0')
}

/// Whether a name fits a pattern, in which `*` is any text.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.len() >= last.len() && name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_branches() {
        for (pattern, name, expected) in [
            ("main", "main", true),
            ("main", "main2", false),
            ("release/*", "release/1", true),
            ("release/*", "release", false),
            ("*", "a/b", true),
            ("*-x", "a-x", true),
            ("a*a", "a", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let (a, z) = ("a".repeat(40), "0".repeat(40));
        assert!(pushed(&format!("{z} {a} refs/heads/x;$(id)")).is_some());
        for line in ["", "a b c", &format!("{a} {a}"), &format!("-x {a} refs/heads/x")] {
            assert!(pushed(line).is_none(), "{line}");
        }
    }
}
