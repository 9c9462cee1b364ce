//! .NET packages of a published application or a shared framework: the `*.deps.json` beside its assemblies.
//!
//! Source: .NET documentation, "Runtime configuration files" (`runtime-configuration-file.md` of dotnet/sdk).

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Package, PackageKind};

use crate::seam::{Catalog, Cataloger, Entry, ImageFile, ReadError, excerpt};
use crate::tree::Tree;

/// Reads `libraries` that bring files to run. Projects and single assemblies have no name in the registry and are left
/// out, and so are packages that only the compiler used.
pub(crate) struct DotNetDeps;

const NAME: &str = "dotnet-deps";

/// What the SDK puts before the name of a runtime that an application brings along.
const RUNTIME_PACK: &str = "runtimepack.";

/// The parts of a target that name files.
const FILES: &[&str] = &["runtime", "runtimeTargets", "native", "resources"];

impl Cataloger for DotNetDeps {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        2
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        entry.file_name().strip_suffix(".deps.json").is_some_and(|stem| !stem.is_empty())
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let deps = Tree::json(file)?;
        let Tree::Table(libraries) = deps.get("libraries") else {
            let found = deps.get("libraries").describe();
            return Err(ReadError::malformed("an object `libraries`", found));
        };
        let target = deps.get("runtimeTarget").get("name").text().unwrap_or("");
        let files: BTreeMap<&str, &Tree> = deps
            .get("targets")
            .get(target)
            .entries()
            .iter()
            .map(|(key, value)| (key.as_str(), value))
            .collect();
        let named = named_by_projects(libraries, &files);
        let mut listed = BTreeSet::new();
        for (key, library) in libraries {
            let is_package = matches!(library.get("type").text(), Some("package" | "runtimepack"));
            // What the target does not name may still be there.
            let has_files = files
                .get(key.as_str())
                .is_none_or(|library| FILES.iter().any(|part| !library.get(part).entries().is_empty()));
            if !is_package || !has_files || !listed.insert(key) {
                continue;
            }
            let name_and_version = key.strip_prefix(RUNTIME_PACK).unwrap_or(key).split_once('/');
            if let Some((name, version)) =
                name_and_version.filter(|(name, version)| !name.is_empty() && !version.is_empty())
            {
                let mut package = Package::new(PackageKind::NuGet, name, version, NAME);
                let name = key.split('/').next().unwrap_or(key).to_ascii_lowercase();
                package.direct = named.as_ref().map(|named| named.contains(&name));
                out.package(package);
            } else {
                let found = excerpt(key.as_bytes());
                out.gap("libraries", format!("expected `name/version`, found `{found}`"));
            }
        }
        Ok(())
    }
}

/// Names of what the projects among the libraries depend on, in lower case; `None` where the target has no project, as
/// in a shared framework.
fn named_by_projects(
    libraries: &[(String, Tree)],
    target: &BTreeMap<&str, &Tree>,
) -> Option<BTreeSet<String>> {
    let mut projects = libraries
        .iter()
        .filter(|(_, library)| library.get("type").text() == Some("project"))
        .filter_map(|(key, _)| target.get(key.as_str()))
        .peekable();
    projects.peek()?;
    let dependencies = projects.flat_map(|project| project.get("dependencies").entries());
    Some(dependencies.map(|(name, _)| name.to_ascii_lowercase()).collect())
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing::{check, check_each, check_real};
    use expect_test::expect;

    #[test]
    fn an_application_that_brings_its_runtime_is_read() {
        check_real(
            &DotNetDeps,
            "app/Harbour.deps.json",
            include_str!("../testdata/dotnet/Harbour.deps.json"),
            &expect![[r#"
                nuget Microsoft.NETCore.App.Runtime.linux-x64 8.0.1 (direct)
                nuget Newtonsoft.Json 12.0.1 (direct)
                nuget SQLitePCLRaw.lib.e_sqlite3 2.1.2 (transitive)
            "#]],
        );
    }

    #[test]
    fn without_a_target_every_package_counts() {
        check(
            &DotNetDeps,
            "a.deps.json",
            r#"{"libraries":{"A/1.0.0":{"type":"package"},"B/1.0.0":{"type":"project"},"C":{"type":"package"},
               "/1":{"type":"package"},"A/1.0.0":{"type":"package"},"D/1.0.0":3}}"#,
            &expect![[r#"
                nuget A 1.0.0
                gap libraries: expected `name/version`, found `C`
                gap libraries: expected `name/version`, found `/1`
            "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check_each(
            &DotNetDeps,
            "a.deps.json",
            &["", "{}", "[]", r#"{"libraries":{"A/1.0"#],
            &expect![[r#"
            -- 
            error: expected a JSON document, found EOF while parsing a value at line 1 column 0
            -- {}
            error: expected an object `libraries`, found none
            -- []
            error: expected an object `libraries`, found none
            -- {\"libraries\":{\"A/1.0
            error: expected a JSON document, found EOF while parsing a string at line 1 column 20
        "#]],
        );
    }

    #[test]
    fn what_a_project_depends_on_is_direct() {
        check(
            &DotNetDeps,
            "a.deps.json",
            r#"{"runtimeTarget":{"name":"net8"},"targets":{"net8":{"app/1.0.0":{"dependencies":{"A":"1.0.0","lib":"1.0.0"}},
               "lib/1.0.0":{"dependencies":{"b":"1.0.0"}},"A/1.0.0":{"dependencies":{"C":"1.0.0"},"runtime":{"a.dll":{}}},
               "B/1.0.0":{"runtime":{"b.dll":{}}},"C/1.0.0":{"runtime":{"c.dll":{}}}}},
               "libraries":{"app/1.0.0":{"type":"project"},"lib/1.0.0":{"type":"project"},"A/1.0.0":{"type":"package"},
               "B/1.0.0":{"type":"package"},"C/1.0.0":{"type":"package"}}}"#,
            &expect![[r#"
                nuget A 1.0.0 (direct)
                nuget B 1.0.0 (direct)
                nuget C 1.0.0 (transitive)
            "#]],
        );
    }
}
