//! `Cargo.lock`.
//!
//! Source: The Cargo Book, "Cargo.toml vs Cargo.lock"; Cargo 1.95, `core/resolver/encode.rs`.

use std::collections::HashSet;

use plimsoll_model::PackageKind;

use super::{Listing, is_own};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError};
use crate::tree::Tree;

/// Reads crates. Those without a source are the workspace's own or lie in a folder, the file does not say which:
/// they are listed without a version, like those of Git and of other registries.
pub(crate) struct CargoLock;

const NAME: &str = "cargo-lock";

/// How the file names crates.io, whatever mirror is used.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

impl Cataloger for CargoLock {
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
        is_own(entry, "Cargo.lock")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let lock = Tree::toml(file)?;
        // The first form had the workspace's own crate under `root`, and no version.
        if !lock.has("package") && !lock.has("version") && !lock.has("root") {
            return Err(ReadError::malformed("`[[package]]`", "none"));
        }
        let named = named_by_own(&lock);
        let mut listing = Listing::new(PackageKind::Cargo, NAME, out);
        for (index, package) in lock.get("package").items().iter().enumerate() {
            let name = package.get("name");
            let Some(name) = name.text() else {
                let found = name.describe();
                listing.gap(format!("package {}", index + 1), format!("expected a name, found {found}"));
                continue;
            };
            let source = package.get("source").text();
            let version = package.get("version").text();
            listing.direct = named.as_ref().filter(|_| source.is_some()).map(|named| {
                named.contains(&(name, None)) || (version.is_some() && named.contains(&(name, version)))
            });
            match source {
                Some(CRATES_IO) => listing.add_at(name, package.get("version")),
                _ => listing.add(name, ""),
            }
        }
        Ok(())
    }
}

/// What the crates without a source name: those of the workspace and of folders beside it, which are its author's too. A
/// version stands beside a name only where there are several. `None` where there is no such crate.
fn named_by_own(lock: &Tree) -> Option<HashSet<(&str, Option<&str>)>> {
    let packages = lock.get("package").items();
    let own = packages
        .iter()
        .chain([lock.get("root")])
        .filter(|package| package.has("name") && !package.has("source"));
    let mut own = own.peekable();
    own.peek()?;
    let dependencies = own.flat_map(|package| package.get("dependencies").items()).filter_map(Tree::text);
    let named = dependencies.filter_map(|dependency| {
        let mut words = dependency.split_whitespace();
        Some((words.next()?, words.next()))
    });
    Some(named.collect())
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing::{check, check_each, check_real, wanted};
    use expect_test::expect;

    #[test]
    fn a_workspaces_lock_is_read() {
        check_real(
            &CargoLock,
            "Cargo.lock",
            include_str!("../../testdata/lock/cargo/Cargo.lock"),
            &expect![[r#"
                cargo harbour 
                cargo itoa 1.0.9 (direct)
                cargo quay 
            "#]],
        );
    }

    #[test]
    fn only_crates_of_crates_io_have_a_version() {
        check(
            &CargoLock,
            "a/Cargo.lock",
            "version = 3\n\
             [[package]]\nname = 'a'\nversion = '1.0.0'\nsource = 'registry+https://github.com/rust-lang/crates.io-index'\n\
             [[package]]\nname = 'b'\nversion = '1.0.0'\nsource = 'git+https://host.example/b.git?tag=v1#0f'\n\
             [[package]]\nname = 'c'\nversion = '1.0.0'\nsource = 'sparse+https://registry.example/index/'\n\
             [[package]]\nversion = '1.0.0'\n\
             [[package]]\nname = 'd'\nsource = 'registry+https://github.com/rust-lang/crates.io-index'\n",
            &expect![[r#"
                cargo a 1.0.0
                cargo b 
                cargo c 
                gap package 4: expected a name, found none
                gap d: expected a version, found none
            "#]],
        );
    }

    #[test]
    fn what_is_no_lock_is_an_error() {
        check_each(
            &CargoLock,
            "Cargo.lock",
            &["", "[[package]]\nname = \"a", "hello"],
            &expect![[r#"
            -- 
            error: expected `[[package]]`, found none
            -- [[package]]\nname = \"a
            error: expected a TOML document, found TOML parse error at line 2, column 10: invalid basic string, expected `"`
            -- hello
            error: expected a TOML document, found TOML parse error at line 1, column 6: key with no value, expected `=`
        "#]],
        );
        check(&CargoLock, "Cargo.lock", "version = 4\n", &expect![[""]]);
    }

    #[test]
    fn locks_of_vendored_crates_are_not_read() {
        let paths = ["Cargo.lock", "tools/Cargo.lock", "vendor/a/Cargo.lock", "Cargo.toml"];
        assert_eq!(wanted(&CargoLock, &paths), ["Cargo.lock", "tools/Cargo.lock"]);
    }

    #[test]
    fn of_two_versions_the_one_that_is_named_is_direct() {
        let source = format!("source = \"{CRATES_IO}\"");
        let of = |name: &str, version: &str, rest: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{rest}\n")
        };
        let crates = of("rand", "0.7.0", &source)
            + &of("rand", "0.8.0", &source)
            + &of("libc", "0.2.0", &source)
            + &of("cfg", "1.0.0", "source = \"git+https://host.example/cfg#0f\"");
        let own = of("app", "0.1.0", "dependencies = [\"rand 0.8.0\", \"cfg\"]");
        check(
            &CargoLock,
            "Cargo.lock",
            &format!("version = 4\n{own}{crates}"),
            &expect![[r#"
            cargo app 
            cargo rand 0.7.0 (transitive)
            cargo rand 0.8.0 (direct)
            cargo libc 0.2.0 (transitive)
            cargo cfg  (direct)
        "#]],
        );
        // No crate of the workspace: nothing is known. The first form had it under `root`.
        check(
            &CargoLock,
            "Cargo.lock",
            &format!("version = 4\n{crates}"),
            &expect![[r#"
            cargo rand 0.7.0
            cargo rand 0.8.0
            cargo libc 0.2.0
            cargo cfg 
        "#]],
        );
        let root = format!("[root]\nname = \"app\"\ndependencies = [\"libc 0.2.0 ({CRATES_IO})\"]\n");
        check(
            &CargoLock,
            "Cargo.lock",
            &format!("{root}{crates}"),
            &expect![[r#"
            cargo rand 0.7.0 (transitive)
            cargo rand 0.8.0 (transitive)
            cargo libc 0.2.0 (direct)
            cargo cfg  (transitive)
        "#]],
        );
    }
}
