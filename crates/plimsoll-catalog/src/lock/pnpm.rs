//! `pnpm-lock.yaml`, versions 5, 6 and 9.
//!
//! Source: pnpm, "lockfile" specifications 5.x, 6.0 and 9.0; pnpm 7, 8 and 9.

use plimsoll_model::PackageKind;

use super::{Listing, at_last, is_own};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};
use crate::tree::Tree;

/// Reads `packages`, which has everything but the tree's own.
pub(crate) struct PnpmLock;

const NAME: &str = "pnpm-lock";

impl Cataloger for PnpmLock {
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
        is_own(entry, "pnpm-lock.yaml")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let mut listing = Listing::new(PackageKind::Npm, NAME, out);
        let documents = Tree::yaml_documents(file)?;
        if documents.is_empty() {
            return Err(ReadError::malformed("a YAML document", "none"));
        }
        // pnpm 11 and later put what they need themselves into a document of its own.
        for lock in documents {
            let version = lock.get("lockfileVersion");
            let major = version.text().and_then(|text| text.split('.').next()?.parse::<u32>().ok());
            let Some(major) = major.filter(|major| (5..=9).contains(major)) else {
                return Err(ReadError::malformed("`lockfileVersion` 5 to 9", version.describe()));
            };
            for (key, package) in lock.get("packages").entries() {
                list(key, package, major, &mut listing);
            }
        }
        Ok(())
    }
}

fn list(key: &str, package: &Tree, major: u32, listing: &mut Listing<'_>) {
    let resolution = package.get("resolution");
    if resolution.get("type").text() == Some("directory") {
        return;
    }
    // Only what is not from the default registry says its name.
    let explicit = package.get("name").text().map(|name| (name, package.get("version").text().unwrap_or("")));
    let Some((name, version)) = explicit.or_else(|| if major < 6 { by_slashes(key) } else { by_at(key) })
    else {
        let expected = if major < 6 { "`/name/version`" } else { "`name@version`" };
        return listing.gap("", format!("expected {expected}, found `{}`", excerpt(key.as_bytes())));
    };
    let is_released = version.starts_with(|c: char| c.is_ascii_digit())
        && resolution.has("integrity")
        && !resolution.get("gitHosted").is_true();
    listing.add(name, if is_released { version } else { "" });
}

/// `/name/1.0.0_peer@2.0.0`, `/@scope/name/1.0.0`.
fn by_slashes(key: &str) -> Option<(&str, &str)> {
    let (name, version) = key.strip_prefix('/')?.rsplit_once('/')?;
    // A peer with a scope has its `/` as `+`, so the last one is before the version.
    Some((name, version.split('_').next().unwrap_or(version)))
}

/// `name@1.0.0(peer@2.0.0)`, before version 9 with a `/` at the start; behind the `@` may be an address.
fn by_at(key: &str) -> Option<(&str, &str)> {
    let key = key.strip_prefix('/').unwrap_or(key);
    let key = key.split('(').next().unwrap_or(key);
    match super::at_first(key)? {
        (name, version) if !version.contains('@') => Some((name, version)),
        (name, address) if address.contains(':') => Some((name, address)),
        _ => at_last(key),
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing;
    use expect_test::{Expect, expect};

    fn check(text: &str, expect: &Expect) {
        testing::check(&PnpmLock, "pnpm-lock.yaml", text, expect);
    }

    #[test]
    fn three_versions_of_one_lock_give_the_same_packages() {
        let first = include_str!("../../testdata/lock/pnpm/v5/pnpm-lock.yaml");
        testing::check_real(
            &PnpmLock,
            "web/pnpm-lock.yaml",
            first,
            &expect![[r#"
            npm @sindresorhus/is 4.0.0
            npm debug 4.3.1
            npm lodash 4.17.20
            npm minimist 1.2.5
            npm ms 2.0.0
            npm ms 2.1.2
        "#]],
        );
        for text in [
            include_str!("../../testdata/lock/pnpm/v6/pnpm-lock.yaml"),
            include_str!("../../testdata/lock/pnpm/v9/pnpm-lock.yaml"),
        ] {
            assert_eq!(
                testing::read(&PnpmLock, "pnpm-lock.yaml", text),
                testing::read(&PnpmLock, "pnpm-lock.yaml", first)
            );
        }
    }

    #[test]
    fn keys_have_peers_and_addresses() {
        check(
            "lockfileVersion: 5.3\npackages:\n  \
             /a/1.0.0_b@2.0.0+c@3.0.0:\n    resolution: {integrity: x}\n  \
             /@s/a/1.0.0_@s+b@2.0.0:\n    resolution: {integrity: x}\n  \
             registry.example/d/1.0.0:\n    resolution: {integrity: x, registry: u}\n    name: d\n    version: 1.0.0\n  \
             github.com/x/e/0f:\n    resolution: {tarball: u}\n    name: e\n    version: 1.0.0\n  \
             file:f:\n    resolution: {directory: f, type: directory}\n    name: f\n  \
             hello:\n    resolution: {integrity: x}\n",
            &expect![[r#"
                npm a 1.0.0
                npm @s/a 1.0.0
                npm d 1.0.0
                npm e 
                gap : expected `/name/version`, found `hello`
            "#]],
        );
        check(
            "lockfileVersion: '9.0'\npackages:\n  \
             a@1.0.0(b@2.0.0)(@s/c@3.0.0):\n    resolution: {integrity: x}\n  \
             '@s/a@1.0.0':\n    resolution: {integrity: x}\n  \
             e@https://codeload.github.com/x/e/tar.gz/0f:\n    resolution: {tarball: u}\n    version: 1.0.0\n  \
             f@file:f:\n    resolution: {directory: f, type: directory}\n  \
             g@git+ssh://git@host.example/g.git#0f:\n    resolution: {type: git}\n  \
             '@s/h@git+ssh://git@host.example/g.git#0f':\n    resolution: {type: git}\n  \
             hello: {}\n",
            &expect![[r#"
                npm a 1.0.0
                npm @s/a 1.0.0
                npm e 
                npm g 
                npm @s/h 
                gap : expected `name@version`, found `hello`
            "#]],
        );
    }

    #[test]
    fn every_document_is_read() {
        check(
            "---\nlockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: x}\n\
             ---\nlockfileVersion: '9.0'\npackages:\n  b@1.0.0:\n    resolution: {integrity: x}\n",
            &expect![[r#"
                npm a 1.0.0
                npm b 1.0.0
            "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check(
            "",
            &expect![[r#"
                error: expected a YAML document, found none
            "#]],
        );
        check(
            "lockfileVersion: 3\n",
            &expect![[r#"
            error: expected `lockfileVersion` 5 to 9, found `3`
        "#]],
        );
        check(
            "lockfileVersion: '9.0'\npackages:\n  a@1.0.0: [",
            &expect![[r#"
            error: expected a YAML document, found while parsing a node, did not find expected node content at line 4
        "#]],
        );
        check("lockfileVersion: '9.0'\n", &expect![[""]]);
    }
}
