//! PHP's `composer.lock`.
//!
//! Source: Composer 2.5, `Package/Locker.php`.

use plimsoll_model::PackageKind;

use super::{Listing, MAX_LICENSES, is_own};
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
        1
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
        let mut listing = Listing::new(PackageKind::Composer, NAME, out);
        for key in ["packages", "packages-dev"] {
            for (index, package) in lock.get(key).items().iter().enumerate() {
                let (name, version) = (package.get("name"), package.get("version"));
                match (name.text(), version.text()) {
                    (Some(name), Some(version)) => {
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
                composer plimsoll/log 1.1.4 [MIT]
                composer plimsoll/kit v2.0.1 [MIT, GPL-2.0-or-later]
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
                composer a/c dev-main
                gap a/b: expected a version, found none
                gap packages 2: expected a name, found none
                gap packages 3: expected a name, found none
            "#]],
        );
    }
}
