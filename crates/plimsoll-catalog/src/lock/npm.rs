//! npm's `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
//!
//! Source: npm documentation, `package-lock.json`; npm 11.

use std::collections::{HashMap, HashSet};

use plimsoll_model::PackageKind;

use super::{Listing, MAX_LICENSES, Needed, at_last, is_own};
use crate::node::NAMED_IN;
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};
use crate::tree::Tree;

/// Reads all that is below a `node_modules`; the tree's own packages (workspaces, links) are left out.
pub(crate) struct NpmLock;

const NAME: &str = "npm-lock";

/// The folder that packages lie in, as it stands in keys.
const PACKAGE_FOLDER: &str = "node_modules/";

/// Folders above a workspace that are searched for its packages.
const MAX_FOLDERS_ABOVE: usize = 32;

impl Cataloger for NpmLock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        2
    }

    fn evidence(&self) -> Evidence {
        Evidence::Declared
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        is_own(entry, "package-lock.json") || is_own(entry, "npm-shrinkwrap.json")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let lock = Tree::json(file)?;
        let mut listing = Listing::new(PackageKind::Npm, NAME, out);
        // Version 2 has both, for older readers; the first says more.
        if let Tree::Table(packages) = lock.get("packages") {
            let named = named_by_own(packages);
            for (key, package) in packages {
                listing.direct = named.as_ref().map(|keys| keys.contains(key.as_str()));
                placed(key, package, &mut listing);
            }
        } else if lock.has("dependencies") || lock.has("lockfileVersion") {
            nested(lock.get("dependencies"), &mut listing);
        } else {
            return Err(ReadError::malformed("`packages` or `dependencies`", "neither"));
        }
        Ok(())
    }
}

/// The keys of the packages that the tree's own packages name: the root and its workspaces. `None` where the file has
/// none of these.
///
/// A name is looked for as Node does it: below the folder of the one who names it, then below each folder above.
fn named_by_own(packages: &[(String, Tree)]) -> Option<HashSet<&str>> {
    let mut by_folder: HashMap<&str, HashMap<&str, &str>> = HashMap::new();
    let mut own: Vec<(&str, &Tree)> = Vec::new();
    for (key, package) in packages {
        match key.rsplit_once(PACKAGE_FOLDER) {
            Some((folder, name)) => {
                by_folder.entry(folder.trim_end_matches('/')).or_default().insert(name, key);
            }
            None => own.push((key, package)),
        }
    }
    if own.is_empty() {
        return None;
    }
    let mut named = HashSet::new();
    for (folder, package) in own {
        let above = std::iter::successors(Some(folder), |folder| match folder.rfind('/') {
            Some(end) => Some(&folder[..end]),
            None => (!folder.is_empty()).then_some(""),
        });
        let searched: Vec<_> =
            above.take(MAX_FOLDERS_ABOVE).filter_map(|folder| by_folder.get(folder)).collect();
        for (name, _) in NAMED_IN.iter().flat_map(|key| package.get(key).entries()) {
            named.extend(searched.iter().find_map(|folder| folder.get(name.as_str())));
        }
    }
    Some(named)
}

/// An entry of `packages`: its key is the folder, `node_modules/a/node_modules/@scope/b`.
fn placed(key: &str, package: &Tree, listing: &mut Listing<'_>) {
    let below = key.rsplit_once(PACKAGE_FOLDER).map(|(_, name)| name);
    let Some(folder_name) = below.filter(|_| !package.get("link").is_true()) else { return };
    // An alias has the name that it stands for.
    let name = package.get("name").text().unwrap_or(folder_name);
    let version = package.get("version");
    if package.get("resolved").text().is_some_and(|address| !is_registry(address)) {
        return listing.add(name, "");
    }
    match version.text() {
        Some(version) => listing.add_with(name, version, package.get("license").texts(MAX_LICENSES)),
        None => listing.gap(
            excerpt(key.as_bytes()),
            format!("expected a version of `{}`, found {}", excerpt(name.as_bytes()), version.describe()),
        ),
    }
}

/// The `dependencies` of version 1, and those inside them. What is inside is there for the package around it alone.
fn nested(dependencies: &Tree, listing: &mut Listing<'_>) {
    let mut levels = vec![(dependencies, true)];
    let mut next = 0;
    let mut needed = Needed::default();
    let mut named = HashSet::new();
    while let Some(&(dependencies, _)) = levels.get(next) {
        next += 1;
        for (name, dependency) in dependencies.entries() {
            let inner = dependency.get("dependencies");
            if !inner.is_null() {
                levels.push((inner, false));
            }
            let is_own = dependency.get("version").text().is_some_and(is_folder);
            for (other, _) in dependency.get("requires").entries() {
                if is_own {
                    named.insert(other);
                } else {
                    needed.insert(name, other);
                }
            }
        }
    }
    for (dependencies, is_outermost) in levels {
        for (name, dependency) in dependencies.entries() {
            listing.direct = match is_outermost {
                true if named.contains(name) => Some(true),
                true => needed.direct(name),
                false => Some(false),
            };
            match dependency.get("version").text() {
                Some(version) if is_folder(version) => {}
                Some(version) if version.starts_with("file:") => listing.add(name, ""),
                Some(version) => match version.strip_prefix("npm:").and_then(at_last) {
                    Some((name, version)) => listing.add(name, version),
                    None if version.contains([':', '/']) => listing.add(name, ""),
                    None => listing.add(name, version),
                },
                None => listing.no_version(name, dependency.get("version")),
            }
        }
    }
}

/// Whether `resolved` is an archive that a registry may serve: archives at other addresses look the same.
fn is_registry(address: &str) -> bool {
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    is_web && !address.contains("://codeload.github.com/")
}

/// Whether a version is a folder of this tree, `file:packages/a`, and no archive.
fn is_folder(version: &str) -> bool {
    version.starts_with("file:")
        && ![".tgz", ".tar.gz", ".tar"].iter().any(|ending| version.ends_with(ending))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing;
    use expect_test::{Expect, expect};

    fn check(text: &str, expect: &Expect) {
        testing::check(&NpmLock, "web/package-lock.json", text, expect);
    }

    #[test]
    fn three_versions_of_one_lock_give_the_same_packages() {
        let expected = expect![[r#"
            npm @sindresorhus/is 4.0.0 (direct)
            npm debug 4.3.1 (direct)
            npm lodash 4.17.20 (direct)
            npm minimist 1.2.5 (direct)
            npm ms 2.1.2
            npm ms 2.0.0 (direct)
        "#]];
        let first = testing::read(
            &NpmLock,
            "package-lock.json",
            include_str!("../../testdata/lock/npm/v1/package-lock.json"),
        );
        expected.assert_eq(&first);
        for text in [
            include_str!("../../testdata/lock/npm/v2/package-lock.json"),
            include_str!("../../testdata/lock/npm/v3/package-lock.json"),
        ] {
            let mut names = testing::read(&NpmLock, "npm-shrinkwrap.json", text);
            // The first version does not say who names what is needed.
            names = names.replace(" [MIT]", "").replace("ms 2.1.2 (transitive)", "ms 2.1.2");
            assert_eq!(names, first);
        }
    }

    #[test]
    fn what_is_from_elsewhere_has_no_version() {
        check(
            r#"{"lockfileVersion":3,"packages":{"":{"name":"app","version":"1.0.0"},
            "node_modules/a":{"version":"1.0.0","resolved":"https://registry.example/a/-/a-1.0.0.tgz"},
            "node_modules/b":{"version":"1.0.0","resolved":"git+ssh://git@host.example/b.git#0f"},
            "node_modules/c":{"version":"1.0.0","resolved":"file:c-1.0.0.tgz"},
            "node_modules/@s/d/node_modules/e":{"version":"2.0.0","license":"MIT","inBundle":true},
            "node_modules/f":{"resolved":"packages/f","link":true},
            "node_modules/g":{"version":7},
            "packages/f":{"version":"1.0.0"}}}"#,
            &expect![[r#"
                npm a 1.0.0 (transitive)
                npm b  (transitive)
                npm c  (transitive)
                npm e 2.0.0 (transitive) [MIT]
                gap node_modules/g: expected a version of `g`, found `7`
            "#]],
        );
        check(
            r#"{"lockfileVersion":1,"dependencies":{
            "a":{"version":"1.0.0","dependencies":{"b":{"version":"2.0.0","dependencies":{"c":{"version":"3.0.0"}}}}},
            "d":{"version":"git+https://host.example/d.git#0f"}, "e":{"version":"github:x/e#0f"},
            "f":{"version":"https://host.example/f-1.tgz"}, "g":{"version":"file:../g"}, "h":{"version":"file:h.tgz"},
            "i":{"version":"npm:@s/i@1.2.3"}, "j":{}}}"#,
            &expect![[r#"
                npm a 1.0.0 (direct)
                npm d  (direct)
                npm e  (direct)
                npm f  (direct)
                npm h  (direct)
                npm @s/i 1.2.3 (direct)
                npm b 2.0.0 (transitive)
                npm c 3.0.0 (transitive)
                gap j: expected a version, found none
            "#]],
        );
    }

    #[test]
    fn what_is_no_lock_is_an_error() {
        check(
            "",
            &expect![[r#"
            error: expected a JSON document, found EOF while parsing a value at line 1 column 0
        "#]],
        );
        check(
            "{}",
            &expect![[r#"
            error: expected `packages` or `dependencies`, found neither
        "#]],
        );
        check(
            "[]",
            &expect![[r#"
            error: expected `packages` or `dependencies`, found neither
        "#]],
        );
        check(
            r#"{"packages":{"node_modules/a":{"version":"1.0"#,
            &expect![[r#"
            error: expected a JSON document, found EOF while parsing a string at line 1 column 45
        "#]],
        );
        check(r#"{"lockfileVersion":1}"#, &expect![[""]]);
        check(
            r#"{"packages":{"node_modules/":{"version":"1"},"node_modules/a":3}}"#,
            &expect![[r#"
            gap : expected a name of 1 to 1000 and a version of up to 500 bytes, found `1` in ``
            gap node_modules/a: expected a version of `a`, found none
        "#]],
        );
    }

    #[test]
    fn a_workspace_names_the_package_that_node_would_load() {
        check(
            r#"{"lockfileVersion":3,"packages":{"":{"workspaces":["packages/*"],"devDependencies":{"a":"1"}},
            "packages/w":{"dependencies":{"b":"2","c":"1"},"optionalDependencies":{"gone":"1"}},
            "packages/x/node_modules/w":{"version":"9.0.0"},
            "node_modules/w":{"resolved":"packages/w","link":true},
            "node_modules/a":{"version":"1.0.0","dependencies":{"b":"1","d":"1"}},
            "node_modules/a/node_modules/c":{"version":"2.0.0"},
            "node_modules/b":{"version":"1.0.0"},
            "packages/w/node_modules/b":{"version":"2.0.0"},
            "packages/node_modules/c":{"version":"1.0.0"},
            "node_modules/d":{"version":"1.0.0"}}}"#,
            &expect![[r#"
                npm w 9.0.0 (transitive)
                npm a 1.0.0 (direct)
                npm c 2.0.0 (transitive)
                npm b 1.0.0 (transitive)
                npm b 2.0.0 (direct)
                npm c 1.0.0 (direct)
                npm d 1.0.0 (transitive)
            "#]],
        );
        check(
            r#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0"}}}"#,
            &expect![[r#"
                npm a 1.0.0
            "#]],
        );
    }

    #[test]
    fn folders_without_end_are_searched_for_a_while() {
        let folder = "a/".repeat(100_000);
        let text = format!(
            r#"{{"lockfileVersion":3,"packages":{{"{folder}b":{{"dependencies":{{"c":"1"}}}},"node_modules/c":{{"version":"1"}},
            "{folder}node_modules/c":{{"version":"2"}},"///":{{"dependencies":{{"c":"1"}}}}}}}}"#
        );
        check(
            &text,
            &expect![[r#"
            npm c 1 (direct)
            npm c 2 (direct)
        "#]],
        );
    }

    #[test]
    fn a_package_twice_is_named_if_it_is_named_once() {
        check(
            r#"{"lockfileVersion":1,"dependencies":{"a":{"version":"1.0.0","requires":{"b":"1"},
            "dependencies":{"c":{"version":"1.0.0"}}},"b":{"version":"1.0.0"},"c":{"version":"1.0.0"}}}"#,
            &expect![[r#"
                npm a 1.0.0 (direct)
                npm b 1.0.0
                npm c 1.0.0 (direct)
            "#]],
        );
    }
}
