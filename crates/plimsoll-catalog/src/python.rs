//! Python distributions: `METADATA` of wheels, `PKG-INFO` of eggs, wherever in the image they are installed.
//!
//! Source: `PyPA` "Core metadata specifications" 2.4, "Recording installed projects", setuptools "The internal
//! structure of Python eggs".

mod metadata;

use plimsoll_archive::{Zip, ZipLimits};
use plimsoll_model::{Package, PackageKind};

use crate::seam::{Catalog, Cataloger, Entry, ImageFile, ReadError};
use metadata::{MAX_HEADER_BYTES, Metadata};

/// Reads one distribution a file. Name and version that the file lacks are taken from its folder's name.
pub(crate) struct PythonDistribution;

const NAME: &str = "python-dist";

/// Where a zipped egg keeps its metadata.
const EGG_METADATA: &str = "EGG-INFO/PKG-INFO";

/// Largest `PKG-INFO` that is read out of a zipped egg, in bytes: an entry is read whole.
const MAX_EGG_METADATA_BYTES: u64 = 8 << 20;

impl Cataloger for PythonDistribution {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        shape(entry.path).is_some()
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let (metadata, stem) = match shape(file.path) {
            Some(Shape::Text { stem }) => (Metadata::parse(&file.head(MAX_HEADER_BYTES)?), stem),
            Some(Shape::ZippedEgg { stem }) => (zipped_egg(file)?, stem),
            None => {
                return Err(ReadError::malformed("a path of Python metadata", format!("`{}`", file.path)));
            }
        };
        let (name_of_folder, version_of_folder) = name_and_version(stem);
        let name = metadata.name.as_deref().or(name_of_folder);
        let version = metadata.version.as_deref().or(version_of_folder);
        match (name, version) {
            (Some(name), Some(version)) => {
                let mut package = Package::new(PackageKind::PyPi, name, version, NAME);
                package.licenses = metadata.licenses();
                package.vendor = metadata.author;
                out.package(package);
            }
            (Some(name), None) => {
                out.gap(
                    "",
                    format!("expected a version of `{name}`, found no `Version` and none in the path"),
                );
            }
            (None, _) => {
                out.gap("", "expected the name of a distribution, found no `Name` and none in the path");
            }
        }
        Ok(())
    }
}

/// How a path that holds metadata is read. The stem is `name-version` as far as the path bears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape<'a> {
    Text { stem: &'a str },
    ZippedEgg { stem: &'a str },
}

fn shape(path: &str) -> Option<Shape<'_>> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let above = |folder: &'_ str| folder.rfind('/').map_or(0, |slash| slash + 1);
    let last = &folder[above(folder)..];
    match file {
        "METADATA" => last.strip_suffix(".dist-info").map(|stem| Shape::Text { stem }),
        "PKG-INFO" if last == "EGG-INFO" => {
            let egg = folder.strip_suffix("/EGG-INFO").unwrap_or("");
            let egg = &egg[above(egg)..];
            Some(Shape::Text { stem: egg.strip_suffix(".egg").unwrap_or("") })
        }
        "PKG-INFO" => last.strip_suffix(".egg-info").map(|stem| Shape::Text { stem }),
        _ => match file.rsplit_once('.') {
            Some((stem, "egg-info")) => Some(Shape::Text { stem }),
            Some((stem, "egg")) if !stem.is_empty() => Some(Shape::ZippedEgg { stem }),
            _ => None,
        },
    }
}

/// `requests-2.31.0` and `requests-2.31.0-py3.9` give name and version: neither holds a `-` there (wheel
/// specification, "Escaping and Unicode").
fn name_and_version(stem: &str) -> (Option<&str>, Option<&str>) {
    let mut parts = stem.split('-').map(|part| Some(part).filter(|part| !part.is_empty()));
    let name = parts.next().flatten();
    let version = parts.next().flatten().filter(|version| version.starts_with(|c: char| c.is_ascii_digit()));
    (name, version)
}

fn zipped_egg(file: &ImageFile<'_>) -> Result<Metadata, ReadError> {
    let mut zip = Zip::open(file.content(), ZipLimits::default())?;
    match zip.entries().iter().position(|entry| entry.name == EGG_METADATA) {
        Some(index) => Ok(Metadata::parse(&zip.read(index, MAX_EGG_METADATA_BYTES)?)),
        None => Err(ReadError::malformed(format!("an entry `{EGG_METADATA}`"), "none of that name")),
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(path: &str, content: &[u8], expect: &Expect) {
        let mut out = Catalog::default();
        let content = content.to_vec();
        let result = PythonDistribution.catalog(&ImageFile::new(path, &content), &mut out);
        expect.assert_eq(&crate::testing::lines(&out, result));
    }

    #[test]
    fn metadata_is_wanted_wherever_it_lies_and_other_files_are_not() {
        for path in [
            "usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO",
            "usr/lib/python3/dist-packages/wheel-0.38.egg-info",
            "opt/venv/lib/python3.12/site-packages/flask-3.0.0.dist-info/METADATA",
            "app/vendor/a-1.dist-info/METADATA",
            "lib/a-1-py3.9.egg/EGG-INFO/PKG-INFO",
            "lib/a-1-py3.9.egg",
            "a-1.dist-info/METADATA",
            "EGG-INFO/PKG-INFO",
        ] {
            let entry = Entry { path, size: None, executable: None };
            assert!(PythonDistribution.wants(&entry), "{path}");
        }
        for path in [
            "METADATA",
            "src/METADATA",
            "project-1.0/PKG-INFO",
            "a-1.dist-info/RECORD",
            "a.egg-info/top_level.txt",
            ".egg",
            "egg",
            "a.dist-info",
            "x.egg-link",
        ] {
            let entry = Entry { path, size: None, executable: None };
            assert!(!PythonDistribution.wants(&entry), "{path}");
        }
    }

    #[test]
    fn a_wheels_metadata_gives_its_package() {
        check(
            "usr/lib/python3.12/site-packages/plimsoll_probe-1.2.3.dist-info/METADATA",
            include_bytes!("../testdata/python/wheel/METADATA"),
            &expect![[r#"
                pypi plimsoll-probe 1.2.3 [Apache-2.0]
            "#]],
        );
    }

    #[test]
    fn an_eggs_metadata_gives_its_package() {
        check(
            "lib/plimsoll_probe.egg-info/PKG-INFO",
            include_bytes!("../testdata/python/develop/PKG-INFO"),
            &expect![[r#"
                pypi plimsoll-probe 1.2.3 [Apache Software License]
            "#]],
        );
        check(
            "lib/probe-1.2.3-py3.11.egg",
            include_bytes!("../testdata/python/probe.egg"),
            &expect![[r#"
            pypi plimsoll-probe 1.2.3 [Apache Software License]
        "#]],
        );
    }

    #[test]
    fn the_path_stands_in_for_what_the_file_lacks() {
        check(
            "a/my_app-1.2.dist-info/METADATA",
            b"Metadata-Version: 2.1\n",
            &expect![[r#"
            pypi my_app 1.2
        "#]],
        );
        check(
            "a/my_app-1.2-py3.9.egg/EGG-INFO/PKG-INFO",
            b"",
            &expect![[r#"
            pypi my_app 1.2
        "#]],
        );
        check(
            "a/my_app.egg-info",
            b"Name: my_app\n",
            &expect![[r#"
            gap : expected a version of `my_app`, found no `Version` and none in the path
        "#]],
        );
        check(
            "EGG-INFO/PKG-INFO",
            b"Version: 1\n",
            &expect![[r#"
            gap : expected the name of a distribution, found no `Name` and none in the path
        "#]],
        );
    }

    #[test]
    fn an_egg_that_is_no_archive_is_an_error() {
        check(
            "a/b-1.egg",
            b"hello",
            &expect![[r#"
                error: expected an end record in the last 65557 bytes, found none: it is no zip archive
            "#]],
        );
        check(
            "a/b-1.egg",
            &crate::testing::zip(&[("x", b"")]),
            &expect![[r#"
            error: expected an entry `EGG-INFO/PKG-INFO`, found none of that name
        "#]],
        );
    }
}
