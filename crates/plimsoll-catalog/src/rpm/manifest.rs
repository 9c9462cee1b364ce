//! Packages that a distroless image of Azure Linux, or CBL-Mariner before it, lists in
//! `var/lib/rpmmanifest/container-manifest-2`, where the rpm database itself is left out.
//!
//! A line has ten fields between tabs, as rpm's query prints them: name, version-release, times of installation and
//! of building, vendor, epoch, size, architecture, epoch as a number, source package.
//!
//! Source: documentation of the Azure Linux distroless images, "Vulnerability Scanning"; the fields are those of the
//! query `%{NAME} %{VERSION}-%{RELEASE} %{INSTALLTIME} %{BUILDTIME} %{VENDOR} %{EPOCH} %{SIZE} %{ARCH} %{EPOCHNUM}
//! %{SOURCERPM}`, `rpm-queryformat(7)`.

use plimsoll_model::{Package, PackageKind};

use super::{source, with_epoch};
use crate::seam::excerpt;
use crate::{Catalog, Cataloger, Entry, ImageFile, ReadError};

/// Largest manifest that is read, in bytes.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;

/// Reads the lines of the manifest.
pub(crate) struct RpmManifest;

impl Cataloger for RpmManifest {
    fn name(&self) -> &'static str {
        "rpm-manifest"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        entry.path == "var/lib/rpmmanifest/container-manifest-2"
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_MANIFEST_BYTES)?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match package(line, self.name()) {
                Some(package) => out.package(package),
                None => out.gap(
                    format!("line {}", index + 1),
                    format!(
                        "expected ten fields of a package between tabs, found `{}`",
                        excerpt(line.as_bytes())
                    ),
                ),
            }
        }
        Ok(())
    }
}

fn package(line: &str, cataloger: &str) -> Option<Package> {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let &[name, version, _, _, vendor, _, _, architecture, epoch, source_rpm] = fields.as_slice() else {
        return None;
    };
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !is_word(name) || !is_word(version) || !version.contains('-') {
        return None;
    }
    let epoch = epoch.parse().ok()?;
    let mut package = Package::new(PackageKind::Rpm, name, with_epoch(epoch, version), cataloger);
    let known = |text: &str| (!text.is_empty() && text != "(none)").then(|| text.to_owned());
    package.architecture = known(architecture);
    package.vendor = known(vendor);
    if source_rpm != "(none)" {
        let source = source(source_rpm, epoch)?;
        let is_other = source.name != package.name || source.version != package.version;
        package.source = is_other.then_some(source);
    }
    Some(package)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::seam::read_to_text;

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(text: &str, expected: Expect) {
        let path = "var/lib/rpmmanifest/container-manifest-2";
        expected.assert_eq(&read_to_text(&RpmManifest, path, text.as_bytes()));
    }

    #[test]
    fn a_line_is_a_package() {
        check(
            "mariner-release\t2.0-12.cm2\t1653816591\t1653753130\tMicrosoft Corporation\t(none)\t580\tnoarch\t0\t\
             mariner-release-2.0-12.cm2.src.rpm\n\
             openssl-libs\t1.1.1k-15.cm2\t1\t2\tMicrosoft Corporation\t1\t3\tx86_64\t1\topenssl-1.1.1k-15.cm2.src.rpm\n",
            expect![[r"
                rpm mariner-release 2.0-12.cm2 arch=noarch vendor=Microsoft Corporation
                rpm openssl-libs 1:1.1.1k-15.cm2 arch=x86_64 source=openssl 1:1.1.1k-15.cm2 vendor=Microsoft Corporation
            "]],
        );
        check("", expect![[""]]);
    }

    #[test]
    fn other_lines_are_told() {
        check(
            "a\t1-1\t1\t1\t(none)\t(none)\t1\tnoarch\t0\t(none)\na\t1-1\t1\n\0\n",
            expect![[r"
            rpm a 1-1 arch=noarch
            gap [line 2] expected ten fields of a package between tabs, found `a\t1-1\t1`
            gap [line 3] expected ten fields of a package between tabs, found `\u{0}`
        "]],
        );
        check(
            "a\t1-1\t1\t1\tx\t1\t1\tnoarch\t-1\t(none)\n",
            expect![[r"
            gap [line 1] expected ten fields of a package between tabs, found `a\t1-1\t1\t1\tx\t1\t1\tnoarch\t-1\t(none)`
        "]],
        );
        check(
            "a\t1-1\t1\t1\tx\t1\t1\tnoarch\t0\tsource\n",
            expect![[r"
            gap [line 1] expected ten fields of a package between tabs, found `a\t1-1\t1\t1\tx\t1\t1\tnoarch\t0\tsource`
        "]],
        );
        check(
            "a\t1\t1\t1\tx\t1\t1\tnoarch\t0\t(none)\n",
            expect![[r"
            gap [line 1] expected ten fields of a package between tabs, found `a\t1\t1\t1\tx\t1\t1\tnoarch\t0\t(none)`
        "]],
        );
    }
}
