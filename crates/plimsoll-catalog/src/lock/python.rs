//! The lock files of Python's tools: `Pipfile.lock`, `poetry.lock`, `uv.lock`, `pdm.lock` and `pylock.toml`.
//!
//! Source: Pipenv 2026.10, Poetry 2.5, uv 0.13, PDM 2.29; `PyPA` "pylock.toml specification" 1.0.

use std::collections::HashSet;

use plimsoll_model::{Ecosystem, PackageKind};

use super::requirements::specifier_name;
use super::{Listing, Needed, is_foreign, is_own};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError};
use crate::tree::Tree;

/// What an entry says of where its package comes from.
enum Origin {
    /// The index, or another index.
    Index,
    /// A repository, an archive or a folder.
    Elsewhere,
    /// The project itself.
    Own,
}

macro_rules! cataloger {
    ($(#[$doc:meta])* $name:ident $text:literal $revision:literal $wants:expr, $read:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Cataloger for $name {
            fn name(&self) -> &'static str {
                $text
            }

            fn revision(&self) -> u32 {
                $revision
            }

            fn evidence(&self) -> Evidence {
                Evidence::Declared
            }

            fn wants(&self, entry: &Entry<'_>) -> bool {
                let wants: fn(&Entry<'_>) -> bool = $wants;
                wants(entry)
            }

            fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
                let read: fn(&ImageFile<'_>, &mut Listing<'_>) -> Result<(), ReadError> = $read;
                read(file, &mut Listing::new(PackageKind::PyPi, $text, out))
            }
        }
    };
}

cataloger! {
    /// Reads every category of a `Pipfile.lock`: `default`, `develop` and those with other names.
    PipfileLock "pipfile-lock" 1 |entry| is_own(entry, "Pipfile.lock"), pipfile
}

cataloger! {
    /// Reads `[[package]]` of a `poetry.lock`, of every group.
    PoetryLock "poetry-lock" 2 |entry| is_own(entry, "poetry.lock"), |file, listing| {
        tables(file, "package", listing, needed_of_keys, |package| match package.get("source").get("type").text() {
            None | Some("legacy") => Origin::Index,
            Some(_) => Origin::Elsewhere,
        })
    }
}

cataloger! {
    /// Reads `[[package]]` of a `uv.lock`; the project itself and its workspace are left out.
    UvLock "uv-lock" 2 |entry| is_own(entry, "uv.lock"), |file, listing| {
        tables(file, "package", listing, named_by_own, |package| {
            let source = package.get("source");
            if is_own_of_uv(package) {
                Origin::Own
            } else if source.has("registry") {
                Origin::Index
            } else {
                Origin::Elsewhere
            }
        })
    }
}

cataloger! {
    /// Reads `[[package]]` of a `pdm.lock`, of every group.
    PdmLock "pdm-lock" 2 |entry| is_own(entry, "pdm.lock"), |file, listing| {
        tables(file, "package", listing, needed_of_specifiers, |package| {
            let is_elsewhere = ["git", "hg", "svn", "bzr", "url", "path"].iter().any(|key| package.has(key));
            if is_elsewhere { Origin::Elsewhere } else { Origin::Index }
        })
    }
}

cataloger! {
    /// Reads `[[packages]]` of a `pylock.toml` or `pylock.NAME.toml`.
    PyLock "pylock" 2 |entry| is_pylock(entry.file_name()) && !is_foreign(entry.path), |file, listing| {
        tables(file, "packages", listing, needed_of_tables, |package| {
            let is_elsewhere = ["vcs", "directory", "archive"].iter().any(|key| package.has(key));
            if is_elsewhere { Origin::Elsewhere } else { Origin::Index }
        })
    }
}

fn is_pylock(file_name: &str) -> bool {
    let middle = file_name.strip_prefix("pylock.").and_then(|rest| rest.strip_suffix("toml"));
    middle.is_some_and(|middle| {
        middle.is_empty()
            || middle.strip_suffix('.').is_some_and(|name| !name.is_empty() && !name.contains('.'))
    })
}

fn tables(
    file: &ImageFile<'_>,
    key: &str,
    listing: &mut Listing<'_>,
    asked: fn(&[Tree]) -> Asked,
    origin: fn(&Tree) -> Origin,
) -> Result<(), ReadError> {
    let lock = Tree::toml(file)?;
    // A lock of nothing has no list, and in Poetry's an empty one; but it has something.
    if lock.entries().is_empty() {
        return Err(ReadError::malformed(format!("`[[{key}]]`"), "an empty document"));
    }
    let packages = lock.get(key).items();
    let asked = asked(packages);
    for (index, package) in packages.iter().enumerate() {
        let name = package.get("name");
        let Some(name) = name.text() else {
            listing
                .gap(format!("{key} {}", index + 1), format!("expected a name, found {}", name.describe()));
            continue;
        };
        listing.direct = asked.direct(name, package.get("version").text());
        match origin(package) {
            Origin::Index => listing.add_at(name, package.get("version")),
            Origin::Elsewhere => listing.add(name, ""),
            Origin::Own => {}
        }
    }
    Ok(())
}

/// What a file says of who asks for a package.
enum Asked {
    /// Nothing.
    Untold,
    /// Names that the project has itself; with a version where the file has several.
    Named(HashSet<(String, Option<String>)>),
    /// What packages need.
    Needed(Needed),
}

impl Asked {
    fn direct(&self, name: &str, version: Option<&str>) -> Option<bool> {
        let name = normalized(name);
        match self {
            Self::Untold => None,
            Self::Named(named) => {
                let mut key = (name, None);
                if named.contains(&key) {
                    return Some(true);
                }
                key.1 = version.map(str::to_owned);
                Some(named.contains(&key))
            }
            Self::Needed(needed) => needed.direct(&name),
        }
    }
}

fn normalized(name: &str) -> String {
    Ecosystem::PyPi.normalize_name(name).into_owned()
}

/// The project itself, and the members of its workspace.
fn is_own_of_uv(package: &Tree) -> bool {
    let source = package.get("source");
    source.has("virtual") || source.has("editable")
}

/// uv: what the project's own packages name, for their extras and groups too.
fn named_by_own(packages: &[Tree]) -> Asked {
    let mut own = packages.iter().filter(|package| is_own_of_uv(package)).peekable();
    if own.peek().is_none() {
        return Asked::Untold;
    }
    let mut named = HashSet::new();
    for package in own {
        let sets = ["optional-dependencies", "dev-dependencies"].map(|key| package.get(key).entries());
        let lists = sets.into_iter().flatten().map(|(_, list)| list).chain([package.get("dependencies")]);
        for dependency in lists.flat_map(Tree::items) {
            if let Some(name) = dependency.get("name").text() {
                named.insert((normalized(name), dependency.get("version").text().map(str::to_owned)));
            }
        }
    }
    Asked::Named(named)
}

/// Poetry: `dependencies` is a table by name.
fn needed_of_keys(packages: &[Tree]) -> Asked {
    needed(packages, |dependencies| dependencies.entries().iter().map(|(name, _)| name.as_str()).collect())
}

/// PDM: `dependencies` is a list of specifiers, `click>=7`.
fn needed_of_specifiers(packages: &[Tree]) -> Asked {
    needed(packages, |dependencies| {
        dependencies.items().iter().filter_map(Tree::text).map(specifier_name).collect()
    })
}

/// `pylock.toml`: `dependencies` is a list of tables, which a tool may leave out altogether.
fn needed_of_tables(packages: &[Tree]) -> Asked {
    if !packages.iter().any(|package| package.has("dependencies")) {
        return Asked::Untold;
    }
    needed(packages, |dependencies| {
        dependencies.items().iter().filter_map(|table| table.get("name").text()).collect()
    })
}

fn needed(packages: &[Tree], names: fn(&Tree) -> Vec<&str>) -> Asked {
    let mut needed = Needed::default();
    for package in packages {
        let by = normalized(package.get("name").text().unwrap_or(""));
        for name in names(package.get("dependencies")) {
            needed.insert(&by, normalized(name));
        }
    }
    Asked::Needed(needed)
}

/// Categories of packages, each `name: {"version": "==1.0"}`, next to `_meta`.
fn pipfile(file: &ImageFile<'_>, listing: &mut Listing<'_>) -> Result<(), ReadError> {
    let lock = Tree::json(file)?;
    if !lock.has("_meta") {
        return Err(ReadError::malformed("`_meta`", "none"));
    }
    for (_, packages) in lock.entries().iter().filter(|(category, _)| category != "_meta") {
        for (name, package) in packages.entries() {
            let version = package.get("version");
            let pinned = version.text().and_then(|text| text.strip_prefix("=="));
            let is_elsewhere = ["git", "hg", "svn", "bzr", "path", "file"].iter().any(|key| package.has(key));
            match pinned {
                _ if is_elsewhere => listing.add(name, ""),
                Some(version) => listing.add(name, version.trim_start_matches('=').trim()),
                None => listing.no_version(name, version),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing::{check, check_each, check_real, wanted};
    use expect_test::expect;

    #[test]
    fn the_locks_of_one_project_are_read() {
        check_real(
            &PipfileLock,
            "Pipfile.lock",
            include_str!("../../testdata/lock/python/Pipfile.lock"),
            &expect![[r#"
                pypi idna 3.3
                pypi pysocks 1.7.1
                pypi urllib3 1.26.4
                pypi six 1.16.0
            "#]],
        );
        check_real(
            &UvLock,
            "uv.lock",
            include_str!("../../testdata/lock/python/uv.lock"),
            &expect![[r#"
                pypi idna 3.3 (direct)
                pypi pysocks 1.7.1 (transitive)
                pypi six 1.16.0 (direct)
                pypi urllib3 1.26.4 (direct)
            "#]],
        );
        check_real(
            &PyLock,
            "pylock.toml",
            include_str!("../../testdata/lock/python/pylock.toml"),
            &expect![[r#"
                pypi idna 3.3
                pypi pysocks 1.7.1
                pypi urllib3 1.26.4
            "#]],
        );
        check_real(
            &PoetryLock,
            "poetry.lock",
            include_str!("../../testdata/lock/python/poetry.lock"),
            &expect![[r#"
                pypi idna 3.3 (direct)
                pypi pysocks 1.7.1
                pypi urllib3 1.26.4 (direct)
            "#]],
        );
        check_real(
            &PdmLock,
            "pdm.lock",
            include_str!("../../testdata/lock/python/pdm.lock"),
            &expect![[r#"
                pypi idna 3.3 (direct)
                pypi six 1.16.0 (direct)
                pypi urllib3 1.26.4 (direct)
            "#]],
        );
    }

    #[test]
    fn what_is_from_elsewhere_has_no_version() {
        check(
            &PipfileLock,
            "Pipfile.lock",
            r#"{"_meta":{},"default":{"a":{"version":"==1.0"},"b":{"git":"u","ref":"0f"},"c":{"path":".","editable":true},
               "d":{"version":"*"},"e":{}},"docs":{"f":{"version":"===2.0"}}}"#,
            &expect![[r#"
                pypi a 1.0
                pypi b 
                pypi c 
                pypi f 2.0
                gap d: expected a version, found `*`
                gap e: expected a version, found none
            "#]],
        );
        check(
            &PoetryLock,
            "poetry.lock",
            "[[package]]\nname = 'a'\nversion = '1.0'\n[package.source]\ntype = 'legacy'\nurl = 'u'\n\
             [[package]]\nname = 'b'\nversion = '1.0'\n[package.source]\ntype = 'git'\n\
             [[package]]\nname = 'c'\n[[package]]\nversion = '1'\n",
            &expect![[r#"
                pypi a 1.0 (direct)
                pypi b  (direct)
                gap c: expected a version, found none
                gap package 4: expected a name, found none
            "#]],
        );
        check(
            &UvLock,
            "uv.lock",
            "version = 1\n[[package]]\nname = 'a'\nversion = '1.0'\nsource = { registry = 'u' }\n\
             [[package]]\nname = 'b'\nversion = '1.0'\nsource = { git = 'u' }\n\
             [[package]]\nname = 'c'\nsource = { editable = 'c' }\n\
             [[package]]\nname = 'd'\nversion = '1'\nsource = { directory = '../d' }\n",
            &expect![[r#"
                pypi a 1.0 (transitive)
                pypi b  (transitive)
                pypi d  (transitive)
            "#]],
        );
        check(
            &PdmLock,
            "pdm.lock",
            "[[package]]\nname = 'a'\nversion = '1.0'\n[[package]]\nname = 'a'\nversion = '1.0'\nextras = ['x']\n\
             [[package]]\nname = 'b'\nversion = '1.0'\ngit = 'u'\n",
            &expect![[r#"
                pypi a 1.0 (direct)
                pypi b  (direct)
            "#]],
        );
        check(
            &PyLock,
            "pylock.dev.toml",
            "lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1.0'\n\
             [[packages]]\nname = 'b'\nvcs = { type = 'git', url = 'u', commit-id = '0f' }\n",
            &expect![[r#"
                pypi a 1.0
                pypi b 
            "#]],
        );
    }

    #[test]
    fn what_is_no_lock_is_an_error() {
        check_each(
            &UvLock,
            "uv.lock",
            &["", "x", "[[package]]\nname = 'a", "package = 1 1"],
            &expect![[r#"
            -- 
            error: expected `[[package]]`, found an empty document
            -- x
            error: expected a TOML document, found TOML parse error at line 1, column 2: key with no value, expected `=`
            -- [[package]]\nname = \'a
            error: expected a TOML document, found TOML parse error at line 2, column 10: invalid literal string, expected `'`
            -- package = 1 1
            error: expected a TOML document, found TOML parse error at line 1, column 11: string values must be quoted, expected li…
        "#]],
        );
        check(
            &PipfileLock,
            "Pipfile.lock",
            "{}",
            &expect![[r#"
            error: expected `_meta`, found none
        "#]],
        );
        check(&PoetryLock, "poetry.lock", "package = []\n[metadata]\nlock-version = '2.1'\n", &expect![[""]]);
    }

    #[test]
    fn names_and_folders_decide() {
        let paths = [
            "pylock.toml",
            "a/pylock.dev.toml",
            "pylock.a.b.toml",
            "pylock.tom",
            "pylock..toml",
            "vendor/pylock.toml",
        ];
        assert_eq!(wanted(&PyLock, &paths), ["pylock.toml", "a/pylock.dev.toml"]);
        assert_eq!(
            wanted(&UvLock, &["uv.lock", "a/uv.lock", "auv.lock", "lib/site-packages/a/uv.lock"]).len(),
            2
        );
    }

    #[test]
    fn what_nothing_needs_is_direct_and_so_is_what_the_project_names() {
        check(
            &PoetryLock,
            "poetry.lock",
            "[[package]]\nname = 'flask'\nversion = '3.0'\n[package.dependencies]\nJinja2 = '>=3'\n\
             MarkupSafe = {version = '*', optional = true}\n\
             [[package]]\nname = 'jinja2'\nversion = '3.1'\n[[package]]\nname = 'markupsafe'\nversion = '2.1'\n",
            &expect![[r#"
                pypi flask 3.0 (direct)
                pypi jinja2 3.1
                pypi markupsafe 2.1
            "#]],
        );
        // A package with an extra stands there twice, and the one needs the other.
        check(
            &PdmLock,
            "pdm.lock",
            "[[package]]\nname = 'uvicorn'\nversion = '0.2'\ndependencies = ['click>=7.0', \"h11[x]; python_version < '4'\"]\n\
             [[package]]\nname = 'uvicorn'\nversion = '0.2'\nextras = ['standard']\ndependencies = ['uvicorn==0.2']\n\
             [[package]]\nname = 'click'\nversion = '8.0'\n[[package]]\nname = 'H11'\nversion = '1.0'\n",
            &expect![[r#"
                pypi uvicorn 0.2 (direct)
                pypi click 8.0
                pypi H11 1.0
            "#]],
        );
        check(
            &PyLock,
            "pylock.toml",
            "[[packages]]\nname = 'a'\nversion = '1.0'\ndependencies = [{name = 'b'}]\n\
             [[packages]]\nname = 'b'\nversion = '1.0'\n",
            &expect![[r#"
                pypi a 1.0 (direct)
                pypi b 1.0
            "#]],
        );
        let registry = "source = { registry = 'https://index.example/simple' }\n";
        let of = |name: &str, version: &str, rest: &str| {
            format!("[[package]]\nname = '{name}'\nversion = '{version}'\n{rest}")
        };
        let own = "source = { editable = '.' }\ndependencies = [{ name = 'n', version = '2.0' }]\n\
                   [package.optional-dependencies]\nx = [{ name = 'O_o' }]\n";
        let lock = of("app", "0.1.0", own)
            + &of("n", "1.0", registry)
            + &of("n", "2.0", registry)
            + &of("o-o", "1.0", registry);
        check(
            &UvLock,
            "uv.lock",
            &format!("version = 1\n{lock}"),
            &expect![[r#"
            pypi n 1.0 (transitive)
            pypi n 2.0 (direct)
            pypi o-o 1.0 (direct)
        "#]],
        );
    }
}
