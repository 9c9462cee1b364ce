//! Node packages as they are installed: `package.json` at a package's root below a `node_modules`.
//!
//! An application's own `package.json` makes no package (see [`NodeApplication`]): it was not installed from the registry, and the name it gives
//! itself (`server`, `api`) may be another package's there. Nor are those deeper inside a package, which are tests,
//! templates and bundled parts. Yarn's zip archives are not read.
//!
//! Source: npm documentation, `package.json` and "folders"; pnpm, "Symlinked `node_modules` structure".

mod application;

use std::fmt;

use plimsoll_model::{Package, PackageKind};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::seam::{Catalog, Cataloger, Entry, ImageFile, ReadError};

pub(crate) use application::{NAMED_IN, NodeApplication};

/// Reads one package a file.
pub(crate) struct NodePackage;

const NAME: &str = "node-package";

/// Largest `package.json`, in bytes. The largest that are published are about 1 MiB.
const MAX_PACKAGE_JSON_BYTES: u64 = 8 << 20;

/// Licences kept of one package.
const MAX_LICENSES: usize = 20;

impl Cataloger for NodePackage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        match entry.path.strip_suffix("/package.json") {
            Some(folder) => is_package_root(folder) || is_unpacked_release(folder),
            None => false,
        }
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_PACKAGE_JSON_BYTES)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let found: PackageJson = serde_json::from_str(text).map_err(|error| {
            ReadError::malformed("the JSON object of a `package.json`", error.to_string())
        })?;
        let name = match &found.name {
            // It names nothing, as one that only sets the module type does: nothing is installed here.
            Value::Null => return Ok(()),
            Value::String(name) if !name.trim().is_empty() => name.trim(),
            other => return Err(ReadError::malformed("a name that is a text", excerpt(other))),
        };
        let folder = file.path.strip_suffix("/package.json").unwrap_or("");
        if !is_package_root(folder) && !is_release_of(folder, name, &found.version) {
            return Ok(());
        }
        match &found.version {
            Value::String(version) if !version.trim().is_empty() => {
                let mut package = Package::new(PackageKind::Npm, name, version.trim(), NAME);
                package.licenses = found.licenses();
                out.package(package);
            }
            Value::Null => out.gap("", format!("expected a version of `{name}`, found none")),
            other => {
                out.gap(
                    "",
                    format!("expected a version of `{name}` that is a text, found {}", excerpt(other)),
                );
            }
        }
        Ok(())
    }
}

/// Whether the folder is `…/node_modules/name` or `…/node_modules/@scope/name`.
fn is_package_root(folder: &str) -> bool {
    let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
    if name.is_empty() || name.starts_with(['.', '@']) {
        return false;
    }
    let (before, last) = above.rsplit_once('/').unwrap_or(("", above));
    last == "node_modules"
        || (last.starts_with('@') && (before == "node_modules" || before.ends_with("/node_modules")))
}

/// Whether the folder is named as an unpacked release is, `yarn-v1.22.19`: Node's own images have one.
fn is_unpacked_release(folder: &str) -> bool {
    release_version(folder.rsplit('/').next().unwrap_or(folder)).is_some()
}

/// `1.22.19` of `yarn-v1.22.19`, with the dash's place before it.
fn release_version(folder_name: &str) -> Option<(&str, &str)> {
    folder_name.match_indices('-').find_map(|(dash, _)| {
        let version = &folder_name[dash + 1..];
        let version = version.strip_prefix('v').unwrap_or(version);
        (dash > 0 && version.starts_with(|c: char| c.is_ascii_digit()))
            .then_some((&folder_name[..dash], version))
    })
}

/// Whether the folder bears exactly this name and version: then it was unpacked from what was published.
fn is_release_of(folder: &str, name: &str, version: &Value) -> bool {
    let folder_name = folder.rsplit('/').next().unwrap_or(folder);
    release_version(folder_name).is_some_and(|found| Some(found) == version.as_str().map(|text| (name, text)))
}

/// A wrong value as a reason quotes it.
fn excerpt(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => format!("`{}`", crate::seam::excerpt(other.to_string().as_bytes())),
    }
}

/// The fields that are used. Of a key that stands twice the last value counts, as for `JSON.parse`.
#[derive(Default)]
struct PackageJson {
    name: Value,
    version: Value,
    license: Value,
    licenses: Value,
}

impl PackageJson {
    /// A text, `{"type": "MIT"}`, or an array of either, under either key.
    fn licenses(&self) -> Vec<String> {
        let both = [&self.license, &self.licenses];
        let each = both.into_iter().flat_map(|value| match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        });
        let mut names: Vec<String> = Vec::new();
        for value in each {
            let name = value.as_str().or_else(|| value.get("type")?.as_str()).unwrap_or("").trim();
            if !name.is_empty() && names.len() < MAX_LICENSES && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

impl<'de> Deserialize<'de> for PackageJson {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = PackageJson;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PackageJson, A::Error> {
                let mut found = PackageJson::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "name" => found.name = map.next_value()?,
                        "version" => found.version = map.next_value()?,
                        "license" => found.license = map.next_value()?,
                        "licenses" => found.licenses = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(found)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(path: &str, text: &str, expect: &Expect) {
        let mut out = Catalog::default();
        let content = text.as_bytes().to_vec();
        let result = NodePackage.catalog(&ImageFile::new(path, &content), &mut out);
        expect.assert_eq(&crate::testing::lines(&out, result));
    }

    const PATH: &str = "app/node_modules/a/package.json";

    #[test]
    fn package_roots_are_wanted_and_nothing_below_them() {
        let wants = |path| NodePackage.wants(&Entry { path, size: None, executable: None });
        for path in [
            PATH,
            "node_modules/a/package.json",
            "usr/lib/node_modules/npm/package.json",
            "usr/local/lib/node_modules/npm/node_modules/@npmcli/arborist/package.json",
            "node_modules/@scope/a/package.json",
            "app/node_modules/.pnpm/foo@1.0.0/node_modules/foo/package.json",
            "app/node_modules/.pnpm/@s+foo@1.0.0/node_modules/@s/foo/package.json",
            "opt/yarn-v1.22.19/package.json",
        ] {
            assert!(wants(path), "{path}");
        }
        for path in [
            "package.json",
            "/package.json",
            "app/package.json",
            "node_modules/package.json",
            "node_modules/.bin/package.json",
            "node_modules/@scope/package.json",
            "node_modules/a/test/package.json",
            "node_modules/a/test/@b/c/package.json",
            "node_modules/a/package.json5",
            "my_node_modules/a/package.json",
            "my_node_modules/@s/a/package.json",
            "app/node_modules/.package-lock.json",
            "opt/my-app/package.json",
        ] {
            assert!(!wants(path), "{path}");
        }
    }

    #[test]
    fn an_installed_package_is_read() {
        check(
            "app/node_modules/@plimsoll/probe/package.json",
            include_str!("../testdata/node/scoped/package.json"),
            &expect![[r#"
                npm @plimsoll/probe 1.2.3 [Apache-2.0]
            "#]],
        );
        check(
            PATH,
            "\u{feff}{\"name\":\"a\",\"version\":\"v1.0.0\"}",
            &expect![[r#"
            npm a v1.0.0
        "#]],
        );
    }

    #[test]
    fn an_alias_is_the_package_that_it_holds() {
        check(
            "node_modules/old-a/package.json",
            r#"{"name":"a","version":"0.9.0"}"#,
            &expect![[r#"
            npm a 0.9.0
        "#]],
        );
    }

    #[test]
    fn licences_come_in_four_shapes() {
        let with = |field| format!(r#"{{"name":"a","version":"1",{field}}}"#);
        check(
            PATH,
            &with(r#""license":"MIT""#),
            &expect![[r#"
            npm a 1 [MIT]
        "#]],
        );
        check(
            PATH,
            &with(r#""license":{"type":"ISC","url":"u"}"#),
            &expect![[r#"
            npm a 1 [ISC]
        "#]],
        );
        check(
            PATH,
            &with(r#""licenses":[{"type":"MIT"},"BSD-3-Clause"],"license":"MIT""#),
            &expect![[r#"
            npm a 1 [MIT, BSD-3-Clause]
        "#]],
        );
        check(
            PATH,
            &with(r#""license":[1,null,{"type":2},[]]"#),
            &expect![[r#"
            npm a 1
        "#]],
        );
    }

    #[test]
    fn what_names_nothing_is_silent_and_what_lacks_a_version_is_a_gap() {
        check(PATH, r#"{"type":"module"}"#, &expect![[""]]);
        check(
            PATH,
            r#"{"name":"a"}"#,
            &expect![[r#"
            gap : expected a version of `a`, found none
        "#]],
        );
        check(
            PATH,
            r#"{"name":"a","version":{"x":1}}"#,
            &expect![[r#"
            gap : expected a version of `a` that is a text, found an object
        "#]],
        );
        check(
            PATH,
            r#"{"name":["a"],"version":"1"}"#,
            &expect![[r#"
            error: expected a name that is a text, found an array
        "#]],
        );
    }

    #[test]
    fn the_last_of_two_values_counts() {
        check(
            PATH,
            r#"{"name":"a","version":"1","license":"x","license":"y","version":"2"}"#,
            &expect![[r#"
            npm a 2 [y]
        "#]],
        );
    }

    #[test]
    fn an_unpacked_release_is_read_where_its_folder_bears_its_name_and_version() {
        let yarn = r#"{"name":"yarn","version":"1.22.19"}"#;
        check(
            "opt/yarn-v1.22.19/package.json",
            yarn,
            &expect![[r#"
            npm yarn 1.22.19
        "#]],
        );
        check(
            "opt/yarn-1.22.19/package.json",
            yarn,
            &expect![[r#"
            npm yarn 1.22.19
        "#]],
        );
        check("opt/yarn-v1.22.18/package.json", yarn, &expect![[""]]);
        check("srv/app-2/package.json", r#"{"name":"server","version":"2"}"#, &expect![[""]]);
    }

    #[test]
    fn damaged_json_is_an_error() {
        for text in ["", "[]", "null", r#"{"name":"a","version":"1""#, r#"{"name":"a"} x"#] {
            let mut out = Catalog::default();
            let content = text.as_bytes().to_vec();
            let result = NodePackage.catalog(&ImageFile::new(PATH, &content), &mut out);
            assert!(result.is_err(), "{text}");
            assert_eq!(out, Catalog::default());
        }
        check(
            PATH,
            &format!(r#"{{"x":{}"#, "[".repeat(100_000)),
            &expect![[r#"
            error: expected the JSON object of a `package.json`, found EOF while parsing a list at line 1 column 100005
        "#]],
        );
        check(
            PATH,
            &format!(r#"{{"name":{}"#, "[".repeat(100_000)),
            &expect![[r#"
            error: expected the JSON object of a `package.json`, found recursion limit exceeded at line 1 column 135
        "#]],
        );
    }
}
