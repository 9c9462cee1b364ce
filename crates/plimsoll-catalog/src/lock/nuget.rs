//! NuGet's `packages.lock.json`.
//!
//! Source: NuGet documentation, "`PackageReference` in project files", "Locking dependencies"; NuGet.Client,
//! `PackagesLockFileFormat.cs`.

use plimsoll_model::PackageKind;

use super::{Listing, is_foreign};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError};
use crate::tree::Tree;

/// Reads the packages of every target framework; projects of the solution are left out.
pub(crate) struct NuGetLock;

const NAME: &str = "nuget-lock";

impl Cataloger for NuGetLock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        2
    }

    fn evidence(&self) -> Evidence {
        Evidence::Declared
    }

    /// A project may have its own: `packages.PROJECT.lock.json`.
    fn wants(&self, entry: &Entry<'_>) -> bool {
        let middle =
            entry.file_name().strip_prefix("packages.").and_then(|rest| rest.strip_suffix("lock.json"));
        middle.is_some_and(|middle| middle.is_empty() || middle.ends_with('.')) && !is_foreign(entry.path)
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let lock = Tree::json(file)?;
        let Tree::Table(frameworks) = lock.get("dependencies") else {
            let found = lock.get("dependencies").describe();
            return Err(ReadError::malformed("an object `dependencies`", found));
        };
        let mut listing = Listing::new(PackageKind::NuGet, NAME, out);
        for (_, packages) in frameworks {
            for (name, package) in packages.entries() {
                let kind = package.get("type").text().unwrap_or("").to_ascii_lowercase();
                listing.direct = match kind.as_str() {
                    "direct" => Some(true),
                    // The second has its version from a central list, and no project that names it.
                    "transitive" | "centraltransitive" => Some(false),
                    _ => None,
                };
                if kind != "project" {
                    listing.add_at(name, package.get("resolved"));
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
    use crate::lock::testing::{check, check_each, check_real, wanted};
    use expect_test::expect;

    #[test]
    fn every_framework_is_read_and_projects_are_not() {
        check_real(
            &NuGetLock,
            "src/packages.lock.json",
            include_str!("../../testdata/lock/dotnet/packages.lock.json"),
            &expect![[r#"
                nuget Newtonsoft.Json 12.0.1 (direct)
                nuget System.Text.Encodings.Web 4.5.0 (transitive)
                nuget System.Text.Json 8.0.4 (transitive)
            "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check_each(
            &NuGetLock,
            "packages.lock.json",
            &["", "{}", r#"{"version":1,"dependencies":[]}"#],
            &expect![[r#"
                -- 
                error: expected a JSON document, found EOF while parsing a value at line 1 column 0
                -- {}
                error: expected an object `dependencies`, found none
                -- {\"version\":1,\"dependencies\":[]}
                error: expected an object `dependencies`, found a list
            "#]],
        );
        check(
            &NuGetLock,
            "packages.lock.json",
            r#"{"dependencies":{"net8.0":{"A":{"type":"Direct"},"B":3,"C":{"resolved":"1.0.0"}},"x":1}}"#,
            &expect![[r#"
                nuget C 1.0.0
                gap A: expected a version, found none
                gap B: expected a version, found none
            "#]],
        );
    }

    #[test]
    fn names_decide() {
        let paths =
            ["packages.lock.json", "a/packages.App.lock.json", "packages.config", "packages.xlock.json"];
        assert_eq!(wanted(&NuGetLock, &paths), ["packages.lock.json", "a/packages.App.lock.json"]);
    }

    #[test]
    fn a_package_of_two_frameworks_is_named_if_one_names_it() {
        check(
            &NuGetLock,
            "packages.lock.json",
            r#"{"version":2,"dependencies":{"net6.0":{"A":{"type":"Transitive","resolved":"1.0.0"},
            "B":{"type":"CentralTransitive","resolved":"1.0.0"},"C":{"resolved":"1.0.0"},"P":{"type":"Project"}},
            "net8.0":{"A":{"type":"Direct","resolved":"1.0.0"}}}}"#,
            &expect![[r#"
                nuget A 1.0.0 (direct)
                nuget B 1.0.0 (transitive)
                nuget C 1.0.0
            "#]],
        );
    }
}
