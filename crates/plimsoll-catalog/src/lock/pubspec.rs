//! Dart's `pubspec.lock`.
//!
//! Source: Dart documentation, "The pubspec file" and "Package dependencies"; pub 3, `lock_file.dart`.

use plimsoll_model::PackageKind;

use super::{Listing, is_own};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError};
use crate::tree::Tree;

/// Reads hosted packages with their versions, those of Git and of folders without; parts of the SDK are left out.
pub(crate) struct PubspecLock;

const NAME: &str = "pubspec-lock";

impl Cataloger for PubspecLock {
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
        is_own(entry, "pubspec.lock")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let lock = Tree::yaml(file)?;
        if !lock.has("packages") {
            return Err(ReadError::malformed("`packages`", "none"));
        }
        let mut listing = Listing::new(PackageKind::Pub, NAME, out);
        for (key, package) in lock.get("packages").entries() {
            // `direct main`, `direct dev`, `direct overridden`.
            listing.direct = package.get("dependency").text().and_then(|word| match word {
                "transitive" => Some(false),
                _ => word.starts_with("direct").then_some(true),
            });
            match package.get("source").text() {
                Some("sdk") => {}
                Some("hosted") => {
                    let name = package.get("description").get("name").text().unwrap_or(key);
                    listing.add_at(name, package.get("version"));
                }
                _ => listing.add(key, ""),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing::{check, check_real};
    use expect_test::expect;

    #[test]
    fn hosted_packages_have_a_version() {
        check_real(
            &PubspecLock,
            "pubspec.lock",
            include_str!("../../testdata/lock/dart/pubspec.lock"),
            &expect![[r#"
                pub http 0.13.3 (direct)
                pub meta 1.7.0 (transitive)
                pub quay  (direct)
                pub test 1.24.0+1 (direct)
            "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check(
            &PubspecLock,
            "pubspec.lock",
            "",
            &expect![[r#"
                error: expected a YAML document, found none
            "#]],
        );
        check(
            &PubspecLock,
            "pubspec.lock",
            "sdks: {}",
            &expect![[r#"
            error: expected `packages`, found none
        "#]],
        );
        check(
            &PubspecLock,
            "pubspec.lock",
            "packages:\n  a:\n  b: {source: hosted}\n  c: {source: hosted, version: 1.0}\n",
            &expect![[r#"
                pub a 
                pub c 1.0
                gap b: expected a version, found none
            "#]],
        );
    }
}
