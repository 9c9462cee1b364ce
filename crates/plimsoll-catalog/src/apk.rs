//! Packages that `apk` records in `lib/apk/db/installed`, as Alpine, Wolfi and their kin have it.
//!
//! A record is lines of one letter, a colon and a value, up to a blank line. `F:` names a folder, and each `R:`
//! below it a file in that folder.
//!
//! Source: Alpine wiki, "Apk spec", columns of the installed database; `apk-package(5)`.

use std::ops::Range;

use memchr::memchr;
use plimsoll_model::{Package, PackageKind, SourcePackage};

use crate::seam::excerpt;
use crate::{Catalog, Cataloger, Entry, ImageFile, ReadError};

/// Largest database that is read, in bytes. It lists every file of every package: 500 packages have 10 MB.
const MAX_DATABASE_BYTES: u64 = 256 << 20;

/// Reads the records; all of them are installed.
pub(crate) struct ApkInstalled;

impl Cataloger for ApkInstalled {
    fn name(&self) -> &'static str {
        "apk-installed"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        matches!(entry.path, "lib/apk/db/installed" | "usr/lib/apk/db/installed")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.bytes(MAX_DATABASE_BYTES)?;
        let mut record = Record::default();
        let mut line_number = 0;
        let mut position = 0;
        while position < text.len() {
            let start = position;
            let (end, next) = memchr(b'\n', &text[start..])
                .map_or((text.len(), text.len()), |length| (start + length, start + length + 1));
            let line = text[start..end].strip_suffix(b"\r").unwrap_or(&text[start..end]);
            position = next;
            line_number += 1;
            if line.is_empty() {
                record.finish(&text, self.name(), out);
                continue;
            }
            if let [letter, b':', value @ ..] = line {
                if *letter == b'P' && record.name.is_some() {
                    out.gap(
                        format!("line {line_number}"),
                        "expected a blank line before the next package, found `P:`",
                    );
                    record.finish(&text, self.name(), out);
                }
                record.field(*letter, start + 2..start + 2 + value.len(), line_number);
            } else {
                record.lines.get_or_insert((line_number, line_number)).1 = line_number;
                out.gap(
                    format!("line {line_number}"),
                    format!("expected a letter, a colon and a value, found `{}`", excerpt(line)),
                );
            }
            // apk ends each record with a blank line: a field that ends with the file may be cut short.
            if end == text.len() && matches!(line.first(), Some(b'P' | b'V' | b'o')) {
                out.gap(
                    format!("line {line_number}"),
                    format!("expected a line end behind `{}`, found the end of the file", excerpt(line)),
                );
            }
        }
        record.finish(&text, self.name(), out);
        Ok(())
    }
}

/// The kept fields of one record, as places in the file.
#[derive(Default)]
struct Record {
    lines: Option<(usize, usize)>,
    name: Option<Range<usize>>,
    version: Option<Range<usize>>,
    architecture: Option<Range<usize>>,
    license: Option<Range<usize>>,
    origin: Option<Range<usize>>,
    maintainer: Option<Range<usize>>,
    folder: Range<usize>,
    /// Folder and file name.
    files: Vec<(Range<usize>, Range<usize>)>,
}

impl Record {
    fn field(&mut self, letter: u8, value: Range<usize>, line: usize) {
        self.lines.get_or_insert((line, line)).1 = line;
        match letter {
            b'P' => self.name = Some(value),
            b'V' => self.version = Some(value),
            b'A' => self.architecture = Some(value),
            b'L' => self.license = Some(value),
            b'o' => self.origin = Some(value),
            b'm' => self.maintainer = Some(value),
            b'F' => self.folder = value,
            b'R' => self.files.push((self.folder.clone(), value)),
            _ => {}
        }
    }

    /// Adds what was gathered, and starts anew.
    fn finish(&mut self, text: &[u8], cataloger: &str, out: &mut Catalog) {
        let record = std::mem::take(self);
        let Some((first, last)) = record.lines else { return };
        let place = if first == last { format!("line {first}") } else { format!("lines {first}-{last}") };
        match record.package(text, cataloger) {
            Ok((package, fault)) => {
                let slice = |range: &Range<usize>| std::str::from_utf8(&text[range.clone()]).ok();
                let files = record.files.iter();
                let files = files.filter_map(|(folder, file)| Some((slice(folder)?, slice(file)?)));
                out.owns_in_folders(PackageKind::Apk, &package.name, package.architecture.as_deref(), files);
                out.package(package);
                if let Some(fault) = fault {
                    out.gap(place, fault);
                }
            }
            Err(fault) => out.gap(place, fault),
        }
    }

    fn package(&self, text: &[u8], cataloger: &str) -> Result<(Package, Option<String>), String> {
        let required = |range: &Option<Range<usize>>, field: &str| {
            let range = range.clone().filter(|range| !range.is_empty());
            let value = &text[range.ok_or_else(|| format!("expected field `{field}`, found none"))?];
            word(value).map_err(|found| format!("expected a value of field `{field}`, found `{found}`"))
        };
        let name = required(&self.name, "P:")?;
        let version = required(&self.version, "V:")
            .map_err(|fault| format!("cannot read package `{name}`: {fault}"))?;
        let mut package = Package::new(PackageKind::Apk, name, version, cataloger);
        let lossy = |range: &Option<Range<usize>>| {
            let value = String::from_utf8_lossy(&text[range.clone()?]);
            let value = value.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        package.architecture = lossy(&self.architecture);
        package.licenses.extend(lossy(&self.license));
        package.vendor = lossy(&self.maintainer);
        let mut fault = None;
        if let Some(origin) = self.origin.clone().filter(|origin| !origin.is_empty()) {
            match word(&text[origin]) {
                Ok(origin) if origin == name => {}
                // apk builds all packages of an origin in one version.
                Ok(origin) => {
                    let (name, version) = (origin.to_owned(), version.to_owned());
                    package.source = Some(SourcePackage { name, version });
                }
                Err(found) => fault = Some(format!("expected the origin of `{name}`, found `{found}`")),
            }
        }
        Ok((package, fault))
    }
}

/// A value without blanks and control characters.
fn word(value: &[u8]) -> Result<&str, String> {
    if value.iter().all(u8::is_ascii_graphic) {
        std::str::from_utf8(value).map_err(|_| excerpt(value))
    } else {
        Err(excerpt(value))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::seam::read_to_text;

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(text: impl AsRef<[u8]>, expected: Expect) {
        expected.assert_eq(&read_to_text(&ApkInstalled, "lib/apk/db/installed", text.as_ref()));
    }

    #[test]
    fn records_of_alpine() {
        check(
            include_bytes!("../testdata/apk/installed"),
            expect![[r"
                apk musl 1.2.4-r2 arch=x86_64 licenses=MIT vendor=Timo Teräs <timo.teras@iki.fi>
                apk libcrypto3 3.1.4-r1 arch=x86_64 source=openssl 3.1.4-r1 licenses=Apache-2.0 vendor=Ariadne Conill <ariadne@dereferenced.org>
                apk alpine-release 3.18.4-r0 arch=x86_64 source=alpine-base 3.18.4-r0 licenses=MIT
                apk .build-deps 20231115.101500 arch=noarch
                owned by apk alpine-release:x86_64: etc/alpine-release etc/os-release usr/lib/os-release
            "]],
        );
    }

    #[test]
    fn nothing_is_installed_in_an_empty_file() {
        check("", expect![[""]]);
        check("\n\n", expect![[""]]);
    }

    #[test]
    fn the_last_record_counts_without_a_blank_line_behind_it() {
        check(
            "P:a\nV:1-r0\nL:MIT",
            expect![[r"
            apk a 1-r0 licenses=MIT
        "]],
        );
        check(
            "P:a\r\nV:1-r0\r\n\r\nP:b\r\nV:2-r0\r\n",
            expect![[r"
            apk a 1-r0
            apk b 2-r0
        "]],
        );
    }

    #[test]
    fn letters_keep_their_case() {
        check(
            "P:a\nV:1-r0\nO:b\nl:MIT\nv:2\np:c\n\n",
            expect![[r"
            apk a 1-r0
        "]],
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_and_the_rest_goes_on() {
        let good = "P:good\nV:1-r0\n\n";
        check(
            format!("P:a\n\n{good}"),
            expect![[r"
            apk good 1-r0
            gap [line 1] cannot read package `a`: expected field `V:`, found none
        "]],
        );
        check(
            format!("V:1-r0\n\n{good}"),
            expect![[r"
            apk good 1-r0
            gap [line 1] expected field `P:`, found none
        "]],
        );
        check(
            format!("P:\nV:1-r0\n\n{good}"),
            expect![[r"
            apk good 1-r0
            gap [lines 1-2] expected field `P:`, found none
        "]],
        );
        check(
            format!("P:a\nV:1 r0\n\n{good}"),
            expect![[r"
            apk good 1-r0
            gap [lines 1-2] cannot read package `a`: expected a value of field `V:`, found `1 r0`
        "]],
        );
        check(
            format!("P:a\nV:1-r0\no:b c\n\n{good}"),
            expect![[r"
            apk a 1-r0
            apk good 1-r0
            gap [lines 1-3] expected the origin of `a`, found `b c`
        "]],
        );
        check(
            format!("P:a\nV:1-r0\n{good}"),
            expect![[r"
            apk a 1-r0
            apk good 1-r0
            gap [line 3] expected a blank line before the next package, found `P:`
        "]],
        );
        check(
            format!("P:a\nV:1-r0\nnonsense\n\n{good}"),
            expect![[r"
            apk a 1-r0
            apk good 1-r0
            gap [line 3] expected a letter, a colon and a value, found `nonsense`
        "]],
        );
        check(
            [b"P:a\nV:1\xff\n\n", good.as_bytes()].concat(),
            expect![[r"
            apk good 1-r0
            gap [lines 1-2] cannot read package `a`: expected a value of field `V:`, found `1�`
        "]],
        );
        check(
            "\0".repeat(5000),
            expect![[r"
            gap [line 1] expected a letter, a colon and a value, found `\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}…`
            gap [line 1] expected field `P:`, found none
        "]],
        );
    }

    #[test]
    fn a_file_that_was_cut_short_says_so() {
        check(
            "P:a\nV:1-r0\n\nP:b\nV:1.2",
            expect![[r"
            apk a 1-r0
            apk b 1.2
            gap [line 5] expected a line end behind `V:1.2`, found the end of the file
        "]],
        );
        check(
            "P:a\nV:1-r0\n\nP:b",
            expect![[r"
            apk a 1-r0
            gap [line 4] expected a line end behind `P:b`, found the end of the file
            gap [line 4] cannot read package `b`: expected field `V:`, found none
        "]],
        );
        let whole = include_bytes!("../testdata/apk/installed");
        for length in 0..whole.len() {
            read_to_text(&ApkInstalled, "usr/lib/apk/db/installed", &whole[..length]);
        }
    }

    #[test]
    fn only_the_image_s_own_database_is_wanted() {
        for (path, wanted) in [
            ("lib/apk/db/installed", true),
            ("usr/lib/apk/db/installed", true),
            ("lib/apk/db/installed.new", false),
            ("rootfs/lib/apk/db/installed", false),
        ] {
            assert_eq!(ApkInstalled.wants(&Entry { path, size: None, executable: None }), wanted, "{path}");
        }
    }
}
