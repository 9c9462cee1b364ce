//! `pnpm-lock.yaml`, versions 5, 6 and 9.
//!
//! Source: pnpm, "lockfile" specifications 5.x, 6.0 and 9.0; pnpm 7, 8 and 9.

use std::borrow::Cow;
use std::collections::HashSet;

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
        2
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
            let named = named_by_own(&lock, major);
            for (key, package) in lock.get("packages").entries() {
                listing.direct = named.as_ref().map(|keys| keys.contains(without_peers(key, major)));
                list(key, package, major, &mut listing);
            }
        }
        Ok(())
    }
}

/// The keys in `packages`, without their peers, of what the tree's own packages name: all of `importers`, or the file
/// itself, which has that part of the only one. `None` where neither stands there.
fn named_by_own(lock: &Tree, major: u32) -> Option<HashSet<Cow<'_, str>>> {
    let importers = lock.get("importers").entries().iter().map(|(_, importer)| importer);
    let tables: Vec<&Tree> = importers
        .chain([lock])
        // For development, optional, of the configuration, of pnpm itself.
        .flat_map(|part| part.entries().iter().filter(|(key, _)| key.ends_with("ependencies")))
        .map(|(_, named)| named)
        .collect();
    if tables.is_empty() {
        return None;
    }
    let mut keys = HashSet::new();
    for (name, named) in tables.iter().flat_map(|table| table.entries()) {
        let Some(reference) = named.text().or_else(|| named.get("version").text()) else { continue };
        let key = if major < 6 { format!("/{name}/{reference}") } else { format!("{name}@{reference}") };
        keys.insert(Cow::Owned(without_peers(&key, major).to_owned()));
        // An alias or an address is the key itself.
        keys.insert(Cow::Borrowed(without_peers(reference, major)));
    }
    Some(keys)
}

/// A key as far as it names the package: without the peers that it was built with. Before version 9, `/` stood before all.
fn without_peers(key: &str, major: u32) -> &str {
    if major < 6 {
        let version = key.rfind('/').map_or(0, |slash| slash + 1);
        return key[version..].find('_').map_or(key, |end| &key[..version + end]);
    }
    let key = key.strip_prefix('/').unwrap_or(key);
    key.split('(').next().unwrap_or(key)
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
                npm @sindresorhus/is 4.0.0 (direct)
                npm debug 4.3.1 (direct)
                npm lodash 4.17.20 (direct)
                npm minimist 1.2.5 (direct)
                npm ms 2.0.0 (direct)
                npm ms 2.1.2 (transitive)
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

    #[test]
    fn what_importers_name_is_direct() {
        check(
            "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a:\n        specifier: ^1\n        \
             version: 1.0.0(b@2.0.0)\n      w:\n        specifier: 'workspace:*'\n        version: link:packages/w\n      \
             e:\n        specifier: https://host.example/e.tgz\n        version: https://host.example/e.tgz\n    \
             dependenciesMeta:\n      c:\n        injected: true\n\
             packages:\n  a@1.0.0:\n    resolution: {integrity: sha512-00}\n  b@2.0.0:\n    resolution: {integrity: sha512-00}\n  \
             c@1.0.0:\n    resolution: {integrity: sha512-00}\n  \
             e@https://host.example/e.tgz:\n    resolution: {tarball: https://host.example/e.tgz}\n    version: 1.0.0\n",
            &expect![[r#"
                npm a 1.0.0 (direct)
                npm b 2.0.0 (transitive)
                npm c 1.0.0 (transitive)
                npm e  (direct)
            "#]],
        );
        // Before there were importers in every file.
        check(
            "lockfileVersion: 5.3\nspecifiers:\n  a: ^1\ndependencies:\n  a: 1.0.0_@s+b@2.0.0\ndevDependencies:\n  \
             c: link:../c\npackages:\n  /a/1.0.0_@s+b@2.0.0:\n    resolution: {integrity: sha512-00}\n  \
             /@s/b/2.0.0:\n    resolution: {integrity: sha512-00}\n",
            &expect![[r#"
                npm a 1.0.0 (direct)
                npm @s/b 2.0.0 (transitive)
            "#]],
        );
        check(
            "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: sha512-00}\n",
            &expect![[r#"
                npm a 1.0.0
            "#]],
        );
    }
}
