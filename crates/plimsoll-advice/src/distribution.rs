//! Distributions: their package managers, the base image, the end of a release.

use plimsoll_model::{Finding, FixAction, FixState, Inventory, OsRelease, PackageKind};

use crate::action::{Draft, Rank, Step};
use crate::block::command;
use crate::safe;
use crate::severity;

/// A package manager.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Manager {
    /// Whose packages it upgrades.
    kind: PackageKind,
    /// The package that brings it.
    package: &'static str,
    /// Its name, as in [`FixAction::tool`].
    pub(crate) tool: &'static str,
    /// The command that upgrades the packages named behind it, and what these need.
    command: &'static str,
    /// Whether it upgrades named packages, and not everything at once.
    takes_names: bool,
}

/// The package managers, of one kind the one to be preferred first: Red Hat's releases since 8 have a package `yum`
/// beside `dnf`, and its minimal images `microdnf` alone.
///
/// Source: apt-get(8), apk-upgrade(8), dnf(8), dnf5(8), microdnf's README, tdnf(8), yum(8), zypper(8), pacman(8).
const MANAGERS: &[Manager] = &[
    Manager {
        kind: PackageKind::Deb,
        package: "apt",
        tool: "apt-get",
        command: "apt-get update && apt-get install -y --only-upgrade",
        takes_names: true,
    },
    Manager {
        kind: PackageKind::Apk,
        package: "apk-tools",
        tool: "apk",
        command: "apk upgrade --no-cache",
        takes_names: true,
    },
    Manager {
        kind: PackageKind::Rpm,
        package: "zypper",
        tool: "zypper",
        command: "zypper --non-interactive refresh && zypper --non-interactive update",
        takes_names: true,
    },
    Manager {
        kind: PackageKind::Rpm,
        package: "dnf",
        tool: "dnf",
        command: "dnf upgrade -y",
        takes_names: true,
    },
    Manager {
        kind: PackageKind::Rpm,
        package: "dnf5",
        tool: "dnf5",
        command: "dnf5 upgrade -y",
        takes_names: true,
    },
    Manager {
        kind: PackageKind::Rpm,
        package: "microdnf",
        tool: "microdnf",
        command: "microdnf upgrade -y",
        takes_names: true,
    },
    Manager {
        kind: PackageKind::Rpm,
        package: "tdnf",
        tool: "tdnf",
        command: "tdnf update -y",
        takes_names: true,
    },
    Manager {
        kind: PackageKind::Rpm,
        package: "yum",
        tool: "yum",
        command: "yum update -y",
        takes_names: true,
    },
    Manager {
        kind: PackageKind::Alpm,
        package: "pacman",
        tool: "pacman",
        command: "pacman -Syu --noconfirm",
        takes_names: false,
    },
];

/// The line that takes the newest base image.
const PULL: &str = "docker build --pull .";

/// The package manager that an image has for packages of a kind.
pub(crate) fn manager(inventory: &Inventory, kind: PackageKind) -> Option<&'static Manager> {
    MANAGERS.iter().filter(|manager| manager.kind == kind).find(|manager| {
        inventory.packages.iter().any(|package| package.kind == kind && package.name == manager.package)
    })
}

/// Upgrades by a package manager.
pub(crate) fn by_manager(manager: &Manager, steps: &[Step<'_>]) -> Draft {
    let mut draft = Draft::new(manager.tool, lines(manager, steps));
    if !manager.takes_names {
        draft.remark("Arch takes no upgrade of single packages: this one upgrades all");
    }
    for step in steps {
        if let Some(owner) = &step.package.owner {
            draft.remark(format!(
                "{} belongs to the distribution's package {}, which may bear another version",
                step.package.name, owner.name
            ));
        }
    }
    draft
}

fn lines(manager: &Manager, steps: &[Step<'_>]) -> Vec<String> {
    if !manager.takes_names {
        return vec![manager.command.to_owned()];
    }
    let mut names: Vec<&str> = steps.iter().filter_map(Step::name).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { Vec::new() } else { command(manager.command, names) }
}

/// Upgrades by the image that this one is built from.
pub(crate) fn by_base(name: &str, steps: &[Step<'_>], inventory: &Inventory) -> Draft {
    let mut draft = Draft::new("rebuild", vec![PULL.to_owned()]);
    let name = if name.is_empty() { "base image" } else { name };
    draft.title = Some(format!("Rebuild on a newer {name}"));
    draft.remark("they come with the base image; where its digest is pinned, move the pin first");
    let of_distribution: Vec<Step<'_>> =
        steps.iter().filter(|step| step.package.kind.is_os()).cloned().collect();
    let manager = of_distribution.first().and_then(|step| manager(inventory, step.package.kind));
    let meanwhile = manager.map(|manager| lines(manager, &of_distribution)).unwrap_or_default();
    if !meanwhile.is_empty() {
        draft.lines.push("# or, until the base image has them, in the Dockerfile:".to_owned());
        draft.lines.extend(meanwhile);
    }
    draft
}

/// Upgrades in an image that has nothing to upgrade with.
pub(crate) fn without_manager() -> Draft {
    let mut draft = Draft::new("rebuild", vec![PULL.to_owned()]);
    draft.title = Some("Rebuild on a newer base image".to_owned());
    draft.remark("the image has no package manager: its packages come with the base image");
    draft
}

/// What to do about a release that gets no fixes any more. `about`: the findings it is about; all where there is no
/// limit.
pub(crate) fn end_of_life(
    inventory: &Inventory,
    findings: &[Finding],
    about: Option<&[usize]>,
) -> Option<(Rank, FixAction)> {
    let is_about = |index: usize| about.is_none_or(|about| about.binary_search(&index).is_ok());
    let ended: Vec<&Finding> = findings
        .iter()
        .enumerate()
        .filter(|(index, finding)| is_about(*index) && finding.fix == FixState::EndOfLife)
        .map(|(_, finding)| finding)
        .collect();
    let worst = ended.iter().map(|finding| severity(finding)).max()?;
    let os = inventory.os.as_ref();
    let release = os.map_or("the distribution", |os| {
        if os.pretty_name.is_empty() { os.id.as_str() } else { os.pretty_name.as_str() }
    });
    let number = ended.len();
    let distribution = adjective(os, PackageKind::Deb).unwrap_or_else(|| "the distribution".to_owned());
    let findings = if number == 1 { "1 finding gets".to_owned() } else { format!("{number} findings get") };
    let action = FixAction {
        tool: "release".to_owned(),
        title: format!("Move to a supported release of {distribution}"),
        path: String::new(),
        lines: Vec::new(),
        upgrades: Vec::new(),
        remark: format!("{findings} no fix any more in {release}"),
    };
    Some((Rank { malicious: false, about: number, worst, all: number }, action))
}

/// `Debian` of `Debian packages`: the distribution by its own name, where that is simple.
pub(crate) fn adjective(os: Option<&OsRelease>, kind: PackageKind) -> Option<String> {
    let id = os.map_or("", |os| os.id.as_str());
    let is_plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase());
    match kind {
        PackageKind::Rpm => Some("RPM".to_owned()),
        _ => is_plain.then(|| id[..1].to_ascii_uppercase() + &id[1..]),
    }
}

/// The name that a package manager knows a package by: that of the package that installed it, where one did.
pub(crate) fn name<'a>(step: &Step<'a>) -> Option<&'a str> {
    match &step.package.owner {
        Some(owner) => safe::name_of(owner.kind, &owner.name),
        None => safe::name(step.package),
    }
}
