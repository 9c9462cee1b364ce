//! npm, Yarn and pnpm.
//!
//! What the application names itself is installed in the new version. What came along is taken anew where its line of
//! releases stays, which what asks for it mostly allows; where it does not, only an override helps.
//!
//! Source: npm's, Yarn's and pnpm's documentation of `install`, `update`, `up`, `overrides` and `resolutions`.

use std::collections::BTreeMap;

use plimsoll_model::PackageKind;

use crate::action::{Draft, Step};
use crate::block::command;
use crate::safe;

/// `name@version`.
fn pinned(steps: &[&Step<'_>]) -> Vec<String> {
    let mut words: Vec<String> =
        steps.iter().filter_map(|step| Some(format!("{}@{}", step.name()?, step.to))).collect();
    words.sort();
    words.dedup();
    words
}

fn names<'a>(steps: &[&Step<'a>]) -> Vec<&'a str> {
    let mut words: Vec<&str> = steps.iter().filter_map(|step| step.name()).collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn push(lines: &mut Vec<String>, start: &str, words: &[impl AsRef<str>]) {
    if !words.is_empty() {
        lines.extend(command(start, words));
    }
}

/// What must be forced: the name, its line of releases that is left, and the version. Where a line goes to two versions,
/// the later of them in the order of texts: one that is left behind is found by the next scan.
fn forced<'a>(steps: &[&'a Step<'_>]) -> BTreeMap<(&'a str, String), &'a str> {
    steps.iter().filter_map(|step| Some(((step.name()?, step.line()), step.to.as_str()))).collect()
}

/// Keys for the lines of releases, `semver@5`: a name alone would force all versions of a package to that one.
fn by_line(forced: &BTreeMap<(&str, String), &str>) -> Vec<(String, String)> {
    let key = |name: &str, line: &str| {
        if line.is_empty() { name.to_owned() } else { format!("{name}@{line}") }
    };
    forced.iter().map(|((name, line), to)| (key(name, line), (*to).to_owned())).collect()
}

/// `"overrides": { "a": "1.2.3" }` over several lines.
fn object(key: &str, entries: &[(String, String)]) -> Vec<String> {
    if entries.is_empty() {
        return Vec::new();
    }
    let entries: Vec<String> = entries.iter().map(|(name, to)| format!("    \"{name}\": \"{to}\"")).collect();
    let mut lines = vec![format!("\"{key}\": {{")];
    lines.extend(entries.join(",\n").split('\n').map(str::to_owned));
    lines.push("}".to_owned());
    lines
}

/// What the application names itself; what came along, without and with a change of the major version.
fn parted<'s, 'a>(steps: &'s [Step<'a>]) -> (Vec<&'s Step<'a>>, Vec<&'s Step<'a>>, Vec<&'s Step<'a>>) {
    let (direct, others): (Vec<_>, Vec<_>) = steps.iter().partition(|step| step.package.direct == Some(true));
    let (far, near) = others.into_iter().partition(|step| step.is_breaking());
    (direct, near, far)
}

pub(crate) fn npm(steps: &[Step<'_>]) -> Draft {
    let (direct, near, far) = parted(steps);
    let mut draft = Draft::new("npm", Vec::new());
    push(&mut draft.lines, "npm install", &pinned(&direct));
    push(&mut draft.lines, "npm update", &names(&near));
    draft.lines.extend(object("overrides", &by_line(&forced(&far))));
    if !far.is_empty() {
        draft.remark("`overrides` goes into `package.json`, and `npm install` after it");
    }
    if !near.is_empty() {
        draft.remark("what `npm update` leaves below that version needs an entry in `overrides`");
    }
    draft
}

pub(crate) fn yarn(steps: &[Step<'_>]) -> Draft {
    let (direct, near, far) = parted(steps);
    let mut draft = Draft::new("yarn", Vec::new());
    push(&mut draft.lines, "yarn up", &pinned(&direct));
    push(&mut draft.lines, "yarn up -R", &names(&near));
    let forced = forced(&far);
    // Resolutions tell no lines of releases apart.
    let is_alone = |name: &str| forced.keys().filter(|(other, _)| *other == name).count() == 1;
    let resolutions: Vec<(String, String)> = forced
        .iter()
        .filter(|((name, _), _)| is_alone(name))
        .map(|((name, _), to)| ((*name).to_owned(), (*to).to_owned()))
        .collect();
    draft.lines.extend(object("resolutions", &resolutions));
    if !direct.is_empty() {
        draft.remark("Yarn 1 says `yarn upgrade` for `yarn up`");
    }
    if !near.is_empty() {
        draft.remark("Yarn 1 has no `up -R`: take their entries out of `yarn.lock` and run `yarn install`");
    }
    if !resolutions.is_empty() {
        draft.remark(
            "`resolutions` goes into `package.json`, and `yarn install` after it; it forces all versions of a package",
        );
    }
    for (name, line) in forced.keys().filter(|(name, _)| !is_alone(name)) {
        draft.remark(format!("{name} {line} is to be forced where something asks for it"));
    }
    draft
}

pub(crate) fn pnpm(steps: &[Step<'_>]) -> Draft {
    let (direct, near, far) = parted(steps);
    let mut draft = Draft::new("pnpm", Vec::new());
    push(&mut draft.lines, "pnpm add", &pinned(&direct));
    push(&mut draft.lines, "pnpm update --depth Infinity", &names(&near));
    let forced = by_line(&forced(&far));
    if !forced.is_empty() {
        draft.lines.push("overrides:".to_owned());
        draft.lines.extend(forced.iter().map(|(name, to)| format!("  \"{name}\": \"{to}\"")));
        draft.remark(
            "`overrides` goes into `pnpm-workspace.yaml` (before pnpm 10 into `pnpm` of `package.json`), and \
             `pnpm install` after it",
        );
    }
    draft
}

pub(crate) fn global(steps: &[Step<'_>]) -> Draft {
    let mut draft = Draft::new("npm", Vec::new());
    push(&mut draft.lines, "npm install -g", &pinned(&steps.iter().collect::<Vec<_>>()));
    draft
}

/// What a globally installed package brings along goes with that package.
pub(crate) fn inside(outer: &str) -> Draft {
    let line = safe::name_of(PackageKind::Npm, outer).map(|outer| format!("npm install -g {outer}@latest"));
    let mut draft = Draft::new("npm", line.into_iter().collect());
    draft.title = Some(format!("Upgrade {outer}, which brings its own copies"));
    draft.remark(format!("which release of {outer} brings these versions is not known here"));
    draft
}
