//! Java artifacts: jar, war, ear and their kin, and the archives inside them.
//!
//! An archive says what it is in up to five places, the best first:
//!
//! 1. `META-INF/maven/…/pom.properties`, which Maven writes. Several of them mean that other artifacts were copied
//!    in: each is a package, and the one whose artifact the file's name starts with is the archive itself.
//! 2. its place in a local repository of Maven or Gradle;
//! 3. the folder of a `META-INF/maven/GROUP/ARTIFACT/pom.xml` without properties, for the group;
//! 4. `META-INF/MANIFEST.MF`, see [`manifest`];
//! 5. the file's name, `artifact-1.2.3.jar`, which never gives a group.
//!
//! Advisories name `group:artifact`. A group is never guessed from a name: it is taken from 1 to 4, or from
//! [`groups`], where a build is known to leave it out. An archive with code whose group, version or both stay unknown
//! is a gap, and the package is listed by its artifact alone.
//!
//! Source: JAR file specification (Java SE 21); Maven Archiver 3.6, "The pom.properties file".

mod coordinates;
mod groups;
mod manifest;
mod properties;

use plimsoll_archive::{ReadAt, Zip, ZipError, ZipLimits};
use plimsoll_model::{Package, PackageKind};

use crate::seam::{Catalog, Cataloger, Entry, ImageFile, ReadError, excerpt};
use coordinates::{Clues, Coordinates};
use manifest::Manifest;

/// Reads one archive with everything in it.
pub(crate) struct JavaArchive;

const NAME: &str = "java-archive";

/// Extensions of archives, in lower case.
const EXTENSIONS: &[&str] = &["jar", "war", "ear", "par", "sar", "nar", "kar", "jpi", "hpi", "lpkg"];

/// How deep archives may lie in archives; the file itself is at depth 1.
const MAX_DEPTH: u8 = 8;

/// What one file may cost, with everything in it: archives, their entries, and bytes that had to be inflated.
const MAX_ARCHIVES: u32 = 20_000;
const MAX_ENTRIES: u64 = 2_000_000;
const MAX_INFLATED_BYTES: u64 = 2 << 30;

/// How many times its own size a file may cost in inflated bytes, beyond [`FREE_INFLATED_BYTES`]. Archives in archives
/// hardly shrink, so real files stay below 3; one full of zeros would cost 1,000.
const MAX_INFLATION: u64 = 50;
const FREE_INFLATED_BYTES: u64 = 16 << 20;

/// Bytes of archives in archives that are held in memory at a time, inflated.
const MAX_HELD_BYTES: u64 = 512 << 20;

/// Largest manifest or `pom.properties` in bytes. Signed archives list every entry in the manifest.
const MAX_METADATA_BYTES: u64 = 16 << 20;

impl Cataloger for JavaArchive {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        is_archive(entry.file_name())
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let mut walk = Walk {
            out,
            archives: MAX_ARCHIVES,
            entries: MAX_ENTRIES,
            inflated: inflated_bytes(file.size()),
            held: MAX_HELD_BYTES,
        };
        let is_jdk = file.path.contains("/jvm/") || file.path.contains("jre/lib/");
        Ok(walk.archive(file.content(), file.path, "", MAX_DEPTH, is_jdk)?)
    }
}

/// Bytes that may be inflated out of a file of this size.
fn inflated_bytes(size: u64) -> u64 {
    size.saturating_mul(MAX_INFLATION).saturating_add(FREE_INFLATED_BYTES).min(MAX_INFLATED_BYTES)
}

/// Whether a file's name is that of an archive.
fn is_archive(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty() && EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// One file's walk, with what is left of its means.
struct Walk<'o> {
    out: &'o mut Catalog,
    archives: u32,
    entries: u64,
    inflated: u64,
    held: u64,
}

/// What an archive's directory holds that is of use.
#[derive(Default)]
struct Found {
    manifest: Option<usize>,
    properties: Vec<usize>,
    inner: Vec<usize>,
    clues: Clues,
}

impl Walk<'_> {
    /// Reads an archive: `path` for its name, `inner` where it lies in the file (empty for the file itself).
    ///
    /// Recursion ends at `depth` 0.
    fn archive(
        &mut self,
        bytes: &dyn ReadAt,
        path: &str,
        inner: &str,
        depth: u8,
        is_jdk: bool,
    ) -> Result<(), ZipError> {
        let limits = ZipLimits { entries: self.entries, total_bytes: self.inflated, ..ZipLimits::default() };
        let mut zip = Zip::open(bytes, limits)?;
        self.entries -= zip.entries().len() as u64;
        let found = find(&zip);

        let mut manifest = Manifest::default();
        if let Some(index) = found.manifest {
            match self.read(&mut zip, index, MAX_METADATA_BYTES) {
                Ok(text) => manifest = Manifest::parse(&text),
                Err(error) => self.out.gap(place(inner), error),
            }
        }
        let mut poms: Vec<(Coordinates, String)> = Vec::new();
        for &index in &found.properties {
            let at = join(inner, &zip.entries()[index].name);
            match self.read(&mut zip, index, MAX_METADATA_BYTES) {
                Ok(text) => match coordinates::of_properties(&text) {
                    Ok(coordinates) => poms.push((coordinates, at)),
                    Err(reason) => self.out.gap(place(&at), reason),
                },
                Err(error) => self.out.gap(place(&at), error),
            }
        }
        self.packages(path, inner, &found.clues, &manifest, poms, is_jdk);

        for index in found.inner {
            let at = join(inner, &zip.entries()[index].name);
            if let Err(reason) = self.inner(&mut zip, index, &at, depth) {
                self.out.gap(place(&at), reason);
            }
        }
        Ok(())
    }

    /// An archive in an archive: in place where it is stored, inflated otherwise.
    fn inner(&mut self, zip: &mut Zip<'_>, index: usize, at: &str, depth: u8) -> Result<(), String> {
        if depth <= 1 {
            return Err(format!("expected at most {MAX_DEPTH} archives in each other, found more: not read"));
        }
        let left = self.archives.checked_sub(1);
        self.archives =
            left.ok_or_else(|| format!("expected at most {MAX_ARCHIVES} archives, found more"))?;
        let text = |error: ZipError| error.to_string();
        let result = if let Some(window) = zip.stored(index).map_err(text)? {
            self.archive(&window, at, at, depth - 1, false)
        } else {
            let bytes = self.read(zip, index, self.held).map_err(text)?;
            self.held -= bytes.len() as u64;
            let result = self.archive(&bytes, at, at, depth - 1, false);
            self.held += bytes.len() as u64;
            result
        };
        result.map_err(text)
    }

    fn read(&mut self, zip: &mut Zip<'_>, index: usize, limit: u64) -> Result<Vec<u8>, ZipError> {
        let bytes = zip.read(index, limit.min(self.inflated))?;
        self.inflated -= bytes.len() as u64;
        Ok(bytes)
    }

    /// Lists what the archive is, and what was copied into it.
    fn packages(
        &mut self,
        path: &str,
        inner: &str,
        clues: &Clues,
        manifest: &Manifest,
        mut poms: Vec<(Coordinates, String)>,
        is_jdk: bool,
    ) {
        let stem = file_name(path);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let bears_version = coordinates::of_file_name(stem).1.is_some();
        // The longest artifact that the name starts with, so that `a-b-1.jar` is `a-b` rather than `a`; a renamed
        // archive with a single artifact in it is that artifact, unless its manifest states another version.
        let own = (0..poms.len())
            .filter(|&index| {
                let pom = &poms[index].0;
                coordinates::is_named(stem, &pom.group, &pom.artifact)
                    || (poms.len() == 1 && !bears_version && manifest.allows_version(&pom.version))
            })
            .max_by_key(|&index| poms[index].0.artifact.len());
        let identity = match own {
            Some(index) => Some(poms.remove(index).0),
            // A renamed archive with several artifacts: one of them is its own, if any says so.
            None if poms.len() > 1 && !bears_version => None,
            None => coordinates::of_repository(path).or_else(|| coordinates::of_clues(stem, clues, manifest)),
        };
        let is_known = identity.is_some() || !poms.is_empty();
        if let Some(identity) = identity {
            self.own(identity, inner, clues, manifest, is_jdk);
        } else if !is_known && clues.has_classes && !is_jdk && !manifest.is_jdk() {
            let reason =
                "expected Maven coordinates in pom.properties, the manifest or the file's name, found none";
            self.out.gap(place(inner), reason);
        }
        poms.sort_by(|a, b| a.1.cmp(&b.1));
        for (coordinates, at) in poms {
            let mut package = Package::new(PackageKind::Maven, coordinates.name(), coordinates.version, NAME);
            package.inner_path = Some(at);
            self.out.package(package);
        }
    }

    fn own(&mut self, own: Coordinates, inner: &str, clues: &Clues, manifest: &Manifest, is_jdk: bool) {
        let is_jdk = is_jdk || manifest.is_jdk();
        if own.group.is_empty() && (is_jdk || !clues.has_classes) {
            // The runtime's own archives are no artifacts, and archives without code hold nothing to find.
            return;
        }
        if own.group.is_empty() {
            let name = excerpt(own.artifact.as_bytes());
            let reason = format!(
                "expected the Maven group of `{name}`, found none: advisories cannot be asked for it"
            );
            self.out.gap(place(inner), reason);
        }
        let mut package = Package::new(PackageKind::Maven, own.name(), own.version, NAME);
        package.inner_path = (!inner.is_empty()).then(|| inner.to_owned());
        package.licenses = manifest.license.iter().cloned().collect();
        package.vendor.clone_from(&manifest.vendor);
        self.out.package(package);
    }
}

/// `a.jar` in `lib/b.jar` is `lib/b.jar/a.jar`.
fn join(outer: &str, name: &str) -> String {
    let name: String = name.chars().take(500).collect();
    if outer.is_empty() { name } else { format!("{outer}/{name}") }
}

fn place(inner: &str) -> String {
    if inner.is_empty() { String::new() } else { format!("entry {inner}") }
}

fn find(zip: &Zip<'_>) -> Found {
    let mut found = Found::default();
    for (index, entry) in zip.entries().iter().enumerate() {
        let name = entry.name.as_str();
        if entry.is_directory() {
            continue;
        }
        if name.rsplit_once('.').is_some_and(|(_, extension)| extension == "class") {
            found.clues.class(name);
        } else if name.eq_ignore_ascii_case("META-INF/MANIFEST.MF") {
            found.manifest.get_or_insert(index);
        } else if let Some((_, maven)) = name.split_once("META-INF/maven/") {
            match file_name(maven) {
                "pom.properties" => found.properties.push(index),
                "pom.xml" => found.clues.pom_folder(maven),
                _ => {}
            }
        } else if is_archive(file_name(name)) {
            found.inner.push(index);
        }
    }
    found
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::{lines, zip};
    use expect_test::{Expect, expect};

    fn check_bytes(path: &str, bytes: &[u8], expect: &Expect) {
        let mut out = Catalog::default();
        let bytes = bytes.to_vec();
        let result = JavaArchive.catalog(&ImageFile::new(path, &bytes), &mut out);
        expect.assert_eq(&lines(&out, result));
    }

    fn check(path: &str, entries: &[(&str, &[u8])], expect: &Expect) {
        check_bytes(path, &zip(entries), expect);
    }

    const CLASS: (&str, &[u8]) = ("org/example/A.class", b"");
    const POM: (&str, &[u8]) = (
        "META-INF/maven/org.example/probe/pom.properties",
        b"groupId=org.example\nartifactId=probe\nversion=1.2.3\n",
    );
    const OTHER: (&str, &[u8]) = (
        "META-INF/maven/com.other/other/pom.properties",
        b"groupId=com.other\nartifactId=other\nversion=7\n",
    );

    #[test]
    fn archives_are_wanted_by_their_extension() {
        let wants = |path| JavaArchive.wants(&Entry { path, size: None, executable: None });
        for path in ["app.jar", "srv/ROOT.WAR", "a/b.ear", "plugins/git.jpi", "plugins/git.hpi", "x.par"] {
            assert!(wants(path), "{path}");
        }
        for path in [".jar", "jar", "a/.jar", "a.jar/x", "a.zip", "a.jar.sha1", ""] {
            assert!(!wants(path), "{path}");
        }
    }

    #[test]
    fn archives_that_the_jdk_wrote_are_read_inside_each_other() {
        check_bytes(
            "app/probe-1.2.3.jar",
            include_bytes!("../testdata/java/probe-1.2.3.jar"),
            &expect![[r#"
            maven org.example:probe 1.2.3
        "#]],
        );
        check_bytes(
            "app/boot.jar",
            include_bytes!("../testdata/java/boot.jar"),
            &expect![[r#"
            maven org.example:probe 1.2.3 @ BOOT-INF/lib/probe-1.2.3.jar
            gap : expected Maven coordinates in pom.properties, the manifest or the file's name, found none
        "#]],
        );
        check_bytes(
            "app/deflated.war",
            include_bytes!("../testdata/java/deflated.war"),
            &expect![[r#"
            maven boot 2.0 @ WEB-INF/lib/boot-2.0.jar
            maven org.example:probe 1.2.3 @ WEB-INF/lib/boot-2.0.jar/BOOT-INF/lib/probe-1.2.3.jar
            maven org.example:probe 1.2.3 @ WEB-INF/lib/probe.jar
            gap entry WEB-INF/lib/boot-2.0.jar: expected the Maven group of `boot`, found none: advisories cannot be asked for it
        "#]],
        );
    }

    #[test]
    fn the_artifact_that_the_files_name_starts_with_is_the_archives_own() {
        check(
            "a/probe-1.2.3.jar",
            &[CLASS, OTHER, POM],
            &expect![[r#"
            maven org.example:probe 1.2.3
            maven com.other:other 7 @ META-INF/maven/com.other/other/pom.properties
        "#]],
        );
        check(
            "a/org.example.probe-1.2.3.jar",
            &[CLASS, OTHER, POM],
            &expect![[r#"
            maven org.example:probe 1.2.3
            maven com.other:other 7 @ META-INF/maven/com.other/other/pom.properties
        "#]],
        );
        check(
            "a/renamed.jar",
            &[CLASS, POM],
            &expect![[r#"
            maven org.example:probe 1.2.3
        "#]],
        );
        check(
            "a/renamed.jar",
            &[CLASS, POM, OTHER],
            &expect![[r#"
            maven com.other:other 7 @ META-INF/maven/com.other/other/pom.properties
            maven org.example:probe 1.2.3 @ META-INF/maven/org.example/probe/pom.properties
        "#]],
        );
        check(
            "a/renamed-2.0.jar",
            &[CLASS, POM],
            &expect![[r#"
            maven renamed 2.0
            maven org.example:probe 1.2.3 @ META-INF/maven/org.example/probe/pom.properties
            gap : expected the Maven group of `renamed`, found none: advisories cannot be asked for it
        "#]],
        );
    }

    #[test]
    fn a_single_copied_artifact_is_not_taken_for_its_holder() {
        let manifest = ("META-INF/MANIFEST.MF", b"Implementation-Version: 9.0\n".as_slice());
        check(
            "a/holder.jar",
            &[CLASS, POM, manifest],
            &expect![[r#"
            maven holder 9.0
            maven org.example:probe 1.2.3 @ META-INF/maven/org.example/probe/pom.properties
            gap : expected the Maven group of `holder`, found none: advisories cannot be asked for it
        "#]],
        );
    }

    #[test]
    fn the_folder_of_a_pom_gives_the_group() {
        check(
            "a/probe-2.jar",
            &[CLASS, ("META-INF/maven/org.example/probe/pom.xml", b"")],
            &expect![[r#"
            maven org.example:probe 2
        "#]],
        );
        check(
            "a/probe.jar",
            &[CLASS, ("META-INF/maven/org.example/probe/pom.xml", b"")],
            &expect![[r#"
            maven org.example:probe 
        "#]],
        );
    }

    #[test]
    fn the_manifest_and_known_builds_give_the_group() {
        let manifest = |text: &'static str| ("META-INF/MANIFEST.MF", text.as_bytes());
        check(
            "a/probe-1.jar",
            &[CLASS, manifest("Implementation-Vendor-Id: org.example\n")],
            &expect![[r#"
            maven org.example:probe 1
        "#]],
        );
        check(
            "a/probe.jar",
            &[
                CLASS,
                manifest(
                    "Bundle-SymbolicName: org.example.probe\nBundle-Version: 1.0.0\nBundle-License: MIT",
                ),
            ],
            &expect![[r#"
                maven org.example:probe 1.0.0 [MIT]
            "#]],
        );
        let jenkins = "Group-Id: org.jenkins-ci.plugins\nShort-Name: git\nPlugin-Version: 4.1 (private-x)\n";
        check(
            "plugins/git.jpi",
            &[manifest(jenkins)],
            &expect![[r#"
            maven org.jenkins-ci.plugins:git 4.1
        "#]],
        );
        check(
            "a/spring-beans-5.3.17.jar",
            &[("org/springframework/beans/A.class", b"")],
            &expect![[r#"
            maven org.springframework:spring-beans 5.3.17
        "#]],
        );
    }

    #[test]
    fn code_without_coordinates_is_a_gap_and_no_code_is_silent() {
        check(
            "a/probe-1.jar",
            &[CLASS],
            &expect![[r#"
            maven probe 1
            gap : expected the Maven group of `probe`, found none: advisories cannot be asked for it
        "#]],
        );
        check(
            "a/probe.jar",
            &[CLASS],
            &expect![[r#"
            gap : expected Maven coordinates in pom.properties, the manifest or the file's name, found none
        "#]],
        );
        check("a/probe.jar", &[("readme", b"")], &expect![[""]]);
        check("a/probe-1-sources.jar", &[("org/example/A.java", b"")], &expect![[""]]);
        check("usr/lib/jvm/java-17/lib/jrt-fs.jar", &[CLASS], &expect![[""]]);
    }

    #[test]
    fn damaged_parts_are_gaps_and_the_rest_is_read() {
        let bad =
            ("META-INF/maven/a/b/pom.properties", b"groupId=a\nartifactId=b\nversion=${v}\n".as_slice());
        check(
            "a/probe-1.2.3.jar",
            &[bad, POM, ("lib/bad.jar", b"no zip"), ("lib/empty.jar", b"")],
            &expect![[r#"
                maven org.example:probe 1.2.3
                gap entry META-INF/maven/a/b/pom.properties: expected a value of `version`, found `${v}`
                gap entry lib/bad.jar: cannot read zip archive: expected an end record in the last 65557 bytes, found none: it is no zip archive
                gap entry lib/empty.jar: cannot read zip archive: expected an end record in the last 65557 bytes, found none: it is no zip archive
            "#]],
        );
        check_bytes(
            "a.jar",
            b"",
            &expect![[r#"
            error: expected an end record in the last 65557 bytes, found none: it is no zip archive
        "#]],
        );
        check_bytes(
            "a.jar",
            b"#!/bin/sh",
            &expect![[r#"
            error: expected an end record in the last 65557 bytes, found none: it is no zip archive
        "#]],
        );
    }

    #[test]
    fn depth_is_limited() {
        let mut bytes = zip(&[POM]);
        for _ in 0..9 {
            bytes = zip(&[("in.jar", bytes)]);
        }
        check_bytes(
            "a.jar",
            &bytes,
            &expect![[r#"
            gap entry in.jar/in.jar/in.jar/in.jar/in.jar/in.jar/in.jar/in.jar: expected at most 8 archives in each other, found more: not read
        "#]],
        );
    }

    #[test]
    fn a_small_file_does_not_cost_gigabytes() {
        assert_eq!(inflated_bytes(0), 16 << 20);
        assert_eq!(inflated_bytes(1 << 20), 66 << 20);
        assert_eq!(inflated_bytes(u64::MAX), MAX_INFLATED_BYTES);
    }

    #[test]
    fn an_archive_full_of_archives_ends_at_the_limits() {
        // 37,448 archives, if nothing stopped it.
        let mut bytes = zip::<&str, &[u8]>(&[]);
        for _ in 0..5 {
            let names: Vec<String> = (0..8).map(|index| format!("{index}.jar")).collect();
            bytes = zip(&names.iter().map(|name| (name, bytes.as_slice())).collect::<Vec<_>>());
        }
        let mut out = Catalog::default();
        assert!(JavaArchive.catalog(&ImageFile::new("a.jar", &bytes), &mut out).is_ok());
        assert!(out.gaps[0].1.contains("at most 20000 archives"), "{:?}", out.gaps[0]);
    }
}
