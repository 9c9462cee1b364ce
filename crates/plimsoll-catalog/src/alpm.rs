//! Packages that pacman records in `var/lib/pacman/local`, as Arch Linux and its kin have them: of each package one
//! folder, with `desc`, what it is, and `files`, what it installed.
//!
//! Both are sections: a line `%NAME%`, its values one a line, and a blank line.
//!
//! Source: `alpm-db-desc(5)`, `alpm-db-files(5)`.

use plimsoll_model::{Package, PackageKind, SourcePackage};

use crate::seam::excerpt;
use crate::{Catalog, Cataloger, Entry, ImageFile, ReadError};

/// Largest file that is read, in bytes. The longest lists of files, those of texlive, have 10 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Licences that are kept of one package.
const MAX_LICENSES: usize = 100;

const FOLDER: &str = "var/lib/pacman/local/";

/// Reads both files of a package.
pub(crate) struct AlpmLocal;

impl Cataloger for AlpmLocal {
    fn name(&self) -> &'static str {
        "alpm-local"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        part(entry.path).is_some()
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let Some((folder, part)) = part(file.path) else { return Ok(()) };
        let text = file.text(MAX_FILE_BYTES)?;
        match part {
            Part::Desc => {
                let desc = Desc::read(&text, out);
                match desc.package(self.name()) {
                    Ok(package) => out.package(package),
                    Err(fault) => out.gap("", fault),
                }
            }
            Part::Files => {
                let Some(name) = package_name(folder) else {
                    out.gap("", format!("expected a folder `name-version-release`, found `{folder}`"));
                    return Ok(());
                };
                let files = lines_of(&text).filter(|line| line.section == "FILES").map(|line| line.value);
                out.owns(PackageKind::Alpm, name, None, files.filter(|path| !path.ends_with('/')));
            }
        }
        Ok(())
    }
}

enum Part {
    Desc,
    Files,
}

/// The package's folder, and which of its files a path is.
fn part(path: &str) -> Option<(&str, Part)> {
    let (folder, file) = path.strip_prefix(FOLDER)?.split_once('/')?;
    let part = match file {
        "desc" => Part::Desc,
        "files" => Part::Files,
        _ => return None,
    };
    (!folder.is_empty()).then_some((folder, part))
}

/// `python-pip` of `python-pip-23.2.1-1`: neither version nor release holds a `-`.
fn package_name(folder: &str) -> Option<&str> {
    let (rest, _release) = folder.rsplit_once('-')?;
    let (name, _version) = rest.rsplit_once('-')?;
    (!name.is_empty()).then_some(name)
}

/// A value, and what it is of.
struct Line<'a> {
    number: usize,
    section: &'a str,
    value: &'a str,
    /// Whether a line end stands behind it.
    ended: bool,
}

/// The values, in the order of the file. What stands before any section has an empty one.
fn lines_of(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut section = "";
    text.split_inclusive('\n').enumerate().filter_map(move |(index, line)| {
        let value = line.trim_end_matches(['\n', '\r']);
        if let Some(name) = value.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'))
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        {
            section = name;
            return None;
        }
        (!value.is_empty()).then(|| Line { number: index + 1, section, value, ended: line.ends_with('\n') })
    })
}

/// The sections of `desc` that are kept.
#[derive(Default)]
struct Desc<'a> {
    name: Option<&'a str>,
    version: Option<&'a str>,
    base: Option<&'a str>,
    architecture: Option<&'a str>,
    packager: Option<&'a str>,
    licenses: Vec<&'a str>,
}

impl<'a> Desc<'a> {
    fn read(text: &'a str, out: &mut Catalog) -> Self {
        let mut desc = Self::default();
        for line in lines_of(text) {
            let place = || format!("line {}", line.number);
            match line.section {
                "NAME" => set(&mut desc.name, &line, out),
                "VERSION" => set(&mut desc.version, &line, out),
                "BASE" => set(&mut desc.base, &line, out),
                "ARCH" => set(&mut desc.architecture, &line, out),
                "PACKAGER" => desc.packager = desc.packager.or(Some(line.value)),
                "LICENSE" if desc.licenses.len() < MAX_LICENSES => desc.licenses.push(line.value),
                "" => {
                    let found = excerpt(line.value.as_bytes());
                    out.gap(place(), format!("expected a section such as `%NAME%`, found `{found}`"));
                }
                _ => {}
            }
        }
        desc
    }

    fn package(&self, cataloger: &str) -> Result<Package, String> {
        let name = word("%NAME%", self.name)?;
        let told = |fault| format!("cannot read package `{name}`: {fault}");
        let version = word("%VERSION%", self.version).map_err(told)?;
        let mut package = Package::new(PackageKind::Alpm, name, version, cataloger);
        package.architecture = self.architecture.map(str::to_owned);
        package.licenses = self.licenses.iter().map(|&license| license.to_owned()).collect();
        package.vendor = self.packager.filter(|&packager| packager != "Unknown Packager").map(str::to_owned);
        if let Some(base) = self.base.filter(|&base| base != name) {
            let base = word("%BASE%", Some(base)).map_err(told)?;
            // All packages of a base are built in one version.
            package.source = Some(SourcePackage { name: base.to_owned(), version: package.version.clone() });
        }
        Ok(package)
    }
}

/// Takes the one value of a section. pacman ends every line: one that ends with the file may be cut short.
fn set<'a>(field: &mut Option<&'a str>, line: &Line<'a>, out: &mut Catalog) {
    let Line { number, section, value, ended } = *line;
    let place = || format!("line {number}");
    let found = || excerpt(value.as_bytes());
    if !ended {
        out.gap(place(), format!("expected a line end behind `{}`, found the end of the file", found()));
    }
    if field.is_some() {
        out.gap(place(), format!("expected one value of `%{section}%`, found `{}` besides", found()));
    }
    field.get_or_insert(value);
}

/// A value without blanks and control characters.
fn word<'a>(section: &str, value: Option<&'a str>) -> Result<&'a str, String> {
    let value = value.ok_or_else(|| format!("expected a section `{section}`, found none"))?;
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(value)
    } else {
        Err(format!("expected a word as `{section}`, found `{}`", excerpt(value.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::seam::read_to_text;

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(text: impl AsRef<[u8]>, expected: Expect) {
        expected.assert_eq(&read_to_text(&AlpmLocal, "var/lib/pacman/local/a-1-1/desc", text.as_ref()));
    }

    #[test]
    fn packages_of_arch() {
        check(
            include_bytes!("../testdata/alpm/local/gcc-libs-13.2.1-3/desc"),
            expect![[r"
                alpm gcc-libs 13.2.1-3 arch=x86_64 source=gcc 13.2.1-3 licenses=GPL3|LGPL|FDL|custom vendor=Ruth Sailmaker <ruth@harbour.example>
            "]],
        );
        check(
            include_bytes!("../testdata/alpm/local/filesystem-2023.09.18-1/desc"),
            expect![[r"
                alpm filesystem 2023.09.18-1 arch=any licenses=0BSD
            "]],
        );
    }

    #[test]
    fn files_belong_to_the_package_of_their_folder() {
        let files = include_bytes!("../testdata/alpm/local/filesystem-2023.09.18-1/files");
        let path = "var/lib/pacman/local/filesystem-2023.09.18-1/files";
        expect![[r"
            owned by alpm filesystem: etc/arch-release etc/os-release usr/lib/os-release
        "]]
        .assert_eq(&read_to_text(&AlpmLocal, path, files));
        expect![[r"
            gap [] expected a folder `name-version-release`, found `a-1`
        "]]
        .assert_eq(&read_to_text(&AlpmLocal, "var/lib/pacman/local/a-1/files", files));
        for (folder, name) in [
            ("python-pip-23.2.1-1", Some("python-pip")),
            ("a-1:2.0-1", Some("a")),
            ("a-1", None),
            ("-1-1", None),
            ("", None),
        ] {
            assert_eq!(package_name(folder), name, "{folder}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        check(
            "",
            expect![[r"
            gap [] expected a section `%NAME%`, found none
        "]],
        );
        check(
            "%NAME%\na\n\n",
            expect![[r"
            gap [] cannot read package `a`: expected a section `%VERSION%`, found none
        "]],
        );
        check(
            "junk\n%NAME%\r\na\r\nb\r\n\r\n%VERSION%\r\n1:1.0-1\r\n",
            expect![[r"
            alpm a 1:1.0-1
            gap [line 1] expected a section such as `%NAME%`, found `junk`
            gap [line 4] expected one value of `%NAME%`, found `b` besides
        "]],
        );
        check(
            "%NAME%\na b\n\n%VERSION%\n1-1\n\n",
            expect![[r"
            gap [] expected a word as `%NAME%`, found `a b`
        "]],
        );
        check(
            b"%NAME%\na\n\n%VERSION%\n1\xff-1\n\n",
            expect![[r"
            gap [] cannot read package `a`: expected a word as `%VERSION%`, found `1�-1`
        "]],
        );
        check(
            "%NAME%\na\n\n%VERSION%\n1.2",
            expect![[r"
            alpm a 1.2
            gap [line 5] expected a line end behind `1.2`, found the end of the file
        "]],
        );
        let whole = include_bytes!("../testdata/alpm/local/gcc-libs-13.2.1-3/desc");
        for length in 0..whole.len() {
            read_to_text(&AlpmLocal, "var/lib/pacman/local/a-1-1/desc", &whole[..length]);
        }
    }

    #[test]
    fn only_the_image_s_own_database_is_wanted() {
        for (path, wanted) in [
            ("var/lib/pacman/local/a-1-1/desc", true),
            ("var/lib/pacman/local/a-1-1/files", true),
            ("var/lib/pacman/local/a-1-1/mtree", false),
            ("var/lib/pacman/local/ALPM_DB_VERSION", false),
            ("var/lib/pacman/local//desc", false),
            ("var/lib/pacman/sync/core/a-1-1/desc", false),
            ("rootfs/var/lib/pacman/local/a-1-1/desc", false),
            ("var/lib/pacman/local/a-1-1/b/desc", false),
        ] {
            assert_eq!(AlpmLocal.wants(&Entry { path, size: None, executable: None }), wanted, "{path}");
        }
    }
}
