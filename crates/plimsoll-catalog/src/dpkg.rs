//! Packages that `dpkg` records: `var/lib/dpkg/status`, and `status.d` as distroless images have it; with them the
//! lists of the files that each package installed.
//!
//! A package counts as installed in every state in which its files may lie on the disk: `installed`, `unpacked`,
//! `half-configured`, `half-installed`, `triggers-awaited`, `triggers-pending`. The states `not-installed` and
//! `config-files` are left out, whatever the package is wanted to be. A stanza without `Status` is installed: the
//! files in `status.d` have none.
//!
//! Source: `dpkg(1)`, "Package states"; `deb-control(5)`; Debian Policy 4.7, section 5.6.

mod control;

use std::borrow::Cow;

use plimsoll_model::{Package, PackageKind, SourcePackage};

use crate::seam::excerpt;
use crate::{Catalog, Cataloger, Entry, ImageFile, ReadError};
use control::{Fault, Field, Stanza};

/// Largest status file that is read, in bytes. A desktop with 5,000 packages has 6 MB.
const MAX_STATUS_BYTES: u64 = 128 << 20;

/// Largest file list of one package that is read, in bytes.
const MAX_LIST_BYTES: u64 = 64 << 20;

const STATUS_FILE: &str = "var/lib/dpkg/status";
const STATUS_FOLDER: &str = "var/lib/dpkg/status.d/";
const INFO_FOLDER: &str = "var/lib/dpkg/info/";

/// Reads the stanzas of installed packages.
pub(crate) struct DpkgStatus;

impl Cataloger for DpkgStatus {
    fn name(&self) -> &'static str {
        "dpkg-status"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        let Some(rest) = entry.path.strip_prefix(STATUS_FILE) else { return false };
        // Beside the stanzas lie lists of their files.
        rest.is_empty()
            || rest.strip_prefix(".d/").is_some_and(|name| is_file_name(name) && !name.ends_with(".md5sums"))
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.bytes(MAX_STATUS_BYTES)?;
        for stanza in control::stanzas(&text) {
            for (line, fault) in &stanza.faults {
                out.gap(format!("line {line}"), describe(fault));
            }
            match read_stanza(&stanza, self.name()) {
                Ok(Some((package, faults))) => {
                    out.package(package);
                    for fault in faults {
                        out.gap(stanza.place(), fault);
                    }
                }
                Ok(None) => {}
                Err(fault) => {
                    out.gap(stanza.place(), fault);
                    continue;
                }
            }
            // `dpkg` ends each stanza of its own file with a blank line; hand-made files in `status.d` may not.
            if let Some(field) =
                stanza.cut.filter(|&field| field != Field::Maintainer && file.path == STATUS_FILE)
            {
                out.gap(
                    format!("line {}", stanza.last_line),
                    format!("expected a line end behind field `{}`, found the end of the file", field.name()),
                );
            }
        }
        Ok(())
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/')
}

fn describe(fault: &Fault<'_>) -> String {
    match fault {
        Fault::NoField(line) => format!("expected `field: value`, found `{}`", excerpt(line)),
        Fault::NothingToContinue(line) => {
            format!("expected a field before its folded lines, found `{}`", excerpt(line))
        }
        Fault::Repeated(field) => format!("expected one field `{}` in the stanza, found two", field.name()),
    }
}

/// The package of a stanza, with what of it could not be read. `Ok(None)` where it is not installed.
fn read_stanza(stanza: &Stanza<'_>, cataloger: &str) -> Result<Option<(Package, Vec<String>)>, String> {
    let mut faults = Vec::new();
    match stanza.value(Field::Status).map(state) {
        None | Some(State::Installed) => {}
        Some(State::NotInstalled) => return Ok(None),
        Some(State::Unknown(text)) => {
            faults
                .push(format!("expected a package state that dpkg has, found `{text}`: taken as installed"));
        }
    }
    let name = required(stanza, Field::Package, is_package_name)?;
    let version = required(stanza, Field::Version, is_version)
        .map_err(|fault| format!("cannot read package `{name}`: {fault}"))?;
    let mut package = Package::new(PackageKind::Deb, name, version, cataloger);
    match stanza.value(Field::Architecture).map(|value| printable(value, is_package_name)) {
        None => {}
        Some(Ok(architecture)) => package.architecture = Some(architecture.to_owned()),
        Some(Err(found)) => faults.push(format!("expected an architecture of `{name}`, found `{found}`")),
    }
    match stanza.value(Field::Source).map(|value| source(value, version)) {
        None => {}
        Some(Ok(source)) if source.name == name && source.version == version => {}
        Some(Ok(source)) => package.source = Some(source),
        Some(Err(found)) => faults.push(format!(
            "expected the source package of `{name}` as `name` or `name (version)`, found `{found}`"
        )),
    }
    package.vendor = stanza.value(Field::Maintainer).map(|value| String::from_utf8_lossy(value).into_owned());
    Ok(Some((package, faults)))
}

/// What the third word of `Status` says of the files.
enum State {
    Installed,
    NotInstalled,
    Unknown(String),
}

fn state(status: &[u8]) -> State {
    let mut words = status.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    match words.nth(2) {
        Some(
            b"installed" | b"unpacked" | b"half-configured" | b"half-installed" | b"triggers-awaited"
            | b"triggers-pending",
        ) => State::Installed,
        Some(b"not-installed" | b"config-files") => State::NotInstalled,
        _ => State::Unknown(excerpt(status)),
    }
}

fn required<'a>(stanza: &Stanza<'a>, field: Field, good: fn(&str) -> bool) -> Result<&'a str, String> {
    let value =
        stanza.value(field).ok_or_else(|| format!("expected field `{}`, found none", field.name()))?;
    printable(value, good)
        .map_err(|found| format!("expected a value of field `{}`, found `{found}`", field.name()))
}

fn printable(value: &[u8], good: fn(&str) -> bool) -> Result<&str, String> {
    std::str::from_utf8(value).ok().filter(|text| good(text)).ok_or_else(|| excerpt(value))
}

/// Package and architecture names. Wider than Policy 5.6.7, as dpkg itself is: upper case and `_` occur.
fn is_package_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_'))
}

/// Whether a text could be a version at all; whether it is one says `plimsoll-version`.
fn is_version(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

/// `Source: openssl (1.1.1n-0+deb11u3)`; without parentheses the source has the binary package's version. A binary
/// package that was rebuilt without changes (`1.2-3+b1`) always names its source's version.
fn source(value: &[u8], binary_version: &str) -> Result<SourcePackage, String> {
    let bad = || excerpt(value);
    let text = std::str::from_utf8(value).map_err(|_| bad())?;
    let (name, version) = match text.split_once('(') {
        None => (text, binary_version),
        Some((name, rest)) => (name.trim_end(), rest.strip_suffix(')').ok_or_else(bad)?.trim()),
    };
    if name.is_empty() || !is_package_name(name) || version.is_empty() || !is_version(version) {
        return Err(bad());
    }
    Ok(SourcePackage { name: name.to_owned(), version: version.to_owned() })
}

/// Reads which files each package installed: `info/*.list`, and `status.d/*.md5sums` of distroless images.
pub(crate) struct DpkgFiles;

impl Cataloger for DpkgFiles {
    fn name(&self) -> &'static str {
        "dpkg-files"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        listed_package(entry.path).is_some()
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let Some((name, list)) = listed_package(file.path) else { return Ok(()) };
        let (name, architecture) = match name.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture)),
            None => (name, None),
        };
        let text: Cow<'_, str> = file.text(MAX_LIST_BYTES)?;
        let lines = text.lines().map(|line| line.trim_end_matches('\r'));
        match list {
            List::Paths => {
                let paths = lines.filter(|line| line.starts_with('/') && *line != "/.");
                out.owns(PackageKind::Deb, name, architecture, paths);
            }
            // `md5  path`: 32 hex digits, two blanks, a path without a leading slash.
            List::Md5Sums => {
                let paths = lines.filter_map(|line| line.split_once("  ")).map(|(_, path)| path);
                out.owns(PackageKind::Deb, name, architecture, paths);
            }
        }
        Ok(())
    }
}

enum List {
    Paths,
    Md5Sums,
}

/// The package that a file list belongs to, with its architecture behind `:` where two may be installed.
fn listed_package(path: &str) -> Option<(&str, List)> {
    let found = if let Some(file) = path.strip_prefix(INFO_FOLDER) {
        (file.strip_suffix(".list")?, List::Paths)
    } else {
        (path.strip_prefix(STATUS_FOLDER)?.strip_suffix(".md5sums")?, List::Md5Sums)
    };
    is_file_name(found.0).then_some(found)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::seam::read_to_text;

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(text: impl AsRef<[u8]>, expected: Expect) {
        expected.assert_eq(&read_to_text(&DpkgStatus, STATUS_FILE, text.as_ref()));
    }

    #[test]
    fn states_as_dpkg_itself_records_them() {
        check(
            include_bytes!("../testdata/dpkg/states.status"),
            expect![[r"
            deb brig 3.0-1 arch=all vendor=Plimsoll Tests <tests@example.org>
            deb ketch 2:4.5~rc1-1 arch=all source=rigging 2:4.5~rc1-1 vendor=Plimsoll Tests <tests@example.org>
            deb sloop 1.2.3-4+b1 arch=all source=rigging 1.2.3-4 vendor=Plimsoll Tests <tests@example.org>
            deb yawl 0.1 arch=all vendor=Plimsoll Tests <tests@example.org>
        "]],
        );
    }

    #[test]
    fn stanzas_of_debian() {
        check(
            include_bytes!("../testdata/dpkg/debian-12.status"),
            expect![[r"
            deb base-files 12.4+deb12u11 arch=amd64 vendor=Santiago Vila <sanvila@debian.org>
            deb libc6 2.36-9+deb12u14 arch=amd64 source=glibc 2.36-9+deb12u14 vendor=GNU Libc Maintainers <debian-glibc@lists.debian.org>
            deb libssl3 3.0.19-1~deb12u2 arch=amd64 source=openssl 3.0.19-1~deb12u2 vendor=Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>
            deb libgcc-s1 12.2.0-14+deb12u1 arch=amd64 source=gcc-12 12.2.0-14+deb12u1 vendor=Debian GCC Maintainers <debian-gcc@lists.debian.org>
            deb bash 5.2.15-2+b8 arch=amd64 source=bash 5.2.15-2 vendor=Matthias Klose <doko@debian.org>
        "]],
        );
    }

    #[test]
    fn nothing_is_installed_in_an_empty_file() {
        check("", expect![[""]]);
        check("\n\n", expect![[""]]);
    }

    #[test]
    fn which_states_count() {
        let stanza = |status: &str| format!("Package: a\nStatus: {status}\nVersion: 1\n\n");
        let mut counted = Vec::new();
        for status in [
            "install ok installed",
            "hold ok installed",
            "deinstall ok installed",
            "install ok half-configured",
            "install reinstreq half-installed",
            "install ok unpacked",
            "install ok triggers-awaited",
            "install ok triggers-pending",
            "install ok not-installed",
            "deinstall ok config-files",
            "purge ok not-installed",
        ] {
            let text = read_to_text(&DpkgStatus, STATUS_FILE, stanza(status).as_bytes());
            assert!(text.is_empty() || text == "deb a 1\n", "{text}");
            counted.push(if text.is_empty() { '-' } else { '+' });
        }
        assert_eq!(String::from_iter(counted), "++++++++---");
        check(
            stanza("install ok"),
            expect![[r"
            deb a 1
            gap [lines 1-3] expected a package state that dpkg has, found `install ok`: taken as installed
        "]],
        );
        check(
            stanza("install ok afloat"),
            expect![[r"
            deb a 1
            gap [lines 1-3] expected a package state that dpkg has, found `install ok afloat`: taken as installed
        "]],
        );
    }

    #[test]
    fn a_source_with_and_without_its_version() {
        let stanza = |source: &str| format!("Package: a\nSource: {source}\nVersion: 2:1-1+b2\n\n");
        check(
            stanza("b"),
            expect![[r"
            deb a 2:1-1+b2 source=b 2:1-1+b2
        "]],
        );
        check(
            stanza("b (2:1-1)"),
            expect![[r"
            deb a 2:1-1+b2 source=b 2:1-1
        "]],
        );
        check(
            stanza("a"),
            expect![[r"
            deb a 2:1-1+b2
        "]],
        );
        check(
            stanza("a (2:1-1)"),
            expect![[r"
            deb a 2:1-1+b2 source=a 2:1-1
        "]],
        );
        check(
            stanza("b\n (3)"),
            expect![[r"
            deb a 2:1-1+b2 source=b 3
        "]],
        );
        check(
            stanza("b (3"),
            expect![[r"
            deb a 2:1-1+b2
            gap [lines 1-3] expected the source package of `a` as `name` or `name (version)`, found `b (3`
        "]],
        );
        check(
            stanza("b ()"),
            expect![[r"
            deb a 2:1-1+b2
            gap [lines 1-3] expected the source package of `a` as `name` or `name (version)`, found `b ()`
        "]],
        );
    }

    #[test]
    fn one_package_in_two_architectures() {
        check(
            "Package: a\nArchitecture: amd64\nVersion: 1\n\nPackage: a\nArchitecture: i386\nVersion: 1\n",
            expect![[r"
                deb a 1 arch=amd64
                deb a 1 arch=i386
            "]],
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_and_the_rest_goes_on() {
        let good = "Package: good\nVersion: 1\n\n";
        check(
            format!("Package: a\nStatus: install ok installed\n\n{good}"),
            expect![[r"
            deb good 1
            gap [lines 1-2] cannot read package `a`: expected field `Version`, found none
        "]],
        );
        check(
            format!("Version: 1\n\n{good}"),
            expect![[r"
            deb good 1
            gap [line 1] expected field `Package`, found none
        "]],
        );
        check(
            format!("Package:\nVersion: 1\n\n{good}"),
            expect![[r"
            deb good 1
            gap [lines 1-2] expected field `Package`, found none
        "]],
        );
        check(
            format!("Package: a\nVersion: 1 2\n\n{good}"),
            expect![[r"
            deb good 1
            gap [lines 1-2] cannot read package `a`: expected a value of field `Version`, found `1 2`
        "]],
        );
        check(
            format!("Package: a\nVersion: 1\0\n\n{good}"),
            expect![[r"
            deb good 1
            gap [lines 1-2] cannot read package `a`: expected a value of field `Version`, found `1\u{0}`
        "]],
        );
        check(
            format!("Package: ../a\nVersion: 1\n\n{good}"),
            expect![[r"
            deb good 1
            gap [lines 1-2] expected a value of field `Package`, found `../a`
        "]],
        );
        check(
            format!("no stanza\n at all\n\n{good}"),
            expect![[r"
            deb good 1
            gap [line 1] expected `field: value`, found `no stanza`
            gap [line 2] expected a field before its folded lines, found ` at all`
            gap [lines 1-2] expected field `Package`, found none
        "]],
        );
        check(
            [b"Package: a\nVersion: 1\xff\n\n", good.as_bytes()].concat(),
            expect![[r"
            deb good 1
            gap [lines 1-2] cannot read package `a`: expected a value of field `Version`, found `1�`
        "]],
        );
        check(
            [b"Package: a\nVersion: 1\nMaintainer: J\xf6rg\n\n", good.as_bytes()].concat(),
            expect![[r"
            deb a 1 vendor=J�rg
            deb good 1
        "]],
        );
        check(
            good.replace('\n', "\r\n"),
            expect![[r"
            deb good 1
        "]],
        );
        check(
            "\0".repeat(5000),
            expect![[r"
            gap [line 1] expected `field: value`, found `\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}…`
            gap [line 1] expected field `Package`, found none
        "]],
        );
    }

    #[test]
    fn a_file_that_was_cut_short_says_so() {
        check(
            "Package: a\nVersion: 1\n\nPackage: b\nStatus: install ok inst",
            expect![[r"
            deb a 1
            gap [lines 4-5] cannot read package `b`: expected field `Version`, found none
        "]],
        );
        check(
            "Package: a\nVersion: 1\n\nPackage: b\nVersion: 1.2",
            expect![[r"
            deb a 1
            deb b 1.2
            gap [line 5] expected a line end behind field `Version`, found the end of the file
        "]],
        );
        check(
            "Package: a\nVersion: 1\nDescription: cut whe",
            expect![[r"
            deb a 1
        "]],
        );
        let whole = include_bytes!("../testdata/dpkg/states.status");
        for length in 0..whole.len() {
            read_to_text(&DpkgStatus, STATUS_FILE, &whole[..length]);
        }
    }

    #[test]
    fn distroless_images_have_a_file_a_package() {
        for (path, wanted) in [
            ("var/lib/dpkg/status", true),
            ("var/lib/dpkg/status.d/base-files", true),
            ("var/lib/dpkg/status.d/base-files.md5sums", false),
            ("var/lib/dpkg/status.d/", false),
            ("var/lib/dpkg/status.d/a/b", false),
            ("var/lib/dpkg/status-old", false),
            ("app/var/lib/dpkg/status", false),
        ] {
            assert_eq!(DpkgStatus.wants(&Entry { path, size: None, executable: None }), wanted, "{path}");
        }
        let text =
            read_to_text(&DpkgStatus, "var/lib/dpkg/status.d/tzdata", b"Package: tzdata\nVersion: 2024a-0");
        expect![[r"
            deb tzdata 2024a-0
        "]]
        .assert_eq(&text);
    }

    #[test]
    fn the_lists_of_installed_files() {
        let check = |path: &str, content: &[u8], expected: Expect| {
            expected.assert_eq(&read_to_text(&DpkgFiles, path, content));
        };
        let list = b"/.\n/etc\n/etc/os-release\r\netc/os-release\n/etc/lsb-release";
        check(
            "var/lib/dpkg/info/base-files:amd64.list",
            list,
            expect![[r"
                owned by deb base-files:amd64: etc/os-release etc/lsb-release
            "]],
        );
        let mut out = Catalog::default();
        let list = include_bytes!("../testdata/dpkg/sloop.list").to_vec();
        DpkgFiles.catalog(&ImageFile::new("var/lib/dpkg/info/sloop.list", &list), &mut out).unwrap();
        let path = "usr/lib/python3/dist-packages/sloop-1.2.3.egg-info/PKG-INFO";
        assert!(out.owned.iter().any(|owned| owned.name == "sloop" && owned.paths.iter().any(|p| p == path)));
        let sums = b"0123456789abcdef0123456789abcdef  etc/os-release\nno sum\n\n";
        check(
            "var/lib/dpkg/status.d/base.md5sums",
            sums,
            expect![[r"
            owned by deb base: etc/os-release
        "]],
        );
        for path in ["var/lib/dpkg/info/a.md5sums", "var/lib/dpkg/info/.list", "var/lib/dpkg/info/a/b.list"] {
            assert!(!DpkgFiles.wants(&Entry { path, size: None, executable: None }), "{path}");
        }
    }
}
