//! PHP packages that Composer installed: `vendor/composer/installed.json`.
//!
//! Source: Composer 1.10 and 2.5, `Repository/FilesystemRepository.php`.

use plimsoll_model::{Package, PackageKind};

use crate::lock::needed_in_composer;
use crate::seam::{Catalog, Cataloger, Entry, ImageFile, ReadError, excerpt};
use crate::tree::Tree;

/// Reads the list of Composer 1, and the object of Composer 2.
pub(crate) struct ComposerInstalled;

const NAME: &str = "composer-installed";

/// Licences kept of one package.
const MAX_LICENSES: usize = 20;

impl Cataloger for ComposerInstalled {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        2
    }

    /// The folder `vendor` may have another name.
    fn wants(&self, entry: &Entry<'_>) -> bool {
        entry.ends_with("composer/installed.json")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let installed = Tree::json(file)?;
        let packages = if installed.has("packages") { installed.get("packages") } else { &installed };
        if !matches!(packages, Tree::List(_)) {
            return Err(ReadError::malformed("a list of packages", packages.describe()));
        }
        let needed = needed_in_composer(packages.items().iter());
        for (index, package) in packages.items().iter().enumerate() {
            let (name, version) = (package.get("name"), package.get("version"));
            match (name.text(), version.text()) {
                (Some(name), Some(version)) => {
                    let mut found = Package::new(PackageKind::Composer, name, version, NAME);
                    found.direct = needed.direct(&name.to_ascii_lowercase());
                    found.licenses = package.get("license").texts(MAX_LICENSES);
                    out.package(found);
                }
                (Some(name), None) => {
                    let reason = format!("expected a version, found {}", version.describe());
                    out.gap(excerpt(name.as_bytes()), reason);
                }
                (None, _) => {
                    let reason = format!("expected a name, found {}", name.describe());
                    out.gap(format!("package {}", index + 1), reason);
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

    const PATH: &str = "app/vendor/composer/installed.json";

    #[test]
    fn both_forms_are_read() {
        let second = include_str!("../testdata/php/installed.json");
        check_real(
            &ComposerInstalled,
            PATH,
            second,
            &expect![[r#"
                composer plimsoll/kit v2.0.1 (direct) [MIT, GPL-2.0-or-later]
                composer plimsoll/log 1.1.4 (direct) [MIT]
            "#]],
        );
        // The first form is the list alone.
        let list = &second[second.find('[').unwrap()..=second.find("],\n    \"dev\"").unwrap()];
        assert_eq!(
            crate::lock::testing::read(&ComposerInstalled, PATH, list),
            crate::lock::testing::read(&ComposerInstalled, PATH, second)
        );
    }

    #[test]
    fn damage_is_said() {
        check_each(
            &ComposerInstalled,
            PATH,
            &["", "{}", r#"{"packages":3}"#, "[{\"name\":\"a/b\"", "[]"],
            &expect![[r#"
                -- 
                error: expected a JSON document, found EOF while parsing a value at line 1 column 0
                -- {}
                error: expected a list of packages, found a table
                -- {\"packages\":3}
                error: expected a list of packages, found `3`
                -- [{\"name\":\"a/b\"
                error: expected a JSON document, found EOF while parsing an object at line 1 column 14
                -- []
            "#]],
        );
        check(
            &ComposerInstalled,
            PATH,
            r#"[{"name":"a/b"},{"version":"1"},3,{"name":"a/c","version":"dev-main","license":"MIT"}]"#,
            &expect![[r#"
                composer a/c dev-main (direct) [MIT]
                gap a/b: expected a version, found none
                gap package 2: expected a name, found none
                gap package 3: expected a name, found none
            "#]],
        );
    }

    #[test]
    fn only_composers_own_record_is_wanted() {
        let wants = |path| ComposerInstalled.wants(&Entry { path, size: None, executable: None });
        assert!(wants("composer/installed.json") && wants("usr/share/app/lib/composer/installed.json"));
        assert!(!wants("installed.json") && !wants("mycomposer/installed.json"));
    }
}
