//! npm's `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
//!
//! Source: npm documentation, `package-lock.json`; npm 11.

use plimsoll_model::PackageKind;

use super::{Listing, MAX_LICENSES, at_last, is_own};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};
use crate::tree::Tree;

/// Reads all that is below a `node_modules`; the tree's own packages (workspaces, links) are left out.
pub(crate) struct NpmLock;

const NAME: &str = "npm-lock";

impl Cataloger for NpmLock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        1
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
            for (key, package) in packages {
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

/// An entry of `packages`: its key is the folder, `node_modules/a/node_modules/@scope/b`.
fn placed(key: &str, package: &Tree, listing: &mut Listing<'_>) {
    let below = key.rsplit_once("node_modules/").map(|(_, name)| name);
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

/// The `dependencies` of version 1, and those inside them.
fn nested(dependencies: &Tree, listing: &mut Listing<'_>) {
    let mut open = vec![dependencies];
    while let Some(dependencies) = open.pop() {
        for (name, dependency) in dependencies.entries() {
            let inner = dependency.get("dependencies");
            if !inner.is_null() {
                open.push(inner);
            }
            match dependency.get("version").text() {
                Some(version) if version.starts_with("file:") => {
                    if is_archive(version) {
                        listing.add(name, "");
                    }
                }
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

/// Whether a `file:` is an archive, and not a folder of this tree.
fn is_archive(address: &str) -> bool {
    [".tgz", ".tar.gz", ".tar"].iter().any(|ending| address.ends_with(ending))
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
            npm @sindresorhus/is 4.0.0
            npm debug 4.3.1
            npm lodash 4.17.20
            npm minimist 1.2.5
            npm ms 2.1.2
            npm ms 2.0.0
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
            names = names.replace(" [MIT]", "");
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
                npm a 1.0.0
                npm b 
                npm c 
                npm e 2.0.0 [MIT]
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
                npm a 1.0.0
                npm d 
                npm e 
                npm f 
                npm h 
                npm @s/i 1.2.3
                npm b 2.0.0
                npm c 3.0.0
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
}
