//! Upgrades, gathered into actions.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Finding, FixAction, Inventory, Package, PackageKind, Severity, Upgrade};

use crate::distribution::adjective;
use crate::place::{How, Place, place};
use crate::subject::{Subject, compared};
use crate::{distribution, golang, java, javascript, others, python, safe, severity};

/// A package that goes to another version, at one place.
#[derive(Clone, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) package: &'a Package,
    pub(crate) from: String,
    /// Empty where the package is to be removed.
    pub(crate) to: String,
    packages: BTreeSet<usize>,
    removes: BTreeSet<usize>,
}

impl<'a> Step<'a> {
    /// Its name as a word of a line, as its package manager knows it; `None` where it is not fit for one.
    pub(crate) fn name(&self) -> Option<&'a str> {
        distribution::name(self)
    }

    /// Whether it leaves the line of releases that promises not to break what uses it. A Go module of another line has
    /// another name, unless it is `+incompatible`.
    pub(crate) fn is_breaking(&self) -> bool {
        let kind = self.package.kind;
        let (from, to) = (line_of(kind, &self.from), line_of(kind, &self.to));
        let is_another_name = kind == PackageKind::Golang && !self.to.ends_with("+incompatible");
        !kind.is_os() && !is_another_name && from.is_some() && to.is_some() && from != to
    }

    /// The line of releases that is left: `5` of `5.1.0`, `0.4` of `0.4.1`. Empty where the version has none.
    pub(crate) fn line(&self) -> String {
        match line_of(self.package.kind, &self.from) {
            Some((first, "")) => first.to_owned(),
            Some((first, second)) => format!("{first}.{second}"),
            None => String::new(),
        }
    }
}

/// `1` of `v1.2.3`; where tools read a caret so, `0.4` of `0.4.1`. `None` where it begins with no number.
fn line_of(kind: PackageKind, version: &str) -> Option<(&str, &str)> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    let first = parts.next().filter(|first| !first.is_empty())?;
    let has_carets = matches!(
        kind,
        PackageKind::Cargo | PackageKind::Composer | PackageKind::Hex | PackageKind::Npm | PackageKind::Pub
    );
    let second = if first == "0" && has_carets { parts.next().unwrap_or("0") } else { "" };
    Some((first, second))
}

/// An action without what follows from its steps.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) tool: &'static str,
    /// Where it is another than `Upgrade 3 npm packages`.
    pub(crate) title: Option<String>,
    pub(crate) lines: Vec<String>,
    remarks: Vec<String>,
}

impl Draft {
    pub(crate) fn new(tool: &'static str, lines: Vec<String>) -> Self {
        Self { tool, title: None, lines, remarks: Vec::new() }
    }

    /// Adds what else is to be known, once.
    pub(crate) fn remark(&mut self, remark: impl Into<String>) {
        let remark = remark.into();
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    pub(crate) fn with_remark(mut self, remark: impl Into<String>) -> Self {
        self.remark(remark);
        self
    }
}

/// What an action is sorted by, the greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// What is itself the attack goes first, whatever else it removes.
    pub(crate) malicious: bool,
    /// How many findings that the advice is about it removes.
    pub(crate) about: usize,
    /// The worst of these.
    pub(crate) worst: Severity,
    /// How many findings it removes.
    pub(crate) all: usize,
}

/// The actions that bring all subjects to their versions.
pub(crate) fn actions(
    inventory: &Inventory,
    findings: &[Finding],
    about: &[usize],
    subjects: &[Subject],
) -> Vec<(Rank, FixAction)> {
    let mut by_place: BTreeMap<Place, (Vec<Step<'_>>, BTreeSet<&str>)> = BTreeMap::new();
    for subject in subjects.iter().filter(|subject| subject.malicious || subject.to.is_some()) {
        for (place, steps) in steps(subject, inventory, findings) {
            let entry = by_place.entry(place).or_default();
            entry.0.extend(steps);
            entry.1.extend(subject.remarks.iter().map(String::as_str));
        }
    }
    by_place
        .into_iter()
        .map(|(place, (steps, remarks))| {
            let mut draft = draft(&place, &steps, inventory);
            for remark in remarks {
                draft.remark(remark);
            }
            let action = finish(&place, &steps, draft, inventory);
            let removes: BTreeSet<usize> =
                action.upgrades.iter().flat_map(|upgrade| upgrade.removes.iter().copied()).collect();
            let of_about: Vec<usize> =
                removes.iter().copied().filter(|index| about.binary_search(index).is_ok()).collect();
            let rank = Rank {
                malicious: place.how == How::Remove,
                about: of_about.len(),
                worst: of_about
                    .iter()
                    .map(|&index| severity(&findings[index]))
                    .max()
                    .unwrap_or(Severity::Unknown),
                all: removes.len(),
            };
            (rank, action)
        })
        .collect()
}

/// The packages of a subject that go to its version, by place and name.
fn steps<'a>(
    subject: &Subject,
    inventory: &'a Inventory,
    findings: &[Finding],
) -> BTreeMap<Place, Vec<Step<'a>>> {
    let to = match &subject.to {
        Some(to) if !subject.malicious => with_prefix(subject.kind, to),
        _ => String::new(),
    };
    let mut by_name: BTreeMap<(Place, &str), Step<'a>> = BTreeMap::new();
    for &index in &subject.cleared {
        for &at in &findings[index].packages {
            let Some(package) = inventory.packages.get(at) else { continue };
            if package.kind != subject.kind || compared(&findings[index], package) != subject.from {
                continue;
            }
            let key = (place(package, inventory, subject.malicious), package.name.as_str());
            let step = by_name.entry(key).or_insert_with(|| Step {
                package,
                from: subject.from.clone(),
                to: to.clone(),
                packages: BTreeSet::new(),
                removes: BTreeSet::new(),
            });
            step.packages.insert(at);
            step.removes.insert(index);
            // Of several that stand in one place, what is known of one holds for the step.
            if step.package.direct.is_none() && package.direct.is_some() {
                step.package = package;
            }
        }
    }
    let mut by_place: BTreeMap<Place, Vec<Step<'a>>> = BTreeMap::new();
    for ((place, _), step) in by_name {
        by_place.entry(place).or_default().push(step);
    }
    by_place
}

/// Go's advisories write versions without the `v` that its tools ask for.
fn with_prefix(kind: PackageKind, version: &str) -> String {
    if kind == PackageKind::Golang && version.starts_with(|c: char| c.is_ascii_digit()) {
        format!("v{version}")
    } else {
        version.to_owned()
    }
}

/// Lines and remarks. Steps whose name or version is not fit for a line are in none.
fn draft(place: &Place, steps: &[Step<'_>], inventory: &Inventory) -> Draft {
    let is_fit =
        |step: &&Step<'_>| step.name().is_some() && (step.to.is_empty() || safe::version(&step.to).is_some());
    let fit: Vec<Step<'_>> = steps.iter().filter(is_fit).cloned().collect();
    let mut draft = match &place.how {
        How::Remove => others::remove(&fit),
        How::Base(name) => distribution::by_base(name, &fit, inventory),
        How::Distribution(manager) => distribution::by_manager(manager, &fit),
        How::NoManager => distribution::without_manager(),
        How::Npm => javascript::npm(&fit),
        How::NpmGlobal => javascript::global(&fit),
        How::NpmInside(outer) => javascript::inside(outer),
        How::Yarn => javascript::yarn(&fit),
        How::Pnpm => javascript::pnpm(&fit),
        How::Pip(install) => python::pip(install, &fit),
        How::PipInside(outer, install) => python::inside(outer, install),
        How::Requirements => python::requirements(&fit),
        How::Pipenv => python::pipenv(&fit),
        How::Poetry => python::poetry(&fit),
        How::Uv => python::uv(&fit),
        How::Pdm => python::pdm(&fit),
        How::PyLock => python::pylock(&fit),
        How::Pom => java::pom(&fit),
        How::JavaArchive => java::archive(&place.path, &fit),
        How::JavaFolder => java::folder(&fit),
        How::Gradle => java::gradle(&fit),
        How::GoMod => golang::module(&fit),
        How::GoBinary => golang::binary(&place.path, &fit),
        How::CargoLock => others::cargo(&fit),
        How::RustBinary => others::cargo(&fit).with_remark("in the source that the program is built from"),
        How::Bundler => others::bundler(&fit),
        How::Gem => others::gem(&fit),
        How::Composer => others::composer(&fit),
        How::NuGet => others::nuget(&fit),
        How::DotNetRuntime => others::dotnet_runtime(),
        How::Mix => others::mix(&fit),
        How::Pub => others::pub_dev(&fit),
        How::Swift => others::swift(&fit),
        How::Bitnami => others::bitnami(),
    };
    match steps.len() - fit.len() {
        0 => {}
        1 => draft.remark("the name or version of 1 package does not belong into a line: see to it by hand"),
        unfit => draft.remark(format!(
            "names or versions of {unfit} packages do not belong into a line: see to them by hand"
        )),
    }
    let breaking: BTreeSet<&str> =
        fit.iter().filter(|step| !step.to.is_empty() && step.is_breaking()).filter_map(Step::name).collect();
    let chosen_by_others = matches!(
        place.how,
        How::Base(_) | How::NpmInside(_) | How::PipInside(..) | How::DotNetRuntime | How::Bitnami
    );
    if !breaking.is_empty() && !chosen_by_others {
        let names: Vec<&str> = breaking.into_iter().collect();
        draft.remark(format!("leaves the present major version: {}", names.join(", ")));
    }
    draft
}

fn finish(place: &Place, steps: &[Step<'_>], draft: Draft, inventory: &Inventory) -> FixAction {
    let mut upgrades: Vec<Upgrade> = steps
        .iter()
        .map(|step| Upgrade {
            name: step.package.name.clone(),
            from: step.from.clone(),
            to: step.to.clone(),
            packages: step.packages.iter().copied().collect(),
            removes: step.removes.iter().copied().collect(),
        })
        .collect();
    upgrades.sort_by(|a, b| (&a.name, &a.from).cmp(&(&b.name, &b.from)));
    let title = draft.title.unwrap_or_else(|| match (&place.how, upgrades.as_slice()) {
        (How::Remove, [one]) => format!("Remove {} {}: it is itself the attack", one.name, one.from),
        (How::Remove, all) => format!("Remove {} packages that are themselves the attack", all.len()),
        (_, [one, rest @ ..])
            if rest.iter().all(|other| (&other.name, &other.to) == (&one.name, &one.to)) =>
        {
            format!("Upgrade {} to {}", one.name, one.to)
        }
        (_, all) => {
            let names: BTreeSet<&str> = all.iter().map(|upgrade| upgrade.name.as_str()).collect();
            format!("Upgrade {}", counted(names.len(), steps[0].package.kind, inventory))
        }
    });
    FixAction {
        tool: draft.tool.to_owned(),
        title,
        path: place.path.clone(),
        lines: draft.lines,
        upgrades,
        remark: draft.remarks.join("; "),
    }
}

/// `3 npm packages`, `1 Java library`.
pub(crate) fn counted(number: usize, kind: PackageKind, inventory: &Inventory) -> String {
    let (one, many) = match kind {
        PackageKind::Maven => ("Java library", "Java libraries"),
        PackageKind::Gem => ("gem", "gems"),
        PackageKind::Golang => ("Go module", "Go modules"),
        PackageKind::Cargo => ("crate", "crates"),
        PackageKind::Npm => ("npm package", "npm packages"),
        PackageKind::PyPi => ("Python package", "Python packages"),
        PackageKind::Composer => ("PHP package", "PHP packages"),
        PackageKind::NuGet => (".NET package", ".NET packages"),
        PackageKind::Hex => ("Hex package", "Hex packages"),
        PackageKind::Pub => ("Dart package", "Dart packages"),
        PackageKind::Swift => ("Swift package", "Swift packages"),
        PackageKind::Bitnami => ("Bitnami package", "Bitnami packages"),
        PackageKind::Alpm | PackageKind::Apk | PackageKind::Deb | PackageKind::Rpm => ("package", "packages"),
    };
    let noun = if number == 1 { one } else { many };
    match adjective(inventory.os.as_ref(), kind) {
        Some(adjective) if kind.is_os() => format!("{number} {adjective} {noun}"),
        _ => format!("{number} {noun}"),
    }
}
