//! Short names for people: of a target, of a place, of what made a layer.

use plimsoll_model::{OsRelease, Package, Scan};

use crate::targets::Target;
use crate::terminal::{cut, printable, width};

/// The distributions whose name is not their `ID` with a capital.
///
/// Source: the `NAME` in each one's os-release, without "Linux" where people leave it out.
const SYSTEMS: &[(&str, &str)] = &[
    ("almalinux", "AlmaLinux"),
    ("amzn", "Amazon Linux"),
    ("azurelinux", "Azure Linux"),
    ("centos", "CentOS"),
    ("fedora-coreos", "Fedora CoreOS"),
    ("mariner", "CBL-Mariner"),
    ("minimos", "MinimOS"),
    ("ol", "Oracle Linux"),
    ("openeuler", "openEuler"),
    ("opensuse", "openSUSE"),
    ("opensuse-leap", "openSUSE Leap"),
    ("opensuse-tumbleweed", "openSUSE Tumbleweed"),
    ("photon", "Photon OS"),
    ("rhel", "Red Hat Enterprise Linux"),
    ("rocky", "Rocky Linux"),
    ("sl-micro", "SUSE Linux Micro"),
    ("sle-micro", "SUSE Linux Enterprise Micro"),
    ("sles", "SUSE Linux Enterprise Server"),
];

/// Longest piece of a name, in columns, that is dropped to cut a path at a `/`.
const MAX_DROPPED_COLUMNS: usize = 20;

/// `Debian 11`, `Alpine 3.18.4`, `Java`, `Go: usr/bin/app`.
pub(super) fn target(scan: &Scan, target: &Target) -> String {
    let text = if target.is_os {
        scan.inventory.os.as_ref().map_or_else(|| "Unknown distribution".to_owned(), system)
    } else if target.name == target.label {
        target.label.clone()
    } else {
        format!("{}: {}", target.label, target.name)
    };
    printable(&text).into_owned()
}

/// The same in at most `columns` columns: of a path the end is kept.
pub(super) fn short_target(scan: &Scan, target: &Target, columns: usize) -> String {
    let text = self::target(scan, target);
    match text.split_once(": ") {
        Some((label, path)) if !target.is_os && width(&text) > columns => {
            format!("{label}: {}", cut_front(path, columns.saturating_sub(width(label) + 2)))
        }
        _ => cut(&text, columns).into_owned(),
    }
}

/// A distribution release: `Debian 11`; by its code name where it has no number.
pub(crate) fn system(os: &OsRelease) -> String {
    let name = match SYSTEMS.iter().find(|(id, _)| *id == os.id) {
        Some((_, name)) => (*name).to_owned(),
        None => capital(&os.id),
    };
    let release = if os.version_id.is_empty() { &os.codename } else { &os.version_id };
    format!("{name} {release}").trim_end().to_owned()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Where a package is: `app/service.jar ▸ BOOT-INF/lib/a.jar`.
pub(super) fn place(package: &Package) -> String {
    let text = match &package.inner_path {
        Some(inner) => format!("{} ▸ {inner}", package.path),
        None => package.path.clone(),
    };
    printable(&text).into_owned()
}

/// The end of a path, which tells more than its beginning; from a `/` on where one is near.
pub(super) fn cut_front(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let reversed: String = text.chars().rev().collect();
    let end: String = cut(&reversed, columns).chars().rev().collect();
    match end.split_once('/') {
        Some((dropped, rest)) if !rest.is_empty() && width(dropped) <= MAX_DROPPED_COLUMNS => {
            format!("…/{rest}")
        }
        _ => end,
    }
}

/// What made a layer, as the line of the Dockerfile that it comes from: builders write it behind a shell's call.
///
/// Source: `history[].created_by` as BuildKit (`RUN /bin/sh -c … # buildkit`) and Docker's earlier builder
/// (`/bin/sh -c …`, `/bin/sh -c #(nop) …` for what is no `RUN`) write it.
pub(crate) fn made_by(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim_end();
    if let Some(rest) = text.strip_prefix("/bin/sh -c #(nop)") {
        return rest.trim_start().to_owned();
    }
    match text.strip_prefix("RUN /bin/sh -c").or_else(|| text.strip_prefix("/bin/sh -c")) {
        Some(rest) => format!("RUN {}", rest.trim_start()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_has_a_short_name() {
        for (id, version, codename, shown) in [
            ("debian", "11", "bullseye", "Debian 11"),
            ("debian", "", "trixie", "Debian trixie"),
            ("alpine", "3.18.4", "", "Alpine 3.18.4"),
            ("rhel", "8.9", "", "Red Hat Enterprise Linux 8.9"),
            ("wolfi", "", "", "Wolfi"),
            ("", "", "", ""),
        ] {
            let os = OsRelease {
                id: id.to_owned(),
                version_id: version.to_owned(),
                codename: codename.to_owned(),
                ..OsRelease::default()
            };
            assert_eq!(system(&os), shown);
        }
    }

    #[test]
    fn a_path_is_cut_at_its_front() {
        for (path, columns, shown) in [
            ("usr/bin/app", 11, "usr/bin/app"),
            ("usr/local/bin/app", 12, "…/bin/app"),
            ("usr/local/bin/app", 9, "…/bin/app"),
            ("averyveryverylongnamewithoutslashes", 10, "…utslashes"),
            ("a/averyveryveryverylongname/b", 20, "…/b"),
            ("a/averyveryveryverylongname/b", 27, "…veryveryveryverylongname/b"),
            ("folder/", 4, "…er/"),
            ("", 4, ""),
        ] {
            assert_eq!(cut_front(path, columns), shown, "{path} at {columns}");
            assert!(width(&cut_front(path, columns)) <= columns);
        }
    }

    #[test]
    fn a_layer_is_shown_as_its_line_of_the_dockerfile() {
        for (created_by, shown) in [
            ("/bin/sh -c #(nop) ADD file:0123 in / ", "ADD file:0123 in /"),
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"),
            ("/bin/sh -c apt-get update", "RUN apt-get update"),
            ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
            ("RUN |1 A=b /bin/sh -c make # buildkit", "RUN |1 A=b /bin/sh -c make"),
            ("COPY . / # buildkit", "COPY . /"),
            ("bazel build", "bazel build"),
            ("", ""),
        ] {
            assert_eq!(made_by(created_by), shown);
        }
    }
}
