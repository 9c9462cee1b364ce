//! The other ecosystems, and packages that are to go.

use plimsoll_model::PackageKind;

use crate::action::{Draft, Step};
use crate::block::command;

fn names(steps: &[Step<'_>]) -> Vec<String> {
    let mut names: Vec<String> = steps.iter().filter_map(Step::name).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

fn of_names(tool: &'static str, start: &str, steps: &[Step<'_>]) -> Draft {
    let names = names(steps);
    Draft::new(tool, if names.is_empty() { Vec::new() } else { command(start, names) })
}

/// A line for each step.
fn each(tool: &'static str, steps: &[Step<'_>], line: impl Fn(&str, &Step<'_>) -> String) -> Draft {
    let mut lines: Vec<String> =
        steps.iter().filter_map(|step| step.name().map(|name| line(name, step))).collect();
    lines.sort();
    lines.dedup();
    Draft::new(tool, lines)
}

/// Packages that are themselves the attack. There is no version to go to.
pub(crate) fn remove(steps: &[Step<'_>]) -> Draft {
    let of = |kind: PackageKind, direct: bool| -> Vec<Step<'_>> {
        let is_meant =
            |step: &&Step<'_>| step.package.kind == kind && (!direct || step.package.direct == Some(true));
        steps.iter().filter(is_meant).cloned().collect()
    };
    let mut draft = Draft::new("remove", Vec::new());
    draft.lines.extend(of_names("", "npm uninstall", &of(PackageKind::Npm, true)).lines);
    draft.lines.extend(of_names("", "pip uninstall -y", &of(PackageKind::PyPi, false)).lines);
    draft.remark("take it out, or go to a version that the advisory does not name");
    draft.remark(
        "whatever it could read where it was installed and ran is known to others: change those secrets",
    );
    draft
}

pub(crate) fn cargo(steps: &[Step<'_>]) -> Draft {
    let mut draft = each("cargo", steps, |name, step| {
        // A file may have several versions of one crate.
        match crate::safe::version(&step.from) {
            Some(from) => format!("cargo update -p {name}@{from} --precise {}", step.to),
            None => format!("cargo update -p {name} --precise {}", step.to),
        }
    });
    if steps.iter().any(Step::is_breaking) {
        draft.remark("what leaves its major version must be raised in `Cargo.toml` first");
    }
    draft
}

pub(crate) fn bundler(steps: &[Step<'_>]) -> Draft {
    of_names("bundler", "bundle update --conservative", steps)
}

pub(crate) fn gem(steps: &[Step<'_>]) -> Draft {
    let mut words: Vec<String> =
        steps.iter().filter_map(|step| Some(format!("{}:{}", step.name()?, step.to))).collect();
    words.sort();
    words.dedup();
    let lines = if words.is_empty() { Vec::new() } else { command("gem install", words) };
    Draft::new("gem", lines).with_remark(
        "the old version stays beside it until `gem cleanup`; one that Ruby brings along, until a newer Ruby",
    )
}

pub(crate) fn composer(steps: &[Step<'_>]) -> Draft {
    of_names("composer", "composer update --with-dependencies", steps)
}

pub(crate) fn nuget(steps: &[Step<'_>]) -> Draft {
    each("dotnet", steps, |name, step| format!("dotnet add package {name} --version {}", step.to))
}

pub(crate) fn dotnet_runtime() -> Draft {
    let mut draft = Draft::new("rebuild", vec!["docker build --pull .".to_owned()]);
    draft.title = Some("Rebuild on a newer .NET runtime".to_owned());
    draft.remark("they come with the runtime");
    draft
}

pub(crate) fn mix(steps: &[Step<'_>]) -> Draft {
    of_names("mix", "mix deps.update", steps)
}

pub(crate) fn pub_dev(steps: &[Step<'_>]) -> Draft {
    of_names("dart", "dart pub upgrade", steps)
}

pub(crate) fn swift(steps: &[Step<'_>]) -> Draft {
    // A package is known by the last part of its address.
    let mut names: Vec<String> = names(steps)
        .iter()
        .map(|name| name.rsplit('/').next().unwrap_or(name))
        .map(|name| name.strip_suffix(".git").unwrap_or(name).to_owned())
        .collect();
    names.sort();
    names.dedup();
    let lines = names.iter().map(|name| format!("swift package update {name}")).collect();
    Draft::new("swift", lines)
}

pub(crate) fn bitnami() -> Draft {
    let mut draft = Draft::new("rebuild", vec!["docker build --pull .".to_owned()]);
    draft.title = Some("Rebuild on a newer Bitnami image".to_owned());
    draft.remark("its packages come with it");
    draft
}
