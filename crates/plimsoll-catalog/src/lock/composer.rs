//! PHP's `composer.lock`.
//!
//! Source: Composer 2.5, `Package/Locker.php`.

use plimsoll_model::PackageKind;

use super::{Listing, MAX_LICENSES, Needed, is_own};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError};
use crate::tree::Tree;

/// Reads `packages` and `packages-dev`. Names bear their vendor, so a fork keeps name and version.
pub(crate) struct ComposerLock;

const NAME: &str = "composer-lock";

impl Cataloger for ComposerLock {
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
        is_own(entry, "composer.lock")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let lock = Tree::json(file)?;
        if !matches!(lock.get("packages"), Tree::List(_)) {
            return Err(ReadError::malformed("a list `packages`", lock.get("packages").describe()));
        }
        let lists = ["packages", "packages-dev"];
        let needed = needed_in_composer(lists.iter().flat_map(|key| lock.get(key).items()));
        let mut listing = Listing::new(PackageKind::Composer, NAME, out);
        for key in lists {
            for (index, package) in lock.get(key).items().iter().enumerate() {
                let (name, version) = (package.get("name"), package.get("version"));
                match (name.text(), version.text()) {
                    (Some(name), Some(version)) => {
                        listing.direct = needed.direct(&name.to_ascii_lowercase());
                        listing.add_with(name, version, package.get("license").texts(MAX_LICENSES));
                    }
                    (Some(name), None) => listing.no_version(name, version),
                    (None, _) => {
                        let found = name.describe();
                        listing
                            .gap(format!("{key} {}", index + 1), format!("expected a name, found {found}"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// What packages require of each other, in lower case. What they provide or replace is never brought for that alone: the
/// provider is required by its own name somewhere.
pub(crate) fn needed_in_composer<'a>(packages: impl Iterator<Item = &'a Tree>) -> Needed {
    let mut needed = Needed::default();
    for package in packages {
        let by = package.get("name").text().unwrap_or("").to_ascii_lowercase();
        for (name, _) in package.get("require").entries() {
            needed.insert(&by, name.to_ascii_lowercase());
        }
    }
    needed
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing::{check, check_each, check_real};
    use expect_test::expect;

    #[test]
    fn a_projects_lock_is_read() {
        check_real(
            &ComposerLock,
            "app/composer.lock",
            include_str!("../../testdata/lock/php/composer.lock"),
            &expect![[r#"
                composer plimsoll/log 1.1.4 (direct) [MIT]
                composer plimsoll/kit v2.0.1 (direct) [MIT, GPL-2.0-or-later]
            "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check_each(
            &ComposerLock,
            "composer.lock",
            &["", "{}", "[]", r#"{"packages":{"a/b":1}}"#],
            &expect![[r#"
                -- 
                error: expected a JSON document, found EOF while parsing a value at line 1 column 0
                -- {}
                error: expected a list `packages`, found none
                -- []
                error: expected a list `packages`, found none
                -- {\"packages\":{\"a/b\":1}}
                error: expected a list `packages`, found a table
            "#]],
        );
        check(
            &ComposerLock,
            "composer.lock",
            r#"{"packages":[{"name":"a/b"},{"version":"1"},3,{"name":"a/c","version":"dev-main"}]}"#,
            &expect![[r#"
                composer a/c dev-main (direct)
                gap a/b: expected a version, found none
                gap packages 2: expected a name, found none
                gap packages 3: expected a name, found none
            "#]],
        );
    }

    #[test]
    fn what_no_package_requires_is_direct() {
        check(
            &ComposerLock,
            "composer.lock",
            r#"{"packages":[{"name":"a/kit","version":"1.0","require":{"php":">=8","A/Log":"^1"}},
            {"name":"a/log","version":"1.1","require":{"a/log":"*"}}],
            "packages-dev":[{"name":"a/test","version":"2.0","require":{"a/kit":"*"}}]}"#,
            &expect![[r#"
                composer a/kit 1.0
                composer a/log 1.1
                composer a/test 2.0 (direct)
            "#]],
        );
    }
}
