//! Where a package is brought to another version: by which tool, and in which file.

use plimsoll_model::{Inventory, Package, PackageKind};

use crate::distribution::{Manager, manager};
use crate::safe;

/// Where an upgrade is made. Packages of one place make one action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) how: How,
    /// The file or folder, relative to the image's root; empty where none is named.
    pub(crate) path: String,
}

/// How an upgrade is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    /// The package is itself the attack.
    Remove,
    /// By the image that this one is built from, of this name.
    Base(String),
    /// By the distribution's package manager.
    Distribution(&'static Manager),
    /// The distribution's package in an image that has no package manager.
    NoManager,
    Npm,
    /// Installed with `npm install -g`.
    NpmGlobal,
    /// A copy inside a globally installed package, of this name.
    NpmInside(String),
    Yarn,
    Pnpm,
    /// By this `pip install`.
    Pip(String),
    /// A copy inside a distribution of this name, by this `pip install`.
    PipInside(String, String),
    Requirements,
    Pipenv,
    Poetry,
    Uv,
    Pdm,
    PyLock,
    Pom,
    /// An archive that holds the archive.
    JavaArchive,
    /// A folder of archives.
    JavaFolder,
    Gradle,
    GoMod,
    GoBinary,
    CargoLock,
    RustBinary,
    Bundler,
    Gem,
    Composer,
    NuGet,
    DotNetRuntime,
    Mix,
    Pub,
    Swift,
    Bitnami,
}

/// Where a package is brought to another version.
pub(crate) fn place(package: &Package, inventory: &Inventory, malicious: bool) -> Place {
    if malicious {
        return Place { how: How::Remove, path: package.path.clone() };
    }
    if let Some(base) = inventory.base.as_ref().filter(|_| inventory.is_inherited(package) == Some(true)) {
        return Place { how: How::Base(base.name.clone()), path: String::new() };
    }
    if package.kind.is_os() || package.owner.is_some() {
        let kind = package.owner.as_ref().map_or(package.kind, |owner| owner.kind);
        let how = manager(inventory, kind).map_or(How::NoManager, How::Distribution);
        return Place { how, path: String::new() };
    }
    let (how, path) = of_language(package);
    Place { how, path }
}

fn of_language(package: &Package) -> (How, String) {
    let how = match package.cataloger.as_str() {
        "npm-lock" => How::Npm,
        "yarn-lock" => How::Yarn,
        "pnpm-lock" => How::Pnpm,
        "pip-requirements" => How::Requirements,
        "pipfile-lock" => How::Pipenv,
        "poetry-lock" => How::Poetry,
        "uv-lock" => How::Uv,
        "pdm-lock" => How::Pdm,
        "pylock" => How::PyLock,
        "maven-pom" => How::Pom,
        "gradle-lock" => How::Gradle,
        "go-binary" => How::GoBinary,
        "rust-binary" => How::RustBinary,
        "gemfile-lock" => How::Bundler,
        _ => return by_kind(package),
    };
    (how, package.path.clone())
}

fn by_kind(package: &Package) -> (How, String) {
    let path = package.path.as_str();
    let how = match package.kind {
        PackageKind::Npm => return node(path),
        PackageKind::PyPi => return python(path),
        PackageKind::Maven => return java(package),
        PackageKind::Gem => {
            let how = if has_folder(path, "bundle") { How::Bundler } else { How::Gem };
            let folder = path.split_once("/specifications/").map_or(path, |(folder, _)| folder);
            return (how, folder.to_owned());
        }
        PackageKind::NuGet if has_folder(path, "shared") => {
            let folder = split_at_folder(path, "shared").map_or(path, |(folder, _)| folder);
            return (How::DotNetRuntime, folder.to_owned());
        }
        PackageKind::Golang => How::GoMod,
        PackageKind::Cargo => How::CargoLock,
        PackageKind::Composer => How::Composer,
        PackageKind::NuGet => How::NuGet,
        PackageKind::Hex => How::Mix,
        PackageKind::Pub => How::Pub,
        PackageKind::Swift => How::Swift,
        PackageKind::Bitnami => How::Bitnami,
        PackageKind::Alpm | PackageKind::Apk | PackageKind::Deb | PackageKind::Rpm => How::NoManager,
    };
    (how, path.to_owned())
}

fn has_folder(path: &str, name: &str) -> bool {
    path.split('/').any(|part| part == name)
}

/// `srv/node_modules/a/package.json` belongs to the project in `srv`. What is in a folder `lib` is installed globally,
/// and packages inside such a package are its own copies.
fn node(path: &str) -> (How, String) {
    let Some((root, inside)) = split_at_folder(path, "node_modules") else {
        return (How::Npm, path.to_owned());
    };
    let folder = path[..path.len() - inside.len()].trim_end_matches('/');
    if root.rsplit('/').next() == Some("lib") {
        return match split_at_folder(inside, "node_modules") {
            Some((outer, _)) => (How::NpmInside(outer.to_owned()), format!("{folder}/{outer}")),
            None => (How::NpmGlobal, folder.to_owned()),
        };
    }
    let how = if inside.starts_with(".pnpm/") { How::Pnpm } else { How::Npm };
    (how, folder.to_owned())
}

/// `usr/local/lib/python3.9/site-packages/a.dist-info/METADATA` is of the `pip` below `usr/local`. What is in a folder
/// `_vendor` is a copy inside the distribution that has the folder. What is in a folder of another name was put there by
/// `pip install --target`.
fn python(path: &str) -> (How, String) {
    const INSTALL: &str = "pip install --upgrade";
    let folder = ["site-packages", "dist-packages"].into_iter().find_map(|name| split_at_folder(path, name));
    let Some((root, inside)) = folder else {
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        let folder = match above.rsplit_once('/') {
            Some((folder, last)) if last.ends_with("-info") => folder,
            _ => above,
        };
        let target = safe::path(folder).map(|folder| format!("{INSTALL} --target /{folder}"));
        return (How::Pip(target.unwrap_or_else(|| INSTALL.to_owned())), folder.to_owned());
    };
    let folder = path[..path.len() - inside.len()].trim_end_matches('/').to_owned();
    let prefix = root.rsplit_once("/lib/").map_or("", |(prefix, _)| prefix);
    let own = safe::path(prefix).filter(|prefix| !matches!(*prefix, "usr" | "usr/local"));
    let install = own.map_or_else(|| INSTALL.to_owned(), |prefix| format!("/{prefix}/bin/{INSTALL}"));
    match split_at_folder(inside, "_vendor") {
        Some((outer, _)) => {
            let outer = outer.split('/').next().unwrap_or(outer);
            (How::PipInside(outer.to_owned(), install), format!("{folder}/{outer}"))
        }
        None => (How::Pip(install), folder),
    }
}

/// An archive inside another is a matter of the outer one; one that lies by itself, of its folder.
fn java(package: &Package) -> (How, String) {
    if package.inner_path.is_some() {
        return (How::JavaArchive, package.path.clone());
    }
    match package.path.rsplit_once('/') {
        Some((folder, _)) => (How::JavaFolder, folder.to_owned()),
        None => (How::JavaArchive, package.path.clone()),
    }
}

/// What stands before the first folder of that name, and behind it.
fn split_at_folder<'a>(path: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let mut start = 0;
    for part in path.split('/') {
        let end = start + part.len();
        if part == name && end < path.len() {
            return Some((path[..start].trim_end_matches('/'), &path[end + 1..]));
        }
        start = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_whose_a_package_is() {
        use PackageKind::{Gem, NuGet, PyPi};
        for (kind, path, place) in [
            (PackageKind::Npm, "srv/node_modules/a/package.json", "Npm srv/node_modules"),
            (PackageKind::Npm, "srv/node_modules/a/node_modules/b/package.json", "Npm srv/node_modules"),
            (PackageKind::Npm, "node_modules/a/package.json", "Npm node_modules"),
            (
                PackageKind::Npm,
                "srv/node_modules/.pnpm/a@1/node_modules/a/package.json",
                "Pnpm srv/node_modules",
            ),
            (
                PackageKind::Npm,
                "usr/local/lib/node_modules/a/package.json",
                "NpmGlobal usr/local/lib/node_modules",
            ),
            (
                PackageKind::Npm,
                "usr/local/lib/node_modules/npm/node_modules/tar/package.json",
                "NpmInside(\"npm\") usr/local/lib/node_modules/npm",
            ),
            (
                PackageKind::Npm,
                "usr/lib/node_modules/@a/b/node_modules/c/package.json",
                "NpmInside(\"@a/b\") usr/lib/node_modules/@a/b",
            ),
            (PackageKind::Npm, "", "Npm "),
            (
                PyPi,
                "usr/local/lib/python3.9/site-packages/a-1.dist-info/METADATA",
                "Pip(\"pip install --upgrade\") usr/local/lib/python3.9/site-packages",
            ),
            (
                PyPi,
                "opt/venv/lib/python3.9/site-packages/a-1.dist-info/METADATA",
                "Pip(\"/opt/venv/bin/pip install --upgrade\") opt/venv/lib/python3.9/site-packages",
            ),
            (
                PyPi,
                "o;p/lib/python3.9/site-packages/a-1.dist-info/METADATA",
                "Pip(\"pip install --upgrade\") o;p/lib/python3.9/site-packages",
            ),
            (
                PyPi,
                "usr/local/lib/python3.9/site-packages/setuptools/_vendor/wheel-0.4.dist-info/METADATA",
                "PipInside(\"setuptools\", \"pip install --upgrade\") usr/local/lib/python3.9/site-packages/setuptools",
            ),
            (
                PyPi,
                "opt/python/a-1.dist-info/METADATA",
                "Pip(\"pip install --upgrade --target /opt/python\") opt/python",
            ),
            (PyPi, "a.egg", "Pip(\"pip install --upgrade\") "),
            (Gem, "usr/local/bundle/specifications/a-1.gemspec", "Bundler usr/local/bundle"),
            (Gem, "usr/lib/ruby/gems/3.0.0/specifications/default/a.gemspec", "Gem usr/lib/ruby/gems/3.0.0"),
            (
                NuGet,
                "usr/share/dotnet/shared/Microsoft.NETCore.App/6.0.1/a.deps.json",
                "DotNetRuntime usr/share/dotnet",
            ),
            (NuGet, "app/a.deps.json", "NuGet app/a.deps.json"),
        ] {
            let package = Package { path: path.to_owned(), ..Package::new(kind, "a", "1", "x") };
            let (how, path) = of_language(&package);
            assert_eq!(format!("{how:?} {path}"), place);
        }
    }
}
