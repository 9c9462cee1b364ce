//! Packages that `rpm` records in its database, with the files they installed.
//!
//! The database is `SQLite` since rpm 4.16 (`rpmdb.sqlite`). The older Berkeley DB (`Packages`) and SUSE's NDB
//! (`Packages.db`) are not read yet: an image that has one gets a gap that says so.
//!
//! Source: rpm 4.18, `lib/backend/sqlite.c` for the table, `docs/manual/tags.md` for the tags.

mod header;
mod manifest;
mod sqlite;

use plimsoll_model::{Package, PackageKind, SourcePackage};

use crate::seam::excerpt;
use crate::{Catalog, Cataloger, Entry, ImageFile, ReadError};
use header::{Header, Tag};
pub(crate) use manifest::RpmManifest;
use sqlite::{Database, Met, Value};

/// Where distributions keep the database: from old, SUSE and Fedora since 36, systems made by `OSTree`.
const FOLDERS: [&str; 3] = ["var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/"];

/// Name of the pseudo packages that stand for imported keys.
const KEY_PACKAGE: &str = "gpg-pubkey";

/// Reads the installed packages.
pub(crate) struct RpmDatabase;

impl Cataloger for RpmDatabase {
    fn name(&self) -> &'static str {
        "rpm-database"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        Format::of(entry.path).is_some()
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        match Format::of(file.path) {
            Some(Format::Sqlite) => read_database(file, self.name(), out),
            Some(Format::SqliteLog) => {
                let pages = sqlite::logged_pages(file.content())?;
                if pages > 0 {
                    let bytes = file.size();
                    out.gap("", format!(
                        "expected an rpm database without unmerged changes, found a write-ahead log of {bytes} \
                         bytes with {pages} pages: packages installed or removed last may be told wrongly"
                    ));
                }
                Ok(())
            }
            Some(Format::BerkeleyDb) => Err(not_read("Berkeley DB")),
            Some(Format::Ndb) => Err(not_read("NDB")),
            None => Ok(()),
        }
    }
}

fn not_read(format: &str) -> ReadError {
    let found = format!("one of {format}, which is not read yet: its packages are missing");
    ReadError::malformed("an rpm database of SQLite", found)
}

/// The forms in which rpm keeps, or kept, its database.
enum Format {
    Sqlite,
    SqliteLog,
    BerkeleyDb,
    Ndb,
}

impl Format {
    fn of(path: &str) -> Option<Self> {
        match FOLDERS.iter().find_map(|folder| path.strip_prefix(folder))? {
            "rpmdb.sqlite" => Some(Self::Sqlite),
            "rpmdb.sqlite-wal" => Some(Self::SqliteLog),
            "Packages" => Some(Self::BerkeleyDb),
            "Packages.db" => Some(Self::Ndb),
            _ => None,
        }
    }
}

fn read_database(file: &ImageFile<'_>, cataloger: &str, out: &mut Catalog) -> Result<(), ReadError> {
    let mut database = Database::open(file.content())?;
    if let Some(reason) = database.missing_pages() {
        out.gap("", reason);
    }
    let root = database.table_root("Packages", &mut |reason| out.gap("schema", reason));
    let root = root.ok_or_else(|| ReadError::malformed("a table `Packages`", "none"))?;
    database.rows(root, &mut |met| match met {
        Met::Row { row_id, record } => match sqlite::column(&record, 1) {
            Some(Value::Bytes(blob)) => {
                if let Err(reason) = read_header(blob, cataloger, out) {
                    out.gap(format!("package {row_id}"), reason);
                }
            }
            _ => out.gap(format!("package {row_id}"), "expected a blob in the second column, found none"),
        },
        Met::Damage(reason) => out.gap("table `Packages`", reason),
    });
    Ok(())
}

/// Adds the header's package and its files.
fn read_header(blob: &[u8], cataloger: &str, out: &mut Catalog) -> Result<(), String> {
    let header = Header::parse(blob).map_err(|error| error.to_string())?;
    let required = |tag: Tag| {
        let text = header.text(tag)?.ok_or_else(|| format!("expected tag {tag:?}, found none"))?;
        if text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(text)
        } else {
            Err(format!(
                "expected a value of tag {tag:?} without blanks, found `{}`",
                excerpt(text.as_bytes())
            ))
        }
    };
    let name = required(Tag::Name)?;
    if name == KEY_PACKAGE {
        return Ok(());
    }
    let at_package = |reason: String| format!("cannot read package `{name}`: {reason}");
    let version = required(Tag::Version).map_err(at_package)?;
    let release = required(Tag::Release).map_err(at_package)?;
    let epoch = header.numbers(Tag::Epoch).map_err(at_package)?.first().copied().unwrap_or(0);
    let version = with_epoch(epoch, &format!("{version}-{release}"));

    let mut package = Package::new(PackageKind::Rpm, name, version, cataloger);
    let mut faults = Vec::new();
    let mut optional = |tag: Tag| match header.text(tag) {
        // rpm's own way to print a missing tag, which some builders write into it.
        Ok(text) => text.filter(|text| *text != "(none)").map(str::to_owned),
        Err(reason) => {
            faults.push(reason);
            None
        }
    };
    package.architecture = optional(Tag::Architecture);
    package.vendor = optional(Tag::Vendor);
    package.licenses.extend(optional(Tag::License));
    package.module = optional(Tag::ModularityLabel);
    if let Some(file_name) = optional(Tag::SourceRpm) {
        match source(&file_name, epoch) {
            Some(source) if source.name == package.name && source.version == package.version => {}
            Some(source) => package.source = Some(source),
            None => faults.push(format!(
                "expected a source package as `name-version-release.src.rpm`, found `{}`",
                excerpt(file_name.as_bytes())
            )),
        }
    }
    if let Err(reason) = read_files(&header, &package, out) {
        faults.push(reason);
    }
    out.package(package);
    for fault in faults {
        out.gap(format!("package `{name}`"), fault);
    }
    Ok(())
}

/// `epoch:version-release`, without an epoch of 0.
fn with_epoch(epoch: u32, version: &str) -> String {
    if epoch == 0 { version.to_owned() } else { format!("{epoch}:{version}") }
}

/// `openssl-3.0.7-24.el9.src.rpm`. The file name bears no epoch; the binary package's is the source's but for the
/// few packages that set their own.
fn source(file_name: &str, epoch: u32) -> Option<SourcePackage> {
    let stem = file_name.strip_suffix(".src.rpm").or_else(|| file_name.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let good = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    (good(name) && good(version) && good(release)).then(|| SourcePackage {
        name: name.to_owned(),
        version: with_epoch(epoch, &format!("{version}-{release}")),
    })
}

/// The files: folder and file name stand in two lists, and a third says which folder each file is in.
fn read_files(header: &Header<'_>, package: &Package, out: &mut Catalog) -> Result<(), String> {
    let architecture = package.architecture.as_deref();
    let old_paths = header.texts(Tag::OldFileNames)?;
    if !old_paths.is_empty() {
        out.owns(PackageKind::Rpm, &package.name, architecture, old_paths.into_iter());
    }
    let names = header.texts(Tag::BaseNames)?;
    let folders = header.texts(Tag::DirectoryNames)?;
    let indexes = header.numbers(Tag::DirectoryIndexes)?;
    let in_folder = |index: &u32| usize::try_from(*index).ok().and_then(|index| folders.get(index)).copied();
    if names.len() != indexes.len() || !indexes.iter().all(|index| in_folder(index).is_some()) {
        let (names, indexes) = (names.len(), indexes.len());
        return Err(format!(
            "expected a folder for each of {names} files, found {indexes} places of folders"
        ));
    }
    let files = indexes.iter().filter_map(in_folder).zip(names);
    out.owns_in_folders(PackageKind::Rpm, &package.name, architecture, files);
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::header::tests::header;
    use super::*;
    use crate::seam::read_to_text;

    const STRING: u32 = 6;

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(path: &str, content: &[u8], expected: Expect) {
        expected.assert_eq(&read_to_text(&RpmDatabase, path, content));
    }

    fn unpacked(compressed: &[u8]) -> Vec<u8> {
        zstd::decode_all(compressed).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check_header(blob: &[u8], expected: Expect) {
        let mut out = Catalog::default();
        let result = read_header(blob, "rpm-database", &mut out);
        let packages: Vec<_> = out.packages.iter().map(|p| (&p.name, &p.version, &p.source)).collect();
        expected.assert_eq(&format!("{packages:?} {:?} {result:?}", out.gaps));
    }

    #[test]
    fn a_database_that_rpm_made() {
        let content = unpacked(include_bytes!("../testdata/rpm/harbour.sqlite.zst"));
        check(
            "var/lib/rpm/rpmdb.sqlite",
            &content,
            expect![[r"
                rpm harbour-data 20240101-4.el9 arch=noarch source=harbour 1.3.0-4.el9 licenses=Apache-2.0 vendor=Plimsoll Tests
                rpm buoy 1.2.3-4.el9 arch=x86_64 source=harbour 1.2.3-4.el9 licenses=Apache-2.0 module=buoy:18:9020020240101000000:ad008a3a vendor=Plimsoll Tests
                rpm harbour-libs 1:1.2.3-4.el9 arch=x86_64 source=harbour 1:1.2.3-4.el9 licenses=MIT AND BSD-2-Clause vendor=Plimsoll Tests
                rpm harbour 1.2.3-4.el9 arch=x86_64 licenses=Apache-2.0 vendor=Plimsoll Tests
                rpm harbour 1.3.0-4.el9 arch=x86_64 licenses=Apache-2.0 vendor=Plimsoll Tests
            "]],
        );
        let small_pages = include_bytes!("../testdata/rpm/harbour-512.sqlite");
        assert_eq!(
            read_to_text(&RpmDatabase, "usr/lib/sysimage/rpm/rpmdb.sqlite", small_pages),
            read_to_text(&RpmDatabase, "usr/share/rpm/rpmdb.sqlite", &content),
        );
    }

    #[test]
    fn the_files_of_a_package_are_its_own() {
        let content = unpacked(include_bytes!("../testdata/rpm/harbour.sqlite.zst"));
        let mut out = Catalog::default();
        RpmDatabase.catalog(&ImageFile::new("var/lib/rpm/rpmdb.sqlite", &content), &mut out).unwrap();
        let path = "usr/lib/python3.9/site-packages/buoy-2.0.dist-info/METADATA";
        let owner = out.owned.iter().find(|owned| owned.paths.iter().any(|owned| owned == path)).unwrap();
        assert_eq!((owner.name.as_str(), owner.architecture.as_deref()), ("buoy", Some("x86_64")));
    }

    #[test]
    fn a_tree_of_several_levels_after_removals() {
        let content = unpacked(include_bytes!("../testdata/rpm/fleet.sqlite.zst"));
        let mut out = Catalog::default();
        RpmDatabase.catalog(&ImageFile::new("var/lib/rpm/rpmdb.sqlite", &content), &mut out).unwrap();
        assert_eq!(out.gaps, []);
        let names: Vec<_> = out.packages.iter().map(|package| package.name.clone()).collect();
        // In the order of installation, which rpm had turned round.
        let expected: Vec<_> =
            (1..=300).rev().filter(|n| ![7, 30].contains(n)).map(|n| format!("ship{n:03}")).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_cut_database_gives_gaps_and_what_is_left() {
        let content = unpacked(include_bytes!("../testdata/rpm/fleet.sqlite.zst"));
        for length in (0..content.len()).step_by(content.len() / 40) {
            let mut out = Catalog::default();
            let cut = content[..length].to_vec();
            let result = RpmDatabase.catalog(&ImageFile::new("var/lib/rpm/rpmdb.sqlite", &cut), &mut out);
            assert!(result.is_err() || !out.gaps.is_empty(), "{length}");
        }
    }

    #[test]
    fn changes_that_are_not_merged_are_a_gap() {
        let log = include_bytes!("../testdata/rpm/harbour-512.sqlite-wal");
        check(
            "var/lib/rpm/rpmdb.sqlite-wal",
            log,
            expect![[r"
            gap [] expected an rpm database without unmerged changes, found a write-ahead log of 5392 bytes with 10 pages: packages installed or removed last may be told wrongly
        "]],
        );
        check("var/lib/rpm/rpmdb.sqlite-wal", b"", expect![[""]]);
        check(
            "var/lib/rpm/rpmdb.sqlite-wal",
            b"other",
            expect![[r"
            error expected a write-ahead log of SQLite, found 5 bytes of another kind
        "]],
        );
    }

    #[test]
    fn other_databases_are_told_not_to_be_read() {
        check(
            "var/lib/rpm/Packages",
            b"\0\0\0\0",
            expect![[r"
            error expected an rpm database of SQLite, found one of Berkeley DB, which is not read yet: its packages are missing
        "]],
        );
        check(
            "usr/lib/sysimage/rpm/Packages.db",
            b"RpmP",
            expect![[r"
            error expected an rpm database of SQLite, found one of NDB, which is not read yet: its packages are missing
        "]],
        );
    }

    #[test]
    fn what_is_no_database_is_an_error() {
        check(
            "var/lib/rpm/rpmdb.sqlite",
            b"",
            expect![[r"
            error expected an SQLite 3 database, found an empty file
        "]],
        );
        check(
            "var/lib/rpm/rpmdb.sqlite",
            b"SQLite format 3\0",
            expect![[r"
            error expected an SQLite 3 database, found 16 bytes of another kind
        "]],
        );
        let mut empty = vec![0; 512];
        empty[..16].copy_from_slice(b"SQLite format 3\0");
        empty[16] = 2;
        empty[100] = 13;
        check(
            "var/lib/rpm/rpmdb.sqlite",
            &empty,
            expect![[r"
            error expected a table `Packages`, found none
        "]],
        );
    }

    #[test]
    fn headers_that_lack_something() {
        let named = |rest: &[(Tag, u32, u32, &[u8])]| {
            let mut entries: Vec<(Tag, u32, u32, &[u8])> =
                vec![(Tag::Name, STRING, 1, b"a\0"), (Tag::Version, STRING, 1, b"1\0")];
            entries.extend(rest);
            header(&entries)
        };
        check_header(
            &named(&[]),
            expect![[r#"[] [] Err("cannot read package `a`: expected tag Release, found none")"#]],
        );
        check_header(
            &named(&[(Tag::Release, STRING, 1, b"2\0")]),
            expect![[r#"[("a", "1-2", None)] [] Ok(())"#]],
        );
        check_header(
            &named(&[(Tag::Release, STRING, 1, b"2 3\0")]),
            expect![[
                r#"[] [] Err("cannot read package `a`: expected a value of tag Release without blanks, found `2 3`")"#
            ]],
        );
        check_header(
            &named(&[(Tag::Release, STRING, 1, b"2\0"), (Tag::SourceRpm, STRING, 1, b"a-1.src.rpm\0")]),
            expect![[
                r#"[("a", "1-2", None)] [("package `a`", "expected a source package as `name-version-release.src.rpm`, found `a-1.src.rpm`")] Ok(())"#
            ]],
        );
        check_header(
            &named(&[
                (Tag::Release, STRING, 1, b"2\0"),
                (Tag::BaseNames, 8, 1, b"f\0"),
                (Tag::DirectoryNames, 8, 1, b"/d/\0"),
                (Tag::DirectoryIndexes, 4, 1, &[0, 0, 0, 1]),
            ]),
            expect![[
                r#"[("a", "1-2", None)] [("package `a`", "expected a folder for each of 1 files, found 1 places of folders")] Ok(())"#
            ]],
        );
        check_header(&header(&[(Tag::Name, STRING, 1, b"gpg-pubkey\0")]), expect!["[] [] Ok(())"]);
        check_header(b"", expect![[r#"[] [] Err("expected an rpm header, found 0 bytes")"#]]);
    }

    #[test]
    fn the_source_package_is_read_from_its_file_name() {
        let read = |name: &str, epoch| {
            source(name, epoch).map(|source| format!("{} {}", source.name, source.version))
        };
        for (file_name, epoch, expected) in [
            ("openssl-3.0.7-24.el9.src.rpm", 1, Some("openssl 1:3.0.7-24.el9")),
            (
                "java-1.8.0-openjdk-1.8.0.392.b08-4.el9.src.rpm",
                0,
                Some("java-1.8.0-openjdk 1.8.0.392.b08-4.el9"),
            ),
            ("nvidia-1-1.nosrc.rpm", 0, Some("nvidia 1-1")),
            ("openssl-3.0.7-24.el9.x86_64.rpm", 0, None),
            ("-1-2.src.rpm", 0, None),
            ("a-1.src.rpm", 0, None),
            (".src.rpm", 0, None),
        ] {
            assert_eq!(read(file_name, epoch).as_deref(), expected, "{file_name}");
        }
    }
}
